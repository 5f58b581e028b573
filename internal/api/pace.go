package api

import (
	"math"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
	"parley/internal/pace"
)

// Pace is how often users may ask. Administrators may as often as they like: they
// are the back ends that act for everybody.
type Pace struct {
	PerUser    pace.Limit
	PerAddress pace.Limit // with and without a valid token; of IPv6 a whole /64
	PerRoute   pace.Limit // of one user, on one route
	// Routes take the place of PerRoute, by path.
	Routes map[string]pace.Limit
}

// The names of limits in metrics.
const (
	limitRequests = "requests"
	limitBodies   = "bodies"
	limitUser     = "user"
	limitAddress  = "address"
	limitRoute    = "route"
	limitGroup    = "group"
)

// paces keeps the pace.
type paces struct {
	o         Pace
	users     *pace.Buckets[string]
	addresses *pace.Buckets[netip.Addr]
	routes    *pace.Buckets[userRoute]
}

type userRoute struct {
	userID string
	route  *endpoint
}

func newPaces(o Pace) *paces {
	return &paces{
		o: o, users: pace.New[string](pace.DefaultKeys), addresses: pace.New[netip.Addr](pace.DefaultKeys),
		routes: pace.New[userRoute](pace.DefaultKeys),
	}
}

// register measures how many buckets are kept.
func (p *paces) register(reg prometheus.Registerer) {
	if reg == nil {
		return
	}
	for name, n := range map[string]func() int{limitUser: p.users.Len, limitAddress: p.addresses.Len, limitRoute: p.routes.Len} {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "parley", Subsystem: "api", Name: "limit_keys", Help: "Users, addresses and their routes whose pace is watched.",
			ConstLabels: prometheus.Labels{"limit": name},
		}, func() float64 { return float64(n()) }))
	}
}

// route returns the limit of one user on a route.
func (p *paces) route(e *endpoint) pace.Limit {
	if l, ok := p.o.Routes[e.path]; ok {
		return l
	}
	return p.o.PerRoute
}

// excess is a limit that a request is over.
type excess struct {
	limit string        // its name in metrics
	text  string        // for the client
	burst int           // how much would have been possible at once; 0: not told
	wait  time.Duration // until it is worth trying again
}

// paced refuses users who ask too often.
func (a *API) paced(next step) step {
	return func(c *call) {
		if !c.op.Admin {
			if over := a.overPace(c); over != nil {
				a.tooMany(c, *over)
				return
			}
		}
		next(c)
	}
}

// overPace returns the limit that a request is over, or nil.
func (a *API) overPace(c *call) *excess {
	if over := a.overAddress(c); over != nil {
		return over
	}
	if c.op.UserID == "" {
		return nil
	}
	now := time.Now()
	if c.endpoint != nil {
		l := a.paces.route(c.endpoint)
		if wait := a.paces.routes.Take(userRoute{c.op.UserID, c.endpoint}, l, now); wait > 0 {
			return &excess{limitRoute, "too many requests of this user to this route", l.Burst, wait}
		}
	}
	l := a.paces.o.PerUser
	if wait := a.paces.users.Take(c.op.UserID, l, now); wait > 0 {
		return &excess{limitUser, "too many requests of this user", l.Burst, wait}
	}
	return nil
}

// overAddress does the same for the address that a request comes from.
func (a *API) overAddress(c *call) *excess {
	if !c.addr.IsValid() {
		return nil
	}
	l := a.paces.o.PerAddress
	if wait := a.paces.addresses.Take(c.addr, l, time.Now()); wait > 0 {
		return &excess{limitAddress, "too many requests from this address", l.Burst, wait}
	}
	return nil
}

// refuseToken answers a request whose token is not accepted. Who tries many is
// told nothing about them.
func (a *API) refuseToken(c *call, err error) {
	if !im.IsKind(err, im.Internal) {
		if over := a.overAddress(c); over != nil {
			a.tooMany(c, *over)
			return
		}
	}
	a.refuse(c, http.StatusOK, a.failed(c, err))
}

// retryAfter is a wait in whole seconds, at least one.
func retryAfter(wait time.Duration) int { return max(1, int(math.Ceil(wait.Seconds()))) }
