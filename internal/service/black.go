package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// Block puts a user into the owner's block list: messages from there are refused
// (rest-friend.md 2.7). Only the owner is told.
func (s *Service) Block(ctx context.Context, op im.Operator, ownerID, blackID, ex string) error {
	const name = "service.Block"
	if err := usableIDs(name, ownerID, blackID); err != nil {
		return err
	}
	if err := usableTexts(name, maxContactText, ex); err != nil {
		return err
	}
	if err := self(op, name, ownerID); err != nil {
		return err
	}
	_, err := s.ask(ctx, op, im.BeforeAddBlack, func(string) []byte { return webhook.BlackBody(im.BeforeAddBlack, ownerID, blackID) })
	if err != nil {
		return err
	}
	if err := s.allExist(ctx, name, ownerID, blackID); err != nil { // oneself is named twice: not found
		return err
	}
	b := im.Black{
		OwnerUserID: ownerID, BlackUserInfo: &im.PublicUser{UserID: blackID}, CreateTime: s.nowMs(), OperatorUserID: op.UserID, Ex: ex,
	}
	return s.changeBlacks(ctx, op, im.ContentBlackAdded, ownerID, blackID, func(ctx context.Context, tx store.Tx) error {
		fresh, err := tx.InsertBlack(ctx, b)
		if err != nil {
			return err
		}
		if !fresh {
			return im.Errorf(im.Duplicate, name, "blocked already")
		}
		_, err = tx.Step(ctx, im.ListBlacks, ownerID, im.ChangeInsert, blackID)
		return err
	})
}

// Unblock takes a user out of the owner's block list; somebody who is not in it may be named.
func (s *Service) Unblock(ctx context.Context, op im.Operator, ownerID, blackID string) error {
	const name = "service.Unblock"
	if err := usableIDs(name, ownerID, blackID); err != nil {
		return err
	}
	if err := self(op, name, ownerID); err != nil {
		return err
	}
	return s.changeBlacks(ctx, op, im.ContentBlackDeleted, ownerID, blackID, func(ctx context.Context, tx store.Tx) error {
		gone, err := tx.DeleteBlack(ctx, ownerID, blackID)
		if err != nil {
			return err
		}
		if gone {
			if _, err := tx.Step(ctx, im.ListBlacks, ownerID, im.ChangeDelete, blackID); err != nil {
				return err
			}
		}
		return s.emit(ctx, tx, op, contactEvent(im.AfterRemoveBlack, ownerID, blackID, func(string) []byte {
			return webhook.BlackBody(im.AfterRemoveBlack, ownerID, blackID)
		}))
	})
}

// changeBlacks commits a change of a block list with its notification.
func (s *Service) changeBlacks(ctx context.Context, op im.Operator, contentType int32, ownerID, blackID string, change func(context.Context, store.Tx) error) error {
	told := s.contactNotice(op, contentType, ownerID, ownerID)
	if err := setTips(told, blackTips{FromToUserID: fromToUserID{ownerID, blackID}}); err != nil {
		return err
	}
	if op.UserID == ownerID {
		// The SDK loads the whole list again after its own request and on the notification;
		// when both happen at once one of them fails on its local copy.
		for _, d := range told {
			d.Spare = op.Platform
		}
	}
	_, err := s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    told, With: change, Committed: func() { s.relationsChanged(ownerID, blackID) },
	})
	return err
}

// Blacks returns the entries of the owner's block list among userIDs, with times
// in milliseconds. A profile is nil if there is no such user any more.
func (s *Service) Blacks(ctx context.Context, op im.Operator, ownerID string, userIDs []string) ([]im.Black, error) {
	const name = "service.Blacks"
	if err := usableIDs(name, ownerID); err != nil {
		return nil, err
	}
	if err := self(op, name, ownerID); err != nil {
		return nil, err
	}
	if len(userIDs) == 0 {
		return nil, im.Errorf(im.Invalid, name, "no ids")
	}
	if err := usableList(name, userIDs); err != nil {
		return nil, err
	}
	return s.blacksOf(ctx, ownerID, userIDs)
}

// blacksOf returns entries in the order of ids, with times in milliseconds.
func (s *Service) blacksOf(ctx context.Context, ownerID string, ids []string) ([]im.Black, error) {
	found, err := s.store.BlackRecords(ctx, ownerID, ids)
	if err != nil {
		return nil, err
	}
	found = byID(ids, found, func(b *im.Black) string { return b.BlackUserInfo.UserID })
	listed := make([]string, len(found))
	for i := range found {
		listed[i] = found[i].BlackUserInfo.UserID
	}
	users, err := s.store.Users(ctx, listed)
	if err != nil {
		return nil, err
	}
	profiles := make(map[string]*im.PublicUser, len(users))
	for i := range users {
		profiles[users[i].UserID] = users[i].Public()
	}
	for i, id := range listed {
		found[i].BlackUserInfo = profiles[id]
	}
	return found, nil
}

// BlackChanges is /friend/get_incremental_blacks: the reference has the route but
// no answer. Times are in seconds, as in the list itself.
func (s *Service) BlackChanges(ctx context.Context, op im.Operator, userID string, from im.Version) (Changes[im.Black], error) {
	const name = "service.BlackChanges"
	if err := self(op, name, userID); err != nil {
		return Changes[im.Black]{}, err
	}
	if userID == "" {
		return Changes[im.Black]{}, im.Errorf(im.Invalid, name, "userID is empty")
	}
	if err := usableIDs(name, userID); err != nil {
		return Changes[im.Black]{}, err
	}
	d, err := s.since(ctx, im.ListBlacks, userID, from)
	if err != nil {
		return Changes[im.Black]{}, err
	}
	return resolve(d, func(ids []string) ([]im.Black, error) {
		entries, err := s.blacksOf(ctx, userID, ids)
		var out []im.Black
		for _, b := range entries {
			if b.BlackUserInfo == nil {
				continue
			}
			b.CreateTime /= 1000
			out = append(out, b)
		}
		return out, err
	}, func(b *im.Black) string { return b.BlackUserInfo.UserID })
}
