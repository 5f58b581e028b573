// Package presence knows who is online where: for each user the set of platforms
// with at least one live connection, and which connections asked to be told of
// its changes (gateway.md 8).
//
// It owns two things. A [Table] counts the connections of each user and platform.
// A [Subscription] belongs to one connection, answers its requests 2005 and is
// handed every later [Change] of the users it asked for. The package does no I/O,
// never logs, does not know what a connection is, and does not look beyond this
// process: a cluster counts remote connections in the same table.
//
// # Goroutines
//
// It starts none. Subscribers and hooks are called on the goroutine that changed
// the table, or, when a change of that user is already being told, on the one
// that tells it. They must not block.
//
// # Order
//
// Changes of one user reach each subscriber and each hook in the order they
// happened, and an answer to a subscription never comes after a change it does
// not contain: changes are numbered, and what happens while an answer is being
// made is held back until the answer is out.
//
// # Locks
//
// Subscription.turn, then shard.mu; Subscription.mu, then whatever the
// subscriber's deliver function takes. No function of a subscriber and no hook is
// called under a shard's lock.
package presence

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"parley/internal/im"
)

// shards is the number of parts of a table. With 64, two busy cores rarely meet
// on one lock, and an empty table is still small.
const shards = 64

// Table holds the online state of users. Make one with [New].
type Table struct {
	seed   maphash.Seed
	clock  atomic.Uint64 // numbers the changes of all users
	online atomic.Int64  // users with at least one connection
	hooks  []func(Event)
	shards [shards]shard
}

type shard struct {
	mu    sync.Mutex
	users map[string]*entry
}

// entry is what a table knows of one user; it exists while it holds anything.
// All fields are guarded by the mutex of its shard.
type entry struct {
	platforms   []im.Platform // ascending; replaced, never changed: answers and changes share it
	conns       []int32       // of the platform at the same index, at least 1
	subscribers []*Subscription
	untold      []event // in order
	telling     bool    // some goroutine hands out untold
}

// Kind says what an Event is about.
type Kind uint8

// The kinds of events.
const (
	Online  Kind = iota // a platform entered a user's set
	Offline             // a platform left it
	Kicked              // a connection was ended by force; it comes before Offline
)

// Origin is what the table does not know of the connection behind an event, and
// passes on to the hooks.
type Origin struct {
	ConnID      string
	Background  bool   // the application was in the background when it connected
	OperationID string // of the request that caused the event; "" if there was none
}

// Event is what hooks are told of.
type Event struct {
	Kind     Kind
	UserID   string
	Platform im.Platform
	Origin
}

type event struct {
	Event
	change      *Change // nil: the user's set is as it was
	subscribers []*Subscription
}

// New returns an empty table.
func New() *Table {
	t := &Table{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].users = make(map[string]*entry)
	}
	return t
}

// OnChange adds a hook that is told when a platform enters or leaves a user's
// set, and of connections that are ended by force. It must be called before the table is used. Hooks must not block, and
// must not panic: the user's later changes would not be told any more.
func (t *Table) OnChange(hook func(Event)) {
	t.hooks = append(t.hooks, hook)
}

// Connect counts one more connection of a user from a platform.
func (t *Table) Connect(userID string, p im.Platform, o Origin) {
	s := t.shard(userID)
	s.mu.Lock()
	e := s.entry(userID)
	i, found := slices.BinarySearch(e.platforms, p)
	if found {
		e.conns[i]++
		s.mu.Unlock()
		return
	}
	if len(e.platforms) == 0 {
		t.online.Add(1)
	}
	e.platforms = slices.Insert(slices.Clone(e.platforms), i, p)
	e.conns = slices.Insert(e.conns, i, 1)
	t.changed(s, e, Event{Online, userID, p, o})
}

// Disconnect counts one connection less. One that was never counted is ignored.
func (t *Table) Disconnect(userID string, p im.Platform, o Origin) {
	s := t.shard(userID)
	s.mu.Lock()
	e := s.users[userID]
	if e == nil {
		s.mu.Unlock()
		return
	}
	i, found := slices.BinarySearch(e.platforms, p)
	if !found {
		s.mu.Unlock()
		return
	}
	if e.conns[i]--; e.conns[i] > 0 {
		s.mu.Unlock()
		return
	}
	rest := make([]im.Platform, 0, len(e.platforms)-1)
	e.platforms = append(append(rest, e.platforms[:i]...), e.platforms[i+1:]...)
	e.conns = slices.Delete(e.conns, i, i+1)
	if len(e.platforms) == 0 {
		t.online.Add(-1)
	}
	t.changed(s, e, Event{Offline, userID, p, o})
}

// Kick tells the hooks that a connection is ended by force. It is called before
// the connection's Disconnect.
func (t *Table) Kick(userID string, p im.Platform, o Origin) {
	if len(t.hooks) == 0 {
		return
	}
	s := t.shard(userID)
	s.mu.Lock()
	e := s.entry(userID)
	e.untold = append(e.untold, event{Event: Event{Kicked, userID, p, o}})
	t.tell(s, userID, e)
}

// Again tells the hooks of all who are online as if they had come just now, for whoever
// was told that they are gone.
func (t *Table) Again() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		ids := slices.Collect(maps.Keys(s.users))
		s.mu.Unlock()
		for _, id := range ids {
			s.mu.Lock()
			e := s.users[id]
			if e == nil {
				s.mu.Unlock()
				continue
			}
			for _, p := range e.platforms {
				e.untold = append(e.untold, event{Event: Event{Kind: Online, UserID: id, Platform: p}})
			}
			t.tell(s, id, e)
		}
	}
}

// changed tells subscribers and hooks of a change that was just made. It is
// called with s.mu held and releases it.
func (t *Table) changed(s *shard, e *entry, happened Event) {
	version := t.clock.Add(1)
	if len(e.subscribers) > 0 || len(t.hooks) > 0 {
		e.untold = append(e.untold, event{
			Event: happened,
			change: &Change{
				OnlineStatus: im.OnlineStatus{UserID: happened.UserID, Platforms: e.platforms},
				version:      version,
			},
			subscribers: slices.Clone(e.subscribers),
		})
	}
	t.tell(s, happened.UserID, e)
}

// tell hands out what is untold of a user. Only one goroutine at a time does, which
// keeps events in order without holding a lock meanwhile. It is called with s.mu
// held and releases it.
func (t *Table) tell(s *shard, userID string, e *entry) {
	if e.telling {
		s.mu.Unlock()
		return
	}
	e.telling = true
	for len(e.untold) > 0 {
		batch := e.untold
		e.untold = nil
		s.mu.Unlock()
		for i := range batch {
			ev := &batch[i]
			for _, sub := range ev.subscribers {
				sub.tell(ev.change)
			}
			for _, hook := range t.hooks {
				hook(ev.Event)
			}
		}
		s.mu.Lock()
	}
	e.telling = false
	s.drop(userID, e)
	s.mu.Unlock()
}

// Platforms returns where a user is online, ascending; nil when offline.
func (t *Table) Platforms(userID string) []im.Platform {
	s := t.shard(userID)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.users[userID]
	if e == nil || len(e.platforms) == 0 {
		return nil
	}
	return slices.Clone(e.platforms)
}

// Statuses returns one element for each id, in the asked order, unknown users included.
func (t *Table) Statuses(userIDs []string) []im.OnlineStatus {
	out := make([]im.OnlineStatus, len(userIDs))
	for i, id := range userIDs {
		out[i] = im.OnlineStatus{UserID: id, Platforms: t.Platforms(id)}
	}
	return out
}

// Online returns the number of users that are online.
func (t *Table) Online() int { return int(t.online.Load()) }

// subscribe adds a subscriber and returns the state of the user and its number:
// exactly the changes with a higher one are still to be told.
func (t *Table) subscribe(userID string, sub *Subscription) ([]im.Platform, uint64) {
	s := t.shard(userID)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entry(userID)
	if !slices.Contains(e.subscribers, sub) {
		e.subscribers = append(e.subscribers, sub)
	}
	return e.platforms, t.clock.Load()
}

func (t *Table) unsubscribe(userID string, sub *Subscription) {
	s := t.shard(userID)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.users[userID]
	if e == nil {
		return
	}
	// A linear search: a slice takes a fifth of the memory of a map for the usual
	// one or two subscribers, and ten thousand are passed in microseconds.
	if i := slices.Index(e.subscribers, sub); i >= 0 {
		last := len(e.subscribers) - 1
		e.subscribers[i] = e.subscribers[last]
		e.subscribers[last] = nil
		e.subscribers = e.subscribers[:last]
	}
	s.drop(userID, e)
}

func (t *Table) shard(userID string) *shard {
	return &t.shards[maphash.String(t.seed, userID)%shards]
}

// entry returns the entry of a user and makes it if need be. s.mu is held.
func (s *shard) entry(userID string) *entry {
	e := s.users[userID]
	if e == nil {
		e = new(entry)
		s.users[userID] = e
	}
	return e
}

// drop removes an entry that holds nothing. s.mu is held.
func (s *shard) drop(userID string, e *entry) {
	if len(e.platforms) == 0 && len(e.subscribers) == 0 && len(e.untold) == 0 && !e.telling {
		delete(s.users, userID)
	}
}
