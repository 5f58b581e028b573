package storetest

import (
	"context"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

func testUpdate(t *testing.T, st store.Store) {
	ctx := context.Background()
	write := func(tx store.Tx) {
		noErr(t, tx.InsertUsers(ctx, []im.User{user("u", 1)}))
		noErr(t, tx.InsertGroup(ctx, group("g", 1)))
		noErr(t, tx.InsertMembers(ctx, "g", []im.Member{member("g", "u", im.RoleOwner, 1)}))
		must(tx.InsertConversations(ctx, []im.Conversation{record("u", "sg_g", 1)}, 1))(t)
		_, _, err := tx.RaiseReadSeq(ctx, "u", "sg_g", 4)
		noErr(t, err)
		must(tx.Step(ctx, im.ListMembers, "g", im.ChangeInsert, "u"))(t)
		noErr(t, tx.AddEvents(ctx, []*im.Event{event(im.GroupLane("g"))}))
		noErr(t, tx.PutToken(ctx, store.Token{UserID: "u", Platform: im.PlatformIOS, Hash: "h", ValidTo: 1}))
	}
	// count is how much of what write makes is there.
	count := func(r store.Reader) (n int) {
		t.Helper()
		n += len(must(r.Users(ctx, []string{"u"}))(t)) + len(must(r.Groups(ctx, []string{"g"}))(t)) +
			len(must(r.MemberIDs(ctx, "g"))(t)) + len(must(r.ConversationIDs(ctx, "u"))(t)) + len(must(r.Tokens(ctx, "u"))(t)) +
			len(must(r.UserSeqs(ctx, "u", []string{"sg_g"}))(t)) + int(must(r.Head(ctx, im.ListMembers, "g"))(t).Number)
		return n
	}
	err := st.Update(ctx, func(tx store.Tx) error {
		write(tx)
		same(t, "inside", count(tx), 7)
		same(t, "outside, before the commit", count(st), 0)
		return errStop
	})
	if err != errStop {
		t.Errorf("the function's error came back as %v", err)
	}
	same(t, "after an error", count(st), 0)
	same(t, "outbox after an error", stats(t, st)[0], int64(0))
	func() {
		defer func() { same(t, "panic", recover(), any("stop")) }()
		_ = st.Update(ctx, func(tx store.Tx) error { write(tx); panic("stop") })
	}()
	same(t, "after a panic", count(st), 0)
	update(t, st, func(tx store.Tx) error { write(tx); return nil })
	same(t, "after the commit", count(st), 7)
	same(t, "outbox after the commit", stats(t, st)[0], int64(1))
	update(t, st, func(store.Tx) error { return nil })
}

// testUpdateContext ends the caller's context at several points. What is not
// begun is refused as busy; what is not committed is rolled back.
func testUpdateContext(t *testing.T, st store.Store) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for range 20 { // whatever a select may choose
		wantKind(t, st.Update(ended, func(store.Tx) error { t.Error("ran with an ended context"); return nil }), im.Busy)
	}
	it := &store.Item{With: func(context.Context, store.Tx) error { t.Error("ran with an ended context"); return nil }}
	wantKind(t, st.Append(ended, []*store.Item{it}), im.Busy)

	// Ended inside: whether the engine notices or not, all or nothing is there.
	ctx, cancel := context.WithCancel(context.Background())
	err := st.Update(ctx, func(tx store.Tx) error {
		if err := tx.InsertUsers(ctx, []im.User{user("a", 1)}); err != nil {
			return err
		}
		cancel()
		return tx.InsertUsers(ctx, []im.User{user("b", 1)})
	})
	n := len(must(st.Users(context.Background(), []string{"a", "b"}))(t))
	if err == nil && n != 2 || err != nil && n != 0 {
		t.Errorf("error %v, and %d of 2 changes", err, n)
	}
	// Ended after the last statement: the commit takes place nevertheless.
	ctx, cancel = context.WithCancel(context.Background())
	noErr(t, st.Update(ctx, func(tx store.Tx) error {
		err := tx.InsertUsers(ctx, []im.User{user("c", 1)})
		cancel()
		return err
	}))
	same(t, "committed", must(st.User(context.Background(), "c"))(t).UserID, "c")
	insertUsers(t, st, "d") // and the store goes on
}

func testClosed(t *testing.T, st store.Store) {
	ctx := context.Background()
	insertUsers(t, st, "u")
	must(st.User(ctx, "u"))(t)
	noErr(t, st.Close())
	for name, err := range map[string]error{
		"ping":   st.Ping(ctx),
		"update": st.Update(ctx, func(tx store.Tx) error { return tx.InsertUsers(ctx, []im.User{user("v", 1)}) }),
		"append": st.Append(ctx, []*store.Item{{Messages: []*store.NewMessage{message("c", "u", 1)}}}),
	} {
		if err == nil {
			t.Errorf("%s works on a closed store", name)
		}
	}
	if _, err := st.User(ctx, "u"); err == nil || im.IsKind(err, im.NotFound) {
		t.Errorf("reading a closed store: %v", err)
	}
}
