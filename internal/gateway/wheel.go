package gateway

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"parley/internal/im"
)

const (
	// silenceTicks is how many ticks of the wheel the read time-out has: with the
	// default 30 s a tick is one second, and a silent connection ends 30 to 31 s
	// after its last frame.
	silenceTicks = 30
	// wheelSlots is more than the ticks until any default deadline. Longer ones are
	// reached in several steps.
	wheelSlots = 64
	// busy stands for "heard right now" while the reader waits on our side.
	busy = math.MaxInt64
)

// wheel watches over all connections with one goroutine: it ends those that have
// been silent for too long, and pings browsers, which cannot ping themselves
// (gateway.md 3.4). A deadline on each socket would cost a timer for each
// connection, a change of it for each frame, and depth of the reader's stack,
// which is most of an idle connection.
//
// A connection is filed under the tick at which it needs a look. Frames only note
// the tick at which they came; the look moves the connection on.
type wheel struct {
	tick  time.Duration
	limit int64 // ticks of silence after which a connection ends
	ping  int64 // ticks between pings

	now atomic.Int64

	mu    sync.Mutex
	slots [wheelSlots]map[*conn]struct{}
}

// watched is what the wheel notes at a connection.
type watched struct {
	heard atomic.Int64 // tick of the last frame, or busy

	// guarded by wheel.mu
	filed  bool
	slot   int64
	pinged int64 // tick of the last ping
}

func newWheel(l *Limits) *wheel {
	w := &wheel{tick: max(min(l.ReadTimeout/silenceTicks, l.PingEvery), time.Millisecond)}
	w.limit = max(int64(l.ReadTimeout/w.tick), 1)
	w.ping = max(int64(l.PingEvery/w.tick), 1)
	for i := range w.slots {
		w.slots[i] = make(map[*conn]struct{})
	}
	return w
}

// add begins to watch a connection. Its first ping comes a full interval later.
func (w *wheel) add(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now.Load()
	c.watched.heard.Store(now)
	c.watched.pinged = now
	w.file(c, now)
}

// remove ends the watch; a connection that is not watched is ignored.
func (w *wheel) remove(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.watched.filed {
		c.watched.filed = false
		delete(w.slots[c.watched.slot], c)
	}
}

// file puts a connection where it gets its next look. w.mu is held.
func (w *wheel) file(c *conn, now int64) {
	at := min(c.watched.heard.Load(), now) + w.limit + 1
	if c.cred.Platform == im.PlatformWeb {
		at = min(at, c.watched.pinged+w.ping)
	}
	at = min(max(at, now+1), now+wheelSlots-1)
	c.watched.filed, c.watched.slot = true, at%wheelSlots
	w.slots[c.watched.slot][c] = struct{}{}
}

// turn moves on by one tick and looks at the connections filed there.
func (w *wheel) turn() {
	w.mu.Lock()
	now := w.now.Add(1)
	var silent, ping []*conn
	slot := w.slots[now%wheelSlots]
	for c := range slot {
		delete(slot, c)
		if now-c.watched.heard.Load() > w.limit {
			c.watched.filed = false
			silent = append(silent, c)
			continue
		}
		if c.cred.Platform == im.PlatformWeb && now-c.watched.pinged >= w.ping {
			c.watched.pinged = now
			ping = append(ping, c)
		}
		w.file(c, now)
	}
	w.mu.Unlock()
	for _, c := range silent {
		c.hangUp(causeSilence)
	}
	for _, c := range ping {
		c.push(opPing, nil)
	}
}

// run turns the wheel until stop is closed.
func (w *wheel) run(stop <-chan struct{}) {
	t := time.NewTicker(w.tick)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			w.turn()
		}
	}
}

// heardNow notes that a frame came in.
func (c *conn) heardNow() { c.watched.heard.Store(c.g.wheel.now.Load()) }

// deaf notes that the reader does not listen: the client is not to blame for its silence.
func (c *conn) deaf() { c.watched.heard.Store(busy) }
