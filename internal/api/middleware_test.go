package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
)

// fake is a service of which a test replaces some answers.
type fake struct {
	Service
	users        func(ctx context.Context, ids []string) ([]im.User, error)
	send         func(ctx context.Context, op im.Operator, m *im.Message, done func(im.SendResult, error))
	authenticate func(ctx context.Context, token string) (im.Credential, error)
}

func (f *fake) Authenticate(ctx context.Context, token string) (im.Credential, error) {
	if f.authenticate == nil {
		return f.Service.Authenticate(ctx, token)
	}
	return f.authenticate(ctx, token)
}

func (f *fake) Users(ctx context.Context, ids []string) ([]im.User, error) {
	if f.users == nil {
		return f.Service.Users(ctx, ids)
	}
	return f.users(ctx, ids)
}

func (f *fake) Send(ctx context.Context, op im.Operator, m *im.Message, done func(im.SendResult, error)) {
	if f.send == nil {
		f.Service.Send(ctx, op, m, done)
		return
	}
	f.send(ctx, op, m, done)
}

// with puts a fake over the service.
func with(f *fake) func(*Options) {
	return func(o *Options) { f.Service, o.Service = o.Service, f }
}

const (
	usersPath = "/user/get_users_info"
	usersBody = `{"userIDs":["alice"]}`
)

// TestCORS asks for the headers on every kind of answer.
func TestCORS(t *testing.T) {
	t.Parallel()
	f := &fake{users: func(context.Context, []string) ([]im.User, error) { panic("on purpose") }}
	w := newWorld(t, with(f))
	for _, c := range []struct {
		name, method, path string
		header             http.Header
		status             int
		contentType        string
	}{
		{"answer", "POST", "/msg/get_server_time", w.plain("alice"), 200, "application/json"},
		{"refusal", "POST", "/msg/get_server_time", http.Header{}, 200, "application/json"},
		{"bad body of a strict route", "POST", "/msg/send_msg", w.plain(admin), 400, "application/json"},
		{"panic", "POST", usersPath, w.plain("alice"), 500, "application/json"},
		{"preflight", "OPTIONS", "/msg/send_msg", http.Header{}, 200, "application/json"},
		{"unknown path", "GET", "/nowhere", http.Header{}, 404, "text/plain"},
	} {
		body := `{"userIDs":[]}`
		status, _, h := w.send(c.method, c.path, body, c.header)
		got := map[string]string{}
		for k, v := range h {
			if strings.HasPrefix(k, "Access-Control-") || k == "Content-Type" {
				got[k] = strings.Join(v, "|")
			}
		}
		want := map[string]string{
			"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "*", "Access-Control-Allow-Headers": "*",
			"Access-Control-Allow-Credentials": "false", "Access-Control-Max-Age": "172800",
			"Access-Control-Expose-Headers": "Content-Length, Access-Control-Allow-Origin, Access-Control-Allow-Headers, Cache-Control, Content-Language, Content-Type, Expires, Last-Modified, Pragma, FooBar",
			"Content-Type":                  c.contentType,
		}
		if d := cmp.Diff(want, got); d != "" || status != c.status {
			t.Errorf("%s: HTTP %d, headers (-want +got):\n%s", c.name, status, d)
		}
		if id := h.Get("X-HTTP-ID"); !uuidForm.MatchString(id) {
			t.Errorf("%s: X-HTTP-ID is %q", c.name, id)
		}
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/auth/get_admin_token", "/msg/send_msg", "/nowhere", "/"} {
		status, answer, h := w.send("OPTIONS", path, "", http.Header{})
		if status != 200 || string(answer) != `"Options Request!"` || h.Get("Content-Type") != "application/json" {
			t.Errorf("%s: HTTP %d %s", path, status, answer)
		}
	}
}

func TestUnknownPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const (
		noOperation = `{"errCode":1001,"errMsg":"ArgsError","errDlt":"header must have operationID"}`
		noToken     = `{"errCode":1001,"errMsg":"ArgsError","errDlt":"header must have token"}`
		unknown     = `404 page not found`
	)
	op := http.Header{"Operationid": {"op-1"}}
	for _, c := range []struct {
		method, path string
		header       http.Header
		status       int
		want         string
	}{
		{"POST", "/nowhere", http.Header{}, 200, noOperation},
		{"POST", "/nowhere", op, 200, noToken},
		{"POST", "/nowhere", w.plain("alice"), 404, unknown},
		{"POST", "/", w.plain("alice"), 404, unknown},
		{"GET", "/nowhere", http.Header{}, 404, unknown},
		{"POST", "/auth/parse_token_of_another_kind", op, 404, unknown},
		{"POST", "/auth/get_admin_token/", op, 404, unknown},
		// A path that only looks like a route is none: it is neither cleaned nor redirected.
		{"POST", "//user/get_users_info", w.plain("alice"), 404, unknown},
		{"POST", "/auth/parse_token/../../user/get_users_info", op, 404, unknown},
		{"POST", "/auth/parse_token%2f..%2f..%2fuser%2fget_users_info", op, 404, unknown},
		{"POST", "/user/get_users_info/", w.plain("alice"), 404, unknown},
		{"POST", "/USER/get_users_info", w.plain("alice"), 404, unknown},
	} {
		status, answer, _ := w.send(c.method, c.path, usersBody, c.header)
		if status != c.status || string(answer) != c.want {
			t.Errorf("%s %s: HTTP %d %s", c.method, c.path, status, answer)
		}
	}
}

// TestNoTokenNoService shows for every route but the public ones that nothing
// behind the check of the token is reached without one, however the path is written.
func TestNoTokenNoService(t *testing.T) {
	t.Parallel()
	for _, e := range New(Options{}).table {
		if e.access == public {
			continue
		}
		a := New(Options{}) // no service at all: whoever calls it panics
		r := httptest.NewRequest("POST", e.path, strings.NewReader(`{}`))
		r.Header.Set("operationID", "op-1")
		rec := httptest.NewRecorder()
		a.ServeHTTP(rec, r)
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), "header must have token") {
			t.Errorf("%s: HTTP %d %s", e.path, rec.Code, rec.Body)
		}
	}
}

func TestOperationID(t *testing.T) {
	t.Parallel()
	var got []string
	f := new(fake)
	w := newWorld(t, with(f))
	f.send = func(_ context.Context, op im.Operator, m *im.Message, done func(im.SendResult, error)) {
		got = append(got, fmt.Sprintf("%s %d %v %s", op.UserID, op.Platform, op.Admin, op.OperationID))
		done(im.SendResult{ServerMsgID: "s", ClientMsgID: m.ClientMsgID, SendTime: 1}, nil)
	}
	const body = `{"sendID":"alice","recvID":"bob","content":{"content":"hi"},"contentType":101,"sessionType":1}`
	for _, id := range []string{"x", strings.Repeat("y", 256), strings.Repeat("z", 257), "bad\xff"} {
		h := w.plain(admin)
		h.Set("operationID", id)
		_, answer, _ := w.send("POST", "/msg/send_msg", body, h)
		refused := strings.Contains(string(answer), `"errCode":1001,"errMsg":"ArgsError","errDlt":"operationID is longer`)
		if want := len(id) > 256 || id == "bad\xff"; refused != want {
			t.Errorf("operationID %.10q of %d bytes: %s", id, len(id), answer)
		}
	}
	want := []string{"imAdmin 10 true x", "imAdmin 10 true " + strings.Repeat("y", 256)}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("operators (-want +got):\n%s", d)
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	f := &fake{users: func(context.Context, []string) ([]im.User, error) { panic("on purpose") }}
	w := newWorld(t, with(f))
	status, answer, _ := w.send("POST", usersPath, usersBody, w.plain("alice"))
	if status != 500 || len(answer) != 0 {
		t.Errorf("HTTP %d %q", status, answer)
	}
	logged := w.logged.String()
	if n := strings.Count(logged, "level=ERROR"); n != 1 || !strings.Contains(logged, "on purpose") ||
		!strings.Contains(logged, "op=op-1") || !strings.Contains(logged, "route="+usersPath) || strings.Contains(logged, w.token("alice")) {
		t.Errorf("logged %d times: %s", n, logged)
	}
	if s, _ := w.post(request{"alice", "/msg/get_server_time", `{}`}); s != 200 {
		t.Errorf("after a panic: HTTP %d", s)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	var fail error
	f := &fake{users: func(context.Context, []string) ([]im.User, error) { return nil, fail }}
	w := newWorld(t, with(f))
	for _, c := range []struct {
		name   string
		err    error
		want   string
		logged bool
	}{
		{"unclassified", errors.New("SELECT secret FROM users"), `{"errCode":500,"errMsg":"ServerInternalError","errDlt":""}`, true},
		{"internal with a cause", &im.Error{Op: "x", Err: errors.New("10.0.0.1:5432")}, `{"errCode":500,"errMsg":"ServerInternalError","errDlt":""}`, true},
		{"busy", im.Errorf(im.Busy, "x", "the server is busy"), `{"errCode":500,"errMsg":"ServerInternalError","errDlt":"the server is busy"}`, false},
		{"coded", im.Errorf(im.AlreadyFriends, "x", "<friends>"), `{"errCode":1304,"errMsg":"RelationshipAlreadyError","errDlt":"\u003cfriends\u003e"}`, false},
		{"of the business server", &im.Refusal{Code: 4711, Msg: "no", Dlt: "because"}, `{"errCode":4711,"errMsg":"no","errDlt":"because"}`, false},
	} {
		fail = c.err
		before := w.logged.String()
		status, answer, _ := w.send("POST", usersPath, usersBody, w.plain("alice"))
		if status != 200 || string(answer) != c.want {
			t.Errorf("%s: HTTP %d %s", c.name, status, answer)
		}
		logged := strings.TrimPrefix(w.logged.String(), before)
		want := 0
		if c.logged {
			want = 1
		}
		if strings.Count(logged, "\n") != want || c.logged && !(strings.Contains(logged, "op=op-1") && strings.Contains(logged, "user=alice")) {
			t.Errorf("%s: logged %q", c.name, logged)
		}
		if strings.Contains(logged, w.token("alice")) {
			t.Errorf("%s: the token is logged: %s", c.name, logged)
		}
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := `{"userIDs":["alice","bob","carol","dave","erin","frank","gina","oscar","news"]}`
	_, whole, _ := w.send("POST", usersPath, ids, w.plain("alice"))
	if len(whole) < gzipFrom {
		t.Fatalf("the answer of %d bytes is too small for this test", len(whole))
	}
	for _, c := range []struct {
		accept string
		body   string
		packed bool
	}{
		{"gzip", ids, true},
		{"deflate, gzip;q=0.5, br", ids, true},
		{"GZIP", ids, true},
		{"gzip;q=oops", ids, true},
		{"gzip;q=0", ids, false},
		{"gzip;q=0.0", ids, false},
		{"deflate", ids, false},
		{"xgzip", ids, false},
		{"", ids, false},
		{"gzip", usersBody, false}, // small
	} {
		h := w.plain("alice")
		h.Set("Accept-Encoding", c.accept)
		status, answer, got := w.send("POST", usersPath, c.body, h)
		packed := got.Get("Content-Encoding") == "gzip"
		if status != 200 || packed != c.packed {
			t.Errorf("Accept-Encoding %q: HTTP %d, compressed %v", c.accept, status, packed)
			continue
		}
		if packed {
			z, err := gzip.NewReader(bytes.NewReader(answer))
			if err != nil {
				t.Fatal(err)
			}
			if answer, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if c.body == ids && !bytes.Equal(answer, whole) {
			t.Errorf("Accept-Encoding %q: %s", c.accept, answer)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	var fail error
	f := new(fake)
	w := newWorld(t, with(f), func(o *Options) { o.Metrics = reg })
	f.users = func(ctx context.Context, ids []string) ([]im.User, error) {
		if errors.Is(fail, errPanic) {
			panic(fail)
		}
		return nil, fail
	}
	for _, fail = range []error{nil, nil, im.Errorf(im.Denied, "x", ""), errors.New("x"), &im.Refusal{Code: 7}, errPanic} {
		w.send("POST", usersPath, usersBody, w.plain("alice"))
	}
	w.send("POST", usersPath, "", w.plain("alice"))
	w.send("POST", usersPath, usersBody, http.Header{})
	w.send("POST", "/random/42", "", w.plain("alice"))
	w.send("OPTIONS", "/random/43", "", http.Header{})
	w.send("GET", "/random/44", "", http.Header{})
	w.close() // a request is counted after its answer was written
	want := []string{
		"/user/get_users_info 0: 2", "/user/get_users_info 1001: 2", "/user/get_users_info 1002: 1", "/user/get_users_info 500: 1",
		"/user/get_users_info panic: 1", "/user/get_users_info refused: 1", "none 0: 1", "none 404: 2",
	}
	if d := cmp.Diff(want, counters(t, reg)); d != "" {
		t.Errorf("counters (-want +got):\n%s", d)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		switch f.GetName() {
		case "parley_api_requests_in_flight":
			if n := f.Metric[0].Gauge.GetValue(); n != 0 {
				t.Errorf("%v requests in flight", n)
			}
		case "parley_api_request_seconds":
			paths := map[string]bool{noRoute: true}
			for _, e := range w.api.table {
				paths[e.path] = true
			}
			if len(f.Metric) != len(paths) {
				t.Errorf("latencies of %d routes, want %d", len(f.Metric), len(paths))
			}
		}
	}
}

// counters returns what was counted, one line for each route and code.
func counters(t *testing.T, reg *prometheus.Registry) []string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		if f.GetName() != "parley_api_requests_total" {
			continue
		}
		for _, m := range f.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			out = append(out, fmt.Sprintf("%s %s: %v", labels["route"], labels["code"], m.Counter.GetValue()))
		}
	}
	slices.Sort(out)
	return out
}

var errPanic = errors.New("panic")

// TestPanicAfterWriting shows that a broken answer ends the connection.
func TestPanicAfterWriting(t *testing.T) {
	t.Parallel()
	a := New(Options{})
	serve := a.recovered(func(c *call) {
		a.write(c, 200, []byte("half"))
		panic("on purpose")
	})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("panics with %v", p)
		}
	}()
	serve(&call{w: httptest.NewRecorder(), r: httptest.NewRequest("POST", "/", nil)})
}

// TestAbort shows that whoever gives a request up on purpose is let through.
func TestAbort(t *testing.T) {
	t.Parallel()
	var logged logs
	a := New(Options{Log: slog.New(slog.NewTextHandler(&logged, nil))})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler || logged.String() != "" {
			t.Errorf("panics with %v, logs %q", p, logged.String())
		}
	}()
	a.recovered(func(*call) { panic(http.ErrAbortHandler) })(&call{})
}

// TestUnknownType shows what an answer that cannot be encoded becomes.
func TestUnknownType(t *testing.T) {
	t.Parallel()
	var logged logs
	a := New(Options{Log: slog.New(slog.NewTextHandler(&logged, nil))})
	rec := httptest.NewRecorder()
	c := &call{w: rec, r: httptest.NewRequest("POST", "/x", nil)}
	a.answer(c, 200, envelope{Data: make(chan int)})
	const want = `{"errCode":500,"errMsg":"ServerInternalError","errDlt":""}`
	if rec.Code != 200 || rec.Body.String() != want || c.code != "500" || strings.Count(logged.String(), "level=ERROR") != 1 {
		t.Errorf("HTTP %d %s, code %s, logged %s", rec.Code, rec.Body, c.code, logged.String())
	}
}

// TestAuthenticationFails shows that a failing database logs nobody out.
func TestAuthenticationFails(t *testing.T) {
	t.Parallel()
	f := &fake{authenticate: func(context.Context, string) (im.Credential, error) { return im.Credential{}, errors.New("disk") }}
	w := newWorld(t, with(f))
	status, answer, _ := w.send("POST", usersPath, usersBody, w.plain("alice"))
	if status != 200 || string(answer) != `{"errCode":500,"errMsg":"ServerInternalError","errDlt":""}` || strings.Count(w.logged.String(), "\n") != 1 {
		t.Errorf("HTTP %d %s, logged %s", status, answer, w.logged.String())
	}
}
