package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// group returns a group with a value of its own in every stored field.
func group(id string, n int64) im.Group {
	return im.Group{
		GroupID: id, GroupName: "name " + id, Notification: "note " + id, Introduction: "intro", FaceURL: "face " + id,
		CreateTime: 1_700_000_000_000 + n, Ex: "ex " + id, Status: im.GroupOK, CreatorUserID: "creator", GroupType: im.GroupTypeWorking,
		NeedVerification: int32(n % 3), LookMemberInfo: int32(n % 2), ApplyMemberFriend: int32(n%2 + 1),
		NotificationUpdateTime: 7 + n, NotificationUserID: "noter",
	}
}

func member(groupID, userID string, role int32, joined int64) im.Member {
	return im.Member{
		GroupID: groupID, UserID: userID, RoleLevel: role, JoinTime: joined, JoinSource: im.JoinByInvitation,
		OperatorUserID: "op", Ex: "ex " + userID, MuteEndTime: joined + 5, InviterUserID: "inviter",
	}
}

func insertGroup(t checker, st store.Store, g im.Group, members ...im.Member) {
	t.Helper()
	ctx := context.Background()
	update(t, st, func(tx store.Tx) error {
		if err := tx.InsertGroup(ctx, g); err != nil {
			return err
		}
		return tx.InsertMembers(ctx, g.GroupID, members)
	})
}

func testGroups(t *testing.T, st store.Store) {
	ctx := context.Background()
	_, err := st.Group(ctx, "none")
	wantKind(t, err, im.NotFound)

	var want []im.Group
	for i, id := range append(numbered("g", 300), edgeIDs...) {
		g := group(id, int64(i))
		insertGroup(t, st, g, member(id, "owner of "+id, im.RoleOwner, 3), member(id, "m", im.RoleMember, 1))
		g.OwnerUserID, g.MemberCount = "owner of "+id, 2
		want = append(want, g)
	}
	var ids []string
	for i := range want {
		same(t, "group", must(st.Group(ctx, want[i].GroupID))(t), &want[i])
		ids = append(ids, want[i].GroupID)
	}
	groupID := func(g *im.Group) string { return g.GroupID }
	got := must(st.Groups(ctx, append(ids, "missing")))(t)
	same(t, "all groups", sortedBy(got, groupID), sortedBy(want, groupID))
	same(t, "no ids", must(st.Groups(ctx, nil))(t), []im.Group{})

	g := group("g00000", 99)
	wantKind(t, st.Update(ctx, func(tx store.Tx) error { return tx.InsertGroup(ctx, g) }), im.GroupExists)
	same(t, "group after a refusal", must(st.Group(ctx, "g00000"))(t).CreateTime, group("g00000", 0).CreateTime)

	// What is given as owner or count does not matter: both are computed.
	g = group("lonely", 1)
	g.OwnerUserID, g.MemberCount = "somebody", 7
	insertGroup(t, st, g)
	g.OwnerUserID, g.MemberCount = "", 0
	same(t, "group without members", must(st.Group(ctx, "lonely"))(t), &g)
}

func testMembers(t *testing.T, st store.Store) {
	ctx := context.Background()
	insertUsers(t, st, "owner", "plain", "named", "faced")
	plain, named, faced := member("g", "plain", im.RoleMember, 10), member("g", "named", im.RoleMember, 20), member("g", "faced", im.RoleAdmin, 30)
	named.Nickname, named.FaceURL = "own name", ""
	faced.Nickname, faced.FaceURL = "", "own face"
	stranger := member("g", "stranger", im.RoleMember, 40) // a member whose account is gone
	owner := member("g", "owner", im.RoleOwner, 50)
	insertGroup(t, st, group("g", 1), plain, named)
	insertGroup(t, st, group("h", 1), member("h", "plain", im.RoleOwner, 1))
	count := func() uint32 { t.Helper(); return must(st.Group(ctx, "g"))(t).MemberCount }
	same(t, "count", count(), uint32(2))
	update(t, st, func(tx store.Tx) error { return tx.InsertMembers(ctx, "g", []im.Member{faced, stranger, owner}) })
	same(t, "count", count(), uint32(5))
	update(t, st, func(tx store.Tx) error { return tx.InsertMembers(ctx, "g", nil) })
	same(t, "count", count(), uint32(5))
	same(t, "owner", must(st.Group(ctx, "g"))(t).OwnerUserID, "owner")

	plain.Nickname, plain.FaceURL = "nick plain", "https://face/plain"
	named.FaceURL = "https://face/named"
	faced.Nickname = "nick faced"
	owner.Nickname, owner.FaceURL = "nick owner", "https://face/owner"
	want := []im.Member{owner, faced, plain, named, stranger}
	same(t, "page", must(st.MembersPage(ctx, "g", 0, 10))(t), want)
	got := must(st.Members(ctx, "g", []string{"plain", "nobody", "named", "faced", "owner", "stranger"}))(t)
	memberID := func(m *im.Member) string { return m.UserID }
	same(t, "members", sortedBy(got, memberID), sortedBy(slices.Clone(want), memberID))
	same(t, "members of no ids", must(st.Members(ctx, "g", nil))(t), []im.Member{})
	same(t, "members of no group", must(st.Members(ctx, "none", []string{"plain"}))(t), []im.Member{})
	both := func(m *im.Member) string { return m.GroupID + m.UserID }
	ids := []store.MemberID{{GroupID: "g", UserID: "nobody"}, {GroupID: "none", UserID: "plain"}, {GroupID: "h", UserID: "plain"}}
	for _, m := range want {
		ids = append(ids, store.MemberID{GroupID: "g", UserID: m.UserID})
	}
	got = must(st.MembersEach(ctx, ids))(t)
	all := append(must(st.Members(ctx, "h", []string{"plain"}))(t), want...)
	same(t, "members of several groups", sortedBy(got, both), sortedBy(all, both))
	same(t, "members of no groups", must(st.MembersEach(ctx, nil))(t), []im.Member{})
	states := must(st.MemberStates(ctx, "h"))(t)
	same(t, "states", states, []store.MemberState{{UserID: "plain", RoleLevel: im.RoleOwner, MuteEndTime: 6}})
	same(t, "states", len(must(st.MemberStates(ctx, "g"))(t)), 5)

	// A member twice: refused, and the count is right.
	wantKind(t, st.Update(ctx, func(tx store.Tx) error {
		return tx.InsertMembers(ctx, "g", []im.Member{member("g", "new", im.RoleMember, 1), plain})
	}), im.Duplicate)
	same(t, "count", count(), uint32(5))
	same(t, "nobody was added", must(st.Members(ctx, "g", []string{"new"}))(t), []im.Member{})
	wantKind(t, st.Update(ctx, func(tx store.Tx) error {
		return tx.InsertMembers(ctx, "none", []im.Member{member("none", "plain", im.RoleMember, 1)})
	}), im.NotFound)
	same(t, "members of no group", must(st.MemberIDs(ctx, "none"))(t), []string{})
}

// testMemberOrder checks role descending, then joining time, then id, on every
// road, and the edges of paging.
func testMemberOrder(t *testing.T, st store.Store) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(1, 2))
	roles := []int32{im.RoleMember, im.RoleMember, im.RoleMember, im.RoleAdmin}
	members := []im.Member{member("g", "Zoe", im.RoleOwner, 900)}
	for i, id := range append(numbered("m", 300), edgeIDs...) {
		members = append(members, member("g", id, roles[i%len(roles)], rng.Int64N(20)))
	}
	rng.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	insertGroup(t, st, group("g", 1), members...)
	insertGroup(t, st, group("f", 1), member("f", "other", im.RoleOwner, 0))
	slices.SortFunc(members, func(a, b im.Member) int {
		return cmp.Or(cmp.Compare(b.RoleLevel, a.RoleLevel), cmp.Compare(a.JoinTime, b.JoinTime), cmp.Compare(a.UserID, b.UserID))
	})
	var want []string
	for _, m := range members {
		want = append(want, m.UserID)
	}
	same(t, "ids", must(st.MemberIDs(ctx, "g"))(t), want)
	for _, c := range []struct{ offset, limit int }{
		{0, 1}, {0, 7}, {1, 1}, {100, 50}, {len(want) - 1, 1}, {len(want) - 1, 10}, {len(want), 10}, {len(want) + 5, 10}, {0, 0}, {0, 1000},
	} {
		page := must(st.MembersPage(ctx, "g", c.offset, c.limit))(t)
		var got []string
		for i := range page {
			got = append(got, page[i].UserID)
		}
		lo := min(c.offset, len(want))
		same(t, fmt.Sprintf("page %+v", c), got, want[lo:min(lo+c.limit, len(want))])
	}
	all := must(st.Members(ctx, "g", want))(t)
	same(t, "members by id", len(all), len(want))
}

func testJoinedGroups(t *testing.T, st store.Store) {
	ctx := context.Background()
	same(t, "no groups", must(st.JoinedGroupIDs(ctx, "u"))(t), []string{})
	add := func(id, name string, created int64, status int32, users ...string) {
		g := group(id, 0)
		g.GroupName, g.CreateTime, g.Status = name, created, status
		var members []im.Member
		for i, u := range users {
			members = append(members, member(id, u, im.RoleMember, int64(i)))
		}
		insertGroup(t, st, g, members...)
	}
	add("g1", "b", 5, im.GroupOK, "u", "v")
	add("g2", "a", 9, im.GroupMuted, "u")
	add("g3", "a", 3, im.GroupOK, "v", "u")
	add("g5", "B", 1, im.GroupOK, "u")
	add("g4", "b", 5, im.GroupBanned, "u") // as g1: the id decides
	add("gone", "a", 1, im.GroupDismissed, "u", "v")
	add("foreign", "a", 1, im.GroupOK, "v")
	same(t, "by name, creation, id", must(st.JoinedGroupIDs(ctx, "u"))(t), []string{"g5", "g3", "g2", "g1", "g4"})
	same(t, "by name, creation, id", must(st.JoinedGroupIDs(ctx, "v"))(t), []string{"foreign", "g3", "g1"})
	among := must(st.JoinedAmong(ctx, "v", append(numbered("x", 300), "g3", "gone", "g2", "foreign")))(t)
	same(t, "among some", sorted(among), []string{"foreign", "g3"})
	same(t, "among none", must(st.JoinedAmong(ctx, "v", nil))(t), []string{})
}

func testGroupsShowingProfile(t *testing.T, st store.Store) {
	ctx := context.Background()
	same(t, "no groups", must(st.GroupsShowingProfile(ctx, "u"))(t), []string{})
	for id, c := range map[string]struct {
		nickname, face string
		status         int32
	}{
		"both shown": {"", "", im.GroupOK}, "face shown": {"own", "", im.GroupMuted}, "name shown": {"", "own", im.GroupOK},
		"none shown": {"own", "own", im.GroupOK}, "gone": {"", "", im.GroupDismissed},
	} {
		g, m := group(id, 1), member(id, "u", im.RoleMember, 1)
		g.Status, m.Nickname, m.FaceURL = c.status, c.nickname, c.face
		other := member(id, "v", im.RoleMember, 1)
		other.Nickname, other.FaceURL = "own", "own"
		insertGroup(t, st, g, m, other)
	}
	same(t, "shown", sorted(must(st.GroupsShowingProfile(ctx, "u"))(t)), []string{"both shown", "face shown", "name shown"})
	same(t, "another's", must(st.GroupsShowingProfile(ctx, "v"))(t), []string{})
}
