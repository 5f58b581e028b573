package service

import (
	"context"
	"slices"
	"strings"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// FirstMessage creates the records that number 1 of a chat brings about, inside
// the message's transaction (messages.md 8.1, webhooks.md C.2). Package msglog calls it.
func (s *Service) FirstMessage(ctx context.Context, tx store.Tx, d *msglog.Delivery) error {
	m := d.Message
	id := d.Record.ConversationID
	var records []im.Conversation
	switch m.SessionType {
	case im.SessionSingle:
		records = append(records, im.Conversation{OwnerUserID: m.SendID, ConversationID: id, ConversationType: m.SessionType, UserID: m.RecvID})
		if m.RecvID != m.SendID {
			records = append(records, im.Conversation{OwnerUserID: m.RecvID, ConversationID: id, ConversationType: m.SessionType, UserID: m.SendID})
		}
	case im.SessionNotification:
		records = append(records, im.Conversation{OwnerUserID: m.RecvID, ConversationID: id, ConversationType: m.SessionType, UserID: m.SendID})
	case im.SessionGroup:
		members, err := tx.MemberIDs(ctx, m.GroupID)
		if err != nil {
			return err
		}
		for _, u := range members {
			records = append(records, im.Conversation{OwnerUserID: u, ConversationID: id, ConversationType: m.SessionType, GroupID: m.GroupID})
		}
	}
	return s.createConversations(ctx, tx, im.Operator{OperationID: d.OperationID}, records)
}

// createConversations stores the records that do not exist, one log step for
// each owner, and the events about single chats.
func (s *Service) createConversations(ctx context.Context, tx store.Tx, op im.Operator, records []im.Conversation) error {
	// One order for all writers, so that two nodes cannot block one another.
	slices.SortFunc(records, func(a, b im.Conversation) int { return strings.Compare(a.OwnerUserID, b.OwnerUserID) })
	created, err := tx.InsertConversations(ctx, records, s.nowMs())
	if err != nil {
		return err
	}
	var events []happened
	for i := range created {
		c := &created[i]
		if _, err := tx.Step(ctx, im.ListConversations, c.OwnerUserID, im.ChangeInsert, c.ConversationID); err != nil {
			return err
		}
		if c.ConversationType != im.SessionGroup {
			events = append(events, happened{
				command: im.AfterCreateSingleChatConversation, lane: c.ConversationID, about: im.About{SendID: c.UserID, RecvID: c.OwnerUserID},
				body: func(string) []byte { return webhook.ConversationCreatedBody(c) },
			})
		}
	}
	return s.emit(ctx, tx, op, events...)
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
	if len(ids) > maxIDs {
		return nil, im.Errorf(im.Invalid, name, "at most %d ids", maxIDs)
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
	ids, err := s.store.ConversationIDs(ctx, ownerID)
	if err != nil {
		return nil, 0, err
	}
	page := slice(p, ids)
	if len(page) == 0 {
		return nil, len(ids), nil
	}
	found, err := s.store.Conversations(ctx, ownerID, page)
	if err != nil {
		return nil, 0, err
	}
	return byID(page, found, func(c *im.Conversation) string { return c.ConversationID }), len(ids), nil
}
