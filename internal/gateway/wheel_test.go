package gateway

import (
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"pgregory.net/rapid"

	"parley/internal/im"
)

// A connection ends at the first tick after the time-out, whenever its frames
// came; a browser is pinged every 27 ticks.
func TestWheel(t *testing.T) {
	t.Parallel()
	g := idle(t)
	rapid.Check(t, func(t *rapid.T) {
		l := DefaultLimits()
		l.ReadTimeout = time.Duration(rapid.IntRange(1, 200).Draw(t, "timeout")) * time.Second
		l.PingEvery = time.Duration(rapid.IntRange(1, 200).Draw(t, "ping")) * time.Second
		g.wheel = newWheel(&l)
		w := g.wheel
		w.now.Store(rapid.Int64Range(0, 1000).Draw(t, "start"))
		c := idleConn(g)
		if rapid.Bool().Draw(t, "browser") {
			c.cred.Platform = im.PlatformWeb
		}
		w.add(c)
		heard, pinged := w.now.Load(), w.now.Load()
		frames := rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "", "", "frame", "deaf"}), 1, 500).Draw(t, "frames")
		for _, f := range frames {
			switch f {
			case "frame":
				c.heardNow()
				heard = w.now.Load()
			case "deaf":
				c.deaf()
				for range rapid.IntRange(0, 300).Draw(t, "busy") {
					w.turn()
				}
				c.heardNow()
				heard, pinged = w.now.Load(), c.watched.pinged
				c.out = queue{}
			}
			w.turn()
			now := w.now.Load()
			over := now-heard > w.limit
			if over != (c.phase == gone) {
				t.Fatalf("%d ticks after the last frame, of %d: phase %d", now-heard, w.limit, c.phase)
			}
			if over {
				if c.cause != causeSilence || c.watched.filed {
					t.Fatalf("cause %q, filed %t", c.cause.text(), c.watched.filed)
				}
				return
			}
			due := c.cred.Platform == im.PlatformWeb && now-pinged >= w.ping
			if out, ok := c.out.take(); ok != due || ok && (out.op != opPing || len(out.payload) > 0) {
				t.Fatalf("%d ticks after the last ping, of %d: %v %t", now-pinged, w.ping, out, ok)
			}
			if due {
				pinged = now
			}
		}
		w.remove(c)
		w.remove(c)
		for i := range w.slots {
			if len(w.slots[i]) > 0 {
				t.Fatal("still filed")
			}
		}
	})
}

func TestDefaultTicks(t *testing.T) {
	t.Parallel()
	l := DefaultLimits()
	if w := newWheel(&l); w.tick != time.Second || w.limit != 30 || w.ping != 27 {
		t.Errorf("tick %v, silence %d, ping %d", w.tick, w.limit, w.ping)
	}
}

// A client that floods with pings is slowed to its rate, and still answered.
func TestPingFlood(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Rate, l.Burst = 2000, 1 }))
	c := f.dial(as{user: "alice"})
	const n = 3 * calmControls
	pongs := make(chan struct{}, n)
	c.ws.SetPongHandler(func(string) error { pongs <- struct{}{}; return nil })
	go c.closed()
	for range n {
		if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		<-pongs
	}
}

// What a client sends after the end is dropped until it closes.
func TestDrain(t *testing.T) {
	t.Parallel()
	data := func(fin bool, op byte, n int) []byte { return appendMasked(nil, op, fin, 7, make([]byte, n)) }
	closing := appendMasked(nil, opClose, true, 7, []byte{3, 232})
	for name, tt := range map[string]struct {
		left   int64
		stream [][]byte
		rest   int // bytes not read: the close code and what follows
	}{
		"close":              {0, [][]byte{closing, []byte("tail")}, 2 + 4},
		"rest of a frame":    {3, [][]byte{[]byte("abc"), closing, []byte("tail")}, 2 + 4},
		"messages":           {0, [][]byte{data(true, opBinary, 5000), data(true, opText, 0), closing, []byte("tail")}, 2 + 4},
		"pings":              {0, [][]byte{data(true, opPing, 100), closing}, 0},
		"fragments":          {0, [][]byte{data(false, opBinary, 10), data(false, opContinue, 600), data(true, opContinue, 1), closing, []byte("tail")}, 2 + 4},
		"nothing":            {0, nil, 0},
		"half a frame":       {0, [][]byte{data(true, opBinary, 100)[:50]}, 0},
		"garbage to the end": {0, [][]byte{make([]byte, 2000), closing}, 0},
		"no sense any more":  {-1, [][]byte{closing, make([]byte, 2000)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var stream []byte
			for _, b := range tt.stream {
				stream = append(stream, b...)
			}
			src := &chunks{b: stream, n: 100}
			in := &incoming{sock: src}
			in.drain(tt.left)
			if rest := len(src.b) + in.end - in.start; rest != tt.rest && tt.rest > 0 {
				t.Errorf("%d bytes are left, want %d", rest, tt.rest)
			}
		})
	}
}
