package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

func ptr[T any](v T) *T { return &v }

func testGroupChanges(t *testing.T, st store.Store) {
	ctx := context.Background()
	insertUsers(t, st, "a", "b", "c")
	insertGroup(t, st, group("g", 1), member("g", "a", im.RoleOwner, 1), member("g", "b", im.RoleMember, 2), member("g", "c", im.RoleMember, 3))
	insertGroup(t, st, group("h", 2), member("h", "b", im.RoleOwner, 1))

	// Patches change what they name.
	want := *must(st.Group(ctx, "g"))(t)
	update(t, st, func(tx store.Tx) error {
		same(t, "locked", must(tx.LockGroup(ctx, "g"))(t), &want)
		return tx.PatchGroup(ctx, "g", im.GroupPatch{})
	})
	same(t, "group after an empty patch", must(st.Group(ctx, "g"))(t), &want)
	want.GroupName, want.Notification, want.Introduction, want.FaceURL, want.Ex = "N", "", "I", "F", "E"
	want.NeedVerification, want.LookMemberInfo, want.ApplyMemberFriend, want.Status = 2, 0, 1, im.GroupMuted
	want.NotificationUpdateTime, want.NotificationUserID = 1<<40, "u"
	update(t, st, func(tx store.Tx) error {
		return tx.PatchGroup(ctx, "g", im.GroupPatch{
			GroupName: ptr("N"), Notification: ptr(""), Introduction: ptr("I"), FaceURL: ptr("F"), Ex: ptr("E"),
			NeedVerification: ptr(int32(2)), LookMemberInfo: ptr(int32(0)), ApplyMemberFriend: ptr(int32(1)), Status: ptr(int32(im.GroupMuted)),
			NotificationUpdateTime: ptr(int64(1 << 40)), NotificationUserID: ptr("u"),
		})
	})
	same(t, "group after a patch", must(st.Group(ctx, "g"))(t), &want)
	update(t, st, func(tx store.Tx) error {
		return tx.PatchMember(ctx, "g", "b", im.MemberPatch{Nickname: ptr("N"), FaceURL: ptr("F"), Ex: ptr(""), RoleLevel: ptr(int32(im.RoleAdmin)), MuteEndTime: ptr(int64(1 << 41))})
	})
	update(t, st, func(tx store.Tx) error { return tx.PatchMember(ctx, "g", "b", im.MemberPatch{}) })
	b := member("g", "b", im.RoleAdmin, 2)
	b.Nickname, b.FaceURL, b.Ex, b.MuteEndTime = "N", "F", "", 1<<41
	same(t, "member after a patch", must(st.Members(ctx, "g", []string{"b"}))(t), []im.Member{b})
	same(t, "managers", len(must(st.Managers(ctx, "g", 10))(t)), 2)
	same(t, "one manager", must(st.Managers(ctx, "g", 1))(t)[0].UserID, "a")
	same(t, "members by id", len(must(st.MembersByID(ctx, "g", "a", 1))(t)), 1)
	same(t, "members by id", must(st.MembersByID(ctx, "g", "a", 1))(t)[0].UserID, "b")

	for what, fn := range map[string]func(store.Tx) error{
		"lock":          func(tx store.Tx) error { _, err := tx.LockGroup(ctx, "none"); return err },
		"patch":         func(tx store.Tx) error { return tx.PatchGroup(ctx, "none", im.GroupPatch{}) },
		"patch member":  func(tx store.Tx) error { return tx.PatchMember(ctx, "g", "none", im.MemberPatch{}) },
		"delete member": func(tx store.Tx) error { return tx.DeleteMembers(ctx, "g", []string{"b", "none"}) },
		"delete":        func(tx store.Tx) error { return tx.DeleteMembers(ctx, "none", []string{"b"}) },
	} {
		t.Log(what)
		wantKind(t, st.Update(ctx, fn), im.NotFound)
	}
	same(t, "nobody was deleted", must(st.Group(ctx, "g"))(t).MemberCount, uint32(3))
	update(t, st, func(tx store.Tx) error { return tx.DeleteMembers(ctx, "g", []string{"c", "b"}) })
	same(t, "left", must(st.MemberIDs(ctx, "g"))(t), []string{"a"})
	same(t, "count", must(st.Group(ctx, "g"))(t).MemberCount, uint32(1))
	same(t, "another group", must(st.MemberIDs(ctx, "h"))(t), []string{"b"})

	update(t, st, func(tx store.Tx) error { return tx.PutDismissal(ctx, "g") })
	update(t, st, func(tx store.Tx) error { return tx.PutDismissal(ctx, "g") })
	same(t, "dismissals", must(st.Dismissals(ctx))(t), []string{"g"})
	update(t, st, func(tx store.Tx) error { return tx.DeleteDismissal(ctx, "g") })
	same(t, "dismissals", must(st.Dismissals(ctx))(t), []string{})
}

func testGroupSearch(t *testing.T, st store.Store) {
	ctx := context.Background()
	for i := range 7 {
		g := group(fmt.Sprint("g", i), int64(i/2))
		g.GroupName = strings.Repeat("x", i)
		if i == 3 {
			g.Status = im.GroupDismissed
		}
		owner := member(g.GroupID, "o", im.RoleOwner, 1)
		owner.Nickname = "boss of " + g.GroupID
		insertGroup(t, st, g, owner)
	}
	search := func(match func(string) bool, offset, limit int) (ids []string) {
		t.Helper()
		found, total, err := st.SearchGroups(ctx, match, offset, limit)
		noErr(t, err)
		for _, f := range found {
			ids = append(ids, f.GroupID)
			same(t, "owner's name", f.OwnerNickname, "boss of "+f.GroupID)
		}
		return append(ids, fmt.Sprint(total))
	}
	same(t, "all", search(nil, 0, 10), []string{"g6", "g4", "g5", "g2", "g0", "g1", "6"})
	same(t, "page", search(nil, 2, 2), []string{"g5", "g2", "6"})
	same(t, "no page", search(nil, 0, 0), []string{"6"})
	long := func(name string) bool { return len(name) > 1 }
	same(t, "matching", search(long, 1, 2), []string{"g4", "g5", "4"})
	same(t, "past the end", search(long, 9, 2), []string{"4"})
	admin := member("g0", "a", im.RoleAdmin, 9)
	admin.Nickname = "boss too"
	insertUsers(t, st, "q", "p")
	update(t, st, func(tx store.Tx) error {
		return tx.InsertMembers(ctx, "g0", []im.Member{member("g0", "q", im.RoleMember, 3), member("g0", "p", im.RoleMember, 3), admin})
	})
	members := func(match func(string) bool, offset, limit int) (ids []string) {
		t.Helper()
		found, total, err := st.SearchMembers(ctx, "g0", match, offset, limit)
		noErr(t, err)
		for _, m := range found {
			ids = append(ids, m.UserID)
		}
		return append(ids, fmt.Sprint(total))
	}
	everybody := func(string) bool { return true }
	same(t, "all members", members(everybody, 0, 9), []string{"o", "a", "p", "q", "4"})
	same(t, "a page of members", members(everybody, 1, 2), []string{"a", "p", "4"})
	same(t, "by their own name", members(func(name string) bool { return name == "nick q" }, 0, 9), []string{"q", "1"})
	same(t, "by the group's name for them", members(func(name string) bool { return strings.HasPrefix(name, "boss") }, 0, 9), []string{"o", "a", "2"})
	same(t, "no member", members(func(string) bool { return false }, 0, 9), []string{"0"})
	same(t, "names", must(st.OwnerNicknames(ctx, []string{"g1", "none"}))(t), map[string]string{"g1": "boss of g1"})
}

func testGroupRequests(t *testing.T, st store.Store) {
	ctx := context.Background()
	_, err := st.GroupRequest(ctx, "g", "u")
	wantKind(t, err, im.NotFound)
	request := func(group, user string, at int64, result int32) im.GroupRequest {
		return im.GroupRequest{
			GroupID: group, UserID: user, HandleResult: result, ReqMsg: "m", HandleMsg: "h", ReqTime: at, HandleUserID: "x", HandleTime: 9,
			Ex: "e", JoinSource: 3, InviterUserID: "i",
		}
	}
	var ids []string
	for i := range 300 { // more than one chunk of ids
		id := fmt.Sprintf("g%03d", i)
		ids = append(ids, id)
		role := int32(im.RoleAdmin)
		if i%3 == 0 {
			role = im.RoleMember
		}
		insertGroup(t, st, group(id, 1), member(id, "boss", role, 1))
	}
	update(t, st, func(tx store.Tx) error {
		for i, id := range ids {
			if err := tx.PutGroupRequest(ctx, request(id, fmt.Sprint("u", i%2), int64(i), int32(i%3-1))); err != nil {
				return err
			}
		}
		return tx.PutGroupRequest(ctx, request("g001", "u1", 1000, im.RequestPending)) // again
	})
	same(t, "one", must(st.GroupRequest(ctx, "g001", "u1"))(t), ptr(request("g001", "u1", 1000, im.RequestPending)))
	list := func(f store.GroupRequestFilter, offset, limit int) (out []string) {
		t.Helper()
		found, total, err := st.GroupRequests(ctx, f, offset, limit)
		noErr(t, err)
		for _, r := range found {
			out = append(out, r.GroupID)
		}
		return append(out, fmt.Sprint(total))
	}
	same(t, "all", list(store.GroupRequestFilter{}, 0, 2), []string{"g001", "g299", "300"})
	same(t, "of the boss", list(store.GroupRequestFilter{ManagerID: "boss"}, 1, 2), []string{"g299", "g298", "200"})
	same(t, "of many groups", list(store.GroupRequestFilter{GroupIDs: ids}, 1, 2), []string{"g299", "g298", "300"})
	same(t, "of few groups", list(store.GroupRequestFilter{GroupIDs: []string{"g007", "g008", "g007"}}, 0, 9), []string{"g008", "g007", "2"})
	same(t, "of a user", list(store.GroupRequestFilter{UserIDs: []string{"u0"}, Results: []int32{im.RequestRefused}}, 0, 2), []string{"g294", "g288", "50"})
	same(t, "of a user and groups", list(store.GroupRequestFilter{UserIDs: []string{"u0"}, GroupIDs: ids[:3]}, 0, 9), []string{"g002", "g000", "2"})
	same(t, "of users in a group", list(store.GroupRequestFilter{UserIDs: []string{"u0", "u1"}, GroupIDs: []string{"g002"}}, 0, 9), []string{"g002", "1"})
	same(t, "of no known result", list(store.GroupRequestFilter{Results: []int32{7}}, 0, 9), []string{"0"})
	same(t, "count only", list(store.GroupRequestFilter{ManagerID: "boss"}, 0, 0), []string{"200"})
	same(t, "past the end", list(store.GroupRequestFilter{GroupIDs: ids}, 400, 9), []string{"300"})
	same(t, "pending", must(st.PendingGroupRequests(ctx, "boss", 0))(t), int64(100))
	same(t, "pending since", must(st.PendingGroupRequests(ctx, "boss", 298))(t), int64(1))
	same(t, "pending of nobody", must(st.PendingGroupRequests(ctx, "u0", 0))(t), int64(0))
}

func testChatBounds(t *testing.T, st store.Store) {
	ctx := context.Background()
	users := numbered("u", 100)
	for _, u := range users[:50] {
		insertRecords(t, st, 1, im.Conversation{OwnerUserID: u, ConversationID: "sg_g", GroupID: "g", ConversationType: im.SessionGroup},
			im.Conversation{OwnerUserID: u, ConversationID: "sg_h", GroupID: "h", ConversationType: im.SessionGroup})
	}
	state := func(u, id string) (out [3]int64) {
		t.Helper()
		s := must(st.UserSeqs(ctx, u, []string{id}))(t)[id]
		c, err := st.Conversation(ctx, u, id)
		if err == nil {
			out[2] = c.MaxSeq
		}
		out[0], out[1] = s.MinSeq, s.MaxSeq
		return out
	}
	update(t, st, func(tx store.Tx) error { return tx.BoundReaders(ctx, "sg_g", users, 7) })
	same(t, "bound", state("u00000", "sg_g"), [3]int64{0, 7, 7})
	same(t, "bound without a record", state("u00099", "sg_g"), [3]int64{0, 7, 0})
	same(t, "another chat", state("u00000", "sg_h"), [3]int64{})
	update(t, st, func(tx store.Tx) error { return tx.SetFirstSeq(ctx, "sg_g", users[:1], 5) })
	update(t, st, func(tx store.Tx) error { return tx.BoundReaders(ctx, "sg_g", users[:1], -1) })
	same(t, "no message", state("u00000", "sg_g"), [3]int64{5, -1, 0})
	update(t, st, func(tx store.Tx) error {
		owners, err := tx.OpenReaders(ctx, "sg_g", users[40:60])
		same(t, "owners", sorted(owners), users[40:50])
		return err
	})
	same(t, "opened", state("u00041", "sg_g"), [3]int64{})
	same(t, "not opened", state("u00039", "sg_g"), [3]int64{0, 7, 7})
	for _, c := range []struct{ asked, changed []string }{{users[:30], users[:30]}, {users, users[30:50]}, {users, nil}} {
		update(t, st, func(tx store.Tx) error {
			changed, err := tx.SetAtType(ctx, "sg_g", c.asked, im.AtGroupNotice)
			same(t, "flagged", sorted(changed), c.changed)
			return err
		})
	}
	same(t, "flag", must(st.Conversation(ctx, "u00049", "sg_g"))(t).GroupAtType, int32(im.AtGroupNotice))
	same(t, "flag of another chat", must(st.Conversation(ctx, "u00049", "sg_h"))(t).GroupAtType, int32(0))
}

func testStepEach(t *testing.T, st store.Store) {
	ctx := context.Background()
	owners := numbered("u", 150)
	heads := make(map[string]im.Version)
	update(t, st, func(tx store.Tx) error {
		for _, o := range owners[:3] {
			heads[o] = must(tx.Step(ctx, im.ListJoinedGroups, o, im.ChangeInsert, "old"))(t)
		}
		return tx.StepEach(ctx, im.ListJoinedGroups, append(owners, owners[0]), im.ChangeInsert, "g")
	})
	ids := map[string]bool{}
	for i, o := range owners {
		v := must(st.Head(ctx, im.ListJoinedGroups, o))(t)
		want := uint64(1)
		if i < 3 {
			want = 2
			same(t, "identity stays", v.ID, heads[o].ID)
		}
		same(t, "version of "+o, v.Number, want)
		if !im.ValidVersionID(v.ID) || ids[v.ID] {
			t.Fatalf("identity %q is not valid, or taken", v.ID)
		}
		ids[v.ID] = true
	}
	update(t, st, func(tx store.Tx) error { return tx.StepEach(ctx, im.ListJoinedGroups, owners, im.ChangeDelete, "g") })
	d := must(st.Since(ctx, im.ListJoinedGroups, owners[0], heads[owners[0]]))(t)
	same(t, "changes", [][]string{d.Insert, d.Delete, d.Update}, [][]string{nil, {"g"}, nil})
	update(t, st, func(tx store.Tx) error { return tx.StepEach(ctx, im.ListJoinedGroups, nil, im.ChangeDelete, "g") })

	before := must(st.Head(ctx, im.ListJoinedGroups, owners[0]))(t)
	drop := func(limit int) (gone bool) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) {
			gone, err = tx.DropLog(ctx, im.ListJoinedGroups, owners[0], limit)
			return err
		})
		return gone
	}
	step(t, st, im.ListJoinedGroups, owners[0], im.ChangeInsert, "e1", "e2", "e3", "e4")
	same(t, "a part of a log", drop(3), false)
	same(t, "the log is there", must(st.Head(ctx, im.ListJoinedGroups, owners[0]))(t).ID != "", true)
	same(t, "the rest", drop(100), true)
	same(t, "dropped", must(st.Head(ctx, im.ListJoinedGroups, owners[0]))(t), im.Version{})
	update(t, st, func(tx store.Tx) error {
		return tx.StepEach(ctx, im.ListJoinedGroups, owners[:1], im.ChangeInsert, "n")
	})
	after := must(st.Head(ctx, im.ListJoinedGroups, owners[0]))(t)
	if after.ID == before.ID || after.Number != 1 {
		t.Fatalf("head %v after %v and a drop", after, before)
	}
	d = must(st.Since(ctx, im.ListJoinedGroups, owners[0], before))(t)
	same(t, "full after a drop", d.Full, true)
}
