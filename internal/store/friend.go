package store

import (
	"context"

	"parley/internal/im"
)

// Relation is how a user stands to another one.
type Relation struct {
	Friend bool // has the other as friend
	Black  bool // has the other in the block list
}

// Contacts reads single records of contacts and block lists.
type Contacts interface {
	// Relation says how ownerID stands to otherID.
	Relation(ctx context.Context, ownerID, otherID string) (Relation, error)
	// FriendRecords returns the records among friendIDs as they are stored, in no
	// particular order: times in milliseconds, of FriendUser the id alone.
	FriendRecords(ctx context.Context, ownerID string, friendIDs []string) ([]im.Friend, error)
	// FriendOf returns the users that have friendID as friend, in ascending order.
	FriendOf(ctx context.Context, friendID string) ([]string, error)
	// BlockedBy returns the users that have blackID in their block list, in ascending order.
	BlockedBy(ctx context.Context, blackID string) ([]string, error)
	// BlackRecords returns the entries among blackIDs as they are stored, in no
	// particular order: times in milliseconds, of BlackUserInfo the id alone.
	BlackRecords(ctx context.Context, ownerID string, blackIDs []string) ([]im.Black, error)
}

// ContactWriter changes contacts and block lists.
type ContactWriter interface {
	// InsertFriend stores a record, with its time in milliseconds; false if there is one already.
	InsertFriend(ctx context.Context, f im.Friend) (bool, error)
	// DeleteFriend removes a record; false if there was none.
	DeleteFriend(ctx context.Context, ownerID, friendID string) (bool, error)
	// PatchFriends changes the given fields of the records that exist among friendIDs.
	PatchFriends(ctx context.Context, ownerID string, friendIDs []string, p im.FriendPatch) error
	// InsertBlack stores an entry, with its time in milliseconds; false if there is one already.
	InsertBlack(ctx context.Context, b im.Black) (bool, error)
	// DeleteBlack removes an entry; false if there was none.
	DeleteBlack(ctx context.Context, ownerID, blackID string) (bool, error)
}

// RequestFilter selects friend requests of one user.
type RequestFilter struct {
	UserID   string
	Received bool    // those to the user, else those from the user
	Results  []int32 // only with one of these results; empty: all
}

// FriendRequests reads applications for friendship.
type FriendRequests interface {
	// FriendRequest returns one application, or im.NotFound.
	FriendRequest(ctx context.Context, fromID, toID string) (*im.FriendRequest, error)
	// FriendRequestsPage returns a page of applications, newest first, and how many there are.
	FriendRequestsPage(ctx context.Context, f RequestFilter, offset, limit int) ([]im.FriendRequest, int, error)
	// PendingRequests returns the number of pending applications to a user that were made after a time.
	PendingRequests(ctx context.Context, toID string, since int64) (int, error)
}

// FriendRequestWriter changes applications for friendship.
type FriendRequestWriter interface {
	// PutFriendRequest stores an application as pending. One that is there gets the new
	// ReqMsg, Ex and CreateTime; its handler and the time of handling stay.
	PutFriendRequest(ctx context.Context, r im.FriendRequest) error
	// HandleFriendRequest gives a pending application its result, handler, message and
	// time; false if there is none that is pending.
	HandleFriendRequest(ctx context.Context, r im.FriendRequest) (bool, error)
}
