package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/sdkws"

	"parley/imtest"
	"parley/internal/im"
)

// groupInfo is a group as clients read one.
type groupInfo struct {
	GroupID, GroupName, Notification, Introduction, FaceURL, OwnerUserID, Ex, CreatorUserID string
	CreateTime                                                                              int64
	MemberCount                                                                             uint32
	Status, GroupType, NeedVerification, LookMemberInfo, ApplyMemberFriend                  int32
	NotificationUserID                                                                      string
}

// group returns a group; ok is false if there is none.
func (r *hookRun) group(id string) (g groupInfo, ok bool) {
	r.t.Helper()
	var out struct{ GroupInfos []groupInfo }
	must(r.t, r.s.AsAdmin("/group/get_groups_info", imtest.H{"groupIDs": []string{id}}, &out))
	if len(out.GroupInfos) == 0 {
		return g, false
	}
	return out.GroupInfos[0], true
}

// groupMember is a member as clients read one.
type groupMember struct {
	UserID, Nickname, FaceURL, Ex string
	RoleLevel                     int32
	MuteEndTime                   int64
}

func (r *hookRun) members(groupID string) map[string]groupMember {
	r.t.Helper()
	var out struct{ Members []groupMember }
	page := imtest.H{"pageNumber": 1, "showNumber": 100}
	must(r.t, r.s.AsAdmin("/group/get_group_member_list", imtest.H{"groupID": groupID, "pagination": page}, &out))
	byID := make(map[string]groupMember)
	for _, m := range out.Members {
		byID[m.UserID] = m
	}
	return byID
}

// create lets ann create group g with bob as its administrator.
func (r *hookRun) create(verify int) error {
	return r.call("ann", "/group/create_group", imtest.H{
		"ownerUserID": "ann", "adminUserIDs": []string{"bob"}, "memberUserIDs": []string{"cid"},
		"groupInfo": imtest.H{"groupID": "g", "groupName": "Garden", "ex": "gx", "groupType": 2, "needVerification": verify},
	}, nil)
}

func joinBody(user string) imtest.H {
	return imtest.H{"groupID": "g", "reqMessage": "let me in", "joinSource": im.JoinBySearch, "inviterUserID": user, "ex": "from the map"}
}

func inviteBody(users ...string) imtest.H {
	return imtest.H{"groupID": "g", "reason": "they dig too", "invitedUserIDs": users}
}

func agreeBody(user string, result int) imtest.H {
	return imtest.H{"groupID": "g", "fromUserID": user, "handledMsg": "welcome", "handleResult": result}
}

func memberBody(members ...imtest.H) imtest.H {
	for _, m := range members {
		m["groupID"] = "g"
	}
	return imtest.H{"members": members}
}

// created makes group g ready whatever is refused later.
func created(verify int) func(r *hookRun) {
	return func(r *hookRun) { must(r.t, r.create(verify)) }
}

func (r *hookRun) danIsIn() bool { _, in := r.members("g")["dan"]; return in }

// danApplied reports whether dan's application waits.
func (r *hookRun) danApplied() bool {
	var out struct{ Count int }
	must(r.t, r.s.AsAdmin("/group/get_group_application_unhandled_count", imtest.H{"userID": "ann"}, &out))
	return out.Count > 0
}

var askedOfGroups = []asked{
	{"create_group", im.BeforeCreateGroup, nil, func(r *hookRun) error { return r.create(0) }, func(r *hookRun) bool { _, ok := r.group("g"); return ok }},
	{"create_group, its members", im.BeforeMembersJoinGroup, nil, func(r *hookRun) error { return r.create(0) }, func(r *hookRun) bool { _, ok := r.group("g"); return ok }},
	{"join_group", im.BeforeJoinGroup, created(im.VerifyNothing), func(r *hookRun) error { return r.call("dan", "/group/join_group", joinBody("dan"), nil) }, (*hookRun).danIsIn},
	{"join_group, an application", im.BeforeJoinGroup, created(im.VerifyAll), func(r *hookRun) error { return r.call("dan", "/group/join_group", joinBody("dan"), nil) }, (*hookRun).danApplied},
	{"invite_user_to_group", im.BeforeInviteJoinGroup, created(im.VerifyNothing), func(r *hookRun) error {
		return r.call("cid", "/group/invite_user_to_group", inviteBody("dan"), nil)
	}, (*hookRun).danIsIn},
	{"set_group_info", im.BeforeSetGroupInfo, created(0), func(r *hookRun) error {
		return r.call("bob", "/group/set_group_info", imtest.H{"groupInfoForSet": imtest.H{"groupID": "g", "groupName": "Park"}}, nil)
	}, func(r *hookRun) bool { g, _ := r.group("g"); return g.GroupName == "Park" }},
	{"set_group_info_ex", im.BeforeSetGroupInfoEx, created(0), func(r *hookRun) error {
		return r.call("bob", "/group/set_group_info_ex", imtest.H{"groupID": "g", "groupName": "Park"}, nil)
	}, func(r *hookRun) bool { g, _ := r.group("g"); return g.GroupName == "Park" }},
	{"set_group_member_info", im.BeforeSetGroupMemberInfo, created(0), func(r *hookRun) error {
		return r.call("ann", "/group/set_group_member_info", memberBody(imtest.H{"userID": "bob", "ex": "b"}, imtest.H{"userID": "cid", "ex": "c"}), nil)
	}, func(r *hookRun) bool { m := r.members("g"); return m["bob"].Ex+m["cid"].Ex != "" }},
}

// TestVetoOfMembers: refusing those who come in refuses each way of coming in.
func TestVetoOfMembers(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	r := newHookRun(t, s, hooks, "ann", "bob", "cid", "dan")
	must(t, r.create(im.VerifyNothing))
	hooks.Reply(func(k imtest.Hook) imtest.H {
		if k.Command != im.BeforeMembersJoinGroup.String() {
			return nil
		}
		return imtest.Veto(vetoCode)
	})
	refused(t, "a direct join", r.call("dan", "/group/join_group", joinBody("dan"), nil), vetoCode)
	refused(t, "an invitation", r.call("cid", "/group/invite_user_to_group", inviteBody("dan"), nil), vetoCode)
	r.do("ann", "/group/set_group_info_ex", imtest.H{"groupID": "g", "needVerification": im.VerifyAll})
	r.do("dan", "/group/join_group", joinBody("dan")) // only an application
	refused(t, "an agreement", r.call("ann", "/group/group_application_response", agreeBody("dan", 1), nil), vetoCode)
	if r.danIsIn() || !r.danApplied() {
		t.Error("dan is in the group, or his application is gone")
	}
	hooks.Reply(nil)
	r.do("ann", "/group/group_application_response", agreeBody("dan", 1))
	if !r.danIsIn() {
		t.Error("dan is not in the group")
	}
}

// TestGroupHooks: which calls about groups cause which callbacks, and their bodies.
func TestGroupHooks(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	r := newHookRun(t, s, hooks, "ann", "bob", "cid", "dan", "eve", "fay", "gus")
	create := func(body imtest.H) imtest.H {
		body["ownerUserID"] = "ann"
		return body
	}
	info := imtest.H{
		"groupID": "g", "groupName": "Garden", "introduction": "We dig", "faceURL": "https://example.com/g.png", "ex": "gx", "groupType": 2,
		"needVerification": 0, "lookMemberInfo": 1, "applyMemberFriend": 1, "creatorUserID": "ann",
	}
	r.play(nil, []string{"ann"}, []hookStep{ // whose registration is told first
		{"a group of a wrong type", "ann", "/group/create_group", create(imtest.H{"groupInfo": imtest.H{"groupType": 0}}), 1001, nil},
		{"with somebody twice", "ann", "/group/create_group", create(imtest.H{"memberUserIDs": []string{"ann"}, "groupInfo": info}), 1001, nil},
		{"with nobody", "ann", "/group/create_group", create(imtest.H{"memberUserIDs": []string{"nobody"}, "groupInfo": info}), 1101, nil},
	})
	must(t, r.call("ann", "/group/create_group", create(imtest.H{"adminUserIDs": []string{"bob"}, "memberUserIDs": []string{"cid"}, "groupInfo": info}), nil))
	hooks.Wait(t, im.AfterCreateGroup.String(), nil)
	var first []string
	for _, k := range r.settled([]string{"g"}, nil) {
		first = append(first, short(k.Command))
	}
	if diff := cmp.Diff([]string{"BeforeCreateGroup", "BeforeMembersJoinGroup", "AfterCreateGroup"}, first); diff != "" {
		t.Errorf("creation (-want +got):\n%s", diff)
	}

	group := func(fields imtest.H) imtest.H { fields["groupID"] = "g"; return fields }
	older := func(fields imtest.H) imtest.H { return imtest.H{"groupInfoForSet": group(fields)} }
	enters := []string{"BeforeMembersJoinGroup", "AfterJoinGroup"}
	r.play([]string{"g"}, nil, []hookStep{
		{"an id that is taken", "ann", "/group/create_group", create(imtest.H{"groupInfo": info}), 1202, []string{"BeforeCreateGroup"}},

		{"an application", "dan", "/group/join_group", joinBody("dan"), 0, []string{"BeforeJoinGroup"}},
		{"no such group", "dan", "/group/join_group", imtest.H{"groupID": "none", "joinSource": 3, "inviterUserID": "dan"}, 1004, nil},
		{"a refusal", "bob", "/group/group_application_response", agreeBody("dan", -1), 0, nil},
		{"another application", "dan", "/group/join_group", joinBody("dan"), 0, []string{"BeforeJoinGroup"}},
		{"an agreement by a member", "cid", "/group/group_application_response", agreeBody("dan", 1), 1002, nil},
		{"an agreement", "bob", "/group/group_application_response", agreeBody("dan", 1), 0, enters},
		{"an agreement once more", "bob", "/group/group_application_response", agreeBody("dan", 1), 1206, nil},
		{"an application of a member", "dan", "/group/join_group", joinBody("dan"), 1001, []string{"BeforeJoinGroup"}},

		{"settings, older call", "bob", "/group/set_group_info", older(imtest.H{"groupName": "Park", "needVerification": 2}), 0, []string{"BeforeSetGroupInfo", "AfterSetGroupInfo"}},
		{"no settings, older call", "bob", "/group/set_group_info", older(imtest.H{"groupName": ""}), 0, []string{"BeforeSetGroupInfo"}},
		{"settings by a member, older call", "cid", "/group/set_group_info", older(imtest.H{"groupName": "Park"}), 1002, nil},
		{"settings by a stranger, older call", "eve", "/group/set_group_info", older(imtest.H{"groupName": "Park"}), 1004, nil},
		{"settings", "bob", "/group/set_group_info_ex", group(imtest.H{"groupName": "Garden", "notification": " Saturday "}), 0, []string{"BeforeSetGroupInfoEx", "AfterSetGroupInfoEx"}},
		{"no settings", "bob", "/group/set_group_info_ex", group(imtest.H{"groupName": " "}), 0, []string{"BeforeSetGroupInfoEx"}},
		{"settings by a member", "cid", "/group/set_group_info_ex", group(imtest.H{"groupName": "Park"}), 1002, nil},

		{"a direct join", "eve", "/group/join_group", joinBody("eve"), 0, append([]string{"BeforeJoinGroup"}, enters...)},
		{"an invitation", "cid", "/group/invite_user_to_group", inviteBody("dan", "fay"), 0, append([]string{"BeforeInviteJoinGroup"}, enters...)},
		{"an invitation by a stranger", "gus", "/group/invite_user_to_group", inviteBody("gus"), 1002, nil},
		{"an invitation of nobody", "cid", "/group/invite_user_to_group", inviteBody("nobody"), 1004, nil},
		{"an invitation of members", "cid", "/group/invite_user_to_group", inviteBody("eve", "fay"), 0, []string{"BeforeInviteJoinGroup"}},
		{"a group that wants answers", "ann", "/group/set_group_info_ex", group(imtest.H{"needVerification": 1}), 0, []string{"BeforeSetGroupInfoEx", "AfterSetGroupInfoEx"}},
		{"an invitation that waits", "cid", "/group/invite_user_to_group", inviteBody("gus"), 0, []string{"BeforeInviteJoinGroup"}},
		{"an agreement to it", "ann", "/group/group_application_response", agreeBody("gus", 1), 0, enters},

		{
			"members", "ann", "/group/set_group_member_info", memberBody(imtest.H{"userID": "cid", "nickname": "Cid the digger", "roleLevel": 60}, imtest.H{"userID": "dan", "ex": ""}),
			0,
			[]string{"BeforeSetGroupMemberInfo", "BeforeSetGroupMemberInfo", "AfterSetGroupMemberInfo", "AfterSetGroupMemberInfo"},
		},
		{"nothing of a member", "ann", "/group/set_group_member_info", memberBody(imtest.H{"userID": "dan"}), 0, []string{"BeforeSetGroupMemberInfo"}},
		{"a member by another", "dan", "/group/set_group_member_info", memberBody(imtest.H{"userID": "cid", "ex": "x"}), 1002, nil},
		{"a muted member", "ann", "/group/mute_group_member", group(imtest.H{"userID": "dan", "mutedSeconds": 60}), 0, nil},
		{"no more", "ann", "/group/cancel_mute_group_member", group(imtest.H{"userID": "dan"}), 0, nil},
		{"a muted group", "ann", "/group/mute_group", group(imtest.H{}), 0, nil},
		{"no more", "ann", "/group/cancel_mute_group", group(imtest.H{}), 0, nil},

		{"a transfer", "ann", "/group/transfer_group", group(imtest.H{"oldOwnerUserID": "ann", "newOwnerUserID": "cid"}), 0, []string{"AfterTransferGroupOwner"}},
		{"a transfer of what is another's", "ann", "/group/transfer_group", group(imtest.H{"oldOwnerUserID": "cid", "newOwnerUserID": "ann"}), 1002, nil},
		{"the owner leaves", "cid", "/group/quit_group", group(imtest.H{"userID": "cid"}), 1002, nil},
		{"a member leaves", "eve", "/group/quit_group", group(imtest.H{"userID": "eve"}), 0, []string{"AfterQuitGroup"}},
		{"a removal", "cid", "/group/kick_group", group(imtest.H{"kickedUserIDs": []string{"fay", "gus"}, "reason": "they do not dig"}), 0, []string{"AfterKickGroup"}},
		{"a removal of strangers", "cid", "/group/kick_group", group(imtest.H{"kickedUserIDs": []string{"fay"}}), 1101, nil},
		{"the end, by a member", "dan", "/group/dismiss_group", group(imtest.H{}), 1002, nil},
	})
	r.do("cid", "/group/dismiss_group", group(imtest.H{}))
	hooks.Wait(t, im.AfterDismissGroup.String(), nil)
	refused(t, "the end, once more", r.call("", "/group/dismiss_group", group(imtest.H{}), nil), 1004)
	refused(t, "an application to a dismissed group", r.call("eve", "/group/join_group", joinBody("eve"), nil), 1204)
	asked := 0 // about eve: when she came in, not any more
	all, _ := hooks.All()
	for _, k := range all {
		if k.Command == im.BeforeJoinGroup.String() && k.Body["applyID"] == "eve" {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("eve's wish to come in was asked about %d times, want 1", asked)
	}

	for c := im.BeforeCreateGroup; c <= im.AfterSetGroupMemberInfo; c++ {
		want := func(imtest.Hook) bool { return true }
		switch c {
		case im.BeforeSetGroupInfoEx, im.AfterSetGroupInfoEx: // not a mark
			want = func(k imtest.Hook) bool { return k.Body["groupName"] == "Garden" }
		case im.BeforeMembersJoinGroup:
			want = func(k imtest.Hook) bool { return len(k.Body["memberList"].([]any)) == 3 }
		}
		goldenHook(t, hooks.Wait(t, c.String(), want))
	}
	// Each way of coming in says what it was.
	for user, fields := range map[string]imtest.H{
		"dan": {"ex": "from the map", "reqMessage": "let me in", "joinSource": 3.0, "inviterUserID": ""},
		"eve": {"ex": "from the map", "reqMessage": "let me in", "joinSource": 3.0, "inviterUserID": "eve"},
		"fay": {"ex": "", "reqMessage": "", "joinSource": 2.0, "inviterUserID": "cid"},
		"gus": {"ex": "", "reqMessage": "", "joinSource": 2.0, "inviterUserID": "cid"},
	} {
		k := hook(t, hooks, im.AfterJoinGroup.String(), "userID", user)
		for key, want := range fields {
			if k.Body[key] != want {
				t.Errorf("%s came in with %s %v, want %v", user, key, k.Body[key], want)
			}
		}
	}
}

// TestAnswersAboutNewGroups applies what a business server says of a group that is
// created, and of its first members.
func TestAnswersAboutNewGroups(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		r := newHookRun(t, s, hooks, "ann", "bob", "cid", "dan")
		dan := login(t, s, "dan", imtest.DialOptions{})
		mute := time.Now().Add(time.Hour).UnixMilli()
		answers := map[string]imtest.H{
			"callbackBeforeCreateGroupCommand": {
				"groupID": "other", "groupName": "Park", "notification": "no dogs", "introduction": "We sit", "faceURL": "f2", "ownerUserID": "bob", "ex": "x2",
				"status": 3, "creatorUserID": "cid", "groupType": 1, "needVerification": 2, "lookMemberInfo": 1, "applyMemberFriend": 1,
			},
			"callbackBeforeMembersJoinGroupCommand": {"memberCallbackList": []imtest.H{
				{"userID": "dan", "nickname": "Dan the sitter", "faceURL": "d", "roleLevel": 60, "muteEndTime": mute, "ex": "dx"},
				{"userID": "cid", "roleLevel": 100, "nickname": "Cid"},
				{"userID": "bob", "roleLevel": 20, "ex": "bx"},
				{"userID": "nobody", "nickname": "x"},
				{"nickname": "whose?"},
				{"userID": "ann", "roleLevel": 7},
			}},
		}
		hooks.Reply(func(k imtest.Hook) imtest.H {
			if fields := answers[k.Command]; fields != nil {
				return imtest.Pass(fields)
			}
			return nil
		})
		create := func() (groupInfo, error) {
			var out struct{ GroupInfo groupInfo }
			err := r.call("ann", "/group/create_group", imtest.H{
				"ownerUserID": "ann", "adminUserIDs": []string{"bob"}, "memberUserIDs": []string{"cid", "dan"},
				"groupInfo": imtest.H{"groupID": "g", "groupName": "Garden", "groupType": 2, "creatorUserID": "ann"},
			}, &out)
			return out.GroupInfo, err
		}
		created, err := create()
		must(t, err)
		want := groupInfo{
			GroupID: "other", GroupName: "Park", Notification: "no dogs", Introduction: "We sit", FaceURL: "f2", OwnerUserID: "bob", Ex: "x2",
			CreatorUserID: "cid", CreateTime: created.CreateTime, MemberCount: 4, Status: 3, GroupType: 2, NeedVerification: 2, LookMemberInfo: 1, ApplyMemberFriend: 1,
		}
		if diff := cmp.Diff(want, created); diff != "" {
			t.Errorf("the answer (-want +got):\n%s", diff)
		}
		if stored, _ := r.group("other"); stored != want {
			t.Errorf("stored %+v", stored)
		}
		if _, ok := r.group("g"); ok {
			t.Error("there is a group with the id of the request, too")
		}
		members := map[string]groupMember{
			"bob": {"bob", "nick-bob", "", "bx", 100, 0}, "ann": {"ann", "nick-ann", "", "", 20, 0},
			"cid": {"cid", "Cid", "", "", 20, 0}, "dan": {"dan", "Dan the sitter", "d", "dx", 60, mute},
		}
		if diff := cmp.Diff(members, r.members("other")); diff != "" {
			t.Errorf("members (-want +got):\n%s", diff)
		}
		tip := tips[sdkws.GroupCreatedTips](t, dan.next(t, "the creation", notice(im.ContentGroupCreated)))
		if tip.Group.GroupName != "Park" || tip.GroupOwnerUser.UserID != "bob" {
			t.Errorf("dan is told of %+v by %+v", tip.Group, tip.GroupOwnerUser)
		}
		if _, err := dan.Send(dan.Text("", "other", "hello")); err == nil {
			t.Error("a muted member may speak")
		}
		k := hooks.Wait(t, im.AfterCreateGroup.String(), nil)
		var list []string
		for _, m := range k.Body["initMemberList"].([]any) {
			list = append(list, fmt.Sprintf("%v %v", m.(imtest.H)["userID"], m.(imtest.H)["roleLevel"]))
		}
		if diff := cmp.Diff([]string{"bob 100", "cid 20", "dan 60", "ann 20"}, list); diff != "" || k.Body["groupID"] != "other" || k.Body["ownerUserID"] != "bob" {
			t.Errorf("told %s\n%s", k.Raw, diff)
		}

		_, err = create()
		refused(t, "an id that is taken", err, 1202)
		answers["callbackBeforeCreateGroupCommand"] = imtest.H{"groupID": "a:b"}
		_, err = create()
		refused(t, "an id that cannot be", err, 1001)
		answers["callbackBeforeCreateGroupCommand"] = imtest.H{"groupID": "long", "introduction": string(make([]byte, 70<<10))}
		_, err = create()
		refused(t, "a text that cannot be", err, 1001)
		answers["callbackBeforeCreateGroupCommand"] = imtest.H{"groupID": "", "ownerUserID": "nobody", "status": "wrong"}
		answers["callbackBeforeMembersJoinGroupCommand"] = nil
		if created, err = create(); err != nil || created.GroupID != "g" || created.OwnerUserID != "ann" || created.Status != 0 {
			t.Errorf("with an answer that means nothing: %+v, %v", created, err)
		}
	})
}

// TestAnswersAboutMembers applies what a business server says of those who come in,
// and of members who are changed.
func TestAnswersAboutMembers(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		r := newHookRun(t, s, hooks, "ann", "bob", "cid", "dan", "eve", "fay", "gus")
		ann := login(t, s, "ann", imtest.DialOptions{})
		must(t, r.create(im.VerifyNothing))
		mute := time.Now().Add(time.Hour).UnixMilli()
		member := func(user string) imtest.H {
			return imtest.H{"userID": user, "nickname": "in as " + user, "faceURL": "f", "roleLevel": 60, "muteEndTime": mute, "ex": "mx"}
		}
		invited := imtest.H{}
		hooks.Reply(func(k imtest.Hook) imtest.H {
			switch k.Command {
			case im.BeforeMembersJoinGroup.String():
				return imtest.Pass(imtest.H{"memberCallbackList": []imtest.H{member("dan"), member("eve"), member("fay")}})
			case im.BeforeInviteJoinGroup.String():
				return imtest.Pass(invited)
			case im.BeforeSetGroupMemberInfo.String():
				return imtest.Pass(imtest.H{"nickName": "N", "faceURL": "F", "roleLevel": 60, "ex": "E"})
			}
			return nil
		})
		check := func(user string) {
			t.Helper()
			if got, want := r.members("g")[user], (groupMember{user, "in as " + user, "f", "mx", 60, mute}); got != want {
				t.Errorf("%s is in as %+v, want %+v", user, got, want)
			}
			if k := hook(t, hooks, im.AfterJoinGroup.String(), "userID", user); k.Body["ex"] != "mx" {
				t.Errorf("told %s", k.Raw)
			}
		}
		r.do("dan", "/group/join_group", joinBody("dan"))
		tip := tips[sdkws.MemberEnterTips](t, ann.next(t, "dan", notice(im.ContentMemberEntered)))
		if tip.EntrantUser.Nickname != "in as dan" || tip.EntrantUser.RoleLevel != 60 {
			t.Errorf("ann is told of %+v", tip.EntrantUser)
		}
		check("dan")
		r.do("ann", "/group/set_group_info_ex", imtest.H{"groupID": "g", "needVerification": im.VerifyAll})
		r.do("eve", "/group/join_group", joinBody("eve"))
		r.do("ann", "/group/group_application_response", agreeBody("eve", 1))
		check("eve")

		for name, answer := range map[string]imtest.H{
			"nobody is left":        {"invitedUserIDs": []string{"gus"}, "refusedMembersAccount": []string{"gus"}},
			"nobody is allowed":     {"invitedUserIDs": "[]"},
			"only strangers to it":  {"invitedUserIDs": []string{"ann"}},
			"all invited are taken": {"refusedMembersAccount": []string{"fay", "gus"}},
		} {
			invited = answer
			r.do("ann", "/group/invite_user_to_group", inviteBody("fay", "gus"))
			if got := r.members("g"); len(got) != 5 {
				t.Errorf("%s: %v", name, got)
			}
		}
		invited = imtest.H{"refusedMembersAccount": []string{"gus"}}
		r.do("ann", "/group/invite_user_to_group", inviteBody("fay", "gus"))
		check("fay")
		if _, in := r.members("g")["gus"]; in {
			t.Error("somebody who was refused has come in")
		}
		invited = imtest.H{"invitedUserIDs": `["gus","ann"]`} // as text
		r.do("ann", "/group/invite_user_to_group", inviteBody("gus"))
		if got, want := r.members("g")["gus"], (groupMember{"gus", "nick-gus", "", "", 20, 0}); got != want {
			t.Errorf("gus is in as %+v, want %+v", got, want)
		}

		// A member's own change brings more than he may ask for.
		r.do("cid", "/group/set_group_member_info", memberBody(imtest.H{"userID": "cid", "nickname": "Cid"}))
		if got, want := r.members("g")["cid"], (groupMember{"cid", "N", "F", "E", 60, 0}); got != want {
			t.Errorf("cid is now %+v, want %+v", got, want)
		}
		ann.next(t, "cid's role", notice(im.ContentMemberSetToAdmin))
		k := hooks.Wait(t, im.AfterSetGroupMemberInfo.String(), nil)
		if k.Body["nickName"] != "N" || k.Body["faceURL"] != "F" || k.Body["roleLevel"] != 60.0 || k.Body["ex"] != "E" {
			t.Errorf("told %s", k.Raw)
		}
		// But the owner stays the owner.
		refused(t, "another role for the owner", r.call("ann", "/group/set_group_member_info", memberBody(imtest.H{"userID": "ann", "nickname": "A"}), nil), 1001)
		if got := r.members("g")["ann"]; got.RoleLevel != 100 || got.Nickname != "nick-ann" {
			t.Errorf("ann is now %+v", got)
		}
	})
}

// TestAnswersAboutSettings applies what a business server puts in the place of new settings.
func TestAnswersAboutSettings(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		r := newHookRun(t, s, hooks, "ann", "bob", "cid")
		bob := login(t, s, "bob", imtest.DialOptions{})
		must(t, r.create(0))
		want, _ := r.group("g")
		var answer func(k imtest.Hook) imtest.H
		hooks.Reply(func(k imtest.Hook) imtest.H {
			if k.Command != im.BeforeSetGroupInfo.String() && k.Command != im.BeforeSetGroupInfoEx.String() {
				return nil
			}
			return answer(k)
		})
		with := func(fields imtest.H) func(imtest.Hook) imtest.H {
			return func(imtest.Hook) imtest.H { return imtest.Pass(fields) }
		}
		echo := func(k imtest.Hook) imtest.H { return imtest.Pass(k.Body) }
		set := func(name string, older bool, fields imtest.H, a func(imtest.Hook) imtest.H) {
			t.Helper()
			answer = a
			fields["groupID"] = "g"
			if older {
				r.do("ann", "/group/set_group_info", imtest.H{"groupInfoForSet": fields})
			} else {
				r.do("ann", "/group/set_group_info_ex", fields)
			}
			got, _ := r.group("g")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		all := imtest.H{
			"groupID": "other", "groupName": "N", "notification": "T", "introduction": "I", "faceURL": "F", "ex": "E",
			"needVerification": 1, "lookMemberInfo": 1, "applyMemberFriend": 1,
		}
		for _, older := range []bool{true, false} {
			want.GroupName = "mine"
			set(fmt.Sprintf("older %v: nothing is replaced", older), older, imtest.H{"groupName": "mine"}, with(nil))
			set(fmt.Sprintf("older %v: what was sent comes back", older), older, imtest.H{"groupName": "mine"}, echo)
			want.GroupName, want.Notification, want.Introduction, want.FaceURL, want.Ex = "N", "T", "I", "F", "E"
			want.NeedVerification, want.LookMemberInfo, want.ApplyMemberFriend, want.NotificationUserID = 1, 1, 1, "ann"
			set(fmt.Sprintf("older %v: everything", older), older, imtest.H{"groupName": "mine"}, with(all))
			bob.next(t, "everything", func(p pushed) bool {
				if !notice(im.ContentGroupInfoSet)(p) {
					return false
				}
				g := tips[sdkws.GroupInfoSetTips](t, p.m).Group
				return g.GroupName == "N" && g.Notification == "T" && g.Ex == "E"
			})
			set(fmt.Sprintf("older %v: what was sent comes back", older), older, imtest.H{"groupName": "N"}, echo)
			want.GroupName, want.Ex, want.LookMemberInfo = "inner", "top", 0
			set(fmt.Sprintf("older %v: inside", older), older, imtest.H{"groupName": "mine", "lookMemberInfo": 1}, with(imtest.H{
				"ex": imtest.H{"value": "top"}, "groupInfoForSet": imtest.H{"groupName": "inner", "ex": "inner", "lookMemberInfo": imtest.H{"value": 0}},
			}))
		}
		// An empty text clears in the newer call only; a name is never cleared.
		set("older: empty texts", true, imtest.H{"introduction": "mine"}, with(imtest.H{"groupName": "", "introduction": "", "faceURL": "", "notification": ""}))
		want.Introduction, want.FaceURL, want.Notification, want.Ex = "", "", "", ""
		set("empty texts", false, imtest.H{"introduction": "mine"}, with(imtest.H{"groupName": "", "introduction": "", "faceURL": "", "notification": "", "ex": ""}))
		answer = with(imtest.H{"introduction": string(make([]byte, 70<<10))})
		refused(t, "a text that is too long", r.call("ann", "/group/set_group_info_ex", imtest.H{"groupID": "g", "groupName": "x"}, nil), 1001)
		k := hooks.Wait(t, im.AfterSetGroupInfo.String(), func(k imtest.Hook) bool { return k.Body["groupName"] == "N" })
		if k.Body["ex"] != "E" || k.Body["needVerification"] != 1.0 {
			t.Errorf("told %s", k.Raw)
		}
	})
}
