package webhook

import (
	"time"

	"parley/internal/store"
)

// The structures of this file have no lock of their own: endpoint.mu guards them.

// item is an event in memory. It is there until its outcome is in the store
// (lane nil, gone set) or it was parked.
type item struct {
	store.OutboxEvent
	next *item // in its queue

	nextAt    time.Time // not before; zero: at once
	asked     bool      // nextAt was named by the receiver
	parked    bool      // had its hold: a failure does not hold the lane again
	holdUntil time.Time // zero: did not fail yet

	gone     bool // has left its lane for good
	dirty    bool // the outcome waits to be written
	flushing bool // the outcome is being written
	hands    int  // endpoint.hands when it was loaded: a later one knows nothing of it

	outcome  store.Outcome   // to be written: how it ended; 0: a retry
	last     store.Attempt   // the last attempt
	attempts []store.Attempt // failed ones that wait to be written
}

func (it *item) size() int { return len(it.Body) + len(it.Message) }

// failed reports whether an attempt has failed, since a replay if there was one.
func (it *item) failed() bool { return it.Attempts > it.Base }

// itemQueue is linked through its items, so that queueing allocates nothing.
type itemQueue struct {
	head, tail *item
	n          int
}

// insert puts it in order of LaneSeq, which is nearly always at the end.
func (q *itemQueue) insert(it *item) {
	q.n++
	at := &q.head
	if q.tail != nil && q.tail.LaneSeq <= it.LaneSeq {
		at = &q.tail.next
	} else {
		for *at != nil && (*at).LaneSeq <= it.LaneSeq {
			at = &(*at).next
		}
	}
	it.next, *at = *at, it
	if it.next == nil {
		q.tail = it
	}
}

func (q *itemQueue) pop() *item {
	it := q.head
	if it == nil {
		return nil
	}
	q.n--
	q.head, it.next = it.next, nil
	if q.head == nil {
		q.tail = nil
	}
	return it
}

type laneState int8

const (
	laneIdle    laneState = iota // has nothing to send
	laneReady                    // in the ready queue
	laneWaiting                  // in the heap: its head failed and holds it
	laneBusy                     // one of its events is in flight
)

// lane holds the loaded events of one lane of the outbox. Its events go one at
// a time; events that were parked go before those that never failed, which are later.
type lane struct {
	key   string
	state laneState
	fresh itemQueue // in order; the head may have failed, then it holds the rest
	due   itemQueue // parked events whose time has come
	// more is the first id that was read and not loaded because the lane had its
	// share already; 0: none. Whatever follows is not loaded either, for the order.
	more   int64
	hungry bool // asked the reader to go on from more

	wakeAt time.Time // waiting: when to look again
	index  int       // waiting: place in the heap
	next   *lane     // ready: next in the queue
}

// take removes the event that goes next.
func (l *lane) take() *item {
	if it := l.due.pop(); it != nil {
		return it
	}
	return l.fresh.pop()
}

// putBack undoes take: the event goes next again.
func (l *lane) putBack(it *item) {
	if it.parked {
		l.due.insert(it)
	} else {
		l.fresh.insert(it)
	}
}

// peek returns the event that goes next.
func (l *lane) peek() *item {
	if l.due.head != nil {
		return l.due.head
	}
	return l.fresh.head
}

// laneQueue is the round-robin of ready lanes.
type laneQueue struct{ head, tail *lane }

func (q *laneQueue) push(l *lane) {
	l.next = nil
	if q.tail == nil {
		q.head = l
	} else {
		q.tail.next = l
	}
	q.tail = l
}

func (q *laneQueue) pop() *lane {
	l := q.head
	q.head, l.next = l.next, nil
	if q.head == nil {
		q.tail = nil
	}
	return l
}

// unpop puts a lane back to the front.
func (q *laneQueue) unpop(l *lane) {
	l.next = q.head
	if q.head = l; q.tail == nil {
		q.tail = l
	}
}

// laneHeap orders waiting lanes by the time to look at them again (container/heap).
type laneHeap []*lane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].wakeAt.Before(h[j].wakeAt) }
func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is for container/heap.
func (h *laneHeap) Push(x any) {
	l := x.(*lane)
	l.index = len(*h)
	*h = append(*h, l)
}

// Pop is for container/heap.
func (h *laneHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return l
}
