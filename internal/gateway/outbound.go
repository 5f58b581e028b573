package gateway

import (
	"encoding/binary"
	"time"
)

// The opcodes of RFC 6455, 5.2.
const (
	opText   byte = 1
	opBinary byte = 2
	opClose  byte = 8
	opPing   byte = 9
	opPong   byte = 10
)

const (
	finBit = 0x80
	// maxHeader is the longest header of an unmasked frame: flags, 127, eight bytes of length.
	maxHeader = 10
	// maxControl is the longest payload of a control frame.
	maxControl = 125

	// largeBuffer is what a writer joins frames into: 16 frames of 300 bytes cost a
	// tenth in one write of what they cost in 16, and beyond 32 KiB nothing is gained.
	largeBuffer = 32 << 10
	// smallBuffer serves the usual write of one or two frames, so that many
	// sockets that block at once do not pin a large buffer each.
	smallBuffer = 2 << 10
	// chunk is how much of a large frame goes into one write. Each write has its own
	// deadline, so a slow line that moves is not cut off.
	chunk = 64 << 10

	// keptFrames is the queue capacity that an idle connection keeps.
	keptFrames = 2
	// answerRoom is how many bytes of answers may wait before the connection's next
	// request is taken up: a client that does not read answers is not given more.
	answerRoom = 64 << 10
)

// outgoing is a frame to be written. The payload is shared and not to be changed.
type outgoing struct {
	payload []byte
	send    *send // not nil: the answer to a message, encoded by the writer
	op      byte
	answer  bool
}

// size is what the frame counts for while it waits.
func (f *outgoing) size() int {
	if f.send != nil {
		return sendAnswerSize
	}
	return len(f.payload)
}

// queue holds the frames that wait for the writer. Pushes and pongs are bounded by
// count and bytes. Answers are not, because the worker does not begin a request
// while many bytes of answers wait: an answer never ends a connection.
type queue struct {
	frames      []outgoing
	head        int
	pushBytes   int
	answerBytes int
}

func (q *queue) len() int { return len(q.frames) - q.head }

// full reports whether a push of n bytes has no place.
func (q *queue) full(n int, l *Limits) bool {
	return q.len() >= l.QueueFrames || q.len() > 0 && q.pushBytes+n > l.QueueBytes
}

func (q *queue) put(f outgoing) {
	if q.head > 0 && len(q.frames) == cap(q.frames) {
		n := copy(q.frames, q.frames[q.head:])
		clear(q.frames[n:])
		q.frames, q.head = q.frames[:n], 0
	}
	q.frames = append(q.frames, f)
	q.count(&f, 1)
}

func (q *queue) take() (outgoing, bool) {
	if q.len() == 0 {
		return outgoing{}, false
	}
	f := q.frames[q.head]
	q.frames[q.head] = outgoing{}
	q.head++
	q.count(&f, -1)
	if q.head == len(q.frames) {
		q.frames, q.head = q.frames[:0], 0
		if cap(q.frames) > keptFrames {
			q.frames = nil
		}
	}
	return f, true
}

func (q *queue) count(f *outgoing, sign int) {
	if f.answer {
		q.answerBytes += sign * f.size()
	} else {
		q.pushBytes += sign * f.size()
	}
}

// push queues a frame nobody waits for: a message, a change of presence, a ping or
// a pong. It reports whether the frame was queued. A connection whose queue is full
// is closed: its client comes back and catches up by sequence numbers.
func (c *conn) push(op byte, payload []byte) bool {
	c.mu.Lock()
	if c.phase >= leaving {
		c.mu.Unlock()
		return false
	}
	if c.out.full(len(payload), &c.g.limits) {
		c.hangUpLocked(causeSlow)
		attached := c.attached
		c.mu.Unlock()
		if attached {
			c.closeSocket()
		}
		return false
	}
	c.out.put(outgoing{op: op, payload: payload})
	c.startWriter()
	c.mu.Unlock()
	return true
}

// answer queues the answer to a request.
func (c *conn) answer(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase < leaving {
		c.out.put(outgoing{op: opBinary, payload: payload, answer: true})
		c.startWriter()
	}
}

// startWriter sees to it that a writer exists if one is needed. c.mu is held. The
// reader, or the handshake before it, is counted in running, so that is not zero.
func (c *conn) startWriter() {
	if c.attached && !c.writing && c.out.len() > 0 {
		c.writing = true
		c.g.running.Add(1)
		go c.write()
	}
}

// take returns the next frame to write, its payload encoded.
func (c *conn) take() (outgoing, bool) {
	c.mu.Lock()
	f, ok := c.out.take()
	if f.answer && c.out.answerBytes <= answerRoom {
		c.moved.Broadcast() // the worker may wait for room
	}
	c.mu.Unlock()
	if f.send != nil {
		f.payload = f.send.encode()
	}
	return f, ok
}

// write is the writer: it writes until the queue is empty.
func (c *conn) write() {
	defer c.g.running.Done()
	for c.writeAll() {
	}
}

// writeAll writes what is queued, joined into few writes. It reports false when
// the writer's life ended.
func (c *conn) writeAll() bool {
	c.mu.Lock()
	joined := c.out.pushBytes + c.out.answerBytes + c.out.len()*maxHeader
	if c.out.len() == 0 {
		c.stopWriter() // releases c.mu
		return false
	}
	c.mu.Unlock()

	var buf []byte
	if joined <= smallBuffer {
		b := c.g.small.Get().(*[smallBuffer]byte)
		defer c.g.small.Put(b)
		buf = b[:0]
	} else {
		b := c.g.large.Get().(*[largeBuffer]byte)
		defer c.g.large.Put(b)
		buf = b[:0]
	}
	f, more := c.take()
	for more {
		buf = appendHeader(buf[:0], f.op, len(f.payload))
		frames, rest := 1, f.payload
		if len(buf)+len(rest) <= cap(buf) {
			buf, rest = append(buf, rest...), nil
			for f, more = c.take(); more && len(buf)+maxHeader+len(f.payload) <= cap(buf); f, more = c.take() {
				buf = append(appendHeader(buf, f.op, len(f.payload)), f.payload...)
				frames++
			}
		} else {
			n := copy(buf[len(buf):cap(buf)], rest)
			buf, rest = buf[:len(buf)+n], rest[n:]
			f, more = c.take()
		}
		if !c.writeBytes(buf, frames) {
			return false
		}
		for len(rest) > 0 {
			n := min(len(rest), chunk)
			if !c.writeBytes(rest[:n], 0) {
				return false
			}
			rest = rest[n:]
		}
	}
	return true
}

// writeBytes writes a part of the stream. On failure it ends the connection and
// the writer's life.
func (c *conn) writeBytes(b []byte, frames int) bool {
	err := c.sock.SetWriteDeadline(time.Now().Add(c.g.limits.WriteTimeout))
	if err == nil {
		_, err = c.sock.Write(b)
	}
	if err != nil {
		c.hangUp(causeWrite)
		c.mu.Lock()
		c.writing = false
		c.mu.Unlock()
		return false
	}
	m := c.g.metrics
	m.framesOut.Add(float64(frames))
	m.bytesOut.Add(float64(len(b)))
	m.writes.Inc()
	return true
}

// stopWriter ends the writer's life with an empty queue. A connection that leaves
// has said all it had to say: its sending side is closed, and the reader goes on
// until the client closes too. Closing at once could destroy the last frames on
// their way, because a socket closed with unread input is reset. c.mu is held, and
// is released.
func (c *conn) stopWriter() {
	c.writing = false
	done := c.phase == leaving
	reading := c.reading
	c.mu.Unlock()
	if !done {
		return
	}
	if half, ok := c.sock.(interface{ CloseWrite() error }); ok && reading && half.CloseWrite() == nil {
		return
	}
	c.hangUp(causeNone)
}

// appendHeader appends the header of an unmasked, unfragmented frame (RFC 6455, 5.2).
func appendHeader(b []byte, op byte, n int) []byte {
	b = append(b, finBit|op)
	switch {
	case n <= 125:
		return append(b, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
}

// closePayload returns the payload of a close frame.
func closePayload(code int, text string) []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(text)), uint16(code))
	return append(b, text...)
}
