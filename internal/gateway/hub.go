package gateway

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"parley/internal/im"
)

// hubShards is the number of parts of a hub. A push holds a part's lock for one
// look-up, so this is generous on any machine.
const hubShards = 64

// hub is the table of connections by user.
type hub struct {
	seed   maphash.Seed
	last   atomic.Uint64 // number of the newest connection
	shards [hubShards]hubShard
}

type hubShard struct {
	mu sync.RWMutex
	// users holds the reachable connections. The slices are replaced, never
	// changed, so that a push walks one without the lock.
	users map[string][]*conn
	// kicked holds connections that are not reachable any more and have not ended
	// yet, for Stop to find them.
	kicked map[*conn]struct{}
	// kicks counts calls of take, for handshakes to notice one.
	kicks uint64
}

func newHub() *hub {
	h := &hub{seed: maphash.MakeSeed()}
	for i := range h.shards {
		h.shards[i].users = make(map[string][]*conn)
		h.shards[i].kicked = make(map[*conn]struct{})
	}
	return h
}

func (h *hub) shard(userID string) *hubShard {
	return &h.shards[maphash.String(h.seed, userID)%hubShards]
}

// of returns the connections of a user, which the caller must not change.
func (h *hub) of(userID string) []*conn {
	s := h.shard(userID)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.users[userID]
}

// add numbers a connection and makes it reachable.
func (h *hub) add(c *conn) {
	s := h.shard(c.userID)
	s.mu.Lock()
	defer s.mu.Unlock()
	c.number.Store(h.last.Add(1))
	s.set(c.userID, append(slices.Clip(s.users[c.userID]), c))
}

// remove forgets a connection and reports whether it was still reachable.
func (h *hub) remove(c *conn) bool {
	s := h.shard(c.userID)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kicked, c)
	return len(s.cut(c.userID, func(o *conn) bool { return o == c })) > 0
}

// expel takes out one connection and reports whether it was still reachable.
func (h *hub) expel(c *conn) bool {
	s := h.shard(c.userID)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.cut(c.userID, func(o *conn) bool { return o == c })
	s.keep(out)
	return len(out) > 0
}

// supersede takes out the connections that c ends under a policy (gateway.md 7.3
// B) and returns them. Of two connections that would end each other, the one
// that was added last stays, whichever asks first. Those with c's own token
// always stay.
func (h *hub) supersede(c *conn, policy im.LoginPolicy) []*conn {
	s := h.shard(c.userID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.users[c.userID], c) {
		return nil // kicked meanwhile: it replaces nobody
	}
	out := s.cut(c.userID, func(o *conn) bool {
		return o.number.Load() < c.number.Load() && o.cred.TokenHash != c.cred.TokenHash &&
			policy.Kicks(c.cred.Platform, o.cred.Platform)
	})
	s.keep(out)
	return out
}

// take takes out all connections of a user and platform and returns them.
func (h *hub) take(userID string, p im.Platform) []*conn {
	s := h.shard(userID)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kicks++
	out := s.cut(userID, func(o *conn) bool { return o.cred.Platform == p })
	s.keep(out)
	return out
}

// kicks returns a number that changes when a user is kicked. Other users of the
// shard may change it too.
func (h *hub) kicks(userID string) uint64 {
	s := h.shard(userID)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.kicks
}

// all returns every connection that has not ended, in no particular order.
func (h *hub) all() []*conn {
	var out []*conn
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.RLock()
		for _, conns := range s.users {
			out = append(out, conns...)
		}
		for c := range s.kicked {
			out = append(out, c)
		}
		s.mu.RUnlock()
	}
	return out
}

// cut replaces a user's connections by those for which out is false and returns
// the others. s.mu is held.
func (s *hubShard) cut(userID string, out func(*conn) bool) []*conn {
	var stay, gone []*conn
	for _, c := range s.users[userID] {
		if out(c) {
			gone = append(gone, c)
		} else {
			stay = append(stay, c)
		}
	}
	if len(gone) > 0 {
		s.set(userID, stay)
	}
	return gone
}

// keep notes connections that were taken out and have not ended. s.mu is held.
func (s *hubShard) keep(conns []*conn) {
	for _, c := range conns {
		s.kicked[c] = struct{}{}
	}
}

func (s *hubShard) set(userID string, conns []*conn) {
	if len(conns) == 0 {
		delete(s.users, userID)
		return
	}
	s.users[userID] = conns
}
