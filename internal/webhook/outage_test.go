package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/im"
)

func TestBreakerOfDispatcher(t *testing.T) {
	t.Parallel()
	bubble(t, "an outage costs neither events nor order", func(t *testing.T) {
		var down atomic.Bool
		b := setup(t, func(*call) (*http.Response, error) {
			if down.Load() {
				return nil, errors.New("connection refused")
			}
			return nil, nil
		})
		down.Store(true)
		want := map[string][]string{}
		for i := range 40 {
			lane := fmt.Sprint("lane", i)
			want[lane] = b.box.addN(lane, 3)
		}
		b.start()
		after(time.Second)
		first := len(b.recv.seen())
		if first < breakerMinCalls || first > breakerMinCalls+b.cfg.Concurrency {
			t.Errorf("%d calls before the breaker opened", first)
		}
		after(10 * time.Minute)
		if trials := len(b.recv.seen()) - first; trials < 50 || trials > 62 {
			t.Errorf("%d calls in ten minutes of an open breaker", trials)
		}
		for _, c := range b.recv.seen() {
			if c.laneSeq != 1 {
				t.Fatalf("%s of %s overtook the event before it", c.id, c.lane)
			}
		}
		down.Store(false)
		after(12 * time.Second)
		b.stop()
		got := map[string][]string{}
		for _, c := range b.recv.seen() {
			if c.status == 200 {
				got[c.lane] = append(got[c.lane], c.id)
			}
		}
		equal(t, "accepted by lane", got, want)
		equal(t, "rows", b.box.len(), 0)
		if log := b.log.String(); !strings.Contains(log, "breaker open") || !strings.Contains(log, "breaker closed") {
			t.Error("not logged")
		}
	})
	bubble(t, "what the receiver asked for is respected when it is back", func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) {
			switch {
			case c.lane == "asks" && c.attempt == 1:
				return answer(503, "Retry-After", "50"), nil
			case time.Duration(c.at) < 8*time.Second:
				return answer(500), nil
			}
			return nil, nil
		})
		asks := b.box.addN("asks", 1)[0]
		for i := range 20 {
			b.box.addN(fmt.Sprint("lane", i), 1)
		}
		b.start()
		after(2 * time.Minute)
		b.stop()
		equal(t, "attempts", times(b.recv.seen(), asks), []time.Duration{0, 50 * time.Second})
		equal(t, "rows", b.box.len(), 0)
	})
	bubble(t, "a dead letter needs no trial", func(t *testing.T) {
		var fail atomic.Bool
		fail.Store(true)
		b := setup(t, func(*call) (*http.Response, error) {
			if fail.Load() {
				return answer(500), nil
			}
			return nil, nil
		})
		b.cfg.Concurrency = 1
		for i := range 10 {
			b.box.addN(fmt.Sprint("lane", i), 1)
		}
		b.start()
		after(time.Second) // open
		fail.Store(false)
		b.box.add(im.Event{Lane: "first", Command: im.AfterMsgSaveDB}, nil) // message gone: is taken first and makes no call
		b.box.addN("second", 1)
		after(15 * time.Second)
		b.stop()
		equal(t, "rows", b.box.len(), 0)
	})
}

func TestPause(t *testing.T) {
	t.Parallel()
	bubble(t, "410 keeps all events until resumed", func(t *testing.T) {
		var gone atomic.Bool
		gone.Store(true)
		b := setup(t, func(*call) (*http.Response, error) {
			if gone.Load() {
				return answer(410), nil
			}
			return nil, nil
		})
		want := b.box.addN("a", 3)
		b.start()
		after(3 * time.Hour)
		equal(t, "attempts", len(b.recv.seen()), 1)
		want = append(want, b.box.addN("a", 1)...)
		after(3 * time.Second)
		equal(t, "rows", b.box.len(), 4)
		gone.Store(false)
		b.resume()
		b.resume()
		after(time.Second)
		equal(t, "accepted in order", b.recv.ids(), want)
		b.stop()
	})
	bubble(t, "holds do not run down", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {500, 410}}))
		want := b.box.addN("a", 2)
		b.start()
		after(2 * time.Minute)
		want = append(want, b.box.addN("a", 1)...)
		after(time.Minute)
		b.resume()
		after(time.Second)
		b.stop()
		equal(t, "accepted", b.recv.ids(), want)
	})
	bubble(t, "a restart resumes", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {410}}))
		want := b.box.addN("a", 2)
		b.start()
		after(time.Hour)
		b.stop()
		b.start()
		after(time.Second)
		b.stop()
		slices.Sort(want)
		equal(t, "accepted", slices.Sorted(slices.Values(b.recv.ids())), want)
	})
	bubble(t, "no success for days", func(t *testing.T) {
		b := setup(t, func(*call) (*http.Response, error) { return answer(500), nil })
		b.cfg.PauseAfter = 30 * time.Minute
		b.box.addN("a", 100)
		b.start()
		after(31 * time.Minute)
		n := len(b.recv.seen())
		after(2 * time.Hour)
		equal(t, "attempts while paused", len(b.recv.seen())-n, 0)
		b.stop()
		if !strings.Contains(b.log.String(), "no success for 30m0s") {
			t.Error("not logged")
		}
	})
	bubble(t, "410 though the event is given up", func(t *testing.T) {
		b := setup(t, func(*call) (*http.Response, error) { return answer(410, "webhook-delivery", "abort-message"), nil })
		b.box.addN("a", 2)
		b.start()
		after(time.Minute)
		b.stop()
		equal(t, "attempts", len(b.recv.seen()), 1)
		equal(t, "rows", b.box.len(), 1)
	})
	bubble(t, "a failure after a quiet time is only a failure", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_2": {500}}))
		b.cfg.PauseAfter = 30 * time.Minute
		want := b.box.addN("a", 1)
		b.start()
		after(40 * time.Minute)
		want = append(want, b.box.addN("a", 2)...)
		after(10 * time.Second)
		b.stop()
		equal(t, "accepted", b.recv.ids(), want)
	})
	bubble(t, "stopping while paused", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {410}}))
		b.box.addN("a", 1)
		b.start()
		after(time.Second)
		b.stop()
		b.resume()
		after(time.Hour)
		equal(t, "attempts", len(b.recv.seen()), 1)
	})
}
