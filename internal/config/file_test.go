package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSampleEqualsDefaults keeps the sample, which is documentation, true and complete.
func TestSampleEqualsDefaults(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, Sources{File: "sample.yaml"})
	want := Default()
	// The sample writes empty lists out to show their place.
	want.Webhooks.Secrets, want.Webhooks.Enable = StringList{}, StringList{}
	want.Webhooks.AllowNets, want.Webhooks.DenyNets = StringList{}, StringList{}
	want.Limits.Routes, want.Limits.TrustedProxies = StringList{}, StringList{}
	for _, key := range CallbackKeys() {
		setCallback(want, key, func(cb *Callback) {
			if filtersReceivers(key) {
				cb.AttentionIDs = StringList{}
			}
			if filtersTypes(key) {
				cb.DeniedTypes, cb.AllowedTypes = TypeList{}, TypeList{}
			}
		})
	}
	if diff := cmp.Diff(want, cfg, sameConfig()); diff != "" {
		t.Errorf("sample.yaml differs from the defaults (-default +sample):\n%s", diff)
	}
	if w := cfg.Warnings(); len(w) > 0 {
		t.Errorf("sample.yaml gives warnings: %q", w)
	}

	text, err := os.ReadFile("sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	root, err := parseTree(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings() {
		node := root
		for part := range strings.SplitSeq(s.name, ".") {
			if node = node.find(part); node == nil {
				t.Errorf("sample.yaml lacks %s", s.name)
				break
			}
		}
		if !bytes.Contains(text, []byte("# "+s.env)) {
			t.Errorf("sample.yaml does not name %s", s.env)
		}
	}
	for _, key := range CallbackKeys() {
		if root.find("webhooks").find(key) == nil {
			t.Errorf("sample.yaml lacks webhooks.%s", key)
		}
	}
}

// referenceText is testdata/webhooks.yml as an operator pastes it under webhooks:.
func referenceText(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "webhooks.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("webhooks:\n")
	for line := range strings.Lines(string(data)) {
		b.WriteString("  " + line)
	}
	return b.String()
}

func TestReferenceWebhooksText(t *testing.T) {
	t.Parallel()
	cfg, err := parse("f", []byte(referenceText(t)))
	if err != nil {
		t.Fatal(err)
	}
	if w := cfg.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %q", w)
	}
	for _, key := range CallbackKeys() {
		if got := cfg.Origin("webhooks." + key + ".enable").Source; got != FromFile {
			t.Errorf("%s.enable comes from %s: the sample must hold every key", key, got)
		}
		got, want := cfg.Webhooks.Callbacks[key], defaultCallback(key)
		if got.Enable != want.Enable || got.Timeout != want.Timeout || got.FailedContinue != want.FailedContinue {
			t.Errorf("%s = %+v, want the shipped defaults %+v", key, got, want)
		}
	}
	if n := len(CallbackKeys()); n != 53 {
		t.Errorf("there are %d keys, want 53", n)
	}
	before := 0
	for _, key := range CallbackKeys() {
		if isBefore(key) {
			before++
		}
	}
	if before != 23 {
		t.Errorf("there are %d before keys, want 23", before)
	}
}

func TestEnableBesideReferenceText(t *testing.T) {
	t.Parallel()
	// The text says `enable: false` 53 times; the list must win over that, wherever it stands.
	text := strings.Replace(referenceText(t), "webhooks:\n", "webhooks:\n  enable: all\n", 1)
	cfg, err := parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(cfg.Webhooks.On()); n != 53 {
		t.Errorf("%d callbacks are on, want 53", n)
	}
}

func TestAllExceptOneInTheEnvironment(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, Sources{Env: []string{"PARLEY_WEBHOOKS_AFTERUSERONLINE_ENABLE=false", "PARLEY_WEBHOOKS_ENABLE=all"}})
	if n := len(cfg.Webhooks.On()); n != 52 || cfg.Webhooks.Callbacks["afterUserOnline"].Enable {
		t.Errorf("%d callbacks are on, want all except one", n)
	}
	if o := cfg.Origin("webhooks.afterUserOffline.enable"); o.Where != "PARLEY_WEBHOOKS_ENABLE" {
		t.Errorf("origin = %v", o)
	}
}

func TestWebhooksSectionIsLenient(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		warnings   []string
		check      func(Webhooks) bool
	}{
		{"unknown callback", "webhooks:\n  afterSendGroupMsgs: {enable: true}\n", []string{"f:2: webhooks.afterSendGroupMsgs is not known", "did you mean afterSendGroupMsg?"}, nil},
		{"unknown part", "webhooks:\n  afterSendGroupMsg: {enabled: true}\n", []string{"webhooks.afterSendGroupMsg.enabled", "did you mean enable?"}, nil},
		{"old wrapper", "webhooks:\n  callback:\n    url: http://x\n", []string{"webhooks.callback is ignored", "directly under webhooks:"}, nil},
		{"letter case", "webhooks:\n  aftersendgroupmsg: {Enable: true, attentionIDs: [g]}\n", nil, func(w Webhooks) bool {
			cb := w.Callbacks["afterSendGroupMsg"]
			return cb.Enable && len(cb.AttentionIDs) == 1
		}},
		{"empty section", "webhooks:\n", nil, nil},
		{"empty block", "webhooks:\n  afterSendGroupMsg:\n", nil, nil},
		{"anchors and merges", "webhooks:\n  afterUserOnline: &on\n    enable: true\n    timeout: 7\n  afterUserOffline:\n    <<: *on\n    timeout: 8\n", nil, func(w Webhooks) bool {
			cb := w.Callbacks["afterUserOffline"]
			return cb.Enable && cb.Timeout == 8
		}},
		{"types as the older releases wrote them", "webhooks:\n  afterSendSingleMsg:\n    allowedTypes: [101, \"200-500\"]\n    deniedTypes:\n      - 110\n", nil, func(w Webhooks) bool {
			cb := w.Callbacks["afterSendSingleMsg"]
			return cb.AllowedTypes.Has(300) && !cb.AllowedTypes.Has(501) && cb.DeniedTypes.Has(110)
		}},
		{"long numeric IDs keep their digits", "webhooks:\n  afterSendSingleMsg: {attentionIds: [00123, 12345678901234567890123]}\n", nil, func(w Webhooks) bool {
			ids := w.Callbacks["afterSendSingleMsg"].AttentionIDs
			return ids[0] == "00123" && ids[1] == "12345678901234567890123"
		}},
		{"an address that was blanked", "webhooks: {url: \"\"}\n", nil, func(w Webhooks) bool { return w.URL == "" }},
		{"an address without a value", "webhooks:\n  url:\n", nil, func(w Webhooks) bool { return w.URL == defaultCallbackURL }},
		{"timeout of zero means five seconds", "webhooks:\n  afterSendSingleMsg: {timeout: 0}\n", nil, func(w Webhooks) bool {
			return w.Callbacks["afterSendSingleMsg"].Wait().Seconds() == 5
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := parse("f", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(cfg.Warnings(), "\n")
			if (len(tt.warnings) == 0) != (all == "") {
				t.Errorf("warnings: %q", all)
			}
			for _, w := range tt.warnings {
				if !strings.Contains(all, w) {
					t.Errorf("warnings lack %q: %q", w, all)
				}
			}
			if tt.check != nil && !tt.check(cfg.Webhooks) {
				t.Errorf("not as expected: %+v", cfg.Webhooks)
			}
		})
	}
}

func TestFileFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       []string
	}{
		{"unknown key", "dataDir: x\nlisten: y\n", []string{"listen (f:2)", "not a setting"}},
		{"unknown nested key", "api:\n  lisen: y\n", []string{"api.lisen (f:2)", "did you mean listen?"}},
		{"every unknown key", "a: 1\nb: 2\n", []string{"a (f:1)", "b (f:2)"}},
		{"unknown key without a value", "nope:\n", []string{"nope (f:1)"}},
		{"callbacks at the top", "afterSendGroupMsg: {enable: true}\n", []string{"afterSendGroupMsg (f:1)", "under webhooks:"}},
		{"a value for a table", "api: 1\n", []string{"api (f:1)", "table"}},
		{"a table for a value", "secret: {a: b}\n", []string{"secret (f:1)", "single value"}},
		{"a list for a value", "secret: [a]\n", []string{"secret (f:1)", "single value"}},
		{"a list of lists", "admin: {userIDs: [[a]]}\n", []string{"admin.userIDs (f:1)", "list of plain values"}},
		{"a list at the top", "- a\n", []string{"f:1", "table"}},
		{"a callback that is a value", "webhooks: {afterUserOnline: true}\n", []string{"webhooks.afterUserOnline (f:1)", "block"}},
		{"webhooks that are a list", "webhooks: [a]\n", []string{"webhooks (f:1)"}},
		{"a wrong value in a callback", "webhooks: {afterUserOnline: {timeout: soon}}\n", []string{"webhooks.afterUserOnline.timeout (f:1)", "whole number"}},
		{"a key twice", "api: {listen: \":1\"}\napi: {listen: \":2\"}\n", []string{"f:2"}},
		{"two documents", "dataDir: a\n---\ndataDir: b\n", []string{"more than one document"}},
		{"no YAML", "a: [\n", []string{"f:1", "not valid YAML"}},
		{"an alias of nothing", "api: *x\n", []string{"f:1", "anchor"}},
		{"an alias of itself", "webhooks: &w\n  afterUserOnline: *w\n", []string{"f:"}},
		{"callbacks without an address", "webhooks: {url: \"\", enable: [afterUserOnline]}\n", []string{"webhooks.url (f:1)", "is empty"}},
		{"a fraction", "token: {expireDays: 1.5}\n", []string{"token.expireDays (f:1)", "whole number", `"1.5"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse("f", []byte(tt.text))
			mentions(t, err, tt.want...)
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("the fault spans lines: %q", err)
			}
		})
	}
}

func TestFileSyntaxThatIsAccepted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       func(*Config)
	}{
		{"nothing", "", func(*Config) {}},
		{"only comments", "# a\n---\n# b\n", func(*Config) {}},
		{"null keeps the default", "dataDir:\napi:\nws: {listen: }\n", func(*Config) {}},
		{"empty keeps the default", "dataDir: \"\"\n", func(*Config) {}},
		{"quotes and none", "dataDir: 'a b'\nnode: {id: \"x\"}\n", func(c *Config) { c.DataDir = "a b"; c.Node.ID = "x" }},
		{"a secret of digits stays text", "secret: 12345678901234567890123456789\n", func(c *Config) { c.Secret = "12345678901234567890123456789" }},
		{"yes for true", "friend: {verify: yes}\n", func(c *Config) { c.Friend.Verify = true }},
		{"one value for a list", "admin: {userIDs: a}\n", func(c *Config) { c.Admin.UserIDs = StringList{"a"} }},
		{"a comma in a list entry", "admin: {userIDs: [\"a,b\"]}\n", func(c *Config) { c.Admin.UserIDs = StringList{"a,b"} }},
		{"JSON", `{"api": {"listen": ":5"}}`, func(c *Config) { c.API.Listen = ":5" }},
		{"a block text", "dataDir: >-\n  abc\n", func(c *Config) { c.DataDir = "abc" }},
		{"a byte order mark", "\ufeffdataDir: x\n", func(c *Config) { c.DataDir = "x" }},
		{"line ends of Windows", "dataDir: x\r\nnode:\r\n  id: y\r\n", func(c *Config) { c.DataDir = "x"; c.Node.ID = "y" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parse("f", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			tt.want(want)
			if diff := cmp.Diff(want, got, sameConfig()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestAliasBomb checks that a small file cannot grow without bound.
func TestAliasBomb(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x]\n")
	for i := range 12 {
		from, to := string(rune('a'+i)), string(rune('b'+i))
		ref := "*" + from + "0"
		b.WriteString(to + "0: &" + to + "0 [" + strings.Repeat(ref+",", 7) + ref + "]\n")
	}
	_, err := parse("f", []byte(b.String()))
	mentions(t, err, "too large")
}

func TestTooLargeFile(t *testing.T) {
	t.Parallel()
	_, err := Load(Sources{File: writeFile(t, strings.Repeat("#", maxFileBytes+1))})
	mentions(t, err, "larger than")
}

// FuzzParse looks for files that end the process, and for faults that say nothing.
func FuzzParse(f *testing.F) {
	for _, path := range []string{"sample.yaml", filepath.Join("testdata", "webhooks.yml")} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 2048)])
	}
	for _, seed := range []string{
		"a: &x [*x]", "<<: {a: b}", "? a\n: b", "webhooks: {callback: 1}", "api: !!str x", "a: |\n  b",
		"webhooks: &w\n  afterUserOnline: *w\n", "- 1", "---\n---\n", "'", "%YAML 1.2\n---\na: b", "a: !!binary x", "<<: *x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := parse("f", data)
		if cfg == nil {
			t.Fatal("no configuration")
		}
		if faults, ok := err.(Faults); ok { //nolint:errorlint // the documented type
			for _, fault := range faults {
				if fault.Text == "" {
					t.Errorf("a fault without text: %+v", fault)
				}
			}
		} else if err != nil {
			t.Errorf("the error is no list of faults: %T", err)
		}
		if err != nil {
			return
		}
		// What is accepted can be printed and loaded again, secrets apart.
		if cfg.Secret != "" || len(cfg.Webhooks.SigningSecrets()) > 0 {
			return
		}
		var out bytes.Buffer
		if err := cfg.Print(&out); err != nil {
			t.Fatal(err)
		}
		if _, err := parse("printed", out.Bytes()); err != nil && !strings.Contains(out.String(), hiddenInURL) {
			t.Errorf("the printed configuration does not load: %v\n%s", err, out.String())
		}
	})
}
