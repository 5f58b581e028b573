package api

import (
	"context"

	"github.com/openimsdk/protocol/relation"

	"parley/internal/im"
	"parley/internal/service"
)

// FriendEdits is changes of friends, and looking at single ones.
type FriendEdits interface {
	// DeleteFriend takes a friend out of the owner's list.
	DeleteFriend(ctx context.Context, op im.Operator, ownerID, friendID string) error
	// SetRemark sets what the owner calls a friend.
	SetRemark(ctx context.Context, op im.Operator, ownerID, friendID, remark string) error
	// UpdateFriends changes what the owner keeps of some friends.
	UpdateFriends(ctx context.Context, op im.Operator, ownerID string, friendIDs []string, p im.FriendPatch) error
	// AllFriendIDs returns the ids of all friends of a user.
	AllFriendIDs(ctx context.Context, op im.Operator, userID string) ([]string, error)
	// Friends returns the friends among friendIDs.
	Friends(ctx context.Context, op im.Operator, ownerID string, friendIDs []string) ([]im.Friend, error)
	// AreFriends reports of two users whether each has the other as friend.
	AreFriends(ctx context.Context, op im.Operator, a, b string) (bInA, aInB bool, err error)
	// Contacts returns what the owner knows of the users that exist among userIDs.
	Contacts(ctx context.Context, op im.Operator, ownerID string, userIDs []string) ([]service.Contact, error)
}

func (a *API) deleteFriend(ctx context.Context, op im.Operator, q *relation.DeleteFriendReq) (none, error) {
	return none{}, a.service.DeleteFriend(ctx, op, q.OwnerUserID, q.FriendUserID)
}

func (a *API) setFriendRemark(ctx context.Context, op im.Operator, q *relation.SetFriendRemarkReq) (none, error) {
	return none{}, a.service.SetRemark(ctx, op, q.OwnerUserID, q.FriendUserID, q.Remark)
}

func (a *API) updateFriends(ctx context.Context, op im.Operator, q *relation.UpdateFriendsReq) (none, error) {
	return none{}, a.service.UpdateFriends(ctx, op, q.OwnerUserID, q.FriendUserIDs, im.FriendPatch{
		Remark: q.Remark.GetValuePtr(), Ex: q.Ex.GetValuePtr(), IsPinned: q.IsPinned.GetValuePtr(),
	})
}

// friendIDs is relation.GetFriendIDsResp.
type friendIDs struct {
	FriendIDs []string `json:"friendIDs"`
}

func (a *API) allFriendIDs(ctx context.Context, op im.Operator, q *relation.GetFriendIDsReq) (friendIDs, error) {
	ids, err := a.service.AllFriendIDs(ctx, op, q.UserID)
	return friendIDs{ids}, err
}

// someFriends is relation.GetDesignatedFriendsResp.
type someFriends struct {
	FriendsInfo []im.Friend `json:"friendsInfo"`
}

func (a *API) designatedFriends(ctx context.Context, op im.Operator, q *relation.GetDesignatedFriendsReq) (someFriends, error) {
	list, err := a.service.Friends(ctx, op, q.OwnerUserID, q.FriendUserIDs)
	return someFriends{list}, err
}

// areFriends is relation.IsFriendResp.
type areFriends struct {
	InUser1Friends bool `json:"inUser1Friends"`
	InUser2Friends bool `json:"inUser2Friends"`
}

func (a *API) isFriend(ctx context.Context, op im.Operator, q *relation.IsFriendReq) (areFriends, error) {
	in1, in2, err := a.service.AreFriends(ctx, op, q.UserID1, q.UserID2)
	return areFriends{in1, in2}, err
}

// contact is relation.GetSpecifiedFriendsInfoInfo.
type contact struct {
	UserInfo   im.User    `json:"userInfo"`
	FriendInfo *im.Friend `json:"friendInfo"`
	BlackInfo  *im.Black  `json:"blackInfo"`
}

// contacts is relation.GetSpecifiedFriendsInfoResp.
type contacts struct {
	Infos []contact `json:"infos"`
}

func (a *API) specifiedFriends(ctx context.Context, op im.Operator, q *relation.GetSpecifiedFriendsInfoReq) (contacts, error) {
	found, err := a.service.Contacts(ctx, op, q.OwnerUserID, q.UserIDList)
	var out contacts
	for _, c := range found {
		out.Infos = append(out.Infos, contact{c.User, c.Friend, c.Black})
	}
	return out, err
}
