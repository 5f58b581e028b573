package webhook

import (
	"time"

	"parley/internal/store"
)

// The methods of this file bring events into an endpoint. Only the reader calls
// them, so that nothing is loaded between two of them.

// load counts an event in and returns its item.
func (ep *endpoint) load(e store.OutboxEvent) *item {
	it := &item{OutboxEvent: e}
	ep.loaded++
	ep.bytes += it.size()
	if it.Attempts > 0 {
		ep.attempted[it.ID] = struct{}{}
	}
	return it
}

// lane returns the lane with a key, made if need be.
func (ep *endpoint) lane(key string) *lane {
	l := ep.lanes[key]
	if l == nil {
		l = &lane{key: key}
		ep.lanes[key] = l
	}
	return l
}

// room returns how many events may be read, at most limit. Once there is none
// the reader waits until a batch fits: reading row by row would cost more.
func (ep *endpoint) room(limit int) int {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if ep.starved || ep.loaded >= ep.maxLoaded || ep.bytes >= ep.maxBytes {
		ep.starved = true
		return 0
	}
	return min(limit, ep.maxLoaded-ep.loaded)
}

// freed wakes a reader that waits for room. The caller holds the lock.
func (ep *endpoint) freed() {
	if ep.starved && ep.loaded <= ep.maxLoaded-min(readBatch, (ep.maxLoaded+3)/4) && ep.bytes <= ep.maxBytes/4*3 {
		ep.starved = false
		ep.wakeReader()
	}
}

// addFresh takes events that were never attempted, in the order of the outbox.
func (ep *endpoint) addFresh(events []store.OutboxEvent) {
	now := time.Now()
	ep.mu.Lock()
	defer ep.mu.Unlock()
	for i := range events {
		l := ep.lane(events[i].Lane)
		if l.more == 0 && l.fresh.n >= ep.maxLane {
			l.more = events[i].ID
		}
		if l.more == 0 {
			l.fresh.insert(ep.load(events[i]))
			ep.wake(l, now)
		}
	}
}

// wanting returns a lane that has its share sent and left events unread, and
// the id to read on from.
func (ep *endpoint) wanting() (l *lane, after int64) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if len(ep.hungry) == 0 {
		return nil, 0
	}
	l = ep.hungry[0]
	return l, l.more - 1
}

// addMore gives a wanting lane its part of the fresh events that follow its last
// one. Those above cursor will be read in turn; complete says that events hold
// all up to there.
func (ep *endpoint) addMore(l *lane, events []store.OutboxEvent, cursor int64, complete bool) {
	now := time.Now()
	ep.mu.Lock()
	defer ep.mu.Unlock()
	ep.hungry = append(ep.hungry[:0], ep.hungry[1:]...)
	l.hungry = false
	for i := range events {
		e := &events[i]
		if e.ID > cursor {
			complete = true
			break
		}
		l.more = e.ID + 1
		if e.Lane != l.key {
			continue
		}
		if l.fresh.n >= ep.maxLane {
			l.more, complete = e.ID, false
			break
		}
		l.fresh.insert(ep.load(*e))
	}
	if complete || l.more > cursor {
		l.more = 0
	}
	// A lane that was ready all the time is not placed again before its next event was sent.
	ep.wake(l, now)
}

// addDue takes attempted events whose time has come, and reports how many of
// them are not here already.
func (ep *endpoint) addDue(events []store.OutboxEvent) (added int) {
	now := time.Now()
	ep.mu.Lock()
	defer ep.mu.Unlock()
	for i := range events {
		if _, here := ep.attempted[events[i].ID]; here || ep.loaded >= ep.maxLoaded {
			continue
		}
		it := ep.load(events[i])
		it.parked = true
		l := ep.lane(it.Lane)
		l.due.insert(it)
		ep.wake(l, now)
		added++
	}
	return added
}

// dueRoom returns how many due events may be read. Those that are here already
// come first in the answer, so they are added to the number; 0 while nothing can be sent.
func (ep *endpoint) dueRoom(limit int) int {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if !ep.stalledFrom.IsZero() || ep.loaded >= ep.maxLoaded {
		return 0
	}
	return len(ep.attempted) + limit
}

// addHeld looks at the attempted events that are in the outbox at the start,
// and loads those that were holding their lanes, so that a restart does not let later
// events overtake them.
func (ep *endpoint) addHeld(events []store.OutboxEvent) {
	if ep.hold == 0 {
		return
	}
	now := time.Now()
	ep.mu.Lock()
	defer ep.mu.Unlock()
	for i := range events {
		e := &events[i]
		nextAt := time.UnixMilli(e.NextAt)
		from := firstFailure(nextAt, e.Attempts, ep.schedule)
		if from.After(now) {
			from = now
		}
		until := from.Add(ep.holdTime())
		if !until.After(now) {
			continue
		}
		it := ep.load(*e)
		it.nextAt, it.holdUntil = nextAt, until
		l := ep.lane(it.Lane)
		l.fresh.insert(it)
		ep.wake(l, now)
	}
	ep.arm(now)
}
