package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/push"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/wire"
)

// comings returns the callbacks about a user's connections so far, one word each.
func comings(h *imtest.Hooks, userID string) (out []string) {
	all, _ := h.All()
	for _, k := range all {
		if name := short(k.Command); k.Body["userID"] == userID && strings.HasPrefix(name, "AfterUser") && k.Body["platform"] != nil {
			out = append(out, fmt.Sprint(strings.TrimPrefix(name, "AfterUser"), " ", k.Body["platform"]))
		}
	}
	return out
}

// wantComings waits until the callbacks about a user's connections are these.
func wantComings(t *testing.T, h *imtest.Hooks, userID string, want ...string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		_, changed := h.All()
		got := comings(h, userID)
		if len(got) >= len(want) {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("callbacks about %s (-want +got):\n%s", userID, diff)
			}
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("callbacks about %s: %v, want %v", userID, got, want)
		}
	}
}

// TestPresenceCallbacks: a platform is told to be online with its first connection
// and offline with its last, in the order in which it happened (webhooks.md B.1 to B.3).
func TestPresenceCallbacks(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		register(t, s, "ann", "bob", "cid")
		operation := imtest.DialOptions{Query: map[string][]string{"operationID": {"login-1"}, "isBackground": {"true"}}}
		phone := login(t, s, "ann", operation)
		browser := login(t, s, "ann", imtest.DialOptions{Platform: im.PlatformWeb})
		wantComings(t, hooks, "ann", "Online Android", "Online Web")
		online := hooks.Wait(t, im.AfterUserOnline.String(), nil)
		if online.Header.Get("operationID") != "login-1" || online.Body["operationID"] != "login-1" || online.Body["connID"] == "" {
			t.Errorf("online: %s", online.Raw)
		}
		online.Raw = []byte(strings.ReplaceAll(string(online.Raw), "login-1", strings.Repeat("0", 32)))
		goldenMessage(t, online)

		// Logout, a closed connection, and coming back.
		must(t, phone.Request(wire.ReqLogout, &push.DelUserPushTokenReq{UserID: "ann", PlatformID: int32(im.PlatformAndroid)}, nil))
		wantComings(t, hooks, "ann", "Online Android", "Online Web", "Offline Android")
		offline := hooks.Wait(t, im.AfterUserOffline.String(), nil)
		if offline.Body["connID"] != online.Body["connID"] || offline.Header.Get("operationID") == "" {
			t.Errorf("offline: %s", offline.Raw)
		}
		goldenMessage(t, offline)
		browser.Close()
		wantComings(t, hooks, "ann", "Online Android", "Online Web", "Offline Android", "Offline Web")
		login(t, s, "ann", imtest.DialOptions{})
		wantComings(t, hooks, "ann", "Online Android", "Online Web", "Offline Android", "Offline Web", "Online Android")

		// force_logout is told before the end that it brings about, both by the request's id.
		login(t, s, "bob", imtest.DialOptions{})
		must(t, s.AsAdmin("/auth/force_logout", imtest.H{"userID": "bob", "platformID": im.PlatformAndroid}, nil))
		wantComings(t, hooks, "bob", "Online Android", "KickOff Android", "Offline Android")
		byForce := heard(hooks, im.AfterUserKickOff, "userID", "bob")[0]
		left := heard(hooks, im.AfterUserOffline, "userID", "bob")[0]
		goldenMessage(t, byForce)
		if byForce.Body["operationID"] != left.Body["operationID"] {
			t.Errorf("kicked by %v, offline by %v", byForce.Body["operationID"], left.Body["operationID"])
		}
		if got := left.Header.Get("webhook-sequence"); got != "user:bob;3" {
			t.Errorf("webhook-sequence %q", got)
		}
		if got := comings(hooks, "cid"); got != nil {
			t.Errorf("nothing happened to cid, but %v", got)
		}
	})
}

// TestSharedPlatform: of two live connections of one platform the first coming and
// the last going are told.
func TestSharedPlatform(t *testing.T) {
	t.Parallel()
	hooks := imtest.ReceiveHooks(t)
	s := imtest.Start(t, func(c *config.Config) {
		c.Webhooks.URL, c.MultiLogin.Policy = hooks.URL, int(im.PolicyNoKick)
		must(t, c.Webhooks.TurnOn("all"))
	})
	register(t, s, "ann")
	first, second := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "ann", imtest.DialOptions{})
	first.Close()
	for deadline := time.Now().Add(10 * time.Second); ; {
		var status []struct{ DetailPlatformStatus []any }
		must(t, s.AsAdmin("/user/get_users_online_status", imtest.H{"userIDs": []string{"ann"}}, &status))
		if len(status) == 1 && len(status[0].DetailPlatformStatus) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("status %+v", status)
		}
	}
	second.Close()
	wantComings(t, hooks, "ann", "Online Android", "Offline Android")
	ids := [2]any{heard(hooks, im.AfterUserOnline, "userID", "ann")[0].Body["connID"], heard(hooks, im.AfterUserOffline, "userID", "ann")[0].Body["connID"]}
	if ids[0] == ids[1] {
		t.Errorf("the connection that came first, %v, is told to be the last that went", ids[0])
	}
}

// TestKickedByLogin: a login that ends another one by force says so before that one is
// offline, in the name of its own request.
func TestKickedByLogin(t *testing.T) {
	t.Parallel()
	hooks := imtest.ReceiveHooks(t)
	s := imtest.Start(t, func(c *config.Config) {
		c.Webhooks.URL, c.MultiLogin.Policy = hooks.URL, int(im.PolicySameClass)
		must(t, c.Webhooks.TurnOn("all"))
	})
	register(t, s, "ann")
	login(t, s, "ann", imtest.DialOptions{Platform: im.PlatformIOS})
	login(t, s, "ann", imtest.DialOptions{Query: map[string][]string{"operationID": {"login-2"}}})
	wantComings(t, hooks, "ann", "Online IOS", "Online Android", "KickOff IOS", "Offline IOS")
	for _, c := range []im.Command{im.AfterUserKickOff, im.AfterUserOffline} {
		if k := heard(hooks, c, "userID", "ann")[0]; k.Body["operationID"] != "login-2" {
			t.Errorf("%s by %v", k.Command, k.Body["operationID"])
		}
	}
}

// TestPresenceAtTheEnd: a server that stops tells of the connections that it ends; what
// the receiver did not hear is told after the next start.
func TestPresenceAtTheEnd(t *testing.T) {
	t.Parallel()
	const users = 40
	hooks := imtest.ReceiveHooks(t)
	dir := t.TempDir()
	start := func() *imtest.Server {
		return imtest.Start(t, func(c *config.Config) {
			c.DataDir, c.Webhooks.URL = dir, hooks.URL
			must(t, c.Webhooks.TurnOn("afterUserOnline", "afterUserOffline"))
		})
	}
	s := start()
	for i := range users {
		id := fmt.Sprint("u", i)
		register(t, s, id)
		login(t, s, id, imtest.DialOptions{})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	must(t, s.Stop(ctx))
	start()
	for i := range users {
		wantComings(t, hooks, fmt.Sprint("u", i), "Online Android", "Offline Android")
	}
}
