package deliver

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/sdkws"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// screen records for each user what was pushed: "<conversation>:<seq>,<seq>", and
// after a blank the platform that was spared.
type screen struct {
	mu     sync.Mutex
	got    map[string][]string
	phones []string // users whose phone shows everything
}

func (s *screen) Push(userID string, p *wire.Push, spare im.Platform) bool {
	var r frame.Response
	if err := frame.Gob.DecodeResponse(p.Payload(frame.Gob), 1<<20, &r); err != nil {
		panic(err)
	}
	var m sdkws.PushMessages
	if err := proto.Unmarshal(r.Data, &m); err != nil {
		panic(err)
	}
	spared := ""
	if spare != 0 {
		spared = fmt.Sprint(" not ", spare)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, list := range m.Msgs {
		s.got[userID] = append(s.got[userID], show(id, list)+spared)
	}
	for id, list := range m.NotificationMsgs {
		s.got[userID] = append(s.got[userID], "notice "+show(id, list)+spared)
	}
	return slices.Contains(s.phones, userID)
}

func show(id string, list *sdkws.PullMsgs) string {
	out := id
	for _, m := range list.Msgs {
		out += fmt.Sprintf(":%d", m.Seq)
		if m.Status != im.StatusSent {
			out += "!status"
		}
	}
	return out
}

func delivery(t *testing.T, m im.Message) *msglog.Delivery {
	t.Helper()
	m.Content, m.Status = []byte("{}"), im.StatusSending
	body, err := wire.Body(&m)
	if err != nil {
		t.Fatal(err)
	}
	return &msglog.Delivery{Message: &m, Record: im.Record{ConversationID: m.ConversationID(), Seq: m.Seq, Body: body}}
}

func single(from, to string, seq int64, o im.Options) im.Message {
	return im.Message{SendID: from, RecvID: to, SessionType: im.SessionSingle, Seq: seq, Options: o}
}

func group(from string, seq int64, o im.Options) im.Message {
	return im.Message{SendID: from, GroupID: "g", SessionType: im.SessionGroup, Seq: seq, Options: o}
}

// roster is a group that does not change.
type roster []string

func (r roster) Has(id string) bool    { return slices.Contains(r, id) }
func (r roster) All() iter.Seq[string] { return slices.Values(r) }

func TestReceivers(t *testing.T) {
	notice := im.Options{im.OptNotNotification: false}
	for name, tc := range map[string]struct {
		batch []im.Message
		extra []string
		only  []string
		want  map[string][]string
	}{
		"both of a pair, also the sender": {
			batch: []im.Message{single("a", "b", 1, nil)},
			want:  map[string][]string{"a": {"si_a_b:1"}, "b": {"si_a_b:1"}},
		},
		"oneself once": {
			batch: []im.Message{single("a", "a", 1, nil)},
			want:  map[string][]string{"a": {"si_a_a:1"}},
		},
		"no copy for the sender": {
			batch: []im.Message{single("a", "b", 0, im.Options{im.OptSenderSync: false})},
			want:  map[string][]string{"b": {"si_a_b:0"}},
		},
		"all members, whatever the sender wants": {
			batch: []im.Message{group("a", 4, im.Options{im.OptSenderSync: false})},
			want:  map[string][]string{"a": {"sg_g:4"}, "b": {"sg_g:4"}, "c": {"sg_g:4"}},
		},
		"and those who have left": {
			batch: []im.Message{group("a", 4, notice)}, extra: []string{"x", "b"},
			want: map[string][]string{"a": {"notice n_g:4"}, "b": {"notice n_g:4"}, "c": {"notice n_g:4"}, "x": {"notice n_g:4"}},
		},
		"only the named": {
			batch: []im.Message{group("a", 4, nil)}, only: []string{"q"},
			want: map[string][]string{"q": {"sg_g:4"}},
		},
		"a run shares a frame": {
			batch: []im.Message{single("a", "b", 1, nil), single("b", "a", 2, nil), single("a", "b", 3, nil)},
			want:  map[string][]string{"a": {"si_a_b:1:2:3"}, "b": {"si_a_b:1:2:3"}},
		},
		"but not with a hole, an unstored one or another conversation between": {
			batch: []im.Message{single("a", "b", 1, nil), single("a", "b", 3, nil), single("a", "b", 0, nil), single("a", "b", 0, nil), single("a", "b", 4, notice)},
			want: map[string][]string{
				"a": {"si_a_b:1", "si_a_b:3", "si_a_b:0", "si_a_b:0", "notice n_a_b:4"},
				"b": {"si_a_b:1", "si_a_b:3", "si_a_b:0", "si_a_b:0", "notice n_a_b:4"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &screen{got: map[string][]string{}}
			d := New(Options{Local: s, Log: slog.New(slog.DiscardHandler), Members: func(context.Context, string) (Roster, error) {
				return roster{"a", "b", "c"}, nil
			}})
			d.Start()
			var batch []*msglog.Delivery
			for _, m := range tc.batch {
				v := delivery(t, m)
				v.Extra, v.Receivers = tc.extra, tc.only
				batch = append(batch, v)
			}
			d.Publish(batch)
			d.Stop()
			if diff := cmp.Diff(tc.want, s.got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Only the sender's connections are spared, and a message that spares some shares
// no frame with others.
func TestSpare(t *testing.T) {
	s := &screen{got: map[string][]string{}}
	d := New(Options{Local: s, Log: slog.New(slog.DiscardHandler)})
	d.Start()
	batch := []*msglog.Delivery{
		delivery(t, single("a", "b", 1, nil)), delivery(t, single("a", "b", 2, nil)), delivery(t, single("a", "b", 3, nil)),
		delivery(t, single("a", "a", 1, nil)),
	}
	batch[1].Spare, batch[3].Spare = im.PlatformAndroid, im.PlatformIOS
	d.Publish(batch)
	d.Stop()
	want := map[string][]string{
		"a": {"si_a_b:1", "si_a_b:2 not Android", "si_a_b:3", "si_a_a:1 not IOS"},
		"b": {"si_a_b:1", "si_a_b:2", "si_a_b:3"},
	}
	slices.Sort(s.got["a"]) // the two conversations may have two workers
	slices.Sort(want["a"])
	if diff := cmp.Diff(want, s.got); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownMembersLoseNothingElse(t *testing.T) {
	s := &screen{got: map[string][]string{}}
	d := New(Options{Local: s, Log: slog.New(slog.DiscardHandler), Members: func(context.Context, string) (Roster, error) {
		return nil, errors.New("store is gone")
	}})
	d.Start()
	d.Publish([]*msglog.Delivery{delivery(t, group("a", 1, nil)), delivery(t, single("a", "b", 1, nil))})
	d.Stop()
	if !slices.Equal(s.got["b"], []string{"si_a_b:1"}) {
		t.Errorf("b got %v", s.got["b"])
	}
}

func TestOrderPerConversation(t *testing.T) {
	s := &screen{got: map[string][]string{}}
	d := New(Options{Local: s, Log: slog.New(slog.DiscardHandler), Workers: 4})
	d.Start()
	const n = 500
	for i := range n {
		var batch []*msglog.Delivery
		for c := range 7 {
			batch = append(batch, delivery(t, single("a", fmt.Sprint("u", c), int64(i+1), nil)))
		}
		d.Publish(batch)
	}
	d.Stop()
	for c := range 7 {
		got := s.got[fmt.Sprint("u", c)]
		if len(got) != n {
			t.Fatalf("u%d got %d", c, len(got))
		}
		for i, g := range got {
			if want := fmt.Sprintf("si_a_u%d:%d", c, i+1); g != want {
				t.Fatalf("place %d holds %s, want %s", i, g, want)
			}
		}
	}
}
