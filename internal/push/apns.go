package push

import (
	"context"
	"crypto/elliptic"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/internal/im"
)

const (
	apnsURL            = "https://api.push.apple.com"
	apnsDevelopmentURL = "https://api.sandbox.push.apple.com"
	// apnsTokenLife is how long a provider token is used: Apple takes it for an hour, and
	// minds a new one more often than every 20 minutes.
	apnsTokenLife = 45 * time.Minute
	// apnsPause is what Apple wants to pass before what a server of its own failed at is tried again.
	apnsPause = 15 * time.Minute
)

// APNsOptions are what the Apple Push Notification service needs.
type APNsOptions struct {
	Key         []byte // the .p8 file of a token signing key
	KeyID       string
	TeamID      string
	Topic       string // the application's bundle id
	Development bool   // tokens are of development builds
	URL         string // "": Apple's
	Client      *http.Client
}

type apns struct {
	o        APNsOptions
	client   *http.Client
	provider *credential
}

// NewAPNs returns the Apple Push Notification service with token-based authentication.
func NewAPNs(o APNsOptions) (Vendor, error) {
	key, err := jwt.ParseECPrivateKeyFromPEM(o.Key)
	if err != nil || key.Curve != elliptic.P256() {
		return nil, errKey
	}
	if o.URL == "" {
		o.URL = apnsURL
		if o.Development {
			o.URL = apnsDevelopmentURL
		}
	}
	o.URL = strings.TrimRight(o.URL, "/")
	a := &apns{o: o, client: o.Client}
	if a.client == nil {
		a.client = newClient()
	}
	a.provider = &credential{now: time.Now, fetch: func(context.Context) (string, time.Duration, error) {
		t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": o.TeamID, "iat": time.Now().Unix()})
		t.Header["kid"] = o.KeyID
		text, err := t.SignedString(key)
		return text, apnsTokenLife, err
	}}
	return a, nil
}

func (a *apns) Name() string     { return "apns" }
func (a *apns) KnowsUsers() bool { return false }
func (a *apns) Close()           { a.client.CloseIdleConnections() }

// Takes implements Vendor: Apple's devices.
func (a *apns) Takes(p im.Platform) bool {
	return p == im.PlatformIOS || p == im.PlatformIPad || p == im.PlatformOSX
}

// Send implements Vendor.
func (a *apns) Send(ctx context.Context, j *im.PushJob) (string, error) {
	payload := map[string]any{}
	for k, v := range data(j) {
		payload[k] = v
	}
	shown := newAPS(j)
	shown.Alert = &apsAlert{j.Note.Title, j.Note.Body}
	payload["aps"] = shown
	body, err := encode(payload)
	if err != nil {
		return "", err
	}
	r, err := a.provider.with(ctx, func(token string) (*answer, bool, error) {
		r, err := post(ctx, a.client, a.o.URL+"/3/device/"+url.PathEscape(j.Token), http.Header{
			"authorization": {"bearer " + token}, "apns-topic": {a.o.Topic}, "apns-push-type": {"alert"}, "apns-priority": {"10"},
			"apns-expiration":  {strconv.FormatInt(j.CreatedAt/1000+int64(life.Seconds()), 10)},
			"apns-collapse-id": {collapseKey(j)}, "content-type": {"application/json"},
		}, body)
		return r, err == nil && r.status == http.StatusForbidden && apnsReason(r) == "ExpiredProviderToken", err
	})
	if err != nil {
		return "", err
	}
	if r.status == http.StatusOK {
		return r.header.Get("apns-id"), nil
	}
	return "", apnsFailure(r)
}

// apnsFailure reads an answer other than success. A token that is gone may have been
// registered again since; a refusal of the key is the operator's to mend, but what the
// key may not do is not.
func apnsFailure(r *answer) *Failure {
	reason := apnsReason(r)
	f := r.failure(reason)
	switch {
	case r.status == http.StatusGone:
		var e struct {
			Timestamp int64 `json:"timestamp"` // ms
		}
		_ = json.Unmarshal(r.body, &e) // without it the token is forgotten, whenever it was registered
		f.Remedy, f.Since = Forget, e.Timestamp
	case reason == "BadDeviceToken", reason == "DeviceTokenNotForTopic":
		f.Remedy = Forget
	case reason == "Forbidden":
		f.Remedy = GiveUp
	case r.status >= http.StatusInternalServerError:
		f.Least = apnsPause
	}
	return f
}

func apnsReason(r *answer) string {
	var e struct {
		Reason string `json:"reason"`
	}
	if json.Unmarshal(r.body, &e) != nil || e.Reason == "" {
		return string(r.body)
	}
	return e.Reason
}
