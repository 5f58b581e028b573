package im

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConversationIDs(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    Message
		want string
	}{
		{"single", Message{SendID: "u2", RecvID: "u1", SessionType: SessionSingle}, "si_u1_u2"},
		{"sorted as bytes", Message{SendID: "a", RecvID: "Z", SessionType: SessionSingle}, "si_Z_a"},
		{"oneself", Message{SendID: "u", RecvID: "u", SessionType: SessionSingle}, "si_u_u"},
		{"group", Message{SendID: "u", GroupID: "g_1", SessionType: SessionGroup}, "sg_g_1"},
		{"account", Message{SendID: "z", RecvID: "b", SessionType: SessionNotification}, "sn_b_z"},
		{"notification of a pair", Message{SendID: "u2", RecvID: "u1", SessionType: SessionSingle, Options: Options{OptNotNotification: false}}, "n_u1_u2"},
		{"notification of a group", Message{GroupID: "g", SessionType: SessionGroup, Options: Options{OptNotNotification: false}}, "n_g"},
		{"option true is a chat", Message{GroupID: "g", SessionType: SessionGroup, Options: Options{OptNotNotification: true}}, "sg_g"},
	} {
		if got := tc.m.ConversationID(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	for chat, want := range map[string]string{"si_a_b_c": "n_a_b_c", "sn_a_b": "n_a_b", "sg_g": "n_g"} {
		if got := NotificationID(chat); got != want || !IsNotificationID(got) || IsNotificationID(chat) || ConversationRoot(got) != ConversationRoot(chat) {
			t.Errorf("NotificationID(%s) = %s, want %s", chat, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	if !Options(nil).Is(OptHistory) || !(Options{}).Is(OptHistory) || (Options{OptHistory: false}).Is(OptHistory) {
		t.Error("a missing option must hold, a false one must not")
	}
	typing := Message{ContentType: ContentTyping, Options: Options{}}
	typing.ForceOptions()
	if typing.Stored() || typing.Options.Is(OptSenderSync) || !typing.Options.Is(OptNotNotification) {
		t.Errorf("typing: %v", typing.Options)
	}
	bare := Message{ContentType: ContentTyping}
	if bare.ForceOptions(); bare.Options != nil {
		t.Error("options appear where the client sent no map")
	}
	text := Message{ContentType: ContentText, Options: Options{}}
	if text.ForceOptions(); len(text.Options) != 0 {
		t.Errorf("text: %v", text.Options)
	}
}

// TestIDHash holds the examples of incremental-sync.md 7.1.
func TestIDHash(t *testing.T) {
	for _, tc := range []struct {
		ids  []string
		want uint64
	}{
		{nil, 0},
		{[]string{}, 0},
		{[]string{"1"}, 5587302355834336527},
		{[]string{"u1", "u2"}, 9194020308628654040},
		{[]string{"u2", "u1"}, 2170532237559490439},
		{[]string{"100", "200", "300"}, 17327171910885857691},
		{[]string{"a<b"}, 16730682375405228017},
	} {
		if got := IDHash(tc.ids); got != tc.want {
			t.Errorf("IDHash(%q) = %d, want %d", tc.ids, got, tc.want)
		}
	}
}

func TestVersionID(t *testing.T) {
	id := NewVersionID(time.Unix(1_700_000_000, 0))
	if !ValidVersionID(id) || NewVersionID(time.Now()) == NewVersionID(time.Now()) {
		t.Errorf("bad or repeated version id %q", id)
	}
	for _, bad := range []string{"", strings.Repeat("0", 24), strings.ToUpper("66b1c0ffee0123456789abcd"), "66b1c0ffee0123456789abc", "66b1c0ffee0123456789abcg"} {
		if ValidVersionID(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestLoginPolicy(t *testing.T) {
	for _, tc := range []struct {
		policy          LoginPolicy
		newcomer, other Platform
		want            bool
	}{
		{PolicyNoKick, PlatformIOS, PlatformIOS, false},
		{PolicySameTerminal, PlatformIOS, PlatformIOS, true},
		{PolicySameTerminal, PlatformIOS, PlatformAndroid, false},
		{PolicySameClass, PlatformIOS, PlatformAndroid, true},
		{PolicySameClass, PlatformWindows, PlatformLinux, true},
		{PolicySameClass, PlatformWeb, PlatformMiniWeb, false},
		{PolicySameClass, PlatformIPad, PlatformIOS, false},
		{PolicyPCFree, PlatformWindows, PlatformIOS, false},
		{PolicyPCFree, PlatformIOS, PlatformWindows, false},
		{PolicyPCFree, PlatformIOS, PlatformWeb, true},
	} {
		if got := tc.policy.Kicks(tc.newcomer, tc.other); got != tc.want {
			t.Errorf("policy %d: %s kicks %s: %v, want %v", tc.policy, tc.newcomer, tc.other, got, tc.want)
		}
	}
}

func TestValidUserID(t *testing.T) {
	for id, want := range map[string]bool{
		"u1": true, "用户_7": true, "A": true, "": false, "a:b": false, "a-b": false, "a b": false, "a.b": false, "a@b": false, "\xff": false,
		strings.Repeat("a", MaxIDBytes): true, strings.Repeat("a", MaxIDBytes+1): false,
	} {
		if got := ValidUserID(id); got != want {
			t.Errorf("ValidUserID(%q) = %v", id, got)
		}
	}
}

func TestReadable(t *testing.T) {
	for name, tc := range map[string]struct {
		user   UserSeqs
		state  SeqState
		lo, hi int64
	}{
		"fresh":       {UserSeqs{}, SeqState{MaxSeq: 5}, 1, 5},
		"empty":       {UserSeqs{}, SeqState{}, 1, 0},
		"cleared":     {UserSeqs{MinSeq: 6}, SeqState{MaxSeq: 5}, 6, 5},
		"left":        {UserSeqs{MaxSeq: 3}, SeqState{MaxSeq: 5, MinSeq: 2}, 2, 3},
		"bound above": {UserSeqs{MaxSeq: 9}, SeqState{MaxSeq: 5}, 1, 5},
	} {
		if lo, hi := tc.user.Readable(tc.state); lo != tc.lo || hi != tc.hi {
			t.Errorf("%s: %d..%d, want %d..%d", name, lo, hi, tc.lo, tc.hi)
		}
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("cause")
	err := fmt.Errorf("outer: %w", &Error{Kind: NotFound, Op: "store.User", Detail: "u1", Err: cause})
	if !IsKind(err, NotFound) || IsKind(err, Invalid) || IsKind(nil, Internal) || KindOf(cause) != Internal || !errors.Is(err, cause) {
		t.Errorf("kind of %v is %d", err, KindOf(err))
	}
	if got, want := err.Error(), "outer: store.User: u1: cause"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCommands(t *testing.T) {
	names, keys := map[string]bool{}, map[string]bool{}
	before := 0
	for _, c := range Commands() {
		if c.String() == "" || c.Key() == "" || names[c.String()] || keys[c.Key()] {
			t.Errorf("command %d: %q, %q", c, c.String(), c.Key())
		}
		names[c.String()], keys[c.Key()] = true, true
		if c.IsBefore() {
			before++
		}
	}
	if len(names) != 52 || before != 23 { // webhooks.md 3
		t.Errorf("%d commands, %d of them before", len(names), before)
	}
	if Command(0).String() != "" || Command(99).Key() != "" || Command(-1).String() != "" {
		t.Error("unknown commands have names")
	}
}

func TestNewIDsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if len(id) != 32 || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

func TestOperations(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprint("o", i), "", "o0")
	}
	for _, c := range []struct {
		ids  []string
		want string
	}{
		{[]string{"a"}, "a"},
		{[]string{"a", "", "b", "a"}, "a,b"},
		{many, "o0,o1,o2,o3,o4,o5,o6,o7,o8,o9,o10,o11,o12,o13,o14,o15,+4"},
	} {
		if got := Operations(slices.Values(c.ids)); got != c.want {
			t.Errorf("%q: %s", c.ids, got)
		}
	}
	if a, b := Operations(slices.Values([]string{""})), Operations(slices.Values([]string(nil))); len(a) != 32 || len(b) != 32 || a == b {
		t.Errorf("without an id: %s, %s", a, b)
	}
}
