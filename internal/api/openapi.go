package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"parley/internal/wire"
)

// protocolVersion is the version of the protocol that the document describes.
const protocolVersion = "3.8"

// jsonObject is an object of the document. Its keys are sorted when it is written.
type jsonObject = map[string]any

// accessText says who may use a route.
var accessText = map[access]string{
	public:       "Needs no token.",
	anyone:       "For any user.",
	onlySelf:     "For the user named in the body, and administrators.",
	onlyMembers:  "For members of the group named in the body, and administrators.",
	onlyAdmins:   "For administrators.",
	onlyManagers: "For the owner and the administrators of the group named in the body, and administrators.",
	onlyEither:   "For either of the two users named in the body, and administrators.",
}

//go:generate go test -count=1 -run ^TestOpenAPIExamples$ . -update
//go:generate go test -count=1 -run ^TestOpenAPI$ . -update

// OpenAPI returns the description of all routes as an OpenAPI 3.1 document. It is
// made from the table and from the types of requests and answers alone, so a route
// that is served is described, and the other way round.
func (a *API) OpenAPI() ([]byte, error) {
	s := newSchemas()
	if err := json.Unmarshal(examplesFile, &s.examples); err != nil {
		return nil, fmt.Errorf("api: OpenAPI: examples: %w", err)
	}
	for _, e := range a.table { // requests first: what a client may leave out is not required
		if e.direct == nil {
			s.request(reflect.TypeOf(e.takes))
		}
	}
	paths := jsonObject{}
	for _, e := range a.table {
		path := e.path
		if strings.HasSuffix(path, "/") {
			path += "{name}"
		}
		methods, ok := paths[path].(jsonObject)
		if !ok {
			methods = jsonObject{}
			paths[path] = methods
		}
		if methods[strings.ToLower(e.method)] != nil {
			return nil, fmt.Errorf("api: two routes for %s %s", e.method, e.path)
		}
		methods[strings.ToLower(e.method)] = s.operation(e)
	}
	status := s.of(reflect.TypeFor[wire.Status]())
	s.named[errCodeSchema] = errCodes()
	text, err := json.MarshalIndent(jsonObject{
		"openapi": "3.1.0",
		"info": jsonObject{
			"title": "Parley", "version": protocolVersion, "license": jsonObject{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "The REST side of an instant-messaging server that speaks the protocol of OpenIM " + protocolVersion + ". " +
				"An answer is HTTP 200 with errCode 0 and data, or errCode, errMsg and errDlt.",
		},
		"paths": paths,
		"components": jsonObject{
			"schemas":         s.named,
			"securitySchemes": jsonObject{"token": jsonObject{"type": "apiKey", "in": "header", "name": "token"}},
			"parameters": jsonObject{"operationID": jsonObject{
				"name": "operationID", "in": "header", "required": true, "description": "The caller's name for the request. It stands in the log, and in callbacks.",
				"schema": jsonObject{"type": "string", "minLength": 1, "maxLength": maxOperationID},
			}},
			"responses": jsonObject{
				"refused": jsonObject{"description": "The body does not fit: errCode 1001.", "content": inJSON(status)},
				"tooMany": jsonObject{
					"description": "Over a limit: errCode 429.", "content": inJSON(status),
					"headers": jsonObject{"Retry-After": jsonObject{"description": "Seconds to wait.", "schema": jsonObject{"type": "integer"}}},
				},
			},
		},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("api: OpenAPI: %w", err)
	}
	return append(text, '\n'), nil
}

func inJSON(schema jsonObject) jsonObject {
	return jsonObject{"application/json": jsonObject{"schema": schema}}
}

// operation describes one route.
func (s *schemas) operation(e *endpoint) jsonObject {
	parts := strings.FieldsFunc(e.path, func(r rune) bool { return r == '/' })
	id := strings.Join(parts, "_")
	if e.direct != nil {
		return s.directOperation(e, id, parts[0])
	}
	shown := s.examples[e.path]
	op := jsonObject{
		"operationId": id, "tags": []string{parts[0]}, "description": accessText[e.access],
		"parameters": []any{jsonObject{"$ref": "#/components/parameters/operationID"}},
		"responses": jsonObject{
			"200": jsonObject{"description": "An answer, or a refusal: see errCode.", "content": withExamples(inJSON(s.envelope(e)), shown.answers())},
			"429": jsonObject{"$ref": "#/components/responses/tooMany"},
		},
	}
	if e.access != public {
		op["security"] = []any{jsonObject{"token": []string{}}}
	}
	if e.unusable {
		op["deprecated"] = true
		op["description"] = "Refused to everybody: this server does not do it over HTTP."
	}
	if e.keyed {
		op["parameters"] = append(op["parameters"].([]any), jsonObject{
			"name": "key", "in": "query", "required": true, "description": "The key that a callback gave out.", "schema": jsonObject{"type": "string"},
		})
	}
	if e.strict {
		op["responses"].(jsonObject)["400"] = jsonObject{"$ref": "#/components/responses/refused"}
	}
	if !e.bodyless {
		body := withExamples(inJSON(s.of(reflect.TypeOf(e.takes).Elem())), shown.requests())
		if e.decodeProtobuf != nil {
			body["application/protobuf"] = jsonObject{"schema": jsonObject{"type": "string", "contentEncoding": "binary"}}
		}
		op["requestBody"] = jsonObject{"required": true, "content": body}
	}
	return op
}

// envelope describes an answer and what is around it.
func (s *schemas) envelope(e *endpoint) jsonObject {
	properties := jsonObject{
		"errCode": jsonObject{"$ref": refPrefix + errCodeSchema},
		"errMsg":  jsonObject{"type": "string"},
		"errDlt":  jsonObject{"type": "string"},
	}
	typ := reflect.TypeOf(e.gives)
	if typ != reflect.TypeFor[none]() {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		properties["data"] = s.of(typ)
	}
	return jsonObject{"type": "object", "properties": properties, "required": []string{"errCode", "errDlt", "errMsg"}}
}

// errCodeSchema is the name of the schema of error codes.
const errCodeSchema = "errCode"

// errCodes describes the codes of this server. It is no enum: a business server that
// refuses an operation answers with codes of its own.
func errCodes() jsonObject {
	var b strings.Builder
	b.WriteString("0, or why the request was refused. A business server's refusal has its own code. Codes of this server:")
	for _, c := range wire.Codes() {
		fmt.Fprintf(&b, " %d %s;", c.Code, c.Msg)
	}
	return jsonObject{"type": "integer", "format": "int32", "description": strings.TrimSuffix(b.String(), ";") + "."}
}
