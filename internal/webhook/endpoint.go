package webhook

import (
	"container/heap"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// laneShare is the part of the loaded events that one lane may have.
const laneShare = 16

// endpoint delivers to one URL: its lanes, its workers, its breaker. The
// dispatcher fills it with events and carries its outcomes to the store.
type endpoint struct {
	id     string
	decode func([]byte) (*im.Message, error)
	random func() float64
	// Events and bytes in memory, at most, and events of one lane.
	maxLoaded, maxBytes, maxLane int

	metrics  *metrics
	log      *slog.Logger // for lines about an event
	ownLog   *slog.Logger // for lines about the endpoint itself
	failures throttle
	shared   *shared

	mu        sync.Mutex // guards what follows, and all items and lanes
	plan      *plan
	senders   []*sender // of the plan, not in use
	workers   int
	lanes     map[string]*lane
	ready     laneQueue
	paced     laneQueue // ready, but their next event belongs to a backlog that is sent at a rate
	waiting   laneHeap
	hungry    []*lane
	dirty     []*item
	attempted map[int64]struct{} // loaded events that failed before: what DueEvents may return though they are here
	loaded    int
	bytes     int
	starved   bool // the reader waits for room
	breaker   breaker
	blame     blame

	paused       bool
	pausedReason string
	pausedAt     time.Time
	pauseWaits   bool  // the pause is not in the store yet
	pauseVersion int64 // of the endpoints when the pause was written or read: older news of pauses do not count

	stalledFrom time.Time // since when the endpoint is paused or its breaker open; zero: it is not
	failingFrom time.Time // first failure since the last call that was none; zero: there is none
	resumedTo   int64     // id: events up to it are sent at the rate of a backlog
	rate        pacer
	backlogRate pacer

	stopping bool
	owned    bool // this node delivers
	leaving  bool // it shall not for long: nothing new is attempted
	writing  int  // batches of outcomes on their way to the store
	hands    int  // raised when another node delivers
	timer    *time.Timer
	timerAt  time.Time

	lease    store.Lease
	trusted  time.Time // until when the lease is believed in; zero: there are no other nodes
	heldRead bool      // the events that held their lanes were loaded
	cursor   int64     // fresh events up to here were read
	behind   bool      // it is read by itself, until it has caught up with the others
}

// shared is what endpoints tell their dispatcher.
type shared struct {
	// employ runs a worker, with the context of attempts. It is set by Start, before
	// there is anything to do.
	employ     func(func(context.Context))
	workers    sync.WaitGroup
	wakeReader func()        // there is room again, or a lane wants to be filled
	marked     chan struct{} // an outcome waits to be written
	markedFull chan struct{} // a whole batch of one endpoint waits
	// operationID is that of the dispatcher's run: lines about an endpoint bear it, those
	// about an event that of the event's request.
	operationID string
}

// newEndpoint returns an endpoint that delivers nothing yet.
func newEndpoint(id string, p *plan, c *Config, o *Options, m *metrics, sh *shared) *endpoint {
	ep := &endpoint{
		id: id, decode: o.Decode, random: rand.Float64, metrics: m, shared: sh, plan: p,
		log:       o.Log.With("endpoint", endpointLabel(id)),
		maxLoaded: c.MaxLoaded, maxBytes: c.MaxLoadedBytes,
		lanes: map[string]*lane{}, attempted: map[int64]struct{}{}, blame: blame{}, behind: true,
	}
	if id != im.MainEndpoint { // there may be many of them
		ep.maxLoaded, ep.maxBytes = max(c.MaxLoaded/extraShare, 1), max(c.MaxLoadedBytes/extraShare, 1)
	}
	ep.ownLog = ep.log.With("op", sh.operationID)
	ep.maxLane = max(ep.maxLoaded/laneShare, 1)
	ep.timer = time.AfterFunc(forever, ep.tick)
	m.breaker.WithLabelValues(endpointLabel(id)).Set(0)
	m.paused.WithLabelValues(endpointLabel(id)).Set(0)
	return ep
}

// extraShare is the part of what the main endpoint may load that another one may.
const extraShare = 8

// endpointLabel is how an endpoint is called in logs and metrics.
func endpointLabel(id string) string {
	if id == im.MainEndpoint {
		return "main"
	}
	return id
}

// own makes this node deliver to the endpoint.
func (ep *endpoint) own() {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	ep.owned = true
	ep.cursor, ep.behind, ep.heldRead = 0, true, false
}

// setLease notes under which lease outcomes are written.
func (ep *endpoint) setLease(l store.Lease) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	ep.lease = l
}

// trust lets attempts begin until a time. Whoever keeps the leases may have stood still
// as long as everything else, so it is not left to it to stop the workers in time.
func (ep *endpoint) trust(until time.Time) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	now := time.Now()
	stopped := now.After(ep.trusted)
	if ep.trusted = until; stopped {
		ep.employ(now)
	}
}

// disownUnder disowns unless the endpoint is held under another lease by now.
func (ep *endpoint) disownUnder(l store.Lease) {
	ep.mu.Lock()
	same := ep.lease.Epoch == l.Epoch
	ep.mu.Unlock()
	if same {
		ep.disown()
	}
}

// disown forgets everything that is loaded: another node delivers. Attempts in
// flight end without consequences.
func (ep *endpoint) disown() {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	ep.owned, ep.leaving = false, false
	ep.hands++
	ep.lanes, ep.attempted = map[string]*lane{}, map[int64]struct{}{}
	ep.ready, ep.paced, ep.waiting, ep.hungry, ep.dirty = laneQueue{}, laneQueue{}, nil, nil, nil
	ep.loaded, ep.bytes, ep.starved = 0, 0, false
}

// leave makes the endpoint ready to be given away, or takes that back.
func (ep *endpoint) leave(yes bool) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if ep.leaving = yes; !yes {
		ep.employ(time.Now())
	}
}

// left reports whether all attempts have come back and all outcomes are written.
func (ep *endpoint) left() bool {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return ep.leaving && ep.workers == 0 && len(ep.dirty) == 0 && ep.writing == 0 && !ep.pauseWaits
}

// stop ends the workers after the attempt they are at.
func (ep *endpoint) stop() {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	ep.stopping = true
	ep.timer.Stop()
}

// setPlan puts a plan in the place of the present one.
func (ep *endpoint) setPlan(p *plan) {
	ep.mu.Lock()
	old := ep.plan
	ep.plan, ep.senders = p, nil
	ep.employ(time.Now())
	ep.mu.Unlock()
	old.close()
}

// run is a worker: it attempts events until there is nothing to do.
func (ep *endpoint) run(ctx context.Context) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	defer func() { ep.workers-- }()
	for {
		l, pass, ok := ep.next(time.Now())
		if !ok {
			return
		}
		if ep.plan.batch > 1 {
			ep.attemptBatch(ctx, l, pass)
			continue
		}
		it := l.take()
		s := ep.sender()
		ep.mu.Unlock()
		r := s.send(ctx, it)
		ep.report(it, &r)
		ep.mu.Lock()
		ep.giveBack(s)
		ep.settle(l, it, pass, &r)
	}
}

// sender returns one that nobody uses.
func (ep *endpoint) sender() *sender {
	if n := len(ep.senders); n > 0 {
		s := ep.senders[n-1]
		ep.senders = ep.senders[:n-1]
		return s
	}
	return newSender(ep, ep.plan)
}

// giveBack keeps a sender for the next attempt.
func (ep *endpoint) giveBack(s *sender) {
	if s.plan == ep.plan {
		ep.senders = append(ep.senders, s)
	}
}

// employ starts workers for the lanes that are ready. The caller holds the lock.
func (ep *endpoint) employ(now time.Time) {
	idle := ep.plan.concurrency - ep.workers
	for l := ep.ready.head; l != nil && idle > 0; l = l.next {
		idle--
		ep.start()
	}
	if ep.paced.head != nil && idle > 0 {
		ep.start()
	}
	ep.arm(now)
}

// start starts a worker, which may find that there is nothing to do.
func (ep *endpoint) start() {
	if ep.stopping || ep.leaving || ep.paused || ep.breaker.state == breakerOpen {
		return
	}
	ep.workers++
	ep.shared.employ(ep.run)
}

// settle takes the result of an attempt: what becomes of the event, of the
// endpoint and of the lane.
func (ep *endpoint) settle(l *lane, it *item, pass uint32, r *result) {
	now := time.Now()
	if it.hands != ep.hands { // the endpoint is another node's now
		ep.breaker.unused(pass)
		return
	}
	ep.conclude(l, it, r, now)
	ep.answered(pass, r, now)
	if r.kind != interrupted {
		ep.place(l, now)
		ep.arm(now)
	}
}

// conclude does with an event what its attempt has come to. Its lane is idle then.
func (ep *endpoint) conclude(l *lane, it *item, r *result, now time.Time) {
	l.state = laneIdle
	switch r.kind {
	case interrupted:
		return // the row is as it was: the next start sends it
	case postponed:
		l.putBack(it)
		return
	}
	ep.note(it, r, now)
	switch r.kind {
	case delivered:
		ep.metrics.settled(it.Command, outcomeDelivered)
		ep.metrics.age.Observe(now.Sub(time.UnixMilli(it.CreatedAt)).Seconds())
		ep.remove(it, store.Delivered)
	case aborted:
		ep.metrics.settled(it.Command, outcomeAborted)
		ep.remove(it, store.Aborted)
	case messageGone:
		ep.metrics.settled(it.Command, outcomeMessageGone)
		ep.remove(it, store.MessageGone)
	case unsendable:
		ep.bury(it, r.reason, now)
	case failed:
		ep.retry(l, it, r, now)
	}
}

// answered takes what a call says of the endpoint, if one was made.
func (ep *endpoint) answered(pass uint32, r *result, now time.Time) {
	if !r.called() {
		ep.breaker.unused(pass)
		return
	}
	ep.judge(r, now)
	if ep.breaker.record(pass, r.kind != failed, now) {
		ep.breakerChanged(now)
	}
}

// note keeps what the log will say of an attempt.
func (ep *endpoint) note(it *item, r *result, now time.Time) {
	if r.kind != messageGone {
		it.Attempts++
	}
	if r.called() {
		ep.blame.note(it.Command, r, now)
	}
	at := r.at
	if at.IsZero() { // nothing was sent
		at = now
	}
	it.last = store.Attempt{
		Number: it.Attempts, At: at.UnixMilli(), Status: r.status, Took: r.took.Milliseconds(), Error: r.reason, Answer: r.answer,
	}
	if ep.plan.log && (r.kind == failed || r.kind == unsendable) {
		it.attempts = append(it.attempts, it.last)
	}
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
	case r.kind == failed && now.Sub(ep.failingFrom) >= ep.plan.pauseAfter:
		ep.pause("no success for "+ep.plan.pauseAfter.String(), now)
	}
}

// retry plans the next attempt of a failed event. Either it holds its lane, or
// it leaves memory until it is due.
func (ep *endpoint) retry(l *lane, it *item, r *result, now time.Time) {
	made := it.Attempts - it.Base
	if made >= len(ep.plan.schedule) {
		ep.bury(it, r.reason, now)
		return
	}
	var wait time.Duration
	wait, it.asked = retryWait(ep.plan.schedule[made], r.retryAfter, ep.random())
	it.nextAt = now.Add(wait)
	it.NextAt, it.LastError = it.nextAt.UnixMilli(), r.reason
	if it.FailedAt == 0 {
		it.FailedAt = now.UnixMilli()
	}
	ep.attempted[it.ID] = struct{}{}
	ep.metrics.settled(it.Command, outcomeRetry)
	ep.mark(it)
	if it.parked || ep.plan.hold == 0 {
		ep.unload(it)
		return
	}
	if it.holdUntil.IsZero() {
		it.holdUntil = now.Add(ep.plan.holdTime())
	}
	l.fresh.insert(it)
}

// bury makes a dead letter of an event.
func (ep *endpoint) bury(it *item, reason string, now time.Time) {
	it.Dead, it.NextAt, it.LastError = true, now.UnixMilli(), reason
	if it.FailedAt == 0 {
		it.FailedAt = it.NextAt
	}
	ep.metrics.settled(it.Command, outcomeDeadLetter)
	ep.log.Error("webhook event is a dead letter", "event", it.EventID, "command", it.Command.Key(), "lane", it.Lane,
		"op", it.OperationID, "attempt", it.Attempts, "err", reason)
	ep.mark(it)
	ep.unload(it)
}

// remove takes an event that is done with out of the outbox.
func (ep *endpoint) remove(it *item, outcome store.Outcome) {
	it.outcome = outcome
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
			ep.shared.wakeReader()
		}
		return l.state == laneReady
	}
}

// wake places a lane and calls a worker for it. A worker that has just settled
// an event needs no call, it goes on by itself.
func (ep *endpoint) wake(l *lane, now time.Time) {
	if ep.place(l, now) && ep.workers < ep.plan.concurrency {
		ep.start()
	}
}

// tick does what became due by the clock: an open breaker gets its trial, held
// lanes their retry or the end of their hold, and a rate lets the next event pass.
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
	ep.employ(now)
}

// arm sets the timer for the next tick.
func (ep *endpoint) arm(now time.Time) {
	if ep.stopping {
		return
	}
	var at time.Time
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if ep.breaker.state == breakerOpen {
		sooner(ep.breaker.until)
	} else if !ep.paused {
		if len(ep.waiting) > 0 {
			sooner(ep.waiting[0].wakeAt)
		}
		if ep.ready.head != nil && !ep.rate.ready(now, ep.plan.interval) {
			sooner(ep.rate.next)
		}
		if ep.paced.head != nil && !ep.backlogRate.ready(now, ep.plan.resume) {
			sooner(ep.backlogRate.next)
		}
	}
	// A timer that is set for a time that is of no interest any more does no harm.
	if at.IsZero() || at.Equal(ep.timerAt) && at.After(now) {
		return
	}
	ep.timerAt = at
	ep.timer.Reset(max(at.Sub(now), 0))
}
