package api

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/object/files"
	"parley/internal/service"
	"parley/internal/store"
	"parley/internal/store/sqlite"
	"parley/internal/webhook"
	"parley/internal/wire"
)

const (
	secret = "a secret for tests only"
	born   = 1767225600000 // 2026-01-01: creation of everything in the fixture
)

// admin is the app administrator of the fixture.
const admin = "imAdmin"

// scratch is a directory for the template database, removed after all tests.
var scratch = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "parley-api")
	if err != nil {
		panic(err)
	}
	return dir
})

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(scratch())
		os.Exit(code)
	}))
}

// template is a database with the fixture in it. Copying it is ten times as fast
// as making it.
var template = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch(), "template.db")
	if err := fillTemplate(path); err != nil {
		return "", err
	}
	return path, nil
})

func fillTemplate(path string) error {
	ctx := context.Background()
	st, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.Update(ctx, func(tx store.Tx) error { return seed(ctx, tx) }); err != nil {
		return err
	}
	// The store's interface has no writer of these rows yet.
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, q := range []string{
		`INSERT INTO friends VALUES ('alice', 'carol', 'the gardener', 1767225600000, 2, 'alice', '', 0)`,
		`INSERT INTO friends VALUES ('alice', 'bob', '', 1767225601000, 1, 'imAdmin', '{"since":2026}', 1)`,
		`INSERT INTO friends VALUES ('bob', 'alice', '', 1767225601000, 1, 'imAdmin', '', 0)`,
		`INSERT INTO blacks VALUES ('alice', 'erin', 1767225602000, 0, 'alice', 'spam')`,
	} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func seed(ctx context.Context, tx store.Tx) error {
	user := func(id string, level, opt int32) im.User {
		return im.User{
			UserID: id, Nickname: strings.ToUpper(id[:1]) + id[1:], FaceURL: "http://face.test/" + id, Ex: "ex of " + id,
			CreateTime: born, AppMangerLevel: level, GlobalRecvMsgOpt: opt,
		}
	}
	err := tx.InsertUsers(ctx, []im.User{
		user("alice", 1, 0), user("bob", 0, 0), user("carol", 0, 0), user("dave", 0, 0), user("erin", 0, 0),
		user("frank", 0, im.ReceiveNothing), user("gina", 0, im.ReceiveSilently),
		user("oscar", im.LevelAppAdmin, 0), user("news", im.LevelNotificationAccount, 0),
	})
	if err != nil {
		return err
	}
	member := func(id string, role int32, joined int64) im.Member {
		return im.Member{
			UserID: id, RoleLevel: role, JoinTime: born + joined, JoinSource: im.JoinByInvitation,
			OperatorUserID: "alice", InviterUserID: "alice",
		}
	}
	muted := member("dave", im.RoleMember, 3)
	muted.MuteEndTime = 32503680000000 // the year 3000
	named := member("carol", im.RoleMember, 2)
	named.Nickname, named.FaceURL = "Carol of the garden", "http://face.test/garden"
	for _, g := range []struct {
		group   im.Group
		members []im.Member
	}{
		{im.Group{GroupID: "garden", GroupName: "Gardeners", Introduction: "plants"}, []im.Member{member("alice", im.RoleOwner, 0), member("bob", im.RoleAdmin, 1), named, muted}},
		{im.Group{GroupID: "hush", GroupName: "A muted group", Status: im.GroupMuted}, []im.Member{member("alice", im.RoleOwner, 0), member("bob", im.RoleMember, 0)}},
		{im.Group{GroupID: "past", GroupName: "Dismissed", Status: im.GroupDismissed}, []im.Member{member("alice", im.RoleOwner, 0), member("bob", im.RoleMember, 0)}},
	} {
		g.group.CreateTime, g.group.CreatorUserID, g.group.GroupType = born, "alice", im.GroupTypeWorking
		if err := tx.InsertGroup(ctx, g.group); err != nil {
			return err
		}
		if err := tx.InsertMembers(ctx, g.group.GroupID, g.members); err != nil {
			return err
		}
		for _, m := range g.members {
			if _, err := tx.Step(ctx, im.ListMembers, g.group.GroupID, im.ChangeInsert, m.UserID); err != nil {
				return err
			}
			if _, err := tx.Step(ctx, im.ListJoinedGroups, m.UserID, im.ChangeInsert, g.group.GroupID); err != nil {
				return err
			}
		}
	}
	_, err = tx.Step(ctx, im.ListFriends, "alice", im.ChangeInsert, "carol", "bob")
	return err
}

// world is a server's REST side on a real store and a real log.
type world struct {
	tb     testing.TB
	store  store.Store
	log    *msglog.Log
	svc    *service.Service
	api    *API
	url    string
	close  func() // ends the server after the requests that are being served
	client *http.Client
	clock  atomic.Int64 // ms; every request takes a second
	logged *logs
	level  *slog.LevelVar // of logged

	mu      sync.Mutex
	pushed  []*msglog.Delivery
	kicked  []string
	tokens  map[string]string
	vars    map[string]string
	eventID int64
}

// fakes stand in for the parts around the service.
type fakes struct{ w *world }

func (f fakes) Kick(userID string, p im.Platform, _ string) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	f.w.kicked = append(f.w.kicked, fmt.Sprintf("kick %s %s", userID, p))
}

// Connections has alice on a phone and in a browser, and bob in a browser.
func (fakes) Connections(userIDs []string) (out []im.Connection) {
	for _, c := range []im.Connection{
		{ID: "c1", UserID: "alice", Platform: im.PlatformAndroid, Background: true, Token: "t1"},
		{ID: "c2", UserID: "alice", Platform: im.PlatformWeb, Token: "t2"},
		{ID: "c3", UserID: "alice", Platform: im.PlatformWeb, Token: "t3"},
		{ID: "c4", UserID: "bob", Platform: im.PlatformWeb, Token: "t4"},
	} {
		if slices.Contains(userIDs, c.UserID) {
			out = append(out, c)
		}
	}
	return out
}

func (f fakes) Statuses(userIDs []string) (out []im.OnlineStatus) {
	for _, id := range userIDs {
		s := im.OnlineStatus{UserID: id}
		for _, c := range f.Connections([]string{id}) {
			if !slices.Contains(s.Platforms, c.Platform) {
				s.Platforms = append(s.Platforms, c.Platform)
			}
		}
		out = append(out, s)
	}
	return out
}

// Wants notes nobody's coming and going.
func (fakes) Wants(im.Command, im.About) bool { return false }

// Route has one endpoint that wants everything; nothing is asked.
func (fakes) Route(im.Command, im.About) []string { return []string{im.MainEndpoint} }

func (f fakes) RouteMessage(c im.Command, m *im.Message) []string {
	if im.IsNotificationContent(m.ContentType) {
		return nil
	}
	return f.Route(c, im.About{})
}
func (fakes) Asks(im.Command) bool                                           { return false }
func (fakes) AsksMessage(im.Command, *im.Message) bool                       { return false }
func (fakes) Ask(context.Context, webhook.Question) (*webhook.Answer, error) { return nil, nil }
func (fakes) Lost(int)                                                       {}
func (fakes) AsksOfAdmins() bool                                             { return false }
func (fakes) Discarded(im.Command)                                           {}
func (fakes) Wake()                                                          {}

// newWorld returns a world with the fixture. change may alter the options of the API.
func newWorld(tb testing.TB, change ...func(*Options)) *world {
	tb.Helper()
	from, err := template()
	if err != nil {
		tb.Fatal(err)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "api.db")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	ctx := context.Background()
	st, err := sqlite.Open(ctx, path)
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{tb: tb, store: st, client: &http.Client{Transport: &http.Transport{DisableCompression: true}}, tokens: map[string]string{}, vars: map[string]string{}, logged: new(logs), level: new(slog.LevelVar)}
	w.level.Set(slog.LevelWarn)
	w.clock.Store(born + 3600_000)
	logger := slog.New(slog.NewTextHandler(w.logged, &slog.HandlerOptions{Level: w.level}))
	media, err := files.Open(files.Options{
		Dir: filepath.Join(tb.TempDir(), "objects"), Key: []byte("signs addresses"), Now: func() time.Time { return time.UnixMilli(w.clock.Load()) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	w.svc, err = service.New(service.Options{
		Store: st, Hooks: fakes{w}, Logger: logger, Secret: secret, AdminIDs: []string{admin}, TokenLife: 90 * 24 * time.Hour,
		Objects: media, ObjectKey: []byte(secret), MaxObject: 100 << 20,
		Policy: im.PolicySameTerminal, MaxPerEnd: 30, HistoryForNewMembers: true, Decode: wire.ParseBody, Now: func() time.Time { return time.UnixMilli(w.clock.Load()) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	w.log = msglog.New(msglog.Options{
		Store: st, Encode: wire.Body, First: w.svc.FirstMessage, Returned: w.svc.ReturnedMessage, Log: logger,
		Publish: func(batch []*msglog.Delivery) {
			w.mu.Lock()
			w.pushed = append(w.pushed, batch...)
			w.mu.Unlock()
			for _, d := range batch {
				d.Acknowledge()
			}
		},
	})
	if err := w.log.Start(ctx); err != nil {
		tb.Fatal(err)
	}
	w.svc.Connect(w.log, fakes{w})
	w.svc.ConnectWebhooks(hookDesk{})
	if err := w.svc.Start(ctx); err != nil {
		tb.Fatal(err)
	}
	o := Options{Service: w.svc, Media: media, Log: logger, Metrics: prometheus.NewRegistry(), Host: testHost()}
	for _, f := range change {
		f(&o)
	}
	w.api = New(o)
	srv := httptest.NewServer(w.api)
	w.url = srv.URL
	w.close = func() {
		w.client.CloseIdleConnections()
		srv.Close()
	}
	tb.Cleanup(func() {
		w.close()
		w.log.Stop()
		w.svc.Stop()
		if err := st.Close(); err != nil {
			tb.Error(err)
		}
	})
	return w
}

// logs collects what is logged.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// token returns a token of a user, the same for the whole test. "bob/7" is bob on platform 7.
func (w *world) token(who string) string {
	w.tb.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.tokens[who]; t != "" {
		return t
	}
	user, platform, found := strings.Cut(who, "/")
	p := im.PlatformAndroid
	if user == admin {
		p = im.PlatformAdmin
	}
	if found {
		fmt.Sscan(platform, &p)
	}
	t, err := w.svc.MintToken(context.Background(), user, p)
	if err != nil {
		w.tb.Fatalf("token of %s: %v", who, err)
	}
	w.tokens[who] = t.Token
	return t.Token
}

// forged returns a token that was never given out. The name says what is odd about it.
func (w *world) forged(name string) string {
	now := time.UnixMilli(w.clock.Load())
	key := secret
	c := jwt.MapClaims{"UserID": "alice", "PlatformID": 2, "exp": now.Add(time.Hour).Unix(), "iat": now.Unix()}
	switch name {
	case "expired":
		c["exp"] = now.Add(-time.Hour).Unix()
	case "future":
		c["nbf"] = now.Add(time.Hour).Unix()
	case "foreign":
		key = "another secret"
	}
	t, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(key))
	if err != nil {
		w.tb.Fatal(err)
	}
	return t
}

// expand replaces the words that a scenario cannot know: $token:WHO, $forged:NAME,
// and what earlier answers held ($version, $versionID, ...).
func (w *world) expand(text string) string {
	for _, f := range []struct {
		word string
		fn   func(string) string
	}{{"$token:", w.token}, {"$forged:", w.forged}} {
		for {
			at := strings.Index(text, f.word)
			if at < 0 {
				break
			}
			name := text[at+len(f.word):]
			if end := strings.IndexFunc(name, func(r rune) bool { return r == '"' || r == ' ' }); end >= 0 {
				name = name[:end]
			}
			text = strings.Replace(text, f.word+name, f.fn(name), 1)
		}
	}
	if before, rest, found := strings.Cut(text, "$idHash("); found {
		ids, after, _ := strings.Cut(rest, ")")
		text = before + strconv.FormatUint(im.IDHash(strings.Fields(ids)), 10) + after
	}
	names := slices.SortedFunc(maps.Keys(w.vars), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, k := range names {
		text = strings.ReplaceAll(text, "$"+k, w.vars[k])
	}
	return text
}

// remember keeps the scalars of an answer's data for expand.
func (w *world) remember(answer []byte) {
	var e struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if json.Unmarshal(answer, &e) != nil {
		return
	}
	for k, v := range e.Data {
		if s := strings.Trim(string(v), `"`); !strings.ContainsAny(s, `[{"`) {
			w.vars[k] = s
		}
		var list []map[string]json.RawMessage // of a list, what its first element holds
		if json.Unmarshal(v, &list) == nil && len(list) > 0 {
			for name, v := range list[0] {
				if s := strings.Trim(string(v), `"`); !strings.ContainsAny(s, `[{"`) {
					w.vars[k+"."+name] = s
				}
			}
		}
	}
}

// request is one POST.
type request struct {
	as   string // whose token; "" = no token header
	path string
	body string
}

// post sends a request with all headers and returns the answer.
func (w *world) post(s request) (int, []byte) {
	w.tb.Helper()
	w.clock.Add(1000)
	if way, address, raw := strings.Cut(s.path, " "); raw {
		return w.sendFile(way, w.expand(address), s.body), nil
	}
	h := http.Header{"Operationid": {"op-1"}}
	if s.as != "" {
		t := s.as
		if !strings.HasPrefix(t, "$") {
			t = "$token:" + t
		}
		h.Set("token", w.expand(t))
	}
	status, answer, _ := w.send(http.MethodPost, s.path, w.expand(s.body), h)
	w.remember(answer)
	w.rememberUpload(answer)
	return status, answer
}

func (w *world) send(method, path, body string, h http.Header) (int, []byte, http.Header) {
	w.tb.Helper()
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.tb.Fatal(err)
	}
	r.Header = h
	resp, err := w.client.Do(r)
	if err != nil {
		w.tb.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		w.tb.Fatal(err)
	}
	return resp.StatusCode, answer, resp.Header
}

// effects returns what was pushed, told to the business server and kicked since
// the last call, one line each.
func (w *world) effects() []string {
	w.tb.Helper()
	ctx := context.Background()
	// Whatever was acknowledged before this entry was queued has been published when it
	// is: first the messages, then what they have brought about in the background.
	for range 2 {
		if _, err := w.log.Append(ctx, &msglog.Entry{With: func(context.Context, store.Tx) error { return nil }}); err != nil {
			w.tb.Fatal(err)
		}
		w.svc.Settle()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, d := range w.pushed {
		m := d.Message
		out = append(out, normalText(fmt.Sprintf("push %d %s seq %d from %s%s %s",
			m.ContentType, m.ConversationID(), m.Seq, m.SendID, options(m), m.Content)))
	}
	out = append(out, w.kicked...)
	w.pushed, w.kicked = nil, nil
	events, err := w.store.Events(ctx, w.eventID, 1000)
	if err != nil {
		w.tb.Fatal(err)
	}
	for _, e := range events {
		w.eventID = e.ID
		out = append(out, normalText(fmt.Sprintf("event %s lane %s", e.Command, e.Lane)))
	}
	return out
}

// options names the options of a message that are not as usual: of a notification
// those that hold, of any other message those that do not.
func options(m *im.Message) string {
	out := ""
	for _, k := range slices.Sorted(maps.Keys(m.Options)) {
		if on := m.Options[k]; on == m.IsNotification() {
			out += fmt.Sprintf(" %s=%v", k, on)
		}
	}
	return out
}
