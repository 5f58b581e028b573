package webhook

import (
	"container/heap"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"parley/internal/im"
)

// laneShare is the part of the loaded events that one lane may have.
const laneShare = 16

// endpoint delivers to one URL: its lanes, its workers, its breaker. The
// dispatcher fills it with events and carries its outcomes to the store.
type endpoint struct {
	targets       []target // by command
	authorization string
	userAgent     string
	secrets       []secret
	schedule      []time.Duration
	hold          time.Duration
	pauseAfter    time.Duration
	concurrency   int
	maxBody       int
	maxLoaded     int
	maxBytes      int
	maxLane       int

	transport http.RoundTripper
	decode    func([]byte) (*im.Message, error)
	random    func() float64
	metrics   *metrics
	log       *slog.Logger
	failures  throttle

	wakeReader func()        // there is room again, or a lane wants to be filled
	marked     chan struct{} // the first outcome waits to be written
	markedFull chan struct{} // a whole batch waits

	mu          sync.Mutex // guards what follows, and all items and lanes
	work        sync.Cond  // a lane is ready, or something else changed for workers
	lanes       map[string]*lane
	ready       laneQueue
	waiting     laneHeap
	hungry      []*lane
	dirty       []*item
	attempted   map[int64]struct{} // loaded events that failed before: what DueEvents may return though they are here
	loaded      int
	bytes       int
	starved     bool // the reader waits for room
	breaker     breaker
	paused      bool
	stalledFrom time.Time // since when the endpoint is paused or its breaker open; zero: it is not
	failingFrom time.Time // first failure since the last call that was none; zero: there is none
	stopping    bool
	timer       *time.Timer
	timerAt     time.Time
}

// start makes the endpoint ready for events and workers.
func (ep *endpoint) start() {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	ep.timer = time.AfterFunc(forever, ep.tick)
}

// stop ends the workers after the attempt they are at.
func (ep *endpoint) stop() {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	ep.stopping = true
	ep.timer.Stop()
	ep.work.Broadcast()
}

// run is a worker: it attempts events until stop.
func (ep *endpoint) run(ctx context.Context) {
	s := newSender(ep)
	ep.mu.Lock()
	for {
		l, pass, ok := ep.next()
		if !ok {
			break
		}
		it := l.take()
		ep.mu.Unlock()
		r := s.send(ctx, it)
		ep.report(it, &r)
		ep.mu.Lock()
		ep.settle(l, it, pass, &r)
	}
	ep.mu.Unlock()
}

// next waits for a lane whose turn it is and makes it busy.
func (ep *endpoint) next() (l *lane, pass uint32, ok bool) {
	for !ep.stopping {
		if ep.ready.head != nil && !ep.paused {
			if pass, ok = ep.breaker.pass(); ok {
				l = ep.ready.pop()
				l.state = laneBusy
				return l, pass, true
			}
		}
		ep.work.Wait()
	}
	return nil, 0, false
}

// settle takes the result of an attempt: what becomes of the event, of the
// endpoint and of the lane.
func (ep *endpoint) settle(l *lane, it *item, pass uint32, r *result) {
	now := time.Now()
	l.state = laneIdle
	switch r.kind {
	case delivered:
		ep.metrics.settled(it.Command, outcomeDelivered)
		ep.metrics.age.Observe(now.Sub(time.UnixMilli(it.CreatedAt)).Seconds())
		ep.remove(it)
	case aborted:
		ep.metrics.settled(it.Command, outcomeAborted)
		ep.remove(it)
	case messageGone:
		ep.metrics.settled(it.Command, outcomeMessageGone)
		ep.remove(it)
	case unsendable:
		it.Attempts++
		ep.bury(it, r.reason)
	case failed:
		ep.retry(l, it, r, now)
	case interrupted:
		return // the row is as it was: the next start sends it
	}
	if r.called() {
		ep.judge(r, now)
		if ep.breaker.record(pass, r.kind != failed, now) {
			ep.breakerChanged(now)
		}
	} else {
		ep.breaker.unused(pass)
	}
	ep.place(l, now)
	ep.arm(now)
}

// judge pauses an endpoint that wants no more events, or has failed for too long.
func (ep *endpoint) judge(r *result, now time.Time) {
	switch {
	case r.kind != failed:
		ep.failingFrom = time.Time{}
	case ep.failingFrom.IsZero():
		ep.failingFrom = now
	}
	switch {
	case r.gone:
		ep.pause("the receiver answered 410", now)
	case r.kind == failed && now.Sub(ep.failingFrom) >= ep.pauseAfter:
		ep.pause("no success for "+ep.pauseAfter.String(), now)
	}
}

// retry plans the next attempt of a failed event. Either it holds its lane, or
// it leaves memory until it is due.
func (ep *endpoint) retry(l *lane, it *item, r *result, now time.Time) {
	it.Attempts++
	if it.Attempts >= len(ep.schedule) {
		ep.bury(it, r.reason)
		return
	}
	var wait time.Duration
	wait, it.asked = retryWait(ep.schedule[it.Attempts], r.retryAfter, ep.random())
	it.nextAt = now.Add(wait)
	it.NextAt, it.reason = it.nextAt.UnixMilli(), r.reason
	ep.attempted[it.ID] = struct{}{}
	ep.metrics.settled(it.Command, outcomeRetry)
	ep.mark(it)
	if it.parked || ep.hold == 0 {
		ep.unload(it)
		return
	}
	if it.holdUntil.IsZero() {
		it.holdUntil = now.Add(ep.holdTime())
	}
	l.fresh.insert(it)
}

func (ep *endpoint) holdTime() time.Duration {
	if ep.hold < 0 {
		return forever
	}
	return ep.hold
}

// bury makes a dead letter of an event.
func (ep *endpoint) bury(it *item, reason string) {
	it.NextAt, it.reason = DeadLetterAt, reason
	ep.metrics.settled(it.Command, outcomeDeadLetter)
	ep.log.Error("webhook event is a dead letter", "event", it.EventID, "command", it.Command.Key(), "lane", it.Lane,
		"op", it.OperationID, "attempt", it.Attempts, "err", reason)
	ep.mark(it)
	ep.unload(it)
}

// remove has the row of an event deleted.
func (ep *endpoint) remove(it *item) {
	it.drop = true
	ep.mark(it)
	ep.unload(it)
}

// place puts a lane that is not busy where it belongs, and reports whether it
// became ready.
func (ep *endpoint) place(l *lane, now time.Time) bool {
	if l.state == laneBusy || l.state == laneReady {
		return false
	}
	if l.state == laneWaiting {
		heap.Remove(&ep.waiting, l.index)
		l.state = laneIdle
	}
	for {
		head := l.fresh.head
		switch {
		case l.due.head != nil || head != nil && !head.nextAt.After(now):
			l.state = laneReady
			ep.ready.push(l)
		case head == nil && l.more == 0:
			delete(ep.lanes, l.key)
			return false
		case head == nil:
		case ep.stalledFrom.IsZero() && !head.holdUntil.After(now):
			// Its hold is over: it goes on by its own schedule, which is in its row.
			ep.unload(l.fresh.pop())
			continue
		default:
			l.wakeAt = head.nextAt
			if head.holdUntil.Before(l.wakeAt) {
				l.wakeAt = head.holdUntil
			}
			l.state = laneWaiting
			heap.Push(&ep.waiting, l)
		}
		if l.more != 0 && !l.hungry && l.fresh.n <= ep.maxLane/4 {
			l.hungry = true
			ep.hungry = append(ep.hungry, l)
			ep.wakeReader()
		}
		return l.state == laneReady
	}
}

// wake places a lane and calls a worker for it. A worker that has just settled
// an event needs no call, it goes on by itself.
func (ep *endpoint) wake(l *lane, now time.Time) {
	if ep.place(l, now) {
		ep.work.Signal()
	}
}

// tick does what became due by the clock: an open breaker gets its trial, and
// held lanes their retry or the end of their hold.
func (ep *endpoint) tick() {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if ep.stopping {
		return
	}
	now := time.Now()
	if ep.breaker.ripen(now) {
		ep.breakerChanged(now)
	}
	if ep.stalledFrom.IsZero() {
		for len(ep.waiting) > 0 && !ep.waiting[0].wakeAt.After(now) {
			ep.wake(ep.waiting[0], now)
		}
	}
	ep.arm(now)
}

// arm sets the timer for the next tick.
func (ep *endpoint) arm(now time.Time) {
	var at time.Time
	switch {
	case ep.stopping:
		return
	case ep.breaker.state == breakerOpen:
		at = ep.breaker.until
	case !ep.paused && len(ep.waiting) > 0:
		at = ep.waiting[0].wakeAt
	}
	// A timer that is set for a time that is of no interest any more does no harm.
	if at.IsZero() || at.Equal(ep.timerAt) && at.After(now) {
		return
	}
	ep.timerAt = at
	ep.timer.Reset(max(at.Sub(now), 0))
}

// breakerChanged follows a change of the breaker's state.
func (ep *endpoint) breakerChanged(now time.Time) {
	ep.metrics.breaker.Set(float64(ep.breaker.state))
	switch ep.breaker.state {
	case breakerOpen:
		ep.log.Warn("webhook breaker open: events wait", "for", breakerOpenFor)
		ep.restall(now)
	case breakerHalfOpen:
		ep.restall(now)
		ep.work.Broadcast()
	case breakerClosed:
		ep.log.Info("webhook breaker closed: events go on")
		ep.recovered(now)
	}
}

// pause stops attempts until resume. Events are kept.
func (ep *endpoint) pause(reason string, now time.Time) {
	if ep.paused {
		return
	}
	ep.paused = true
	ep.metrics.paused.Set(1)
	ep.log.Error("webhook endpoint paused: events are kept, resume it when the receiver is right", "reason", reason)
	ep.restall(now)
}

// resume ends a pause and gives the endpoint a fresh breaker.
func (ep *endpoint) resume() {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if !ep.paused || ep.stopping {
		return
	}
	now := time.Now()
	ep.paused, ep.failingFrom = false, time.Time{}
	ep.metrics.paused.Set(0)
	ep.breaker.reset()
	ep.breakerChanged(now)
	ep.arm(now)
}

// restall notes whether the endpoint can be called. The time in which it cannot
// does not count for holds: nobody was passed over.
func (ep *endpoint) restall(now time.Time) {
	stalled := ep.paused || ep.breaker.state == breakerOpen
	switch {
	case stalled && ep.stalledFrom.IsZero():
		ep.stalledFrom = now
	case !stalled && !ep.stalledFrom.IsZero():
		from := ep.stalledFrom
		ep.stalledFrom = time.Time{}
		for _, l := range ep.lanes {
			if head := l.fresh.head; head != nil && !head.holdUntil.IsZero() {
				head.holdUntil = head.holdUntil.Add(now.Sub(from))
				ep.wake(l, now)
			}
		}
	}
}

// recovered sends what holds a lane at once: the endpoint is back, so waiting on
// would only cost the order. What the receiver itself asked for is respected.
func (ep *endpoint) recovered(now time.Time) {
	ep.restall(now)
	for _, l := range ep.lanes {
		if head := l.fresh.head; head != nil && !head.asked && head.nextAt.After(now) {
			head.nextAt = now
			ep.wake(l, now)
		}
	}
	ep.work.Broadcast()
}

// newEndpoint returns an endpoint for the URL of a configuration.
func newEndpoint(o *Options, m *metrics, wakeReader func()) (*endpoint, error) {
	c := &o.Config
	targets, authorization, err := newTargets(c)
	if err != nil {
		return nil, err
	}
	ep := &endpoint{
		targets: targets, authorization: authorization, userAgent: userAgent(c),
		schedule: c.Schedule, hold: c.Hold, pauseAfter: c.PauseAfter,
		concurrency: c.Concurrency, maxBody: c.MaxBody, maxLoaded: c.MaxLoaded, maxBytes: c.MaxLoadedBytes, maxLane: max(c.MaxLoaded/laneShare, 1),
		transport: o.Transport, decode: o.Decode, random: rand.Float64, metrics: m, log: o.Log,
		wakeReader: wakeReader, marked: make(chan struct{}, 1), markedFull: make(chan struct{}, 1),
		lanes: map[string]*lane{}, attempted: map[int64]struct{}{},
	}
	ep.work.L = &ep.mu
	for _, text := range c.Secrets {
		key, err := parseSecret(text)
		if err != nil {
			return nil, err
		}
		ep.secrets = append(ep.secrets, key)
	}
	if ep.transport == nil {
		if ep.transport, err = newTransport(c); err != nil {
			return nil, err
		}
	}
	return ep, nil
}
