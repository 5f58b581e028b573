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

// MemberChanges is the same of a group's members. Group is set when the group
// or any member changed.
type MemberChanges struct {
	Changes[im.Member]
	Group *im.Group
}

// Limits of a batch of member syncs (incremental-sync.md 5.4).
const (
	maxBatchElements = 500
	maxBatchGroups   = 1000
)

// since returns what changed in a log; a log that does not exist yet is created,
// so that clients never see a zero version.
func (s *Service) since(ctx context.Context, l im.List, owner string, from im.Version) (im.Delta, error) {
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

// MemberChanges is /group/get_incremental_group_members (incremental-sync.md 5.3).
func (s *Service) MemberChanges(ctx context.Context, op im.Operator, groupID string, from im.Version) (*MemberChanges, error) {
	return s.memberChanges(ctx, op, groupID, from, false)
}

// memberChanges is MemberChanges; withGroup has the group in an answer without changes, too.
func (s *Service) memberChanges(ctx context.Context, op im.Operator, groupID string, from im.Version, withGroup bool) (*MemberChanges, error) {
	const name = "service.MemberChanges"
	if err := s.inGroup(ctx, op, name, groupID); err != nil {
		return nil, err
	}
	g, err := s.group(ctx, groupID)
	if err != nil {
		return nil, err
	}
	if g.status() == im.GroupDismissed {
		return nil, im.Errorf(im.GroupIsDismissed, name, "group %s is dismissed", groupID)
	}
	d, err := s.since(ctx, im.ListMembers, groupID, from)
	if err != nil {
		return nil, err
	}
	if d.Full {
		if d.Version, err = s.behind(ctx, groupID, d.Version); err != nil {
			return nil, err
		}
	}
	c, err := resolve(d, func(ids []string) ([]im.Member, error) { return s.store.Members(ctx, groupID, ids) },
		func(m *im.Member) string { return m.UserID })
	if err != nil {
		return nil, err
	}
	out := &MemberChanges{Changes: c}
	if d.Full || d.Touched || withGroup {
		if out.Group, err = s.store.Group(ctx, groupID); err != nil {
			return nil, err
		}
	}
	if d.Full && from.Number > 0 && !op.Admin {
		s.tellGroup(ctx, op, out.Group)
	}
	return out, nil
}

// fullLag is how many versions a full answer about members lies behind the log.
const fullLag = 8

// behind returns the position that a full answer about a group's members carries: one
// a little before the log's. Clients ignore the group in a full answer and have it
// from their list of groups, which they read earlier: with the log's own position a
// change in between would be lost on them until the next one. As it is, the notices of
// the last changes still apply, and the next sync brings the group (incremental-sync.md
// 8.1). The position is such that the next answer is not full again.
func (s *Service) behind(ctx context.Context, groupID string, head im.Version) (im.Version, error) {
	for _, lag := range []uint64{fullLag, 1} {
		v := im.Version{ID: head.ID, Number: max(head.Number, lag+1) - lag}
		d, err := s.store.Since(ctx, im.ListMembers, groupID, v)
		if err != nil {
			return head, err
		}
		if !d.Full {
			return v, nil
		}
	}
	return head, nil
}

// tellGroup makes a user's devices ask for what is new in a group: one that has it
// already and had to load its members in full has missed too much for its list of
// groups to be right, which reports no changes of a group. A notice without a version
// makes them ask (sdk-sync.md 7.1).
func (s *Service) tellGroup(ctx context.Context, op im.Operator, g *im.Group) {
	s.tellEach(ctx, op, []string{op.UserID}, false, func(id string) (notice, any) {
		return notice{contentType: im.ContentGroupInfoSet, from: id, to: g.GroupID, session: im.SessionGroup},
			groupInfoSetTips{OpUser: &im.Member{GroupID: g.GroupID, UserID: id}, Group: g}
	})
}

// GroupVersion asks for one group of a batch.
type GroupVersion struct {
	GroupID string
	From    im.Version
}

// MemberChangesBatch answers many groups at once. Groups that are dismissed, gone
// or not the operator's are left out: one of them must not fail the others
// (incremental-sync.md 5.4). After maxBatchElements elements the rest is left
// out too; clients ask for it again.
func (s *Service) MemberChangesBatch(ctx context.Context, op im.Operator, asked []GroupVersion) (map[string]*MemberChanges, error) {
	const name = "service.MemberChangesBatch"
	if len(asked) > maxBatchGroups {
		return nil, im.Errorf(im.Invalid, name, "at most %d groups", maxBatchGroups)
	}
	out := make(map[string]*MemberChanges, len(asked))
	n := 0
	for _, a := range asked {
		if out[a.GroupID] != nil {
			continue
		}
		// Who asks for one group follows a notice about it (tellGroup), and may have the
		// version already from a notice that had no group to tell.
		c, err := s.memberChanges(ctx, op, a.GroupID, a.From, len(asked) == 1)
		switch im.KindOf(err) {
		case im.GroupIsDismissed, im.Denied, im.NotFound:
			continue
		}
		if err != nil {
			return nil, err
		}
		out[a.GroupID] = c
		if n += len(c.Insert) + len(c.Update) + len(c.Delete); n >= maxBatchElements {
			break
		}
	}
	return out, nil
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
