package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strconv"
	"strings"

	"parley/internal/im"
)

// Answer is what a business server answered to a before callback: the fields it
// wants to have replaced. Its methods return nil for a field that is to stay as
// it is: absent, null, or of the wrong JSON type (webhooks.md 1.5). A nil Answer
// replaces nothing.
type Answer struct {
	fields map[string]json.RawMessage
	log    *slog.Logger // of the call; told of fields that are of no use
}

// codeRefusal stands for an error code of a refusal that could not be told from
// success (webhooks.md 1.6).
const codeRefusal = 80000

// envelope is the part of an answer that judges.
type envelope struct{ actionCode, nextCode int64 }

// refused reports whether the business server stopped the operation.
func (e envelope) refused() bool { return e.actionCode == 0 && e.nextCode == 1 }

// parseAnswer reads an answer. It is lenient, because the documents' own examples
// are not what the types say.
func parseAnswer(raw []byte, log *slog.Logger) (*Answer, envelope, error) {
	a := &Answer{log: log}
	if err := json.Unmarshal(raw, &a.fields); err != nil || a.fields == nil {
		return nil, envelope{}, errors.New("the answer is no JSON object")
	}
	return a, envelope{a.code("actionCode"), a.code("nextCode")}, nil
}

// refusal returns what the user is told of a refused operation.
func (a *Answer) refusal() *im.Refusal {
	r := &im.Refusal{Code: int(a.code("errCode")), Msg: cut(deref(a.Text("errMsg"))), Dlt: cut(deref(a.Text("errDlt")))}
	if r.Code <= 0 {
		r.Code = codeRefusal
		if r.Msg == "" {
			r.Msg = "CallbackError"
		}
	}
	return r
}

// maxRefusalText bounds each text of a refusal. Above it no reader is served, and the
// refusal itself would be lost: a client's frame has 1 MiB, in JSON for up to six bytes
// for one.
const maxRefusalText = 64 << 10

// cut shortens a text that is too long, not inside a character.
func cut(s string) string {
	if len(s) <= maxRefusalText {
		return s
	}
	return strings.ToValidUTF8(s[:maxRefusalText], "")
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// code reads a number of the envelope, which may be written as a string.
func (a *Answer) code(key string) int64 {
	raw := a.raw(key)
	if raw == nil {
		return 0
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		text = string(raw)
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	n, ok := whole(text)
	if !ok || int64(int32(n)) != n {
		a.ignored(key, "a number")
		return 0
	}
	return n
}

// whole reads a whole number, also one that is written like 1.0 or 1e3: libraries that
// take all numbers for floating ones write them so.
func whole(text string) (n int64, ok bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	const exact = 1 << 53 // up to here a float tells whole numbers apart
	if err != nil || f != math.Trunc(f) || f < -exact || f > exact {
		return 0, false
	}
	return int64(f), true
}

// number reads a whole number between two bounds.
func (a *Answer) number(want string, lo, hi int64, keys []string) (int64, bool) {
	raw := a.raw(keys...)
	if raw == nil {
		return 0, false
	}
	if n, ok := whole(string(raw)); ok && lo <= n && n <= hi {
		return n, true
	}
	a.ignored(keys[0], want)
	return 0, false
}

// raw returns the value of the first of the keys that has one, out of its
// wrapping, or nil. The exact key wins over one in another letter case.
func (a *Answer) raw(keys ...string) json.RawMessage {
	if a == nil {
		return nil
	}
	for _, key := range keys {
		v, ok := a.fields[key]
		if !ok {
			for k, other := range a.fields {
				if strings.EqualFold(k, key) {
					v = other
					break
				}
			}
		}
		if v = unwrap(v); v != nil {
			return v
		}
	}
	return nil
}

// unwrap takes X for {"value": X}, and nothing for null.
func unwrap(v json.RawMessage) json.RawMessage {
	v = bytes.TrimSpace(v)
	if len(v) > 0 && v[0] == '{' {
		var fields map[string]json.RawMessage
		if json.Unmarshal(v, &fields) == nil && len(fields) == 1 {
			if inner, ok := fields["value"]; ok {
				v = bytes.TrimSpace(inner)
			}
		}
	}
	if len(v) == 0 || string(v) == "null" {
		return nil
	}
	return v
}

func (a *Answer) ignored(key, want string) {
	a.log.Warn("a field of a callback's answer is ignored", "field", key, "want", want)
}

// read decodes a field into a value of type T.
func read[T any](a *Answer, want string, keys []string) *T {
	raw := a.raw(keys...)
	if raw == nil {
		return nil
	}
	v := new(T)
	if err := json.Unmarshal(raw, v); err != nil {
		a.ignored(keys[0], want)
		return nil
	}
	return v
}

// Text returns a string. Of several keys the first that has a value counts.
func (a *Answer) Text(keys ...string) *string { return read[string](a, "a string", keys) }

// Int returns a number of 32 bits.
func (a *Answer) Int(keys ...string) *int32 {
	n, ok := a.number("a whole number of 32 bits", math.MinInt32, math.MaxInt32, keys)
	if !ok {
		return nil
	}
	v := int32(n)
	return &v
}

// Long returns a number of 64 bits.
func (a *Answer) Long(keys ...string) *int64 {
	n, ok := a.number("a whole number", math.MinInt64, math.MaxInt64, keys)
	if !ok {
		return nil
	}
	return &n
}

// Flag returns a truth value.
func (a *Answer) Flag(keys ...string) *bool { return read[bool](a, "true or false", keys) }

// Texts returns a list of strings, which may also be written as a string that
// holds the JSON array; nil if there is none, empty if it is empty.
func (a *Answer) Texts(keys ...string) []string {
	raw := a.raw(keys...)
	if raw == nil {
		return nil
	}
	var packed string
	if json.Unmarshal(raw, &packed) == nil {
		raw = []byte(packed)
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		a.ignored(keys[0], "a list of strings")
		return nil
	}
	if list == nil {
		list = []string{}
	}
	return list
}

// Flags returns an object of truth values; nil if there is none.
func (a *Answer) Flags(keys ...string) map[string]bool {
	if v := read[map[string]bool](a, "an object of true and false", keys); v != nil {
		return *v
	}
	return nil
}

// Object returns the fields of an object inside the answer; nil if there is none.
func (a *Answer) Object(keys ...string) *Answer {
	v := read[map[string]json.RawMessage](a, "an object", keys)
	if v == nil {
		return nil
	}
	return &Answer{fields: *v, log: a.log}
}

// Objects returns a list of objects; one object that stands for itself counts as
// a list of one. What is no object is left out.
func (a *Answer) Objects(keys ...string) []*Answer {
	raw := a.raw(keys...)
	if raw == nil {
		return nil
	}
	if raw[0] == '{' {
		raw = append(append([]byte{'['}, raw...), ']')
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		a.ignored(keys[0], "a list of objects")
		return nil
	}
	var out []*Answer
	for _, item := range list {
		var fields map[string]json.RawMessage
		if json.Unmarshal(item, &fields) != nil || fields == nil {
			a.ignored(keys[0], "a list of objects")
			continue
		}
		out = append(out, &Answer{fields: fields, log: a.log})
	}
	return out
}
