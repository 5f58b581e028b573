package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/imtest"
	"parley/internal/im"
)

// TestAuthzTokens offers tokens that do not count to every route that asks for one,
// and to the gateway (rest-auth-user.md 2.2).
func TestAuthzTokens(t *testing.T) {
	t.Parallel()
	s := imtest.Start(t)
	register(t, s, ann)
	signed := func(secret string, life time.Duration) string {
		claims := jwt.MapClaims{"UserID": ann, "PlatformID": im.PlatformAndroid, "exp": time.Now().Add(life).Unix(), "iat": time.Now().Add(-2 * time.Hour).Unix()}
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	given := func(p im.Platform) string {
		token, err := s.UserToken(ann, p)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good, kicked := given(im.PlatformAndroid), given(im.PlatformWeb)
	if err := s.AsAdmin("/auth/force_logout", imtest.H{"userID": ann, "platformID": im.PlatformWeb}, nil); err != nil {
		t.Fatal(err)
	}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"UserID": imtest.AdminID, "PlatformID": 10}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]struct {
		token string
		code  int
	}{
		"expired":                  {signed(imtest.Secret, -time.Hour), 1501},
		"no token at all":          {"nonsense", 1503},
		"signed by another secret": {signed("another secret, as long as ours", time.Hour), 1505},
		"not signed":               {unsigned, 1505},
		"signed for another user":  {good[:strings.Index(good, ".")] + unsigned[strings.Index(unsigned, "."):] + good[strings.LastIndex(good, ".")+1:], 1505},
		"kicked":                   {kicked, 1506},
		"never given out":          {signed(imtest.Secret, time.Hour), 1507},
	}
	tried := 0
	for _, path := range routesOf(t) {
		if strings.HasPrefix(path, "/auth/get_admin_token") || strings.HasPrefix(path, "/auth/parse_token") {
			continue // public
		}
		for name, state := range states {
			var refused *imtest.Error
			if err := s.Post(state.token, path, imtest.H{}, nil); !errors.As(err, &refused) || refused.Code != state.code {
				t.Errorf("%s with a token that is %s: %v, want %d", path, name, err, state.code)
			}
			tried++
		}
	}
	if tried < 100*len(states) {
		t.Errorf("only %d requests", tried)
	}
	for name, state := range states {
		var refused *imtest.Refused
		o := imtest.DialOptions{Token: state.token}
		if name == "kicked" {
			o.Platform = im.PlatformWeb
		}
		c, err := imtest.Dial(context.Background(), s.WS, ann, o)
		if err == nil {
			c.Close()
		}
		if !errors.As(err, &refused) || refused.Code != state.code {
			t.Errorf("a connection with a token that is %s: %v, want %d", name, err, state.code)
		}
	}
	c, err := imtest.Dial(context.Background(), s.WS, ann, imtest.DialOptions{Token: good})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
