package storetest

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// user returns a user with a value of its own in every field.
func user(id string, n int64) im.User {
	return im.User{
		UserID: id, Nickname: "nick " + id, FaceURL: "https://face/" + id, Ex: `{"n":` + strconv.FormatInt(n, 10) + `}`,
		CreateTime: 1_700_000_000_000 + n, AppMangerLevel: int32(n % 5), GlobalRecvMsgOpt: int32(n % 3),
	}
}

func insertUsers(t checker, st store.Store, ids ...string) {
	t.Helper()
	users := make([]im.User, len(ids))
	for i, id := range ids {
		users[i] = user(id, int64(i))
	}
	update(t, st, func(tx store.Tx) error { return tx.InsertUsers(context.Background(), users) })
}

func userID(u *im.User) string { return u.UserID }

func testUsers(t *testing.T, st store.Store) {
	ctx := context.Background()
	_, err := st.User(ctx, "nobody")
	wantKind(t, err, im.NotFound)
	same(t, "users of an empty store", must(st.Users(ctx, []string{"nobody"}))(t), []im.User{})

	var want []im.User
	for i, id := range append(numbered("u", 600), edgeIDs...) {
		want = append(want, user(id, int64(i)))
	}
	update(t, st, func(tx store.Tx) error { return tx.InsertUsers(ctx, want) })
	for i := range want {
		same(t, "user", must(st.User(ctx, want[i].UserID))(t), &want[i])
	}
	_, err = st.User(ctx, "")
	wantKind(t, err, im.NotFound)

	ids := []string{"missing"}
	for i := range want {
		ids = append(ids, want[i].UserID)
	}
	got := must(st.Users(ctx, ids))(t)
	same(t, "all users", sortedBy(got, userID), sortedBy(want, userID))
	for _, n := range []int{1, 2, 4, 5, 16, 17, 255, 256, 257, 512, 513} {
		got := must(st.Users(ctx, ids[1:n+1]))(t)
		if len(got) != n {
			t.Fatalf("%d users for %d ids", len(got), n)
		}
	}
	same(t, "an id given twice", len(must(st.Users(ctx, []string{"a", "a"}))(t)), 1)
	same(t, "no ids", must(st.Users(ctx, nil))(t), []im.User{})
	same(t, "no ids", must(st.Users(ctx, []string{}))(t), []im.User{})
	update(t, st, func(tx store.Tx) error { return tx.InsertUsers(ctx, nil) })
}

func testUsersAllOrNothing(t *testing.T, st store.Store) {
	ctx := context.Background()
	insertUsers(t, st, "old")
	for name, ids := range map[string][]string{
		"first": {"old", "n1", "n2"}, "middle": {"n1", "old", "n2"}, "last": {"n1", "n2", "old"}, "twice": {"n1", "n2", "n1"},
	} {
		var users []im.User
		for _, id := range ids {
			users = append(users, user(id, 77))
		}
		wantKind(t, st.Update(ctx, func(tx store.Tx) error { return tx.InsertUsers(ctx, users) }), im.AlreadyRegistered)
		got := must(st.Users(ctx, []string{"old", "n1", "n2"}))(t)
		same(t, name, got, []im.User{user("old", 0)})
	}
	// The transaction survives the refusal: a caller may go on in it.
	update(t, st, func(tx store.Tx) error {
		wantKind(t, tx.InsertUsers(ctx, []im.User{user("old", 1)}), im.AlreadyRegistered)
		return tx.InsertUsers(ctx, []im.User{user("new", 1)})
	})
	same(t, "after a refusal", must(st.User(ctx, "new"))(t).UserID, "new")
}

func testPatchUser(t *testing.T, st store.Store) {
	ctx := context.Background()
	insertUsers(t, st, "u")
	want := user("u", 0)
	text, empty, opt := "new ' 名", "", int32(2)
	for _, p := range []im.UserPatch{
		{},
		{Nickname: &text},
		{FaceURL: &text},
		{Ex: &text},
		{GlobalRecvMsgOpt: &opt},
		{Nickname: &empty, Ex: &empty},
		{Nickname: &text, FaceURL: &empty, Ex: &text, GlobalRecvMsgOpt: new(int32)},
	} {
		update(t, st, func(tx store.Tx) error { return tx.PatchUser(ctx, "u", p) })
		want = p.Apply(want)
		same(t, "patched", must(st.User(ctx, "u"))(t), &want)
	}
	wantKind(t, st.Update(ctx, func(tx store.Tx) error { return tx.PatchUser(ctx, "nobody", im.UserPatch{Ex: &text}) }), im.NotFound)
	wantKind(t, st.Update(ctx, func(tx store.Tx) error { return tx.PatchUser(ctx, "nobody", im.UserPatch{}) }), im.NotFound)
}

// testPatchUserConcurrent has two writers that change different fields of one
// user: each must find its own field as it left it.
func testPatchUserConcurrent(t *testing.T, st store.Store) {
	ctx := context.Background()
	insertUsers(t, st, "u")
	const rounds = 100
	work := func(patch func(string) im.UserPatch, read func(*im.User) string) {
		for i := range rounds {
			v := strconv.Itoa(i)
			if err := st.Update(ctx, func(tx store.Tx) error { return tx.PatchUser(ctx, "u", patch(v)) }); err != nil {
				t.Errorf("patch: %v", err)
				return
			}
			u, err := st.User(ctx, "u")
			if err != nil || read(u) != v {
				t.Errorf("after setting %s: %+v, %v", v, u, err)
				return
			}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		work(func(v string) im.UserPatch { return im.UserPatch{Nickname: &v} }, func(u *im.User) string { return u.Nickname })
	})
	wg.Go(func() {
		work(func(v string) im.UserPatch { return im.UserPatch{FaceURL: &v} }, func(u *im.User) string { return u.FaceURL })
	})
	wg.Wait()
}

func testPutAdmin(t *testing.T, st store.Store) {
	ctx := context.Background()
	update(t, st, func(tx store.Tx) error { return tx.PutAdmin(ctx, "root", "Root", 5) })
	want := im.User{UserID: "root", Nickname: "Root", CreateTime: 5, AppMangerLevel: im.LevelAppAdmin}
	same(t, "admin", must(st.User(ctx, "root"))(t), &want)
	update(t, st, func(tx store.Tx) error { return tx.PutAdmin(ctx, "root", "R2", 9) })
	want.Nickname = "R2"
	same(t, "renamed admin", must(st.User(ctx, "root"))(t), &want)
}

func testTokens(t *testing.T, st store.Store) {
	ctx := context.Background()
	_, err := st.Token(ctx, "u", im.PlatformIOS, "h")
	wantKind(t, err, im.NotFound)
	same(t, "no tokens", must(st.Tokens(ctx, "u"))(t), []store.Token{})

	tokens := []store.Token{
		{UserID: "u", Platform: im.PlatformWeb, Hash: "h2", State: store.TokenNormal, CreatedAt: 10, ValidTo: 100},
		{UserID: "u", Platform: im.PlatformIOS, Hash: "h1", State: store.TokenKicked, CreatedAt: 20, ValidTo: 200},
		{UserID: "u", Platform: im.PlatformIOS, Hash: "h2", State: store.TokenNormal, CreatedAt: 30, ValidTo: 300},
		{UserID: "v", Platform: im.PlatformIOS, Hash: "h1", State: store.TokenNormal, CreatedAt: 5, ValidTo: 1 << 60},
	}
	update(t, st, func(tx store.Tx) error {
		for _, i := range []int{2, 0, 3, 1} {
			if err := tx.PutToken(ctx, tokens[i]); err != nil {
				return err
			}
		}
		return nil
	})
	same(t, "tokens, oldest first", must(st.Tokens(ctx, "u"))(t), tokens[:3])
	same(t, "token", must(st.Token(ctx, "v", im.PlatformIOS, "h1"))(t), &tokens[3])
	for _, miss := range []store.Token{{UserID: "w", Platform: 1, Hash: "h1"}, {UserID: "v", Platform: 2, Hash: "h1"}, {UserID: "v", Platform: 1, Hash: "h"}} {
		_, err := st.Token(ctx, miss.UserID, miss.Platform, miss.Hash)
		wantKind(t, err, im.NotFound)
		update(t, st, func(tx store.Tx) error { return tx.DeleteToken(ctx, miss) }) // no such token: nothing to do
	}

	tokens[0].State, tokens[0].ValidTo = store.TokenKicked, 150
	update(t, st, func(tx store.Tx) error { return tx.PutToken(ctx, tokens[0]) })
	same(t, "changed token", must(st.Token(ctx, "u", im.PlatformWeb, "h2"))(t), &tokens[0])
	update(t, st, func(tx store.Tx) error { return tx.DeleteToken(ctx, tokens[1]) })
	same(t, "after a deletion", must(st.Tokens(ctx, "u"))(t), []store.Token{tokens[0], tokens[2]})
}
