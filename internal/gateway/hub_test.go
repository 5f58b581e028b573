package gateway

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/sdkws"
	"pgregory.net/rapid"

	"parley/internal/im"
	"parley/internal/presence"
	"parley/internal/wire"
)

const (
	ios, android, windows, osx, web = im.PlatformIOS, im.PlatformAndroid, im.PlatformWindows, im.PlatformOSX, im.PlatformWeb
	ipad, apad, harmony, linux      = im.PlatformIPad, im.PlatformAPad, im.PlatformHarmonyOS, im.PlatformLinux
)

// Who is kicked by whom (gateway.md 7.3 B), over real sockets.
func TestLoginPolicies(t *testing.T) {
	t.Parallel()
	type other struct {
		p    im.Platform
		hash string
	}
	for _, tt := range []struct {
		policy   im.LoginPolicy
		newcomer im.Platform
		others   []other
		kicked   []int // of others
	}{
		{im.PolicyNoKick, ios, []other{{ios, "a"}, {android, "b"}, {windows, "c"}}, nil},
		{im.PolicySameTerminal, ios, []other{{ios, "a"}, {android, "b"}, {ipad, "c"}, {ios, "d"}}, []int{0, 3}},
		{im.PolicySameTerminal, ios, []other{{ios, "new"}, {ios, "a"}}, []int{1}},
		{im.PolicySameClass, ios, []other{{ios, "a"}, {android, "b"}, {windows, "c"}, {ipad, "d"}, {harmony, "e"}}, []int{0, 1}},
		{im.PolicySameClass, osx, []other{{windows, "a"}, {linux, "b"}, {web, "c"}}, []int{0, 1}},
		{im.PolicySameClass, apad, []other{{ipad, "a"}, {android, "b"}}, []int{0}},
		{im.PolicySameClass, web, []other{{web, "a"}, {windows, "b"}, {web, "new"}}, []int{0}},
		{im.PolicyPCFree, windows, []other{{windows, "a"}, {ios, "b"}, {web, "c"}}, nil},
		{im.PolicyPCFree, ios, []other{{windows, "a"}, {android, "b"}, {web, "c"}, {ipad, "d"}, {linux, "e"}}, []int{1, 2, 3}},
		{im.PolicyPCFree, web, []other{{web, "new"}, {android, "b"}}, []int{1}},
	} {
		t.Run(fmt.Sprintf("policy %d/%v after %v", tt.policy, tt.newcomer, tt.others), func(t *testing.T) {
			f := start(t, func(o *Options) { o.Policy = im.PolicyNoKick })
			var before []*client
			for _, o := range tt.others {
				before = append(before, f.dial(as{user: "alice", platform: o.p, hash: o.hash}))
			}
			f.dial(as{user: "bob", platform: tt.newcomer}) // another user's login kicks nobody
			f.toldOf(len(before) + 1)
			f.g.policy = tt.policy
			f.dial(as{user: "alice", platform: tt.newcomer, hash: "new"})

			var wantTold []im.Credential
			for i, c := range before {
				if !slices.Contains(tt.kicked, i) {
					if r := c.call(wire.ReqSetBackground, &emptyMessage); r.ErrCode != 0 {
						t.Errorf("connection %d: %+v", i, r)
					}
					continue
				}
				if r := c.next(); r.ReqIdentifier != wire.ReqKick || r.MsgIncr != "" || r.OperationID != "" || r.ErrCode != 0 || r.Data != nil {
					t.Errorf("connection %d: %+v", i, r)
				}
				if code := c.closed(); code != 1000 {
					t.Errorf("connection %d: close code %d", i, code)
				}
				wantTold = append(wantTold, im.Credential{UserID: "alice", Platform: tt.others[i].p, TokenHash: tt.others[i].hash})
			}
			f.toldOf(len(before) + 2)
			last := f.svc.logins[len(f.svc.logins)-1]
			if last.newcomer.TokenHash != "new" || !slices.Equal(last.kicked, wantTold) {
				t.Errorf("told of %+v, want %+v", last, wantTold)
			}
		})
	}
}

// Whatever the order in which connections of a user are added and ask whom they
// replace, those that stay are compatible, the one added last stays, and all
// others were kicked exactly once.
func TestSupersede(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		policy := rapid.SampledFrom([]im.LoginPolicy{im.PolicyNoKick, im.PolicySameTerminal, im.PolicySameClass, im.PolicyPCFree}).Draw(t, "policy")
		h := newHub()
		n := rapid.IntRange(1, 8).Draw(t, "n")
		conns := make([]*conn, n)
		var added, waiting []*conn
		for i := range conns {
			conns[i] = &conn{userID: "alice", cred: im.Credential{
				Platform:  im.Platform(rapid.IntRange(1, 12).Draw(t, "platform")),
				TokenHash: rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "hash"),
			}}
		}
		kicks := make(map[*conn]int)
		ask := func(i int) {
			for _, k := range h.supersede(waiting[i], policy) {
				kicks[k]++
			}
			waiting = slices.Delete(waiting, i, i+1)
		}
		for _, c := range conns {
			h.add(c)
			added, waiting = append(added, c), append(waiting, c)
			for len(waiting) > 0 && rapid.Bool().Draw(t, "ask") {
				ask(rapid.IntRange(0, len(waiting)-1).Draw(t, "who"))
			}
		}
		for len(waiting) > 0 {
			ask(rapid.IntRange(0, len(waiting)-1).Draw(t, "who"))
		}
		stay := h.of("alice")
		if last := added[n-1]; !slices.Contains(stay, last) {
			t.Fatal("the newest connection was kicked")
		}
		for i, c := range added {
			if k := kicks[c]; k > 1 || (k == 0) != slices.Contains(stay, c) {
				t.Fatalf("connection %d was kicked %d times", i, k)
			}
			for _, o := range added[i+1:] {
				if slices.Contains(stay, c) && slices.Contains(stay, o) && c.cred.TokenHash != o.cred.TokenHash && policy.Kicks(o.cred.Platform, c.cred.Platform) {
					t.Fatal("two connections stay that exclude one another")
				}
			}
		}
	})
}

// Two logins at the same moment leave one connection.
func TestSimultaneousLogins(t *testing.T) {
	t.Parallel()
	f := start(t, func(o *Options) { o.Policy = im.PolicySameTerminal })
	for range 20 {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { f.dial(as{user: "alice"}) })
		}
		wg.Wait()
		eventually(t, "one connection is left", func() bool { return len(f.g.Connections([]string{"alice"})) == 1 })
	}
}

// A second login on a platform does not make the user flicker.
func TestReplacementKeepsPresence(t *testing.T) {
	t.Parallel()
	tab := presence.New()
	var mu sync.Mutex
	var events []string
	tab.OnChange(func(e presence.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, fmt.Sprint(e.UserID, " ", int(e.Platform), " ", e.Kind))
	})
	f := start(t, func(o *Options) { o.Presence, o.Policy = tab, im.PolicySameTerminal })
	a := f.dial(as{user: "alice", platform: ios})
	b := f.dial(as{user: "alice", platform: ios})
	a.closed()
	a.ended()
	b.ws.Close()
	b.ended()
	eventually(t, "offline", func() bool { return tab.Online() == 0 })
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"alice 1 0", "alice 1 2", "alice 1 1"}; !slices.Equal(events, want) {
		t.Errorf("events %q", events)
	}
}

func TestForceLogout(t *testing.T) {
	t.Parallel()
	f := start(t)
	a, b, c := f.dial(as{user: "alice"}), f.dial(as{user: "alice"}), f.dial(as{user: "alice", platform: web})
	if n := f.g.Kick("alice", android, "op"); n != 2 {
		t.Errorf("kicked %d", n)
	}
	if got := f.tab.Platforms("alice"); !slices.Equal(got, []im.Platform{web}) {
		t.Errorf("online from %v", got)
	}
	for _, k := range []*client{a, b} {
		if r := k.next(); r.ReqIdentifier != wire.ReqKick {
			t.Errorf("got %+v", r)
		}
		k.closed()
	}
	if d := f.g.Push("alice", wire.NewPush("si_a_b", "op")); d.Connections != 1 {
		t.Errorf("%+v", d)
	}
	if r := c.next(); r.ReqIdentifier != wire.ReqPush {
		t.Errorf("got %+v", r)
	}
}

func TestPushDelivery(t *testing.T) {
	t.Parallel()
	f := start(t)
	push := func(except ...string) Delivery {
		t.Helper()
		d := f.g.Push("alice", wire.NewPush("si_a_b", "op"), except...)
		if on := f.g.PhoneOnline("alice"); on != d.Mobile && len(except) == 0 {
			t.Errorf("phone online: %v, but the push says %v", on, d.Mobile)
		}
		return d
	}
	if d := push(); d != (Delivery{}) || f.g.Online("alice") {
		t.Errorf("offline: %+v", d)
	}
	browser := f.dial(as{user: "alice", platform: web})
	if d := push(); d != (Delivery{Connections: 1}) || !f.g.Online("alice") {
		t.Errorf("browser: %+v", d)
	}
	phone := f.dial(as{user: "alice", platform: ios, background: true})
	if d := push(); d != (Delivery{Connections: 1}) {
		t.Errorf("iOS in the background: %+v", d)
	}
	phone.call(wire.ReqSetBackground, &sdkws.SetAppBackgroundStatusReq{IsBackground: false})
	if d := push(); d != (Delivery{Connections: 2, Mobile: true}) {
		t.Errorf("iOS in the foreground: %+v", d)
	}
	phone.next()
	phone.call(wire.ReqSetBackground, &sdkws.SetAppBackgroundStatusReq{IsBackground: true})
	other := f.dial(as{user: "alice", platform: android, background: true})
	if d := push(); d != (Delivery{Connections: 2, Mobile: true}) {
		t.Errorf("Android in the background: %+v", d)
	}
	if d := push(browser.conn.ID(), other.conn.ID()); d != (Delivery{}) {
		t.Errorf("all excepted: %+v", d)
	}
	got := f.g.Connections([]string{"nobody", "alice"})
	want := []im.Connection{
		{ID: browser.conn.ID(), UserID: "alice", Platform: web, Token: browser.conn.cred.TokenHash},
		{ID: phone.conn.ID(), UserID: "alice", Platform: ios, Background: true, Token: phone.conn.cred.TokenHash},
		{ID: other.conn.ID(), UserID: "alice", Platform: android, Background: true, Token: other.conn.cred.TokenHash},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPresenceSubscription(t *testing.T) {
	t.Parallel()
	for _, codec := range codecs() {
		t.Run(codec.String(), func(t *testing.T) {
			f := start(t, limits(func(l *Limits) { l.Subscriptions = 3 }))
			watcher := f.dial(as{user: "watcher", codec: codec})
			tips := func(want string) {
				t.Helper()
				r := watcher.next()
				var tips sdkws.SubUserOnlineStatusTips
				unmarshal(t, r.Data, &tips)
				got := ""
				for _, e := range tips.Subscribers {
					got += fmt.Sprint(e.UserID, e.OnlinePlatformIDs, " ")
				}
				if r.ReqIdentifier != wire.ReqSubscribeOnline || r.ErrCode != 0 || r.MsgIncr != "" || got != want {
					t.Errorf("got %+v %q, want %q", r, got, want)
				}
			}
			update := func(sub, unsub []string, want string) {
				t.Helper()
				r := watcher.call(wire.ReqSubscribeOnline, &sdkws.SubUserOnlineStatus{SubscribeUserID: sub, UnsubscribeUserID: unsub})
				var tips sdkws.SubUserOnlineStatusTips
				unmarshal(t, r.Data, &tips)
				got := fmt.Sprint(r.ErrCode, " ")
				for _, e := range tips.Subscribers {
					got += fmt.Sprint(e.UserID, e.OnlinePlatformIDs, " ")
				}
				if got != want {
					t.Errorf("answer %q, want %q", got, want)
				}
			}
			update([]string{"alice", "bob", "alice"}, nil, "0 alice[] bob[] alice[] ")
			a := f.dial(as{user: "alice", platform: web})
			tips("alice[5] ")
			b := f.dial(as{user: "alice", platform: ios})
			tips("alice[1 5] ")
			f.dial(as{user: "alice", platform: ios}) // the set stays the same
			a.ws.Close()
			tips("alice[1] ")
			b.ws.Close()
			b.ended()
			update([]string{"bob", "carol", "dave"}, nil, "1001 ")
			update([]string{"bob", "carol", "dave"}, []string{"alice"}, "0 bob[] carol[] dave[] ")
			update(nil, []string{"carol", "dave"}, "0 ")
			update([]string{"alice"}, []string{"alice"}, "0 alice[1] ")
			f.g.Kick("alice", ios, "op")
			tips("alice[] ")
			watcher.ws.Close()
			watcher.ended()
			f.dial(as{user: "alice", platform: ios})
		})
	}
}
