package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"strings"

	"parley/imtest"
	"parley/internal/im"
)

// authzBodies makes the body of each row: one that whoever may do it gets "ok" for.
func authzBodies() map[string]func(*cell) imtest.H {
	all := map[string]func(*cell) imtest.H{}
	for _, part := range []map[string]func(*cell) imtest.H{userBodies, msgBodies, friendBodies, conversationBodies, groupBodies, operatorBodies, webhookBodies, objectBodies} {
		maps.Copy(all, part)
	}
	return all
}

var firstPage = imtest.H{"pageNumber": 1, "showNumber": 10}

// always is a body that is the same for every cell.
func always(h imtest.H) func(*cell) imtest.H { return func(*cell) imtest.H { return h } }

// about are bodies that name ann by one key.
func about(key string) func(*cell) imtest.H {
	return always(imtest.H{key: ann, "pagination": firstPage})
}

// with returns a copy of a body with more keys.
func with(h imtest.H, more imtest.H) imtest.H {
	out := imtest.H{}
	maps.Copy(out, h)
	maps.Copy(out, more)
	return out
}

// command is a stored command of ann's.
func command(c *cell) imtest.H {
	h := imtest.H{"userID": ann, "type": 1, "value": "v"}
	h["uuid"] = c.once("command", func() string {
		id := c.fresh()
		c.do("/user/process_user_command_add", with(h, imtest.H{"uuid": id}))
		return id
	})
	return h
}

var userBodies = map[string]func(*cell) imtest.H{
	"/auth/get_admin_token":         always(imtest.H{"secret": imtest.Secret, "userID": imtest.AdminID}),
	"/auth/get_admin_token:guessed": always(imtest.H{"secret": "guessed", "userID": imtest.AdminID}),
	// Platforms that nobody uses here: tokens of Android must stay.
	"/auth/get_user_token": always(imtest.H{"userID": ann, "platformID": 1}),
	"/auth/parse_token":    func(c *cell) imtest.H { return imtest.H{"token": c.w.tokens[ann]} },
	"/auth/force_logout":   always(imtest.H{"userID": ann, "platformID": 3}),

	"/user/user_register": func(c *cell) imtest.H {
		return imtest.H{"users": []imtest.H{{"userID": c.fresh(), "nickname": "n"}}}
	},
	"/user/get_users_info":                always(imtest.H{"userIDs": []string{ann}}),
	"/user/update_user_info":              always(imtest.H{"userInfo": imtest.H{"userID": ann, "ex": "e"}}),
	"/user/update_user_info_ex":           always(imtest.H{"userInfo": imtest.H{"userID": ann, "ex": "e"}}),
	"/user/account_check":                 always(imtest.H{"checkUserIDs": []string{ann}}),
	"/user/set_global_msg_recv_opt":       always(imtest.H{"userID": ann, "globalRecvMsgOpt": 0}),
	"/user/get_users":                     always(imtest.H{"pagination": firstPage}),
	"/user/get_all_users_uid":             always(imtest.H{"pagination": firstPage}),
	"/user/get_users_online_status":       always(imtest.H{"userIDs": []string{ann}}),
	"/user/get_users_online_token_detail": always(imtest.H{"userIDs": []string{ann}}),
	"/user/get_users_status":              always(imtest.H{"userIDs": []string{ann}}),
	"/user/subscribe_users_status":        always(imtest.H{"userID": ann, "userIDs": []string{fri}, "genre": 1}),
	"/user/get_subscribe_users_status":    always(imtest.H{"userID": ann}),
	"/user/process_user_command_add": func(c *cell) imtest.H {
		return imtest.H{"userID": ann, "type": 1, "uuid": c.fresh(), "value": "v"}
	},
	"/user/process_user_command_delete":  command,
	"/user/process_user_command_update":  command,
	"/user/process_user_command_get":     always(imtest.H{"userID": ann, "type": 1}),
	"/user/process_user_command_get_all": always(imtest.H{"userID": ann}),
	"/user/add_notification_account": func(c *cell) imtest.H {
		return imtest.H{"userID": c.fresh(), "nickName": "n", "appMangerLevel": 3}
	},
	"/user/update_notification_account":   always(imtest.H{"userID": "notice", "nickName": "n"}),
	"/user/search_notification_account":   always(imtest.H{"pagination": firstPage}),
	"/user/get_user_client_config":        always(imtest.H{"userID": ann}),
	"/user/get_user_client_config:global": always(imtest.H{}),
	"/user/set_user_client_config":        always(imtest.H{"userID": ann, "configs": imtest.H{"k": "v"}}),
	"/user/set_user_client_config:own": func(c *cell) imtest.H {
		return imtest.H{"userID": c.actor, "configs": imtest.H{"k": "v"}}
	},
	"/user/del_user_client_config":  always(imtest.H{"userID": ann, "keys": []string{"k"}}),
	"/user/page_user_client_config": always(imtest.H{"userID": ann, "pagination": firstPage}),
}

// sending is a text on /msg/send_msg.
func sending(from string) imtest.H {
	return imtest.H{
		"sendID": from, "recvID": fri, "senderPlatformID": im.PlatformAndroid, "content": imtest.H{"content": "hello"},
		"contentType": im.ContentText, "sessionType": im.SessionSingle,
	}
}

// replyKey is what the hook of a message gives to who answers it.
func (c *cell) replyKey(sendID, recvID, groupID string) {
	key, err := json.Marshal(imtest.H{"sendID": sendID, "recvID": recvID, "groupID": groupID})
	c.err = err
	c.query = "?" + url.Values{"key": {base64.StdEncoding.EncodeToString(key)}}.Encode()
}

// pull asks for a conversation in the actor's own name, and looks for one message.
func (c *cell) pull(conversationID, clientMsgID string) imtest.H {
	c.secret = clientMsgID
	return imtest.H{"userID": c.actor, "seqRanges": []imtest.H{{"conversationID": conversationID, "begin": 1, "end": 100, "num": 100}}}
}

// forge gives the actor a record of a conversation, if the server lets that happen.
func (c *cell) forge(conversation, setting imtest.H) {
	c.attempt("/conversation/set_conversations", imtest.H{
		"userIDs": []string{c.actor}, "conversation": with(conversation, setting),
	})
}

// attempt is an actor's trick: a refusal is as good as a success that is of no use.
func (c *cell) attempt(path string, body imtest.H) {
	if c.err != nil {
		return
	}
	var refused *imtest.Error
	if err := c.w.s.Post(c.w.tokens[c.actor], path, body, nil); err != nil && !errors.As(err, &refused) {
		c.err = err
	}
}

func everyone(h imtest.H) imtest.H {
	return with(h, imtest.H{"deleteSyncOpt": imtest.H{"IsSyncOther": true}})
}

var msgBodies = map[string]func(*cell) imtest.H{
	"/msg/send_msg":                   always(sending(ann)),
	"/msg/send_msg:own":               func(c *cell) imtest.H { return sending(c.actor) },
	"/msg/batch_send_msg":             always(with(sending(ann), imtest.H{"recvIDs": []string{fri}})),
	"/msg/send_business_notification": always(imtest.H{"key": "k", "data": "d", "sendUserID": ann, "recvUserID": fri}),
	"/msg/send_simple_msg": func(c *cell) imtest.H {
		c.replyKey(fri, ann, "") // the answer goes the other way
		return imtest.H{"sendID": ann, "content": "hello"}
	},
	"/msg/send_simple_msg:group": func(c *cell) imtest.H {
		c.replyKey(mem, "", c.w.group)
		return imtest.H{"sendID": ann, "content": "hello"}
	},
	"/msg/check_msg_is_send_success": always(imtest.H{}),
	"/msg/get_server_time":           always(imtest.H{}),

	"/msg/revoke_msg": func(c *cell) imtest.H {
		peer := c.freshPeer()
		return imtest.H{"conversationID": im.SingleConversationID(ann, peer), "seq": 1, "userID": ann}
	},
	"/msg/revoke_msg:chat": func(c *cell) imtest.H {
		if c.relation == "friend" { // the one who got the message
			return imtest.H{"conversationID": chat, "seq": 3, "userID": fri}
		}
		peer := c.freshPeer()
		return imtest.H{"conversationID": im.SingleConversationID(ann, peer), "seq": 1, "userID": c.actor}
	},
	"/msg/revoke_msg:group": func(c *cell) imtest.H {
		g, _ := c.heard(ann)
		return imtest.H{"conversationID": im.GroupConversationID(g), "seq": 1, "userID": c.actor}
	},
	"/msg/revoke_msg:group-owners": func(c *cell) imtest.H {
		g, _ := c.heard(own)
		return imtest.H{"conversationID": im.GroupConversationID(g), "seq": 1, "userID": c.actor}
	},
	"/msg/delete_msgs":          always(imtest.H{"conversationID": spoilt, "seqs": []int{2}, "userID": ann}),
	"/msg/delete_msgs:everyone": always(everyone(imtest.H{"conversationID": spoilt, "seqs": []int{2}, "userID": ann})),
	"/msg/delete_msgs:chat": func(c *cell) imtest.H {
		return imtest.H{"conversationID": chat, "seqs": []int{4}, "userID": c.actor}
	},
	"/msg/delete_msgs:chat-everyone": func(c *cell) imtest.H {
		return everyone(imtest.H{"conversationID": chat, "seqs": []int{5}, "userID": c.actor})
	},
	"/msg/delete_msg_phsical_by_seq": always(imtest.H{"conversationID": spoilt, "seqs": []int{3}}),
	"/msg/delete_msg_physical":       always(imtest.H{"conversationIDs": []string{spoilt}, "timestamp": 1}),
	"/msg/clear_conversation_msg":    always(imtest.H{"conversationIDs": []string{spoilt}, "userID": ann}),
	"/msg/user_clear_all_msg":        always(imtest.H{"userID": ann}),
	"/msg/search_msg":                always(imtest.H{"pagination": firstPage}),
	"/msg/newest_seq":                about("userID"),

	"/msg/pull_msg_by_seq":      func(c *cell) imtest.H { return with(c.pull(chat, c.w.said), imtest.H{"userID": ann}) },
	"/msg/pull_msg_by_seq:chat": func(c *cell) imtest.H { return c.pull(chat, c.w.said) },
	"/msg/pull_msg_by_seq:notices": func(c *cell) imtest.H {
		return c.pull(im.NotificationID(chat), c.w.noticed)
	},
	"/msg/pull_msg_by_seq:forged": func(c *cell) imtest.H {
		c.forge(imtest.H{"conversationID": chat, "conversationType": im.SessionSingle, "userID": fri}, imtest.H{"isPinned": true})
		return c.pull(chat, c.w.said)
	},
	// The private mode is set in two records, in another way than the rest.
	"/msg/pull_msg_by_seq:forged-private": func(c *cell) imtest.H {
		c.forge(imtest.H{"conversationID": chat, "conversationType": im.SessionSingle, "userID": fri}, imtest.H{"isPrivateChat": true})
		return c.pull(chat, c.w.said)
	},
	// The notices of a pair and those of a group may have the same id: the actor
	// makes the group.
	"/msg/pull_msg_by_seq:squatted": func(c *cell) imtest.H {
		peer := c.fresh()
		c.do("/user/user_register", imtest.H{"users": []imtest.H{{"userID": peer, "nickname": peer}}})
		noticed := c.notify(peer, "")
		id := im.NotificationID(im.SingleConversationID(ann, peer))
		c.attempt("/group/create_group", imtest.H{
			"ownerUserID": c.actor, "memberUserIDs": []string{vic},
			"groupInfo": imtest.H{"groupID": strings.TrimPrefix(id, "n_"), "groupType": 2},
		})
		return c.pull(id, noticed)
	},
	"/msg/pull_msg_by_seq:group-before": func(c *cell) imtest.H {
		g, said := c.heard(ann)
		return c.pull(im.GroupConversationID(g), said)
	},
	// Nothing was said before exm was expelled: a bound of 0 is no bound.
	"/msg/pull_msg_by_seq:group-after": func(c *cell) imtest.H {
		g := c.freshGroup()
		said := c.once("said", func() string { return c.say("", g) })
		return c.pull(im.GroupConversationID(g), said)
	},
	"/msg/pull_msg_by_seq:group-notices": func(c *cell) imtest.H {
		g, _ := c.heard(ann)
		id := c.once("noticed", func() string { return c.notify("", g) })
		return c.pull(im.NotificationID(im.GroupConversationID(g)), id)
	},
	"/msg/pull_msg_by_seq:group-forged": func(c *cell) imtest.H {
		g := c.freshGroup()
		said := c.once("said", func() string { return c.say("", g) })
		id := im.GroupConversationID(g)
		c.forge(imtest.H{"conversationID": id, "conversationType": im.SessionGroup, "groupID": g}, imtest.H{"isPinned": true})
		return c.pull(id, said)
	},
	"/msg/mark_msgs_as_read":                      always(imtest.H{"conversationID": chat, "userID": ann, "seqs": []int{1}}),
	"/msg/mark_conversation_as_read":              always(imtest.H{"conversationID": chat, "userID": ann, "hasReadSeq": 1}),
	"/msg/set_conversation_has_read_seq":          always(imtest.H{"conversationID": chat, "userID": ann, "hasReadSeq": 1}),
	"/msg/get_conversations_has_read_and_max_seq": about("userID"),
	"/msg/get_conversations_has_read_and_max_seq:chat": func(c *cell) imtest.H {
		c.secret = `"maxSeqTime":1` // the first digit of a time; 0 says nothing
		return imtest.H{"userID": c.actor, "conversationIDs": []string{chat}}
	},
	"/msg/set_conversation_has_read_seq:chat": func(c *cell) imtest.H {
		return imtest.H{"conversationID": chat, "userID": c.actor, "hasReadSeq": 1}
	},
	"/msg/mark_msgs_as_read:chat": func(c *cell) imtest.H {
		return imtest.H{"conversationID": chat, "userID": c.actor, "seqs": []int{1}}
	},
	"/msg/mark_conversation_as_read:chat": func(c *cell) imtest.H {
		return imtest.H{"conversationID": chat, "userID": c.actor, "hasReadSeq": 1}
	},
}

var friendBodies = map[string]func(*cell) imtest.H{
	"/friend/get_friend_list":          about("userID"),
	"/friend/get_black_list":           about("userID"),
	"/friend/get_incremental_friends":  about("userID"),
	"/friend/get_full_friend_user_ids": about("userID"),
	"/friend/add_friend":               always(imtest.H{"fromUserID": ann, "toUserID": app}),
	"/friend/add_friend:subject":       func(c *cell) imtest.H { return imtest.H{"fromUserID": c.actor, "toUserID": ann} },
	"/friend/add_friend_response": func(c *cell) imtest.H {
		c.once("asked", func() string { // again, after a refusal
			c.do("/friend/add_friend", imtest.H{"fromUserID": app, "toUserID": ann})
			return ""
		})
		return imtest.H{"fromUserID": app, "toUserID": ann, "handleResult": -1}
	},
	"/friend/add_friend_response:agree": func(c *cell) imtest.H {
		from := c.actor
		if from == ann || from == fri || from == imtest.AdminID || c.relation == "none" {
			from = c.freshUser() // others may not become friends of ann's here
		}
		c.once("asked by "+from, func() string {
			c.do("/friend/add_friend", imtest.H{"fromUserID": from, "toUserID": ann})
			return ""
		})
		return imtest.H{"fromUserID": from, "toUserID": ann, "handleResult": 1}
	},
	"/friend/import_friend": always(imtest.H{"ownerUserID": ann, "friendUserIDs": []string{fri}}),
	"/friend/import_friend:own": func(c *cell) imtest.H {
		return imtest.H{"ownerUserID": c.actor, "friendUserIDs": []string{wip}}
	},
	"/friend/delete_friend":                  always(imtest.H{"ownerUserID": ann, "friendUserID": wip}),
	"/friend/set_friend_remark":              always(imtest.H{"ownerUserID": ann, "friendUserID": fri, "remark": "r"}),
	"/friend/update_friends":                 always(imtest.H{"ownerUserID": ann, "friendUserIDs": []string{fri}, "ex": "e"}),
	"/friend/get_designated_friends":         always(imtest.H{"ownerUserID": ann, "friendUserIDs": []string{fri}}),
	"/friend/get_friend_id":                  about("userID"),
	"/friend/is_friend":                      always(imtest.H{"userID1": ann, "userID2": fri}),
	"/friend/get_specified_friends_info":     always(imtest.H{"ownerUserID": ann, "userIDList": []string{fri}}),
	"/friend/get_friend_apply_list":          about("userID"),
	"/friend/get_self_friend_apply_list":     about("userID"),
	"/friend/get_designated_friend_apply":    always(imtest.H{"fromUserID": ann, "toUserID": fri}),
	"/friend/get_self_unhandled_apply_count": about("userID"),
	"/friend/add_black": func(c *cell) imtest.H {
		return imtest.H{"ownerUserID": ann, "blackUserID": c.freshUser()}
	},
	"/friend/remove_black":           always(imtest.H{"ownerUserID": ann, "blackUserID": wip}),
	"/friend/get_specified_blacks":   always(imtest.H{"ownerUserID": ann, "userIDList": []string{blo}}),
	"/friend/get_incremental_blacks": about("userID"),
}

var conversationBodies = map[string]func(*cell) imtest.H{
	"/conversation/set_conversations": always(imtest.H{
		"userIDs": []string{ann}, "conversation": imtest.H{"conversationID": chat, "conversationType": 1, "userID": fri, "ex": "e"},
	}),
	"/conversation/set_conversations:both": always(imtest.H{
		"userIDs": []string{ann, wip}, "conversation": imtest.H{"conversationID": spoilt, "conversationType": 1, "userID": wip, "ex": "e"},
	}),
	"/conversation/update_conversations_by_user": always(imtest.H{"userID": ann, "ex": "e"}),
	// One that nobody looks at: unknown ones are deleted, too.
	"/conversation/delete_conversations":            always(imtest.H{"ownerUserID": ann, "conversationIDs": []string{"si_ann_gone"}}),
	"/conversation/get_sorted_conversation_list":    always(imtest.H{"userID": ann, "conversationIDs": []string{chat}, "pagination": firstPage}),
	"/conversation/get_not_notify_conversation_ids": about("userID"),
	"/conversation/get_pinned_conversation_ids":     about("userID"),
	"/conversation/get_conversation":                always(imtest.H{"ownerUserID": ann, "conversationID": chat}),
	"/conversation/get_conversations":               always(imtest.H{"ownerUserID": ann, "conversationIDs": []string{chat}}),
	"/conversation/get_all_conversations":           about("ownerUserID"),
	"/conversation/get_owner_conversation":          about("userID"),
	"/conversation/get_incremental_conversations":   about("userID"),
	"/conversation/get_full_conversation_ids":       about("userID"),
	"/conversation/get_conversation:chat":           func(c *cell) imtest.H { return imtest.H{"ownerUserID": c.actor, "conversationID": chat} },
	"/conversation/get_sorted_conversation_list:chat": func(c *cell) imtest.H {
		return imtest.H{"userID": c.actor, "conversationIDs": []string{chat}, "pagination": firstPage}
	},
}
