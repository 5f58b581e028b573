package msglog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/storetest"
	"parley/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// published collects what a log passes on.
type published struct {
	mu   sync.Mutex
	list []*Delivery
}

func (p *published) add(batch []*Delivery) {
	acknowledge(batch)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, batch...)
}

// acknowledge does what delivery does after it has queued a message.
func acknowledge(batch []*Delivery) {
	for _, d := range batch {
		d.Acknowledge()
	}
}

func (p *published) all() []*Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*Delivery(nil), p.list...)
}

// start runs a log on a store until the test ends.
func start(t *testing.T, st store.Store, change ...func(*Options)) (*Log, *published) {
	t.Helper()
	p := new(published)
	o := Options{
		Store: st, Encode: wire.Body, Publish: p.add, Log: slog.New(slog.DiscardHandler),
		First: func(context.Context, store.Tx, *Delivery) error { return nil },
	}
	for _, f := range change {
		f(&o)
	}
	l := New(o)
	if err := l.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	return l, p
}

func text(from, to string, n int) *Delivery {
	return &Delivery{Message: &im.Message{
		SendID: from, RecvID: to, ClientMsgID: fmt.Sprintf("%s-%s-%d", from, to, n), ServerMsgID: im.NewID(),
		SessionType: im.SessionSingle, ContentType: im.ContentText, Content: []byte(`{"content":"x"}`), SendTime: int64(n + 1),
	}}
}

func TestNumbersHaveNoGapUnderConcurrency(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st := open(t)
		l, pub := start(t, st)
		const senders, each, conversations = 8, 60, 3
		var failed atomic.Int64
		var wg sync.WaitGroup
		for s := range senders {
			wg.Go(func() {
				for n := range each {
					e := &Entry{Messages: []*Delivery{text(fmt.Sprint("s", s), fmt.Sprint("z", n%conversations), n)}, Once: true}
					if n%10 == 3 { // some are rolled back and must leave no hole
						e.With = func(context.Context, store.Tx) error { return errors.New("no") }
					}
					if _, err := l.Append(context.Background(), e); err != nil {
						failed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if want := int64(senders * each / 10); failed.Load() != want {
			t.Fatalf("%d entries failed, want %d", failed.Load(), want)
		}
		for s := range senders {
			for c := range conversations {
				id := im.SingleConversationID(fmt.Sprint("s", s), fmt.Sprint("z", c))
				rows, err := st.Messages(context.Background(), id, 1, 1<<40)
				if err != nil {
					t.Fatal(err)
				}
				for i, r := range rows {
					if r.Seq != int64(i+1) || i > 0 && r.SendTime <= rows[i-1].SendTime {
						t.Fatalf("%s: place %d holds seq %d, sent at %d", id, i+1, r.Seq, r.SendTime)
					}
				}
				states, err := st.SeqStates(context.Background(), []string{id})
				if err != nil || states[id].MaxSeq != int64(len(rows)) {
					t.Fatalf("%s: counter %d, %d rows, %v", id, states[id].MaxSeq, len(rows), err)
				}
			}
		}
		l.Stop()
		last := map[string]int64{}
		for _, d := range pub.all() {
			if d.Record.Seq != last[d.Record.ConversationID]+1 {
				t.Fatalf("%s: published %d after %d", d.Record.ConversationID, d.Record.Seq, last[d.Record.ConversationID])
			}
			last[d.Record.ConversationID] = d.Record.Seq
		}
	})
}

func TestRepetitionGetsTheFirstAnswer(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st := open(t)
		l, _ := start(t, st)
		ctx := context.Background()
		first, err := l.Append(ctx, &Entry{Messages: []*Delivery{text("a", "b", 1)}, Once: true})
		if err != nil {
			t.Fatal(err)
		}
		// The same again at once, many times in one batch, and after a restart of the log.
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				r, err := l.Append(ctx, &Entry{Messages: []*Delivery{text("a", "b", 1)}, Once: true})
				if err != nil || !r.Repeated || r.ServerMsgID != first.ServerMsgID || r.SendTime != first.SendTime {
					t.Errorf("repetition answered %+v, %v; the first was %+v", r, err, first)
				}
			})
		}
		wg.Wait()
		l.Stop()
		l, _ = start(t, st)
		r, err := l.Append(ctx, &Entry{Messages: []*Delivery{text("a", "b", 1)}, Once: true})
		if err != nil || !r.Repeated || r.ServerMsgID != first.ServerMsgID {
			t.Fatalf("after a restart the repetition is answered %+v, %v; the first was %+v", r, err, first)
		}
		if rows, err := st.Messages(ctx, "si_a_b", 1, 10); err != nil || len(rows) != 1 {
			t.Fatalf("%d rows stored, %v", len(rows), err)
		}
	})
}

func TestRepetitionsInOneBatchAreStoredOnce(t *testing.T) {
	st := storetest.NewSQLite(t).Open(t)
	release := make(chan struct{})
	l, pub := start(t, st)
	ctx := context.Background()
	// The first entry holds the committer, so that the others meet in one batch.
	l.Submit(ctx, &Entry{With: func(context.Context, store.Tx) error { <-release; return nil }})
	results := make(chan Result, 5)
	for range 5 {
		l.Submit(ctx, &Entry{Messages: []*Delivery{text("a", "b", 7)}, Once: true, Done: func(r Result, err error) {
			if err != nil {
				t.Error(err)
			}
			results <- r
		}})
	}
	close(release)
	ids := map[string]int{}
	for range 5 {
		ids[(<-results).ServerMsgID]++
	}
	l.Stop()
	if len(ids) != 1 || len(pub.all()) != 1 {
		t.Fatalf("answers %v, %d published", ids, len(pub.all()))
	}
}

// TestOldRepetitionIsFoundInTheStore: the window was too small for the traffic
// since, so the conversation itself is looked at.
func TestOldRepetitionIsFoundInTheStore(t *testing.T) {
	st := storetest.NewSQLite(t).Open(t)
	l, _ := start(t, st)
	ctx := context.Background()
	d := text("a", "b", 1)
	d.Message.CreateTime = 1
	first, err := l.Append(ctx, &Entry{Messages: []*Delivery{d}, Once: true})
	if err != nil {
		t.Fatal(err)
	}
	l.Stop()
	l, _ = start(t, st)
	w := l.shards[0].recent
	for k := range w.byKey { // as if other messages had pushed it out
		delete(w.byKey, k)
	}
	w.evicted = w.ring[0].at
	again := text("a", "b", 1)
	again.Message.CreateTime = 1
	r, err := l.Append(ctx, &Entry{Messages: []*Delivery{again}, Once: true})
	if err != nil || !r.Repeated || r.ServerMsgID != first.ServerMsgID {
		t.Fatalf("answered %+v, %v; the first was %+v", r, err, first)
	}
}

// failing is a store whose appends fail for batches that hold a poisoned message.
type failing struct {
	store.Store
	calls atomic.Int64
}

func (f *failing) Append(ctx context.Context, items []*store.Item) error {
	f.calls.Add(1)
	for _, it := range items {
		for _, m := range it.Messages {
			if m.Record.SendID == "poison" {
				return errors.New("bad row")
			}
		}
	}
	return f.Store.Append(ctx, items)
}

func TestBadRowFailsAlone(t *testing.T) {
	st := &failing{Store: storetest.NewSQLite(t).Open(t)}
	var lines bytes.Buffer // the committer's until it has stopped
	l, pub := start(t, st, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&lines, nil)) })
	ctx := context.Background()
	release := make(chan struct{})
	l.Submit(ctx, &Entry{With: func(context.Context, store.Tx) error { <-release; return nil }})
	const n = 50
	var good, bad atomic.Int64
	var wg sync.WaitGroup
	wg.Add(n)
	for i := range n {
		from := "a"
		if i == 31 {
			from = "poison"
		}
		l.Submit(ctx, &Entry{OperationID: fmt.Sprint("op", i), Messages: []*Delivery{text(from, "b", i)}, Done: func(_ Result, err error) {
			if err != nil {
				bad.Add(1)
			} else {
				good.Add(1)
			}
			wg.Done()
		}})
	}
	close(release)
	wg.Wait()
	l.Stop()
	if good.Load() != n-1 || bad.Load() != 1 || len(pub.all()) != n-1 {
		t.Fatalf("%d good, %d bad, %d published", good.Load(), bad.Load(), len(pub.all()))
	}
	if got := lines.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `msg="append failed" entries=1 op=op31 `) {
		t.Errorf("logged %s", got)
	}
	rows, err := st.Messages(ctx, "si_a_b", 1, 100)
	if err != nil || len(rows) != n-1 || rows[n-2].Seq != n-1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
}

// dead is a store that answers nothing any more.
type dead struct{ store.Store }

func (dead) Append(context.Context, []*store.Item) error { return errors.New("disk is gone") }
func (dead) Ping(context.Context) error                  { return errors.New("disk is gone") }

func TestDeadStoreRefusesEverybody(t *testing.T) {
	l, pub := start(t, dead{storetest.NewSQLite(t).Open(t)})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := l.Append(context.Background(), &Entry{Messages: []*Delivery{text("a", "b", i)}}); err == nil {
				t.Error("acknowledged without a store")
			}
		})
	}
	wg.Wait()
	l.Stop()
	if n := len(pub.all()); n != 0 {
		t.Fatalf("%d messages published that were not stored", n)
	}
}

func TestFullQueueIsBusyAtTheDeadline(t *testing.T) {
	st := storetest.NewSQLite(t).Open(t)
	release := make(chan struct{})
	l, _ := start(t, st, func(o *Options) { o.Queue = 1 })
	hold := func() *Entry {
		return &Entry{With: func(context.Context, store.Tx) error { <-release; return nil }}
	}
	held := make(chan struct{})
	l.Submit(context.Background(), &Entry{With: func(context.Context, store.Tx) error { close(held); <-release; return nil }})
	<-held // in work; the queue is empty
	l.Submit(context.Background(), hold())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := l.Append(ctx, &Entry{Messages: []*Delivery{text("a", "b", 1)}})
	if !im.IsKind(err, im.Busy) {
		t.Errorf("got %v, want Busy", err)
	}
	close(release)
}

func TestUnstoredMessagesAreOnlyPublished(t *testing.T) {
	st := storetest.NewSQLite(t).Open(t)
	l, pub := start(t, st)
	d := text("a", "b", 1)
	d.Message.Options = im.Options{im.OptHistory: false}
	if _, err := l.Append(context.Background(), &Entry{Messages: []*Delivery{d}}); err != nil {
		t.Fatal(err)
	}
	if got := pub.all(); len(got) != 1 || got[0].Record.Seq != 0 || len(got[0].Record.Body) == 0 {
		t.Fatalf("published %+v", got)
	}
	if states, err := st.SeqStates(context.Background(), []string{"si_a_b"}); err != nil || len(states) != 0 {
		t.Fatalf("counter %v, %v", states, err)
	}
}

// TestOrderOfOutcome: what With changed is committed, then caches are told, then
// receivers, then the caller.
func TestOrderOfOutcome(t *testing.T) {
	st := storetest.NewSQLite(t).Open(t)
	var steps []string
	var mu sync.Mutex
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, s)
	}
	l, _ := start(t, st, func(o *Options) {
		o.Publish = func(batch []*Delivery) { note("published"); acknowledge(batch) }
		o.First = func(context.Context, store.Tx, *Delivery) error { note("first"); return nil }
	})
	d := text("a", "b", 1)
	d.Message.Content = nil
	_, err := l.Append(context.Background(), &Entry{
		Messages:  []*Delivery{d},
		With:      func(context.Context, store.Tx) error { note("with"); d.Message.Content = []byte("late"); return nil },
		Committed: func() { note("committed") },
		Done:      func(Result, error) { note("done") },
	})
	if err != nil {
		t.Fatal(err)
	}
	l.Stop()
	if got, want := fmt.Sprint(steps), "[with first committed published done]"; got != want {
		t.Fatalf("order %s, want %s", got, want)
	}
	rows, err := st.Messages(context.Background(), "si_a_b", 1, 1)
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	if m, err := wire.ParseBody(rows[0].Body); err != nil || string(m.Content) != "late" {
		t.Fatalf("stored content %q, %v", m.Content, err)
	}
}

func TestStopCommitsWhatIsQueuedAndRefusesTheRest(t *testing.T) {
	st := storetest.NewSQLite(t).Open(t)
	l, pub := start(t, st)
	var wg sync.WaitGroup
	wg.Add(100)
	for i := range 100 {
		l.Submit(context.Background(), &Entry{Messages: []*Delivery{text("a", "b", i)}, Done: func(_ Result, err error) {
			if err != nil {
				t.Error(err)
			}
			wg.Done()
		}})
	}
	l.Stop()
	wg.Wait()
	if len(pub.all()) != 100 {
		t.Fatalf("%d published", len(pub.all()))
	}
	if _, err := l.Append(context.Background(), &Entry{Messages: []*Delivery{text("a", "b", 100)}}); !im.IsKind(err, im.Busy) {
		t.Fatalf("after Stop: %v", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, senders := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			st := storetest.NewSQLite(b).Open(b)
			l := New(Options{
				Store: st, Encode: wire.Body, Publish: acknowledge, Log: slog.New(slog.DiscardHandler),
				First: func(context.Context, store.Tx, *Delivery) error { return nil },
			})
			if err := l.Start(context.Background()); err != nil {
				b.Fatal(err)
			}
			defer l.Stop()
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for s := range senders {
				wg.Go(func() {
					for n := s; n < b.N; n += senders {
						if _, err := l.Append(context.Background(), &Entry{Messages: []*Delivery{text(fmt.Sprint("s", s), "b", n)}, Once: true}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// TestKnownAs: a message whose id was changed on the way is found by the id that its
// sender knows, also after a restart.
func TestKnownAs(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st := open(t)
		l, _ := start(t, st)
		ctx := context.Background()
		entry := func(changed string) *Entry {
			d := text("a", "b", 1)
			d.KnownAs, d.Message.ClientMsgID = d.Message.ClientMsgID, changed
			return &Entry{Messages: []*Delivery{d}, Once: true}
		}
		first, err := l.Append(ctx, entry("changed once"))
		if err != nil {
			t.Fatal(err)
		}
		check := func(l *Log) {
			t.Helper()
			r, err := l.Append(ctx, entry("changed again"))
			if err != nil || !r.Repeated || r.ServerMsgID != first.ServerMsgID {
				t.Errorf("a repetition got %+v, %v, want that of %+v", r, err, first)
			}
		}
		check(l)
		l.Stop()
		again, _ := start(t, st)
		check(again)
		rows, err := st.Messages(ctx, im.SingleConversationID("a", "b"), 1, 9)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%d messages, %v", len(rows), err)
		}
		m, err := wire.ParseBody(rows[0].Body)
		if err != nil || m.ClientMsgID != "changed once" {
			t.Errorf("readers get %v, %v", m, err)
		}
	})
}

// TestOwnFirst: a delivery's own First runs in place of the log's, for number 1 only.
func TestOwnFirst(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		var got []string
		l, _ := start(t, open(t), func(o *Options) {
			o.First = func(_ context.Context, _ store.Tx, d *Delivery) error {
				got = append(got, "log's for "+d.Message.RecvID)
				return nil
			}
		})
		for _, to := range []string{"b", "b", "c"} {
			d := text("a", to, len(got))
			if to == "b" {
				d.First = func(context.Context, store.Tx) error { got = append(got, "own"); return nil }
			}
			if _, err := l.Append(context.Background(), &Entry{Messages: []*Delivery{d}}); err != nil {
				t.Fatal(err)
			}
		}
		if fmt.Sprint(got) != "[own log's for c]" {
			t.Errorf("ran %q", got)
		}
	})
}
