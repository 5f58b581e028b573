package e2e

import (
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
)

// TestEndpointLife adds, changes and removes an endpoint and rotates its secret, and looks
// at what comes over the wire: where to, and signed by whom (webhook-delivery.md 6.2, 6.9).
func TestEndpointLife(t *testing.T) {
	t.Parallel()
	one, other := imtest.ReceiveHooks(t), imtest.ReceiveHooks(t)
	s := imtest.Start(t, func(c *config.Config) { c.Webhooks.AllowPrivate = true })
	var made struct{ EndpointID, Secret string }
	must(t, s.AsAdmin("/webhook/add_endpoint", imtest.H{"url": one.URL + "/in", "commands": []string{"afterUpdateUserInfoEx"}}, &made))
	register(t, s, "ann")
	n := 0
	// told makes an event and returns it as a receiver got it.
	told := func(by *imtest.Hooks) imtest.Hook {
		t.Helper()
		n++
		mark := strings.Repeat("x", n)
		must(t, s.AsAdmin("/user/update_user_info_ex", imtest.H{"userInfo": imtest.H{"userID": "ann", "ex": mark}}, nil))
		return by.Wait(t, im.AfterUpdateUserInfoEx.String(), func(k imtest.Hook) bool { return k.Body["ex"] == mark })
	}
	// signed holds the signatures of a callback against the secrets that should have made them.
	signed := func(k imtest.Hook, secrets ...string) {
		t.Helper()
		signatures := strings.Fields(k.Header.Get("webhook-signature"))
		if len(signatures) != len(secrets) {
			t.Fatalf("%d signatures by %d secrets", len(signatures), len(secrets))
		}
		for i, secret := range secrets {
			library, err := standardwebhooks.NewWebhook(secret)
			must(t, err)
			k.Header.Set("webhook-signature", signatures[i])
			if err := library.Verify(k.Raw, k.Header); err != nil {
				t.Errorf("signature %d of %d: %v", i+1, len(signatures), err)
			}
		}
	}
	rotate := func(overlap int) string {
		t.Helper()
		var r struct{ Secret string }
		must(t, s.AsAdmin("/webhook/rotate_secret", imtest.H{"endpointID": made.EndpointID, "overlapSeconds": overlap}, &r))
		return r.Secret
	}
	signed(told(one), made.Secret)
	second := rotate(3600)
	signed(told(one), second, made.Secret) // the newest first
	third := rotate(0)
	signed(told(one), third)

	must(t, s.AsAdmin("/webhook/update_endpoint", imtest.H{"endpointID": made.EndpointID, "url": other.URL + "/in"}, nil))
	signed(told(other), third)
	var tried struct {
		Delivered bool
		Status    int
	}
	must(t, s.AsAdmin("/webhook/send_test_event", imtest.H{"endpointID": made.EndpointID, "command": "afterSendGroupMsg"}, &tried))
	if !tried.Delivered || tried.Status != 200 || len(all(other)) != 2 || len(all(one)) != 3 {
		t.Errorf("the test event: %+v; %d and %d callbacks", tried, len(all(one)), len(all(other)))
	}
	signed(other.Wait(t, im.AfterSendGroupMsg.String(), nil), third)

	// Of the two that are there at last only the second is told.
	must(t, s.AsAdmin("/webhook/remove_endpoint", imtest.H{"endpointID": made.EndpointID}, nil))
	must(t, s.AsAdmin("/webhook/add_endpoint", imtest.H{"url": one.URL + "/in", "commands": []string{"afterUpdateUserInfoEx"}}, &made))
	signed(told(one), made.Secret)
	if len(all(other)) != 2 {
		t.Error("a removed endpoint is told of events")
	}
}

func all(h *imtest.Hooks) []imtest.Hook {
	list, _ := h.All()
	return list
}

// TestGuardSettings: what the operator's settings let endpoints reach; the rules themselves
// are TestGuard's (webhook-delivery.md 6.8).
func TestGuardSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		set       func(*config.Webhooks)
		ok, never []string
	}{
		{"none", func(*config.Webhooks) {}, []string{"93.184.216.34"}, []string{"127.0.0.1", "10.1.2.3", "169.254.169.254"}},
		{"allowPrivate", func(w *config.Webhooks) { w.AllowPrivate = true }, []string{"127.0.0.1", "10.1.2.3"}, []string{"169.254.169.254"}},
		{"allowNets", func(w *config.Webhooks) { w.AllowNets = config.StringList{"10.1.0.0/16"} }, []string{"10.1.2.3"}, []string{"10.2.2.3", "127.0.0.1"}},
		{"denyNets", func(w *config.Webhooks) { w.DenyNets = config.StringList{"93.184.0.0/16"} }, []string{"93.185.0.1"}, []string{"93.184.216.34"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := imtest.Start(t, func(cfg *config.Config) { c.set(&cfg.Webhooks) })
			add := func(host string) error {
				return s.AsAdmin("/webhook/add_endpoint", imtest.H{"url": "http://" + host + "/in"}, nil)
			}
			for _, host := range c.ok {
				if err := add(host); err != nil {
					t.Errorf("%s: %v", host, err)
				}
			}
			for _, host := range c.never {
				refused(t, host, add(host), 1001)
			}
		})
	}
}
