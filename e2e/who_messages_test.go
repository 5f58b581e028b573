package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/url"

	"parley/imtest"
	"parley/internal/im"
)

// setting is a change of ann's record of the chat with bob.
func (w *whoWorld) setting(change imtest.H) imtest.H {
	return imtest.H{"userIDs": w.ids("ann"), "conversation": with(change, imtest.H{
		"conversationID": im.SingleConversationID(w.id("ann"), w.id("bob")), "conversationType": im.SessionSingle, "userID": w.id("bob"),
	})}
}

var whoConversations = []whoCase{
	{"/conversation/set_conversations:pinned", func(w *whoWorld) {
		w.say("ann", w.id("bob"), "")
		w.act("ann", w.setting(imtest.H{"isPinned": true}))
	}},
	{"/conversation/set_conversations:the same again", func(w *whoWorld) {
		w.say("ann", w.id("bob"), "")
		w.do("ann", "/conversation/set_conversations", w.setting(imtest.H{"isPinned": true}))
		w.act("ann", w.setting(imtest.H{"isPinned": true}))
	}},
	{"/conversation/set_conversations:private", func(w *whoWorld) {
		w.say("ann", w.id("bob"), "")
		w.act("ann", w.setting(imtest.H{"isPrivateChat": true}))
	}},
	{"/conversation/delete_conversations", func(w *whoWorld) {
		id := w.say("ann", w.id("bob"), "")
		w.act("ann", imtest.H{"ownerUserID": w.id("ann"), "conversationIDs": []string{id}})
	}},
	{"/conversation/update_conversations_by_user", func(w *whoWorld) {
		w.say("ann", w.id("bob"), "")
		w.act("ann", imtest.H{"userID": w.id("ann"), "ex": "e"})
	}},
}

// message is a body of the routes that send.
func (w *whoWorld) message(from string, contentType int32, content imtest.H, to imtest.H) imtest.H {
	session := im.SessionSingle
	if to["groupID"] != nil {
		session = im.SessionGroup
	}
	return with(imtest.H{
		"sendID": w.id(from), "senderPlatformID": im.PlatformAndroid, "content": content, "contentType": contentType, "sessionType": session,
	}, to)
}

// reply is the path that answers a message of bob's to ann.
func (w *whoWorld) reply() string {
	key, err := json.Marshal(imtest.H{"sendID": w.id("bob"), "recvID": w.id("ann"), "groupID": ""})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.route + "?" + url.Values{"key": {base64.StdEncoding.EncodeToString(key)}}.Encode()
}

var whoSent = []whoCase{
	{"/msg/send_msg:text", func(w *whoWorld) {
		w.act("admin", w.message("ann", im.ContentText, imtest.H{"content": "c"}, imtest.H{"recvID": w.id("bob")}))
	}},
	{"/msg/send_msg:online only", func(w *whoWorld) {
		w.act("admin", w.message("ann", im.ContentText, imtest.H{"content": "c"}, imtest.H{"recvID": w.id("bob"), "isOnlineOnly": true}))
	}},
	{"/msg/send_msg:text to a group", func(w *whoWorld) {
		w.act("admin", w.message("bob", im.ContentText, imtest.H{"content": "c"}, imtest.H{"groupID": w.group(nil)}))
	}},
	{"/msg/send_msg:naming a member", func(w *whoWorld) {
		w.talking()
		at := imtest.H{"text": "t", "atUserList": w.ids("cat"), "atUsersInfo": []imtest.H{}, "isAtSelf": false}
		w.act("admin", w.message("ann", im.ContentAtText, at, imtest.H{"groupID": w.id("g")}))
	}},
	{"/msg/send_msg:naming everybody", func(w *whoWorld) {
		w.talking()
		at := imtest.H{"text": "t", "atUserList": []string{im.AtAll}, "atUsersInfo": []imtest.H{}, "isAtSelf": false}
		w.act("admin", w.message("ann", im.ContentAtText, at, imtest.H{"groupID": w.id("g")}))
	}},
	{"/msg/send_msg:of a notification account", func(w *whoWorld) {
		w.do("admin", "/user/add_notification_account", imtest.H{"userID": w.id("news"), "nickName": "n", "appMangerLevel": 3})
		oa := imtest.H{"notificationName": "n", "notificationFaceURL": "f", "notificationType": 1, "text": "t"}
		w.act("admin", with(w.message("news", im.ContentOA, oa, imtest.H{"recvID": w.id("bob")}), imtest.H{"sessionType": im.SessionNotification}))
	}},
	{"/msg/batch_send_msg", func(w *whoWorld) {
		w.act("admin", w.message("ann", im.ContentText, imtest.H{"content": "c"}, imtest.H{"recvIDs": w.ids("bob", "cat")}))
	}},
	{"/msg/send_business_notification", func(w *whoWorld) {
		w.act("admin", imtest.H{"key": "k", "data": "d", "sendUserID": w.id("ann"), "recvUserID": w.id("bob")})
	}},
	{"/msg/send_business_notification:stored", func(w *whoWorld) {
		w.act("admin", imtest.H{"key": "k", "data": "d", "sendUserID": w.id("ann"), "recvUserID": w.id("bob"), "reliabilityLevel": 2, "sendMsg": true})
	}},
	{"/msg/send_business_notification:to a group", func(w *whoWorld) {
		w.act("admin", imtest.H{"key": "k", "data": "d", "sendUserID": w.id("ann"), "recvGroupID": w.group(nil), "reliabilityLevel": 2})
	}},
	{"/msg/send_simple_msg", func(w *whoWorld) {
		w.actAt("ann", w.reply(), imtest.H{"sendID": w.id("ann"), "content": "c"})
	}},
}

// upTo is a body that names a conversation and somebody's part in it.
func (w *whoWorld) upTo(conversationID, user string, more imtest.H) imtest.H {
	return with(imtest.H{"conversationID": conversationID, "userID": w.id(user)}, more)
}

// Whom a deletion reaches, as a request says it.
func whoSelf(h imtest.H) imtest.H {
	return with(h, imtest.H{"deleteSyncOpt": imtest.H{"IsSyncSelf": true}})
}

var whoChanged = []whoCase{
	{"/msg/revoke_msg", func(w *whoWorld) {
		w.act("ann", w.upTo(w.say("ann", w.id("bob"), ""), "ann", imtest.H{"seq": 1}))
	}},
	{"/msg/revoke_msg:in a group", func(w *whoWorld) {
		w.act("ann", w.upTo(w.say("cat", "", w.group(nil)), "ann", imtest.H{"seq": 1}))
	}},
	{"/msg/delete_msgs", func(w *whoWorld) {
		w.act("ann", w.upTo(w.say("ann", w.id("bob"), ""), "ann", imtest.H{"seqs": []int{1}}))
	}},
	{"/msg/delete_msgs:on all devices", func(w *whoWorld) {
		w.act("ann", whoSelf(w.upTo(w.say("ann", w.id("bob"), ""), "ann", imtest.H{"seqs": []int{1}})))
	}},
	{"/msg/delete_msgs:for everybody", func(w *whoWorld) {
		w.act("ann", everyone(w.upTo(w.say("ann", w.id("bob"), ""), "ann", imtest.H{"seqs": []int{1}})))
	}},
	{"/msg/delete_msgs:for everybody in a group", func(w *whoWorld) {
		w.act("ann", everyone(w.upTo(w.say("cat", "", w.group(nil)), "ann", imtest.H{"seqs": []int{1}})))
	}},
	{"/msg/clear_conversation_msg", func(w *whoWorld) {
		id := w.say("ann", w.id("bob"), "")
		w.act("ann", imtest.H{"conversationIDs": []string{id}, "userID": w.id("ann")})
	}},
	{"/msg/clear_conversation_msg:on all devices", func(w *whoWorld) {
		id := w.say("ann", w.id("bob"), "")
		w.act("ann", whoSelf(imtest.H{"conversationIDs": []string{id}, "userID": w.id("ann")}))
	}},
	{"/msg/clear_conversation_msg:for everybody", func(w *whoWorld) {
		id := w.say("ann", w.id("bob"), "")
		w.act("ann", everyone(imtest.H{"conversationIDs": []string{id}, "userID": w.id("ann")}))
	}},
	{"/msg/user_clear_all_msg", func(w *whoWorld) {
		w.say("ann", w.id("bob"), "")
		w.talking()
		w.act("ann", imtest.H{"userID": w.id("ann")})
	}},
	{"/msg/user_clear_all_msg:on all devices", func(w *whoWorld) {
		w.say("ann", w.id("bob"), "")
		w.act("ann", whoSelf(imtest.H{"userID": w.id("ann")}))
	}},
	{"/msg/mark_msgs_as_read", func(w *whoWorld) {
		w.act("bob", w.upTo(w.say("ann", w.id("bob"), ""), "bob", imtest.H{"seqs": []int{1}}))
	}},
	{"/msg/mark_msgs_as_read:in a group", func(w *whoWorld) {
		w.act("bob", w.upTo(w.say("ann", "", w.group(nil)), "bob", imtest.H{"seqs": []int{1}}))
	}},
	{"/msg/mark_conversation_as_read", func(w *whoWorld) {
		w.act("bob", w.upTo(w.say("ann", w.id("bob"), ""), "bob", imtest.H{"hasReadSeq": 1}))
	}},
	{"/msg/mark_conversation_as_read:of a group", func(w *whoWorld) {
		w.act("ann", w.upTo(w.say("bob", "", w.group(nil)), "ann", imtest.H{"hasReadSeq": 1}))
	}},
	{"/msg/set_conversation_has_read_seq", func(w *whoWorld) {
		w.act("ann", w.upTo(w.say("bob", w.id("ann"), ""), "ann", imtest.H{"hasReadSeq": 1}))
	}},
	{"/msg/delete_msg_phsical_by_seq", func(w *whoWorld) {
		w.act("admin", imtest.H{"conversationID": w.say("ann", w.id("bob"), ""), "seqs": []int{1}})
	}},
}
