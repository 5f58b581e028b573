package e2e

import (
	"strings"
	"testing"

	"parley/imtest"
)

// TestBacklogLimits lets the outbox of the program grow over its limits while the
// receiver is down: /readyz says so, users go on, and what is not written is counted.
func TestBacklogLimits(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for the observer")
	}
	admin := freePort(t)
	p := newProcess(t, build(t), "PARLEY_WEBHOOKS_URL=http://"+freePort(t), "PARLEY_WEBHOOKS_ENABLE=afterSendSingleMsg",
		"PARLEY_WEBHOOKS_ALARM_BACKLOG=5", "PARLEY_WEBHOOKS_MAX_BACKLOG=20", "PARLEY_ADMIN_LISTEN="+admin)
	p.start()
	c := imtest.NewCaller("http://"+p.api, secret)
	chaosMessages(t, p, c, "early", 2, 10)
	eventually(t, "the alarm", func() bool {
		ready := get(t, "http://"+admin+"/readyz")
		return strings.Contains(ready, `"status": "degraded"`) && strings.Contains(ready, "20 events for main")
	})
	if n := metric(t, admin, `parley_webhook_backlog_alarm\{[^}]*\}`); n != 1 {
		t.Errorf("the gauge is %v", n)
	}
	chaosMessages(t, p, c, "late", 3, 5) // acknowledged like all others
	if n := metric(t, admin, "parley_webhook_events_dropped_total"); n != 15 {
		t.Errorf("%v events were refused", n)
	}
	// Events count as made when they are committed, though nobody has room for them or hears them.
	if n := metric(t, admin, `parley_webhook_events_total\{[^}]*outcome="made"\}`); n != 20 {
		t.Errorf("%v events were made", n)
	}
	if e := chaosEndpoint(t, c, "main"); e.Waiting+e.Retrying != 20 {
		t.Errorf("%d wait, %d are retried", e.Waiting, e.Retrying)
	}
}
