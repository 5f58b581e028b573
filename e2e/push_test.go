package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/push"
	"github.com/openimsdk/protocol/sdkws"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/store/storetest"
	"parley/internal/wire"
)

func background(on bool) *sdkws.SetAppBackgroundStatusReq {
	return &sdkws.SetAppBackgroundStatusReq{IsBackground: on}
}

// pushTitle is the push info of a message that is shown with a title.
func pushTitle(title string) *sdkws.OfflinePushInfo { return &sdkws.OfflinePushInfo{Title: title} }

// pulledIDs returns the server ids of all messages of a conversation.
func pulledIDs(t *testing.T, u user, conversationID string) (out []string) {
	t.Helper()
	var r sdkws.PullMessageBySeqsResp
	must(t, u.Request(wire.ReqPullByRange, &sdkws.PullMessageBySeqsReq{
		UserID: u.UserID, SeqRanges: []*sdkws.SeqRange{{ConversationID: conversationID, Begin: 1, End: 1000, Num: 1000}},
	}, &r))
	for _, m := range r.Msgs[conversationID].GetMsgs() {
		out = append(out, m.ServerMsgID)
	}
	return out
}

// fcmServer is Google's part: access tokens and messages:send.
type fcmServer struct {
	URL     string
	account string // file

	mu      sync.Mutex
	got     []fcmSent
	changed chan struct{}
	answer  func(m fcmSent) (status int, body string) // nil: success
}

// fcmSent is what an application's device gets.
type fcmSent struct {
	Token        string
	Notification struct{ Title, Body string }
	Data         map[string]string
	APNS         struct {
		Payload struct {
			APS struct {
				Badge *int64
				Sound string
			}
		}
	}
}

func startFCM(t testing.TB) *fcmServer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	f := &fcmServer{changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"access_token":"a","expires_in":3600,"token_type":"Bearer"}`)
	})
	mux.HandleFunc("POST /v1/projects/p/messages:send", f.send)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	f.URL, f.account = srv.URL, filepath.Join(t.TempDir(), "account.json")
	account, err := json.Marshal(map[string]string{
		"project_id": "p", "client_email": "c@p.test", "token_uri": srv.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	must(t, err)
	must(t, os.WriteFile(f.account, account, 0o600))
	return f
}

func (f *fcmServer) send(w http.ResponseWriter, r *http.Request) {
	var q struct{ Message fcmSent }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.got = append(f.got, q.Message)
	close(f.changed)
	f.changed = make(chan struct{})
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		if status, body := answer(q.Message); status != http.StatusOK {
			w.WriteHeader(status)
			io.WriteString(w, body)
			return
		}
	}
	io.WriteString(w, `{"name":"projects/p/messages/1"}`)
}

// texts returns "<token> <title>" of what was sent so far, sorted, and a channel
// that is closed when more has come.
func (f *fcmServer) texts() (out []string, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.got {
		out = append(out, m.Token+" "+m.Notification.Title)
	}
	return slices.Sorted(slices.Values(out)), f.changed
}

// wait waits until a text was sent to each of some tokens.
func (f *fcmServer) wait(t *testing.T, title string, tokens ...string) {
	t.Helper()
	deadline := time.After(40 * time.Second)
	for {
		got, changed := f.texts()
		if !slices.ContainsFunc(tokens, func(k string) bool { return !slices.Contains(got, k+" "+title) }) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%q was not sent to all of %v, but %v", title, tokens, got)
		}
	}
}

// TestOfflinePush: an application registers its devices and is told of what it misses.
func TestOfflinePush(t *testing.T) {
	storetestURLs(t, func(t *testing.T, storeURL string) {
		fcm := startFCM(t)
		s := imtest.Start(t, func(c *config.Config) {
			c.Store.URL = storeURL
			c.Push.Enable, c.Push.FCMAccountFile, c.Push.FCMURL = config.PushFCM, fcm.account, fcm.URL
		})
		register(t, s, "ann", "bob", "cid", "dan", "eve")
		ann := login(t, s, "ann", imtest.DialOptions{})
		device := func(id string, p im.Platform, token string, life int64) {
			t.Helper()
			u, err := s.UserToken(id, p)
			must(t, err)
			must(t, s.Post(u, "/third/fcm_update_token", imtest.H{"account": id, "platformID": p, "fcmToken": token, "expireTime": life}, nil))
		}
		device("ann", im.PlatformIOS, "ann-ios", 0)
		device("bob", im.PlatformIOS, "bob-ios", 3600)
		device("bob", im.PlatformAndroid, "bob-android", 0)
		device("cid", im.PlatformAndroid, "cid-android", 0)
		device("dan", im.PlatformAndroid, "dan-android", 0)
		say := func(to, group, title string, badge bool) {
			t.Helper()
			m := ann.Text(to, group, "hi")
			m.OfflinePushInfo = &sdkws.OfflinePushInfo{Title: title, Desc: "words", IOSBadgeCount: badge, IOSPushSound: "ding.caf"}
			_, err := ann.Send(m)
			must(t, err)
		}
		bob, err := s.UserToken("bob", im.PlatformWeb)
		must(t, err)
		must(t, s.Post(bob, "/third/set_app_badge", imtest.H{"userID": "bob", "appUnreadCount": 4}, nil))
		say("bob", "", "one", true)
		fcm.wait(t, "one", "bob-ios", "bob-android")
		fcm.mu.Lock()
		for _, m := range fcm.got {
			aps := m.APNS.Payload.APS
			ios := m.Token == "bob-ios"
			if ios != (aps.Badge != nil) || ios && *aps.Badge != 5 || aps.Sound != "ding.caf" || m.Notification.Body != "words" ||
				m.Data["conversationID"] != "si_ann_bob" || m.Data["sendID"] != "ann" {
				t.Errorf("sent %+v", m)
			}
		}
		fcm.mu.Unlock()

		// A group: not the sender, not who looks on, not the silent. The device of who
		// logged in last is that one's.
		group := makeGroup(t, s, "ann", "bob", "cid", "dan", "eve")
		must(t, s.AsAdmin("/conversation/set_conversations", imtest.H{
			"userIDs": []string{"cid"}, "conversation": imtest.H{"conversationID": "sg_" + group, "conversationType": 3, "groupID": group, "recvMsgOpt": 1},
		}, nil))
		login(t, s, "dan", imtest.DialOptions{})
		device("eve", im.PlatformAndroid, "bob-android", 0)
		say("", group, "two", false)
		fcm.wait(t, "two", "bob-ios", "bob-android")

		// Who logs out is not told any more (request 2003), and a device that is gone is forgotten.
		eve := login(t, s, "eve", imtest.DialOptions{})
		must(t, eve.Request(wire.ReqLogout, &push.DelUserPushTokenReq{UserID: "eve", PlatformID: int32(im.PlatformAndroid)}, nil))
		<-eve.Ended()
		fcm.mu.Lock()
		fcm.answer = func(m fcmSent) (int, string) {
			if m.Token == "bob-ios" {
				return 404, `{"error":{"code":404,"message":"gone","status":"NOT_FOUND","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"}]}}`
			}
			return 200, ""
		}
		fcm.mu.Unlock()
		say("", group, "three", false)
		fcm.wait(t, "three", "bob-ios")
		device("bob", im.PlatformAndroid, "bob-new", 0)
		// By the time this is sent, the outcome of the one before is written.
		say("cid", "", "aside", false)
		fcm.wait(t, "aside", "cid-android")
		say("bob", "", "four", false)
		fcm.wait(t, "four", "bob-new")
		say("cid", "", "last", false)
		fcm.wait(t, "last", "cid-android")
		got, _ := fcm.texts()
		want := []string{
			"bob-android one", "bob-android two", "bob-ios one", "bob-ios three", "bob-ios two", "bob-new four", "cid-android aside", "cid-android last",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// storetestURLs runs a test for the embedded store and for PostgreSQL.
func storetestURLs(t *testing.T, test func(t *testing.T, storeURL string)) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, "") })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, storetest.Postgres(t)) })
}
