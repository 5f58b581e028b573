package webhook

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
)

// What became of an event, as the metric says it.
const (
	outcomeDelivered   = "delivered"
	outcomeRetry       = "retry"
	outcomeDeadLetter  = "dead_letter"
	outcomeAborted     = "aborted"
	outcomeMessageGone = "message_gone"
)

// metrics are the numbers of webhook-delivery.md 6.10 that belong to after events.
type metrics struct {
	attempts *prometheus.CounterVec // command, class
	outcomes *prometheus.CounterVec // command, outcome
	dropped  prometheus.Counter     // promised to stay 0: nothing in this package raises it
	breaker  prometheus.Gauge
	paused   prometheus.Gauge
	backlog  prometheus.Gauge
	latency  prometheus.Histogram
	age      prometheus.Histogram

	oldest atomic.Int64 // creation of the oldest event, ms; 0 = none
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	const ns, sub = "parley", "webhook"
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "attempts_total",
			Help: "Calls for after events by callback and class of the answer.",
		}, []string{"command", "class"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "events_total",
			Help: "What became of after events by callback; an event can be retried several times before it is anything else.",
		}, []string{"command", "outcome"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "events_dropped_total",
			Help: "Events given up without a trace. Stays 0.",
		}),
		breaker: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: ns, Subsystem: sub, Name: "breaker_state",
			Help: "Breaker of the endpoint: 0 closed, 1 half-open, 2 open.",
		}),
		paused: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: ns, Subsystem: sub, Name: "endpoints_paused",
			Help: "Endpoints that wait to be resumed.",
		}),
		backlog: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: ns, Subsystem: sub, Name: "backlog_events",
			Help: "Undelivered events in the outbox, dead letters among them.",
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: ns, Subsystem: sub, Name: "attempt_seconds", Help: "Time of one call for an after event.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: ns, Subsystem: sub, Name: "event_age_seconds", Help: "Age of an event when it was delivered.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 36000, 180000},
		}),
	}
	if r == nil {
		return m, nil
	}
	oldest := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: ns, Subsystem: sub, Name: "oldest_event_age_seconds",
		Help: "Age of the oldest undelivered event, dead letters among them.",
	}, func() float64 {
		if at := m.oldest.Load(); at > 0 {
			return time.Since(time.UnixMilli(at)).Seconds()
		}
		return 0
	})
	for _, c := range []prometheus.Collector{
		m.attempts, m.outcomes, m.dropped, m.breaker, m.paused, m.backlog, m.latency, m.age, oldest,
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("webhook: metrics: %w", err)
		}
	}
	return m, nil
}

// attempted counts one call.
func (m *metrics) attempted(cmd im.Command, class string, took time.Duration) {
	m.attempts.WithLabelValues(cmd.Key(), class).Inc()
	m.latency.Observe(took.Seconds())
}

// settled counts what became of an event.
func (m *metrics) settled(cmd im.Command, outcome string) {
	m.outcomes.WithLabelValues(cmd.Key(), outcome).Inc()
}
