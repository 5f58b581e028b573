package service

import (
	"cmp"
	"context"
	"slices"

	"parley/internal/im"
	"parley/internal/store"
)

// SilentConversationIDs returns a user's conversations that are received without
// a notification (rest-conversation.md 3).
func (s *Service) SilentConversationIDs(ctx context.Context, op im.Operator, userID string) ([]string, error) {
	return s.conversationIDsThat(ctx, op, userID, func(c *im.Conversation) bool { return c.RecvMsgOpt == im.ReceiveSilently })
}

// PinnedConversationIDs returns a user's pinned conversations.
func (s *Service) PinnedConversationIDs(ctx context.Context, op im.Operator, userID string) ([]string, error) {
	return s.conversationIDsThat(ctx, op, userID, func(c *im.Conversation) bool { return c.IsPinned })
}

func (s *Service) conversationIDsThat(ctx context.Context, op im.Operator, userID string, keep func(*im.Conversation) bool) ([]string, error) {
	all, err := s.AllConversations(ctx, op, userID)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := range all {
		if keep(&all[i]) {
			out = append(out, all[i].ConversationID)
		}
	}
	return out, nil
}

// SortedConversation is an entry of the list of SortedConversations.
type SortedConversation struct {
	ConversationID string
	RecvMsgOpt     int32
	Unread         int64
	IsPinned       bool
	Last           *LastMessage // nil: none that the user may read
}

// LastMessage is the newest message of a conversation with what a list shows beside it.
type LastMessage struct {
	im.Message
	Name, FaceURL string    // of the peer, or in a group of the sender
	Group         *im.Group // nil in a chat of two
}

// SortedConversations is /conversation/get_sorted_conversation_list: pinned ones
// first, then by the newest message. It returns the page, the number of
// conversations and the sum of what is unread in all of them.
func (s *Service) SortedConversations(ctx context.Context, op im.Operator, userID string, ids []string, p Page) (page []SortedConversation, total int, unread int64, err error) {
	const name = "service.SortedConversations"
	if err := self(op, name, userID); err != nil {
		return nil, 0, 0, err
	}
	if len(ids) == 0 {
		ids = nil
	} else if err := boundedIDs(name, ids); err != nil {
		return nil, 0, 0, err
	}
	all, err := s.store.ConversationSeqs(ctx, userID, ids)
	if err != nil {
		return nil, 0, 0, err
	}
	if len(all) == 0 {
		return nil, 0, 0, im.Errorf(im.NotFound, name, "no such conversation")
	}
	unread = bound(all)
	slices.SortFunc(all, byActivity)
	part := slice(p, all)
	if len(part) == 0 {
		return nil, len(all), unread, nil
	}
	wanted := make([]string, len(part))
	for i := range part {
		wanted[i] = part[i].State.ConversationID
	}
	records, err := s.store.Conversations(ctx, userID, wanted)
	if err != nil {
		return nil, 0, 0, err
	}
	byRecord := make(map[string]*im.Conversation, len(records))
	for i := range records {
		byRecord[records[i].ConversationID] = &records[i]
	}
	last, err := s.LastMessages(ctx, op, userID, wanted)
	if err != nil {
		return nil, 0, 0, err
	}
	page = make([]SortedConversation, len(part))
	for i := range part {
		id := part[i].State.ConversationID
		page[i] = SortedConversation{ConversationID: id, Unread: unreadOf(&part[i]), IsPinned: part[i].Pinned}
		c := byRecord[id]
		if c == nil { // deleted meanwhile
			continue
		}
		page[i].RecvMsgOpt = c.RecvMsgOpt
		if r, ok := last[id]; ok {
			if page[i].Last, err = s.lastMessage(ctx, c, &r); err != nil {
				return nil, 0, 0, err
			}
		}
	}
	return page, len(all), unread, nil
}

// activeAt is the time of a conversation's last message, or else of its record.
func activeAt(c *store.ConversationSeq) int64 { return cmp.Or(c.State.MaxSeqTime, c.CreateTime) }

func unreadOf(c *store.ConversationSeq) int64 { return max(0, c.State.MaxSeq-c.User.ReadSeq) }

func compareDescending[T int64 | string](a, b T) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}

func (s *Service) lastMessage(ctx context.Context, c *im.Conversation, r *im.Record) (*LastMessage, error) {
	m, err := s.message(r)
	if err != nil {
		return nil, err
	}
	out := &LastMessage{Message: *m}
	shown := c.UserID
	if c.ConversationType == im.SessionGroup {
		shown = m.SendID
		if out.Group, err = s.store.Group(ctx, c.GroupID); err != nil && !im.IsKind(err, im.NotFound) {
			return nil, err
		}
	}
	u, err := s.user(ctx, shown)
	switch {
	case err == nil:
		out.Name, out.FaceURL = u.Nickname, u.FaceURL
	case !im.IsKind(err, im.NotFound):
		return nil, err
	}
	return out, nil
}

// message decodes a record as it is shown.
func (s *Service) message(r *im.Record) (*im.Message, error) {
	m, err := s.o.Decode(r.Body)
	if err != nil {
		return nil, err
	}
	m.Seq, m.IsRead, m.Status = r.Seq, r.IsRead, im.StatusSent
	switch {
	case r.Deleted:
		m.Content, m.Status = nil, im.StatusDeleted
	case r.Content != nil:
		m.Content, m.ContentType = r.Content, r.ContentType
	}
	return m, nil
}
