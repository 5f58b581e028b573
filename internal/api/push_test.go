package api

func pushScenarios() []scenario {
	const (
		token = "/third/fcm_update_token"
		badge = "/third/set_app_badge"
	)
	one := func(name, as, path, body string) scenario { return scenario{name, nil, request{as, path, body}} }
	return []scenario{
		one("own", "alice", token, `{"platformID":2,"fcmToken":"t1","account":"alice","expireTime":3600}`),
		one("without end", "alice", token, `{"platformID":1,"fcmToken":"t1","account":"alice"}`),
		one("by an administrator", admin, token, `{"platformID":1,"fcmToken":"t1","account":"alice"}`),
		one("of somebody else", "bob", token, `{"platformID":1,"fcmToken":"t1","account":"alice"}`),
		one("unknown user", admin, token, `{"platformID":1,"fcmToken":"t1","account":"zoe"}`),
		one("unknown platform", "alice", token, `{"platformID":13,"fcmToken":"t1","account":"alice"}`),
		one("no token", "alice", token, `{"platformID":1,"account":"alice"}`),
		one("a zero byte", "alice", token, `{"platformID":1,"fcmToken":"t\u0000","account":"alice"}`),
		one("no account", "alice", token, `{"platformID":1,"fcmToken":"t1"}`),
		one("ended before it began", "alice", token, `{"platformID":1,"fcmToken":"t1","account":"alice","expireTime":-1}`),

		one("own", "alice", badge, `{"userID":"alice","appUnreadCount":7}`),
		one("none", "alice", badge, `{"userID":"alice"}`),
		one("of somebody else", "bob", badge, `{"userID":"alice","appUnreadCount":7}`),
		one("unknown user", admin, badge, `{"userID":"zoe","appUnreadCount":7}`),
		one("negative", "alice", badge, `{"userID":"alice","appUnreadCount":-1}`),
		one("no user", "alice", badge, `{"appUnreadCount":1}`),
	}
}
