package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/deliver"
	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/store/storetest"
	"parley/internal/webhook"
	"parley/internal/wire"
)

// fakeVendor keeps what it is given.
type fakeVendor struct {
	byUser bool
	answer func(j *im.PushJob) error // nil: success

	mu  sync.Mutex
	got []im.PushJob
}

func (v *fakeVendor) Name() string             { return "fake" }
func (v *fakeVendor) Takes(p im.Platform) bool { return p != im.PlatformWeb }
func (v *fakeVendor) KnowsUsers() bool         { return v.byUser }
func (v *fakeVendor) Close()                   {}

func (v *fakeVendor) Send(_ context.Context, j *im.PushJob) (string, error) {
	v.mu.Lock()
	v.got = append(v.got, *j)
	v.mu.Unlock()
	if v.answer != nil {
		return "", v.answer(j)
	}
	return "id", nil
}

// fakeListVendor takes lists, too, of up to two users.
type fakeListVendor struct {
	*fakeVendor
	refuse func(jobs []im.PushJob) error // nil: success
	lists  [][]string                    // the users of each request; guarded by mu
}

func (v *fakeListVendor) Most() int { return 2 }

func (v *fakeListVendor) SendList(_ context.Context, jobs []im.PushJob) (string, []string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	users := []string{}
	for _, j := range jobs {
		users = append(users, j.UserID)
	}
	v.lists = append(v.lists, users)
	if v.refuse != nil {
		if err := v.refuse(jobs); err != nil {
			return "", nil, err
		}
	}
	v.got = append(v.got, jobs...)
	return "id", []string{users[0]}, nil
}

// sent returns what was given, each as "<user> <platform> <text>", sorted.
func (v *fakeVendor) sent() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := []string{}
	for _, j := range v.got {
		out = append(out, strings.Join(strings.Fields(j.UserID+" "+j.Platform.String()+" "+j.Note.Title), " "))
	}
	slices.Sort(out)
	return out
}

func (v *fakeVendor) jobs() []im.PushJob {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.got)
}

// business is a business server without a network.
type business struct {
	mu     sync.Mutex
	asked  []string
	answer func(ctx context.Context, command, body string) (string, error)
}

func (b *business) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.asked = append(b.asked, string(body))
	b.mu.Unlock()
	text := `{"actionCode":0,"nextCode":0}`
	if b.answer != nil {
		if text, err = b.answer(r.Context(), r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], string(body)); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func (b *business) questions() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

// asker returns an asker for a business server with some callbacks on.
func asker(t testing.TB, b *business, goesOn bool, on ...im.Command) *webhook.Asker {
	t.Helper()
	c := webhook.Default()
	c.URL, c.Rules = "http://business.test/cb", map[im.Command]webhook.Rule{}
	for _, cmd := range on {
		c.Rules[cmd] = webhook.Rule{Enabled: true, FailedContinue: goesOn, Timeout: 5 * time.Second}
	}
	a, err := webhook.NewAsker(webhook.AskerOptions{Config: &c, Transport: b})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

type members []string

func (m members) All() iter.Seq[string] { return slices.Values(m) }

// world is a pusher and what stands around it. Change it before start.
type world struct {
	t        testing.TB
	st       store.Store
	vendor   *fakeVendor
	o        Options
	p        *Pusher
	registry *prometheus.Registry
	clock    atomic.Int64 // ms
	phones   []string     // users whose phone is online
	groups   map[string]members
	seq      int64
}

func newWorld(t testing.TB, st store.Store) *world {
	w := &world{t: t, st: st, registry: prometheus.NewRegistry(), vendor: &fakeVendor{}, groups: map[string]members{"g": {"ann", "bob", "cid", "dan"}}}
	w.clock.Store(1_718_000_000_000)
	w.o = Options{
		Store: st, Vendor: w.vendor, Asker: asker(t, &business{}, true), Node: "n1", Decode: wire.ParseBody, Grace: time.Nanosecond,
		Log: slog.New(slog.DiscardHandler), Metrics: w.registry,
		Now:    func() time.Time { return time.UnixMilli(w.clock.Load()) },
		Online: func(id string) bool { return slices.Contains(w.phones, id) },
		Members: func(_ context.Context, id string) (Roster, error) {
			if m, ok := w.groups[id]; ok {
				return m, nil
			}
			return nil, im.Errorf(im.NotFound, "test", "no group %s", id)
		},
	}
	return w
}

func (w *world) start() {
	w.t.Helper()
	var err error
	if w.p, err = New(w.o); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { w.p.Stop(context.Background()) })
	if err := w.p.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// device gives a user a device.
func (w *world) device(userID string, p im.Platform) {
	w.t.Helper()
	w.update(func(ctx context.Context, tx store.Tx) error {
		return tx.PutPushToken(ctx, im.PushToken{UserID: userID, Platform: p, Token: "token of " + userID + " " + p.String()})
	})
}

func (w *world) update(fn func(context.Context, store.Tx) error) {
	w.t.Helper()
	if err := w.st.Update(context.Background(), func(tx store.Tx) error { return fn(context.Background(), tx) }); err != nil {
		w.t.Fatal(err)
	}
}

// silence makes a user's record of a group's chat silent.
func (w *world) silence(userID string) {
	w.t.Helper()
	w.update(func(ctx context.Context, tx store.Tx) error {
		_, err := tx.InsertConversations(ctx, []im.Conversation{{OwnerUserID: userID, ConversationID: "sg_g", ConversationType: im.SessionGroup, RecvMsgOpt: im.ReceiveSilently}}, 1)
		return err
	})
}

// chat and group return messages from ann whose title is their text.
func (w *world) chat(to, text string) *im.Message {
	return w.message(im.Message{RecvID: to, SessionType: im.SessionSingle}, text)
}

func (w *world) group(text string) *im.Message {
	return w.message(im.Message{GroupID: "g", SessionType: im.SessionGroup}, text)
}

func (w *world) message(m im.Message, text string) *im.Message {
	w.seq++
	m.SendID, m.ClientMsgID, m.ServerMsgID, m.ContentType = "ann", fmt.Sprint("c", w.seq), fmt.Sprintf("m%04d", w.seq), im.ContentText
	m.Content, m.SendTime, m.SenderPlatformID = []byte(`{"content":"`+text+`"}`), w.clock.Load()+w.seq, int32(im.PlatformAndroid)
	m.OfflinePush = &im.OfflinePush{Title: text}
	return &m
}

// store stores a message with its intent, as the log does.
func (w *world) store(m *im.Message) {
	w.t.Helper()
	body, err := wire.Body(m)
	if err != nil {
		w.t.Fatal(err)
	}
	d := &msglog.Delivery{Message: m, OperationID: "op1"}
	it := &store.Item{Messages: []*store.NewMessage{{
		Record: im.Record{ConversationID: m.ConversationID(), SendID: m.SendID, ClientMsgID: m.ClientMsgID, ServerMsgID: m.ServerMsgID, SendTime: m.SendTime, Body: body},
		After:  func(ctx context.Context, tx store.Tx, seq int64) error { return w.p.Intend(ctx, tx, d, seq) },
	}}}
	if err := w.st.Append(context.Background(), []*store.Item{it}); err != nil {
		w.t.Fatal(err)
	}
	m.Seq = it.Messages[0].Record.Seq
}

// missed stores a message and tells the pusher that nobody's phone got it.
func (w *world) missed(m *im.Message, users ...string) {
	w.t.Helper()
	w.store(m)
	w.p.Missed(deliver.Missed{Delivery: &msglog.Delivery{Message: m, OperationID: "op1"}, Users: users})
}

// until waits for something that other goroutines bring about.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("it never came to be: %s", what)
		}
	}
}

// idle waits until nothing is planned, under way or to be written.
func (w *world) idle() {
	w.t.Helper()
	w.until("idle", func() bool {
		for _, q := range []*planners{&w.p.chats, &w.p.groups, &w.p.large} {
			q.mu.Lock()
			busy := q.running > 0 || q.waiting.Len() > 0
			q.mu.Unlock()
			if busy {
				return false
			}
		}
		k := w.p.keeper
		if k == nil {
			return true
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.added)+len(k.results)+len(k.settled)+k.sending == 0
	})
}

// turn waits until the keeper has looked for due jobs twice from now on.
func (w *world) turn() {
	k := w.p.keeper
	for range 2 {
		k.mu.Lock()
		turned := k.turned
		k.mu.Unlock()
		k.signal()
		<-turned
	}
}

// left returns how many intents and jobs the store holds.
func (w *world) left() [2]int {
	w.t.Helper()
	intents, err := w.st.PushIntents(context.Background(), 1000)
	n, err2 := w.st.CountPushJobs(context.Background())
	if err := errors.Join(err, err2); err != nil {
		w.t.Fatal(err)
	}
	return [2]int{len(intents), n}
}

func sqliteStore(t testing.TB) store.Store { return storetest.NewSQLite(t).Open(t) }

// dropped returns how many are counted as dropped for a reason.
func (w *world) dropped(reason string) (n float64) {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "parley_push_dropped_total" && m.GetLabel()[0].GetValue() == reason {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}
