package service

import (
	"context"
	"slices"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// maxContactText bounds each text of a contact: request, answer, remark, ex. Two of them,
// escaped twice, must fit a push frame.
const maxContactText = 16 << 10

// Apply asks a user for friendship (rest-friend.md 2.1). Only reqMsg and ex of r
// are looked at besides its two users.
func (s *Service) Apply(ctx context.Context, op im.Operator, r im.FriendRequest) error {
	const name = "service.Apply"
	from, to := r.FromUserID, r.ToUserID
	if err := usableIDs(name, from, to); err != nil {
		return err
	}
	if err := usableTexts(name, maxContactText, r.ReqMsg, r.Ex); err != nil {
		return err
	}
	if err := self(op, name, from); err != nil {
		return err
	}
	if from == to {
		return im.Errorf(im.CannotAddSelf, name, "one cannot be one's own friend")
	}
	if _, err := s.ask(ctx, op, im.BeforeAddFriend, func(id string) []byte { return webhook.AddFriendBody(id, &r) }); err != nil {
		return err
	}
	if err := s.allExist(ctx, name, from, to); err != nil {
		return err
	}
	r.CreateTime = s.nowMs()
	told := pushedOffline(s.contactNotice(op, im.ContentFriendApplied, from, to))
	_, err := s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    told,
		With: func(ctx context.Context, tx store.Tx) error {
			there, err := tx.Relation(ctx, from, to)
			if err != nil {
				return err
			}
			back, err := tx.Relation(ctx, to, from)
			if err != nil {
				return err
			}
			if there.Friend && back.Friend {
				return im.Errorf(im.AlreadyFriends, name, "already friends")
			}
			if err := tx.PutFriendRequest(ctx, r); err != nil {
				return err
			}
			err = s.emit(ctx, tx, op, contactEvent(im.AfterAddFriend, from, to, func(string) []byte { return webhook.FriendAppliedBody(&r) }))
			if err != nil {
				return err
			}
			stored, err := tx.FriendRequest(ctx, from, to)
			if err != nil {
				return err
			}
			return setTips(told, friendAppliedTips{FromToUserID: fromToUserID{from, to}, Request: stored})
		},
	})
	return err
}

// allExist returns im.NotFound unless all ids are users, each named once.
func (s *Service) allExist(ctx context.Context, name string, ids ...string) error {
	found, err := s.store.Users(ctx, ids)
	if err == nil && len(found) != len(ids) {
		err = im.Errorf(im.NotFound, name, "some users do not exist, or are named twice")
	}
	return err
}

// Respond agrees to an application for friendship, or refuses it (rest-friend.md
// 2.2). r names the applicant (FromUserID), the one who answers, and the answer.
func (s *Service) Respond(ctx context.Context, op im.Operator, r im.FriendRequest) error {
	const name = "service.Respond"
	from, to := r.FromUserID, r.ToUserID
	if err := usableIDs(name, from, to); err != nil {
		return err
	}
	if err := usableTexts(name, maxContactText, r.HandleMsg); err != nil {
		return err
	}
	if err := self(op, name, to); err != nil {
		return err
	}
	r.HandlerUserID, r.HandleTime = op.UserID, s.nowMs()
	contentType, handled := int32(im.ContentFriendApproved), im.Invalid
	switch r.HandleResult {
	case im.RequestAgreed:
		_, err := s.ask(ctx, op, im.BeforeAddFriendAgree, func(string) []byte { return webhook.FriendAgreeBody(im.BeforeAddFriendAgree, &r) })
		if err != nil {
			return err
		}
		r.HandleTime = s.nowMs() // the receiver may have taken its time
	case im.RequestRefused:
		contentType, handled = im.ContentFriendRejected, im.FriendRequestHandled
	default:
		return im.Errorf(im.Invalid, name, "handleResult must be 1 or -1")
	}
	told := pushedOffline(s.contactNotice(op, contentType, to, from))
	_, err := s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    told,
		Committed:   func() { s.relationsChanged(from, to) },
		With: func(ctx context.Context, tx store.Tx) error {
			if _, err := tx.FriendRequest(ctx, from, to); err != nil {
				return err
			}
			pending, err := tx.HandleFriendRequest(ctx, r)
			if err != nil {
				return err
			}
			if !pending {
				return im.Errorf(handled, name, "the request was handled already")
			}
			if r.HandleResult == im.RequestAgreed {
				if err := s.agree(ctx, tx, op, r); err != nil {
					return err
				}
			}
			stored, err := tx.FriendRequest(ctx, from, to)
			if err != nil {
				return err
			}
			sides := fromToUserID{from, to}
			if r.HandleResult == im.RequestAgreed {
				return setTips(told, friendApprovedTips{FromToUserID: sides, HandleMsg: r.HandleMsg, Request: stored})
			}
			return setTips(told, friendRejectedTips{FromToUserID: sides, HandleMsg: r.HandleMsg, Request: stored})
		},
	})
	return err
}

// agree makes the two sides of a request friends, and settles a request in the
// opposite direction with it.
func (s *Service) agree(ctx context.Context, tx store.Tx, op im.Operator, r im.FriendRequest) error {
	back := r
	back.FromUserID, back.ToUserID, back.HandleMsg = r.ToUserID, r.FromUserID, ""
	if _, err := tx.HandleFriendRequest(ctx, back); err != nil {
		return err
	}
	err := s.befriend(ctx, tx, im.Friend{
		OwnerUserID: r.FromUserID, AddSource: im.FriendByApplication, OperatorUserID: r.FromUserID, CreateTime: r.HandleTime,
	}, r.ToUserID)
	if err != nil {
		return err
	}
	return s.emit(ctx, tx, op, contactEvent(im.AfterAddFriendAgree, r.FromUserID, r.ToUserID, func(string) []byte {
		return webhook.FriendAgreeBody(im.AfterAddFriendAgree, &r)
	}))
}

// befriend creates those records of a friendship that are missing, in both
// directions, with the fields of f, and writes the steps of the friend logs.
func (s *Service) befriend(ctx context.Context, tx store.Tx, f im.Friend, friendIDs ...string) error {
	owner := f.OwnerUserID
	insert := func(owner, friend string) (bool, error) {
		r := f
		r.OwnerUserID, r.FriendUser = owner, &im.User{UserID: friend}
		return tx.InsertFriend(ctx, r)
	}
	// In the order that lists have within one time, so that clients, who append, get it
	// too; and two imports at once lock in the same order.
	friendIDs = slices.Sorted(slices.Values(friendIDs))
	var added []string
	for _, id := range friendIDs {
		fresh, err := insert(owner, id)
		if err != nil {
			return err
		}
		if fresh {
			added = append(added, id)
		}
		if fresh, err = insert(id, owner); err != nil {
			return err
		}
		if fresh {
			if err := stepIn(ctx, tx, im.ListFriends, id, owner); err != nil {
				return err
			}
		}
	}
	if len(added) == 0 {
		return nil
	}
	return stepIn(ctx, tx, im.ListFriends, owner, added...)
}

// stepIn records that elements came into a list. If any of them had been in it
// before, the order is marked as changed: a client that missed the deletion would
// leave the element at its old place.
func stepIn(ctx context.Context, tx store.Tx, l im.List, owner string, elements ...string) error {
	before, err := tx.Logged(ctx, l, owner, elements)
	if err != nil {
		return err
	}
	if len(before) > 0 {
		elements = append([]string{im.SortMarker}, elements...)
	}
	_, err = tx.Step(ctx, l, owner, im.ChangeInsert, elements...)
	return err
}

// ImportFriends makes a user and others friends without asking them
// (rest-friend.md 2.3). For administrators.
func (s *Service) ImportFriends(ctx context.Context, op im.Operator, ownerID string, friendIDs []string) error {
	const name = "service.ImportFriends"
	if err := usableIDs(name, append([]string{ownerID}, friendIDs...)...); err != nil {
		return err
	}
	if err := admin(op, name); err != nil {
		return err
	}
	// Whoever is named twice, the owner included, is not found twice: the reference
	// answers the same code.
	if err := s.allExist(ctx, name, append([]string{ownerID}, friendIDs...)...); err != nil {
		return err
	}
	answer, err := s.ask(ctx, op, im.BeforeImportFriends, func(string) []byte {
		return webhook.ImportFriendsBody(im.BeforeImportFriends, ownerID, friendIDs)
	})
	if err != nil {
		return err
	}
	if others := answer.Texts("friendUserIDs"); len(others) > 0 {
		if len(others) > maxEdited {
			return im.Errorf(im.Invalid, name, "at most %d friends", maxEdited)
		}
		if err := usableIDs(name, others...); err != nil {
			return err
		}
		if err := s.allExist(ctx, name, append([]string{ownerID}, others...)...); err != nil {
			return err
		}
		friendIDs = others
	}
	f := im.Friend{OwnerUserID: ownerID, AddSource: im.FriendByImport, OperatorUserID: op.UserID, CreateTime: s.nowMs()}
	err = s.change(ctx, op.OperationID, func(ctx context.Context, tx store.Tx) error {
		if err := s.befriend(ctx, tx, f, friendIDs...); err != nil || len(friendIDs) == 0 {
			return err
		}
		return s.emit(ctx, tx, op, contactEvent(im.AfterImportFriends, ownerID, "", func(string) []byte {
			return webhook.ImportFriendsBody(im.AfterImportFriends, ownerID, friendIDs)
		}))
	})
	if err != nil {
		return err
	}
	s.relationsChanged(ownerID, friendIDs...)
	for _, id := range friendIDs {
		told := pushedOffline(s.contactNotice(op, im.ContentFriendApproved, id, ownerID))
		if err := setTips(told, friendApprovedTips{FromToUserID: fromToUserID{ownerID, id}}); err != nil {
			return err
		}
		s.announce(ctx, told)
	}
	return nil
}

// FriendRequestsPage returns a page of the applications to a user, or of the user's own,
// newest first, and how many there are. results selects by result; none: all.
func (s *Service) FriendRequestsPage(ctx context.Context, op im.Operator, userID string, received bool, results []int32, p Page) ([]im.FriendRequest, int, error) {
	const name = "service.FriendRequestsPage"
	if err := usableIDs(name, userID); err != nil {
		return nil, 0, err
	}
	if err := self(op, name, userID); err != nil {
		return nil, 0, err
	}
	f := store.RequestFilter{UserID: userID, Received: received}
	for _, r := range []int32{im.RequestPending, im.RequestAgreed, im.RequestRefused} {
		if slices.Contains(results, r) {
			f.Results = append(f.Results, r)
		}
	}
	if len(results) > 0 && len(f.Results) == 0 { // results that nothing ever has
		return nil, 0, nil
	}
	offset, limit := p.window()
	return s.store.FriendRequestsPage(ctx, f, offset, limit)
}

// FriendRequestsBetween returns the applications of two users to one another.
func (s *Service) FriendRequestsBetween(ctx context.Context, op im.Operator, fromID, toID string) ([]im.FriendRequest, error) {
	const name = "service.FriendRequestsBetween"
	if err := usableIDs(name, fromID, toID); err != nil {
		return nil, err
	}
	if err := either(op, name, fromID, toID); err != nil {
		return nil, err
	}
	var out []im.FriendRequest
	for _, k := range distinct([]string{fromID, toID}) {
		other := toID
		if k == toID {
			other = fromID
		}
		r, err := s.store.FriendRequest(ctx, k, other)
		switch {
		case err == nil:
			out = append(out, *r)
		case !im.IsKind(err, im.NotFound):
			return nil, err
		}
	}
	return out, nil
}

// either returns im.Denied unless the operator is one of two users, or an administrator.
func either(op im.Operator, name, a, b string) error {
	if op.Is(a) || op.Is(b) {
		return nil
	}
	return im.Errorf(im.Denied, name, "neither of the users concerned and no administrator")
}

// PendingRequests returns the number of applications to a user that wait for an
// answer and were made after a time (0: all).
func (s *Service) PendingRequests(ctx context.Context, op im.Operator, userID string, since int64) (int, error) {
	const name = "service.PendingRequests"
	if err := usableIDs(name, userID); err != nil {
		return 0, err
	}
	if err := self(op, name, userID); err != nil {
		return 0, err
	}
	return s.store.PendingRequests(ctx, userID, max(since, 0))
}
