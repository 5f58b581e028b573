package presence

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"parley/internal/im"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func text(s im.OnlineStatus) string { return fmt.Sprint(s.UserID, s.Platforms) }

func texts(list []im.OnlineStatus) (out []string) {
	for _, s := range list {
		out = append(out, text(s))
	}
	return out
}

// watcher is a subscription that notes what it is told.
type watcher struct {
	*Subscription
	mu   sync.Mutex
	told []string
}

func watch(tab *Table, limit int) *watcher {
	w := new(watcher)
	w.Subscription = tab.Subscription(limit, func(c *Change) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.told = append(w.told, text(c.OnlineStatus))
	})
	return w
}

// take returns what was told since the last call.
func (w *watcher) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.told
	w.told = nil
	return out
}

func (w *watcher) update(t *testing.T, unsub, sub []string) []string {
	t.Helper()
	var out []string
	if err := w.Update(unsub, sub, func(s []im.OnlineStatus) { out = texts(s) }); err != nil {
		t.Fatal(err)
	}
	return out
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	tab := New()
	w := watch(tab, 3)
	equal(t, "first answer", w.update(t, nil, []string{"bob", "alice", "bob"}), "bob[]", "alice[]", "bob[]")
	tab.Connect("alice", im.PlatformWeb, Origin{})
	tab.Connect("alice", im.PlatformIOS, Origin{})
	tab.Connect("alice", im.PlatformIOS, Origin{})
	tab.Connect("carol", im.PlatformIOS, Origin{})
	tab.Disconnect("alice", im.PlatformIOS, Origin{})
	tab.Disconnect("alice", im.PlatformAndroid, Origin{}) // never counted
	tab.Disconnect("nobody", im.PlatformAndroid, Origin{})
	equal(t, "changes", w.take(), "alice[Web]", "alice[IOS Web]")
	equal(t, "statuses", texts(tab.Statuses([]string{"alice", "nobody"})), "alice[IOS Web]", "nobody[]")

	equal(t, "with unsubscription", w.update(t, []string{"alice", "bob", "alice", "unknown"}, []string{"alice", "carol", ""}), "alice[IOS Web]", "carol[IOS]", "[]")
	tab.Disconnect("alice", im.PlatformIOS, Origin{})
	tab.Connect("bob", im.PlatformIOS, Origin{})
	tab.Disconnect("carol", im.PlatformIOS, Origin{})
	equal(t, "changes", w.take(), "alice[Web]", "carol[]")
	equal(t, "only unsubscription", w.update(t, []string{"carol"}, nil))
	w.Close()
	w.Close()
	tab.Disconnect("alice", im.PlatformWeb, Origin{})
	equal(t, "after Close", w.take())
	if err := w.Update(nil, []string{"alice"}, func([]im.OnlineStatus) { t.Error("answered") }); err != nil {
		t.Error(err)
	}
	tab.Disconnect("bob", im.PlatformIOS, Origin{})
	if n := entries(tab); n != 0 || tab.Online() != 0 {
		t.Errorf("%d entries, %d online", n, tab.Online())
	}
}

// TestAgain: hooks are told anew of all who are online, subscribers of nothing.
func TestAgain(t *testing.T) {
	t.Parallel()
	tab := New()
	var told []string
	tab.OnChange(func(e Event) { told = append(told, fmt.Sprint(e.Kind, e.UserID, e.Platform)) })
	w := watch(tab, 3)
	w.update(t, nil, []string{"alice", "bob"})
	tab.Connect("alice", im.PlatformWeb, Origin{ConnID: "1"})
	tab.Connect("alice", im.PlatformIOS, Origin{ConnID: "2"})
	tab.Connect("alice", im.PlatformIOS, Origin{ConnID: "3"})
	tab.Connect("carol", im.PlatformIOS, Origin{ConnID: "4"})
	tab.Disconnect("carol", im.PlatformIOS, Origin{ConnID: "4"})
	w.take()
	told = nil
	tab.Again()
	equal(t, "hooks", told, "0aliceIOS", "0aliceWeb")
	equal(t, "subscribers", w.take())
}

func TestLimit(t *testing.T) {
	t.Parallel()
	tab := New()
	w := watch(tab, 3)
	w.update(t, nil, []string{"a", "b"})
	for _, tt := range []struct {
		unsub, sub []string
		ok         bool
	}{
		{nil, []string{"c", "d"}, false},
		{nil, []string{"c", "c", "c"}, true},
		{nil, []string{"a", "b", "c", "c"}, false}, // too many in one request
		{[]string{"a", "b", "c"}, []string{"x", "y", "z"}, true},
		{[]string{"x"}, []string{"x", "a"}, false},
		{[]string{"x"}, []string{"a"}, true},
	} {
		answered := false
		err := w.Update(tt.unsub, tt.sub, func([]im.OnlineStatus) { answered = true })
		if (err == nil) != tt.ok || answered != tt.ok || err != nil && !im.IsKind(err, im.Invalid) {
			t.Errorf("Update(%v, %v): %v, answered %t", tt.unsub, tt.sub, err, answered)
		}
	}
	// Ids that no user can have are answered and not kept.
	long := string(make([]byte, im.MaxIDBytes+1))
	before := entries(tab)
	equal(t, "impossible ids", w.update(t, nil, []string{long, ""}), long+"[]", "[]")
	if entries(tab) != before {
		t.Error("an impossible id is kept")
	}
}

func entries(tab *Table) (n int) {
	for i := range tab.shards {
		n += len(tab.shards[i].users)
	}
	return n
}

func TestEncodedOnce(t *testing.T) {
	t.Parallel()
	tab := New()
	calls := 0
	deliver := func(variant int) func(*Change) {
		return func(c *Change) {
			b := c.Encoded(variant, func(s im.OnlineStatus) []byte { calls++; return []byte(text(s)) })
			if string(b) != text(c.OnlineStatus) {
				t.Errorf("got %q", b)
			}
		}
	}
	for i := range 10 {
		if err := tab.Subscription(1, deliver(i%2)).Update(nil, []string{"alice"}, func([]im.OnlineStatus) {}); err != nil {
			t.Fatal(err)
		}
	}
	tab.Connect("alice", im.PlatformIOS, Origin{})
	if calls != 2 {
		t.Errorf("encoded %d times", calls)
	}
}

// The table does what a simple model does.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tab := New()
		var hooks, wantHooks []string
		tab.OnChange(func(e Event) { hooks = append(hooks, fmt.Sprint(e.UserID, e.Platform, e.Kind == Online)) })
		conns := map[string]map[im.Platform]int{"a": {}, "b": {}, "c": {}}
		status := func(id string) im.OnlineStatus {
			s := im.OnlineStatus{UserID: id}
			for p, n := range conns[id] {
				if n > 0 {
					s.Platforms = append(s.Platforms, p)
				}
			}
			slices.Sort(s.Platforms)
			return s
		}
		type model struct {
			sub  *Subscription
			on   map[string]bool
			want []string
			got  []string
		}
		subs := make([]*model, 2)
		for i := range subs {
			m := &model{on: map[string]bool{}}
			m.sub = tab.Subscription(10, func(c *Change) { m.got = append(m.got, text(c.OnlineStatus)) })
			subs[i] = m
		}
		id := rapid.SampledFrom([]string{"a", "b", "c"})
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"connect", "disconnect", "update"}).Draw(t, "step") {
			case "update":
				m := rapid.SampledFrom(subs).Draw(t, "who")
				unsub, sub := rapid.SliceOfN(id, 0, 3).Draw(t, "unsub"), rapid.SliceOfN(id, 0, 3).Draw(t, "sub")
				var want []string
				for _, u := range unsub {
					delete(m.on, u)
				}
				for _, u := range sub {
					m.on[u] = true
					want = append(want, text(status(u)))
				}
				var got []string
				if err := m.sub.Update(unsub, sub, func(s []im.OnlineStatus) { got = texts(s) }); err != nil || !slices.Equal(got, want) {
					t.Fatalf("answer %q %v, want %q", got, err, want)
				}
			default:
				u, p := id.Draw(t, "user"), im.Platform(rapid.IntRange(1, 4).Draw(t, "platform"))
				before := text(status(u))
				online := rapid.Bool().Draw(t, "online")
				if online {
					conns[u][p]++
					tab.Connect(u, p, Origin{})
				} else {
					conns[u][p] = max(conns[u][p]-1, 0)
					tab.Disconnect(u, p, Origin{})
				}
				if after := text(status(u)); after != before {
					wantHooks = append(wantHooks, fmt.Sprint(u, p, online))
					for _, m := range subs {
						if m.on[u] {
							m.want = append(m.want, after)
						}
					}
				}
			}
			for i, m := range subs {
				if !slices.Equal(m.got, m.want) {
					t.Fatalf("subscriber %d was told %q, want %q", i, m.got, m.want)
				}
			}
			if !slices.Equal(hooks, wantHooks) {
				t.Fatalf("hooks %q, want %q", hooks, wantHooks)
			}
		}
		online := 0
		for u := range conns {
			if got := (im.OnlineStatus{UserID: u, Platforms: tab.Platforms(u)}); text(got) != text(status(u)) {
				t.Fatalf("%v, want %v", got, status(u))
			}
			if len(status(u).Platforms) > 0 {
				online++
			}
			for p, n := range conns[u] {
				for range n {
					tab.Disconnect(u, p, Origin{})
				}
			}
		}
		for _, m := range subs {
			m.sub.Close()
		}
		if entries(tab) != 0 || tab.Online() != 0 {
			t.Fatalf("%d entries are left", entries(tab))
		}
	})
}

// Under concurrent changes a subscriber sees each change of a user exactly once,
// in order, from its answer on: every step adds or removes one platform, and the
// last one is the truth. So does a hook.
func TestOrderUnderConcurrency(t *testing.T) {
	t.Parallel()
	tab := New()
	var hookMu sync.Mutex
	state := map[im.Platform]bool{}
	tab.OnChange(func(e Event) {
		hookMu.Lock()
		defer hookMu.Unlock()
		p, online := e.Platform, e.Kind == Online
		if state[p] == online {
			t.Errorf("hook: platform %d is %t twice", p, online)
		}
		state[p] = online
	})
	var changers, subscribers sync.WaitGroup
	for p := im.Platform(1); p <= 4; p++ {
		changers.Go(func() {
			for range 2000 {
				tab.Connect("alice", p, Origin{})
				tab.Disconnect("alice", p, Origin{})
			}
			tab.Connect("alice", p, Origin{})
		})
	}
	finals := make([][]im.Platform, 4)
	subs := make([]*Subscription, len(finals))
	for i := range finals {
		var mu sync.Mutex
		var last []im.Platform
		subs[i] = tab.Subscription(10, func(c *Change) {
			mu.Lock()
			defer mu.Unlock()
			if d := len(c.Platforms) - len(last); d != 1 && d != -1 {
				t.Errorf("from %v to %v", last, c.Platforms)
			}
			last = c.Platforms
			finals[i] = last
		})
		subscribers.Go(func() {
			for range 500 {
				err := subs[i].Update([]string{"alice"}, []string{"bob"}, func([]im.OnlineStatus) {})
				if err == nil {
					err = subs[i].Update([]string{"bob"}, []string{"alice"}, func(s []im.OnlineStatus) {
						mu.Lock()
						defer mu.Unlock()
						last = s[0].Platforms
						finals[i] = last
					})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	changers.Wait()
	subscribers.Wait()
	for i, got := range finals {
		if !slices.Equal(got, tab.Platforms("alice")) {
			t.Errorf("subscriber %d ends with %v", i, got)
		}
		subs[i].Close()
	}
	if len(tab.Platforms("alice")) != 4 || len(state) != 4 {
		t.Errorf("%v online", tab.Platforms("alice"))
	}
}

// A kick is told between the changes around it, and changes nothing by itself.
func TestKick(t *testing.T) {
	t.Parallel()
	tab := New()
	var got []string
	tab.OnChange(func(e Event) { got = append(got, fmt.Sprint(e.Kind, e.ConnID, e.Background, e.OperationID)) })
	tab.Connect("alice", im.PlatformIOS, Origin{"c1", true, "op1"})
	tab.Connect("alice", im.PlatformIOS, Origin{"c2", false, "op2"})
	tab.Kick("alice", im.PlatformIOS, Origin{"c1", true, "op2"})
	tab.Disconnect("alice", im.PlatformIOS, Origin{"c1", true, "op2"})
	if p := tab.Platforms("alice"); !slices.Equal(p, []im.Platform{im.PlatformIOS}) {
		t.Errorf("the other connection is counted as %v", p)
	}
	tab.Disconnect("alice", im.PlatformIOS, Origin{ConnID: "c2"})
	equal(t, "hooks", got, "0c1trueop1", "2c1trueop2", "1c2false")
	tab.Kick("nobody", im.PlatformIOS, Origin{})
	for i := range tab.shards {
		if n := len(tab.shards[i].users); n > 0 {
			t.Errorf("%d users left in a shard", n)
		}
	}
}

// A hook may use the table.
func TestHookMayCallBack(t *testing.T) {
	t.Parallel()
	tab := New()
	var got []string
	tab.OnChange(func(e Event) {
		got = append(got, fmt.Sprint(e.UserID, e.Platform, e.Kind == Online, tab.Platforms(e.UserID)))
		if e.UserID == "alice" && e.Kind == Online {
			tab.Connect("bob", e.Platform, Origin{})
			tab.Disconnect("alice", e.Platform, Origin{})
		}
	})
	tab.Connect("alice", im.PlatformIOS, Origin{})
	equal(t, "hooks", got, "aliceIOS true [IOS]", "bobIOS true [IOS]", "aliceIOS false []")
}

func BenchmarkConnect(b *testing.B) {
	tab := New()
	b.ReportAllocs()
	for range b.N {
		tab.Connect("alice", im.PlatformIOS, Origin{})
		tab.Disconnect("alice", im.PlatformIOS, Origin{})
	}
}

// BenchmarkChange is one change told to 1000 subscribers; per subscriber.
func BenchmarkChange(b *testing.B) {
	tab := New()
	for range 1000 {
		err := tab.Subscription(1, func(*Change) {}).Update(nil, []string{"alice"}, func([]im.OnlineStatus) {})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for i := range b.N / 1000 {
		if i%2 == 0 {
			tab.Connect("alice", im.PlatformIOS, Origin{})
		} else {
			tab.Disconnect("alice", im.PlatformIOS, Origin{})
		}
	}
}
