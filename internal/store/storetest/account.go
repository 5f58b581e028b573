package storetest

import (
	"context"
	"math"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

func testUserLists(t *testing.T, st store.Store) {
	ctx := context.Background()
	ids, n, err := st.UserIDsPage(ctx, 0, 10)
	noErr(t, err)
	same(t, "nobody", len(ids)+n, 0)

	level := func(id, nickname string, level int32, created int64) im.User {
		return im.User{UserID: id, Nickname: nickname, FaceURL: "f", Ex: "e", CreateTime: created, AppMangerLevel: level}
	}
	users := []im.User{
		level("ann", "Ann 100%", 0, 1), level("Bob", "bob_b", 1, 1), level("carl", "ÄRGER", 0, 2),
		level("root", "Root", 2, 3), level("news", "Ann", 3, 4), level("robot", "Anna", 4, 5),
	}
	update(t, st, func(tx store.Tx) error { return tx.InsertUsers(ctx, users) })
	all := store.UserFilter{MaxLevel: math.MaxInt32}
	with := func(change func(*store.UserFilter)) store.UserFilter {
		f := all
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		f             store.UserFilter
		offset, limit int
		want          []string
		n             int
	}{
		"all":          {all, 0, 10, []string{"Bob", "ann", "carl", "root", "news", "robot"}, 6},
		"page":         {all, 1, 2, []string{"ann", "carl"}, 6},
		"past the end": {all, 6, 2, nil, 6},
		"number only":  {all, 0, 0, nil, 6},
		"levels":       {store.UserFilter{MinLevel: 1, MaxLevel: 3}, 0, 10, []string{"Bob", "root", "news"}, 3},
		"no levels":    {store.UserFilter{MinLevel: 3, MaxLevel: 2}, 0, 10, nil, 0},
		"part of id":   {with(func(f *store.UserFilter) { f.IDPart = "O" }), 0, 10, []string{"Bob", "root", "robot"}, 3},
		"part of name": {with(func(f *store.UserFilter) { f.NamePart = "ann" }), 0, 10, []string{"ann", "news", "robot"}, 3},
		"either":       {with(func(f *store.UserFilter) { f.IDPart, f.NamePart = "car", "bob" }), 0, 10, []string{"Bob", "carl"}, 2},
		"no pattern":   {with(func(f *store.UserFilter) { f.NamePart = "%" }), 0, 10, []string{"ann"}, 1},
		"nor this":     {with(func(f *store.UserFilter) { f.NamePart = "B_" }), 0, 10, []string{"Bob"}, 1},
		"escape":       {with(func(f *store.UserFilter) { f.NamePart = "!" }), 0, 10, nil, 0},
		"not ASCII":    {with(func(f *store.UserFilter) { f.NamePart = "ärger" }), 0, 10, nil, 0},
		"not ASCII 2":  {with(func(f *store.UserFilter) { f.NamePart = "Ärger" }), 0, 10, []string{"carl"}, 1},
		"whole id":     {with(func(f *store.UserFilter) { f.ID = "ann" }), 0, 10, []string{"ann"}, 1},
		"whole name":   {with(func(f *store.UserFilter) { f.Name = "Ann" }), 0, 10, []string{"news"}, 1},
		"except":       {with(func(f *store.UserFilter) { f.Except = []string{"ann", "root", "x"} }), 0, 10, []string{"Bob", "carl", "news", "robot"}, 4},
	} {
		page, n, err := st.UsersPage(ctx, c.f, c.offset, c.limit)
		noErr(t, err)
		var ids []string
		for i := range page {
			ids = append(ids, page[i].UserID)
		}
		same(t, name, ids, c.want)
		same(t, name+", number", n, c.n)
	}
	page, _, err := st.UsersPage(ctx, store.UserFilter{MaxLevel: 9, ID: "ann"}, 0, 1)
	noErr(t, err)
	same(t, "the whole record", page, users[:1])
	ids, n, err = st.UserIDsPage(ctx, 1, 3)
	noErr(t, err)
	same(t, "ids", ids, []string{"ann", "carl", "root"})
	same(t, "number", n, 6)
}

func testUserCommands(t *testing.T, st store.Store) {
	ctx := context.Background()
	row := func(kind int32, uuid, value string) im.UserCommand {
		return im.UserCommand{Type: kind, CreateTime: 2999, UUID: uuid, Value: value, Ex: "ex"}
	}
	add := func(user string, c im.UserCommand) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.InsertUserCommand(ctx, user, c) })
	}
	add("u", row(1, "x", "first"))
	add("u", row(2, "x", "second"))
	add("u", row(1, "x", "third"))
	add("v", row(1, "x", "of another"))
	list := func(kind int32) (values []string) {
		t.Helper()
		for _, c := range must(st.UserCommands(ctx, "u", kind))(t) {
			if c.CreateTime != 2 || c.UUID != "x" {
				t.Errorf("row %+v", c)
			}
			values = append(values, c.Value+"/"+c.Ex)
		}
		return values
	}
	same(t, "all", list(0), []string{"first/ex", "second/ex", "third/ex"})
	same(t, "of a type", list(1), []string{"first/ex", "third/ex"})
	same(t, "number", must(st.CountUserCommands(ctx, "u"))(t), 3)

	value, empty := "new", ""
	patch := func(kind int32, uuid string, value, ex *string) error {
		return st.Update(ctx, func(tx store.Tx) error { return tx.PatchUserCommand(ctx, "u", kind, uuid, value, ex) })
	}
	noErr(t, patch(1, "x", &value, nil))
	noErr(t, patch(2, "x", nil, &empty))
	noErr(t, patch(2, "x", nil, nil))
	same(t, "patched", list(0), []string{"new/ex", "second/", "third/ex"})
	wantKind(t, patch(1, "y", &value, nil), im.NotFound)
	wantKind(t, patch(3, "x", &value, nil), im.NotFound)

	remove := func() error {
		return st.Update(ctx, func(tx store.Tx) error { return tx.DeleteUserCommand(ctx, "u", 1, "x") })
	}
	noErr(t, remove())
	same(t, "one removed", list(0), []string{"second/", "third/ex"})
	noErr(t, remove())
	wantKind(t, remove(), im.NotFound)
	same(t, "another user's", must(st.CountUserCommands(ctx, "v"))(t), 1)
}

func testClientConfigs(t *testing.T, st store.Store) {
	ctx := context.Background()
	put := func(user, key, value string) {
		t.Helper()
		update(t, st, func(tx store.Tx) error {
			return tx.PutClientConfig(ctx, im.ClientConfig{UserID: user, Key: key, Value: value})
		})
	}
	put("", "a", "old")
	put("", "a", "1")
	put("", "b", "2")
	put("u", "b", "3")
	put("v", "c", "4")
	entry := func(c *im.ClientConfig) string { return c.UserID + "/" + c.Key }
	got := sortedBy(must(st.ClientConfigs(ctx, []string{"", "u"}))(t), entry)
	want := []im.ClientConfig{{UserID: "", Key: "a", Value: "1"}, {UserID: "", Key: "b", Value: "2"}, {UserID: "u", Key: "b", Value: "3"}}
	same(t, "of all and of one", got, want)
	for name, c := range map[string]struct {
		user, key     string
		offset, limit int
		want          []string
		n             int
	}{
		"all":         {"", "", 0, 10, []string{"/a", "/b", "u/b", "v/c"}, 4},
		"page":        {"", "", 1, 2, []string{"/b", "u/b"}, 4},
		"number only": {"", "", 0, 0, nil, 4},
		"user":        {"u", "", 0, 10, []string{"u/b"}, 1},
		"key":         {"", "b", 0, 10, []string{"/b", "u/b"}, 2},
		"both":        {"v", "b", 0, 10, nil, 0},
	} {
		page, n, err := st.ClientConfigsPage(ctx, c.user, c.key, c.offset, c.limit)
		noErr(t, err)
		var keys []string
		for i := range page {
			keys = append(keys, entry(&page[i]))
		}
		same(t, name, keys, c.want)
		same(t, name+", number", n, c.n)
	}
	update(t, st, func(tx store.Tx) error { return tx.DeleteClientConfigs(ctx, "", append(numbered("x", 300), "b")) })
	update(t, st, func(tx store.Tx) error { return tx.DeleteClientConfigs(ctx, "u", nil) })
	same(t, "after a deletion", sortedBy(must(st.ClientConfigs(ctx, []string{"", "u"}))(t), entry), []im.ClientConfig{want[0], want[2]})
}
