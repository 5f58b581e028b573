package webhook

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"parley/internal/im"
)

// desk is a business server, and an asker that asks it.
type desk struct {
	*Asker
	srv    *httptest.Server
	reg    *prometheus.Registry
	logged *syncBuffer

	mu    sync.Mutex
	calls []*http.Request
	body  []byte // of the last call
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// asked is the callback of these tests.
const asked = im.BeforeAddFriend

func newDesk(t *testing.T, answer http.HandlerFunc, change ...func(*Config)) *desk {
	t.Helper()
	d := &desk{logged: new(syncBuffer), reg: prometheus.NewRegistry()}
	d.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		d.mu.Lock()
		d.calls, d.body = append(d.calls, r), body
		d.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(d.srv.Close)
	c := deskConfig(d.srv.URL)
	for _, f := range change {
		f(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	var err error
	d.Asker, err = NewAsker(AskerOptions{Config: &c, Log: slog.New(slog.NewTextHandler(d.logged, nil)), Metrics: d.reg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func deskConfig(url string) Config {
	c := Default()
	c.URL, c.Version = url, "9"
	c.Rules = map[im.Command]Rule{asked: {Enabled: true, Timeout: 5 * time.Second}}
	return c
}

// rule changes the rule of the callback.
func rule(f func(*Rule)) func(*Config) {
	return func(c *Config) {
		r := c.Rules[asked]
		f(&r)
		c.Rules[asked] = r
	}
}

func goesOn(c *Config) { rule(func(r *Rule) { r.FailedContinue = true })(c) }

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func (d *desk) ask(t *testing.T) (*Answer, error) {
	t.Helper()
	return d.Ask(t.Context(), Question{Command: asked, OperationID: "op-1", Body: []byte(`{"a":1}`)})
}

// continued returns how many operations went on although their callback failed.
func (d *desk) continued(t *testing.T) (n float64) {
	t.Helper()
	families, err := d.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "parley_webhook_before_continued_total" {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

func (d *desk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.calls)
}

// TestAskJudges is the table of webhooks.md 1.7 together with 1.5: what each kind
// of answer means without and with failedContinue.
func TestAskJudges(t *testing.T) {
	t.Parallel()
	const veto = `{"actionCode":0,"errCode":20042,"errMsg":"no","errDlt":"today","nextCode":1}`
	huge := `{"nextCode":0,"pad":"` + strings.Repeat("x", maxBeforeAnswer) + `"}`
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   any // *im.Refusal, im.Kind, or nil: passed
		fails  bool
	}{
		{"passed", 200, `{"actionCode":0,"nextCode":0}`, nil, false},
		{"passed with another 2xx", 202, `{}`, nil, false},
		{"refused", 200, veto, &im.Refusal{Code: 20042, Msg: "no", Dlt: "today"}, false},
		{"refused with status 403", 403, veto, &im.Refusal{Code: 20042, Msg: "no", Dlt: "today"}, false},
		{"refused with status 500", 500, veto, &im.Refusal{Code: 20042, Msg: "no", Dlt: "today"}, false},
		{"refused without a code", 200, `{"nextCode":1}`, &im.Refusal{Code: 80000, Msg: "CallbackError"}, false},
		{"actionCode", 200, `{"actionCode":1,"errCode":5001,"errMsg":"broken","nextCode":1}`, &im.Refusal{Code: 5001, Msg: "broken"}, true},
		{"status 500", 500, `{"actionCode":0,"nextCode":0}`, im.CallbackUnreachable, true},
		{"status 404", 404, `not found`, im.CallbackUnreachable, true},
		{"redirect", 302, ``, im.CallbackUnreachable, true},
		{"empty", 200, ``, im.CallbackUnreadable, true},
		{"no JSON", 200, `<html></html>`, im.CallbackUnreadable, true},
		{"a list", 200, `[]`, im.CallbackUnreadable, true},
		{"too large", 200, huge, im.CallbackUnreadable, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				says(c.status, c.body)(w, r)
			})
			answer, err := d.ask(t)
			if d.count() != 1 {
				t.Errorf("%d calls", d.count())
			}
			var refused *im.Refusal
			switch want := c.want.(type) {
			case nil:
				if err != nil || answer == nil {
					t.Errorf("%v, %v", answer, err)
				}
			case *im.Refusal:
				if !errors.As(err, &refused) || *refused != *want {
					t.Errorf("got %v, want %v", err, want)
				}
			case im.Kind:
				if !im.IsKind(err, want) || errors.As(err, &refused) {
					t.Errorf("got %v of kind %d, want kind %d", err, im.KindOf(err), want)
				}
			}
			if err != nil && strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("the user is told the receiver's address: %v", err)
			}
			if c.fails != strings.Contains(d.logged.String(), "before callback failed") {
				t.Errorf("log: %s", d.logged)
			}

			d = newDesk(t, says(c.status, c.body), goesOn)
			answer, again := d.ask(t)
			if c.fails {
				if answer != nil || again != nil {
					t.Errorf("with failedContinue: %v, %v", answer, again)
				}
				if n := d.continued(t); n != 1 {
					t.Errorf("%v operations counted as continued", n)
				}
			} else if (again == nil) != (err == nil) {
				t.Errorf("with failedContinue: %v", again)
			}
		})
	}
}

// TestAskRequest is webhooks.md 1.1, 1.2 and webhook-delivery.md 6.1.
func TestAskRequest(t *testing.T) {
	t.Parallel()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	d := newDesk(t, says(200, `{}`), func(c *Config) {
		c.URL = strings.Replace(c.URL, "http://", "http://ann:pw@", 1) + "/im/?tenant=7"
		c.Secrets = []string{secret}
	})
	if _, err := d.ask(t); err != nil {
		t.Fatal(err)
	}
	r := d.calls[0]
	if got := r.Method + " " + r.URL.String(); got != "POST /im/callbackBeforeAddFriendCommand?tenant=7&contenttype=json" {
		t.Error(got)
	}
	for key, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Operationid": "op-1", "Webhook-Attempt": "1", "User-Agent": "Parley/9",
		"Authorization": "Basic YW5uOnB3", "Webhook-Sequence": "",
	} {
		if got := r.Header.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if _, there := r.Header["Idempotency-Key"]; there {
		t.Error("the transport's own mark was sent")
	}
	key, err := parseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	want := string(key.mac().append(nil, r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), d.body))
	if got := r.Header.Get("Webhook-Signature"); got != want || string(d.body) != `{"a":1}` {
		t.Errorf("signature %s of %s, want %s", got, d.body, want)
	}
	if _, err := d.ask(t); err != nil {
		t.Fatal(err)
	}
	if d.calls[0].Header.Get("Webhook-Id") == d.calls[1].Header.Get("Webhook-Id") {
		t.Error("two calls have one id")
	}
}

// TestAskSignedTwice: a signing key signs before callbacks, too, alone or beside a secret.
func TestAskSignedTwice(t *testing.T) {
	t.Parallel()
	key := NewSigningKey()
	public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(PublicKey(key), publicKeyPrefix))
	if err != nil {
		t.Fatal(err)
	}
	for _, secrets := range [][]string{nil, {testSecret}} {
		d := newDesk(t, says(200, `{}`), func(c *Config) { c.Secrets, c.SigningKey = secrets, key })
		if _, err := d.ask(t); err != nil {
			t.Fatal(err)
		}
		header := d.calls[0].Header
		signatures := strings.Fields(header.Get(headerSignature))
		if len(signatures) != len(secrets)+1 || len(secrets) > 0 && !strings.HasPrefix(signatures[0], symmetricScheme) {
			t.Fatalf("%d secrets and a key: signatures %q", len(secrets), signatures)
		}
		encoded, ok := strings.CutPrefix(signatures[len(secrets)], asymmetricScheme)
		signature, err := base64.StdEncoding.DecodeString(encoded)
		text := header.Get(headerID) + "." + header.Get(headerTimestamp) + "." + string(d.body)
		if !ok || err != nil || !ed25519.Verify(public, []byte(text), signature) {
			t.Errorf("%s does not sign %s: %v", signatures[len(secrets)], text, err)
		}
	}
}

// TestAskOff: what is off, or too large, is not sent.
func TestAskOff(t *testing.T) {
	t.Parallel()
	d := newDesk(t, says(200, `{"nextCode":1}`), func(c *Config) { c.MaxBody = 10 })
	if answer, err := d.Ask(t.Context(), Question{Command: im.BeforeAddBlack}); answer != nil || err != nil || d.Asks(im.BeforeAddBlack) {
		t.Errorf("a callback that is off: %v, %v", answer, err)
	}
	if _, err := d.Ask(t.Context(), Question{Command: asked, Body: bytes.Repeat([]byte("x"), 11)}); !im.IsKind(err, im.CallbackUnreadable) {
		t.Errorf("a body above the limit: %v", err)
	}
	if d.count() != 0 {
		t.Errorf("%d calls", d.count())
	}
	// Too large a body says nothing of the receiver: the breaker stays closed.
	for range 2 * breakerMinCalls {
		if _, err := d.Ask(t.Context(), Question{Command: asked, Body: bytes.Repeat([]byte("x"), 11)}); !im.IsKind(err, im.CallbackUnreadable) {
			t.Fatalf("a body above the limit: %v", err)
		}
	}
	var refused *im.Refusal
	if _, err := d.Ask(t.Context(), Question{Command: asked, Body: []byte("{}")}); !errors.As(err, &refused) || d.count() != 1 {
		t.Errorf("after large bodies: %v, %d calls", err, d.count())
	}
	none := None()
	if answer, err := none.Ask(t.Context(), Question{Command: asked}); answer != nil || err != nil || none.Asks(asked) || none.AsksOfAdmins() {
		t.Errorf("no hooks: %v, %v", answer, err)
	}
	if none.Route(im.AfterRevokeMsg, im.About{GroupID: "g"}) != nil {
		t.Error("no hooks tell somebody")
	}
}

// TestAskGivenUp: when nobody waits any more the call ends, and says nothing of the receiver.
func TestAskGivenUp(t *testing.T) {
	t.Parallel()
	here := make(chan struct{}, 100)
	d := newDesk(t, func(_ http.ResponseWriter, r *http.Request) {
		here <- struct{}{}
		<-r.Context().Done()
	}, goesOn)
	for range 2 * breakerMinCalls {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-here
			cancel()
		}()
		// Also with failedContinue: there is no operation left to go on.
		if answer, err := d.Ask(ctx, Question{Command: asked}); answer != nil || !im.IsKind(err, im.Busy) {
			t.Fatalf("%v, %v", answer, err)
		}
	}
	if d.count() != 2*breakerMinCalls {
		t.Errorf("%d calls: the breaker opened", d.count())
	}
}

// roundTripper is a receiver without a network.
type roundTripper func() (*http.Response, error)

func (f roundTripper) RoundTrip(*http.Request) (*http.Response, error) { return f() }

// TestAskBreaker: after enough failures no call is made for ten seconds, then one.
// Refusals are no failures.
func TestAskBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := deskConfig("http://business.test")
		calls, body, status := 0, `{"nextCode":1,"errCode":20042}`, 200
		registry := prometheus.NewRegistry()
		a, err := NewAsker(AskerOptions{Config: &c, Metrics: registry, Transport: roundTripper(func() (*http.Response, error) {
			calls++
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		ask := func() error {
			_, err := a.Ask(t.Context(), Question{Command: asked})
			return err
		}
		for range 3 * breakerMinCalls {
			ask()
		}
		if calls != 3*breakerMinCalls {
			t.Fatalf("refusals opened the breaker after %d calls", calls)
		}
		time.Sleep(breakerWindow * time.Second) // until they are forgotten
		calls, status = 0, 500
		body = `{}`
		for range 2 * breakerMinCalls {
			if err := ask(); !im.IsKind(err, im.CallbackUnreachable) {
				t.Fatal(err)
			}
		}
		if calls != breakerMinCalls {
			t.Fatalf("%d calls before the breaker opened", calls)
		}
		gauge := func(want breakerState) {
			t.Helper()
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "parley_webhook_before_breaker_state" })
			if i < 0 || families[i].GetMetric()[0].GetGauge().GetValue() != float64(want) {
				t.Errorf("the gauge is not at %v", want)
			}
		}
		gauge(breakerOpen)
		time.Sleep(breakerOpenFor)
		gauge(breakerHalfOpen)
		ask()
		ask()
		if calls != breakerMinCalls+1 {
			t.Errorf("%d calls on trial", calls-breakerMinCalls)
		}
		time.Sleep(breakerOpenFor)
		status = 200
		if err := ask(); err != nil {
			t.Error(err)
		}
		if err := ask(); err != nil || calls != breakerMinCalls+3 {
			t.Errorf("after a good trial: %v, %d calls", err, calls)
		}
		gauge(breakerClosed)
	})
}

// TestAskPartialReceiver: a callback that the receiver does not know says nothing of
// those it does.
func TestAskPartialReceiver(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/"+im.BeforeSendSingleMsg.String()) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		io.WriteString(w, `{"nextCode":1,"errCode":20042}`)
	}, func(c *Config) {
		c.Rules = map[im.Command]Rule{im.BeforeSendSingleMsg: {Enabled: true}, im.BeforeMsgModify: {Enabled: true, FailedContinue: true}}
	})
	for range 2 * breakerMinCalls {
		if _, err := d.Ask(t.Context(), Question{Command: im.BeforeMsgModify}); err != nil {
			t.Fatal(err)
		}
	}
	if d.count() != breakerMinCalls {
		t.Errorf("%d calls of the unknown callback", d.count())
	}
	var refusal *im.Refusal
	if _, err := d.Ask(t.Context(), Question{Command: im.BeforeSendSingleMsg}); !errors.As(err, &refusal) {
		t.Errorf("the known callback: %v", err)
	}
}

// TestAskParallel: a receiver that does not answer one call does not keep the others.
func TestAskParallel(t *testing.T) {
	t.Parallel()
	var waiting sync.WaitGroup
	waiting.Add(20)
	d := newDesk(t, func(w http.ResponseWriter, _ *http.Request) {
		waiting.Done()
		waiting.Wait() // no answer before all have come
		io.WriteString(w, `{}`)
	})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := d.Ask(context.Background(), Question{Command: asked}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
