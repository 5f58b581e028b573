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
	offset, limit := p.window()
	page, total, err := s.store.FriendsPage(ctx, userID, offset, limit)
	return shownFriends(page), total, err
}

// friends returns the entries among ids.
func (s *Service) friends(ctx context.Context, ownerID string, ids []string) ([]im.Friend, error) {
	found, err := s.store.Friends(ctx, ownerID, ids)
	return shownFriends(found), err
}

// shownFriends leaves of a friend's account what the lists of the wire show: nothing but
// name, face and ex (rest-friend.md 1).
func shownFriends(friends []im.Friend) []im.Friend {
	for i := range friends {
		u := friends[i].FriendUser
		friends[i].FriendUser = &im.User{UserID: u.UserID, Nickname: u.Nickname, FaceURL: u.FaceURL, Ex: u.Ex}
	}
	return friends
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
	offset, limit := p.window()
	return s.store.Blacks(ctx, userID, offset, limit)
}
