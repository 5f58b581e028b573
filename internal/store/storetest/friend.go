package storetest

import (
	"context"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

func friendRecord(owner, friend string, created int64) im.Friend {
	return im.Friend{
		OwnerUserID: owner, FriendUser: &im.User{UserID: friend}, Remark: "remark " + friend, CreateTime: created,
		AddSource: im.FriendByApplication, OperatorUserID: "op", Ex: "ex " + friend,
	}
}

func friendID(f *im.Friend) string { return f.FriendUser.UserID }

func testFriendWrites(t *testing.T, st store.Store) {
	ctx := context.Background()
	insert := func(f im.Friend) (added bool) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) { added, err = tx.InsertFriend(ctx, f); return err })
		return added
	}
	relation := func(owner, other string) store.Relation {
		t.Helper()
		return must(st.Relation(ctx, owner, other))(t)
	}
	same(t, "strangers", relation("o", "a"), store.Relation{})
	pinned := friendRecord("o", "b", 3999)
	pinned.IsPinned = true
	for _, f := range []im.Friend{friendRecord("o", "a", 2001), pinned, friendRecord("a", "o", 2001)} {
		if !insert(f) {
			t.Errorf("%s of %s was there already", friendID(&f), f.OwnerUserID)
		}
	}
	if insert(friendRecord("o", "a", 1)) {
		t.Error("a second record of the same friend")
	}
	same(t, "relation", relation("o", "a"), store.Relation{Friend: true})
	same(t, "one direction", relation("b", "o"), store.Relation{})
	records := func() []im.Friend {
		t.Helper()
		return sortedBy(must(st.FriendRecords(ctx, "o", append(numbered("x", 300), "b", "a", "o")))(t), friendID)
	}
	want := []im.Friend{friendRecord("o", "a", 2001), pinned}
	same(t, "as stored", records(), want)
	same(t, "no ids", must(st.FriendRecords(ctx, "o", nil))(t), []im.Friend{})

	text, empty, yes, no := "new ' 名", "", true, false
	for _, c := range []struct {
		ids []string
		p   im.FriendPatch
	}{
		{[]string{"a", "b"}, im.FriendPatch{}},
		{[]string{"a", "nobody"}, im.FriendPatch{Remark: &text, IsPinned: &yes}},
		{append(numbered("x", 300), "a", "b"), im.FriendPatch{Ex: &empty, IsPinned: &no}},
		{nil, im.FriendPatch{Ex: &text}},
	} {
		update(t, st, func(tx store.Tx) error { return tx.PatchFriends(ctx, "o", c.ids, c.p) })
		for i := range want {
			f := &want[i]
			for _, id := range c.ids {
				if id == friendID(f) {
					f.Remark, f.Ex, f.IsPinned = patched(c.p.Remark, f.Remark), patched(c.p.Ex, f.Ex), patched(c.p.IsPinned, f.IsPinned)
				}
			}
		}
		same(t, "patched", records(), want)
	}
	same(t, "whose friend", must(st.FriendOf(ctx, "o"))(t), []string{"a"})
	same(t, "nobody's friend", must(st.FriendOf(ctx, "x"))(t), []string{})
	same(t, "of somebody else", must(st.FriendRecords(ctx, "a", []string{"o"}))(t), []im.Friend{friendRecord("a", "o", 2001)})

	for _, want := range []bool{true, false} {
		update(t, st, func(tx store.Tx) error {
			gone, err := tx.DeleteFriend(ctx, "o", "a")
			same(t, "deleted", gone, want)
			return err
		})
	}
	same(t, "after a deletion", relation("o", "a"), store.Relation{})
	same(t, "the other direction stays", relation("a", "o"), store.Relation{Friend: true})
}

func patched[T any](p *T, v T) T {
	if p != nil {
		return *p
	}
	return v
}

func testBlackWrites(t *testing.T, st store.Store) {
	ctx := context.Background()
	b := im.Black{OwnerUserID: "o", BlackUserInfo: &im.PublicUser{UserID: "a"}, CreateTime: 2999, OperatorUserID: "op", Ex: "ex"}
	for _, want := range []bool{true, false} {
		update(t, st, func(tx store.Tx) error {
			added, err := tx.InsertBlack(ctx, b)
			same(t, "added", added, want)
			return err
		})
	}
	same(t, "entries", must(st.BlackRecords(ctx, "o", []string{"b", "a", "o"}))(t), []im.Black{b})
	same(t, "relation", must(st.Relation(ctx, "o", "a"))(t), store.Relation{Black: true})
	same(t, "the other direction", must(st.Relation(ctx, "a", "o"))(t), store.Relation{})
	same(t, "blocked by", must(st.BlockedBy(ctx, "a"))(t), []string{"o"})
	same(t, "blocked by nobody", must(st.BlockedBy(ctx, "o"))(t), []string{})
	insertUsers(t, st, "a")
	list, n, err := st.Blacks(ctx, "o", 0, 9)
	noErr(t, err)
	same(t, "list", []int{n, len(list), int(list[0].CreateTime)}, []int{1, 1, 2})
	for _, want := range []bool{true, false} {
		update(t, st, func(tx store.Tx) error {
			gone, err := tx.DeleteBlack(ctx, "o", "a")
			same(t, "deleted", gone, want)
			return err
		})
	}
	same(t, "after a deletion", must(st.BlackRecords(ctx, "o", []string{"a"}))(t), []im.Black{})
}

func testFriendRequests(t *testing.T, st store.Store) {
	ctx := context.Background()
	insertUsers(t, st, "a", "b")
	put := func(from, to string, created int64, text string) {
		t.Helper()
		r := im.FriendRequest{FromUserID: from, ToUserID: to, ReqMsg: text, Ex: "ex " + text, CreateTime: created}
		update(t, st, func(tx store.Tx) error { return tx.PutFriendRequest(ctx, r) })
	}
	handle := func(r im.FriendRequest) (done bool) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) { done, err = tx.HandleFriendRequest(ctx, r); return err })
		return done
	}
	_, err := st.FriendRequest(ctx, "a", "b")
	wantKind(t, err, im.NotFound)
	put("a", "b", 10, "one")
	want := im.FriendRequest{
		FromUserID: "a", FromNickname: "nick a", FromFaceURL: "https://face/a", ToUserID: "b", ToNickname: "nick b", ToFaceURL: "https://face/b",
		ReqMsg: "one", CreateTime: 10, Ex: "ex one",
	}
	same(t, "fresh", must(st.FriendRequest(ctx, "a", "b"))(t), &want)
	_, err = st.FriendRequest(ctx, "b", "a")
	wantKind(t, err, im.NotFound)

	answer := im.FriendRequest{FromUserID: "a", ToUserID: "b", HandleResult: im.RequestRefused, HandlerUserID: "b", HandleMsg: "no", HandleTime: 20}
	same(t, "handled once", []bool{handle(answer), handle(answer)}, []bool{true, false})
	want.HandleResult, want.HandlerUserID, want.HandleMsg, want.HandleTime = im.RequestRefused, "b", "no", 20
	same(t, "handled", must(st.FriendRequest(ctx, "a", "b"))(t), &want)
	answer.FromUserID = "nobody"
	same(t, "no such request", handle(answer), false)

	put("a", "b", 30, "two")
	want.HandleResult, want.HandleMsg, want.ReqMsg, want.Ex, want.CreateTime = im.RequestPending, "", "two", "ex two", 30
	same(t, "again", must(st.FriendRequest(ctx, "a", "b"))(t), &want)

	put("deleted account", "b", 40, "x")
	put("c", "b", 40, "x")
	put("d", "b", 5, "x")
	put("b", "a", 50, "x")
	if !handle(im.FriendRequest{FromUserID: "d", ToUserID: "b", HandleResult: im.RequestAgreed}) {
		t.Error("not handled")
	}
	page := func(f store.RequestFilter, offset, limit int) (users []string, n int) {
		t.Helper()
		list, n, err := st.FriendRequestsPage(ctx, f, offset, limit)
		noErr(t, err)
		for _, r := range list {
			users = append(users, r.FromUserID+">"+r.ToUserID)
		}
		return users, n
	}
	for _, c := range []struct {
		f             store.RequestFilter
		offset, limit int
		want          []string
		n             int
	}{
		{store.RequestFilter{UserID: "b", Received: true}, 0, 10, []string{"c>b", "deleted account>b", "a>b", "d>b"}, 4},
		{store.RequestFilter{UserID: "b", Received: true}, 1, 2, []string{"deleted account>b", "a>b"}, 4},
		{store.RequestFilter{UserID: "b", Received: true}, 4, 2, nil, 4},
		{store.RequestFilter{UserID: "b", Received: true}, 0, 0, nil, 4},
		{store.RequestFilter{UserID: "b", Received: true, Results: []int32{im.RequestAgreed, im.RequestRefused}}, 0, 10, []string{"d>b"}, 1},
		{store.RequestFilter{UserID: "b"}, 0, 10, []string{"b>a"}, 1},
		{store.RequestFilter{UserID: "nobody"}, 0, 10, nil, 0},
	} {
		got, n := page(c.f, c.offset, c.limit)
		same(t, "page", got, c.want)
		same(t, "number", n, c.n)
	}
	for since, want := range map[int64]int{0: 3, 29: 3, 30: 2, 40: 0} {
		same(t, "pending", must(st.PendingRequests(ctx, "b", since))(t), want)
	}
}

func testLogged(t *testing.T, st store.Store) {
	ctx := context.Background()
	step(t, st, im.ListFriends, "o", im.ChangeInsert, "a", "b")
	step(t, st, im.ListFriends, "o", im.ChangeDelete, "b")
	step(t, st, im.ListFriends, "p", im.ChangeInsert, "c")
	got := must(st.Logged(ctx, im.ListFriends, "o", []string{"c", "b", "a", "x"}))(t)
	same(t, "logged", sorted(got), []string{"a", "b"})
	same(t, "another list", must(st.Logged(ctx, im.ListBlacks, "o", []string{"a"}))(t), []string{})
}
