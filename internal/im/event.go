package im

import "strings"

// Command is an event a business server is told of by a callback: the index of
// a row in the table of commands (webhooks.md 3). It is stored in the outbox, so
// numbers are never reused.
type Command int16

// The commands, in the order of the table.
const (
	BeforeSendSingleMsg                Command = 1
	BeforeSendGroupMsg                 Command = 2
	BeforeMsgModify                    Command = 3
	AfterSendSingleMsg                 Command = 4
	AfterSendGroupMsg                  Command = 5
	AfterMsgSaveDB                     Command = 6
	AfterSingleMsgRead                 Command = 7
	AfterGroupMsgRead                  Command = 8
	AfterRevokeMsg                     Command = 9
	AfterUserOnline                    Command = 10
	AfterUserOffline                   Command = 11
	AfterUserKickOff                   Command = 12
	BeforeOnlinePush                   Command = 13
	BeforeGroupOnlinePush              Command = 14
	BeforeOfflinePush                  Command = 15
	BeforeCreateSingleChatConversation Command = 16
	AfterCreateSingleChatConversation  Command = 17
	BeforeCreateGroupChatConversation  Command = 18
	AfterCreateGroupChatConversation   Command = 19
	BeforeCreateGroup                  Command = 20
	AfterCreateGroup                   Command = 21
	BeforeMembersJoinGroup             Command = 22
	BeforeJoinGroup                    Command = 23
	AfterJoinGroup                     Command = 24
	BeforeInviteJoinGroup              Command = 25
	AfterQuitGroup                     Command = 26
	AfterKickGroup                     Command = 27
	AfterDismissGroup                  Command = 28
	AfterTransferGroupOwner            Command = 29
	BeforeSetGroupInfo                 Command = 30
	AfterSetGroupInfo                  Command = 31
	BeforeSetGroupInfoEx               Command = 32
	AfterSetGroupInfoEx                Command = 33
	BeforeSetGroupMemberInfo           Command = 34
	AfterSetGroupMemberInfo            Command = 35
	BeforeAddFriend                    Command = 36
	AfterAddFriend                     Command = 37
	BeforeAddFriendAgree               Command = 38
	AfterAddFriendAgree                Command = 39
	AfterDeleteFriend                  Command = 40
	BeforeSetFriendRemark              Command = 41
	AfterSetFriendRemark               Command = 42
	BeforeImportFriends                Command = 43
	AfterImportFriends                 Command = 44
	BeforeAddBlack                     Command = 45
	AfterRemoveBlack                   Command = 46
	BeforeUserRegister                 Command = 47
	AfterUserRegister                  Command = 48
	BeforeUpdateUserInfo               Command = 49
	AfterUpdateUserInfo                Command = 50
	BeforeUpdateUserInfoEx             Command = 51
	AfterUpdateUserInfoEx              Command = 52
)

// commands holds for each Command its callback string and its key in the configuration.
var commands = [...]struct{ name, key string }{
	BeforeSendSingleMsg:                {"callbackBeforeSendSingleMsgCommand", "beforeSendSingleMsg"},
	BeforeSendGroupMsg:                 {"callbackBeforeSendGroupMsgCommand", "beforeSendGroupMsg"},
	BeforeMsgModify:                    {"callbackBeforeMsgModifyCommand", "beforeMsgModify"},
	AfterSendSingleMsg:                 {"callbackAfterSendSingleMsgCommand", "afterSendSingleMsg"},
	AfterSendGroupMsg:                  {"callbackAfterSendGroupMsgCommand", "afterSendGroupMsg"},
	AfterMsgSaveDB:                     {"callbackAfterMsgSaveDBCommand", "afterMsgSaveDB"},
	AfterSingleMsgRead:                 {"callbackAfterSingleMsgReadCommand", "afterSingleMsgRead"},
	AfterGroupMsgRead:                  {"callbackAfterGroupMsgReadCommand", "afterGroupMsgRead"},
	AfterRevokeMsg:                     {"callbackBeforeAfterMsgCommand", "afterRevokeMsg"},
	AfterUserOnline:                    {"callbackAfterUserOnlineCommand", "afterUserOnline"},
	AfterUserOffline:                   {"callbackAfterUserOfflineCommand", "afterUserOffline"},
	AfterUserKickOff:                   {"callbackAfterUserKickOffCommand", "afterUserKickOff"},
	BeforeOnlinePush:                   {"callbackBeforeOnlinePushCommand", "beforeOnlinePush"},
	BeforeGroupOnlinePush:              {"callbackBeforeGroupOnlinePushCommand", "beforeGroupOnlinePush"},
	BeforeOfflinePush:                  {"callbackBeforeOfflinePushCommand", "beforeOfflinePush"},
	BeforeCreateSingleChatConversation: {"callbackBeforeCreateSingleChatConversationsCommand", "beforeCreateSingleChatConversations"},
	AfterCreateSingleChatConversation:  {"callbackAfterCreateSingleChatConversationsCommand", "afterCreateSingleChatConversations"},
	BeforeCreateGroupChatConversation:  {"callbackBeforeCreateGroupChatConversationsCommand", "beforeCreateGroupChatConversations"},
	AfterCreateGroupChatConversation:   {"callbackAfterCreateGroupChatConversationsCommand", "afterCreateGroupChatConversations"},
	BeforeCreateGroup:                  {"callbackBeforeCreateGroupCommand", "beforeCreateGroup"},
	AfterCreateGroup:                   {"callbackAfterCreateGroupCommand", "afterCreateGroup"},
	BeforeMembersJoinGroup:             {"callbackBeforeMembersJoinGroupCommand", "beforeMemberJoinGroup"},
	BeforeJoinGroup:                    {"callbackBeforeJoinGroupCommand", "beforeApplyJoinGroup"},
	AfterJoinGroup:                     {"callbackAfterJoinGroupCommand", "afterJoinGroup"},
	BeforeInviteJoinGroup:              {"callbackBeforeInviteJoinGroupCommand", "beforeInviteUserToGroup"},
	AfterQuitGroup:                     {"callbackAfterQuitGroupCommand", "afterQuitGroup"},
	AfterKickGroup:                     {"callbackAfterKickGroupCommand", "afterKickGroupMember"},
	AfterDismissGroup:                  {"callbackAfterDisMissGroupCommand", "afterDismissGroup"},
	AfterTransferGroupOwner:            {"callbackAfterTransferGroupOwnerCommand", "afterTransferGroupOwner"},
	BeforeSetGroupInfo:                 {"callbackBeforeSetGroupInfoCommand", "beforeSetGroupInfo"},
	AfterSetGroupInfo:                  {"callbackAfterSetGroupInfoCommand", "afterSetGroupInfo"},
	BeforeSetGroupInfoEx:               {"callbackBeforeSetGroupInfoExCommand", "beforeSetGroupInfoEx"},
	AfterSetGroupInfoEx:                {"callbackAfterSetGroupInfoExCommand", "afterSetGroupInfoEx"},
	BeforeSetGroupMemberInfo:           {"callbackBeforeSetGroupMemberInfoCommand", "beforeSetGroupMemberInfo"},
	AfterSetGroupMemberInfo:            {"callbackAfterSetGroupMemberInfoCommand", "afterSetGroupMemberInfo"},
	BeforeAddFriend:                    {"callbackBeforeAddFriendCommand", "beforeAddFriend"},
	AfterAddFriend:                     {"callbackAfterAddFriendCommand", "afterAddFriend"},
	BeforeAddFriendAgree:               {"callbackBeforeAddFriendAgreeCommand", "beforeAddFriendAgree"},
	AfterAddFriendAgree:                {"callbackAfterAddFriendAgreeCommand", "afterAddFriendAgree"},
	AfterDeleteFriend:                  {"callbackAfterDeleteFriendCommand", "afterDeleteFriend"},
	BeforeSetFriendRemark:              {"callbackBeforeSetFriendRemarkCommand", "beforeSetFriendRemark"},
	AfterSetFriendRemark:               {"callbackAfterSetFriendRemarkCommand", "afterSetFriendRemark"},
	BeforeImportFriends:                {"callbackBeforeImportFriendsCommand", "beforeImportFriends"},
	AfterImportFriends:                 {"callbackAfterImportFriendsCommand", "afterImportFriends"},
	BeforeAddBlack:                     {"callbackBeforeAddBlackCommand", "beforeAddBlack"},
	AfterRemoveBlack:                   {"callbackAfterRemoveBlackCommand", "afterRemoveBlack"},
	BeforeUserRegister:                 {"callbackBeforeUserRegisterCommand", "beforeUserRegister"},
	AfterUserRegister:                  {"callbackAfterUserRegisterCommand", "afterUserRegister"},
	BeforeUpdateUserInfo:               {"callbackBeforeUpdateUserInfoCommand", "beforeUpdateUserInfo"},
	AfterUpdateUserInfo:                {"callbackAfterUpdateUserInfoCommand", "afterUpdateUserInfo"},
	BeforeUpdateUserInfoEx:             {"callbackBeforeUpdateUserInfoExCommand", "beforeUpdateUserInfoEx"},
	AfterUpdateUserInfoEx:              {"callbackAfterUpdateUserInfoExCommand", "afterUpdateUserInfoEx"},
}

// Commands returns all commands in the order of the table.
func Commands() []Command {
	out := make([]Command, 0, len(commands)-1)
	for i := range commands {
		if i > 0 {
			out = append(out, Command(i))
		}
	}
	return out
}

// String returns the callback string, which is also the last part of the URL; "" for an unknown command.
func (c Command) String() string {
	if c <= 0 || int(c) >= len(commands) {
		return ""
	}
	return commands[c].name
}

// Key returns the command's key in the webhook configuration.
func (c Command) Key() string {
	if c <= 0 || int(c) >= len(commands) {
		return ""
	}
	return commands[c].key
}

// IsBefore reports whether the operation waits for the callback's answer.
func (c Command) IsBefore() bool { return strings.HasPrefix(c.Key(), "before") }

// ParseCommand finds a command by its callback string or by its key.
func ParseCommand(name string) (Command, error) {
	for i := range commands {
		if i > 0 && name != "" && (commands[i].name == name || commands[i].key == name) {
			return Command(i), nil
		}
	}
	return 0, Errorf(Invalid, "im.ParseCommand", "%.64q is no command of a callback", name)
}

// CarriesMessage reports whether the body of an after command is made from a
// stored message when it is sent, instead of being kept in the outbox.
func (c Command) CarriesMessage() bool {
	return c == AfterSendSingleMsg || c == AfterSendGroupMsg || c == AfterMsgSaveDB
}

// Event is a row of the outbox: something that happened and that the business
// server is to be told of at least once. Events of one lane are told in order.
type Event struct {
	ID          int64 // outbox order; 0 before the commit
	EventID     string
	Endpoint    string // who is told; MainEndpoint is the one of the configuration file
	Lane        string // conversation id, "group:<id>" or "user:<id>"
	LaneSeq     int64  // counts the events of the lane without gaps
	Command     Command
	Seq         int64  // of the message, for commands that carry one (its conversation is Lane)
	OperationID string // of the request that caused the event
	Body        []byte // JSON; nil for commands that carry a message
	CreatedAt   int64
	Attempts    int   // made so far
	NextAt      int64 // time of the next attempt, 0 = at once
}

// MainEndpoint is the id of the endpoint that the configuration file names.
const MainEndpoint = ""

// About says whom an event concerns, as far as it concerns anybody: what the
// filters of endpoints look at (webhook-delivery.md 5, "payload filter").
type About struct {
	SendID      string // who did it: sender, reader, inviter, owner of the list
	RecvID      string // to whom: receiver, friend, invited or joining user
	GroupID     string
	ContentType int32 // of a message; 0 if the event is about none
}

// GroupLane and UserLane name the lanes of group and user events.
func GroupLane(groupID string) string { return "group:" + groupID }

// UserLane names the lane of events of one user.
func UserLane(userID string) string { return "user:" + userID }
