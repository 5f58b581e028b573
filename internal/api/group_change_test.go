package api

import "fmt"

func groupLifeScenarios() []scenario {
	const (
		setInfo    = "/group/set_group_info"
		setInfoEx  = "/group/set_group_info_ex"
		transfer   = "/group/transfer_group"
		dismiss    = "/group/dismiss_group"
		quit       = "/group/quit_group"
		kick       = "/group/kick_group"
		mute       = "/group/mute_group"
		unmute     = "/group/cancel_mute_group"
		muteOne    = "/group/mute_group_member"
		unmuteOne  = "/group/cancel_mute_group_member"
		setMember  = "/group/set_group_member_info"
		join       = "/group/join_group"
		invite     = "/group/invite_user_to_group"
		answer     = "/group/group_application_response"
		info       = "/group/get_groups_info"
		members    = "/group/get_group_member_list"
		record     = "/conversation/get_conversation"
		states     = "/msg/get_conversations_has_read_and_max_seq"
		pull       = "/msg/pull_msg_by_seq"
		joined     = "/group/get_full_join_group_ids"
		allMembers = `{"groupID":"garden","pagination":{"pageNumber":1,"showNumber":100}}`
		chatOf     = `{"ownerUserID":"%s","conversationID":"sg_garden"}`
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	// seen shows a change by what is read afterwards.
	seen := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	garden := func(rest string) string { return `{"groupID":"garden"` + rest + `}` }
	user := func(id string) string { return garden(`,"userID":"` + id + `"`) }
	muted := func(id string) string { return garden(`,"userID":"` + id + `","mutedSeconds":60`) }
	member := func(id, rest string) string {
		return fmt.Sprintf(`{"members":[{"groupID":"garden","userID":%q%s}]}`, id, rest)
	}
	apply := func(id string) string {
		return fmt.Sprintf(`{"groupID":"garden","reqMessage":"please","joinSource":3,"inviterUserID":%q,"ex":"x"}`, id)
	}
	inviteOf := func(ids string) string { return garden(`,"reason":"r","invitedUserIDs":` + ids) }
	answered := func(id string, result int) string {
		return garden(fmt.Sprintf(`,"fromUserID":%q,"handledMsg":"well","handleResult":%d`, id, result))
	}
	talk := sendGroup("bob", "garden", "hello")
	verify := func(n int) request {
		return request{"alice", setInfoEx, garden(fmt.Sprintf(`,"needVerification":%d`, n))}
	}
	applied := request{"erin", join, apply("erin")}
	invited := request{"carol", invite, inviteOf(`["erin"]`)}
	gone := request{"alice", dismiss, garden(``)}
	silent := request{"alice", setInfoEx, garden(`,"groupName":"New"`)}

	return []scenario{
		one("every kind", "bob", setInfo, `{"groupInfoForSet":{"groupID":"garden","groupName":"New","notification":"read","introduction":"i","faceURL":"f","ex":"","needVerification":1,"lookMemberInfo":1,"applyMemberFriend":1}}`),
		one("empty texts change nothing", "alice", setInfo, `{"groupInfoForSet":{"groupID":"garden","groupName":"","notification":"","introduction":"","faceURL":""}}`),
		one("by an ordinary member", "carol", setInfo, `{"groupInfoForSet":{"groupID":"garden","groupName":"New"}}`),
		one("no group", "alice", setInfo, `{}`),

		one("the name", "alice", setInfoEx, garden(`,"groupName":"New"`)),
		one("a blank name", "alice", setInfoEx, garden(`,"groupName":" ","ex":"e"`)),
		one("an announcement", "bob", setInfoEx, garden(`,"notification":"  read this  "`), talk),
		one("no announcement any more", "bob", setInfoEx, garden(`,"notification":" "`)),
		one("something else, cleared", admin, setInfoEx, garden(`,"introduction":"","needVerification":2`)),
		one("nothing", "alice", setInfoEx, garden(``)),
		one("null is nothing", "alice", setInfoEx, garden(`,"groupName":null`)),
		one("by an ordinary member", "carol", setInfoEx, garden(`,"groupName":"New"`)),
		one("by a stranger", "erin", setInfoEx, garden(`,"groupName":"New"`)),
		one("dismissed", admin, setInfoEx, `{"groupID":"past","groupName":"New"}`),
		one("unknown group", admin, setInfoEx, `{"groupID":"nowhere","groupName":"New"}`),
		one("zero byte", "alice", setInfoEx, garden(`,"groupName":"a\u0000b"`)),
		seen("a new announcement flags the chat", "carol", record, fmt.Sprintf(chatOf, "carol"), talk, request{"bob", setInfoEx, garden(`,"notification":"read"`)}),

		one("ok", "alice", transfer, garden(`,"oldOwnerUserID":"alice","newOwnerUserID":"bob"`)),
		one("to a muted member, by an administrator", admin, transfer, garden(`,"oldOwnerUserID":"alice","newOwnerUserID":"dave"`)),
		one("by another", "bob", transfer, garden(`,"oldOwnerUserID":"alice","newOwnerUserID":"bob"`)),
		one("what one does not own", "bob", transfer, garden(`,"oldOwnerUserID":"bob","newOwnerUserID":"carol"`)),
		one("from one who does not own it, by an administrator", admin, transfer, garden(`,"oldOwnerUserID":"bob","newOwnerUserID":"carol"`)),
		one("to oneself", "alice", transfer, garden(`,"oldOwnerUserID":"alice","newOwnerUserID":"alice"`)),
		one("to a stranger", "alice", transfer, garden(`,"oldOwnerUserID":"alice","newOwnerUserID":"erin"`)),
		one("dismissed", "alice", transfer, `{"groupID":"past","oldOwnerUserID":"alice","newOwnerUserID":"bob"}`),
		one("unknown group", "alice", transfer, `{"groupID":"nowhere","oldOwnerUserID":"alice","newOwnerUserID":"bob"}`),
		one("no new owner", "alice", transfer, garden(`,"oldOwnerUserID":"alice"`)),
		seen("after a transfer", "carol", members, allMembers, request{"alice", transfer, garden(`,"oldOwnerUserID":"alice","newOwnerUserID":"carol"`)}),

		one("ok", "alice", dismiss, garden(``), talk),
		one("members only", "alice", dismiss, garden(`,"deleteMember":true`)),
		one("without a chat message, by an administrator", admin, dismiss, garden(`,"sendMessage":false`)),
		one("by a group administrator", "bob", dismiss, garden(``)),
		one("dismissed", "alice", dismiss, `{"groupID":"past"}`),
		one("dismissed and empty", "alice", dismiss, garden(``), gone),
		one("unknown group", "alice", dismiss, `{"groupID":"nowhere"}`),
		seen("a dismissed group is in nobody's list", "bob", joined, `{"userID":"bob"}`, gone),
		seen("a dismissed group", "bob", info, `{"groupIDs":["garden"]}`, gone),
		seen("nothing can be said in a dismissed group", admin, "/msg/send_msg", `{"sendID":"alice","groupID":"garden","contentType":101,"sessionType":3,"content":{"content":"x"}}`, gone),

		one("ok", "carol", quit, garden(``), talk),
		one("a group administrator, with a marker of the order", "bob", quit, user("bob")),
		one("another, by an administrator", admin, quit, user("carol")),
		one("another", "bob", quit, user("carol")),
		one("the owner", "alice", quit, garden(``)),
		one("a stranger", "erin", quit, garden(``)),
		seen("one who has quit reads up to that", "carol", record, fmt.Sprintf(chatOf, "carol"), talk, request{"carol", quit, garden(``)}, talk),
		seen("one who has quit sees no later number", "carol", states, `{"userID":"carol"}`, talk, request{"carol", quit, garden(``)}, talk),
		seen("one who has quit pulls no later message", "carol", pull, `{"userID":"carol","seqRanges":[{"conversationID":"sg_garden","begin":1,"end":9,"num":9}]}`, talk, request{"carol", quit, garden(``)}, talk),
		seen("one who has quit and asks for the group is told so again", "carol", info, `{"groupIDs":["garden","hush"]}`, talk, request{"carol", quit, garden(``)}),

		one("ok", "alice", kick, garden(`,"kickedUserIDs":["carol","bob"],"reason":"r"`), talk),
		one("without a chat message", "bob", kick, garden(`,"kickedUserIDs":["dave"],"sendMessage":false`)),
		one("a group administrator by another", "bob", kick, garden(`,"kickedUserIDs":["alice2"]`)),
		one("by an ordinary member", "carol", kick, garden(`,"kickedUserIDs":["dave"]`)),
		one("by a stranger", "erin", kick, garden(`,"kickedUserIDs":["dave"]`)),
		one("by an administrator", admin, kick, garden(`,"kickedUserIDs":["bob"]`)),
		one("the owner", "bob", kick, garden(`,"kickedUserIDs":["alice"]`)),
		one("oneself", "bob", kick, garden(`,"kickedUserIDs":["bob"]`)),
		one("twice", "bob", kick, garden(`,"kickedUserIDs":["carol","carol"]`)),
		one("nobody", "bob", kick, garden(`,"kickedUserIDs":[]`)),
		one("no list", "bob", kick, garden(``)),
		one("unknown group", "bob", kick, `{"groupID":"nowhere","kickedUserIDs":["carol"]}`),

		one("ok", "bob", mute, garden(``)),
		one("by an ordinary member", "carol", mute, garden(``)),
		one("unknown group", "carol", mute, `{"groupID":"nowhere"}`),
		one("unknown group, by an administrator", admin, mute, `{"groupID":"nowhere"}`),
		one("dismissed", admin, mute, `{"groupID":"past"}`),
		seen("an ordinary member of a muted group is silent", admin, "/msg/send_msg", `{"sendID":"carol","groupID":"garden","contentType":101,"sessionType":3,"content":{"content":"x"}}`, request{"bob", mute, garden(``)}),
		one("ok", "bob", unmute, garden(``), request{"bob", mute, garden(``)}),
		one("by an ordinary member", "carol", unmute, garden(``)),

		one("ok", "bob", muteOne, muted("carol")),
		one("a group administrator by the owner", "alice", muteOne, muted("bob")),
		one("the owner, by an administrator", admin, muteOne, muted("alice")),
		one("the owner", "bob", muteOne, muted("alice")),
		one("by an ordinary member", "carol", muteOne, muted("dave")),
		one("by a stranger", "erin", muteOne, muted("dave")),
		one("a stranger", "bob", muteOne, muted("erin")),
		one("for no time", "bob", muteOne, garden(`,"userID":"carol","mutedSeconds":0`)),
		one("ok", "bob", unmuteOne, user("dave")),
		one("a group administrator by another", "bob", unmuteOne, user("alice")),
		one("a stranger", "bob", unmuteOne, user("erin")),
		one("no user", "bob", unmuteOne, garden(``)),
		seen("who is unmuted may speak", admin, "/msg/send_msg", `{"sendID":"dave","groupID":"garden","contentType":101,"sessionType":3,"content":{"content":"x"}}`, request{"bob", unmuteOne, user("dave")}),

		one("a name of one's own", "carol", setMember, member("carol", `,"nickname":"C","ex":"e"`)),
		one("a promotion and a name", "alice", setMember, member("carol", `,"nickname":"C","roleLevel":60`)),
		one("a demotion", "alice", setMember, member("bob", `,"roleLevel":20`)),
		one("nothing", "carol", setMember, member("carol", ``)),
		one("two groups", "alice", setMember, `{"members":[{"groupID":"garden","userID":"bob","nickname":"B"},{"groupID":"hush","userID":"bob","roleLevel":60}]}`),
		one("by an administrator who is no member", admin, setMember, member("carol", `,"faceURL":"f"`)),
		one("to owner", "alice", setMember, member("bob", `,"roleLevel":100`)),
		one("to an unknown role", "alice", setMember, member("bob", `,"roleLevel":30`)),
		one("the owner's own role", "alice", setMember, member("alice", `,"roleLevel":60`)),
		one("the owner's role, by an administrator", admin, setMember, member("alice", `,"roleLevel":60`)),
		one("one's own promotion", "carol", setMember, member("carol", `,"roleLevel":60`)),
		one("another, by an ordinary member", "carol", setMember, member("dave", `,"nickname":"D"`)),
		one("the owner, by a group administrator", "bob", setMember, member("alice", `,"nickname":"A"`)),
		one("a member twice", "alice", setMember, `{"members":[{"groupID":"garden","userID":"bob"},{"groupID":"garden","userID":"bob"}]}`),
		one("a stranger", "alice", setMember, member("erin", `,"nickname":"E"`)),
		one("by a stranger", "erin", setMember, member("dave", `,"nickname":"D"`)),
		one("nobody", "alice", setMember, `{"members":[]}`),
		one("null entry", "alice", setMember, `{"members":[null]}`),
		one("no list", "alice", setMember, `{}`),

		one("pending", "erin", join, apply("erin")),
		one("pending, by an administrator for a user", admin, join, apply("erin")),
		one("at once", "erin", join, apply("erin"), talk, verify(2)),
		one("for somebody else", "frank", join, apply("erin")),
		one("an unknown user", admin, join, apply("nobody")),
		one("a member", "carol", join, apply("carol")),
		one("a member, where everybody enters", "carol", join, apply("carol"), verify(2)),
		one("dismissed", "erin", join, `{"groupID":"past","joinSource":3,"inviterUserID":"erin"}`),
		one("unknown group", "erin", join, `{"groupID":"nowhere","joinSource":3,"inviterUserID":"erin"}`),
		one("no source", "erin", join, garden(`,"inviterUserID":"erin"`)),
		seen("history is there for who joins", "erin", pull, `{"userID":"erin","seqRanges":[{"conversationID":"sg_garden","begin":1,"end":1,"num":9}]}`, talk, verify(2), request{"erin", join, apply("erin")}),
		seen("who comes back has no bound", "carol", record, fmt.Sprintf(chatOf, "carol"), talk, request{"carol", quit, garden(``)}, request{"alice", invite, inviteOf(`["carol"]`)}),

		one("two, by an ordinary member", "carol", invite, inviteOf(`["erin","frank"]`), talk),
		one("by an administrator", admin, invite, inviteOf(`["erin"]`)),
		one("by an ordinary member, where that needs an answer", "carol", invite, inviteOf(`["erin"]`), verify(1)),
		one("by a group administrator, where that needs an answer", "bob", invite, garden(`,"invitedUserIDs":["erin"],"sendMessage":false`), verify(1)),
		one("members are passed over", "carol", invite, inviteOf(`["bob","erin"]`)),
		one("members only", "carol", invite, inviteOf(`["bob"]`)),
		one("an unknown user", "carol", invite, inviteOf(`["nobody"]`)),
		one("twice", "carol", invite, inviteOf(`["erin","erin"]`)),
		one("nobody", "carol", invite, inviteOf(`[]`)),
		one("by a stranger", "frank", invite, inviteOf(`["erin"]`)),
		one("dismissed", "alice", invite, `{"groupID":"past","invitedUserIDs":["erin"]}`),
		one("unknown group", "alice", invite, `{"groupID":"nowhere","invitedUserIDs":["erin"]}`),

		one("agreed", "bob", answer, answered("erin", 1), talk, applied),
		one("agreed to an invitation", "alice", answer, answered("erin", 1), verify(1), invited),
		one("agreed, in the group already", "alice", answer, answered("erin", 1), applied, request{"bob", invite, inviteOf(`["erin"]`)}),
		one("refused", "bob", answer, answered("erin", -1), applied),
		one("neither", "bob", answer, answered("erin", 0), applied),
		one("a second time", "bob", answer, answered("erin", 1), applied, request{"alice", answer, answered("erin", -1)}),
		one("by an ordinary member", "carol", answer, answered("erin", 1), applied),
		one("by a stranger", "erin", answer, answered("erin", 1), applied),
		one("no such application", "bob", answer, answered("erin", 1)),
		one("unknown group", admin, answer, `{"groupID":"nowhere","fromUserID":"erin","handleResult":1}`),

		seen("a renamed group", "erin", info, `{"groupIDs":["garden"]}`, silent),
	}
}
