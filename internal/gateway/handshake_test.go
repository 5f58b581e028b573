package gateway

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"pgregory.net/rapid"

	"parley/internal/im"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

// asV turns a plain query into the v form.
func asV(t *testing.T, q url.Values) url.Values {
	t.Helper()
	var platform any = 0
	if p := q.Get("platformID"); p != "" {
		platform = json.RawMessage(p)
	}
	m := map[string]any{
		"token": q.Get("token"), "userID": q.Get("sendID"), "platformID": platform, "operationID": q.Get("operationID"),
		"compression": q.Get("compression"), "sdkType": q.Get("sdkType"),
		"sendResponse": q.Get("isMsgResp") == "true", "background": q.Get("isBackground") == "true",
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"v": {base64.RawURLEncoding.EncodeToString(b)}}
}

func TestHandshakeCodes(t *testing.T) {
	t.Parallel()
	f := start(t)
	tests := []struct {
		name       string
		key, value string // changed in a good query
		code       int
		plainOnly  bool
	}{
		{name: "good"},
		{name: "sdkType go", key: "sdkType", value: "go"},
		{name: "sdkType js", key: "sdkType", value: "js"},
		{name: "unknown compression is none", key: "compression", value: "brotli"},
		{name: "isBackground missing", key: "isBackground"},
		{name: "no sendID", key: "sendID", code: 1602},
		{name: "no token", key: "token", code: 1602},
		{name: "no platformID", key: "platformID", code: 1602},
		{name: "no operationID", key: "operationID", code: 1602},
		{name: "platformID 0", key: "platformID", value: "0", code: 1602},
		{name: "platformID 13", key: "platformID", value: "13", code: 1602},
		{name: "platformID beyond 32 bits", key: "platformID", value: "4294967298", code: 1602},
		{name: "platformID is text", key: "platformID", value: `"android"`, code: 1602},
		{name: "sdkType unknown", key: "sdkType", value: "rust", code: 1602},
		{name: "isMsgResp is no bool", key: "isMsgResp", value: "perhaps", code: 1602, plainOnly: true},
		{name: "isBackground is no bool", key: "isBackground", value: "perhaps", code: 500, plainOnly: true},
		{name: "expired", key: "token", value: "expired", code: 1501},
		{name: "malformed", key: "token", value: "malformed", code: 1503},
		{name: "not yet valid", key: "token", value: "early", code: 1504},
		{name: "unknown", key: "token", value: "unknown", code: 1505},
		{name: "kicked", key: "token", value: "kicked", code: 1506},
		{name: "not stored", key: "token", value: "missing", code: 1507},
		{name: "another user's", key: "token", value: "bob|2|x", code: 1502},
		{name: "for another platform", key: "token", value: "alice|1|x", code: 1502},
		{name: "failing database", key: "token", value: "broken", code: 500},
	}
	for _, tt := range tests {
		for _, v := range []bool{false, true} {
			for _, byFrame := range []bool{false, true} {
				if v && tt.plainOnly || byFrame && tt.key == "isMsgResp" {
					continue
				}
				t.Run(fmt.Sprintf("%s/v=%t/isMsgResp=%t", tt.name, v, byFrame), func(t *testing.T) {
					q := as{user: "alice", platform: im.PlatformAndroid, hash: "h"}.query()
					if tt.key != "" {
						q.Set(tt.key, tt.value)
						if tt.value == "" {
							q.Del(tt.key)
						}
					}
					if byFrame {
						q.Set("isMsgResp", "true")
					}
					if v {
						q = asV(t, q)
					}
					checkHandshake(t, f.url+"/msg_gateway?"+q.Encode(), byFrame, tt.code)
				})
			}
		}
	}
	t.Run("v is not base64", func(t *testing.T) { checkHandshake(t, f.url+"/?v=!!!", false, 1602) })
	t.Run("v is padded", func(t *testing.T) { checkHandshake(t, f.url+"/?v=e30%3D", false, 1602) })
	t.Run("v is not JSON", func(t *testing.T) {
		checkHandshake(t, f.url+"/?v="+base64.RawURLEncoding.EncodeToString([]byte("{")), false, 1602)
	})
	t.Run("v wins over the plain form", func(t *testing.T) {
		q := as{user: "alice", platform: im.PlatformAndroid}.query()
		q.Set("v", "e30")
		checkHandshake(t, f.url+"/?"+q.Encode(), false, 1602)
	})
}

// checkHandshake dials and expects a code, in the way the client asked for.
func checkHandshake(t *testing.T, rawURL string, byFrame bool, code int) {
	t.Helper()
	ws, resp, err := websocket.DefaultDialer.Dial(rawURL, http.Header{"Origin": {"https://elsewhere.example"}})
	if err != nil {
		if resp == nil {
			t.Fatal(err)
		}
		if byFrame {
			t.Fatalf("no upgrade: %v", err)
		}
		body := make([]byte, 2048)
		n, _ := resp.Body.Read(body)
		if got := jsonStatus(t, body[:n]); got.Code != code || n > maxRefusal {
			t.Fatalf("refused by %q, want code %d", body[:n], code)
		}
		if code == 1602 && !strings.Contains(string(body[:n]), `"errMsg":"args err, need token, sendID, platformID"`) {
			t.Errorf("errMsg: %s", body[:n])
		}
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("status %d, type %q", resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		if resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Error("no CORS header")
		}
		return
	}
	defer ws.Close()
	if !byFrame {
		if code != 0 {
			t.Fatalf("accepted, want code %d", code)
		}
		return
	}
	kind, b, err := ws.ReadMessage()
	if err != nil || kind != websocket.TextMessage {
		t.Fatalf("first frame: kind %d, %v", kind, err)
	}
	if got := jsonStatus(t, b); got.Code != code {
		t.Fatalf("first frame %s, want code %d", b, code)
	}
	if code == 0 {
		if string(b) != `{"errCode":0,"errMsg":"","errDlt":""}` {
			t.Errorf("greeting is %s", b)
		}
		return
	}
	if _, _, err := ws.ReadMessage(); err == nil {
		t.Error("more than one frame after a failure")
	}
}

func TestCompressionByHeader(t *testing.T) {
	t.Parallel()
	f := start(t)
	a := as{user: "alice", platform: im.PlatformIOS, hash: "h"}
	ws, _, err := websocket.DefaultDialer.Dial(f.url+"/?"+a.query().Encode(), http.Header{"compression": {"gzip"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if got := f.g.hub.of("alice")[0].codec; got != frame.Gob|frame.Gzip {
		t.Errorf("codec %v", got)
	}
}

func TestConnectionLimitComesFirst(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.Connections = 1 }))
	c := f.dial(as{user: "alice"})
	checkHandshake(t, f.url+"/", false, 1601)
	checkHandshake(t, f.url+"/?isMsgResp=true", true, 1601)
	c.ws.Close()
	c.ended()
	eventually(t, "the place is free", func() bool { return f.g.open.Load() == 0 })
	f.dial(as{user: "bob"})
}

func TestNotAnUpgrade(t *testing.T) {
	t.Parallel()
	f := start(t)
	q := as{user: "alice", platform: im.PlatformIOS, hash: "h"}.query()
	resp, body := get(t, f.url+"/?"+q.Encode(), nil)
	if resp.StatusCode != http.StatusBadRequest || jsonStatus(t, body).Code != 500 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	q.Set("token", "expired")
	q.Set("isMsgResp", "true")
	resp, body = get(t, f.url+"/?"+q.Encode(), nil)
	if resp.StatusCode != http.StatusOK || jsonStatus(t, body).Code != 1501 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if f.g.Online("alice") || f.tab.Online() != 0 {
		t.Error("a request that is no upgrade was registered")
	}
}

func TestNotRunning(t *testing.T) {
	t.Parallel()
	f := start(t)
	if err := f.g.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	resp, body := get(t, f.url+"/?"+as{user: "alice", platform: im.PlatformIOS}.query().Encode(), nil)
	if resp.StatusCode != http.StatusServiceUnavailable || jsonStatus(t, body).Code != 500 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestTooManyHandshakes(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	f := start(t, limits(func(l *Limits) { l.Handshakes = 1 }))
	f.svc.auth = func(token string) (im.Credential, error) {
		entered <- struct{}{}
		<-leave
		return parseToken(token)
	}
	first := make(chan error)
	go func() {
		ws, _, err := websocket.DefaultDialer.Dial(f.url+"/?"+as{user: "a", platform: 2, hash: "h"}.query().Encode(), nil)
		if err == nil {
			ws.Close()
		}
		first <- err
	}()
	<-entered
	resp, _ := get(t, f.url+"/?"+as{user: "b", platform: 2, hash: "h"}.query().Encode(), nil)
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", resp.StatusCode)
	}
	close(leave)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// A push between registration and the client's first read comes after the greeting.
func TestGreetingIsFirst(t *testing.T) {
	t.Parallel()
	f := start(t)
	f.svc.loggedIn = func(c im.Credential, _ []im.Credential) {
		f.g.Push(c.UserID, wire.NewPush("si_a_b", "op"))
	}
	q := as{user: "alice", platform: im.PlatformWeb, hash: "h", codec: frame.JSON}.query()
	q.Set("isMsgResp", "1")
	ws, _, err := websocket.DefaultDialer.Dial(f.url+"/?"+q.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	for _, want := range []int{websocket.TextMessage, websocket.BinaryMessage} {
		if kind, b, err := ws.ReadMessage(); err != nil || kind != want {
			t.Fatalf("got kind %d %q %v, want kind %d", kind, b, err, want)
		}
	}
}

// A force_logout between the check of the token and the registration must not be lost.
func TestKickDuringHandshake(t *testing.T) {
	t.Parallel()
	f := start(t)
	calls := 0
	f.svc.auth = func(token string) (im.Credential, error) {
		if calls++; calls == 1 {
			f.g.Kick("alice", im.PlatformAndroid, "op") // comes too early to find the connection
			return parseToken(token)
		}
		return parseToken("kicked")
	}
	c := f.dial(as{user: "alice"})
	if r := c.next(); r.ReqIdentifier != wire.ReqKick {
		t.Errorf("got %+v", r)
	}
	c.closed()
	if f.g.Online("alice") {
		t.Error("still reachable")
	}
}

func TestRefusalFits(t *testing.T) {
	t.Parallel()
	for _, st := range []wire.Status{
		{Code: 1, Msg: strings.Repeat("é", 5000), Dlt: strings.Repeat("\x00", 5000)}, {Code: 1, Msg: strings.Repeat("<", 1000)},
	} {
		if b := statusJSON(st); len(b) > maxRefusal || len(b) < maxRefusal/8 || jsonStatus(t, b).Code != 1 {
			t.Errorf("%d bytes: %s", len(b), b)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		st := wire.Status{
			Code: rapid.Int().Draw(t, "code"),
			Msg:  rapid.StringN(0, 400, 3000).Draw(t, "msg"),
			Dlt:  strings.Repeat(rapid.String().Draw(t, "dlt"), rapid.IntRange(0, 300).Draw(t, "times")),
		}
		b := statusJSON(st)
		var got wire.Status
		if err := json.Unmarshal(b, &got); err != nil || len(b) > maxRefusal || got.Code != st.Code {
			t.Fatalf("%d bytes, %v: %s", len(b), err, b)
		}
		if !utf8.ValidString(st.Dlt) || !utf8.ValidString(st.Msg) {
			return
		}
		if !strings.HasPrefix(st.Dlt, got.Dlt) || !strings.HasPrefix(st.Msg, got.Msg) {
			t.Fatalf("%+v became %+v", st, got)
		}
	})
}

// A connection that is cut off before it has its socket is cleaned up.
func TestCutOffDuringHandshake(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.QueueFrames = 1 }))
	c := newConn(f.g, params{}, im.Credential{UserID: "alice", Platform: im.PlatformWeb})
	f.g.register(c, "op")
	f.g.open.Add(1)
	f.g.metrics.connections.Inc()
	f.g.wheel.add(c)
	for want := range []int{1, 0} {
		if d := f.g.Push("alice", wire.NewPush("si_a_b", "op")); d.Connections != 1-want {
			t.Errorf("%+v", d)
		}
	}
	server, client := net.Pipe()
	c.attach(server)
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the client sees %v", err)
	}
	if f.g.Online("alice") || f.g.open.Load() != 0 || f.counter("connections") != 0 || c.watched.filed {
		t.Error("it is still known")
	}
}

// A client that goes away without waiting for the answer leaves nothing behind.
func TestClientGoneDuringHandshake(t *testing.T) {
	t.Parallel()
	f := start(t)
	f.svc.auth = func(token string) (im.Credential, error) { return parseToken(token) }
	for range 50 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "ws://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /?%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", as{user: "alice", platform: 1, hash: "h"}.query().Encode())
		conn.Close()
	}
	eventually(t, "all are forgotten", func() bool { return f.g.open.Load() == 0 && !f.g.Online("alice") })
}

// Whatever the query is, parse returns something complete or an error, and says
// how the client wants to be told.
func FuzzParse(f *testing.F) {
	good := as{user: "alice", platform: im.PlatformIOS, hash: "h", codec: frame.JSON | frame.Gzip}.query()
	f.Add(good.Encode(), "", false)
	f.Add("v=e30", "gzip", false)
	f.Add(`{"token":"t","userID":"u","platformID":1,"operationID":"o","sendResponse":true,"background":true}`, "", true)
	f.Add(`{"token":1,"sendResponse":true}`, "", true)
	f.Add("sendID=a;b&isMsgResp=T&platformID=+1&isBackground=x", "gzip", false)
	f.Fuzz(func(t *testing.T, query, header string, asJSON bool) {
		raw := query
		if asJSON {
			raw = "v=" + base64.RawURLEncoding.EncodeToString([]byte(query))
		}
		p, err := parse(&http.Request{URL: &url.URL{RawQuery: raw}, Header: http.Header{"Compression": {header}}})
		if err != nil {
			if code := wire.StatusOf(err).Code; code != 1602 && code != 500 {
				t.Fatalf("code %d", code)
			}
			return
		}
		if p.userID == "" || p.token == "" || p.operationID == "" || !p.platform.Valid() || p.codec >= frame.Variants {
			t.Fatalf("%q was accepted as %+v", raw, p)
		}
	})
}
