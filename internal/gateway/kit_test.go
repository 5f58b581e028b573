package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"parley/internal/im"
	"parley/internal/presence"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(crowdEnv); addr != "" {
		crowd(addr) // this process holds the clients of BenchmarkIdle
		return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for something that must happen. It decides
// nothing: only a broken gateway reaches it.
const patience = 30 * time.Second

// fakeService answers from its fields. A token is "user|platform|hash", or one of
// badTokens.
type fakeService struct {
	mu       sync.Mutex
	logins   []login
	send     func(ctx context.Context, op im.Operator, m *im.Message, done func(im.SendResult, error))
	pull     func(ctx context.Context, op im.Operator, userID string, ranges []im.SeqRange, order im.PullOrder) ([]im.Pulled, error)
	pullSeqs func(userID string, lists []im.SeqList, order im.PullOrder) ([]im.Pulled, error)
	newest   func(ctx context.Context, op im.Operator, userID string) (map[string]int64, error)
	last     func(ids []string) (map[string]im.Record, error)
	read     func(ids []string, pinned bool) (map[string]im.ReadState, []string, error)
	auth     func(token string) (im.Credential, error)
	loggedIn func(newcomer im.Credential, kicked []im.Credential)
}

type login struct {
	newcomer im.Credential
	kicked   []im.Credential
}

var badTokens = map[string]im.Kind{
	"expired": im.TokenExpired, "malformed": im.TokenMalformed, "early": im.TokenNotYetValid,
	"unknown": im.TokenUnknown, "kicked": im.TokenKicked, "missing": im.TokenNotExist,
}

func token(user string, p im.Platform, hash string) string {
	return fmt.Sprintf("%s|%d|%s", user, p, hash)
}

func (s *fakeService) Authenticate(_ context.Context, token string) (im.Credential, error) {
	if s.auth != nil {
		return s.auth(token)
	}
	return parseToken(token)
}

func parseToken(token string) (im.Credential, error) {
	if kind, ok := badTokens[token]; ok {
		return im.Credential{}, im.Errorf(kind, "fake", "token %s", token)
	}
	if token == "broken" {
		return im.Credential{}, errors.New("the database is away")
	}
	part := strings.Split(token, "|")
	if len(part) != 3 {
		return im.Credential{}, im.Errorf(im.TokenMalformed, "fake", "not a token")
	}
	p, err := strconv.Atoi(part[1])
	if err != nil {
		return im.Credential{}, im.Errorf(im.TokenMalformed, "fake", "not a token")
	}
	return im.Credential{UserID: part[0], Platform: im.Platform(p), TokenHash: part[2]}, nil
}

func (s *fakeService) LoggedIn(_ context.Context, newcomer im.Credential, kicked []im.Credential) error {
	if s.loggedIn != nil {
		s.loggedIn(newcomer, kicked)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins = append(s.logins, login{newcomer, kicked})
	return nil
}

func (s *fakeService) NewestSeqs(ctx context.Context, op im.Operator, userID string) (map[string]int64, error) {
	if s.newest != nil {
		return s.newest(ctx, op, userID)
	}
	return map[string]int64{"si_a_b": 7}, nil
}

func (s *fakeService) Pull(ctx context.Context, op im.Operator, userID string, ranges []im.SeqRange, order im.PullOrder) ([]im.Pulled, error) {
	if s.pull != nil {
		return s.pull(ctx, op, userID, ranges, order)
	}
	return nil, nil
}

func (s *fakeService) PullSeqs(_ context.Context, _ im.Operator, userID string, lists []im.SeqList, order im.PullOrder) ([]im.Pulled, error) {
	if s.pullSeqs != nil {
		return s.pullSeqs(userID, lists, order)
	}
	return nil, nil
}

func (s *fakeService) LastMessages(_ context.Context, _ im.Operator, _ string, ids []string) (map[string]im.Record, error) {
	if s.last != nil {
		return s.last(ids)
	}
	return nil, nil
}

func (s *fakeService) ReadAndMaxSeqs(_ context.Context, _ im.Operator, _ string, ids []string, pinned bool) (map[string]im.ReadState, []string, error) {
	if s.read != nil {
		return s.read(ids, pinned)
	}
	return nil, nil, nil
}

func (s *fakeService) Send(ctx context.Context, op im.Operator, m *im.Message, done func(im.SendResult, error)) {
	if s.send != nil {
		s.send(ctx, op, m, done)
		return
	}
	done(im.SendResult{ServerMsgID: "s" + m.ClientMsgID, ClientMsgID: m.ClientMsgID, SendTime: 1}, nil)
}

// fixture is a gateway behind a real socket.
type fixture struct {
	t   testing.TB
	g   *Gateway
	svc *fakeService
	tab *presence.Table
	reg *prometheus.Registry
	url string
}

// start runs a gateway until the end of the test, which then checks that nothing of it is left.
func start(t testing.TB, set ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, svc: &fakeService{}, tab: presence.New(), reg: prometheus.NewRegistry()}
	o := Options{
		Service: f.svc, Presence: f.tab, Policy: im.PolicyNoKick, Metrics: f.reg,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, fn := range set {
		fn(&o)
	}
	f.g = New(o)
	f.g.Start(context.Background())
	srv := httptest.NewServer(f.g)
	f.url = "ws" + strings.TrimPrefix(srv.URL, "http")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.g.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
		srv.Close()
		if n := f.g.open.Load(); n != 0 {
			t.Errorf("%d connections are still counted", n)
		}
		if n := len(f.g.hub.all()); n != 0 {
			t.Errorf("%d connections are still in the hub", n)
		}
		if n := f.tab.Online(); n != 0 {
			t.Errorf("%d users are still online", n)
		}
	})
	return f
}

// toldOf waits until the service was told of n logins: only then are handshakes over.
func (f *fixture) toldOf(n int) {
	f.t.Helper()
	eventually(f.t, "the service is told of all logins", func() bool {
		f.svc.mu.Lock()
		defer f.svc.mu.Unlock()
		return len(f.svc.logins) == n
	})
}

// counter returns the value of a counter, or the sum over its labels.
func (f *fixture) counter(name string) float64 {
	f.t.Helper()
	families, err := f.reg.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() == "parley_gateway_"+name {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func limits(set func(*Limits)) func(*Options) { return func(o *Options) { set(&o.Limits) } }

// as is who a client is.
type as struct {
	user       string
	platform   im.Platform
	hash       string
	codec      frame.Codec
	background bool
}

func (a as) query() url.Values {
	q := url.Values{
		"sendID": {a.user}, "token": {token(a.user, a.platform, a.hash)}, "platformID": {fmt.Sprint(int(a.platform))},
		"operationID": {"op"}, "isBackground": {strconv.FormatBool(a.background)},
	}
	if a.codec&frame.JSON != 0 {
		q.Set("sdkType", "js")
	}
	if a.codec&frame.Gzip != 0 {
		q.Set("compression", "gzip")
	}
	return q
}

// client is a client of the gateway.
type client struct {
	t     testing.TB
	ws    *websocket.Conn
	codec frame.Codec
	user  string
	conn  *conn // the gateway's side
}

// dial connects; the user must not have another connection with the same hash.
func (f *fixture) dial(a as) *client {
	f.t.Helper()
	if a.platform == 0 {
		a.platform = im.PlatformAndroid
	}
	if a.hash == "" {
		a.hash = im.NewID()
	}
	ws, resp, err := websocket.DefaultDialer.Dial(f.url+"/any/path?"+a.query().Encode(), nil)
	if err != nil {
		f.t.Fatalf("dial: %v %v", err, resp)
	}
	c := &client{t: f.t, ws: ws, codec: a.codec, user: a.user}
	for _, o := range f.g.hub.of(a.user) { // the route is live when the handshake ends
		if o.cred.TokenHash == a.hash {
			c.conn = o
		}
	}
	f.t.Cleanup(func() { ws.Close() })
	ws.SetReadDeadline(time.Now().Add(patience))
	return c
}

// write sends a request.
func (c *client) write(id wire.ReqIdentifier, incr string, data []byte) {
	c.t.Helper()
	c.writeFrame(&frame.Request{ReqIdentifier: id, SendID: c.user, OperationID: "op-" + incr, MsgIncr: incr, Data: data})
}

func (c *client) writeFrame(r *frame.Request) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.BinaryMessage, c.codec.AppendRequest(nil, r)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// next returns the next binary frame.
func (c *client) next() *frame.Response {
	c.t.Helper()
	kind, b, err := c.ws.ReadMessage()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	if kind != websocket.BinaryMessage {
		c.t.Fatalf("got a frame of kind %d: %q", kind, b)
	}
	var r frame.Response
	if err := c.codec.DecodeResponse(b, 16<<20, &r); err != nil {
		c.t.Fatalf("decode: %v", err)
	}
	return &r
}

// call sends a request and returns its answer, which must be the next frame.
func (c *client) call(id wire.ReqIdentifier, req proto.Message) *frame.Response {
	c.t.Helper()
	incr := im.NewID()
	c.write(id, incr, marshal(c.t, req))
	r := c.next()
	if r.ReqIdentifier != id || r.MsgIncr != incr || r.OperationID != "op-"+incr {
		c.t.Fatalf("answer does not echo the request %d %s: %+v", id, incr, r)
	}
	return r
}

// closed waits for the end of the connection, skipping frames, and returns the
// close code, or -1 if there was no close frame.
func (c *client) closed() int {
	c.t.Helper()
	for {
		if _, _, err := c.ws.ReadMessage(); err != nil {
			var ce *websocket.CloseError
			if errors.As(err, &ce) {
				return ce.Code
			}
			return -1
		}
	}
}

// ended waits until the gateway has forgotten the connection, and checks why it ended.
func (c *client) ended(why ...cause) {
	c.t.Helper()
	defer func() {
		c.t.Helper()
		c.conn.mu.Lock()
		defer c.conn.mu.Unlock()
		for _, w := range why {
			if c.conn.cause != w {
				c.t.Errorf("cause %q, want %q", c.conn.cause.text(), w.text())
			}
		}
	}()
	eventually(c.t, "the connection ends", func() bool {
		c.conn.mu.Lock()
		defer c.conn.mu.Unlock()
		return !c.conn.reading && c.conn.phase == gone
	})
}

// eventually waits for a condition that nothing signals.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unmarshal(t testing.TB, b []byte, m proto.Message) {
	t.Helper()
	if err := proto.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
}

func jsonStatus(t testing.TB, b []byte) wire.Status {
	t.Helper()
	var st wire.Status
	if err := json.Unmarshal(b, &st); err != nil {
		t.Fatalf("%v in %q", err, b)
	}
	return st
}

// codecs returns every codec, for subtests.
func codecs() []frame.Codec {
	return []frame.Codec{frame.Gob, frame.JSON, frame.Gob | frame.Gzip, frame.JSON | frame.Gzip}
}

func get(t testing.TB, rawURL string, header http.Header) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http"+strings.TrimPrefix(rawURL, "ws"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, b
}

// idle returns a gateway without sockets, for what needs none.
func idle(t testing.TB) *Gateway {
	t.Helper()
	g := New(Options{
		Service: &fakeService{}, Presence: presence.New(),
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	t.Cleanup(g.cancel)
	return g
}

// idleConn returns a connection without a socket.
func idleConn(g *Gateway) *conn {
	return newConn(g, params{}, im.Credential{UserID: "alice", Platform: im.PlatformAndroid})
}
