package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// plain are the headers of an ordinary request of a user.
func (w *world) plain(as string) http.Header {
	h := http.Header{"Operationid": {"op-1"}}
	if as != "" {
		h.Set("token", w.token(as))
	}
	return h
}

// TestEveryRouteHasScenarios holds the table and the golden files together: each
// route is shown to work, and to refuse those whom its access refuses.
func TestEveryRouteHasScenarios(t *testing.T) {
	t.Parallel()
	type key struct {
		path string
		code string
	}
	shown := map[key]int{}
	for _, f := range families() {
		sections := openGolden(t, f.name).want
		for _, s := range f.scenarios {
			for line := range strings.Lines(sections[s.title()]) {
				if code, ok := strings.CutPrefix(line, `  "errCode": `); ok {
					shown[key{s.route(), strings.Trim(code, ",\n")}]++
				}
			}
		}
	}
	known := map[string]bool{}
	for _, e := range New(Options{}).table {
		if e.direct != nil { // no envelope: it has tests of its own
			continue
		}
		known[e.path] = true
		if works := shown[key{e.path, "0"}] > 0; works == e.unusable {
			t.Errorf("%s: no scenario shows it working, or one does although it refuses all", e.path)
		}
		if e.unusable && shown[key{e.path, "500"}] == 0 {
			t.Errorf("%s: no scenario shows that it refuses all", e.path)
		}
		if e.access >= onlySelf && shown[key{e.path, "1002"}] == 0 {
			t.Errorf("%s: no scenario shows that it refuses others", e.path)
		}
	}
	for k := range shown {
		if !known[k.path] {
			t.Errorf("%s: has scenarios, but is not in the table", k.path)
		}
	}
}

// sample returns a body that a route takes, and who sends it; "{}" for a route
// without a scenario, which another test reports.
func sample(path string) (as, body string) {
	for _, f := range families() {
		for _, s := range f.scenarios {
			if s.route() == path && !strings.Contains(s.body, "$") {
				return s.as, s.body
			}
		}
	}
	if path == "/auth/parse_token" {
		return "alice", `{"token":"x"}`
	}
	return "alice", `{}`
}

// TestHeadersAndBodies tries on every route what is refused everywhere in the
// same words.
func TestHeadersAndBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const (
		noOperation = `{"errCode":1001,"errMsg":"ArgsError","errDlt":"header must have operationID"}`
		noToken     = `{"errCode":1001,"errMsg":"ArgsError","errDlt":"header must have token"}`
	)
	for _, e := range w.api.table {
		if e.direct != nil {
			continue
		}
		as, body := sample(e.path)
		if as == "" {
			as = "alice"
		}
		check := func(name, method, body string, h http.Header, status int, want string) {
			t.Helper()
			if got, answer, _ := w.send(method, e.path, body, h); got != status || string(answer) != want {
				t.Errorf("%s, %s: HTTP %d %s\nwant %d %s", e.path, name, got, answer, status, want)
			}
		}
		without := func(name string, empty bool) http.Header {
			h := w.plain(as)
			h.Del(name)
			if empty {
				h.Set(name, "")
			}
			return h
		}
		check("no operationID", "POST", body, without("operationID", false), 200, noOperation)
		check("empty operationID", "POST", body, without("operationID", true), 200, noOperation)
		check("no headers", "POST", body, http.Header{}, 200, noOperation)
		if e.access != public {
			check("no token", "POST", body, without("token", false), 200, noToken)
			check("empty token", "POST", body, without("token", true), 200, noToken)
			check("no token and no body", "POST", "", without("token", false), 200, noToken)
		}
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			check(method, method, "", http.Header{}, 404, "404 page not found")
		}
		if e.bodyless {
			continue
		}
		parse := func(name, body, text string) {
			t.Helper()
			quoted, _ := json.Marshal(text)
			if e.strict {
				check(name, "POST", body, w.plain(as), 400, fmt.Sprintf(`{"errCode":1001,"errMsg":"ArgsError","errDlt":%s}`, quoted))
			} else {
				check(name, "POST", body, w.plain(as), 200, fmt.Sprintf(`{"errCode":1001,"errMsg":%s,"errDlt":""}`, quoted))
			}
		}
		parse("empty body", "", "unexpected end of JSON input")
		parse("half a body", `{"x":`, "unexpected end of JSON input")
		parse("no JSON", `userID=alice`, "invalid character 'u' looking for beginning of value")
		parse("more than one value", `{} {}`, "invalid character '{' after top-level value")
	}
}

// TestWrongTypes gives each field of each request a value of another type.
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tried := 0
	for _, e := range w.api.table {
		if e.direct != nil || e.bodyless {
			continue
		}
		as, body := sample(e.path)
		if as == "" {
			as = "alice"
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &fields); err != nil {
			t.Fatalf("%s: %v", e.path, err)
		}
		for name, v := range fields {
			if name == "unknown" {
				continue
			}
			wrong := `{"wrong":[true]}`
			if v[0] == '{' {
				wrong = `"wrong"`
			}
			fields[name] = json.RawMessage(wrong)
			changed, _ := json.Marshal(fields)
			fields[name] = v
			status, answer, _ := w.send("POST", e.path, string(changed), w.plain(as))
			var got struct {
				ErrCode        int
				ErrMsg, ErrDlt string
			}
			if err := json.Unmarshal(answer, &got); err != nil || got.ErrCode != 1001 || (status == 400) != e.strict ||
				!strings.HasPrefix(got.ErrMsg+got.ErrDlt, "json: cannot unmarshal") && !strings.HasPrefix(got.ErrDlt, "json: cannot unmarshal") &&
					!strings.HasPrefix(got.ErrMsg, "strconv.Parse") { // the wrappers' own
				t.Errorf("%s with %s of a wrong type: HTTP %d %s", e.path, name, status, answer)
			}
			tried++
		}
	}
	if tried < 60 {
		t.Errorf("only %d fields tried", tried)
	}
}

// TestLongNumberInParseText shows that a body does not come back in the answer.
func TestLongNumberInParseText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, answer, _ := w.send("POST", "/msg/mark_conversation_as_read", `{"hasReadSeq":`+strings.Repeat("9", 10_000)+`}`, w.plain("bob"))
	if len(answer) > maxParseText+100 {
		t.Errorf("an answer of %d bytes: %.300s", len(answer), answer)
	}
}
