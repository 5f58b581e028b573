package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/store"
)

// Changes is the answer to an incremental sync: what a list's elements are now,
// by what happened to them (incremental-sync.md 4.1). No lists when Full.
type Changes[T any] struct {
	Version     im.Version
	Full        bool
	Delete      []string
	Insert      []T
	Update      []T
	SortVersion uint64
}

// since returns what changed in a log; a log that does not exist yet is created,
// so that clients never see a zero version.
func (s *Service) since(ctx context.Context, l im.List, owner string, from im.Version) (im.Delta, error) {
	if owner == "" { // from an administrator; others are refused before
		return im.Delta{}, im.Errorf(im.Invalid, "service.since", "userID is empty")
	}
	d, err := s.store.Since(ctx, l, owner, from)
	if err != nil || d.ID != "" {
		return d, err
	}
	d.Version, err = s.head(ctx, l, owner)
	return d, err
}

// head returns a log's position, creating the log if need be.
func (s *Service) head(ctx context.Context, l im.List, owner string) (im.Version, error) {
	v, err := s.store.Head(ctx, l, owner)
	if err != nil || v.ID != "" {
		return v, err
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		v, err = tx.OpenLog(ctx, l, owner)
		return err
	})
	return v, err
}

// resolve reads the elements that a delta speaks of as they are now. The log was
// read first, so the data are at least as new as the version (they are reported
// again next time if newer).
func resolve[T any](d im.Delta, read func(ids []string) ([]T, error), id func(*T) string) (Changes[T], error) {
	c := Changes[T]{Version: d.Version, Full: d.Full, Delete: d.Delete, SortVersion: d.SortVersion}
	if len(d.Insert)+len(d.Update) == 0 {
		return c, nil
	}
	items, err := read(append(d.Insert[:len(d.Insert):len(d.Insert)], d.Update...))
	if err != nil {
		return c, err
	}
	c.Insert, c.Update = byID(d.Insert, items, id), byID(d.Update, items, id)
	if len(c.Insert)+len(c.Update) < len(d.Insert)+len(d.Update) {
		// An element changed once more after it had left the list: its entry says update,
		// and only the missing record tells. Clients must hear that it is gone.
		there := make(map[string]bool, len(items))
		for i := range items {
			there[id(&items[i])] = true
		}
		for _, list := range [][]string{d.Insert, d.Update} {
			for _, e := range list {
				if !there[e] {
					c.Delete = append(c.Delete[:len(c.Delete):len(c.Delete)], e)
				}
			}
		}
	}
	return c, nil
}

// FriendChanges is /friend/get_incremental_friends.
func (s *Service) FriendChanges(ctx context.Context, op im.Operator, userID string, from im.Version) (Changes[im.Friend], error) {
	if err := self(op, "service.FriendChanges", userID); err != nil {
		return Changes[im.Friend]{}, err
	}
	d, err := s.since(ctx, im.ListFriends, userID, from)
	if err != nil {
		return Changes[im.Friend]{}, err
	}
	return resolve(d, func(ids []string) ([]im.Friend, error) { return s.friends(ctx, userID, ids) },
		func(f *im.Friend) string { return f.FriendUser.UserID })
}

// JoinedGroupChanges is /group/get_incremental_join_groups. It has no sort version.
func (s *Service) JoinedGroupChanges(ctx context.Context, op im.Operator, userID string, from im.Version) (Changes[im.Group], error) {
	if err := self(op, "service.JoinedGroupChanges", userID); err != nil {
		return Changes[im.Group]{}, err
	}
	d, err := s.since(ctx, im.ListJoinedGroups, userID, from)
	if err != nil {
		return Changes[im.Group]{}, err
	}
	if d.Full {
		s.caches.newcomers.Set(device{op.UserID, op.Platform}, struct{}{})
	} else {
		s.caches.newcomers.Invalidate(device{op.UserID, op.Platform})
	}
	return resolve(d, func(ids []string) ([]im.Group, error) { return s.store.Groups(ctx, ids) },
		func(g *im.Group) string { return g.GroupID })
}

// ConversationChanges is /conversation/get_incremental_conversations.
func (s *Service) ConversationChanges(ctx context.Context, op im.Operator, userID string, from im.Version) (Changes[im.Conversation], error) {
	if err := self(op, "service.ConversationChanges", userID); err != nil {
		return Changes[im.Conversation]{}, err
	}
	d, err := s.since(ctx, im.ListConversations, userID, from)
	if err != nil {
		return Changes[im.Conversation]{}, err
	}
	return resolve(d, func(ids []string) ([]im.Conversation, error) { return s.store.Conversations(ctx, userID, ids) },
		func(c *im.Conversation) string { return c.ConversationID })
}

// FullIDs is the answer of a full-ID route: the whole ordered id list, unless the
// client's hash says that it has it (incremental-sync.md 7).
type FullIDs struct {
	Version im.Version
	Equal   bool
	IDs     []string
}

func (s *Service) fullIDs(ctx context.Context, l im.List, owner string, hash uint64, read func(context.Context, string) ([]string, error)) (FullIDs, error) {
	v, err := s.head(ctx, l, owner) // before the list: it may be newer than the version, never older
	if err != nil {
		return FullIDs{}, err
	}
	ids, err := read(ctx, owner)
	if err != nil {
		return FullIDs{}, err
	}
	if im.IDHash(ids) == hash {
		return FullIDs{Version: v, Equal: true}, nil
	}
	return FullIDs{Version: v, IDs: ids}, nil
}

// FriendIDs is /friend/get_full_friend_user_ids.
func (s *Service) FriendIDs(ctx context.Context, op im.Operator, userID string, hash uint64) (FullIDs, error) {
	if err := self(op, "service.FriendIDs", userID); err != nil {
		return FullIDs{}, err
	}
	return s.fullIDs(ctx, im.ListFriends, userID, hash, s.store.FriendIDs)
}

// JoinedGroupIDs is /group/get_full_join_group_ids.
func (s *Service) JoinedGroupIDs(ctx context.Context, op im.Operator, userID string, hash uint64) (FullIDs, error) {
	if err := self(op, "service.JoinedGroupIDs", userID); err != nil {
		return FullIDs{}, err
	}
	return s.fullIDs(ctx, im.ListJoinedGroups, userID, hash, s.store.JoinedGroupIDs)
}

// GroupMemberIDs is /group/get_full_group_member_user_ids.
func (s *Service) GroupMemberIDs(ctx context.Context, op im.Operator, groupID string, hash uint64) (FullIDs, error) {
	if err := s.inGroup(ctx, op, "service.GroupMemberIDs", groupID); err != nil {
		return FullIDs{}, err
	}
	return s.fullIDs(ctx, im.ListMembers, groupID, hash, s.store.MemberIDs)
}

// ConversationIDs is /conversation/get_full_conversation_ids.
func (s *Service) ConversationIDs(ctx context.Context, op im.Operator, userID string, hash uint64) (FullIDs, error) {
	if err := self(op, "service.ConversationIDs", userID); err != nil {
		return FullIDs{}, err
	}
	return s.fullIDs(ctx, im.ListConversations, userID, hash, s.store.ConversationIDs)
}
