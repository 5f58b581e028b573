package presence

import (
	"sync"

	"parley/internal/im"
)

// Change is a user's platform set after a change: the full new set, as clients
// get it. It is shared by all subscribers and must not be changed.
type Change struct {
	im.OnlineStatus
	version uint64

	mu      sync.Mutex
	encoded map[int][]byte // by variant
}

// Encoded returns what encode makes of the status for a variant of the
// subscriber's choice. It is made once for each variant, however many
// subscribers ask, so that a popular user's change is not encoded for each of them.
func (c *Change) Encoded(variant int, encode func(im.OnlineStatus) []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.encoded[variant]
	if !ok {
		b = encode(c.OnlineStatus)
		if c.encoded == nil {
			c.encoded = make(map[int][]byte)
		}
		c.encoded[variant] = b
	}
	return b
}

// Subscription is the interest of one connection in other users. Make one with
// [Table.Subscription] and close it with the connection.
type Subscription struct {
	table   *Table
	limit   int
	deliver func(*Change)

	turn   sync.Mutex // serialises Update and Close
	closed bool       // guarded by turn

	mu      sync.Mutex
	told    map[string]uint64 // subscribed users, and the number of the last change told or answered
	holding bool              // an answer is being made: changes are held back
	held    []*Change
}

// Subscription returns an empty subscription to at most limit users. deliver is
// called with every change, one call at a time; it must not block and must not
// call the subscription.
func (t *Table) Subscription(limit int, deliver func(*Change)) *Subscription {
	return &Subscription{table: t, limit: limit, deliver: deliver}
}

// Update ends the subscription to some users and begins it to others; an id in
// both lists ends up subscribed. It calls answer with one element for each id in
// subscribe, in that order, users nobody knows included; changes that answer does
// not contain are delivered after it. Over the limit nothing changes, and the
// error is of kind im.Invalid. On a closed subscription it does nothing, not even
// answer.
func (s *Subscription) Update(unsubscribe, subscribe []string, answer func([]im.OnlineStatus)) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.closed {
		return nil
	}
	if len(subscribe) > s.limit {
		return im.Errorf(im.Invalid, "presence.Update", "more than %d users in one request", s.limit)
	}
	wanted := make(map[string]bool, len(subscribe))
	for _, id := range subscribe {
		if subscribable(id) {
			wanted[id] = true
		}
	}
	ended, count := s.plan(unsubscribe, wanted)
	if count > s.limit {
		return im.Errorf(im.Invalid, "presence.Update", "more than %d subscriptions", s.limit)
	}

	s.hold()
	for _, id := range ended {
		s.table.unsubscribe(id, s)
	}
	statuses := make([]im.OnlineStatus, len(subscribe))
	versions := make([]uint64, len(subscribe))
	for i, id := range subscribe {
		statuses[i].UserID = id
		if wanted[id] {
			statuses[i].Platforms, versions[i] = s.table.subscribe(id, s)
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ended {
		delete(s.told, id)
	}
	for i, id := range subscribe {
		if wanted[id] {
			if s.told == nil {
				s.told = make(map[string]uint64, len(wanted))
			}
			s.told[id] = versions[i]
		}
	}
	answer(statuses)
	held := s.held
	s.holding, s.held = false, nil
	for _, c := range held {
		s.pass(c)
	}
	return nil
}

// subscribable reports whether an id can ever be online. Others are answered but
// not remembered, so that a client cannot make the table grow with long strings.
func subscribable(id string) bool { return id != "" && len(id) <= im.MaxIDBytes }

// plan returns the subscriptions that end and how many there will be.
func (s *Subscription) plan(unsubscribe []string, wanted map[string]bool) (ended []string, count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make(map[string]bool, len(unsubscribe))
	for _, id := range unsubscribe {
		if _, on := s.told[id]; on && !wanted[id] && !seen[id] {
			seen[id] = true
			ended = append(ended, id)
		}
	}
	count = len(s.told) - len(ended)
	for id := range wanted {
		if _, on := s.told[id]; !on {
			count++
		}
	}
	return ended, count
}

func (s *Subscription) hold() {
	s.mu.Lock()
	s.holding = true
	s.mu.Unlock()
}

// Close ends all subscriptions; nothing is delivered after it has returned.
func (s *Subscription) Close() {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.closed = true
	s.mu.Lock()
	told := s.told
	s.told = nil
	s.mu.Unlock()
	for id := range told {
		s.table.unsubscribe(id, s)
	}
}

// tell hands a change to the subscriber, now or when the answer in work is out.
func (s *Subscription) tell(c *Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holding {
		s.held = append(s.held, c)
		return
	}
	s.pass(c)
}

// pass delivers a change unless the subscriber has heard of it in an answer or
// does not want it any more. s.mu is held.
func (s *Subscription) pass(c *Change) {
	if last, on := s.told[c.UserID]; on && c.version > last {
		s.told[c.UserID] = c.version
		s.deliver(c)
	}
}
