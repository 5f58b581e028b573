package config

import "strings"

// callbackKeys are the 53 keys of the reference's webhooks.yml besides `url`,
// in the order of the table in the specification of the callbacks. Keys that
// begin with "before" wait for an answer, keys that begin with "after" do not.
//
// The command that belongs to each key is the business of internal/im.
func callbackKeys() []string {
	return []string{
		"beforeSendSingleMsg",
		"beforeSendGroupMsg",
		"beforeMsgModify",
		"afterSendSingleMsg",
		"afterSendGroupMsg",
		"afterMsgSaveDB",
		"afterSingleMsgRead",
		"afterGroupMsgRead",
		"afterRevokeMsg",
		"afterGroupMsgRevoke",
		"afterUserOnline",
		"afterUserOffline",
		"afterUserKickOff",
		"beforeOnlinePush",
		"beforeGroupOnlinePush",
		"beforeOfflinePush",
		"beforeCreateSingleChatConversations",
		"afterCreateSingleChatConversations",
		"beforeCreateGroupChatConversations",
		"afterCreateGroupChatConversations",
		"beforeCreateGroup",
		"afterCreateGroup",
		"beforeMemberJoinGroup",
		"beforeApplyJoinGroup",
		"afterJoinGroup",
		"beforeInviteUserToGroup",
		"afterQuitGroup",
		"afterKickGroupMember",
		"afterDismissGroup",
		"afterTransferGroupOwner",
		"beforeSetGroupInfo",
		"afterSetGroupInfo",
		"beforeSetGroupInfoEx",
		"afterSetGroupInfoEx",
		"beforeSetGroupMemberInfo",
		"afterSetGroupMemberInfo",
		"beforeAddFriend",
		"afterAddFriend",
		"beforeAddFriendAgree",
		"afterAddFriendAgree",
		"afterDeleteFriend",
		"beforeSetFriendRemark",
		"afterSetFriendRemark",
		"beforeImportFriends",
		"afterImportFriends",
		"beforeAddBlack",
		"afterRemoveBlack",
		"beforeUserRegister",
		"afterUserRegister",
		"beforeUpdateUserInfo",
		"afterUpdateUserInfo",
		"beforeUpdateUserInfoEx",
		"afterUpdateUserInfoEx",
	}
}

// CallbackKeys returns the 53 config keys of callbacks in the order they are shown.
func CallbackKeys() []string { return callbackKeys() }

// findCallbackKey finds a key whatever its letter case: the reference's loader
// is case-blind, and so is the environment.
func findCallbackKey(name string) (key string, ok bool) {
	for _, k := range callbackKeys() {
		if strings.EqualFold(k, name) {
			return k, true
		}
	}
	return "", false
}

// refusesOnFailure holds the before keys whose failedContinue is false when
// nothing is said: two in the reference's shipped text say false, and
// beforeAddBlack is written there without a value.
func refusesOnFailure(key string) bool {
	switch key {
	case "beforeAddBlack", "beforeCreateSingleChatConversations", "beforeCreateGroupChatConversations":
		return true
	}
	return false
}

// filtersTypes reports whether deniedTypes and allowedTypes mean anything for a key.
func filtersTypes(key string) bool {
	switch key {
	case "beforeSendSingleMsg", "beforeSendGroupMsg", "beforeMsgModify",
		"afterSendSingleMsg", "afterSendGroupMsg", "afterMsgSaveDB":
		return true
	}
	return false
}

// filtersReceivers reports whether attentionIds means anything for a key.
func filtersReceivers(key string) bool { return filtersTypes(key) && !isBefore(key) }

// isBefore reports whether the callback of a key waits for an answer.
func isBefore(key string) bool { return strings.HasPrefix(key, "before") }
