package gateway

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"parley/internal/im"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

func TestTextPing(t *testing.T) {
	t.Parallel()
	f := start(t)
	for _, tt := range []struct{ name, ping, pong string }{
		{"string", `{"type":"ping","body":"op-1"}`, `{"type":"pong","body":"op-1"}`},
		{"bytes are kept", `{"type":"ping","body": { "a" : 1e2 , "b":"\u00e9é" } }`, `{"type":"pong","body":{ "a" : 1e2 , "b":"\u00e9é" }}`},
		{"null", `{"body":null,"type":"ping"}`, `{"type":"pong","body":null}`},
		{"no body", `{"type":"ping"}`, `{"type":"pong","body":null}`},
		{"pong is silent", `{"type":"pong","body":"x"}`, ``},
	} {
		for _, codec := range []frame.Codec{frame.Gob, frame.JSON | frame.Gzip} {
			t.Run(tt.name+"/"+codec.String(), func(t *testing.T) {
				c := f.dial(as{user: "alice", codec: codec})
				for _, text := range []string{tt.ping, `{"type":"ping","body":"last"}`} {
					if err := c.ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
						t.Fatal(err)
					}
				}
				for _, want := range []string{tt.pong, `{"type":"pong","body":"last"}`} {
					if want == "" {
						continue
					}
					kind, b, err := c.ws.ReadMessage()
					if err != nil || kind != websocket.TextMessage || string(b) != want {
						t.Fatalf("got kind %d %s %v, want %s", kind, b, err, want)
					}
				}
			})
		}
	}
}

func TestBadFramesClose(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Frame, l.Decoded = 4096, 8192 }))
	request := func(c *client, r frame.Request) []byte { return c.codec.AppendRequest(nil, &r) }
	for _, tt := range []struct {
		name  string
		cause cause
		kind  int
		data  func(c *client) []byte
	}{
		{"text is not JSON", causeText, websocket.TextMessage, func(*client) []byte { return []byte("hello") }},
		{"text of another type", causeText, websocket.TextMessage, func(*client) []byte { return []byte(`{"type":"pang"}`) }},
		{"text without type", causeText, websocket.TextMessage, func(*client) []byte { return []byte(`{}`) }},
		{"empty binary", causeMalformed, websocket.BinaryMessage, func(*client) []byte { return nil }},
		{"garbage", causeMalformed, websocket.BinaryMessage, func(*client) []byte { return []byte("garbage") }},
		{"another codec", causeMalformed, websocket.BinaryMessage, func(c *client) []byte {
			return (c.codec ^ frame.Gzip).AppendRequest(nil, &frame.Request{ReqIdentifier: wire.ReqNewestSeq, SendID: "alice"})
		}},
		{"wrong sendID", causeSendID, websocket.BinaryMessage, func(c *client) []byte {
			return request(c, frame.Request{ReqIdentifier: wire.ReqNewestSeq, SendID: "bob"})
		}},
		{"no sendID", causeSendID, websocket.BinaryMessage, func(c *client) []byte {
			return request(c, frame.Request{ReqIdentifier: wire.ReqNewestSeq})
		}},
		{"unknown request", causeRequest, websocket.BinaryMessage, func(c *client) []byte {
			return request(c, frame.Request{ReqIdentifier: 1008, SendID: "alice"})
		}},
		{"a push from the client", causeRequest, websocket.BinaryMessage, func(c *client) []byte {
			return request(c, frame.Request{ReqIdentifier: wire.ReqPush, SendID: "alice"})
		}},
		{"reserved request", causeRequest, websocket.BinaryMessage, func(c *client) []byte {
			return request(c, frame.Request{ReqIdentifier: 3001, SendID: "alice"})
		}},
		{"too large", causeTooLarge, websocket.BinaryMessage, func(*client) []byte { return make([]byte, 4097) }},
	} {
		for _, codec := range codecs() {
			t.Run(tt.name+"/"+codec.String(), func(t *testing.T) {
				c := f.dial(as{user: "alice", codec: codec})
				if err := c.ws.WriteMessage(tt.kind, tt.data(c)); err != nil {
					t.Fatal(err)
				}
				if code := c.closed(); code != tt.cause.closeCode() {
					t.Errorf("close code %d, want %d", code, tt.cause.closeCode())
				}
				c.ended(tt.cause)
			})
		}
	}
}

// TestLinesOfAConnection: what is logged of a connection itself, without a request that
// could be read, bears the operation it was dialled with.
func TestLinesOfAConnection(t *testing.T) {
	t.Parallel()
	lines := make(chan string, 16)
	f := start(t, func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(lineWriter(lines), &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	c := f.dial(as{user: "alice"})
	if err := c.ws.WriteMessage(websocket.BinaryMessage, []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	c.closed()
	got := []string{<-lines, <-lines, <-lines} // the handshake may end last
	for _, want := range []string{"msg=connected ", `msg="undecodable frame" `, `msg="connection ended" `} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, want) && strings.Contains(line, " op=op ") }) {
			t.Errorf("no line with %s in %q", want, got)
		}
	}
}

type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

// A small frame may hide a large one.
func TestDecompressionIsBounded(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Decoded = 100_000 }))
	c := f.dial(as{user: "alice", codec: frame.Gob | frame.Gzip})
	c.write(wire.ReqSend, "1", make([]byte, 200_000))
	if code := c.closed(); code != causeMalformed.closeCode() {
		t.Errorf("close code %d", code)
	}
}

func TestControlFrames(t *testing.T) {
	t.Parallel()
	f := start(t)
	// A ping is answered while a request waits.
	entered, leave := make(chan struct{}), make(chan struct{})
	f.svc.last = func([]string) (map[string]im.Record, error) {
		close(entered)
		<-leave
		return nil, nil
	}
	c := f.dial(as{user: "alice"})
	c.write(wire.ReqLastMessage, "1", nil)
	<-entered
	pong := make(chan string, 1)
	c.ws.SetPongHandler(func(s string) error {
		pong <- s
		close(leave)
		return nil
	})
	if err := c.ws.WriteControl(websocket.PingMessage, []byte("op"), time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if r := c.next(); r.MsgIncr != "1" {
		t.Errorf("answer %+v", r)
	}
	if got := <-pong; got != "op" {
		t.Errorf("pong %q", got)
	}
	// The close frame is echoed, then the connection ends.
	if err := c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1001, "bye"), time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if code := c.closed(); code != 1001 {
		t.Errorf("close code %d", code)
	}
	c.ended()
}

func TestProtocolFaults(t *testing.T) {
	t.Parallel()
	f := start(t)
	for name, b := range map[string][]byte{
		"unmasked":                {0x82, 0x01, 0x00},
		"reserved bits":           {0xf2, 0x80, 0, 0, 0, 0},
		"unknown opcode":          {0x87, 0x80, 0, 0, 0, 0},
		"unknown control":         {0x8b, 0x80, 0, 0, 0, 0},
		"fragmented ping":         {0x09, 0x80, 0, 0, 0, 0},
		"long ping":               {0x89, 0xfe, 0, 126, 0, 0, 0, 0},
		"continuation of nothing": {0x80, 0x80, 0, 0, 0, 0},
		"message in a message":    {0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0},
		"negative length":         {0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"bad close code":          {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xec},
		"half a close code":       {0x88, 0x81, 0, 0, 0, 0, 0x03},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial(as{user: "alice"})
			if _, err := c.ws.NetConn().Write(b); err != nil {
				t.Fatal(err)
			}
			if code := c.closed(); code != 1002 {
				t.Errorf("close code %d", code)
			}
			c.ws.Close()
			c.ended(causeProtocol)
		})
	}
}

func TestFragmentsAreJoined(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.dial(as{user: "alice"})
	w, err := c.ws.NextWriter(websocket.BinaryMessage)
	if err != nil {
		t.Fatal(err)
	}
	whole := c.codec.AppendRequest(nil, &frame.Request{
		ReqIdentifier: wire.ReqNewestSeq, SendID: "alice", MsgIncr: "1", OperationID: strings.Repeat("x", 20_000),
	})
	for len(whole) > 0 { // larger than the client's buffer: goes out in fragments
		n := min(len(whole), 1000)
		if _, err := w.Write(whole[:n]); err != nil {
			t.Fatal(err)
		}
		whole = whole[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if r := c.next(); r.MsgIncr != "1" || r.ErrCode != 0 {
		t.Errorf("answer %+v", r)
	}
}

func TestSilenceEnds(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.ReadTimeout = 20 * time.Millisecond }))
	c := f.dial(as{user: "alice"})
	c.closed()
	c.ended(causeSilence)
}

// Only browsers are pinged, and each once in a turn of the wheel.
func TestServerPings(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.PingEvery, l.ReadTimeout = 2700*time.Hour, 3000*time.Hour }))
	count := func(p im.Platform) (*client, *int) {
		c := f.dial(as{user: "alice", platform: p})
		n := 0
		c.ws.SetPingHandler(func(s string) error {
			if s != "" {
				t.Errorf("ping with payload %q", s)
			}
			n++
			return nil
		})
		return c, &n
	}
	web, webPings := count(im.PlatformWeb)
	phone, phonePings := count(im.PlatformIOS)
	for range 3 * 27 { // as in 81 seconds
		for _, c := range []*client{web, phone} {
			c.conn.heardNow()
		}
		f.g.wheel.turn()
	}
	for _, c := range []*client{web, phone} {
		c.call(wire.ReqSetBackground, &emptyMessage)
	}
	if *webPings != 3 || *phonePings != 0 {
		t.Errorf("%d pings to the browser, %d to the phone", *webPings, *phonePings)
	}
	web.ws.Close()
	web.ended()
	eventually(t, "the wheel has forgotten it", func() bool {
		f.g.wheel.mu.Lock()
		defer f.g.wheel.mu.Unlock()
		return !web.conn.watched.filed
	})
}

// The ticker itself turns the wheel.
func TestPingTicker(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.PingEvery = time.Millisecond }))
	c := f.dial(as{user: "alice", platform: im.PlatformWeb})
	got := make(chan struct{})
	c.ws.SetPingHandler(func(string) error { close(got); return net.ErrClosed })
	c.closed()
	<-got
}

// A client above its rate waits; nothing of it is lost.
func TestRateIsHeldNotDropped(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Rate, l.Burst = 200, 2 }))
	c := f.dial(as{user: "alice"})
	for i := range 20 {
		c.write(wire.ReqNewestSeq, string(rune('a'+i)), nil)
	}
	for i := range 20 {
		if r := c.next(); r.MsgIncr != string(rune('a'+i)) {
			t.Fatalf("answer %d is %+v", i, r)
		}
	}
}

// A client that waits for its rate can be closed.
func TestRateDoesNotDelayTheEnd(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Rate, l.Burst = 1e-6, 1 }))
	c := f.dial(as{user: "alice"})
	c.call(wire.ReqNewestSeq, &emptyMessage)
	c.write(wire.ReqNewestSeq, "never", nil)
	f.g.Kick("alice", im.PlatformAndroid, "op")
	if r := c.next(); r.ReqIdentifier != wire.ReqKick {
		t.Errorf("got %+v", r)
	}
	c.closed()
	c.ws.Close()
	c.ended()
}

func FuzzTextFrame(f *testing.F) {
	f.Add([]byte(`{"type":"ping","body":"x"}`))
	f.Add([]byte(`{"type":"ping","body":{"a":[1,2]}}`))
	f.Add([]byte(`{"type":"pong"}`))
	f.Add([]byte(`{"TYPE":"ping","body":nul}`))
	g := idle(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		c := idleConn(g)
		c.text(b)
		out, ok := c.out.take()
		var in struct {
			Type string          `json:"type"`
			Body json.RawMessage `json:"body"`
		}
		switch err := json.Unmarshal(b, &in); {
		case err != nil || in.Type != "ping" && in.Type != "pong":
			if !ok || out.op != opClose || c.phase != leaving {
				t.Fatalf("%q did not close", b)
			}
			c.hangUp(causeNone)
		case in.Type == "pong":
			if ok {
				t.Fatalf("%q was answered with %q", b, out.payload)
			}
		default:
			var back struct {
				Type string          `json:"type"`
				Body json.RawMessage `json:"body"`
			}
			if !ok || out.op != opText || json.Unmarshal(out.payload, &back) != nil || back.Type != "pong" {
				t.Fatalf("%q was answered with %q", b, out.payload)
			}
			want := in.Body
			if len(want) == 0 {
				want = json.RawMessage("null")
			}
			if !bytes.Equal(back.Body, want) {
				t.Fatalf("%q was answered with body %q", b, back.Body)
			}
		}
	})
}
