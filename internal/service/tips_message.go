package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/msglog"
)

// The contents of the notifications about conversations and messages (sdkws.*Tips).
type (
	conversationUpdateTips struct {
		UserID             string   `json:"userID"`
		ConversationIDList []string `json:"conversationIDList"`
	}

	conversationSetPrivateTips struct {
		RecvID         string `json:"recvID"`
		SendID         string `json:"sendID"`
		IsPrivate      bool   `json:"isPrivate"`
		ConversationID string `json:"conversationID"`
	}

	clearConversationTips struct {
		UserID          string   `json:"userID"`
		ConversationIDs []string `json:"conversationIDs"`
	}

	deleteMsgsTips struct {
		UserID         string  `json:"userID"`
		ConversationID string  `json:"conversationID"`
		Seqs           []int64 `json:"seqs"`
	}

	// revokeMsgTips has a misspelt key that clients rely on.
	revokeMsgTips struct {
		RevokerUserID  string         `json:"revokerUserID"`
		ClientMsgID    string         `json:"clientMsgID"`
		RevokeTime     int64          `json:"revokeTime"`
		SessionType    im.SessionType `json:"sesstionType"`
		Seq            int64          `json:"seq"`
		ConversationID string         `json:"conversationID"`
		IsAdminRevoke  bool           `json:"isAdminRevoke"`
	}
)

// tellConversations tells a user's devices that records of the user's have
// changed (1300). It is for what is committed: devices that are not told find
// the change at their next sync, so a failure is only logged.
func (s *Service) tellConversations(ctx context.Context, op im.Operator, ownerID string, conversationIDs ...string) {
	n := notice{contentType: im.ContentConversationChanged, from: ownerID, to: ownerID, session: im.SessionSingle}
	s.tell(ctx, op, n, conversationUpdateTips{UserID: ownerID, ConversationIDList: conversationIDs})
}

// tell sends a notification of something that is committed already; a failure is logged.
func (s *Service) tell(ctx context.Context, op im.Operator, n notice, tips any) {
	messages := s.deliveries(op, n)
	err := setTips(messages, tips)
	if err == nil {
		_, err = s.log.Append(ctx, &msglog.Entry{OperationID: op.OperationID, Messages: messages})
	}
	if err != nil {
		s.logger.Warn("notification not sent", "contentType", n.contentType, "user", n.to, "op", op.OperationID, "err", err)
	}
}

// peerNotice is a notification from a user to the other side of one of the user's conversations.
func peerNotice(contentType int32, c *im.Conversation) notice {
	n := notice{contentType: contentType, from: c.OwnerUserID, to: c.UserID, session: c.ConversationType}
	if c.ConversationType == im.SessionGroup {
		n.to = c.GroupID
	}
	return n
}
