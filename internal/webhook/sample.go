package webhook

import (
	"time"

	"parley/internal/im"
)

// Sample returns a body of a command with made-up values, and the key parameter
// if it has one. It is made by the functions that make the real ones.
func Sample(cmd im.Command, operationID string, now time.Time) (body []byte, key string) {
	const alice, bob, group = "alice", "bob", "book-club"
	at := now.UnixMilli()
	m := &im.Message{
		ClientMsgID: "7f1a2c9be0d34c5f8a6b1d2e3f405162", ServerMsgID: "0a1b2c3d4e5f60718293a4b5c6d7e8f9", SendID: alice, RecvID: bob,
		SenderPlatformID: 1, SenderNickname: "Alice", SenderFaceURL: "https://example.com/alice.png", SessionType: im.SessionSingle, MsgFrom: 100,
		ContentType: im.ContentText, Content: []byte(`{"content":"This is a test event"}`), Seq: 42, SendTime: at, CreateTime: at, Status: im.StatusSending,
	}
	inGroup := *m
	inGroup.RecvID, inGroup.GroupID, inGroup.SessionType = "", group, im.SessionGroup
	switch cmd {
	case im.AfterSendGroupMsg:
		return MessageBody(cmd, operationID, &inGroup), MessageKey(&inGroup)
	case im.BeforeSendGroupMsg:
		return MessageBody(cmd, operationID, &inGroup), ""
	case im.BeforeSendSingleMsg, im.BeforeMsgModify:
		return MessageBody(cmd, operationID, m), ""
	case im.AfterSendSingleMsg, im.AfterMsgSaveDB:
		return MessageBody(cmd, operationID, m), MessageKey(m)
	case im.BeforeGroupOnlinePush:
		return GroupPushBody(operationID, &inGroup), ""
	case im.BeforeOnlinePush, im.BeforeOfflinePush:
		return PushBody(cmd, operationID, m, &im.OfflinePush{Title: "Alice", Desc: "This is a test event"}, []string{bob}), ""
	case im.AfterSingleMsgRead:
		return SingleReadBody(ReadEvent{
			ConversationID: im.SingleConversationID(alice, bob), UserID: bob, Seqs: []int64{41, 42}, ContentType: im.ContentText, ConversationType: im.SessionSingle,
		}), ""
	case im.AfterGroupMsgRead:
		return GroupReadBody(GroupReadEvent{
			ConversationID: im.GroupConversationID(group), GroupID: group, UserID: bob, Seqs: []int64{42}, UnreadMsgNum: 1, HasReadSeq: 42, ContentType: im.ContentText,
		}), ""
	case im.AfterRevokeMsg:
		return RevokedBody(im.SingleConversationID(alice, bob), 42, alice), ""
	}
	if body = samplePresence(cmd, operationID, at); body == nil {
		if body = sampleRelation(cmd, operationID, at); body == nil {
			body = sampleGroup(cmd, operationID, at)
		}
	}
	return body, ""
}

// samplePresence is Sample for connections and accounts.
func samplePresence(cmd im.Command, operationID string, at int64) []byte {
	const alice = "alice"
	name, face := "Alice", "https://example.com/alice.png"
	e := PresenceEvent{OperationID: operationID, UserID: alice, Platform: 2, At: at, ConnID: "c0ffee0123456789"}
	users := []im.User{{UserID: alice, Nickname: name, FaceURL: face, CreateTime: at}}
	switch cmd {
	case im.AfterUserOnline:
		return UserOnlineBody(e)
	case im.AfterUserOffline:
		return UserOfflineBody(e)
	case im.AfterUserKickOff:
		return UserKickOffBody(e)
	case im.BeforeUserRegister, im.AfterUserRegister:
		return RegisterBody(cmd, users)
	case im.BeforeUpdateUserInfo, im.AfterUpdateUserInfo, im.BeforeUpdateUserInfoEx, im.AfterUpdateUserInfoEx:
		return ProfileBody(cmd, alice, im.UserPatch{Nickname: &name, FaceURL: &face})
	}
	return nil
}

// sampleRelation is Sample for friends, black lists and single chats.
func sampleRelation(cmd im.Command, operationID string, at int64) []byte {
	const alice, bob, carol = "alice", "bob", "carol"
	r := &im.FriendRequest{FromUserID: alice, ToUserID: bob, ReqMsg: "Hello Bob", CreateTime: at}
	switch cmd {
	case im.BeforeAddFriend:
		return AddFriendBody(operationID, r)
	case im.AfterAddFriend:
		return FriendAppliedBody(r)
	case im.BeforeAddFriendAgree, im.AfterAddFriendAgree:
		r.HandleResult, r.HandleMsg = 1, "Hello Alice"
		return FriendAgreeBody(cmd, r)
	case im.AfterDeleteFriend:
		return DeleteFriendBody(alice, bob)
	case im.BeforeSetFriendRemark, im.AfterSetFriendRemark:
		return FriendRemarkBody(cmd, alice, bob, "Bob of the book club")
	case im.BeforeImportFriends, im.AfterImportFriends:
		return ImportFriendsBody(cmd, alice, []string{bob, carol})
	case im.BeforeAddBlack, im.AfterRemoveBlack:
		return BlackBody(cmd, alice, bob)
	case im.BeforeCreateSingleChatConversation, im.AfterCreateSingleChatConversation:
		return SingleConversationBody(cmd, &im.Conversation{
			OwnerUserID: alice, ConversationID: im.SingleConversationID(alice, bob), ConversationType: im.SessionSingle, UserID: bob,
		})
	}
	return nil
}

// sampleGroup is Sample for groups.
func sampleGroup(cmd im.Command, operationID string, at int64) []byte {
	const alice, bob, carol, group = "alice", "bob", "carol", "book-club"
	name, face, role := "Book club", "https://example.com/club.png", int32(im.RoleAdmin)
	g := &im.Group{
		GroupID: group, GroupName: name, FaceURL: face, OwnerUserID: alice, CreatorUserID: alice, CreateTime: at, MemberCount: 2, GroupType: im.GroupTypeWorking,
	}
	members := []im.Member{{GroupID: group, UserID: alice, RoleLevel: im.RoleOwner}, {GroupID: group, UserID: bob, RoleLevel: im.RoleMember}}
	switch cmd {
	case im.BeforeCreateGroupChatConversation, im.AfterCreateGroupChatConversation:
		c := &im.Conversation{ConversationID: im.GroupConversationID(group), ConversationType: im.SessionGroup, GroupID: group}
		return GroupConversationBody(cmd, c, []string{alice, bob})
	case im.BeforeCreateGroup, im.AfterCreateGroup:
		return GroupCreationBody(cmd, operationID, g, members)
	case im.BeforeMembersJoinGroup:
		return MembersJoinBody(group, "", members[1:])
	case im.BeforeJoinGroup:
		return JoinGroupBody(g, carol, "May I join?", "")
	case im.AfterJoinGroup:
		return MemberJoinedBody(operationID, MemberJoined{Member: &im.Member{GroupID: group, UserID: carol, JoinSource: 3}, ReqMessage: "May I join?"})
	case im.BeforeInviteJoinGroup:
		return InviteBody(operationID, group, "Welcome", []string{carol})
	case im.AfterQuitGroup:
		return QuitGroupBody(group, bob)
	case im.AfterKickGroup:
		return KickGroupBody(group, []string{bob}, "Never read the book")
	case im.AfterDismissGroup:
		body, _ := DismissGroupBody(g, []string{alice, bob})
		return body
	case im.AfterTransferGroupOwner:
		return TransferGroupBody(group, alice, bob)
	case im.BeforeSetGroupInfo, im.AfterSetGroupInfo, im.BeforeSetGroupInfoEx, im.AfterSetGroupInfoEx:
		return GroupInfoBody(cmd, operationID, group, im.GroupPatch{GroupName: &name, FaceURL: &face})
	case im.BeforeSetGroupMemberInfo, im.AfterSetGroupMemberInfo:
		return MemberInfoBody(cmd, group, bob, im.MemberPatch{RoleLevel: &role})
	}
	return nil
}
