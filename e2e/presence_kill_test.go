package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"parley/imtest"
	"parley/internal/im"
)

// presenceProcess is a server whose receiver hears of connections.
func presenceProcess(t *testing.T, bin string, hooks *imtest.Hooks, env ...string) *process {
	t.Helper()
	p := newProcess(t, bin, append(env, "PARLEY_WEBHOOKS_URL="+hooks.URL, "PARLEY_WEBHOOKS_ENABLE=afterUserOnline,afterUserOffline")...)
	p.start()
	return p
}

// connect registers a user of a process, who may be there already, and connects it.
func connect(t *testing.T, p *process, id string, platform im.Platform) *imtest.Client {
	t.Helper()
	c := imtest.NewCaller("http://"+p.api, secret)
	_ = c.Register(id)
	token, err := c.UserToken(id, platform)
	must(t, err)
	conn, err := imtest.Dial(context.Background(), "ws://"+p.ws, id, imtest.DialOptions{Token: token, Platform: platform})
	must(t, err)
	t.Cleanup(conn.Close)
	return conn
}

// toldOnce returns the callbacks about a user's connections so far, one word each, without
// those that came again because the process died before it could note that they had come.
func toldOnce(h *imtest.Hooks, userID string) (out []string) {
	all, _ := h.All()
	seen := map[string]bool{}
	for _, k := range all {
		if name := short(k.Command); k.Body["userID"] == userID && strings.HasPrefix(name, "AfterUser") && !seen[k.ID] {
			seen[k.ID] = true
			out = append(out, fmt.Sprint(strings.TrimPrefix(name, "AfterUser"), " ", k.Body["platform"]))
		}
	}
	return out
}

// wantTold waits until as many callbacks came about a user's connections, and compares
// them; those that came from a place on do so in no order.
func wantTold(t *testing.T, h *imtest.Hooks, userID string, from int, want ...string) {
	t.Helper()
	var got []string
	eventually(t, fmt.Sprintf("%d callbacks about %s", len(want), userID), func() bool {
		got = toldOnce(h, userID)
		return len(got) >= len(want)
	})
	if from < len(got) {
		slices.Sort(got[from:])
	}
	if !slices.Equal(got, want) {
		t.Fatalf("callbacks about %s: %q, want %q", userID, got, want)
	}
}

// TestPresenceAfterKill ends the process as a power cut would: who was online is told to
// be offline by the next one, once, and before anybody comes back (webhooks.md B.2).
func TestPresenceAfterKill(t *testing.T) {
	t.Parallel()
	onChaosStores(t, func(t *testing.T, bin string, env ...string) {
		hooks := imtest.ReceiveHooks(t)
		p := presenceProcess(t, bin, hooks, env...)
		connect(t, p, "ann", im.PlatformAndroid)
		wantTold(t, hooks, "ann", 2, "Online Android")
		connect(t, p, "ann", im.PlatformWeb)
		connect(t, p, "bob", im.PlatformIOS)
		gone := connect(t, p, "cid", im.PlatformIOS)
		wantTold(t, hooks, "ann", 2, "Online Android", "Online Web")
		wantTold(t, hooks, "bob", 2, "Online IOS")
		gone.Close()
		wantTold(t, hooks, "cid", 2, "Online IOS", "Offline IOS")

		p.kill()
		p.start()
		wantTold(t, hooks, "ann", 2, "Online Android", "Online Web", "Offline Android", "Offline Web")
		wantTold(t, hooks, "bob", 2, "Online IOS", "Offline IOS")
		online := heard(hooks, im.AfterUserOnline, "userID", "bob")[0]
		offline := heard(hooks, im.AfterUserOffline, "userID", "bob")[0]
		if offline.Body["connID"] != online.Body["connID"] || offline.Body["operationID"] == "" || offline.Header.Get("webhook-sequence") != "user:bob;2" {
			t.Errorf("offline: %s %v", offline.Raw, offline.Header)
		}

		// Once more: nothing of the first time is told again.
		connect(t, p, "bob", im.PlatformIOS)
		wantTold(t, hooks, "bob", 9, "Online IOS", "Offline IOS", "Online IOS")
		p.kill()
		p.start()
		wantTold(t, hooks, "bob", 9, "Online IOS", "Offline IOS", "Online IOS", "Offline IOS")
		wantTold(t, hooks, "ann", 2, "Online Android", "Online Web", "Offline Android", "Offline Web")
		wantTold(t, hooks, "cid", 2, "Online IOS", "Offline IOS")
	})
}

// TestPresenceOfDeadNode has two nodes on one database, of which one dies: only its
// connections are told to be offline, and not those that came back on the other one.
func TestPresenceOfDeadNode(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits until a lease is over")
	}
	bin, env := build(t), postgresEnv(t)
	hooks := imtest.ReceiveHooks(t)
	dies, lives := presenceProcess(t, bin, hooks, env), presenceProcess(t, bin, hooks, env)
	connect(t, dies, "ann", im.PlatformAndroid)
	connect(t, dies, "bob", im.PlatformAndroid)
	connect(t, lives, "cid", im.PlatformAndroid)
	for _, id := range []string{"ann", "bob", "cid"} {
		wantTold(t, hooks, id, 9, "Online Android")
	}
	dies.kill()
	bob := connect(t, lives, "bob", im.PlatformAndroid)
	wantTold(t, hooks, "ann", 9, "Online Android", "Offline Android")
	wantTold(t, hooks, "bob", 9, "Online Android", "Online Android")
	bob.Close()
	wantTold(t, hooks, "bob", 9, "Online Android", "Online Android", "Offline Android")
	if got := toldOnce(hooks, "cid"); len(got) != 1 {
		t.Errorf("cid is connected, but: %q", got)
	}

	// What is stopped in order says so itself, and leaves nothing to others.
	if code := lives.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	lives.start() // what it did not get to tell is told now
	wantTold(t, hooks, "cid", 9, "Online Android", "Offline Android")
}
