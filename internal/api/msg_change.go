package api

import (
	"context"

	"github.com/openimsdk/protocol/msg"

	"parley/internal/im"
	"parley/internal/service"
)

// MessageChanges is taking messages back or away.
type MessageChanges interface {
	// RevokeMessage takes a message back for everybody.
	RevokeMessage(ctx context.Context, op im.Operator, userID, conversationID string, seq int64) error
	// DeleteMessages deletes messages for a user, or for everybody.
	DeleteMessages(ctx context.Context, op im.Operator, userID, conversationID string, seqs []int64, r service.Reach) error
	// WipeMessages takes messages away from everybody and tells nobody.
	WipeMessages(ctx context.Context, op im.Operator, conversationID string, seqs []int64) error
	// DeleteMessagesBefore removes all messages stored before a time in seconds.
	DeleteMessagesBefore(ctx context.Context, op im.Operator, seconds int64) error
	// ClearConversations takes all messages of conversations away.
	ClearConversations(ctx context.Context, op im.Operator, userID string, ids []string, r service.Reach) error
	// ClearAllConversations does so with all of a user's conversations.
	ClearAllConversations(ctx context.Context, op im.Operator, userID string, r service.Reach) error
}

// reach reads deleteSyncOpt; null is neither.
func reach(o *msg.DeleteSyncOpt) service.Reach {
	return service.Reach{Devices: o.GetIsSyncSelf(), Everyone: o.GetIsSyncOther()}
}

func (a *API) revokeMsg(ctx context.Context, op im.Operator, q *msg.RevokeMsgReq) (none, error) {
	return none{}, a.service.RevokeMessage(ctx, op, q.UserID, q.ConversationID, q.Seq)
}

func (a *API) deleteMsgs(ctx context.Context, op im.Operator, q *msg.DeleteMsgsReq) (none, error) {
	return none{}, a.service.DeleteMessages(ctx, op, q.UserID, q.ConversationID, q.Seqs, reach(q.DeleteSyncOpt))
}

func (a *API) wipeMsgs(ctx context.Context, op im.Operator, q *msg.DeleteMsgPhysicalBySeqReq) (none, error) {
	return none{}, a.service.WipeMessages(ctx, op, q.ConversationID, q.Seqs)
}

// deleteMsgsBefore ignores the list of conversations, as the reference does.
func (a *API) deleteMsgsBefore(ctx context.Context, op im.Operator, q *msg.DeleteMsgPhysicalReq) (none, error) {
	return none{}, a.service.DeleteMessagesBefore(ctx, op, q.Timestamp)
}

func (a *API) clearConversations(ctx context.Context, op im.Operator, q *msg.ClearConversationsMsgReq) (none, error) {
	return none{}, a.service.ClearConversations(ctx, op, q.UserID, q.ConversationIDs, reach(q.DeleteSyncOpt))
}

func (a *API) clearAll(ctx context.Context, op im.Operator, q *msg.UserClearAllMsgReq) (none, error) {
	return none{}, a.service.ClearAllConversations(ctx, op, q.UserID, reach(q.DeleteSyncOpt))
}
