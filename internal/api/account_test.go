package api

import "fmt"

// accountScenarios is the rest of /user: lists, presence, rows, notification
// accounts, configuration of clients.
func accountScenarios() []scenario {
	const (
		receive   = "/user/set_global_msg_recv_opt"
		users     = "/user/get_users"
		ids       = "/user/get_all_users_uid"
		online    = "/user/get_users_online_status"
		tokens    = "/user/get_users_online_token_detail"
		status    = "/user/get_users_status"
		subscribe = "/user/subscribe_users_status"
		subs      = "/user/get_subscribe_users_status"
		add       = "/user/process_user_command_add"
		drop      = "/user/process_user_command_delete"
		change    = "/user/process_user_command_update"
		get       = "/user/process_user_command_get"
		getAll    = "/user/process_user_command_get_all"
		addNews   = "/user/add_notification_account"
		editNews  = "/user/update_notification_account"
		findNews  = "/user/search_notification_account"
		config    = "/user/get_user_client_config"
		setConfig = "/user/set_user_client_config"
		delConfig = "/user/del_user_client_config"
		configs   = "/user/page_user_client_config"
		info      = "/user/get_users_info"
		all       = `"pagination":{"pageNumber":1,"showNumber":100}`
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	page := func(number, show int, rest string) string {
		return fmt.Sprintf(`{"pagination":{"pageNumber":%d,"showNumber":%d}%s}`, number, show, rest)
	}
	row := func(kind int, rest string) request {
		return request{"alice", add, fmt.Sprintf(`{"userID":"alice","type":%d,"uuid":"x"%s}`, kind, rest)}
	}
	rows := []request{row(1, `,"value":"first","ex":"e"`), row(2, `,"value":"second"`), row(1, ``)}
	bob := request{admin, addNews, `{"userID":"alerts","nickName":"News","faceURL":"f","appMangerLevel":4}`}
	global := request{admin, setConfig, `{"userID":"","configs":{"a":"1","b":"2"}}`}
	own := request{admin, setConfig, `{"userID":"alice","configs":{"b":"3","c":"4"}}`}
	return []scenario{
		one("ok", "alice", receive, `{"userID":"alice","globalRecvMsgOpt":2}`),
		one("to 0 again", "gina", info, `{"userIDs":["gina"]}`, request{"gina", receive, `{"userID":"gina","globalRecvMsgOpt":0}`}),
		one("by an administrator", admin, receive, `{"userID":"alice","globalRecvMsgOpt":1}`),
		one("out of range", "alice", receive, `{"userID":"alice","globalRecvMsgOpt":3}`),
		one("negative", "alice", receive, `{"userID":"alice","globalRecvMsgOpt":-1}`),
		one("of somebody else", "bob", receive, `{"userID":"alice","globalRecvMsgOpt":1}`),
		one("unknown user", admin, receive, `{"userID":"nobody","globalRecvMsgOpt":1}`),
		one("no user", "alice", receive, `{"globalRecvMsgOpt":1}`),

		one("by a part of the nickname or id", "bob", users, page(1, 10, `,"userID":"RAN","nickName":"aRo"`)),
		one("second page", "bob", users, page(2, 3, ``)),
		one("past the end", "bob", users, page(9, 10, ``)),
		one("page of nothing", "bob", users, page(1, 0, ``)),
		one("no pattern", "bob", users, page(1, 10, `,"nickName":"_"`)),
		one("nor an account of another level", "bob", users, page(1, 10, `,"userID":"news"`)),
		one("page 0", "bob", users, page(0, 10, ``)),
		one("no pagination", "bob", users, `{}`),

		one("ok", "bob", ids, page(1, 100, ``)),
		one("second page", "bob", ids, page(2, 4, ``)),
		one("no pagination", "bob", ids, `{}`),

		one("ok", admin, online, `{"userIDs":["nobody","alice","bob"]}`),
		one("empty list", admin, online, `{"userIDs":[]}`),
		one("no list", admin, online, `{}`),
		one("by a user", "alice", online, `{"userIDs":["alice"]}`),
		one("ok", admin, tokens, `{"userIDs":["nobody","alice","bob"]}`),
		one("nobody online", admin, tokens, `{"userIDs":["nobody"]}`),
		one("by a user", "alice", tokens, `{"userIDs":["alice"]}`),
		one("ok", "erin", status, `{"userID":"ignored","userIDs":["nobody","alice","alice"]}`),
		one("empty list", "erin", status, `{"userIDs":[]}`),
		one("ok", "erin", subscribe, `{"userID":"erin","userIDs":["alice"],"genre":1}`),
		one("unknown genre", "erin", subscribe, `{"userID":"erin","userIDs":["alice"],"genre":3}`),
		one("ok", "erin", subs, `{"userID":"erin"}`),
		one("no user", "erin", subs, `{}`),

		one("ok", "alice", add, `{"userID":"alice","type":1,"uuid":"x","value":"v","ex":"e"}`),
		one("of somebody else", "bob", add, `{"userID":"alice","type":1,"uuid":"x"}`),
		one("no type", "alice", add, `{"userID":"alice","uuid":"x"}`),
		one("no uuid", "alice", add, `{"userID":"alice","type":1}`),
		one("a zero byte", "alice", add, `{"userID":"alice","type":1,"uuid":"x","ex":"a\u0000b"}`),
		one("one of two", "alice", getAll, `{"userID":"alice"}`, append(rows[:3:3], request{"alice", drop, `{"userID":"alice","type":1,"uuid":"x"}`})...),
		one("ok", "alice", drop, `{"userID":"alice","type":1,"uuid":"x"}`, rows...),
		one("no such row", "alice", drop, `{"userID":"alice","type":3,"uuid":"x"}`, rows...),
		one("of somebody else", "bob", drop, `{"userID":"alice","type":1,"uuid":"x"}`, rows...),
		one("ok", "alice", change, `{"userID":"alice","type":1,"uuid":"x","value":"v"}`, rows...),
		one("after a change", "alice", get, `{"userID":"alice","type":2}`, append(rows[:3:3], request{"alice", change, `{"userID":"alice","type":2,"uuid":"x","value":"","ex":"new"}`})...),
		one("no such row", "alice", change, `{"userID":"alice","type":3,"uuid":"x","value":"v"}`, rows...),
		one("nothing to change in no row", "alice", change, `{"userID":"alice","type":3,"uuid":"x"}`, rows...),
		one("of somebody else", "bob", change, `{"userID":"alice","type":1,"uuid":"x","value":"v"}`, rows...),
		one("ok", "alice", get, `{"userID":"alice","type":1}`, rows...),
		one("none", "alice", get, `{"userID":"alice","type":9}`, rows...),
		one("of somebody else", "bob", get, `{"userID":"alice","type":1}`, rows...),
		one("no type", "alice", get, `{"userID":"alice"}`, rows...),
		one("ok", "alice", getAll, `{"userID":"alice"}`, rows...),
		one("none", "bob", getAll, `{"userID":"bob"}`, rows...),
		one("of somebody else", "bob", getAll, `{"userID":"alice"}`, rows...),
		one("no user", "alice", getAll, `{}`),

		one("ok", admin, addNews, `{"userID":"a-b.c@d","nickName":"News","faceURL":"f","appMangerLevel":3}`),
		one("without an id", admin, addNews, `{"nickName":"News","appMangerLevel":4}`),
		one("the id exists", admin, addNews, `{"userID":"alice","nickName":"News","appMangerLevel":3}`),
		one("an ordinary level", admin, addNews, `{"userID":"x","nickName":"News","appMangerLevel":2}`),
		one("a colon", admin, addNews, `{"userID":"a:b","nickName":"News","appMangerLevel":3}`),
		one("no nickname", admin, addNews, `{"userID":"x","appMangerLevel":3}`),
		one("by a user", "alice", addNews, `{"userID":"x","nickName":"News","appMangerLevel":3}`),
		one("ok", admin, editNews, `{"userID":"news","nickName":"Fresh news"}`),
		one("seen at once", "alice", info, `{"userIDs":["news"]}`, request{admin, editNews, `{"userID":"news","faceURL":"new"}`}),
		one("unknown account", admin, editNews, `{"userID":"nobody","nickName":"x"}`),
		one("nothing to change", admin, editNews, `{"userID":"news"}`),
		one("by a user", "alice", editNews, `{"userID":"news","nickName":"x"}`),
		one("all", admin, findNews, `{`+all+`}`, bob),
		one("by id", admin, findNews, `{"keyword":"news",`+all+`}`, bob),
		one("by nickname", admin, findNews, `{"keyword":"News",`+all+`}`, bob),
		one("by level", admin, findNews, `{"appManagerLevel":4,`+all+`}`, bob),
		one("by an ordinary level", admin, findNews, `{"appManagerLevel":0,`+all+`}`, bob),
		one("no users", admin, findNews, `{"keyword":"alice",`+all+`}`, bob),
		one("past the end", admin, findNews, page(3, 1, ``), bob),
		one("no pagination", admin, findNews, `{}`),
		one("by a user", "alice", findNews, `{`+all+`}`),

		one("of all", "bob", config, `{}`, global, own),
		one("of a user with settings", "alice", config, `{"userID":"alice"}`, global, own),
		one("of a user without", "bob", config, `{"userID":"bob"}`, global, own),
		one("empty", "bob", config, `{"userID":"bob"}`),
		one("of somebody else", "bob", config, `{"userID":"alice"}`),
		one("unknown user", admin, config, `{"userID":"nobody"}`),
		one("ok", admin, setConfig, `{"userID":"alice","configs":{"b":"3"}}`),
		one("the others stay", "bob", config, `{}`, global, request{admin, setConfig, `{"configs":{"b":"5"}}`}),
		one("nothing", admin, setConfig, `{}`),
		one("an empty key", admin, setConfig, `{"configs":{"":"x"}}`),
		one("unknown user", admin, setConfig, `{"userID":"nobody","configs":{"b":"3"}}`),
		one("by a user", "alice", setConfig, `{"userID":"alice","configs":{"b":"3"}}`),
		one("ok", admin, delConfig, `{"userID":"","keys":["a","unknown"]}`, global, own),
		one("after a deletion", "alice", config, `{"userID":"alice"}`, global, own, request{admin, delConfig, `{"userID":"alice","keys":["b"]}`}),
		one("nothing", admin, delConfig, `{}`),
		one("by a user", "alice", delConfig, `{"userID":"alice","keys":["b"]}`),
		one("all", admin, configs, `{`+all+`}`, global, own),
		one("by key", admin, configs, `{"key":"b",`+all+`}`, global, own),
		one("by user", admin, configs, `{"userID":"alice",`+all+`}`, global, own),
		one("no pagination", admin, configs, `{}`, global, own),
		one("by a user", "alice", configs, `{`+all+`}`),
	}
}
