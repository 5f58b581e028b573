package service

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/maypok86/otter/v2"

	"parley/internal/im"
	"parley/internal/store"
)

const (
	// tokenCacheLife is how long the state of a token is believed. Changes made by
	// this process act at once; those of another (parley token) within this time.
	tokenCacheLife = 2 * time.Second
	// replacedAdminLife is how long an administrator's token works on after a newer one was made.
	replacedAdminLife = 5 * time.Minute
	// issuedBefore allows for clocks that differ a little.
	issuedBefore = 5 * time.Second
)

// claims are the contents of a token; names and types are the wire's (gateway.md 7.1).
type claims struct {
	UserID     string
	PlatformID int32
	jwt.RegisteredClaims
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawStdEncoding.EncodeToString(sum[:])
}

func (s *Service) signToken(userID string, p im.Platform, now time.Time) (string, error) {
	c := claims{UserID: userID, PlatformID: int32(p), RegisteredClaims: jwt.RegisteredClaims{
		ExpiresAt: jwt.NewNumericDate(now.Add(s.o.TokenLife)), IssuedAt: jwt.NewNumericDate(now.Add(-issuedBefore)),
	}}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(s.o.Secret))
}

// parseToken checks form, signature and times (gateway.md 7.2).
func (s *Service) parseToken(token string) (*claims, error) {
	const op = "service.parseToken"
	c := new(claims)
	_, err := jwt.ParseWithClaims(token, c, func(*jwt.Token) (any, error) { return []byte(s.o.Secret), nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithTimeFunc(s.o.Now))
	kind := im.TokenUnknown
	switch {
	case err == nil && c.UserID != "" && c.ExpiresAt != nil:
		return c, nil
	case err == nil, errors.Is(err, jwt.ErrTokenMalformed):
		kind = im.TokenMalformed
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		kind = im.TokenExpired
	case errors.Is(err, jwt.ErrTokenNotValidYet) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		kind = im.TokenNotYetValid
	}
	detail := "no user or no expiry in the token"
	if err != nil {
		detail = err.Error()
	}
	return nil, &im.Error{Kind: kind, Op: op, Detail: detail}
}

// Authenticate returns whose token it is, or why it is refused (gateway.md 7.2).
func (s *Service) Authenticate(ctx context.Context, token string) (im.Credential, error) {
	const op = "service.Authenticate"
	c, err := s.parseToken(token)
	if err != nil {
		return im.Credential{}, err
	}
	cred := im.Credential{
		UserID: c.UserID, Platform: im.Platform(c.PlatformID), TokenHash: hashToken(token), ExpiresAt: c.ExpiresAt.UnixMilli(),
	}
	state, err := s.tokenState(ctx, cred)
	switch {
	case im.IsKind(err, im.NotFound):
		return im.Credential{}, im.Errorf(im.TokenNotExist, op, "the token is not among those given out")
	case err != nil:
		return im.Credential{}, err
	case state == store.TokenKicked:
		return im.Credential{}, im.Errorf(im.TokenKicked, op, "the token was kicked")
	case state != store.TokenNormal:
		return im.Credential{}, im.Errorf(im.TokenUnknown, op, "unknown token state")
	}
	return cred, nil
}

func (s *Service) tokenState(ctx context.Context, c im.Credential) (store.TokenState, error) {
	return s.caches.tokens.Get(ctx, c.TokenHash, otter.LoaderFunc[string, store.TokenState](
		func(ctx context.Context, hash string) (store.TokenState, error) {
			t, err := s.store.Token(ctx, c.UserID, c.Platform, hash)
			if err != nil {
				return 0, err
			}
			if t.ValidTo <= s.nowMs() {
				return 0, im.Errorf(im.NotFound, "service.tokenState", "the token has been replaced")
			}
			return t.State, nil
		}))
}

// createToken makes a token under the login policy (gateway.md 7.3 A).
func (s *Service) createToken(ctx context.Context, userID string, p im.Platform) (string, error) {
	const op = "service.createToken"
	now := s.o.Now()
	token, err := s.signToken(userID, p, now)
	if err != nil {
		return "", &im.Error{Op: op, Err: err}
	}
	fresh := store.Token{
		UserID: userID, Platform: p, Hash: hashToken(token), State: store.TokenNormal,
		CreatedAt: now.UnixMilli(), ValidTo: now.Add(s.o.TokenLife).UnixMilli(),
	}
	var changed []string
	err = s.store.Update(ctx, func(tx store.Tx) error {
		changed = []string{fresh.Hash}
		all, err := tx.Tokens(ctx, userID)
		if err != nil {
			return err
		}
		var live []store.Token
		for _, t := range all {
			if t.State == store.TokenNormal && t.ValidTo > now.UnixMilli() {
				live = append(live, t)
				continue
			}
			if err := tx.DeleteToken(ctx, t); err != nil {
				return err
			}
			changed = append(changed, t.Hash)
		}
		for _, t := range s.replaced(live, p, now) {
			if t.Hash == fresh.Hash { // two tokens of one second are one and the same
				continue
			}
			if err := tx.PutToken(ctx, t); err != nil {
				return err
			}
			changed = append(changed, t.Hash)
		}
		return tx.PutToken(ctx, fresh)
	})
	if err != nil {
		return "", err
	}
	s.forgetTokens(changed...)
	return token, nil
}

func (s *Service) forgetTokens(hashes ...string) {
	for _, h := range hashes {
		s.caches.tokens.Invalidate(h)
	}
}

// replaced returns the live tokens (oldest first) that a new one for platform p
// changes, as they are to be stored. Of several the newest survives; the
// reference leaves open which.
func (s *Service) replaced(live []store.Token, p im.Platform, now time.Time) []store.Token {
	var out []store.Token
	if p == im.PlatformAdmin {
		// Not kicked: whoever still uses one has some minutes to fetch the new one.
		limit := now.Add(replacedAdminLife).UnixMilli()
		for _, t := range live {
			if t.Platform == im.PlatformAdmin && t.ValidTo > limit {
				t.ValidTo = limit
				out = append(out, t)
			}
		}
		return out
	}
	live = slices.DeleteFunc(slices.Clone(live), func(t store.Token) bool { return t.Platform == im.PlatformAdmin })
	for _, t := range s.kickedByNew(live, p) {
		t.State = store.TokenKicked
		out = append(out, t)
	}
	return out
}

// kickedByNew is the table of gateway.md 7.3 A. Live tokens come oldest first.
func (s *Service) kickedByNew(live []store.Token, p im.Platform) []store.Token {
	kicked := map[string]bool{}
	// keep kicks all tokens of a set but the newest n.
	keep := func(n int, in func(store.Token) bool) {
		var set []store.Token
		for _, t := range live {
			if in(t) {
				set = append(set, t)
			}
		}
		for _, t := range set[:max(0, len(set)-n)] {
			kicked[t.Hash] = true
		}
	}
	switch s.o.Policy {
	case im.PolicyNoKick:
		for q := im.PlatformIOS; q <= im.PlatformBot; q++ {
			n := s.o.MaxPerEnd
			if q == p {
				n-- // the new one counts
			}
			keep(max(0, n), func(t store.Token) bool { return t.Platform == q })
		}
	case im.PolicySameTerminal:
		for q := im.PlatformIOS; q <= im.PlatformBot; q++ {
			n := 1
			if q == p {
				n = 0
			}
			keep(n, func(t store.Token) bool { return t.Platform == q })
		}
	case im.PolicySameClass:
		classes := map[im.PlatformClass]bool{}
		for _, t := range live {
			classes[t.Platform.Class()] = true
		}
		for class := range classes {
			n := 1
			if class == p.Class() {
				n = 0
			}
			keep(n, func(t store.Token) bool { return t.Platform.Class() == class })
		}
	case im.PolicyPCFree:
		notPC := func(t store.Token) bool { return t.Platform.Class() != im.ClassPC }
		if p.Class() != im.ClassPC {
			keep(0, notPC)
			break
		}
		// One survives in total, an Android one preferred.
		android := func(t store.Token) bool { return t.Platform == im.PlatformAndroid }
		if slices.ContainsFunc(live, android) {
			keep(1, android)
			keep(0, func(t store.Token) bool { return notPC(t) && !android(t) })
		} else {
			keep(1, notPC)
		}
	}
	return slices.DeleteFunc(slices.Clone(live), func(t store.Token) bool { return !kicked[t.Hash] })
}

// LoggedIn records what a new connection means for tokens (gateway.md 7.3 B):
// kicked are the credentials of the connections that it ended.
func (s *Service) LoggedIn(ctx context.Context, newcomer im.Credential, kicked []im.Credential) error {
	var doomed func(store.Token) bool
	switch s.o.Policy {
	case im.PolicySameTerminal:
		if len(kicked) == 0 {
			return nil
		}
		doomed = func(t store.Token) bool { return t.Platform == newcomer.Platform }
	case im.PolicySameClass:
		if len(kicked) == 0 {
			return nil
		}
		doomed = func(t store.Token) bool {
			return slices.ContainsFunc(kicked, func(c im.Credential) bool { return c.TokenHash == t.Hash })
		}
	case im.PolicyPCFree:
		if newcomer.Platform.Class() == im.ClassPC {
			return nil
		}
		doomed = func(t store.Token) bool { return t.Platform == newcomer.Platform }
	default:
		return nil
	}
	return s.kickTokens(ctx, newcomer.UserID, func(t store.Token) bool { return doomed(t) && t.Hash != newcomer.TokenHash })
}

// kickTokens marks a user's normal tokens as kicked.
func (s *Service) kickTokens(ctx context.Context, userID string, doomed func(store.Token) bool) error {
	var changed []string
	err := s.store.Update(ctx, func(tx store.Tx) error {
		changed = nil
		all, err := tx.Tokens(ctx, userID)
		if err != nil {
			return err
		}
		for _, t := range all {
			if t.State != store.TokenNormal || !doomed(t) {
				continue
			}
			t.State = store.TokenKicked
			if err := tx.PutToken(ctx, t); err != nil {
				return err
			}
			changed = append(changed, t.Hash)
		}
		return nil
	})
	s.forgetTokens(changed...)
	return err
}
