package api

import "fmt"

const (
	fullMessage = `{"sendID":"alice","recvID":"bob","groupID":"","senderNickname":"A","senderFaceURL":"http://a","senderPlatformID":7,
		"content":{"content":"hi"},"contentType":101,"sessionType":1,"isOnlineOnly":false,"notOfflinePush":true,"sendTime":1700000000000,
		"offlinePushInfo":{"title":"t","desc":"d","ex":"e","iOSPushSound":"s","iOSBadgeCount":true,"signalInfo":"i"},"ex":"x","unknown":[1]}`
	namingMessage = `{"sendID":"alice","groupID":"garden","contentType":106,"sessionType":3,
		"content":{"text":"@bob","atUserList":["bob",42],"atUsersInfo":[{"atUserID":"bob","groupNickname":"B"}],"quoteMessage":null,"isAtSelf":false}}`
)

func sendScenarios() []scenario {
	const path = "/msg/send_msg"
	one := func(name, body string, given ...request) scenario {
		return scenario{name, given, request{admin, path, body}}
	}
	by := func(as, name, body string) scenario { return scenario{name, nil, request{as, path, body}} }
	// content sends one content from alice to bob.
	content := func(name string, contentType int, content string) scenario {
		return one(name, fmt.Sprintf(`{"sendID":"alice","recvID":"bob","contentType":%d,"sessionType":1,"content":%s}`, contentType, content))
	}
	oa := func(name, sender string, session int, content string) scenario {
		return one(name, fmt.Sprintf(`{"sendID":%q,"recvID":"bob","contentType":1400,"sessionType":%d,"content":%s}`, sender, session, content))
	}
	single := func(name, from, to string) scenario {
		return scenario{name, nil, sendText(from, to, "hello")}
	}
	group := func(name, from, to string) scenario { return scenario{name, nil, sendGroup(from, to, "hello")} }
	const (
		picture = `{"uuid":"u","type":"png","size":1,"width":2,"height":3,"url":"http://p"}`
		video   = `{"videoPath":"","videoUrl":"v","videoType":"mp4","videoSize":9,"duration":3,"snapshotUrl":"s","snapshotWidth":4,"snapshotHeight":5}`
		notice  = `{"notificationName":"News","notificationFaceURL":"","notificationType":1,"text":"hello","url":"","mixType":0,"pictureElem":null,"ex":""}`
	)
	return []scenario{
		single("text", "alice", "bob"),
		single("to oneself", "alice", "alice"),
		single("in an administrator's name", admin, "bob"),
		group("text to a group", "bob", "garden"),
		one("every field", fullMessage),
		one("online only", `{"sendID":"alice","recvID":"bob","content":{"content":"hi"},"contentType":101,"sessionType":1,"isOnlineOnly":true}`),
		one("content is stored as received, sorted and escaped", `{"sendID":"alice","recvID":"bob","contentType":101,"sessionType":1,
			"content":{"z":9007199254740993,"content":"<b>&\u2028é","a":[1.50,null,{"y":1,"x":"\u0000"}],"big":1e21}}`),

		// Order and codes of refusals.
		one("not JSON", `{"sendID":`),
		one("empty body", ``),
		one("wrong type", `{"sendID":7}`),
		one("content is no object", `{"sendID":"alice","recvID":"bob","content":"hi","contentType":101,"sessionType":1}`),
		one("no sender", `{"recvID":"bob","content":{"content":"hi"},"contentType":101,"sessionType":1}`),
		one("no content", `{"sendID":"alice","recvID":"bob","contentType":101,"sessionType":1}`),
		one("no contentType", `{"sendID":"alice","recvID":"bob","content":{"content":"hi"},"sessionType":1}`),
		one("no sessionType", `{"sendID":"alice","recvID":"bob","content":{"content":"hi"},"contentType":101}`),
		one("no receiver", `{"sendID":"alice","content":{"content":"hi"},"contentType":101,"sessionType":1}`),
		one("no group", `{"sendID":"alice","recvID":"bob","content":{"content":"hi"},"contentType":101,"sessionType":3}`),
		one("no group of the old kind", `{"sendID":"alice","recvID":"bob","content":{"content":"hi"},"contentType":101,"sessionType":2}`),
		by("alice", "a bad body is told before the lack of rights", `{}`),
		by("alice", "by a user, of a type that cannot be sent", `{"sendID":"alice","recvID":"bob","content":{"content":"hi"},"contentType":107,"sessionType":1}`),
		by("alice", "by a user", `{"sendID":"alice","recvID":"bob","content":{"content":"hi"},"contentType":101,"sessionType":1}`),
		one("a type that cannot be sent is told before an unknown sender", `{"sendID":"nobody","recvID":"bob","content":{"content":"hi"},"contentType":107,"sessionType":1}`),
		one("a negative type", `{"sendID":"alice","recvID":"bob","content":{"content":"hi"},"contentType":-1,"sessionType":1}`),
		one("bad content is told before an unknown sender", `{"sendID":"nobody","recvID":"bob","content":{},"contentType":101,"sessionType":1}`),
		one("the old group type", `{"sendID":"alice","groupID":"garden","content":{"content":"hi"},"contentType":101,"sessionType":2}`),
		one("unknown sessionType", `{"sendID":"alice","recvID":"bob","content":{"content":"hi"},"contentType":101,"sessionType":9}`),
		one("session 4 with another type", `{"sendID":"news","recvID":"bob","content":{"content":"hi"},"contentType":101,"sessionType":4}`),
		single("unknown sender", "nobody", "bob"),
		single("unknown receiver", "alice", "nobody"),
		single("to somebody who refuses chats", "alice", "frank"),
		single("to somebody who wants no offline push", "alice", "gina"),
		group("unknown group", "alice", "nowhere"),
		group("dismissed group", "alice", "past"),
		group("not a member", "erin", "garden"),
		group("muted member", "dave", "garden"),
		group("muted group", "bob", "hush"),
		group("muted group, by the owner", "alice", "hush"),

		// Contents that are taken.
		content("picture", 102, `{"sourcePath":"/p","sourcePicture":`+picture+`,"bigPicture":`+picture+`,"snapshotPicture":`+picture+`}`),
		content("voice", 103, `{"uuid":"u","soundPath":"","sourceUrl":"http://s","dataSize":10,"duration":1}`),
		content("video", 104, video),
		content("file", 105, `{"filePath":"","uuid":"","sourceUrl":"http://f","fileName":"n","fileSize":1}`),
		one("text that names users", namingMessage),
		one("text that names nobody", `{"sendID":"alice","groupID":"garden","contentType":106,"sessionType":3,"content":{"ATUSERLIST":[]}}`),
		content("custom", 110, `{"data":"d"}`),
		content("quote", 114, `{"text":"yes","quoteMessage":{"textElem":{"content":"?"},"contentType":101,"seq":3}}`),
		content("markdown", 118, `{"content":"# hi"}`),
		content("weakly typed", 103, `{"SOURCEURL":5,"Duration":"0x2","datasize":true,"uuid":false}`),
		oa("notification", "news", 4, notice),
		oa("notification of an application administrator, session 1 taken for 4", "oscar", 1, notice),

		// Contents that are not.
		content("picture without a size", 102, `{"sourcePicture":`+picture+`,"bigPicture":`+picture+`}`),
		content("voice without a duration", 103, `{"sourceUrl":"s"}`),
		content("file without a name", 105, `{"sourceUrl":"f","fileSize":1}`),
		content("quote of a bad picture", 114, `{"quoteMessage":{"pictureElem":{}}}`),
		oa("notification without a type", "news", 4, `{"notificationName":"News","text":"hello"}`),
		oa("notification of an unknown sender", "nobody", 4, `{}`),
		oa("notification of an ordinary user", "alice", 4, `{}`),
		one("notification to an unknown user", `{"sendID":"news","recvID":"nobody","contentType":1400,"sessionType":4,"content":`+notice+`}`),
	}
}
