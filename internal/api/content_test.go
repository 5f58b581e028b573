package api

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"parley/internal/im"
)

const (
	goodPicture = `{"uuid":"u","type":"png","size":1,"width":2,"height":3,"url":"http://p"}`
	goodVideo   = `"videoUrl":"v","videoType":"mp4","videoSize":9,"duration":3,"snapshotUrl":"s","snapshotWidth":4,"snapshotHeight":5`
	goodNotice  = `"notificationName":"n","notificationType":1,"text":"t"`
)

func TestCheckContent(t *testing.T) {
	t.Parallel()
	pictures := func(a, b, c string) string {
		return fmt.Sprintf(`{"sourcePicture":%s,"bigPicture":%s,"snapshotPicture":%s}`, a, b, c)
	}
	for _, c := range []struct {
		contentType int32
		content     string
		want        string // "" = taken
	}{
		{101, `{"content":"x"}`, ""},
		{101, `{"content":0}`, ""}, // the text "0"
		{101, `{"content":false}`, ""},
		{101, `{"CONTENT":"x","more":{"a":[1]}}`, ""},
		{101, `{"content":"","Content":"x"}`, "content of content is required"}, // the exact key wins
		{101, `{"content":null}`, "content of content is required"},
		{101, `{}`, "content of content is required"},
		{101, `{"content":["x"]}`, "content of content must be a text"},
		{101, `{"content":{"content":"x"}}`, "content of content must be a text"},

		{102, pictures(goodPicture, goodPicture, goodPicture), ""},
		{102, pictures(goodPicture, goodPicture, `null`), "type of snapshotPicture is required"},
		{102, pictures(goodPicture, `[]`, goodPicture), "bigPicture of content must be an object"},
		{102, pictures(`{"type":"png","width":1,"height":1}`, goodPicture, goodPicture), "url of sourcePicture is required"},
		{102, pictures(`{"type":"png","width":0,"height":1,"url":"u"}`, goodPicture, goodPicture), "width of sourcePicture is required"},
		{102, pictures(`{"type":"png","width":"2","height":"0x10","url":7}`, goodPicture, goodPicture), ""},
		{102, pictures(`{"type":"png","width":"wide","height":1,"url":"u"}`, goodPicture, goodPicture), "width of sourcePicture must be a whole number"},
		{102, pictures(`{"type":"png","width":1e19,"height":1,"url":"u"}`, goodPicture, goodPicture), "width of sourcePicture must be a whole number"},

		{103, `{"sourceUrl":"s","duration":1}`, ""},
		{103, `{"sourceUrl":"s","duration":0.5}`, "duration of content is required"},
		{103, `{"sourceUrl":"s","duration":-1}`, "duration of content must be between 1 and 9223372036854775807"},
		{103, `{"sourceUrl":"s","duration":1,"dataSize":"many"}`, "dataSize of content must be a whole number"},
		{103, `{"sourceUrl":"s","duration":1,"dataSize":-5}`, ""},
		{103, `{"sourceUrl":"s","duration":1,"dataSize":[]}`, "dataSize of content must be a whole number"},
		{103, `{"duration":1}`, "sourceUrl of content is required"},

		{104, `{` + goodVideo + `}`, ""},
		{104, `{` + strings.Replace(goodVideo, `"snapshotHeight":5`, `"snapshotHeight":0`, 1) + `}`, "snapshotHeight of content is required"},
		{104, `{` + strings.Replace(goodVideo, `"videoType":"mp4"`, `"videoType":""`, 1) + `}`, "videoType of content is required"},

		{105, `{"sourceUrl":"s","fileName":"n","fileSize":1}`, ""},
		{105, `{"sourceUrl":"s","fileName":"n","fileSize":0}`, "fileSize of content is required"},

		{106, `{"atUserList":[]}`, ""},
		{106, `{"atUserList":{}}`, ""}, // an empty list, weakly
		{106, `{"atUserList":"bob"}`, ""},
		{106, `{"atUserList":null}`, "atUserList of content is required"},
		{106, `{"text":"@bob"}`, "atUserList of content is required"},
		{106, `{"atUserList":{"a":1}}`, "atUserList of content must be a list of texts"},
		{106, `{"atUserList":[["bob"]]}`, "atUserList of content must be a list of texts"},
		{106, `{"atUserList":[` + strings.Repeat(`"u",`, 999) + `"u"]}`, ""},
		{106, `{"atUserList":[` + strings.Repeat(`"u",`, 1000) + `"u"]}`, "atUserList of content has more than 1000 entries"},
		{106, `{"atUserList":[],"atUsersInfo":{"atUserID":"b"}}`, ""},
		{106, `{"atUserList":[],"atUsersInfo":[{"atUserID":"b","groupNickname":1},null]}`, ""},
		{106, `{"atUserList":[],"atUsersInfo":["b"]}`, "atUsersInfo of content must be a list of objects"},
		{106, `{"atUserList":[],"atUsersInfo":[{"atUserID":[]}]}`, "atUserID of atUsersInfo must be a text"},
		{106, `{"atUserList":[],"isAtSelf":"true"}`, ""},
		{106, `{"atUserList":[],"isAtSelf":"perhaps"}`, "isAtSelf of content must be true or false"},
		{106, `{"atUserList":[],"quoteMessage":{"textElem":{}}}`, "content of textElem is required"},

		{110, `{"data":"d"}`, ""},
		{110, `{"description":"d"}`, "data of content is required"},

		{114, `{"text":"t"}`, ""},
		{114, `{"quoteMessage":null}`, ""},
		{114, `{"quoteMessage":[]}`, "quoteMessage of content must be an object"},
		{114, `{"quoteMessage":{"pictureElem":null,"textElem":{"content":"x"},"faceElem":{}}}`, ""},
		{114, `{"quoteMessage":{"quoteElem":{"quoteMessage":{"soundElem":{"sourceUrl":"s"}}}}}`, "duration of soundElem is required"},

		{118, `{"content":"# x"}`, ""},
		{118, `{"content":""}`, "content of content is required"},

		{1400, `{` + goodNotice + `}`, ""},
		{1400, `{` + goodNotice + `,"mixType":5,"pictureElem":` + pictures(goodPicture, goodPicture, goodPicture) + `,"videoElem":{` + goodVideo + `}}`, ""},
		{1400, `{` + goodNotice + `,"mixType":6}`, "mixType of content must be between 0 and 5"},
		{1400, `{` + goodNotice + `,"mixType":-1}`, "mixType of content must be between 0 and 5"},
		{1400, `{` + goodNotice + `,"fileElem":{}}`, "sourceUrl of fileElem is required"},
		{1400, `{` + goodNotice + `,"soundElem":"x"}`, "soundElem of content must be an object"},
		{1400, `{"notificationName":"n","text":"t","notificationType":0}`, "notificationType of content is required"},
	} {
		var content map[string]any
		if err := json.Unmarshal([]byte(c.content), &content); err != nil {
			t.Fatalf("%s: %v", c.content, err)
		}
		got := ""
		if err := checkContent(c.contentType, content); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%d %.200s: %q, want %q", c.contentType, c.content, got, c.want)
		}
	}
}

func TestSendable(t *testing.T) {
	t.Parallel()
	want := []int32{101, 102, 103, 104, 105, 106, 110, 114, 118, 1400}
	var got []int32
	for n := int32(-10); n < 10_000; n++ {
		if sendable(n) {
			got = append(got, n)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("sendable: %v, want %v", got, want)
	}
}

// TestRulesAreClosed demands that every rule a field names exists.
func TestRulesAreClosed(t *testing.T) {
	t.Parallel()
	for name, rules := range contentRules {
		for _, f := range rules {
			nested := f.kind == required || f.kind == element || f.kind == elements
			if nested != (f.of != 0) || nested && contentRules[f.of] == nil {
				t.Errorf("%d: field %s has the rules %d", name, f.key, f.of)
			}
		}
	}
}

func TestWeakValues(t *testing.T) {
	t.Parallel()
	if n, ok := asNumber(float64(math.MaxInt64)); ok {
		t.Errorf("2^63 is taken as %d", n)
	}
	if n, ok := asNumber(float64(math.MinInt64)); !ok || n != math.MinInt64 {
		t.Errorf("-2^63 is taken as %d, %v", n, ok)
	}
	for v, want := range map[any]string{nil: "", "x": "x", 1e21: "1000000000000000000000", 0.1: "0.1", true: "1", false: "0"} {
		if got, ok := asText(v); !ok || got != want {
			t.Errorf("asText(%v) = %q, %v", v, got, ok)
		}
	}
	// Several keys that differ in case only are read in one order, whatever that of the map.
	o := map[string]any{"Data": "a", "DATA": "b", "dAta": "c"}
	for range 100 {
		if v := lookup(o, "data"); v != "b" {
			t.Fatalf("lookup = %v", v)
		}
	}
}

// FuzzContent shows that no content makes the check fail over, and that a content
// that is taken becomes a message with the same JSON value.
func FuzzContent(f *testing.F) {
	for _, s := range sendScenarios() {
		var q sendMsgReq
		if json.Unmarshal([]byte(s.body), &q) == nil && q.Content != nil {
			content, _ := json.Marshal(q.Content)
			f.Add(q.ContentType, content)
		}
	}
	f.Add(int32(114), []byte(strings.Repeat(`{"quoteMessage":{"quoteElem":`, 200)+`{}`+strings.Repeat(`}}`, 200)))
	f.Fuzz(func(t *testing.T, contentType int32, content []byte) {
		q := sendMsgReq{SendID: "alice", RecvID: "bob", ContentType: contentType, SessionType: im.SessionSingle}
		if json.Unmarshal(content, &q.Content) != nil || q.Content == nil || !sendable(contentType) {
			return
		}
		m, err := q.message()
		if err != nil {
			if !im.IsKind(err, im.Invalid) {
				t.Fatalf("%s: %v", content, err)
			}
			return
		}
		stored := m.Content
		if contentType == im.ContentOA {
			var detail struct{ Detail string }
			if err := json.Unmarshal(stored, &detail); err != nil {
				t.Fatalf("%s: %v", stored, err)
			}
			stored = []byte(detail.Detail)
		}
		again := sendMsgReq{SendID: "alice", RecvID: "bob", ContentType: contentType, SessionType: im.SessionSingle}
		if err := json.Unmarshal(stored, &again.Content); err != nil {
			t.Fatalf("%s is stored as %s: %v", content, stored, err)
		}
		twice, err := again.message()
		if err != nil || string(twice.Content) != string(m.Content) {
			t.Fatalf("%s is stored as %s, and that as %s: %v", content, m.Content, twice.Content, err)
		}
		if (contentType == im.ContentAtText) != (m.AtUserIDList != nil) {
			t.Fatalf("%s names %v", content, m.AtUserIDList)
		}
	})
}
