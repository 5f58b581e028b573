package webhook

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestStopAndRestart(t *testing.T) {
	t.Parallel()
	bubble(t, "stop waits for the attempt and writes its outcome", func(t *testing.T) {
		b := setup(t, func(*call) (*http.Response, error) { time.Sleep(3 * time.Second); return nil, nil })
		b.box.addN("a", 2)
		b.start()
		after(time.Second)
		b.stop()
		equal(t, "time", time.Since(b.recv.start), 3*time.Second)
		equal(t, "accepted", b.recv.ids(), []string{"evt_1"})
		equal(t, "rows", b.box.len(), 1)
	})
	bubble(t, "stop in limited time repeats later", func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) { time.Sleep(4 * time.Second); return nil, nil })
		b.box.addN("a", 1)
		b.start()
		after(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := b.d.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop: %v", err)
		}
		row, _, ok := b.box.row("evt_1")
		if !ok || row.Attempts != 0 {
			t.Errorf("an attempt without an answer was counted: %+v", row)
		}
	})
	bubble(t, "a crash before the outcome is written", func(t *testing.T) {
		b := setup(t, nil)
		want := b.box.addN("a", 3)
		b.start()
		after(markEvery / 2)
		equal(t, "accepted", b.recv.ids(), want)
		b.crash()
		b.start()
		after(time.Second)
		b.stop()
		equal(t, "accepted again, with the same ids", b.recv.ids(), append(want, want...))
		equal(t, "rows", b.box.len(), 0)
	})
	bubble(t, "a held lane is still held after a restart", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {500}}))
		want := b.box.addN("a", 3)
		b.start()
		after(time.Second)
		b.stop()
		b.start()
		after(10 * time.Second)
		b.stop()
		equal(t, "accepted", b.recv.ids(), want)
		equal(t, "attempts", times(b.recv.seen(), "evt_1"), []time.Duration{0, 5 * time.Second})
	})
	bubble(t, "a parked event is parked after a restart", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {500, 500}}))
		b.box.addN("a", 1)
		b.start()
		after(2 * time.Minute)
		b.stop()
		b.box.addN("a", 1)
		b.start()
		after(time.Second)
		equal(t, "accepted", b.recv.ids(), []string{"evt_2"})
		after(4 * time.Minute)
		b.stop()
		equal(t, "accepted", b.recv.ids(), []string{"evt_2", "evt_1"})
	})
	bubble(t, "attempts go on counting", func(t *testing.T) {
		b := setup(t, func(*call) (*http.Response, error) { return answer(500), nil })
		b.cfg.Schedule = []time.Duration{0, time.Second, time.Second, time.Second}
		b.box.addN("a", 1)
		for range 4 {
			b.start()
			after(900 * time.Millisecond)
			b.stop()
		}
		var got []int
		for _, c := range b.recv.seen() {
			got = append(got, c.attempt)
		}
		equal(t, "attempts", got, []int{1, 2, 3, 4})
		row, _, _ := b.box.row("evt_1")
		equal(t, "dead", row.Dead, true)
	})
	bubble(t, "start and stop once", func(t *testing.T) {
		b := setup(t, nil)
		b.start()
		if err := b.d.Start(t.Context()); err == nil {
			t.Error("started twice")
		}
		b.stop()
		b.stop()
		if err := b.d.Start(t.Context()); err == nil {
			t.Error("started after a stop")
		}
		d, err := New(Options{Config: b.cfg, Outbox: b.box, Decode: decodeText, Transport: b.recv})
		if err != nil {
			t.Fatal(err)
		}
		d.Wake()
		if err := d.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "a store that does not answer at the start", func(t *testing.T) {
		b := setup(t, nil)
		b.box.deaf = errors.New("no database")
		d, err := New(Options{Config: b.cfg, Outbox: b.box, Decode: decodeText, Transport: b.recv})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(t.Context()); !errors.Is(err, b.box.deaf) {
			t.Errorf("start: %v", err)
		}
	})
}

func TestFailingStore(t *testing.T) {
	t.Parallel()
	bubble(t, "outcomes are written when it is back, and nothing is sent twice", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {500}}))
		b.box.addN("a", 2)
		b.box.addN("b", 2)
		b.box.broken = errors.New("disk full")
		b.start()
		after(30 * time.Second)
		b.box.set(func() { b.box.broken = nil })
		after(10 * time.Second)
		equal(t, "rows", b.box.len(), 0)
		b.stop()
		equal(t, "attempts", len(b.recv.seen()), 5)
		if n := strings.Count(b.log.String(), "could not be written"); n < 3 || n > 15 {
			t.Errorf("%d log lines", n)
		}
	})
	bubble(t, "a slow answer about due events is not older than what was written", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {500}}))
		b.cfg.Hold = 0
		b.box.slowDue = 2 * time.Second
		b.box.addN("a", 1)
		b.start()
		after(20 * time.Second)
		b.stop()
		equal(t, "attempts", len(b.recv.seen()), 2)
	})
	bubble(t, "stop keeps trying", func(t *testing.T) {
		b := setup(t, nil)
		b.box.addN("a", 2)
		b.box.broken = errors.New("disk full")
		b.start()
		after(10 * time.Millisecond)
		time.AfterFunc(3*time.Second, func() { b.box.set(func() { b.box.broken = nil }) })
		b.stop()
		equal(t, "rows", b.box.len(), 0)
	})
	bubble(t, "reading goes on when it is back", func(t *testing.T) {
		b := setup(t, nil)
		b.start()
		b.box.set(func() { b.box.deaf = errors.New("no connection") })
		want := b.box.addN("a", 2)
		b.d.Wake()
		after(30 * time.Second)
		equal(t, "accepted", len(b.recv.ids()), 0)
		b.box.set(func() { b.box.deaf = nil })
		after(2 * time.Second)
		equal(t, "accepted", b.recv.ids(), want)
		b.stop()
		if n := strings.Count(b.log.String(), "could not be read"); n < 2 || n > 4 {
			t.Errorf("%d log lines", n)
		}
	})
}
