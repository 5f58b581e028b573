package e2e

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
)

var messageIDs = regexp.MustCompile(`"((?:server|client)MsgID|connID)":"[^"]*"`)

// goldenMessage is goldenHook for a callback that holds ids of messages or connections.
func goldenMessage(t *testing.T, k imtest.Hook) {
	t.Helper()
	k.Raw = messageIDs.ReplaceAll(k.Raw, []byte(`"$1":"<id>"`))
	goldenHook(t, k)
}

// heard returns the callbacks of a command whose body has key = value, so far.
func heard(h *imtest.Hooks, command im.Command, key string, value any) (out []imtest.Hook) {
	all, _ := h.All()
	for _, k := range all {
		if k.Command == command.String() && k.Body[key] == value {
			out = append(out, k)
		}
	}
	return out
}

// commandsAbout returns the commands of all callbacks about a message so far, before callbacks first.
func commandsAbout(h *imtest.Hooks, clientMsgID string) (out []string) {
	all, _ := h.All()
	for _, k := range all {
		if k.Body["clientMsgID"] == clientMsgID && k.Body["platform"] == nil { // those of pushes have one
			out = append(out, short(k.Command))
		}
	}
	return out
}

// group makes a group by REST and returns its id.
func makeGroup(t *testing.T, s *imtest.Server, owner string, members ...string) string {
	t.Helper()
	var made struct{ GroupInfo struct{ GroupID string } }
	must(t, s.AsAdmin("/group/create_group", imtest.H{
		"ownerUserID": owner, "memberUserIDs": members, "groupInfo": imtest.H{"groupName": "g", "groupType": 2},
	}, &made))
	return made.GroupInfo.GroupID
}

// sentByREST is the answer of the routes that send.
type sentByREST struct {
	ServerMsgID, ClientMsgID string
	SendTime                 int64
	Modify                   map[string]any
}

func textBody(from, to, groupID, text string) imtest.H {
	b := imtest.H{"sendID": from, "contentType": im.ContentText, "sessionType": im.SessionSingle, "content": imtest.H{"content": text}}
	if groupID != "" {
		b["groupID"], b["sessionType"] = groupID, im.SessionGroup
	} else {
		b["recvID"] = to
	}
	return b
}

// TestMessageCallbacks sends by each way there is and wants each callback once, with
// the body of the contract.
func TestMessageCallbacks(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		register(t, s, "ann", "bob", "cid")
		ann, bob := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{})
		single := []string{"BeforeSendSingleMsg", "BeforeMsgModify", "AfterSendSingleMsg", "AfterMsgSaveDB"}
		inGroup := []string{"BeforeSendGroupMsg", "BeforeMsgModify", "AfterSendGroupMsg", "AfterMsgSaveDB"}
		saved := func(clientMsgID string) imtest.Hook {
			return hook(t, hooks, "callbackAfterMsgSaveDBCommand", "clientMsgID", clientMsgID)
		}
		want := func(what, clientMsgID string, commands []string) {
			t.Helper()
			saved(clientMsgID) // the last one of its lane
			if diff := cmp.Diff(commands, commandsAbout(hooks, clientMsgID)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}

		m := ann.Text("bob", "", "hi")
		ack, err := ann.Send(m)
		must(t, err)
		if ack.Modify != nil {
			t.Errorf("nothing was changed, but modify is %v", ack.Modify)
		}
		want("by WebSocket", m.ClientMsgID, single)
		operations, ids := map[string]bool{}, map[string]bool{}
		for _, command := range single {
			k := hook(t, hooks, "callback"+command+"Command", "clientMsgID", m.ClientMsgID)
			goldenMessage(t, k)
			operations[k.Header.Get("operationID")], ids[k.Header.Get("webhook-id")] = true, true
			if k.Body["operationID"] != k.Header.Get("operationID") || k.Body["serverMsgID"] != ack.ServerMsgID {
				t.Errorf("%s: operation %v, message %v", command, k.Body["operationID"], k.Body["serverMsgID"])
			}
			key := k.Query.Get("key")
			if strings.HasPrefix(command, "After") != (key != "") || k.Query.Get("contenttype") != "json" {
				t.Errorf("%s: query %v", command, k.Query)
			}
		}
		if len(operations) != 1 || len(ids) != len(single) {
			t.Errorf("the callbacks of one message have the operations %v and the ids %v", operations, ids)
		}

		var sent sentByREST
		must(t, s.AsAdmin("/msg/send_msg", textBody("ann", "bob", "", "by REST"), &sent))
		want("by send_msg", sent.ClientMsgID, single)

		var batch struct {
			Results []struct {
				sentByREST
				RecvID string
			}
			FailedUserIDs []string
		}
		body := textBody("ann", "", "", "to many")
		body["recvIDs"] = []string{"bob", "cid"}
		must(t, s.AsAdmin("/msg/batch_send_msg", body, &batch))
		if len(batch.Results) != 2 || len(batch.FailedUserIDs) != 0 {
			t.Fatalf("batch: %+v", batch)
		}
		for _, r := range batch.Results {
			k := hook(t, hooks, "callbackAfterMsgSaveDBCommand", "serverMsgID", r.ServerMsgID)
			if k.Body["recvID"] != r.RecvID || len(heard(hooks, im.BeforeSendSingleMsg, "serverMsgID", r.ServerMsgID)) != 1 {
				t.Errorf("batch to %s: %v", r.RecvID, k.Body)
			}
		}

		// The business server answers with the key that it got.
		reply := func(key, author string) sentByREST {
			t.Helper()
			var sent sentByREST
			must(t, s.AsAdmin("/msg/send_simple_msg?key="+strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(key),
				imtest.H{"sendID": author, "content": "*beep*"}, &sent))
			return sent
		}
		answer := reply(hook(t, hooks, "callbackAfterSendSingleMsgCommand", "clientMsgID", m.ClientMsgID).Query.Get("key"), "")
		got := ann.next(t, "the bot's answer", text(answer.ClientMsgID))
		if got.SendID != "bob" || got.RecvID != "ann" || got.ContentType != im.ContentMarkdown || got.SenderPlatformID != int32(im.PlatformAdmin) {
			t.Errorf("the bot's answer is %v", got)
		}
		want("by send_simple_msg", answer.ClientMsgID, single)

		group := makeGroup(t, s, "ann", "bob", "cid")
		gm := ann.Text("", group, "hi all")
		_, err = ann.Send(gm)
		must(t, err)
		want("in a group", gm.ClientMsgID, inGroup)
		k := hook(t, hooks, "callbackAfterSendGroupMsgCommand", "clientMsgID", gm.ClientMsgID)
		if k.Body["recvID"] != group || k.Body["groupID"] != group || k.Body["seq"] != 2.0 { // 1 says that the group was made
			t.Errorf("body %v", k.Body)
		}
		raw, err := base64.StdEncoding.DecodeString(k.Query.Get("key"))
		if want := `{"sendID":"ann","recvID":"","groupID":"` + group + `"}`; err != nil || string(raw) != want {
			t.Errorf("key %s, %v, want %s", raw, err, want)
		}
		answer = reply(k.Query.Get("key"), "bob")
		if got := bob.next(t, "the bot's answer", text(answer.ClientMsgID)); got.GroupID != group || got.SendID != "bob" {
			t.Errorf("the bot's answer is %v", got)
		}
		must(t, s.AsAdmin("/msg/send_msg", textBody("ann", "", group, "by REST"), &sent))
		want("in a group by REST", sent.ClientMsgID, inGroup)

		// An administrator's messages are not asked about in a chat of two, and are in a group.
		must(t, s.AsAdmin("/msg/send_msg", textBody(imtest.AdminID, "bob", "", "from above"), &sent))
		want("by an administrator", sent.ClientMsgID, []string{"BeforeMsgModify", "AfterSendSingleMsg", "AfterMsgSaveDB"})
		must(t, s.AsAdmin("/msg/send_msg", textBody(imtest.AdminID, "", group, "from above"), &sent))
		want("by an administrator in a group", sent.ClientMsgID, inGroup)

		// No callback: typing, notifications, receipts. The message after them ends the lane.
		typing := ann.Text("bob", "", "yes")
		typing.ContentType, typing.Options = im.ContentTyping, map[string]bool{im.OptHistory: false, im.OptPersistent: false}
		_, err = ann.Send(typing)
		must(t, err)
		must(t, s.AsAdmin("/msg/send_business_notification", imtest.H{
			"key": "k", "data": "d", "sendUserID": "ann", "recvUserID": "bob", "sendMsg": true, "reliabilityLevel": 2,
		}, nil))
		must(t, s.Post(bob.token, "/msg/mark_conversation_as_read", imtest.H{"userID": "bob", "conversationID": "si_ann_bob", "hasReadSeq": 1}, nil))
		last := ann.Text("bob", "", "the last one")
		_, err = ann.Send(last)
		must(t, err)
		want("the last one", last.ClientMsgID, single)
		all, _ := hooks.All()
		for _, k := range all {
			contentType, _ := k.Body["contentType"].(float64)
			carries := slices.ContainsFunc(append(single, inGroup...), func(c string) bool { return c == short(k.Command) })
			if carries && (contentType == im.ContentTyping || im.IsNotificationContent(int32(contentType))) {
				t.Errorf("%s for content type %v", k.Command, contentType)
			}
		}
	})
}

// TestAdminSenders: a switch lets messages of administrators be asked about, too.
func TestAdminSenders(t *testing.T) {
	t.Parallel()
	hooks := imtest.ReceiveHooks(t)
	s := imtest.Start(t, func(c *config.Config) {
		c.Webhooks.URL, c.Webhooks.AdminSenders = hooks.URL, true
		must(t, c.Webhooks.TurnOn("beforeSendSingleMsg"))
	})
	register(t, s, "bob")
	hooks.Reply(func(imtest.Hook) imtest.H { return imtest.Veto(vetoCode) })
	refused(t, "an administrator's message", s.AsAdmin("/msg/send_msg", textBody(imtest.AdminID, "bob", "", "x"), nil), vetoCode)
}

// TestMessageFilters: deniedTypes, and attentionIds by receiver or group (webhooks.md 1.8).
func TestMessageFilters(t *testing.T) {
	t.Parallel()
	hooks := imtest.ReceiveHooks(t)
	s := imtest.Start(t, func(c *config.Config) {
		c.Webhooks.URL = hooks.URL
		must(t, c.Webhooks.TurnOn("beforeSendSingleMsg", "afterSendGroupMsg", "afterMsgSaveDB"))
		cb := c.Webhooks.Callbacks["beforeSendSingleMsg"]
		cb.DeniedTypes = config.TypeList{{From: im.ContentText, To: im.ContentText}}
		c.Webhooks.Callbacks["beforeSendSingleMsg"] = cb
		for _, key := range []string{"afterSendGroupMsg", "afterMsgSaveDB"} {
			cb := c.Webhooks.Callbacks[key]
			cb.AttentionIDs = config.StringList{"cid", "heeded"}
			c.Webhooks.Callbacks[key] = cb
		}
	})
	register(t, s, "ann", "bob", "cid")
	for _, id := range []string{"heeded", "ignored"} {
		must(t, s.AsAdmin("/group/create_group", imtest.H{
			"ownerUserID": "ann", "memberUserIDs": []string{"bob", "cid"}, "groupInfo": imtest.H{"groupID": id, "groupName": "g", "groupType": 2},
		}, nil))
	}
	hooks.Reply(func(imtest.Hook) imtest.H { return imtest.Veto(vetoCode) })
	send := func(to, group string) string {
		id, err := s.SendText("ann", to, group, "x") // a denied type: it is not asked about
		must(t, err)
		return id
	}
	ignored := []string{send("bob", ""), send("", "ignored")}
	toCid, heeded := send("cid", ""), send("", "heeded")
	hook(t, hooks, "callbackAfterMsgSaveDBCommand", "clientMsgID", toCid)
	hook(t, hooks, "callbackAfterMsgSaveDBCommand", "clientMsgID", heeded)
	hook(t, hooks, "callbackAfterSendGroupMsgCommand", "clientMsgID", heeded)
	for _, id := range ignored {
		if got := commandsAbout(hooks, id); len(got) > 0 {
			t.Errorf("callbacks %v about a message that nobody attends to", got)
		}
	}
	card := textBody("ann", "bob", "", "")
	card["contentType"], card["content"] = 110, imtest.H{"data": "d", "description": "", "extension": ""}
	refused(t, "another type", s.AsAdmin("/msg/send_msg", card, nil), vetoCode)
}

// sendings are the ways a message goes, for tests of what stops it.
var sendings = []struct {
	name     string
	group    bool
	commands []im.Command // that may stop it
	send     func(s *imtest.Server, ann user, group string) error
}{
	{"WebSocket", false, []im.Command{im.BeforeSendSingleMsg, im.BeforeMsgModify}, func(_ *imtest.Server, ann user, _ string) error {
		_, err := ann.Send(ann.Text("bob", "", "x"))
		return err
	}},
	{"send_msg", false, []im.Command{im.BeforeSendSingleMsg, im.BeforeMsgModify}, func(s *imtest.Server, _ user, _ string) error {
		return s.AsAdmin("/msg/send_msg", textBody("ann", "bob", "", "x"), nil)
	}},
	{"send_simple_msg", false, []im.Command{im.BeforeSendSingleMsg, im.BeforeMsgModify}, func(s *imtest.Server, _ user, _ string) error {
		key := base64.StdEncoding.EncodeToString([]byte(`{"sendID":"ann","recvID":"bob","groupID":""}`))
		return s.AsAdmin("/msg/send_simple_msg?key="+strings.ReplaceAll(key, "=", "%3D"), imtest.H{"content": "x"}, nil)
	}},
	{"batch_send_msg", false, []im.Command{im.BeforeSendSingleMsg, im.BeforeMsgModify}, func(s *imtest.Server, _ user, _ string) error {
		body := textBody("ann", "", "", "x")
		body["recvIDs"] = []string{"bob"}
		var r struct{ FailedUserIDs []string }
		if err := s.AsAdmin("/msg/batch_send_msg", body, &r); err != nil || len(r.FailedUserIDs) == 0 {
			return err
		}
		return fmt.Errorf("failed: %v", r.FailedUserIDs)
	}},
	{"WebSocket in a group", true, []im.Command{im.BeforeSendGroupMsg, im.BeforeMsgModify}, func(_ *imtest.Server, ann user, group string) error {
		_, err := ann.Send(ann.Text("", group, "x"))
		return err
	}},
	{"send_msg in a group", true, []im.Command{im.BeforeSendGroupMsg, im.BeforeMsgModify}, func(s *imtest.Server, _ user, group string) error {
		return s.AsAdmin("/msg/send_msg", textBody("ann", "", group, "x"), nil)
	}},
}

// count returns the number of texts in the chat that a sending goes to.
func countTexts(t *testing.T, s *imtest.Server, group string) (n int) {
	t.Helper()
	chat := im.SingleConversationID("ann", "bob")
	if group != "" {
		chat = im.GroupConversationID(group)
	}
	for _, m := range pullAll(t, s.Caller, "bob", chat) {
		if m.ContentType == im.ContentText || m.ContentType == im.ContentMarkdown {
			n++
		}
	}
	return n
}
