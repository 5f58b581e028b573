package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// to makes an event one for an endpoint.
func to(endpoint string, e *im.Event) *im.Event {
	e.Endpoint = endpoint
	return e
}

// testEndpointEvents checks that each endpoint has lanes and rows of its own.
func testEndpointEvents(t *testing.T, st store.Store) {
	ctx := context.Background()
	const a, b = "ep_a", "ep_b"
	fan := func(e *im.Event) []*im.Event {
		other, third := *e, *e
		return []*im.Event{e, to(a, &other), to(b, &third)}
	}
	var all []*im.Event
	for i := range 3 {
		m := message("sg_g", "u", i)
		m.Events = fan(messageEvent())
		if i == 1 { // not for everybody
			m.Events = m.Events[:2]
		}
		more := append(fan(event(im.GroupLane("g"))), to(a, event("sg_g")), event("sg_g"), to(b, event(im.UserLane("u"))))
		with := func(ctx context.Context, tx store.Tx) error { return tx.AddEvents(ctx, more) }
		noErr(t, st.Append(ctx, []*store.Item{{Messages: []*store.NewMessage{m}, With: with}}))
		all = append(append(all, m.Events...), more...)
	}
	checkLanes(t, plain(allEvents(t, st)))
	same(t, "all events", plain(allEvents(t, st)), values(all))
	for _, endpoint := range []string{im.MainEndpoint, a, b, "ep_none"} {
		var want []im.Event
		for _, e := range all {
			if e.Endpoint == endpoint {
				want = append(want, *e)
			}
		}
		same(t, "of one", plain(must(st.EndpointEvents(ctx, endpoint, 0, 100))(t)), want)
		if len(want) > 2 {
			same(t, "some of one", plain(must(st.EndpointEvents(ctx, endpoint, want[0].ID, 2))(t)), want[1:3])
		}
	}
	same(t, "the last", must(st.LastEvent(ctx))(t), all[len(all)-1].ID)

	// A transaction that loses and runs again begins with the same events.
	lost := to(a, event(im.GroupLane("g")))
	wantErr(t, st.Update(ctx, func(tx store.Tx) error {
		noErr(t, tx.AddEvents(ctx, []*im.Event{lost}))
		return errStop
	}), errStop)
	lost.LaneSeq = 99
	addEvents(t, st, lost)
	same(t, "number", lost.LaneSeq, int64(4))

	gone := 0
	for {
		n := 0
		update(t, st, func(tx store.Tx) (err error) { n, err = tx.DeleteEndpointEvents(ctx, a, 3); return err })
		if gone += n; n == 0 {
			break
		}
	}
	same(t, "deleted: events and lanes", gone, 9+1+2)
	checkLanes(t, plain(allEvents(t, st)))
	same(t, "left", len(allEvents(t, st)), len(all)-9)
	again := to(a, event(im.GroupLane("g")))
	addEvents(t, st, again)
	same(t, "its lanes begin anew", again.LaneSeq, int64(1))
}

func values(events []*im.Event) (out []im.Event) {
	for _, e := range events {
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b im.Event) int { return int(a.ID - b.ID) })
	return out
}

func testBacklog(t *testing.T, st store.Store) {
	ctx := context.Background()
	backlog := func(endpoint string) store.Backlog { return must(st.Backlog(ctx, endpoint))(t) }
	same(t, "empty", backlog(im.MainEndpoint), store.Backlog{})
	var events []*im.Event
	for i := range 10 {
		e := to("ep_a", event(im.UserLane("u")))
		e.CreatedAt = int64(1000 + i)
		events = append(events, e)
	}
	addEvents(t, st, events...)
	same(t, "fresh", backlog("ep_a"), store.Backlog{Waiting: 10, Oldest: 1000})
	retries := []store.Retry{
		{ID: events[0].ID, Attempts: 1, NextAt: 500, Dead: true}, {ID: events[1].ID, Attempts: 1, NextAt: 900}, {ID: events[2].ID, Attempts: 1, NextAt: 500},
	}
	update(t, st, func(tx store.Tx) error { return tx.RetryEvents(ctx, retries) })
	same(t, "some of each", backlog("ep_a"), store.Backlog{Waiting: 7, Retrying: 2, Dead: 1, Oldest: 1001})
	same(t, "of another", backlog(im.MainEndpoint), store.Backlog{})

	// More than are counted: every second row is of this endpoint.
	var many []*im.Event
	const n = store.BacklogExact + 4000
	for i := range n {
		many = append(many, to("ep_b", event(im.UserLane("u"))), to("ep_c", event(im.UserLane(fmt.Sprint(i%7)))))
	}
	addEvents(t, st, many...)
	if got := backlog("ep_b").Waiting; got < n*99/100 || got > n*101/100 {
		t.Errorf("%d waiting, there are %d", got, n)
	}
}

// settle has events delivered.
func settle(t checker, st store.Store, keep store.LogPolicy, at int64, outcome store.Outcome, events ...*im.Event) {
	t.Helper()
	var all []store.Settled
	for _, e := range events {
		all = append(all, store.Settled{ID: e.ID, Outcome: outcome, Attempts: e.Attempts + 1, At: at, Last: store.Attempt{
			Status: 200, Took: 12, Error: "some ' text", Answer: []byte(`{"actionCode":0}`),
		}})
	}
	update(t, st, func(tx store.Tx) error { return tx.SettleEvents(context.Background(), all, keep) })
}

// record is what the log says of an event that was settled by settle.
func logged(e *im.Event, at int64, state store.EventState) store.EventRecord {
	r := store.EventRecord{Event: *e, State: state, InLog: true, SettledAt: at, Last: store.Attempt{
		Number: e.Attempts + 1, At: at, Status: 200, Took: 12, Error: "some ' text", Answer: []byte(`{"actionCode":0}`),
	}}
	r.Attempts, r.NextAt, r.Body = e.Attempts+1, 0, nil
	return r
}

// hookEvents returns what a filter lets pass, with the ids that rows of the log have.
func hookEvents(t checker, st store.Store, f store.EventFilter) []store.EventRecord {
	t.Helper()
	page := must(st.HookEvents(context.Background(), f, store.EventCursor{}, 1000))(t)
	if page.More {
		t.Errorf("more than 1000 events")
	}
	return page.Events
}

func testSettleEvents(t *testing.T, st store.Store) {
	ctx := context.Background()
	it := &store.Item{Messages: []*store.NewMessage{message("si_c", "u", 1)}}
	m := messageEvent()
	it.Messages[0].Events = []*im.Event{m}
	noErr(t, st.Append(ctx, []*store.Item{it}))
	a, b, c, d := event(im.UserLane("a")), event(im.UserLane("b")), event(im.UserLane("c")), event(im.UserLane("d"))
	addEvents(t, st, a, b, c, d)
	whole := store.LogPolicy{Bodies: true}
	settle(t, st, whole, 1000, store.Delivered, m, a)
	settle(t, st, whole, 2000, store.Aborted, b)
	settle(t, st, store.LogPolicy{}, 3000, store.MessageGone, c)
	settle(t, st, store.LogPolicy{Off: true}, 4000, store.Delivered, d)
	settle(t, st, whole, 1, store.Delivered)
	settle(t, st, whole, 5000, store.Delivered, a, &im.Event{ID: 1 << 50}) // gone: nothing to log
	same(t, "outbox", allEvents(t, st), []store.OutboxEvent{})

	got := hookEvents(t, st, store.EventFilter{})
	want := []store.EventRecord{
		logged(c, 3000, store.StateMessageGone), logged(b, 2000, store.StateAborted), logged(a, 1000, store.StateDelivered), logged(m, 1000, store.StateDelivered),
	}
	for i := range want {
		want[i].ID = got[i].ID
	}
	same(t, "log", got, want)
	same(t, "body of an event", must(st.HookBody(ctx, &got[2]))(t), a.Body)
	same(t, "body that is not kept", must(st.HookBody(ctx, &got[0]))(t), []byte(nil))
	same(t, "of a message", must(st.HookBody(ctx, &got[3]))(t), []byte(nil))
	same(t, "no such event", must(st.HookBody(ctx, &store.EventRecord{InLog: true, Event: im.Event{ID: got[2].ID, EventID: "other"}}))(t), []byte(nil))
}

func testDeadEvents(t *testing.T, st store.Store) {
	ctx := context.Background()
	a, b := event(im.UserLane("u")), to("ep_a", event(im.UserLane("u")))
	addEvents(t, st, a, b)
	attempt := func(n int) *store.Attempt {
		return &store.Attempt{Number: n, At: int64(100 * n), Status: 500 + n, Took: 7, Error: "status", Answer: []byte("no")}
	}
	for n := 1; n <= 2; n++ {
		update(t, st, func(tx store.Tx) error {
			return tx.RetryEvents(ctx, []store.Retry{
				{ID: a.ID, Attempts: n, NextAt: 700, FailedAt: 100, Error: "e", Attempt: attempt(n)},
				{ID: b.ID, Attempts: n, NextAt: 600, FailedAt: 90, Dead: n == 2, Error: "e"},
			})
		})
	}
	same(t, "attempts", must(st.HookAttempts(ctx, a.EventID, im.MainEndpoint, 10))(t), []store.Attempt{*attempt(1), *attempt(2)})
	same(t, "the first", must(st.HookAttempts(ctx, a.EventID, im.MainEndpoint, 1))(t), []store.Attempt{*attempt(1)})
	same(t, "not logged", must(st.HookAttempts(ctx, b.EventID, "ep_a", 10))(t), []store.Attempt{})
	same(t, "of another endpoint", must(st.HookAttempts(ctx, a.EventID, "ep_a", 10))(t), []store.Attempt{})
	same(t, "dead ones are not due", must(st.DueEvents(ctx, "ep_a", 1<<60, 10))(t), []store.OutboxEvent{})
	dead := hookEvents(t, st, store.EventFilter{State: store.StateDead})
	same(t, "dead", []any{len(dead), dead[0].EventID, dead[0].Endpoint, dead[0].Attempts, dead[0].Last.Error, dead[0].InLog},
		[]any{1, b.EventID, "ep_a", 2, "e", false})
	same(t, "body", must(st.HookBody(ctx, &dead[0]))(t), b.Body)

	var n int
	update(t, st, func(tx store.Tx) (err error) { n, err = tx.ReplayEvents(ctx, dead, 5000); return err })
	same(t, "replayed", n, 1)
	same(t, "not yet", must(st.DueEvents(ctx, "ep_a", 4999, 10))(t), []store.OutboxEvent{})
	again := must(st.DueEvents(ctx, "ep_a", 5000, 10))(t)
	b.Attempts, b.NextAt = 2, 5000
	same(t, "due", again, []store.OutboxEvent{{Event: *b, Base: 2, LastError: "e"}})
	same(t, "backlog", must(st.Backlog(ctx, "ep_a"))(t).Dead, int64(0))
}

func testReplayEvents(t *testing.T, st store.Store) {
	ctx := context.Background()
	a, b, c, d := event(im.UserLane("u")), to("ep_a", event("sg_g")), event(im.UserLane("u")), event(im.UserLane("u"))
	d.EventID = c.EventID + "x"
	addEvents(t, st, a, b, c, d)
	settle(t, st, store.LogPolicy{Bodies: true}, 1000, store.Delivered, a, b)
	settle(t, st, store.LogPolicy{}, 1000, store.Delivered, c)
	all := hookEvents(t, st, store.EventFilter{})
	same(t, "events", len(all), 4)
	for round, want := range []int{2, 1} { // a attempted in the outbox is sent again at once
		var n int
		if round == 1 {
			for _, due := range must(st.DueEvents(ctx, "ep_a", 1<<60, 10))(t) {
				update(t, st, func(tx store.Tx) error {
					return tx.SettleEvents(ctx, []store.Settled{{ID: due.ID, Outcome: store.Delivered, Attempts: 2, At: 2000}}, store.LogPolicy{Bodies: true})
				})
			}
		}
		update(t, st, func(tx store.Tx) (err error) { n, err = tx.ReplayEvents(ctx, all, 9000); return err })
		same(t, "replayed", n, want)
	}
	a.Attempts, a.NextAt, b.Attempts, b.NextAt = 1, 9000, 1, 9000
	due := must(st.DueEvents(ctx, im.MainEndpoint, 9000, 10))(t)
	a.ID = due[0].ID
	same(t, "main", due, []store.OutboxEvent{{Event: *a, Base: 1}})
	due = must(st.DueEvents(ctx, "ep_a", 9000, 10))(t)
	b.ID = due[0].ID
	same(t, "the other", due, []store.OutboxEvent{{Event: *b, Base: 1}})
	same(t, "the log goes on counting", len(hookEvents(t, st, store.EventFilter{EventID: b.EventID, State: store.StateDelivered})), 2)
}

func testHookEventFilters(t *testing.T, st store.Store) {
	ctx := context.Background()
	a, b, c, d := event(im.UserLane("u")), to("ep_a", event("sg_g")), event(im.UserLane("v")), event(im.UserLane("u"))
	for i, e := range []*im.Event{a, b, c, d} {
		e.CreatedAt = int64(1_700_000_000_000 + 1000*i)
		e.EventID = im.EventIDFrom(e.CreatedAt) + "x"
	}
	d.Command, d.OperationID = im.AfterUserOnline, "other"
	addEvents(t, st, a, b, c, d)
	settle(t, st, store.LogPolicy{}, 1000, store.Delivered, a, b)
	update(t, st, func(tx store.Tx) error { return tx.RetryEvents(ctx, []store.Retry{{ID: c.ID, Attempts: 1, NextAt: 9}}) })
	endpoint, main := "ep_a", im.MainEndpoint
	for name, tc := range map[string]struct {
		f    store.EventFilter
		want []*im.Event
	}{
		"all":               {store.EventFilter{}, []*im.Event{d, c, b, a}},
		"endpoint":          {store.EventFilter{Endpoint: &endpoint}, []*im.Event{b}},
		"main":              {store.EventFilter{Endpoint: &main}, []*im.Event{d, c, a}},
		"event in outbox":   {store.EventFilter{EventID: c.EventID}, []*im.Event{c}},
		"event in log":      {store.EventFilter{EventID: a.EventID}, []*im.Event{a}},
		"waiting":           {store.EventFilter{State: store.StateWaiting}, []*im.Event{d}},
		"retrying":          {store.EventFilter{State: store.StateRetrying}, []*im.Event{c}},
		"dead":              {store.EventFilter{State: store.StateDead}, nil},
		"delivered":         {store.EventFilter{State: store.StateDelivered}, []*im.Event{b, a}},
		"aborted":           {store.EventFilter{State: store.StateAborted}, nil},
		"command":           {store.EventFilter{Command: im.AfterUserOnline}, []*im.Event{d}},
		"lane":              {store.EventFilter{Lane: im.UserLane("u")}, []*im.Event{d, a}},
		"operation":         {store.EventFilter{OperationID: "other"}, []*im.Event{d}},
		"from":              {store.EventFilter{From: b.CreatedAt}, []*im.Event{d, c, b}},
		"to":                {store.EventFilter{To: b.CreatedAt}, []*im.Event{a}},
		"range":             {store.EventFilter{From: b.CreatedAt, To: d.CreatedAt}, []*im.Event{c, b}},
		"several at a time": {store.EventFilter{Lane: im.UserLane("u"), State: store.StateDelivered, Endpoint: &main}, []*im.Event{a}},
	} {
		var got, want []string
		for _, e := range hookEvents(t, st, tc.f) {
			got = append(got, e.EventID)
		}
		for _, e := range tc.want {
			want = append(want, e.EventID)
		}
		same(t, name, got, want)
	}
}

func testHookEventPages(t *testing.T, st store.Store) {
	ctx := context.Background()
	var want []string
	var first []*im.Event
	for i := range 20 {
		e := event(im.UserLane("u"))
		addEvents(t, st, e)
		want = append([]string{e.EventID}, want...)
		if i < 11 {
			first = append(first, e)
		}
	}
	settle(t, st, store.LogPolicy{}, 1000, store.Delivered, first...)
	for _, size := range []int{1, 3, 9, 11, 20, 21, -1, -3, -9, -11, -20, -21} {
		var got []string
		var at store.EventCursor
		if size == -1 {
			slices.Reverse(want)
		}
		for pages := 0; ; pages++ {
			page := must(st.HookEvents(ctx, store.EventFilter{OldestFirst: size < 0}, at, max(size, -size)))(t)
			for _, e := range page.Events {
				got = append(got, e.EventID)
			}
			if at = page.Next; !page.More || pages > 30 {
				break
			}
		}
		same(t, fmt.Sprint("pages of ", size), got, want)
	}
	// What is far down is found, a bounded number of rows at a time.
	var many []*im.Event
	for range 25_000 {
		many = append(many, event(im.UserLane("v")))
	}
	addEvents(t, st, many...)
	pages, found := 0, 0
	for at := (store.EventCursor{}); ; pages++ {
		page := must(st.HookEvents(ctx, store.EventFilter{Lane: im.UserLane("u"), State: store.StateWaiting}, at, 100))(t)
		found += len(page.Events)
		if at = page.Next; !page.More {
			break
		}
	}
	same(t, "found in pages", []int{found, pages + 1}, []int{9, 2})
}

func testPruneHookLog(t *testing.T, st store.Store) {
	ctx := context.Background()
	var events []*im.Event
	for range 10 {
		events = append(events, event(im.UserLane("u")))
	}
	addEvents(t, st, events...)
	for i, e := range events {
		update(t, st, func(tx store.Tx) error {
			return tx.RetryEvents(ctx, []store.Retry{{ID: e.ID, Attempts: 1, NextAt: 9, Attempt: &store.Attempt{Number: 1, At: int64(i)}}})
		})
		settle(t, st, store.LogPolicy{}, int64(i), store.Delivered, e)
	}
	prune := func(before int64, most, limit int) (n int) {
		update(t, st, func(tx store.Tx) (err error) { n, err = tx.PruneHookLog(ctx, before, most, limit); return err })
		return n
	}
	left := func() (n int) {
		for _, e := range events {
			n += len(must(st.HookAttempts(ctx, e.EventID, im.MainEndpoint, 9))(t))
		}
		return n
	}
	same(t, "nothing is so old", prune(0, 100, 100), 0)
	same(t, "by age, two at a time", []int{prune(3, 100, 2), prune(3, 100, 2), prune(3, 100, 2)}, []int{4, 2, 0})
	same(t, "by number", []int{prune(0, 5, 100), prune(0, 5, 100)}, []int{4, 0})
	same(t, "left", []int{len(hookEvents(t, st, store.EventFilter{})), left()}, []int{5, 5})
	same(t, "all", []int{prune(1000, 100, 100), len(hookEvents(t, st, store.EventFilter{})), left(), prune(1000, 0, 100)}, []int{10, 0, 0, 0})
}

func testEndpoints(t *testing.T, st store.Store) {
	ctx := context.Background()
	same(t, "none", must(st.Endpoints(ctx))(t), []im.Endpoint{})
	before := must(st.WebhookVersion(ctx))(t)
	put := func(e im.Endpoint) {
		t.Helper()
		update(t, st, func(tx store.Tx) error {
			must(tx.RaiseWebhookVersion(ctx))(t)
			return tx.PutEndpoint(ctx, &e)
		})
	}
	a := im.Endpoint{
		ID: "ep_a", URL: "https://a.example/x?y=1", Description: "说 ' \"", Secrets: []im.EndpointSecret{{Key: "whsec_1", ValidTo: 5}, {Key: "whsec_2"}},
		SigningKey: "whsk_x", Rate: 7, Concurrency: 3, Batch: 20, PausedAt: 9, PausedReason: "410 '", ResumedTo: 3, CreatedAt: 100, UpdatedAt: 101,
		EndpointFilter: im.EndpointFilter{
			Commands: []im.Command{im.AfterUserOnline}, ContentTypes: []im.TypeRange{{First: 101, Last: 110}}, Denied: []im.TypeRange{{First: 5, Last: 5}},
			Senders: []string{"s"}, Receivers: []string{"r"}, Groups: []string{"g"},
		},
	}
	b := im.Endpoint{ID: "ep_b", URL: "http://b", CreatedAt: 50}
	main := im.Endpoint{ID: im.MainEndpoint, PausedAt: 1, PausedReason: "x"}
	put(a)
	put(b)
	update(t, st, func(tx store.Tx) error {
		must(tx.RaiseWebhookVersion(ctx))(t)
		return tx.PauseEndpoint(ctx, im.MainEndpoint, 1, "x")
	})
	same(t, "all", must(st.Endpoints(ctx))(t), []im.Endpoint{main, b, a})
	same(t, "version", must(st.WebhookVersion(ctx))(t), before+3)
	a.URL, a.PausedAt, a.PausedReason, a.DeletedAt, a.Secrets = "http://other", 0, "", 77, nil
	put(a)
	same(t, "changed", must(st.Endpoints(ctx))(t), []im.Endpoint{main, b, a})
	pause := func(id string, at int64, reason string) {
		t.Helper()
		update(t, st, func(tx store.Tx) error {
			same(t, "version", must(tx.RaiseWebhookVersion(ctx))(t), must(tx.WebhookVersion(ctx))(t))
			return tx.PauseEndpoint(ctx, id, at, reason)
		})
	}
	pause("ep_b", 12, "why")
	pause("ep_none", 12, "why")
	pause(im.MainEndpoint, 0, "")
	b.PausedAt, b.PausedReason, main.PausedAt, main.PausedReason = 12, "why", 0, ""
	same(t, "paused and resumed", must(st.Endpoints(ctx))(t), []im.Endpoint{main, b, a})

	// What is in the outbox when a pause ends is its backlog, whatever becomes of it.
	event := func() int64 {
		t.Helper()
		e := &im.Event{EventID: im.NewEventID(), Endpoint: "ep_b", Lane: "group:g", Command: im.AfterUserOnline, Body: []byte(`{}`), CreatedAt: 1}
		update(t, st, func(tx store.Tx) error { return tx.AddEvents(ctx, []*im.Event{e}) })
		return e.ID
	}
	event()
	b.PausedAt, b.PausedReason, b.ResumedTo = 0, "", event()
	pause("ep_b", 0, "")
	same(t, "resumed with a backlog", must(st.Endpoints(ctx))(t), []im.Endpoint{main, b, a})
	event()
	pause("ep_b", 0, "")
	same(t, "resumed though it was not paused", must(st.Endpoints(ctx))(t), []im.Endpoint{main, b, a})
	pause("ep_b", 13, "again")
	b.PausedAt, b.PausedReason = 13, "again"
	same(t, "paused again", must(st.Endpoints(ctx))(t), []im.Endpoint{main, b, a})
	pause("ep_b", 0, "")
	b.PausedAt, b.PausedReason, b.ResumedTo = 0, "", event()-1
	same(t, "resumed again", must(st.Endpoints(ctx))(t), []im.Endpoint{main, b, a})
	update(t, st, func(tx store.Tx) error { return tx.ForgetEndpoint(ctx, "ep_a") })
	same(t, "forgotten", must(st.Endpoints(ctx))(t), []im.Endpoint{main, b})
}

func testLeases(t *testing.T, st store.Store) {
	ctx := context.Background()
	take := func(was store.Lease, node string) (l store.Lease, ok bool) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) { l, ok, err = tx.TakeLease(ctx, was, node); return err })
		return l, ok
	}
	renew := func(l store.Lease) (ok bool) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) { ok, err = tx.RenewLease(ctx, l); return err })
		return ok
	}
	one, ok := take(store.Lease{Endpoint: "ep_a"}, "n1")
	same(t, "taken", []any{one, ok}, []any{store.Lease{Endpoint: "ep_a", Node: "n1", Epoch: 1}, true})
	if _, ok := take(store.Lease{Endpoint: "ep_a"}, "n2"); ok {
		t.Error("a lease was given twice")
	}
	same(t, "renewed", renew(one), true)
	seen := must(st.Leases(ctx))(t)
	same(t, "beat", seen, []store.Lease{{Endpoint: "ep_a", Node: "n1", Epoch: 1, Beat: 1}})
	if _, ok := take(one, "n2"); ok {
		t.Error("taken though it was renewed since")
	}
	two, ok := take(seen[0], "n2")
	same(t, "taken over", []any{two, ok}, []any{store.Lease{Endpoint: "ep_a", Node: "n2", Epoch: 2, Beat: 1}, true})
	same(t, "the old one is over", renew(one), false)
	update(t, st, func(tx store.Tx) error { return tx.ReleaseLease(ctx, one, "") })
	same(t, "and cannot be given back", must(st.Leases(ctx))(t), []store.Lease{two})
	update(t, st, func(tx store.Tx) error { return tx.ReleaseLease(ctx, two, "n3") })
	two.Node = "n3"
	same(t, "given on", must(st.Leases(ctx))(t), []store.Lease{two})
	update(t, st, func(tx store.Tx) error { return tx.ReleaseLease(ctx, two, "") })
	two.Node = ""
	same(t, "given back", must(st.Leases(ctx))(t), []store.Lease{two})
	update(t, st, func(tx store.Tx) error { return tx.ForgetLease(ctx, one) })
	same(t, "of another epoch", must(st.Leases(ctx))(t), []store.Lease{two})
	update(t, st, func(tx store.Tx) error { return tx.ForgetLease(ctx, two) })
	same(t, "gone", must(st.Leases(ctx))(t), []store.Lease{})
	take(store.Lease{Endpoint: "ep_a"}, "n1")
	update(t, st, func(tx store.Tx) error { return tx.ForgetEndpoint(ctx, "ep_a") })
	same(t, "forgotten", must(st.Leases(ctx))(t), []store.Lease{})
}
