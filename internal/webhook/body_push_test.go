package webhook

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/internal/im"
)

func TestPushBodies(t *testing.T) {
	t.Parallel()
	text := &im.Message{
		SendID: "u1", RecvID: "u2", ClientMsgID: "c1", ServerMsgID: "9f", SenderPlatformID: int32(im.PlatformAndroid),
		SessionType: im.SessionSingle, MsgFrom: im.FromUser, ContentType: im.ContentText, Content: []byte(`{"content":"hi"}`), Seq: 7,
		OfflinePush: &im.OfflinePush{Title: "Ann", Desc: "says hi", Ex: "x", IOSPushSound: "ding.caf", IOSBadgeCount: true, SignalInfo: "s"},
	}
	notice := &im.Message{
		SendID: "u1", RecvID: "g1", GroupID: "g1", ClientMsgID: "c2", SenderPlatformID: int32(im.PlatformWeb), SessionType: im.SessionGroup,
		MsgFrom: im.FromSystem, ContentType: im.ContentGroupCreated, Content: []byte(`{"detail":"{\"group\":{}}"}`), Seq: 1,
	}
	for _, c := range []struct {
		command im.Command
		body    []byte
		keys    int
	}{
		{im.BeforeOnlinePush, PushBody(im.BeforeOnlinePush, "op1", text, text.OfflinePush, []string{"u2", "u1"}), 18},
		{im.BeforeOfflinePush, PushBody(im.BeforeOfflinePush, "op1", text, nil, []string{"u2"}), 18},
		{im.BeforeGroupOnlinePush, GroupPushBody("op2", notice), 12},
	} {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, c.body, "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		path := filepath.Join("testdata", "bodies", c.command.String()+".golden")
		if *update {
			if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.command, diff)
		}
		if _, keys := object(t, c.body); len(keys) != c.keys {
			t.Errorf("%s has %d keys, want %d", c.command, len(keys), c.keys)
		}
	}
	// Nothing is null, and what is no notification's text stays as it is.
	odd := &im.Message{ContentType: im.ContentOA, Content: []byte("no JSON")}
	fields, _ := object(t, PushBody(im.BeforeOnlinePush, "", odd, nil, nil))
	for k, v := range fields {
		if v == nil {
			t.Errorf("%s is null", k)
		}
	}
	if fields["content"] != "no JSON" {
		t.Errorf("content %v", fields["content"])
	}
}

func TestOfflinePushInfoOfAnswer(t *testing.T) {
	t.Parallel()
	own := &im.OfflinePush{Title: "T", Desc: "D", IOSPushSound: "a.caf"}
	for _, c := range []struct {
		answer string
		info   *im.OfflinePush
		want   *im.OfflinePush
	}{
		{`{}`, own, own},
		{`{"offlinePushInfo":null}`, nil, nil},
		{`{"offlinePushInfo":"wrong"}`, own, own},
		{`{"offlinePushInfo":{"title":"N"}}`, nil, &im.OfflinePush{Title: "N"}},
		{
			`{"offlinePushInfo":{"desc":"","iOSBadgeCount":true,"ex":"e","signalInfo":"s","title":7}}`, own,
			&im.OfflinePush{Title: "T", IOSPushSound: "a.caf", IOSBadgeCount: true, Ex: "e", SignalInfo: "s"},
		},
	} {
		a, _, err := parseAnswer([]byte(c.answer), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, a.OfflinePushInfo(c.info)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.answer, diff)
		}
	}
	if *own != (im.OfflinePush{Title: "T", Desc: "D", IOSPushSound: "a.caf"}) {
		t.Error("the message's own push info was changed")
	}
	if got := (*Answer)(nil).OfflinePushInfo(own); got != own {
		t.Errorf("without an answer: %v", got)
	}
}
