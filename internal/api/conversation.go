package api

import (
	"context"

	"github.com/openimsdk/protocol/conversation"

	"parley/internal/im"
	"parley/internal/service"
)

// Conversations is the users' records of conversations.
type Conversations interface {
	// Conversation returns one record.
	Conversation(ctx context.Context, op im.Operator, ownerID, conversationID string) (*im.Conversation, error)
	// Conversations returns the records that exist among ids.
	Conversations(ctx context.Context, op im.Operator, ownerID string, ids []string) ([]im.Conversation, error)
	// AllConversations returns all records of a user.
	AllConversations(ctx context.Context, op im.Operator, ownerID string) ([]im.Conversation, error)
	// ConversationsPage returns a page of a user's records, and their number.
	ConversationsPage(ctx context.Context, op im.Operator, ownerID string, p service.Page) ([]im.Conversation, int, error)
	// ConversationChanges is what changed in a user's list of conversations.
	ConversationChanges(ctx context.Context, op im.Operator, userID string, from im.Version) (service.Changes[im.Conversation], error)
	// ConversationIDs returns the ids of all records, unless hash says the client has them.
	ConversationIDs(ctx context.Context, op im.Operator, userID string, hash uint64) (service.FullIDs, error)
}

// oneConversation is conversation.GetConversationResp.
type oneConversation struct {
	Conversation *im.Conversation `json:"conversation"`
}

func (a *API) conversation(ctx context.Context, op im.Operator, q *conversation.GetConversationReq) (oneConversation, error) {
	c, err := a.service.Conversation(ctx, op, q.OwnerUserID, q.ConversationID)
	return oneConversation{c}, err
}

// conversationList is conversation.GetConversationsResp and GetAllConversationsResp.
type conversationList struct {
	Conversations []im.Conversation `json:"conversations"`
}

func (a *API) conversations(ctx context.Context, op im.Operator, q *conversation.GetConversationsReq) (conversationList, error) {
	if len(q.ConversationIDs) == 0 { // Check refuses null only
		return conversationList{}, im.Errorf(im.Invalid, "api.conversations", "conversationIDs is empty")
	}
	list, err := a.service.Conversations(ctx, op, q.OwnerUserID, q.ConversationIDs)
	return conversationList{list}, err
}

func (a *API) allConversations(ctx context.Context, op im.Operator, q *conversation.GetAllConversationsReq) (conversationList, error) {
	list, err := a.service.AllConversations(ctx, op, q.OwnerUserID)
	return conversationList{list}, err
}

// conversationPage is conversation.GetOwnerConversationResp.
type conversationPage struct {
	Total         int               `json:"total"`
	Conversations []im.Conversation `json:"conversations"`
}

func (a *API) ownerConversations(ctx context.Context, op im.Operator, q *conversation.GetOwnerConversationReq) (conversationPage, error) {
	list, total, err := a.service.ConversationsPage(ctx, op, q.UserID, bulk(op, q.Pagination))
	return conversationPage{total, list}, err
}

func (a *API) incrementalConversations(ctx context.Context, op im.Operator, q *conversation.GetIncrementalConversationReq) (changes[im.Conversation], error) {
	c, err := a.service.ConversationChanges(ctx, op, q.UserID, im.Version{ID: q.VersionID, Number: q.Version})
	return changed(c), err
}

// fullConversationIDs is conversation.GetFullOwnerConversationIDsResp.
type fullConversationIDs struct {
	listHead
	ConversationIDs []string `json:"conversationIDs"`
}

func (a *API) fullConversationIDs(ctx context.Context, op im.Operator, q *conversation.GetFullOwnerConversationIDsReq) (fullConversationIDs, error) {
	f, err := a.service.ConversationIDs(ctx, op, q.UserID, q.IdHash)
	return fullConversationIDs{headOf(f), f.IDs}, err
}
