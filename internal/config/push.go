package config

import "fmt"

// Push is the vendor that reaches devices which are offline.
type Push struct {
	// Enable is fcm, apns, getui or jpush; empty means that nothing is sent.
	Enable string `yaml:"enable" env:"PARLEY_PUSH_ENABLE"`
	// Queue is how many notifications may wait for the vendor before the oldest are dropped.
	Queue int `yaml:"queue" env:"PARLEY_PUSH_QUEUE"`
	// Workers is how many are handed over at once.
	Workers int `yaml:"workers" env:"PARLEY_PUSH_WORKERS"`

	// FCMAccountFile is the key file (JSON) of a service account.
	FCMAccountFile string `yaml:"fcmAccountFile" env:"PARLEY_PUSH_FCM_ACCOUNT_FILE"`
	// FCMURL is the base of the vendor's API; empty means the vendor's own. The URLs
	// below are alike.
	FCMURL      string `yaml:"fcmURL" env:"PARLEY_PUSH_FCM_URL" hide:"url"`
	FCMTokenURL string `yaml:"fcmTokenURL" env:"PARLEY_PUSH_FCM_TOKEN_URL" hide:"url"`

	// APNsKeyFile is the .p8 file of a token signing key, APNsKeyID its name.
	APNsKeyFile string `yaml:"apnsKeyFile" env:"PARLEY_PUSH_APNS_KEY_FILE"`
	APNsKeyID   string `yaml:"apnsKeyID" env:"PARLEY_PUSH_APNS_KEY_ID"`
	APNsTeamID  string `yaml:"apnsTeamID" env:"PARLEY_PUSH_APNS_TEAM_ID"`
	// APNsTopic is the application's bundle id.
	APNsTopic string `yaml:"apnsTopic" env:"PARLEY_PUSH_APNS_TOPIC"`
	// APNsDevelopment is for tokens of development builds.
	APNsDevelopment bool   `yaml:"apnsDevelopment" env:"PARLEY_PUSH_APNS_DEVELOPMENT"`
	APNsURL         string `yaml:"apnsURL" env:"PARLEY_PUSH_APNS_URL" hide:"url"`

	GetuiAppID        string `yaml:"getuiAppID" env:"PARLEY_PUSH_GETUI_APP_ID"`
	GetuiAppKey       string `yaml:"getuiAppKey" env:"PARLEY_PUSH_GETUI_APP_KEY" hide:"value"`
	GetuiMasterSecret string `yaml:"getuiMasterSecret" env:"PARLEY_PUSH_GETUI_MASTER_SECRET" hide:"value"`
	// GetuiIntent opens the application from a notification; empty means its start page.
	GetuiIntent string `yaml:"getuiIntent" env:"PARLEY_PUSH_GETUI_INTENT"`
	GetuiURL    string `yaml:"getuiURL" env:"PARLEY_PUSH_GETUI_URL" hide:"url"`

	JPushAppKey       string `yaml:"jpushAppKey" env:"PARLEY_PUSH_JPUSH_APP_KEY" hide:"value"`
	JPushMasterSecret string `yaml:"jpushMasterSecret" env:"PARLEY_PUSH_JPUSH_MASTER_SECRET" hide:"value"`
	// JPushIntent opens the application from a notification; empty means its start page.
	JPushIntent string `yaml:"jpushIntent" env:"PARLEY_PUSH_JPUSH_INTENT"`
	// JPushDevelopment is for iOS tokens of development builds.
	JPushDevelopment bool   `yaml:"jpushDevelopment" env:"PARLEY_PUSH_JPUSH_DEVELOPMENT"`
	JPushURL         string `yaml:"jpushURL" env:"PARLEY_PUSH_JPUSH_URL" hide:"url"`
}

// The vendors of Push.Enable.
const (
	PushFCM   = "fcm"
	PushAPNs  = "apns"
	PushGetui = "getui"
	PushJPush = "jpush"
)

func (v *validator) checkPush() {
	p := &v.cfg.Push
	v.check("push.queue", checkRange(p.Queue, 100, 1_000_000))
	v.check("push.workers", checkRange(p.Workers, 1, 1000))
	for _, u := range []struct{ setting, value string }{
		{"push.fcmURL", p.FCMURL},
		{"push.fcmTokenURL", p.FCMTokenURL},
		{"push.apnsURL", p.APNsURL},
		{"push.getuiURL", p.GetuiURL},
		{"push.jpushURL", p.JPushURL},
	} {
		v.check(u.setting, checkPublicURL(u.value))
	}
	type need struct{ setting, value string }
	var needs []need
	switch p.Enable {
	case "":
	case PushFCM:
		needs = []need{{"push.fcmAccountFile", p.FCMAccountFile}}
	case PushAPNs:
		needs = []need{
			{"push.apnsKeyFile", p.APNsKeyFile}, {"push.apnsKeyID", p.APNsKeyID}, {"push.apnsTeamID", p.APNsTeamID}, {"push.apnsTopic", p.APNsTopic},
		}
	case PushGetui:
		needs = []need{
			{"push.getuiAppID", p.GetuiAppID}, {"push.getuiAppKey", p.GetuiAppKey}, {"push.getuiMasterSecret", p.GetuiMasterSecret},
		}
	case PushJPush:
		needs = []need{{"push.jpushAppKey", p.JPushAppKey}, {"push.jpushMasterSecret", p.JPushMasterSecret}}
	default:
		v.check("push.enable", fmt.Errorf("must be fcm, apns, getui or jpush, or empty, not %q", p.Enable))
	}
	for _, n := range needs {
		if n.value == "" {
			v.check(n.setting, fmt.Errorf("is empty, but push.enable is %s", p.Enable))
		}
	}
}
