package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/jssdk"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

const (
	activePath = "/jssdk/get_active_conversations"
	showPath   = "/jssdk/get_conversations"
)

func jssdkScenarios() []scenario {
	one := func(name, as, path, body string, given ...request) scenario {
		return scenario{name, given, request{as, path, body}}
	}
	talk := []request{
		sendText("alice", "bob", "one"), sendText("carol", "alice", "two"), sendGroup("bob", "garden", "three"), sendText("carol", "alice", "four"),
	}
	chatted := func(name, as, path, body string, more ...request) scenario {
		return one(name, as, path, body, append(talk[:4:4], more...)...)
	}
	return []scenario{
		chatted("all kinds", "alice", activePath, `{"ownerUserID":"bob","count":0}`),
		chatted("pinned first, and one only", "alice", activePath, `{"count":1}`, request{
			"alice", "/conversation/set_conversations", `{"userIDs":["alice"],"conversation":{"conversationID":"si_alice_bob","conversationType":1,"userID":"bob","isPinned":true}}`,
		}),
		chatted("read", "alice", activePath, `{"count":100}`, request{
			"alice", "/msg/mark_conversation_as_read", `{"userID":"alice","conversationID":"si_alice_carol","hasReadSeq":1}`,
		}),
		one("none", "erin", activePath, `{}`),
		chatted("no message that is left", "erin", activePath, `{}`, sendText("erin", "dave", "x"), request{
			"erin", "/msg/delete_msgs", `{"userID":"erin","conversationID":"si_dave_erin","seqs":[1]}`,
		}, request{"erin", "/msg/clear_conversation_msg", `{"userID":"erin","conversationIDs":["si_dave_erin"]}`}),

		chatted("some", "alice", showPath, `{"ownerUserID":"bob","conversationIDs":["sg_garden","nothing","si_alice_carol","sg_garden"]}`),
		chatted("of others", "erin", showPath, `{"conversationIDs":["si_alice_bob"]}`),
		one("none", "alice", showPath, `{"conversationIDs":[]}`),
		one("too many", "alice", showPath, `{"conversationIDs":[`+repeated(`"x"`, 501)+`]}`),
	}
}

// TestProtobufForm sends the same requests in both forms.
func TestProtobufForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, q := range []request{sendText("alice", "bob", "one"), sendGroup("bob", "garden", "two")} {
		w.post(q)
	}
	send := func(path, contentType, body string) (status int, e struct {
		ErrCode        int
		ErrMsg, ErrDlt string
		Data           json.RawMessage
	},
	) {
		t.Helper()
		h := w.plain("alice")
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		status, answer, _ := w.send("POST", path, body, h)
		if err := json.Unmarshal(answer, &e); err != nil {
			t.Fatalf("%s: %s", answer, err)
		}
		return status, e
	}
	for _, c := range []struct {
		path      string
		form      proto.Message
		text      string
		got, want proto.Message
	}{
		{activePath, &jssdk.GetActiveConversationsReq{Count: 1}, `{"count":1}`, new(jssdk.GetActiveConversationsResp), new(jssdk.GetActiveConversationsResp)},
		{showPath, &jssdk.GetConversationsReq{ConversationIDs: []string{"si_alice_bob"}}, `{"conversationIDs":["si_alice_bob"]}`, new(jssdk.GetConversationsResp), new(jssdk.GetConversationsResp)},
	} {
		_, plain := send(c.path, "application/json; charset=utf-8", c.text)
		if err := json.Unmarshal(plain.Data, c.want); err != nil {
			t.Fatal(err)
		}
		body, err := proto.Marshal(c.form)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"application/protobuf", "application/x-protobuf; v=1"} {
			_, e := send(c.path, kind, string(body))
			var raw []byte
			if err := json.Unmarshal(e.Data, &raw); err != nil {
				t.Fatalf("%s: %s: %v", c.path, e.Data, err)
			}
			if err := proto.Unmarshal(raw, c.got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, c.got, protocmp.Transform()); d != "" || len(raw) == 0 {
				t.Errorf("%s: -JSON +protobuf:\n%s", c.path, d)
			}
		}
		if status, e := send(c.path, "text/plain", c.text); status != 200 || e.ErrCode != 1001 || !strings.Contains(e.ErrDlt, "Content-Type") {
			t.Errorf("%s as text: HTTP %d %+v", c.path, status, e)
		}
		if status, e := send(c.path, "application/protobuf", "\xff"); status != 200 || e.ErrCode != 1001 || !strings.Contains(e.ErrMsg, "protobuf") {
			t.Errorf("%s, no protobuf: HTTP %d %+v", c.path, status, e)
		}
		if _, e := send(c.path, "", c.text); e.ErrCode != 0 {
			t.Errorf("%s without a type: %+v", c.path, e)
		}
	}
}
