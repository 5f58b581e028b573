package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const openAPIFile = "../../docs/openapi.json"

func openAPI(t *testing.T) (text []byte, doc jsonObject) {
	t.Helper()
	text, err := New(Options{}).OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return text, doc
}

// TestOpenAPI holds the document in the repository equal to what is served.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	text, _ := openAPI(t)
	if *update {
		if err := os.WriteFile(openAPIFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(openAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, text) {
		t.Errorf("%s is not up to date: go test ./internal/api -run TestOpenAPI -update", openAPIFile)
	}
}

// TestOpenAPIHasEveryRoute: what is not described does not exist, and nothing else is described.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	t.Parallel()
	_, doc := openAPI(t)
	described := map[string]jsonObject{}
	for path, methods := range doc["paths"].(jsonObject) {
		for method, op := range methods.(jsonObject) {
			described[strings.ToUpper(method)+" "+path] = op.(jsonObject)
		}
	}
	ids := map[any]string{}
	for _, e := range New(Options{}).table {
		key := e.method + " " + e.path
		if strings.HasSuffix(e.path, "/") {
			key += "{name}"
		}
		op := described[key]
		if op == nil {
			t.Errorf("%s is not described", key)
			continue
		}
		delete(described, key)
		if other := ids[op["operationId"]]; other != "" {
			t.Errorf("%s and %s have one operationId", key, other)
		}
		ids[op["operationId"]] = key
		if secured := op["security"] != nil; secured != (e.access != public) {
			t.Errorf("%s: secured %v", key, secured)
		}
		if described := op["description"]; described == "" || described == nil {
			t.Errorf("%s: nothing says who may use it", key)
		}
	}
	for key := range described {
		t.Errorf("%s is described and is no route", key)
	}
}

// TestOpenAPIReferences follows every reference, and wants every schema to be used.
func TestOpenAPIReferences(t *testing.T) {
	t.Parallel()
	_, doc := openAPI(t)
	used := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case jsonObject:
			if ref, ok := v["$ref"].(string); ok {
				used[ref] = true
				if resolve(doc, ref) == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(doc)
	for name := range doc["components"].(jsonObject)["schemas"].(jsonObject) {
		if !used[refPrefix+name] {
			t.Errorf("nothing refers to the schema %s", name)
		}
		if strings.ContainsAny(name, "[]*/ ") {
			t.Errorf("%q is no name of a schema", name)
		}
	}
}

// resolve returns what a reference points to, or nil.
func resolve(doc jsonObject, ref string) jsonObject {
	at := doc
	for _, key := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		at, _ = at[key].(jsonObject)
	}
	return at
}

// TestOpenAPIDescribesAnswers compares the document with the answers on file: each
// has the keys and the kinds that its schema says, and all that is required.
func TestOpenAPIDescribesAnswers(t *testing.T) {
	t.Parallel()
	_, doc := openAPI(t)
	compared := 0
	for _, f := range families() {
		sections := openGolden(t, f.name).want
		for _, s := range f.scenarios {
			_, answer, _ := strings.Cut(sections[s.title()], "\nHTTP ")
			_, answer, _ = strings.Cut(answer, "\n")
			var envelope jsonObject
			if err := json.NewDecoder(strings.NewReader(answer)).Decode(&envelope); err != nil {
				continue // an answer that is no JSON has a scenario to itself
			}
			op := resolve(doc, "#/paths")[s.route()].(jsonObject)["post"].(jsonObject)
			content := op["responses"].(jsonObject)["200"].(jsonObject)["content"].(jsonObject)["application/json"].(jsonObject)
			for _, fault := range misfits(doc, content["schema"].(jsonObject), envelope, s.route()) {
				t.Errorf("%s %q: %s", f.name, s.title(), fault)
			}
			compared++
		}
	}
	if compared < 300 {
		t.Errorf("only %d answers compared", compared)
	}
}

// misfits says where a value differs from its schema. Numbers may be texts: the
// golden files have the kind of a time in place of the time.
func misfits(doc, schema jsonObject, v any, at string) (out []string) {
	if ref, ok := schema["$ref"].(string); ok {
		return misfits(doc, resolve(doc, ref), v, at)
	}
	if either, ok := schema["oneOf"].([]any); ok {
		if v == nil {
			return nil
		}
		return misfits(doc, either[0].(jsonObject), v, at)
	}
	kinds, ok := schema["type"].([]any)
	if !ok {
		if schema["type"] == nil {
			return nil
		}
		kinds = []any{schema["type"]}
	}
	kind := map[bool]string{true: "null"}[v == nil]
	switch v := v.(type) {
	case bool:
		kind = "boolean"
	case string:
		kind = "string"
		if strings.HasPrefix(v, "<") && slices.Contains(kinds, any("integer")) {
			kind = "integer"
		}
	case float64:
		kind = "integer"
	case []any:
		kind = "array"
		for i, e := range v {
			out = append(out, misfits(doc, schema["items"].(jsonObject), e, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case jsonObject:
		kind = "object"
		out = append(out, misfitFields(doc, schema, v, at)...)
	}
	if !slices.Contains(kinds, any(kind)) {
		out = append(out, fmt.Sprintf("%s is of kind %s, want %v", at, kind, kinds))
	}
	return out
}

func misfitFields(doc, schema, v jsonObject, at string) (out []string) {
	properties, _ := schema["properties"].(jsonObject)
	rest, _ := schema["additionalProperties"].(jsonObject)
	for _, key := range slices.Sorted(maps.Keys(v)) {
		field, known := properties[key].(jsonObject)
		if !known {
			field, known = rest, rest != nil
		}
		if !known {
			out = append(out, at+"."+key+" is not described")
			continue
		}
		out = append(out, misfits(doc, field, v[key], at+"."+key)...)
	}
	required, _ := schema["required"].([]any)
	for _, key := range required {
		if _, there := v[key.(string)]; !there {
			out = append(out, fmt.Sprintf("%s.%s is missing", at, key))
		}
	}
	return out
}
