package storetest

import (
	"cmp"
	"context"
	"slices"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// event returns a new event of a lane, with a body of its own.
func event(lane string) *im.Event {
	e := messageEvent()
	e.Lane, e.Command, e.Body = lane, im.AfterSetGroupInfo, []byte(`{"event":"`+e.EventID+`"}`)
	return e
}

// messageEvent returns a new event about a message: lane and number are the message's.
func messageEvent() *im.Event {
	return &im.Event{EventID: im.NewEventID(), Command: im.AfterSendGroupMsg, OperationID: "op", CreatedAt: 1_700_000_000_000}
}

func addEvents(t checker, st store.Store, events ...*im.Event) {
	t.Helper()
	update(t, st, func(tx store.Tx) error { return tx.AddEvents(context.Background(), events) })
}

// allEvents returns the fresh events in order.
func allEvents(t checker, st store.Store) []store.OutboxEvent {
	t.Helper()
	return must(st.Events(context.Background(), 0, 1_000_000))(t)
}

func stored(events ...*im.Event) []store.OutboxEvent {
	out := make([]store.OutboxEvent, len(events))
	for i, e := range events {
		out[i].Event = *e
	}
	return out
}

// checkLanes wants that in the order of ids the events of each lane count 1, 2, 3...
// and that no event is there twice.
func checkLanes(t checker, events []im.Event) {
	t.Helper()
	slices.SortFunc(events, func(a, b im.Event) int { return cmp.Compare(a.ID, b.ID) })
	last := map[string]int64{}
	ids := map[int64]bool{}
	names := map[string]bool{}
	for _, e := range events {
		lane, name := e.Endpoint+"/"+e.Lane, e.Endpoint+"/"+e.EventID
		if e.LaneSeq != last[lane]+1 {
			t.Errorf("event %d of lane %q has number %d after %d", e.ID, lane, e.LaneSeq, last[lane])
		}
		last[lane] = e.LaneSeq
		if e.ID <= 0 || ids[e.ID] || names[name] {
			t.Errorf("event %d (%s) is there twice, or has no id", e.ID, name)
		}
		ids[e.ID], names[name] = true, true
	}
}

func plain(events []store.OutboxEvent) []im.Event {
	out := make([]im.Event, len(events))
	for i := range events {
		out[i] = events[i].Event
	}
	return out
}

func stats(t checker, st store.Store) [2]int64 {
	t.Helper()
	b := must(st.Backlog(context.Background(), im.MainEndpoint))(t)
	return [2]int64{b.Waiting + b.Retrying + b.Dead, b.Oldest}
}

func testEvents(t *testing.T, st store.Store) {
	ctx := context.Background()
	same(t, "empty outbox", must(st.Events(ctx, 0, 10))(t), []store.OutboxEvent{})
	same(t, "empty outbox", must(st.DueEvents(ctx, im.MainEndpoint, 1<<60, 10))(t), []store.OutboxEvent{})
	same(t, "empty outbox", stats(t, st), [2]int64{0, 0})
	addEvents(t, st)
	update(t, st, func(tx store.Tx) error { return tx.DeleteEvents(ctx, nil) })
	update(t, st, func(tx store.Tx) error { return tx.RetryEvents(ctx, nil) })

	a, b, c := event(im.GroupLane("g")), event(im.UserLane("u")), event(im.GroupLane("g"))
	a.CreatedAt, b.CreatedAt = 1_650_000_000_000, 1_600_000_000_000
	addEvents(t, st, a, b)
	addEvents(t, st, c)
	if a.ID <= 0 || b.ID <= a.ID || c.ID <= b.ID {
		t.Fatalf("ids %d, %d, %d", a.ID, b.ID, c.ID)
	}
	same(t, "lane numbers", []int64{a.LaneSeq, b.LaneSeq, c.LaneSeq}, []int64{1, 1, 2})
	same(t, "events", must(st.Events(ctx, 0, 10))(t), stored(a, b, c))
	same(t, "the first", must(st.Events(ctx, 0, 1))(t), stored(a))
	same(t, "after the first", must(st.Events(ctx, a.ID, 10))(t), stored(b, c))
	same(t, "after the last", must(st.Events(ctx, c.ID, 10))(t), []store.OutboxEvent{})
	same(t, "no limit left", must(st.Events(ctx, 0, 0))(t), []store.OutboxEvent{})
	same(t, "stats: the first, which is not quite the oldest", stats(t, st), [2]int64{3, a.CreatedAt})

	// The body of a message is joined to its event; of one that is not there it is nil.
	it := &store.Item{Messages: []*store.NewMessage{message("si_c", "u", 1), message("si_c", "u", 2)}}
	d, e, f := messageEvent(), messageEvent(), event("si_c")
	it.Messages[1].Events = []*im.Event{d, e}
	f.Seq, f.Body = 99, nil
	noErr(t, st.Append(ctx, []*store.Item{it}))
	addEvents(t, st, f)
	want := stored(d, e, f)
	want[0].Message, want[1].Message = body(2), body(2)
	same(t, "lane and number are the message's", [][]any{{d.Lane, d.LaneSeq, d.Seq}, {e.Lane, e.LaneSeq, e.Seq}, {f.Lane, f.LaneSeq, f.Seq}},
		[][]any{{"si_c", int64(1), int64(2)}, {"si_c", int64(2), int64(2)}, {"si_c", int64(3), int64(99)}})
	got := must(st.Events(ctx, c.ID, 10))(t)
	same(t, "events about messages", got, want)
	if got[2].Body != nil || got[2].Message != nil {
		t.Errorf("no bodies: %v, %v", got[2].Body, got[2].Message)
	}
	checkLanes(t, plain(allEvents(t, st)))

	// Deleting: some, unknown ones, and the same again. Ids are never given twice.
	for range 2 {
		update(t, st, func(tx store.Tx) error { return tx.DeleteEvents(ctx, []int64{a.ID, f.ID, 1 << 50, f.ID}) })
		same(t, "after deleting", must(st.Events(ctx, 0, 2))(t), stored(b, c))
		same(t, "stats", stats(t, st), [2]int64{4, b.CreatedAt})
	}
	g := event("si_c")
	addEvents(t, st, g)
	if g.ID <= f.ID || g.LaneSeq != 4 {
		t.Errorf("after deleting event %d, lane number 3, came %d, lane number %d", f.ID, g.ID, g.LaneSeq)
	}

	// Many at once, in lanes with odd names.
	var many []*im.Event
	for i := range 700 {
		many = append(many, event(edgeIDs[i%len(edgeIDs)]))
	}
	addEvents(t, st, many...)
	got = must(st.Events(ctx, g.ID, 1000))(t)
	same(t, "many events, in order", got, stored(many...))
	checkLanes(t, plain(got))
	var ids []int64
	for _, e := range allEvents(t, st) {
		ids = append(ids, e.ID)
	}
	update(t, st, func(tx store.Tx) error { return tx.DeleteEvents(ctx, ids) })
	same(t, "all deleted", stats(t, st), [2]int64{0, 0})
}

func testEventRetries(t *testing.T, st store.Store) {
	ctx := context.Background()
	var events []*im.Event
	for range 5 {
		events = append(events, event(im.UserLane("u")))
	}
	addEvents(t, st, events...)
	faults := make([]string, len(events))
	attempted := func(at ...int) (out []store.OutboxEvent) {
		for _, i := range at {
			out = append(out, store.OutboxEvent{Event: *events[i], FailedAt: 50, LastError: faults[i]})
		}
		return out
	}
	retry := func(i, attempts int, nextAt int64) store.Retry {
		events[i].Attempts, events[i].NextAt = attempts, nextAt
		faults[i] = "refused ' 拒绝"
		return store.Retry{ID: events[i].ID, Attempts: attempts, NextAt: nextAt, FailedAt: 50, Error: faults[i]}
	}
	retries := []store.Retry{retry(3, 1, 100), retry(1, 2, 300), retry(4, 1, 100), {ID: 1 << 50, Attempts: 1, NextAt: 1, Error: "no such event"}}
	update(t, st, func(tx store.Tx) error { return tx.RetryEvents(ctx, retries) })
	same(t, "fresh ones", allEvents(t, st), stored(events[0], events[2]))
	for _, c := range []struct {
		now   int64
		limit int
		want  []store.OutboxEvent
	}{
		{99, 10, nil},
		{100, 10, attempted(3, 4)},
		{299, 10, attempted(3, 4)},
		{300, 10, attempted(3, 4, 1)},
		{1 << 60, 1, attempted(3)},
	} {
		same(t, "due", must(st.DueEvents(ctx, im.MainEndpoint, c.now, c.limit))(t), c.want)
	}
	same(t, "stats count all", stats(t, st)[0], int64(5))
	retries = []store.Retry{retry(3, 2, 900)}
	update(t, st, func(tx store.Tx) error { return tx.RetryEvents(ctx, retries) })
	same(t, "the oldest due first", must(st.DueEvents(ctx, im.MainEndpoint, 1000, 10))(t), attempted(4, 1, 3))
	update(t, st, func(tx store.Tx) error { return tx.DeleteEvents(ctx, []int64{events[4].ID}) })
	same(t, "after deleting", must(st.DueEvents(ctx, im.MainEndpoint, 1000, 10))(t), attempted(1, 3))
}

// testLanes checks how lanes count: in one transaction, across rollbacks, and
// when message events and others share a conversation's lane.
func testLanes(t *testing.T, st store.Store) {
	ctx := context.Background()
	lanes := []string{im.GroupLane("g"), im.UserLane("u"), "si_a_b", "sg_g", im.GroupLane("g"), "sg_g", "group", "user:", "group:"}
	for range 3 {
		var events []*im.Event
		for _, l := range lanes {
			events = append(events, event(l))
		}
		addEvents(t, st, events...)
		// Given out inside a transaction that is rolled back: taken back.
		wantErr(t, st.Update(ctx, func(tx store.Tx) error {
			var lost []*im.Event
			for _, l := range lanes {
				lost = append(lost, event(l))
			}
			noErr(t, tx.AddEvents(ctx, lost))
			return errStop
		}), errStop)
	}
	// Several calls in one transaction.
	update(t, st, func(tx store.Tx) error {
		for _, l := range lanes {
			if err := tx.AddEvents(ctx, []*im.Event{event(l)}); err != nil {
				return err
			}
		}
		return nil
	})
	same(t, "events", len(allEvents(t, st)), 4*len(lanes))
	checkLanes(t, plain(allEvents(t, st)))

	// An append with events from every place it can have them, one lane for all.
	for range 2 {
		m := message("sg_g", "u", 1)
		m.Events = []*im.Event{messageEvent(), messageEvent()}
		add := func(ctx context.Context, tx store.Tx) error {
			return tx.AddEvents(ctx, []*im.Event{event("sg_g"), event(im.GroupLane("g"))})
		}
		m.First = add
		m.After = func(ctx context.Context, tx store.Tx, _ int64) error { return add(ctx, tx) }
		failing := func(ctx context.Context, tx store.Tx) error { noErr(t, add(ctx, tx)); return errStop }
		items := []*store.Item{{With: add, Messages: []*store.NewMessage{m}}, {With: failing}, {With: add}}
		noErr(t, st.Append(ctx, items))
		wantErr(t, items[1].Err, errStop)
	}
	same(t, "events", len(allEvents(t, st)), 4*len(lanes)+2*(2+2+2+2)+2)
	checkLanes(t, plain(allEvents(t, st)))
}
