package webhook

import (
	"time"

	"parley/internal/im"
)

// The methods of this file stop and restart an endpoint as a whole. Their callers
// hold the lock, unless they say otherwise.

// breakerChanged follows a change of the breaker's state.
func (ep *endpoint) breakerChanged(now time.Time) {
	ep.metrics.breaker.WithLabelValues(endpointLabel(ep.id)).Set(float64(ep.breaker.state))
	switch ep.breaker.state {
	case breakerOpen:
		ep.ownLog.Warn("webhook breaker open: events wait", "for", breakerOpenFor, "failing", ep.blame.names(now))
		ep.restall(now)
	case breakerHalfOpen:
		ep.restall(now)
		ep.employ(now)
	case breakerClosed:
		ep.ownLog.Info("webhook breaker closed: events go on")
		ep.recovered(now)
	}
}

// pause stops attempts until somebody resumes the endpoint. Events are kept.
func (ep *endpoint) pause(reason string, now time.Time) {
	if ep.paused {
		return
	}
	ep.setPaused(reason, now)
	ep.pauseWaits = true
	poke(ep.shared.marked)
	ep.ownLog.Error("webhook endpoint paused: events are kept, resume it when the receiver is right", "reason", reason)
}

func (ep *endpoint) setPaused(reason string, at time.Time) {
	ep.paused, ep.pausedReason, ep.pausedAt = true, reason, at
	ep.metrics.paused.WithLabelValues(endpointLabel(ep.id)).Set(1)
	ep.restall(time.Now())
}

// resume ends a pause and gives the endpoint a fresh breaker.
func (ep *endpoint) resume() {
	if !ep.paused || ep.stopping {
		return
	}
	now := time.Now()
	ep.paused, ep.pausedReason, ep.pausedAt, ep.pauseWaits = false, "", time.Time{}, false
	ep.failingFrom = time.Time{}
	ep.metrics.paused.WithLabelValues(endpointLabel(ep.id)).Set(0)
	ep.ownLog.Info("webhook endpoint resumed")
	ep.breaker.reset()
	ep.breakerChanged(now)
	ep.employ(now)
}

// setPause brings the endpoint to the pause that the store knows of, and to what the
// last one left. What is older than what is known, or the endpoint's own pause, is no news. It takes the lock.
func (ep *endpoint) setPause(stored *im.Endpoint, version int64) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	ep.resumedTo = max(ep.resumedTo, stored.ResumedTo) // before anything of the backlog goes
	if ep.pauseWaits || version < ep.pauseVersion {
		return
	}
	ep.pauseVersion = version
	switch {
	case stored.PausedAt == 0:
		ep.resume()
	case !ep.paused:
		ep.setPaused(stored.PausedReason, time.UnixMilli(stored.PausedAt))
		ep.ownLog.Info("webhook endpoint paused", "reason", stored.PausedReason)
	}
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
	ep.employ(now)
}

// pacer lets things pass one by one with an interval between them. What was not
// used is made up for up to paceSlack.
type pacer struct{ next time.Time }

// paceSlack evens out timers that come late.
const paceSlack = 50 * time.Millisecond

func (p *pacer) ready(now time.Time, interval time.Duration) bool {
	return interval == 0 || !p.next.After(now)
}

func (p *pacer) take(now time.Time, interval time.Duration) {
	if interval == 0 {
		return
	}
	if from := now.Add(-paceSlack); p.next.Before(from) {
		p.next = from
	}
	p.next = p.next.Add(interval)
}
