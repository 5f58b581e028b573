package api

import "fmt"

func groupListScenarios() []scenario {
	const (
		search    = "/group/get_groups"
		ids       = "/group/get_group_member_user_id"
		abstract  = "/group/get_group_abstract_info"
		received  = "/group/get_recv_group_applicationList"
		own       = "/group/get_user_req_group_applicationList"
		ofUsers   = "/group/get_group_users_req_application_list"
		specified = "/group/get_specified_user_group_request_info"
		pending   = "/group/get_group_application_unhandled_count"
		join      = "/group/join_group"
		answer    = "/group/group_application_response"
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	page := func(number, show int, rest string) string {
		return fmt.Sprintf(`{"pagination":{"pageNumber":%d,"showNumber":%d}%s}`, number, show, rest)
	}
	apply := func(user, group string) request {
		return request{user, join, fmt.Sprintf(`{"groupID":%q,"reqMessage":"please","joinSource":3,"inviterUserID":%q,"ex":"x"}`, group, user)}
	}
	some := []request{
		apply("erin", "garden"), apply("frank", "hush"), apply("frank", "garden"), apply("erin", "hush"),
		{"alice", answer, `{"groupID":"hush","fromUserID":"frank","handledMsg":"no","handleResult":-1}`},
	}
	with := func(name, as, path, body string) scenario { return one(name, as, path, body, some...) }
	return []scenario{
		one("all", "erin", search, page(1, 10, ``)),
		one("second page", "erin", search, page(2, 1, ``)),
		one("past the end", "erin", search, page(9, 10, ``)),
		one("by name", "erin", search, page(1, 10, `,"groupName":"^Gar.*s$"`)),
		one("by a name that none has", "erin", search, page(1, 10, `,"groupName":"zzz"`)),
		one("by no pattern", "erin", search, page(1, 10, `,"groupName":"("`)),
		one("by id, a dismissed one", "erin", search, page(1, 10, `,"groupID":"past"`)),
		one("by an unknown id", "erin", search, page(1, 10, `,"groupID":"nowhere"`)),
		one("page 0", "erin", search, page(0, 10, ``)),
		one("no pagination", "erin", search, `{}`),

		one("ok", "carol", ids, `{"groupID":"garden"}`),
		one("not a member", "erin", ids, `{"groupID":"garden"}`),
		one("unknown group, by an administrator", admin, ids, `{"groupID":"nowhere"}`),
		one("no group", "carol", ids, `{}`),

		one("ok", "bob", abstract, `{"groupIDs":["hush","garden"]}`),
		one("twice", "bob", abstract, `{"groupIDs":["hush","hush"]}`),
		one("empty list", "bob", abstract, `{"groupIDs":[]}`),
		one("no list", "bob", abstract, `{}`),
		one("not a member", "carol", abstract, `{"groupIDs":["hush"]}`),
		one("unknown group, by an administrator", admin, abstract, `{"groupIDs":["nowhere"]}`),

		with("of all groups that one runs", "alice", received, page(1, 10, `,"fromUserID":"alice"`)),
		with("second page", "alice", received, page(2, 3, `,"fromUserID":"alice"`)),
		with("page of nothing", "alice", received, page(1, 0, `,"fromUserID":"alice"`)),
		with("pending ones of one group", "bob", received, page(1, 10, `,"fromUserID":"bob","groupIDs":["garden","garden"],"handleResults":[0]`)),
		with("refused ones", "alice", received, page(1, 10, `,"fromUserID":"alice","handleResults":[-1,1]`)),
		with("of one who runs none", "carol", received, page(1, 10, `,"fromUserID":"carol"`)),
		with("of a group that one does not run", "bob", received, page(1, 10, `,"fromUserID":"bob","groupIDs":["hush"]`)),
		with("of somebody else", "bob", received, page(1, 10, `,"fromUserID":"alice"`)),
		one("no pagination", "alice", received, `{"fromUserID":"alice"}`),
		one("no user", "alice", received, page(1, 10, ``)),

		with("all", "frank", own, page(1, 10, `,"userID":"frank"`)),
		with("of one group", "frank", own, page(1, 10, `,"userID":"frank","groupIDs":["garden"],"handleResults":[0]`)),
		one("none", "frank", own, page(1, 10, `,"userID":"frank"`)),
		with("of somebody else", "erin", own, page(1, 10, `,"userID":"frank"`)),
		one("of an unknown user", admin, own, page(1, 10, `,"userID":"nobody"`)),
		one("no user", "frank", own, page(1, 10, ``)),

		with("ok", "bob", ofUsers, `{"groupID":"garden","userIDs":["frank","erin","carol"]}`),
		with("of one user", "bob", ofUsers, `{"groupID":"garden","userIDs":["frank"]}`),
		with("of nobody", "bob", ofUsers, `{"groupID":"garden","userIDs":[]}`),
		with("by an ordinary member", "carol", ofUsers, `{"groupID":"garden","userIDs":["frank"]}`),
		with("no list", "bob", ofUsers, `{"groupID":"garden"}`),

		with("one's own", "frank", specified, `{"groupID":"garden","userID":"frank"}`),
		with("by who runs the group", "bob", specified, `{"groupID":"garden","userID":"frank"}`),
		with("none", "bob", specified, `{"groupID":"garden","userID":"gina"}`),
		with("of somebody else", "carol", specified, `{"groupID":"garden","userID":"frank"}`),

		with("all", "alice", pending, `{"userID":"alice"}`),
		with("of later than all", "alice", pending, `{"userID":"alice","time":9999999999999}`),
		with("of one who runs none", "erin", pending, `{"userID":"erin"}`),
		with("of somebody else", "bob", pending, `{"userID":"alice"}`),
	}
}
