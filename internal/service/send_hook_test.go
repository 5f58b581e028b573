package service

import (
	"strings"
	"testing"

	"parley/internal/im"
	"parley/internal/webhook"
)

// TestLargestMessageFitsItsCallbacks: who makes a message as large as it may be, of
// characters that JSON writes with six bytes, does not get past the business server.
func TestLargestMessageFitsItsCallbacks(t *testing.T) {
	t.Parallel()
	fill := func(n int) string { return strings.Repeat("\x01", n) }
	id, field := fill(maxMessageIDBytes), fill(maxFieldBytes)
	at := make([]string, maxAtUsers)
	for i := range at {
		at[i] = id
	}
	m := &im.Message{
		SendID: id, RecvID: id, GroupID: id, ClientMsgID: id, ServerMsgID: id, SenderNickname: field, SenderFaceURL: field,
		AttachedInfo: field, Ex: field, AtUserIDList: at, Content: []byte(fill(maxContentBytes)),
		OfflinePush: &im.OfflinePush{Title: field, Desc: field, Ex: field, IOSPushSound: field, SignalInfo: field},
	}
	if err := bounded(m); err != nil {
		t.Fatal(err)
	}
	limit := webhook.Default().MaxBody
	receivers := make([]string, 10_000) // of one callback about a group's offline push
	for i := range receivers {
		receivers[i] = strings.Repeat("u", im.MaxIDBytes)
	}
	for _, c := range im.Commands() {
		var body []byte
		switch c {
		case im.BeforeSendSingleMsg, im.BeforeSendGroupMsg, im.BeforeMsgModify, im.AfterSendSingleMsg, im.AfterSendGroupMsg, im.AfterMsgSaveDB:
			body = webhook.MessageBody(c, id, m)
		case im.BeforeOnlinePush, im.BeforeOfflinePush:
			body = webhook.PushBody(c, id, m, m.OfflinePush, receivers)
		case im.BeforeGroupOnlinePush:
			body = webhook.GroupPushBody(id, m)
		case im.BeforeSetGroupInfo, im.AfterSetGroupInfo, im.BeforeSetGroupInfoEx, im.AfterSetGroupInfoEx:
			name, text := fill(maxNameBytes), fill(maxTextBytes)
			body = webhook.GroupInfoBody(c, id, id, im.GroupPatch{GroupName: &name, Notification: &text, Introduction: &text, FaceURL: &name, Ex: &text})
		default:
			continue
		}
		if len(body) > limit {
			t.Errorf("%s: a body of %d bytes is possible, %d are sent at most", c.Key(), len(body), limit)
		}
	}
}
