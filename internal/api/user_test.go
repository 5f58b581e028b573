package api

func userScenarios() []scenario {
	const (
		register = "/user/user_register"
		info     = "/user/get_users_info"
		update   = "/user/update_user_info"
		updateEx = "/user/update_user_info_ex"
		check    = "/user/account_check"
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	changed := request{"alice", info, `{"userIDs":["alice"]}`}
	// after shows a change by what a later request answers.
	after := func(name, as, path, body string) scenario {
		return scenario{name, []request{{as, path, body}}, changed}
	}
	return append([]scenario{
		one("ok", admin, register, `{"users":[{"userID":"x1","nickname":"X","faceURL":"f","ex":"e","createTime":5,"appMangerLevel":1,"globalRecvMsgOpt":2},{"userID":"x_2ä","nickname":"Y"}]}`),
		one("by a user", "alice", register, `{"users":[{"userID":"x1","nickname":"X"}]}`),
		one("empty list", admin, register, `{"users":[]}`),
		one("empty list is told before the lack of rights", "alice", register, `{"users":[]}`),
		one("no list", admin, register, `{}`),
		one("null entry", admin, register, `{"users":[null]}`),
		one("illegal id", admin, register, `{"users":[{"userID":"a:b","nickname":"X"}]}`),
		one("empty id", admin, register, `{"users":[{"nickname":"X"}]}`),
		one("no nickname", admin, register, `{"users":[{"userID":"x1"}]}`),
		one("an id twice", admin, register, `{"users":[{"userID":"x1","nickname":"X"},{"userID":"x1","nickname":"Y"}]}`),
		one("an id exists", admin, register, `{"users":[{"userID":"x1","nickname":"X"},{"userID":"bob","nickname":"Y"}]}`),

		one("known, unknown and twice", "erin", info, `{"userIDs":["bob","nobody","alice","bob"]}`),
		one("none known", "erin", info, `{"userIDs":["nobody"]}`),
		one("empty list", "erin", info, `{"userIDs":[]}`),
		one("no list", "erin", info, `{}`),
		one("registered", admin, info, `{"userIDs":["x1"]}`, request{admin, register, `{"users":[{"userID":"x1","nickname":"X","faceURL":"f","ex":"e","createTime":5,"appMangerLevel":1,"globalRecvMsgOpt":2}]}`}),

		one("name and face", "alice", update, `{"userInfo":{"userID":"alice","nickname":"Alicia","faceURL":"http://face.test/new"}}`),
		one("nothing to change", "alice", update, `{"userInfo":{"userID":"alice"}}`),
		one("by an administrator", admin, update, `{"userInfo":{"userID":"erin","nickname":"Erina"}}`),
		after("empty values change nothing, nor do level and time", "alice", update, `{"userInfo":{"userID":"alice","nickname":"","faceURL":"","ex":"new","appMangerLevel":9,"createTime":9,"globalRecvMsgOpt":2}}`),
		one("of somebody else", "bob", update, `{"userInfo":{"userID":"alice","nickname":"x"}}`),
		one("unknown user", admin, update, `{"userInfo":{"userID":"nobody","nickname":"x"}}`),
		one("no userInfo", "alice", update, `{}`),
		one("no userID", "alice", update, `{"userInfo":{"nickname":"x"}}`),

		one("only ex", "alice", updateEx, `{"userInfo":{"userID":"alice","ex":"{\"k\":1}"}}`),
		one("a new name", "alice", updateEx, `{"userInfo":{"userID":"alice","nickname":"新名字"}}`),
		one("nothing to change", "alice", updateEx, `{"userInfo":{"userID":"alice","nickname":null}}`),
		after("empty values are taken", "alice", updateEx, `{"userInfo":{"userID":"alice","nickname":"","faceURL":"","ex":"","globalRecvMsgOpt":0}}`),
		one("of somebody else", "bob", updateEx, `{"userInfo":{"userID":"alice","nickname":"x"}}`),
		one("unknown user", admin, updateEx, `{"userInfo":{"userID":"nobody","nickname":"x"}}`),
		one("no userInfo", "alice", updateEx, `{}`),
		one("no userID", "alice", updateEx, `{"userInfo":{"nickname":"x"}}`),

		one("in the order of the request", admin, check, `{"checkUserIDs":["nobody","bob"]}`),
		one("empty list", admin, check, `{"checkUserIDs":[]}`),
		one("no list", admin, check, `{}`),
		one("an id twice is told before the lack of rights", "alice", check, `{"checkUserIDs":["bob","bob"]}`),
		one("by a user", "alice", check, `{"checkUserIDs":["bob"]}`),
	}, tokenScenarios()...)
}
