package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzBodies sends any bytes to any route, as an administrator and as a user: the
// answer is always an envelope, and nothing is logged as a fault of ours.
func FuzzBodies(f *testing.F) {
	w := newWorld(f)
	table := w.api.table
	index := map[string]int{}
	for i, e := range table {
		index[e.path] = i
	}
	for _, fam := range families() {
		for _, s := range fam.scenarios {
			path, _, _ := strings.Cut(s.path, "?")
			if i, ok := index[path]; ok && len(s.body) < 2000 {
				f.Add(uint8(i), s.as == admin, []byte(s.body))
			}
		}
	}
	headers := map[bool]map[string][]string{true: w.plain(admin), false: w.plain("alice")}
	f.Fuzz(func(t *testing.T, route uint8, asAdmin bool, body []byte) {
		e := table[int(route)%len(table)]
		if asAdmin && (e.path == "/auth/force_logout" || e.path == "/auth/get_user_token") {
			return // would end the tokens of this test
		}
		r := httptest.NewRequest("POST", e.path, strings.NewReader(string(body)))
		r.Header = headers[asAdmin]
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, r)
		if rec.Code != 200 && !(rec.Code == 400 && e.strict) {
			t.Fatalf("%s: HTTP %d %s", e.path, rec.Code, rec.Body)
		}
		var got struct {
			ErrCode *int
			ErrMsg  *string
			ErrDlt  *string
			Data    json.RawMessage
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || got.ErrCode == nil || got.ErrMsg == nil || got.ErrDlt == nil {
			t.Fatalf("%s: no envelope: %s", e.path, rec.Body)
		}
		switch {
		case *got.ErrCode != 0 && got.Data != nil:
			t.Fatalf("%s: an error with data: %s", e.path, rec.Body)
		case w.logged.String() != "":
			t.Fatalf("%s: %s\n%s", e.path, rec.Body, w.logged.String())
		}
	})
}
