package service

import (
	"context"
	"math"

	"parley/internal/im"
	"parley/internal/store"
)

// maxPushToken bounds the address of a device; the longest in use have some 250 bytes.
const maxPushToken = 2048

// SetPushToken notes where a user's device of a platform is reached by the vendor's
// push service, for a lifetime in seconds; 0: until it is replaced (rest-third-admin.md 1).
func (s *Service) SetPushToken(ctx context.Context, op im.Operator, userID string, p im.Platform, token string, life int64) error {
	const name = "service.SetPushToken"
	if err := self(op, name, userID); err != nil {
		return err
	}
	switch {
	case !p.Valid():
		return im.Errorf(im.Invalid, name, "unknown platformID %d", p)
	case !storable(token, maxPushToken):
		return im.Errorf(im.Invalid, name, "a token has 1 to %d bytes and is UTF-8 without a zero byte", maxPushToken)
	case life < 0:
		return im.Errorf(im.Invalid, name, "expireTime is negative")
	}
	if _, err := s.user(ctx, userID); err != nil {
		return err
	}
	t := im.PushToken{UserID: userID, Platform: p, Token: token, RegisteredAt: s.nowMs()}
	if now := s.nowMs(); life > 0 {
		t.ExpiresAt = math.MaxInt64
		if life < (math.MaxInt64-now)/1000 {
			t.ExpiresAt = now + life*1000
		}
	}
	return s.store.Update(ctx, func(tx store.Tx) error { return tx.PutPushToken(ctx, t) })
}

// DeletePushToken forgets where a user's device of a platform is reached (gateway.md 4, request 2003).
func (s *Service) DeletePushToken(ctx context.Context, op im.Operator, userID string, p im.Platform) error {
	if err := self(op, "service.DeletePushToken", userID); err != nil {
		return err
	}
	return s.store.Update(ctx, func(tx store.Tx) error { return tx.DeletePushToken(ctx, userID, p, "", 0) })
}

// SetAppBadge sets the number on the icon of a user's application, from which
// offline pushes count on.
func (s *Service) SetAppBadge(ctx context.Context, op im.Operator, userID string, n int32) error {
	const name = "service.SetAppBadge"
	if err := self(op, name, userID); err != nil {
		return err
	}
	if n < 0 {
		return im.Errorf(im.Invalid, name, "appUnreadCount is negative")
	}
	if _, err := s.user(ctx, userID); err != nil {
		return err
	}
	return s.store.Update(ctx, func(tx store.Tx) error { return tx.SetBadge(ctx, userID, int64(n)) })
}
