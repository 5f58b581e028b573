package webhook

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/internal/im"
)

func TestRetries(t *testing.T) {
	t.Parallel()
	bubble(t, "the schedule to its end", func(t *testing.T) {
		b := setup(t, func(*call) (*http.Response, error) { return answer(500), nil })
		b.cfg.Schedule = []time.Duration{0, 5 * time.Second, time.Minute, 10 * time.Minute}
		e := b.box.add(im.Event{Lane: "a"}, nil)
		b.start()
		after(time.Hour)
		// The poll finds a parked event at most a second late.
		var got []string
		for _, at := range times(b.recv.seen(), e.EventID) {
			got = append(got, at.Truncate(2*time.Second).String())
		}
		equal(t, "attempts", got, []string{"0s", "4s", "1m4s", "11m4s"})
		row, reason, ok := b.box.row(e.EventID)
		if !ok || !row.Dead || row.Attempts != 4 || reason != "status 500" {
			t.Errorf("dead letter %+v %q %v", row, reason, ok)
		}
		b.stop()
		if !strings.Contains(b.log.String(), "dead letter") {
			t.Error("not logged")
		}
	})
	bubble(t, "a row says when, how often and why", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {503}}))
		b.box.addN("a", 1)
		b.start()
		after(markEvery)
		row, reason, _ := b.box.row("evt_1")
		if row.Attempts != 1 || row.NextAt != b.recv.start.Add(5*time.Second).UnixMilli() || reason != "status 503" {
			t.Errorf("%+v %q", row, reason)
		}
		after(6 * time.Second)
		equal(t, "rows", b.box.len(), 0)
		b.stop()
	})
	bubble(t, "Retry-After", func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) {
			if c.attempt == 1 {
				return answer(429, "Retry-After", "30"), nil
			}
			return nil, nil
		})
		b.box.addN("a", 1)
		b.start()
		after(time.Minute)
		b.stop()
		equal(t, "attempts", times(b.recv.seen(), "evt_1"), []time.Duration{0, 30 * time.Second})
	})
	bubble(t, "abort-message", func(t *testing.T) {
		b := setup(t, func(*call) (*http.Response, error) { return answer(400, "webhook-delivery", "abort-message"), nil })
		ids := b.box.addN("a", 2)
		b.start()
		after(time.Second)
		b.stop()
		equal(t, "rows", b.box.len(), 0)
		equal(t, "attempts", len(b.recv.seen()), len(ids))
	})
	bubble(t, "no answer", func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) {
			if c.attempt == 1 {
				return nil, errors.New("connection refused")
			}
			return nil, nil
		})
		b.box.addN("a", 1)
		b.start()
		after(10 * time.Second)
		b.stop()
		equal(t, "rows", b.box.len(), 0)
	})
	bubble(t, "headers stay and count", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {500, 500}}))
		b.box.addN("a", 1)
		b.start()
		after(10 * time.Minute)
		b.stop()
		calls := b.recv.seen()
		for i, c := range calls {
			if c.id != "evt_1" || c.attempt != i+1 || c.laneSeq != 1 {
				t.Errorf("attempt %d: %+v", i+1, c)
			}
		}
		equal(t, "attempts", len(calls), 3)
	})
}

func TestHold(t *testing.T) {
	t.Parallel()
	fails := map[string][]int{"evt_1": {500, 500}}
	bubble(t, "a minute, then the lane goes on", func(t *testing.T) {
		b := setup(t, script(fails))
		b.box.addN("a", 3)
		b.start()
		after(1500 * time.Millisecond)
		b.box.addN("b", 1)
		b.d.Wake()
		after(20 * time.Minute)
		b.stop()
		equal(t, "accepted", b.recv.ids(), []string{"evt_4", "evt_2", "evt_3", "evt_1"})
		calls := b.recv.seen()
		equal(t, "the other lane", times(calls, "evt_4"), []time.Duration{1500 * time.Millisecond})
		equal(t, "the lane goes on", times(calls, "evt_2"), []time.Duration{time.Minute})
		equal(t, "retries", times(calls, "evt_1")[:2], []time.Duration{0, 5 * time.Second})
	})
	bubble(t, "a retry in time keeps the order", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {500}, "evt_3": {500}}))
		want := b.box.addN("a", 4)
		b.start()
		after(time.Minute)
		b.stop()
		equal(t, "accepted", b.recv.ids(), want)
	})
	bubble(t, "none", func(t *testing.T) {
		b := setup(t, script(fails))
		b.cfg.Hold = 0
		b.box.addN("a", 3)
		b.start()
		after(20 * time.Minute)
		b.stop()
		equal(t, "accepted", b.recv.ids(), []string{"evt_2", "evt_3", "evt_1"})
		equal(t, "the lane goes on", times(b.recv.seen(), "evt_2"), []time.Duration{0})
	})
	bubble(t, "for ever", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {500, 500, 500}}))
		b.cfg.Hold = HoldForever
		want := b.box.addN("a", 3)
		b.start()
		after(time.Hour)
		b.stop()
		equal(t, "accepted", b.recv.ids(), want)
	})
	bubble(t, "for ever ends with the schedule", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {500, 500, 500}}))
		b.cfg.Hold = HoldForever
		b.cfg.Schedule = b.cfg.Schedule[:3]
		b.box.addN("a", 2)
		b.start()
		after(time.Hour)
		b.stop()
		equal(t, "accepted", b.recv.ids(), []string{"evt_2"})
	})
	bubble(t, "a parked event does not hold again", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {500, 500, 500}}))
		b.box.addN("a", 1)
		b.start()
		after(5*time.Minute + 4*time.Second)
		b.box.addN("a", 1)
		after(3 * time.Second)
		b.stop()
		equal(t, "attempts of the first", len(times(b.recv.seen(), "evt_1")), 3)
		equal(t, "accepted", b.recv.ids(), []string{"evt_2"})
	})
	bubble(t, "a parked event goes while its lane is held", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {500, 500}, "evt_2": {500, 500}}))
		b.box.addN("a", 1)
		b.start()
		after(5 * time.Minute)
		b.box.addN("a", 2)
		b.d.Wake() // 5:00 and 5:05, then held to 6:00
		after(30 * time.Second)
		equal(t, "accepted while held", b.recv.ids(), []string{"evt_1"})
		after(time.Minute)
		equal(t, "accepted afterwards", b.recv.ids(), []string{"evt_1", "evt_3"})
		b.stop()
	})
}
