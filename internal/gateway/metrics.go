package gateway

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"parley/internal/wire"
)

// metrics is what a gateway counts. What is counted per frame has no labels to
// look up: the label values are resolved in advance.
type metrics struct {
	connections prometheus.Gauge
	handshakes  *prometheus.CounterVec // by code
	ended       *prometheus.CounterVec // by cause
	requests    map[wire.ReqIdentifier]prometheus.Observer
	errors      *prometheus.CounterVec // by request and code
	framesIn    prometheus.Counter
	bytesIn     prometheus.Counter
	framesOut   prometheus.Counter
	bytesOut    prometheus.Counter
	writes      prometheus.Counter
	trimmed     prometheus.Counter
	oversized   prometheus.Counter
}

// requestName names a request for labels and logs; "" for an identifier that
// clients may not send.
func requestName(id wire.ReqIdentifier) string {
	switch id {
	case wire.ReqNewestSeq:
		return "newest_seq"
	case wire.ReqPullByRange:
		return "pull_by_range"
	case wire.ReqSend:
		return "send"
	case wire.ReqSendSignal:
		return "send_signal"
	case wire.ReqPullBySeqs:
		return "pull_by_seqs"
	case wire.ReqReadAndMaxSeq:
		return "read_and_max_seq"
	case wire.ReqLastMessage:
		return "last_message"
	case wire.ReqLogout:
		return "logout"
	case wire.ReqSetBackground:
		return "set_background"
	case wire.ReqSubscribeOnline:
		return "subscribe_online"
	}
	return ""
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Namespace: "parley", Subsystem: "gateway", Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: "parley", Subsystem: "gateway", Name: name, Help: help}, labels)
	}
	m := &metrics{
		connections: f.NewGauge(prometheus.GaugeOpts{
			Namespace: "parley", Subsystem: "gateway", Name: "connections", Help: "Open WebSocket connections.",
		}),
		handshakes: vec("handshakes_total", "Handshakes by error code; 0 is success.", "code"),
		ended:      vec("connections_ended_total", "Connections that ended, by cause.", "cause"),
		errors:     vec("request_errors_total", "Requests answered with an error, by request and code.", "request", "code"),
		framesIn:   counter("frames_received_total", "Data frames received."),
		bytesIn:    counter("received_bytes_total", "Payload bytes of data frames received."),
		framesOut:  counter("frames_sent_total", "Frames sent."),
		bytesOut:   counter("sent_bytes_total", "Bytes sent, with frame headers."),
		writes:     counter("writes_total", "Writes to sockets; frames are joined, so fewer than frames."),
		trimmed:    counter("trimmed_records_total", "Messages left out of answers that were too large for the client."),
		oversized:  counter("oversized_frames_total", "Frames not sent because they were too large for the client."),
		requests:   make(map[wire.ReqIdentifier]prometheus.Observer),
	}
	seconds := f.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "parley", Subsystem: "gateway", Name: "request_seconds",
		Help: "Time from taking up a request to queueing its answer.",
		// From a cache hit to the 10 s after which the client has given up.
		Buckets: []float64{.0001, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"request"})
	for id := wire.ReqNewestSeq; id <= wire.ReqSubscribeOnline; id++ {
		if name := requestName(id); name != "" {
			m.requests[id] = seconds.WithLabelValues(name)
		}
	}
	return m
}
