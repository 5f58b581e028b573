package gateway

import (
	"encoding/binary"
	"errors"
	"net"
)

// This file reads WebSocket frames (RFC 6455, 5). The library would do it too, but
// gorilla/websocket keeps 1.1 KiB for reading and waits so deep in calls that a stack
// of 2 KiB does not hold it: an idle connection took 2.5 KiB more with it, of now 5.3
// (BenchmarkIdle). FuzzIncoming holds the two equal.

const (
	// inBuffer is what one read of the socket takes: the whole frame of a usual
	// request, so that it costs one system call. It lives as long as the connection.
	inBuffer = 512
	// minIncoming is the first size of a message; usual ones fit.
	minIncoming = 1 << 10
	// maxIncoming is the largest message buffer that is kept for reuse.
	maxIncoming = 64 << 10

	opContinue byte = 0
	maskBit    byte = 0x80
	rsvBits    byte = 0x70
)

// Faults of what comes in. All end the connection.
var (
	errTooLarge = errors.New("message above the limit")
	errProtocol = errors.New("not as RFC 6455 says")
)

// incoming is the state of reading a connection. Only its reader uses it.
type incoming struct {
	sock       net.Conn
	start, end int     // of what was read and not used, in buf
	message    *[]byte // what came of a message in several frames, else nil
	op         byte    // of that message
	mask       [4]byte // of the frame in work
	buf        [inBuffer]byte
}

// header is the beginning of a frame.
type header struct {
	op  byte
	fin bool
	n   int64 // bytes of payload
}

// fill reads until n bytes are in the buffer, n <= inBuffer.
func (in *incoming) fill(n int) error {
	if in.end-in.start >= n {
		return nil
	}
	if in.start+n > inBuffer || in.start == in.end {
		in.end = copy(in.buf[:], in.buf[in.start:in.end])
		in.start = 0
	}
	for in.end-in.start < n {
		m, err := in.sock.Read(in.buf[in.end:])
		in.end += m
		if err != nil && in.end-in.start < n {
			return err
		}
	}
	return nil
}

// header reads the next frame's header and its mask.
func (in *incoming) header() (header, error) {
	if err := in.fill(2); err != nil {
		return header{}, err
	}
	b0, b1 := in.buf[in.start], in.buf[in.start+1]
	h := header{op: b0 & 0x0f, fin: b0&finBit != 0, n: int64(b1 &^ maskBit)}
	length := 0 // bytes of an extended length
	switch h.n {
	case 126:
		length = 2
	case 127:
		length = 8
	}
	if b0&rsvBits != 0 || b1&maskBit == 0 {
		return header{}, errProtocol // no extension was agreed on, and clients must mask
	}
	switch h.op {
	case opClose, opPing, opPong:
		if !h.fin || h.n > maxControl {
			return header{}, errProtocol
		}
	case opText, opBinary:
		if in.message != nil {
			return header{}, errProtocol
		}
	case opContinue:
		if in.message == nil {
			return header{}, errProtocol
		}
	default:
		return header{}, errProtocol
	}
	if err := in.fill(2 + length + 4); err != nil {
		return header{}, err
	}
	p := in.buf[in.start+2:]
	switch length {
	case 2:
		h.n = int64(binary.BigEndian.Uint16(p))
	case 8:
		if h.n = int64(binary.BigEndian.Uint64(p)); h.n < 0 {
			return header{}, errProtocol
		}
	}
	copy(in.mask[:], p[length:])
	in.start += 2 + length + 4
	return h, nil
}

// control reads the payload of a control frame. It is valid until the next read.
func (in *incoming) control(h header) ([]byte, error) {
	n := int(h.n) // at most maxControl
	if err := in.fill(n); err != nil {
		return nil, err
	}
	p := in.buf[in.start : in.start+n]
	in.start += n
	unmask(p, in.mask, 0)
	return p, nil
}

// data appends the payload of a data frame to its message. The message is complete
// if the frame says so; then it is taken out and returned.
func (in *incoming) data(h header, limit int, fresh func() *[]byte) (op byte, message *[]byte, err error) {
	if h.op != opContinue {
		in.op = h.op
		in.message = fresh()
		*in.message = (*in.message)[:0]
	}
	b := *in.message
	if h.n > int64(limit-len(b)) {
		return 0, nil, errTooLarge
	}
	left, at := int(h.n), 0
	for left > 0 {
		if len(b) == cap(b) {
			// Grown by what came, not to what the header claims: a claim costs nothing.
			b = append(b, 0)[:len(b)]
		}
		room := b[len(b):min(cap(b), len(b)+left)]
		var n int
		if in.start < in.end {
			n = copy(room, in.buf[in.start:in.end])
			in.start += n
		} else if n, err = in.sock.Read(room); n == 0 && err != nil {
			*in.message = b
			return 0, nil, err
		}
		at = unmask(room[:n], in.mask, at)
		b = b[:len(b)+n]
		left -= n
	}
	*in.message = b
	if !h.fin {
		return 0, nil, nil
	}
	message, in.message = in.message, nil
	return in.op, message, nil
}

// drain drops what comes until the peer closes, or the socket ends. left is what
// is still to come of the frame in work; below zero the stream makes no sense any
// more, and only the end of the socket counts.
func (in *incoming) drain(left int64) {
	for left >= 0 && in.skip(left) == nil {
		h, err := in.header()
		switch {
		case err == errProtocol:
			left = -1
		case err != nil || h.op == opClose:
			return
		default:
			left = h.n
			if h.op < opClose {
				in.message = nil
				if !h.fin {
					in.message = new([]byte)
				}
			}
		}
	}
	for left < 0 {
		if _, err := in.sock.Read(in.buf[:]); err != nil {
			return
		}
	}
}

// skip drops n bytes.
func (in *incoming) skip(n int64) error {
	for n > 0 {
		if err := in.fill(1); err != nil {
			return err
		}
		m := int(min(n, int64(in.end-in.start)))
		in.start += m
		n -= int64(m)
	}
	return nil
}

// unmask applies a mask from its position at on, and returns the position after b.
func unmask(b []byte, mask [4]byte, at int) int {
	var turned [4]byte
	for i := range turned {
		turned[i] = mask[(at+i)&3]
	}
	at = (at + len(b)) & 3
	word := binary.LittleEndian.Uint32(turned[:])
	double := uint64(word)<<32 | uint64(word)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^double)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= turned[i&3]
	}
	return at
}

// closeReply returns the payload that answers a client's close frame: its code, if
// it sent one that may be sent (RFC 6455, 7.4).
func closeReply(p []byte) ([]byte, error) {
	if len(p) == 0 {
		return nil, nil
	}
	if len(p) == 1 {
		return nil, errProtocol
	}
	switch code := binary.BigEndian.Uint16(p); {
	case code < 1000, code >= 1004 && code <= 1006, code >= 1015 && code < 3000, code >= 5000:
		return nil, errProtocol
	}
	return append([]byte(nil), p[:2]...), nil
}
