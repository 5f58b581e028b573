package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
)

// TestPushSurvivesCrash kills the real server twice: while notifications are at a
// vendor that does not answer, and right after messages were acknowledged.
// Everybody is told of every message in the end, in their order.
func TestPushSurvivesCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until the next process takes up what the killed one left")
	}
	t.Parallel()
	var mu sync.Mutex
	hang, told := true, map[string][]string{} // clientMsgIDs by user, each when it was first told
	changed := make(chan struct{}, 1)
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Audience     struct{ Alias []string }
			Notification struct {
				Android struct{ Extras struct{ ClientMsgID string } }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		mu.Lock()
		wait := hang
		user, id := q.Audience.Alias[0], q.Notification.Android.Extras.ClientMsgID
		if !wait && !slices.Contains(told[user], id) {
			told[user] = append(told[user], id)
		}
		mu.Unlock()
		select {
		case changed <- struct{}{}:
		default:
		}
		if wait {
			<-r.Context().Done()
			return
		}
		io.WriteString(w, `{"msg_id":"1"}`)
	}))
	t.Cleanup(vendor.Close)
	p := newProcess(t, build(t), "PARLEY_PUSH_ENABLE=jpush", "PARLEY_PUSH_JPUSH_APP_KEY=k", "PARLEY_PUSH_JPUSH_MASTER_SECRET=s", "PARLEY_PUSH_JPUSH_URL="+vendor.URL)
	p.start()
	c := imtest.NewCaller("http://"+p.api, secret)
	must(t, c.Register("ann"))
	const each = 3
	sent := map[string][]string{}
	send := func(n int, prefix string) {
		t.Helper()
		var wg sync.WaitGroup
		for i := range n {
			user := fmt.Sprint(prefix, i)
			must(t, c.Register(user))
			ids := make([]string, each)
			sent[user] = ids
			wg.Go(func() {
				for i := range ids {
					var err error
					if ids[i], err = c.SendText("ann", user, "", "hi"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	send(30, "hung")
	<-changed // the vendor has one
	p.kill()
	p.start()
	send(30, "acknowledged")
	p.kill()
	mu.Lock()
	hang = false
	mu.Unlock()
	p.start()
	deadline := time.After(60 * time.Second)
	for done := false; !done; {
		select {
		case <-changed:
		case <-deadline:
			done = true
		}
		mu.Lock()
		n := 0
		for _, ids := range told {
			n += len(ids)
		}
		done = done || n == each*len(sent)
		mu.Unlock()
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(sent, told); diff != "" {
		t.Errorf("not everybody was told of everything in order (-sent +told):\n%s", diff)
	}
}

// TestPushOutage: messages to a user's two devices while the vendor is down are all
// delivered after it is back, once each and in order.
func TestPushOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the second attempt")
	}
	storetestURLs(t, func(t *testing.T, storeURL string) {
		fcm := startFCM(t)
		down := true
		taken := map[string][]string{} // guarded by fcm.mu, titles by token
		fcm.answer = func(m fcmSent) (int, string) {
			fcm.mu.Lock()
			defer fcm.mu.Unlock()
			if down {
				return http.StatusServiceUnavailable, `{"error":{"code":503,"message":"down","status":"UNAVAILABLE"}}`
			}
			taken[m.Token] = append(taken[m.Token], m.Notification.Title)
			return http.StatusOK, ""
		}
		s := imtest.Start(t, func(c *config.Config) {
			c.Store.URL = storeURL
			c.Push.Enable, c.Push.FCMAccountFile, c.Push.FCMURL = config.PushFCM, fcm.account, fcm.URL
		})
		register(t, s, "ann", "bob")
		ann := login(t, s, "ann", imtest.DialOptions{})
		for _, p := range []im.Platform{im.PlatformIOS, im.PlatformAndroid} {
			u, err := s.UserToken("bob", p)
			must(t, err)
			must(t, s.Post(u, "/third/fcm_update_token", imtest.H{"account": "bob", "platformID": p, "fcmToken": "bob-" + p.String()}, nil))
		}
		titles := []string{"one", "two", "three"}
		for _, title := range titles {
			m := ann.Text("bob", "", "hi")
			m.OfflinePushInfo = pushTitle(title)
			_, err := ann.Send(m)
			must(t, err)
		}
		fcm.wait(t, "one", "bob-IOS", "bob-Android") // both are refused
		fcm.mu.Lock()
		down = false
		fcm.mu.Unlock()
		fcm.wait(t, "three", "bob-IOS", "bob-Android")
		must(t, s.Stop(t.Context())) // after what is under way
		fcm.mu.Lock()
		defer fcm.mu.Unlock()
		if diff := cmp.Diff(map[string][]string{"bob-IOS": titles, "bob-Android": titles}, taken); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
