package sink

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret      = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
	otherSecret = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
	body        = `{"callbackCommand":"callbackAfterSendGroupMsgCommand","content":"{\"content\":\"hé\"}"}`
)

// sign makes a signature with the reference library of Standard Webhooks.
func sign(t *testing.T, secret, id string, at time.Time, body string) string {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := wh.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// callback is a signed request as the server sends it.
func callback(t *testing.T, body string, at time.Time, signature string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hook/callbackX?contenttype=json", strings.NewReader(body))
	r.Header.Set("webhook-id", "evt_1")
	r.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("webhook-attempt", "2")
	r.Header.Set("webhook-sequence", "sg_1;7")
	r.Header.Set("operationID", "op-1")
	if signature != "" {
		r.Header.Set("webhook-signature", signature)
	}
	return r
}

func receive(s *Sink, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	return rec
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	good := sign(t, secret, "evt_1", now, body)
	tests := []struct {
		name      string
		secret    string
		signature string
		change    func(*http.Request)
		verdict   Verdict
		status    int
	}{
		{"right", secret, good, nil, Verified, 200},
		{"second of two", secret, sign(t, otherSecret, "evt_1", now, body) + " " + good, nil, Verified, 200},
		{"beside another version", secret, "v1a,AAAA " + good, nil, Verified, 200},
		{"more spaces", secret, "  " + good + "  ", nil, Verified, 200},
		{"other secret", secret, sign(t, otherSecret, "evt_1", now, body), nil, BadSignature, 401},
		{"other body", secret, sign(t, secret, "evt_1", now, body+" "), nil, BadSignature, 401},
		{"other id", secret, good, func(r *http.Request) { r.Header.Set("webhook-id", "evt_2") }, BadSignature, 401},
		{"no id", secret, good, func(r *http.Request) { r.Header.Del("webhook-id") }, BadSignature, 401},
		{"no time", secret, good, func(r *http.Request) { r.Header.Del("webhook-timestamp") }, BadSignature, 401},
		{"time that is no number", secret, good, func(r *http.Request) { r.Header.Set("webhook-timestamp", "now") }, BadSignature, 401},
		{"time out of this world", secret, good, func(r *http.Request) { r.Header.Set("webhook-timestamp", "9223372036854775807") }, BadSignature, 401},
		{"right under another version", secret, strings.Replace(good, "v1,", "v2,", 1), nil, BadSignature, 401},
		{"no base64", secret, "v1,!", nil, BadSignature, 401},
		{"no comma", secret, "v1", nil, BadSignature, 401},
		{"unsigned", secret, "", nil, Unsigned, 401},
		{"unsigned and no secret", "", "", nil, Unsigned, 200},
		{"signed and no secret", "", good, nil, Unchecked, 200},
		{"secret that is none", "whsec_x", good, nil, BadSignature, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []Callback
			var out bytes.Buffer
			s := New(Options{
				Secret: tt.secret, Out: &out, Now: func() time.Time { return now },
				OnCallback: func(cb Callback) { got = append(got, cb) },
			})
			r := callback(t, body, now, tt.signature)
			if tt.change != nil {
				tt.change(r)
			}
			rec := receive(s, r)
			if rec.Code != tt.status || len(got) != 1 || got[0].Verdict != tt.verdict || got[0].Status != tt.status {
				t.Fatalf("status %d, callbacks %+v", rec.Code, got)
			}
			if !strings.Contains(out.String(), string(tt.verdict)+", answered "+strconv.Itoa(tt.status)) {
				t.Errorf("printed: %s", out.String())
			}
			if rec.Code == 200 && rec.Body.String() != `{"actionCode":0,"errCode":0,"errMsg":"","errDlt":"","nextCode":0}` {
				t.Errorf("answer = %s", rec.Body)
			}
		})
	}
}

func TestTolerance(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	tests := []struct {
		off  time.Duration
		want Verdict
	}{
		{-5 * time.Minute, Verified},
		{5 * time.Minute, Verified},
		{-5*time.Minute - time.Second, BadSignature},
		{5*time.Minute + time.Second, BadSignature},
	}
	for _, tt := range tests {
		var got Verdict
		s := New(Options{Secret: secret, Now: func() time.Time { return now }, OnCallback: func(cb Callback) { got = cb.Verdict }})
		at := now.Add(tt.off)
		receive(s, callback(t, body, at, sign(t, secret, "evt_1", at, body)))
		if got != tt.want {
			t.Errorf("%v off: %s, want %s", tt.off, got, tt.want)
		}
	}
}

func TestBlock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	var out bytes.Buffer
	s := New(Options{Out: &out, Now: func() time.Time { return now }})
	receive(s, callback(t, body, now, ""))
	want := `03:04:05.006 callbackAfterSendGroupMsgCommand UNSIGNED, answered 200
  webhook-id evt_1  attempt 2  sequence sg_1;7  operationID op-1
  {
    "callbackCommand": "callbackAfterSendGroupMsgCommand",
    "content": "{\"content\":\"hé\"}"
  }

`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}

	out.Reset()
	r := callback(t, "no JSON \x1b[2J", now, "")
	r.Header.Set("webhook-id", "\x1b]0;x")
	r.Header.Del("webhook-sequence")
	receive(s, r)
	if got := out.String(); strings.Contains(got, "\x1b") || !strings.Contains(got, "callbackX UNSIGNED") || !strings.Contains(got, "sequence - ") {
		t.Errorf("got:\n%q", got)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		opts Options
		want []int
	}{
		{"well", Options{}, []int{200, 200}},
		{"first ones fail", Options{Fail: 2}, []int{500, 500, 200}},
		{"first ones fail with a status", Options{Fail: 1, Status: 503}, []int{503, 200}},
		{"all fail", Options{Status: 410}, []int{410, 410}},
		{"redirect", Options{Status: 302}, []int{302}},
		{"other success", Options{Status: 204}, []int{204}},
	}
	for _, tt := range tests {
		s := New(tt.opts)
		for i, want := range tt.want {
			rec := receive(s, callback(t, body, time.Now(), ""))
			if rec.Code != want || want == 204 && rec.Body.Len() > 0 {
				t.Errorf("%s: answer %d is %d, want %d", tt.name, i, rec.Code, want)
			}
		}
	}
}

func TestRefusedCallbacksDoNotCountAsFailed(t *testing.T) {
	t.Parallel()
	s := New(Options{Secret: secret, Fail: 1})
	now := time.Now()
	if code := receive(s, callback(t, body, now, "")).Code; code != 401 {
		t.Errorf("unsigned = %d", code)
	}
	if code := receive(s, callback(t, body, now, sign(t, secret, "evt_1", now, body))).Code; code != 500 {
		t.Errorf("first signed = %d", code)
	}
}

func TestRequestsThatAreNoCallbacks(t *testing.T) {
	t.Parallel()
	s := New(Options{OnCallback: func(Callback) { t.Error("taken for a callback") }})
	if code := receive(s, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)).Code; code != 405 {
		t.Errorf("GET = %d", code)
	}
	large := strings.NewReader(strings.Repeat("x", maxBody+1))
	if code := receive(s, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", large)).Code; code != 413 {
		t.Errorf("large = %d", code)
	}
	ok := New(Options{})
	full := strings.NewReader(strings.Repeat("x", maxBody))
	if code := receive(ok, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", full)).Code; code != 200 {
		t.Errorf("exactly the limit = %d", code)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Delay: 3 * time.Second})
		start := time.Now()
		if code := receive(s, callback(t, body, start, "")).Code; code != 200 || time.Since(start) != 3*time.Second {
			t.Errorf("answered %d after %v", code, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if code := receive(s, callback(t, body, start, "").WithContext(ctx)).Code; code != 503 {
			t.Errorf("a sender that goes away: %d", code)
		}
	})
}

func TestOptionsValidate(t *testing.T) {
	t.Parallel()
	long := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65))
	for _, o := range []Options{{Secret: "abc"}, {Secret: "whsec_AAAA"}, {Secret: long}, {Status: 100}, {Status: 600}, {Fail: -1}, {Delay: -1}} {
		if err := o.Validate(); err == nil {
			t.Errorf("%+v is accepted", o)
		} else if o.Secret != "" && strings.Contains(err.Error(), o.Secret) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	if err := (Options{Secret: secret, Status: 503, Fail: 3, Delay: time.Second}).Validate(); err != nil {
		t.Error(err)
	}
}

// lineWriter hands lines over as they are printed.
type lineWriter struct{ lines chan string }

func (w lineWriter) Write(p []byte) (int, error) {
	w.lines <- string(p)
	return len(p), nil
}

func TestServe(t *testing.T) {
	t.Parallel()
	out := lineWriter{make(chan string, 10)}
	s := New(Options{Secret: secret, Out: out})
	l, err := net.Listen("tcp", ":0") //nolint:gosec // all addresses are the case under test
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	first := <-out.lines
	url, ok := strings.CutPrefix(strings.TrimSpace(first), "sink listening on ")
	if !ok || !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("first line = %q", first)
	}

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			now := time.Now()
			r := callback(t, body, now, sign(t, secret, "evt_1", now, body))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/x", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header = r.Header
			resp, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	wg.Wait()
	for range 4 {
		if got := <-out.lines; !strings.Contains(got, " verified, answered 200\n") {
			t.Errorf("printed %q", got)
		}
	}
	// Clients open connections in advance; such a one does not hold up the stop.
	unused, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")) //nolint:noctx // to this process
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unused.Close() }()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func TestServeStopsDuringADelay(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s := New(Options{Delay: time.Hour, OnCallback: func(Callback) { close(entered) }})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	answered := make(chan int, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Post("http://"+l.Addr().String(), "application/json", strings.NewReader(body)) //nolint:noctx // ended by the sink
		if err != nil {
			answered <- 0
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	<-entered
	cancel()
	if code := <-answered; code != 503 {
		t.Errorf("answered %d", code)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func TestServeReportsADeadListener(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := New(Options{}).Serve(t.Context(), l); err == nil {
		t.Error("no error")
	}
}

// FuzzVerify compares with the reference library; both use the present time.
func FuzzVerify(f *testing.F) {
	now := time.Now()
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		f.Fatal(err)
	}
	good, err := wh.Sign("id", now, []byte(body))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("id", good, []byte(body))
	f.Add("id", "v1,AAAA v1a,x", []byte(""))
	key, err := parseSecret(secret)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, signature string, body []byte) {
		h := http.Header{}
		h.Set(headerID, id)
		h.Set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
		h.Set(headerSignature, signature)
		ours, theirs := verify(key, h, body, now), wh.VerifyIgnoringTimestamp(body, h)
		if ours == nil && theirs != nil {
			t.Errorf("accepted what the reference library refuses (%v): %q %q", theirs, id, signature)
		}
	})
}
