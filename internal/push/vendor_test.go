package push

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"parley/internal/im"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sampleJob is a notification with everything in it.
func sampleJob() *im.PushJob {
	badge := int64(4)
	return &im.PushJob{
		ID: 1, UserID: "bob", Platform: im.PlatformIOS, Token: "device/token 1", ConversationID: "sg_garden", MessageID: "9f", SendTime: 1718000000000,
		CreatedAt: 1718000000123, Claim: "claim1", Note: im.PushNote{
			Title: "Ann & Bob <3", Body: "says \"hi\" ü", Ex: `{"k":1}`, Sound: "ding.caf", Badge: &badge, ClientMsgID: "c1", SendID: "ann", GroupID: "garden",
			SessionType: im.SessionGroup, ContentType: im.ContentText,
		},
	}
}

// plainJob is one with as little as possible.
func plainJob() *im.PushJob {
	return &im.PushJob{
		UserID: "bob", Platform: im.PlatformAndroid, Token: "t", ConversationID: "si_ann_bob", MessageID: "9e", CreatedAt: 1718000000123, Claim: "claim2",
		Note: im.PushNote{Title: "[TEXT]", Body: "[TEXT]", ClientMsgID: "c2", SendID: "ann", SessionType: im.SessionSingle, ContentType: im.ContentText},
	}
}

// endpoint is a vendor's API on this machine. It keeps the requests and gives
// the answers in turn, the last one for ever.
type endpoint struct {
	t       *testing.T
	headers []string // those that are kept
	mu      sync.Mutex
	got     []string
	answers []reply
	URL     string
	client  *http.Client
}

type reply struct {
	status int
	header map[string]string
	body   string
}

func newEndpoint(t *testing.T, tls bool, headers []string, answers ...reply) *endpoint {
	e := &endpoint{t: t, headers: headers, answers: answers}
	srv := httptest.NewUnstartedServer(e)
	if tls {
		srv.EnableHTTP2 = true
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	e.URL, e.client = srv.URL, srv.Client()
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		e.t.Error(err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s\n", r.Method, r.RequestURI, r.Proto)
	for _, h := range e.headers {
		fmt.Fprintf(&b, "%s: %s\n", h, strings.Join(r.Header.Values(h), "; "))
	}
	if json.Indent(&b, body, "", "  ") != nil {
		b.Write(body)
	}
	e.mu.Lock()
	e.got = append(e.got, b.String()+"\n")
	a := e.answers[0]
	if len(e.answers) > 1 {
		e.answers = e.answers[1:]
	}
	e.mu.Unlock()
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
}

func (e *endpoint) requests() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.got
}

// golden compares a text with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// sent sends both sample jobs and returns the requests and the vendor's ids.
func sent(t *testing.T, v Vendor, e *endpoint) (requests string, ids []string) {
	t.Helper()
	for _, j := range []*im.PushJob{sampleJob(), plainJob()} {
		id, err := v.Send(context.Background(), j)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return strings.Join(e.requests(), "\n"), ids
}

func pemOf(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// claims checks a JWT and returns its header and claims.
func claims(t *testing.T, text, method string, key any) (map[string]any, jwt.MapClaims) {
	t.Helper()
	c := jwt.MapClaims{}
	token, err := jwt.ParseWithClaims(text, c, func(*jwt.Token) (any, error) { return key, nil }, jwt.WithValidMethods([]string{method}))
	if err != nil {
		t.Fatal(err)
	}
	return token.Header, c
}

// fcmFor returns FCM on an endpoint, whose access tokens come from the other one.
func fcmFor(t *testing.T, api, tokens *endpoint) (Vendor, *rsa.PublicKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "parley-test", "private_key_id": "kid1", "private_key": string(pemOf(t, key)),
		"client_email": "push@parley-test.iam.test", "token_uri": tokens.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewFCM(FCMOptions{Account: account, URL: api.URL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v, &key.PublicKey
}

var accessToken = reply{200, nil, `{"access_token":"access 1","expires_in":3599,"token_type":"Bearer"}`}

func TestFCM(t *testing.T) {
	t.Parallel()
	api := newEndpoint(t, false, []string{"Authorization", "Content-Type"}, reply{200, nil, `{"name":"projects/parley-test/messages/1"}`})
	tokens := newEndpoint(t, false, []string{"Content-Type"}, accessToken)
	v, public := fcmFor(t, api, tokens)
	requests, ids := sent(t, v, api)
	golden(t, "fcm", requests)
	if ids[0] != "projects/parley-test/messages/1" {
		t.Errorf("ids %q", ids)
	}
	asked := tokens.requests()
	if len(asked) != 1 {
		t.Fatalf("%d access tokens for two notifications", len(asked))
	}
	head, form, _ := strings.Cut(asked[0], "\nContent-Type: application/x-www-form-urlencoded\n")
	if head != "POST /token HTTP/1.1" {
		t.Errorf("token request %q", asked[0])
	}
	q, err := url.ParseQuery(strings.TrimSpace(form))
	if err != nil || q.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		t.Errorf("form %q: %v", form, err)
	}
	header, c := claims(t, q.Get("assertion"), "RS256", public)
	if header["kid"] != "kid1" || c["iss"] != "push@parley-test.iam.test" || c["aud"] != tokens.URL+"/token" ||
		c["scope"] != "https://www.googleapis.com/auth/firebase.messaging" || c["exp"].(float64)-c["iat"].(float64) != 3600 {
		t.Errorf("header %v, claims %v", header, c)
	}
}

func TestAPNs(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	api := newEndpoint(t, true, []string{"Apns-Topic", "Apns-Push-Type", "Apns-Priority", "Apns-Expiration", "Apns-Collapse-Id", "Content-Type", "Authorization"},
		reply{200, map[string]string{"apns-id": "id 1"}, ""})
	v, err := NewAPNs(APNsOptions{Key: pemOf(t, key), KeyID: "KEY1", TeamID: "TEAM1", Topic: "com.example.app", URL: api.URL, Client: api.client})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	requests, ids := sent(t, v, api)
	_, rest, _ := strings.Cut(requests, "Authorization: bearer ")
	token, _, _ := strings.Cut(rest, "\n")
	golden(t, "apns", strings.ReplaceAll(requests, token, "$TOKEN"))
	if ids[0] != "id 1" {
		t.Errorf("ids %q", ids)
	}
	header, c := claims(t, token, "ES256", &key.PublicKey)
	if header["kid"] != "KEY1" || c["iss"] != "TEAM1" || time.Since(time.Unix(int64(c["iat"].(float64)), 0)) > time.Minute {
		t.Errorf("header %v, claims %v", header, c)
	}
	for p, want := range map[im.Platform]bool{im.PlatformIOS: true, im.PlatformIPad: true, im.PlatformAndroid: false, im.PlatformWeb: false} {
		if v.Takes(p) != want {
			t.Errorf("takes %s: %v", p, !want)
		}
	}
}

func TestGetui(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(24 * time.Hour).UnixMilli()
	api := newEndpoint(t, false, []string{"Token", "Content-Type"},
		reply{200, nil, fmt.Sprintf(`{"code":0,"msg":"","data":{"expire_time":"%d","token":"access 1"}}`, until)},
		reply{200, nil, `{"code":0,"msg":"","data":{"RASS_1":{"cid 1":"successed_offline"}}}`})
	v := NewGetui(GetuiOptions{AppID: "app 1", AppKey: "key1", MasterSecret: "master1", Intent: "intent:#Intent;end", URL: api.URL})
	t.Cleanup(v.Close)
	requests, ids := sent(t, v, api)
	var auth struct{ Sign, Timestamp, Appkey string }
	_, body, _ := strings.Cut(api.requests()[0], "utf-8\n")
	if err := json.Unmarshal([]byte(body), &auth); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("key1" + auth.Timestamp + "master1"))
	if auth.Sign != hex.EncodeToString(sum[:]) {
		t.Errorf("sign %s of %+v", auth.Sign, auth)
	}
	golden(t, "getui", strings.NewReplacer(auth.Sign, "$SIGN", auth.Timestamp, "$TIME").Replace(requests))
	if ids[0] != "RASS_1" || len(api.requests()) != 3 {
		t.Errorf("ids %q, %d requests", ids, len(api.requests()))
	}
}

func TestJPush(t *testing.T) {
	t.Parallel()
	api := newEndpoint(t, false, []string{"Authorization", "Content-Type"}, reply{200, nil, `{"sendno":"0","msg_id":"18100287008546"}`}, reply{200, nil, `{"sendno":"0","msg_id":7}`})
	v := NewJPush(JPushOptions{AppKey: "key1", MasterSecret: "master1", Intent: "intent:#Intent;end", URL: api.URL})
	t.Cleanup(v.Close)
	requests, ids := sent(t, v, api)
	golden(t, "jpush", requests)
	if diff := cmp.Diff([]string{"18100287008546", "7"}, ids); diff != "" {
		t.Error(diff)
	}
}

// TestFailures holds what each vendor's answers call for.
func TestFailures(t *testing.T) {
	t.Parallel()
	fcm := func(t *testing.T, e *endpoint) Vendor {
		v, _ := fcmFor(t, e, newEndpoint(t, false, nil, accessToken))
		return v
	}
	apns := func(t *testing.T, e *endpoint) Vendor {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		v, err := NewAPNs(APNsOptions{Key: pemOf(t, key), URL: e.URL})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	getui := func(_ *testing.T, e *endpoint) Vendor { return NewGetui(GetuiOptions{AppID: "a", URL: e.URL}) }
	jpush := func(_ *testing.T, e *endpoint) Vendor { return NewJPush(JPushOptions{URL: e.URL}) }
	fcmError := func(status int, code, message string) reply {
		return reply{status, nil, fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":"X","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":%q}]}}`, status, message, code)}
	}
	getuiAuth := reply{200, nil, `{"code":0,"data":{"expire_time":"99999999999999","token":"t"}}`}
	for _, c := range []struct {
		name     string
		vendor   func(*testing.T, *endpoint) Vendor
		answers  []reply
		remedy   Remedy
		after    time.Duration
		reason   string
		requests int
	}{
		{"fcm unregistered", fcm, []reply{fcmError(404, "UNREGISTERED", "gone")}, Forget, 0, "UNREGISTERED: gone", 1},
		{"fcm other sender", fcm, []reply{fcmError(403, "SENDER_ID_MISMATCH", "m")}, Forget, 0, "SENDER_ID_MISMATCH", 1},
		{"fcm no token", fcm, []reply{fcmError(400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token")}, Forget, 0, "INVALID_ARGUMENT", 1},
		{"fcm bad request", fcm, []reply{{400, nil, `{"error":{"message":"Invalid value at 'message.data' of the registration token","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest"}]}}`}}, GiveUp, 0, "Invalid value", 1},
		{"fcm token among others", fcm, []reply{{400, nil, `{"error":{"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"INVALID_ARGUMENT"},{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"message.token","description":"Invalid registration token"}]}]}}`}}, Forget, 0, "INVALID_ARGUMENT", 1},
		{"fcm quota", fcm, []reply{{429, map[string]string{"Retry-After": "30"}, `{"error":{"status":"RESOURCE_EXHAUSTED","message":"m"}}`}}, TryAgain, 30 * time.Second, "RESOURCE_EXHAUSTED", 1},
		{"fcm unavailable", fcm, []reply{{503, nil, "<html>"}}, TryAgain, 0, "<html>", 1},
		{"fcm access refused twice", fcm, []reply{{401, nil, `{"error":{"status":"UNAUTHENTICATED","message":"m"}}`}}, TryAgain, 0, "UNAUTHENTICATED", 2},
		{"apns unregistered", apns, []reply{{410, nil, `{"reason":"Unregistered","timestamp":1}`}}, Forget, 0, "Unregistered", 1},
		{"apns expired token", apns, []reply{{410, nil, `{"reason":"ExpiredToken","timestamp":1}`}}, Forget, 0, "ExpiredToken", 1},
		{"apns forbidden", apns, []reply{{403, nil, `{"reason":"Forbidden"}`}}, GiveUp, 0, "Forbidden", 1},
		{"apns shutdown", apns, []reply{{503, nil, `{"reason":"Shutdown"}`}}, TryAgain, 0, "Shutdown", 1},
		{"apns bad token", apns, []reply{{400, nil, `{"reason":"BadDeviceToken"}`}}, Forget, 0, "BadDeviceToken", 1},
		{"apns other application", apns, []reply{{400, nil, `{"reason":"DeviceTokenNotForTopic"}`}}, Forget, 0, "DeviceTokenNotForTopic", 1},
		{"apns payload", apns, []reply{{413, nil, `{"reason":"PayloadTooLarge"}`}}, GiveUp, 0, "PayloadTooLarge", 1},
		{"apns too many", apns, []reply{{429, nil, `{"reason":"TooManyRequests"}`}}, TryAgain, 0, "TooManyRequests", 1},
		{"apns wrong key", apns, []reply{{403, nil, `{"reason":"InvalidProviderToken"}`}}, TryAgain, 0, "InvalidProviderToken", 1},
		{"apns expired key twice", apns, []reply{{403, nil, `{"reason":"ExpiredProviderToken"}`}}, TryAgain, 0, "ExpiredProviderToken", 2},
		{"getui refused", getui, []reply{getuiAuth, {400, nil, `{"code":20001,"msg":"target user is invalid"}`}}, GiveUp, 0, "code 20001: target", 2},
		{"getui access refused twice", getui, []reply{getuiAuth, {401, nil, `{"code":10001,"msg":"auth failed"}`}, getuiAuth, {401, nil, `{"code":10001,"msg":"auth failed"}`}}, TryAgain, 0, "10001", 4},
		{"getui wrong keys", getui, []reply{{400, nil, `{"code":10001,"msg":"sign error"}`}}, TryAgain, 0, "no access token", 1},
		{"getui starting", getui, []reply{getuiAuth, {200, nil, `{"code":2,"msg":"starting"}`}}, TryAgain, 0, "code 2", 2},
		{"getui too fast", getui, []reply{getuiAuth, {401, nil, `{"code":10005,"msg":"m"}`}}, TryAgain, time.Minute, "10005", 2},
		{"getui too many tokens", getui, []reply{{401, nil, `{"code":10003,"msg":"m"}`}}, TryAgain, time.Minute, "10003", 1},
		{"getui busy", getui, []reply{getuiAuth, {502, nil, `oops`}}, TryAgain, 0, "oops", 2},
		{"jpush nobody", jpush, []reply{{400, nil, `{"error":{"code":1011,"message":"cannot find user by this audience"}}`}}, Forget, 0, "code 1011", 1},
		{"jpush too many", jpush, []reply{{429, map[string]string{"X-Rate-Limit-Reset": "30"}, `{"error":{"code":2002,"message":"rate limit exceeded"}}`}}, TryAgain, 30 * time.Second, "2002", 1},
		{"jpush too many, no words", jpush, []reply{{429, map[string]string{"X-Rate-Limit-Reset": "5"}, `{}`}}, TryAgain, 5 * time.Second, "", 1},
		{"jpush wrong keys", jpush, []reply{{401, nil, `{"error":{"code":1004,"message":"Authen failed"}}`}}, TryAgain, 0, "1004", 1},
		{"jpush bad request", jpush, []reply{{400, nil, `{"error":{"code":1003,"message":"The parameter value is invalid"}}`}}, GiveUp, 0, "1003", 1},
		{"a redirect", jpush, []reply{{302, map[string]string{"Location": "/elsewhere"}, ""}}, GiveUp, 0, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, false, nil, c.answers...)
			v := c.vendor(t, e)
			defer v.Close()
			_, err := v.Send(context.Background(), plainJob())
			var f *Failure
			if !errors.As(err, &f) {
				t.Fatalf("error %v", err)
			}
			if f.Remedy != c.remedy || f.After != c.after || !strings.Contains(f.Reason, c.reason) || f.Status == 0 {
				t.Errorf("failure %+v", *f)
			}
			if f.Least != 0 != (c.name == "apns shutdown") || f.Since != 0 != (f.Status == http.StatusGone) {
				t.Errorf("failure %+v", *f)
			}
			if n := len(e.requests()); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

// TestAccessIsRenewed lets a vendor refuse an access token once.
func TestAccessIsRenewed(t *testing.T) {
	t.Parallel()
	api := newEndpoint(t, false, []string{"Authorization"}, reply{401, nil, `{}`}, reply{200, nil, `{"name":"n"}`})
	tokens := newEndpoint(t, false, nil, accessToken, reply{200, nil, `{"access_token":"access 2","expires_in":3599}`})
	v, _ := fcmFor(t, api, tokens)
	if id, err := v.Send(context.Background(), plainJob()); err != nil || id != "n" {
		t.Fatal(id, err)
	}
	got := api.requests()
	if len(got) != 2 || !strings.Contains(got[0], "Bearer access 1\n") || !strings.Contains(got[1], "Bearer access 2\n") {
		t.Errorf("requests %q", got)
	}
}

func TestCredential(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	fetched, fetching, open := 0, make(chan struct{}), make(chan struct{})
	c := &credential{now: func() time.Time { return now }, fetch: func(ctx context.Context) (string, time.Duration, error) {
		fetched++
		if fetched == 1 {
			close(fetching)
			<-open
		}
		return fmt.Sprint("token ", fetched), time.Minute, nil
	}}
	var wg sync.WaitGroup
	get := func() string {
		text, err := c.get(context.Background())
		if err != nil {
			t.Error(err)
		}
		return text
	}
	wg.Go(func() { get() })
	<-fetching
	for range 4 {
		wg.Go(func() {
			if got := get(); got != "token 1" {
				t.Errorf("got %s", got)
			}
		})
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.get(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that does not wait: %v", err)
	}
	close(open)
	wg.Wait()
	if fetched != 1 {
		t.Errorf("fetched %d times", fetched)
	}
	now = now.Add(time.Minute)
	if got := get(); got != "token 2" {
		t.Errorf("after its life: %s", got)
	}
	c.drop("token 1")
	if got := get(); got != "token 2" {
		t.Errorf("an older one was dropped: %s", got)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewAPNs(APNsOptions{Key: pemOf(t, key)}); err == nil {
		t.Error("a key of another curve was taken")
	}
	for _, account := range []string{"", "{}", `{"project_id":"p","client_email":"c","private_key":"x","token_uri":"u"}`} {
		if _, err := NewFCM(FCMOptions{Account: []byte(account)}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("account %q: %v", account, err)
		}
	}
}
