package e2e

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/sdkws"

	"parley/imtest"
	"parley/internal/im"
)

// modifies lets the business server change messages of ann.
func modifies(hooks *imtest.Hooks, fields imtest.H) {
	hooks.Reply(func(k imtest.Hook) imtest.H {
		if k.Command == im.BeforeMsgModify.String() && k.Body["sendID"] == "ann" {
			return imtest.Pass(fields)
		}
		return nil
	})
}

// chatAs returns the messages of a chat as a user reads them.
func chatAs(t *testing.T, s *imtest.Server, userID, chat string) (out []map[string]any) {
	t.Helper()
	var r struct {
		Msgs map[string]struct{ Msgs []map[string]any }
	}
	must(t, s.AsAdmin("/msg/pull_msg_by_seq", imtest.H{"userID": userID, "seqRanges": []imtest.H{
		{"conversationID": chat, "begin": 1, "end": 500, "num": 500},
	}}, &r))
	return r.Msgs[chat].Msgs
}

// TestModify: every field that the business server may replace is, and sender,
// receiver and history agree on it (webhooks.md A.3).
func TestModify(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	register(t, s, "ann", "bob")
	ann, bob := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{})
	push := imtest.H{"title": "T", "desc": "D", "ex": "E", "iOSPushSound": "S", "iOSBadgeCount": true, "signalInfo": "I"}
	options := imtest.H{"history": true, "unreadCount": true, "offlinePush": false, "senderSync": true}
	fields := imtest.H{
		"content": `{"content":"***"}`, "clientMsgID": "c-new", "serverMsgID": "s-new", "senderPlatformID": 3, "senderNickname": "N",
		"senderFaceURL": "F", "msgFrom": 200, "contentType": 118, "status": 2, "options": options, "offlinePushInfo": push,
		"atUserIDList": []string{"bob"}, "attachedInfo": "A", "ex": "X", "msgDataList": "ignored",
	}
	modifies(hooks, fields)
	m := ann.Text("bob", "", "a bad word")
	m.Ex = "mine"
	ack, err := ann.Send(m)
	must(t, err)
	if ack.ClientMsgID != "c-new" || ack.ServerMsgID != "s-new" || ack.Modify == nil || ack.Modify.Seq != 0 {
		t.Fatalf("acknowledgement %v", ack)
	}
	check := func(who string, d *sdkws.MsgData) {
		t.Helper()
		got := imtest.H{
			"content": string(d.Content), "clientMsgID": d.ClientMsgID, "serverMsgID": d.ServerMsgID, "senderPlatformID": int(d.SenderPlatformID),
			"senderNickname": d.SenderNickname, "senderFaceURL": d.SenderFaceURL, "msgFrom": int(d.MsgFrom), "contentType": int(d.ContentType),
			"status": int(d.Status), "atUserIDList": d.AtUserIDList, "attachedInfo": d.AttachedInfo, "ex": d.Ex, "msgDataList": "ignored",
			"options": imtest.H{}, "offlinePushInfo": imtest.H{},
		}
		for k, v := range d.Options {
			got["options"].(imtest.H)[k] = v
		}
		if p := d.OfflinePushInfo; p != nil {
			got["offlinePushInfo"] = imtest.H{
				"title": p.Title, "desc": p.Desc, "ex": p.Ex, "iOSPushSound": p.IOSPushSound, "iOSBadgeCount": p.IOSBadgeCount, "signalInfo": p.SignalInfo,
			}
		}
		if diff := cmp.Diff(fields, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", who, diff)
		}
		if d.SendID != "ann" || d.RecvID != "bob" || d.SessionType != 1 {
			t.Errorf("%s: from %s to %s, session %d", who, d.SendID, d.RecvID, d.SessionType)
		}
	}
	check("the sender's acknowledgement", ack.Modify)
	check("the receiver", bob.next(t, "the message", text("c-new")))
	check("the sender's own copy", ann.next(t, "the message", text("c-new")))
	stored := chatAs(t, s, "bob", "si_ann_bob")
	if len(stored) != 1 || stored[0]["content"] != "eyJjb250ZW50IjoiKioqIn0=" || // bytes, in JSON
		stored[0]["contentType"] != 118.0 || stored[0]["ex"] != "X" || stored[0]["clientMsgID"] != "c-new" {
		t.Errorf("history %v", stored)
	}
	k := hook(t, hooks, "callbackAfterSendSingleMsgCommand", "clientMsgID", "c-new")
	if k.Body["content"] != `{"content":"***"}` || k.Body["ex"] != "X" || k.Body["contentType"] != 118.0 {
		t.Errorf("the after callback shows %v", k.Body)
	}
	before := hooks.Wait(t, im.BeforeMsgModify.String(), nil)
	if before.Body["clientMsgID"] != m.ClientMsgID || before.Body["ex"] != "mine" {
		t.Errorf("the before callback shows %v", before.Body)
	}

	// The client, which knows its own id only, sends the message again: it is the same one.
	if again := resend(t, ann, m); again != "s-new" {
		t.Errorf("a repetition has the id %s", again)
	}
	if n := len(chatAs(t, s, "bob", "si_ann_bob")); n != 1 {
		t.Errorf("%d messages after a repetition", n)
	}

	// By REST the answer holds what differs, and nothing else.
	modifies(hooks, imtest.H{
		"content": imtest.H{"value": `{"content":"***"}`}, "ex": nil, "senderNickname": 7, "atUserIDList": nil, "clientMsgID": "",
		"options": imtest.H{"unreadCount": false}, "offlinePushInfo": imtest.H{"title": "T"}, "msgFrom": im.FromSystem,
	})
	var sent sentByREST
	body := textBody("ann", "bob", "", "a bad word")
	body["ex"] = "kept"
	must(t, s.AsAdmin("/msg/send_msg", body, &sent))
	want := map[string]any{
		"content": `{"content":"***"}`, "options": map[string]any{"unreadCount": false},
		"offlinePushInfo": map[string]any{"title": "T", "desc": "", "ex": "", "iOSPushSound": "", "iOSBadgeCount": false, "signalInfo": ""},
	}
	if diff := cmp.Diff(want, sent.Modify); diff != "" {
		t.Errorf("modify (-want +got):\n%s", diff)
	}
	if got := bob.next(t, "the message", text(sent.ClientMsgID)); got.Ex != "kept" || sent.ClientMsgID == "" {
		t.Errorf("%v", got)
	}
	var batch struct{ Results []sentByREST }
	body["recvIDs"] = []string{"bob"}
	delete(body, "recvID")
	must(t, s.AsAdmin("/msg/batch_send_msg", body, &batch))
	if len(batch.Results) != 1 || batch.Results[0].Modify["content"] != `{"content":"***"}` {
		t.Errorf("batch: %+v", batch)
	}

	// What is given as it was is no change.
	modifies(hooks, imtest.H{"ex": "kept", "senderNickname": "", "options": imtest.H{}})
	var same sentByREST
	must(t, s.AsAdmin("/msg/send_msg", func() imtest.H { b := textBody("ann", "bob", "", "x"); b["ex"] = "kept"; return b }(), &same))
	if same.Modify != nil {
		t.Errorf("modify %v", same.Modify)
	}
}

// TestModifyTarget: a new target counts, and has to stand the checks that the sender
// would have had to.
func TestModifyTarget(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	register(t, s, "ann", "bob", "cid", "dan")
	ann, cid := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "cid", imtest.DialOptions{})
	group := makeGroup(t, s, "ann", "cid")
	foreign := makeGroup(t, s, "bob", "cid")
	must(t, s.AsAdmin("/friend/add_black", imtest.H{"ownerUserID": "dan", "blackUserID": "ann"}, nil))

	send := func() (*sdkws.MsgData, *msg.SendMsgResp, error) {
		m := ann.Text("bob", "", "x")
		ack, err := ann.Send(m)
		return m, ack, err
	}
	modifies(hooks, imtest.H{"recvID": "cid"})
	m, ack, err := send()
	must(t, err)
	if ack.Modify.GetRecvID() != "cid" {
		t.Errorf("the sender is told %v", ack.Modify)
	}
	if got := cid.next(t, "the message", text(m.ClientMsgID)); got.RecvID != "cid" {
		t.Errorf("pushed %v", got)
	}
	if n := len(chatAs(t, s, "cid", "si_ann_cid")); n != 1 || len(chatAs(t, s, "bob", "si_ann_bob")) != 0 {
		t.Errorf("%d messages where it went", n)
	}
	hook(t, hooks, "callbackAfterSendSingleMsgCommand", "recvID", "cid")

	modifies(hooks, imtest.H{"recvID": "", "groupID": group, "sessionType": 3})
	m, _, err = send()
	must(t, err)
	if got := cid.next(t, "the message", text(m.ClientMsgID)); got.GroupID != group || got.SessionType != 3 {
		t.Errorf("pushed %v", got)
	}
	if k := hook(t, hooks, "callbackAfterSendGroupMsgCommand", "clientMsgID", m.ClientMsgID); k.Body["groupID"] != group {
		t.Errorf("the after callback shows %v", k.Body)
	}

	hooksBefore, _ := hooks.All()
	for _, c := range []struct {
		name   string
		fields imtest.H
		code   int
	}{
		{"nobody", imtest.H{"recvID": "nobody"}, 1004},
		{"no receiver", imtest.H{"recvID": ""}, 1001},
		{"no such group", imtest.H{"groupID": "none", "sessionType": 3}, 1004},
		{"a group of others", imtest.H{"groupID": foreign, "sessionType": 3}, 1203},
		{"somebody who blocked the sender", imtest.H{"recvID": "dan"}, 1302},
		{"a session type that is none", imtest.H{"sessionType": 2}, 1001},
		{"a notification account's message", imtest.H{"sessionType": 4}, 1001},
		{"a notification", imtest.H{"contentType": 1501}, 1002},
		{"content that is no object", imtest.H{"content": "Modified content"}, 1001},
		{"content that is a list", imtest.H{"content": "[1]"}, 1001},
		{"no content", imtest.H{"content": ""}, 1001},
		{"an id that is too long", imtest.H{"serverMsgID": string(slices.Repeat([]byte("x"), 300))}, 1001},
	} {
		modifies(hooks, c.fields)
		_, _, err := send()
		refused(t, c.name, err, c.code)
	}
	modifies(hooks, imtest.H{"contentType": 9999, "content": "free text"})
	m, _, err = send() // what applications put into types of their own is theirs
	must(t, err)
	hook(t, hooks, "callbackAfterSendSingleMsgCommand", "clientMsgID", m.ClientMsgID)
	all, _ := hooks.All()
	for _, k := range all[len(hooksBefore):] {
		if k.Command == im.AfterSendSingleMsg.String() && k.Body["clientMsgID"] != m.ClientMsgID {
			t.Errorf("an after callback for a refused message: %v", k.Body)
		}
	}
}
