package store

import (
	"context"

	"parley/internal/im"
)

// GroupSearch reads groups and members for those who are not in step with them.
type GroupSearch interface {
	// SearchGroups returns a page of the live groups whose name matches (nil: all),
	// newest first, and their number. It reads the names of all groups.
	SearchGroups(ctx context.Context, match func(name string) bool, offset, limit int) ([]im.FoundGroup, int, error)
	// OwnerNicknames returns by group the nickname that is stored with its owner.
	OwnerNicknames(ctx context.Context, groupIDs []string) (map[string]string, error)
	// Managers returns the owner and the administrators of a group, in member order.
	Managers(ctx context.Context, groupID string, limit int) ([]im.Member, error)
	// MembersByID returns members with an id above after, by id.
	MembersByID(ctx context.Context, groupID, after string, limit int) ([]im.Member, error)
	// SearchMembers returns a page, in member order, of the members whose name matches,
	// and their number. The name is the one the group shows. It reads the names of all
	// members.
	SearchMembers(ctx context.Context, groupID string, match func(name string) bool, offset, limit int) ([]im.Member, int, error)
	// Dismissals returns the groups of PutDismissal.
	Dismissals(ctx context.Context) ([]string, error)
}

// GroupChanger changes what is there of groups and members.
type GroupChanger interface {
	// LockGroup returns a group as it stays until the end of the transaction: whoever
	// else changes it or its members waits.
	LockGroup(ctx context.Context, groupID string) (*im.Group, error)
	// PatchGroup changes the given fields; im.NotFound if there is no such group.
	PatchGroup(ctx context.Context, groupID string, p im.GroupPatch) error
	// PatchMember changes the given fields; im.NotFound if there is no such member.
	PatchMember(ctx context.Context, groupID, userID string, p im.MemberPatch) error
	// DeleteMembers removes members and lowers the group's count; im.NotFound if one of
	// the (distinct) ids is not a member.
	DeleteMembers(ctx context.Context, groupID string, userIDs []string) error
	// CloseChat has a conversation take no message any more but such as are Closing.
	CloseChat(ctx context.Context, conversationID string) error
	// PutDismissal remembers that the members of a dismissed group are being removed.
	PutDismissal(ctx context.Context, groupID string) error
	DeleteDismissal(ctx context.Context, groupID string) error
}

// GroupRequestFilter selects group requests; an empty list selects all.
type GroupRequestFilter struct {
	ManagerID string // only of groups that this user owns or administrates
	UserIDs   []string
	GroupIDs  []string
	Results   []int32
}

// GroupRequests reads applications.
type GroupRequests interface {
	// GroupRequest returns one, or im.NotFound. UserInfo and GroupInfo are left nil.
	GroupRequest(ctx context.Context, groupID, userID string) (*im.GroupRequest, error)
	// GroupRequests returns a page of the selected ones, newest first, and their number.
	GroupRequests(ctx context.Context, f GroupRequestFilter, offset, limit int) ([]im.GroupRequest, int, error)
	// PendingGroupRequests counts the unanswered ones, made after a time, of the groups
	// that a user owns or administrates.
	PendingGroupRequests(ctx context.Context, managerID string, after int64) (int64, error)
}

// GroupRequestWriter changes applications.
type GroupRequestWriter interface {
	// PutGroupRequest stores an application, in place of an earlier one of the pair.
	PutGroupRequest(ctx context.Context, r im.GroupRequest) error
}

// ReaderWriter changes what several users may read of one conversation.
type ReaderWriter interface {
	// BoundReaders makes seq the last number the users may read, and the maxSeq of their records.
	BoundReaders(ctx context.Context, conversationID string, userIDs []string, seq int64) error
	// OpenReaders takes that bound away and returns who of the users has a record.
	OpenReaders(ctx context.Context, conversationID string, userIDs []string) (owners []string, err error)
	// SetFirstSeq makes seq the first number the users may read.
	SetFirstSeq(ctx context.Context, conversationID string, userIDs []string, seq int64) error
	// SetAtType sets the groupAtType of the records that the users have of a conversation,
	// and returns whose it has changed, in no particular order.
	SetAtType(ctx context.Context, conversationID string, userIDs []string, atType int32) (changed []string, err error)
}

// ManyVersions changes version logs in bulk.
type ManyVersions interface {
	// StepEach records the same change of one element in the logs of several owners.
	StepEach(ctx context.Context, list im.List, owners []string, change im.Change, element string) error
	// JoinedPageEnds returns the last group of each full page, of the first pages, of the lists
	// that JoinedGroups gives of users: by user, those without a full page left out.
	JoinedPageEnds(ctx context.Context, userIDs []string, size, pages int) (map[string][]string, error)
	// DropLog deletes up to limit entries of a log and, when there are fewer, the log:
	// the next step makes one with a new identity. gone says that it came to that; until
	// then nobody may be answered from what is left.
	DropLog(ctx context.Context, list im.List, owner string, limit int) (gone bool, err error)
}
