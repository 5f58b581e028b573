package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/internal/im"
	"parley/internal/store"
)

// TestKickedByNew is the table of gateway.md 7.3 A. Tokens are written
// "<platform><letter>", oldest first.
func TestKickedByNew(t *testing.T) {
	platforms := map[string]im.Platform{
		"ios": im.PlatformIOS, "android": im.PlatformAndroid, "win": im.PlatformWindows, "mac": im.PlatformOSX, "web": im.PlatformWeb, "ipad": im.PlatformIPad,
	}
	for _, tc := range []struct {
		policy im.LoginPolicy
		live   string
		p      string
		want   string
	}{
		{im.PolicyNoKick, "ios1 ios2 android1", "ios", "ios1"},
		{im.PolicyNoKick, "ios1 android1 android2 android3", "ios", "android1"},
		{im.PolicySameTerminal, "ios1 ios2 android1", "ios", "ios1 ios2"},
		{im.PolicySameTerminal, "android1 android2", "ios", "android1"},
		{im.PolicySameTerminal, "", "ios", ""},
		{im.PolicySameClass, "ios1 android1 web1", "ios", "ios1 android1"},
		{im.PolicySameClass, "win1 mac1 web1", "ios", "win1"},
		{im.PolicyPCFree, "win1 mac1 ios1 web1", "android", "ios1 web1"},
		{im.PolicyPCFree, "win1 ios1 android1 ipad1", "win", "ios1 ipad1"},
		{im.PolicyPCFree, "ios1 ipad1 win1", "mac", "ios1"},
	} {
		t.Run(fmt.Sprintf("%d %s+%s", tc.policy, tc.live, tc.p), func(t *testing.T) {
			var live []store.Token
			for _, name := range strings.Fields(tc.live) {
				live = append(live, store.Token{Platform: platforms[strings.TrimRight(name, "0123456789")], Hash: name})
			}
			s := &Service{o: Options{Policy: tc.policy, MaxPerEnd: 2}}
			var got []string
			for _, k := range s.kickedByNew(live, platforms[tc.p]) {
				got = append(got, k.Hash)
			}
			if !slices.Equal(got, strings.Fields(tc.want)) {
				t.Errorf("kicked %v, want %s", got, tc.want)
			}
		})
	}
}

func TestReplacedAdminTokensLiveOnAWhile(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	s := &Service{o: Options{Policy: im.PolicySameTerminal}}
	live := []store.Token{
		{Platform: im.PlatformAdmin, Hash: "old", ValidTo: now.Add(time.Hour).UnixMilli()},
		{Platform: im.PlatformAdmin, Hash: "ending", ValidTo: now.Add(time.Minute).UnixMilli()},
		{Platform: im.PlatformWeb, Hash: "web", ValidTo: now.Add(time.Hour).UnixMilli()},
	}
	got := s.replaced(live, im.PlatformAdmin, now)
	if len(got) != 1 || got[0].Hash != "old" || got[0].State != store.TokenNormal || got[0].ValidTo != now.Add(5*time.Minute).UnixMilli() {
		t.Errorf("got %+v", got)
	}
	if got := s.replaced(live[:2], im.PlatformWeb, now); len(got) != 0 {
		t.Errorf("a user token changes administrators' tokens: %+v", got)
	}
}

func TestParseToken(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	s := &Service{o: Options{Secret: "right", TokenLife: time.Hour, Now: func() time.Time { return now }}}
	good, err := s.signToken("u", im.PlatformIOS, now)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(method jwt.SigningMethod, key any, c jwt.MapClaims) string {
		text, err := jwt.NewWithClaims(method, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	claimsFor := func(exp, nbf int64) jwt.MapClaims {
		c := jwt.MapClaims{"UserID": "u", "PlatformID": 1, "exp": exp}
		if nbf != 0 {
			c["nbf"] = nbf
		}
		return c
	}
	later, earlier := now.Unix()+60, now.Unix()-60
	for name, tc := range map[string]struct {
		token string
		kind  im.Kind
	}{
		"garbage":           {"garbage", im.TokenMalformed},
		"empty":             {"", im.TokenMalformed},
		"three dots":        {"a.b.c", im.TokenMalformed},
		"expired":           {sign(jwt.SigningMethodHS256, []byte("right"), claimsFor(earlier, 0)), im.TokenExpired},
		"not yet":           {sign(jwt.SigningMethodHS256, []byte("right"), claimsFor(later, later)), im.TokenNotYetValid},
		"foreign":           {sign(jwt.SigningMethodHS256, []byte("wrong"), claimsFor(later, 0)), im.TokenUnknown},
		"foreign, expired":  {sign(jwt.SigningMethodHS256, []byte("wrong"), claimsFor(earlier, 0)), im.TokenUnknown},
		"no algorithm":      {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claimsFor(later, 0)), im.TokenUnknown},
		"another algorithm": {sign(jwt.SigningMethodHS512, []byte("right"), claimsFor(later, 0)), im.TokenUnknown},
		"no user":           {sign(jwt.SigningMethodHS256, []byte("right"), jwt.MapClaims{"PlatformID": 1, "exp": later}), im.TokenMalformed},
		"no expiry":         {sign(jwt.SigningMethodHS256, []byte("right"), jwt.MapClaims{"UserID": "u", "PlatformID": 1}), im.TokenMalformed},
		"changed":           {good[:len(good)-2] + "xx", im.TokenUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.parseToken(tc.token); !im.IsKind(err, tc.kind) {
				t.Errorf("kind %d (%v), want %d", im.KindOf(err), err, tc.kind)
			}
		})
	}
	c, err := s.parseToken(good)
	if err != nil || c.UserID != "u" || c.PlatformID != 1 || c.ExpiresAt.Unix() != now.Unix()+3600 || c.IssuedAt.Unix() != now.Unix()-5 {
		t.Errorf("claims %+v, %v", c, err)
	}
}

func FuzzParseToken(f *testing.F) {
	s := &Service{o: Options{Secret: "right", TokenLife: time.Hour, Now: time.Now}}
	good, err := s.signToken("u", im.PlatformIOS, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := s.parseToken(token)
		if err == nil && token != good && c.UserID != "u" {
			t.Errorf("accepted %q", token)
		}
	})
}
