package config

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func printed(t *testing.T, c *Config) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPrintSaysWhereValuesComeFrom(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "node: {id: n9}\nwebhooks:\n  afterUserOnline: {enable: true}\n")
	out := printed(t, mustLoad(t, Sources{
		File:  file,
		Env:   []string{"PARLEY_LOG_LEVEL=debug", "PARLEY_WEBHOOKS_AFTERUSERONLINE_TIMEOUT=8"},
		Flags: map[string]string{"api.listen": ":7"},
	}))
	for _, want := range []string{
		"\napi:\n  listen: \":7\" # flag\n",
		"  id: \"n9\" # file " + file + ":1\n",
		"  level: \"debug\" # env PARLEY_LOG_LEVEL\n",
		"\ndataDir: \"./data\" # default\n",
		"\nsecret: \"\" # default, generated at first start\n",
		"  url: \"\" # default, means sqlite:data/parley.db\n",
		"  afterUserOnline: {enable: true, timeout: 8} # enable file " + file + ":3, timeout env PARLEY_WEBHOOKS_AFTERUSERONLINE_TIMEOUT\n",
		"  beforeAddBlack: {enable: false, timeout: 5, failedContinue: false} # default\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the print lacks %q:\n%s", want, out)
		}
	}
}

func TestPrintHidesSecrets(t *testing.T) {
	t.Parallel()
	const leak = "LEAKED"
	cfg := Default()
	cfg.Secret = leak
	cfg.Store.URL = "postgres://user:" + leak + "@h/d?sslmode=disable&sslpassword=" + leak
	cfg.NATS.URL = "nats://" + leak + "@h:4222"
	cfg.Webhooks.URL = "https://" + leak + "@h/x?tenant=7&token=" + leak
	cfg.S3.AccessKey, cfg.S3.SecretKey, cfg.S3.Endpoint = leak, leak, "http://"+leak+"@h"
	cfg.Webhooks.Secret = leak
	cfg.Webhooks.Secrets = StringList{leak, leak}
	cfg.Push.GetuiAppKey, cfg.Push.GetuiMasterSecret, cfg.Push.JPushAppKey, cfg.Push.JPushMasterSecret = leak, leak, leak, leak
	out := printed(t, cfg) + strings.Join(cfg.Report().Lines(), "\n")
	if strings.Contains(out, leak) {
		t.Errorf("a secret is shown:\n%s", out)
	}
	for _, want := range []string{
		`accessKey: "(hidden)"`, `secretKey: "(hidden)"`, `secret: "(hidden)"`, `secrets: ["(hidden)", "(hidden)"]`, "postgres://user:hidden@h/d?sslmode=disable&sslpassword=hidden",
		"https://hidden@h/x?tenant=7&token=hidden", "nats://hidden@h:4222",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the print lacks %s:\n%s", want, out)
		}
	}
}

func TestHideURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"", ""},
		{"sqlite:/a/b?token=x", "sqlite:/a/b?token=x"},
		{"http://h/p", "http://h/p"},
		{"postgres://user@h/d", "postgres://user@h/d"},
		{"postgres://user:a%zz@h", "(hidden)"},
		{"host=h password=x", "host=h%20password=x"},
		{"mailto:x", "(hidden)"},
		{"http://h/?api_key=1&a=2", "http://h/?api_key=hidden&a=2"},
	}
	for _, tt := range tests {
		if got := hideURL(tt.in); got != tt.want {
			t.Errorf("hideURL(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestPrintLoadsAgain(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, Sources{Env: []string{
		"PARLEY_DATA_DIR=a \"b\" # c\\d é\u2028", "PARLEY_WEBHOOKS_ENABLE=all", "PARLEY_WEBHOOKS_AFTERUSERONLINE_ENABLE=false",
		"PARLEY_WEBHOOKS_AFTERMSGSAVEDB_DENIEDTYPES=1,5-9", `PARLEY_WEBHOOKS_AFTERMSGSAVEDB_ATTENTIONIDS=["a,b","0x1"]`,
		"PARLEY_WEBHOOKS_AFTERQUITGROUP_PATH=x", "PARLEY_WEBHOOKS_AFTERQUITGROUP_FAILEDCONTINUE=true",
		"PARLEY_ADMIN_USER_IDS=1,2", "PARLEY_FRIEND_VERIFY=on",
	}})
	again, err := parse("printed", []byte(printed(t, cfg)))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Webhooks.Enable = nil // carried out, and not printed
	if diff := cmp.Diff(cfg, again, sameConfig(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-first +again:\n%s", diff)
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		env  []string
		want []string
	}{
		{"nothing on", nil, []string{"sent to http://127.0.0.1:10006/callbackExample", "not signed", "no callback is on"}},
		{"a URL and nothing on", []string{"PARLEY_WEBHOOKS_URL=http://h"}, []string{"warning: webhooks.url is set, but no callback is on"}},
		{"before callbacks", []string{"PARLEY_WEBHOOKS_ENABLE=beforeAddBlack,beforeAddFriend", "PARLEY_WEBHOOKS_SECRET=" + secretA}, []string{
			"signed with one secret", "2 on: beforeAddFriend, beforeAddBlack",
			"goes on: beforeAddFriend", "refused: beforeAddBlack",
		}},
		{"a long wait", []string{"PARLEY_WEBHOOKS_BEFOREADDFRIEND_ENABLE=true", "PARLEY_WEBHOOKS_BEFOREADDFRIEND_TIMEOUT=11"}, []string{
			"warning: webhooks.beforeAddFriend.timeout is 11 seconds",
		}},
		{"half of a pair", []string{"PARLEY_WEBHOOKS_ENABLE=beforeGroupOnlinePush"}, []string{
			"warning: webhooks.beforeGroupOnlinePush is on and webhooks.beforeOnlinePush is off",
		}},
		{"filters without effect", []string{
			"PARLEY_WEBHOOKS_ENABLE=afterUserOnline", "PARLEY_WEBHOOKS_AFTERUSERONLINE_DENIEDTYPES=1", "PARLEY_WEBHOOKS_AFTERUSERONLINE_ATTENTIONIDS=a",
		}, []string{"afterUserOnline: deniedTypes and allowedTypes have no effect", "afterUserOnline: attentionIds has no effect"}},
		{"certificates that are not looked at", []string{"PARLEY_WEBHOOKS_INSECURE_SKIP_VERIFY=true"}, []string{"warning: webhooks.insecureSkipVerify is on"}},
		{"an open admin listener", []string{"PARLEY_ADMIN_LISTEN=:10003"}, []string{"warning: admin.listen :10003"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lines := strings.Join(mustLoad(t, Sources{Env: tt.env}).Report().Lines(), "\n")
			for _, want := range tt.want {
				if !strings.Contains(lines, want) {
					t.Errorf("the report lacks %q:\n%s", want, lines)
				}
			}
		})
	}
}

func TestSigningSecrets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		w    Webhooks
		want []string
	}{
		{Webhooks{}, nil},
		{Webhooks{Secret: "a"}, []string{"a"}},
		{Webhooks{Secret: "a", Secrets: StringList{"a", "b"}}, []string{"a", "b"}},
		{Webhooks{Secrets: StringList{"b", "", "a"}}, []string{"b", "a"}},
	}
	for _, tt := range tests {
		if got := tt.w.SigningSecrets(); !slices.Equal(got, tt.want) {
			t.Errorf("%+v = %q, want %q", tt.w, got, tt.want)
		}
	}
}

func TestTurnOn(t *testing.T) {
	t.Parallel()
	var w Webhooks
	err := w.TurnOn("AFTERUSERONLINE", "afterUserOnlin", "nope")
	mentions(t, err, `"afterUserOnlin" is no callback, did you mean afterUserOnline?`, `"nope" is no callback`)
	if got := w.On(); !slices.Equal(got, []string{"afterUserOnline"}) {
		t.Errorf("on = %q", got)
	}
	if cb := w.Callbacks["beforeAddFriend"]; !cb.FailedContinue || cb.Timeout != 5 {
		t.Errorf("the others have no defaults: %+v", cb)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text  string
		want  []string
		fails bool
	}{
		{text: "", want: []string{}},
		{text: "a", want: []string{"a"}},
		{text: " a , b,, ", want: []string{"a", "b"}},
		{text: `["a", "b"]`, want: []string{"a", "b"}},
		{text: `[1, "2-3", null, 12345678901234567890]`, want: []string{"1", "2-3", "12345678901234567890"}},
		{text: "[]", want: []string{}},
		{text: `["a,b"]`, want: []string{"a,b"}},
		{text: `["a"`, fails: true},
		{text: `["a"] x`, fails: true},
		{text: `[["a"]]`, fails: true},
		{text: `[true]`, fails: true},
		{text: `[{"a":1}]`, fails: true},
	}
	for _, tt := range tests {
		var got StringList
		err := got.UnmarshalText([]byte(tt.text))
		if (err != nil) != tt.fails || !tt.fails && !slices.Equal(got, tt.want) {
			t.Errorf("%q = %q, %v", tt.text, got, err)
		}
	}
	types := []struct {
		text  string
		want  TypeList
		fails bool
	}{
		{text: "101", want: TypeList{{101, 101}}},
		{text: "101, 200-500", want: TypeList{{101, 101}, {200, 500}}},
		{text: `[101,"200 - 500"]`, want: TypeList{{101, 101}, {200, 500}}},
		{text: "500-200", fails: true},
		{text: "-1", fails: true},
		{text: "1-2-3", fails: true},
		{text: "x", fails: true},
		{text: "1.5", fails: true},
	}
	for _, tt := range types {
		var got TypeList
		err := got.UnmarshalText([]byte(tt.text))
		if (err != nil) != tt.fails || !tt.fails && !slices.Equal(got, tt.want) {
			t.Errorf("%q = %v, %v", tt.text, got, err)
		}
	}
}
