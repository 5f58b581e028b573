package webhook

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/im"
)

func TestDefaultIsValid(t *testing.T) {
	t.Parallel()
	c := Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	var total time.Duration
	for _, d := range c.Schedule {
		total += d
	}
	if len(c.Schedule) != 10 || total != 75*time.Hour+35*time.Minute+5*time.Second {
		t.Errorf("%d attempts in %v", len(c.Schedule), total)
	}
	equal(t, "numbers of webhook-delivery.md 5 and 6", []any{c.Schedule, c.Hold, c.PauseAfter, c.Concurrency, DefaultTimeout}, []any{
		[]time.Duration{
			0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		}, time.Minute, 5 * 24 * time.Hour, 16, 5 * time.Second,
	})
	equal(t, "of the breaker", []any{breakerWindow, breakerMinCalls, breakerPercent, breakerOpenFor}, []any{30, 10, 70, 10 * time.Second})
	equal(t, "of answers", []any{maxBeforeAnswer, maxAnswer, maxKept}, []any{1 << 20, 64 << 10, 4 << 10})
}

func TestValidateListsAllFaults(t *testing.T) {
	t.Parallel()
	c := Config{
		URL:     "ftp://admin:hunter2@host/%zz",
		Proxy:   "http://",
		Secrets: []string{"hunter2", "whsec_aHVudGVyMg==", "whsec_hunter2*"},
		Rules: map[im.Command]Rule{
			im.AfterSendSingleMsg: {Denied: []TypeRange{{5, 4}}, Allowed: []TypeRange{{9, 8}}},
			999:                   {},
		},
		Hold:     -2,
		Schedule: []time.Duration{time.Second, -1},
	}
	err := c.Validate()
	if err == nil {
		t.Fatal("valid")
	}
	for _, want := range []string{
		"url: ", "proxy: has no host", "3 given", "secret 1: does not begin", "secret 2: must have 24 to 64", "secret 3: is not base64",
		"afterSendSingleMsg: range 5-4", "afterSendSingleMsg: range 9-8", "unknown command 999", "hold", "begin with 0", "entry 2 is negative",
		"concurrency", "body", "loaded events", "loaded bytes", "pause",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing about %q", want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is shown: %v", err)
	}
	c = Default()
	c.Rules = map[im.Command]Rule{im.AfterMsgSaveDB: {Enabled: true}}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "afterMsgSaveDB: enabled, but url is empty") {
		t.Errorf("enabled without a URL: %v", err)
	}
}

// TestOnlyHTTP: no other scheme is taken, neither from the file nor from the API.
func TestOnlyHTTP(t *testing.T) {
	t.Parallel()
	c := Default()
	for url, ok := range map[string]bool{
		"http://h": true, "https://h": true, "HTTPS://h": true, "ftp://h": false, "file://h/etc/passwd": false, "gopher://h": false, "//h": false, "h": false,
	} {
		c.URL = url
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("%s in the file: %v", url, err)
		}
		if err := CheckEndpoint(&c, &im.Endpoint{URL: url}); (err == nil) != ok {
			t.Errorf("%s over the API: %v", url, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	ok := Options{Config: Default(), Outbox: newOutbox(), Decode: decodeText}
	ok.Config.URL = "http://localhost"
	if _, err := New(ok); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no outbox": func(o *Options) { o.Outbox = nil },
		"no decode": func(o *Options) { o.Decode = nil },
		"invalid":   func(o *Options) { o.Config.Concurrency = 0 },
	} {
		o := ok
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	const command = "callbackAfterSendGroupMsgCommand"
	for _, c := range []struct{ url, path, want, authorization string }{
		{"http://127.0.0.1:10006/callbackExample", "", "http://127.0.0.1:10006/callbackExample/" + command + "?contenttype=json", ""},
		{"https://h/cb/", "", "https://h/cb/" + command + "?contenttype=json", ""},
		{"http://h/cb//", "", "http://h/cb/" + command + "?contenttype=json", ""},
		{"http://h", "", "http://h/" + command + "?contenttype=json", ""},
		{"http://h/", "", "http://h/" + command + "?contenttype=json", ""},
		{"http://h/cb?tenant=7&x=%2F", "", "http://h/cb/" + command + "?tenant=7&x=%2F&contenttype=json", ""},
		{"http://h/a%2Fb#frag", "", "http://h/a%2Fb/" + command + "?contenttype=json", ""},
		{"http://user:p%40ss@h/cb", "", "http://h/cb/" + command + "?contenttype=json", "Basic dXNlcjpwQHNz"},
		{"http://h/cb", "/other/path/", "http://h/cb/other/path?contenttype=json", ""},
	} {
		cfg := Config{URL: c.url, Rules: map[im.Command]Rule{im.AfterSendGroupMsg: {Path: c.path, Timeout: time.Minute}}}
		targets, authorization, err := newTargets(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		got := targets[im.AfterSendGroupMsg]
		if diff := cmp.Diff(c.want, got.url.String()); diff != "" {
			t.Error(diff)
		}
		if uri := got.url.RequestURI(); !strings.HasPrefix(uri, "/") || !strings.HasSuffix(c.want, uri) {
			t.Errorf("request line with %s", uri)
		}
		if authorization != c.authorization {
			t.Errorf("%s: Authorization %q", c.url, authorization)
		}
		if got.timeout != time.Minute || targets[im.AfterMsgSaveDB].timeout != DefaultTimeout {
			t.Errorf("timeouts %v %v", got.timeout, targets[im.AfterMsgSaveDB].timeout)
		}
	}
}

func TestShownURLHidesSecrets(t *testing.T) {
	t.Parallel()
	if got := shown("https://u:hunter2@h:1/p?token=hunter2#hunter2"); got != "https://h:1/p" {
		t.Error(got)
	}
}
