package deliver

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/internal/im"
	"parley/internal/msglog"
)

// gate answers when the test lets it.
type gate struct {
	off     im.SessionType // not asked about
	verdict func(m *im.Message, users []string, failed bool) Verdict
	wait    func(m *im.Message) <-chan struct{} // nil: no wait

	mu    sync.Mutex
	asked []string
}

func (g *gate) Asks(t im.SessionType) bool { return t != g.off }

func (g *gate) Ask(ctx context.Context, d *msglog.Delivery, users []string) Verdict {
	g.mu.Lock()
	g.asked = append(g.asked, fmt.Sprintf("%s:%d to %s", d.Record.ConversationID, d.Record.Seq, strings.Join(users, " ")))
	g.mu.Unlock()
	failed := false
	if g.wait != nil {
		select {
		case <-g.wait(d.Message):
		case <-ctx.Done():
			failed = true
		}
	}
	if g.verdict == nil {
		return Verdict{}
	}
	return g.verdict(d.Message, users, failed)
}

// missing records what is passed on for offline pushes.
type missing struct {
	mu  sync.Mutex
	got []string
}

func (o *missing) Wants(m *im.Message) bool { return m.Options.Is(im.OptOfflinePush) }

func (o *missing) Missed(m Missed) {
	text := fmt.Sprintf("missed %s:%d", m.Delivery.Record.ConversationID, m.Delivery.Record.Seq)
	if m.Users != nil {
		text += " of " + strings.Join(m.Users, " ")
	}
	if m.Info != nil {
		text += " as " + m.Info.Title
	}
	o.add(text)
}

func (o *missing) Settled(d *msglog.Delivery) {
	o.add(fmt.Sprintf("settled %s:%d", d.Record.ConversationID, d.Record.Seq))
}

func (o *missing) add(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, text)
}

func TestOutcomes(t *testing.T) {
	noPush := im.Options{im.OptOfflinePush: false}
	for name, tc := range map[string]struct {
		batch   []im.Message
		only    []string
		phones  []string
		verdict *Verdict
		want    []string
		got     map[string][]string // nil: not looked at
	}{
		"a phone has it":                  {batch: []im.Message{single("a", "b", 1, nil)}, phones: []string{"b"}, want: []string{"settled si_a_b:1"}},
		"the sender's phone does not do":  {batch: []im.Message{single("a", "b", 1, nil)}, phones: []string{"a"}, want: []string{"missed si_a_b:1"}},
		"each way of a run":               {batch: []im.Message{single("a", "b", 1, nil), single("b", "a", 2, nil)}, phones: []string{"b"}, want: []string{"settled si_a_b:1", "missed si_a_b:2"}},
		"oneself":                         {batch: []im.Message{single("a", "a", 1, nil)}, want: []string{"settled si_a_a:1"}},
		"not wanted":                      {batch: []im.Message{single("a", "b", 1, noPush)}},
		"all members but the sender":      {batch: []im.Message{group("a", 1, nil)}, phones: []string{"b", "c"}, want: []string{"settled sg_g:1"}},
		"a member is missing":             {batch: []im.Message{group("a", 1, nil)}, phones: []string{"a", "b"}, want: []string{"missed sg_g:1"}},
		"of two senders one is missing":   {batch: []im.Message{group("a", 1, nil), group("b", 2, nil)}, phones: []string{"b", "c"}, want: []string{"missed sg_g:1", "missed sg_g:2"}},
		"the named":                       {batch: []im.Message{group("a", 1, nil)}, only: []string{"a", "q"}, want: []string{"missed sg_g:1 of a q"}},
		"the named have it":               {batch: []im.Message{group("a", 1, nil)}, only: []string{"a", "q"}, phones: []string{"q"}, want: []string{"settled sg_g:1"}},
		"the business server lets it be":  {batch: []im.Message{single("a", "b", 1, nil)}, verdict: &Verdict{}, want: []string{"missed si_a_b:1"}, got: map[string][]string{"a": {"si_a_b:1"}, "b": {"si_a_b:1"}}},
		"the business server refuses":     {batch: []im.Message{single("a", "b", 1, nil)}, verdict: &Verdict{Refused: true}, want: []string{"settled si_a_b:1"}, got: map[string][]string{}},
		"the business server names users": {batch: []im.Message{group("a", 1, nil)}, verdict: &Verdict{Users: []string{"b", "z"}, Info: &im.OfflinePush{Title: "T"}}, want: []string{"missed sg_g:1 of b z as T"}, got: map[string][]string{"b": {"sg_g:1"}, "z": {"sg_g:1"}}},
		"and another text":                {batch: []im.Message{group("a", 1, nil)}, verdict: &Verdict{Info: &im.OfflinePush{Title: "T"}}, want: []string{"missed sg_g:1 as T"}},
		"asked about named receivers":     {batch: []im.Message{single("a", "b", 0, nil)}, only: []string{"q"}, verdict: &Verdict{}, want: []string{"missed si_a_b:0 of q"}, got: map[string][]string{"q": {"si_a_b:0"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &screen{got: map[string][]string{}, phones: tc.phones}
			off := &missing{}
			o := Options{Local: s, Offline: off, Log: slog.New(slog.DiscardHandler), Members: func(context.Context, string) (Roster, error) {
				return roster{"a", "b", "c"}, nil
			}}
			if tc.verdict != nil {
				o.Gate = &gate{verdict: func(*im.Message, []string, bool) Verdict { return *tc.verdict }}
			}
			d := New(o)
			d.Start()
			var batch []*msglog.Delivery
			for _, m := range tc.batch {
				v := delivery(t, m)
				v.Receivers = tc.only
				batch = append(batch, v)
			}
			d.Publish(batch)
			d.Stop()
			if diff := cmp.Diff(tc.want, off.got); diff != "" {
				t.Errorf("offline (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.got, s.got); tc.got != nil && diff != "" {
				t.Errorf("online (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSlowGate lets the business server sit on one conversation: others are not
// held, what follows in it keeps its order, notifications and typing included.
func TestSlowGate(t *testing.T) {
	open, asking := make(chan struct{}), make(chan struct{}, 1)
	g := &gate{off: im.SessionGroup, wait: func(m *im.Message) <-chan struct{} {
		if m.RecvID == "b" {
			if m.Seq == 1 {
				asking <- struct{}{}
			}
			return open
		}
		now := make(chan struct{})
		close(now)
		return now
	}}
	s := &screen{got: map[string][]string{}}
	// One worker, so that nothing is in time only by luck.
	d := New(Options{Local: s, Gate: g, Workers: 1, Log: slog.New(slog.DiscardHandler), Members: func(context.Context, string) (Roster, error) {
		return roster{"x"}, nil
	}})
	d.Start()
	notice := im.Options{im.OptNotNotification: false}
	typing := single("a", "b", 0, im.Options{})
	typing.ContentType = im.ContentTyping
	d.Publish([]*msglog.Delivery{delivery(t, single("a", "b", 1, nil))})
	<-asking
	d.Publish([]*msglog.Delivery{
		delivery(t, single("a", "b", 2, nil)), delivery(t, typing), delivery(t, single("a", "b", 1, notice)),
		delivery(t, single("a", "c", 1, nil)), delivery(t, group("a", 1, nil)),
	})
	// The group's message is behind the others in the only worker's queue.
	for done := false; !done; runtime.Gosched() {
		s.mu.Lock()
		done = len(s.got["x"]) == 1 && len(s.got["c"]) == 1
		if len(s.got["b"]) > 0 {
			t.Errorf("b got %v before the answer", s.got["b"])
		}
		s.mu.Unlock()
	}
	close(open)
	for done := false; !done; runtime.Gosched() {
		s.mu.Lock()
		done = len(s.got["b"]) == 4
		s.mu.Unlock()
	}
	d.Stop()
	want := []string{"si_a_b:1", "si_a_b:2", "si_a_b:0", "notice n_a_b:1"}
	if !slices.Equal(s.got["b"], want) {
		t.Errorf("b got %v, want %v", s.got["b"], want)
	}
	for _, asked := range g.asked {
		if strings.HasPrefix(asked, "si_a_b:0") {
			t.Error("typing was asked about")
		}
	}
	if !slices.Contains(g.asked, "si_a_b:1 to b a") {
		t.Errorf("asked %q", g.asked)
	}
}

// TestCrowdedLane fills a lane whose question is never answered: what waits is
// decided as after a failure, in order, and nothing waits for the acknowledgement.
func TestCrowdedLane(t *testing.T) {
	for _, refused := range []bool{false, true} {
		g := &gate{
			wait:    func(*im.Message) <-chan struct{} { return nil },
			verdict: func(_ *im.Message, _ []string, failed bool) Verdict { return Verdict{Refused: refused && failed} },
		}
		s := &screen{got: map[string][]string{}}
		d := New(Options{Local: s, Gate: g, Workers: 1, Log: slog.New(slog.DiscardHandler)})
		d.Start()
		const n = maxLane + 2 // one is asked about, maxLane wait, one is too many
		for i := range n {
			d.Publish([]*msglog.Delivery{delivery(t, single("a", "b", int64(i+1), nil))})
		}
		want := n
		if refused {
			want = 0
		}
		// Nobody answers, and nobody stops the deliverer: the last message empties the lane.
		for done := refused; !done; runtime.Gosched() {
			s.mu.Lock()
			done = len(s.got["b"]) == n
			s.mu.Unlock()
		}
		d.Stop()
		if len(s.got["b"]) != want {
			t.Errorf("refused after a failure %v: b got %d, want %d", refused, len(s.got["b"]), want)
		}
		for i, got := range s.got["b"] {
			if got != fmt.Sprintf("si_a_b:%d", i+1) {
				t.Fatalf("place %d holds %s", i, got)
			}
		}
		if h := &d.held; h.count.Load() != 0 || h.bytes.Load() != 0 || d.workers[0].lanes.any() {
			t.Error("something is counted as held that is not")
		}
	}
}
