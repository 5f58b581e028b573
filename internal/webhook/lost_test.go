package webhook

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

// TestOutcomeUnderALostLease: what a node learns after another one has taken over
// is not written.
func TestOutcomeUnderALostLease(t *testing.T) {
	t.Parallel()
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		t.Parallel()
		ctx := t.Context()
		st := open(t)
		asked, release := make(chan struct{}, 10), make(chan struct{})
		srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			asked <- struct{}{}
			<-release
		}))
		defer srv.Close()
		cfg := Default()
		cfg.URL = srv.URL
		d, err := New(Options{Config: cfg, Outbox: st, Decode: decodeText, Node: "slow"})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(ctx); err != nil {
			t.Fatal(err)
		}
		e := &im.Event{EventID: im.NewEventID(), Lane: "group:g", Command: im.AfterSingleMsgRead, Body: []byte(`{}`)}
		if err := st.Update(ctx, func(tx store.Tx) error { return tx.AddEvents(ctx, []*im.Event{e}) }); err != nil {
			t.Fatal(err)
		}
		d.Wake()
		<-asked
		err = st.Update(ctx, func(tx store.Tx) error {
			list, err := tx.Leases(ctx)
			if err != nil {
				return err
			}
			for _, l := range list {
				if _, ok, err := tx.TakeLease(ctx, l, "other"); err != nil || !ok {
					t.Errorf("not taken: %v", err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		close(release)
		if err := d.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		rows, err := st.Events(ctx, 0, 10)
		if err != nil || len(rows) != 1 || rows[0].Attempts != 0 {
			t.Errorf("%+v, %v: the other node is to send the event", rows, err)
		}
	})
}

// TestLeaseThatIsNotTrusted: a node that could not renew its lease for a while begins no
// attempt, also before it finds out whether it has lost it.
func TestLeaseThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	bubble(t, "and goes on when it is renewed", func(t *testing.T) {
		b := setup(t, nil)
		b.start()
		ep := b.d.main()
		ep.trust(time.Now().Add(leaseTrust))
		want := b.box.addN("a", 1)
		after(leaseTrust)
		equal(t, "accepted in time", b.recv.ids(), want)
		want = append(want, b.box.addN("a", 2)...)
		after(time.Minute)
		equal(t, "accepted late", len(b.recv.ids()), 1)
		ep.trust(time.Now().Add(leaseTrust))
		after(time.Second)
		equal(t, "accepted in the end", b.recv.ids(), want)
		b.stop()
	})
}
