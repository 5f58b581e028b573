package webhook

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/internal/im"
)

// bodyCase is a command, a body of it, and the number of its keys in the table of webhooks.md 3.
type bodyCase struct {
	command im.Command
	body    []byte
	keys    int
}

// checkBodies holds bodies against testdata/bodies, which was written from the specification.
func checkBodies(t *testing.T, cases []bodyCase) {
	t.Helper()
	for _, c := range cases {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, c.body, "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		want, err := os.ReadFile(filepath.Join("testdata", "bodies", c.command.String()+".golden"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.command, diff)
		}
		if _, keys := object(t, c.body); len(keys) != c.keys {
			t.Errorf("%s has %d keys, want %d", c.command, len(keys), c.keys)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestGroupBodies(t *testing.T) {
	t.Parallel()
	const op, group = "1718000000000", "3141592653"
	asked := &im.Group{
		GroupName: "Garden", Notification: "Saturday 10:00", Introduction: "We dig", FaceURL: "https://example.com/g.png", OwnerUserID: "u1",
		Ex: `{"colour":"green"}`, CreatorUserID: "u1", GroupType: im.GroupTypeWorking, NeedVerification: 1, LookMemberInfo: 1, ApplyMemberFriend: 1,
	}
	stored := *asked
	stored.GroupID, stored.CreateTime, stored.MemberCount = group, 1718000000123, 3
	members := []im.Member{{UserID: "u1", RoleLevel: im.RoleOwner}, {UserID: "u2", RoleLevel: im.RoleAdmin}, {UserID: "u3", RoleLevel: im.RoleMember}}
	g := &im.Group{GroupID: group, GroupType: im.GroupTypeWorking, OwnerUserID: "u1"}
	info := im.GroupPatch{GroupName: ptr("Garden"), Notification: ptr(""), NeedVerification: ptr(int32(2))}
	member := im.MemberPatch{Nickname: ptr("Bob the digger"), RoleLevel: ptr(int32(im.RoleAdmin)), Ex: ptr("")}
	dismissed, named := DismissGroupBody(g, []string{"u1", "u2"})
	if named != 2 {
		t.Errorf("%d members named, want 2", named)
	}
	checkBodies(t, []bodyCase{
		{im.BeforeCreateGroup, GroupCreationBody(im.BeforeCreateGroup, op, asked, members), 20},
		{im.AfterCreateGroup, GroupCreationBody(im.AfterCreateGroup, op, &stored, members), 20},
		{im.BeforeMembersJoinGroup, MembersJoinBody(group, "x", []im.Member{{UserID: "u2"}, {UserID: "u3", Ex: "m"}}), 4},
		{im.BeforeJoinGroup, JoinGroupBody(g, "u4", "let me in", "from the map"), 6},
		{im.AfterJoinGroup, MemberJoinedBody(op, MemberJoined{
			Member:     &im.Member{GroupID: group, UserID: "u4", JoinSource: im.JoinBySearch, InviterUserID: "u1"},
			ReqMessage: "let me in", Ex: "from the map", GroupEx: "x",
		}), 9},
		{im.BeforeInviteJoinGroup, InviteBody(op, group, "they dig too", []string{"u5", "u6"}), 5},
		{im.AfterQuitGroup, QuitGroupBody(group, "u3"), 3},
		{im.AfterKickGroup, KickGroupBody(group, []string{"u3", "u4"}, "they do not dig"), 4},
		{im.AfterDismissGroup, dismissed, 5},
		{im.AfterTransferGroupOwner, TransferGroupBody(group, "u1", "u2"), 4},
		{im.BeforeSetGroupInfo, GroupInfoBody(im.BeforeSetGroupInfo, op, group, info), 11},
		{im.AfterSetGroupInfo, GroupInfoBody(im.AfterSetGroupInfo, op, group, info), 11},
		{im.BeforeSetGroupInfoEx, GroupInfoBody(im.BeforeSetGroupInfoEx, op, group, info), 11},
		{im.AfterSetGroupInfoEx, GroupInfoBody(im.AfterSetGroupInfoEx, op, group, info), 11},
		{im.BeforeSetGroupMemberInfo, MemberInfoBody(im.BeforeSetGroupMemberInfo, group, "u2", member), 7},
		{im.AfterSetGroupMemberInfo, MemberInfoBody(im.AfterSetGroupMemberInfo, group, "u2", member), 7},
	})
	if info.Introduction != nil || info.Ex != nil || info.LookMemberInfo != nil {
		t.Errorf("a body changed the patch it was made of: %+v", info)
	}
}

// TestEmptyListsOfBodies: a list without elements is [].
func TestEmptyListsOfBodies(t *testing.T) {
	t.Parallel()
	dismissed, _ := DismissGroupBody(&im.Group{}, nil)
	for key, body := range map[string][]byte{
		"initMemberList": GroupCreationBody(im.AfterCreateGroup, "", &im.Group{}, nil),
		"memberList":     MembersJoinBody("", "", nil),
		"invitedUserIDs": InviteBody("", "", "", nil),
		"kickedUserIDs":  KickGroupBody("", nil, ""),
		"membersID":      dismissed,
		"friendUserIDs":  ImportFriendsBody(im.AfterImportFriends, "", nil),
		"users":          RegisterBody(im.AfterUserRegister, nil),
	} {
		fields, _ := object(t, body)
		if list, ok := fields[key].([]any); !ok || len(list) != 0 {
			t.Errorf("%s is %v in %s", key, fields[key], body)
		}
	}
}

// TestDismissedGroupFitsTheLimit: of a huge group the body names as many members
// as the limit allows, and not one less.
func TestDismissedGroupFitsTheLimit(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1000, 70_000, 100_000} {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = "ü<" + strconv.Itoa(i) // longer in JSON than it is
		}
		body, named := DismissGroupBody(&im.Group{GroupID: "g", OwnerUserID: ids[0]}, ids)
		if len(body) > maxBody {
			t.Errorf("%d members make a body of %d bytes", n, len(body))
		}
		var got struct{ MembersID []string }
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.MembersID, ids[:named]) {
			t.Errorf("%d of %d members are said to be named, %d are", named, n, len(got.MembersID))
		}
		if named < n && len(body)+len(encode(ids[named]))+1 <= maxBody {
			t.Errorf("%d of %d members are named in %d bytes: there is room for more", named, n, len(body))
		}
		if n <= 1000 && named != n {
			t.Errorf("only %d of %d members are named", named, n)
		}
	}
}

// TestRegisterBatches shares users out: each once, in order, and each body fits.
func TestRegisterBatches(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 10_000} {
		users := make([]im.User, n)
		for i := range users {
			users[i] = im.User{UserID: strconv.Itoa(i), Nickname: strings.Repeat("é<", 60), FaceURL: "https://example.com/face.png"}
		}
		var all []im.User
		batches := RegisterBatches(users)
		for _, b := range batches {
			if body := RegisterBody(im.BeforeUserRegister, b); len(body) > maxBody {
				t.Errorf("%d users make a body of %d bytes", len(b), len(body))
			}
			all = append(all, b...)
		}
		if !slices.Equal(all, users) {
			t.Errorf("of %d users %d are in the batches", n, len(all))
		}
		if n == 1 && len(batches) != 1 || n > 1 && len(batches) > 10 {
			t.Errorf("%d users make %d batches", n, len(batches))
		}
	}
}
