package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/sdkws"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/store/storetest"
	"parley/internal/wire"
)

// inbox collects what a client is pushed.
type inbox struct{ ch chan pushed }

type pushed struct {
	m      *sdkws.MsgData
	notice bool
}

// next returns the next push that match accepts; the others before it are skipped.
func (b inbox) next(t *testing.T, what string, match func(pushed) bool) *sdkws.MsgData {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case p := <-b.ch:
			if match(p) {
				return p.m
			}
		case <-deadline:
			t.Fatalf("never pushed: %s", what)
		}
	}
}

func text(clientMsgID string) func(pushed) bool {
	return func(p pushed) bool { return !p.notice && p.m.ClientMsgID == clientMsgID }
}

func notice(contentType int32) func(pushed) bool {
	return func(p pushed) bool { return p.notice && p.m.ContentType == contentType }
}

// user is a logged-in user.
type user struct {
	*imtest.Client
	inbox
	token string
}

func login(t *testing.T, s *imtest.Server, id string, o imtest.DialOptions) user {
	t.Helper()
	if o.Platform == 0 {
		o.Platform = im.PlatformAndroid
	}
	token, err := s.UserToken(id, o.Platform)
	if err != nil {
		t.Fatal(err)
	}
	b := inbox{make(chan pushed, 1000)}
	o.Token, o.Pushed = token, func(m *sdkws.MsgData, n bool) { b.ch <- pushed{m, n} }
	c, err := imtest.Dial(context.Background(), s.WS, id, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return user{c, b, token}
}

// onEngines runs a test against a server on the embedded store and on PostgreSQL.
func onEngines(t *testing.T, test func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks)) {
	for name, storeURL := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { return storetest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := storeURL(t)
			hooks := imtest.ReceiveHooks(t)
			test(t, imtest.Start(t, func(c *config.Config) {
				c.Store.URL, c.Webhooks.URL = url, hooks.URL
				if err := c.Webhooks.TurnOn("all"); err != nil {
					t.Fatal(err)
				}
			}), hooks)
		})
	}
}

func register(t *testing.T, s *imtest.Server, ids ...string) {
	t.Helper()
	if err := s.Register(ids...); err != nil {
		t.Fatal(err)
	}
}

// hook waits for a callback of a command whose body has key = value.
func hook(t *testing.T, h *imtest.Hooks, command, key string, value any) imtest.Hook {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		list, changed := h.All()
		for _, k := range list {
			if k.Command == command && k.Body[key] == value {
				return k
			}
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no %s with %s %v", command, key, value)
		}
	}
}

func TestSingleChat(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		register(t, s, "ann", "bob")
		for name, o := range map[string][2]imtest.DialOptions{
			"gob": {{}, {}}, "gob+gzip": {{Gzip: true}, {Gzip: true}}, "js": {{SDKType: "js"}, {SDKType: "js", Gzip: true}},
		} {
			t.Run(name, func(t *testing.T) {
				ann, bob := login(t, s, "ann", o[0]), login(t, s, "bob", o[1])
				m := ann.Text("bob", "", "hello "+name)
				ack, err := ann.Send(m)
				if err != nil {
					t.Fatal(err)
				}
				got := bob.next(t, "the message", text(m.ClientMsgID))
				own := ann.next(t, "the sender's own copy", text(m.ClientMsgID))
				if got.Seq == 0 || own.Seq != got.Seq || got.Status != im.StatusSent || got.ServerMsgID != ack.ServerMsgID ||
					got.SendTime != ack.SendTime || string(got.Content) != string(m.Content) || got.SendID != "ann" {
					t.Errorf("ack %v, receiver %v, sender %v", ack, got, own)
				}
				// Sent again, as an SDK does that has not seen the answer.
				again, err := ann.Send(m)
				if err != nil || again.ServerMsgID != ack.ServerMsgID || again.SendTime != ack.SendTime {
					t.Errorf("second answer %v, %v; the first was %v", again, err, ack)
				}
				k := hook(t, hooks, "callbackAfterSendSingleMsgCommand", "clientMsgID", m.ClientMsgID)
				if k.Body["seq"] != float64(got.Seq) || k.Body["recvID"] != "bob" || k.Header.Get("webhook-id") == "" {
					t.Errorf("callback %s", k.Raw)
				}
			})
		}
		for _, owner := range []string{"ann", "bob"} {
			hook(t, hooks, "callbackAfterCreateSingleChatConversationsCommand", "ownerUserId", owner)
		}
	})
}

func TestReadReceipt(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		register(t, s, "ann", "bob")
		ann, bob := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{})
		for i := range 3 {
			if _, err := ann.Send(ann.Text("bob", "", fmt.Sprint("m", i))); err != nil {
				t.Fatal(err)
			}
		}
		err := s.Post(bob.token, "/msg/mark_conversation_as_read", imtest.H{"userID": "bob", "conversationID": "si_ann_bob", "hasReadSeq": 99, "seqs": nil}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range []user{ann, bob} {
			n := u.next(t, "read receipt", notice(im.ContentReadReceipt))
			var content struct{ Detail string }
			var tips struct {
				MarkAsReadUserID, ConversationID string
				Seqs                             []int64
				HasReadSeq                       int64
			}
			if json.Unmarshal(n.Content, &content) != nil || json.Unmarshal([]byte(content.Detail), &tips) != nil ||
				n.Seq != 1 || tips.MarkAsReadUserID != "bob" || tips.HasReadSeq != 3 || !slices.Equal(tips.Seqs, []int64{1, 2, 3}) {
				t.Errorf("receipt %d %s", n.Seq, n.Content)
			}
		}
		k := hook(t, hooks, "callbackAfterSingleMsgReadCommand", "userID", "bob")
		if fmt.Sprint(k.Body["seqs"]) != "[1 2 3]" || fmt.Sprint(k.Body["Seqs"]) != "[1 2 3]" || k.Body["contentType"] != float64(101) {
			t.Errorf("callback %s", k.Raw)
		}
		var pulled msg.GetSeqMessageResp
		req := &msg.GetSeqMessageReq{UserID: "ann", Conversations: []*msg.ConversationSeqs{{ConversationID: "si_ann_bob", Seqs: []int64{1, 2, 3, 4}}}}
		if err := ann.Request(wire.ReqPullBySeqs, req, &pulled); err != nil {
			t.Fatal(err)
		}
		list := pulled.Msgs["si_ann_bob"]
		if len(list.GetMsgs()) != 3 || !list.IsEnd || list.EndSeq != 3 {
			t.Fatalf("pulled %v", list)
		}
		for _, m := range list.Msgs {
			if !m.IsRead {
				t.Errorf("%d is not marked as read", m.Seq)
			}
		}
	})
}

// A client that marks single messages as read lowers its unread count when it has its
// answer. The receipt would lower it again if it came before, so it goes to everybody
// else, the peer on the same kind of phone included, and to that client later.
func TestReceiptDoesNotOvertakeItsAnswer(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, _ *imtest.Hooks) {
		register(t, s, "ann", "bob")
		ann, bob := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{})
		tablet := login(t, s, "bob", imtest.DialOptions{Platform: im.PlatformIPad})
		for i := range 3 {
			if _, err := ann.Send(ann.Text("bob", "", fmt.Sprint("m", i))); err != nil {
				t.Fatal(err)
			}
		}
		one := imtest.H{"userID": "bob", "conversationID": "si_ann_bob", "seqs": []int64{1}}
		if err := s.Post(bob.token, "/msg/mark_msgs_as_read", one, nil); err != nil {
			t.Fatal(err)
		}
		for _, u := range []user{ann, tablet} {
			if n := u.next(t, "read receipt", notice(im.ContentReadReceipt)); n.Seq != 1 {
				t.Errorf("receipt %d", n.Seq)
			}
		}
		all := imtest.H{"userID": "bob", "conversationID": "si_ann_bob", "hasReadSeq": 3}
		if err := s.Post(bob.token, "/msg/mark_conversation_as_read", all, nil); err != nil {
			t.Fatal(err)
		}
		if n := bob.next(t, "read receipt", notice(im.ContentReadReceipt)); n.Seq != 2 {
			t.Errorf("the client got its own receipt %d", n.Seq)
		}
		// What it has missed it finds by its number.
		var pulled sdkws.PullMessageBySeqsResp
		hole := &sdkws.PullMessageBySeqsReq{UserID: "bob", SeqRanges: []*sdkws.SeqRange{{ConversationID: "n_ann_bob", Begin: 1, End: 2, Num: 10}}}
		if err := bob.Request(wire.ReqPullByRange, hole, &pulled); err != nil {
			t.Fatal(err)
		}
		if list := pulled.NotificationMsgs["n_ann_bob"].GetMsgs(); len(list) != 2 || list[0].ContentType != im.ContentReadReceipt {
			t.Errorf("pulled %v", list)
		}
		// A back end that marks in a user's name spares nobody.
		if err := s.AsAdmin("/msg/mark_msgs_as_read", imtest.H{"userID": "ann", "conversationID": "si_ann_bob", "seqs": []int64{1}}, nil); err != nil {
			t.Fatal(err)
		}
		for _, u := range []user{ann, bob} {
			if n := u.next(t, "receipt by the back end", func(p pushed) bool { return notice(im.ContentReadReceipt)(p) && p.m.SendID == "ann" }); n.Seq != 3 {
				t.Errorf("receipt %d", n.Seq)
			}
		}
	})
}

func TestGroupChat(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		register(t, s, "ann", "bob", "cid", "eve")
		users := map[string]user{}
		for _, id := range []string{"ann", "bob", "cid", "eve"} {
			users[id] = login(t, s, id, imtest.DialOptions{})
		}
		err := s.Post(users["ann"].token, "/group/create_group", imtest.H{
			"ownerUserID": "ann", "memberUserIDs": []string{"bob", "cid"}, "groupInfo": imtest.H{"groupID": "g1", "groupName": "g", "groupType": 2},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"ann", "bob", "cid"} {
			// The notification first: an SDK that sees the chat message first stays silent about the group.
			first := users[id].next(t, "something about the group", func(p pushed) bool { return p.m.ContentType == im.ContentGroupCreated })
			second := users[id].next(t, "its line in the chat", func(p pushed) bool { return p.m.ContentType == im.ContentGroupCreated && !p.notice })
			if first.Seq != 0 || second.Seq != 1 || !strings.Contains(string(first.Content), `groupMemberVersion\":1`) {
				t.Errorf("%s: seqs %d and %d, content %s", id, first.Seq, second.Seq, first.Content)
			}
		}
		bob := users["bob"]
		m := bob.Text("", "g1", "hi all")
		if _, err := bob.Send(m); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"ann", "bob", "cid"} {
			if got := users[id].next(t, "the message", text(m.ClientMsgID)); got.Seq != 2 || got.GroupID != "g1" {
				t.Errorf("%s got %v", id, got)
			}
		}
		k := hook(t, hooks, "callbackAfterSendGroupMsgCommand", "clientMsgID", m.ClientMsgID)
		if k.Body["groupID"] != "g1" || k.Body["recvID"] != "g1" || k.Body["seq"] != float64(2) {
			t.Errorf("callback %s", k.Raw)
		}
		eve := users["eve"]
		for name, tc := range map[string]struct {
			m    *sdkws.MsgData
			code int
		}{
			"no member":     {eve.Text("", "g1", "let me in"), 1203},
			"no such group": {eve.Text("", "nowhere", "?"), 1004},
			"no such user":  {eve.Text("nobody", "", "?"), 1004},
			"no content":    {&sdkws.MsgData{SendID: "eve", RecvID: "ann", SessionType: 1, ContentType: 101}, 1001},
			"forged sender": {func() *sdkws.MsgData { m := eve.Text("ann", "", "x"); m.SendID = "bob"; return m }(), 1002},
			"notification":  {func() *sdkws.MsgData { m := eve.Text("ann", "", "x"); m.ContentType = 1501; return m }(), 1002},
			"session 2":     {func() *sdkws.MsgData { m := eve.Text("", "g1", "x"); m.SessionType = 2; return m }(), 1001},
			"too long":      {eve.Text("ann", "", strings.Repeat("x", 600<<10)), 1001},
		} {
			_, err := eve.Send(tc.m)
			if e, ok := errors.AsType[*imtest.Error](err); !ok || e.Code != tc.code {
				t.Errorf("%s: %v, want code %d", name, err, tc.code)
			}
		}
	})
}

func TestTypingIsNotStored(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, _ *imtest.Hooks) {
		register(t, s, "ann", "bob")
		ann, bob := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{})
		m := ann.Text("bob", "", "")
		m.ContentType, m.Content, m.Options = im.ContentTyping, []byte(`{"msgTips":"yes"}`), map[string]bool{im.OptHistory: false}
		if _, err := ann.Send(m); err != nil {
			t.Fatal(err)
		}
		if got := bob.next(t, "typing", text(m.ClientMsgID)); got.Seq != 0 {
			t.Errorf("typing got number %d", got.Seq)
		}
		var seqs sdkws.GetMaxSeqResp
		if err := bob.Request(wire.ReqNewestSeq, &sdkws.GetMaxSeqReq{UserID: "bob"}, &seqs); err != nil || len(seqs.MaxSeqs) != 0 {
			t.Errorf("conversations %v, %v", seqs.MaxSeqs, err)
		}
	})
}

// TestOthersConversationsAreClosed: nobody reads, counts or marks in another's name.
func TestOthersConversationsAreClosed(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, _ *imtest.Hooks) {
		register(t, s, "ann", "bob", "eve")
		ann, eve := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "eve", imtest.DialOptions{})
		if _, err := ann.Send(ann.Text("bob", "", "secret")); err != nil {
			t.Fatal(err)
		}
		ranges := []*sdkws.SeqRange{{ConversationID: "si_ann_bob", Begin: 1, End: 9, Num: 9}, {ConversationID: "n_ann_bob", Begin: 1, End: 9, Num: 9}}
		var own sdkws.PullMessageBySeqsResp
		if err := eve.Request(wire.ReqPullByRange, &sdkws.PullMessageBySeqsReq{UserID: "eve", SeqRanges: ranges}, &own); err != nil || len(own.Msgs)+len(own.NotificationMsgs) != 0 {
			t.Errorf("eve reads %v, %v", &own, err)
		}
		var list msg.GetSeqMessageResp
		err := eve.Request(wire.ReqPullBySeqs, &msg.GetSeqMessageReq{UserID: "eve", Conversations: []*msg.ConversationSeqs{{ConversationID: "si_ann_bob", Seqs: []int64{1}}}}, &list)
		if err != nil || len(list.Msgs["si_ann_bob"].GetMsgs()) != 0 {
			t.Errorf("eve reads %v, %v", &list, err)
		}
		var last msg.GetLastMessageResp
		if err := eve.Request(wire.ReqLastMessage, &msg.GetLastMessageReq{UserID: "eve", ConversationIDs: []string{"si_ann_bob"}}, &last); err != nil || len(last.Msgs) != 0 {
			t.Errorf("eve reads %v, %v", &last, err)
		}
		refused := map[string]error{
			"1001": eve.Request(wire.ReqNewestSeq, &sdkws.GetMaxSeqReq{UserID: "ann"}, nil),
			"1002": eve.Request(wire.ReqPullByRange, &sdkws.PullMessageBySeqsReq{UserID: "ann", SeqRanges: ranges}, nil),
			"1005": eve.Request(wire.ReqPullBySeqs, &msg.GetSeqMessageReq{UserID: "ann"}, nil),
			"1006": eve.Request(wire.ReqReadAndMaxSeq, &msg.GetConversationsHasReadAndMaxSeqReq{UserID: "ann"}, nil),
			"1007": eve.Request(wire.ReqLastMessage, &msg.GetLastMessageReq{UserID: "ann"}, nil),
			"mark": s.Post(eve.token, "/msg/mark_msgs_as_read", imtest.H{"userID": "ann", "conversationID": "si_ann_bob", "seqs": []int{1}}, nil),
		}
		for name, err := range refused {
			if e, ok := errors.AsType[*imtest.Error](err); !ok || e.Code != 1002 {
				t.Errorf("%s in another's name: %v, want 1002", name, err)
			}
		}
		err = s.Post(eve.token, "/msg/mark_msgs_as_read", imtest.H{"userID": "eve", "conversationID": "si_ann_bob", "seqs": []int{1}}, nil)
		if e, ok := errors.AsType[*imtest.Error](err); !ok || e.Code != 1004 {
			t.Errorf("marking a strange conversation: %v, want 1004", err)
		}
	})
}
