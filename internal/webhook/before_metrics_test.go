package webhook

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// TestAskSecrets: no secret, no signature header; two secrets, the newest first.
func TestAskSecrets(t *testing.T) {
	t.Parallel()
	older := "whsec_" + strings.Repeat("QUJD", 8)
	for _, secrets := range [][]string{nil, {testSecret}, {testSecret, older}} {
		d := newDesk(t, says(200, `{}`), func(c *Config) { c.Secrets = secrets })
		if _, err := d.ask(t); err != nil {
			t.Fatal(err)
		}
		h := d.calls[0].Header
		var want []string
		for _, text := range secrets {
			want = append(want, string(mustSecret(t, text).mac().append(nil, h.Get(headerID), h.Get(headerTimestamp), d.body)))
		}
		var lines []string // of the header
		if len(want) > 0 {
			lines = []string{strings.Join(want, " ")}
		}
		equal(t, "signatures", h.Values(headerSignature), lines)
	}
}

// askOutcomes returns how often before callbacks came to what, as the metric says it, and
// how many were timed.
func askOutcomes(t *testing.T, reg *prometheus.Registry) (counted map[string]float64, timed uint64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted = map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "parley_webhook_before_total":
				label := func(name string) string {
					i := slices.IndexFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == name })
					return m.GetLabel()[i].GetValue()
				}
				counted[label("command")+" "+label("outcome")] = m.GetCounter().GetValue()
			case "parley_webhook_before_seconds":
				timed = m.GetHistogram().GetSampleCount()
			}
		}
	}
	return counted, timed
}

// TestAskMetrics counts before callbacks by callback and outcome.
func TestAskMetrics(t *testing.T) {
	t.Parallel()
	fails := func(err error) roundTrip { return func(*http.Request) (*http.Response, error) { return nil, err } }
	says := func(status int, body string) roundTrip {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
	}
	hangs := roundTrip(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	for outcome, receiver := range map[string]roundTrip{
		"passed": says(200, `{}`), "refused": says(200, `{"nextCode":1}`), "status": says(500, `{}`), "parse": says(200, `no JSON`),
		"action": says(200, `{"actionCode":1}`), "connect": fails(errors.New("refused")), "timeout": hangs,
	} {
		bubble(t, outcome, func(t *testing.T) {
			c, reg := deskConfig("http://business.test"), prometheus.NewRegistry()
			rule(func(r *Rule) { r.Timeout = time.Second })(&c) // else the breaker forgets the first of ten
			a, err := NewAsker(AskerOptions{Config: &c, Transport: receiver, Metrics: reg})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]float64{asked.Key() + " " + outcome: breakerMinCalls}
			calls := breakerMinCalls
			if outcome != "passed" && outcome != "refused" {
				want[asked.Key()+" breaker"] = 1
				calls++
			}
			for range calls {
				_, _ = a.Ask(t.Context(), Question{Command: asked}) // what it returns is for TestAskJudges
			}
			counted, timed := askOutcomes(t, reg)
			equal(t, "counted", counted, want)
			equal(t, "timed", timed, uint64(calls))
		})
	}
}
