package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/sdkws"

	"parley/imtest"
	"parley/internal/im"
	"parley/internal/wire"
)

// simPull is the number asked of each range: the SDK asks for 1 and reads older
// messages when they are scrolled to, but then there is no set to compare.
const simPull = 1000

// simMsg is what the simulated SDK keeps of a message.
type simMsg struct {
	ContentType         int32
	SendID, ClientMsgID string
	IsRead              bool // kept of own messages in single chats only
}

// simLink is one connection of a simulated SDK.
type simLink struct {
	*imtest.Client
	off atomic.Bool // the simulation closed it, so a request may fail
}

// sim is a simulated SDK: one user's device with its local copy, by the rules of
// sdk-sync.md. The copy belongs to one goroutine, run, which works off tasks in
// order as the SDK's event thread does; everybody else goes through do.
type sim struct {
	id, token string
	s         *imtest.Server
	tasks     chan func()
	done      chan struct{}

	failed sync.Mutex
	errs   []error

	// Of the driver of the history.
	link *simLink // nil: offline

	// Of run.
	cur       *simLink
	installed bool
	synced    map[string]int64
	msgs      map[string]map[int64]simMsg
	reads     map[string]im.ReadState
	friends   list[im.Friend]
	joined    list[im.Group]
	convs     list[im.Conversation]
	members   map[string]*list[im.Member]
	blacks    map[string]im.Black
	marks     map[string]chan struct{}
}

func newSim(s *imtest.Server, id, token string) *sim {
	c := &sim{
		id: id, token: token, s: s, tasks: make(chan func(), 4096), done: make(chan struct{}),
		synced: map[string]int64{}, msgs: map[string]map[int64]simMsg{}, reads: map[string]im.ReadState{},
		friends: newList(friendKey), joined: newList(groupKey), convs: newList(conversationKey),
		members: map[string]*list[im.Member]{}, blacks: map[string]im.Black{}, marks: map[string]chan struct{}{},
	}
	go func() {
		defer close(c.done)
		for f := range c.tasks {
			f()
		}
	}()
	return c
}

// end closes the connection and waits for run.
func (c *sim) end() {
	c.goOffline()
	close(c.tasks)
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
	c.tasks <- func() { defer close(ran); f() }
	<-ran
}

func (c *sim) post(path string, in, out any) error { return c.s.Post(c.token, path, in, out) }

// goOnline connects and synchronises. listsFirst decides between the SDK's two
// parallel threads (sdk-sync.md 2): which is first must not matter.
func (c *sim) goOnline(listsFirst bool) error {
	if c.link != nil {
		return nil
	}
	l := new(simLink)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := imtest.Dial(ctx, c.s.WS, c.id, imtest.DialOptions{Token: c.token, Pushed: func(m *sdkws.MsgData, notice bool) {
		c.tasks <- func() { c.pushed(m, notice) }
	}})
	if err != nil {
		return err
	}
	l.Client = conn
	c.link = l
	c.tasks <- func() {
		c.cur = l
		first := !c.installed
		if listsFirst || first {
			c.syncData()
			c.syncMessages(first)
		} else {
			c.syncMessages(first)
			c.syncData()
		}
		c.installed = true
	}
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
	case <-time.After(10 * time.Second):
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
	if err := c.cur.Request(wire.ReqReadAndMaxSeq, &msg.GetConversationsHasReadAndMaxSeqReq{UserID: c.id}, &resp); err != nil {
		c.fail("1006", err)
		return
	}
	clear(c.reads)
	for id, s := range resp.Seqs {
		c.reads[id] = im.ReadState{MaxSeq: s.MaxSeq, HasReadSeq: s.HasReadSeq, MaxSeqTime: s.MaxSeqTime}
	}
}

// syncMessages is the message sync at connect (sdk-sync.md 2 and 5).
func (c *sim) syncMessages(first bool) {
	var resp sdkws.GetMaxSeqResp
	if err := c.cur.Request(wire.ReqNewestSeq, &sdkws.GetMaxSeqReq{UserID: c.id}, &resp); err != nil {
		c.fail("1001", err)
		return
	}
	var ranges []*sdkws.SeqRange
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
	if len(ranges) > 0 {
		c.pull(ranges)
	}
}

// pull fetches ranges. What was asked counts as synchronised whatever is answered.
func (c *sim) pull(ranges []*sdkws.SeqRange) {
	var resp sdkws.PullMessageBySeqsResp
	if err := c.cur.Request(wire.ReqPullByRange, &sdkws.PullMessageBySeqsReq{UserID: c.id, SeqRanges: ranges}, &resp); err != nil {
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
		c.synced[r.ConversationID] = max(c.synced[r.ConversationID], r.End)
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
		if c.cur == nil { // pushed before the first sync began, which will bring it
			return
		}
		c.pull([]*sdkws.SeqRange{{ConversationID: id, Begin: synced + 1, End: m.Seq, Num: simPull}})
		return
	case m.Seq != 0:
		c.synced[id] = m.Seq
	}
	if notice {
		c.notified(m)
	} else {
		c.keep(id, m)
	}
}

// keep stores a message of a chat.
func (c *sim) keep(id string, m *sdkws.MsgData) {
	if c.msgs[id] == nil {
		c.msgs[id] = map[int64]simMsg{}
	}
	c.msgs[id][m.Seq] = simMsgOf(c.id, m.SessionType, m.ContentType, m.SendID, m.ClientMsgID, m.IsRead)
	if seen := c.marks[m.ClientMsgID]; seen != nil {
		delete(c.marks, m.ClientMsgID)
		close(seen)
	}
}

// simMsgOf drops the read flag where clients do not learn of it by notifications.
func simMsgOf(self string, session, contentType int32, sendID, clientMsgID string, isRead bool) simMsg {
	own := sendID == self && im.SessionType(session) == im.SessionSingle && contentType == im.ContentText
	return simMsg{contentType, sendID, clientMsgID, isRead && own}
}

// simTips is all that the simulation reads of a notification's detail.
type simTips struct {
	groupTips
	FromToUserID     *struct{ FromUserID, ToUserID string }
	UserID           string
	ConversationID   string
	Seq, HasReadSeq  int64
	Seqs             []int64
	MarkAsReadUserID string
}

// notified handles a notification (sdk-sync.md 7.2).
func (c *sim) notified(m *sdkws.MsgData) {
	var content struct{ Detail string }
	var t simTips
	if err := errors.Join(json.Unmarshal(m.Content, &content), json.Unmarshal([]byte(content.Detail), &t)); err != nil {
		c.fail("content", fmt.Errorf("%d: %q: %w", m.ContentType, m.Content, err))
		return
	}
	from, to := "", ""
	if t.FromToUserID != nil {
		from, to = t.FromToUserID.FromUserID, t.FromToUserID.ToUserID
	}
	switch m.ContentType {
	case im.ContentFriendApproved:
		c.syncFriends()
	case im.ContentFriendDeleted, im.ContentFriendRemark:
		if from == c.id {
			c.syncFriends()
		}
	case im.ContentBlackAdded, im.ContentBlackDeleted:
		if from == c.id {
			c.syncBlacks()
		}
	case im.ContentFriendInfoUpdated:
		if t.UserID != c.id {
			c.syncFriends()
		}
	case im.ContentFriendsUpdated:
		if to == c.id {
			c.syncFriends()
		}
	case im.ContentConversationChanged, im.ContentPrivateChat:
		c.syncConversations()
	case im.ContentRevoked:
		c.revoked(t.ConversationID, t.Seq)
	case im.ContentReadReceipt:
		c.receipt(&t)
	default:
		if m.ContentType >= im.ContentGroupCreated && m.ContentType < 1600 {
			c.groupChanged(m.ContentType, &t.groupTips)
		}
	}
}

// revoked rewrites a message, if it is there (it comes revoked by the pull if not).
func (c *sim) revoked(id string, seq int64) {
	if old, ok := c.msgs[id][seq]; ok {
		old.ContentType, old.IsRead = im.ContentRevoked, false
		c.msgs[id][seq] = old
	}
}

// receipt marks own messages that the peer has read.
func (c *sim) receipt(t *simTips) {
	if t.MarkAsReadUserID == c.id {
		return
	}
	for _, seq := range t.Seqs {
		old, ok := c.msgs[t.ConversationID][seq]
		if ok && old.SendID == c.id && old.ContentType == im.ContentText {
			old.IsRead = true
			c.msgs[t.ConversationID][seq] = old
		}
	}
}
