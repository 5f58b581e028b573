package push

import (
	"container/list"
	"sync"

	"parley/internal/im"
)

// item is a message whose offline pushes are to be made.
type item struct {
	m      *im.Message
	op     string
	users  []string        // who may get one; nil: those of the session type
	info   *im.OfflinePush // may be nil
	intent bool            // there is a row that says so
	doneTo string          // of the intent
	at     int64           // when it was missed
	place  *list.Element   // among those that wait
}

func (it *item) size() int { return len(it.m.Content) }

// planners is a queue of messages of one kind and the goroutines that plan them,
// which exist while there are any. Messages of one conversation are planned one
// after the other, so that a device is told of them in their order.
type planners struct {
	p     *Pusher
	limit int

	mu      sync.Mutex // guards what follows
	waiting list.List  // of *item, the oldest first
	lines   map[string]*line
	ready   []string // conversations whose line may be worked at; checked again by next
	bytes   int
	running int
	stopped bool
	wg      sync.WaitGroup
}

// line is the messages of one conversation that wait, in their order.
type line struct {
	items []*item
	busy  bool // one is being planned, or the line is held
}

func (q *planners) init(p *Pusher, limit int) {
	q.p, q.limit, q.lines = p, limit, map[string]*line{}
}

// add queues a message, in the place of the oldest if there are too many. It never blocks.
func (q *planners) add(it *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return // its intent is found at the next start
	}
	conversation := it.m.ConversationID()
	l := q.line(conversation)
	l.items = append(l.items, it)
	it.place = q.waiting.PushBack(it)
	q.bytes += it.size()
	if !l.busy && len(l.items) == 1 {
		q.ready = append(q.ready, conversation)
	}
	q.drop()
	q.hire()
}

// line returns the line of a conversation. q.mu is held.
func (q *planners) line(conversation string) *line {
	l := q.lines[conversation]
	if l == nil {
		l = &line{}
		q.lines[conversation] = l
	}
	return l
}

// drop forgets the oldest messages while there are too many. q.mu is held.
func (q *planners) drop() {
	for q.waiting.Len() > q.p.o.Queue || q.waiting.Len() > 1 && q.bytes > maxWaitingBytes {
		old := q.waiting.Front().Value.(*item)
		conversation := old.m.ConversationID()
		l := q.lines[conversation] // it is the first there, too
		q.take(l)
		if len(l.items) == 0 && !l.busy {
			delete(q.lines, conversation)
		}
		q.p.metrics.dropped.WithLabelValues("planning").Inc()
		q.p.settle(old)
	}
}

// take returns the first message of a line that has one. q.mu is held.
func (q *planners) take(l *line) *item {
	it := l.items[0]
	l.items[0] = nil
	l.items = l.items[1:]
	q.waiting.Remove(it.place)
	q.bytes -= it.size()
	return it
}

// hire starts a planner if there is work for one more. q.mu is held.
func (q *planners) hire() {
	if len(q.ready) > 0 && q.running < q.limit && !q.stopped {
		q.running++
		q.wg.Go(q.run)
	}
}

// next returns a message whose conversation nobody works at, and makes that
// conversation the caller's until done; nil: there is none. q.mu is held.
func (q *planners) next() *item {
	for len(q.ready) > 0 {
		l := q.lines[q.ready[0]]
		q.ready = q.ready[1:]
		if l != nil && !l.busy && len(l.items) > 0 {
			l.busy = true
			return q.take(l)
		}
	}
	return nil
}

// done gives a conversation back. q.mu is held.
func (q *planners) done(conversation string) {
	l := q.lines[conversation]
	switch {
	case l == nil: // stopped meanwhile
	case len(l.items) == 0:
		delete(q.lines, conversation)
	default:
		l.busy = false
		q.ready = append(q.ready, conversation)
	}
}

func (q *planners) run() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		it := q.next()
		if it == nil {
			q.running--
			return
		}
		q.mu.Unlock()
		err := q.p.plan(q.p.ctx, it, q)
		if err != nil && q.p.ctx.Err() == nil {
			q.p.log.Error("offline push not made", "conv", it.m.ConversationID(), "op", it.op, "err", err)
			q.p.settle(it)
		}
		q.mu.Lock()
		q.done(it.m.ConversationID())
	}
}

// has reports whether messages of a conversation wait or are being planned here.
func (q *planners) has(conversation string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lines[conversation] != nil
}

// hold lets messages of a conversation wait until release.
func (q *planners) hold(conversation string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.line(conversation).busy = true
}

// addBefore queues a message of a held conversation before all others.
func (q *planners) addBefore(it *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	l := q.line(it.m.ConversationID())
	l.items = append([]*item{it}, l.items...)
	it.place = q.waiting.PushFront(it)
	q.bytes += it.size()
}

// release ends what hold began.
func (q *planners) release(conversation string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.done(conversation)
	q.drop()
	q.hire()
}

// stop drops what waits: intents are found at the next start.
func (q *planners) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped, q.bytes, q.ready, q.lines = true, 0, nil, map[string]*line{}
	q.waiting.Init()
}

// wait waits for the goroutines, after stop.
func (q *planners) wait() { q.wg.Wait() }
