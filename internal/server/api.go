package server

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"parley/internal/api"
	"parley/internal/config"
	"parley/internal/obs"
	"parley/internal/pace"
	"parley/internal/service"
)

// newAPI returns the REST side with the limits of the configuration.
func (s *Server) newAPI(svc *service.Service, version string) (*api.API, error) {
	l := &s.cfg.Limits
	proxies, err := l.Proxies()
	if err != nil {
		return nil, fmt.Errorf("limits.trustedProxies %w", err)
	}
	each, err := l.RouteLimits()
	if err != nil {
		return nil, fmt.Errorf("limits.routes %w", err)
	}
	routes := make(map[string]pace.Limit, len(each))
	for _, r := range each {
		routes[r.Path] = pace.Limit{PerSecond: r.Rate, Burst: r.Burst}
	}
	a := api.New(api.Options{
		Service: svc, Media: s.objects.media, PublicURL: s.cfg.PublicURL, Log: s.log, Metrics: s.registry,
		MaxInFlight: l.Requests, MaxPerClient: l.RequestsPerAddress, TrustedProxies: proxies,
		MaxBody: int64(l.AdminBodyBytes), MaxUserBody: int64(l.UserBodyBytes), MaxPublicBody: int64(l.PublicBodyBytes),
		Pace: api.Pace{
			PerUser:    pace.Limit{PerSecond: l.UserRate, Burst: l.UserBurst},
			PerAddress: pace.Limit{PerSecond: l.AddressRate, Burst: l.AddressBurst},
			PerRoute:   pace.Limit{PerSecond: l.RouteRate, Burst: l.RouteBurst},
			Routes:     routes,
		},
		Host: api.Host{Version: version, Settings: s.cfg.JSON, Metrics: s.metricsAddress, Dashboard: s.cfg.Admin.GrafanaURL},
	})
	promauto.With(s.registry).NewCounterFunc(prometheus.CounterOpts{
		Namespace: "parley", Name: "group_limited_total", Help: "Messages refused because ordinary users sent too many into one group.",
	}, func() float64 { return float64(svc.GroupsLimited()) })
	for path := range routes {
		if !a.Serves(path) {
			return nil, fmt.Errorf("limits.routes names %s, which is no route", path)
		}
	}
	return a, nil
}

// groupPace is how many messages a second go into one group.
func groupPace(cfg *config.Config) pace.Limit {
	return pace.Limit{PerSecond: cfg.Limits.GroupRate, Burst: cfg.Limits.GroupBurst}
}

// metricsAddress is where /metrics is, with the host as it is configured; empty
// before Start.
func (s *Server) metricsAddress() string {
	for _, l := range s.listeners {
		if l.setting == adminListen && l.ln != nil {
			return l.ln.Addr().String()
		}
	}
	return ""
}

// adminListen is the setting of the listener for operators.
const adminListen = "admin.listen"

// adminHandler serves what operators look at, and the description of the API.
func (s *Server) adminHandler() (http.Handler, error) {
	description, err := s.api.OpenAPI()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", obs.AdminHandler(s.registry, s.health))
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(description) // the client went away: nobody to tell
	})
	return mux, nil
}
