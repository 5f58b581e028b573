package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
)

// Limits is how much of the API and of groups one user, one address or everybody
// together may have. A rate of 0 is no limit. Administrators have no rates: they
// are the back ends that act for everybody.
type Limits struct {
	// UserRate is how many requests a second a user may make in the long run, UserBurst how many at once.
	UserRate  int `yaml:"userRate" env:"PARLEY_LIMITS_USER_RATE"`
	UserBurst int `yaml:"userBurst" env:"PARLEY_LIMITS_USER_BURST"`
	// AddressRate is the same for all users of an address, and for requests without a valid token.
	AddressRate  int `yaml:"addressRate" env:"PARLEY_LIMITS_ADDRESS_RATE"`
	AddressBurst int `yaml:"addressBurst" env:"PARLEY_LIMITS_ADDRESS_BURST"`
	// TrustedProxies are addresses and nets whose X-Forwarded-For says what address a request is from.
	TrustedProxies StringList `yaml:"trustedProxies" env:"PARLEY_LIMITS_TRUSTED_PROXIES"`
	// RouteRate is the same for one user on one route.
	RouteRate  int `yaml:"routeRate" env:"PARLEY_LIMITS_ROUTE_RATE"`
	RouteBurst int `yaml:"routeBurst" env:"PARLEY_LIMITS_ROUTE_BURST"`
	// Routes take the place of RouteRate and RouteBurst, each "PATH=RATE" or "PATH=RATE/BURST".
	Routes StringList `yaml:"routes" env:"PARLEY_LIMITS_ROUTES"`
	// GroupRate is how many messages a second ordinary users may send into one group, however they send them.
	GroupRate  int `yaml:"groupRate" env:"PARLEY_LIMITS_GROUP_RATE"`
	GroupBurst int `yaml:"groupBurst" env:"PARLEY_LIMITS_GROUP_BURST"`

	// Requests is how many requests are served at once, RequestsPerAddress how many of one address.
	Requests           int `yaml:"requests" env:"PARLEY_LIMITS_REQUESTS"`
	RequestsPerAddress int `yaml:"requestsPerAddress" env:"PARLEY_LIMITS_REQUESTS_PER_ADDRESS"`
	// The largest bodies, by who sends them.
	AdminBodyBytes  int `yaml:"adminBodyBytes" env:"PARLEY_LIMITS_ADMIN_BODY_BYTES"`
	UserBodyBytes   int `yaml:"userBodyBytes" env:"PARLEY_LIMITS_USER_BODY_BYTES"`
	PublicBodyBytes int `yaml:"publicBodyBytes" env:"PARLEY_LIMITS_PUBLIC_BODY_BYTES"`
}

func defaultLimits() Limits {
	return Limits{
		// An app makes some dozens of requests when it starts and a few a minute later.
		UserRate: 200, UserBurst: 2000,
		// An office, or a proxy with a whole installation behind it, is one address.
		AddressRate: 5000, AddressBurst: 20_000,
		RouteRate: 100, RouteBurst: 1000,
		GroupBurst: 100,
		// A request takes milliseconds: so many at once are several seconds of work.
		Requests: 4096, RequestsPerAddress: 2048,
		// Back ends register users in bulk. Users' small objects take some 40 times
		// their JSON when decoded, so they get no more than the longest list needs.
		AdminBodyBytes: 16 << 20, UserBodyBytes: 1 << 20, PublicBodyBytes: 64 << 10,
	}
}

const (
	// maxRate bounds rates and bursts: a token is at least a microsecond's worth.
	maxRate        = 1_000_000
	minBodyBytes   = 1 << 10
	maxBodyBytes   = 256 << 20
	maxRouteLimits = 1000
)

// RouteLimit is an entry of Limits.Routes.
type RouteLimit struct {
	Path        string
	Rate, Burst int
}

// RouteLimits returns the entries of Routes; Validate has checked them.
func (l *Limits) RouteLimits() ([]RouteLimit, error) {
	var out []RouteLimit
	for _, text := range l.Routes {
		r, err := parseRouteLimit(text)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// parseRouteLimit reads "/user/get_users=5" or "/user/get_users=5/20"; without a
// burst ten seconds' worth is possible at once.
func parseRouteLimit(text string) (RouteLimit, error) {
	parts := regexp.MustCompile(`^(/[A-Za-z0-9_/]+)=([0-9]{1,7})(?:/([0-9]{1,7}))?$`).FindStringSubmatch(text)
	if parts == nil {
		return RouteLimit{}, fmt.Errorf("holds %q, which is not PATH=RATE or PATH=RATE/BURST", text)
	}
	r := RouteLimit{Path: parts[1]}
	r.Rate, _ = strconv.Atoi(parts[2]) // digits only, and few
	r.Burst = min(10*r.Rate, maxRate)
	if parts[3] != "" {
		r.Burst, _ = strconv.Atoi(parts[3])
	}
	if r.Rate > maxRate || r.Burst > maxRate || r.Rate > 0 && r.Burst == 0 {
		return RouteLimit{}, fmt.Errorf("holds %q, whose burst is 0 or one of whose numbers is above %d", text, maxRate)
	}
	return r, nil
}

// Proxies returns TrustedProxies as nets; Validate has checked them.
func (l *Limits) Proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range l.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if a, errAddr := netip.ParseAddr(text); errAddr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("holds %q, which is neither an address nor a net like 10.0.0.0/8", text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func (v *validator) checkLimits() {
	l := &v.cfg.Limits
	for _, r := range []struct {
		name        string
		rate, burst int
	}{{"user", l.UserRate, l.UserBurst}, {"address", l.AddressRate, l.AddressBurst}, {"route", l.RouteRate, l.RouteBurst}, {"group", l.GroupRate, l.GroupBurst}} {
		v.check("limits."+r.name+"Rate", checkRange(r.rate, 0, maxRate))
		v.check("limits."+r.name+"Burst", checkRange(r.burst, 1, maxRate))
	}
	if len(l.Routes) > maxRouteLimits {
		v.check("limits.routes", fmt.Errorf("holds more than %d entries", maxRouteLimits))
	} else if _, err := l.RouteLimits(); err != nil {
		v.check("limits.routes", err)
	}
	_, err := l.Proxies()
	v.check("limits.trustedProxies", err)
	v.check("limits.requests", checkRange(l.Requests, 1, maxRate))
	v.check("limits.requestsPerAddress", checkRange(l.RequestsPerAddress, 1, maxRate))
	v.check("limits.adminBodyBytes", checkRange(l.AdminBodyBytes, minBodyBytes, maxBodyBytes))
	v.check("limits.userBodyBytes", checkRange(l.UserBodyBytes, minBodyBytes, maxBodyBytes))
	v.check("limits.publicBodyBytes", checkRange(l.PublicBodyBytes, minBodyBytes, maxBodyBytes))
}
