package api

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/openimsdk/protocol/wrapperspb"
)

const refPrefix = "#/components/schemas/"

// schemas turns the types of requests and answers into JSON Schema, as
// encoding/json reads and writes them.
type schemas struct {
	named map[string]any        // finished, by name
	asked map[reflect.Type]bool // parts of requests
	// examples are those of the routes, by path.
	examples map[string]example
}

func newSchemas() *schemas { return &schemas{named: jsonObject{}, asked: map[reflect.Type]bool{}} }

// request notes all types that a request is made of.
func (s *schemas) request(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		s.request(t.Elem())
	case reflect.Struct:
		if s.asked[t] {
			return
		}
		s.asked[t] = true
		for f := range t.Fields() {
			if f.IsExported() || f.Anonymous {
				s.request(f.Type)
			}
		}
	}
}

// own are types that write themselves as JSON.
var own = map[reflect.Type]jsonObject{
	reflect.TypeFor[json.RawMessage]():        {},
	reflect.TypeFor[wrapperspb.StringValue](): {"type": "string"},
	reflect.TypeFor[wrapperspb.BoolValue]():   {"type": "boolean"},
	reflect.TypeFor[wrapperspb.Int32Value]():  {"type": "integer", "format": "int32"},
	reflect.TypeFor[wrapperspb.Int64Value]():  {"type": "integer", "format": "int64"},
	reflect.TypeFor[wrapperspb.UInt32Value](): {"type": "integer", "minimum": 0},
	reflect.TypeFor[wrapperspb.UInt64Value](): {"type": "integer", "minimum": 0},
	reflect.TypeFor[wrapperspb.FloatValue]():  {"type": "number"},
	reflect.TypeFor[wrapperspb.DoubleValue](): {"type": "number"},
}

// of returns the schema of a type; structs are named and referred to.
func (s *schemas) of(t reflect.Type) jsonObject {
	if o, ok := own[t]; ok {
		return o
	}
	switch t.Kind() {
	case reflect.Bool:
		return jsonObject{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return jsonObject{"type": "integer", "format": "int64"}
	case reflect.Int8, reflect.Int16, reflect.Int32:
		return jsonObject{"type": "integer", "format": "int32"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return jsonObject{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return jsonObject{"type": "number"}
	case reflect.String:
		return jsonObject{"type": "string"}
	case reflect.Pointer:
		return orNull(s.of(t.Elem()))
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return jsonObject{"type": []string{"string", "null"}, "contentEncoding": "base64"}
		}
		return jsonObject{"type": []string{"array", "null"}, "items": s.of(t.Elem())}
	case reflect.Map:
		return jsonObject{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.reference(t)
	}
	return jsonObject{} // an interface: any value
}

// orNull allows null besides.
func orNull(o jsonObject) jsonObject {
	if kind, ok := o["type"].(string); ok {
		out := jsonObject{"type": []string{kind, "null"}}
		for k, v := range o {
			if k != "type" {
				out[k] = v
			}
		}
		return out
	}
	if o["$ref"] == nil {
		return o
	}
	return jsonObject{"oneOf": []jsonObject{o, {"type": "null"}}}
}

// reference names a struct's schema and refers to it.
func (s *schemas) reference(t reflect.Type) jsonObject {
	name := schemaName(t)
	ref := jsonObject{"$ref": refPrefix + name}
	if s.named[name] != nil {
		return ref
	}
	out := jsonObject{"type": "object"}
	s.named[name] = out // before its fields: types may contain themselves
	properties := jsonObject{}
	required := s.fields(t, properties)
	out["properties"] = properties
	if !s.asked[t] && len(required) > 0 {
		slices.Sort(required)
		out["required"] = required
	}
	return ref
}

// fields adds the fields of a struct, and of those embedded in it, and returns
// the names of those that an answer always has.
func (s *schemas) fields(t reflect.Type, properties jsonObject) (required []string) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			required = append(required, s.fields(f.Type, properties)...)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		properties[name] = s.of(f.Type)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	return required
}

// schemaName is the name of a type with its package, as the wire calls it; types
// of this package stand without.
func schemaName(t reflect.Type) string {
	name := regexp.MustCompile(`[A-Za-z0-9_./-]*/`).ReplaceAllString(t.String(), "") // paths within generic types
	name = strings.NewReplacer("[", ".", "]", "", "*", "", ",", ".").Replace(name)
	return strings.ReplaceAll(strings.TrimPrefix(name, "api."), ".api.", ".")
}
