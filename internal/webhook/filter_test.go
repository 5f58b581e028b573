package webhook

import (
	"testing"

	"parley/internal/im"
)

func TestWants(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Rules = map[im.Command]Rule{im.AfterSingleMsgRead: {Enabled: true}, im.AfterSendGroupMsg: {}}
	if c.Wants(im.AfterSingleMsgRead) {
		t.Error("wanted without a URL")
	}
	c.URL = "http://localhost"
	for cmd, want := range map[im.Command]bool{im.AfterSingleMsgRead: true, im.AfterSendGroupMsg: false, im.AfterMsgSaveDB: false, 0: false} {
		if got := c.Wants(cmd); got != want {
			t.Errorf("Wants(%v) = %v", cmd, got)
		}
	}
}

func TestWantsMessage(t *testing.T) {
	t.Parallel()
	single := func(contentType int32) *im.Message {
		return &im.Message{SessionType: im.SessionSingle, ContentType: contentType, SendID: "u1", RecvID: "u2"}
	}
	group := &im.Message{SessionType: im.SessionGroup, ContentType: 101, SendID: "u1", RecvID: "u2", GroupID: "g1"}
	account := &im.Message{SessionType: im.SessionNotification, ContentType: 101, SendID: "u1", RecvID: "u2", GroupID: "g1"}
	old := &im.Message{SessionType: im.SessionWriteGroup, ContentType: 101, RecvID: "u2", GroupID: "u2"}
	deny := func(r ...TypeRange) Rule { return Rule{Enabled: true, Denied: r} }
	allow := func(r ...TypeRange) Rule { return Rule{Enabled: true, Allowed: r} }
	heed := func(ids ...string) Rule { return Rule{Enabled: true, Attention: ids} }
	for _, c := range []struct {
		name string
		rule Rule
		m    *im.Message
		want bool
	}{
		{"off", Rule{}, single(101), false},
		{"no filter", Rule{Enabled: true}, single(101), true},
		{"no filter, group", Rule{Enabled: true}, group, true},
		{"typing", Rule{Enabled: true}, single(113), false},
		{"below notifications", Rule{Enabled: true}, single(999), true},
		{"first notification", Rule{Enabled: true}, single(1000), false},
		{"read receipt", Rule{Enabled: true}, single(2200), false},
		{"last notification", Rule{Enabled: true}, single(5000), false},
		{"above notifications", Rule{Enabled: true}, single(5001), true},
		{"notification though allowed", allow(TypeRange{1, 9999}), single(1400), false},
		{"typing though allowed", allow(TypeRange{113, 113}), single(113), false},
		{"denied", deny(TypeRange{101, 101}), single(101), false},
		{"other denied", deny(TypeRange{102, 102}, TypeRange{200, 500}), single(101), true},
		{"denied range, first", deny(TypeRange{102, 102}, TypeRange{200, 500}), single(200), false},
		{"denied range, last", deny(TypeRange{102, 102}, TypeRange{200, 500}), single(500), false},
		{"behind a denied range", deny(TypeRange{200, 500}), single(501), true},
		{"allowed", allow(TypeRange{101, 102}), single(102), true},
		{"not allowed", allow(TypeRange{101, 102}), single(103), false},
		{"denied wins", Rule{Enabled: true, Denied: []TypeRange{{101, 101}}, Allowed: []TypeRange{{101, 110}}}, single(101), false},
		{"receiver", heed("u2"), single(101), true},
		{"not the sender", heed("u1"), single(101), false},
		{"group", heed("x", "g1"), group, true},
		{"group, not by receiver", heed("u2"), group, false},
		{"account by receiver", heed("u2"), account, true},
		{"account, not by group", heed("g1"), account, false},
		{"unknown session type", heed("u2"), old, false},
		{"attention and denied", Rule{Enabled: true, Attention: []string{"u2"}, Denied: []TypeRange{{101, 101}}}, single(101), false},
	} {
		for _, cmd := range []im.Command{im.AfterSendSingleMsg, im.AfterSendGroupMsg, im.AfterMsgSaveDB} {
			cfg := Config{URL: "http://localhost", Rules: map[im.Command]Rule{cmd: c.rule}}
			if got := cfg.WantsMessage(cmd, c.m); got != c.want {
				t.Errorf("%s: %v for %s", c.name, got, cmd.Key())
			}
		}
	}
}
