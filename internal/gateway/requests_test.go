package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/push"
	"github.com/openimsdk/protocol/sdkws"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"parley/internal/im"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

var emptyMessage sdkws.SetAppBackgroundStatusReq

func body(t testing.TB, text string) []byte {
	t.Helper()
	b, err := wire.Body(&im.Message{SendID: "bob", RecvID: "alice", SessionType: im.SessionSingle, Content: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRequests(t *testing.T) {
	t.Parallel()
	record := im.Record{ConversationID: "si_alice_bob", Seq: 3, Body: body(t, "hi")}
	stored := &sdkws.MsgData{SendID: "bob", RecvID: "alice", SessionType: 1, Content: []byte("hi"), Seq: 3, Status: 2}
	f := start(t, func(o *Options) { o.IsAdmin = func(id string) bool { return id == "imAdmin" } })
	var op im.Operator
	f.svc.newest = func(_ context.Context, o im.Operator, userID string) (map[string]int64, error) {
		op = o
		return map[string]int64{"si_" + userID: 9}, nil
	}
	f.svc.pull = func(_ context.Context, _ im.Operator, userID string, ranges []im.SeqRange, order im.PullOrder) ([]im.Pulled, error) {
		if want := []im.SeqRange{{ConversationID: "si_alice_bob", Begin: 1, End: 3, Num: 2}}; userID != "alice" || order != im.Descending || !slices.Equal(ranges, want) {
			t.Errorf("Pull(%q, %v, %v)", userID, ranges, order)
		}
		return []im.Pulled{
			{ConversationID: "si_alice_bob", Records: []im.Record{record}, IsEnd: true, EndSeq: 3},
			{ConversationID: "n_alice_bob", Records: []im.Record{record}},
		}, nil
	}
	f.svc.pullSeqs = func(userID string, lists []im.SeqList, order im.PullOrder) ([]im.Pulled, error) {
		if userID != "alice" || len(lists) != 1 || lists[0].ConversationID != "si_alice_bob" || !slices.Equal(lists[0].Seqs, []int64{3, 4}) || order != im.Ascending {
			t.Errorf("PullSeqs(%q, %v, %v)", userID, lists, order)
		}
		return []im.Pulled{{ConversationID: "si_alice_bob", Records: []im.Record{record}}}, nil
	}
	f.svc.last = func(ids []string) (map[string]im.Record, error) { return map[string]im.Record{ids[0]: record}, nil }
	f.svc.read = func(ids []string, pinned bool) (map[string]im.ReadState, []string, error) {
		if !pinned {
			t.Error("ReadAndMaxSeqs without pinned")
		}
		return map[string]im.ReadState{ids[0]: {MaxSeq: 3, HasReadSeq: 2, MaxSeqTime: 1}}, ids, nil
	}
	f.svc.send = func(_ context.Context, _ im.Operator, m *im.Message, done func(im.SendResult, error)) {
		done(im.SendResult{ServerMsgID: "s", ClientMsgID: m.ClientMsgID, SendTime: 5, Modified: m}, nil)
	}
	sent := &sdkws.MsgData{SendID: "alice", ClientMsgID: "c", Content: []byte("hello"), Options: map[string]bool{"history": true}}
	list := func(m ...*sdkws.MsgData) *sdkws.PullMsgs { return &sdkws.PullMsgs{Msgs: m} }
	for _, tt := range []struct {
		id        wire.ReqIdentifier
		req       proto.Message
		got, want proto.Message
	}{
		{wire.ReqNewestSeq, &sdkws.GetMaxSeqReq{UserID: "alice"}, &sdkws.GetMaxSeqResp{}, &sdkws.GetMaxSeqResp{MaxSeqs: map[string]int64{"si_alice": 9}}},
		{
			wire.ReqPullByRange,
			&sdkws.PullMessageBySeqsReq{UserID: "alice", SeqRanges: []*sdkws.SeqRange{{ConversationID: "si_alice_bob", Begin: 1, End: 3, Num: 2}}, Order: 1},
			&sdkws.PullMessageBySeqsResp{},
			&sdkws.PullMessageBySeqsResp{
				Msgs:             map[string]*sdkws.PullMsgs{"si_alice_bob": {Msgs: []*sdkws.MsgData{stored}, IsEnd: true, EndSeq: 3}},
				NotificationMsgs: map[string]*sdkws.PullMsgs{"n_alice_bob": list(stored)},
			},
		},
		{
			wire.ReqPullBySeqs,
			&msg.GetSeqMessageReq{UserID: "alice", Conversations: []*msg.ConversationSeqs{{ConversationID: "si_alice_bob", Seqs: []int64{3, 4}}}},
			&msg.GetSeqMessageResp{}, &msg.GetSeqMessageResp{Msgs: map[string]*sdkws.PullMsgs{"si_alice_bob": list(stored)}},
		},
		{
			wire.ReqLastMessage, &msg.GetLastMessageReq{UserID: "alice", ConversationIDs: []string{"si_alice_bob"}},
			&msg.GetLastMessageResp{}, &msg.GetLastMessageResp{Msgs: map[string]*sdkws.MsgData{"si_alice_bob": stored}},
		},
		{
			wire.ReqReadAndMaxSeq, &msg.GetConversationsHasReadAndMaxSeqReq{UserID: "alice", ConversationIDs: []string{"si_alice_bob"}, ReturnPinned: true},
			&msg.GetConversationsHasReadAndMaxSeqResp{},
			&msg.GetConversationsHasReadAndMaxSeqResp{
				Seqs:                  map[string]*msg.Seqs{"si_alice_bob": {MaxSeq: 3, HasReadSeq: 2, MaxSeqTime: 1}},
				PinnedConversationIDs: []string{"si_alice_bob"},
			},
		},
		{wire.ReqSend, sent, &msg.SendMsgResp{}, &msg.SendMsgResp{ServerMsgID: "s", ClientMsgID: "c", SendTime: 5, Modify: sent}},
		{wire.ReqSetBackground, &sdkws.SetAppBackgroundStatusReq{IsBackground: true}, &sdkws.SetAppBackgroundStatusResp{}, &sdkws.SetAppBackgroundStatusResp{}},
		{
			wire.ReqSubscribeOnline, &sdkws.SubUserOnlineStatus{SubscribeUserID: []string{"nobody", "alice"}}, &sdkws.SubUserOnlineStatusTips{},
			&sdkws.SubUserOnlineStatusTips{Subscribers: []*sdkws.SubUserOnlineStatusElem{{UserID: "nobody"}, {UserID: "alice", OnlinePlatformIDs: []int32{1}}}},
		},
	} {
		for _, codec := range codecs() {
			t.Run(fmt.Sprintf("%d/%v", tt.id, codec), func(t *testing.T) {
				c := f.dial(as{user: "alice", platform: im.PlatformIOS, codec: codec})
				r := c.call(tt.id, tt.req)
				if r.ErrCode != 0 || r.ErrMsg != "" {
					t.Fatalf("answer %+v", r)
				}
				got := proto.Clone(tt.got)
				unmarshal(t, r.Data, got)
				if diff := cmp.Diff(tt.want, got, protocmp.Transform()); diff != "" {
					t.Error(diff)
				}
				c.ws.Close()
				c.ended()
			})
		}
	}
	if want := (im.Operator{UserID: "alice", Platform: im.PlatformIOS, OperationID: op.OperationID}); op != want || op.OperationID == "" {
		t.Errorf("operator %+v", op)
	}
	f.dial(as{user: "imAdmin", platform: im.PlatformAdmin}).call(wire.ReqNewestSeq, &sdkws.GetMaxSeqReq{UserID: "alice"})
	if !op.Admin {
		t.Error("the administrator is not one")
	}
}

func TestRequestErrors(t *testing.T) {
	t.Parallel()
	f := start(t)
	var fail error
	f.svc.newest = func(context.Context, im.Operator, string) (map[string]int64, error) { return nil, fail }
	f.svc.send = func(_ context.Context, _ im.Operator, _ *im.Message, done func(im.SendResult, error)) {
		done(im.SendResult{}, fail)
	}
	for _, tt := range []struct {
		err  error
		code int
		msg  string
	}{
		{im.Errorf(im.Denied, "x", "no"), 1002, "NoPermissionError"},
		{im.Errorf(im.BlockedByPeer, "x", "no"), 1302, "BlockedByPeer"},
		{fmt.Errorf("wrapped: %w", im.Errorf(im.MutedGroup, "x", "no")), 1403, "MutedGroup"},
		{&im.Refusal{Code: 4711, Msg: "not today"}, 4711, "not today"},
		{errors.New("the database is away"), 500, "ServerInternalError"},
	} {
		for _, id := range []wire.ReqIdentifier{wire.ReqNewestSeq, wire.ReqSend} {
			t.Run(fmt.Sprintf("%d/%d", id, tt.code), func(t *testing.T) {
				fail = tt.err
				c := f.dial(as{user: "alice", codec: frame.JSON})
				if r := c.call(id, &emptyMessage); r.ErrCode != tt.code || r.ErrMsg != tt.msg || len(r.Data) != 0 {
					t.Errorf("answer %+v", r)
				}
			})
		}
	}
	fail = nil

	t.Run("undecodable data", func(t *testing.T) {
		c := f.dial(as{user: "alice"})
		for id := wire.ReqNewestSeq; id <= wire.ReqSubscribeOnline; id++ {
			if requestName(id) == "" || id == wire.ReqLogout {
				continue
			}
			want := 500
			if id == wire.ReqSendSignal {
				want = 1001
			}
			c.write(id, "1", []byte{0xff})
			if r := c.next(); r.ReqIdentifier != id || r.ErrCode != want || len(r.Data) != 0 {
				t.Errorf("answer to %d: %+v", id, r)
			}
		}
	})
	t.Run("empty fields", func(t *testing.T) {
		c := f.dial(as{user: "alice"})
		for _, id := range []wire.ReqIdentifier{wire.ReqPullByRange, wire.ReqPullBySeqs, wire.ReqReadAndMaxSeq, wire.ReqSetBackground} {
			for _, r := range []frame.Request{{OperationID: "op"}, {MsgIncr: "1"}} {
				r.ReqIdentifier, r.SendID = id, "alice"
				c.writeFrame(&r)
				if got := c.next(); got.ErrCode != 500 || got.MsgIncr != r.MsgIncr {
					t.Errorf("answer to %+v: %+v", r, got)
				}
			}
		}
		// The others are served.
		c.writeFrame(&frame.Request{ReqIdentifier: wire.ReqNewestSeq, SendID: "alice"})
		if got := c.next(); got.ErrCode != 0 {
			t.Errorf("answer %+v", got)
		}
	})
}

func TestPanicIsContained(t *testing.T) {
	t.Parallel()
	f := start(t)
	f.svc.newest = func(context.Context, im.Operator, string) (map[string]int64, error) { panic("newest") }
	f.svc.send = func(context.Context, im.Operator, *im.Message, func(im.SendResult, error)) { panic("send") }
	for _, id := range []wire.ReqIdentifier{wire.ReqNewestSeq, wire.ReqSend} {
		c := f.dial(as{user: "alice"})
		c.write(id, "1", nil)
		if code := c.closed(); code != 1011 {
			t.Errorf("close code %d", code)
		}
		c.ended()
	}
}

type tokens struct {
	mu   sync.Mutex
	gone []string
}

func (s *tokens) DeletePushToken(_ context.Context, op im.Operator, userID string, p im.Platform) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = append(s.gone, fmt.Sprint(op.UserID, " ", userID, " ", int(p)))
	return nil
}

func TestLogout(t *testing.T) {
	t.Parallel()
	var tk tokens
	f := start(t, func(o *Options) { o.PushTokens = &tk })
	c := f.dial(as{user: "alice", platform: im.PlatformIOS})
	r := c.call(wire.ReqLogout, &push.DelUserPushTokenReq{UserID: "alice", PlatformID: 1})
	if r.ErrCode != 0 {
		t.Errorf("answer %+v", r)
	}
	if code := c.closed(); code != 1000 {
		t.Errorf("close code %d", code)
	}
	c.ended()
	if !slices.Equal(tk.gone, []string{"alice alice 1"}) {
		t.Errorf("deleted %q", tk.gone)
	}
}

// Sends are answered in the order of the requests, whatever the order of their
// commits, and any other request waits for them.
func TestPipelineKeepsOrder(t *testing.T) {
	t.Parallel()
	for _, codec := range []frame.Codec{frame.Gob | frame.Gzip, frame.JSON} {
		t.Run(codec.String(), func(t *testing.T) {
			const room = 4
			f := start(t, limits(func(l *Limits) { l.Sends, l.Requests = room, 3 }))
			type waiting struct {
				id   string
				done func(im.SendResult, error)
			}
			arrived := make(chan waiting, 100)
			f.svc.send = func(_ context.Context, _ im.Operator, m *im.Message, done func(im.SendResult, error)) {
				if strings.HasPrefix(m.ClientMsgID, "now") {
					done(im.SendResult{ClientMsgID: m.ClientMsgID}, nil)
					return
				}
				arrived <- waiting{m.ClientMsgID, done}
			}
			rapid.Check(t, func(rt *rapid.T) {
				c := f.dial(as{user: "alice", codec: codec})
				kinds := rapid.SliceOfN(rapid.SampledFrom([]string{"later", "now", "bad", "query"}), 1, 25).Draw(rt, "requests")
				later := 0
				for i, k := range kinds {
					incr := fmt.Sprint(k, i)
					switch k {
					case "query":
						c.write(wire.ReqNewestSeq, incr, nil)
					case "bad":
						c.write(wire.ReqSend, incr, []byte{0xff})
					default:
						c.write(wire.ReqSend, incr, marshal(t, &sdkws.MsgData{ClientMsgID: incr}))
					}
					if k == "later" {
						later++
					}
				}
				answered := make(chan struct{})
				go func() {
					defer close(answered)
					var held []waiting
					for later > 0 {
						// Commit in any order among those that arrived; wait for more only when none is held.
						if len(held) == 0 {
							held = append(held, <-arrived)
						}
						for more := true; more; {
							select {
							case w := <-arrived:
								held = append(held, w)
							default:
								more = false
							}
						}
						if len(held) > room {
							t.Errorf("%d sends at once", len(held))
						}
						w := held[len(held)-1]
						held = held[:len(held)-1]
						w.done(im.SendResult{ClientMsgID: w.id}, nil)
						w.done(im.SendResult{ClientMsgID: "twice"}, nil) // has no effect
						later--
					}
				}()
				for i, k := range kinds {
					r := c.next()
					if want := fmt.Sprint(k, i); r.MsgIncr != want {
						t.Fatalf("answer %d is to %q, want %q of %q", i, r.MsgIncr, want, kinds)
					}
					if (k == "bad") != (r.ErrCode != 0) {
						t.Fatalf("answer to %q: %+v", k, r)
					}
				}
				<-answered
				c.ws.Close()
				c.ended()
			})
		})
	}
}

// A client that writes without reading is stopped, not closed: its requests wait
// in the kernel. Nothing is lost.
func TestRequestsWaitWhenAnswersAreNotRead(t *testing.T) {
	t.Parallel()
	f := start(t)
	served := make(chan struct{}, 1000)
	big := im.Record{Body: body(t, strings.Repeat("x", 40_000))}
	f.svc.last = func([]string) (map[string]im.Record, error) {
		served <- struct{}{}
		return map[string]im.Record{"si_a_b": big}, nil
	}
	c := f.dial(as{user: "alice"})
	const n = 300 // 12 MB of answers: more than the kernel's buffers and answerRoom hold
	go func() {
		for i := range n {
			r := &frame.Request{ReqIdentifier: wire.ReqLastMessage, SendID: "alice", MsgIncr: fmt.Sprint(i)}
			if c.ws.WriteMessage(2, c.codec.AppendRequest(nil, r)) != nil {
				return
			}
		}
	}()
	eventually(t, "the worker waits for room", func() bool {
		c.conn.mu.Lock()
		defer c.conn.mu.Unlock()
		return c.conn.out.answerBytes > answerRoom && len(c.conn.requests) > 0
	})
	if got := len(served); got == n {
		t.Error("all requests were served at once")
	}
	for i := range n {
		if r := c.next(); r.MsgIncr != fmt.Sprint(i) {
			t.Fatalf("answer %d is to %q", i, r.MsgIncr)
		}
	}
}

// Frames that wait take no more memory together than one frame may.
func TestWaitingRequestsAreBounded(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Frame = 10_000 }))
	leave := make(chan struct{})
	f.svc.newest = func(context.Context, im.Operator, string) (map[string]int64, error) {
		<-leave
		return nil, nil
	}
	c := f.dial(as{user: "alice"})
	waiting := func() int {
		c.conn.mu.Lock()
		defer c.conn.mu.Unlock()
		total := 0
		for _, b := range c.conn.requests {
			total += len(*b)
		}
		if total != c.conn.requestBytes || total > 10_000 {
			t.Errorf("%d bytes wait, counted %d", total, c.conn.requestBytes)
		}
		return len(c.conn.requests)
	}
	const n = 10
	for i := range n {
		c.writeFrame(&frame.Request{ReqIdentifier: wire.ReqNewestSeq, SendID: "alice", MsgIncr: fmt.Sprint(i), Token: strings.Repeat("x", 3000)})
	}
	eventually(t, "the reader waits", func() bool { return waiting() == 3 && c.conn.watched.heard.Load() == busy })
	for i := range n {
		leave <- struct{}{}
		if r := c.next(); r.MsgIncr != fmt.Sprint(i) {
			t.Errorf("answer %d is to %s", i, r.MsgIncr)
		}
		waiting()
	}
}

// A changed message that is too large for the client is left out of the answer.
func TestLargeModified(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Answer = 1000 }))
	f.svc.send = func(_ context.Context, _ im.Operator, m *im.Message, done func(im.SendResult, error)) {
		done(im.SendResult{ServerMsgID: "s", Modified: &im.Message{Content: make([]byte, 2000)}}, nil)
	}
	for _, codec := range codecs() {
		r := f.dial(as{user: "alice", codec: codec}).call(wire.ReqSend, &emptyMessage)
		var got msg.SendMsgResp
		unmarshal(t, r.Data, &got)
		if compressed := codec&frame.Gzip != 0; r.ErrCode != 0 || got.ServerMsgID != "s" || (got.Modify != nil) != compressed {
			t.Errorf("%v: %+v", codec, r)
		}
	}
}

// A request in work is told when its connection ends.
func TestRequestEndsWithConnection(t *testing.T) {
	t.Parallel()
	f := start(t)
	entered, ended := make(chan struct{}), make(chan error)
	f.svc.newest = func(ctx context.Context, _ im.Operator, _ string) (map[string]int64, error) {
		close(entered)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil, ctx.Err()
	}
	c := f.dial(as{user: "alice"})
	c.write(wire.ReqNewestSeq, "1", nil)
	<-entered
	c.ws.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Every request with any data is answered or closes the connection, and never more than that.
func FuzzRequestData(f *testing.F) {
	for id := int32(1000); id < 1009; id++ {
		f.Add(id, []byte{}, "op", "1")
		f.Add(id, marshal(f, &sdkws.PullMessageBySeqsReq{UserID: "alice", SeqRanges: []*sdkws.SeqRange{{ConversationID: "si_a_b", Begin: 1, End: 2, Num: 3}}}), "op", "1")
		f.Add(id, marshal(f, &msg.GetSeqMessageReq{UserID: "alice", Conversations: []*msg.ConversationSeqs{{ConversationID: "x", Seqs: []int64{1}}}}), "op", "1")
	}
	for id := int32(2001); id < 2006; id++ {
		f.Add(id, marshal(f, &sdkws.SubUserOnlineStatus{SubscribeUserID: []string{"a"}, UnsubscribeUserID: []string{"b"}}), "op", "1")
		f.Add(id, marshal(f, &push.DelUserPushTokenReq{UserID: "a", PlatformID: 1}), "op", "1")
	}
	f.Add(int32(wire.ReqSend), marshal(f, &sdkws.MsgData{SendID: "alice", Content: []byte("x"), OfflinePushInfo: &sdkws.OfflinePushInfo{Title: "t"}}), "", "")
	g := idle(f)
	f.Fuzz(func(t *testing.T, id int32, data []byte, op, incr string) {
		c := idleConn(g)
		c.reading = true // so that it may subscribe
		defer func() {
			c.hangUp(causeNone)
			if c.sub != nil {
				c.sub.Close()
			}
		}()
		c.handle(&frame.Request{ReqIdentifier: id, SendID: "alice", OperationID: op, MsgIncr: incr, Data: data})
		if requestName(id) == "" {
			if c.phase != leaving || c.out.len() != 1 {
				t.Fatalf("%d did not close", id)
			}
			return
		}
		want := 1
		if id == wire.ReqLogout {
			want = 2 // and the close frame
		}
		if c.out.len() != want {
			t.Fatalf("%d frames queued, want %d", c.out.len(), want)
		}
		out, _ := c.take()
		var r frame.Response
		if err := c.codec.DecodeResponse(out.payload, 1<<20, &r); err != nil || r.ReqIdentifier != id || r.MsgIncr != incr || r.OperationID != op {
			t.Fatalf("answer %+v %v", r, err)
		}
		if r.ErrCode != 0 && len(r.Data) > 0 {
			t.Fatalf("error with data: %+v", r)
		}
	})
}
