package service

import (
	"context"

	"parley/internal/im"
)

// FriendsPage returns a page of a user's friends, pinned first, and their number.
func (s *Service) FriendsPage(ctx context.Context, op im.Operator, userID string, p Page) ([]im.Friend, int, error) {
	if err := self(op, "service.FriendsPage", userID); err != nil {
		return nil, 0, err
	}
	ids, err := s.store.FriendIDs(ctx, userID)
	if err != nil {
		return nil, 0, err
	}
	page := slice(p, ids)
	if len(page) == 0 {
		return nil, len(ids), nil
	}
	found, err := s.friends(ctx, userID, page)
	if err != nil {
		return nil, 0, err
	}
	return byID(page, found, func(f *im.Friend) string { return f.FriendUser.UserID }), len(ids), nil
}

// friends returns the entries among ids. Of a friend's account the lists of the
// wire show nothing but name, face and ex (rest-friend.md 1).
func (s *Service) friends(ctx context.Context, ownerID string, ids []string) ([]im.Friend, error) {
	found, err := s.store.Friends(ctx, ownerID, ids)
	for i := range found {
		u := found[i].FriendUser
		found[i].FriendUser = &im.User{UserID: u.UserID, Nickname: u.Nickname, FaceURL: u.FaceURL, Ex: u.Ex}
	}
	return found, err
}

// contactEvent is an event about a user's contacts; otherID is the one concerned, if it is one.
func contactEvent(c im.Command, ownerID, otherID string, body func(operationID string) []byte) happened {
	return happened{c, im.UserLane(ownerID), im.About{SendID: ownerID, RecvID: otherID}, body}
}

// BlacksPage returns a page of a user's block list and its length.
func (s *Service) BlacksPage(ctx context.Context, op im.Operator, userID string, p Page) ([]im.Black, int, error) {
	if err := self(op, "service.BlacksPage", userID); err != nil {
		return nil, 0, err
	}
	if p.Number < 1 || p.Size < 1 {
		_, total, err := s.store.Blacks(ctx, userID, 0, 0)
		return nil, total, err
	}
	size := p.size()
	return s.store.Blacks(ctx, userID, (p.Number-1)*size, size)
}
