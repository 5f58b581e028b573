package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// JSON returns the effective configuration as one object, with the keys and the
// nesting of the file. Secrets are hidden.
func (c *Config) JSON() ([]byte, error) {
	out := map[string]any{}
	for _, s := range settings() {
		at := out
		keys := strings.Split(s.name, ".")
		for _, k := range keys[:len(keys)-1] {
			inner, ok := at[k].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[k] = inner
			}
			at = inner
		}
		at[keys[len(keys)-1]] = plain(s, s.field(c))
	}
	hooks, _ := out["webhooks"].(map[string]any)
	for key, cb := range c.Webhooks.Callbacks {
		block := map[string]any{}
		for _, s := range callbackFields() {
			block[s.name] = plain(s, s.field(&cb))
		}
		hooks[key] = block
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return text, nil
}

// plain is a value as JSON takes it, with what must not be seen hidden.
func plain(s setting, v reflect.Value) any {
	switch value := v.Interface().(type) {
	case string:
		return hide(s, value)
	case StringList:
		out := make([]string, len(value))
		for i, text := range value {
			out[i] = hide(s, text)
		}
		return out
	case TypeList:
		return textsOf(value)
	default:
		return value
	}
}
