package api

func conversationSetScenarios() []scenario {
	const (
		set    = "/conversation/set_conversations"
		byUser = "/conversation/update_conversations_by_user"
		remove = "/conversation/delete_conversations"
		sorted = "/conversation/get_sorted_conversation_list"
		silent = "/conversation/get_not_notify_conversation_ids"
		pinned = "/conversation/get_pinned_conversation_ids"
		get    = "/conversation/get_conversation"
		inc    = "/conversation/get_incremental_conversations"
		newest = "/msg/newest_seq"
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	chatted := func(name, as, path, body string, more ...request) scenario {
		given := []request{sendText("alice", "bob", "hi"), sendGroup("alice", "garden", "hi"), sendText("bob", "carol", "hi")}
		return scenario{name, append(given, more...), request{as, path, body}}
	}
	single := func(settings string) string {
		return `{"userIDs":["bob"],"conversation":{"conversationID":"si_alice_bob","conversationType":1,"userID":"alice"` + settings + `}}`
	}
	group := func(user, settings string) string {
		return `{"userIDs":["` + user + `"],"conversation":{"conversationID":"sg_garden","conversationType":3,"groupID":"garden"` + settings + `}}`
	}
	pin := request{"bob", set, single(`,"isPinned":true`)}
	head := request{"bob", inc, `{"userID":"bob"}`}
	delta := `{"userID":"bob","versionID":"$versionID","version":$version}`
	return []scenario{
		chatted("all settings", "bob", set, single(`,"recvMsgOpt":2,"isPinned":true,"attachedInfo":"a","ex":"e","burnDuration":30,"groupAtType":1,"msgDestructTime":86400,"isMsgDestruct":true,"minSeq":9,"maxSeq":9`)),
		chatted("all settings, read back", "bob", get, `{"ownerUserID":"bob","conversationID":"si_alice_bob"}`,
			request{"bob", set, single(`,"recvMsgOpt":2,"isPinned":true,"attachedInfo":"a","ex":"e","burnDuration":30,"groupAtType":1,"msgDestructTime":86400,"isMsgDestruct":true,"minSeq":9,"maxSeq":9`)}),
		chatted("a step in the log", "bob", inc, delta, head, pin),
		chatted("the same again", "bob", set, single(`,"isPinned":true`), pin),
		chatted("nothing supplied", "bob", set, single(``)),
		one("a missing record", "bob", set, single(`,"isPinned":true`)),
		one("a missing record, read back", "bob", get, `{"ownerUserID":"bob","conversationID":"si_alice_bob"}`, pin),
		one("a missing record of a group", "dave", set, group("dave", `,"isPinned":true`)),
		one("a missing record of a strange group", "erin", set, group("erin", `,"isPinned":true`)),
		one("a record of a strange chat", "erin", set, `{"userIDs":["erin"],"conversation":{"conversationID":"si_alice_bob","conversationType":1,"userID":"alice","isPinned":true}}`),
		chatted("private chat", "bob", set, single(`,"isPrivateChat":true`)),
		one("private chat without records", "bob", set, single(`,"isPrivateChat":true`)),
		chatted("private chat, the other side", "alice", get, `{"ownerUserID":"alice","conversationID":"si_alice_bob"}`, request{"bob", set, single(`,"isPrivateChat":true,"isPinned":true`)}),
		chatted("private chat of a group", "bob", set, group("bob", `,"isPrivateChat":true`)),
		one("private chat with a stranger's id", "erin", set, `{"userIDs":["erin"],"conversation":{"conversationID":"si_alice_bob","conversationType":1,"userID":"alice","isPrivateChat":true}}`),
		one("private chat with somebody who has blocked one", "erin", set, `{"userIDs":["erin"],"conversation":{"conversationID":"si_alice_erin","conversationType":1,"userID":"alice","isPrivateChat":true}}`),
		one("private chat with somebody blocked", "alice", set, `{"userIDs":["alice"],"conversation":{"conversationID":"si_alice_erin","conversationType":1,"userID":"erin","isPrivateChat":true}}`),
		one("private chat with nobody", "bob", set, `{"userIDs":["bob"],"conversation":{"conversationID":"si_bob_nobody","conversationType":1,"userID":"nobody","isPrivateChat":true}}`),
		chatted("several users by an administrator", admin, set, `{"userIDs":["bob","alice"],"conversation":{"conversationID":"sg_garden","conversationType":3,"groupID":"garden","recvMsgOpt":2}}`),
		chatted("of somebody else", "alice", set, single(`,"isPinned":true`)),
		one("no users", "bob", set, `{"userIDs":[],"conversation":{"conversationID":"si_alice_bob","conversationType":1,"userID":"alice"}}`),
		one("no conversation", "bob", set, `{"userIDs":["bob"]}`),
		one("type 0", "bob", set, `{"userIDs":["bob"],"conversation":{"conversationID":"si_alice_bob","userID":"alice"}}`),
		one("type 1 without a user", "bob", set, `{"userIDs":["bob"],"conversation":{"conversationID":"si_alice_bob","conversationType":1}}`),
		one("type 3 without a group", "bob", set, `{"userIDs":["bob"],"conversation":{"conversationID":"sg_garden","conversationType":3}}`),
		one("type 2 of an unknown group", "bob", set, `{"userIDs":["bob"],"conversation":{"conversationID":"g_x","conversationType":2,"groupID":"x","isPinned":true}}`),
		one("type 2 of a dismissed group", "bob", set, `{"userIDs":["bob"],"conversation":{"conversationID":"g_past","conversationType":2,"groupID":"past","isPinned":true}}`),
		one("a zero byte", "bob", set, single(`,"ex":"\u0000"`)),
		one("an age beyond reason", "bob", set, single(`,"msgDestructTime":9223372036854775807`)),
		chatted("not received any more", admin, "/msg/send_msg", `{"sendID":"alice","recvID":"bob","content":{"content":"x"},"contentType":101,"sessionType":1}`,
			request{"bob", set, single(`,"recvMsgOpt":1`)}),

		chatted("ok", "bob", byUser, `{"userID":"bob","ex":"seen"}`),
		chatted("read back", "carol", get, `{"ownerUserID":"carol","conversationID":"si_bob_carol"}`, request{"bob", byUser, `{"userID":"bob","ex":"seen"}`}),
		chatted("nothing supplied", "bob", byUser, `{"userID":"bob"}`),
		chatted("of somebody else", "alice", byUser, `{"userID":"bob","ex":"seen"}`),

		chatted("ok", "bob", remove, `{"ownerUserID":"bob","conversationIDs":["si_alice_bob","si_bob_nobody"]}`),
		chatted("the log", "bob", inc, delta, head, request{"bob", remove, `{"ownerUserID":"bob","conversationIDs":["si_alice_bob","si_bob_nobody"]}`}),
		chatted("back with the next message", "bob", newest, `{"userID":"bob"}`,
			request{"bob", remove, `{"ownerUserID":"bob","conversationIDs":["si_alice_bob","sg_garden"]}`},
			sendText("alice", "bob", "again"), sendGroup("alice", "garden", "again"), sendText("alice", "bob", "and again")),
		chatted("gone until the next message", "bob", newest, `{"userID":"bob"}`,
			request{"bob", remove, `{"ownerUserID":"bob","conversationIDs":["si_alice_bob","sg_garden"]}`}),
		chatted("none that old", "bob", remove, `{"ownerUserID":"bob","needDeleteTime":1}`),
		one("those that old", "bob", remove, `{"ownerUserID":"bob","needDeleteTime":1}`,
			request{admin, "/msg/send_msg", `{"sendID":"alice","recvID":"bob","sendTime":1767000000000,"content":{"content":"old"},"contentType":101,"sessionType":1}`}),
		one("neither", "bob", remove, `{"ownerUserID":"bob"}`),
		one("both", "bob", remove, `{"ownerUserID":"bob","needDeleteTime":1,"conversationIDs":["si_alice_bob"]}`),
		chatted("of somebody else", "alice", remove, `{"ownerUserID":"bob","conversationIDs":["si_alice_bob"]}`),

		chatted("ok", "bob", sorted, `{"userID":"bob","pagination":{"pageNumber":1,"showNumber":2}}`, pin),
		chatted("second page", "bob", sorted, `{"userID":"bob","pagination":{"pageNumber":2,"showNumber":2}}`, pin),
		chatted("named", "bob", sorted, `{"userID":"bob","conversationIDs":["sg_garden"],"pagination":{"pageNumber":1,"showNumber":5}}`),
		one("without messages the newest record first", "bob", sorted, `{"userID":"bob","pagination":{"pageNumber":1,"showNumber":5}}`,
			request{"bob", set, single(`,"ex":"e"`)}, request{"bob", set, group("bob", `,"ex":"e"`)}),
		one("without a message", "bob", sorted, `{"userID":"bob","pagination":{"pageNumber":1,"showNumber":5}}`, pin),
		one("none", "erin", sorted, `{"userID":"erin","pagination":{"pageNumber":1,"showNumber":5}}`),
		one("no pagination", "erin", sorted, `{"userID":"erin"}`),
		one("page 0", "erin", sorted, `{"userID":"erin","pagination":{"pageNumber":0,"showNumber":5}}`),
		one("of somebody else", "alice", sorted, `{"userID":"bob","pagination":{"pageNumber":1,"showNumber":5}}`),

		chatted("ok", "bob", silent, `{"userID":"bob"}`, request{"bob", set, single(`,"recvMsgOpt":2`)}, request{"bob", set, group("bob", `,"recvMsgOpt":1`)}),
		chatted("none", "bob", silent, `{"userID":"bob"}`),
		one("of somebody else", "alice", silent, `{"userID":"bob"}`),
		chatted("ok", "bob", pinned, `{"userID":"bob"}`, pin),
		chatted("none", "bob", pinned, `{"userID":"bob"}`),
		one("of somebody else", "alice", pinned, `{"userID":"bob"}`),
	}
}
