package api

import "strings"

// contactScenarios is friends, friend requests and block lists, as far as they are changed.
func contactScenarios() []scenario {
	const (
		apply    = "/friend/add_friend"
		respond  = "/friend/add_friend_response"
		imports  = "/friend/import_friend"
		remove   = "/friend/delete_friend"
		remark   = "/friend/set_friend_remark"
		edit     = "/friend/update_friends"
		some     = "/friend/get_designated_friends"
		ids      = "/friend/get_friend_id"
		is       = "/friend/is_friend"
		contacts = "/friend/get_specified_friends_info"
		received = "/friend/get_friend_apply_list"
		sent     = "/friend/get_self_friend_apply_list"
		between  = "/friend/get_designated_friend_apply"
		pending  = "/friend/get_self_unhandled_apply_count"
		block    = "/friend/add_black"
		unblock  = "/friend/remove_black"
		blacks   = "/friend/get_specified_blacks"
		incBlack = "/friend/get_incremental_blacks"
		inc      = "/friend/get_incremental_friends"
		list     = "/friend/get_friend_list"
		all      = `"pagination":{"pageNumber":1,"showNumber":100}`
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	asked := request{"dave", apply, `{"fromUserID":"dave","toUserID":"erin","reqMsg":"hello","ex":"x"}`}
	askedBack := request{"erin", apply, `{"fromUserID":"erin","toUserID":"dave","reqMsg":"hi there"}`}
	agreed := request{"erin", respond, `{"fromUserID":"dave","toUserID":"erin","handleResult":1,"handleMsg":"welcome"}`}
	refused := request{"erin", respond, `{"fromUserID":"dave","toUserID":"erin","handleResult":-1,"handleMsg":"no"}`}
	left := request{"erin", remove, `{"ownerUserID":"erin","friendUserID":"dave"}`}
	head := request{"alice", inc, `{"userID":"alice"}`}
	since := func(version string) string {
		return `{"userID":"alice","versionID":"$versionID","version":` + version + `}`
	}
	blackHead := request{"alice", incBlack, `{"userID":"alice"}`}
	blocked := request{"alice", block, `{"ownerUserID":"alice","blackUserID":"dave","ex":"why"}`}
	long := strings.Repeat("x", 65)
	return []scenario{
		one("ok", "dave", apply, `{"fromUserID":"dave","toUserID":"erin","reqMsg":"hello","ex":"x"}`),
		one("again, after a refusal", "dave", apply, `{"fromUserID":"dave","toUserID":"erin","reqMsg":"please"}`, asked, refused),
		one("one side is missing", "carol", apply, `{"fromUserID":"carol","toUserID":"alice"}`),
		one("by an administrator", admin, apply, `{"fromUserID":"dave","toUserID":"erin"}`),
		one("oneself", "dave", apply, `{"fromUserID":"dave","toUserID":"dave"}`),
		one("friends already", "alice", apply, `{"fromUserID":"alice","toUserID":"bob"}`),
		one("unknown user", "dave", apply, `{"fromUserID":"dave","toUserID":"nobody"}`),
		one("in another's name", "dave", apply, `{"fromUserID":"erin","toUserID":"dave"}`),
		one("no target", "dave", apply, `{"fromUserID":"dave"}`),
		one("no sender", "dave", apply, `{"toUserID":"erin"}`),
		one("a zero byte", "dave", apply, `{"fromUserID":"dave","toUserID":"er\u0000in"}`),
		one("a long id", "dave", apply, `{"fromUserID":"dave","toUserID":"`+long+`"}`),

		one("agree", "erin", respond, agreed.body, asked),
		one("agree, with a request in the other direction", "erin", sent, `{"userID":"erin",`+all+`}`, asked, askedBack, agreed),
		one("agree, one side is missing", "alice", respond, `{"fromUserID":"carol","toUserID":"alice","handleResult":1}`,
			request{"carol", apply, `{"fromUserID":"carol","toUserID":"alice"}`}),
		one("agree twice", "erin", respond, agreed.body, asked, agreed),
		one("refuse", "erin", respond, refused.body, asked),
		one("refuse twice", "erin", respond, refused.body, asked, refused),
		one("agree after refusing", "erin", respond, agreed.body, asked, refused),
		one("agree to nothing", "erin", respond, agreed.body),
		one("refuse nothing", "erin", respond, refused.body),
		one("neither", "erin", respond, `{"fromUserID":"dave","toUserID":"erin","handleResult":2}`, asked),
		one("in another's name", "dave", respond, agreed.body, asked),
		one("no applicant", "erin", respond, `{"toUserID":"erin","handleResult":1}`),
		one("no answerer", "erin", respond, `{"fromUserID":"dave","handleResult":1}`),
		one("after agreeing, the applicant", "dave", list, `{"userID":"dave",`+all+`}`, asked, agreed),
		one("after agreeing, the other", "erin", list, `{"userID":"erin",`+all+`}`, asked, agreed),
		one("friends again: the order changed", "erin", inc, `{"userID":"erin","versionID":"$versionID","version":2}`, asked, agreed, left, asked, agreed,
			request{"erin", inc, `{"userID":"erin"}`}),

		one("ok", admin, imports, `{"ownerUserID":"alice","friendUserIDs":["erin","bob","dave"]}`),
		one("what the owner sees", "alice", inc, since("1"), head, request{admin, imports, `{"ownerUserID":"alice","friendUserIDs":["erin","bob","dave"]}`}),
		one("what a new friend sees", "dave", list, `{"userID":"dave",`+all+`}`, request{admin, imports, `{"ownerUserID":"alice","friendUserIDs":["erin","bob","dave"]}`}),
		one("nobody", admin, imports, `{"ownerUserID":"alice","friendUserIDs":[]}`),
		one("twice", admin, imports, `{"ownerUserID":"alice","friendUserIDs":["erin","erin"]}`),
		one("oneself", admin, imports, `{"ownerUserID":"alice","friendUserIDs":["alice"]}`),
		one("unknown friend", admin, imports, `{"ownerUserID":"alice","friendUserIDs":["nobody"]}`),
		one("unknown owner", admin, imports, `{"ownerUserID":"nobody","friendUserIDs":["alice"]}`),
		one("no list", admin, imports, `{"ownerUserID":"alice"}`),
		one("no owner", admin, imports, `{"friendUserIDs":["alice"]}`),
		one("by a user", "alice", imports, `{"ownerUserID":"alice","friendUserIDs":["erin"]}`),

		one("ok", "alice", remove, `{"ownerUserID":"alice","friendUserID":"bob"}`),
		one("the other side stays", "bob", list, `{"userID":"bob",`+all+`}`, request{"alice", remove, `{"ownerUserID":"alice","friendUserID":"bob"}`}),
		one("what the owner sees of a deletion", "alice", inc, since("1"), head, request{"alice", remove, `{"ownerUserID":"alice","friendUserID":"bob"}`}),
		one("no friend", "alice", remove, `{"ownerUserID":"alice","friendUserID":"erin"}`),
		one("in another's name", "bob", remove, `{"ownerUserID":"alice","friendUserID":"bob"}`),
		one("no friend given", "alice", remove, `{"ownerUserID":"alice"}`),

		one("ok", "alice", remark, `{"ownerUserID":"alice","friendUserID":"bob","remark":"Bobby"}`),
		one("cleared", "alice", some, `{"ownerUserID":"alice","friendUserIDs":["carol"]}`, request{"alice", remark, `{"ownerUserID":"alice","friendUserID":"carol","remark":""}`}),
		one("what the owner sees of a remark", "alice", inc, since("1"), head, request{"alice", remark, `{"ownerUserID":"alice","friendUserID":"bob","remark":"Bobby"}`}),
		one("what a friend on one side only sees of a new name", "alice", inc, since("1"), head,
			request{"carol", "/user/update_user_info", `{"userInfo":{"userID":"carol","nickname":"Carola"}}`}),
		{"by somebody who is a friend on one side only", nil, request{"carol", "/user/update_user_info_ex", `{"userInfo":{"userID":"carol","nickname":"Carola"}}`}},
		one("no friend", "alice", remark, `{"ownerUserID":"alice","friendUserID":"erin","remark":"x"}`),
		one("in another's name", "bob", remark, `{"ownerUserID":"alice","friendUserID":"bob","remark":"x"}`),
		one("no friend given", "alice", remark, `{"ownerUserID":"alice","remark":"x"}`),

		one("pin", "alice", edit, `{"ownerUserID":"alice","friendUserIDs":["carol","erin"],"isPinned":true}`),
		one("what the owner sees of a pin", "alice", inc, since("1"), head, request{"alice", edit, `{"ownerUserID":"alice","friendUserIDs":["carol","erin"],"isPinned":true}`}),
		one("remark and ex", "alice", some, `{"ownerUserID":"alice","friendUserIDs":["carol","bob"]}`,
			request{"alice", edit, `{"ownerUserID":"alice","friendUserIDs":["carol","bob"],"remark":"","ex":"new"}`}),
		one("what the owner sees of remark and ex", "alice", inc, since("1"), head, request{"alice", edit, `{"ownerUserID":"alice","friendUserIDs":["bob"],"remark":"r"}`}),
		one("nothing to change", "alice", edit, `{"ownerUserID":"alice","friendUserIDs":["carol"]}`),
		one("after nothing to change", "alice", inc, since("1"), head, request{"alice", edit, `{"ownerUserID":"alice","friendUserIDs":["carol"]}`}),
		one("only strangers", "alice", edit, `{"ownerUserID":"alice","friendUserIDs":["erin"],"remark":"x"}`),
		one("empty list", "alice", edit, `{"ownerUserID":"alice","friendUserIDs":[]}`),
		one("twice", "alice", edit, `{"ownerUserID":"alice","friendUserIDs":["bob","bob"]}`),
		one("in another's name", "bob", edit, `{"ownerUserID":"alice","friendUserIDs":["bob"]}`),
		one("no list", "alice", edit, `{"ownerUserID":"alice"}`),

		one("ok", "alice", some, `{"ownerUserID":"alice","friendUserIDs":["erin","carol","bob","nobody"]}`),
		one("none of them", "alice", some, `{"ownerUserID":"alice","friendUserIDs":["erin"]}`),
		one("twice", "alice", some, `{"ownerUserID":"alice","friendUserIDs":["bob","bob"]}`),
		one("of somebody else", "bob", some, `{"ownerUserID":"alice","friendUserIDs":["bob"]}`),
		one("no list", "alice", some, `{"ownerUserID":"alice"}`),

		one("ok", "alice", ids, `{"userID":"alice"}`),
		one("none", "erin", ids, `{"userID":"erin"}`),
		one("of somebody else", "bob", ids, `{"userID":"alice"}`),
		one("no user", "alice", ids, `{}`),

		one("one of them", "alice", is, `{"userID1":"alice","userID2":"carol"}`),
		one("both", "bob", is, `{"userID1":"alice","userID2":"bob"}`),
		one("unknown", admin, is, `{"userID1":"nobody","userID2":"alice"}`),
		one("of others", "erin", is, `{"userID1":"alice","userID2":"bob"}`),
		one("one user", "alice", is, `{"userID1":"alice"}`),

		one("ok", "alice", contacts, `{"ownerUserID":"alice","userIDList":["erin","nobody","bob","dave"]}`),
		one("empty list", "alice", contacts, `{"ownerUserID":"alice","userIDList":[]}`),
		one("twice", "alice", contacts, `{"ownerUserID":"alice","userIDList":["bob","bob"]}`),
		one("nobody known", "alice", contacts, `{"ownerUserID":"alice","userIDList":["nobody"]}`),
		one("of somebody else", "bob", contacts, `{"ownerUserID":"alice","userIDList":["bob"]}`),
		one("no list", "alice", contacts, `{"ownerUserID":"alice"}`),

		one("ok", "erin", received, `{"userID":"erin",`+all+`}`, asked, request{"alice", apply, `{"fromUserID":"alice","toUserID":"erin"}`}),
		one("pending only", "erin", received, `{"userID":"erin","handleResults":[0],`+all+`}`, asked, refused, request{"alice", apply, `{"fromUserID":"alice","toUserID":"erin"}`}),
		one("an impossible result", "erin", received, `{"userID":"erin","handleResults":[7],`+all+`}`, asked),
		one("second page", "erin", received, `{"userID":"erin","pagination":{"pageNumber":2,"showNumber":1}}`, asked, request{"alice", apply, `{"fromUserID":"alice","toUserID":"erin"}`}),
		one("none", "dave", received, `{"userID":"dave",`+all+`}`, asked),
		one("of somebody else", "dave", received, `{"userID":"erin",`+all+`}`),
		one("no pagination", "erin", received, `{"userID":"erin"}`),

		one("ok", "dave", sent, `{"userID":"dave",`+all+`}`, asked, refused),
		one("pending only", "dave", sent, `{"userID":"dave","handleResults":[0],`+all+`}`, asked, refused),
		one("of somebody else", "erin", sent, `{"userID":"dave",`+all+`}`),
		one("no pagination", "dave", sent, `{"userID":"dave"}`),

		one("both directions", "erin", between, `{"fromUserID":"dave","toUserID":"erin"}`, asked, askedBack),
		one("none", "dave", between, `{"fromUserID":"dave","toUserID":"erin"}`),
		one("oneself", "dave", between, `{"fromUserID":"dave","toUserID":"dave"}`),
		one("of others", "alice", between, `{"fromUserID":"dave","toUserID":"erin"}`),
		one("no target", "dave", between, `{"fromUserID":"dave"}`),

		one("one", "erin", pending, `{"userID":"erin","time":0}`, asked),
		one("older ones do not count", "erin", pending, `{"userID":"erin","time":1767229202001}`, asked),
		one("none", "erin", pending, `{"userID":"erin"}`, asked, refused),
		one("of somebody else", "dave", pending, `{"userID":"erin"}`),

		one("ok", "alice", block, `{"ownerUserID":"alice","blackUserID":"dave","ex":"why"}`),
		one("again", "alice", block, `{"ownerUserID":"alice","blackUserID":"erin"}`),
		one("oneself", "alice", block, `{"ownerUserID":"alice","blackUserID":"alice"}`),
		one("unknown user", "alice", block, `{"ownerUserID":"alice","blackUserID":"nobody"}`),
		one("in another's name", "dave", block, `{"ownerUserID":"alice","blackUserID":"dave"}`),
		one("no user", "alice", block, `{"ownerUserID":"alice"}`),

		one("ok", "alice", unblock, `{"ownerUserID":"alice","blackUserID":"erin"}`),
		one("not blocked", "alice", unblock, `{"ownerUserID":"alice","blackUserID":"dave"}`),
		one("in another's name", "erin", unblock, `{"ownerUserID":"alice","blackUserID":"erin"}`),
		one("no user", "alice", unblock, `{"ownerUserID":"alice"}`),

		one("ok", "alice", blacks, `{"ownerUserID":"alice","userIDList":["dave","bob","erin"]}`, blocked),
		one("none of them", "alice", blacks, `{"ownerUserID":"alice","userIDList":["bob"]}`),
		one("empty list", "alice", blacks, `{"ownerUserID":"alice","userIDList":[]}`),
		one("twice", "alice", blacks, `{"ownerUserID":"alice","userIDList":["bob","bob"]}`),
		one("of somebody else is told before an empty list", "erin", blacks, `{"ownerUserID":"alice","userIDList":[]}`),

		one("first contact", "alice", incBlack, `{"userID":"alice"}`),
		one("one blocked", "alice", incBlack, since("1"), blackHead, blocked),
		one("one unblocked", "alice", incBlack, since("1"), blackHead, request{"alice", unblock, `{"ownerUserID":"alice","blackUserID":"erin"}`}),
		one("a blocked user has a new name", "alice", incBlack, since("1"), blackHead,
			request{"erin", "/user/update_user_info", `{"userInfo":{"userID":"erin","nickname":"Erin the new"}}`}),
		one("nothing new", "alice", incBlack, since("1"), blackHead, request{"alice", unblock, `{"ownerUserID":"alice","blackUserID":"dave"}`}),
		one("of somebody else", "erin", incBlack, `{"userID":"alice"}`),
		one("of nobody", admin, incBlack, `{}`),
		one("no user", admin, incBlack, `{}`),

		// What block lists are for.
		{"from somebody blocked", nil, sendText("erin", "alice", "let me in")},
		{"to somebody blocked", nil, sendText("alice", "erin", "hello")},
		{"from somebody blocked just now", []request{sendText("dave", "alice", "hi"), blocked}, sendText("dave", "alice", "hi")},
		{"from somebody unblocked", []request{{"alice", unblock, `{"ownerUserID":"alice","blackUserID":"erin"}`}}, sendText("erin", "alice", "hi")},
		{"from a blocked application administrator", []request{{"alice", block, `{"ownerUserID":"alice","blackUserID":"oscar"}`}}, sendText("oscar", "alice", "hi")},
	}
}
