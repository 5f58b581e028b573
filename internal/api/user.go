package api

import (
	"context"

	"github.com/openimsdk/protocol/sdkws"
	"github.com/openimsdk/protocol/user"

	"parley/internal/im"
)

// Users is the accounts' records.
type Users interface {
	// RegisterUsers creates accounts, all or none.
	RegisterUsers(ctx context.Context, op im.Operator, users []im.User) error
	// Users returns the users that exist among ids, each once.
	Users(ctx context.Context, ids []string) ([]im.User, error)
	// UpdateUserInfo changes those fields of a profile that are not empty.
	UpdateUserInfo(ctx context.Context, op im.Operator, userID string, p im.UserPatch) error
	// UpdateUserInfoEx changes a profile.
	UpdateUserInfoEx(ctx context.Context, op im.Operator, userID string, p im.UserPatch) error
	// SetGlobalReceive sets how a user gets messages.
	SetGlobalReceive(ctx context.Context, op im.Operator, userID string, opt int32) error
	// Registered tells for each id whether there is such a user.
	Registered(ctx context.Context, op im.Operator, ids []string) ([]bool, error)
}

func (a *API) registerUsers(ctx context.Context, op im.Operator, q *user.UserRegisterReq) (none, error) {
	users := make([]im.User, len(q.Users)) // no entry is null: Check
	for i, u := range q.Users {
		users[i] = im.User{
			UserID: u.UserID, Nickname: u.Nickname, FaceURL: u.FaceURL, Ex: u.Ex,
			AppMangerLevel: u.AppMangerLevel, GlobalRecvMsgOpt: u.GlobalRecvMsgOpt,
		}
	}
	return none{}, a.service.RegisterUsers(ctx, op, users)
}

// usersInfo is user.GetDesignateUsersResp.
type usersInfo struct {
	UsersInfo []im.User `json:"usersInfo"`
}

func (a *API) usersInfo(ctx context.Context, _ im.Operator, q *usersReq) (usersInfo, error) {
	users, err := a.service.Users(ctx, q.UserIDs)
	return usersInfo{users}, err
}

// updateUser changes what is not empty; it cannot clear a field.
func (a *API) updateUser(ctx context.Context, op im.Operator, q *user.UpdateUserInfoReq) (none, error) {
	u := q.UserInfo
	p := im.UserPatch{Nickname: filled(&u.Nickname), FaceURL: filled(&u.FaceURL), Ex: filled(&u.Ex), GlobalRecvMsgOpt: filled(&u.GlobalRecvMsgOpt)}
	return none{}, a.service.UpdateUserInfo(ctx, op, u.UserID, p)
}

// filled returns v, or nil if it points to a zero value.
func filled[T comparable](v *T) *T {
	var zero T
	if *v == zero {
		return nil
	}
	return v
}

// updateUserEx changes what was supplied, empty values included.
func (a *API) updateUserEx(ctx context.Context, op im.Operator, q *user.UpdateUserInfoExReq) (none, error) {
	return none{}, a.service.UpdateUserInfoEx(ctx, op, q.UserInfo.UserID, patch(q.UserInfo))
}

func patch(u *sdkws.UserInfoWithEx) im.UserPatch {
	return im.UserPatch{
		Nickname: u.Nickname.GetValuePtr(), FaceURL: u.FaceURL.GetValuePtr(),
		Ex: u.Ex.GetValuePtr(), GlobalRecvMsgOpt: u.GlobalRecvMsgOpt.GetValuePtr(),
	}
}

// accountStatus is user.AccountCheckRespSingleUserStatus.
type accountStatus struct {
	UserID        string `json:"userID"`
	AccountStatus int32  `json:"accountStatus"` // 1 registered, 0 not
}

// accountStatuses is user.AccountCheckResp.
type accountStatuses struct {
	Results []accountStatus `json:"results"`
}

func (a *API) accountCheck(ctx context.Context, op im.Operator, q *user.AccountCheckReq) (accountStatuses, error) {
	registered, err := a.service.Registered(ctx, op, q.CheckUserIDs)
	if err != nil {
		return accountStatuses{}, err
	}
	var out accountStatuses
	for i, id := range q.CheckUserIDs {
		s := accountStatus{UserID: id}
		if registered[i] {
			s.AccountStatus = 1
		}
		out.Results = append(out.Results, s)
	}
	return out, nil
}
