package api

import (
	"context"

	"github.com/openimsdk/protocol/third"

	"parley/internal/im"
)

// PushTokens is where devices are reached that are offline.
type PushTokens interface {
	// SetPushToken notes the address of a user's device; life is in seconds, 0: for ever.
	SetPushToken(ctx context.Context, op im.Operator, userID string, p im.Platform, token string, life int64) error
	// SetAppBadge sets the number on the icon of a user's application.
	SetAppBadge(ctx context.Context, op im.Operator, userID string, n int32) error
}

func (a *API) setPushToken(ctx context.Context, op im.Operator, q *third.FcmUpdateTokenReq) (none, error) {
	return none{}, a.service.SetPushToken(ctx, op, q.Account, im.Platform(q.PlatformID), q.FcmToken, q.ExpireTime)
}

func (a *API) setAppBadge(ctx context.Context, op im.Operator, q *third.SetAppBadgeReq) (none, error) {
	return none{}, a.service.SetAppBadge(ctx, op, q.UserID, q.AppUnreadCount)
}
