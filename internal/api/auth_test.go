package api

func authScenarios() []scenario {
	const (
		getAdmin = "/auth/get_admin_token"
		getUser  = "/auth/get_user_token"
		parse    = "/auth/parse_token"
		logout   = "/auth/force_logout"
	)
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	return []scenario{
		one("ok", "", getAdmin, `{"secret":"a secret for tests only","userID":"imAdmin"}`),
		one("keys in any letter case", "", getAdmin, `{"SECRET":"a secret for tests only","userid":"imAdmin"}`),
		one("a token header is not looked at", "$forged:foreign", getAdmin, `{"secret":"a secret for tests only","userID":"imAdmin"}`),
		one("wrong secret", "", getAdmin, `{"secret":"openIM123","userID":"imAdmin"}`),
		one("wrong secret is told before a wrong user", "", getAdmin, `{"secret":"","userID":"alice"}`),
		one("not an administrator", "", getAdmin, `{"secret":"a secret for tests only","userID":"alice"}`),
		one("no user", "", getAdmin, `{"secret":"a secret for tests only"}`),

		one("ok", admin, getUser, `{"platformID":1,"userID":"alice"}`),
		one("by a user", "alice", getUser, `{"platformID":1,"userID":"alice"}`),
		one("platform of administrators", admin, getUser, `{"platformID":10,"userID":"alice"}`),
		one("for an administrator", admin, getUser, `{"platformID":1,"userID":"imAdmin"}`),
		one("unknown user", admin, getUser, `{"platformID":1,"userID":"nobody"}`),
		one("no user", admin, getUser, `{"platformID":1}`),
		one("notification account", admin, getUser, `{"platformID":1,"userID":"news"}`),
		one("platform 0", admin, getUser, `{"platformID":0,"userID":"alice"}`),
		one("platform 13", admin, getUser, `{"platformID":13,"userID":"alice"}`),

		one("ok", "", parse, `{"token":"$token:alice/7"}`),
		one("of an administrator", "", parse, `{"token":"$token:imAdmin"}`),
		one("empty", "", parse, `{"token":""}`),
		one("malformed", "", parse, `{"token":"garbage"}`),
		one("foreign signature", "", parse, `{"token":"$forged:foreign"}`),
		one("expired", "", parse, `{"token":"$forged:expired"}`),
		one("not valid yet", "", parse, `{"token":"$forged:future"}`),
		one("never given out", "", parse, `{"token":"$forged:plain"}`),
		one("replaced by a newer one of the platform", "", parse, `{"token":"$token:alice"}`,
			request{"alice", "/user/get_users_info", `{"userIDs":["alice"]}`},
			request{admin, getUser, `{"platformID":2,"userID":"alice"}`}),

		one("ok", admin, logout, `{"platformID":2,"userID":"alice"}`, request{"alice", "/user/get_users_info", `{"userIDs":["alice"]}`}),
		one("unknown user", admin, logout, `{"platformID":2,"userID":"nobody"}`),
		one("by the user", "alice", logout, `{"platformID":2,"userID":"alice"}`),
		one("platform 0", admin, logout, `{"platformID":0,"userID":"alice"}`),
		one("platform 13", admin, logout, `{"platformID":13,"userID":"alice"}`),
		one("no user", admin, logout, `{"platformID":1}`),
	}
}

// Tokens of the header are judged in the same way on every route; one stands for all.
func tokenScenarios() []scenario {
	const path = "/user/get_users_info"
	const body = `{"userIDs":["alice"]}`
	one := func(name, as string, given ...request) scenario {
		return scenario{"token " + name, given, request{as, path, body}}
	}
	return []scenario{
		one("missing", ""),
		one("malformed", "$plain"),
		one("of a foreign signature", "$forged:foreign"),
		one("expired", "$forged:expired"),
		one("not valid yet", "$forged:future"),
		one("never given out", "$forged:plain"),
		one("kicked by a force_logout", "alice", request{"alice", path, body}, request{admin, "/auth/force_logout", `{"platformID":2,"userID":"alice"}`}),
		one("of another platform after a force_logout", "alice/1", request{"alice/1", path, body}, request{admin, "/auth/force_logout", `{"platformID":2,"userID":"alice"}`}),
		one("kicked by a newer one", "alice", request{"alice", path, body}, request{admin, "/auth/get_user_token", `{"platformID":2,"userID":"alice"}`}),
		one("of an administrator with a newer one", admin, request{admin, path, body}, request{"", "/auth/get_admin_token", `{"secret":"a secret for tests only","userID":"imAdmin"}`}),
	}
}
