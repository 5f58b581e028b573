package gateway

import (
	"encoding/json"
	"errors"
	"runtime/debug"
	"time"
)

func (g *Gateway) buffer() *[]byte { return g.incoming.Get().(*[]byte) }

func (g *Gateway) release(b *[]byte) {
	if cap(*b) <= maxIncoming {
		g.incoming.Put(b)
	}
}

// read is the reader: it takes frames off the socket until the connection ends.
// What it calls is kept shallow, so that an idle connection waits on a stack of 2 KiB.
func (c *conn) read() {
	defer c.readEnded()
	for {
		h, err := c.in.header()
		if err == nil {
			c.heardNow()
			if h.op < opClose {
				err = c.readData(h)
			} else {
				err = c.readControl(h)
			}
			c.heardNow()
		}
		if err != nil {
			c.readFailed(h, err)
			return
		}
	}
}

// Ends of reading that are no faults.
var (
	errLeaving = errors.New("the connection leaves")
	errClosed  = errors.New("the peer closed")
)

// readFailed lets the client hear the goodbye, if there is one. It may still be
// sending, and a socket closed with unread input is reset, so input is dropped.
func (c *conn) readFailed(h header, err error) {
	switch err {
	case errTooLarge:
		c.leave(causeTooLarge, nil)
		c.in.drain(h.n)
	case errProtocol:
		c.leave(causeProtocol, nil)
		c.in.drain(-1)
	case errLeaving:
		c.in.drain(0)
	}
}

func (c *conn) readData(h header) error {
	g := c.g
	op, b, err := c.in.data(h, g.limits.Frame, g.buffer)
	if err != nil || b == nil {
		return err
	}
	g.metrics.framesIn.Inc()
	g.metrics.bytesIn.Add(float64(len(*b)))
	c.throttle()
	if op == opBinary {
		if !c.submit(b) {
			return errLeaving
		}
		return nil
	}
	// JSON takes more stack than the reader has, and would leave it large for good, so
	// it is read on a stack that goes away.
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer func() {
			if p := recover(); p != nil {
				c.panicked(p, "")
				c.leave(causePanic, nil)
			}
		}()
		c.text(*b)
	}()
	<-read
	g.release(b)
	return nil
}

func (c *conn) readControl(h header) error {
	p, err := c.in.control(h)
	if err != nil {
		return err
	}
	switch h.op {
	case opPing:
		c.pinged(p)
	case opClose:
		reply, err := closeReply(p)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.leaveLocked(causePeer, nil, reply)
		c.mu.Unlock()
		return errClosed
	}
	return nil
}

// readEnded is the end of the reader and of its connection.
func (c *conn) readEnded() {
	defer c.g.running.Done()
	why := causePeer
	if p := recover(); p != nil {
		why = causePanic
		c.panicked(p, "")
	}
	c.ended(why)
}

// throttle waits until the client may send another frame. Its frames wait in the
// kernel meanwhile, and when there is no room left, at the client.
func (c *conn) throttle() {
	d := c.limiter.Reserve().Delay()
	if d <= 0 {
		return
	}
	c.deaf()
	defer c.heardNow()
	due := false
	t := time.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		due = true
		c.moved.Broadcast()
	})
	defer t.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !due && c.phase < leaving {
		c.moved.Wait()
	}
}

// flood notices a client that sends control frames as fast as it can.
type flood struct {
	tick  int64
	count int
}

// calmControls is how many pings a client may send in a second before they count
// against its rate. Clients send one in 24 s.
const calmControls = 32

// pinged answers a ping. It is called by the reader.
func (c *conn) pinged(payload []byte) {
	if now := c.g.wheel.now.Load(); now != c.flood.tick {
		c.flood = flood{tick: now}
	}
	if c.flood.count++; c.flood.count > calmControls {
		c.throttle()
	}
	c.push(opPong, append([]byte(nil), payload...))
}

// text serves the pings of browsers, which cannot send control frames (gateway.md 3.5).
func (c *conn) text(b []byte) {
	var f struct {
		Type string          `json:"type"`
		Body json.RawMessage `json:"body"`
	}
	err := json.Unmarshal(b, &f)
	switch {
	case err == nil && f.Type == "ping":
		c.push(opText, textPong(f.Body))
	case err == nil && f.Type == "pong":
	default:
		c.leave(causeText, nil)
	}
}

// textPong returns the answer to a text ping: its body as it is, byte for byte.
// Clients need the key, so a ping without one is answered with null.
func textPong(body []byte) []byte {
	const head, none, tail = `{"type":"pong","body":`, `null`, `}`
	out := make([]byte, 0, len(head)+max(len(body), len(none))+len(tail))
	out = append(out, head...)
	if len(body) == 0 {
		out = append(out, none...)
	}
	out = append(out, body...)
	return append(out, tail...)
}

// panicked logs a fault of ours. op is the operation id of the request, if any.
func (c *conn) panicked(p any, op string) {
	c.g.log.Error("panic in a connection", "conn", c.ID(), "user", c.userID, "op", op, "panic", p, "stack", string(debug.Stack()))
}
