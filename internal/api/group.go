package api

import (
	"context"

	"github.com/openimsdk/protocol/group"
	"github.com/openimsdk/protocol/sdkws"

	"parley/internal/im"
	"parley/internal/service"
)

// Groups is groups and their members.
type Groups interface {
	// CreateGroup creates a group with its first members.
	CreateGroup(ctx context.Context, op im.Operator, n service.NewGroup) (*im.Group, error)
	// GroupsInfo returns the groups that exist among ids, each once.
	GroupsInfo(ctx context.Context, op im.Operator, ids []string) ([]im.Group, error)
	// MembersPage returns a page of a group's members, and their number.
	MembersPage(ctx context.Context, op im.Operator, groupID string, p service.Page) ([]im.Member, int, error)
	// SearchMembers is the same of those whose name matches a regular expression.
	SearchMembers(ctx context.Context, op im.Operator, groupID, pattern string, p service.Page) ([]im.Member, int, error)
	// Members returns the members among userIDs.
	Members(ctx context.Context, op im.Operator, groupID string, userIDs []string) ([]im.Member, error)
	// JoinedGroups returns a page of the groups a user is in, and their number.
	JoinedGroups(ctx context.Context, op im.Operator, userID string, p service.Page) ([]im.Group, int, error)
	// JoinedGroupChanges is what changed in a user's list of groups.
	JoinedGroupChanges(ctx context.Context, op im.Operator, userID string, from im.Version) (service.Changes[im.Group], error)
	// MemberChanges is what changed in a group's list of members.
	MemberChanges(ctx context.Context, op im.Operator, groupID string, from im.Version) (*service.MemberChanges, error)
	// MemberChangesBatch is the same of many groups; it leaves out those it cannot answer.
	MemberChangesBatch(ctx context.Context, op im.Operator, asked []service.GroupVersion) (map[string]*service.MemberChanges, error)
	// GroupMemberIDs returns all members' ids, unless hash says the client has them.
	GroupMemberIDs(ctx context.Context, op im.Operator, groupID string, hash uint64) (service.FullIDs, error)
	// JoinedGroupIDs returns the ids of all groups of a user in the same way.
	JoinedGroupIDs(ctx context.Context, op im.Operator, userID string, hash uint64) (service.FullIDs, error)
}

// page returns the part of a list that a request asks for; without pagination
// none of it, so that only the total is answered.
func page(p *sdkws.RequestPagination) service.Page {
	return service.Page{Number: int(p.GetPageNumber()), Size: int(p.GetShowNumber())}
}

// bulk is page for lists of small items, of which administrators get longer pages.
func bulk(op im.Operator, p *sdkws.RequestPagination) service.Page {
	out := page(p)
	out.Bulk = op.Admin
	return out
}

// createdGroup is group.CreateGroupResp.
type createdGroup struct {
	GroupInfo *im.Group `json:"groupInfo"`
}

func (a *API) createGroup(ctx context.Context, op im.Operator, q *group.CreateGroupReq) (createdGroup, error) {
	g := q.GroupInfo
	created, err := a.service.CreateGroup(ctx, op, service.NewGroup{
		Group: im.Group{
			GroupID: g.GroupID, GroupName: g.GroupName, Notification: g.Notification, Introduction: g.Introduction,
			FaceURL: g.FaceURL, Ex: g.Ex, Status: g.Status, CreatorUserID: g.CreatorUserID, GroupType: g.GroupType,
			NeedVerification: g.NeedVerification, LookMemberInfo: g.LookMemberInfo, ApplyMemberFriend: g.ApplyMemberFriend,
			NotificationUpdateTime: g.NotificationUpdateTime, NotificationUserID: g.NotificationUserID,
		},
		OwnerID: q.OwnerUserID, AdminIDs: q.AdminUserIDs, MemberIDs: q.MemberUserIDs, SendMessage: q.SendMessage,
	})
	return createdGroup{created}, err
}

// groupInfos is group.GetGroupsInfoResp.
type groupInfos struct {
	GroupInfos []im.Group `json:"groupInfos"`
}

func (a *API) groupsInfo(ctx context.Context, op im.Operator, q *group.GetGroupsInfoReq) (groupInfos, error) {
	groups, err := a.service.GroupsInfo(ctx, op, q.GroupIDs)
	return groupInfos{groups}, err
}

// memberPage is group.GetGroupMemberListResp.
type memberPage struct {
	Total   int         `json:"total"`
	Members []im.Member `json:"members"`
}

// memberList ignores the filter, as the reference does (rest-group.md 5).
func (a *API) memberList(ctx context.Context, op im.Operator, q *group.GetGroupMemberListReq) (memberPage, error) {
	if q.Keyword != "" {
		members, total, err := a.service.SearchMembers(ctx, op, q.GroupID, q.Keyword, bulk(op, q.Pagination))
		return memberPage{total, members}, err
	}
	members, total, err := a.service.MembersPage(ctx, op, q.GroupID, bulk(op, q.Pagination))
	return memberPage{total, members}, err
}

// memberInfos is group.GetGroupMembersInfoResp.
type memberInfos struct {
	Members []im.Member `json:"members"`
}

func (a *API) membersInfo(ctx context.Context, op im.Operator, q *membersReq) (memberInfos, error) {
	members, err := a.service.Members(ctx, op, q.GroupID, q.UserIDs)
	return memberInfos{members}, err
}

// groupPage is group.GetJoinedGroupListResp.
type groupPage struct {
	Total  int        `json:"total"`
	Groups []im.Group `json:"groups"`
}

func (a *API) joinedGroups(ctx context.Context, op im.Operator, q *group.GetJoinedGroupListReq) (groupPage, error) {
	groups, total, err := a.service.JoinedGroups(ctx, op, q.FromUserID, bulk(op, q.Pagination))
	return groupPage{total, groups}, err
}

func (a *API) incrementalJoinedGroups(ctx context.Context, op im.Operator, q *group.GetIncrementalJoinGroupReq) (sortedChanges[im.Group], error) {
	c, err := a.service.JoinedGroupChanges(ctx, op, q.UserID, im.Version{ID: q.VersionID, Number: q.Version})
	return sorted(c), err
}

// memberChanges is group.GetIncrementalGroupMemberResp.
type memberChanges struct {
	changes[im.Member]
	Group       *im.Group `json:"group"`
	SortVersion uint64    `json:"sortVersion"`
}

func membersChanged(c *service.MemberChanges) *memberChanges {
	return &memberChanges{changed(c.Changes), c.Group, c.SortVersion}
}

func (a *API) incrementalMembers(ctx context.Context, op im.Operator, q *group.GetIncrementalGroupMemberReq) (*memberChanges, error) {
	c, err := a.service.MemberChanges(ctx, op, q.GroupID, im.Version{ID: q.VersionID, Number: q.Version})
	if err != nil {
		return nil, err
	}
	return membersChanged(c), nil
}

// memberChangesBatch is group.BatchGetIncrementalGroupMemberResp.
type memberChangesBatch struct {
	RespList map[string]*memberChanges `json:"respList,omitempty"`
}

func (a *API) incrementalMembersBatch(ctx context.Context, op im.Operator, q *group.BatchGetIncrementalGroupMemberReq) (memberChangesBatch, error) {
	asked := make([]service.GroupVersion, len(q.ReqList))
	for i, r := range q.ReqList { // the getters take a null entry
		asked[i] = service.GroupVersion{GroupID: r.GetGroupID(), From: im.Version{ID: r.GetVersionID(), Number: r.GetVersion()}}
	}
	all, err := a.service.MemberChangesBatch(ctx, op, asked)
	if err != nil {
		return memberChangesBatch{}, err
	}
	out := memberChangesBatch{RespList: make(map[string]*memberChanges, len(all))}
	for id, c := range all {
		out.RespList[id] = membersChanged(c)
	}
	return out, nil
}

func (a *API) fullMemberIDs(ctx context.Context, op im.Operator, q *group.GetFullGroupMemberUserIDsReq) (fullUserIDs, error) {
	f, err := a.service.GroupMemberIDs(ctx, op, q.GroupID, q.IdHash)
	return fullUserIDs{headOf(f), f.IDs}, err
}

// fullGroupIDs is group.GetFullJoinGroupIDsResp.
type fullGroupIDs struct {
	listHead
	GroupIDs []string `json:"groupIDs"`
}

func (a *API) fullJoinedGroupIDs(ctx context.Context, op im.Operator, q *group.GetFullJoinGroupIDsReq) (fullGroupIDs, error) {
	f, err := a.service.JoinedGroupIDs(ctx, op, q.UserID, q.IdHash)
	return fullGroupIDs{headOf(f), f.IDs}, err
}
