package api

import (
	"context"

	"github.com/openimsdk/protocol/relation"

	"parley/internal/im"
	"parley/internal/service"
)

// FriendRequests is applications for friendship.
type FriendRequests interface {
	// Apply asks a user for friendship.
	Apply(ctx context.Context, op im.Operator, r im.FriendRequest) error
	// Respond agrees to an application, or refuses it.
	Respond(ctx context.Context, op im.Operator, r im.FriendRequest) error
	// ImportFriends makes a user and others friends without asking them.
	ImportFriends(ctx context.Context, op im.Operator, ownerID string, friendIDs []string) error
	// FriendRequestsPage returns a page of the applications to a user, or of the user's own, and their number.
	FriendRequestsPage(ctx context.Context, op im.Operator, userID string, received bool, results []int32, p service.Page) ([]im.FriendRequest, int, error)
	// FriendRequestsBetween returns the applications of two users to one another.
	FriendRequestsBetween(ctx context.Context, op im.Operator, fromID, toID string) ([]im.FriendRequest, error)
	// PendingRequests returns the number of applications to a user that wait for an answer.
	PendingRequests(ctx context.Context, op im.Operator, userID string, since int64) (int, error)
}

func (a *API) addFriend(ctx context.Context, op im.Operator, q *relation.ApplyToAddFriendReq) (none, error) {
	return none{}, a.service.Apply(ctx, op, im.FriendRequest{FromUserID: q.FromUserID, ToUserID: q.ToUserID, ReqMsg: q.ReqMsg, Ex: q.Ex})
}

func (a *API) respondFriend(ctx context.Context, op im.Operator, q *relation.RespondFriendApplyReq) (none, error) {
	return none{}, a.service.Respond(ctx, op, im.FriendRequest{
		FromUserID: q.FromUserID, ToUserID: q.ToUserID, HandleResult: q.HandleResult, HandleMsg: q.HandleMsg,
	})
}

func (a *API) importFriends(ctx context.Context, op im.Operator, q *relation.ImportFriendReq) (none, error) {
	return none{}, a.service.ImportFriends(ctx, op, q.OwnerUserID, q.FriendUserIDs)
}

// receivedRequests is relation.GetPaginationFriendsApplyToResp: the one answer
// whose list begins with a capital.
type receivedRequests struct {
	FriendRequests []im.FriendRequest `json:"FriendRequests"`
	Total          int                `json:"total"`
}

func (a *API) receivedFriendRequests(ctx context.Context, op im.Operator, q *relation.GetPaginationFriendsApplyToReq) (receivedRequests, error) {
	list, total, err := a.service.FriendRequestsPage(ctx, op, q.UserID, true, q.HandleResults, bulk(op, q.Pagination))
	return receivedRequests{list, total}, err
}

// sentRequests is relation.GetPaginationFriendsApplyFromResp.
type sentRequests struct {
	FriendRequests []im.FriendRequest `json:"friendRequests"`
	Total          int                `json:"total"`
}

func (a *API) sentFriendRequests(ctx context.Context, op im.Operator, q *relation.GetPaginationFriendsApplyFromReq) (sentRequests, error) {
	list, total, err := a.service.FriendRequestsPage(ctx, op, q.UserID, false, q.HandleResults, bulk(op, q.Pagination))
	return sentRequests{list, total}, err
}

// requestsBetween is relation.GetDesignatedFriendsApplyResp.
type requestsBetween struct {
	FriendRequests []im.FriendRequest `json:"friendRequests"`
}

func (a *API) friendRequestsBetween(ctx context.Context, op im.Operator, q *relation.GetDesignatedFriendsApplyReq) (requestsBetween, error) {
	list, err := a.service.FriendRequestsBetween(ctx, op, q.FromUserID, q.ToUserID)
	return requestsBetween{list}, err
}

// pendingFriendCount is relation.GetSelfUnhandledApplyCountResp.
type pendingFriendCount struct {
	Count int `json:"count"`
}

func (a *API) pendingFriendRequests(ctx context.Context, op im.Operator, q *relation.GetSelfUnhandledApplyCountReq) (pendingFriendCount, error) {
	n, err := a.service.PendingRequests(ctx, op, q.UserID, q.Time)
	return pendingFriendCount{n}, err
}
