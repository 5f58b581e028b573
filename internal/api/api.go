// Package api is the REST side of the server: the routes that clients and back
// ends POST to, and the HTTP layer around them (rest-auth-user.md 1).
//
// It owns headers, limits, decoding, the envelope of answers and their
// compression. It decides nothing about users, groups or messages: a [Service]
// does, and is told who asks. It opens no listener and keeps nothing between
// requests but counters.
//
// The way of a request: ServeHTTP → middleware.go, in the order written in New →
// the line of the table in routes.go → decode (endpoint.go) → a method in the file
// of the family, which calls the service → the envelope (envelope.go). A new
// route is one line in routes.go, a method, and a scenario in the tests.
//
// # Goroutines
//
// It starts none: everything runs on the goroutine of the request. The one thing
// that outlives a request is a message that was handed to the service: it is
// committed even if the client has gone away.
//
// # Limits
//
// Requests at once, in total and of one address; the size of a body by who sends
// it; the bytes of all large bodies at once (limits.go). Whatever is over a limit
// is refused, never queued. Time-outs of reading and writing sockets belong to
// the http.Server around it.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
)

// Service is what routes ask for. It checks itself what op may do.
type Service interface {
	Accounts
	Users
	Messages
	Groups
	GroupLife
	GroupLists
	Friends
	FriendRequests
	FriendEdits
	Blacks
	Online
	UserCommands
	UserLists
	ClientConfigs
	Conversations
	ConversationSettings
	MessageChanges
	MessageSenders
	Objects
	PushTokens
	ClientLogs
	Statistics
	ActiveConversations
	Webhooks
}

// Options are what an API is made of. A zero limit takes its value from
// [DefaultOptions].
type Options struct {
	Service Service
	Log     *slog.Logger          // nil: nowhere
	Metrics prometheus.Registerer // nil: not registered
	Host    Host                  // what routes for operators tell
	Pace    Pace                  // how often users may ask; zero: as often as they like

	Media     Media  // nil: files are kept elsewhere
	PublicURL string // how clients reach the API; empty: as their requests say

	MaxBody       int64 // bytes of a body sent by an administrator
	MaxUserBody   int64 // bytes of a body sent by any other user
	MaxPublicBody int64 // bytes of a body on a route that needs no token
	MaxBodies     int64 // bytes of all large bodies at once
	MaxInFlight   int   // requests at once
	MaxPerClient  int   // requests at once from one address
	// TrustedProxies are believed when they say what address a request is from.
	TrustedProxies []netip.Prefix
	Timeout        time.Duration // for the work behind one request
}

// DefaultOptions returns the limits of a server that was told nothing.
func DefaultOptions() Options {
	return Options{
		// What the reference reads. Back ends register users in bulk.
		MaxBody: 16 << 20,
		// The longest list a client may name is 10,000 ids of 64 bytes. Small objects
		// take some 40 times their JSON when decoded, so users get no more than they need.
		MaxUserBody:   1 << 20,
		MaxPublicBody: 64 << 10,
		// 16 of the largest; decoded they are bounded to a few GiB in the worst case.
		MaxBodies: 256 << 20,
		// A request takes milliseconds: so many at once are several seconds of work.
		MaxInFlight: 4096,
		// A back end, or a proxy with everybody behind it, is one address.
		MaxPerClient: 2048,
		// Clients give up after 10 s; bulk work of back ends may take longer.
		Timeout: 30 * time.Second,
	}
}

// API serves the routes. Make one with [New].
type API struct {
	service Service
	log     *slog.Logger
	o       Options
	metrics *metrics
	clients clients
	bodies  budget
	paces   *paces
	sent    sentOperations
	table   []*endpoint
	byPath  map[routeKey]*endpoint
	below   []*endpoint // direct routes that take all paths below theirs
	public  []string    // paths below which no token is asked for
	chain   step

	buffers sync.Pool // *bytes.Buffer
	gzips   sync.Pool // *gzip.Writer
}

var _ http.Handler = (*API)(nil)

// New returns the handler of all routes.
func New(o Options) *API {
	o = withDefaults(o)
	a := &API{
		service: o.Service, log: o.Log, o: o, byPath: make(map[routeKey]*endpoint),
		clients: clients{max: o.MaxInFlight, maxEach: o.MaxPerClient}, bodies: budget{max: o.MaxBodies},
		paces: newPaces(o.Pace),
	}
	a.table = a.routes()
	for _, e := range a.table {
		a.byPath[routeKey{e.method, e.path}] = e
		if strings.HasSuffix(e.path, "/") {
			a.below = append(a.below, e)
		}
		if e.access == public && e.direct == nil {
			a.public = append(a.public, e.path)
		}
	}
	a.metrics = newMetrics(o.Metrics, a.table)
	a.paces.register(o.Metrics)
	// The order is the reference's (rest-auth-user.md 1.1). Compression is part of
	// writing an answer (envelope.go).
	a.chain = a.limited(a.identified(a.recovered(a.cors(a.operation(a.authenticated(a.paced(a.dispatch)))))))
	return a
}

func withDefaults(o Options) Options {
	d := DefaultOptions()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for _, n := range []struct{ v, def *int64 }{
		{&o.MaxBody, &d.MaxBody},
		{&o.MaxUserBody, &d.MaxUserBody},
		{&o.MaxPublicBody, &d.MaxPublicBody},
		{&o.MaxBodies, &d.MaxBodies},
	} {
		if *n.v == 0 {
			*n.v = *n.def
		}
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = d.MaxInFlight
	}
	if o.MaxPerClient == 0 {
		o.MaxPerClient = d.MaxPerClient
	}
	if o.Timeout == 0 {
		o.Timeout = d.Timeout
	}
	return o
}

// call is one request on its way through the chain.
type call struct {
	w        http.ResponseWriter
	r        *http.Request // its context has a deadline, but for direct routes
	endpoint *endpoint     // nil: no such route
	op       im.Operator
	httpID   string
	addr     netip.Addr // whom the request counts for
	protobuf bool       // the request came, and its answer goes, as protobuf
	code     string     // for the metrics
	wrote    bool
	reserved int64 // bytes taken from API.bodies
}

// ServeHTTP serves one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	c := &call{w: w, r: r, endpoint: a.find(r)}
	if !c.isDirect() {
		ctx, cancel := context.WithTimeout(r.Context(), a.o.Timeout)
		defer cancel()
		c.r = r.WithContext(ctx)
	}
	a.metrics.inFlight.Inc()
	defer func() {
		a.bodies.release(c.reserved)
		a.metrics.inFlight.Dec()
		a.metrics.count(c, time.Since(began))
	}()
	a.chain(c)
}

// routeKey is what a route is found by.
type routeKey struct{ method, path string }

// find returns the route of a request, or nil. The table itself is the router: a
// mux would clean other paths and redirect to them, where the reference answers 404.
func (a *API) find(r *http.Request) *endpoint {
	if e := a.byPath[routeKey{r.Method, r.URL.Path}]; e != nil {
		return e
	}
	for _, e := range a.below {
		if e.method == r.Method && strings.HasPrefix(r.URL.Path, e.path) {
			return e
		}
	}
	return nil
}

// Serves reports whether there is a route with this path.
func (a *API) Serves(path string) bool {
	return slices.ContainsFunc(a.table, func(e *endpoint) bool { return e.path == path })
}

// isDirect reports whether a request is served outside of the protocol of POST and envelope.
func (c *call) isDirect() bool { return c.endpoint != nil && c.endpoint.direct != nil }

// needsToken reports whether a request must carry a token. Known routes decide
// for themselves; unknown paths below a public one get their 404 without a token.
func (a *API) needsToken(c *call) bool {
	if c.endpoint != nil {
		return c.endpoint.access != public
	}
	for _, p := range a.public {
		if strings.HasPrefix(c.r.URL.Path, p) {
			return false
		}
	}
	return true
}
