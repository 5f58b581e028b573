package service

import (
	"context"
	"slices"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
)

// maxEdited bounds the friends of one change, as the request's own check does.
const maxEdited = 1000

// DeleteFriend takes a friend out of the owner's list, not the owner out of the
// friend's (rest-friend.md 2.4). Deleting somebody who is no friend succeeds, and
// is told and logged like any other.
func (s *Service) DeleteFriend(ctx context.Context, op im.Operator, ownerID, friendID string) error {
	const name = "service.DeleteFriend"
	if err := usableIDs(name, ownerID, friendID); err != nil {
		return err
	}
	if err := self(op, name, ownerID); err != nil {
		return err
	}
	told := s.contactNotice(op, im.ContentFriendDeleted, ownerID, friendID)
	if err := setTips(told, friendDeletedTips{FromToUserID: fromToUserID{ownerID, friendID}}); err != nil {
		return err
	}
	_, err := s.log.Append(ctx, &msglog.Entry{
		Messages:  told,
		Committed: func() { s.relationsChanged(ownerID, friendID) },
		With: func(ctx context.Context, tx store.Tx) error {
			if _, err := tx.DeleteFriend(ctx, ownerID, friendID); err != nil {
				return err
			}
			_, err := tx.Step(ctx, im.ListFriends, ownerID, im.ChangeDelete, friendID)
			return err
		},
	})
	return err
}

// SetRemark sets what the owner calls a friend; im.NotFound if it is none
// (rest-friend.md 2.5). Only the owner is told: it is no business of the friend.
func (s *Service) SetRemark(ctx context.Context, op im.Operator, ownerID, friendID, remark string) error {
	const name = "service.SetRemark"
	if err := usableIDs(name, ownerID, friendID); err != nil {
		return err
	}
	if err := usableTexts(name, maxContactText, remark); err != nil {
		return err
	}
	if err := self(op, name, ownerID); err != nil {
		return err
	}
	told := s.contactNotice(op, im.ContentFriendRemark, ownerID, ownerID)
	if err := setTips(told, friendRemarkTips{FromToUserID: fromToUserID{ownerID, friendID}}); err != nil {
		return err
	}
	_, err := s.log.Append(ctx, &msglog.Entry{
		Messages: told,
		With: func(ctx context.Context, tx store.Tx) error {
			r, err := tx.Relation(ctx, ownerID, friendID)
			if err != nil {
				return err
			}
			if !r.Friend {
				return im.Errorf(im.NotFound, name, "not a friend")
			}
			return editFriends(ctx, tx, ownerID, []string{friendID}, im.FriendPatch{Remark: &remark})
		},
	})
	return err
}

// UpdateFriends changes what the owner keeps of some friends; those that are none
// are left out silently (rest-friend.md 2.6).
func (s *Service) UpdateFriends(ctx context.Context, op im.Operator, ownerID string, friendIDs []string, p im.FriendPatch) error {
	const name = "service.UpdateFriends"
	if len(friendIDs) == 0 || len(friendIDs) > maxEdited {
		return im.Errorf(im.Invalid, name, "between 1 and %d friends", maxEdited)
	}
	if err := usableList(name, append([]string{}, friendIDs...)); err != nil {
		return err
	}
	for _, text := range []*string{p.Remark, p.Ex} {
		if text != nil {
			if err := usableTexts(name, maxContactText, *text); err != nil {
				return err
			}
		}
	}
	if err := usableIDs(name, ownerID); err != nil {
		return err
	}
	if err := self(op, name, ownerID); err != nil {
		return err
	}
	told := s.contactNotice(op, im.ContentFriendsUpdated, ownerID, ownerID)
	if err := setTips(told, friendsUpdatedTips{FromToUserID: fromToUserID{"", ownerID}, FriendIDs: friendIDs}); err != nil {
		return err
	}
	_, err := s.log.Append(ctx, &msglog.Entry{
		Messages: told,
		With: func(ctx context.Context, tx store.Tx) error {
			if p.Empty() {
				return nil
			}
			found, err := tx.FriendRecords(ctx, ownerID, friendIDs)
			if err != nil {
				return err
			}
			is := make(map[string]bool, len(found))
			for i := range found {
				is[found[i].FriendUser.UserID] = true
			}
			listed := slices.DeleteFunc(slices.Clone(friendIDs), func(id string) bool { return !is[id] })
			if len(listed) == 0 {
				return nil
			}
			return editFriends(ctx, tx, ownerID, listed, p)
		},
	})
	return err
}

// editFriends writes a patch and its step: with the order marked as changed if it
// speaks of pinning.
func editFriends(ctx context.Context, tx store.Tx, ownerID string, friendIDs []string, p im.FriendPatch) error {
	if err := tx.PatchFriends(ctx, ownerID, friendIDs, p); err != nil {
		return err
	}
	elements := friendIDs
	if p.IsPinned != nil {
		elements = append([]string{im.SortMarker}, friendIDs...)
	}
	_, err := tx.Step(ctx, im.ListFriends, ownerID, im.ChangeUpdate, elements...)
	return err
}
