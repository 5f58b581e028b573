package e2e

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/openimsdk/protocol/sdkws"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/store/storetest"
)

// tips decodes the content of a notification.
func tips[T any](t *testing.T, m *sdkws.MsgData) *T {
	t.Helper()
	var c struct{ Detail string }
	v := new(T)
	if err := json.Unmarshal(m.Content, &c); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(c.Detail), v); err != nil {
		t.Fatal(err)
	}
	return v
}

// refused wants a call to fail with a code.
func refused(t *testing.T, what string, err error, code int) {
	t.Helper()
	if e, ok := errors.AsType[*imtest.Error](err); !ok || e.Code != code {
		t.Errorf("%s: %v, want %d", what, err, code)
	}
}

// must wants a call to succeed.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// verified runs a test on both stores against a server on which strangers cannot chat.
func verified(t *testing.T, test func(t *testing.T, s *imtest.Server)) {
	for name, storeURL := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { return storetest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := storeURL(t)
			test(t, imtest.Start(t, func(c *config.Config) { c.Store.URL, c.Friend.Verify = url, true }))
		})
	}
}

// TestFriendship is the way from strangers to friends and back, as both sides see it.
func TestFriendship(t *testing.T) {
	verified(t, func(t *testing.T, s *imtest.Server) {
		register(t, s, "ann", "bob")
		ann, bob := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{})
		say := func(from user, to string) error {
			_, err := from.Send(from.Text(to, "", "hello"))
			return err
		}
		refused(t, "a stranger's message", say(ann, "bob"), 1303)

		must(t, s.Post(ann.token, "/friend/add_friend", imtest.H{"fromUserID": "ann", "toUserID": "bob", "reqMsg": "it is me"}, nil))
		for _, u := range []user{ann, bob} {
			r := tips[sdkws.FriendApplicationTips](t, u.next(t, "the application", notice(1203))).Request
			if r.FromNickname != "nick-ann" || r.ToUserID != "bob" || r.ReqMsg != "it is me" || r.HandleResult != 0 {
				t.Errorf("%s is told of the request %+v", u.UserID, r)
			}
		}
		must(t, s.Post(bob.token, "/friend/add_friend_response", imtest.H{"fromUserID": "ann", "toUserID": "bob", "handleResult": 1}, nil))
		for _, u := range []user{ann, bob} {
			// The notification comes before its line in the chat.
			m := u.next(t, "the agreement", func(p pushed) bool { return p.m.ContentType == 1201 })
			if m.Options[im.OptNotNotification] || m.Seq != 0 {
				t.Errorf("%s got the chat line before the notification", u.UserID)
			}
			line := u.next(t, "the line in the chat", func(p pushed) bool { return !p.notice && p.m.ContentType == 1201 })
			if line.SendID != "bob" || line.Seq != 1 || !line.Options[im.OptOfflinePush] || line.ClientMsgID != m.ClientMsgID {
				t.Errorf("line in the chat of %s: %+v", u.UserID, line)
			}
		}
		must(t, say(ann, "bob"))
		must(t, say(bob, "ann"))

		// Bob deletes Ann: she is no friend of his any more, he still is of hers.
		must(t, s.Post(bob.token, "/friend/delete_friend", imtest.H{"ownerUserID": "bob", "friendUserID": "ann"}, nil))
		refused(t, "a message to somebody who deleted the sender", say(ann, "bob"), 1303)
		must(t, say(bob, "ann"))
		must(t, s.AsAdmin("/friend/import_friend", imtest.H{"ownerUserID": "bob", "friendUserIDs": []string{"ann"}}, nil))
		must(t, say(ann, "bob"))

		// From another device: the one that asks loads the list by itself and is spared.
		ios, err := s.UserToken("bob", im.PlatformIOS)
		must(t, err)
		must(t, s.Post(ios, "/friend/add_black", imtest.H{"ownerUserID": "bob", "blackUserID": "ann"}, nil))
		refused(t, "a blocked user's message", say(ann, "bob"), 1302)
		must(t, say(bob, "ann"))
		if got := tips[sdkws.BlackAddedTips](t, bob.next(t, "the block", notice(1207))); got.FromToUserID.ToUserID != "ann" {
			t.Errorf("tips %+v", got)
		}
		must(t, s.Post(ios, "/friend/remove_black", imtest.H{"ownerUserID": "bob", "blackUserID": "ann"}, nil))
		must(t, say(ann, "bob"))
		ann.next(t, "the own message", text(lastText(t, ann)))
		// Whatever Ann was to hear of the block has reached her by now: nothing.
		for len(ann.ch) > 0 {
			if p := <-ann.ch; p.m.ContentType == 1207 || p.m.ContentType == 1208 {
				t.Errorf("ann was told that she was blocked: %+v", p.m)
			}
		}
	})
}

// lastText sends one more text and returns its id.
func lastText(t *testing.T, u user) string {
	t.Helper()
	m := u.Text("bob", "", "last")
	if _, err := u.Send(m); err != nil {
		t.Fatal(err)
	}
	return m.ClientMsgID
}

// TestImportManyFriends imports many friends at once, and refuses more than one
// request may hold.
func TestImportManyFriends(t *testing.T) {
	verified(t, func(t *testing.T, s *imtest.Server) {
		const n = 100
		ids := make([]string, n)
		for i := range ids {
			ids[i] = im.NewID()
		}
		register(t, s, slices.Concat(ids, []string{"owner"})...)
		must(t, s.AsAdmin("/friend/import_friend", imtest.H{"ownerUserID": "owner", "friendUserIDs": ids}, nil))
		var got struct{ FriendIDs []string }
		must(t, s.AsAdmin("/friend/get_friend_id", imtest.H{"userID": "owner"}, &got))
		slices.Sort(ids)
		if slices.Sort(got.FriendIDs); !slices.Equal(got.FriendIDs, ids) {
			t.Errorf("%d friends", len(got.FriendIDs))
		}
		tooMany := s.AsAdmin("/friend/import_friend", imtest.H{"ownerUserID": "owner", "friendUserIDs": make([]string, 1001)}, nil)
		refused(t, "1001 friends", tooMany, 1001)
	})
}

// TestOnlineStatus compares what administrators see with who is connected.
func TestOnlineStatus(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, _ *imtest.Hooks) {
		register(t, s, "ann", "bob")
		phone := login(t, s, "ann", imtest.DialOptions{})
		login(t, s, "ann", imtest.DialOptions{Platform: im.PlatformWeb})
		type status struct {
			UserID               string
			Status               int
			PlatformIDs          []int
			DetailPlatformStatus []struct {
				PlatformID int
				ConnID     string
			}
			SinglePlatformToken []struct{ PlatformID, Total int }
		}
		ask := imtest.H{"userIDs": []string{"bob", "ann"}}
		var list struct{ StatusList []status }
		must(t, s.Post(phone.token, "/user/get_users_status", ask, &list))
		if l := list.StatusList; len(l) != 2 || l[0].Status != 0 || l[0].PlatformIDs != nil || l[1].Status != 1 || !slices.Equal(l[1].PlatformIDs, []int{2, 5}) {
			t.Errorf("statuses %+v", l)
		}
		var detail, tokens []status
		must(t, s.AsAdmin("/user/get_users_online_status", ask, &detail))
		if len(detail) != 2 || detail[0].Status != 0 || len(detail[1].DetailPlatformStatus) != 2 || detail[1].DetailPlatformStatus[0].ConnID == "" {
			t.Errorf("details %+v", detail)
		}
		must(t, s.AsAdmin("/user/get_users_online_token_detail", ask, &tokens))
		if len(tokens) != 1 || tokens[0].UserID != "ann" || len(tokens[0].SinglePlatformToken) != 2 || tokens[0].SinglePlatformToken[1].Total != 1 {
			t.Errorf("tokens %+v", tokens)
		}
		refused(t, "a user's question", s.Post(phone.token, "/user/get_users_online_status", ask, nil), 1002)
	})
}
