package config

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Print writes the effective configuration as YAML, with a comment behind each
// value that says where it came from. Secrets are hidden; apart from them the
// text can be loaded again and gives the same configuration.
func (c *Config) Print(w io.Writer) error {
	p := printer{w: w}
	p.line("# Effective configuration. The comment behind each value says where it came from.")
	group := ""
	for _, s := range settings() {
		table, key, nested := strings.Cut(s.name, ".")
		indent := ""
		if nested {
			indent = "  "
			if table != group {
				p.line("%s:", table)
				group = table
			}
		} else {
			key = table
		}
		if s.name == enableSetting {
			// The blocks below already show what it did, and in a file it would
			// override those that were turned off again.
			continue
		}
		p.line("%s%s: %s # %s", indent, key, shown(s, s.field(c)), c.originOf(s.name, s.name))
	}
	for _, key := range callbackKeys() {
		p.line("  %s: %s # %s", key, shownCallback(key, c.Webhooks.Callbacks[key]), c.callbackOrigins(key))
	}
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// originOf is the origin with what stands in for an empty value.
func (c *Config) originOf(name, setting string) string {
	text := c.Origin(name).String()
	switch {
	case setting == "secret" && c.Secret == "":
		text += ", generated at first start"
	case setting == "store.url" && c.Store.URL == "":
		text += ", means " + c.StoreURL()
	}
	return oneLine(text)
}

// callbackOrigins names each source of a block with the parts it set.
func (c *Config) callbackOrigins(key string) string {
	var parts []string
	for _, s := range callbackFields() {
		if o := c.Origin("webhooks." + key + "." + s.name); o.Source != FromDefault {
			parts = append(parts, s.name+" "+o.String())
		}
	}
	if len(parts) == 0 {
		return string(FromDefault)
	}
	return oneLine(strings.Join(parts, ", "))
}

// shownCallback is a block on one line: what always matters, and what differs from the default.
func shownCallback(key string, cb Callback) string {
	standard := defaultCallback(key)
	cb.Timeout = cb.seconds()
	var parts []string
	for _, s := range callbackFields() {
		value := s.field(&cb)
		always := s.name == "enable" || s.name == "timeout" || s.name == "failedContinue" && isBefore(key)
		same := value.IsZero() && s.field(&standard).IsZero() || s.list && value.Len() == 0
		if always || !same {
			parts = append(parts, s.name+": "+shown(s, value))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// shown is a value in YAML. Go's quoted strings are a subset of YAML's.
func shown(s setting, v reflect.Value) string {
	var texts []string
	switch value := v.Interface().(type) {
	case string:
		return strconv.Quote(hide(s, value))
	case StringList:
		texts = slices.Clone(value)
	case TypeList:
		texts = textsOf(value)
	default:
		return fmt.Sprint(value)
	}
	for i, t := range texts {
		texts[i] = strconv.Quote(hide(s, t))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func hide(s setting, text string) string {
	switch {
	case text == "":
		return ""
	case s.hide == "value":
		return hidden
	case s.hide == "url":
		return hideURL(text)
	}
	return text
}
