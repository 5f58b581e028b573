package webhook

import (
	"testing"

	"parley/internal/im"
)

func TestMessageBodies(t *testing.T) {
	t.Parallel()
	const op = "1718000000000"
	single := &im.Message{
		SendID: "u1", RecvID: "u2", ServerMsgID: "9f2c", ClientMsgID: "c1a7", SenderPlatformID: 2, SenderNickname: "Ann",
		SenderFaceURL: "https://example.com/ann.png", SessionType: im.SessionSingle, MsgFrom: im.FromUser, ContentType: im.ContentText,
		Content: []byte(`{"content":"hi"}`), SendTime: 1718000000123, CreateTime: 1718000000050, Status: im.StatusSending, Ex: "x",
	}
	group := *single
	group.SessionType, group.RecvID, group.GroupID, group.AtUserIDList = im.SessionGroup, "", "g1", []string{im.AtAll}
	stored, storedGroup := *single, group
	stored.Seq, storedGroup.Seq = 42, 42
	checkBodies(t, []bodyCase{
		{im.BeforeSendSingleMsg, MessageBody(im.BeforeSendSingleMsg, op, single), 19},
		{im.BeforeSendGroupMsg, MessageBody(im.BeforeSendGroupMsg, op, &group), 20},
		{im.BeforeMsgModify, MessageBody(im.BeforeMsgModify, op, single), 20},
		{im.AfterSendSingleMsg, MessageBody(im.AfterSendSingleMsg, op, &stored), 19},
		{im.AfterSendGroupMsg, MessageBody(im.AfterSendGroupMsg, op, &storedGroup), 20},
		{im.AfterMsgSaveDB, MessageBody(im.AfterMsgSaveDB, op, &storedGroup), 20},
		{im.AfterSingleMsgRead, SingleReadBody(ReadEvent{
			ConversationID: "si_u1_u2", UserID: "u2", Seqs: []int64{20, 35}, ContentType: im.ContentText, ConversationType: im.SessionSingle,
		}), 7},
		{im.AfterGroupMsgRead, GroupReadBody(GroupReadEvent{
			ConversationID: "sg_g1", GroupID: "g1", UserID: "u2", Seqs: []int64{4, 5}, UnreadMsgNum: 3, HasReadSeq: 5, ContentType: im.ContentText,
		}), 10},
		{im.AfterRevokeMsg, RevokedBody("sg_g1", 42, "u2"), 4},
	})
	// A group's message keeps the receiver that its sender gave it, and names the group besides.
	group.RecvID = "u9"
	for _, cmd := range []im.Command{im.BeforeSendGroupMsg, im.BeforeMsgModify, im.AfterSendGroupMsg} {
		if fields, _ := object(t, MessageBody(cmd, op, &group)); fields["recvID"] != "u9" || fields["groupID"] != "g1" {
			t.Errorf("%s: recvID %v, groupID %v", cmd, fields["recvID"], fields["groupID"])
		}
	}
}

func TestPresenceBodies(t *testing.T) {
	t.Parallel()
	e := PresenceEvent{OperationID: "1718000000000", UserID: "u1", Platform: im.PlatformAndroid, At: 1718000000123, Background: true, ConnID: "k3-1a"}
	checkBodies(t, []bodyCase{
		{im.AfterUserOnline, UserOnlineBody(e), 8},
		{im.AfterUserOffline, UserOfflineBody(e), 7},
		{im.AfterUserKickOff, UserKickOffBody(e), 6},
	})
}

func TestConversationBodies(t *testing.T) {
	t.Parallel()
	single := im.Conversation{OwnerUserID: "u2", ConversationID: "si_u1_u2", ConversationType: im.SessionSingle, UserID: "u1"}
	group := im.Conversation{OwnerUserID: "u1", ConversationID: "sg_g1", ConversationType: im.SessionGroup, GroupID: "g1"}
	madeSingle, madeGroup := single, group
	madeSingle.RecvMsgOpt, madeSingle.IsPinned, madeSingle.IsPrivateChat, madeSingle.BurnDuration = 2, true, true, 30
	madeSingle.GroupAtType, madeSingle.AttachedInfo, madeSingle.Ex = 1, "a", "e"
	madeGroup.RecvMsgOpt, madeGroup.IsPinned, madeGroup.GroupAtType, madeGroup.AttachedInfo, madeGroup.Ex = 2, true, im.AtGroupNotice, "a", "e"
	checkBodies(t, []bodyCase{
		{im.BeforeCreateSingleChatConversation, SingleConversationBody(im.BeforeCreateSingleChatConversation, &single), 12},
		{im.AfterCreateSingleChatConversation, SingleConversationBody(im.AfterCreateSingleChatConversation, &madeSingle), 12},
		{im.BeforeCreateGroupChatConversation, GroupConversationBody(im.BeforeCreateGroupChatConversation, &group, []string{"u1", "u2"}), 13},
		{im.AfterCreateGroupChatConversation, GroupConversationBody(im.AfterCreateGroupChatConversation, &madeGroup, []string{"u3"}), 13},
	})
	if fields, _ := object(t, GroupConversationBody(im.AfterCreateGroupChatConversation, &group, nil)); fields["ownerUserIds"] == nil {
		t.Error("a list is null")
	}
}
