package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"parley/internal/im"
)

// scenario is a history of commits, restarts and answers.
type scenario struct {
	hold        time.Duration
	concurrency int
	maxLoaded   int
	batch       int
	slow        time.Duration // of the store
	steps       []step
	answers     map[string][]int // by lane and number: what each attempt gets
}

// step is one thing that happens some time after the one before.
type step struct {
	wait    time.Duration
	lane    string // an event is committed
	restart bool
	crash   bool // the restart loses what was not written
}

// Answers beside statuses.
const (
	noAnswer  = -1 // after a while
	abort     = -2
	throttled = -3
)

var shortSchedule = []time.Duration{0, 5 * time.Second, 20 * time.Second, 2 * time.Minute, 5 * time.Minute}

func drawScenario(t *rapid.T) scenario {
	sc := scenario{
		hold:        rapid.SampledFrom([]time.Duration{0, 10 * time.Second, time.Minute, HoldForever}).Draw(t, "hold"),
		concurrency: rapid.IntRange(1, 4).Draw(t, "concurrency"),
		maxLoaded:   rapid.SampledFrom([]int{1, 16, 40, 4096}).Draw(t, "maxLoaded"),
		batch:       rapid.SampledFrom([]int{0, 0, 2, 3, 100}).Draw(t, "batch"),
		slow:        rapid.SampledFrom([]time.Duration{0, 0, 3 * time.Millisecond, 150 * time.Millisecond, 7 * time.Second}).Draw(t, "slow"),
		answers:     map[string][]int{},
	}
	n := map[string]int{}
	bad := rapid.SampledFrom([]int{500, 404, noAnswer, throttled})
	for i := range rapid.IntRange(1, 50).Draw(t, "steps") {
		s := step{wait: time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 50, 900, 7000, 40000}).Draw(t, "wait")) * time.Millisecond}
		if i > 0 && rapid.IntRange(0, 9).Draw(t, "what") == 0 {
			s.restart, s.crash = true, rapid.Bool().Draw(t, "crash")
		} else {
			s.lane = rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "lane")
			n[s.lane]++
			var list []int
			for range rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 3, len(shortSchedule)}).Draw(t, "failures") {
				list = append(list, bad.Draw(t, "answer"))
			}
			if rapid.IntRange(0, 19).Draw(t, "abort") == 0 {
				list = append(list, abort)
			}
			sc.answers[fmt.Sprint(s.lane, n[s.lane])] = list
		}
		sc.steps = append(sc.steps, s)
	}
	return sc
}

// play runs a scenario in virtual time until nothing is left to be delivered.
func play(t *testing.T, sc scenario) (b *bundle, restarts []time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		b = setup(t, func(c *call) (*http.Response, error) {
			time.Sleep(time.Duration(c.laneSeq%3) * 30 * time.Millisecond)
			list := sc.answers[fmt.Sprint(c.lane, c.laneSeq)]
			if c.attempt > len(list) {
				return nil, nil
			}
			switch code := list[c.attempt-1]; code {
			case noAnswer:
				time.Sleep(300 * time.Millisecond)
				return nil, errors.New("no answer")
			case abort:
				return answer(400, "webhook-delivery", "abort-message"), nil
			case throttled:
				return answer(429, "Retry-After", "8"), nil
			default:
				return answer(code), nil
			}
		})
		b.cfg.Hold, b.cfg.Concurrency, b.cfg.MaxLoaded, b.cfg.Schedule = sc.hold, sc.concurrency, sc.maxLoaded, shortSchedule
		b.batch = sc.batch
		b.box.slow, b.box.slowDue = sc.slow, sc.slow
		b.start()
		for _, s := range sc.steps {
			time.Sleep(s.wait)
			if s.restart {
				restarts = append(restarts, time.Since(b.recv.start))
			}
			switch {
			case s.crash:
				b.crash()
				b.start()
			case s.restart:
				if err := b.d.Stop(context.Background()); err != nil {
					t.Error(err)
				}
				b.start()
			default:
				b.box.add(im.Event{Lane: s.lane}, nil)
				b.d.Wake()
			}
		}
		for range 200 {
			after(time.Minute)
			if b.box.undelivered() == 0 {
				break
			}
		}
		b.stop()
	})
	return b, restarts
}

// undelivered returns the number of rows that are not dead letters.
func (o *memOutbox) undelivered() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.rows {
		if !r.Dead {
			n++
		}
	}
	return n
}

// history is what the receiver saw of one event.
type history struct {
	id        string
	first     time.Duration // first attempt
	failed    time.Duration // end of the first failed attempt; -1: never
	finished  time.Duration // end of the last attempt that it needed; -1: not
	attempts  []int
	delivered bool // or aborted
}

func TestOrderAndLoss(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		sc := drawScenario(rt)
		b, restarts := play(t, sc)
		if faults := append(b.recv.faults, b.box.loss...); len(faults) > 0 {
			rt.Fatalf("%v", faults)
		}
		crashed := slices.ContainsFunc(sc.steps, func(s step) bool { return s.crash })

		lanes := map[string][]*history{} // by number, from 1
		calls := b.recv.seen()
		slices.SortStableFunc(calls, func(x, y call) int { return int(x.at - y.at) })
		for _, c := range calls {
			l := lanes[c.lane]
			for int64(len(l)) < c.laneSeq {
				l = append(l, nil)
			}
			lanes[c.lane] = l
			h := l[c.laneSeq-1]
			if h == nil {
				h = &history{id: c.id, first: c.at, failed: -1, finished: -1}
				l[c.laneSeq-1] = h
			}
			if h.id != c.id {
				rt.Fatalf("number %d of lane %s has the ids %s and %s", c.laneSeq, c.lane, h.id, c.id)
			}
			if c.status == 0 && !c.mute {
				continue // interrupted by a crash
			}
			h.attempts = append(h.attempts, c.attempt)
			good := c.status == 200 || c.status == 400
			h.delivered = h.delivered || good
			if !good && h.failed < 0 {
				h.failed = c.end
			}
			if h.finished < 0 && (good || c.attempt == len(shortSchedule)) {
				h.finished = c.end
			}
		}

		n := map[string]int{}
		for _, s := range sc.steps {
			if s.lane != "" {
				n[s.lane]++
			}
		}
		for lane, total := range n {
			if len(lanes[lane]) != total || slices.Contains(lanes[lane], nil) {
				rt.Fatalf("lane %s: %d events, seen %v", lane, total, lanes[lane])
			}
			for i, h := range lanes[lane] {
				row, _, kept := b.box.row(h.id)
				switch {
				case !h.delivered && (!kept || !row.Dead || row.Attempts != len(shortSchedule)):
					rt.Fatalf("event %d of %s is lost: %+v, row %+v %v", i+1, lane, h, row, kept)
				case h.delivered && kept:
					rt.Fatalf("event %d of %s was delivered and is kept", i+1, lane)
				}
				for k, a := range h.attempts {
					if want := k + 1; !crashed && a != want || crashed && a > want {
						rt.Fatalf("event %d of %s has the attempts %v", i+1, lane, h.attempts)
					}
				}
				for j, earlier := range lanes[lane][:i] {
					if earlier.first > h.first {
						rt.Fatalf("event %d of %s was sent before event %d", i+1, lane, j+1)
					}
					if earlier.finished >= 0 && earlier.finished <= h.first || sc.hold == 0 {
						continue
					}
					// What is left of a hold after a restart is an estimate.
					restarted := slices.ContainsFunc(restarts, func(at time.Duration) bool { return earlier.failed <= at && at <= h.first })
					if sc.hold == HoldForever || earlier.failed < 0 || h.first < earlier.failed+sc.hold && !restarted {
						rt.Fatalf("event %d of %s overtook event %d: first at %v, but %+v", i+1, lane, j+1, h.first, earlier)
					}
				}
			}
		}
	})
}
