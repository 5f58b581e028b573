package api

import (
	"reflect"
	"strings"
)

// shape is what the document says of a direct route.
type shape struct {
	what    string
	query   []string          // names of what may stand in the query
	takes   string            // content type of the body; "": there is none
	answers map[string]string // by status: what it means; what has no envelope is text
	gives   any               // an empty value of the JSON of a 200; nil: no JSON
	bytes   bool              // a 200 has the bytes of a file
}

// shaped says what a direct route takes and answers.
func (e *endpoint) shaped(s shape) *endpoint {
	e.shape = s
	return e
}

// The shapes of the direct routes (rest-third-admin.md 3.7, 3.8 and 7).
var (
	shapeObject = shape{
		what:  "The file of a name: the URL that stands in messages. Redirects to a signed address that is good for 7 days.",
		query: []string{"type", "width", "height", "format"},
		answers: map[string]string{
			"302": "The address is in Location.", "400": "The type is not image.", "404": "There is no such file.", "500": "The file is no image, or the storage failed.",
		},
	}
	shapePart = shape{
		what: "Takes the bytes of a part of an upload, at an address that was signed for it.", takes: "application/octet-stream",
		answers: map[string]string{
			"200": "The part is on the disk; ETag is its MD5.", "400": "Not of the size that was announced.", "403": "The signature is not of this server, or has expired.", "404": "The upload is over.",
		},
	}
	shapeForm = shape{
		what: "Takes a form with a file in the field \"file\", at an address that was signed for it.", takes: "multipart/form-data",
		answers: map[string]string{
			"200": "The file is on the disk.", "400": "No form, or a larger file than announced.", "403": "The signature is not of this server, or has expired.", "404": "The upload is over.",
		},
	}
	shapeContent = shape{
		what: "The bytes of a file, at an address that was signed for it. Takes Range.", bytes: true,
		answers: map[string]string{
			"200": "The bytes.", "206": "A range of them.", "403": "The signature is not of this server, or has expired.", "404": "The file is gone.", "416": "There is no such range.",
		},
	}
	shapeDiscovery = shape{
		what: "HTTP service discovery for Prometheus.", gives: []target{}, answers: map[string]string{"200": "What to scrape; one part names the process, the others nothing."},
	}
	shapeDashboard = shape{
		what: "The operators' dashboard.", answers: map[string]string{"302": "Its address is in Location.", "200": "An envelope with errCode 1004: none is set."},
	}
)

// directOperation describes a route outside of the protocol of POST and envelope.
func (s *schemas) directOperation(e *endpoint, id, tag string) jsonObject {
	responses := jsonObject{}
	for status, meaning := range e.shape.answers {
		r := jsonObject{"description": meaning}
		switch {
		case strings.HasPrefix(status, "3"):
			r["headers"] = jsonObject{"Location": jsonObject{"schema": jsonObject{"type": "string", "format": "uri"}}}
		case strings.HasPrefix(status, "2") && e.shape.bytes:
			r["content"] = jsonObject{"*/*": jsonObject{"schema": jsonObject{"type": "string", "contentEncoding": "binary"}}}
		case status == "200" && e.shape.gives != nil:
			r["content"] = inJSON(s.of(reflect.TypeOf(e.shape.gives)))
		case status >= "4":
			r["content"] = jsonObject{"text/plain": jsonObject{"schema": jsonObject{"type": "string"}}}
		}
		responses[status] = r
	}
	op := jsonObject{
		"operationId": strings.ToLower(e.method) + "_" + id, "tags": []string{tag},
		"description": e.shape.what + " Needs no headers of the protocol.", "responses": responses,
	}
	var parameters []any
	if strings.HasSuffix(e.path, "/") {
		parameters = append(parameters, jsonObject{
			"name": "name", "in": "path", "required": true, "description": "The rest of the path, slashes included.", "schema": jsonObject{"type": "string"},
		})
	}
	for _, name := range e.shape.query {
		parameters = append(parameters, jsonObject{"name": name, "in": "query", "schema": jsonObject{"type": "string"}})
	}
	if parameters != nil {
		op["parameters"] = parameters
	}
	if e.shape.takes != "" {
		op["requestBody"] = jsonObject{"required": true, "content": jsonObject{e.shape.takes: jsonObject{}}}
	}
	return op
}
