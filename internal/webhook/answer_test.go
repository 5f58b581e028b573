package webhook

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"parley/internal/im"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// mustParse reads an answer and returns what was logged about it.
func mustParse(t *testing.T, text string) (*Answer, envelope, *bytes.Buffer) {
	t.Helper()
	logged := new(bytes.Buffer)
	a, e, err := parseAnswer([]byte(text), slog.New(slog.NewTextHandler(logged, nil)))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return a, e, logged
}

// TestVerdict is the table of webhooks.md 1.5, with the lenient reading of its numbers.
func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		refused bool
		action  int64
		warned  bool
	}{
		{`{}`, false, 0, false},
		{`{"actionCode":0,"nextCode":0}`, false, 0, false},
		{`{"actionCode":0,"nextCode":1}`, true, 0, false},
		{`{"nextCode":1}`, true, 0, false},
		{`{"actionCode":0,"nextCode":2}`, false, 0, false},
		{`{"actionCode":1,"nextCode":1}`, false, 1, false},
		{`{"actionCode":1}`, false, 1, false},
		{`{"actionCode":"0","nextCode":"1"}`, true, 0, false},
		{`{"actionCode":"","nextCode":1}`, true, 0, false},
		{`{"actionCode":null,"nextCode":1}`, true, 0, false},
		{`{"actionCode":0,"nextCode":"nextCodeValue"}`, false, 0, true},
		{`{"actionCode":0,"nextCode":1.5}`, false, 0, true},
		{`{"actionCode":0.0,"nextCode":1.0}`, true, 0, false}, // as of libraries that know floating numbers only
		{`{"actionCode":"0.0","nextCode":"1.0"}`, true, 0, false},
		{`{"actionCode":0,"nextCode":1e0}`, true, 0, false},
		{`{"actionCode":0,"nextCode":4294967297}`, false, 0, true},
		{`{"actionCode":0,"nextCode":1e400}`, false, 0, true},
		{`{"actionCode":0,"nextCode":true}`, false, 0, true},
		{`{"ActionCode":0,"NEXTCODE":1}`, true, 0, false},
		{`{"nextcode":1,"nextCode":0}`, false, 0, false}, // the exact key wins
		{`{"nextCode":{"value":1}}`, true, 0, false},
		{`{"somethingElse":[1,2,{"a":null}],"nextCode":1}`, true, 0, false},
	} {
		_, e, logged := mustParse(t, c.text)
		if e.refused() != c.refused || e.actionCode != c.action || logged.Len() > 0 != c.warned {
			t.Errorf("%s: refused %t, actionCode %d, log %q", c.text, e.refused(), e.actionCode, logged)
		}
	}
	for _, text := range []string{``, `null`, `[]`, `"x"`, `1`, `{`, `{"a":1}{`, `<html>`, "\ufeff{}"} {
		if a, _, err := parseAnswer([]byte(text), quiet()); err == nil {
			t.Errorf("%q became %v", text, a)
		}
	}
}

// TestRefusal is webhooks.md 1.6: what the user is told.
func TestRefusal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want im.Refusal
	}{
		{`{"errCode":20042,"errMsg":"no","errDlt":"not today"}`, im.Refusal{Code: 20042, Msg: "no", Dlt: "not today"}},
		{`{"errCode":5001}`, im.Refusal{Code: 5001}},
		{`{"errCode":"20042"}`, im.Refusal{Code: 20042}},
		{`{"errCode":1}`, im.Refusal{Code: 1}},
		{`{"errCode":0}`, im.Refusal{Code: 80000, Msg: "CallbackError"}},
		{`{}`, im.Refusal{Code: 80000, Msg: "CallbackError"}},
		{`{"errCode":-5,"errMsg":"given"}`, im.Refusal{Code: 80000, Msg: "given"}},
		{`{"errCode":"none"}`, im.Refusal{Code: 80000, Msg: "CallbackError"}},
		{`{"errCode":99999999999}`, im.Refusal{Code: 80000, Msg: "CallbackError"}},
		{`{"errCode":20042,"errMsg":7}`, im.Refusal{Code: 20042}},
		{`{"errCode":20042.0}`, im.Refusal{Code: 20042}},
		{
			`{"errCode":20042,"errMsg":"x` + strings.Repeat("é", maxRefusalText) + `","errDlt":"` + strings.Repeat("y", maxRefusalText) + `"}`,
			im.Refusal{Code: 20042, Msg: "x" + strings.Repeat("é", maxRefusalText/2-1), Dlt: strings.Repeat("y", maxRefusalText)},
		},
	} {
		a, _, _ := mustParse(t, c.text)
		if got := a.refusal(); *got != c.want {
			t.Errorf("%s: %+v", c.text, *got)
		}
	}
}

// TestReplacements: a field that is absent, null or of the wrong type keeps the user's value.
func TestReplacements(t *testing.T) {
	t.Parallel()
	a, _, logged := mustParse(t, `{
		"content":"new","empty":"","none":null,"EX":"by another case","number":7,"wrapped":{"value":"inside"},"wrappedNull":{"value":null},
		"big":9007199254740993,"float":1.5,"point":7.0,"huge":1e300,"digits":"7","flag":true,"wrappedFlag":{"value":false},"options":{"history":false,"offlinePush":true},
		"mixed":{"a":true,"b":1},"ids":["a","b"],"noIDs":[],"packed":"[\"c\"]","numbers":[1],
		"push":{"title":"T","iOSBadgeCount":true},"one":{"userID":"u"},"many":[{"userID":"u"},7,{"userID":"v"}],"two":{"value":1,"other":2}}`)
	text := func(key string) string {
		if v := a.Text(key); v != nil {
			return "=" + *v
		}
		return "keep"
	}
	for key, want := range map[string]string{
		"content": "=new", "empty": "=", "none": "keep", "absent": "keep", "ex": "=by another case", "number": "keep",
		"wrapped": "=inside", "wrappedNull": "keep", "ids": "keep",
	} {
		if got := text(key); got != want {
			t.Errorf("text %s: %s, want %s", key, got, want)
		}
	}
	if v := a.Text("absent", "none", "content"); v == nil || *v != "new" {
		t.Error("the first key that has a value does not count")
	}
	if v := a.Int("number"); v == nil || *v != 7 {
		t.Error("number")
	}
	if v := a.Int("point"); v == nil || *v != 7 {
		t.Error("a whole number with a point")
	}
	if a.Int("digits") != nil || a.Long("huge") != nil || a.Int("big") != nil || a.Int("float") != nil || a.Int("content") != nil || a.Int("flag") != nil {
		t.Error("what is no whole number of 32 bits was taken for one")
	}
	if v := a.Long("big"); v == nil || *v != 9007199254740993 {
		t.Error("a large number lost digits")
	}
	if v := a.Flag("flag"); v == nil || !*v {
		t.Error("flag")
	}
	if v := a.Flag("wrappedFlag"); v == nil || *v {
		t.Error("wrapped flag")
	}
	if v := a.Flags("options"); len(v) != 2 || v["history"] || !v["offlinePush"] {
		t.Errorf("options %v", v)
	}
	if a.Flags("mixed") != nil || a.Flags("ids") != nil || a.Flags("absent") != nil {
		t.Error("no object of truth values")
	}
	if v := a.Texts("ids"); !slices.Equal(v, []string{"a", "b"}) {
		t.Errorf("ids %v", v)
	}
	if v := a.Texts("packed"); !slices.Equal(v, []string{"c"}) {
		t.Errorf("a packed list is %v", v)
	}
	if v := a.Texts("noIDs"); v == nil || len(v) != 0 {
		t.Error("an empty list is a value")
	}
	if a.Texts("numbers") != nil || a.Texts("content") != nil || a.Texts("absent") != nil {
		t.Error("no list of strings")
	}
	if p := a.Object("push"); p == nil || *p.Text("title") != "T" || p.Text("desc") != nil || !*p.Flag("iosbadgecount") {
		t.Error("object")
	}
	if a.Object("ids") != nil || a.Object("absent") != nil {
		t.Error("no object")
	}
	if v := a.Objects("one"); len(v) != 1 || *v[0].Text("userID") != "u" {
		t.Error("one object counts as a list of one")
	}
	if v := a.Objects("many"); len(v) != 2 || *v[1].Text("userID") != "v" {
		t.Error("list of objects")
	}
	if v := a.Object("two"); v == nil || *v.Int("other") != 2 {
		t.Error("an object with more than value is not a wrapping")
	}
	for _, field := range []string{"number", "big", "float", "mixed", "numbers", "many"} {
		if !strings.Contains(logged.String(), "field="+field) {
			t.Errorf("nothing is logged of %s", field)
		}
	}
	if strings.Contains(logged.String(), "inside") || strings.Contains(logged.String(), "new") {
		t.Error("values are logged")
	}
	var none *Answer
	if none.Text("x") != nil || none.Int("x") != nil || none.Long("x") != nil || none.Flag("x") != nil || none.Texts("x") != nil ||
		none.Flags("x") != nil || none.Object("x") != nil || none.Objects("x") != nil {
		t.Error("no answer replaces something")
	}
}

// FuzzParseAnswer: whatever a receiver answers, reading it neither fails badly nor
// finds a refusal without a code.
func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{
		`{"actionCode":0,"errCode":0,"errMsg":"","errDlt":"","nextCode":0}`, `{"nextCode":"1","errCode":"x"}`, `{"value":{"value":1}}`,
		`{"a":{"value":null}}`, `[]`, `null`, `{"users":[{"userID":"u"}]}`, `{"options":{"history":true}}`, `{"content":"\ud800"}`, `{"a":[[[]]]}`,
	} {
		f.Add([]byte(s), "content")
	}
	f.Fuzz(func(t *testing.T, raw []byte, key string) {
		a, e, err := parseAnswer(raw, quiet())
		if err != nil {
			if a != nil {
				t.Error("an answer beside an error")
			}
			return
		}
		if !json.Valid(raw) {
			t.Errorf("%q is no JSON, but was read", raw)
		}
		if e.refused() && a.refusal().Code <= 0 {
			t.Error("a refusal that looks like success")
		}
		a.Text(key)
		a.Int(key)
		a.Long(key)
		a.Flag(key)
		a.Flags(key)
		if v := a.Text(key); v != nil && a.Int(key) != nil {
			t.Error("text and number at once")
		}
		a.Texts(key)
		for _, o := range append(a.Objects(key), a.Object(key)) {
			o.Text(key)
		}
	})
}
