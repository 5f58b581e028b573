package api

import "fmt"

// text returns a request to send a text in a user's name.
func sendText(from, to, words string) request {
	return request{admin, "/msg/send_msg", fmt.Sprintf(`{"sendID":%q,"recvID":%q,"content":{"content":%q},"contentType":101,"sessionType":1}`, from, to, words)}
}

func sendGroup(from, group, words string) request {
	return request{admin, "/msg/send_msg", fmt.Sprintf(`{"sendID":%q,"groupID":%q,"content":{"content":%q},"contentType":101,"sessionType":3}`, from, group, words)}
}

func msgScenarios() []scenario {
	const (
		newest   = "/msg/newest_seq"
		pull     = "/msg/pull_msg_by_seq"
		markMsgs = "/msg/mark_msgs_as_read"
		markConv = "/msg/mark_conversation_as_read"
		setSeq   = "/msg/set_conversation_has_read_seq"
		states   = "/msg/get_conversations_has_read_and_max_seq"
		now      = "/msg/get_server_time"
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	// talk is one message from bob, which he has thereby read, and two from alice.
	talk := []request{sendText("bob", "alice", "one"), sendText("alice", "bob", "two"), sendText("alice", "bob", "three")}
	chatted := func(name, as, path, body string, more ...request) scenario {
		return scenario{name, append(talk[:3:3], more...), request{as, path, body}}
	}
	bobRead := request{"bob", markConv, `{"conversationID":"si_alice_bob","userID":"bob","hasReadSeq":2}`}
	setRead := request{"bob", setSeq, `{"conversationID":"si_alice_bob","userID":"bob","hasReadSeq":3}`}
	full := request{admin, "/msg/send_msg", fullMessage}
	return []scenario{
		one("nothing yet", "alice", newest, `{"userID":"alice"}`),
		chatted("ok", "alice", newest, `{"userID":"alice"}`, sendGroup("bob", "garden", "hello"), bobRead),
		chatted("for somebody else by an administrator", admin, newest, `{"userID":"bob"}`),
		one("of somebody else", "bob", newest, `{"userID":"alice"}`),
		one("no user", "bob", newest, `{}`),
		one("without the notices of a group that was left", "dave", newest, `{"userID":"dave"}`, sendGroup("bob", "garden", "hello"),
			request{"bob", "/msg/revoke_msg", `{"userID":"bob","conversationID":"sg_garden","seq":1}`}, request{"dave", "/group/quit_group", `{"groupID":"garden"}`}),

		chatted("ok", "alice", pull, `{"userID":"alice","seqRanges":[{"conversationID":"si_alice_bob","begin":1,"end":3,"num":10}],"order":0}`, bobRead),
		chatted("the highest of a range, descending", "alice", pull, `{"userID":"alice","seqRanges":[{"conversationID":"si_alice_bob","begin":0,"end":99,"num":1}],"order":1}`),
		chatted("receipts", "alice", pull, `{"userID":"alice","seqRanges":[{"conversationID":"n_alice_bob","begin":1,"end":1,"num":0}]}`, bobRead),
		chatted("not part of it", "erin", pull, `{"userID":"erin","seqRanges":[{"conversationID":"si_alice_bob","begin":1,"end":3,"num":10},{"conversationID":"n_alice_bob","begin":1,"end":1,"num":1}]}`, bobRead),
		one("every field of a message", "bob", pull, `{"userID":"bob","seqRanges":[{"conversationID":"si_alice_bob","begin":1,"end":1,"num":1}]}`, full),
		one("users named with @", "bob", pull, `{"userID":"bob","seqRanges":[{"conversationID":"sg_garden","begin":1,"end":1,"num":1}]}`, request{admin, "/msg/send_msg", namingMessage}),
		one("nothing there, and a null entry", "alice", pull, `{"userID":"alice","seqRanges":[null,{"conversationID":"si_alice_zoe","begin":1,"end":9,"num":9}]}`),
		one("no ranges", "alice", pull, `{"userID":"alice"}`),
		one("of somebody else", "bob", pull, `{"userID":"alice","seqRanges":[]}`),

		chatted("ok", "bob", markMsgs, `{"conversationID":"si_alice_bob","userID":"bob","seqs":[2,3]}`),
		chatted("above the last", "bob", markMsgs, `{"conversationID":"si_alice_bob","userID":"bob","seqs":[4]}`),
		chatted("negative", "bob", markMsgs, `{"conversationID":"si_alice_bob","userID":"bob","seqs":[-1]}`),
		chatted("no record", "erin", markMsgs, `{"conversationID":"si_alice_bob","userID":"erin","seqs":[1]}`),
		chatted("of somebody else", "alice", markMsgs, `{"conversationID":"si_alice_bob","userID":"bob","seqs":[1]}`),
		one("empty list", "bob", markMsgs, `{"conversationID":"si_alice_bob","userID":"bob","seqs":[]}`),
		one("no list", "bob", markMsgs, `{"conversationID":"si_alice_bob","userID":"bob"}`),
		one("number 0", "bob", markMsgs, `{"conversationID":"si_alice_bob","userID":"bob","seqs":[0]}`),
		one("no conversation", "bob", markMsgs, `{"userID":"bob","seqs":[1]}`),
		one("no user", "bob", markMsgs, `{"conversationID":"si_alice_bob","seqs":[1]}`),

		chatted("single chat", "bob", markConv, `{"conversationID":"si_alice_bob","userID":"bob","hasReadSeq":2}`),
		chatted("more than there is", "bob", markConv, `{"conversationID":"si_alice_bob","userID":"bob","hasReadSeq":9007199254740993,"seqs":[1,2,77]}`),
		one("group", "bob", markConv, `{"conversationID":"sg_garden","userID":"bob","hasReadSeq":1}`, sendGroup("alice", "garden", "hello")),
		one("no record", "bob", markConv, `{"conversationID":"si_alice_bob","userID":"bob","hasReadSeq":1}`),
		chatted("of somebody else", "alice", markConv, `{"conversationID":"si_alice_bob","userID":"bob","hasReadSeq":1}`),
		one("number 0", "bob", markConv, `{"conversationID":"si_alice_bob","userID":"bob","hasReadSeq":0}`),
		one("number 0 in the list", "bob", markConv, `{"conversationID":"si_alice_bob","userID":"bob","hasReadSeq":1,"seqs":[0]}`),
		one("no conversation", "bob", markConv, `{"userID":"bob","hasReadSeq":1}`),

		chatted("ok", "bob", setSeq, `{"conversationID":"si_alice_bob","userID":"bob","hasReadSeq":2,"noNotification":true}`),
		chatted("by a stranger", "erin", setSeq, `{"conversationID":"si_alice_bob","userID":"erin","hasReadSeq":1}`),
		chatted("above the last by a stranger", "erin", markMsgs, `{"conversationID":"si_alice_bob","userID":"erin","seqs":[4]}`),
		chatted("above the last", "bob", setSeq, `{"conversationID":"si_alice_bob","userID":"bob","hasReadSeq":4}`),
		chatted("of somebody else", "alice", setSeq, `{"conversationID":"si_alice_bob","userID":"bob","hasReadSeq":2}`),
		one("number 0", "bob", setSeq, `{"conversationID":"si_alice_bob","userID":"bob"}`),

		one("nothing yet", "bob", states, `{"userID":"bob"}`),
		chatted("all", "bob", states, `{"userID":"bob"}`, bobRead),
		chatted("raised, and never lowered", "bob", states, `{"userID":"bob"}`, setRead, bobRead),
		chatted("named, with an unknown one and the pinned", "bob", states, `{"userID":"bob","conversationIDs":["si_alice_bob","si_bob_zoe"],"returnPinned":true}`),
		chatted("of somebody else", "alice", states, `{"userID":"bob"}`),
		one("no user", "bob", states, `{}`),

		one("ok", "bob", now, `{}`),
		one("null", "bob", now, `null`),
	}
}
