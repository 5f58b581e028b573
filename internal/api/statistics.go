package api

import (
	"context"

	"github.com/openimsdk/protocol/group"
	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/user"

	"parley/internal/im"
	"parley/internal/service"
)

// Statistics counts users, groups and messages.
type Statistics interface {
	// UserGrowth counts registrations.
	UserGrowth(ctx context.Context, op im.Operator, from, to int64) (service.Growth, error)
	// GroupGrowth counts groups that were created.
	GroupGrowth(ctx context.Context, op im.Operator, from, to int64) (service.Growth, error)
	// ActiveUsers ranks those who send messages.
	ActiveUsers(ctx context.Context, op im.Operator, q service.ActivityQuery, p service.Page) (service.Activity, []service.ActiveUser, error)
	// ActiveGroups ranks the groups by their messages.
	ActiveGroups(ctx context.Context, op im.Operator, q service.ActivityQuery, p service.Page) (service.Activity, []service.ActiveGroup, error)
}

// growth is user.UserRegisterCountResp and group.GroupCreateCountResp.
type growth struct {
	Total  int64            `json:"total"`
	Before int64            `json:"before"`
	Count  map[string]int64 `json:"count,omitempty"`
}

func (a *API) userGrowth(ctx context.Context, op im.Operator, q *user.UserRegisterCountReq) (growth, error) {
	g, err := a.service.UserGrowth(ctx, op, q.Start, q.End)
	return growth{g.Total, g.Before, g.PerDay}, err
}

func (a *API) groupGrowth(ctx context.Context, op im.Operator, q *group.GroupCreateCountReq) (growth, error) {
	g, err := a.service.GroupGrowth(ctx, op, q.Start, q.End)
	return growth{g.Total, g.Before, g.PerDay}, err
}

// activeUser is msg.ActiveUser.
type activeUser struct {
	User  *im.User `json:"user"`
	Count int64    `json:"count"`
}

// activeUsers is msg.GetActiveUserResp.
type activeUsers struct {
	MsgCount  int64            `json:"msgCount"`
	UserCount int64            `json:"userCount"`
	DateCount map[string]int64 `json:"dateCount,omitempty"`
	Users     []activeUser     `json:"users"`
}

func (a *API) activeUsers(ctx context.Context, op im.Operator, q *msg.GetActiveUserReq) (activeUsers, error) {
	sum, ranked, err := a.service.ActiveUsers(ctx, op, service.ActivityQuery{
		From: q.Start, To: q.End, Groups: q.Group, Ascending: q.Ase,
	}, page(q.Pagination))
	out := activeUsers{MsgCount: sum.Messages, UserCount: sum.Members, DateCount: sum.PerDay}
	for i := range ranked {
		out.Users = append(out.Users, activeUser{&ranked[i].User, ranked[i].Count})
	}
	return out, err
}

// activeGroup is msg.ActiveGroup.
type activeGroup struct {
	Group *im.Group `json:"group"`
	Count int64     `json:"count"`
}

// activeGroups is msg.GetActiveGroupResp.
type activeGroups struct {
	MsgCount   int64            `json:"msgCount"`
	GroupCount int64            `json:"groupCount"`
	DateCount  map[string]int64 `json:"dateCount,omitempty"`
	Groups     []activeGroup    `json:"groups"`
}

func (a *API) activeGroups(ctx context.Context, op im.Operator, q *msg.GetActiveGroupReq) (activeGroups, error) {
	sum, ranked, err := a.service.ActiveGroups(ctx, op, service.ActivityQuery{From: q.Start, To: q.End, Ascending: q.Ase}, page(q.Pagination))
	out := activeGroups{MsgCount: sum.Messages, GroupCount: sum.Members, DateCount: sum.PerDay}
	for i := range ranked {
		out.Groups = append(out.Groups, activeGroup{&ranked[i].Group, ranked[i].Count})
	}
	return out, err
}
