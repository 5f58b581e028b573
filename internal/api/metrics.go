package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// noRoute is the label of requests outside of the table: paths are the
// clients' choice and would grow the metrics without end.
const noRoute = "none"

// metrics is what an API counts.
type metrics struct {
	inFlight prometheus.Gauge
	requests *prometheus.CounterVec // by route and code
	limited  *prometheus.CounterVec // by limit
	seconds  map[*endpoint]prometheus.Observer
}

func newMetrics(reg prometheus.Registerer, table []*endpoint) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		inFlight: f.NewGauge(prometheus.GaugeOpts{
			Namespace: "parley", Subsystem: "api", Name: "requests_in_flight", Help: "REST requests being served.",
		}),
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Namespace: "parley", Subsystem: "api", Name: "requests_total",
			Help: `REST requests by route and errCode; "refused" is a code of the business server's.`,
		}, []string{"route", "code"}),
		limited: f.NewCounterVec(prometheus.CounterOpts{
			Namespace: "parley", Subsystem: "api", Name: "limited_total",
			Help: "REST requests refused because of a limit, by limit: requests at once, bodies, user, address, route, group.",
		}, []string{"limit"}),
		seconds: make(map[*endpoint]prometheus.Observer),
	}
	seconds := f.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "parley", Subsystem: "api", Name: "request_seconds", Help: "Time from the header of a REST request to its answer.",
		// From a cache hit to the 10 s after which clients have given up.
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"route"})
	m.seconds[nil] = seconds.WithLabelValues(noRoute)
	for _, e := range table {
		m.seconds[e] = seconds.WithLabelValues(e.path)
	}
	return m
}

// count records a request that was served.
func (m *metrics) count(c *call, took time.Duration) {
	name := noRoute
	if c.endpoint != nil {
		name = c.endpoint.path
	}
	code := c.code
	if code == "" {
		code = "none" // the connection was given up
	}
	m.requests.WithLabelValues(name, code).Inc()
	m.seconds[c.endpoint].Observe(took.Seconds())
}
