package webhook

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"parley/internal/im"
	"parley/internal/store"
)

// newTestSender returns a sender to a URL, over the network.
func newTestSender(t testing.TB, address string, change func(*Config)) *sender {
	t.Helper()
	cfg := Default()
	cfg.URL, cfg.Version = address, "1.2.3"
	cfg.Rules = map[im.Command]Rule{im.AfterSingleMsgRead: {Enabled: true, Timeout: 300 * time.Millisecond}}
	if change != nil {
		change(&cfg)
	}
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlan(&cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	sh := &shared{wakeReader: func() {}, marked: make(chan struct{}, 1), markedFull: make(chan struct{}, 1), employ: func(func(context.Context)) {}}
	ep := newEndpoint(im.MainEndpoint, p, &cfg, &Options{Decode: decodeText, Log: slog.New(slog.DiscardHandler)}, m, sh)
	ep.own()
	return newSender(ep, p)
}

func readItem() *item {
	return &item{OutboxEvent: store.OutboxEvent{Event: im.Event{
		ID: 7, EventID: "evt_7", Lane: "si_u1_u2", LaneSeq: 3, Command: im.AfterSingleMsgRead, OperationID: "op1",
		Body: []byte(`{"callbackCommand":"callbackAfterSingleMsgReadCommand"}`),
	}}}
}

// TestRequestOnTheWire looks at the bytes: header names keep their letter case.
func TestRequestOnTheWire(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(c, writer(got))))
		if err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}
	}()
	s := newTestSender(t, "http://ann:secret@"+l.Addr().String()+"/hook?tenant=7", func(c *Config) { c.Secrets = []string{testSecret} })
	it := readItem()
	it.Attempts = 2
	if r := s.send(t.Context(), it); r.kind != delivered {
		t.Fatalf("%+v", r)
	}
	text := <-got
	for _, want := range []string{
		"POST /hook/callbackAfterSingleMsgReadCommand?tenant=7&contenttype=json HTTP/1.1\r\n",
		"Content-Type: application/json; charset=utf-8\r\n", "User-Agent: Parley/1.2.3\r\n", "Content-Length: 55\r\n",
		"operationID: op1\r\n", "webhook-id: evt_7\r\n", "webhook-attempt: 3\r\n", "webhook-sequence: si_u1_u2;3\r\n",
		"webhook-timestamp: ", "webhook-signature: v1,", "Authorization: Basic YW5uOnNlY3JldA==\r\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "Idempotency") || strings.Contains(text, "Accept-Encoding") {
		t.Errorf("a header too many in\n%s", text)
	}
}

// writer sends what is written first, a request head with its body, to a channel.
type writer chan<- string

func (w writer) Write(p []byte) (int, error) {
	select {
	case w <- string(p):
	default:
	}
	return len(p), nil
}

func TestSignatureOfRequests(t *testing.T) {
	t.Parallel()
	older := "whsec_" + strings.Repeat("QUJD", 8)
	type seen struct {
		header http.Header
		body   []byte
	}
	got := make(chan seen, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r.Header, body}
	}))
	defer srv.Close()
	for _, secrets := range [][]string{nil, {testSecret}, {testSecret, older}} {
		s := newTestSender(t, srv.URL, func(c *Config) { c.Secrets = secrets })
		if r := s.send(t.Context(), readItem()); r.kind != delivered {
			t.Fatalf("%+v", r)
		}
		q := <-got
		signatures := strings.Fields(q.header.Get(headerSignature))
		if len(signatures) != len(secrets) || len(secrets) == 0 && q.header.Values(headerSignature) != nil {
			t.Fatalf("%d secrets, signature %q", len(secrets), q.header.Values(headerSignature))
		}
		for i, secret := range secrets { // newest first
			q.header.Set(headerSignature, signatures[i])
			library, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := library.Verify(q.body, q.header); err != nil {
				t.Errorf("signature %d of %d: %v", i+1, len(secrets), err)
			}
		}
	}
}

func TestMessageRequest(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		got <- r
	}))
	defer srv.Close()
	s := newTestSender(t, srv.URL+"/hook?a=b", nil)
	it := &item{OutboxEvent: store.OutboxEvent{
		Event:   im.Event{EventID: "evt_8", Lane: "si_u1_u2", LaneSeq: 1, Command: im.AfterSendSingleMsg, Seq: 42},
		Message: []byte(`{"content":"hi"}`),
	}}
	if r := s.send(t.Context(), it); r.kind != delivered {
		t.Fatalf("%+v", r)
	}
	r := <-got
	q := r.URL.Query()
	if q.Get("a") != "b" || q.Get("contenttype") != "json" || len(q) != 3 {
		t.Errorf("query %s", r.URL.RawQuery)
	}
	if want := MessageKey(&im.Message{SendID: "u1", RecvID: "u2"}); q.Get("key") != want {
		t.Errorf("key %q, want %q", q.Get("key"), want)
	}
	body, _ := io.ReadAll(r.Body)
	fields, _ := object(t, body)
	for k, want := range map[string]string{
		"seq": "42", "status": "1", "content": `{"content":"hi"}`, "recvID": "u2", "callbackCommand": "callbackAfterSendSingleMsgCommand",
		"operationID": "evt_8", // the event has none: header and body agree on a substitute
	} {
		if fmt.Sprint(fields[k]) != want {
			t.Errorf("%s is %v, want %s", k, fields[k], want)
		}
	}
	if got := r.Header.Get(headerOperationID); got != "evt_8" {
		t.Errorf("operationID %q", got)
	}
	// The secret of the key must not show in the URL of the next event.
	if u := s.plan.targets[im.AfterSendSingleMsg].url; strings.Contains(u.RawQuery, "key") {
		t.Errorf("target became %s", u)
	}
}

func TestHeaderText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"op 1": "op 1", "a\r\nInjected: x": "a%0D%0AInjected: x", "\x00\x7f": "%00%7F", "grüße": "gr%C3%BC%C3%9Fe",
		strings.Repeat("x", 600): strings.Repeat("x", 512),
	} {
		if got := headerText(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
	s := newTestSender(t, "http://127.0.0.1:1", nil)
	it := readItem()
	it.OperationID, it.Lane = "op\r\nX: y", "sg_\n"
	req := s.request(t.Context(), it, s.plan.targets[it.Command], "", it.Body, time.Now())
	if err := req.Write(io.Discard); err != nil {
		t.Errorf("the request cannot be sent: %v", err)
	}
}

// TestAnswers holds the verdict on every kind of receiver, over the network.
func TestAnswers(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(c, text)
			c.Close()
		}
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   result
		within time.Duration
	}{
		{"200", status(200), result{class: "2xx"}, 0},
		{"204", status(204), result{class: "2xx"}, 0},
		{"299", status(299), result{class: "2xx"}, 0},
		{"an error in a good answer", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"actionCode":1,"errCode":5001,"nextCode":1}`)
		}, result{class: "2xx"}, 0},
		{"301 is not followed", status(301, "Location", "/elsewhere"), result{kind: failed, class: "3xx", reason: "status 301"}, 0},
		{"307 is not followed", status(307, "Location", "/elsewhere"), result{kind: failed, class: "3xx", reason: "status 307"}, 0},
		{"400", status(400), result{kind: failed, class: "4xx", reason: "status 400"}, 0},
		{"404", status(404), result{kind: failed, class: "4xx", reason: "status 404"}, 0},
		{"410", status(410), result{kind: failed, gone: true, class: "4xx", reason: "status 410"}, 0},
		{"429", status(429, "Retry-After", "120"), result{kind: failed, retryAfter: 2 * time.Minute, class: "4xx", reason: "status 429"}, 0},
		{"500", status(500), result{kind: failed, class: "5xx", reason: "status 500"}, 0},
		{"503 for days", status(503, "Retry-After", "999999"), result{kind: failed, retryAfter: 24 * time.Hour, class: "5xx", reason: "status 503"}, 0},
		{"abort", status(400, "webhook-delivery", "Abort-Message"), result{kind: aborted, class: "4xx", reason: "status 400"}, 0},
		{"abort and 410", status(410, "webhook-delivery", "abort-message"), result{kind: aborted, gone: true, class: "4xx", reason: "status 410"}, 0},
		{"abort of a success", status(200, "webhook-delivery", "abort-message"), result{class: "2xx"}, 0},
		{"garbage", raw("not HTTP at all\r\n\r\n"), result{kind: failed, class: "transport"}, 0},
		{"closed without an answer", raw(""), result{kind: failed, class: "transport"}, 0},
		{"endless head", raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 100<<10)), result{kind: failed, class: "transport"}, 0},
		{"hang", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}, result{kind: failed, class: "timeout", reason: "no answer in time"}, time.Second},
		{"body byte by byte", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}, result{class: "2xx"}, time.Second},
		{"huge answer", func(w http.ResponseWriter, _ *http.Request) {
			for range 64 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, result{class: "2xx"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					t.Error("the redirect was followed")
				}
				asked.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				c.answer(w, r)
			}))
			defer srv.Close()
			start := time.Now()
			r := newTestSender(t, srv.URL, nil).send(t.Context(), readItem())
			if took := time.Since(start); c.within > 0 && took > c.within {
				t.Errorf("took %v", took)
			}
			if c.want.class == "transport" {
				r.reason = ""
			}
			if r.at.Before(start) || r.took <= 0 {
				t.Errorf("at %v, took %v", r.at, r.took)
			}
			if len(r.answer) > maxKept {
				t.Errorf("%d bytes of the answer are kept", len(r.answer))
			}
			if want := strconv.Itoa(r.status/100) + "xx"; r.status != 0 && want != r.class {
				t.Errorf("status %d is of class %s", r.status, r.class)
			}
			r.at, r.took, r.answer, r.status = time.Time{}, 0, nil, 0
			if diff := cmp.Diff(c.want, r, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			// A connection that was closed without an answer may have been tried twice; nothing else.
			if n := asked.Load(); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := newTestSender(t, "http://ann:secret@"+l.Addr().String(), nil)
	r := s.send(t.Context(), readItem())
	if r.kind != failed || r.class != "connect" || strings.Contains(r.reason, "secret") {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := s.send(ctx, readItem()); r.kind != interrupted {
		t.Errorf("%+v", r)
	}
}

func TestUnsendable(t *testing.T) {
	t.Parallel()
	s := newTestSender(t, "http://127.0.0.1:1", func(c *Config) { c.MaxBody = 100 })
	for _, c := range []struct {
		name   string
		e      store.OutboxEvent
		kind   outcomeKind
		reason string
	}{
		{"unknown command", store.OutboxEvent{Event: im.Event{Command: 999}}, unsendable, "command 999 is unknown to this version"},
		{"no body", store.OutboxEvent{Event: im.Event{Command: im.AfterSingleMsgRead}}, unsendable, "event has no body"},
		{"too large", store.OutboxEvent{Event: im.Event{Command: im.AfterSingleMsgRead, Body: make([]byte, 101)}}, unsendable, "body of 101 bytes is larger than 100"},
		{"message too large", store.OutboxEvent{Event: im.Event{Command: im.AfterMsgSaveDB}, Message: make([]byte, 10)}, unsendable, ""},
		{"unreadable message", store.OutboxEvent{Event: im.Event{Command: im.AfterMsgSaveDB}, Message: []byte("corrupt")}, unsendable, "stored message is unreadable: corrupt"},
		{"message gone", store.OutboxEvent{Event: im.Event{Command: im.AfterMsgSaveDB}}, messageGone, ""},
	} {
		r := s.send(t.Context(), &item{OutboxEvent: c.e})
		if r.kind != c.kind || r.called() || c.reason != "" && r.reason != c.reason {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}

// TestConnectionsAreKept counts connections: as many as attempts at a time, not as many as events.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"actionCode":0}`)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	s := newTestSender(t, srv.URL, nil)
	for range 50 {
		if r := s.send(t.Context(), readItem()); r.kind != delivered {
			t.Fatalf("%+v", r)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestClosedConnectionIsNoFailure has a receiver that closes kept connections
// just when the next request comes.
func TestClosedConnectionIsNoFailure(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for first := true; ; first = false {
					r, err := http.ReadRequest(in)
					if err != nil || !first {
						return // the second request of a connection is read and not answered
					}
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			}()
		}
	}()
	s := newTestSender(t, "http://"+l.Addr().String(), nil)
	for range 5 {
		if r := s.send(t.Context(), readItem()); r.kind != delivered {
			t.Fatalf("%+v", r)
		}
	}
}

// TestProxy sends through a forward proxy, and only when one is configured.
func TestProxy(t *testing.T) {
	asked := make(chan string, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.String() }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	s := newTestSender(t, "http://receiver.invalid/hook", func(c *Config) { c.Proxy = proxy.URL })
	if r := s.send(t.Context(), readItem()); r.kind != delivered {
		t.Fatalf("%+v", r)
	}
	u, err := url.Parse(<-asked)
	if err != nil || u.Host != "receiver.invalid" {
		t.Errorf("the proxy was asked for %s", u)
	}
	if tr, err := newTransport(&Config{Concurrency: 1}); err != nil || tr.Proxy != nil {
		t.Errorf("a proxy without configuration: %v", err)
	}
}

// TestTimeoutIsForTheWholeCall uses virtual time: the rule's timeout, else 5 s.
func TestTimeoutIsForTheWholeCall(t *testing.T) {
	t.Parallel()
	for _, want := range []time.Duration{DefaultTimeout, 90 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := newTestSender(t, "http://receiver.test", func(c *Config) {
				c.Rules[im.AfterSingleMsgRead] = Rule{Timeout: want}
				if want == DefaultTimeout {
					c.Rules[im.AfterSingleMsgRead] = Rule{}
				}
			})
			s.plan.transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, errors.New("canceled")
			})
			start := time.Now()
			r := s.send(t.Context(), readItem())
			if took := time.Since(start); took != want || r.class != "timeout" {
				t.Errorf("%+v after %v", r, took)
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestTimestampIsOfTheAttempt uses virtual time: seconds, anew for each attempt.
func TestTimestampIsOfTheAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestSender(t, "http://receiver.test", nil)
		var got []string
		s.plan.transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			got = append(got, r.Header[headerTimestamp][0])
			return answer(200), nil
		})
		start := time.Now().Unix()
		s.send(t.Context(), readItem())
		time.Sleep(7 * time.Second)
		s.send(t.Context(), readItem())
		if got[0] != strconv.FormatInt(start, 10) || got[1] != strconv.FormatInt(start+7, 10) {
			t.Errorf("%v from %d", got, start)
		}
	})
}
