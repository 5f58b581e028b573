package api

import (
	_ "embed"
	"encoding/json"
)

// examplesFile holds a request, its answer and a refusal for each route, taken from
// the golden files by TestOpenAPIExamples.
//
//go:embed examples.json
var examplesFile []byte

// example is what the document shows of a route.
type example struct {
	Request json.RawMessage `json:"request,omitempty"`
	Answer  json.RawMessage `json:"answer,omitempty"`
	Refused json.RawMessage `json:"refused,omitempty"` // to another request
}

func (e example) requests() map[string]json.RawMessage {
	return map[string]json.RawMessage{"works": e.Request}
}

func (e example) answers() map[string]json.RawMessage {
	return map[string]json.RawMessage{"works": e.Answer, "refused": e.Refused}
}

// withExamples adds examples to a content in JSON.
func withExamples(content jsonObject, examples map[string]json.RawMessage) jsonObject {
	named := jsonObject{}
	for name, value := range examples {
		if value != nil {
			named[name] = jsonObject{"value": value}
		}
	}
	if len(named) > 0 {
		content["application/json"].(jsonObject)["examples"] = named
	}
	return content
}
