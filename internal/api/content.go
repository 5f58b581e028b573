package api

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"parley/internal/im"
)

// kind is how a value inside a message's content is read. Values are taken
// weakly, as back ends have learnt from the reference: a number for a text and
// the other way round, a single value for a list, keys in any letter case.
type kind uint8

const (
	text     kind = iota
	number        // a whole number
	truth         // true or false
	texts         // a list of texts
	required      // an object whose own rules hold even if it is absent
	element       // an object that may be absent
	elements      // a list of objects
)

// field is a rule for one key.
type field struct {
	key  string
	kind kind
	need bool  // not empty, not zero; of a list: present
	of   int32 // the rules of an object
	// from and to bound a number; to bounds the length of a list. 0 in to: no bounds.
	from, to int64
}

// Names of rules besides the content types.
const (
	ofPicture = -1 // one size of a picture
	ofAtUser  = -2
	ofMessage = -3 // a message as the SDK describes it inside a quote
)

const (
	atUserList = "atUserList"
	maxAtUsers = 1000
)

// contentRules are the contents that may be sent by REST (rest-msg.md 2.3).
// Other keys are allowed everywhere and stored as they are.
var contentRules = map[int32][]field{
	im.ContentText: {{key: "content", need: true}},
	contentPicture: {
		{key: "sourcePath"},
		{key: "sourcePicture", kind: required, of: ofPicture},
		{key: "bigPicture", kind: required, of: ofPicture},
		{key: "snapshotPicture", kind: required, of: ofPicture},
	},
	contentVoice: {
		{key: "uuid"},
		{key: "soundPath"},
		{key: "sourceUrl", need: true},
		{key: "dataSize", kind: number},
		{key: "duration", kind: number, need: true, from: 1, to: math.MaxInt64},
	},
	contentVideo: {
		{key: "videoPath"},
		{key: "videoUUID"},
		{key: "videoUrl", need: true},
		{key: "videoType", need: true},
		{key: "videoSize", kind: number, need: true},
		{key: "duration", kind: number, need: true},
		{key: "snapshotPath"},
		{key: "snapshotUUID"},
		{key: "snapshotSize", kind: number},
		{key: "snapshotUrl", need: true},
		{key: "snapshotWidth", kind: number, need: true},
		{key: "snapshotHeight", kind: number, need: true},
	},
	contentFile: {
		{key: "filePath"},
		{key: "uuid"},
		{key: "sourceUrl", need: true},
		{key: "fileName", need: true},
		{key: "fileSize", kind: number, need: true},
	},
	im.ContentAtText: {
		{key: "text"},
		{key: atUserList, kind: texts, need: true, to: maxAtUsers},
		{key: "atUsersInfo", kind: elements, of: ofAtUser},
		{key: "quoteMessage", kind: element, of: ofMessage},
		{key: "isAtSelf", kind: truth},
	},
	contentCustom:      {{key: "data", need: true}, {key: "description"}, {key: "extension"}},
	im.ContentQuote:    {{key: "text"}, {key: "quoteMessage", kind: element, of: ofMessage}},
	im.ContentMarkdown: {{key: "content", need: true}},
	im.ContentOA: {
		{key: "notificationName", need: true},
		{key: "notificationFaceURL"},
		{key: "notificationType", kind: number, need: true},
		{key: "text", need: true},
		{key: "url"},
		{key: "mixType", kind: number, to: 5},
		{key: "pictureElem", kind: element, of: contentPicture},
		{key: "soundElem", kind: element, of: contentVoice},
		{key: "videoElem", kind: element, of: contentVideo},
		{key: "fileElem", kind: element, of: contentFile},
		{key: "ex"},
	},

	ofPicture: {
		{key: "uuid"},
		{key: "type", need: true},
		{key: "size", kind: number},
		{key: "width", kind: number, need: true},
		{key: "height", kind: number, need: true},
		{key: "url", need: true},
	},
	ofAtUser: {{key: "atUserID"}, {key: "groupNickname"}},
	ofMessage: {
		{key: "textElem", kind: element, of: im.ContentText},
		{key: "pictureElem", kind: element, of: contentPicture},
		{key: "soundElem", kind: element, of: contentVoice},
		{key: "videoElem", kind: element, of: contentVideo},
		{key: "fileElem", kind: element, of: contentFile},
		{key: "atTextElem", kind: element, of: im.ContentAtText},
		{key: "customElem", kind: element, of: contentCustom},
		{key: "quoteElem", kind: element, of: im.ContentQuote},
	},
}

// Content types that only this table knows.
const (
	contentPicture = 102
	contentVoice   = 103
	contentVideo   = 104
	contentFile    = 105
	contentCustom  = 110
)

// sendable reports whether a content type may be sent by REST.
func sendable(contentType int32) bool { return contentType > 0 && contentRules[contentType] != nil }

// checkContent reports the first rule that the content of a message breaks.
func checkContent(contentType int32, content map[string]any) error {
	return checkObject(contentType, "content", content)
}

// checkObject checks an object; name is the key it stands under.
func checkObject(rules int32, name string, o map[string]any) error {
	for _, f := range contentRules[rules] {
		if err := f.check(name, lookup(o, f.key)); err != nil {
			return err
		}
	}
	return nil
}

func (f field) check(in string, v any) error {
	switch f.kind {
	case text:
		s, ok := asText(v)
		return f.verdict(in, "a text", ok, s == "")
	case number:
		n, ok := asNumber(v)
		if ok && f.to != 0 && (n < f.from || n > f.to) && !(f.need && n == 0) {
			return fmt.Errorf("%s of %s must be between %d and %d", f.key, in, f.from, f.to)
		}
		return f.verdict(in, "a whole number", ok, n == 0)
	case truth:
		_, ok := asTruth(v)
		return f.verdict(in, "true or false", ok, false)
	case texts:
		list, ok := asTexts(v)
		if ok && f.to != 0 && int64(len(list)) > f.to {
			return fmt.Errorf("%s of %s has more than %d entries", f.key, in, f.to)
		}
		return f.verdict(in, "a list of texts", ok, list == nil)
	case elements:
		return f.checkAll(in, v)
	}
	o, ok := v.(map[string]any)
	switch {
	case ok || v == nil && f.kind == required:
		return checkObject(f.of, f.key, o)
	case v == nil:
		return nil
	}
	return f.verdict(in, "an object", false, false)
}

// checkAll checks a list of objects.
func (f field) checkAll(in string, v any) error {
	list, ok := v.([]any)
	if !ok && v != nil {
		list = []any{v}
	}
	for _, e := range list {
		o, ok := e.(map[string]any)
		if !ok && e != nil {
			return f.verdict(in, "a list of objects", false, false)
		}
		if err := checkObject(f.of, f.key, o); err != nil {
			return err
		}
	}
	return nil
}

// verdict says what is wrong with a value that could not be read, or is empty.
func (f field) verdict(in, want string, ok, empty bool) error {
	switch {
	case !ok:
		return fmt.Errorf("%s of %s must be %s", f.key, in, want)
	case empty && f.need:
		return fmt.Errorf("%s of %s is required", f.key, in)
	}
	return nil
}

// lookup returns the value under a key, or under one that differs in letter
// case only; of several such the first in alphabetical order.
func lookup(o map[string]any, key string) any {
	if v, ok := o[key]; ok {
		return v
	}
	best, found := "", false
	for k := range o {
		if strings.EqualFold(k, key) && (!found || k < best) {
			best, found = k, true
		}
	}
	if !found {
		return nil
	}
	return o[best]
}

// The readers below take what encoding/json makes of any value; an absent one is
// the zero value.

func asText(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		if v {
			return "1", true
		}
		return "0", true
	}
	return "", false
}

func asNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case nil:
		return 0, true
	case float64:
		return int64(v), v >= math.MinInt64 && v < math.MaxInt64 // the latter is 2^63 as a float
	case string:
		if v == "" {
			return 0, true
		}
		n, err := strconv.ParseInt(v, 0, 64)
		return n, err == nil
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

func asTruth(v any) (value, ok bool) {
	switch v := v.(type) {
	case nil:
		return false, true
	case bool:
		return v, true
	case float64:
		return v != 0, true
	case string:
		if v == "" {
			return false, true
		}
		b, err := strconv.ParseBool(v)
		return b, err == nil
	}
	return false, false
}

// asTexts returns nil only for an absent list.
func asTexts(v any) ([]string, bool) {
	var list []any
	switch v := v.(type) {
	case nil:
		return nil, true
	case []any:
		list = v
	case map[string]any:
		if len(v) > 0 {
			return nil, false
		}
	default:
		list = []any{v}
	}
	out := make([]string, len(list))
	for i, e := range list {
		s, ok := asText(e)
		if !ok {
			return nil, false
		}
		out[i] = s
	}
	return out, true
}
