package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/wire"
)

// TestLoginPolicies logs one user in on several devices under each policy, with tokens
// from the API: whose connection is ended, what becomes of whose token, and who still
// gets messages (gateway.md 7.3, A and B together).
func TestLoginPolicies(t *testing.T) {
	const (
		ios, android, windows, mac = im.PlatformIOS, im.PlatformAndroid, im.PlatformWindows, im.PlatformOSX
		web, ipad                  = im.PlatformWeb, im.PlatformIPad
		// A kicked token is forgotten when the next one is made.
		kicked, forgotten = 1506, 1507
	)
	for _, tc := range []struct {
		policy  im.LoginPolicy
		devices []im.Platform // in the order of their logins
		gone    map[int]int   // which of them are logged out, and the code of their tokens
	}{
		{im.PolicyNoKick, []im.Platform{android, ios, android, windows}, nil},
		{im.PolicySameTerminal, []im.Platform{android, ios, web, android}, map[int]int{0: kicked}},
		{im.PolicySameClass, []im.Platform{android, ipad, windows, ios, mac}, map[int]int{0: forgotten, 2: kicked}},
		{im.PolicySameClass, []im.Platform{web, android, web}, map[int]int{0: kicked}},
		{im.PolicyPCFree, []im.Platform{android, windows, mac}, nil},
		{im.PolicyPCFree, []im.Platform{android, windows, ios, mac, web}, map[int]int{0: forgotten, 2: kicked}},
	} {
		t.Run(fmt.Sprintf("%d %v", tc.policy, tc.devices), func(t *testing.T) {
			t.Parallel()
			s := imtest.Start(t, func(c *config.Config) { c.MultiLogin.Policy = int(tc.policy) })
			register(t, s, "ann", "bob")
			bob := login(t, s, "bob", imtest.DialOptions{})
			var devices []user
			for _, p := range tc.devices {
				devices = append(devices, login(t, s, "ann", imtest.DialOptions{Platform: p}))
				anotherSecond()
			}
			hello := bob.Text("ann", "", "hello")
			if _, err := bob.Send(hello); err != nil {
				t.Fatal(err)
			}
			for i, d := range devices {
				code, gone := tc.gone[i]
				if !gone {
					d.next(t, fmt.Sprintf("the message to device %d", i), text(hello.ClientMsgID))
				} else {
					select {
					case <-d.Ended():
					case <-time.After(10 * time.Second):
						t.Fatalf("device %d is still connected", i)
					}
					if f := d.Frames(); len(f) != 1 || f[0].ReqIdentifier != wire.ReqKick {
						t.Errorf("device %d was told %+v", i, f)
					}
				}
				if got := codeOf(s.Post(d.token, "/user/get_users_info", imtest.H{"userIDs": []string{"ann"}}, nil)); got != code {
					t.Errorf("token of device %d: code %d, want %d", i, got, code)
				}
			}
		})
	}
}

// anotherSecond waits for the next second: two tokens for one platform in the same
// second are one token, whose connections do not end each other.
func anotherSecond() {
	for now := time.Now().Unix(); time.Now().Unix() == now; {
		time.Sleep(20 * time.Millisecond)
	}
}

// codeOf returns the code of an answer: 0 for a success, -1 for no answer.
func codeOf(err error) int {
	var refused *imtest.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &refused):
		return refused.Code
	}
	return -1
}
