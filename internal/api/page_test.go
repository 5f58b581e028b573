package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestLongPages: back ends get pages as long as they ask for, within reason: they take
// a shorter one for the last one. Users get what the SDK asks for.
func TestLongPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users := make([]string, 1200)
	for i := range users {
		users[i] = fmt.Sprintf(`{"userID":"many%04d","nickname":"m"}`, i)
	}
	w.must(admin, "/user/user_register", `{"users":[`+strings.Join(users, ",")+`]}`)
	for as, want := range map[string]int{admin: 1200, "alice": 1000} {
		for path, list := range map[string]string{"/user/get_users": "users", "/user/get_all_users_uid": "userIDs"} {
			_, answer, _ := w.send(http.MethodPost, path, `{"pagination":{"pageNumber":1,"showNumber":5000}}`, w.plain(as))
			var got struct{ Data map[string]json.RawMessage }
			var items []json.RawMessage
			if err := json.Unmarshal(answer, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(got.Data[list], &items); err != nil {
				t.Fatal(err)
			}
			if len(items) < want || as != admin && len(items) > want {
				t.Errorf("%s as %s: %d items, want %d", path, as, len(items), want)
			}
		}
	}
}
