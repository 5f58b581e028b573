package api

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// golds are the sections of the golden files by "path family: name".
func golds(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range families() {
		sections := openGolden(t, f.name).want
		for _, s := range f.scenarios {
			out[s.route()+" "+f.name+": "+s.name] = sections[s.title()]
		}
	}
	return out
}

// asExample puts values in the place of those that differ from run to run.
func asExample(key string, v any) any {
	const most = 2 // of a list
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[stable.Replace(k)] = asExample(k, e)
		}
		return out
	case []any:
		v = v[:min(len(v), most)]
		for i, e := range v {
			v[i] = asExample(key, e)
		}
		return v
	case string:
		switch v {
		case "<ms>":
			return 1718000000000
		case "<s>":
			return 1718000000
		}
		if v = stable.Replace(v); len(v) > 300 {
			v = strings.ToValidUTF8(v[:300], "")
		}
		return v
	}
	return v
}

var stable = strings.NewReplacer(
	"<endpoint>", "0d3fa1c2", "<event>", "8f0c5d1e", "<groupID>", "2716158436", "<id>", "4cec1f1cf0019d5bc119be8e0f3a8f32", "<ticket>", "eyJpZCI6",
	"<token>", "eyJhbGciOi", "<versionID>", "9b1deb4d3b7d", "<whpk>", "whpk_MCowBQ", "<whsec>", "whsec_MfKQ9r8G",
)

func exampleOf(t *testing.T, text string) json.RawMessage {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(asExample("", v)); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// TestOpenAPIExamples holds the examples equal to the scenarios that the table of
// conformance names for each route, and wants them to fit the document.
func TestOpenAPIExamples(t *testing.T) {
	t.Parallel()
	all := golds(t)
	bodyless := map[string]bool{}
	for _, e := range New(Options{}).table {
		bodyless[e.path] = e.bodyless
	}
	examples := map[string]example{}
	for _, r := range readConformance(t) {
		var x example
		if section := all[r.path+" "+r.works]; section != "" {
			head, answer, _ := strings.Cut(section, "\nHTTP ")
			_, request, _ := strings.Cut(head, "\n")
			_, answer, _ = strings.Cut(answer, "\n")
			request = strings.NewReplacer("$versionID", "<versionID>", "$version", "2").Replace(request) // known when the scenario runs
			if x.Answer = exampleOf(t, answer); !bodyless[r.path] {
				x.Request = exampleOf(t, request)
			}
		}
		_, name, _ := strings.Cut(r.refuses, " ")
		if _, answer, ok := strings.Cut(all[r.path+" "+name], "\nHTTP "); ok {
			_, answer, _ = strings.Cut(answer, "\n")
			x.Refused = exampleOf(t, answer)
		}
		if x.Answer != nil || x.Refused != nil {
			examples[r.path] = x
		}
	}
	text, err := json.MarshalIndent(examples, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile("examples.json", text, 0o644); err != nil {
			t.Fatal(err)
		}
		return // the program has the older ones still
	}
	if !bytes.Equal(text, examplesFile) {
		t.Error("examples.json is not up to date: go test ./internal/api -run TestOpenAPIExamples -update")
	}
	_, doc := openAPI(t)
	for _, e := range New(Options{}).table {
		if e.direct != nil {
			continue
		}
		x := examples[e.path]
		op := resolve(doc, "#/paths")[e.path].(jsonObject)["post"].(jsonObject)
		if x.Answer == nil && !e.unusable || x.Request == nil && !e.unusable && !e.bodyless {
			t.Errorf("%s has no example", e.path)
		}
		answers := op["responses"].(jsonObject)["200"].(jsonObject)
		for _, c := range []struct {
			value   json.RawMessage
			content jsonObject
		}{{x.Request, op}, {x.Answer, answers}, {x.Refused, answers}} {
			if c.value == nil {
				continue
			}
			if body, ok := c.content["requestBody"].(jsonObject); ok {
				c.content = body
			}
			var v any
			if err := json.Unmarshal(c.value, &v); err != nil {
				t.Fatal(err)
			}
			schema := c.content["content"].(jsonObject)["application/json"].(jsonObject)["schema"].(jsonObject)
			for _, fault := range misfits(doc, schema, v, e.path) {
				t.Errorf("example: %s", fault)
			}
		}
	}
}
