package webhook

import "time"

// The numbers of webhook-delivery.md 6.6, which 6.7 takes over for after events.
const (
	breakerWindow   = 30 // seconds looked back at, one bucket each
	breakerMinCalls = 10
	breakerPercent  = 70
	breakerOpenFor  = 10 * time.Second
)

type breakerState int8

const (
	breakerClosed breakerState = iota
	breakerHalfOpen
	breakerOpen
)

// breaker decides whether an endpoint is worth calling. An open one becomes
// half-open only by ripen, so that its owner can act at that moment; in between
// it lets nobody pass. It needs its owner's lock and never blocks.
type breaker struct {
	state   breakerState
	until   time.Time // end of the open time
	trial   bool      // half-open: somebody has passed
	gen     uint32    // changes with the state: an answer to an older state says nothing about this one
	buckets [breakerWindow]struct {
		second          int64
		calls, failures int
	}
}

// pass lets a call through, or not. The generation goes back with its result.
func (b *breaker) pass() (gen uint32, ok bool) {
	switch b.state {
	case breakerClosed:
		return b.gen, true
	case breakerHalfOpen:
		if !b.trial {
			b.trial = true
			return b.gen, true
		}
	}
	return 0, false
}

// unused gives back a pass with which no call was made.
func (b *breaker) unused(gen uint32) {
	if gen == b.gen {
		b.trial = false
	}
}

// record takes the result of a call and reports whether the state changed.
func (b *breaker) record(gen uint32, ok bool, now time.Time) bool {
	if gen != b.gen {
		return false
	}
	switch {
	case b.state == breakerHalfOpen && ok:
		b.reset()
		return true
	case b.state == breakerHalfOpen:
		b.open(now)
		return true
	}
	second := now.Unix()
	k := &b.buckets[second%breakerWindow]
	if k.second != second {
		k.second, k.calls, k.failures = second, 0, 0
	}
	k.calls++
	if ok {
		return false
	}
	k.failures++
	var calls, failures int
	for i := range b.buckets {
		if second-b.buckets[i].second < breakerWindow {
			calls += b.buckets[i].calls
			failures += b.buckets[i].failures
		}
	}
	if calls < breakerMinCalls || failures*100 < calls*breakerPercent {
		return false
	}
	b.open(now)
	return true
}

// ripen makes an open breaker half-open when its time is over, and reports whether it did.
func (b *breaker) ripen(now time.Time) bool {
	if b.state != breakerOpen || now.Before(b.until) {
		return false
	}
	b.state, b.trial = breakerHalfOpen, false
	b.gen++
	return true
}

// reset closes the breaker and forgets what it saw.
func (b *breaker) reset() { *b = breaker{gen: b.gen + 1} }

func (b *breaker) open(now time.Time) {
	b.state, b.until = breakerOpen, now.Add(breakerOpenFor)
	b.gen++
}
