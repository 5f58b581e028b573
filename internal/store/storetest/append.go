package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// checkLog wants that a conversation's numbers are 1..max without a gap, and
// returns how many there are.
func checkLog(t checker, st store.Store, conversation string) int64 {
	t.Helper()
	ctx := context.Background()
	state := must(st.SeqStates(ctx, []string{conversation}))(t)[conversation]
	rows := must(st.Messages(ctx, conversation, -1<<40, 1<<40))(t)
	same(t, "numbers of "+conversation, seqsOf(rows), span(1, state.MaxSeq))
	return state.MaxSeq
}

func readSeq(t checker, st store.Store, user, conversation string) int64 {
	t.Helper()
	return must(st.UserSeqs(context.Background(), user, []string{conversation}))(t)[conversation].ReadSeq
}

func appendItems(t checker, st store.Store, items ...*store.Item) {
	t.Helper()
	noErr(t, st.Append(context.Background(), items))
}

func testAppend(t *testing.T, st store.Store) {
	ctx := context.Background()
	if st.Shards() < 1 {
		t.Errorf("%d shards", st.Shards())
	}
	noErr(t, st.Ping(ctx))
	appendItems(t, st)
	appendItems(t, st, &store.Item{}, &store.Item{Messages: []*store.NewMessage{}})

	m := make([]*store.NewMessage, 7)
	for i, c := range []struct {
		conversation, sender string
		raise                bool
		events               int
	}{
		{"sg_b", "u", true, 1},
		{"si_a", "u", true, 0},
		{"sg_b", "v", false, 2},
		{"sg_b", "u", true, 0},
		{"si_a", "v", true, 1},
		{"n_a", "u", false, 0},
		{"sg_b", "w", true, 1},
	} {
		m[i] = message(c.conversation, c.sender, i)
		m[i].RaiseRead = c.raise
		for range c.events {
			m[i].Events = append(m[i].Events, messageEvent())
		}
	}
	one := &store.Item{Messages: m[:2], Err: errStop} // a left-over error is cleared
	appendItems(t, st, one, &store.Item{Messages: m[2:5]}, &store.Item{Messages: m[5:6]})
	noErr(t, one.Err)
	appendItems(t, st, &store.Item{Messages: m[6:]})

	for i, want := range []int64{1, 1, 2, 3, 2, 1, 4} {
		r := m[i].Record
		same(t, fmt.Sprintf("number of message %d", i), r.Seq, want)
		got := must(st.MessagesAt(ctx, r.ConversationID, []int64{r.Seq}))(t)
		same(t, "stored", withoutID(got), []im.Record{r})
	}
	type place struct {
		lane         string
		laneSeq, seq int64
	}
	var places []place
	for _, x := range m {
		for _, e := range x.Events {
			places = append(places, place{e.Lane, e.LaneSeq, e.Seq})
		}
	}
	same(t, "places of events", fmt.Sprint(places), "[{sg_b 1 1} {sg_b 2 2} {sg_b 3 2} {si_a 1 2} {sg_b 4 4}]")
	want := stored(m[0].Events[0], m[2].Events[0], m[2].Events[1], m[4].Events[0], m[6].Events[0])
	for i, j := range []int{0, 2, 2, 4, 6} {
		want[i].Message = m[j].Record.Body
	}
	same(t, "events", allEvents(t, st), want)
	for _, c := range []struct {
		user, conversation string
		seq                int64
	}{{"u", "sg_b", 3}, {"u", "si_a", 1}, {"v", "si_a", 2}, {"v", "sg_b", 0}, {"u", "n_a", 0}, {"w", "sg_b", 4}} {
		same(t, fmt.Sprintf("read position %+v", c), readSeq(t, st, c.user, c.conversation), c.seq)
	}
	// A position beyond the message (read elsewhere) does not fall.
	raise(t, st, "u", "si_a", 100)
	late := message("si_a", "u", 9)
	late.RaiseRead = true
	appendItems(t, st, &store.Item{Messages: []*store.NewMessage{late}})
	same(t, "read position", readSeq(t, st, "u", "si_a"), int64(100))

	// Any body is kept as it is, the empty one too.
	empty := message("si_a", "u", 10)
	empty.Record.Body = []byte{}
	appendItems(t, st, &store.Item{Messages: []*store.NewMessage{empty}})
	got := must(st.MessagesAt(ctx, "si_a", []int64{empty.Record.Seq}))(t)
	same(t, "empty body", withoutID(got), []im.Record{empty.Record})
}

func testAppendHooks(t *testing.T, st store.Store) {
	ctx := context.Background()
	var log []string
	note := func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
	hooked := func(conversation string, n int) *store.NewMessage {
		m := message(conversation, "u", n)
		m.First = func(ctx context.Context, tx store.Tx) error {
			note("first of %s", conversation)
			return tx.InsertUsers(ctx, []im.User{user("first of "+conversation, 1)})
		}
		m.After = func(ctx context.Context, tx store.Tx, seq int64) error {
			note("after %s %d", conversation, seq)
			rows := must(tx.MessagesAt(ctx, conversation, []int64{seq}))(t) // its own change is there
			same(t, "row inside", withoutID(rows), []im.Record{m.Record})
			same(t, "state inside", must(tx.SeqStates(ctx, []string{conversation}))(t)[conversation].MaxSeq >= seq, true)
			return nil
		}
		return m
	}
	with := func(name string, before int64) func(context.Context, store.Tx) error {
		return func(ctx context.Context, tx store.Tx) error {
			note("with %s", name)
			same(t, "state before", must(tx.SeqStates(ctx, []string{"c"}))(t)["c"].MaxSeq, before)
			return tx.InsertUsers(ctx, []im.User{user(name, 1)})
		}
	}
	appendItems(t, st,
		&store.Item{With: with("w1", 0), Messages: []*store.NewMessage{hooked("c", 1), hooked("d", 2), hooked("c", 3)}},
		&store.Item{With: with("w2", 0)},
		&store.Item{Messages: []*store.NewMessage{hooked("c", 4), hooked("e", 5)}})
	same(t, "order", log, []string{
		"with w1", "with w2", "first of c", "after c 1", "first of d", "after d 1", "after c 2", "after c 3", "first of e", "after e 1",
	})
	log = nil
	late := hooked("c", 6)
	late.Record.Body = nil // With may still make the body
	w3 := with("w3", 3)
	appendItems(t, st, &store.Item{Messages: []*store.NewMessage{late}, With: func(ctx context.Context, tx store.Tx) error {
		late.Record.Body = []byte("late")
		return w3(ctx, tx)
	}})
	same(t, "order", log, []string{"with w3", "after c 4"})
	same(t, "late body", must(st.LastMessage(ctx, "c", 1, 9))(t).Body, []byte("late"))
	ids := []string{"w1", "w2", "w3", "first of c", "first of d", "first of e"}
	same(t, "changes of hooks", len(must(st.Users(ctx, ids))(t)), len(ids))
}

func testAppendItemFails(t *testing.T, st store.Store) {
	ctx := context.Background()
	var items []*store.Item
	for i := range 5 {
		m := message("c", "u", i)
		m.RaiseRead = true
		m.Events = []*im.Event{messageEvent()}
		items = append(items, &store.Item{Messages: []*store.NewMessage{m, message(fmt.Sprintf("only%d", i), "u", i)}})
		items[i].With = func(ctx context.Context, tx store.Tx) error {
			noErr(t, tx.InsertUsers(ctx, []im.User{user(fmt.Sprintf("with%d", i), 1)}))
			must(tx.Step(ctx, im.ListFriends, "o", im.ChangeInsert, fmt.Sprintf("with%d", i)))(t)
			noErr(t, tx.AddEvents(ctx, []*im.Event{event(im.GroupLane("g")), event("c")}))
			if i%2 == 0 {
				return fmt.Errorf("item %d: %w", i, errStop)
			}
			return nil
		}
	}
	appendItems(t, st, items...)
	for i, it := range items {
		n := len(must(st.Users(ctx, []string{fmt.Sprintf("with%d", i)}))(t))
		rows := must(st.Messages(ctx, fmt.Sprintf("only%d", i), 1, 9))(t)
		if i%2 == 0 {
			wantErr(t, it.Err, errStop)
			same(t, "the item's own text", it.Err.Error(), fmt.Sprintf("item %d: %v", i, errStop))
		} else {
			noErr(t, it.Err)
		}
		same(t, "change of With", n, i%2)
		same(t, "messages", len(rows), i%2)
	}
	same(t, "messages", checkLog(t, st, "c"), int64(2))
	same(t, "read position", readSeq(t, st, "u", "c"), int64(2))
	v := must(st.Head(ctx, im.ListFriends, "o"))(t)
	same(t, "steps", v.Number, uint64(2))
	same(t, "elements", since(t, st, im.ListFriends, "o", v.ID, 1).Insert, []string{"with3"})
	events := plain(allEvents(t, st))
	same(t, "events", len(events), 2*3)
	checkLanes(t, events)

	// All fail: the append went well, and nothing is there.
	fail := func(context.Context, store.Tx) error { return errStop }
	items = []*store.Item{{With: fail, Messages: []*store.NewMessage{message("c", "u", 1)}}, {With: fail}}
	appendItems(t, st, items...)
	wantErr(t, items[0].Err, errStop)
	wantErr(t, items[1].Err, errStop)
	same(t, "messages", checkLog(t, st, "c"), int64(2))
	// A retry of the failed item finds everything as it was.
	items[0].With = nil
	appendItems(t, st, items[0])
	noErr(t, items[0].Err)
	same(t, "number", items[0].Messages[0].Record.Seq, int64(3))
}

// testAppendClosed wants a closed conversation to take nothing but what closes it,
// and the rest of an append to find its numbers as if the refused had never been.
func testAppendClosed(t *testing.T, st store.Store) {
	ctx := context.Background()
	appendMessages(t, st, "c", "u", 2)
	one := func(conversation string, n int) *store.Item {
		m := message(conversation, "u", n)
		m.RaiseRead, m.Events = true, []*im.Event{messageEvent()}
		return &store.Item{Messages: []*store.NewMessage{m}}
	}
	closing := func(conversation string) *store.Item {
		it := one(conversation, 10)
		it.Messages[0].Closing = true
		it.With = func(ctx context.Context, tx store.Tx) error { return tx.CloseChat(ctx, conversation) }
		return it
	}
	refused := func(items ...*store.Item) {
		t.Helper()
		for _, it := range items {
			if !im.IsKind(it.Err, im.GroupIsDismissed) {
				t.Errorf("got %v, want %v", it.Err, im.GroupIsDismissed)
			}
		}
	}
	// In one append with the end, before it or behind it: the end comes last.
	before, other, end, behind := one("c", 3), one("d", 4), closing("c"), one("c", 5)
	behind.Messages = append(one("d", 6).Messages, behind.Messages...) // all of an item or nothing
	appendItems(t, st, before, other, end, behind)
	refused(before, behind)
	noErr(t, errors.Join(other.Err, end.Err))
	same(t, "number of the end", end.Messages[0].Record.Seq, int64(3))
	same(t, "messages", checkLog(t, st, "c"), int64(3))
	same(t, "messages of another conversation", checkLog(t, st, "d"), int64(1))
	same(t, "read position", readSeq(t, st, "u", "c"), int64(3))
	same(t, "events", len(allEvents(t, st)), 2)
	checkLanes(t, plain(allEvents(t, st)))
	// Later ones, alone and among others; the change of a refused item is undone.
	alone, late, more := one("c", 7), one("c", 8), one("d", 9)
	late.With = func(ctx context.Context, tx store.Tx) error { return tx.InsertUsers(ctx, []im.User{user("late", 1)}) }
	appendItems(t, st, alone)
	appendItems(t, st, late, more)
	refused(alone, late)
	noErr(t, more.Err)
	same(t, "messages", checkLog(t, st, "c"), int64(3))
	same(t, "messages of another conversation", checkLog(t, st, "d"), int64(2))
	same(t, "changes", len(must(st.Users(ctx, []string{"late"}))(t)), 0)
	// A conversation without a message can be closed, too.
	noErr(t, st.Update(ctx, func(tx store.Tx) error { return tx.CloseChat(ctx, "empty") }))
	same(t, "a closed one without messages", checkLog(t, st, "empty"), int64(0))
	never := one("empty", 1)
	appendItems(t, st, never)
	refused(never)
	same(t, "messages", checkLog(t, st, "empty"), int64(0))
}

// testAppendItemBreaksTransaction fails a statement of With: on PostgreSQL the
// transaction then refuses everything until it is rolled back to a savepoint.
func testAppendItemBreaksTransaction(t *testing.T, st store.Store) {
	bad := &store.Item{Messages: []*store.NewMessage{message("c", "u", 1)}, With: func(ctx context.Context, tx store.Tx) error {
		noErr(t, tx.InsertUsers(ctx, []im.User{user("gone", 1)}))
		if _, err := tx.Users(ctx, []string{"\xff"}); err != nil { // no UTF-8: PostgreSQL refuses it
			return errors.Join(errStop, err)
		}
		return errStop
	}}
	good := func(i int) *store.Item {
		return &store.Item{Messages: []*store.NewMessage{message("c", "u", i)}, With: func(ctx context.Context, tx store.Tx) error {
			return tx.InsertUsers(ctx, []im.User{user(fmt.Sprintf("good%d", i), 1)})
		}}
	}
	a, b := good(1), good(2)
	appendItems(t, st, a, bad, b)
	noErr(t, a.Err)
	noErr(t, b.Err)
	wantErr(t, bad.Err, errStop)
	same(t, "messages", checkLog(t, st, "c"), int64(2))
	same(t, "users", len(must(st.Users(context.Background(), []string{"good1", "good2", "gone"}))(t)), 2)
}

// testAppendFails lets an append fail as a whole, in each place it can, and
// wants to find nothing of it afterwards.
func testAppendFails(t *testing.T, st store.Store) {
	ctx := context.Background()
	insertUsers(t, st, "u")
	appendMessages(t, st, "c", "u", 2)
	whole := func(change func(items []*store.Item)) (items []*store.Item) {
		for i := range 3 {
			m := message("c", "u", i)
			m.RaiseRead, m.Events = true, []*im.Event{messageEvent()}
			items = append(items, &store.Item{Messages: []*store.NewMessage{m}, With: func(ctx context.Context, tx store.Tx) error {
				noErr(t, tx.AddEvents(ctx, []*im.Event{event(im.UserLane("u"))}))
				return tx.InsertUsers(ctx, []im.User{user(fmt.Sprintf("w%d", i), 1)})
			}})
		}
		change(items)
		return items
	}
	unchanged := func(name string) {
		t.Helper()
		same(t, name+": messages", checkLog(t, st, "c"), int64(2))
		same(t, name+": another conversation", checkLog(t, st, "new"), int64(0))
		same(t, name+": users", len(must(st.Users(ctx, []string{"w0", "w1", "w2"}))(t)), 0)
		same(t, name+": outbox", stats(t, st)[0], int64(0))
		same(t, name+": read position", readSeq(t, st, "u", "c"), int64(0))
	}
	stop := func(context.Context, store.Tx) error { return errStop }
	for name, change := range map[string]func([]*store.Item){
		"after": func(items []*store.Item) {
			items[2].Messages[0].After = func(context.Context, store.Tx, int64) error { return errStop }
		},
		"first": func(items []*store.Item) {
			m := message("new", "u", 1)
			m.First = stop
			items[1].Messages = append(items[1].Messages, m)
		},
	} {
		wantErr(t, st.Append(ctx, whole(change)), errStop)
		unchanged(name)
	}
	if err := st.Append(ctx, whole(func(items []*store.Item) { items[2].Messages[0].Record.Body = nil })); err == nil {
		t.Error("a message without body was stored")
	}
	unchanged("no body")
	for name, change := range map[string]func([]*store.Item){
		"panic in with": func(items []*store.Item) { items[1].With = func(context.Context, store.Tx) error { panic("with") } },
		"panic in after": func(items []*store.Item) {
			items[1].Messages[0].After = func(context.Context, store.Tx, int64) error { panic("after") }
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			_ = st.Append(ctx, whole(change))
		}()
		unchanged(name)
	}
	// The same items go through once nothing is wrong with them.
	appendItems(t, st, whole(func([]*store.Item) {})...)
	same(t, "messages", checkLog(t, st, "c"), int64(5))
	checkLanes(t, plain(allEvents(t, st)))
	same(t, "events", stats(t, st)[0], int64(6))
}

// appendFrom appends in many small batches to a few conversations that all
// workers share. Every third batch has an item that fails alone, every fifth
// fails as a whole.
func appendFrom(st store.Store, worker, rounds int) (stored map[string][]int64, err error) {
	ctx := context.Background()
	stored = map[string][]int64{}
	for i := range rounds {
		var items []*store.Item
		for j := range 3 {
			id := fmt.Sprintf("c%d", (i+j*worker)%4)
			m := message(id, fmt.Sprintf("u%d", worker), i)
			m.RaiseRead, m.Events = true, []*im.Event{messageEvent()}
			items = append(items, &store.Item{Messages: []*store.NewMessage{m, message("n_"+id, "u", i)}})
		}
		if i%3 == 0 {
			items[1].With = func(ctx context.Context, tx store.Tx) error {
				return errors.Join(errStop, tx.PutAdmin(ctx, "never", "", 1))
			}
		}
		if i%5 == 0 {
			items[2].Messages[0].After = func(context.Context, store.Tx, int64) error { return errStop }
		}
		err := st.Append(ctx, items)
		if i%5 == 0 && errors.Is(err, errStop) {
			continue
		}
		if err != nil {
			return stored, err
		}
		for _, it := range items {
			if it.Err != nil {
				continue
			}
			for _, m := range it.Messages {
				stored[m.Record.ConversationID] = append(stored[m.Record.ConversationID], m.Record.Seq)
			}
		}
	}
	return stored, nil
}

// appendTogether runs appendFrom on several stores of one database at a time,
// and wants the numbers given to be unique and without gap.
func appendTogether(t *testing.T, stores []store.Store, workers, rounds int) {
	ctx := context.Background()
	var wg sync.WaitGroup
	var mu sync.Mutex
	given := map[string]map[int64]bool{}
	for w := range workers {
		wg.Go(func() {
			got, err := appendFrom(stores[w%len(stores)], w, rounds)
			if err != nil {
				t.Errorf("worker %d: %v", w, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for id, seqs := range got {
				if given[id] == nil {
					given[id] = map[int64]bool{}
				}
				last := int64(0)
				for _, s := range seqs {
					if given[id][s] || s <= last {
						t.Errorf("worker %d got number %d of %s, after %d; given before: %v", w, s, id, last, given[id][s])
					}
					given[id][s], last = true, s
				}
			}
		})
	}
	wg.Wait()
	var total int
	for id, seqs := range given {
		same(t, "messages of "+id, checkLog(t, stores[0], id), int64(len(seqs)))
		total += len(seqs)
	}
	events := plain(allEvents(t, stores[0]))
	checkLanes(t, events)
	same(t, "one event for each chat message", 2*len(events), total)
	_, err := stores[0].User(ctx, "never")
	wantKind(t, err, im.NotFound)
	for w := range workers { // each sender has read up to its own last message
		for c := range 4 {
			id, sender := fmt.Sprintf("c%d", c), fmt.Sprintf("u%d", w)
			var last int64
			for _, r := range must(stores[0].Messages(ctx, id, 1, 1<<40))(t) {
				if r.SendID == sender {
					last = r.Seq
				}
			}
			same(t, "read position of "+sender+" in "+id, readSeq(t, stores[0], sender, id), last)
		}
	}
}

func testAppendConcurrent(t *testing.T, st store.Store) {
	appendTogether(t, []store.Store{st}, 6, 30)
}
