package push

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/internal/deliver"
	"parley/internal/im"
	"parley/internal/msglog"
)

// TestWhoGetsOne is messages.md 11 and webhooks.md B.6.
func TestWhoGetsOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		group   bool     // from ann to group g of ann, bob, cid and dan; else to bob
		users   []string // of the delivery
		info    *im.OfflinePush
		phones  []string
		silent  []string
		byUser  bool
		answer  string // of the business server; "": it is not asked
		fails   bool   // it does not answer
		goesOn  bool
		want    []string
		asked   string // part of the question
		unasked bool
	}{
		"the receiver":                        {want: []string{"bob Android hi", "bob IOS hi"}},
		"the receiver by id":                  {byUser: true, want: []string{"bob hi"}},
		"not who is online by now":            {phones: []string{"bob"}},
		"the members but the sender":          {group: true, want: []string{"bob Android hi", "bob IOS hi", "cid IOS hi"}},
		"the members by id":                   {group: true, byUser: true, want: []string{"bob hi", "cid hi", "dan hi"}},
		"not those online, not those silent":  {group: true, phones: []string{"bob"}, silent: []string{"cid"}},
		"nor by id":                           {group: true, byUser: true, phones: []string{"bob"}, silent: []string{"cid"}, want: []string{"dan hi"}},
		"those of the delivery":               {group: true, users: []string{"ann", "cid"}, want: []string{"cid IOS hi"}},
		"with its text":                       {info: &im.OfflinePush{Title: "other"}, want: []string{"bob Android other", "bob IOS other"}},
		"the business server lets it be":      {answer: `{}`, want: []string{"bob Android hi", "bob IOS hi"}, asked: `"userIDList":["bob"],"title":"hi"`},
		"it is asked about what is left":      {group: true, answer: `{}`, phones: []string{"dan"}, silent: []string{"cid"}, want: []string{"bob Android hi", "bob IOS hi"}, asked: `"userIDList":["bob"]`},
		"it is not asked about nobody":        {answer: `{}`, phones: []string{"bob"}, unasked: true},
		"it names users":                      {group: true, answer: `{"userIDList":["cid","eve","cid",""]}`, want: []string{"cid IOS hi", "eve IOS hi"}},
		"an empty list names nobody":          {answer: `{"userIDList":[]}`, want: []string{"bob Android hi", "bob IOS hi"}},
		"it names a text":                     {answer: `{"offlinePushInfo":{"title":"new"}}`, want: []string{"bob Android new", "bob IOS new"}},
		"it refuses":                          {answer: `{"actionCode":0,"nextCode":1,"errCode":20042}`},
		"it fails, and the push goes on":      {fails: true, goesOn: true, want: []string{"bob Android hi", "bob IOS hi"}, asked: `"title":"hi"`},
		"it fails, and the push does not":     {fails: true, asked: `"title":"hi"`},
		"the delivery's text is asked about":  {answer: `{}`, info: &im.OfflinePush{Title: "other", Ex: "e"}, want: []string{"bob Android other", "bob IOS other"}, asked: `"title":"other","desc":"","ex":"e"`},
		"a group that is gone has no members": {group: true, users: nil, silent: []string{"gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sqliteStore(t))
			w.vendor.byUser, w.phones = c.byUser, c.phones
			b := &business{answer: func(context.Context, string, string) (string, error) {
				if c.fails {
					return "", errors.New("no route")
				}
				return c.answer, nil
			}}
			if c.answer != "" || c.fails {
				w.o.Asker = asker(t, b, c.goesOn, im.BeforeOfflinePush)
			}
			for _, id := range c.silent {
				if id == "gone" {
					delete(w.groups, "g")
				}
				w.silence(id)
			}
			w.device("ann", im.PlatformIOS)
			w.device("bob", im.PlatformIOS)
			w.device("bob", im.PlatformAndroid)
			w.device("bob", im.PlatformWeb) // not of this vendor
			w.device("cid", im.PlatformIOS)
			w.device("eve", im.PlatformIOS)
			w.start()
			m := w.chat("bob", "hi")
			if c.group {
				m = w.group("hi")
			}
			w.store(m)
			w.p.Missed(deliver.Missed{Delivery: &msglog.Delivery{Message: m, OperationID: "op1"}, Users: c.users, Info: c.info})
			w.idle()
			w.until("nothing left", func() bool { return w.left() == [2]int{} })
			want := c.want
			if want == nil {
				want = []string{}
			}
			if diff := cmp.Diff(want, w.vendor.sent()); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			asked := strings.Join(b.questions(), "\n")
			if !strings.Contains(asked, c.asked) || c.unasked && asked != "" {
				t.Errorf("asked %s", asked)
			}
		})
	}
}

func TestWants(t *testing.T) {
	t.Parallel()
	text := &im.Message{ContentType: im.ContentText}
	for _, c := range []struct {
		m    *im.Message
		want bool
	}{
		{text, true},
		{&im.Message{ContentType: im.ContentText, Options: im.Options{im.OptOfflinePush: false}}, false},
		{&im.Message{ContentType: im.ContentTyping}, false},
		{&im.Message{ContentType: 1601}, true},
		{&im.Message{ContentType: 1602}, false},
		{&im.Message{ContentType: 1603}, false},
	} {
		for _, on := range []string{"vendor", "callback", "nothing"} {
			o := newWorld(t, nil).o
			if on != "vendor" {
				o.Vendor = nil
			}
			if on == "callback" {
				o.Asker = asker(t, &business{}, true, im.BeforeOfflinePush)
			}
			p, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Wants(c.m); got != (c.want && on != "nothing") {
				t.Errorf("with %s on: type %d, options %v: %v", on, c.m.ContentType, c.m.Options, got)
			}
		}
	}
}

// TestWithoutVendor asks the business server and stores nothing.
func TestWithoutVendor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	b := &business{}
	w.o.Vendor, w.o.Asker = nil, asker(t, b, true, im.BeforeOfflinePush)
	w.start()
	w.missed(w.group("hi"))
	w.idle()
	if got := b.questions(); len(got) != 1 || !strings.Contains(got[0], `"userIDList":["bob","cid","dan"]`) {
		t.Errorf("asked %q", got)
	}
	if w.left() != [2]int{} {
		t.Errorf("left %v", w.left())
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 3000)
	for _, c := range []struct {
		contentType int32
		info        *im.OfflinePush
		title, body string
	}{
		{101, nil, "[TEXT]", "[TEXT]"},
		{102, nil, "[PICTURE]", "[PICTURE]"},
		{103, nil, "[VOICE]", "[VOICE]"},
		{104, nil, "[VIDEO]", "[VIDEO]"},
		{105, nil, "[File]", "[File]"},
		{106, nil, "[TEXT]", "[TEXT]"},
		{1601, nil, "[SIGNALINVITE]", "[SIGNALINVITE]"},
		{110, nil, "[NEWMSG]", "[NEWMSG]"},
		{101, &im.OfflinePush{Title: "T"}, "T", "T"},
		{101, &im.OfflinePush{Desc: "D"}, "[TEXT]", "D"},
		{101, &im.OfflinePush{Title: "T", Desc: "D"}, "T", "D"},
		{101, &im.OfflinePush{Title: "x" + long, Desc: long}, "x" + long[:254], long[:1024]},
	} {
		n := newNote(&im.Message{ContentType: c.contentType}, c.info)
		if n.Title != c.title || n.Body != c.body {
			t.Errorf("type %d, %+v: %q, %q", c.contentType, c.info, n.Title, n.Body)
		}
	}
	if n := newNote(&im.Message{}, &im.OfflinePush{Ex: long}); n.Ex != "" {
		t.Error("an ex that is too long was kept")
	}
}

// TestCrowdedPlanners drops the oldest messages while the business server does not answer.
func TestCrowdedPlanners(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	open := make(chan struct{})
	b := &business{answer: func(context.Context, string, string) (string, error) { <-open; return `{}`, nil }}
	w.o.Asker, w.o.Queue = asker(t, b, true, im.BeforeOfflinePush), 100
	w.vendor.byUser = true
	w.start()
	const n = chatPlanners + 100 + 5
	for i := range n {
		w.missed(w.chat(fmt.Sprintf("user%03d", i), "hi"))
		if i < chatPlanners { // so that it is known which ones are asked about
			w.until("asked", func() bool { return len(b.questions()) == i+1 })
		}
	}
	if got := w.dropped("planning"); got != 5 {
		t.Errorf("%v counted as dropped, want 5", got)
	}
	w.missed(w.group("others are not held")) // as far as the business server is concerned they are
	close(open)
	w.until("the rest is sent", func() bool { return len(w.vendor.jobs()) == n-5+3 && w.left() == [2]int{} })
}

// TestGate is webhooks.md B.4 and B.5 as far as the callbacks go; what follows
// from a verdict is package deliver's.
func TestGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	single, group := w.chat("bob", "hi"), w.group("hi")
	refuse := `{"actionCode":0,"nextCode":1,"errCode":20042}`
	for name, c := range map[string]struct {
		m      *im.Message
		answer string
		err    error
		goesOn bool
		ended  bool
		want   deliver.Verdict
		asked  string
	}{
		"lets it be":     {m: single, answer: `{}`, want: deliver.Verdict{Info: single.OfflinePush}, asked: `"userIDList":["bob","ann"],"title":"hi"`},
		"of a group":     {m: group, answer: `{}`, want: deliver.Verdict{Info: group.OfflinePush}, asked: `"groupID":"g","contentType":101`},
		"refuses":        {m: single, answer: refuse, goesOn: true, want: deliver.Verdict{Refused: true}},
		"names users":    {m: group, answer: `{"userIDList":["x","x","y"]}`, want: deliver.Verdict{Users: []string{"x", "y"}, Info: group.OfflinePush}},
		"names a text":   {m: group, answer: `{"offlinePushInfo":{"desc":"d"}}`, want: deliver.Verdict{Info: &im.OfflinePush{Title: "hi", Desc: "d"}}},
		"fails":          {m: single, err: errors.New("no route"), want: deliver.Verdict{Refused: true}},
		"fails, goes on": {m: single, err: errors.New("no route"), goesOn: true},
		"no time":        {m: single, answer: refuse, ended: true, want: deliver.Verdict{Refused: true}},
		"no time, goes on": {
			m: single, answer: refuse, ended: true, goesOn: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &business{answer: func(context.Context, string, string) (string, error) { return c.answer, c.err }}
			o := newWorld(t, nil).o
			o.Vendor, o.Asker = nil, asker(t, b, c.goesOn, im.BeforeOnlinePush, im.BeforeGroupOnlinePush)
			p, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			if !p.Asks(im.SessionSingle) || !p.Asks(im.SessionNotification) || !p.Asks(im.SessionGroup) {
				t.Error("a session type is not asked about")
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if c.ended {
				cancel()
			}
			users := []string{"bob", "ann"}
			if c.m == group {
				users = nil
			}
			if diff := cmp.Diff(c.want, p.Ask(ctx, &msglog.Delivery{Message: c.m}, users)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			asked := strings.Join(b.questions(), "\n")
			if !strings.Contains(asked, c.asked) || c.ended && asked != "" {
				t.Errorf("asked %s", asked)
			}
		})
	}
}
