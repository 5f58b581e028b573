package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
)

// padded returns a body of n bytes around some fields.
func padded(fields string, n int) string {
	return `{` + fields + `,"pad":"` + strings.Repeat("x", n-len(fields)-11) + `"}`
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.MaxPublicBody, o.MaxUserBody, o.MaxBody = 1000, 100_000, 200_000 })
	const tooLarge = "http: request body too large"
	text := `"sendID":"alice","recvID":"bob","content":{"content":"hi"},"contentType":101,"sessionType":1`
	for _, c := range []struct {
		name, as, path, fields string
		size                   int
		want                   string // the beginning of the answer
	}{
		{"public", "", "/auth/parse_token", `"token":"x"`, 1000, `{"errCode":1503`},
		{"public, too large", "", "/auth/parse_token", `"token":"x"`, 1001, `{"errCode":1001,"errMsg":"` + tooLarge + `","errDlt":""}`},
		{"an administrator's token does not help there", admin, "/auth/parse_token", `"token":"x"`, 1001, `{"errCode":1001,"errMsg":"` + tooLarge},
		{"user", "alice", "/msg/get_server_time", `"x":1`, 100_000, `{"errCode":0`},
		{"user, too large", "alice", "/msg/get_server_time", `"x":1`, 100_001, `{"errCode":1001,"errMsg":"` + tooLarge + `","errDlt":""}`},
		{"user, who may repeat ids", "alice", usersPath, `"userIDs":["bob"]`, 200_000, `{"errCode":0`},
		{"user, who may repeat ids, too large", "alice", usersPath, `"userIDs":["bob"]`, 200_001, `{"errCode":1001,"errMsg":"` + tooLarge},
		{"administrator", admin, usersPath, `"userIDs":["bob"]`, 200_000, `{"errCode":0`},
		{"administrator, too large", admin, usersPath, `"userIDs":["bob"]`, 200_001, `{"errCode":1001,"errMsg":"` + tooLarge},
		{"strict", admin, "/msg/send_msg", text, 200_001, `{"errCode":1001,"errMsg":"ArgsError","errDlt":"` + tooLarge + `"}`},
	} {
		body := padded(c.fields, c.size)
		if len(body) != c.size {
			t.Fatalf("a body of %d bytes, want %d", len(body), c.size)
		}
		for _, chunked := range []bool{false, true} {
			r, err := http.NewRequest("POST", w.url+c.path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = http.Header{"Operationid": {"op-1"}}
			if c.as != "" {
				r.Header = w.plain(c.as)
			}
			if chunked {
				r.ContentLength = -1
			}
			resp, err := w.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			want := 200
			if c.name == "strict" {
				want = 400
			}
			if !strings.HasPrefix(string(answer), c.want) || resp.StatusCode != want {
				t.Errorf("%s, chunked %v: HTTP %d %.200s", c.name, chunked, resp.StatusCode, answer)
			}
		}
	}
	if n := w.api.bodies.used; n != 0 {
		t.Errorf("%d bytes still reserved", n)
	}
}

// gate lets a test hold requests inside the service.
type gate struct {
	entered chan struct{}
	open    chan struct{}
}

func newGate() gate { return gate{make(chan struct{}, 16), make(chan struct{})} }

func (g gate) users(context.Context, []string) ([]im.User, error) {
	g.entered <- struct{}{}
	<-g.open
	return nil, nil
}

// do serves one request without a socket.
func do(a *API, addr string, h http.Header, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", usersPath, strings.NewReader(body))
	r.Header, r.RemoteAddr = h, addr
	rec := httptest.NewRecorder()
	a.ServeHTTP(rec, r)
	return rec
}

func TestInFlight(t *testing.T) {
	t.Parallel()
	g := newGate()
	w := newWorld(t, with(&fake{users: g.users}), func(o *Options) { o.MaxPerClient, o.MaxInFlight = 2, 3 })
	h := w.plain("alice")
	var wg sync.WaitGroup
	hold := func(addr string) {
		wg.Go(func() {
			if rec := do(w.api, addr, h, usersBody); rec.Code != 200 {
				t.Errorf("held request: HTTP %d %s", rec.Code, rec.Body)
			}
		})
		<-g.entered
	}
	refused := func(name, addr string) {
		t.Helper()
		rec := do(w.api, addr, h, usersBody)
		const want = `{"errCode":429,"errMsg":"TooManyRequests","errDlt":"too many requests at once"}`
		head := rec.Header()
		if rec.Code != 429 || rec.Body.String() != want || head.Get("Retry-After") != "1" || head.Get("X-RateLimit-Limit") != "2" ||
			head.Get("X-RateLimit-Remaining") != "0" || head.Get("Access-Control-Allow-Origin") != "*" || head.Get("Content-Type") != "application/json" {
			t.Errorf("%s: HTTP %d %s %v", name, rec.Code, rec.Body, head)
		}
	}
	hold("192.0.2.1:1000")
	hold("[::ffff:192.0.2.1]:1001")
	refused("a third of one client", "192.0.2.1:1002")
	hold("192.0.2.2:1000")
	refused("a fourth in total", "192.0.2.3:1000")
	refused("without an address", "@")
	close(g.open)
	wg.Wait()
	if rec := do(w.api, "192.0.2.1:1003", h, usersBody); rec.Code != 200 {
		t.Errorf("afterwards: HTTP %d %s", rec.Code, rec.Body)
	}
	if c := &w.api.clients; c.total != 0 || len(c.each) != 0 {
		t.Errorf("%d requests of %d clients still counted", c.total, len(c.each))
	}
}

func TestBodyBudget(t *testing.T) {
	t.Parallel()
	g := newGate()
	w := newWorld(t, with(&fake{users: g.users}), func(o *Options) { o.MaxBodies = 150_000 })
	h := w.plain("alice")
	large := padded(`"userIDs":[]`, 100_000)
	var wg sync.WaitGroup
	wg.Go(func() {
		if rec := do(w.api, "192.0.2.1:1", h, large); rec.Code != 200 {
			t.Errorf("first large request: HTTP %d %s", rec.Code, rec.Body)
		}
	})
	<-g.entered
	if rec := do(w.api, "192.0.2.1:2", h, large); rec.Code != 429 || !strings.Contains(rec.Body.String(), "too many large requests at once") {
		t.Errorf("second large request: HTTP %d %s", rec.Code, rec.Body)
	}
	close(g.open)
	if rec := do(w.api, "192.0.2.1:3", h, usersBody); rec.Code != 200 {
		t.Errorf("small request: HTTP %d %s", rec.Code, rec.Body)
	}
	wg.Wait()
	if rec := do(w.api, "192.0.2.1:4", h, large); rec.Code != 200 {
		t.Errorf("afterwards: HTTP %d %s", rec.Code, rec.Body)
	}
}

func TestClientOf(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.1:80":                 "192.0.2.1",
		"[::ffff:192.0.2.1]:80":        "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80":    "2001:db8:1:2::",
		"[2001:db8:1:2:ffff::]:80":     "2001:db8:1:2::",
		"[fe80::1%eth0]:80":            "fe80::",
		"@":                            "invalid IP",
		"":                             "invalid IP",
		"localhost:80":                 "invalid IP",
		"192.0.2.1":                    "invalid IP",
		"[2001:db8:1:2:3:4:5:6]:99999": "invalid IP",
	} {
		if got := clientOf(&http.Request{RemoteAddr: addr, Header: http.Header{"X-Forwarded-For": {"203.0.113.1"}}}, nil).String(); got != want {
			t.Errorf("%q counts for %s, want %s", addr, got, want)
		}
	}
}

func TestForwardedFor(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct {
		remote string
		header []string
		want   string
	}{
		{"10.0.0.1:80", []string{"203.0.113.1"}, "203.0.113.1"},
		{"[::ffff:10.0.0.1]:80", []string{"203.0.113.1:4711"}, "203.0.113.1"},
		{"[::1]:80", []string{"[2001:db8:1:2:3::4]:80"}, "2001:db8:1:2::"},
		{"10.0.0.1:80", []string{"198.51.100.9, 203.0.113.1,10.0.0.2"}, "203.0.113.1"},
		{"10.0.0.1:80", []string{"198.51.100.9", "203.0.113.1", " 10.0.0.2 "}, "203.0.113.1"},
		{"10.0.0.1:80", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:80", nil, "10.0.0.1"},
		{"10.0.0.1:80", []string{""}, "10.0.0.1"},
		{"10.0.0.1:80", []string{"203.0.113.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"192.0.2.1:80", []string{"203.0.113.1"}, "192.0.2.1"}, // no proxy of ours
	} {
		if got := clientOf(&http.Request{RemoteAddr: c.remote, Header: http.Header{"X-Forwarded-For": c.header}}, trusted).String(); got != c.want {
			t.Errorf("%s, %q: counts for %s, want %s", c.remote, c.header, got, c.want)
		}
	}
}

// block keeps the committer busy until the result is called.
func (w *world) block() (release func()) {
	started, open := make(chan struct{}), make(chan struct{})
	w.log.Submit(context.Background(), &msglog.Entry{With: func(context.Context, store.Tx) error {
		close(started)
		<-open
		return nil
	}})
	<-started
	return func() { close(open) }
}

// TestSendOutlivesClient shows that a message whose sender went away is committed.
func TestSendOutlivesClient(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	f := new(fake)
	w := newWorld(t, with(f), func(o *Options) { o.Metrics = reg })
	queued := make(chan struct{})
	f.send = func(ctx context.Context, op im.Operator, m *im.Message, done func(im.SendResult, error)) {
		f.Service.Send(ctx, op, m, done)
		close(queued)
	}
	q := sendText("alice", "bob", "hello")
	w.token(q.as) // before the committer is blocked
	release := w.block()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", w.url+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = w.plain(q.as)
	var wg sync.WaitGroup
	wg.Go(func() {
		if resp, err := w.client.Do(r); err == nil {
			resp.Body.Close()
			t.Error("an answer came although nothing was committed")
		}
	})
	<-queued
	cancel()
	wg.Wait()
	w.close() // the handler has ended
	if d := cmp.Diff([]string{"/msg/send_msg 500: 1"}, counters(t, reg)); d != "" {
		t.Errorf("counters (-want +got):\n%s", d)
	}
	release()
	effects := w.effects()
	if len(effects) == 0 || !strings.HasPrefix(effects[0], "push 101 si_alice_bob seq 1 ") {
		t.Errorf("effects: %q", effects)
	}
	if logged := w.logged.String(); logged != "" {
		t.Errorf("logged: %s", logged)
	}
}

func TestSendTimeout(t *testing.T) {
	t.Parallel()
	f := &fake{
		authenticate: func(context.Context, string) (im.Credential, error) { return im.Credential{UserID: admin}, nil },
		send:         func(context.Context, im.Operator, *im.Message, func(im.SendResult, error)) {}, // no answer, ever
	}
	w := newWorld(t, with(f), func(o *Options) { o.Timeout = 10 * time.Millisecond })
	status, answer := w.post(sendText("alice", "bob", "hello"))
	const want = `{"errCode":500,"errMsg":"ServerInternalError","errDlt":"no commit in time, the message may still be sent"}`
	if status != 200 || string(answer) != want || w.logged.String() != "" {
		t.Errorf("HTTP %d %s, logged %s", status, answer, w.logged.String())
	}
}
