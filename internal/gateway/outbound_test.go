package gateway

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"pgregory.net/rapid"

	"parley/internal/im"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

// The queue gives back what was put, in order, and keeps its books.
func TestQueue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := Limits{QueueFrames: 8, QueueBytes: 100}
		var q queue
		var model []outgoing
		for i := range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"push", "answer", "send", "take"}).Draw(t, "step") {
			case "push":
				f := outgoing{op: byte(i), payload: make([]byte, rapid.IntRange(0, 150).Draw(t, "size"))}
				if !q.full(len(f.payload), &l) {
					q.put(f)
					model = append(model, f)
				}
			case "answer":
				f := outgoing{op: byte(i), payload: make([]byte, 30), answer: true}
				q.put(f)
				model = append(model, f)
			case "send":
				f := outgoing{op: byte(i), send: new(send), answer: true}
				q.put(f)
				model = append(model, f)
			case "take":
				f, ok := q.take()
				if ok != (len(model) > 0) {
					t.Fatalf("take from %d: %t", len(model), ok)
				}
				if ok {
					if f.op != model[0].op || f.send != model[0].send || len(f.payload) != len(model[0].payload) {
						t.Fatalf("took %v, want %v", f, model[0])
					}
					model = model[1:]
				}
			}
			push, answer, pushes := 0, 0, 0
			for _, f := range model {
				if f.answer {
					answer += f.size()
				} else {
					push += f.size()
					pushes++
				}
			}
			if q.len() != len(model) || q.pushBytes != push || q.answerBytes != answer {
				t.Fatalf("queue says %d frames, %d and %d bytes; it has %d, %d and %d", q.len(), q.pushBytes, q.answerBytes, len(model), push, answer)
			}
			if push > l.QueueBytes && pushes > 1 || pushes > l.QueueFrames {
				t.Fatalf("%d pushes with %d bytes", pushes, push)
			}
			if len(model) == 0 && cap(q.frames) > keptFrames {
				t.Fatalf("an empty queue keeps %d places", cap(q.frames))
			}
		}
	})
}

func TestFrameHeader(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		0: "8200", 125: "827d", 126: "827e007e", 0xffff: "827effff", 0x10000: "827f0000000000010000",
	} {
		if got := fmt.Sprintf("%x", appendHeader(nil, opBinary, n)); got != want {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
	}
}

// Frames of all sizes, many at once, arrive whole and in order.
func TestWriterKeepsStream(t *testing.T) {
	t.Parallel()
	f := start(t)
	sizes := []int{0, 1, 100, 125, 126, 2000, smallBuffer, smallBuffer + 1, largeBuffer - 4, largeBuffer, chunk, chunk + largeBuffer, 500_000}
	rapid.Check(t, func(rt *rapid.T) {
		c := f.dial(as{user: "alice"})
		var want [][]byte
		total := 0
		for i := range rapid.IntRange(1, 60).Draw(rt, "frames") {
			n := rapid.SampledFrom(sizes).Draw(rt, "size")
			if total += n; total > 900_000 {
				break
			}
			want = append(want, bytes.Repeat([]byte{byte(i + 1)}, n))
		}
		for _, b := range want {
			if !c.conn.push(opBinary, b) {
				t.Fatal("push refused")
			}
		}
		for i, b := range want {
			_, got, err := c.ws.ReadMessage()
			if err != nil || !bytes.Equal(got, b) {
				t.Fatalf("frame %d of %d bytes: got %d bytes, %v", i, len(b), len(got), err)
			}
		}
		c.ws.Close()
		c.ended()
	})
}

// Pushes of several producers arrive in the order of each.
func TestPushOrder(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.dial(as{user: "alice", codec: frame.JSON | frame.Gzip})
	const producers, each = 4, 200
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := range each {
				f.g.Push("alice", wire.NewPush("si_a_b", fmt.Sprint(p, " ", i)))
			}
		})
	}
	next := make([]int, producers)
	for range producers * each {
		var p, i int
		if _, err := fmt.Sscan(c.next().OperationID, &p, &i); err != nil || next[p] != i {
			t.Fatalf("producer %d: got %d, want %d (%v)", p, i, next[p], err)
		}
		next[p]++
	}
	wg.Wait()
}

// A client that does not read is closed; until then its queue stays within its
// bounds, and pushing never blocks.
func TestSlowConsumer(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]Limits{
		"bytes": {QueueBytes: 256 << 10, QueueFrames: 1 << 20},
		"count": {QueueBytes: 1 << 30, QueueFrames: 64},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, func(o *Options) { o.Limits = l })
			c := f.dial(as{user: "alice"})
			push := wire.NewPush("si_a_b", "op", im.Record{Seq: 1, Body: body(t, strings.Repeat("x", 20_000))})
			for f.g.Push("alice", push).Connections == 1 {
				c.conn.mu.Lock()
				frames, bytes := c.conn.out.len(), c.conn.out.pushBytes
				c.conn.mu.Unlock()
				if frames > f.g.limits.QueueFrames || bytes > f.g.limits.QueueBytes {
					t.Fatalf("%d frames with %d bytes wait", frames, bytes)
				}
			}
			c.ended(causeSlow)
			c.conn.mu.Lock()
			defer c.conn.mu.Unlock()
			if c.conn.out.len() != 0 || c.conn.out.frames != nil {
				t.Error("the queue is kept")
			}
		})
	}
}

// A frame larger than the whole queue may go into an empty one.
func TestLargeFrameIntoEmptyQueue(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.QueueBytes = 1000 }))
	c := f.dial(as{user: "alice"})
	if !c.conn.push(opBinary, make([]byte, 100_000)) {
		t.Fatal("refused")
	}
	if _, b, err := c.ws.ReadMessage(); err != nil || len(b) != 100_000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// A push that would break the client is not sent to it, but to others.
func TestOversizedPush(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Answer = 4096 }))
	plain := f.dial(as{user: "alice"})
	zipped := f.dial(as{user: "alice", codec: frame.Gob | frame.Gzip})
	push := wire.NewPush("si_a_b", "large", im.Record{Seq: 1, Body: body(t, strings.Repeat("x", 10_000))})
	if d := f.g.Push("alice", push); d.Connections != 1 {
		t.Errorf("%+v", d)
	}
	f.g.Push("alice", wire.NewPush("si_a_b", "small"))
	if r := plain.next(); r.OperationID != "small" {
		t.Errorf("got %q", r.OperationID)
	}
	if r := zipped.next(); r.OperationID != "large" {
		t.Errorf("got %q", r.OperationID)
	}
	if n := f.counter("oversized_frames_total"); n != 1 {
		t.Errorf("%v frames counted", n)
	}
}

// Frames that wait together are written together.
func TestFramesAreJoined(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.dial(as{user: "alice"})
	const n = 100
	c.conn.mu.Lock() // holds the writer off until all are there
	for range n {
		c.conn.out.put(outgoing{op: opBinary, payload: make([]byte, 50)})
	}
	c.conn.startWriter()
	c.conn.mu.Unlock()
	for range n {
		if _, _, err := c.ws.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	stopped := make(chan error)
	go func() { stopped <- f.g.Stop(context.Background()) }()
	c.closed()
	c.ws.Close()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if writes := f.counter("writes_total"); writes != 2 {
		t.Errorf("%v writes for %d frames and the goodbye", writes, n)
	}
}

// The last frames arrive although the client still sends: closing with unread
// input would reset the connection and destroy them.
func TestGoodbyeSurvivesInput(t *testing.T) {
	t.Parallel()
	f := start(t)
	for range 10 {
		c := f.dial(as{user: "alice"})
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for c.ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"pong"}`)) == nil {
			}
		}()
		f.g.Kick("alice", im.PlatformAndroid, "op")
		if r := c.next(); r.ReqIdentifier != wire.ReqKick {
			t.Fatalf("got %+v", r)
		}
		if code := c.closed(); code != 1000 {
			t.Fatalf("close code %d", code)
		}
		c.ws.Close()
		<-stop
		c.ended()
	}
}
