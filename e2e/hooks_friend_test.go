package e2e

import (
	"slices"
	"testing"

	"github.com/openimsdk/protocol/sdkws"

	"parley/imtest"
	"parley/internal/im"
)

// contacts returns the friends of a user with their remarks, whom the user has
// blocked, and who waits for the user's answer.
func (r *hookRun) contacts(userID string) (remarks map[string]string, blocked, waiting []string) {
	r.t.Helper()
	page := imtest.H{"userID": userID, "pagination": imtest.H{"pageNumber": 1, "showNumber": 100}, "handleResults": []int{0}}
	var friends struct {
		FriendsInfo []struct {
			Remark     string
			FriendUser struct{ UserID string }
		}
	}
	must(r.t, r.s.AsAdmin("/friend/get_friend_list", page, &friends))
	remarks = make(map[string]string)
	for _, f := range friends.FriendsInfo {
		remarks[f.FriendUser.UserID] = f.Remark
	}
	var blacks struct {
		Blacks []struct{ BlackUserInfo struct{ UserID string } }
	}
	must(r.t, r.s.AsAdmin("/friend/get_black_list", page, &blacks))
	for _, b := range blacks.Blacks {
		blocked = append(blocked, b.BlackUserInfo.UserID)
	}
	var requests struct{ FriendRequests []struct{ FromUserID string } }
	must(r.t, r.s.AsAdmin("/friend/get_friend_apply_list", page, &requests))
	for _, q := range requests.FriendRequests {
		waiting = append(waiting, q.FromUserID)
	}
	return remarks, blocked, waiting
}

func (r *hookRun) friends(userID string) map[string]string {
	r.t.Helper()
	remarks, _, _ := r.contacts(userID)
	return remarks
}

func (r *hookRun) befriend(owner string, others ...string) {
	r.t.Helper()
	r.do("", "/friend/import_friend", imtest.H{"ownerUserID": owner, "friendUserIDs": others})
}

func applyBody(from, to string) imtest.H {
	return imtest.H{"fromUserID": from, "toUserID": to, "reqMsg": "it is me", "ex": "x"}
}

func remarkBody(owner, friend, remark string) imtest.H {
	return imtest.H{"ownerUserID": owner, "friendUserID": friend, "remark": remark}
}

var askedOfFriends = []asked{
	{
		"add_friend", im.BeforeAddFriend, nil, func(r *hookRun) error { return r.call("ann", "/friend/add_friend", applyBody("ann", "bob"), nil) },
		func(r *hookRun) bool { _, _, waiting := r.contacts("bob"); return len(waiting) > 0 },
	},
	{
		"add_friend_response", im.BeforeAddFriendAgree, func(r *hookRun) { r.do("ann", "/friend/add_friend", applyBody("ann", "bob")) },
		func(r *hookRun) error {
			return r.call("bob", "/friend/add_friend_response", imtest.H{"fromUserID": "ann", "toUserID": "bob", "handleResult": 1}, nil)
		}, func(r *hookRun) bool {
			_, _, waiting := r.contacts("bob")
			return len(waiting) == 0 && len(r.friends("bob"))+len(r.friends("ann")) > 0
		},
	},
	{"set_friend_remark", im.BeforeSetFriendRemark, func(r *hookRun) { r.befriend("ann", "bob") }, func(r *hookRun) error {
		return r.call("ann", "/friend/set_friend_remark", remarkBody("ann", "bob", "Bobby"), nil)
	}, func(r *hookRun) bool { return r.friends("ann")["bob"] != "" }},
	{"update_friends", im.BeforeSetFriendRemark, func(r *hookRun) { r.befriend("ann", "bob", "cid") }, func(r *hookRun) error {
		return r.call("ann", "/friend/update_friends", imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{"bob", "cid"}, "remark": "pal"}, nil)
	}, func(r *hookRun) bool { return r.friends("ann")["bob"]+r.friends("ann")["cid"] != "" }},
	{"import_friend", im.BeforeImportFriends, nil, func(r *hookRun) error {
		return r.call("", "/friend/import_friend", imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{"bob"}}, nil)
	}, func(r *hookRun) bool { return len(r.friends("ann"))+len(r.friends("bob")) > 0 }},
	{"add_black", im.BeforeAddBlack, nil, func(r *hookRun) error {
		return r.call("ann", "/friend/add_black", imtest.H{"ownerUserID": "ann", "blackUserID": "bob"}, nil)
	}, func(r *hookRun) bool { _, blocked, _ := r.contacts("ann"); return len(blocked) > 0 }},
}

// TestFriendHooks: which calls about friends cause which callbacks, and their bodies.
func TestFriendHooks(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	r := newHookRun(t, s, hooks, "ann", "bob", "cid")
	owner := func(key, id string) imtest.H { return imtest.H{"ownerUserID": "ann", key: id} }
	answer := func(from, to string, result int) imtest.H {
		return imtest.H{"fromUserID": from, "toUserID": to, "handleResult": result, "handleMsg": "gladly"}
	}
	r.play(nil, []string{"ann", "bob", "cid"}, []hookStep{
		{"oneself", "ann", "/friend/add_friend", applyBody("ann", "ann"), 1301, nil},
		{"for another", "bob", "/friend/add_friend", applyBody("ann", "cid"), 1002, nil},
		{"nobody", "ann", "/friend/add_friend", applyBody("ann", "nobody"), 1004, []string{"BeforeAddFriend"}},
		{"an application", "ann", "/friend/add_friend", applyBody("ann", "bob"), 0, []string{"BeforeAddFriend", "AfterAddFriend"}},
		{"a refusal", "bob", "/friend/add_friend_response", answer("ann", "bob", -1), 0, nil},
		{"another application", "ann", "/friend/add_friend", applyBody("ann", "bob"), 0, []string{"BeforeAddFriend", "AfterAddFriend"}},
		{"an answer of somebody else", "cid", "/friend/add_friend_response", answer("ann", "bob", 1), 1002, nil},
		{"an agreement", "bob", "/friend/add_friend_response", answer("ann", "bob", 1), 0, []string{"BeforeAddFriendAgree", "AfterAddFriendAgree"}},
		{"an agreement once more", "bob", "/friend/add_friend_response", answer("ann", "bob", 1), 1001, []string{"BeforeAddFriendAgree"}},
		{"a friend", "ann", "/friend/add_friend", applyBody("ann", "bob"), 1304, []string{"BeforeAddFriend"}},
		{"a remark", "ann", "/friend/set_friend_remark", remarkBody("ann", "bob", "Bobby"), 0, []string{"BeforeSetFriendRemark", "AfterSetFriendRemark"}},
		{"a remark by another", "bob", "/friend/set_friend_remark", remarkBody("ann", "bob", "Bobby"), 1002, nil},
		{"a remark about a stranger", "ann", "/friend/set_friend_remark", remarkBody("ann", "cid", "Cid"), 1004, []string{"BeforeSetFriendRemark"}},
		{"an import", "", "/friend/import_friend", imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{"cid"}}, 0, []string{"BeforeImportFriends", "AfterImportFriends"}},
		{"an import by a user", "ann", "/friend/import_friend", imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{"cid"}}, 1002, nil},
		{"an import of somebody twice", "", "/friend/import_friend", imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{"cid", "cid"}}, 1004, nil},
		{"an import of nobody", "", "/friend/import_friend", imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{}}, 0, []string{"BeforeImportFriends"}},
		{
			"remarks", "ann", "/friend/update_friends",
			imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{"bob", "nobody", "cid"}, "remark": "pal"},
			0,
			[]string{"BeforeSetFriendRemark", "BeforeSetFriendRemark", "AfterSetFriendRemark", "AfterSetFriendRemark"},
		},
		{"no remarks", "ann", "/friend/update_friends", imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{"bob"}, "isPinned": true}, 0, nil},
		{"a block", "ann", "/friend/add_black", owner("blackUserID", "bob"), 0, []string{"BeforeAddBlack"}},
		{"a block by another", "bob", "/friend/add_black", owner("blackUserID", "cid"), 1002, nil},
		{"the end of a block", "ann", "/friend/remove_black", owner("blackUserID", "bob"), 0, []string{"AfterRemoveBlack"}},
		{"the end of a block by another", "bob", "/friend/remove_black", owner("blackUserID", "bob"), 1002, nil},
		{"a deletion", "ann", "/friend/delete_friend", owner("friendUserID", "bob"), 0, []string{"AfterDeleteFriend"}},
		{"a deletion by another", "bob", "/friend/delete_friend", owner("friendUserID", "cid"), 1002, nil},
	})
	r.goldenHooks(im.BeforeAddFriend, im.AfterRemoveBlack)
}

// TestAnswersAboutFriends applies what a business server puts in the place of the request.
func TestAnswersAboutFriends(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		r := newHookRun(t, s, hooks, "ann", "bob", "cid", "dan")
		ann := login(t, s, "ann", imtest.DialOptions{})
		import1 := func(fields imtest.H) error {
			hooks.Reply(func(k imtest.Hook) imtest.H {
				if k.Command != im.BeforeImportFriends.String() {
					return nil
				}
				return imtest.Pass(fields)
			})
			return r.call("", "/friend/import_friend", imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{"bob"}}, nil)
		}
		for name, list := range map[string][]string{"nobody": {"nobody"}, "somebody twice": {"cid", "cid"}, "oneself": {"ann"}} {
			refused(t, name, import1(imtest.H{"friendUserIDs": list}), 1004)
		}
		must(t, import1(imtest.H{"friendUserIDs": []string{"cid", "dan"}}))
		got := r.friends("ann")
		if _, bob := got["bob"]; bob || len(got) != 2 || len(r.friends("dan")) != 1 {
			t.Errorf("imported %v", got)
		}
		k := hooks.Wait(t, im.AfterImportFriends.String(), nil)
		if list, _ := k.Body["friendUserIDs"].([]any); !slices.Equal(list, []any{"cid", "dan"}) {
			t.Errorf("told %s", k.Raw)
		}
		must(t, import1(imtest.H{"friendUserIDs": []string{}}))
		if got := r.friends("ann"); len(got) != 3 {
			t.Errorf("after an empty list ann's friends are %v", got)
		}

		hooks.Reply(func(k imtest.Hook) imtest.H {
			switch {
			case k.Command != im.BeforeSetFriendRemark.String():
				return nil
			case k.Body["friendUserID"] == "bob":
				return imtest.Pass(imtest.H{"remark": "replaced"})
			}
			return imtest.Pass(imtest.H{"remark": ""}) // keeps
		})
		r.do("ann", "/friend/set_friend_remark", remarkBody("ann", "bob", "Bobby"))
		ann.next(t, "the remark", notice(im.ContentFriendRemark))
		if got := r.friends("ann")["bob"]; got != "replaced" {
			t.Errorf("remark %q", got)
		}
		r.do("ann", "/friend/update_friends", imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{"bob", "cid", "dan"}, "remark": "pal", "ex": "x"})
		changed := tips[sdkws.FriendsInfoUpdateTips](t, ann.next(t, "the remarks", notice(im.ContentFriendsUpdated)))
		if got := r.friends("ann"); got["bob"] != "replaced" || got["cid"] != "pal" || got["dan"] != "pal" || len(changed.FriendIDs) != 3 {
			t.Errorf("remarks %v, told of %v", got, changed.FriendIDs)
		}
		for friend, remark := range map[string]string{"bob": "replaced", "cid": "pal", "dan": "pal"} {
			hooks.Wait(t, im.AfterSetFriendRemark.String(), func(k imtest.Hook) bool {
				return k.Body["friendUserID"] == friend && k.Body["remark"] == remark
			})
		}
		hooks.Reply(func(k imtest.Hook) imtest.H { return imtest.Pass(imtest.H{"remark": string(make([]byte, 17<<10))}) })
		refused(t, "a remark that is too long", r.call("ann", "/friend/set_friend_remark", remarkBody("ann", "bob", "Bobby"), nil), 1001)
	})
}
