package webhook

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

func TestBounds(t *testing.T) {
	t.Parallel()
	loaded := func(b *bundle) (n, bytes int) {
		b.d.main().mu.Lock()
		defer b.d.main().mu.Unlock()
		return b.d.main().loaded, b.d.main().bytes
	}
	bubble(t, "events in memory", func(t *testing.T) {
		stuck := make(chan struct{})
		b := setup(t, func(*call) (*http.Response, error) { <-stuck; return nil, nil })
		b.cfg.MaxLoaded = 100
		b.cfg.Rules[im.AfterSingleMsgRead] = Rule{Enabled: true, Timeout: time.Hour}
		for i := range 1000 {
			b.box.addN(fmt.Sprint("lane", i%200), 1)
		}
		b.start()
		after(time.Minute)
		if n, _ := loaded(b); n != 100 {
			t.Errorf("%d loaded", n)
		}
		close(stuck)
		after(20 * time.Second)
		equal(t, "rows", b.box.len(), 0)
		b.stop()
	})
	bubble(t, "bytes in memory", func(t *testing.T) {
		stuck := make(chan struct{})
		b := setup(t, func(*call) (*http.Response, error) { <-stuck; return nil, nil })
		b.cfg.MaxLoadedBytes = 1 << 20
		b.cfg.Rules[im.AfterSingleMsgRead] = Rule{Enabled: true, Timeout: time.Hour}
		for i := range 2000 {
			b.box.add(im.Event{Lane: fmt.Sprint("lane", i), Body: make([]byte, 8<<10)}, nil)
		}
		b.start()
		after(time.Minute)
		if _, n := loaded(b); n < 1<<20 || n > 1<<20+readBatch*8<<10 {
			t.Errorf("%d bytes", n)
		}
		close(stuck)
		after(20 * time.Second)
		equal(t, "rows", b.box.len(), 0)
		b.stop()
	})
	bubble(t, "due events come in batches", func(t *testing.T) {
		var fail atomic.Bool
		fail.Store(true)
		// Half of the answers are good, so that the breaker stays closed.
		n := 0
		b := setup(t, func(*call) (*http.Response, error) {
			if n++; fail.Load() && n%2 == 0 {
				return answer(503), nil
			}
			return nil, nil
		})
		b.cfg.Hold = 0
		b.cfg.Schedule = []time.Duration{0, time.Hour, time.Hour}
		for i := range 3000 {
			b.box.addN(fmt.Sprint("lane", i), 1)
		}
		b.cfg.Concurrency = 1
		b.start()
		after(time.Minute)
		equal(t, "rows", b.box.len(), 1500)
		fail.Store(false)
		before := len(b.recv.seen())
		after(59*time.Minute + 2500*time.Millisecond)
		equal(t, "retried", len(b.recv.seen())-before, 1500)
		b.stop()
		equal(t, "rows", b.box.len(), 0)
	})
	bubble(t, "due events of one lane do not hide those of others", func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) {
			if c.lane == "slow" {
				time.Sleep(4 * time.Second)
			}
			return nil, nil
		})
		b.box.addN("slow", readBatch+50)
		quick := b.box.addN("quick", 1)
		for id, r := range b.box.rows {
			r.Attempts, r.NextAt = 3, time.Now().UnixMilli()-10000+id
		}
		b.start()
		after(2 * time.Second)
		equal(t, "accepted", b.recv.ids(), quick)
		after(30 * time.Minute)
		b.stop()
		equal(t, "rows", b.box.len(), 0)
	})
	bubble(t, "writing keeps pace with sending", func(t *testing.T) {
		b := setup(t, nil)
		for i := range 20000 {
			b.box.addN(fmt.Sprint("lane", i%500), 1)
		}
		b.start()
		after(time.Second)
		b.stop()
		equal(t, "rows", b.box.len(), 0)
	})
	bubble(t, "outcomes are written in batches", func(t *testing.T) {
		b := setup(t, nil)
		for i := range 2000 {
			b.box.addN(fmt.Sprint("lane", i%50), 1)
		}
		b.start()
		after(time.Second)
		b.stop()
		if b.box.updates > 15 {
			t.Errorf("%d transactions for 2000 events", b.box.updates)
		}
	})
	bubble(t, "a storm of wakes is few reads", func(t *testing.T) {
		b := setup(t, nil)
		b.start()
		after(0)
		var before, reads int
		b.box.set(func() { before = b.box.reads })
		for range 1000 {
			b.d.Wake()
			time.Sleep(100 * time.Microsecond)
		}
		synctest.Wait()
		b.box.set(func() { reads = b.box.reads })
		if n := reads - before; n > 60 {
			t.Errorf("%d reads in 100 ms", n)
		}
		b.stop()
	})
}

// TestAddMore holds the border between refilling a lane and reading on: each
// event is loaded once.
func TestAddMore(t *testing.T) {
	t.Parallel()
	s := newTestSender(t, "http://receiver.test", func(c *Config) { c.MaxLoaded = 64 })
	ep := s.ep
	event := func(id int64, lane string) store.OutboxEvent {
		return store.OutboxEvent{Event: im.Event{ID: id, LaneSeq: id, Lane: lane}}
	}
	ids := func(l *lane) (out []int64) {
		for it := l.fresh.head; it != nil; it = it.next {
			out = append(out, it.ID)
		}
		return out
	}
	a := make([]store.OutboxEvent, 8)
	for i := range a {
		a[i] = event(int64(i+1), "a")
	}
	ep.addBatch(0, a[:6], false, 0)
	l := ep.lanes["a"]
	equal(t, "share of the lane", ids(l), []int64{1, 2, 3, 4})
	if none, _ := ep.wanting(); none != nil {
		t.Error("a full lane wants more")
	}
	send := func() {
		t.Helper()
		next, pass, ok := ep.next(time.Now())
		if !ok || next != l {
			t.Fatal("the lane is not ready")
		}
		ep.settle(l, l.take(), pass, &result{class: "2xx"})
	}
	wants := func(after int64) {
		t.Helper()
		if got, from := ep.wanting(); got != l || from != after {
			t.Fatalf("%v wants to read on from %d", got, from)
		}
	}
	send()
	send()
	send()
	wants(4)
	ep.cursor = 6
	ep.addMore(l, []store.OutboxEvent{a[4]}, false)
	equal(t, "a part", ids(l), []int64{4, 5})
	send()
	wants(5)
	// Two events were committed behind the cursor meanwhile.
	ep.addMore(l, a[5:], false)
	equal(t, "up to the cursor", ids(l), []int64{5, 6})
	ep.addBatch(0, a[6:], false, 0)
	equal(t, "the rest in turn", ids(l), []int64{5, 6, 7, 8})
}
