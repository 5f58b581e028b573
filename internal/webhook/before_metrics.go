package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
)

// beforeMetrics are the numbers of webhook-delivery.md 6.10 that belong to before callbacks.
type beforeMetrics struct {
	calls     *prometheus.CounterVec // command, outcome
	continued *prometheus.CounterVec // command
	latency   prometheus.Histogram
}

func newBeforeMetrics(r prometheus.Registerer) (*beforeMetrics, error) {
	const ns, sub = "parley", "webhook"
	m := &beforeMetrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "before_total",
			Help: "Before callbacks by callback and outcome: passed, refused, or the kind of failure.",
		}, []string{"command", "outcome"}),
		continued: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "before_continued_total",
			Help: "Operations that went on although their before callback failed.",
		}, []string{"command"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: ns, Subsystem: sub, Name: "before_seconds", Help: "Time that a request waited for a before callback.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.calls, m.continued, m.latency} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *beforeMetrics) asked(cmd im.Command, outcome string, took time.Duration) {
	m.calls.WithLabelValues(cmd.Key(), outcome).Inc()
	m.latency.Observe(took.Seconds())
}

var breakerStateDesc = prometheus.NewDesc("parley_webhook_before_breaker_state",
	"Breaker of each before callback that is on: 0 closed, 1 half-open, 2 open.", []string{"command"}, nil)

// breakerStates are the breakers as of now: without calls nobody else notices that one
// has become half-open.
type breakerStates struct{ asker *Asker }

// Describe implements prometheus.Collector.
func (s *breakerStates) Describe(ch chan<- *prometheus.Desc) { ch <- breakerStateDesc }

// Collect implements prometheus.Collector.
func (s *breakerStates) Collect(ch chan<- prometheus.Metric) {
	c := s.asker.current.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	for cmd := range c.breakers {
		cmd := im.Command(cmd)
		if !cmd.IsBefore() || !c.config.Wants(cmd) {
			continue
		}
		b := &c.breakers[cmd]
		b.ripen(time.Now())
		ch <- prometheus.MustNewConstMetric(breakerStateDesc, prometheus.GaugeValue, float64(b.state), cmd.Key())
	}
}
