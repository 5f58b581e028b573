package webhook

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

// TestNodeBack: a node that others took for dead finds out, and says so; one that could
// not write for a moment, and one that is new, do not.
func TestNodeBack(t *testing.T) {
	t.Parallel()
	open := storetest.NewSQLite(t)
	var back, ended atomic.Int32
	begin := func(name string) (*Dispatcher, *mortal) {
		st := &mortal{Store: open.Open(t)}
		d, err := New(Options{
			Config: Default(), Outbox: st, Decode: decodeText, Node: name, NodeBack: func() { back.Add(1) },
			NodeEnded: func(_ context.Context, node string) error {
				if ended.Add(1); node != "cut" {
					t.Errorf("%s was told to have ended", node)
				}
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return d, st
	}
	cut, st := begin("cut")
	other, _ := begin("other")
	st.dead.Store(true)
	for deadline := time.Now().Add(time.Minute); ended.Load() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody found the node dead")
		}
	}
	if back.Load() != 0 {
		t.Error("a node that is cut off says that it is back")
	}
	st.dead.Store(false)
	for deadline := time.Now().Add(time.Minute); back.Load() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the node did not find out")
		}
	}
	for _, d := range []*Dispatcher{other, cut} {
		if err := d.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if back.Load() != 1 {
		t.Errorf("%d nodes are back", back.Load())
	}
}

// allWritten reports whether no event is loaded: those that are count until their
// outcome is in the store.
func allWritten(d *Dispatcher) bool {
	for _, ep := range d.all() {
		ep.mu.Lock()
		n := ep.loaded
		ep.mu.Unlock()
		if n > 0 {
			return false
		}
	}
	return true
}

// changes knows which leases have changed hands though their holder did not give them:
// on a machine so busy that a node cannot renew in time. Then what was under way
// comes again.
type changes struct {
	mu    sync.Mutex
	given map[string]string // the node that an endpoint was given to last, "" meaning any
	taken map[string]bool   // endpoints
}

// without reports whether the lease of an endpoint has moved without its holder. It
// counts before the new holder sends anything.
func (c *changes) without(endpoint string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken[endpoint]
}

// watch returns a store that takes note of leases.
func (c *changes) watch(st store.Store) store.Store { return &watched{st, c} }

type watched struct {
	store.Store
	changes *changes
}

func (w *watched) Update(ctx context.Context, fn func(store.Tx) error) error {
	return w.Store.Update(ctx, func(tx store.Tx) error { return fn(&watchedTx{tx, w.changes}) })
}

type watchedTx struct {
	store.Tx
	changes *changes
}

func (tx *watchedTx) TakeLease(ctx context.Context, was store.Lease, node string) (store.Lease, bool, error) {
	l, ok, err := tx.Tx.TakeLease(ctx, was, node)
	c := tx.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	to, given := c.given[was.Endpoint]
	if ok && was.Epoch != 0 && was.Node != "" && (!given || to != was.Node || to != node) {
		if c.taken == nil {
			c.taken = map[string]bool{}
		}
		c.taken[was.Endpoint] = true
	}
	if ok {
		delete(c.given, was.Endpoint)
	}
	return l, ok, err
}

func (tx *watchedTx) ReleaseLease(ctx context.Context, l store.Lease, to string) error {
	c := tx.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.given == nil {
		c.given = map[string]string{}
	}
	c.given[l.Endpoint] = to
	return tx.Tx.ReleaseLease(ctx, l, to)
}

// TestShares has nodes come and go on one database: each that lives delivers to its
// share of the endpoints, and while they change hands no event is lost, sent twice or
// out of order (webhook-delivery.md 6.3, 6.5).
func TestShares(t *testing.T) {
	t.Parallel()
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		t.Parallel()
		const endpoints = 6
		var mu sync.Mutex
		arrived := map[string][]string{} // by endpoint and lane: numbers
		srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(2 * time.Millisecond) // some are always under way
			lane, n, _ := strings.Cut(r.Header.Get(headerSequence), ";")
			endpoint := strings.Split(r.URL.Path, "/")[1]
			mu.Lock()
			defer mu.Unlock()
			arrived[endpoint+" "+lane] = append(arrived[endpoint+" "+lane], n)
		}))
		defer srv.Close()
		snapshot := &Snapshot{}
		for i := range endpoints {
			snapshot.Endpoints = append(snapshot.Endpoints, im.Endpoint{ID: fmt.Sprint("ep_", i), URL: fmt.Sprint(srv.URL, "/ep_", i)})
		}
		type node struct {
			*Dispatcher
			st *mortal
		}
		changes := &changes{}
		var ended sync.Map // what was told to have ended, by node
		begin := func(name string) node {
			st := &mortal{Store: changes.watch(open(t))}
			cfg := Default()
			cfg.Guard.AllowPrivate = true
			d, err := New(Options{Config: cfg, Outbox: st, Decode: decodeText, Node: name, NodeEnded: func(_ context.Context, other string) error {
				ended.Store(other, name)
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			snapshot.Config = &cfg
			if err := d.Apply(snapshot); err != nil {
				t.Fatal(err)
			}
			if err := d.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			return node{d, st}
		}
		owned := func(n node) (count int) {
			for _, e := range snapshot.Endpoints {
				if s, _ := n.Status(e.ID); s.Owned {
					count++
				}
			}
			return count
		}
		eventually := func(what string, ok func() bool) {
			t.Helper()
			for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s: not within a minute", what)
				}
			}
		}
		first := begin("n1")
		eventually("one has all", func() bool { return owned(first) == endpoints })

		written := 0
		stop, done := make(chan struct{}), make(chan struct{})
		go func() { // events for all the time
			defer close(done)
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
				var events []*im.Event
				for i := range endpoints {
					events = append(events, &im.Event{
						EventID: im.NewEventID(), Endpoint: fmt.Sprint("ep_", i), Lane: fmt.Sprint("group:", written%3),
						Command: im.AfterSingleMsgRead, Body: []byte(`{}`), CreatedAt: time.Now().UnixMilli(),
					})
				}
				if err := first.st.Update(context.Background(), func(tx store.Tx) error { return tx.AddEvents(context.Background(), events) }); err != nil {
					t.Error(err)
					return
				}
				written++
				first.Wake()
			}
		}()
		second := begin("n2")
		eventually("two share", func() bool { return owned(first) == 3 && owned(second) == 3 })
		third := begin("n3")
		eventually("three share", func() bool { return owned(first) == 2 && owned(second) == 2 && owned(third) == 2 })
		if err := second.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		eventually("two are left", func() bool { return owned(first) == 3 && owned(third) == 3 })
		eventually("the end of the second is told", func() bool { _, told := ended.Load("n2"); return told })

		close(stop)
		<-done
		eventually("all is sent", func() bool {
			mu.Lock()
			defer mu.Unlock()
			n := 0
			for _, list := range arrived {
				seen := map[string]bool{}
				for _, number := range list {
					seen[number] = true
				}
				n += len(seen)
			}
			return n == written*endpoints
		})
		mu.Lock()
		for lane, list := range arrived {
			endpoint, _, _ := strings.Cut(lane, " ")
			lost, last := changes.without(endpoint), 0
			for i, text := range list {
				n, err := strconv.Atoi(text)
				if err != nil || n > last+1 || n <= last && !lost {
					t.Fatalf("%s: place %d holds %s after %d; lease lost: %v", lane, i+1, text, last, lost)
				}
				last = max(last, n)
			}
		}
		mu.Unlock()

		// A node that dies gives nothing back. Its outcomes are written: it could not stop else.
		eventually("all is written", func() bool { return allWritten(third.Dispatcher) })
		third.st.dead.Store(true)
		if err := third.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		eventually("one is left", func() bool { return owned(first) == endpoints })
		eventually("the end of the third is told", func() bool { _, told := ended.Load("n3"); return told })
		leases, err := first.st.Leases(t.Context())
		for _, l := range leases {
			if l.Node != "n1" {
				t.Errorf("%+v is left", l)
			}
		}
		if err != nil {
			t.Error(err)
		}
		if err := first.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}
