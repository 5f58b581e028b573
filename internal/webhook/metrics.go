package webhook

import (
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
	"parley/internal/store"
)

// What became of an event, as the metric says it.
const (
	outcomeMade        = "made"
	outcomeDelivered   = "delivered"
	outcomeRetry       = "retry"
	outcomeDeadLetter  = "dead_letter"
	outcomeAborted     = "aborted"
	outcomeMessageGone = "message_gone"
	outcomeDiscarded   = "discarded"
)

// metrics are the numbers of webhook-delivery.md 6.10 that belong to after events.
type metrics struct {
	attempts *prometheus.CounterVec // command, class
	outcomes *prometheus.CounterVec // command, outcome
	dropped  prometheus.Counter     // events that were not written: see Hooks.Lost and Dispatcher.Admit
	breaker  *prometheus.GaugeVec   // endpoint
	paused   *prometheus.GaugeVec   // endpoint
	backlog  *prometheus.GaugeVec   // endpoint, state
	alarm    *prometheus.GaugeVec   // endpoint
	latency  prometheus.Histogram
	age      prometheus.Histogram

	oldest oldest
}

// oldest is the age of the oldest event of each endpoint, as of when it is asked.
type oldest struct {
	desc *prometheus.Desc
	mu   sync.Mutex       // guards at
	at   map[string]int64 // creation of the oldest event by endpoint, ms; 0 = none
}

// Describe implements prometheus.Collector.
func (o *oldest) Describe(ch chan<- *prometheus.Desc) { ch <- o.desc }

// Collect implements prometheus.Collector.
func (o *oldest) Collect(ch chan<- prometheus.Metric) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, at := range o.at {
		var age float64
		if at > 0 {
			age = time.Since(time.UnixMilli(at)).Seconds()
		}
		ch <- prometheus.MustNewConstMetric(o.desc, prometheus.GaugeValue, age, endpointLabel(id))
	}
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	const ns, sub = "parley", "webhook"
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "attempts_total",
			Help: "Attempts of after events by callback and class of the answer; a call that carries a batch is one for each event.",
		}, []string{"command", "class"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "events_total",
			Help: "What became of after events by callback; an event can be retried several times before it is anything else.",
		}, []string{"command", "outcome"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "events_dropped_total",
			Help: "Events that were not written: above webhooks.maxBacklog, or about connections while the database did not answer. Else 0.",
		}),
		breaker: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: ns, Subsystem: sub, Name: "breaker_state",
			Help: "Breaker of the endpoint: 0 closed, 1 half-open, 2 open.",
		}, []string{"endpoint"}),
		paused: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: ns, Subsystem: sub, Name: "endpoint_paused",
			Help: "1 if the endpoint waits to be resumed.",
		}, []string{"endpoint"}),
		backlog: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: ns, Subsystem: sub, Name: "backlog_events",
			Help: "Undelivered events in the outbox: waiting (an estimate above 20,000), retrying and dead (counted up to 20,000).",
		}, []string{"endpoint", "state"}),
		alarm: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: ns, Subsystem: sub, Name: "backlog_alarm",
			Help: "1 if the events of the endpoint have reached webhooks.alarmBacklog.",
		}, []string{"endpoint"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: ns, Subsystem: sub, Name: "attempt_seconds", Help: "Time of one call for an after event.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: ns, Subsystem: sub, Name: "event_age_seconds", Help: "Age of an event when it was delivered.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 36000, 180000},
		}),
	}
	m.oldest.at = map[string]int64{}
	m.oldest.desc = prometheus.NewDesc(ns+"_"+sub+"_oldest_event_age_seconds",
		"Age of the oldest event that is still to be delivered.", []string{"endpoint"}, nil)
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.attempts, m.outcomes, m.dropped, m.breaker, m.paused, m.backlog, m.alarm, m.latency, m.age, &m.oldest,
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("webhook: metrics: %w", err)
		}
	}
	return m, nil
}

// attempted counts the attempt of one event.
func (m *metrics) attempted(cmd im.Command, class string) {
	m.attempts.WithLabelValues(cmd.Key(), class).Inc()
}

// settled counts what became of an event.
func (m *metrics) settled(cmd im.Command, outcome string) {
	m.outcomes.WithLabelValues(cmd.Key(), outcome).Inc()
}

// observed takes the backlog of an endpoint.
func (m *metrics) observed(id string, b store.Backlog) {
	label := endpointLabel(id)
	m.backlog.WithLabelValues(label, "waiting").Set(float64(b.Waiting))
	m.backlog.WithLabelValues(label, "retrying").Set(float64(b.Retrying))
	m.backlog.WithLabelValues(label, "dead").Set(float64(b.Dead))
	m.oldest.mu.Lock()
	defer m.oldest.mu.Unlock()
	m.oldest.at[id] = b.Oldest
}

// alarmed says whether the backlog of an endpoint is large.
func (m *metrics) alarmed(id string, on bool) {
	var v float64
	if on {
		v = 1
	}
	m.alarm.WithLabelValues(endpointLabel(id)).Set(v)
}

// forget drops the gauges of a removed endpoint.
func (m *metrics) forget(id string) {
	for _, v := range []*prometheus.GaugeVec{m.breaker, m.paused, m.backlog, m.alarm} {
		v.DeletePartialMatch(prometheus.Labels{"endpoint": endpointLabel(id)})
	}
	m.oldest.mu.Lock()
	defer m.oldest.mu.Unlock()
	delete(m.oldest.at, id)
}
