package api

import (
	"context"
	"time"

	"github.com/openimsdk/protocol/auth"

	"parley/internal/im"
	"parley/internal/service"
)

// Accounts is who somebody is, and what that allows.
type Accounts interface {
	// Authenticate returns what a token says, or an error of a token kind.
	Authenticate(ctx context.Context, token string) (im.Credential, error)
	// IsAdmin reports whether a user is an app administrator.
	IsAdmin(userID string) bool
	// AdminToken gives an administrator a token in exchange for the server's secret.
	AdminToken(ctx context.Context, secret, userID string) (service.NewToken, error)
	// UserToken gives out a token for a user.
	UserToken(ctx context.Context, op im.Operator, userID string, p im.Platform) (service.NewToken, error)
	// ForceLogout ends a user's connections and tokens of a platform.
	ForceLogout(ctx context.Context, op im.Operator, userID string, p im.Platform) error
}

func (a *API) adminToken(ctx context.Context, _ im.Operator, q *auth.GetAdminTokenReq) (service.NewToken, error) {
	return a.service.AdminToken(ctx, q.Secret, q.UserID)
}

func (a *API) userToken(ctx context.Context, op im.Operator, q *auth.GetUserTokenReq) (service.NewToken, error) {
	return a.service.UserToken(ctx, op, q.UserID, im.Platform(q.PlatformID))
}

// parsedToken is auth.ParseTokenResp. Here the expiry is a time in Unix seconds,
// while a new token's is a duration.
type parsedToken struct {
	UserID            string `json:"userID"`
	PlatformID        int32  `json:"platformID"`
	ExpireTimeSeconds int64  `json:"expireTimeSeconds"`
}

func (a *API) parseToken(ctx context.Context, _ im.Operator, q *auth.ParseTokenReq) (parsedToken, error) {
	cred, err := a.service.Authenticate(ctx, q.Token)
	if err != nil {
		return parsedToken{}, err
	}
	return parsedToken{
		UserID: cred.UserID, PlatformID: int32(cred.Platform), ExpireTimeSeconds: time.UnixMilli(cred.ExpiresAt).Unix(),
	}, nil
}

func (a *API) forceLogout(ctx context.Context, op im.Operator, q *auth.ForceLogoutReq) (none, error) {
	return none{}, a.service.ForceLogout(ctx, op, q.UserID, im.Platform(q.PlatformID))
}
