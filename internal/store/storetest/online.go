package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// testOnline checks who holds what is online, and that it is given out once.
func testOnline(t *testing.T, st store.Store) {
	ctx := context.Background()
	set := func(node string, changes ...store.OnlineChange) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.SetOnline(ctx, node, changes) })
	}
	take := func(node string, limit int) (out []string) {
		t.Helper()
		update(t, st, func(tx store.Tx) error {
			list, err := tx.TakeOnline(ctx, node, limit)
			slices.SortFunc(list, func(a, b store.OnlineChange) int {
				return cmp.Or(cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.Platform, b.Platform))
			})
			out = nil
			for _, c := range list {
				out = append(out, fmt.Sprint(c.UserID, c.Platform, c.ConnID))
			}
			return err
		})
		return out
	}
	on := func(id string, p im.Platform, conn string) store.OnlineChange {
		return store.OnlineChange{UserID: id, Platform: p, ConnID: conn, Online: true}
	}
	off := func(id string, p im.Platform) store.OnlineChange { return store.OnlineChange{UserID: id, Platform: p} }
	const web, ios = im.PlatformWeb, im.PlatformIOS
	set("n1", on("b", web, "1"), on("a", web, "2"), on("a", ios, "3"), on("c", ios, "4"), on("d", ios, "5"))
	set("n2", on("a", web, "6"), on("e", web, "7")) // a came back on another node
	set("n1", off("a", web), off("c", ios), off("nobody", ios))
	same(t, "in parts", take("n1", 2), []string{"aIOS3", "bWeb1"})
	same(t, "the rest", take("n1", 2), []string{"dIOS5"})
	same(t, "nothing twice", take("n1", 2), []string(nil))
	same(t, "of the other", take("n2", 9), []string{"aWeb6", "eWeb7"})
	set("", on("a", web, "1"))
	same(t, "a node without a name", take("", 9), []string{"aWeb1"})
}

// testOnEvents: whoever asked is told of exactly the events that were committed.
func testOnEvents(t *testing.T, st store.Store) {
	ctx := context.Background()
	var told []string
	st.OnEvents(func(events []*im.Event) {
		for _, e := range events {
			told = append(told, fmt.Sprint(e.EventID, e.ID > 0))
		}
	})
	want := func(what string, events ...*im.Event) {
		t.Helper()
		var ids []string
		for _, e := range events {
			ids = append(ids, fmt.Sprint(e.EventID, true))
		}
		same(t, what, told, ids)
		told = nil
	}
	a, b, c := event(im.UserLane("u")), event(im.UserLane("u")), event(im.UserLane("u"))
	update(t, st, func(tx store.Tx) error { return tx.AddEvents(ctx, []*im.Event{a, b}) })
	want("of a change", a, b)
	wantErr(t, st.Update(ctx, func(tx store.Tx) error {
		noErr(t, tx.AddEvents(ctx, []*im.Event{c}))
		return errStop
	}), errStop)
	update(t, st, func(store.Tx) error { return nil })
	want("of a lost transaction, and of one without events")
	m := message("sg_g", "u", 1)
	m.Events = []*im.Event{messageEvent()}
	lost := &store.Item{With: func(ctx context.Context, tx store.Tx) error {
		noErr(t, tx.AddEvents(ctx, []*im.Event{event(im.UserLane("u"))}))
		return errStop
	}}
	with := &store.Item{Messages: []*store.NewMessage{m}, With: func(ctx context.Context, tx store.Tx) error { return tx.AddEvents(ctx, []*im.Event{c}) }}
	noErr(t, st.Append(ctx, []*store.Item{lost, with}))
	want("of an append", m.Events[0], c)
}
