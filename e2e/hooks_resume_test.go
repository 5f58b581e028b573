package e2e

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"parley/imtest"
)

// TestResumeSurvivesKill: what is left of a resumed backlog when the server is killed is
// sent at webhooks.resumeRate by its next run, too, and what is new goes beside it
// (webhook-delivery.md 6.7). At one event a second the backlog would take longer than
// the test waits for anything.
func TestResumeSurvivesKill(t *testing.T) {
	t.Parallel()
	onChaosStores(t, resumeSurvivesKill)
}

func resumeSurvivesKill(t *testing.T, bin string, env ...string) {
	const waiting, following = 120, 130
	l := newLedger()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if c, ok := l.arrive(r); ok {
			l.accept(c)
		}
	}))
	t.Cleanup(srv.Close)
	// With one call at a time the lanes take turns: a backlog that is not paced would be
	// sent before the last of what is new.
	p := newProcess(t, bin, append(env, "PARLEY_WEBHOOKS_URL="+srv.URL, "PARLEY_WEBHOOKS_ENABLE=afterSendSingleMsg",
		"PARLEY_WEBHOOKS_CONCURRENCY=1", "PARLEY_WEBHOOKS_RESUME_RATE=1")...)
	p.start()
	c := imtest.NewCaller("http://"+p.api, secret)
	main := imtest.H{"endpointID": "main"}
	must(t, c.AsAdmin("/webhook/pause_endpoint", main, nil))
	want := chaosMessages(t, p, c, "old", 1, waiting)
	if n := l.count(); n != 0 {
		t.Fatalf("%d calls to a paused endpoint", n)
	}
	must(t, c.AsAdmin("/webhook/resume_endpoint", main, nil))
	l.wait(t, "the first of the backlog", func() bool { return l.calls > 0 })
	p.kill()
	p.start()
	newer := chaosMessages(t, p, c, "new", 1, following)
	arrived := func(messages map[string][]string) func() bool {
		return func() bool {
			for lane, list := range messages {
				if len(l.accepted[lane]) < len(list) {
					return false
				}
			}
			return true
		}
	}
	l.wait(t, "what is new", arrived(newer))
	for lane := range want {
		if sent, _ := l.sent(lane); len(sent) == waiting {
			t.Error("the whole backlog was sent beside what is new")
		}
	}

	// Without the rate the rest comes, in order.
	p.kill()
	p.env = append(p.env, "PARLEY_WEBHOOKS_RESUME_RATE=0")
	p.start()
	l.wait(t, "the rest", arrived(want))
	for lane, messages := range want {
		if sent, _ := l.sent(lane); !slices.Equal(sent, messages) {
			t.Errorf("%s: told of %v, sent were %v", lane, sent, messages)
		}
	}
	l.check(t, "the receiver")
}
