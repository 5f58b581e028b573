package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	secretA = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz" // 24 bytes
	secretB = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
	secretC = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo="
)

// sameConfig compares what is in force and leaves out how it came to be.
func sameConfig() cmp.Options {
	return cmp.Options{cmp.FilterPath(func(p cmp.Path) bool {
		f, ok := p.Last().(cmp.StructField)
		return ok && (f.Name() == "origins" || f.Name() == "warnings")
	}, cmp.Ignore()), cmp.AllowUnexported(Config{})}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "parley.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustLoad(t *testing.T, src Sources) *Config {
	t.Helper()
	cfg, err := Load(src)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg
}

// mentions checks that an error holds every text, which is what an operator looks for.
func mentions(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that mentions %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error does not mention %q:\n%v", text, err)
		}
	}
}

func TestDefaultsAreValidAndUntouchedByNoSources(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, Sources{})
	if diff := cmp.Diff(Default(), cfg, sameConfig()); diff != "" {
		t.Errorf("no sources differ from the defaults (-default +loaded):\n%s", diff)
	}
	if err := Default().Validate(); err != nil {
		t.Errorf("the defaults do not validate: %v", err)
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "api: {listen: \":1\"}\nws: {listen: \":2\"}\n")
	tests := []struct {
		name   string
		src    Sources
		listen string
		origin Origin
	}{
		{"default", Sources{}, ":10002", Origin{Source: FromDefault}},
		{"file", Sources{File: file}, ":1", Origin{FromFile, file + ":1"}},
		{"env over file", Sources{File: file, Env: []string{"PARLEY_API_LISTEN=:3"}}, ":3", Origin{FromEnv, "PARLEY_API_LISTEN"}},
		{"flag over env", Sources{
			File: file, Env: []string{"PARLEY_API_LISTEN=:3"},
			Flags: map[string]string{"api.listen": ":4"},
		}, ":4", Origin{Source: FromFlag}},
		{"an empty variable is not set", Sources{File: file, Env: []string{"PARLEY_API_LISTEN="}}, ":1", Origin{FromFile, file + ":1"}},
		{"the last of two variables", Sources{Env: []string{"PARLEY_API_LISTEN=:3", "PARLEY_API_LISTEN=:5"}}, ":5", Origin{FromEnv, "PARLEY_API_LISTEN"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := mustLoad(t, tt.src)
			if cfg.API.Listen != tt.listen {
				t.Errorf("api.listen = %q, want %q", cfg.API.Listen, tt.listen)
			}
			if got := cfg.Origin("api.listen"); got != tt.origin {
				t.Errorf("origin = %v, want %v", got, tt.origin)
			}
		})
	}
}

// TestEnvNames holds the operator's contract: the names are fixed.
func TestEnvNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		env, value, setting string
		want                func(*Config)
	}{
		{"PARLEY_DATA_DIR", "/var/lib/parley", "dataDir", func(c *Config) { c.DataDir = "/var/lib/parley" }},
		{"PARLEY_SECRET", "0123456789abcdefXYZ", "secret", func(c *Config) { c.Secret = "0123456789abcdefXYZ" }},
		{"PARLEY_PUBLIC_URL", "https://im.example.com", "publicURL", func(c *Config) { c.PublicURL = "https://im.example.com" }},
		{"PARLEY_API_LISTEN", ":1", "api.listen", func(c *Config) { c.API.Listen = ":1" }},
		{"PARLEY_WS_LISTEN", ":2", "ws.listen", func(c *Config) { c.WS.Listen = ":2" }},
		{"PARLEY_WS_MAX_CONNECTIONS", "7", "ws.maxConnections", func(c *Config) { c.WS.MaxConnections = 7 }},
		{"PARLEY_WS_MAX_FRAME_BYTES", "4096", "ws.maxFrameBytes", func(c *Config) { c.WS.MaxFrameBytes = 4096 }},
		{"PARLEY_ADMIN_LISTEN", "127.0.0.1:3", "admin.listen", func(c *Config) { c.Admin.Listen = "127.0.0.1:3" }},
		{"PARLEY_ADMIN_USER_IDS", "a, b", "admin.userIDs", func(c *Config) { c.Admin.UserIDs = StringList{"a", "b"} }},
		{"PARLEY_ADMIN_GRAFANA_URL", "http://g:3000/d", "admin.grafanaURL", func(c *Config) { c.Admin.GrafanaURL = "http://g:3000/d" }},
		{"PARLEY_LIMITS_USER_RATE", "0", "limits.userRate", func(c *Config) { c.Limits.UserRate = 0 }},
		{"PARLEY_LIMITS_USER_BURST", "1", "limits.userBurst", func(c *Config) { c.Limits.UserBurst = 1 }},
		{"PARLEY_LIMITS_ADDRESS_RATE", "2", "limits.addressRate", func(c *Config) { c.Limits.AddressRate = 2 }},
		{"PARLEY_LIMITS_ADDRESS_BURST", "3", "limits.addressBurst", func(c *Config) { c.Limits.AddressBurst = 3 }},
		{"PARLEY_LIMITS_TRUSTED_PROXIES", "10.0.0.0/8,::1", "limits.trustedProxies", func(c *Config) { c.Limits.TrustedProxies = StringList{"10.0.0.0/8", "::1"} }},
		{"PARLEY_LIMITS_ROUTE_RATE", "4", "limits.routeRate", func(c *Config) { c.Limits.RouteRate = 4 }},
		{"PARLEY_LIMITS_ROUTE_BURST", "5", "limits.routeBurst", func(c *Config) { c.Limits.RouteBurst = 5 }},
		{"PARLEY_LIMITS_ROUTES", "/a/b=1,/c=2/3", "limits.routes", func(c *Config) { c.Limits.Routes = StringList{"/a/b=1", "/c=2/3"} }},
		{"PARLEY_LIMITS_GROUP_RATE", "6", "limits.groupRate", func(c *Config) { c.Limits.GroupRate = 6 }},
		{"PARLEY_LIMITS_GROUP_BURST", "7", "limits.groupBurst", func(c *Config) { c.Limits.GroupBurst = 7 }},
		{"PARLEY_LIMITS_REQUESTS", "8", "limits.requests", func(c *Config) { c.Limits.Requests = 8 }},
		{"PARLEY_LIMITS_REQUESTS_PER_ADDRESS", "9", "limits.requestsPerAddress", func(c *Config) { c.Limits.RequestsPerAddress = 9 }},
		{"PARLEY_LIMITS_ADMIN_BODY_BYTES", "1024", "limits.adminBodyBytes", func(c *Config) { c.Limits.AdminBodyBytes = 1024 }},
		{"PARLEY_LIMITS_USER_BODY_BYTES", "1025", "limits.userBodyBytes", func(c *Config) { c.Limits.UserBodyBytes = 1025 }},
		{"PARLEY_LIMITS_PUBLIC_BODY_BYTES", "1026", "limits.publicBodyBytes", func(c *Config) { c.Limits.PublicBodyBytes = 1026 }},
		{"PARLEY_STORE_URL", "postgres://u:p@h/d", "store.url", func(c *Config) { c.Store.URL = "postgres://u:p@h/d" }},
		{"PARLEY_NODE_ID", "n-7", "node.id", func(c *Config) { c.Node.ID = "n-7" }},
		{"PARLEY_MULTI_LOGIN_POLICY", "5", "multiLogin.policy", func(c *Config) { c.MultiLogin.Policy = 5 }},
		{"PARLEY_MULTI_LOGIN_MAX_NUM_ONE_END", "3", "multiLogin.maxNumOneEnd", func(c *Config) { c.MultiLogin.MaxNumOneEnd = 3 }},
		{"PARLEY_TOKEN_EXPIRE_DAYS", "1", "token.expireDays", func(c *Config) { c.Token.ExpireDays = 1 }},
		{"PARLEY_LOG_LEVEL", "debug", "log.level", func(c *Config) { c.Log.Level = "debug" }},
		{"PARLEY_LOG_FORMAT", "json", "log.format", func(c *Config) { c.Log.Format = "json" }},
		{"PARLEY_EXPIRY_AT", "23:59", "expiry.at", func(c *Config) { c.Expiry.At = "23:59" }},
		{"PARLEY_EXPIRY_RETAIN_CHAT_RECORDS", "-1", "expiry.retainChatRecords", func(c *Config) { c.Expiry.RetainChatRecords = -1 }},
		{"PARLEY_FRIEND_VERIFY", "true", "friend.verify", func(c *Config) { c.Friend.Verify = true }},
		{"PARLEY_GROUP_ENABLE_HISTORY_FOR_NEW_MEMBERS", "no", "group.enableHistoryForNewMembers", func(c *Config) { c.Group.EnableHistoryForNewMembers = false }},
		{"PARLEY_WEBHOOKS_URL", "https://h/x?t=1", "webhooks.url", func(c *Config) { c.Webhooks.URL = "https://h/x?t=1" }},
		{"PARLEY_WEBHOOKS_SECRET", secretA, "webhooks.secret", func(c *Config) { c.Webhooks.Secret = secretA }},
		{"PARLEY_WEBHOOKS_SECRETS", secretA + "," + secretB, "webhooks.secrets", func(c *Config) {
			c.Webhooks.Secrets = StringList{secretA, secretB}
		}},
		{"PARLEY_PUSH_QUEUE", "101", "push.queue", func(c *Config) { c.Push.Queue = 101 }},
		{"PARLEY_PUSH_WORKERS", "101", "push.workers", func(c *Config) { c.Push.Workers = 101 }},
		{"PARLEY_PUSH_FCM_ACCOUNT_FILE", "x", "push.fcmAccountFile", func(c *Config) { c.Push.FCMAccountFile = "x" }},
		{"PARLEY_PUSH_FCM_URL", "http://h:1", "push.fcmURL", func(c *Config) { c.Push.FCMURL = "http://h:1" }},
		{"PARLEY_PUSH_FCM_TOKEN_URL", "http://h:1", "push.fcmTokenURL", func(c *Config) { c.Push.FCMTokenURL = "http://h:1" }},
		{"PARLEY_PUSH_APNS_KEY_FILE", "x", "push.apnsKeyFile", func(c *Config) { c.Push.APNsKeyFile = "x" }},
		{"PARLEY_PUSH_APNS_KEY_ID", "x", "push.apnsKeyID", func(c *Config) { c.Push.APNsKeyID = "x" }},
		{"PARLEY_PUSH_APNS_TEAM_ID", "x", "push.apnsTeamID", func(c *Config) { c.Push.APNsTeamID = "x" }},
		{"PARLEY_PUSH_APNS_TOPIC", "x", "push.apnsTopic", func(c *Config) { c.Push.APNsTopic = "x" }},
		{"PARLEY_PUSH_APNS_DEVELOPMENT", "true", "push.apnsDevelopment", func(c *Config) { c.Push.APNsDevelopment = true }},
		{"PARLEY_PUSH_APNS_URL", "http://h:1", "push.apnsURL", func(c *Config) { c.Push.APNsURL = "http://h:1" }},
		{"PARLEY_PUSH_GETUI_APP_ID", "x", "push.getuiAppID", func(c *Config) { c.Push.GetuiAppID = "x" }},
		{"PARLEY_PUSH_GETUI_APP_KEY", "x", "push.getuiAppKey", func(c *Config) { c.Push.GetuiAppKey = "x" }},
		{"PARLEY_PUSH_GETUI_MASTER_SECRET", "x", "push.getuiMasterSecret", func(c *Config) { c.Push.GetuiMasterSecret = "x" }},
		{"PARLEY_PUSH_GETUI_INTENT", "x", "push.getuiIntent", func(c *Config) { c.Push.GetuiIntent = "x" }},
		{"PARLEY_PUSH_GETUI_URL", "http://h:1", "push.getuiURL", func(c *Config) { c.Push.GetuiURL = "http://h:1" }},
		{"PARLEY_PUSH_JPUSH_APP_KEY", "x", "push.jpushAppKey", func(c *Config) { c.Push.JPushAppKey = "x" }},
		{"PARLEY_PUSH_JPUSH_MASTER_SECRET", "x", "push.jpushMasterSecret", func(c *Config) { c.Push.JPushMasterSecret = "x" }},
		{"PARLEY_PUSH_JPUSH_INTENT", "x", "push.jpushIntent", func(c *Config) { c.Push.JPushIntent = "x" }},
		{"PARLEY_PUSH_JPUSH_DEVELOPMENT", "true", "push.jpushDevelopment", func(c *Config) { c.Push.JPushDevelopment = true }},
		{"PARLEY_PUSH_JPUSH_URL", "http://h:1", "push.jpushURL", func(c *Config) { c.Push.JPushURL = "http://h:1" }},
		{"PARLEY_WEBHOOKS_CONCURRENCY", "2", "webhooks.concurrency", func(c *Config) { c.Webhooks.Concurrency = 2 }},
		{"PARLEY_WEBHOOKS_RATE", "3", "webhooks.rate", func(c *Config) { c.Webhooks.Rate = 3 }},
		{"PARLEY_WEBHOOKS_RESUME_RATE", "4", "webhooks.resumeRate", func(c *Config) { c.Webhooks.ResumeRate = 4 }},
		{"PARLEY_WEBHOOKS_HOLD", "-1", "webhooks.hold", func(c *Config) { c.Webhooks.Hold = -1 }},
		{"PARLEY_WEBHOOKS_SCHEDULE", "0,7", "webhooks.schedule", func(c *Config) { c.Webhooks.Schedule = StringList{"0", "7"} }},
		{"PARLEY_WEBHOOKS_MAX_BACKLOG", "6", "webhooks.maxBacklog", func(c *Config) { c.Webhooks.MaxBacklog = 6 }},
		{"PARLEY_WEBHOOKS_ALARM_BACKLOG", "5", "webhooks.alarmBacklog", func(c *Config) { c.Webhooks.AlarmBacklog = 5 }},
		{"PARLEY_WEBHOOKS_MAX_BODY_BYTES", "65536", "webhooks.maxBodyBytes", func(c *Config) { c.Webhooks.MaxBodyBytes = 65536 }},
		{"PARLEY_WEBHOOKS_PAUSE_AFTER", "8", "webhooks.pauseAfter", func(c *Config) { c.Webhooks.PauseAfter = 8 }},
		{"PARLEY_WEBHOOKS_NOTIFY_USER_ID", "imAdmin", "webhooks.notifyUserID", func(c *Config) { c.Webhooks.NotifyUserID = "imAdmin" }},
		{"PARLEY_WEBHOOKS_LOG_HOURS", "0", "webhooks.logHours", func(c *Config) { c.Webhooks.LogHours = 0 }},
		{"PARLEY_WEBHOOKS_LOG_ROWS", "9", "webhooks.logRows", func(c *Config) { c.Webhooks.LogRows = 9 }},
		{"PARLEY_WEBHOOKS_LOG_ANSWERS", "false", "webhooks.logAnswers", func(c *Config) { c.Webhooks.LogAnswers = false }},
		{"PARLEY_WEBHOOKS_LOG_BODIES", "false", "webhooks.logBodies", func(c *Config) { c.Webhooks.LogBodies = false }},
		{"PARLEY_WEBHOOKS_CA", "ca.pem", "webhooks.ca", func(c *Config) { c.Webhooks.CA = "ca.pem" }},
		{"PARLEY_WEBHOOKS_INSECURE_SKIP_VERIFY", "true", "webhooks.insecureSkipVerify", func(c *Config) { c.Webhooks.InsecureSkipVerify = true }},
		{"PARLEY_WEBHOOKS_PROXY", "http://p:1", "webhooks.proxy", func(c *Config) { c.Webhooks.Proxy = "http://p:1" }},
		{"PARLEY_WEBHOOKS_ALLOW_PRIVATE", "true", "webhooks.allowPrivate", func(c *Config) { c.Webhooks.AllowPrivate = true }},
		{"PARLEY_WEBHOOKS_ALLOW_NETS", "10.0.0.0/8", "webhooks.allowNets", func(c *Config) { c.Webhooks.AllowNets = StringList{"10.0.0.0/8"} }},
		{"PARLEY_WEBHOOKS_DENY_NETS", "11.0.0.0/8", "webhooks.denyNets", func(c *Config) { c.Webhooks.DenyNets = StringList{"11.0.0.0/8"} }},
		{"PARLEY_WEBHOOKS_SIGNING_KEY", "whsk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "webhooks.signingKey", func(c *Config) { c.Webhooks.SigningKey = "whsk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }},
		{"PARLEY_WEBHOOKS_CLIENT_CERT", "c.pem", "webhooks.clientCert", func(c *Config) { c.Webhooks.ClientCert = "c.pem" }},
		{"PARLEY_WEBHOOKS_CLIENT_KEY", "k.pem", "webhooks.clientKey", func(c *Config) { c.Webhooks.ClientKey = "k.pem" }},
		{"PARLEY_OBJECTS_DIR", "/srv/files", "objects.dir", func(c *Config) { c.Objects.Dir = "/srv/files" }},
		{"PARLEY_OBJECTS_MAX_FILE_MB", "7", "objects.maxFileMB", func(c *Config) { c.Objects.MaxFileMB = 7 }},
		{"PARLEY_S3_PUBLIC_URL", "https://h", "s3.publicURL", func(c *Config) { c.S3.PublicURL = "https://h" }},
		{"PARLEY_S3_REGION", "eu-1", "s3.region", func(c *Config) { c.S3.Region = "eu-1" }},
		{"PARLEY_S3_PATH_STYLE", "false", "s3.pathStyle", func(c *Config) { c.S3.PathStyle = false }},
		{"PARLEY_WEBHOOKS_ADMIN_SENDERS", "true", "webhooks.adminSenders", func(c *Config) { c.Webhooks.AdminSenders = true }},
		{"PARLEY_WEBHOOKS_ENABLE", "afterSendGroupMsg", "webhooks.enable", func(c *Config) {
			c.Webhooks.Enable = StringList{"afterSendGroupMsg"}
			setCallback(c, "afterSendGroupMsg", func(cb *Callback) { cb.Enable = true })
		}},
		{"PARLEY_WEBHOOKS_AFTERSENDGROUPMSG_ENABLE", "true", "webhooks.afterSendGroupMsg.enable", func(c *Config) {
			setCallback(c, "afterSendGroupMsg", func(cb *Callback) { cb.Enable = true })
		}},
		{"PARLEY_WEBHOOKS_BEFOREADDBLACK_TIMEOUT", "9", "webhooks.beforeAddBlack.timeout", func(c *Config) {
			setCallback(c, "beforeAddBlack", func(cb *Callback) { cb.Timeout = 9 })
		}},
		{"PARLEY_WEBHOOKS_BEFOREADDBLACK_FAILEDCONTINUE", "true", "webhooks.beforeAddBlack.failedContinue", func(c *Config) {
			setCallback(c, "beforeAddBlack", func(cb *Callback) { cb.FailedContinue = true })
		}},
		{"PARLEY_WEBHOOKS_AFTERMSGSAVEDB_DENIEDTYPES", `[101,"200-500"]`, "webhooks.afterMsgSaveDB.deniedTypes", func(c *Config) {
			setCallback(c, "afterMsgSaveDB", func(cb *Callback) { cb.DeniedTypes = TypeList{{101, 101}, {200, 500}} })
		}},
		{"PARLEY_WEBHOOKS_AFTERMSGSAVEDB_ALLOWEDTYPES", "101,102", "webhooks.afterMsgSaveDB.allowedTypes", func(c *Config) {
			setCallback(c, "afterMsgSaveDB", func(cb *Callback) { cb.AllowedTypes = TypeList{{101, 101}, {102, 102}} })
		}},
		{"PARLEY_WEBHOOKS_AFTERSENDSINGLEMSG_ATTENTIONIDS", `["a","b"]`, "webhooks.afterSendSingleMsg.attentionIds", func(c *Config) {
			setCallback(c, "afterSendSingleMsg", func(cb *Callback) { cb.AttentionIDs = StringList{"a", "b"} })
		}},
		{"PARLEY_WEBHOOKS_AFTERSENDSINGLEMSG_PATH", "hook", "webhooks.afterSendSingleMsg.path", func(c *Config) {
			setCallback(c, "afterSendSingleMsg", func(cb *Callback) { cb.Path = "hook" })
		}},
	}
	seen := map[string]bool{"PARLEY_NATS_URL": true, "PARLEY_PUSH_ENABLE": true} // not alone or not yet, see TestValidate
	for _, tt := range tests {
		seen[tt.env] = true
		t.Run(tt.env, func(t *testing.T) {
			t.Parallel()
			got := mustLoad(t, Sources{Env: []string{"HOME=/root", tt.env + "=" + tt.value}})
			want := Default()
			tt.want(want)
			if diff := cmp.Diff(want, got, sameConfig()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if o := got.Origin(tt.setting); o != (Origin{FromEnv, tt.env}) {
				t.Errorf("origin of %s = %v", tt.setting, o)
			}
		})
	}
	for _, name := range []string{"ENDPOINT", "BUCKET", "ACCESS_KEY", "SECRET_KEY"} { // not alone, see TestValidateS3
		seen["PARLEY_S3_"+name] = true
	}
	for _, s := range settings() {
		if !seen[s.env] {
			t.Errorf("%s (%s) is not in this table", s.env, s.name)
		}
	}
}

func setCallback(c *Config, key string, change func(*Callback)) {
	cb := c.Webhooks.Callbacks[key]
	change(&cb)
	c.Webhooks.Callbacks[key] = cb
}

// TestEnvFollowsFile keeps a variable guessable from its place in the file.
func TestEnvFollowsFile(t *testing.T) {
	t.Parallel()
	for _, s := range settings() {
		var b strings.Builder
		for i, r := range s.name {
			switch {
			case r == '.':
				b.WriteByte('_')
				continue
			case i > 0 && r >= 'A' && r <= 'Z' && s.name[i-1] >= 'a':
				b.WriteByte('_')
			}
			b.WriteRune(r)
		}
		want := envPrefix + strings.ToUpper(b.String())
		// userIDs ends in a plural that the rule would tear apart.
		want = strings.ReplaceAll(want, "I_DS", "IDS")
		if s.env != want {
			t.Errorf("%s has the variable %s, want %s", s.name, s.env, want)
		}
	}
}

func TestUnknownAndFaultyVariables(t *testing.T) {
	t.Parallel()
	tests := []struct {
		env  string
		want []string
	}{
		{"PARLEY_API_LISTN=:1", []string{"PARLEY_API_LISTN", "not a variable", "did you mean PARLEY_API_LISTEN?"}},
		{"PARLEY_=1", []string{"PARLEY_:"}},
		{"PARLEY_WEBHOOKS_AFTERSENDGROUPMSG=1", []string{"PARLEY_WEBHOOKS_AFTERSENDGROUPMSG"}},
		{"PARLEY_WEBHOOKS_AFTERSENDGROUPMSG_ENABLED=1", []string{"did you mean PARLEY_WEBHOOKS_AFTERSENDGROUPMSG_ENABLE?"}},
		{"PARLEY_WEBHOOKS_afterSendGroupMsg_ENABLE=1", []string{"PARLEY_WEBHOOKS_afterSendGroupMsg_ENABLE"}},
		{"PARLEY_WEBHOOKS_NOSUCH_ENABLE=1", []string{"PARLEY_WEBHOOKS_NOSUCH_ENABLE"}},
		{"PARLEY_WS_MAX_CONNECTIONS=many", []string{"ws.maxConnections (PARLEY_WS_MAX_CONNECTIONS)", "whole number", `"many"`}},
		{"PARLEY_FRIEND_VERIFY=perhaps", []string{"friend.verify", "true or false", `"perhaps"`}},
		{"PARLEY_WEBHOOKS_ENABLE=afterSendGroupMessage", []string{"webhooks.enable (PARLEY_WEBHOOKS_ENABLE)", `"afterSendGroupMessage" is no callback`}},
		{"PARLEY_WEBHOOKS_AFTERMSGSAVEDB_DENIEDTYPES=1-x", []string{"webhooks.afterMsgSaveDB.deniedTypes", `"1-x"`}},
		{"PARLEY_ADMIN_USER_IDS=[1,", []string{"admin.userIDs", "JSON array"}},
	}
	for _, tt := range tests {
		t.Run(tt.env, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Sources{Env: []string{tt.env}})
			mentions(t, err, tt.want...)
		})
	}
}

// TestServiceLinks has what Kubernetes sets beside services named parley and parley-api.
func TestServiceLinks(t *testing.T) {
	t.Parallel()
	links := []string{
		"PARLEY_SERVICE_HOST=10.0.0.1", "PARLEY_SERVICE_PORT=10002", "PARLEY_SERVICE_PORT_WS_TLS=10001",
		"PARLEY_PORT=tcp://10.0.0.1:10002", "PARLEY_PORT_10002_TCP=tcp://10.0.0.1:10002", "PARLEY_PORT_10002_TCP_PROTO=tcp",
		"PARLEY_PORT_10002_TCP_PORT=10002", "PARLEY_PORT_10002_TCP_ADDR=10.0.0.1", "PARLEY_API_SERVICE_HOST=10.0.0.1",
		"PARLEY_API_PORT_53_UDP_ADDR=10.0.0.1",
	}
	if w := mustLoad(t, Sources{Env: links}).Warnings(); len(w) > 0 {
		t.Errorf("warnings: %q", w)
	}
	for _, s := range settings() {
		if isServiceLink(s.env) {
			t.Errorf("%s would never be read", s.env)
		}
	}
}

func TestReferenceVariablesAreWarnedOf(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, Sources{Env: []string{"IMENV_WEBHOOKS_URL=http://h"}})
	if w := cfg.Warnings(); len(w) != 1 || !strings.Contains(w[0], "IMENV_") {
		t.Errorf("warnings = %q", w)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, Sources{Flags: map[string]string{"dataDir": "/d", "webhooks.enable": "afterUserOnline"}})
	if cfg.DataDir != "/d" || cfg.StoreURL() != "sqlite:"+filepath.Join("/d", "parley.db") {
		t.Errorf("dataDir %q, store %q", cfg.DataDir, cfg.StoreURL())
	}
	if got := cfg.Webhooks.On(); !slices.Equal(got, []string{"afterUserOnline"}) {
		t.Errorf("on = %q", got)
	}
	_, err := Load(Sources{Flags: map[string]string{"no.such": "1"}})
	mentions(t, err, "no.such")
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "apy: {}\napi: {listen: nowhere}\nmultiLogin: {policy: 2}\n")
	cfg, err := Load(Sources{File: file, Env: []string{"PARLEY_NOPE=1", "PARLEY_TOKEN_EXPIRE_DAYS=0"}})
	mentions(t, err,
		"apy ("+file+":1)", "did you mean api?",
		"api.listen ("+file+":2)",
		"multiLogin.policy ("+file+":3)",
		"PARLEY_NOPE",
		"token.expireDays (PARLEY_TOKEN_EXPIRE_DAYS)")
	if faults, ok := err.(Faults); !ok || len(faults) != 5 { //nolint:errorlint // the documented type
		t.Errorf("got %d faults, want 5: %v", len(faults), err)
	}
	if cfg == nil {
		t.Error("no configuration beside the faults")
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(Sources{File: path})
	mentions(t, err, "config file "+path, "no such file")
	_, err = Load(Sources{File: t.TempDir()})
	mentions(t, err, "config file")
}
