package webhook

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"

	"parley/internal/im"
)

// TestAskConnectsAgain: a second attempt is made only if nothing was sent by the first.
func TestAskConnectsAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t, says(200, `{}`))
	var dials atomic.Int32
	inner, err := newTransport(d.current.Load().config)
	if err != nil {
		t.Fatal(err)
	}
	dial := inner.DialContext
	inner.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) == 1 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}
		return dial(ctx, network, addr)
	}
	defer inner.CloseIdleConnections()
	again, err := NewAsker(AskerOptions{Config: d.current.Load().config, Transport: inner})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Ask(t.Context(), Question{Command: asked}); err != nil {
		t.Fatal(err)
	}
	if r := d.calls[0]; d.count() != 1 || r.Header.Get("Webhook-Attempt") != "2" {
		t.Errorf("%d calls, attempt %s", d.count(), r.Header.Get("Webhook-Attempt"))
	}

	cut := newDesk(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := cut.ask(t); !im.IsKind(err, im.CallbackUnreachable) {
		t.Errorf("%v", err)
	}
	if cut.count() != 1 {
		t.Errorf("a call that was received was made %d times", cut.count())
	}

	// The same on a kept connection, where the transport would by itself.
	var first atomic.Bool
	kept := newDesk(t, func(w http.ResponseWriter, r *http.Request) {
		if first.CompareAndSwap(false, true) {
			says(200, `{}`)(w, r)
			return
		}
		panic(http.ErrAbortHandler)
	})
	if _, err := kept.ask(t); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.ask(t); !im.IsKind(err, im.CallbackUnreachable) {
		t.Errorf("%v", err)
	}
	if kept.count() != 2 || kept.calls[0].RemoteAddr != kept.calls[1].RemoteAddr {
		t.Errorf("2 calls, of which the second was received and cut, arrived as %d", kept.count())
	}

	gone := newDesk(t, says(200, `{}`))
	gone.srv.Close()
	_, err = gone.ask(t)
	if !im.IsKind(err, im.CallbackUnreachable) {
		t.Errorf("%v", err)
	}
	if addr := strings.TrimPrefix(gone.srv.URL, "http://"); strings.Contains(err.Error(), addr) || !strings.Contains(gone.logged.String(), addr) {
		t.Errorf("user: %v; log: %s", err, gone.logged)
	}
	if !strings.Contains(gone.logged.String(), "failure=connect") {
		t.Errorf("log: %s", gone.logged)
	}
}

// TestAskStale: a call that meets a kept connection which the receiver has just closed is
// made again if nothing of it was sent, and else is not.
func TestAskStale(t *testing.T) {
	t.Parallel()
	for _, written := range []bool{false, true} {
		c := deskConfig("http://business.test")
		calls := 0
		a, err := NewAsker(AskerOptions{Config: &c, Transport: tracedTripper(func(trace *httptrace.ClientTrace) (*http.Response, error) {
			calls++
			if calls > 1 {
				return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{}`))}, nil
			}
			if written {
				trace.WroteHeaders()
			}
			return nil, errors.New("http: server closed idle connection")
		})})
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Ask(t.Context(), Question{Command: asked})
		if written != im.IsKind(err, im.CallbackUnreachable) || written != (calls == 1) {
			t.Errorf("written %v: %d calls, %v", written, calls, err)
		}
	}
}

// tracedTripper is a receiver without a network that says what was written.
type tracedTripper func(*httptrace.ClientTrace) (*http.Response, error)

func (f tracedTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	return f(httptrace.ContextClientTrace(r.Context()))
}
