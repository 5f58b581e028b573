package service

import (
	"context"

	"parley/internal/im"
)

// AllFriendIDs returns the ids of all friends of a user, in the order of the list.
func (s *Service) AllFriendIDs(ctx context.Context, op im.Operator, userID string) ([]string, error) {
	const name = "service.AllFriendIDs"
	if err := usableIDs(name, userID); err != nil {
		return nil, err
	}
	if err := self(op, name, userID); err != nil {
		return nil, err
	}
	return s.store.FriendIDs(ctx, userID)
}

// Friends returns the friends among friendIDs.
func (s *Service) Friends(ctx context.Context, op im.Operator, ownerID string, friendIDs []string) ([]im.Friend, error) {
	const name = "service.Friends"
	if err := usableIDs(name, ownerID); err != nil {
		return nil, err
	}
	if err := self(op, name, ownerID); err != nil {
		return nil, err
	}
	if err := usableList(name, friendIDs); err != nil {
		return nil, err
	}
	found, err := s.friends(ctx, ownerID, friendIDs)
	if err != nil {
		return nil, err
	}
	return byID(friendIDs, found, func(f *im.Friend) string { return f.FriendUser.UserID }), nil
}

// AreFriends reports of two users whether each has the other as friend.
func (s *Service) AreFriends(ctx context.Context, op im.Operator, a, b string) (bInA, aInB bool, err error) {
	const name = "service.AreFriends"
	if err := usableIDs(name, a, b); err != nil {
		return false, false, err
	}
	if err := either(op, name, a, b); err != nil {
		return false, false, err
	}
	there, err := s.store.Relation(ctx, a, b)
	if err != nil {
		return false, false, err
	}
	back, err := s.store.Relation(ctx, b, a)
	return there.Friend, back.Friend, err
}

// Contact is what a user knows of another one. Friend and Black are nil if the
// other is none; their times are in milliseconds, and they hold no profile.
type Contact struct {
	User   im.User
	Friend *im.Friend
	Black  *im.Black
}

// Contacts returns what the owner knows of the users that exist among userIDs.
func (s *Service) Contacts(ctx context.Context, op im.Operator, ownerID string, userIDs []string) ([]Contact, error) {
	const name = "service.Contacts"
	if len(userIDs) == 0 {
		return nil, im.Errorf(im.Invalid, name, "no ids")
	}
	if err := usableList(name, userIDs); err != nil {
		return nil, err
	}
	if err := usableIDs(name, ownerID); err != nil {
		return nil, err
	}
	if err := self(op, name, ownerID); err != nil {
		return nil, err
	}
	users, err := s.store.Users(ctx, userIDs)
	if err != nil {
		return nil, err
	}
	friends, err := s.store.FriendRecords(ctx, ownerID, userIDs)
	if err != nil {
		return nil, err
	}
	blacks, err := s.store.BlackRecords(ctx, ownerID, userIDs)
	if err != nil {
		return nil, err
	}
	at := make(map[string]*Contact, len(users))
	for i := range users {
		at[users[i].UserID] = &Contact{User: users[i]}
	}
	for i := range friends {
		if c := at[friends[i].FriendUser.UserID]; c != nil {
			friends[i].FriendUser = nil
			c.Friend = &friends[i]
		}
	}
	for i := range blacks {
		if c := at[blacks[i].BlackUserInfo.UserID]; c != nil {
			blacks[i].BlackUserInfo = nil
			c.Black = &blacks[i]
		}
	}
	var out []Contact
	for _, id := range userIDs {
		if c := at[id]; c != nil {
			out = append(out, *c)
		}
	}
	return out, nil
}
