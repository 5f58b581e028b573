package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

// mortal is a store that a node loses.
type mortal struct {
	store.Store
	dead atomic.Bool
}

func (m *mortal) Update(ctx context.Context, fn func(store.Tx) error) error {
	if m.dead.Load() {
		return errors.New("no connection")
	}
	return m.Store.Update(ctx, fn)
}

// TestNodes has two nodes on one database: an event is sent by one of them, in
// order, and when that one is gone, orderly or not, the other goes on.
func TestNodes(t *testing.T) {
	t.Parallel()
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		t.Parallel()
		type arrival struct{ node, id string }
		arrived := make(chan arrival, 1000)
		srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			arrived <- arrival{strings.TrimPrefix(r.Header.Get("User-Agent"), "Parley/"), r.Header.Get(headerID)}
		}))
		defer srv.Close()
		node := func(name string) (*Dispatcher, *mortal) {
			st := &mortal{Store: open(t)}
			cfg := Default()
			cfg.URL, cfg.Version = srv.URL, name
			d, err := New(Options{Config: cfg, Outbox: st, Decode: decodeText, Node: name})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			return d, st
		}
		n := 0
		send := func(st *mortal, events int) (ids []string) {
			t.Helper()
			for range events {
				n++
				e := &im.Event{
					EventID: fmt.Sprintf("evt_%04d", n), Lane: "group:g", Command: im.AfterSingleMsgRead, Body: []byte(`{}`), CreatedAt: time.Now().UnixMilli(),
				}
				ids = append(ids, e.EventID)
				if err := st.Update(t.Context(), func(tx store.Tx) error { return tx.AddEvents(t.Context(), []*im.Event{e}) }); err != nil {
					t.Fatal(err)
				}
			}
			return ids
		}
		want := func(by string, ids []string) {
			t.Helper()
			for _, id := range ids {
				select {
				case got := <-arrived:
					if got != (arrival{by, id}) {
						t.Fatalf("%+v arrived, want %s by %s", got, id, by)
					}
				case <-time.After(30 * time.Second):
					t.Fatalf("%s did not arrive", id)
				}
			}
		}
		first, st1 := node("first")
		second, st2 := node("second")
		ids := append(send(st1, 5), send(st2, 5)...)
		want("first", ids)
		if err := first.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		want("second", send(st2, 5))
		third, st3 := node("third")
		for { // else the crash would lose outcomes, and their events would come again
			b, err := st2.Backlog(t.Context(), im.MainEndpoint)
			if err != nil {
				t.Fatal(err)
			}
			if b == (store.Backlog{}) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		// The second one falls silent without giving anything back.
		st2.dead.Store(true)
		if err := second.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		want("third", send(st3, 5))
		if err := third.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		left, err := st3.Backlog(t.Context(), im.MainEndpoint)
		if err != nil || left != (store.Backlog{}) {
			t.Errorf("left: %+v, %v", left, err)
		}
		select {
		case a := <-arrived:
			t.Errorf("%+v arrived twice", a)
		default:
		}
	})
}
