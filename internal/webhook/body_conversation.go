package webhook

import (
	"parley/internal/im"
)

// conversationHead and conversationTail are the keys that all conversation
// callbacks share, before and after the other side.
type conversationHead struct {
	CallbackCommand  string         `json:"callbackCommand"`
	OwnerUserID      string         `json:"ownerUserId"`
	ConversationID   string         `json:"conversationId"`
	ConversationType im.SessionType `json:"conversationType"`
}

type conversationTail struct {
	RecvMsgOpt    int32  `json:"recvMsgOpt"`
	IsPinned      bool   `json:"isPinned"`
	IsPrivateChat bool   `json:"isPrivateChat"`
	BurnDuration  int32  `json:"burnDuration"`
	GroupAtType   int32  `json:"groupAtType"`
	AttachedInfo  string `json:"attachedInfo"`
	Ex            string `json:"ex"`
}

func tailOf(c *im.Conversation) conversationTail {
	return conversationTail{c.RecvMsgOpt, c.IsPinned, c.IsPrivateChat, c.BurnDuration, c.GroupAtType, c.AttachedInfo, c.Ex}
}

// SingleConversationBody returns the body of BeforeCreateSingleChatConversation
// (C.1) for the record that one owner is to get, or of
// AfterCreateSingleChatConversation (C.2) for the record as it was stored, 12 keys.
func SingleConversationBody(cmd im.Command, c *im.Conversation) []byte {
	return encode(&struct {
		conversationHead
		UserID string `json:"userId"`
		conversationTail
	}{conversationHead{cmd.String(), c.OwnerUserID, c.ConversationID, c.ConversationType}, c.UserID, tailOf(c)})
}

// GroupConversationBody returns the body of BeforeCreateGroupChatConversation
// (C.3) or AfterCreateGroupChatConversation (C.4), 13 keys. The records of the
// owners are equal but for their owner; c is one of them. A single owner is also
// told under the key of the other conversation callbacks.
func GroupConversationBody(cmd im.Command, c *im.Conversation, owners []string) []byte {
	owner := ""
	if len(owners) == 1 {
		owner = owners[0]
	}
	return encode(&struct {
		conversationHead
		GroupID string `json:"groupId"`
		conversationTail
		OwnerUserIDs []string `json:"ownerUserIds"`
	}{conversationHead{cmd.String(), owner, c.ConversationID, c.ConversationType}, c.GroupID, tailOf(c), list(owners)})
}
