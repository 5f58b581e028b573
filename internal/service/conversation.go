package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
)

// FirstMessage creates the records that number 1 of a chat brings about, inside
// the message's transaction (messages.md 8.1). Package msglog calls it.
func (s *Service) FirstMessage(ctx context.Context, tx store.Tx, d *msglog.Delivery) error {
	return s.firstMessage(ctx, tx, d, nil)
}

// Conversation returns one record of a user (rest-conversation.md 3).
func (s *Service) Conversation(ctx context.Context, op im.Operator, ownerID, conversationID string) (*im.Conversation, error) {
	if err := self(op, "service.Conversation", ownerID); err != nil {
		return nil, err
	}
	return s.store.Conversation(ctx, ownerID, conversationID)
}

// Conversations returns the records that exist among ids.
func (s *Service) Conversations(ctx context.Context, op im.Operator, ownerID string, ids []string) ([]im.Conversation, error) {
	const name = "service.Conversations"
	if err := self(op, name, ownerID); err != nil {
		return nil, err
	}
	if len(ids) > MaxIDs {
		return nil, im.Errorf(im.Invalid, name, "at most %d ids", MaxIDs)
	}
	ids = distinct(ids)
	found, err := s.store.Conversations(ctx, ownerID, ids)
	if err != nil {
		return nil, err
	}
	return byID(ids, found, func(c *im.Conversation) string { return c.ConversationID }), nil
}

// AllConversations returns all records of a user, oldest first.
func (s *Service) AllConversations(ctx context.Context, op im.Operator, ownerID string) ([]im.Conversation, error) {
	if err := self(op, "service.AllConversations", ownerID); err != nil {
		return nil, err
	}
	return s.store.Conversations(ctx, ownerID, nil)
}

// ConversationsPage returns a page of a user's records, in the order of
// ConversationIDs, and their number.
func (s *Service) ConversationsPage(ctx context.Context, op im.Operator, ownerID string, p Page) ([]im.Conversation, int, error) {
	if err := self(op, "service.ConversationsPage", ownerID); err != nil {
		return nil, 0, err
	}
	offset, limit := p.window()
	return s.store.ConversationsPage(ctx, ownerID, offset, limit)
}
