package config

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/caarlos0/env/v11"
)

// setting is one leaf of Config as its struct tags describe it.
type setting struct {
	name  string // path in the file, "api.listen"
	env   string // variable, "PARLEY_API_LISTEN"
	hide  string // "", "value" or "url"
	index []int
	list  bool
}

// settings lists the leaves of Config in the order of its fields. Callbacks
// are not among them: their names hold a config key, see callbackFields.
func settings() []setting { return leaves(reflect.TypeFor[Config](), "", nil) }

// callbackFields lists the leaves of Callback; name and env hold their last parts.
func callbackFields() []setting { return leaves(reflect.TypeFor[Callback](), "", nil) }

func leaves(t reflect.Type, prefix string, index []int) []setting {
	var out []setting
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		at := append(slices.Clone(index), i)
		if f.Type.Kind() == reflect.Struct {
			out = append(out, leaves(f.Type, prefix+key+".", at)...)
			continue
		}
		out = append(out, setting{
			name:  prefix + key,
			env:   f.Tag.Get("env"),
			hide:  f.Tag.Get("hide"),
			index: at,
			list:  f.Type.Kind() == reflect.Slice,
		})
	}
	return out
}

// field is the setting's place in a Config (or Callback) given by pointer.
func (s setting) field(target any) reflect.Value {
	return reflect.ValueOf(target).Elem().FieldByIndex(s.index)
}

// set parses text into the setting's field of target. Empty text leaves the
// field alone, so that `PARLEY_X=` in a compose file means "not set".
func (s setting) set(target any, text string) error {
	err := env.ParseWithOptions(target, env.Options{
		// Only this one variable exists, so an error belongs to it alone.
		Environment: map[string]string{s.env: text},
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[bool](): parseBool,
			reflect.TypeFor[int]():  parseInt,
		},
	})
	// The library's own text speaks of struct fields, which mean nothing to an operator.
	if cause, ok := errors.AsType[env.ParseError](err); ok {
		err = cause.Err
	}
	if err == nil {
		return nil
	}
	if s.hide != "" || s.list {
		return err
	}
	return errors.New(err.Error() + ", not " + strconv.Quote(text))
}

func parseBool(text string) (any, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return nil, errors.New("must be true or false")
}

func parseInt(text string) (any, error) {
	// 32 bits on every machine, so that a configuration is valid everywhere or nowhere.
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil, errors.New("must be a whole number")
	}
	return int(n), nil
}

// hint proposes the nearest known name for one that is unknown, or says nothing.
func hint(name string, known []string) string {
	// Two slips of the finger; more than that proposes nonsense for short names.
	best, bestDistance := "", 3
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < bestDistance && d < len(k) {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return ", did you mean " + best + "?"
}

// distance is the number of inserted, deleted or changed bytes between two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(diagonal+cost, row[j]+1, row[j+1]+1)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
