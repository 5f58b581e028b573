package storetest

import (
	"context"
	"slices"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// testDiscardEvents gives up events: only dead letters go, and they are in the log then.
func testDiscardEvents(t *testing.T, st store.Store) {
	ctx := context.Background()
	waiting, retried, dead, second, replayed, delivered := to("ep_a", event("sg_1")), to("ep_a", event("sg_2")), to("ep_a", event("sg_3")),
		to("ep_a", event("sg_4")), to("ep_a", event("sg_5")), to("ep_a", event("sg_6"))
	addEvents(t, st, waiting, retried, dead, second, replayed, delivered)
	settle(t, st, store.LogPolicy{}, 1000, store.Delivered, delivered)
	update(t, st, func(tx store.Tx) error {
		retries := []store.Retry{{ID: retried.ID, Attempts: 1, NextAt: 9, Error: "status 500"}}
		for _, e := range []*im.Event{dead, second, replayed} {
			retries = append(retries, store.Retry{ID: e.ID, Attempts: 3, NextAt: 9, Dead: true, Error: "status 413"})
		}
		return tx.RetryEvents(ctx, retries)
	})
	all := hookEvents(t, st, store.EventFilter{})
	same(t, "events", len(all), 6)
	update(t, st, func(tx store.Tx) error { // after they were listed
		_, err := tx.ReplayEvents(ctx, []store.EventRecord{{Event: *replayed}}, 5000)
		return err
	})
	discard := func(keep store.LogPolicy, events ...store.EventRecord) (ids []string) {
		t.Helper()
		update(t, st, func(tx store.Tx) error {
			gone, err := tx.DiscardEvents(ctx, events, 7000, keep)
			ids = nil
			for i := range gone {
				ids = append(ids, gone[i].EventID)
			}
			return err
		})
		return sorted(ids)
	}
	at := slices.IndexFunc(all, func(e store.EventRecord) bool { return e.EventID == second.EventID })
	same(t, "one, of which nothing is kept", discard(store.LogPolicy{Off: true}, all[at]), []string{second.EventID})
	same(t, "all", discard(store.LogPolicy{Bodies: true}, all...), []string{dead.EventID})
	same(t, "again", discard(store.LogPolicy{}, all...), []string{})
	same(t, "dead letters", must(st.Backlog(ctx, "ep_a"))(t).Dead, int64(0))
	left := hookEvents(t, st, store.EventFilter{})
	same(t, "left", len(left), 5)
	gone := hookEvents(t, st, store.EventFilter{State: store.StateDiscarded})
	same(t, "in the log", []any{len(gone), gone[0].EventID, gone[0].Attempts, gone[0].SettledAt, gone[0].Last.Error},
		[]any{1, dead.EventID, 3, int64(7000), "status 413"})
	var n int
	update(t, st, func(tx store.Tx) (err error) { n, err = tx.ReplayEvents(ctx, gone, 9000); return err })
	same(t, "sent again after all", n, 1)
}
