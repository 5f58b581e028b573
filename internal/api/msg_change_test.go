package api

import "fmt"

func msgChangeScenarios() []scenario {
	const (
		revoke   = "/msg/revoke_msg"
		remove   = "/msg/delete_msgs"
		wipe     = "/msg/delete_msg_phsical_by_seq"
		before   = "/msg/delete_msg_physical"
		clearOne = "/msg/clear_conversation_msg"
		clearAll = "/msg/user_clear_all_msg"
		pull     = "/msg/pull_msg_by_seq"
		states   = "/msg/get_conversations_has_read_and_max_seq"
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	talk := []request{sendText("alice", "bob", "one"), sendText("alice", "bob", "two"), sendText("bob", "alice", "three")}
	chatted := func(name, as, path, body string, more ...request) scenario {
		return scenario{name, append(talk[:3:3], more...), request{as, path, body}}
	}
	crowd := []request{sendGroup("alice", "garden", "from the owner"), sendGroup("carol", "garden", "from a member"), sendGroup("dave", "hush", "x")}[:2]
	inGroup := func(name, as, path, body string, more ...request) scenario {
		return scenario{name, append(crowd[:2:2], more...), request{as, path, body}}
	}
	seq := func(user string, n int, conversation string) string {
		return fmt.Sprintf(`{"userID":%q,"conversationID":%q,"seq":%d}`, user, conversation, n)
	}
	all := func(user, conversation string) string {
		return fmt.Sprintf(`{"userID":%q,"seqRanges":[{"conversationID":%q,"begin":1,"end":9,"num":9}],"order":0}`, user, conversation)
	}
	revoked := request{"alice", revoke, seq("alice", 1, "si_alice_bob")}
	quote := request{admin, "/msg/send_msg", `{"sendID":"bob","recvID":"alice","contentType":114,"sessionType":1,"content":{"text":"really?",
		"quoteMessage":{"seq":1,"clientMsgID":"$clientMsgID","contentType":101,"sendID":"alice","content":"{}","textElem":{"content":"one"}}}}`}
	return []scenario{
		chatted("one's own", "alice", revoke, seq("alice", 1, "si_alice_bob")),
		chatted("twice", "alice", revoke, seq("alice", 1, "si_alice_bob"), revoked),
		chatted("seen by the other", "bob", pull, all("bob", "si_alice_bob"), revoked),
		chatted("the notification", "bob", pull, all("bob", "n_alice_bob"), revoked),
		one("quoted", "alice", pull, all("alice", "si_alice_bob"), sendText("alice", "bob", "one"), quote, revoked),
		one("quoted, not revoked", "alice", pull, all("alice", "si_alice_bob"), sendText("alice", "bob", "one"), quote),
		one("quoted by another's number", "alice", pull, all("alice", "si_alice_bob"), sendText("alice", "bob", "one"), sendText("alice", "bob", "two"), quote, revoked),
		chatted("another's", "bob", revoke, seq("bob", 1, "si_alice_bob")),
		chatted("by an administrator", admin, revoke, seq("alice", 1, "si_alice_bob")),
		chatted("by an administrator, for the receiver", admin, revoke, seq("bob", 1, "si_alice_bob")),
		chatted("for somebody else", "bob", revoke, seq("alice", 1, "si_alice_bob")),
		inGroup("a member's by the owner", "alice", revoke, seq("alice", 2, "sg_garden")),
		inGroup("a member's by an admin", "bob", revoke, seq("bob", 2, "sg_garden")),
		inGroup("the owner's by an admin", "bob", revoke, seq("bob", 1, "sg_garden")),
		inGroup("the owner's by a member", "carol", revoke, seq("carol", 1, "sg_garden")),
		inGroup("by a stranger", "erin", revoke, seq("erin", 1, "sg_garden")),
		chatted("no such message", "alice", revoke, seq("alice", 7, "si_alice_bob")),
		chatted("of an unknown user", admin, revoke, seq("nobody", 1, "si_alice_bob")),
		chatted("a wiped one", "alice", revoke, seq("alice", 1, "si_alice_bob"), request{admin, wipe, `{"conversationID":"si_alice_bob","seqs":[1]}`}),
		one("number 0", "alice", revoke, seq("alice", 0, "si_alice_bob")),
		one("no conversation", "alice", revoke, `{"userID":"alice","seq":1}`),

		chatted("for oneself", "bob", remove, `{"userID":"bob","conversationID":"si_alice_bob","seqs":[1,3,77]}`),
		chatted("for oneself, pulled", "bob", pull, all("bob", "si_alice_bob"), request{"bob", remove, `{"userID":"bob","conversationID":"si_alice_bob","seqs":[1,3,77]}`}),
		chatted("for oneself, pulled by the other", "alice", pull, all("alice", "si_alice_bob"), request{"bob", remove, `{"userID":"bob","conversationID":"si_alice_bob","seqs":[1,3]}`}),
		chatted("on all devices", "bob", remove, `{"userID":"bob","conversationID":"si_alice_bob","seqs":[1],"deleteSyncOpt":{"IsSyncSelf":true}}`),
		chatted("for everybody", "alice", remove, `{"userID":"alice","conversationID":"si_alice_bob","seqs":[1],"deleteSyncOpt":{"isSyncOther":true,"isSyncSelf":true}}`),
		chatted("for everybody, pulled", "bob", pull, all("bob", "si_alice_bob"), request{"alice", remove, `{"userID":"alice","conversationID":"si_alice_bob","seqs":[1,2],"deleteSyncOpt":{"IsSyncOther":true}}`}),
		inGroup("a member's for everybody by an admin", "bob", remove, `{"userID":"bob","conversationID":"sg_garden","seqs":[2],"deleteSyncOpt":{"IsSyncOther":true}}`),
		inGroup("the owner's for everybody by a member", "carol", remove, `{"userID":"carol","conversationID":"sg_garden","seqs":[1,2],"deleteSyncOpt":{"IsSyncOther":true}}`),
		chatted("for everybody by a stranger", "erin", remove, `{"userID":"erin","conversationID":"si_alice_bob","seqs":[1],"deleteSyncOpt":{"IsSyncOther":true}}`),
		chatted("by a stranger", "erin", remove, `{"userID":"erin","conversationID":"si_alice_bob","seqs":[1]}`),
		chatted("of somebody else", "alice", remove, `{"userID":"bob","conversationID":"si_alice_bob","seqs":[1]}`),
		chatted("none", "bob", remove, `{"userID":"bob","conversationID":"si_alice_bob","seqs":[]}`),
		one("no list", "bob", remove, `{"userID":"bob","conversationID":"si_alice_bob"}`),
		one("no conversation", "bob", remove, `{"userID":"bob","seqs":[1]}`),

		chatted("ok", admin, wipe, `{"conversationID":"si_alice_bob","seqs":[2,99]}`),
		chatted("wiped, pulled", "alice", pull, all("alice", "si_alice_bob"), request{admin, wipe, `{"conversationID":"si_alice_bob","seqs":[2]}`}),
		chatted("by a user", "alice", wipe, `{"conversationID":"si_alice_bob","seqs":[1]}`),

		chatted("nothing that old", admin, before, `{"conversationIDs":[],"timestamp":1700000000}`),
		chatted("after now", admin, before, `{"conversationIDs":[],"timestamp":1767225600000}`),
		chatted("by a user", "alice", before, `{"conversationIDs":[],"timestamp":1700000000}`),
		one("no list", admin, before, `{"timestamp":1700000000}`),

		inGroup("by a former member, then the position", "carol", states, `{"userID":"carol","conversationIDs":["sg_garden"]}`,
			request{"carol", "/group/quit_group", `{"groupID":"garden"}`}, sendGroup("alice", "garden", "she is gone"),
			request{"carol", clearOne, `{"userID":"carol","conversationIDs":["sg_garden"]}`}),
		chatted("ok", "bob", clearOne, `{"userID":"bob","conversationIDs":["si_alice_bob","si_bob_nobody"]}`),
		chatted("cleared, pulled", "bob", pull, all("bob", "si_alice_bob"), request{"bob", clearOne, `{"userID":"bob","conversationIDs":["si_alice_bob"]}`}),
		chatted("pulled after the next message", "bob", pull, all("bob", "si_alice_bob"), request{"bob", clearOne, `{"userID":"bob","conversationIDs":["si_alice_bob"]}`}, sendText("alice", "bob", "four")),
		chatted("pulled by the other", "alice", states, `{"userID":"alice"}`, request{"bob", clearOne, `{"userID":"bob","conversationIDs":["si_alice_bob"]}`}),
		chatted("nothing is unread", "bob", states, `{"userID":"bob"}`, request{"bob", clearOne, `{"userID":"bob","conversationIDs":["si_alice_bob"]}`}),
		chatted("the record", "bob", "/conversation/get_conversation", `{"ownerUserID":"bob","conversationID":"si_alice_bob"}`, request{"bob", clearOne, `{"userID":"bob","conversationIDs":["si_alice_bob"]}`}),
		chatted("on all devices", "bob", clearOne, `{"userID":"bob","conversationIDs":["si_alice_bob"],"deleteSyncOpt":{"IsSyncSelf":true}}`),
		chatted("for everybody", "bob", clearOne, `{"userID":"bob","conversationIDs":["si_alice_bob"],"deleteSyncOpt":{"IsSyncOther":true}}`),
		chatted("cleared for everybody, pulled", "alice", pull, all("alice", "si_alice_bob"), request{"bob", clearOne, `{"userID":"bob","conversationIDs":["si_alice_bob"],"deleteSyncOpt":{"IsSyncOther":true}}`}),
		inGroup("a group for everybody by an admin", "bob", clearOne, `{"userID":"bob","conversationIDs":["sg_garden"],"deleteSyncOpt":{"IsSyncOther":true}}`),
		inGroup("a group for everybody by a member", "carol", clearOne, `{"userID":"carol","conversationIDs":["sg_garden"],"deleteSyncOpt":{"IsSyncOther":true}}`),
		one("unknown", "bob", clearOne, `{"userID":"bob","conversationIDs":["si_alice_bob"]}`),
		one("no list", "bob", clearOne, `{"userID":"bob"}`),
		chatted("of somebody else", "alice", clearOne, `{"userID":"bob","conversationIDs":["si_alice_bob"]}`),

		chatted("ok", "bob", clearAll, `{"userID":"bob"}`, sendGroup("alice", "garden", "hi")),
		chatted("on all devices", "bob", clearAll, `{"userID":"bob","deleteSyncOpt":{"IsSyncSelf":true}}`),
		one("nothing there", "bob", clearAll, `{"userID":"bob"}`),
		one("of somebody else", "alice", clearAll, `{"userID":"bob"}`),
		one("no user", "bob", clearAll, `{}`),
	}
}
