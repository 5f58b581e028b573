package e2e

import (
	"parley/imtest"
	"parley/internal/im"
)

// whoCase is a request, after what has to come before it.
type whoCase struct {
	name string // route, or route:case
	play func(w *whoWorld)
}

func whoCases() (all []whoCase) {
	for _, part := range [][]whoCase{whoUsers, whoFriends, whoGroups, whoMembers, whoConversations, whoSent, whoChanged} {
		all = append(all, part...)
	}
	return all
}

// befriend makes two friends of each other, and waits for what they are told of it.
func (w *whoWorld) befriend(a, b string) {
	w.do("admin", "/friend/import_friend", imtest.H{"ownerUserID": w.id(a), "friendUserIDs": w.ids(b)})
}

// pair is a body that names two people.
func (w *whoWorld) pair(key, a, otherKey, b string) imtest.H {
	return imtest.H{key: w.id(a), otherKey: w.id(b)}
}

func (w *whoWorld) apply(from, to string) {
	w.do(from, "/friend/add_friend", w.pair("fromUserID", from, "toUserID", to))
}

var whoUsers = []whoCase{
	{"/user/update_user_info", func(w *whoWorld) {
		w.befriend("ann", "dan")
		w.group(nil)
		w.act("ann", imtest.H{"userInfo": imtest.H{"userID": w.id("ann"), "nickname": "Anna"}})
	}},
	{"/user/update_user_info_ex", func(w *whoWorld) {
		w.befriend("ann", "dan")
		w.group(nil)
		w.act("ann", imtest.H{"userInfo": imtest.H{"userID": w.id("ann"), "faceURL": "f"}})
	}},
	{"/user/update_user_info_ex:what nobody shows", func(w *whoWorld) {
		w.befriend("ann", "dan")
		w.group(nil)
		w.act("ann", imtest.H{"userInfo": imtest.H{"userID": w.id("ann"), "ex": "e"}})
	}},
	{"/user/update_user_info_ex:by an administrator", func(w *whoWorld) {
		w.act("admin", imtest.H{"userInfo": imtest.H{"userID": w.id("ann"), "ex": "e"}})
	}},
	{"/user/set_global_msg_recv_opt", func(w *whoWorld) {
		w.act("ann", imtest.H{"userID": w.id("ann"), "globalRecvMsgOpt": 2})
	}},
}

var whoFriends = []whoCase{
	{"/friend/add_friend", func(w *whoWorld) { w.act("ann", w.pair("fromUserID", "ann", "toUserID", "bob")) }},
	{"/friend/add_friend_response:agree", func(w *whoWorld) {
		w.apply("ann", "bob")
		w.act("bob", with(w.pair("fromUserID", "ann", "toUserID", "bob"), imtest.H{"handleResult": 1}))
	}},
	{"/friend/add_friend_response:refuse", func(w *whoWorld) {
		w.apply("ann", "bob")
		w.act("bob", with(w.pair("fromUserID", "ann", "toUserID", "bob"), imtest.H{"handleResult": -1}))
	}},
	{"/friend/import_friend", func(w *whoWorld) {
		w.act("admin", imtest.H{"ownerUserID": w.id("ann"), "friendUserIDs": w.ids("bob", "cat")})
	}},
	{"/friend/delete_friend", func(w *whoWorld) {
		w.befriend("ann", "bob")
		w.act("ann", w.pair("ownerUserID", "ann", "friendUserID", "bob"))
	}},
	{"/friend/set_friend_remark", func(w *whoWorld) {
		w.befriend("ann", "bob")
		w.act("ann", with(w.pair("ownerUserID", "ann", "friendUserID", "bob"), imtest.H{"remark": "r"}))
	}},
	{"/friend/update_friends", func(w *whoWorld) {
		w.befriend("ann", "bob")
		w.act("ann", imtest.H{"ownerUserID": w.id("ann"), "friendUserIDs": w.ids("bob"), "isPinned": true})
	}},
	// The phone that asks is spared: it loads the list after the answer.
	{"/friend/add_black", func(w *whoWorld) { w.act("ann", w.pair("ownerUserID", "ann", "blackUserID", "bob")) }},
	{"/friend/add_black:by an administrator", func(w *whoWorld) { w.act("admin", w.pair("ownerUserID", "ann", "blackUserID", "bob")) }},
	{"/friend/remove_black", func(w *whoWorld) {
		w.do("ann", "/friend/add_black", w.pair("ownerUserID", "ann", "blackUserID", "bob"))
		w.act("ann", w.pair("ownerUserID", "ann", "blackUserID", "bob"))
	}},
}

// founding is a body that makes the group of whoWorld.group.
func (w *whoWorld) founding(more imtest.H) imtest.H {
	return with(imtest.H{
		"ownerUserID": w.id("ann"), "adminUserIDs": w.ids("bob"), "memberUserIDs": w.ids("cat"),
		"groupInfo": imtest.H{"groupID": w.id("g"), "groupType": 2},
	}, more)
}

// about is a body about the group.
func (w *whoWorld) about(more imtest.H) imtest.H { return with(imtest.H{"groupID": w.id("g")}, more) }

// talking is a group where something was said, so that its members have a record of the chat.
func (w *whoWorld) talking() {
	w.say("ann", "", w.group(nil))
}

var whoGroups = []whoCase{
	{"/group/create_group", func(w *whoWorld) { w.act("ann", w.founding(nil)) }},
	{"/group/create_group:without a chat message", func(w *whoWorld) { w.act("ann", w.founding(imtest.H{"sendMessage": false})) }},
	{"/group/create_group:with an announcement, by an administrator", func(w *whoWorld) {
		w.act("admin", w.founding(imtest.H{"groupInfo": imtest.H{"groupID": w.id("g"), "groupType": 2, "notification": "n"}}))
	}},
	{"/group/set_group_info", func(w *whoWorld) {
		w.talking()
		w.act("ann", imtest.H{"groupInfoForSet": w.about(imtest.H{"groupName": "n", "notification": "n", "introduction": "i"})})
	}},
	{"/group/set_group_info_ex:name", func(w *whoWorld) {
		w.group(nil)
		w.act("bob", w.about(imtest.H{"groupName": "n"}))
	}},
	{"/group/set_group_info_ex:announcement", func(w *whoWorld) {
		w.talking()
		w.act("ann", w.about(imtest.H{"notification": "n"}))
	}},
	{"/group/set_group_info_ex:no announcement any more", func(w *whoWorld) {
		w.talking()
		w.act("ann", w.about(imtest.H{"notification": ""}))
	}},
	{"/group/set_group_info_ex:introduction", func(w *whoWorld) {
		w.group(nil)
		w.act("ann", w.about(imtest.H{"introduction": "i"}))
	}},
	{"/group/transfer_group:to a muted member", func(w *whoWorld) {
		w.group(nil)
		w.do("ann", "/group/mute_group_member", w.about(imtest.H{"userID": w.id("cat"), "mutedSeconds": 60}))
		w.act("ann", w.about(w.pair("oldOwnerUserID", "ann", "newOwnerUserID", "cat")))
	}},
	{"/group/dismiss_group", func(w *whoWorld) {
		w.talking()
		w.act("ann", w.about(nil))
	}},
	{"/group/dismiss_group:members only", func(w *whoWorld) {
		w.talking()
		w.act("ann", w.about(imtest.H{"deleteMember": true}))
	}},
	{"/group/mute_group", func(w *whoWorld) {
		w.group(nil)
		w.act("bob", w.about(nil))
	}},
	{"/group/cancel_mute_group", func(w *whoWorld) {
		w.group(nil)
		w.do("ann", "/group/mute_group", w.about(nil))
		w.act("bob", w.about(nil))
	}},
}

func (w *whoWorld) asks(applicant string) {
	w.do(applicant, "/group/join_group", w.about(imtest.H{"joinSource": im.JoinBySearch, "inviterUserID": w.id(applicant)}))
}

// oneMember is a change of one member.
func (w *whoWorld) oneMember(name string, change imtest.H) imtest.H {
	return imtest.H{"members": []imtest.H{w.about(with(change, imtest.H{"userID": w.id(name)}))}}
}

var whoMembers = []whoCase{
	{"/group/join_group:at once", func(w *whoWorld) {
		w.group(imtest.H{"needVerification": im.VerifyNothing})
		w.act("dan", w.about(imtest.H{"joinSource": im.JoinBySearch, "inviterUserID": w.id("dan")}))
	}},
	{"/group/join_group:asking", func(w *whoWorld) {
		w.group(nil)
		w.act("dan", w.about(imtest.H{"joinSource": im.JoinBySearch, "inviterUserID": w.id("dan")}))
	}},
	{"/group/invite_user_to_group", func(w *whoWorld) {
		w.talking()
		w.act("cat", w.about(imtest.H{"invitedUserIDs": w.ids("dan", "eve")}))
	}},
	{"/group/invite_user_to_group:where that needs an answer", func(w *whoWorld) {
		w.group(imtest.H{"needVerification": 1})
		w.act("cat", w.about(imtest.H{"invitedUserIDs": w.ids("dan", "eve")}))
	}},
	{"/group/group_application_response:agree", func(w *whoWorld) {
		w.group(nil)
		w.asks("dan")
		w.act("bob", w.about(imtest.H{"fromUserID": w.id("dan"), "handleResult": 1}))
	}},
	{"/group/group_application_response:agree to an invitation", func(w *whoWorld) {
		w.group(imtest.H{"needVerification": 1})
		w.do("cat", "/group/invite_user_to_group", w.about(imtest.H{"invitedUserIDs": w.ids("dan")}))
		w.act("ann", w.about(imtest.H{"fromUserID": w.id("dan"), "handleResult": 1}))
	}},
	{"/group/group_application_response:refuse", func(w *whoWorld) {
		w.group(nil)
		w.asks("dan")
		w.act("bob", w.about(imtest.H{"fromUserID": w.id("dan"), "handleResult": -1}))
	}},
	{"/group/kick_group", func(w *whoWorld) {
		w.talking()
		w.act("bob", w.about(imtest.H{"kickedUserIDs": w.ids("cat")}))
	}},
	{"/group/kick_group:without a chat message", func(w *whoWorld) {
		w.talking()
		w.act("ann", w.about(imtest.H{"kickedUserIDs": w.ids("bob", "cat"), "sendMessage": false}))
	}},
	{"/group/quit_group", func(w *whoWorld) {
		w.talking()
		w.act("cat", w.about(imtest.H{"userID": w.id("cat")}))
	}},
	{"/group/mute_group_member", func(w *whoWorld) {
		w.group(nil)
		w.act("bob", w.about(imtest.H{"userID": w.id("cat"), "mutedSeconds": 60}))
	}},
	{"/group/cancel_mute_group_member", func(w *whoWorld) {
		w.group(nil)
		w.do("ann", "/group/mute_group_member", w.about(imtest.H{"userID": w.id("cat"), "mutedSeconds": 60}))
		w.act("bob", w.about(imtest.H{"userID": w.id("cat")}))
	}},
	{"/group/set_group_member_info:name", func(w *whoWorld) {
		w.group(nil)
		w.act("cat", w.oneMember("cat", imtest.H{"nickname": "n"}))
	}},
	{"/group/set_group_member_info:to admin", func(w *whoWorld) {
		w.group(nil)
		w.act("ann", w.oneMember("cat", imtest.H{"roleLevel": im.RoleAdmin}))
	}},
	{"/group/set_group_member_info:to ordinary member", func(w *whoWorld) {
		w.group(nil)
		w.act("ann", w.oneMember("bob", imtest.H{"roleLevel": im.RoleMember}))
	}},
}
