package service

import (
	"context"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// MessageSearch is what an administrator looks for (rest-msg.md 6); empty fields do not narrow.
type MessageSearch struct {
	SendID, RecvID string // RecvID is a user or a group
	ContentType    int32
	SessionType    im.SessionType
	Day            string // "2006-01-02", in UTC
}

// FoundMessage is a message with the names that a list shows.
type FoundMessage struct {
	im.Message
	RecvNickname string
	Group        *im.Group // nil in a chat of two, or if there is no record of it
	Revoked      bool
}

// SearchMessages returns a page of the chats' messages, oldest first, and their
// number, which is not counted beyond store.MaxFound. For administrators.
func (s *Service) SearchMessages(ctx context.Context, op im.Operator, q MessageSearch, p Page) ([]FoundMessage, int, error) {
	const name = "service.SearchMessages"
	if err := admin(op, name); err != nil {
		return nil, 0, err
	}
	f := store.MessageFilter{SendID: q.SendID, RecvID: q.RecvID, ContentType: q.ContentType, SessionType: q.SessionType}
	for _, id := range []string{q.SendID, q.RecvID} {
		if id != "" && !storable(id, maxMessageIDBytes) {
			return nil, 0, im.Errorf(im.Invalid, name, "an id is longer than %d bytes or holds a zero byte", maxMessageIDBytes)
		}
	}
	if q.Day != "" {
		day, err := time.ParseInLocation(time.DateOnly, q.Day, time.UTC)
		if err != nil {
			return nil, 0, im.Errorf(im.Invalid, name, "sendTime must be a day like 2006-01-02")
		}
		f.From, f.To = day.UnixMilli(), day.AddDate(0, 0, 1).UnixMilli()
	}
	offset, n := p.of(store.MaxFound)
	rows, total, err := s.store.SearchMessages(ctx, f, offset, n)
	if err != nil || len(rows) == 0 {
		return nil, total, err
	}
	if err := s.revokedRows(ctx, rows); err != nil {
		return nil, 0, err
	}
	out := make([]FoundMessage, len(rows))
	for i := range rows {
		m, err := s.message(&rows[i])
		if err != nil {
			return nil, 0, err
		}
		out[i] = FoundMessage{Message: *m, Revoked: rows[i].Revoked}
	}
	return out, total, s.nameFound(ctx, out)
}

// revokedRows gives revoked messages of different conversations the content that readers get.
func (s *Service) revokedRows(ctx context.Context, rows []im.Record) error {
	for i := range rows {
		if !rows[i].Revoked {
			continue
		}
		if err := s.shown(ctx, rows[i].ConversationID, nil, rows[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// nameFound fills in the names of users and groups.
func (s *Service) nameFound(ctx context.Context, found []FoundMessage) error {
	var userIDs, groupIDs []string
	for i := range found {
		m := &found[i].Message
		userIDs = append(userIDs, m.SendID)
		if m.SessionType == im.SessionGroup {
			groupIDs = append(groupIDs, m.GroupID)
		} else {
			userIDs = append(userIDs, m.RecvID)
		}
	}
	users, err := s.store.Users(ctx, distinct(userIDs))
	if err != nil {
		return err
	}
	groups, err := s.store.Groups(ctx, distinct(groupIDs))
	if err != nil {
		return err
	}
	names := make(map[string]string, len(users))
	for i := range users {
		names[users[i].UserID] = users[i].Nickname
	}
	byGroup := make(map[string]*im.Group, len(groups))
	for i := range groups {
		byGroup[groups[i].GroupID] = &groups[i]
	}
	for i := range found {
		m := &found[i]
		if m.SenderNickname == "" {
			m.SenderNickname = names[m.SendID]
		}
		if m.SessionType == im.SessionGroup {
			m.Group = byGroup[m.GroupID]
		} else {
			m.RecvNickname = names[m.RecvID]
		}
	}
	return nil
}
