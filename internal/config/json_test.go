package config

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	const leak = "LEAKED0123456789"
	cfg := Default()
	cfg.Secret, cfg.Store.URL = leak, "postgres://u:"+leak+"@h/d"
	cfg.Webhooks.Secret, cfg.Webhooks.Secrets = leak, StringList{leak}
	cfg.Webhooks.URL = "http://h/x?token=" + leak
	setCallback(cfg, "afterMsgSaveDB", func(cb *Callback) { cb.DeniedTypes = TypeList{{200, 500}} })
	text, err := cfg.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), leak) {
		t.Errorf("shows a secret: %s", text)
	}
	var got struct {
		Secret string
		API    struct{ Listen string }
		Limits struct {
			UserRate int
			Routes   []string
		}
		Webhooks map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Secret != "(hidden)" || got.API.Listen != ":10002" || got.Limits.UserRate != 200 || got.Limits.Routes == nil {
		t.Errorf("%+v", got)
	}
	if block := string(got.Webhooks["afterMsgSaveDB"]); !strings.Contains(block, `"deniedTypes":["200-500"]`) || !strings.Contains(block, `"enable":false`) {
		t.Errorf("afterMsgSaveDB: %s", block)
	}
	if len(got.Webhooks) < len(CallbackKeys()) {
		t.Errorf("%d keys under webhooks", len(got.Webhooks))
	}
}

func TestRouteLimits(t *testing.T) {
	t.Parallel()
	l := Limits{Routes: StringList{"/user/get_users=5", "/a=3/20", "/b=0", "/c=200000"}}
	got, err := l.RouteLimits()
	if err != nil {
		t.Fatal(err)
	}
	want := []RouteLimit{{"/user/get_users", 5, 50}, {"/a", 3, 20}, {"/b", 0, 0}, {"/c", 200_000, 1_000_000}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestProxies(t *testing.T) {
	t.Parallel()
	l := Limits{TrustedProxies: StringList{"10.1.2.3/8", "192.0.2.7", "::1", "2001:db8::/32"}}
	got, err := l.Proxies()
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("2001:db8::/32"),
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
