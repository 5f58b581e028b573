package webhook

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
)

func TestAbove(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		was         bool
		rows, limit int64
		want        bool
	}{
		{false, 99, 100, false},
		{false, 100, 100, true},
		{true, 99, 100, true},
		{true, 90, 100, true},
		{true, 89, 100, false},
		{false, 1 << 40, 0, false},
		{true, 1 << 40, 0, false},
		{true, 4, 5, false},
		{true, 5, 5, true},
	} {
		if got := above(c.was, c.rows, c.limit); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestBacklogLimits is webhook-delivery.md 6.3: an alarm first, then further events
// of that endpoint alone are refused and counted; both end when the backlog has gone.
func TestBacklogLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) {
			if host(c) == "ep_slow.test" {
				time.Sleep(time.Second)
			}
			return nil, nil
		})
		b.cfg.AlarmBacklog, b.cfg.MaxBacklog = 10, 20
		b.cfg.ResumeRate = 0
		b.start()
		defer b.stop()
		slow := extra("ep_slow")
		slow.PausedAt = 1
		b.apply(1, slow)
		both := []string{im.MainEndpoint, "ep_slow"}
		h := &Hooks{Registry: NewRegistry(nil, &b.cfg, b.d.log), Dispatcher: b.d}
		h.Registry.Reload(&b.cfg)
		// A pause, and what it leaves, seen by the observer.
		backlog := func(n int) {
			for i := range n {
				b.box.add(im.Event{Endpoint: "ep_slow", Lane: "a", EventID: fmt.Sprintf("%d %d", b.box.len(), i)}, nil)
			}
			b.d.Wake()
			after(observeEvery)
		}
		alarms := func() (errors int) { return strings.Count(b.log.String(), "level=ERROR") }
		registry := prometheus.NewRegistry()
		registry.MustRegister(b.d.metrics.alarm, b.d.metrics.dropped)
		value := func(name string) (v float64) { // of the metric, over all endpoints
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				for _, m := range f.GetMetric() {
					if f.GetName() == "parley_webhook_"+name {
						v += m.GetGauge().GetValue() + m.GetCounter().GetValue()
					}
				}
			}
			return v
		}
		gauge := func() float64 { return value("backlog_alarm") }
		refused := func() float64 { return value("events_dropped_total") }

		backlog(9)
		if err := b.d.Alarm(); err != nil || gauge() != 0 || alarms() != 0 {
			t.Errorf("nine events: %v", err)
		}
		backlog(1)
		if err := b.d.Alarm(); err == nil || err.Error() != "backlog: 10 events for ep_slow" || gauge() != 1 || alarms() != 1 {
			t.Errorf("ten events: %v, %d errors", err, alarms())
		}
		equal(t, "told", b.d.Admit(both), both)
		backlog(9)
		equal(t, "one crossing is told once", alarms(), 1)
		equal(t, "told", b.d.Admit(both), both)
		backlog(1)
		equal(t, "errors", alarms(), 2)
		equal(t, "told", b.d.Admit(both), []string{im.MainEndpoint})
		equal(t, "told", len(b.d.Admit(both[1:])), 0)
		equal(t, "the list", both, []string{im.MainEndpoint, "ep_slow"})
		equal(t, "refused", refused(), 2.0)
		equal(t, "a use case", h.Route(im.AfterSingleMsgRead, im.About{}), []string{im.MainEndpoint})
		equal(t, "refused", refused(), 2.0)

		slow.PausedAt = 0
		b.apply(2, slow)
		after(time.Minute)
		equal(t, "left", b.box.len(), 0)
		if err := b.d.Alarm(); err != nil || gauge() != 0 || alarms() != 2 {
			t.Errorf("afterwards: %v, %d errors", err, alarms())
		}
		equal(t, "told", b.d.Admit(both), both)
		equal(t, "refused", refused(), 2.0)
	})
}
