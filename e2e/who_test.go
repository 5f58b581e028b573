package e2e

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openimsdk/protocol/sdkws"

	"parley/imtest"
	"parley/internal/im"
	"parley/internal/wire"
)

var update = flag.Bool("update", false, "rewrite testdata/who.golden")

// whoGolden says for each case of whoCases who gets what.
const whoGolden = "testdata/who.golden"

// ear is one connection of a user, which remembers what it is pushed.
type ear struct {
	*imtest.Client
	user, device string // without the case's prefix

	mu      sync.Mutex // guards what follows
	got     []*sdkws.MsgData
	changed chan struct{} // closed when more has come
}

func (e *ear) hear(m *sdkws.MsgData, _ bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, m)
	close(e.changed)
	e.changed = make(chan struct{})
}

// until waits until what was heard satisfies enough.
func (e *ear) until(enough func([]*sdkws.MsgData) bool) bool {
	deadline := time.After(10 * time.Second)
	for {
		e.mu.Lock()
		ok, changed := enough(e.got), e.changed
		e.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-deadline:
			return false
		}
	}
}

// whoWorld is the people of one case: ann is connected with a phone and a browser,
// the others with a phone each.
type whoWorld struct {
	t      *testing.T
	s      *imtest.Server
	prefix string
	tokens map[string]string
	ears   []*ear
	expect []string // lines of the golden file; nil while it is being written
	marks  map[string]bool
	route  string
	lines  []string
}

var whoPeople = []string{"ann", "bob", "cat", "dan", "eve"}

// id is the real id of somebody or something of the case.
func (w *whoWorld) id(name string) string { return w.prefix + name }

func (w *whoWorld) ids(names ...string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = w.id(n)
	}
	return out
}

// do prepares something. as is one of the people, or "admin".
func (w *whoWorld) do(as, path string, body imtest.H) { w.call(as, path, body, nil) }

func (w *whoWorld) call(as, path string, body imtest.H, out any) {
	w.t.Helper()
	if err := w.s.Post(w.tokens[as], path, body, out); err != nil {
		w.t.Fatalf("%s as %s: %v", path, as, err)
	}
}

// group makes a group of ann, its admin bob and its member cat, without a word.
func (w *whoWorld) group(more imtest.H) string {
	w.do("ann", "/group/create_group", imtest.H{
		"ownerUserID": w.id("ann"), "adminUserIDs": w.ids("bob"), "memberUserIDs": w.ids("cat"), "sendMessage": false,
		"groupInfo": with(imtest.H{"groupID": w.id("g"), "groupType": 2}, more),
	})
	return w.id("g")
}

// say sends a text and returns its conversation.
func (w *whoWorld) say(from, to, group string) string {
	w.t.Helper()
	if _, err := w.s.SendText(w.id(from), to, group, "hello"); err != nil {
		w.t.Fatal(err)
	}
	if group != "" {
		return im.GroupConversationID(group)
	}
	return im.SingleConversationID(w.id(from), to)
}

// act is what the case is about: a request to its route.
func (w *whoWorld) act(as string, body imtest.H) { w.actAt(as, w.route, body) }

func (w *whoWorld) actAt(as, path string, body imtest.H) {
	w.t.Helper()
	w.settle()
	for _, e := range w.ears {
		e.mu.Lock()
		e.got = nil
		e.mu.Unlock()
	}
	w.do(as, path, body)
	if w.expect == nil {
		time.Sleep(500 * time.Millisecond) // nothing says yet for what to wait
	}
	for _, e := range w.ears {
		n := 0
		for _, line := range w.expect {
			if strings.HasPrefix(line, e.name()+" ") {
				n++
			}
		}
		e.until(func(got []*sdkws.MsgData) bool { return len(got) >= n })
	}
	w.settle()
	w.lines = w.heard()
}

func (e *ear) name() string { return e.user + "/" + e.device }

// settle waits until everything that was acknowledged is delivered: what is sent
// later in the same conversations comes after it. The marks are stored, since what
// is not stored need not wait for a commit, and overtakes.
func (w *whoWorld) settle() {
	w.t.Helper()
	mark := func(from, to, group string) (id string) {
		var sent struct{ ClientMsgID string }
		err := w.s.Post(w.tokens["admin"], "/msg/send_business_notification", imtest.H{
			"key": "mark", "data": "mark", "sendUserID": w.id(from), "recvUserID": to, "recvGroupID": group, "reliabilityLevel": 2,
		}, &sent)
		if err != nil && group == "" {
			w.t.Error(err)
		}
		return sent.ClientMsgID
	}
	var wg sync.WaitGroup // of requests that wait for one commit together
	var mu sync.Mutex
	due := map[string][]string{} // marks by user
	for i, a := range whoPeople {
		for _, b := range whoPeople[i:] {
			wg.Go(func() {
				id := mark(a, w.id(b), "")
				mu.Lock()
				defer mu.Unlock()
				w.marks[id] = true
				due[a] = append(due[a], id)
				if b != a {
					due[b] = append(due[b], id)
				}
			})
		}
	}
	wg.Wait()
	if id := mark("ann", "", w.id("g")); id != "" { // else there is no group, or it has ended
		w.marks[id] = true
		var members struct{ UserIDs []string }
		w.call("admin", "/group/get_group_member_user_id", imtest.H{"groupID": w.id("g")}, &members)
		for _, m := range members.UserIDs {
			if name := strings.TrimPrefix(m, w.prefix); slices.Contains(whoPeople, name) {
				due[name] = append(due[name], id)
			}
		}
	}
	for _, e := range w.ears {
		ok := e.until(func(got []*sdkws.MsgData) bool {
			seen := map[string]bool{}
			for _, m := range got {
				seen[m.ClientMsgID] = true
			}
			return !slices.ContainsFunc(due[e.user], func(id string) bool { return !seen[id] })
		})
		if !ok {
			w.t.Fatalf("%s: what was sent last never came", e.name())
		}
	}
}

// heard describes what came: who, content type, conversation, stored or not. What
// is stored must be there for whoever got it.
func (w *whoWorld) heard() (lines []string) {
	w.t.Helper()
	for _, e := range w.ears {
		e.mu.Lock()
		got := e.got
		e.mu.Unlock()
		for _, m := range got {
			if w.marks[m.ClientMsgID] {
				continue
			}
			id := wire.Message(m).ConversationID()
			stored := "unstored"
			if m.Seq > 0 {
				stored = "stored"
				if !w.pulls(e, id, m) {
					stored = "stored, but cannot be pulled"
				}
			}
			lines = append(lines, fmt.Sprintf("%s %d %s %s", e.name(), m.ContentType, strings.ReplaceAll(id, w.prefix, ""), stored))
		}
	}
	slices.Sort(lines)
	return lines
}

// pulls reports whether a message can be pulled.
func (w *whoWorld) pulls(e *ear, conversationID string, m *sdkws.MsgData) bool {
	w.t.Helper()
	var resp sdkws.PullMessageBySeqsResp
	err := e.Request(wire.ReqPullByRange, &sdkws.PullMessageBySeqsReq{
		UserID: e.UserID, SeqRanges: []*sdkws.SeqRange{{ConversationID: conversationID, Begin: m.Seq, End: m.Seq, Num: 1}},
	}, &resp)
	if err != nil {
		w.t.Fatal(err)
	}
	list := resp.Msgs[conversationID]
	if im.IsNotificationID(conversationID) {
		list = resp.NotificationMsgs[conversationID]
	}
	return list != nil && len(list.Msgs) == 1 && list.Msgs[0].ClientMsgID == m.ClientMsgID
}

func newWhoWorld(t *testing.T, s *imtest.Server, admin, prefix, name string) *whoWorld {
	t.Helper()
	route, _, _ := strings.Cut(name, ":")
	w := &whoWorld{t: t, s: s, prefix: prefix, tokens: map[string]string{"admin": admin}, marks: map[string]bool{}, route: route}
	register(t, s, w.ids(whoPeople...)...)
	for _, c := range []struct {
		user, device string
		platform     im.Platform
	}{
		{"ann", "phone", im.PlatformAndroid},
		{"ann", "web", im.PlatformWeb},
		{"bob", "phone", im.PlatformAndroid},
		{"cat", "phone", im.PlatformAndroid},
		{"dan", "phone", im.PlatformAndroid},
		{"eve", "phone", im.PlatformAndroid},
	} {
		e := &ear{user: c.user, device: c.device, changed: make(chan struct{})}
		token, err := s.UserToken(w.id(c.user), c.platform)
		if err != nil {
			t.Fatal(err)
		}
		if _, second := w.tokens[c.user]; !second {
			w.tokens[c.user] = token
		}
		e.Client, err = imtest.Dial(context.Background(), s.WS, w.id(c.user), imtest.DialOptions{Platform: c.platform, Token: token, Pushed: e.hear})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		w.ears = append(w.ears, e)
	}
	return w
}

// readWho returns the lines of each case of the golden file.
func readWho(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(whoGolden)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, section := range strings.Split("\n"+string(text), "\n=== ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		out[name] = slices.DeleteFunc(strings.Split(body, "\n"), func(s string) bool { return s == "" || s == "nobody" })
	}
	return out
}

// TestWhoGotWhat plays every notifying route over HTTP and looks at what each
// connection is pushed.
func TestWhoGotWhat(t *testing.T) {
	if *update {
		t.Run("update", func(t *testing.T) {
			s := imtest.Start(t)
			got := playWho(t, s, nil)
			var b strings.Builder
			b.WriteString("# Who is pushed what by whom: content type, conversation, and whether it can be pulled later.\n# Made by go test ./e2e -run TestWhoGotWhat -update\n")
			for _, c := range whoCases() {
				lines := got[c.name]
				if len(lines) == 0 {
					lines = []string{"nobody"}
				}
				fmt.Fprintf(&b, "\n=== %s\n%s\n", c.name, strings.Join(lines, "\n"))
			}
			if err := os.WriteFile(whoGolden, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		})
		return
	}
	want := readWho(t)
	onEngines(t, func(t *testing.T, s *imtest.Server, _ *imtest.Hooks) {
		got := playWho(t, s, want)
		for name := range want {
			if _, ok := got[name]; !ok {
				t.Errorf("%s has a section %q and no case", whoGolden, name)
			}
		}
	})
}

// playWho plays all cases, several at a time, and returns what was heard. With want
// they are compared.
func playWho(t *testing.T, s *imtest.Server, want map[string][]string) map[string][]string {
	var admin struct{ Token string }
	if err := s.Post("", "/auth/get_admin_token", imtest.H{"secret": imtest.Secret, "userID": imtest.AdminID}, &admin); err != nil {
		t.Fatal(err)
	}
	register(t, s, "whoever") // so that the caller has its token
	var next atomic.Int64
	var mu sync.Mutex
	got := map[string][]string{}
	t.Run("cases", func(t *testing.T) {
		for _, c := range whoCases() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				w := newWhoWorld(t, s, admin.Token, "w"+strconv.FormatInt(next.Add(1), 36)+"x", c.name)
				if want != nil {
					if w.expect = want[c.name]; w.expect == nil {
						t.Fatalf("%s has no section %q; run with -update", whoGolden, c.name)
					}
				}
				c.play(w)
				if want != nil && !slices.Equal(w.lines, w.expect) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(w.lines, "\n"), strings.Join(w.expect, "\n"))
				}
				mu.Lock()
				defer mu.Unlock()
				got[c.name] = w.lines
			})
		}
	})
	return got
}

// TestNotifyingRoutesAreHeard holds the column of notifications of the conformance
// rows and the golden file together: each content type of a route reaches somebody
// in one of its cases, and none that is not in the column does.
func TestNotifyingRoutesAreHeard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../internal/api/testdata/conformance.txt")
	if err != nil {
		t.Fatal(err)
	}
	heard := map[string]map[string]bool{}
	for name, lines := range readWho(t) {
		route, _, _ := strings.Cut(name, ":")
		if heard[route] == nil {
			heard[route] = map[string]bool{}
		}
		for _, line := range lines {
			heard[route][strings.Fields(line)[1]] = true
		}
	}
	rows := 0
	for _, m := range regexp.MustCompile(`(?m)^(/\S+) *\|[^|\n]*\|[^|\n]*\| *(.*)$`).FindAllStringSubmatch(string(text), -1) {
		rows++
		types := strings.Fields(m[2])
		if m[2] == "-" {
			types = nil
		}
		got := slices.Sorted(maps.Keys(heard[m[1]]))
		if !slices.Equal(got, types) {
			t.Errorf("%s notifies %v, and in its cases %v is heard", m[1], types, got)
		}
		delete(heard, m[1])
	}
	if rows < 100 {
		t.Errorf("conformance.txt has only %d rows", rows)
	}
	for route := range heard {
		t.Errorf("%s has cases and no row in conformance.txt", route)
	}
}
