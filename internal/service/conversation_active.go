package service

import (
	"context"
	"slices"

	"parley/internal/im"
	"parley/internal/store"
)

// Bounds of how many conversations a client without a database of its own gets at once.
const (
	usualActive = 100
	maxActive   = 500
)

// ActiveConversation is a conversation with all that a list shows of it.
type ActiveConversation struct {
	Record  im.Conversation
	Last    im.Record  // as it is shown to the owner
	User    *im.User   // the other side of a chat of two, if there is a record
	Friend  *im.Friend // the owner's record of that user as it is stored, if there is one
	Group   *im.Group  // in a group
	MaxSeq  int64
	ReadSeq int64
}

// ActiveConversations returns the operator's conversations that have messages,
// pinned ones first, then by the newest message, at most count (rest-third-admin.md
// 5); and the sum of what is unread in all of them, not only in those returned.
// some tells whether there are conversations with messages at all.
func (s *Service) ActiveConversations(ctx context.Context, op im.Operator, count int) (list []ActiveConversation, unread int64, some bool, err error) {
	if count <= 0 || count > maxActive {
		count = usualActive
	}
	all, err := s.store.ConversationSeqs(ctx, op.UserID, nil)
	if err != nil {
		return nil, 0, false, err
	}
	all = slices.DeleteFunc(all, func(c store.ConversationSeq) bool { return c.State.MaxSeq == 0 })
	unread = bound(all)
	slices.SortFunc(all, byActivity)
	list, err = s.activeOnes(ctx, op, all[:min(count, len(all))])
	return list, unread, len(all) > 0, err
}

// ConversationsToShow returns those of the operator's conversations that exist
// among ids and have messages, in the order of ids, and the sum of what is unread in them.
// some tells whether any of them exists.
func (s *Service) ConversationsToShow(ctx context.Context, op im.Operator, ids []string) (list []ActiveConversation, unread int64, some bool, err error) {
	const name = "service.ConversationsToShow"
	if len(ids) > maxActive {
		return nil, 0, false, im.Errorf(im.Invalid, name, "at most %d conversationIDs", maxActive)
	}
	if err := boundedIDs(name, ids); err != nil {
		return nil, 0, false, err
	}
	ids = distinct(ids)
	if len(ids) == 0 {
		return nil, 0, false, nil
	}
	all, err := s.store.ConversationSeqs(ctx, op.UserID, ids)
	if err != nil {
		return nil, 0, false, err
	}
	all = byID(ids, all, func(c *store.ConversationSeq) string { return c.State.ConversationID })
	unread = bound(all)
	list, err = s.activeOnes(ctx, op, all)
	return list, unread, len(all) > 0, err
}

// bound applies the bounds of groups that were left, and returns what is unread.
func bound(all []store.ConversationSeq) (unread int64) {
	for i := range all {
		if all[i].Bound != 0 {
			all[i].State.MaxSeq = min(all[i].State.MaxSeq, all[i].Bound)
		}
		unread += unreadOf(&all[i])
	}
	return unread
}

// byActivity orders a list of conversations: pinned ones, then by what happened last.
func byActivity(a, b store.ConversationSeq) int {
	switch at, bt := activeAt(&a), activeAt(&b); {
	case a.Pinned && !b.Pinned:
		return -1
	case b.Pinned && !a.Pinned:
		return 1
	case at != bt:
		return compareDescending(at, bt)
	}
	return compareDescending(a.State.ConversationID, b.State.ConversationID)
}

// activeOnes completes conversations; those without a message are left out.
func (s *Service) activeOnes(ctx context.Context, op im.Operator, seqs []store.ConversationSeq) ([]ActiveConversation, error) {
	if len(seqs) == 0 {
		return nil, nil
	}
	ids := make([]string, len(seqs))
	for i := range seqs {
		ids[i] = seqs[i].State.ConversationID
	}
	records, err := s.store.Conversations(ctx, op.UserID, ids)
	if err != nil {
		return nil, err
	}
	last, err := s.LastMessages(ctx, op, op.UserID, ids)
	if err != nil {
		return nil, err
	}
	known, err := s.around(ctx, op.UserID, records)
	if err != nil {
		return nil, err
	}
	byRecord := make(map[string]*im.Conversation, len(records))
	for i := range records {
		byRecord[records[i].ConversationID] = &records[i]
	}
	var out []ActiveConversation
	for i := range seqs {
		c := byRecord[seqs[i].State.ConversationID]
		if c == nil { // deleted meanwhile
			continue
		}
		m, ok := last[c.ConversationID]
		if !ok {
			continue
		}
		out = append(out, ActiveConversation{
			Record: *c, Last: m, MaxSeq: seqs[i].State.MaxSeq, ReadSeq: seqs[i].User.ReadSeq,
			User: known.users[c.UserID], Friend: known.friends[c.UserID], Group: known.groups[c.GroupID],
		})
	}
	return out, nil
}

// surroundings are the records of those whom conversations are with.
type surroundings struct {
	users   map[string]*im.User
	friends map[string]*im.Friend
	groups  map[string]*im.Group
}

func (s *Service) around(ctx context.Context, ownerID string, records []im.Conversation) (out surroundings, err error) {
	var userIDs, groupIDs []string
	for i := range records {
		if c := &records[i]; c.ConversationType == im.SessionGroup {
			groupIDs = append(groupIDs, c.GroupID)
		} else {
			userIDs = append(userIDs, c.UserID)
		}
	}
	users, err := s.store.Users(ctx, distinct(userIDs))
	if err != nil {
		return out, err
	}
	friends, err := s.store.FriendRecords(ctx, ownerID, distinct(userIDs))
	if err != nil {
		return out, err
	}
	groups, err := s.store.Groups(ctx, distinct(groupIDs))
	if err != nil {
		return out, err
	}
	out.users = keyed(users, func(u *im.User) string { return u.UserID })
	out.friends = keyed(friends, func(f *im.Friend) string { return f.FriendUser.UserID })
	out.groups = keyed(groups, func(g *im.Group) string { return g.GroupID })
	return out, nil
}

// keyed finds records by their id.
func keyed[T any](all []T, id func(*T) string) map[string]*T {
	out := make(map[string]*T, len(all))
	for i := range all {
		out[id(&all[i])] = &all[i]
	}
	return out
}
