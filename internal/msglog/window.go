package msglog

import (
	"hash/maphash"
	"sync"
	"time"
)

// Bounds of what is remembered of past messages, per shard. 65,536 entries are
// about 8 MiB; below 100 messages a second they reach back the full time.
const (
	windowSize = 1 << 16
	windowAge  = 10 * time.Minute
)

// key stands for a sender and a client message id. 128 bits of a keyed hash: two
// different messages do not meet in practice, and a client cannot aim for it.
type key [2]uint64

// window remembers the answers to recent messages, oldest forgotten first. The
// committer adds to it; others may look (Log.Repeated).
type window struct {
	seeds [2]maphash.Seed

	mu      sync.Mutex // guards what follows
	byKey   map[key]seen
	ring    []aged // in order of arrival
	start   int    // of the oldest
	evicted time.Time
}

type seen struct {
	at time.Time
	r  Result
}

type aged struct {
	k  key
	at time.Time
}

func newWindow() *window {
	return &window{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, byKey: make(map[key]seen)}
}

func (w *window) key(sendID, clientMsgID string) key {
	var k key
	var h maphash.Hash
	for i := range k {
		h.SetSeed(w.seeds[i])
		h.WriteString(sendID)
		h.WriteByte(0)
		h.WriteString(clientMsgID)
		k[i] = h.Sum64()
	}
	return k
}

func (w *window) find(now time.Time, k key) (Result, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.byKey[k]
	if !ok || now.Sub(s.at) > windowAge {
		return Result{}, false
	}
	return s.r, true
}

func (w *window) add(now time.Time, sendID, clientMsgID string, r Result) {
	if clientMsgID == "" {
		return
	}
	k := w.key(sendID, clientMsgID)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expire(now)
	if len(w.ring)-w.start >= windowSize {
		w.evicted = w.ring[w.start].at
		w.drop()
	}
	w.byKey[k] = seen{now, r}
	w.ring = append(w.ring, aged{k, now})
}

// expire forgets what is too old, a little with each addition.
func (w *window) expire(now time.Time) {
	for range 4 {
		if w.start == len(w.ring) || now.Sub(w.ring[w.start].at) <= windowAge {
			return
		}
		w.drop()
	}
}

func (w *window) drop() {
	old := w.ring[w.start]
	if s, ok := w.byKey[old.k]; ok && s.at.Equal(old.at) {
		delete(w.byKey, old.k)
	}
	w.start++
	if w.start > windowSize { // move the live half down
		w.ring = append(w.ring[:0], w.ring[w.start:]...)
		w.start = 0
	}
}

// covers reports whether every message made since a client's time (ms) is still
// remembered, as far as messages of the last windowAge go.
func (w *window) covers(now time.Time, createTime int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.evicted.IsZero() || now.Sub(w.evicted) > windowAge {
		return true
	}
	return createTime > w.evicted.UnixMilli()
}
