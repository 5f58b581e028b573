package config

import (
	"strings"
	"testing"
)

// bucket is S3 settings that are good.
func bucket() S3 {
	return S3{Endpoint: "http://h:9000", PublicURL: "https://files.test/", Region: "r", Bucket: "a-bucket", AccessKey: "a", SecretKey: "s"}
}

func TestValidateS3(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, Sources{Env: []string{
		"PARLEY_S3_ENDPOINT=http://h:9000", "PARLEY_S3_PUBLIC_URL=https://files.test/", "PARLEY_S3_REGION=r", "PARLEY_S3_BUCKET=a-bucket",
		"PARLEY_S3_ACCESS_KEY=a", "PARLEY_S3_SECRET_KEY=s", "PARLEY_S3_PATH_STYLE=no",
	}})
	if c.S3 != bucket() {
		t.Errorf("%+v", c.S3)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		change  func(*Config)
		setting string
		want    string
	}{
		{"no data directory", func(c *Config) { c.DataDir = " " }, "dataDir", "directory"},
		{"well-known secret", func(c *Config) { c.Secret = "openIM123" }, "secret", "well-known"},
		{"short secret", func(c *Config) { c.Secret = "only15charslong" }, "secret", "at least 16"},
		{"public URL without scheme", func(c *Config) { c.PublicURL = "im.example.com" }, "publicURL", "http or https"},
		{"public URL with a query", func(c *Config) { c.PublicURL = "http://h/?a=b" }, "publicURL", "query"},
		{"API port alone", func(c *Config) { c.API.Listen = "10002" }, "api.listen", `"10002"`},
		{"WS port too big", func(c *Config) { c.WS.Listen = ":70000" }, "ws.listen", "0 to 65535"},
		{"admin port missing", func(c *Config) { c.Admin.Listen = "" }, "admin.listen", "HOST:PORT"},
		{"two listeners on one address", func(c *Config) { c.WS.Listen = "127.0.0.1:10002" }, "ws.listen", "same address as api.listen"},
		{"no connections", func(c *Config) { c.WS.MaxConnections = 0 }, "ws.maxConnections", "from 1"},
		{"tiny frames", func(c *Config) { c.WS.MaxFrameBytes = 10 }, "ws.maxFrameBytes", "from 1024"},
		{"no admin users", func(c *Config) { c.Admin.UserIDs = nil }, "admin.userIDs", "at least one"},
		{"admin user twice", func(c *Config) { c.Admin.UserIDs = StringList{"a", "a"} }, "admin.userIDs", "twice"},
		{"admin user too long", func(c *Config) { c.Admin.UserIDs = StringList{strings.Repeat("x", 65)} }, "admin.userIDs", "1 to 64"},
		{"sqlite without a path", func(c *Config) { c.Store.URL = "sqlite:" }, "store.url", "file"},
		{"other database", func(c *Config) { c.Store.URL = "mysql://h/d" }, "store.url", "sqlite:PATH"},
		{"NATS", func(c *Config) { c.NATS.URL = "nats://h" }, "nats.url", "not available in this version"},
		{"node with a dot", func(c *Config) { c.Node.ID = "a.b" }, "node.id", `"a.b"`},
		{"policy 2", func(c *Config) { c.MultiLogin.Policy = 2 }, "multiLogin.policy", "0, 1, 4 or 5"},
		{"policy 3", func(c *Config) { c.MultiLogin.Policy = 3 }, "multiLogin.policy", "0, 1, 4 or 5"},
		{"no logins", func(c *Config) { c.MultiLogin.MaxNumOneEnd = 0 }, "multiLogin.maxNumOneEnd", "from 1"},
		{"tokens that never live", func(c *Config) { c.Token.ExpireDays = 0 }, "token.expireDays", "from 1"},
		{"dashboard", func(c *Config) { c.Admin.GrafanaURL = "grafana" }, "admin.grafanaURL", "http or https"},
		{"negative rate", func(c *Config) { c.Limits.UserRate = -1 }, "limits.userRate", "from 0"},
		{"no burst", func(c *Config) { c.Limits.RouteBurst = 0 }, "limits.routeBurst", "from 1"},
		{"rate of a route", func(c *Config) { c.Limits.Routes = StringList{"/a=1", "/b"} }, "limits.routes", "\"/b\""},
		{"burst of a route", func(c *Config) { c.Limits.Routes = StringList{"/a=1/0"} }, "limits.routes", "burst"},
		{"high rate of a route", func(c *Config) { c.Limits.Routes = StringList{"/a=1000001"} }, "limits.routes", "1000000"},
		{"proxy", func(c *Config) { c.Limits.TrustedProxies = StringList{"10.0.0.1", "proxy"} }, "limits.trustedProxies", "\"proxy\""},
		{"vendor of pushes", func(c *Config) { c.Push.Enable = "pigeon" }, "push.enable", `"pigeon"`},
		{"short push queue", func(c *Config) { c.Push.Queue = 1 }, "push.queue", "from 100"},
		{"no push workers", func(c *Config) { c.Push.Workers = 0 }, "push.workers", "from 1"},
		{"push URL", func(c *Config) { c.Push.GetuiURL = "getui" }, "push.getuiURL", "http or https"},
		{"fcm without its account", func(c *Config) { c.Push.Enable = PushFCM }, "push.fcmAccountFile", "push.enable is fcm"},
		{"apns without its topic", func(c *Config) {
			c.Push = Push{Enable: PushAPNs, Queue: 100, Workers: 1, APNsKeyFile: "k.p8", APNsKeyID: "k", APNsTeamID: "t"}
		}, "push.apnsTopic", "push.enable is apns"},
		{"getui without its secret", func(c *Config) {
			c.Push = Push{Enable: PushGetui, Queue: 100, Workers: 1, GetuiAppID: "a", GetuiAppKey: "k"}
		}, "push.getuiMasterSecret", "push.enable is getui"},
		{"jpush without its key", func(c *Config) {
			c.Push = Push{Enable: PushJPush, Queue: 100, Workers: 1, JPushMasterSecret: "s"}
		}, "push.jpushAppKey", "push.enable is jpush"},
		{"no requests", func(c *Config) { c.Limits.Requests = 0 }, "limits.requests", "from 1"},
		{"small bodies", func(c *Config) { c.Limits.UserBodyBytes = 1 }, "limits.userBodyBytes", "from 1024"},
		{"files of no size", func(c *Config) { c.Objects.MaxFileMB = 0 }, "objects.maxFileMB", "from 1"},
		{"files beyond all parts", func(c *Config) { c.Objects.MaxFileMB = 51_200_001 }, "objects.maxFileMB", "to 51200000"},
		{"S3 without a bucket", func(c *Config) { c.S3.Endpoint = "http://h" }, "s3.bucket", "is empty"},
		{"bad bucket", func(c *Config) { c.S3 = bucket(); c.S3.Bucket = "A_b" }, "s3.bucket", "lower-case"},
		{"bucket without an endpoint", func(c *Config) { c.S3 = bucket(); c.S3.Endpoint = "" }, "s3.endpoint", "is needed"},
		{"bucket without a key", func(c *Config) { c.S3 = bucket(); c.S3.SecretKey = "" }, "s3.secretKey", "is needed"},
		{"S3 below a path", func(c *Config) { c.S3 = bucket(); c.S3.Endpoint = "http://h/s3" }, "s3.endpoint", "path"},
		{"S3 for clients without a scheme", func(c *Config) { c.S3 = bucket(); c.S3.PublicURL = "h:9000" }, "s3.publicURL", "http or https"},
		{"log level", func(c *Config) { c.Log.Level = "loud" }, "log.level", `"loud"`},
		{"log format", func(c *Config) { c.Log.Format = "xml" }, "log.format", `"xml"`},
		{"callback URL", func(c *Config) { c.Webhooks.URL = "ftp://h" }, "webhooks.url", "http or https"},
		{"no callback URL", func(c *Config) {
			c.Webhooks.URL = ""
			setCallback(c, "afterUserOnline", func(cb *Callback) { cb.Enable = true })
		}, "webhooks.url", "callbacks are on: afterUserOnline"},
		{"callback URL with a fragment", func(c *Config) { c.Webhooks.URL = "http://h/#a" }, "webhooks.url", "fragment"},
		{"callback secret without prefix", func(c *Config) { c.Webhooks.Secret = "abc" }, "webhooks.secret", "whsec_"},
		{"callback secret not base64", func(c *Config) { c.Webhooks.Secret = "whsec_!" }, "webhooks.secret", "base64"},
		{"callback secret short", func(c *Config) { c.Webhooks.Secret = "whsec_AAAA" }, "webhooks.secret", "holds 3"},
		{"callback secret long", func(c *Config) { c.Webhooks.Secret = "whsec_" + strings.Repeat("AAAA", 22) }, "webhooks.secret", "holds 66"},
		{"second callback secret", func(c *Config) { c.Webhooks.Secrets = StringList{secretA, "x"} }, "webhooks.secrets", "whsec_"},
		{"three callback secrets", func(c *Config) {
			c.Webhooks.Secret, c.Webhooks.Secrets = secretA, StringList{secretB, secretC}
		}, "webhooks.secrets", "3 signing secrets"},
		{"callback timeout", func(c *Config) {
			setCallback(c, "afterUserOnline", func(cb *Callback) { cb.Timeout = 3601 })
		}, "webhooks.afterUserOnline.timeout", "at most 3600"},
		{"callback path", func(c *Config) {
			setCallback(c, "afterUserOnline", func(cb *Callback) { cb.Path = "../x" })
		}, "webhooks.afterUserOnline.path", "one path element"},
		{"callback path dots", func(c *Config) {
			setCallback(c, "afterUserOnline", func(cb *Callback) { cb.Path = ".." })
		}, "webhooks.afterUserOnline.path", "one path element"},
		{"callback lost", func(c *Config) { delete(c.Webhooks.Callbacks, "afterUserOnline") }, "webhooks.afterUserOnline", "missing"},
		{"callback made up", func(c *Config) { c.Webhooks.Callbacks["x"] = Callback{} }, "webhooks.x", "no callback"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := Default()
			tt.change(cfg)
			faults, ok := cfg.Validate().(Faults) //nolint:errorlint // the documented type
			if !ok || len(faults) != 1 || faults[0].Setting != tt.setting {
				t.Fatalf("faults = %v, want one of %s", faults, tt.setting)
			}
			mentions(t, faults, tt.want)
		})
	}
}

func TestValidateAccepts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*Config)
	}{
		{"free ports on one host", func(c *Config) { c.API.Listen, c.WS.Listen, c.Admin.Listen = "h:0", "h:0", "h:0" }},
		{"one port on two hosts", func(c *Config) { c.API.Listen, c.WS.Listen = "10.0.0.1:80", "10.0.0.2:80" }},
		{"IPv6", func(c *Config) { c.API.Listen = "[::1]:80" }},
		{"postgres", func(c *Config) { c.Store.URL = "postgres://u:p@h:5432/d?sslmode=disable" }},
		{"postgresql", func(c *Config) { c.Store.URL = "postgresql:///d" }},
		{"sqlite", func(c *Config) { c.Store.URL = "sqlite:/x/y.db" }},
		{"no callback URL and none on", func(c *Config) { c.Webhooks.URL = "" }},
		{"callback URL with a query", func(c *Config) { c.Webhooks.URL = "https://u:p@h/x?tenant=7" }},
		{"two secrets", func(c *Config) { c.Webhooks.Secret, c.Webhooks.Secrets = secretA, StringList{secretB} }},
		{"one secret in both places", func(c *Config) { c.Webhooks.Secret, c.Webhooks.Secrets = secretA, StringList{secretA, secretB} }},
		{"secret of 64 bytes", func(c *Config) { c.Webhooks.Secret = "whsec_" + strings.Repeat("AAAA", 21) + "AA==" }},
		{"capital level", func(c *Config) { c.Log.Level = "WARN" }},
		{"negative timeout", func(c *Config) {
			setCallback(c, "afterUserOnline", func(cb *Callback) { cb.Timeout = -1 })
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := Default()
			tt.change(cfg)
			if err := cfg.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFaultsKeepSecrets feeds secrets into every place that reports a fault.
func TestFaultsKeepSecrets(t *testing.T) {
	t.Parallel()
	const leak = "LEAKED"
	_, err := Load(Sources{
		Env: []string{
			"PARLEY_SECRET=" + leak,
			"PARLEY_PUBLIC_URL=http://u:" + leak + "@h:x" + leak,
			"PARLEY_STORE_URL=postgres://u:" + leak + "@h:port" + leak,
			"PARLEY_NATS_URL=nats://" + leak + "@h",
			"PARLEY_WEBHOOKS_URL=http://u:" + leak + "@h:x" + leak,
			"PARLEY_WEBHOOKS_SECRET=whsec_" + leak,
			"PARLEY_WEBHOOKS_SECRETS=[" + leak,
		},
	})
	if faults, ok := err.(Faults); !ok || len(faults) != 7 { //nolint:errorlint // the documented type
		t.Errorf("want seven faults: %v", err)
	}
	if strings.Contains(err.Error(), leak) {
		t.Errorf("a fault shows a secret: %v", err)
	}
	_, err = parse("f", []byte("secret: ["+leak+"\napi: {"))
	if err == nil || strings.Contains(err.Error(), leak) {
		t.Errorf("a syntax fault shows a secret: %v", err)
	}
}
