package service

import (
	"context"
	"crypto/subtle"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// NewToken is a token and how long it lives.
type NewToken struct {
	Token             string `json:"token"`
	ExpireTimeSeconds int64  `json:"expireTimeSeconds"`
}

// AdminToken gives an app administrator a token for platform 10 in exchange for
// the server's secret (rest-auth-user.md 3).
func (s *Service) AdminToken(ctx context.Context, secret, userID string) (NewToken, error) {
	const op = "service.AdminToken"
	if subtle.ConstantTimeCompare([]byte(secret), []byte(s.o.Secret)) != 1 {
		return NewToken{}, im.Errorf(im.Denied, op, "secret invalid")
	}
	if !s.IsAdmin(userID) {
		return NewToken{}, im.Errorf(im.Invalid, op, "userID is not one of the app administrators")
	}
	return s.tokenFor(ctx, userID, im.PlatformAdmin)
}

// UserToken gives out a token for a user (rest-auth-user.md 3). For administrators.
func (s *Service) UserToken(ctx context.Context, op im.Operator, userID string, p im.Platform) (NewToken, error) {
	const name = "service.UserToken"
	if err := admin(op, name); err != nil {
		return NewToken{}, err
	}
	switch {
	case p == im.PlatformAdmin:
		return NewToken{}, im.Errorf(im.Denied, name, "platformID 10 is for administrators")
	case s.IsAdmin(userID):
		return NewToken{}, im.Errorf(im.Denied, name, "administrators get their token with the secret")
	}
	u, err := s.user(ctx, userID)
	if err != nil {
		return NewToken{}, err
	}
	if u.AppMangerLevel >= im.LevelNotificationAccount {
		return NewToken{}, im.Errorf(im.Invalid, name, "notification accounts get no token")
	}
	if !p.Valid() {
		return NewToken{}, im.Errorf(im.Invalid, name, "platformID is not one of 1 to 12")
	}
	return s.tokenFor(ctx, userID, p)
}

// MintToken gives out a token to whoever runs the server (parley token).
func (s *Service) MintToken(ctx context.Context, userID string, p im.Platform) (NewToken, error) {
	const op = "service.MintToken"
	if !p.Valid() || (p == im.PlatformAdmin) != s.IsAdmin(userID) {
		return NewToken{}, im.Errorf(im.Invalid, op, "platform %d is not for user %q", p, userID)
	}
	return s.tokenFor(ctx, userID, p)
}

func (s *Service) tokenFor(ctx context.Context, userID string, p im.Platform) (NewToken, error) {
	if _, err := s.user(ctx, userID); err != nil {
		return NewToken{}, err
	}
	t, err := s.createToken(ctx, userID, p)
	if err != nil {
		return NewToken{}, err
	}
	return NewToken{Token: t, ExpireTimeSeconds: int64(s.o.TokenLife / time.Second)}, nil
}

// ForceLogout ends all connections of a user on a platform and makes its tokens
// invalid. For administrators; the user need not exist.
func (s *Service) ForceLogout(ctx context.Context, op im.Operator, userID string, p im.Platform) error {
	if err := admin(op, "service.ForceLogout"); err != nil {
		return err
	}
	// Tokens first: a client that reconnects at once is refused.
	err := s.kickTokens(ctx, userID, func(t store.Token) bool { return t.Platform == p })
	s.presence.Kick(userID, p, op.OperationID)
	return err
}
