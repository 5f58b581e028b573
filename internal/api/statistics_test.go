package api

import "fmt"

func statisticsScenarios() []scenario {
	const (
		users  = "/statistics/user/register"
		groups = "/statistics/group/create"
		active = "/statistics/user/active"
		talked = "/statistics/group/active"
		page   = `"pagination":{"pageNumber":1,"showNumber":10}`
	)
	const day = 24 * 3600 * 1000
	time := func(from, to int64) string { return fmt.Sprintf(`"start":%d,"end":%d`, from, to) }
	today := time(born, born+day)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	chatted := func(name, as, path, body string) scenario {
		return one(name, as, path, body,
			sendText("alice", "bob", "one"), sendText("bob", "alice", "two"), sendText("bob", "alice", "three"),
			sendGroup("alice", "garden", "four"), sendGroup("carol", "garden", "five"), sendGroup("alice", "hush", "six"))
	}
	return []scenario{
		one("of a day", "alice", users, `{`+today+`}`),
		one("of two days", admin, users, `{`+time(born, born+2*day)+`}`, request{admin, "/user/user_register", `{"users":[{"userID":"x1","nickname":"X"}]}`}),
		one("before all", "alice", users, `{`+time(1, 2)+`}`),
		one("after all", "alice", users, `{`+time(born+day, born+2*day)+`}`),
		one("end before start", "alice", users, `{`+time(2, 1)+`}`),
		one("no time", "alice", users, `{}`),
		one("too long a time", "alice", users, `{`+time(1, born)+`}`),

		one("of a day", admin, groups, `{`+today+`}`),
		one("end before start", admin, groups, `{`+time(2, 1)+`}`),
		one("no end", admin, groups, `{"start":1}`),
		one("by a user", "alice", groups, `{`+today+`}`),

		chatted("in chats of two", admin, active, `{`+today+`,`+page+`}`),
		chatted("in groups, too", admin, active, `{`+today+`,"group":true,`+page+`}`),
		chatted("least active first", admin, active, `{`+today+`,"group":true,"ase":true,`+page+`}`),
		chatted("second page", admin, active, `{`+today+`,"group":true,"pagination":{"pageNumber":2,"showNumber":2}}`),
		chatted("another day", admin, active, `{`+time(born+day, born+2*day)+`,`+page+`}`),
		one("no pagination", admin, active, `{`+today+`}`),
		one("end before start", admin, active, `{`+time(2, 1)+`,`+page+`}`),
		one("by a user", "alice", active, `{`+today+`,`+page+`}`),

		chatted("two groups", admin, talked, `{`+today+`,`+page+`}`),
		chatted("groups, least active first", admin, talked, `{`+today+`,"ase":true,`+page+`}`),
		one("no groups", admin, talked, `{`+today+`,`+page+`}`),
		one("groups, no pagination", admin, talked, `{`+today+`}`),
		one("groups, by a user", "alice", talked, `{`+today+`,`+page+`}`),
	}
}
