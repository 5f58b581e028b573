package service_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/service"
	"parley/internal/store"
	"parley/internal/store/storetest"
	"parley/internal/wire"
)

// office is a service on a real store and log, with a clock of its own.
type office struct {
	*service.Service
	t     testing.TB
	store store.Store

	mu     sync.Mutex
	ahead  time.Duration // of the clock
	pushed []*im.Message
}

// nothing stands in for callbacks and connections.
type nothing struct{ service.Hooks }

// Route has one endpoint that wants everything; nothing is asked.
func (nothing) Route(im.Command, im.About) []string           { return []string{im.MainEndpoint} }
func (nothing) RouteMessage(im.Command, *im.Message) []string { return []string{im.MainEndpoint} }
func (nothing) Asks(im.Command) bool                          { return false }
func (nothing) AsksMessage(im.Command, *im.Message) bool      { return false }
func (nothing) Kick(string, im.Platform, string)              {}
func (nothing) Connections([]string) []im.Connection          { return nil }
func (nothing) Statuses([]string) []im.OnlineStatus           { return nil }

func newOffice(t testing.TB, st store.Store, change ...func(*service.Options)) *office {
	t.Helper()
	o := &office{t: t, store: st}
	log := slog.New(slog.DiscardHandler)
	options := service.Options{
		Store: st, Hooks: nothing{}, Logger: log, Secret: "secret", AdminIDs: []string{"root"}, Decode: wire.ParseBody,
		Now: func() time.Time {
			o.mu.Lock()
			defer o.mu.Unlock()
			return time.Now().Add(o.ahead)
		},
	}
	for _, f := range change {
		f(&options)
	}
	svc, err := service.New(options)
	if err != nil {
		t.Fatal(err)
	}
	messages := msglog.New(msglog.Options{
		Store: st, Encode: wire.Body, First: svc.FirstMessage, Returned: svc.ReturnedMessage, Log: log,
		Publish: func(batch []*msglog.Delivery) {
			o.mu.Lock()
			for _, d := range batch {
				o.pushed = append(o.pushed, d.Message)
			}
			o.mu.Unlock()
			for _, d := range batch {
				d.Acknowledge()
			}
		},
	})
	ctx := context.Background()
	if err := messages.Start(ctx); err != nil {
		t.Fatal(err)
	}
	svc.Connect(messages, nothing{})
	if err := svc.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		messages.Stop()
		svc.Stop()
	})
	o.Service = svc
	err = st.Update(ctx, func(tx store.Tx) error {
		return tx.InsertUsers(ctx, []im.User{{UserID: "ann", Nickname: "Ann"}, {UserID: "bob", Nickname: "Bob"}})
	})
	o.ok(err)
	return o
}

func (o *office) ok(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ahead += d
}

// told returns how often a notification was pushed since the last call.
func (o *office) told(contentType int32) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.pushed {
		if m.ContentType == contentType {
			n++
		}
	}
	o.pushed = nil
	return n
}

func as(userID string) im.Operator {
	return im.Operator{UserID: userID, Admin: userID == "root", OperationID: "op"}
}

// say sends n texts from ann to bob.
func (o *office) say(n int) {
	o.t.Helper()
	for i := range n {
		done := make(chan error, 1)
		o.Send(context.Background(), as("ann"), &im.Message{
			SendID: "ann", RecvID: "bob", ClientMsgID: im.NewID(), SessionType: im.SessionSingle, MsgFrom: im.FromUser,
			ContentType: im.ContentText, Content: fmt.Appendf(nil, `{"content":"%d"}`, i),
		}, func(_ im.SendResult, err error) { done <- err })
		o.ok(<-done)
	}
}

const chat = "si_ann_bob"

// seen returns the numbers of the chat's messages that a user is shown with content.
func (o *office) seen(userID string) (out []int64) {
	o.t.Helper()
	pulled, err := o.Pull(context.Background(), as(userID), userID, []im.SeqRange{{ConversationID: chat, Begin: 1, End: 1000, Num: 1000}}, im.Ascending)
	o.ok(err)
	for _, p := range pulled {
		for _, r := range p.Records {
			if !r.Deleted {
				out = append(out, r.Seq)
			}
		}
	}
	return out
}

func (o *office) wantSeen(userID string, want ...int64) {
	o.t.Helper()
	if got := o.seen(userID); !slices.Equal(got, want) {
		o.t.Fatalf("%s sees %v, want %v", userID, got, want)
	}
}

func onEngines(t *testing.T, test func(o *office)) {
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		t.Parallel()
		test(newOffice(t, open(t)))
	})
}

// TestAllWaysOfPulling wants the three requests of the gateway to show the same of
// messages that were revoked, deleted or wiped.
func TestAllWaysOfPulling(t *testing.T) {
	t.Parallel()
	onEngines(t, func(o *office) {
		ctx := context.Background()
		o.say(5)
		last := func(userID string) im.Record {
			o.t.Helper()
			all, err := o.LastMessages(ctx, as(userID), userID, []string{chat})
			o.ok(err)
			return all[chat]
		}
		o.ok(o.RevokeMessage(ctx, as("ann"), "ann", chat, 5))
		if r := last("bob"); r.Seq != 5 || r.ContentType != im.ContentRevoked || len(r.Content) == 0 {
			o.t.Errorf("last after a revocation: %+v", r)
		}
		o.ok(o.DeleteMessages(ctx, as("bob"), "bob", chat, []int64{5, 4}, service.Reach{}))
		o.ok(o.WipeMessages(ctx, as("root"), chat, []int64{3}))
		if r := last("bob"); r.Seq != 2 || r.Deleted {
			o.t.Errorf("last after deleting: %+v", r)
		}
		if r := last("ann"); r.Seq != 5 {
			o.t.Errorf("the other's last: %+v", r)
		}
		o.wantSeen("bob", 1, 2)
		o.wantSeen("ann", 1, 2, 4, 5)
		pulled, err := o.PullSeqs(ctx, as("bob"), "bob", []im.SeqList{{ConversationID: chat, Seqs: []int64{1, 2, 3, 4, 5}}}, im.Descending)
		o.ok(err)
		var shown []string
		for _, r := range pulled[0].Records {
			shown = append(shown, fmt.Sprint(r.Seq, r.Deleted, r.Body != nil, r.ContentType))
		}
		if want := []string{"1 false true 101", "2 false true 101", "3 true false 0", "4 true true 101", "5 true true 101"}; !slices.Equal(shown, want) {
			o.t.Errorf("pulled by number: %v, want %v", shown, want)
		}
		o.ok(o.DeleteMessages(ctx, as("bob"), "bob", chat, []int64{1, 2}, service.Reach{}))
		if r := last("bob"); !r.Deleted || r.Seq != 5 {
			o.t.Errorf("last when all are deleted: %+v", r)
		}
		o.ok(o.ClearConversations(ctx, as("bob"), "bob", []string{chat}, service.Reach{}))
		if r := last("bob"); r.Seq != 0 {
			o.t.Errorf("last after clearing: %+v", r)
		}
	})
}

func TestTimedClearing(t *testing.T) {
	t.Parallel()
	onEngines(t, func(o *office) {
		ctx := context.Background()
		o.say(3)
		on, after := true, int64(3600)
		o.ok(o.SetConversations(ctx, as("bob"), service.ConversationChange{
			UserIDs:      []string{"bob"},
			Conversation: im.Conversation{ConversationID: chat, ConversationType: im.SessionSingle, UserID: "ann"},
			Settings:     im.ConversationPatch{IsMsgDestruct: &on, MsgDestructTime: &after},
		}))
		run := func() {
			o.t.Helper()
			for more := true; more; {
				var err error
				more, err = o.DestructMessages(ctx, 10)
				o.ok(err)
			}
		}
		o.told(0)
		run() // never ran: due, but nothing is old enough
		o.wantSeen("bob", 1, 2, 3)
		if n := o.told(im.ContentConversationChanged); n != 1 {
			o.t.Errorf("told %d times", n)
		}
		run()
		if n := o.told(im.ContentConversationChanged); n != 0 {
			o.t.Errorf("ran again at once, told %d times", n)
		}
		head, err := o.store.Head(ctx, im.ListConversations, "bob")
		o.ok(err)
		o.pass(2 * time.Hour)
		run()
		o.wantSeen("bob")
		o.wantSeen("ann", 1, 2, 3)
		c, err := o.store.Conversation(ctx, "bob", chat)
		o.ok(err)
		now, err := o.store.Head(ctx, im.ListConversations, "bob")
		o.ok(err)
		if c.MinSeq != 4 || c.LatestMsgDestructTime == 0 || now.Number != head.Number+1 {
			o.t.Errorf("record %+v, log from %d to %d", c, head.Number, now.Number)
		}
		o.say(1)
		o.wantSeen("bob", 4)
	})
}

// TestRetention wants old messages to go, those with an undelivered event last.
func TestRetention(t *testing.T) {
	t.Parallel()
	onEngines(t, func(o *office) {
		ctx := context.Background()
		o.say(5)
		expire := func(before time.Time) {
			o.t.Helper()
			for at := (service.Expired{More: true}); at.More; {
				var err error
				at, err = o.ExpireMessages(ctx, before, at.Last, 2)
				o.ok(err)
			}
		}
		expire(time.Now().Add(-time.Hour))
		o.wantSeen("bob", 1, 2, 3, 4, 5)
		events, err := o.store.Events(ctx, 0, 100)
		o.ok(err)
		var first []int64 // all but one of the second message
		for _, e := range events {
			if e.Seq != 2 || e.Command != im.AfterSendSingleMsg {
				first = append(first, e.ID)
			}
		}
		o.ok(o.store.Update(ctx, func(tx store.Tx) error { return tx.DeleteEvents(ctx, first) }))
		expire(time.Now().Add(time.Hour))
		o.wantSeen("bob")
		events, err = o.store.Events(ctx, 0, 100)
		o.ok(err)
		if len(events) != 1 || len(events[0].Message) == 0 {
			o.t.Fatalf("the waiting event has lost its message: %+v", events)
		}
		kept, err := o.store.Messages(ctx, chat, 1, 9)
		o.ok(err)
		if len(kept) != 1 || kept[0].Seq != 2 {
			o.t.Fatalf("%d rows are kept", len(kept))
		}
		o.ok(o.store.Update(ctx, func(tx store.Tx) error { return tx.DeleteEvents(ctx, []int64{events[0].ID}) }))
		expire(time.Now().Add(time.Hour))
		if kept, err = o.store.Messages(ctx, chat, 1, 9); err != nil || len(kept) != 0 {
			o.t.Errorf("%d rows are left, %v", len(kept), err)
		}
		o.say(1)
		o.wantSeen("bob", 6)
		// The same by an administrator's request.
		o.pass(48 * time.Hour)
		o.ok(o.store.Update(ctx, func(tx store.Tx) error { return nil }))
		o.ok(o.DeleteMessagesBefore(ctx, as("root"), time.Now().Add(24*time.Hour).Unix()))
		o.wantSeen("bob")
	})
}

func TestPurge(t *testing.T) {
	t.Parallel()
	onEngines(t, func(o *office) {
		ctx := context.Background()
		o.say(3)
		o.ok(o.DeleteMessages(ctx, as("ann"), "ann", chat, []int64{1, 2}, service.Reach{Everyone: true}))
		o.wantSeen("bob", 3)
		events, err := o.store.Events(ctx, 0, 100)
		o.ok(err)
		for _, e := range events {
			if e.Command.CarriesMessage() && len(e.Message) == 0 {
				o.t.Errorf("the event of %d has lost its message", e.Seq)
			}
		}
		rows := func() int {
			o.t.Helper()
			old, err := o.store.OldMessages(ctx, 0, 1<<60, 100)
			o.ok(err)
			return len(old)
		}
		before := rows()
		for range 2 {
			_, err := o.PurgeMessages(ctx, 10)
			o.ok(err)
		}
		if n := rows(); n != before {
			o.t.Errorf("%d of %d rows are left although events wait", n, before)
		}
		var ids []int64
		for _, e := range events {
			ids = append(ids, e.ID)
		}
		o.ok(o.store.Update(ctx, func(tx store.Tx) error { return tx.DeleteEvents(ctx, ids) }))
		if more, err := o.PurgeMessages(ctx, 1); err != nil || !more {
			o.t.Errorf("first of two: %v, %v", more, err)
		}
		if _, err := o.PurgeMessages(ctx, 10); err != nil || rows() != before-2 {
			o.t.Errorf("%d of %d rows are left, %v", rows(), before, err)
		}
	})
}
