package api

import "fmt"

func thirdScenarios() []scenario {
	const (
		upload = "/third/logs/upload"
		search = "/third/logs/search"
		remove = "/third/logs/delete"
		files  = `{"platform":1,"appFramework":"flutter","version":"3.8","ex":"{}","fileURLs":[{"filename":"a.log","URL":"http://files.test/a"},{"filename":"b.log","URL":"http://files.test/b"}]}`
		page   = `"pagination":{"pageNumber":1,"showNumber":10}`
	)
	uploaded := []request{
		{"alice", upload, files},
		{"bob", upload, `{"platform":99,"fileURLs":[{"filename":"c.log","URL":"http://files.test/c"}]}`},
	}
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	filled := func(name, as, path, body string) scenario { return one(name, as, path, body, uploaded...) }
	found := request{admin, search, `{"keyword":"bob",` + page + `}`}
	return []scenario{
		one("two files", "alice", upload, files),
		one("no files", "alice", upload, `{"platform":1,"fileURLs":[]}`),
		one("a null file", "alice", upload, `{"platform":1,"fileURLs":[null]}`),
		one("too many files", "alice", upload, `{"fileURLs":[`+repeated(`{}`, 101)+`]}`),

		filled("all, newest first", admin, search, `{`+page+`}`),
		filled("a page", admin, search, `{"pagination":{"pageNumber":2,"showNumber":2}}`),
		filled("a regular expression on the user", admin, search, `{"keyword":"^a.*e$",`+page+`}`),
		filled("no regular expression", admin, search, `{"keyword":"(",`+page+`}`),
		filled("the number only", admin, search, `{}`),
		filled("a time before", admin, search, fmt.Sprintf(`{"startTime":1,"endTime":%d,%s}`, int64(born), page)),
		filled("nobody's", admin, search, `{"keyword":"nobody",`+page+`}`),
		one("end before start", admin, search, `{"startTime":2,"endTime":1}`),
		one("by a user", "alice", search, `{`+page+`}`),

		one("one", admin, remove, `{"logIDs":["$logsInfos.logID"]}`, append(uploaded[:2:2], found)...),
		one("and it is gone", admin, search, `{`+page+`}`, append(uploaded[:2:2], found, request{admin, remove, `{"logIDs":["$logsInfos.logID","$logsInfos.logID"]}`})...),
		one("an unknown one", admin, remove, `{"logIDs":["$logsInfos.logID","nothing"]}`, append(uploaded[:2:2], found)...),
		one("none", admin, remove, `{"logIDs":[]}`),
		one("by a user", "alice", remove, `{"logIDs":["1"]}`),
	}
}

// repeated is a list of n equal elements.
func repeated(element string, n int) string {
	out := element
	for range n - 1 {
		out += "," + element
	}
	return out
}
