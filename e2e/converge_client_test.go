package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/sdkws"
	"google.golang.org/protobuf/proto"

	"parley/imtest"
	"parley/internal/im"
	"parley/internal/wire"
)

// simPull is the number asked of each range: the SDK asks for 1 and reads older
// messages when they are scrolled to, but then there is no set to compare.
const simPull = 1000

// simMsg is what the simulated SDK keeps of a message: nothing of a deleted one.
type simMsg struct {
	ContentType         int32
	SendID, ClientMsgID string
	IsRead              bool // kept of own messages in single chats only
	Deleted             bool
}

// simLink is one connection of a simulated SDK.
type simLink struct {
	*imtest.Client
	off atomic.Bool // the simulation closed it, so a request may fail
}

// sim is a simulated SDK: one of a user's devices with its local copy, by the rules
// of sdk-sync.md. The copy belongs to one goroutine, run, which works off tasks in
// order as the SDK's event thread does; everybody else goes through do.
type sim struct {
	id, token string
	platform  im.Platform
	s         *imtest.Server
	slow      bool // pauses before requests, so that rare orders become common
	tasks     *mailbox
	done      chan struct{}

	failed sync.Mutex
	errs   []error

	// Of the driver of the history.
	link   *simLink // nil: offline
	online int      // the step at which it last came online

	// Of run.
	cur       *simLink
	installed bool
	synced    map[string]int64
	msgs      map[string]map[int64]simMsg
	reads     map[string]im.ReadState
	cleared   map[string]map[int64]bool // messages that a clear took away
	missed    map[string][]int64        // messages that were on their way when the client cleared the chat
	friends   list[im.Friend]
	joined    list[im.Group]
	convs     list[im.Conversation]
	members   map[string]*list[im.Member]
	blacks    map[string]im.Black
	marks     map[string]chan struct{}
}

// mailbox is the queue of a simulated SDK's tasks. It has no limit: a reader that waits
// for a place would keep the answers back that run waits for.
type mailbox struct {
	mu    sync.Mutex
	more  *sync.Cond
	tasks []func()
}

func newMailbox() *mailbox {
	m := new(mailbox)
	m.more = sync.NewCond(&m.mu)
	return m
}

func (m *mailbox) put(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tasks = append(m.tasks, f)
	m.more.Signal()
}

// take waits for a task.
func (m *mailbox) take() func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.tasks) == 0 {
		m.more.Wait()
	}
	f := m.tasks[0]
	m.tasks = m.tasks[1:]
	return f
}

func newSim(s *imtest.Server, id, token string, p im.Platform) *sim {
	c := &sim{
		id: id, token: token, platform: p, s: s, tasks: newMailbox(), done: make(chan struct{}),
		synced: map[string]int64{}, msgs: map[string]map[int64]simMsg{}, reads: map[string]im.ReadState{}, cleared: map[string]map[int64]bool{}, missed: map[string][]int64{},
		friends: newList(friendKey), joined: newList(groupKey), convs: newList(conversationKey),
		members: map[string]*list[im.Member]{}, blacks: map[string]im.Black{}, marks: map[string]chan struct{}{},
	}
	c.convs.keepRows = true
	go func() {
		defer close(c.done)
		for f := c.tasks.take(); f != nil; f = c.tasks.take() {
			f()
		}
	}()
	return c
}

// end closes the connection and waits for run.
func (c *sim) end() {
	c.goOffline()
	c.tasks.put(nil)
	<-c.done
}

// fail notes what went wrong, except what a closed connection brings.
func (c *sim) fail(what string, err error) {
	if err == nil || errors.Is(err, imtest.ErrEnded) && c.cur != nil && c.cur.off.Load() || refusal(err) {
		return
	}
	c.failed.Lock()
	defer c.failed.Unlock()
	c.errs = append(c.errs, fmt.Errorf("%s: %s: %w", c.id, what, err))
}

func (c *sim) err() error {
	c.failed.Lock()
	defer c.failed.Unlock()
	return errors.Join(c.errs...)
}

// refusal reports whether an error is an answer to something a user may not do
// (any more): a history does such things. 500 and the token codes are not.
func refusal(err error) bool {
	var e *imtest.Error
	return errors.As(err, &e) && e.Code > 1000 && e.Code < 1500
}

// do runs f in the goroutine that owns the copy, after all tasks before it.
func (c *sim) do(f func()) {
	ran := make(chan struct{})
	c.tasks.put(func() { defer close(ran); f() })
	<-ran
}

func (c *sim) post(path string, in, out any) error {
	c.pause()
	return c.s.Post(c.token, path, in, out)
}

// request is a request of run over the connection.
func (c *sim) request(id wire.ReqIdentifier, req, resp proto.Message) error {
	c.pause()
	return c.cur.Request(id, req, resp)
}

// pause waits a little now and then.
func (c *sim) pause() {
	if c.slow && rand.IntN(4) == 0 {
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
	}
}

// goOnline connects at a step of the history and synchronises. listsFirst decides
// between the SDK's two parallel threads (sdk-sync.md 2): which is first must not matter.
func (c *sim) goOnline(listsFirst bool, step int) error {
	if c.link != nil {
		return nil
	}
	c.online = step
	l := new(simLink)
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	// The SDK's thread handles the connect before what is pushed on the connection.
	first := make(chan struct{})
	conn, err := imtest.Dial(ctx, c.s.WS, c.id, imtest.DialOptions{Token: c.token, Platform: c.platform, Pushed: func(m *sdkws.MsgData, notice bool) {
		<-first
		c.tasks.put(func() { c.pushed(m, notice) })
	}})
	if err != nil {
		return err
	}
	defer close(first)
	l.Client = conn
	go conn.KeepAlive()
	c.link = l
	c.tasks.put(func() {
		c.cur = l
		switch {
		case !c.installed:
			// A new installation counts notifications as synchronised without having them
			// (sdk-sync.md 5), so what it reads before that may be old until its next sync.
			ranges := c.missing(true)
			c.syncData()
			c.pull(ranges)
		case listsFirst:
			c.syncData()
			c.pull(c.missing(false))
		default:
			c.pull(c.missing(false))
			c.syncData()
		}
		c.installed = true
	})
	return nil
}

func (c *sim) goOffline() {
	if c.link != nil {
		c.link.off.Store(true)
		c.link.Close()
		c.link = nil
	}
}

// barrier returns when a message of the client to itself has come back and been
// handled, and with it what was pushed before on the same path.
func (c *sim) barrier() error {
	m := c.link.Text(c.id, "", "marker")
	seen := make(chan struct{})
	c.do(func() { c.marks[m.ClientMsgID] = seen })
	if _, err := c.link.Send(m); err != nil {
		return err
	}
	select {
	case <-seen:
		return nil
	case <-c.link.Ended():
		return fmt.Errorf("%s: the server closed the connection", c.id)
	case <-time.After(*patience):
		return fmt.Errorf("%s: a message to itself was never pushed", c.id)
	}
}

// syncData is the data sync at connect (sdk-sync.md 4).
func (c *sim) syncData() {
	c.syncReads()
	c.syncBlacks()
	c.syncJoined()
	c.syncMembers(c.joined.ids...)
	c.syncFriends()
	c.syncConversations()
}

func (c *sim) syncReads() {
	var resp msg.GetConversationsHasReadAndMaxSeqResp
	if err := c.request(wire.ReqReadAndMaxSeq, &msg.GetConversationsHasReadAndMaxSeqReq{UserID: c.id}, &resp); err != nil {
		c.fail("1006", err)
		return
	}
	clear(c.reads)
	for id, s := range resp.Seqs {
		c.reads[id] = im.ReadState{MaxSeq: s.MaxSeq, HasReadSeq: s.HasReadSeq, MaxSeqTime: s.MaxSeqTime}
	}
}

// missing returns what the message sync at connect pulls (sdk-sync.md 2 and 5).
func (c *sim) missing(first bool) (ranges []*sdkws.SeqRange) {
	var resp sdkws.GetMaxSeqResp
	if err := c.request(wire.ReqNewestSeq, &sdkws.GetMaxSeqReq{UserID: c.id}, &resp); err != nil {
		c.fail("1001", err)
		return nil
	}
	for id, last := range resp.MaxSeqs {
		synced, known := c.synced[id]
		switch {
		case last == 0:
			c.fail("1001", fmt.Errorf("%s is empty and still named", id))
		case first && im.IsNotificationID(id):
			c.synced[id] = last
		case last > synced:
			begin := int64(0)
			if known {
				begin = synced + 1
			}
			ranges = append(ranges, &sdkws.SeqRange{ConversationID: id, Begin: begin, End: last, Num: simPull})
		}
	}
	return ranges
}

// pull fetches ranges. What was asked counts as synchronised whatever is answered.
func (c *sim) pull(ranges []*sdkws.SeqRange) {
	if len(ranges) == 0 {
		return
	}
	var resp sdkws.PullMessageBySeqsResp
	if err := c.request(wire.ReqPullByRange, &sdkws.PullMessageBySeqsReq{UserID: c.id, SeqRanges: ranges}, &resp); err != nil {
		c.fail("1002", err)
		return
	}
	for id, list := range resp.Msgs {
		for _, m := range list.Msgs {
			c.keep(id, m)
		}
	}
	for id, list := range resp.NotificationMsgs {
		last := int64(0)
		for _, m := range list.Msgs {
			if m.Seq <= last {
				c.fail("1002", fmt.Errorf("%s: %d comes after %d", id, m.Seq, last))
			}
			last = m.Seq
			c.notified(m)
		}
	}
	for _, r := range ranges {
		c.sync(r.ConversationID, r.End)
	}
}

// sync notes that a conversation is synchronised up to a number.
func (c *sim) sync(id string, seq int64) {
	c.synced[id] = max(c.synced[id], seq)
	if !im.IsNotificationID(id) {
		st := c.reads[id]
		st.MaxSeq = max(st.MaxSeq, seq)
		c.reads[id] = st
	}
}

// conversationOf returns the conversation a pushed message belongs to.
func conversationOf(m *sdkws.MsgData, notice bool) string {
	id := im.SingleConversationID(m.SendID, m.RecvID)
	if im.SessionType(m.SessionType) == im.SessionGroup {
		id = im.GroupConversationID(m.GroupID)
	}
	if notice {
		return im.NotificationID(id)
	}
	return id
}

// pushed handles one pushed message (sdk-sync.md 3).
func (c *sim) pushed(m *sdkws.MsgData, notice bool) {
	id := conversationOf(m, notice)
	synced := c.synced[id]
	switch {
	case m.Seq != 0 && m.Seq <= synced:
		return
	case m.Seq > synced+1:
		c.pull([]*sdkws.SeqRange{{ConversationID: id, Begin: synced + 1, End: m.Seq, Num: simPull}})
		return
	case m.Seq != 0:
		c.sync(id, m.Seq)
	}
	if notice {
		c.notified(m)
	} else {
		c.keep(id, m)
	}
}

// keep stores a message of a chat. The SDK makes the conversation of a message
// itself (messages.md 8.1), and the position follows what it holds: own messages
// are read (messages.md 3).
func (c *sim) keep(id string, m *sdkws.MsgData) {
	if c.msgs[id] == nil {
		c.msgs[id] = map[int64]simMsg{}
	}
	c.msgs[id][m.Seq] = simMsgOf(c.id, m.SessionType, m.ContentType, m.Status, m.SendID, m.ClientMsgID, m.IsRead)
	if _, known := c.convs.rows[id]; !known && m.SessionType != 0 { // placeholders name no chat
		c.madeBy(id, m)
	}
	if m.SendID == c.id {
		c.raise(id, m.Seq)
	}
	if seen := c.marks[m.ClientMsgID]; seen != nil {
		delete(c.marks, m.ClientMsgID)
		close(seen)
	}
}

// madeBy makes the conversation of a message. Its name is that of the group, which
// the SDK fetches if it is not joined, and keeps (sdk-sync.md 4).
func (c *sim) madeBy(id string, m *sdkws.MsgData) {
	row := im.Conversation{OwnerUserID: c.id, ConversationID: id, ConversationType: im.SessionType(m.SessionType), GroupID: m.GroupID}
	if m.GroupID == "" {
		row.UserID = m.RecvID
		if m.RecvID == c.id {
			row.UserID = m.SendID
		}
	}
	c.convs.rows[id] = row
	if _, joined := c.joined.rows[m.GroupID]; m.GroupID == "" || joined {
		return
	}
	var r struct{ GroupInfos []im.Group }
	err := c.post("/group/get_groups_info", imtest.H{"groupIDs": []string{m.GroupID}}, &r)
	c.fail("groups", err)
	for _, g := range r.GroupInfos {
		c.joined.rows[g.GroupID] = g
	}
}

// simMsgOf drops the read flag where clients do not learn of it by notifications.
func simMsgOf(self string, session, contentType, status int32, sendID, clientMsgID string, isRead bool) simMsg {
	if status == im.StatusDeleted {
		return simMsg{Deleted: true}
	}
	own := sendID == self && im.SessionType(session) == im.SessionSingle && contentType == im.ContentText
	return simMsg{ContentType: contentType, SendID: sendID, ClientMsgID: clientMsgID, IsRead: isRead && own}
}
