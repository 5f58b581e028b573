package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/imtest"
	"parley/internal/config"
)

// TestOfflinePushLists: the members of a group who are away are told by one request
// of a vendor that takes lists.
func TestOfflinePushLists(t *testing.T) {
	t.Parallel()
	type request struct {
		authorized bool
		alias      []string
		title      string
	}
	got := make(chan request, 16)
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Audience     struct{ Alias []string }
			Notification struct{ Android struct{ Title string } }
		}
		key, secret, ok := r.BasicAuth()
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Method+" "+r.URL.Path != "POST /v3/push" {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		slices.Sort(q.Audience.Alias)
		got <- request{ok && key == "app" && secret == "master", q.Audience.Alias, q.Notification.Android.Title}
		io.WriteString(w, `{"sendno":"0","msg_id":"1"}`)
	}))
	defer vendor.Close()
	s := imtest.Start(t, func(c *config.Config) {
		c.Push.Enable, c.Push.JPushAppKey, c.Push.JPushMasterSecret, c.Push.JPushURL = config.PushJPush, "app", "master", vendor.URL
	})
	long := strings.Repeat("z", 41) // cannot be an alias
	register(t, s, "ann", "bob", "cid", "dan", "eve", long)
	must(t, s.AsAdmin("/group/create_group", imtest.H{
		"ownerUserID": "ann", "memberUserIDs": []string{"bob", "cid", "dan", "eve", long}, "groupInfo": imtest.H{"groupID": "g", "groupType": 2},
	}, nil))
	must(t, s.AsAdmin("/conversation/set_conversations", imtest.H{
		"userIDs": []string{"cid"}, "conversation": imtest.H{"conversationID": "sg_g", "conversationType": 3, "groupID": "g", "recvMsgOpt": 2},
	}, nil))
	login(t, s, "dan", imtest.DialOptions{}) // a phone that shows it
	_, err := s.SendText("ann", "", "g", "hi")
	must(t, err)
	deadline := time.After(time.Minute)
	for {
		select {
		case q := <-got:
			if q.title != "[TEXT]" { // of the group that was made
				continue
			}
			// Apart from who sent it, who wants silence, who saw it, and who has no alias.
			if diff := cmp.Diff([]string{"bob", "eve"}, q.alias); diff != "" || !q.authorized {
				t.Errorf("authorized %v, %s", q.authorized, diff)
			}
		case <-deadline:
			t.Fatal("nobody was told")
		}
		break
	}
}
