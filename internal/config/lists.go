package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errListSyntax is shared by both list types: users of the reference write
// lists in the environment as JSON and in scripts with commas.
var errListSyntax = errors.New("must be a JSON array or a comma separated list")

// StringList is a list of texts. As text it is a JSON array or comma separated.
type StringList []string

// UnmarshalText reads a JSON array (texts or numbers) or a comma separated list.
// Empty entries are dropped.
func (l *StringList) UnmarshalText(text []byte) error {
	entries, err := splitList(text)
	if err != nil {
		return err
	}
	*l = entries
	return nil
}

// TypeRange is a run of message content types, both ends included.
type TypeRange struct{ From, To int }

// String is the range as it is written in a configuration.
func (r TypeRange) String() string {
	if r.From == r.To {
		return strconv.Itoa(r.From)
	}
	return strconv.Itoa(r.From) + "-" + strconv.Itoa(r.To)
}

// TypeList is a list of message content types. As text it is a JSON array or
// comma separated; entries are numbers or ranges such as "200-500".
type TypeList []TypeRange

// Has reports whether a content type stands in the list.
func (l TypeList) Has(contentType int) bool {
	for _, r := range l {
		if r.From <= contentType && contentType <= r.To {
			return true
		}
	}
	return false
}

// UnmarshalText reads a JSON array or a comma separated list of types and ranges.
func (l *TypeList) UnmarshalText(text []byte) error {
	entries, err := splitList(text)
	if err != nil {
		return err
	}
	out := make(TypeList, 0, len(entries))
	for _, e := range entries {
		r, err := parseRange(e)
		if err != nil {
			return err
		}
		out = append(out, r)
	}
	*l = out
	return nil
}

func parseRange(text string) (TypeRange, error) {
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	a, errA := strconv.Atoi(strings.TrimSpace(from))
	b, errB := strconv.Atoi(strings.TrimSpace(to))
	if errA != nil || errB != nil || a < 0 || b < a {
		return TypeRange{}, fmt.Errorf("holds %q, which is neither a content type nor a range such as \"200-500\"", text)
	}
	return TypeRange{From: a, To: b}, nil
}

func splitList(text []byte) ([]string, error) {
	text = bytes.TrimSpace(text)
	out := []string{}
	if bytes.HasPrefix(text, []byte("[")) {
		// Raw entries, because IDs may be long numbers and a float64 would change them.
		var entries []json.RawMessage
		if err := json.Unmarshal(text, &entries); err != nil {
			return nil, errListSyntax
		}
		for _, raw := range entries {
			entry, err := listEntry(raw)
			if err != nil {
				return nil, err
			}
			out = appendEntry(out, entry)
		}
		return out, nil
	}
	for e := range strings.SplitSeq(string(text), ",") {
		out = appendEntry(out, e)
	}
	return out, nil
}

// listEntry is a text or number of a JSON array as text; null is an empty entry.
func listEntry(raw json.RawMessage) (string, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err == nil {
		return text, nil
	}
	var number json.Number
	if err := json.Unmarshal(raw, &number); err != nil {
		return "", errListSyntax
	}
	return number.String(), nil
}

func appendEntry(list []string, entry string) []string {
	if entry = strings.TrimSpace(entry); entry != "" {
		list = append(list, entry)
	}
	return list
}

func textsOf(l TypeList) []string {
	out := make([]string, len(l))
	for i, r := range l {
		out[i] = r.String()
	}
	return out
}
