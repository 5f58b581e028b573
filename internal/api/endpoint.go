package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"parley/internal/im"
	"parley/internal/wire"
)

// access says who may use a route. Only public is decided here; the rest is the
// service's decision and stands in the table for readers, and for a test that
// tries each route as somebody else.
type access uint8

const (
	public       access = iota // no token
	anyone                     // any valid token
	onlySelf                   // the user named in the body, or an administrator
	onlyMembers                // members of the group named in the body, or an administrator
	onlyAdmins                 // app administrators
	onlyManagers               // owner and administrators of the group named in the body, or an administrator
	onlyEither                 // one of the two users named in the body, or an administrator
)

// endpoint is one route.
type endpoint struct {
	method string
	path   string // of a direct route with a slash at its end: whatever begins with it
	access access
	// direct serves a request outside of the protocol of POST and envelope; nil for all others.
	direct func(c *call)
	// shape describes a direct route.
	shape shape
	// strict routes answer a body that does not fit with HTTP 400 instead of 200.
	strict bool
	// adminsFirst routes refuse others before they look at the body.
	adminsFirst bool
	// bodyless routes do not look at the body at all.
	bodyless bool
	// unusable routes are refused to everybody, and say why.
	unusable bool
	// keyed routes are told their query parameter "key" (withKey).
	keyed bool
	// based routes are told how the client reaches this server (withBase).
	based bool
	// repetitive routes take bodies of MaxBody from everybody (withRepetitions).
	repetitive bool
	// decode reads and checks a body; serve gets its result and returns the data of the answer.
	decode func(body []byte) (request any, err error)
	serve  func(ctx context.Context, op im.Operator, request any) (any, error)
	// decodeProtobuf reads a body in another form; nil where there is only JSON.
	decodeProtobuf func(body []byte) (request any, err error)
	// takes and gives are empty values of what is decoded and answered, for whoever
	// describes the table.
	takes, gives any
}

// none is the answer of routes whose response message has no fields.
type none struct{}

// route makes the line of the table for one use case: the body is decoded into
// Req and, if Req has a Check method, checked before handle is called.
func route[Req, Resp any](path string, acc access, handle func(context.Context, im.Operator, *Req) (Resp, error)) *endpoint {
	var gives Resp
	return &endpoint{
		method: http.MethodPost, path: path, access: acc, decode: decode[Req], takes: new(Req), gives: gives,
		serve: func(ctx context.Context, op im.Operator, request any) (any, error) {
			resp, err := handle(ctx, op, request.(*Req))
			if err != nil {
				return nil, err
			}
			if _, empty := any(resp).(none); empty {
				return nil, nil
			}
			return resp, nil
		},
	}
}

// directRoute makes the line of the table for what is no POST with an envelope: a
// page, a file. It asks for no header, its work has no deadline and its body no
// limit but its own. A path that ends with a slash takes all paths below it.
func directRoute(method, path string, serve func(c *call)) *endpoint {
	return &endpoint{method: method, path: path, access: public, direct: serve}
}

// strictly makes a route answer HTTP 400 to a body that does not fit.
func (e *endpoint) strictly() *endpoint {
	e.strict = true
	return e
}

// parseError is a body that is not the JSON of its request. Its text goes to the client.
type parseError struct{ text string }

func (e *parseError) Error() string { return e.text }

// maxParseText bounds what a client is told of its body: a parser's text may
// repeat a number of any length.
const maxParseText = 256

func decode[Req any](body []byte) (any, error) {
	req := new(Req)
	if err := json.Unmarshal(body, req); err != nil {
		return nil, parseFailure(err)
	}
	if q, ok := any(req).(interface{ Check() error }); ok {
		if err := q.Check(); err != nil {
			return nil, im.Errorf(im.Invalid, "api.Check", "%s", err)
		}
	}
	return req, nil
}

func parseFailure(err error) error {
	text := err.Error()
	if len(text) > maxParseText {
		text = strings.ToValidUTF8(text[:maxParseText], "") + "..."
	}
	return &parseError{text}
}

// dispatch reads the body, runs the route and writes its answer.
func (a *API) dispatch(c *call) {
	if c.endpoint == nil {
		a.notFound(c)
		return
	}
	if c.endpoint.direct != nil {
		c.endpoint.direct(c)
		return
	}
	if c.endpoint.adminsFirst && !c.op.Admin {
		a.refuse(c, http.StatusOK, a.failed(c, im.Errorf(im.Denied, "api.dispatch", "only for administrators")))
		return
	}
	request, err := a.request(c)
	if err != nil {
		a.refuseBody(c, err)
		return
	}
	ctx := c.r.Context()
	if c.endpoint.keyed {
		ctx = context.WithValue(ctx, keyParam{}, c.r.URL.Query().Get("key"))
	}
	if c.endpoint.based {
		ctx = context.WithValue(ctx, baseParam{}, a.baseOf(c.r))
	}
	data, err := c.endpoint.serve(ctx, c.op, request)
	if err == nil {
		data, err = c.inForm(data)
	}
	switch {
	case im.IsKind(err, im.TooMany): // the one limit that only the service can keep
		a.tooMany(c, excess{limitGroup, a.failed(c, err).Dlt, 0, time.Second})
	case err != nil:
		a.refuse(c, http.StatusOK, a.failed(c, err))
	default:
		a.answer(c, http.StatusOK, envelope{Data: data})
	}
}

// errBodies says that too much memory is in use for bodies.
var errBodies = errors.New("too many large requests at once")

// request returns the decoded body. The buffer is free again when it returns.
func (a *API) request(c *call) (any, error) {
	if c.endpoint.bodyless {
		return c.endpoint.takes, nil
	}
	decode, err := c.decoder()
	if err != nil {
		return nil, err
	}
	b := a.buffer()
	defer a.free(b)
	if err := a.read(c, b); err != nil {
		return nil, err
	}
	return decode(b.Bytes())
}

// smallBody is how much of a body is read before its size counts in API.bodies.
const smallBody = 64 << 10

func (a *API) read(c *call, into *bytes.Buffer) error {
	limit := a.o.MaxUserBody
	switch {
	case c.endpoint.access == public:
		limit = a.o.MaxPublicBody
	case c.op.Admin, c.endpoint.repetitive:
		limit = a.o.MaxBody
	}
	body := http.MaxBytesReader(c.w, c.r.Body, limit)
	n, err := io.CopyN(into, body, smallBody)
	if n < smallBody {
		if err != nil && !errors.Is(err, io.EOF) {
			return parseFailure(err)
		}
		return nil
	}
	size, known := limit, c.r.ContentLength >= 0
	if known {
		size = min(size, c.r.ContentLength)
	}
	if !a.bodies.take(size) {
		return errBodies
	}
	c.reserved = size
	if known {
		into.Grow(int(size) - into.Len() + bytes.MinRead)
	}
	if _, err := into.ReadFrom(body); err != nil {
		return parseFailure(err)
	}
	return nil
}

// refuseBody answers a body that was not taken. On plain routes a parser's text
// takes the place of the code's name, the only case where errMsg is not fixed
// (rest-auth-user.md 1.2).
func (a *API) refuseBody(c *call, err error) {
	if errors.Is(err, errBodies) {
		a.tooMany(c, excess{limitBodies, err.Error(), 0, time.Second})
		return
	}
	status := http.StatusOK
	if c.endpoint.strict {
		status = http.StatusBadRequest
	}
	var p *parseError
	if !errors.As(err, &p) {
		a.refuse(c, status, wire.StatusOf(err))
		return
	}
	st := wire.StatusOf(im.Errorf(im.Invalid, "api.decode", "%s", p.text))
	if !c.endpoint.strict {
		st.Msg, st.Dlt = p.text, ""
	}
	a.refuse(c, status, st)
}
