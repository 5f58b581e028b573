package sink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// headerTimeout ends connections that never send a request.
	headerTimeout = 10 * time.Second
	// stopTimeout is for callbacks that are being answered when the sink stops.
	stopTimeout = 3 * time.Second
)

// Serve says where it listens, receives callbacks until ctx ends, and closes
// the listener. An end by ctx is no error.
func (s *Sink) Serve(ctx context.Context, l net.Listener) error {
	var unused unusedConns
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		ConnState:         unused.watch,
		// Requests end with ctx, so that a long Delay does not hold up the stop.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	if _, err := fmt.Fprintf(s.opts.Out, "sink listening on http://%s\n", reachable(l.Addr())); err != nil {
		return errors.Join(fmt.Errorf("cannot print: %w", err), l.Close())
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	unused.end()
	err := srv.Shutdown(stop)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	<-served //nolint:errcheck // http.ErrServerClosed, which Shutdown caused
	return err
}

// unusedConns are the connections that have not sent anything yet. Clients open some
// in advance, and Shutdown would wait five seconds for each to send its first request.
type unusedConns struct {
	mu    sync.Mutex
	ended bool
	conns map[net.Conn]struct{}
}

// watch is the ConnState of a server.
func (u *unusedConns) watch(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(u.conns, c)
	case u.ended:
		_ = c.Close() // nobody waits for an answer on it
	default:
		if u.conns == nil {
			u.conns = map[net.Conn]struct{}{}
		}
		u.conns[c] = struct{}{}
	}
}

// end closes them, and those that are still to come.
func (u *unusedConns) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
	for c := range u.conns {
		_ = c.Close()
	}
}

// reachable is an address that can be pasted elsewhere: a listener on all
// addresses is shown as one of them.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
}
