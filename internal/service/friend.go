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
	found, err := s.store.Friends(ctx, userID, page)
	if err != nil {
		return nil, 0, err
	}
	return byID(page, found, func(f *im.Friend) string { return f.FriendUser.UserID }), len(ids), nil
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
	size := min(p.Size, maxPage)
	return s.store.Blacks(ctx, userID, (p.Number-1)*size, size)
}
