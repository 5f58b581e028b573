package webhook

import "time"

// The methods of this file choose what is attempted next. Their callers hold the lock.

// next finds a lane whose turn it is and makes it busy.
func (ep *endpoint) next(now time.Time) (l *lane, pass uint32, ok bool) {
	if ep.stopping || ep.leaving || ep.paused || ep.workers > ep.plan.concurrency {
		return nil, 0, false
	}
	if !ep.trusted.IsZero() && now.After(ep.trusted) { // another node may deliver by now
		return nil, 0, false
	}
	if !ep.rate.ready(now, ep.plan.interval) {
		ep.arm(now)
		return nil, 0, false
	}
	if pass, ok = ep.breaker.pass(); !ok {
		return nil, 0, false
	}
	if l = ep.pick(ep.backlogRate.ready(now, ep.plan.resume)); l == nil {
		ep.breaker.unused(pass)
		ep.arm(now)
		return nil, 0, false
	}
	ep.engage(l, now)
	return l, pass, true
}

// pick takes the next lane off its queue, of a backlog only if one may go now; nil
// if there is none.
func (ep *endpoint) pick(backlog bool) *lane {
	if backlog && ep.paced.head != nil {
		return ep.paced.pop()
	}
	for ep.ready.head != nil {
		l := ep.ready.pop()
		if backlog || !ep.old(l.peek()) {
			return l
		}
		ep.paced.push(l)
	}
	return nil
}

// old reports whether an event belongs to a backlog that is sent at a rate.
func (ep *endpoint) old(it *item) bool {
	return ep.plan.resume != 0 && (it.Base != 0 || it.ID <= ep.resumedTo)
}

// engage makes a picked lane busy and counts its event for the rates.
func (ep *endpoint) engage(l *lane, now time.Time) {
	ep.rate.take(now, ep.plan.interval)
	if ep.old(l.peek()) {
		ep.backlogRate.take(now, ep.plan.resume)
	}
	l.state = laneBusy
}
