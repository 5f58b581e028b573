package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of the parts that have no registry of their own.
type metrics struct {
	entries prometheus.Histogram
	took    prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		entries: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "parley_commit_entries", Help: "Entries of the message log per commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "parley_commit_seconds", Help: "Time of a commit of the message log.", Buckets: prometheus.ExponentialBuckets(0.0002, 2, 14),
		}),
	}
	r.MustRegister(m.entries, m.took)
	return m
}

func (m *metrics) commit(entries int, took time.Duration) {
	m.entries.Observe(float64(entries))
	m.took.Observe(took.Seconds())
}

func (m *metrics) queue(r prometheus.Registerer, queued func() int) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_append_queue", Help: "Entries of the message log that wait for a commit.",
	}, func() float64 { return float64(queued()) }))
}
