// Package pace bounds how often something may happen: one bucket of tokens for
// each key, such as a user or an address, that fills at a steady rate.
//
// Its memory is bounded whatever the keys are. It starts no goroutine, reads no
// clock, and knows nothing of requests.
package pace

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// Limit is how often something may happen: Burst times at once, and PerSecond
// times a second in the long run. Without a rate, or without a burst, there is no limit.
type Limit struct{ PerSecond, Burst int }

// Off reports whether there is no limit.
func (l Limit) Off() bool { return l.PerSecond <= 0 || l.Burst <= 0 }

// DefaultKeys is for how many keys [New] keeps buckets unless told otherwise: some
// 100 bytes each.
const DefaultKeys = 1 << 16

// shards is the number of locks, so that requests rarely wait for one another.
const shards = 16

// Buckets are the buckets of many keys. Make them with [New]; nil limits nothing.
type Buckets[K comparable] struct {
	seed    maphash.Seed
	max     int // keys of one shard
	shard   [shards]shard[K]
	refused atomic.Uint64
}

// shard is a part of the buckets. A bucket is one number, the time at which it is
// full again: a time that has come says as much as no bucket at all, so it can be
// dropped without anybody noticing.
type shard[K comparable] struct {
	mu   sync.Mutex
	full map[K]int64 // Unix ns
}

// New returns buckets for at most keys keys at a time; 0 means DefaultKeys.
func New[K comparable](keys int) *Buckets[K] {
	if keys <= 0 {
		keys = DefaultKeys
	}
	b := &Buckets[K]{seed: maphash.MakeSeed(), max: max(1, keys/shards)}
	for i := range b.shard {
		b.shard[i].full = make(map[K]int64)
	}
	return b
}

// Take takes a token out of a key's bucket. It returns 0, or how long it takes
// until there is one.
func (b *Buckets[K]) Take(key K, l Limit, now time.Time) (wait time.Duration) {
	if b == nil || l.Off() {
		return 0
	}
	at := now.UnixNano()
	each := int64(time.Second) / int64(l.PerSecond)
	whole := each * int64(l.Burst)
	s := &b.shard[maphash.Comparable(b.seed, key)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	was, known := s.full[key]
	full := max(was, at) + each
	if full-at > whole {
		b.refused.Add(1)
		return time.Duration(full - at - whole)
	}
	if !known && len(s.full) >= b.max {
		s.makeRoom(at)
	}
	s.full[key] = full
	return 0
}

// looks is how many buckets a shard without room looks at. It is a constant, so
// that whoever comes with ever new keys costs no more than anybody else.
const looks = 8

// makeRoom drops buckets that are full again, or else any one: its key begins anew
// with a whole burst, which is more than who makes up keys gains by it.
func (s *shard[K]) makeRoom(at int64) {
	var victim K
	room, n := false, 0
	for k, full := range s.full { // begins anywhere
		if victim = k; full <= at {
			delete(s.full, k)
			room = true
		}
		if n++; n == looks {
			break
		}
	}
	if !room {
		delete(s.full, victim)
	}
}

// Refused returns how often there was no token.
func (b *Buckets[K]) Refused() uint64 {
	if b == nil {
		return 0
	}
	return b.refused.Load()
}

// Len returns the number of buckets that are kept.
func (b *Buckets[K]) Len() (n int) {
	if b == nil {
		return 0
	}
	for i := range b.shard {
		s := &b.shard[i]
		s.mu.Lock()
		n += len(s.full)
		s.mu.Unlock()
	}
	return n
}
