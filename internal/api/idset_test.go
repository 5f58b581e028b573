package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"parley/internal/service"
)

// checkIDSet compares an idSet with what encoding/json makes of the same body.
func checkIDSet(t *testing.T, body []byte) {
	t.Helper()
	var got struct {
		UserIDs idSet `json:"userIDs"`
	}
	var plain struct {
		UserIDs []string `json:"userIDs"`
	}
	gotErr, plainErr := json.Unmarshal(body, &got), json.Unmarshal(body, &plain)
	if (gotErr == nil) != (plainErr == nil) {
		t.Fatalf("%q: %v, a plain list: %v", body, gotErr, plainErr)
	}
	if gotErr != nil {
		return
	}
	want := plain.UserIDs
	if want != nil {
		want = []string{}
	}
	for _, id := range plain.UserIDs {
		if !slices.Contains(want, id) && len(want) <= service.MaxIDs {
			want = append(want, id)
		}
	}
	if !slices.Equal(got.UserIDs, want) || (got.UserIDs == nil) != (want == nil) {
		t.Fatalf("%q: %q, want %q", body, got.UserIDs, want)
	}
}

var idSetBodies = []string{
	`{"userIDs":["a","b","a"]}`, `{"userIDs":[]}`, `{"userIDs":null}`, `{}`, ` { "USERIDS" : [ "a" , "a" , "" ] } `,
	`{"userIDs":["\u0061","a","\"","\\","a\\"]}`, "{\"userIDs\":[\"\xff\",\"\ufffd\"]}", `{"userIDs":["张三","张三"]}`,
	`{"userIDs":[1]}`, `{"userIDs":[null,"a"]}`, `{"userIDs":["a",true]}`, `{"userIDs":["a",["b"]]}`, `{"userIDs":["a",{"b":"c"}]}`,
	`{"userIDs":"a"}`, `{"userIDs":7}`, `{"userIDs":{}}`, `{"userIDs":["a"`, `{"userIDs":["a"],"userIDs":["b"]}`, `{"userIDs":["a"],"userIDs":null}`,
}

func TestIDSet(t *testing.T) {
	t.Parallel()
	for _, body := range idSetBodies {
		checkIDSet(t, []byte(body))
	}
}

func FuzzIDSet(f *testing.F) {
	for _, body := range idSetBodies {
		f.Add([]byte(body))
	}
	f.Fuzz(checkIDSet)
}

// squared is a list of n ids as the SDK sends it when it knows none of them: all
// of them, as often as there are ids.
func squared(id func(int) string, n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = id(i)
	}
	all, err := json.Marshal(slices.Repeat(ids, n))
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(all)
}

// TestRepeatedIDs: the requests in which the SDK repeats ids are answered, to users, too.
func TestRepeatedIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const group = "repeated"
	w.must("alice", "/group/create_group", `{"memberUserIDs":["bob"],"groupInfo":{"groupID":"`+group+`","groupType":2,"groupName":"x"},"ownerUserID":"alice"}`)
	name := func(i int) string { // three hundred, of which two exist, longer in all than a user's body may be
		switch i {
		case 7:
			return "bob"
		case 8:
			return "alice"
		}
		return fmt.Sprintf("somebody_with_a_long_id_%03d", i)
	}
	list := squared(name, 300)
	if len(list) < 2<<20 {
		t.Fatalf("a list of %d bytes proves nothing", len(list))
	}
	for path, fields := range map[string]string{"/user/get_users_info": "", "/group/get_group_members_info": `"groupID":"` + group + `",`} {
		status, data, _ := w.send(http.MethodPost, path, `{`+fields+`"userIDs":`+list+`}`, w.plain("alice"))
		answer := string(data)
		if status != 200 || !strings.Contains(answer, `"errCode":0`) {
			t.Fatalf("%s: HTTP %d %.200s", path, status, answer)
		}
		if n := strings.Count(answer, `"userID":`); n != 2 || strings.Index(answer, `"userID":"bob"`) > strings.Index(answer, `"userID":"alice"`) {
			t.Errorf("%s: %d records, want bob and alice: %s", path, n, answer)
		}
		for n, want := range map[int]string{service.MaxIDs: `"errCode":0`, service.MaxIDs + 1: `"errCode":1001`, service.MaxIDs + 2: `"errCode":1001`} {
			_, data, _ = w.send(http.MethodPost, path, `{`+fields+`"userIDs":`+manyIDs(n)+`}`, w.plain("alice"))
			if !strings.Contains(string(data), want) {
				t.Errorf("%s with %d ids: %.200s", path, n, data)
			}
		}
	}
}

// manyIDs is a list of n different ids.
func manyIDs(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("u", i)
	}
	return `["` + strings.Join(ids, `","`) + `"]`
}
