package api

import (
	"context"

	"github.com/openimsdk/protocol/user"

	"parley/internal/im"
	"parley/internal/service"
)

// UserLists is all accounts, and those that send notifications.
type UserLists interface {
	// UsersPage returns a page of the ordinary users, and their number.
	UsersPage(ctx context.Context, idPart, namePart string, p service.Page) ([]im.User, int, error)
	// UserIDsPage returns a page of all ids, and their number.
	UserIDsPage(ctx context.Context, p service.Page) ([]string, int, error)
	// AddNotificationAccount creates an account that sends notifications.
	AddNotificationAccount(ctx context.Context, op im.Operator, u im.User) (*im.User, error)
	// UpdateNotificationAccount renames an account or gives it a new face.
	UpdateNotificationAccount(ctx context.Context, op im.Operator, userID string, p im.UserPatch) error
	// NotificationAccounts returns a page of the accounts that send notifications, and their number.
	NotificationAccounts(ctx context.Context, op im.Operator, keyword string, level *int32, p service.Page) ([]im.User, int, error)
}

func (a *API) setGlobalReceive(ctx context.Context, op im.Operator, q *user.SetGlobalRecvMessageOptReq) (none, error) {
	return none{}, a.service.SetGlobalReceive(ctx, op, q.UserID, q.GlobalRecvMsgOpt)
}

// userPage is user.GetPaginationUsersResp.
type userPage struct {
	Total int       `json:"total"`
	Users []im.User `json:"users"`
}

func (a *API) users(ctx context.Context, op im.Operator, q *user.GetPaginationUsersReq) (userPage, error) {
	list, total, err := a.service.UsersPage(ctx, q.UserID, q.NickName, bulk(op, q.Pagination))
	return userPage{total, list}, err
}

// userIDPage is user.GetAllUserIDResp.
type userIDPage struct {
	Total   int      `json:"total"`
	UserIDs []string `json:"userIDs"`
}

func (a *API) allUserIDs(ctx context.Context, op im.Operator, q *user.GetAllUserIDReq) (userIDPage, error) {
	ids, total, err := a.service.UserIDsPage(ctx, bulk(op, q.Pagination))
	return userIDPage{total, ids}, err
}

// notificationAccount is user.NotificationAccountInfo, and user.AddNotificationAccountResp.
type notificationAccount struct {
	UserID         string `json:"userID"`
	FaceURL        string `json:"faceURL"`
	NickName       string `json:"nickName"`
	AppMangerLevel int32  `json:"appMangerLevel"`
}

func (a *API) addNotificationAccount(ctx context.Context, op im.Operator, q *user.AddNotificationAccountReq) (*notificationAccount, error) {
	u, err := a.service.AddNotificationAccount(ctx, op, im.User{
		UserID: q.UserID, Nickname: q.NickName, FaceURL: q.FaceURL, AppMangerLevel: q.AppMangerLevel,
	})
	if err != nil {
		return nil, err
	}
	return &notificationAccount{u.UserID, u.FaceURL, u.Nickname, u.AppMangerLevel}, nil
}

func (a *API) updateNotificationAccount(ctx context.Context, op im.Operator, q *user.UpdateNotificationAccountInfoReq) (none, error) {
	p := im.UserPatch{Nickname: filled(&q.NickName), FaceURL: filled(&q.FaceURL)}
	return none{}, a.service.UpdateNotificationAccount(ctx, op, q.UserID, p)
}

// notificationAccountPage is user.SearchNotificationAccountResp.
type notificationAccountPage struct {
	Total                int                   `json:"total"`
	NotificationAccounts []notificationAccount `json:"notificationAccounts"`
}

func (a *API) searchNotificationAccount(ctx context.Context, op im.Operator, q *user.SearchNotificationAccountReq) (notificationAccountPage, error) {
	list, total, err := a.service.NotificationAccounts(ctx, op, q.Keyword, q.AppManagerLevel, bulk(op, q.Pagination))
	out := notificationAccountPage{Total: total}
	for _, u := range list {
		out.NotificationAccounts = append(out.NotificationAccounts, notificationAccount{u.UserID, u.FaceURL, u.Nickname, u.AppMangerLevel})
	}
	return out, err
}
