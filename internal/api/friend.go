package api

import (
	"context"

	"github.com/openimsdk/protocol/relation"

	"parley/internal/im"
	"parley/internal/service"
)

// Friends is contacts and block lists.
type Friends interface {
	// FriendsPage returns a page of a user's friends, and their number.
	FriendsPage(ctx context.Context, op im.Operator, userID string, p service.Page) ([]im.Friend, int, error)
	// BlacksPage returns a page of a user's block list, and its length.
	BlacksPage(ctx context.Context, op im.Operator, userID string, p service.Page) ([]im.Black, int, error)
	// FriendChanges is what changed in a user's list of friends.
	FriendChanges(ctx context.Context, op im.Operator, userID string, from im.Version) (service.Changes[im.Friend], error)
	// FriendIDs returns all friends' ids, unless hash says the client has them.
	FriendIDs(ctx context.Context, op im.Operator, userID string, hash uint64) (service.FullIDs, error)
}

// friendPage is relation.GetPaginationFriendsResp.
type friendPage struct {
	FriendsInfo []im.Friend `json:"friendsInfo"`
	Total       int         `json:"total"`
}

func (a *API) friendList(ctx context.Context, op im.Operator, q *relation.GetPaginationFriendsReq) (friendPage, error) {
	friends, total, err := a.service.FriendsPage(ctx, op, q.UserID, bulk(op, q.Pagination))
	return friendPage{friends, total}, err
}

// blackPage is relation.GetPaginationBlacksResp.
type blackPage struct {
	Blacks []im.Black `json:"blacks"`
	Total  int        `json:"total"`
}

func (a *API) blackList(ctx context.Context, op im.Operator, q *relation.GetPaginationBlacksReq) (blackPage, error) {
	blacks, total, err := a.service.BlacksPage(ctx, op, q.UserID, bulk(op, q.Pagination))
	return blackPage{blacks, total}, err
}

func (a *API) incrementalFriends(ctx context.Context, op im.Operator, q *relation.GetIncrementalFriendsReq) (sortedChanges[im.Friend], error) {
	c, err := a.service.FriendChanges(ctx, op, q.UserID, im.Version{ID: q.VersionID, Number: q.Version})
	return sorted(c), err
}

func (a *API) fullFriendIDs(ctx context.Context, op im.Operator, q *relation.GetFullFriendUserIDsReq) (fullUserIDs, error) {
	f, err := a.service.FriendIDs(ctx, op, q.UserID, q.IdHash)
	return fullUserIDs{headOf(f), f.IDs}, err
}
