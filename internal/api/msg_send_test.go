package api

import "encoding/base64"

// replyKey is what a callback gives out for replies.
func replyKey(text string) string {
	return "/msg/send_simple_msg?key=" + base64.StdEncoding.EncodeToString([]byte(text))
}

func msgSendScenarios() []scenario {
	const (
		business = "/msg/send_business_notification"
		batch    = "/msg/batch_send_msg"
		reply    = "/msg/send_simple_msg"
		sent     = "/msg/check_msg_is_send_success"
		search   = "/msg/search_msg"
		send     = "/msg/send_msg"
		get      = "/conversation/get_conversation"
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	talk := []request{sendText("alice", "bob", "one"), sendGroup("bob", "garden", "two"), sendText("bob", "alice", "three")}
	chatted := func(name, as, path, body string, more ...request) scenario {
		return scenario{name, append(talk[:3:3], more...), request{as, path, body}}
	}
	at := func(list string) string {
		return `{"sendID":"alice","groupID":"garden","contentType":106,"sessionType":3,"content":{"text":"hey","atUserList":[` + list + `]}}`
	}
	return []scenario{
		one("to a user", admin, business, `{"key":"order","data":"{\"id\":7}","sendUserID":"alice","recvUserID":"bob"}`),
		one("stored, and in the chat", admin, business, `{"key":"order","data":"7","sendUserID":"alice","recvUserID":"bob","sendMsg":true,"reliabilityLevel":2}`),
		one("to a group", admin, business, `{"key":"order","data":"7","sendUserID":"alice","recvGroupID":"garden","reliabilityLevel":2}`),
		one("to a dismissed group", admin, business, `{"key":"order","data":"7","sendUserID":"alice","recvGroupID":"past"}`),
		one("to an unknown group", admin, business, `{"key":"order","data":"7","sendUserID":"alice","recvGroupID":"nowhere"}`),
		one("to nobody", "alice", business, `{"key":"order","data":"7","sendUserID":"alice"}`),
		one("to both", "alice", business, `{"key":"order","data":"7","sendUserID":"alice","recvUserID":"bob","recvGroupID":"garden"}`),
		one("no sender", admin, business, `{"key":"order","data":"7","recvUserID":"bob"}`),
		one("by a user", "alice", business, `{"key":"order","data":"7","sendUserID":"alice","recvUserID":"bob"}`),

		one("some", admin, batch, `{"sendID":"alice","recvIDs":["bob","nobody","carol"],"content":{"content":"hi"},"contentType":101,"sessionType":1}`,
			sendText("alice", "bob", "before"), sendText("alice", "carol", "before")),
		one("all", admin, batch, `{"sendID":"oscar","recvIDs":[],"isSendAll":true,"isOnlineOnly":true,"content":{"content":"hi"},"contentType":101,"sessionType":1}`),
		one("a group once", admin, batch, `{"sendID":"alice","groupID":"garden","recvIDs":["bob","carol"],"content":{"content":"hi"},"contentType":101,"sessionType":3}`),
		one("nobody", admin, batch, `{"sendID":"alice","recvIDs":[],"content":{"content":"hi"},"contentType":101,"sessionType":1}`),
		one("no list", admin, batch, `{"sendID":"alice","content":{"content":"hi"},"contentType":101,"sessionType":1}`),
		one("no content", admin, batch, `{"sendID":"alice","recvIDs":["bob"],"contentType":101,"sessionType":1}`),
		one("a type that is not sent", admin, batch, `{"sendID":"alice","recvIDs":["bob"],"content":{"content":"hi"},"contentType":117,"sessionType":1}`),
		one("by a user", "alice", batch, `{"sendID":"alice","recvIDs":["bob"],"content":{"content":"hi"},"contentType":101,"sessionType":1}`),

		one("in a chat of two", admin, replyKey(`{"sendID":"alice","recvID":"bob","groupID":""}`), `{"sendID":"carol","content":"*hello*"}`),
		one("in a group", admin, replyKey(`{"sendID":"alice","recvID":"","groupID":"garden"}`), `{"sendID":"bob","content":"hello","ex":"e"}`),
		one("by the one asked", "bob", replyKey(`{"sendID":"alice","recvID":"bob","groupID":""}`), `{"content":"hello"}`),
		one("in another's name", "carol", replyKey(`{"sendID":"alice","recvID":"bob","groupID":""}`), `{"content":"hello"}`),
		one("no key", admin, reply, `{"content":"hello"}`),
		one("a key that is no base64", admin, reply+"?key=%25", `{"content":"hello"}`),
		one("a key that is no JSON", admin, replyKey(`sendID`), `{"content":"hello"}`),
		one("a key without a sender", admin, replyKey(`{"recvID":"bob"}`), `{"content":"hello"}`),
		one("nobody to reply", admin, replyKey(`{"sendID":"alice","groupID":"garden"}`), `{"content":"hello"}`),
		one("an unknown sender", admin, replyKey(`{"sendID":"alice","recvID":"nobody"}`), `{"content":"hello"}`),
		one("no content", admin, replyKey(`{"sendID":"alice","recvID":"bob"}`), `{"sendID":"bob"}`),

		one("sent", "bob", sent, `{}`, sendText("alice", "bob", "one")),
		one("replied", "bob", sent, `{}`, request{admin, replyKey(`{"sendID":"alice","recvID":"bob"}`), `{"content":"hello"}`}),
		one("unknown", "bob", sent, `{}`),
		one("a batch is not noted", "bob", sent, `{}`, request{admin, batch, `{"sendID":"alice","recvIDs":["bob"],"content":{"content":"hi"},"contentType":101,"sessionType":1}`}),

		chatted("everything", admin, search, `{"pagination":{"pageNumber":1,"showNumber":2}}`),
		chatted("second page", admin, search, `{"pagination":{"pageNumber":2,"showNumber":2}}`),
		chatted("a receiver", admin, search, `{"recvID":"alice","pagination":{"pageNumber":1,"showNumber":9}}`),
		chatted("a group", admin, search, `{"recvID":"garden","pagination":{"pageNumber":1,"showNumber":9}}`),
		chatted("a sender, a type and a kind of chat", admin, search, `{"sendID":"bob","contentType":101,"sessionType":1,"pagination":{"pageNumber":1,"showNumber":9}}`),
		chatted("another day", admin, search, `{"sendTime":"2025-12-31","pagination":{"pageNumber":1,"showNumber":9}}`),
		chatted("that day, counted only", admin, search, `{"sendTime":"2026-01-01"}`),
		chatted("revoked", admin, search, `{"sendID":"alice","pagination":{"pageNumber":1,"showNumber":9}}`, request{"alice", "/msg/revoke_msg", `{"userID":"alice","conversationID":"si_alice_bob","seq":1}`}),
		one("no such day", admin, search, `{"sendTime":"2026-13-01"}`),
		one("by a user", "alice", search, `{"pagination":{"pageNumber":1,"showNumber":2}}`),

		one("one member named", admin, send, at(`"bob","erin"`), sendGroup("alice", "garden", "hi")),
		one("all", admin, send, at(`"AtAllTag"`), sendGroup("alice", "garden", "hi")),
		one("all, and one named", admin, send, at(`"AtAllTag","carol"`), sendGroup("alice", "garden", "hi")),
		one("flagged", "carol", get, `{"ownerUserID":"carol","conversationID":"sg_garden"}`, request{admin, send, at(`"carol"`)}),
	}
}
