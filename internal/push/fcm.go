package push

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"parley/internal/im"
)

const (
	fcmURL   = "https://fcm.googleapis.com"
	fcmScope = "https://www.googleapis.com/auth/firebase.messaging"
)

// FCMOptions are what Firebase Cloud Messaging (HTTP v1) needs.
type FCMOptions struct {
	Account  []byte // the service account's key file, JSON
	URL      string // base of the API; "": Google's
	TokenURL string // where access tokens come from; "": what the account says
}

type fcm struct {
	url     string
	client  *http.Client
	access  *credential
	account fcmAccount
	key     *rsa.PrivateKey
	tokens  string
}

type fcmAccount struct {
	ProjectID   string `json:"project_id"`
	PrivateKey  string `json:"private_key"`
	KeyID       string `json:"private_key_id"`
	ClientEmail string `json:"client_email"`
	TokenURI    string `json:"token_uri"`
}

// NewFCM returns Firebase Cloud Messaging.
func NewFCM(o FCMOptions) (Vendor, error) {
	f := &fcm{url: fcmURL, client: newClient()}
	if err := json.Unmarshal(o.Account, &f.account); err != nil {
		return nil, errors.New("is no JSON of a service account")
	}
	if f.account.ProjectID == "" || f.account.ClientEmail == "" {
		return nil, errors.New("lacks project_id or client_email")
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(f.account.PrivateKey))
	if err != nil {
		return nil, errKey
	}
	f.key, f.tokens = key, f.account.TokenURI
	if o.URL != "" {
		f.url = strings.TrimRight(o.URL, "/")
	}
	if o.TokenURL != "" {
		f.tokens = o.TokenURL
	}
	if f.tokens == "" {
		return nil, errors.New("lacks token_uri")
	}
	f.access = &credential{fetch: f.authorize, now: time.Now}
	return f, nil
}

func (f *fcm) Name() string           { return "fcm" }
func (f *fcm) Takes(im.Platform) bool { return true }
func (f *fcm) KnowsUsers() bool       { return false }
func (f *fcm) Close()                 { f.client.CloseIdleConnections() }

// authorize gets an access token for a signed assertion (RFC 7523).
func (f *fcm) authorize(ctx context.Context) (string, time.Duration, error) {
	now := time.Now()
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": f.account.ClientEmail, "scope": fcmScope, "aud": f.tokens, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if f.account.KeyID != "" {
		t.Header["kid"] = f.account.KeyID
	}
	assertion, err := t.SignedString(f.key)
	if err != nil {
		return "", 0, err
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	a, err := post(ctx, f.client, f.tokens, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	var r struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(a.body, &r); a.status != http.StatusOK || err != nil || r.AccessToken == "" {
		failed := a.failure("no access token: " + string(a.body))
		failed.Remedy = TryAgain // the keys are wrong, not the notification
		return "", 0, failed
	}
	return r.AccessToken, time.Duration(r.ExpiresIn)*time.Second - time.Minute, nil
}

type (
	fcmMessage struct {
		Token        string            `json:"token"`
		Notification fcmNotification   `json:"notification"`
		Data         map[string]string `json:"data"`
		Android      fcmAndroid        `json:"android"`
		APNS         fcmAPNS           `json:"apns"`
	}
	fcmNotification struct {
		Title string `json:"title"`
		Body  string `json:"body"`
	}
	fcmAndroid struct {
		CollapseKey  string                 `json:"collapse_key"`
		Priority     string                 `json:"priority"`
		TTL          string                 `json:"ttl"`
		Notification fcmAndroidNotification `json:"notification"`
	}
	fcmAndroidNotification struct {
		Tag          string `json:"tag"`
		DefaultSound bool   `json:"default_sound"`
	}
	fcmAPNS struct {
		Headers map[string]string `json:"headers"`
		Payload struct {
			APS aps `json:"aps"`
		} `json:"payload"`
	}
)

// Send implements Vendor.
func (f *fcm) Send(ctx context.Context, j *im.PushJob) (string, error) {
	key := collapseKey(j)
	m := fcmMessage{
		Token: j.Token, Notification: fcmNotification{j.Note.Title, j.Note.Body}, Data: data(j),
		Android: fcmAndroid{
			CollapseKey: key, Priority: "high", TTL: fmt.Sprintf("%.0fs", life.Seconds()),
			Notification: fcmAndroidNotification{key, true},
		},
		APNS: fcmAPNS{Headers: map[string]string{
			"apns-priority": "10", "apns-push-type": "alert", "apns-collapse-id": key,
			"apns-expiration": strconv.FormatInt(j.CreatedAt/1000+int64(life.Seconds()), 10),
		}},
	}
	m.APNS.Payload.APS = newAPS(j)
	body, err := encode(struct {
		Message fcmMessage `json:"message"`
	}{m})
	if err != nil {
		return "", err
	}
	target := f.url + "/v1/projects/" + url.PathEscape(f.account.ProjectID) + "/messages:send"
	a, err := f.access.with(ctx, func(token string) (*answer, bool, error) {
		a, err := post(ctx, f.client, target, http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}, body)
		return a, err == nil && a.status == http.StatusUnauthorized, err
	})
	if err != nil {
		return "", err
	}
	if a.status == http.StatusOK {
		var r struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(a.body, &r); err != nil {
			return "", a.failure("unreadable answer")
		}
		return r.Name, nil
	}
	return "", fcmFailure(a)
}

// fcmFailure reads an error answer. The code of the service itself stands among
// the details. An invalid argument may be the token or anything else: the message, or
// a detail, tells.
func fcmFailure(a *answer) *Failure {
	var e struct {
		Error struct {
			Message string      `json:"message"`
			Status  string      `json:"status"`
			Details []fcmDetail `json:"details"`
		} `json:"error"`
	}
	if err := json.Unmarshal(a.body, &e); err != nil {
		return a.failure(string(a.body))
	}
	code, request, token := e.Error.Status, false, false
	for _, d := range e.Error.Details {
		switch {
		case strings.HasSuffix(d.Type, "fcm.v1.FcmError") && d.ErrorCode != "":
			code = d.ErrorCode
		case strings.HasSuffix(d.Type, "google.rpc.BadRequest"):
			request = true
			token = token || slices.ContainsFunc(d.FieldViolations, func(v fcmViolation) bool { return v.Field == "message.token" })
		}
	}
	f := a.failure(code + ": " + e.Error.Message)
	switch {
	case code == "UNREGISTERED", code == "SENDER_ID_MISMATCH":
		f.Remedy = Forget
	case code == "INVALID_ARGUMENT" && (token || !request && strings.Contains(e.Error.Message, "registration token")):
		f.Remedy = Forget
	case code == "THIRD_PARTY_AUTH_ERROR":
		f.Remedy = GiveUp
	}
	return f
}

type (
	fcmDetail struct {
		Type            string         `json:"@type"`
		ErrorCode       string         `json:"errorCode"`
		FieldViolations []fcmViolation `json:"fieldViolations"`
	}
	fcmViolation struct {
		Field string `json:"field"`
	}
)
