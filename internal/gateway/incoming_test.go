package gateway

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"pgregory.net/rapid"
)

// chunks is a connection on which b comes in pieces of at most n bytes, and which
// swallows what is written.
type chunks struct {
	net.Conn
	b []byte
	n int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.b[:min(c.n, len(c.b))])
	c.b = c.b[n:]
	return n, nil
}
func (c *chunks) Write(p []byte) (int, error) { return len(p), nil }
func (c *chunks) Close() error                { return nil }

func (c *chunks) SetDeadline(time.Time) error      { return nil }
func (c *chunks) SetWriteDeadline(time.Time) error { return nil }

// events reads a stream as the reader does.
func events(stream []byte, piece, limit int) (out []string, end error) {
	in := &incoming{sock: &chunks{b: stream, n: piece}}
	for {
		h, err := in.header()
		switch {
		case err != nil:
			return out, err
		case h.op >= opClose:
			p, err := in.control(h)
			if err != nil {
				return out, err
			}
			switch h.op {
			case opPing:
				out = append(out, fmt.Sprintf("ping %x", p))
			case opPong:
				out = append(out, fmt.Sprintf("pong %x", p))
			case opClose:
				return out, errClosed
			}
		default:
			op, m, err := in.data(h, limit, func() *[]byte { return new([]byte) })
			if err != nil {
				return out, err
			}
			if m != nil {
				out = append(out, fmt.Sprintf("%d %x", op, *m))
			}
		}
	}
}

// library reads a stream with gorilla/websocket.
func library(t *testing.T, stream []byte, piece, limit int) (out []string, end error) {
	conn := &chunks{b: stream, n: piece}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for k, v := range map[string]string{
		"Connection": "upgrade", "Upgrade": "websocket", "Sec-Websocket-Version": "13", "Sec-Websocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		r.Header.Set(k, v)
	}
	u := websocket.Upgrader{ReadBufferSize: 1024}
	ws, err := u.Upgrade(&canned{ResponseRecorder: httptest.NewRecorder(), conn: conn}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(int64(limit))
	ws.SetPingHandler(func(s string) error { out = append(out, fmt.Sprintf("ping %x", s)); return nil })
	ws.SetPongHandler(func(s string) error { out = append(out, fmt.Sprintf("pong %x", s)); return nil })
	for {
		op, m, err := ws.ReadMessage()
		if err != nil {
			return out, err
		}
		out = append(out, fmt.Sprintf("%d %x", op, m))
	}
}

// canned is a response that hands over a made-up connection.
type canned struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (c *canned) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return c.conn, bufio.NewReadWriter(bufio.NewReader(c.conn), bufio.NewWriter(c.conn)), nil
}

// FuzzIncoming holds our reading of frames equal to the library's.
func FuzzIncoming(f *testing.F) {
	frame := func(first byte, payload []byte) []byte {
		b := masked(payload)
		b[0] = first
		return b
	}
	f.Add(frame(0x82, []byte("hello")), uint8(3))
	f.Add(append(frame(0x02, []byte("hel")), append(frame(0x89, []byte("p")), frame(0x80, []byte("lo"))...)...), uint8(255))
	f.Add(append(frame(0x81, bytes.Repeat([]byte("x"), 300)), frame(0x88, []byte{3, 232})...), uint8(200))
	f.Add(frame(0x82, make([]byte, 5000)), uint8(100))
	f.Add([]byte{0x82, 0xfe, 0, 1, 1, 2, 3, 4, 5}, uint8(1))
	f.Add([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5}, uint8(1))
	f.Add([]byte{0x88, 0x81, 1, 2, 3, 4, 5}, uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		const limit = 4000
		n := int(piece) + 1
		ours, ourEnd := events(stream, n, limit)
		theirs, theirEnd := library(t, stream, n, limit)
		if !slices.Equal(ours, theirs) {
			t.Fatalf("we read %q (%v), the library %q (%v)", ours, ourEnd, theirs, theirEnd)
		}
		// For a negative length the library speaks of the limit, and before the mask came.
		if (ourEnd == errTooLarge) != errors.Is(theirEnd, websocket.ErrReadLimit) && ourEnd != errProtocol && ourEnd != io.EOF {
			t.Fatalf("we end with %v, the library with %v", ourEnd, theirEnd)
		}
	})
}

// What a client's library writes is read back, however it comes in.
func TestIncomingReadsClients(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var want []string
		var stream []byte
		for range rapid.IntRange(1, 8).Draw(t, "messages") {
			size := rapid.SampledFrom([]int{0, 1, 7, 125, 126, 500, 512, 600, 5000, 70_000}).Draw(t, "size")
			m := make([]byte, size)
			for i := range m {
				m[i] = byte(i * 7)
			}
			op := rapid.SampledFrom([]byte{opText, opBinary}).Draw(t, "op")
			want = append(want, fmt.Sprintf("%d %x", op, m))
			first := op
			for {
				n := len(m)
				if n > 0 && rapid.Bool().Draw(t, "split") {
					n = rapid.IntRange(0, n).Draw(t, "at")
				}
				fin := n == len(m)
				key := rapid.Uint32().Draw(t, "key")
				stream = appendMasked(stream, first, fin, key, m[:n])
				if m, first = m[n:], opContinue; fin {
					break
				}
				if rapid.Bool().Draw(t, "ping") {
					stream = appendMasked(stream, opPing, true, key, []byte("p"))
					want = slices.Insert(want, len(want)-1, "ping 70")
				}
			}
		}
		got, end := events(stream, rapid.IntRange(1, 2000).Draw(t, "piece"), 1<<20)
		if !slices.Equal(got, want) || end != io.EOF {
			t.Fatalf("read %d messages until %v, want %d", len(got), end, len(want))
		}
	})
}

func appendMasked(b []byte, op byte, fin bool, key uint32, payload []byte) []byte {
	at := len(b)
	b = appendHeader(b, op, len(payload))
	if !fin {
		b[at] &^= finBit
	}
	b[at+1] |= maskBit
	b = binary.LittleEndian.AppendUint32(b, key)
	for i, v := range payload {
		b = append(b, v^byte(key>>(8*(i&3))))
	}
	return b
}

// A header may claim any length: memory is taken for what comes.
func TestClaimedLengthCostsNothing(t *testing.T) {
	t.Parallel()
	in := &incoming{sock: &chunks{b: []byte{0x82, 0xff, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff, 0, 0, 0, 0, 'x'}, n: 100}}
	h, err := in.header()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = in.data(h, 1<<20, func() *[]byte { return new([]byte) }); err != io.EOF {
		t.Errorf("ended with %v", err)
	}
	if n := cap(*in.message); n > 64 {
		t.Errorf("%d bytes taken", n)
	}
}

func BenchmarkIncoming(b *testing.B) {
	for _, size := range []int{400, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			frame := appendMasked(nil, opBinary, true, 0x12345678, make([]byte, size))
			src := &chunks{n: 1 << 20}
			in := &incoming{sock: src}
			buf := new([]byte)
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for range b.N {
				src.b = frame
				h, err := in.header()
				if err != nil {
					b.Fatal(err)
				}
				if _, _, err := in.data(h, 1<<20, func() *[]byte { return buf }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
