package api

import "fmt"

func groupScenarios() []scenario {
	const (
		create  = "/group/create_group"
		info    = "/group/get_groups_info"
		list    = "/group/get_group_member_list"
		some    = "/group/get_group_members_info"
		joined  = "/group/get_joined_group_list"
		incJoin = "/group/get_incremental_join_groups"
		inc     = "/group/get_incremental_group_members"
		batch   = "/group/get_incremental_group_members_batch"
		ids     = "/group/get_full_group_member_user_ids"
		joinIDs = "/group/get_full_join_group_ids"
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	page := func(number, show int, rest string) string {
		return fmt.Sprintf(`{"pagination":{"pageNumber":%d,"showNumber":%d},%s}`, number, show, rest)
	}
	// Of the garden's log: head at 4, so a client at 3 lacks one step.
	head := request{"alice", inc, `{"groupID":"garden"}`}
	at := func(version string) string {
		return `{"groupID":"garden","versionID":"$versionID","version":` + version + `}`
	}
	renamed := request{"alice", "/user/update_user_info", `{"userInfo":{"userID":"alice","nickname":"Alicia"}}`}
	joinedHead := request{"carol", incJoin, `{"userID":"carol"}`}
	newGroup := request{"alice", create, `{"memberUserIDs":["carol"],"groupInfo":{"groupID":"fresh","groupType":2,"groupName":"Fresh"},"ownerUserID":"alice"}`}
	return []scenario{
		one("ok", "alice", create, `{"memberUserIDs":["carol","dave"],"adminUserIDs":["bob"],"ownerUserID":"alice","groupInfo":{"groupID":"fresh","groupName":"Fresh",
			"notification":"","introduction":"i","faceURL":"f","ownerUserID":"x","createTime":1,"memberCount":9,"ex":"e","status":0,"creatorUserID":"alice","groupType":2,
			"needVerification":1,"lookMemberInfo":1,"applyMemberFriend":1,"notificationUpdateTime":7,"notificationUserID":"u"}}`),
		one("with an announcement", "alice", create, `{"ownerUserID":"alice","groupInfo":{"groupID":"fresh","groupType":2,"notification":"read this"}}`),
		one("without a chat message", "alice", create, `{"ownerUserID":"alice","sendMessage":false,"groupInfo":{"groupID":"fresh","groupType":2}}`),
		one("without an id", "alice", create, `{"ownerUserID":"alice","groupInfo":{"groupType":2}}`),
		one("by an administrator", admin, create, `{"ownerUserID":"alice","memberUserIDs":["bob"],"groupInfo":{"groupID":"fresh","groupType":2}}`),
		one("of the old type", "alice", create, `{"ownerUserID":"alice","groupInfo":{"groupType":0}}`),
		one("of an unknown type", "alice", create, `{"ownerUserID":"alice","groupInfo":{"groupType":3}}`),
		one("for somebody else", "bob", create, `{"ownerUserID":"alice","groupInfo":{"groupType":2}}`),
		one("a member twice", "alice", create, `{"ownerUserID":"alice","memberUserIDs":["bob","bob"],"groupInfo":{"groupType":2}}`),
		one("the owner among the members", "alice", create, `{"ownerUserID":"alice","memberUserIDs":["alice"],"groupInfo":{"groupType":2}}`),
		one("unknown member", "alice", create, `{"ownerUserID":"alice","memberUserIDs":["nobody"],"groupInfo":{"groupType":2}}`),
		one("the id exists", "alice", create, `{"ownerUserID":"alice","groupInfo":{"groupID":"garden","groupType":2}}`),
		one("an id with '_'", "alice", create, `{"ownerUserID":"alice","groupInfo":{"groupID":"alice_team_bob","groupType":2}}`),
		one("an id that joins two users", "alice", create, `{"ownerUserID":"alice","groupInfo":{"groupID":"alice_bob","groupType":2}}`),
		one("an id that joins two users in no order of theirs", "alice", create, `{"ownerUserID":"alice","groupInfo":{"groupID":"bob_alice","groupType":2}}`),
		one("an id that joins two users, by an administrator", admin, create, `{"ownerUserID":"alice","groupInfo":{"groupID":"alice_bob","groupType":2}}`),
		one("no groupInfo", "alice", create, `{"ownerUserID":"alice"}`),
		one("no owner", "alice", create, `{"groupInfo":{"groupType":2}}`),

		one("ok, by anybody", "erin", info, `{"groupIDs":["past","garden","nowhere","garden"]}`),
		one("none known", "erin", info, `{"groupIDs":["nowhere"]}`),
		one("empty list", "erin", info, `{"groupIDs":[]}`),
		one("no list", "erin", info, `{}`),

		one("all", "carol", list, page(1, 100, `"groupID":"garden"`)),
		one("second page", "carol", list, page(2, 3, `"groupID":"garden","filter":5`)),
		one("past the end", "carol", list, page(3, 3, `"groupID":"garden"`)),
		one("page of nothing", "carol", list, page(1, 0, `"groupID":"garden"`)),
		one("by a user's name", "carol", list, page(1, 10, `"groupID":"garden","keyword":"^A.*e$"`)),
		one("by the group's name for a member", "carol", list, page(1, 10, `"groupID":"garden","keyword":"the garden"`)),
		one("by a name that the group does not show", "carol", list, page(1, 10, `"groupID":"garden","keyword":"^Carol$"`)),
		one("second page of a search", "carol", list, page(2, 1, `"groupID":"garden","keyword":"a"`)),
		one("a keyword that is no pattern", "carol", list, page(1, 10, `"groupID":"garden","keyword":"("`)),
		one("by an administrator", admin, list, page(1, 1, `"groupID":"garden"`)),
		one("not a member", "erin", list, page(1, 100, `"groupID":"garden"`)),
		one("not a member, by keyword", "erin", list, page(1, 100, `"groupID":"garden","keyword":"a"`)),
		one("unknown group", "erin", list, page(1, 100, `"groupID":"nowhere"`)),
		one("page 0", "carol", list, page(0, 100, `"groupID":"garden"`)),
		one("no pagination", "carol", list, `{"groupID":"garden"}`),
		one("filter 6", "carol", list, page(1, 100, `"groupID":"garden","filter":6`)),
		one("no group", "carol", list, page(1, 100, `"groupID":""`)),

		one("ok", "carol", some, `{"groupID":"garden","userIDs":["carol","erin","alice"]}`),
		one("none of them", "carol", some, `{"groupID":"garden","userIDs":["erin"]}`),
		one("empty list", "carol", some, `{"groupID":"garden","userIDs":[]}`),
		one("no list", "carol", some, `{"groupID":"garden"}`),
		one("not a member", "erin", some, `{"groupID":"garden","userIDs":["carol"]}`),

		one("ok", "bob", joined, page(1, 100, `"fromUserID":"bob"`)),
		one("second page", "bob", joined, page(2, 1, `"fromUserID":"bob"`)),
		one("in none", "erin", joined, page(1, 100, `"fromUserID":"erin"`)),
		one("of somebody else", "erin", joined, page(1, 100, `"fromUserID":"bob"`)),
		one("no user", "erin", joined, page(1, 100, `"fromUserID":""`)),

		one("first contact", "carol", incJoin, `{"userID":"carol"}`),
		one("first contact of somebody in no group", "erin", incJoin, `{"userID":"erin"}`),
		one("nothing new", "carol", incJoin, `{"userID":"carol","versionID":"$versionID","version":$version}`, joinedHead),
		one("a new group", "carol", incJoin, `{"userID":"carol","versionID":"$versionID","version":1}`, newGroup, joinedHead),
		one("of somebody else", "erin", incJoin, `{"userID":"carol"}`),
		one("of nobody", admin, incJoin, `{}`),

		one("first contact", "carol", inc, `{"groupID":"garden"}`),
		one("nothing new", "carol", inc, at("4"), head),
		one("one step behind", "carol", inc, at("3"), head),
		one("changed and inserted", "carol", inc, at("3"), renamed, head),
		one("ahead of the log", "carol", inc, at("5"), head),
		one("not a member", "erin", inc, `{"groupID":"garden"}`),
		one("dismissed", "bob", inc, `{"groupID":"past"}`),
		one("unknown group, by an administrator", admin, inc, `{"groupID":"nowhere"}`),

		one("several; dismissed, foreign and unknown ones are left out", "bob", batch, `{"userID":"ignored","reqList":[{"groupID":"garden","versionID":"$versionID","version":3},
			{"groupID":"garden"},{"groupID":"past"},{"groupID":"nowhere"},{"groupID":"hush"},null]}`, head),
		one("nothing to answer", "erin", batch, `{"userID":"erin","reqList":[{"groupID":"garden"}]}`),
		one("no list", "erin", batch, `{}`),

		one("ok", "carol", ids, `{"groupID":"garden","idHash":0}`),
		one("the client has them", "carol", ids, `{"groupID":"garden","idHash":$idHash(alice bob carol dave)}`),
		one("not a member", "erin", ids, `{"groupID":"garden"}`),
		one("no group", "erin", ids, `{}`),

		one("ok, without the dismissed one", "bob", joinIDs, `{"userID":"bob","idHash":1}`),
		one("in none", "erin", joinIDs, `{"userID":"erin"}`),
		one("of somebody else", "erin", joinIDs, `{"userID":"bob"}`),
		one("no user", "erin", joinIDs, `{}`),
	}
}
