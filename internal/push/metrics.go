package push

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the numbers of offline push.
type metrics struct {
	sent    *prometheus.CounterVec // by what became of an attempt
	dropped *prometheus.CounterVec // by why
	unasked *prometheus.CounterVec // by callback
	took    prometheus.Histogram
	reg     prometheus.Registerer
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	const ns, sub = "parley", "push"
	m := &metrics{
		reg: r,
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "attempts_total",
			Help: "Offline pushes handed to the vendor, by outcome: sent, gone (the device), refused, failed.",
		}, []string{"outcome"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "dropped_total",
			Help: "Offline pushes that were dropped: messages (planning) or notifications (queue) above the limit, too old (age), failed too often (attempts).",
		}, []string{"reason"}),
		unasked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: ns, Subsystem: sub, Name: "unasked_total",
			Help: "Pushes that the business server could not be waited for, because too many were.",
		}, []string{"command"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: ns, Subsystem: sub, Name: "send_seconds", Help: "Time of an attempt at the vendor.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.sent, m.dropped, m.unasked, m.took} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// queue shows the number of notifications that wait.
func (m *metrics) queue(length func() int) {
	if m.reg == nil {
		return
	}
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "parley", Subsystem: "push", Name: "queue", Help: "Offline pushes that are not sent yet.",
	}, func() float64 { return float64(length()) }))
}
