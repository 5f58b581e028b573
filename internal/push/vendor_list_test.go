package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/internal/im"
)

// threeJobs are jobs that say the same; the last user cannot have an alias.
func threeJobs() []im.PushJob {
	jobs := []im.PushJob{*sampleJob(), *sampleJob(), *sampleJob()}
	jobs[1].UserID, jobs[2].UserID = "cid", strings.Repeat("d", maxAlias+1)
	return jobs
}

func TestGetuiList(t *testing.T) {
	t.Parallel()
	auth := reply{200, nil, `{"code":0,"data":{"expire_time":"99999999999999","token":"access 1"}}`}
	task := reply{200, nil, `{"code":0,"msg":"","data":{"taskid":"RASL_1"}}`}
	list := func(t *testing.T, last reply) (*endpoint, string, []string, error) {
		api := newEndpoint(t, false, []string{"Token"}, auth, task, last)
		v := NewGetui(GetuiOptions{AppID: "app1", AppKey: "key1", MasterSecret: "master1", URL: api.URL}).(ListVendor)
		t.Cleanup(v.Close)
		id, unknown, err := v.SendList(context.Background(), threeJobs())
		return api, id, unknown, err
	}
	long := threeJobs()[2].UserID
	api, id, unknown, err := list(t, reply{200, nil, `{"code":0,"data":{"RASL_1":{"bob":{"cid 1":"successed_offline"}}}}`})
	if diff := cmp.Diff([]string{long, "cid"}, unknown); err != nil || id != "RASL_1" || diff != "" {
		t.Errorf("%s %v %s", id, err, diff)
	}
	golden(t, "getui_list", strings.Join(api.requests()[1:], "\n"))
	// Whatever does not name the users says nothing about them.
	if _, _, unknown, err = list(t, reply{200, nil, `{"code":0,"data":{"RASL_1":{"cid 1":"successed_offline"}}}`}); err != nil || len(unknown) != 1 {
		t.Errorf("%v %v", unknown, err)
	}
	var f *Failure
	if _, _, _, err = list(t, reply{400, nil, `{"code":20001,"msg":"target user is invalid"}`}); !errors.As(err, &f) || f.Remedy != Apart {
		t.Errorf("a list that is refused: %v", err)
	}
}

func TestJPushList(t *testing.T) {
	t.Parallel()
	api := newEndpoint(t, false, nil, reply{200, nil, `{"msg_id":"1"}`}, reply{400, nil, `{"error":{"code":1003,"message":"m"}}`}, reply{400, nil, `{"error":{"code":1011,"message":"m"}}`})
	v := NewJPush(JPushOptions{AppKey: "key1", MasterSecret: "master1", URL: api.URL}).(ListVendor)
	t.Cleanup(v.Close)
	id, unknown, err := v.SendList(context.Background(), threeJobs())
	if err != nil || id != "1" || len(unknown) != 1 {
		t.Errorf("%s %v %v", id, unknown, err)
	}
	golden(t, "jpush_list", api.requests()[0])
	for _, want := range []Remedy{Apart, Forget} {
		var f *Failure
		if _, _, err := v.SendList(context.Background(), threeJobs()); !errors.As(err, &f) || f.Remedy != want {
			t.Errorf("%v, want remedy %d", err, want)
		}
	}
	var f *Failure
	if _, err := v.Send(context.Background(), &threeJobs()[2]); !errors.As(err, &f) || f.Remedy != GiveUp || len(api.requests()) != 3 {
		t.Errorf("a user without an alias: %v", err)
	}
}

// TestFit: the largest notification stays below what vendors take.
func TestFit(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("i", 64)
	long := strings.Repeat("\n\"ü\x01", 1000)
	m := &im.Message{
		SendID: id, GroupID: id, ClientMsgID: strings.Repeat("c", 256), SessionType: im.SessionGroup, ContentType: im.ContentText,
	}
	for _, ex := range []string{long, strings.Repeat("\"", maxEx/2)} {
		j := im.PushJob{UserID: "bob", Token: "t", ConversationID: "sg_" + id, MessageID: id, Note: newNote(m, &im.OfflinePush{Title: long, Desc: long, Ex: ex})}
		if (j.Note.Ex != "") != (len(ex) == maxEx/2) {
			t.Errorf("ex %.20q", j.Note.Ex)
		}
		api := newEndpoint(t, false, nil, reply{200, nil, `{}`})
		v := NewJPush(JPushOptions{URL: api.URL})
		if _, err := v.Send(context.Background(), &j); err != nil {
			t.Fatal(err)
		}
		v.Close()
		var q struct {
			Notification struct{ IOS, Android json.RawMessage }
		}
		_, body, _ := strings.Cut(api.requests()[0], "\n")
		if err := json.Unmarshal([]byte(body), &q); err != nil {
			t.Fatal(err)
		}
		var ios bytes.Buffer
		if err := json.Compact(&ios, q.Notification.IOS); err != nil || ios.Len() > 3584 || len(q.Notification.Android) > 4000 {
			t.Errorf("%d bytes for iOS, %d for Android, %v", ios.Len(), len(q.Notification.Android), err)
		}
	}
	if got := cutEncoded("aü\n\"b", 6); got != "aü\n" {
		t.Errorf("cut to %q", got)
	}
	if got := cutRunes("aüb", 2); got != "aü" {
		t.Errorf("cut to %q", got)
	}
}
