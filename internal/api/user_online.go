package api

import (
	"context"
	"slices"

	"github.com/openimsdk/protocol/user"

	"parley/internal/im"
)

// Online is who is connected, and from where.
type Online interface {
	// OnlineStatuses tells for each id, in order, where the user is online.
	OnlineStatuses(ctx context.Context, op im.Operator, userIDs []string) ([]im.OnlineStatus, error)
	// Connections returns the live connections by user.
	Connections(ctx context.Context, op im.Operator, userIDs []string) (map[string][]im.Connection, error)
}

// onlineReq is msggateway.GetUsersOnlineStatusReq, whose Check these routes do not run.
type onlineReq struct {
	UserIDs []string `json:"userIDs"`
}

// Whether a user is online.
const (
	offline = 0
	online  = 1
)

// connection is msggateway.GetUsersOnlineStatusResp_SuccessDetail. Token names
// the token the connection was made with; it is not the token itself.
type connection struct {
	PlatformID   im.Platform `json:"platformID"`
	ConnID       string      `json:"connID"`
	IsBackground bool        `json:"isBackground"`
	Token        string      `json:"token"`
}

// onlineDetail is msggateway.GetUsersOnlineStatusResp_SuccessResult.
type onlineDetail struct {
	UserID               string       `json:"userID"`
	Status               int          `json:"status"`
	DetailPlatformStatus []connection `json:"detailPlatformStatus"`
}

// usersOnline answers with a bare array.
func (a *API) usersOnline(ctx context.Context, op im.Operator, q *onlineReq) ([]onlineDetail, error) {
	conns, err := a.service.Connections(ctx, op, q.UserIDs)
	if err != nil {
		return nil, err
	}
	var out []onlineDetail
	for _, id := range q.UserIDs {
		d := onlineDetail{UserID: id, Status: offline}
		for _, c := range conns[id] {
			d.Status = online
			d.DetailPlatformStatus = append(d.DetailPlatformStatus, connection{c.Platform, c.ID, c.Background, c.Token})
		}
		out = append(out, d)
	}
	return out, nil
}

// platformTokens is the connections of a user from one platform.
type platformTokens struct {
	PlatformID im.Platform `json:"platformID"`
	Total      int         `json:"total"`
	Token      []string    `json:"token"`
}

// onlineTokens is a user that is online.
type onlineTokens struct {
	UserID              string           `json:"userID"`
	Status              int              `json:"status"`
	SinglePlatformToken []platformTokens `json:"singlePlatformToken"`
}

// usersOnlineTokens answers with a bare array of those that are online.
func (a *API) usersOnlineTokens(ctx context.Context, op im.Operator, q *onlineReq) ([]onlineTokens, error) {
	conns, err := a.service.Connections(ctx, op, q.UserIDs)
	if err != nil {
		return nil, err
	}
	var out []onlineTokens
	for _, id := range q.UserIDs {
		if len(conns[id]) == 0 {
			continue
		}
		u := onlineTokens{UserID: id, Status: online}
		for _, c := range conns[id] {
			i := slices.IndexFunc(u.SinglePlatformToken, func(t platformTokens) bool { return t.PlatformID == c.Platform })
			if i < 0 {
				i = len(u.SinglePlatformToken)
				u.SinglePlatformToken = append(u.SinglePlatformToken, platformTokens{PlatformID: c.Platform})
			}
			t := &u.SinglePlatformToken[i]
			t.Total++
			t.Token = append(t.Token, c.Token)
		}
		slices.SortFunc(u.SinglePlatformToken, func(a, b platformTokens) int { return int(a.PlatformID - b.PlatformID) })
		out = append(out, u)
	}
	return out, nil
}

// onlineStatus is user.OnlineStatus.
type onlineStatus struct {
	UserID      string        `json:"userID"`
	Status      int           `json:"status"`
	PlatformIDs []im.Platform `json:"platformIDs"`
}

// statusList is user.GetUserStatusResp, and the answer of the two routes below.
type statusList struct {
	StatusList []onlineStatus `json:"statusList"`
}

func (a *API) usersStatus(ctx context.Context, op im.Operator, q *user.GetUserStatusReq) (statusList, error) {
	found, err := a.service.OnlineStatuses(ctx, op, q.UserIDs)
	var out statusList
	for _, s := range found {
		o := onlineStatus{s.UserID, offline, s.Platforms}
		if len(s.Platforms) > 0 {
			o.Status = online
		}
		out.StatusList = append(out.StatusList, o)
	}
	return out, err
}

// subscribeStatus does nothing: subscription is a request on the connection.
func (a *API) subscribeStatus(context.Context, im.Operator, *user.SubscribeOrCancelUsersStatusReq) (statusList, error) {
	return statusList{}, nil
}

// subscribedStatus does nothing either.
func (a *API) subscribedStatus(context.Context, im.Operator, *user.GetSubscribeUsersStatusReq) (statusList, error) {
	return statusList{}, nil
}
