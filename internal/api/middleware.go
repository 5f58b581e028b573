package api

import (
	"errors"
	"net/http"
	"runtime/debug"
	"unicode/utf8"

	"parley/internal/im"
	"parley/internal/wire"
)

// step is a part of the chain. It either answers the request or passes it on.
type step func(c *call)

// identified gives the request the id by which a client's report and the log can
// be brought together.
func (a *API) identified(next step) step {
	return func(c *call) {
		c.httpID = uuid()
		c.op.OperationID = c.httpID // until the request says otherwise
		c.w.Header().Set("X-HTTP-ID", c.httpID)
		next(c)
	}
}

// uuid returns a random UUID (version 4).
func uuid() string {
	id := im.NewID()
	return id[:8] + "-" + id[8:12] + "-4" + id[13:16] + "-8" + id[17:20] + "-" + id[20:]
}

// recovered answers a panic with HTTP 500 and no body.
func (a *API) recovered(next step) step {
	return func(c *call) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			a.log.Error("request panicked", c.fields("panic", p, "stack", string(debug.Stack()))...)
			if c.wrote {
				panic(http.ErrAbortHandler) // nobody must take half an answer for a whole one
			}
			c.code, c.wrote = "panic", true
			c.w.WriteHeader(http.StatusInternalServerError)
		}()
		next(c)
	}
}

// corsHeaders go with every answer: browsers read none of them without. The
// values are shared by all requests and never changed.
var corsHeaders = map[string][]string{
	"Access-Control-Allow-Origin":      {"*"},
	"Access-Control-Allow-Methods":     {"*"},
	"Access-Control-Allow-Headers":     {"*"},
	"Access-Control-Allow-Credentials": {"false"},
	"Access-Control-Max-Age":           {"172800"},
	"Access-Control-Expose-Headers": {"Content-Length, Access-Control-Allow-Origin, Access-Control-Allow-Headers, Cache-Control, " +
		"Content-Language, Content-Type, Expires, Last-Modified, Pragma, FooBar"},
	"Content-Type": {"application/json"},
}

func setCORS(h http.Header) {
	for k, v := range corsHeaders {
		h[k] = v
	}
}

// cors sets the headers for browsers and ends their preflight requests.
func (a *API) cors(next step) step {
	return func(c *call) {
		setCORS(c.w.Header())
		if c.r.Method == http.MethodOptions {
			c.code = "0"
			a.write(c, http.StatusOK, []byte(`"Options Request!"`))
			return
		}
		next(c)
	}
}

// maxOperationID bounds what a request may call itself: the id is logged, and
// kept with every event the request causes.
const maxOperationID = 256

// operation demands the id of the operation where one must be given.
func (a *API) operation(next step) step {
	return func(c *call) {
		if c.r.Method == http.MethodPost && !c.isDirect() {
			id := c.r.Header.Get("operationID")
			switch {
			case id == "":
				a.refuseHeader(c, "header must have operationID")
				return
			case len(id) > maxOperationID || !utf8.ValidString(id):
				a.refuseHeader(c, "operationID is longer than 256 bytes or not UTF-8")
				return
			}
			c.op.OperationID = id
		} else if id := c.r.URL.Query().Get("operationID"); id != "" && len(id) <= maxOperationID && utf8.ValidString(id) {
			c.op.OperationID = id
		}
		next(c)
	}
}

// authenticated demands a token and finds out whose it is.
func (a *API) authenticated(next step) step {
	return func(c *call) {
		if c.r.Method == http.MethodPost && a.needsToken(c) {
			token := c.r.Header.Get("token")
			if token == "" {
				// Not a 15xx: clients log out on those (errors.md 5).
				a.refuseHeader(c, "header must have token")
				return
			}
			cred, err := a.service.Authenticate(c.r.Context(), token)
			if err != nil {
				a.refuseToken(c, err)
				return
			}
			c.op.UserID, c.op.Platform, c.op.Admin = cred.UserID, cred.Platform, a.service.IsAdmin(cred.UserID)
		}
		next(c)
	}
}

func (a *API) refuseHeader(c *call, text string) {
	a.refuse(c, http.StatusOK, wire.StatusOf(im.Errorf(im.Invalid, "api.headers", "%s", text)))
}

// notFound is the end of the chain for everything that is not in the table.
func (a *API) notFound(c *call) {
	c.code = "404"
	c.w.Header().Set("Content-Type", "text/plain")
	a.write(c, http.StatusNotFound, []byte("404 page not found"))
}
