package service

import (
	"context"
	"slices"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
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
		OperationID: op.OperationID,
		Messages:    told,
		Committed:   func() { s.relationsChanged(ownerID, friendID) },
		With: func(ctx context.Context, tx store.Tx) error {
			if _, err := tx.DeleteFriend(ctx, ownerID, friendID); err != nil {
				return err
			}
			if _, err := tx.Step(ctx, im.ListFriends, ownerID, im.ChangeDelete, friendID); err != nil {
				return err
			}
			if err := repeatFriends(ctx, tx, ownerID, 1); err != nil {
				return err
			}
			return s.emit(ctx, tx, op, contactEvent(im.AfterDeleteFriend, ownerID, friendID, func(string) []byte {
				return webhook.DeleteFriendBody(ownerID, friendID)
			}))
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
	remark, err := s.askRemark(ctx, op, name, ownerID, friendID, remark)
	if err != nil {
		return err
	}
	told := s.contactNotice(op, im.ContentFriendRemark, ownerID, ownerID)
	if err := setTips(told, friendRemarkTips{FromToUserID: fromToUserID{ownerID, friendID}}); err != nil {
		return err
	}
	_, err = s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    told,
		With: func(ctx context.Context, tx store.Tx) error {
			r, err := tx.Relation(ctx, ownerID, friendID)
			if err != nil {
				return err
			}
			if !r.Friend {
				return im.Errorf(im.NotFound, name, "not a friend")
			}
			if err := editFriends(ctx, tx, ownerID, []string{friendID}, im.FriendPatch{Remark: &remark}); err != nil {
				return err
			}
			return s.emit(ctx, tx, op, remarkEvent(ownerID, friendID, remark))
		},
	})
	return err
}

// askRemark asks whether a friend may be given a remark, and returns the remark
// that the friend is given (webhooks.md E.6).
func (s *Service) askRemark(ctx context.Context, op im.Operator, name, ownerID, friendID, remark string) (string, error) {
	answer, err := s.ask(ctx, op, im.BeforeSetFriendRemark, func(string) []byte {
		return webhook.FriendRemarkBody(im.BeforeSetFriendRemark, ownerID, friendID, remark)
	})
	if err != nil {
		return "", err
	}
	if other := answer.Text("remark"); other != nil && *other != "" {
		remark = *other
	}
	return remark, usableTexts(name, maxContactText, remark)
}

func remarkEvent(ownerID, friendID, remark string) happened {
	return contactEvent(im.AfterSetFriendRemark, ownerID, friendID, func(string) []byte {
		return webhook.FriendRemarkBody(im.AfterSetFriendRemark, ownerID, friendID, remark)
	})
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
	var remarks map[string]string
	if p.Remark != nil {
		var err error
		if remarks, err = s.askRemarks(ctx, op, name, ownerID, friendIDs, *p.Remark); err != nil {
			return err
		}
	}
	told := s.contactNotice(op, im.ContentFriendsUpdated, ownerID, ownerID)
	if err := setTips(told, friendsUpdatedTips{FromToUserID: fromToUserID{"", ownerID}, FriendIDs: friendIDs}); err != nil {
		return err
	}
	_, err := s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    told,
		With: func(ctx context.Context, tx store.Tx) error {
			if p.Empty() {
				return nil
			}
			listed, err := friendsAmong(ctx, tx, ownerID, friendIDs)
			if err != nil {
				return err
			}
			if p.Remark != nil { // who has become a friend since the question is left out
				listed = slices.DeleteFunc(listed, func(id string) bool { _, asked := remarks[id]; return !asked })
			}
			if len(listed) == 0 {
				return nil
			}
			if err := editFriends(ctx, tx, ownerID, listed, p); err != nil || p.Remark == nil {
				return err
			}
			events := make([]happened, len(listed))
			for i, id := range listed {
				remark := remarks[id]
				events[i] = remarkEvent(ownerID, id, remark)
				if remark == *p.Remark {
					continue
				}
				if err := tx.PatchFriends(ctx, ownerID, []string{id}, im.FriendPatch{Remark: &remark}); err != nil {
					return err
				}
			}
			return s.emit(ctx, tx, op, events...)
		},
	})
	return err
}

// askRemarks asks about one remark for several friends, and returns the remarks
// that they are given. If somebody was asked, who is no friend has none.
func (s *Service) askRemarks(ctx context.Context, op im.Operator, name, ownerID string, ids []string, remark string) (_ map[string]string, err error) {
	if s.hooks.Asks(im.BeforeSetFriendRemark) {
		if ids, err = friendsAmong(ctx, s.store, ownerID, ids); err != nil {
			return nil, err
		}
	}
	remarks := make(map[string]string, len(ids))
	for _, id := range ids {
		if remarks[id], err = s.askRemark(ctx, op, name, ownerID, id, remark); err != nil {
			return nil, err
		}
	}
	return remarks, nil
}

// friendsAmong returns those of ids who are in the owner's list, in their order.
func friendsAmong(ctx context.Context, r store.Reader, ownerID string, ids []string) ([]string, error) {
	found, err := r.FriendRecords(ctx, ownerID, ids)
	if err != nil {
		return nil, err
	}
	is := make(map[string]bool, len(found))
	for i := range found {
		is[found[i].FriendUser.UserID] = true
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !is[id] }), nil
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
	if err == nil && p.IsPinned != nil {
		// Those who stay and those who have moved lie mixed at the end of a page.
		err = repeatFriends(ctx, tx, ownerID, 2*len(friendIDs))
	}
	return err
}
