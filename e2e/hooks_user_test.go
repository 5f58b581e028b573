package e2e

import (
	"testing"

	"parley/imtest"
	"parley/internal/im"
)

// profile is a user as clients read one.
type profile struct {
	UserID, Nickname, FaceURL, Ex    string
	CreateTime                       int64
	AppMangerLevel, GlobalRecvMsgOpt int32
}

// profiles returns the users that exist among ids.
func (r *hookRun) profiles(ids ...string) map[string]profile {
	r.t.Helper()
	var out struct{ UsersInfo []profile }
	must(r.t, r.s.AsAdmin("/user/get_users_info", imtest.H{"userIDs": ids}, &out))
	byID := make(map[string]profile)
	for _, u := range out.UsersInfo {
		byID[u.UserID] = u
	}
	return byID
}

var askedOfUsers = []asked{
	{
		"register", im.BeforeUserRegister, nil, func(r *hookRun) error { return r.s.Register("eve", "fay") },
		func(r *hookRun) bool { return len(r.profiles("eve", "fay")) > 0 },
	},
	{"update_user_info", im.BeforeUpdateUserInfo, nil, func(r *hookRun) error {
		return r.call("ann", "/user/update_user_info", imtest.H{"userInfo": imtest.H{"userID": "ann", "nickname": "Anna"}}, nil)
	}, func(r *hookRun) bool { return r.profiles("ann")["ann"].Nickname == "Anna" }},
	{"update_user_info_ex", im.BeforeUpdateUserInfoEx, nil, func(r *hookRun) error {
		return r.call("ann", "/user/update_user_info_ex", imtest.H{"userInfo": imtest.H{"userID": "ann", "ex": "x"}}, nil)
	}, func(r *hookRun) bool { return r.profiles("ann")["ann"].Ex == "x" }},
}

// TestUserHooks: which calls about users cause which callbacks, and their bodies.
func TestUserHooks(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	r := newHookRun(t, s, hooks, "ann", "bob")
	info := func(body imtest.H) imtest.H { body["userID"] = "ann"; return imtest.H{"userInfo": body} }
	one := func(id, name string) imtest.H { return imtest.H{"users": []imtest.H{{"userID": id, "nickname": name}}} }
	r.play(nil, []string{"ann", "bob"}, []hookStep{
		{"a user", "", "/user/user_register", imtest.H{"users": []imtest.H{
			{"userID": "cid", "nickname": "Cid", "faceURL": "https://example.com/c.png", "ex": "x", "appMangerLevel": 1, "globalRecvMsgOpt": 2, "createTime": 5},
			{"userID": "dan", "nickname": "Dan"},
		}}, 0, []string{"BeforeUserRegister", "AfterUserRegister"}},
		{"a user who exists", "", "/user/user_register", one("ann", "Ann"), 1102, nil},
		{"a user with a wrong id", "", "/user/user_register", one("a:b", "Ann"), 1001, nil},
		{"by somebody else", "bob", "/user/user_register", one("eve", "Eve"), 1002, nil},
		{"a notification account", "", "/user/add_notification_account", imtest.H{"userID": "news", "nickName": "News", "faceURL": "f", "appMangerLevel": 3}, 0, nil},
		{
			"a profile by the older call", "ann", "/user/update_user_info", info(imtest.H{"nickname": "Anna", "faceURL": "https://example.com/a.png", "ex": "e"}),
			0,
			[]string{"BeforeUpdateUserInfo", "AfterUpdateUserInfo"},
		},
		{"nothing by the older call", "ann", "/user/update_user_info", info(imtest.H{"nickname": ""}), 0, []string{"BeforeUpdateUserInfo"}},
		{"another's profile", "bob", "/user/update_user_info", info(imtest.H{"nickname": "Hanna"}), 1002, nil},
		{"a profile", "ann", "/user/update_user_info_ex", info(imtest.H{"nickname": "Ann", "ex": ""}), 0, []string{"BeforeUpdateUserInfoEx", "AfterUpdateUserInfoEx"}},
		{"nothing", "ann", "/user/update_user_info_ex", info(imtest.H{}), 0, []string{"BeforeUpdateUserInfoEx"}},
		{"another's profile", "bob", "/user/update_user_info_ex", info(imtest.H{"nickname": "Hanna"}), 1002, nil},
		{"a profile of nobody", "", "/user/update_user_info_ex", imtest.H{"userInfo": imtest.H{"userID": "nobody", "ex": "x"}}, 1004, []string{"BeforeUpdateUserInfoEx"}},
		{"the receive option", "ann", "/user/set_global_msg_recv_opt", imtest.H{"userID": "ann", "globalRecvMsgOpt": 1}, 0, nil},
		{"a token", "", "/auth/get_user_token", imtest.H{"userID": "ann", "platformID": 1}, 0, nil},
	})
	// The first registration was that of the test itself; marks are profile changes too.
	bodies := map[string]imtest.Hook{}
	all, _ := hooks.All()
	for _, k := range all {
		users, _ := k.Body["users"].([]any)
		if len(users) > 0 && users[0].(imtest.H)["userID"] == "cid" || k.Body["nickName"] == "Anna" || k.Body["nickName"] == "Ann" {
			bodies[k.Command] = k
		}
	}
	for c := im.BeforeUserRegister; c <= im.AfterUpdateUserInfoEx; c++ {
		if k, ok := bodies[c.String()]; ok {
			goldenHook(t, k)
		} else {
			t.Errorf("no %s", c)
		}
	}
}

// TestAnswersAboutUsers applies what a business server puts in the place of the request.
func TestAnswersAboutUsers(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		r := newHookRun(t, s, hooks, "ann")
		pass := func(command im.Command, fields imtest.H) {
			hooks.Reply(func(k imtest.Hook) imtest.H {
				if k.Command != command.String() {
					return nil
				}
				return imtest.Pass(fields)
			})
		}
		pass(im.BeforeUserRegister, imtest.H{"users": []imtest.H{
			{"userID": "bob2", "nickname": "Bob", "faceURL": "f", "ex": "x", "appMangerLevel": 1, "globalRecvMsgOpt": 2, "createTime": 5}, {"userID": "cid2", "nickname": "Cid"},
		}})
		must(t, s.Register("bob", "cid"))
		got := r.profiles("bob", "cid", "bob2", "cid2")
		bob := got["bob2"]
		if len(got) != 2 || bob.CreateTime < 1e12 || bob != (profile{"bob2", "Bob", "f", "x", bob.CreateTime, 1, 2}) || got["cid2"].Nickname != "Cid" {
			t.Errorf("registered %+v", got)
		}
		told := hooks.Wait(t, im.AfterUserRegister.String(), func(k imtest.Hook) bool { return k.Body["users"].([]any)[0].(imtest.H)["userID"] == "bob2" })
		if ms := told.Body["users"].([]any)[0].(imtest.H)["createTime"]; ms != float64(bob.CreateTime) {
			t.Errorf("the event has the time %v, want %d", ms, bob.CreateTime)
		}

		pass(im.BeforeUserRegister, imtest.H{"users": imtest.H{"userID": "dan2", "nickname": "Dan"}}) // one object
		must(t, s.Register("dan"))
		if got := r.profiles("dan", "dan2"); len(got) != 1 || got["dan2"].Nickname != "Dan" {
			t.Errorf("registered %+v", got)
		}
		pass(im.BeforeUserRegister, imtest.H{"users": []imtest.H{}})
		must(t, s.Register("eve"))
		for name, list := range map[string][]imtest.H{
			"a wrong id":     {{"userID": "f:f", "nickname": "F"}},
			"no id":          {{"nickname": "F"}},
			"no nickname":    {{"userID": "fay"}},
			"somebody twice": {{"userID": "fay", "nickname": "F"}, {"userID": "fay", "nickname": "F"}},
		} {
			pass(im.BeforeUserRegister, imtest.H{"users": list})
			refused(t, name, s.Register("fay"), 1001)
		}
		pass(im.BeforeUserRegister, imtest.H{"users": []imtest.H{{"userID": "ann", "nickname": "F"}, {"userID": "fay", "nickname": "F"}}})
		refused(t, "somebody who exists", s.Register("fay"), 1102)
		if got := r.profiles("eve", "fay"); len(got) != 1 {
			t.Errorf("registered %+v", got)
		}

		// The older call leaves empty fields alone, in the answer as in the request.
		ann := profile{UserID: "ann", Nickname: "nick-ann", CreateTime: r.profiles("ann")["ann"].CreateTime}
		check := func(what string) {
			t.Helper()
			if got := r.profiles("ann")["ann"]; got != ann {
				t.Errorf("%s: %+v, want %+v", what, got, ann)
			}
		}
		set := func(path string, fields imtest.H) {
			t.Helper()
			fields["userID"] = "ann"
			must(t, r.call("ann", path, imtest.H{"userInfo": fields}, nil))
		}
		pass(im.BeforeUpdateUserInfo, imtest.H{"nickName": "N", "faceURL": "F", "ex": "E"})
		set("/user/update_user_info", imtest.H{"nickname": "Anna"})
		ann.Nickname, ann.FaceURL, ann.Ex = "N", "F", "E"
		check("all fields")
		pass(im.BeforeUpdateUserInfo, imtest.H{"nickName": "", "faceURL": "", "ex": imtest.H{"value": "E2"}})
		set("/user/update_user_info", imtest.H{"nickname": "Anna"})
		ann.Ex = "E2"
		check("empty fields")
		pass(im.BeforeUpdateUserInfo, imtest.H{"nickName": 5, "faceURL": nil})
		set("/user/update_user_info", imtest.H{"nickname": "Anna"})
		ann.Nickname = "Anna"
		check("a wrong type")

		pass(im.BeforeUpdateUserInfoEx, imtest.H{"nickName": "N", "ex": ""})
		set("/user/update_user_info_ex", imtest.H{"faceURL": "F2"})
		ann.Nickname, ann.FaceURL, ann.Ex = "N", "F2", ""
		check("fields that the user did not give")
		k := hooks.Wait(t, im.AfterUpdateUserInfoEx.String(), nil)
		if k.Body["nickName"] != "N" || k.Body["faceURL"] != "F2" || k.Body["ex"] != "" {
			t.Errorf("told %s", k.Raw)
		}
	})
}
