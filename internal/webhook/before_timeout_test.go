package webhook

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"parley/internal/im"
)

// pipes is a listener without a network: the clock of a bubble stands still while
// something moves, also inside a connection.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), ended: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.ended) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestAskTimeout: the whole call, the answer's body included, has one time limit.
func TestAskTimeout(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]func(w http.ResponseWriter, r *http.Request){
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"half an answer": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"nextCode":`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		for _, limit := range []time.Duration{DefaultTimeout, 50 * time.Millisecond} {
			bubble(t, name+", "+limit.String(), func(t *testing.T) { askLate(t, late, limit) })
		}
	}
}

func askLate(t *testing.T, late http.HandlerFunc, limit time.Duration) {
	var calls atomic.Int32
	listener := newPipes()
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		late(w, r)
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	c := deskConfig("http://business.test")
	if limit == DefaultTimeout {
		rule(func(r *Rule) { r.Timeout = 0 })(&c)
	} else {
		rule(func(r *Rule) { r.Timeout = limit })(&c)
	}
	transport, err := newTransport(&c)
	if err != nil {
		t.Fatal(err)
	}
	transport.DialContext = listener.dial
	logged := new(syncBuffer)
	a, err := NewAsker(AskerOptions{Config: &c, Log: slog.New(slog.NewTextHandler(logged, nil)), Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = a.Ask(t.Context(), Question{Command: asked, OperationID: "op-1", Body: []byte(`{"a":1}`)})
	if took := time.Since(start); !im.IsKind(err, im.CallbackUnreachable) || took != limit {
		t.Errorf("%v after %v", err, took)
	}
	if !strings.Contains(logged.String(), "failure=timeout") || calls.Load() != 1 {
		t.Errorf("%d calls, log %s", calls.Load(), logged)
	}
	transport.CloseIdleConnections()
	_ = srv.Close()
	if err := <-served; err != http.ErrServerClosed {
		t.Error(err)
	}
}

// TestAskAgainInTime: what is left of the time limit is all that the second attempt has.
func TestAskAgainInTime(t *testing.T) {
	t.Parallel()
	bubble(t, "the first one cannot connect", func(t *testing.T) {
		const limit = 5 * time.Second
		c := deskConfig("http://business.test")
		calls := 0
		a, err := NewAsker(AskerOptions{Config: &c, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if calls++; calls == 1 {
				time.Sleep(limit / 2)
				return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = a.Ask(t.Context(), Question{Command: asked})
		if took := time.Since(start); took != limit || calls != 2 || !im.IsKind(err, im.CallbackUnreachable) {
			t.Errorf("%d calls in %v: %v", calls, took, err)
		}
	})
}
