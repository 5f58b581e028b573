package webhook

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/internal/im"
)

// entry is what the reference says of one command besides its body.
type entry struct {
	when     string // it fires
	replaces string // fields of the answer, for before commands
}

// reference holds an entry for each command (webhooks.md 2).
var reference = map[im.Command]entry{
	im.BeforeSendSingleMsg: {"A message of a single chat is about to be sent; first of all checks. Not for senders that are IM administrators, unless `webhooks.adminSenders` is on.", "nothing"},
	im.BeforeSendGroupMsg:  {"A message of a group is about to be sent, after the group's checks (member, not muted).", "nothing"},
	im.BeforeMsgModify:     {"After `beforeSendSingleMsg` or `beforeSendGroupMsg` and all checks.", "`content` (a JSON object in a string), `recvID`, `groupID`, `clientMsgID`, `serverMsgID`, `senderPlatformID`, `senderNickname`, `senderFaceURL`, `sessionType`, `msgFrom`, `contentType`, `status`, `options` (as a whole), `offlinePushInfo`, `atUserIDList`, `attachedInfo`, `ex`"},
	im.AfterSendSingleMsg:  {"A message of a single chat was stored.", ""},
	im.AfterSendGroupMsg:   {"A message of a group was stored.", ""},
	im.AfterMsgSaveDB:      {"A message of any session type was stored.", ""},
	im.AfterSingleMsgRead:  {"A user's read position in a single chat rose, by `/msg/mark_msgs_as_read` or `/msg/mark_conversation_as_read`.", ""},
	im.AfterGroupMsgRead:   {"A member's read position in a group rose.", ""},
	im.AfterRevokeMsg:      {"A message was revoked. With `afterGroupMsgRevoke` instead of `afterRevokeMsg`: in groups only.", ""},
	im.AfterUserOnline:     {"A user's platform got its first live connection.", ""},
	im.AfterUserOffline:    {"The last connection of a user's platform is gone.", ""},
	im.AfterUserKickOff:    {"A connection was closed by force: login policy or `/auth/force_logout`. Comes before `afterUserOffline`.", ""},
	im.BeforeOnlinePush:    {"A message of a single chat or of a notification account is about to be pushed; notifications too.", "`userIDList` (who gets it, if not empty), `offlinePushInfo`. Refused: no push; the message stays"},
	im.BeforeGroupOnlinePush: {
		"A message of a group is about to be pushed; notifications too.",
		"`userIDList` (exactly these, if not empty), `offlinePushInfo`. Refused: no push; the message stays",
	},
	im.BeforeOfflinePush: {"An offline push is about to be made: the receivers that were not reached online.", "`userIDList` (if not empty), `offlinePushInfo`. Refused: no offline push"},
	im.BeforeCreateSingleChatConversation: {
		"A user's record of a single chat is about to be made, as a rule by the first message: once for each side.",
		"`recvMsgOpt`, `isPinned`, `isPrivateChat`, `burnDuration`, `groupAtType`, `attachedInfo`, `ex`. Refused: that record is not made; the message stands",
	},
	im.AfterCreateSingleChatConversation: {"That record was made.", ""},
	im.BeforeCreateGroupChatConversation: {
		"Records of a group's conversation are about to be made: for all members by the first message, or for those who come in; at most 50 at a time.",
		"as for single chats, for all records of the step",
	},
	im.AfterCreateGroupChatConversation: {"Those records were made.", ""},
	im.BeforeCreateGroup: {
		"`/group/create_group`, after the arguments were checked.",
		"`groupID` (if free), `groupName`, `notification`, `introduction`, `faceURL`, `ownerUserID` (an existing user), `ex`, `status`, `creatorUserID`, `needVerification`, `lookMemberInfo`, `applyMemberFriend`",
	},
	im.AfterCreateGroup: {"The group was created.", ""},
	im.BeforeMembersJoinGroup: {
		"Users are about to become members: of a new group, by invitation, by joining directly, by an approved application.",
		"`memberCallbackList`: for a `userID` the fields `nickname`, `faceURL`, `roleLevel`, `muteEndTime`, `ex`",
	},
	im.BeforeJoinGroup:         {"`/group/join_group`: somebody joins or applies.", "nothing"},
	im.AfterJoinGroup:          {"A user became a member, in whatever way; not for the first members of a new group.", ""},
	im.BeforeInviteJoinGroup:   {"`/group/invite_user_to_group`, after the checks.", "`invitedUserIDs` (narrows the list), `refusedMembersAccount` (who must not be invited)"},
	im.AfterQuitGroup:          {"A member left.", ""},
	im.AfterKickGroup:          {"Members were removed; once for each request.", ""},
	im.AfterDismissGroup:       {"A group was dismissed.", ""},
	im.AfterTransferGroupOwner: {"A group has another owner.", ""},
	im.BeforeSetGroupInfo: {
		"`/group/set_group_info`, after the permission check.",
		"`groupName`, `notification`, `introduction`, `faceURL`, `ex`, `needVerification`, `lookMemberInfo`, `applyMemberFriend`",
	},
	im.AfterSetGroupInfo:        {"It changed something.", ""},
	im.BeforeSetGroupInfoEx:     {"`/group/set_group_info_ex`, which present clients use. `null` is what the user does not change.", "as `beforeSetGroupInfo`; at the top or under `groupInfoForSet`"},
	im.AfterSetGroupInfoEx:      {"It changed something.", ""},
	im.BeforeSetGroupMemberInfo: {"`/group/set_group_member_info`, once for each member in the request. One refusal fails the whole request.", "`nickName`, `faceURL`, `roleLevel`, `ex`"},
	im.AfterSetGroupMemberInfo:  {"That member's record was changed.", ""},
	im.BeforeAddFriend:          {"`/friend/add_friend`.", "nothing"},
	im.AfterAddFriend:           {"The friend request was stored; it is not a friendship yet.", ""},
	im.BeforeAddFriendAgree:     {"`/friend/add_friend_response` agrees.", "nothing"},
	im.AfterAddFriendAgree:      {"The friendship was made.", ""},
	im.AfterDeleteFriend:        {"A friend was deleted from somebody's list.", ""},
	im.BeforeSetFriendRemark:    {"A remark is about to be set, by `/friend/set_friend_remark` or `/friend/update_friends`.", "`remark` (if not empty)"},
	im.AfterSetFriendRemark:     {"It was stored.", ""},
	im.BeforeImportFriends:      {"`/friend/import_friend`, after the checks.", "`friendUserIDs` (if not empty)"},
	im.AfterImportFriends:       {"They were imported.", ""},
	im.BeforeAddBlack:           {"`/friend/add_black`.", "nothing"},
	im.AfterRemoveBlack:         {"A user was taken from somebody's block list.", ""},
	im.BeforeUserRegister:       {"`/user/user_register`, after the checks.", "`users` (if not empty; checked again)"},
	im.AfterUserRegister:        {"The users were stored.", ""},
	im.BeforeUpdateUserInfo:     {"`/user/update_user_info`, the older call.", "`nickName`, `faceURL`, `ex`"},
	im.AfterUpdateUserInfo:      {"The profile was stored.", ""},
	im.BeforeUpdateUserInfoEx:   {"`/user/update_user_info_ex`, which present clients use. `null` is what the user does not change.", "`nickName`, `faceURL`, `ex`"},
	im.AfterUpdateUserInfoEx:    {"The profile was stored.", ""},
}

// TestReference holds docs/webhooks/commands.md to the commands and to the golden
// bodies, which other tests hold to the code.
func TestReference(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# All commands\n\n" +
		"52 commands, with the body of each as this server makes it. This page is made from the code by\n" +
		"`go test ./internal/webhook -run TestReference -update`. The `key` of the configuration turns a command on.\n\n" +
		"| command | key |\n|---|---|\n")
	for _, c := range im.Commands() {
		fmt.Fprintf(&b, "| [%s](#%s) | `%s` |\n", c, strings.ToLower(c.String()), c.Key())
	}
	for _, c := range im.Commands() {
		e, ok := reference[c]
		if !ok {
			t.Errorf("no entry for %s", c)
		}
		before := c.IsBefore()
		if before != (e.replaces != "") {
			t.Errorf("%s: replaceable fields %q of a command that waits: %v", c, e.replaces, before)
		}
		body, err := os.ReadFile(filepath.Join("testdata", "bodies", c.String()+".golden"))
		if err != nil {
			t.Error(err)
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\nKey `%s`. %s\n", c, c.Key(), e.when)
		if before {
			fmt.Fprintf(&b, "\nThe answer can replace: %s.\n", e.replaces)
		}
		fmt.Fprintf(&b, "\n```json\n%s\n```\n", bytes.TrimSpace(body))
	}
	page := filepath.Join("..", "..", "docs", "webhooks", "commands.md")
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Errorf("docs/webhooks/commands.md is out of date: run with -update and read the difference")
	}
}
