package api

func conversationScenarios() []scenario {
	const (
		get   = "/conversation/get_conversation"
		some  = "/conversation/get_conversations"
		all   = "/conversation/get_all_conversations"
		owner = "/conversation/get_owner_conversation"
		inc   = "/conversation/get_incremental_conversations"
		ids   = "/conversation/get_full_conversation_ids"
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	// Bob has three conversations.
	chatted := func(name, as, path, body string, more ...request) scenario {
		given := []request{sendText("alice", "bob", "hi"), sendGroup("alice", "garden", "hi"), sendText("bob", "carol", "hi")}
		return scenario{name, append(given, more...), request{as, path, body}}
	}
	head := request{"bob", inc, `{"userID":"bob"}`}
	return []scenario{
		chatted("single chat", "bob", get, `{"ownerUserID":"bob","conversationID":"si_alice_bob"}`),
		chatted("group chat", "bob", get, `{"ownerUserID":"bob","conversationID":"sg_garden"}`),
		one("unknown", "bob", get, `{"ownerUserID":"bob","conversationID":"si_alice_bob"}`),
		chatted("of somebody else", "alice", get, `{"ownerUserID":"bob","conversationID":"si_alice_bob"}`),
		one("no conversation", "bob", get, `{"ownerUserID":"bob"}`),
		one("no user", "bob", get, `{"conversationID":"si_alice_bob"}`),

		chatted("ok", "bob", some, `{"ownerUserID":"bob","conversationIDs":["si_bob_carol","si_bob_zoe","si_alice_bob","si_bob_carol"]}`),
		one("none known", "bob", some, `{"ownerUserID":"bob","conversationIDs":["si_bob_zoe"]}`),
		one("empty list", "bob", some, `{"ownerUserID":"bob","conversationIDs":[]}`),
		one("no list", "bob", some, `{"ownerUserID":"bob"}`),
		one("of somebody else", "alice", some, `{"ownerUserID":"bob","conversationIDs":["si_alice_bob"]}`),

		chatted("ok", "carol", all, `{"ownerUserID":"carol"}`),
		one("none", "erin", all, `{"ownerUserID":"erin"}`),
		one("of somebody else", "alice", all, `{"ownerUserID":"bob"}`),
		one("no user", "bob", all, `{}`),

		chatted("second page", "bob", owner, `{"userID":"bob","pagination":{"pageNumber":2,"showNumber":2}}`),
		chatted("no pagination", "bob", owner, `{"userID":"bob"}`),
		one("none", "erin", owner, `{"userID":"erin","pagination":{"pageNumber":1,"showNumber":2}}`),
		one("of somebody else", "alice", owner, `{"userID":"bob","pagination":{"pageNumber":1,"showNumber":2}}`),

		one("first contact", "erin", inc, `{"userID":"erin"}`),
		chatted("nothing new", "bob", inc, `{"userID":"bob","versionID":"$versionID","version":$version}`, head),
		chatted("two new ones", "bob", inc, `{"userID":"bob","versionID":"$versionID","version":1}`, head),
		one("of somebody else", "alice", inc, `{"userID":"bob"}`),
		one("of nobody", admin, inc, `{}`),

		chatted("ok", "bob", ids, `{"userID":"bob","idHash":0}`),
		chatted("the client has them", "bob", ids, `{"userID":"bob","idHash":$idHash(si_alice_bob sg_garden si_bob_carol)}`),
		one("none", "erin", ids, `{"userID":"erin","idHash":0}`),
		one("of somebody else", "alice", ids, `{"userID":"bob"}`),
	}
}
