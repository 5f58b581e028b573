package api

import (
	"context"

	"github.com/openimsdk/protocol/group"

	"parley/internal/im"
	"parley/internal/service"
)

// GroupLists is searches, digests and lists of applications.
type GroupLists interface {
	// SearchGroups returns one group by id, or a page of those whose name matches, and their number.
	SearchGroups(ctx context.Context, groupID, pattern string, p service.Page) ([]im.FoundGroup, int, error)
	// AllMemberIDs returns the ids of all members of a group.
	AllMemberIDs(ctx context.Context, op im.Operator, groupID string) ([]string, error)
	// GroupAbstracts returns digests of groups' member lists.
	GroupAbstracts(ctx context.Context, op im.Operator, ids []string) ([]service.GroupAbstract, error)
	// ReceivedApplications returns a page of the applications to a user's groups, and their number.
	ReceivedApplications(ctx context.Context, op im.Operator, q service.ApplicationQuery) ([]im.GroupRequest, int, error)
	// OwnApplications returns a page of a user's own applications, and their number.
	OwnApplications(ctx context.Context, op im.Operator, q service.ApplicationQuery) ([]im.GroupRequest, int, error)
	// ApplicationsOf returns the applications of some users to one group.
	ApplicationsOf(ctx context.Context, op im.Operator, groupID string, userIDs []string) ([]im.GroupRequest, error)
	// ApplicationOf returns the application of one user to a group, if there is one.
	ApplicationOf(ctx context.Context, op im.Operator, groupID, userID string) ([]im.GroupRequest, error)
	// PendingApplications counts the unanswered ones that were made after a time.
	PendingApplications(ctx context.Context, op im.Operator, userID string, after int64) (int64, error)
}

// foundGroup is group.CMSGroup.
type foundGroup struct {
	GroupInfo          *im.Group `json:"groupInfo"`
	GroupOwnerUserName string    `json:"groupOwnerUserName"`
	GroupOwnerUserID   string    `json:"groupOwnerUserID"`
}

// foundGroups is group.GetGroupsResp.
type foundGroups struct {
	Total  int          `json:"total"`
	Groups []foundGroup `json:"groups"`
}

func (a *API) searchGroups(ctx context.Context, op im.Operator, q *group.GetGroupsReq) (foundGroups, error) {
	found, total, err := a.service.SearchGroups(ctx, q.GroupID, q.GroupName, bulk(op, q.Pagination))
	out := foundGroups{Total: total}
	for i := range found {
		g := &found[i]
		out.Groups = append(out.Groups, foundGroup{&g.Group, g.OwnerNickname, g.OwnerUserID})
	}
	return out, err
}

// memberUserIDs is group.GetGroupMemberUserIDsResp.
type memberUserIDs struct {
	UserIDs []string `json:"userIDs"`
}

func (a *API) groupMemberUserIDs(ctx context.Context, op im.Operator, q *group.GetGroupMemberUserIDsReq) (memberUserIDs, error) {
	ids, err := a.service.AllMemberIDs(ctx, op, q.GroupID)
	return memberUserIDs{ids}, err
}

// groupAbstracts is group.GetGroupAbstractInfoResp.
type groupAbstracts struct {
	GroupAbstractInfos []service.GroupAbstract `json:"groupAbstractInfos"`
}

func (a *API) groupAbstractInfo(ctx context.Context, op im.Operator, q *group.GetGroupAbstractInfoReq) (groupAbstracts, error) {
	list, err := a.service.GroupAbstracts(ctx, op, q.GroupIDs)
	return groupAbstracts{list}, err
}

// applicationPage is the answer of all lists of applications.
type applicationPage struct {
	Total         int               `json:"total"`
	GroupRequests []im.GroupRequest `json:"groupRequests"`
}

func (a *API) receivedApplications(ctx context.Context, op im.Operator, q *group.GetGroupApplicationListReq) (applicationPage, error) {
	list, total, err := a.service.ReceivedApplications(ctx, op, service.ApplicationQuery{
		UserID: q.FromUserID, GroupIDs: q.GroupIDs, Results: q.HandleResults, Page: bulk(op, q.Pagination),
	})
	return applicationPage{total, list}, err
}

func (a *API) ownApplications(ctx context.Context, op im.Operator, q *group.GetUserReqApplicationListReq) (applicationPage, error) {
	list, total, err := a.service.OwnApplications(ctx, op, service.ApplicationQuery{
		UserID: q.UserID, GroupIDs: q.GroupIDs, Results: q.HandleResults, Page: bulk(op, q.Pagination),
	})
	return applicationPage{total, list}, err
}

func (a *API) applicationsOfUsers(ctx context.Context, op im.Operator, q *group.GetGroupUsersReqApplicationListReq) (applicationPage, error) {
	list, err := a.service.ApplicationsOf(ctx, op, q.GroupID, q.UserIDs)
	return applicationPage{len(list), list}, err
}

func (a *API) applicationOfUser(ctx context.Context, op im.Operator, q *group.GetSpecifiedUserGroupRequestInfoReq) (applicationPage, error) {
	list, err := a.service.ApplicationOf(ctx, op, q.GroupID, q.UserID)
	return applicationPage{len(list), list}, err
}

// pendingCount is group.GetGroupApplicationUnhandledCountResp.
type pendingCount struct {
	Count int64 `json:"count"`
}

func (a *API) pendingApplications(ctx context.Context, op im.Operator, q *group.GetGroupApplicationUnhandledCountReq) (pendingCount, error) {
	n, err := a.service.PendingApplications(ctx, op, q.UserID, q.Time)
	return pendingCount{n}, err
}
