package postgres_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"parley/internal/store"
	"parley/internal/store/postgres"
	"parley/internal/store/storetest"
)

// cutter stands between a store and the server. Once armed it ends the next
// connection that commits: before the server sees the commit, or after the
// server has answered, without passing the answer on.
type cutter struct {
	server  string
	listen  net.Listener
	wg      sync.WaitGroup
	arm     atomic.Bool
	deliver bool // the commit reaches the server
}

func newCutter(t *testing.T, server string, deliver bool) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{server: server, listen: l, deliver: deliver}
	c.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { c.serve(client) })
		}
	})
	t.Cleanup(func() { l.Close(); c.wg.Wait() })
	return c
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	var silent atomic.Bool
	answered := make(chan struct{})
	c.wg.Go(func() { // what the server says
		defer close(answered)
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil || silent.Load() {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if bytes.Contains(buf[:n], []byte("commit\x00")) && c.arm.CompareAndSwap(true, false) {
			silent.Store(true)
			if c.deliver {
				if _, err := server.Write(buf[:n]); err == nil {
					<-answered
				}
			}
			return
		}
		if _, err := server.Write(buf[:n]); err != nil && err != io.EOF {
			return
		}
	}
}

// TestCommitUnanswered cuts the connection around a commit: an append must
// report what really happened.
func TestCommitUnanswered(t *testing.T) {
	t.Parallel()
	for name, deliver := range map[string]bool{"committed": true, "not committed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			d := storetest.NewPostgres(t)
			u, err := url.Parse(d.URL)
			if err != nil {
				t.Fatal(err)
			}
			c := newCutter(t, u.Host, deliver)
			u.Host = c.listen.Addr().String()
			st, err := postgres.Open(ctx, u.String())
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			if err := st.Append(ctx, []*store.Item{{Messages: []*store.NewMessage{message("c", "u")}}}); err != nil {
				t.Fatal(err)
			}
			c.arm.Store(true)
			err = st.Append(ctx, []*store.Item{{Messages: []*store.NewMessage{message("c", "u"), message("d", "u")}}})
			if c.arm.Load() {
				t.Fatal("no connection was cut")
			}
			if deliver != (err == nil) {
				t.Errorf("the append reports %v", err)
			}
			rows, err := st.Messages(ctx, "c", 1, 9)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 2, false: 1}[deliver]; len(rows) != want {
				t.Errorf("%d messages, want %d", len(rows), want)
			}
		})
	}
}
