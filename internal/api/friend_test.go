package api

func friendScenarios() []scenario {
	const (
		list   = "/friend/get_friend_list"
		blacks = "/friend/get_black_list"
		inc    = "/friend/get_incremental_friends"
		ids    = "/friend/get_full_friend_user_ids"
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	const all = `"pagination":{"pageNumber":1,"showNumber":100}`
	head := request{"alice", inc, `{"userID":"alice"}`}
	renamed := request{"bob", "/user/update_user_info", `{"userInfo":{"userID":"bob","nickname":"Bobby"}}`}
	return []scenario{
		one("pinned first", "alice", list, `{"userID":"alice",`+all+`}`),
		one("second page", "alice", list, `{"userID":"alice","pagination":{"pageNumber":2,"showNumber":1}}`),
		one("none", "erin", list, `{"userID":"erin",`+all+`}`),
		one("of somebody else", "bob", list, `{"userID":"alice",`+all+`}`),
		one("no pagination", "alice", list, `{"userID":"alice"}`),
		one("page 0", "alice", list, `{"userID":"alice","pagination":{"pageNumber":0,"showNumber":1}}`),
		one("no user", "alice", list, `{`+all+`}`),

		one("ok", "alice", blacks, `{"userID":"alice",`+all+`}`),
		one("past the end", "alice", blacks, `{"userID":"alice","pagination":{"pageNumber":2,"showNumber":1}}`),
		one("page of nothing", "alice", blacks, `{"userID":"alice","pagination":{"pageNumber":1,"showNumber":0}}`),
		one("none", "erin", blacks, `{"userID":"erin",`+all+`}`),
		one("of somebody else", "erin", blacks, `{"userID":"alice",`+all+`}`),
		one("no user", "alice", blacks, `{`+all+`}`),

		one("first contact", "alice", inc, `{"userID":"alice"}`),
		one("first contact of somebody without friends", "erin", inc, `{"userID":"erin"}`),
		one("nothing new", "alice", inc, `{"userID":"alice","versionID":"$versionID","version":1}`, head),
		one("a friend has a new name", "alice", inc, `{"userID":"alice","versionID":"$versionID","version":1}`, renamed, head),
		one("a foreign log", "alice", inc, `{"userID":"alice","versionID":"0123456789abcdef01234567","version":1}`),
		one("of somebody else", "bob", inc, `{"userID":"alice"}`),
		one("of nobody", admin, inc, `{}`),

		one("pinned first", "alice", ids, `{"userID":"alice","idHash":0}`),
		one("the client has them", "alice", ids, `{"userID":"alice","idHash":$idHash(bob carol)}`),
		one("none", "erin", ids, `{"userID":"erin","idHash":0}`),
		one("of somebody else", "bob", ids, `{"userID":"alice"}`),
		one("no user", "bob", ids, `{}`),
	}
}
