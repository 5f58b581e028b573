package webhook

import (
	"time"

	"parley/internal/store"
)

// The methods of this file bring events into an endpoint. Only the reader calls
// them, so that nothing is loaded between two of them.

// load counts an event in and returns its item.
func (ep *endpoint) load(e store.OutboxEvent) *item {
	it := &item{OutboxEvent: e, hands: ep.hands}
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
		ep.shared.wakeReader()
	}
}

// reading says how the endpoint is to be read: first is true until addHeld.
func (ep *endpoint) reading() (hands int, first, behind, owned bool) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return ep.hands, !ep.heldRead, ep.behind, ep.owned
}

// readTo returns the cursor.
func (ep *endpoint) readTo() int64 {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return ep.cursor
}

// advance says that everything up to a place was read for all endpoints.
func (ep *endpoint) advance(to int64) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if ep.owned && !ep.behind {
		ep.cursor = max(ep.cursor, to)
	}
}

// addBatch takes fresh events that were read for this endpoint. If they are all
// there are it has caught up: nothing up to head is missing.
func (ep *endpoint) addBatch(hands int, events []store.OutboxEvent, all bool, head int64) (caughtUp bool) {
	now := time.Now()
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if hands != ep.hands {
		return false
	}
	for i := range events {
		ep.addOne(&events[i], now)
		ep.cursor = events[i].ID
	}
	if all {
		ep.behind, ep.cursor = false, max(ep.cursor, head)
	}
	return all
}

// addOne takes a fresh event. The caller holds the lock.
func (ep *endpoint) addOne(e *store.OutboxEvent, now time.Time) {
	l := ep.lane(e.Lane)
	if l.more == 0 && l.fresh.n >= ep.maxLane {
		l.more = e.ID
	}
	if l.more == 0 {
		l.fresh.insert(ep.load(*e))
		ep.wake(l, now)
	}
}

// offer takes a fresh event that was read for all endpoints. Without room for it
// the endpoint is read by itself from here on.
func (ep *endpoint) offer(e *store.OutboxEvent, now time.Time) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if !ep.owned || ep.behind || e.ID <= ep.cursor {
		return
	}
	if ep.loaded >= ep.maxLoaded || ep.bytes >= ep.maxBytes {
		ep.behind, ep.starved, ep.cursor = true, true, e.ID-1
		return
	}
	ep.addOne(e, now)
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
// one. Those above the cursor will be read in turn; complete says that events hold
// all up to there.
func (ep *endpoint) addMore(l *lane, events []store.OutboxEvent, complete bool) {
	now := time.Now()
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if len(ep.hungry) == 0 || ep.hungry[0] != l {
		return // everything was forgotten meanwhile
	}
	cursor := ep.cursor
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
func (ep *endpoint) addDue(hands int, events []store.OutboxEvent) (added int) {
	now := time.Now()
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if hands != ep.hands {
		return 0
	}
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
func (ep *endpoint) addHeld(hands int, events []store.OutboxEvent) {
	now := time.Now()
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if hands != ep.hands {
		return
	}
	ep.heldRead = true
	if ep.plan.hold == 0 {
		return
	}
	for i := range events {
		e := &events[i]
		until := time.UnixMilli(e.FailedAt).Add(ep.plan.holdTime())
		if e.FailedAt == 0 || !until.After(now) { // a replay holds nobody
			continue
		}
		it := ep.load(*e)
		it.nextAt, it.holdUntil = time.UnixMilli(e.NextAt), until
		l := ep.lane(it.Lane)
		l.fresh.insert(it)
		ep.wake(l, now)
	}
	ep.arm(now)
}
