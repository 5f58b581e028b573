package webhook

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
)

// bubble runs a test in virtual time.
func bubble(t *testing.T, name string, fn func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, fn)
	})
}

// script answers the attempts of each event by its list of statuses; after the
// list, and for events without one, with 200.
func script(lists map[string][]int) func(c *call) (*http.Response, error) {
	return func(c *call) (*http.Response, error) {
		if list := lists[c.id]; c.attempt <= len(list) {
			return answer(list[c.attempt-1]), nil
		}
		return nil, nil
	}
}

// times returns when an event was attempted.
func times(calls []call, id string) (out []time.Duration) {
	for _, c := range calls {
		if c.id == id {
			out = append(out, c.at)
		}
	}
	return out
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestDelivers(t *testing.T) {
	t.Parallel()
	bubble(t, "what is there at the start and what comes later", func(t *testing.T) {
		b := setup(t, nil)
		want := b.box.addN("a", 3)
		b.start()
		after(0)
		equal(t, "accepted", b.recv.ids(), want)
		want = append(want, b.box.addN("a", 2)...)
		b.d.Wake()
		after(readGap)
		equal(t, "accepted after a wake", b.recv.ids(), want)
		after(markEvery)
		equal(t, "rows", b.box.len(), 0)
		want = append(want, b.box.addN("a", 1)...)
		after(pollEvery)
		equal(t, "accepted without a wake", b.recv.ids(), want)
		b.stop()
		equal(t, "rows", b.box.len(), 0)
	})
	bubble(t, "headers and body of each event", func(t *testing.T) {
		b := setup(t, nil)
		b.cfg.Secrets = []string{testSecret}
		e := b.box.add(im.Event{Lane: "si_u1_u2", OperationID: "op1", Body: []byte(`{"x":1}`)}, nil)
		b.start()
		after(0)
		b.stop()
		c := b.recv.seen()[0]
		equal(t, "id", c.id, e.EventID)
		equal(t, "sequence", c.lane+fmt.Sprint(c.laneSeq), "si_u1_u21")
		equal(t, "body", c.body, `{"x":1}`)
		equal(t, "url", c.url, "http://receiver.test/hook/callbackAfterSingleMsgReadCommand?contenttype=json")
		want := sign(mustSecret(t, testSecret), c.id, b.recv.start.Unix(), []byte(c.body))
		equal(t, "signature", c.header[headerSignature], []string{want})
	})
	bubble(t, "lanes side by side, up to the limit", func(t *testing.T) {
		b := setup(t, func(*call) (*http.Response, error) { time.Sleep(time.Second); return nil, nil })
		b.cfg.Concurrency = 4
		for i := range 10 {
			b.box.addN(fmt.Sprint("lane", i), 2)
		}
		b.start()
		after(5*time.Second + 1)
		equal(t, "calls after 20 s of work by 4", len(b.recv.seen()), 20)
		equal(t, "most at a time", b.recv.most, 4)
		b.stop()
	})
	bubble(t, "one hot lane does not hinder others", func(t *testing.T) {
		b := setup(t, func(*call) (*http.Response, error) { time.Sleep(time.Millisecond); return nil, nil })
		b.cfg.MaxLoaded = 64 // 4 of one lane
		hot := b.box.addN("hot", 300)
		cold := b.box.addN("cold", 5)
		hot = append(hot, b.box.addN("hot", 20)...)
		b.start()
		after(20 * time.Millisecond)
		for _, id := range cold {
			if !slices.Contains(b.recv.ids(), id) {
				t.Errorf("%s had to wait for the hot lane", id)
			}
		}
		after(2 * time.Second)
		got := slices.DeleteFunc(b.recv.ids(), func(id string) bool { return slices.Contains(cold, id) })
		equal(t, "hot lane", got, hot)
		b.stop()
		equal(t, "rows", b.box.len(), 0)
	})
	bubble(t, "a hot lane that grows while it is sent", func(t *testing.T) {
		b := setup(t, func(*call) (*http.Response, error) { time.Sleep(5 * time.Millisecond); return nil, nil })
		b.cfg.MaxLoaded = 64 // 4 of one lane
		var want []string
		b.start()
		for range 1000 {
			want = append(want, b.box.addN("hot", 1)...)
			b.d.Wake()
			time.Sleep(time.Millisecond)
		}
		after(10 * time.Second)
		b.stop()
		equal(t, "accepted", b.recv.ids(), want)
		equal(t, "rows", b.box.len(), 0)
	})
}

func TestUnsendableEvents(t *testing.T) {
	t.Parallel()
	bubble(t, "the lane goes on", func(t *testing.T) {
		b := setup(t, nil)
		b.cfg.MaxBody = 1000
		b.box.add(im.Event{Lane: "a", Body: make([]byte, 1001)}, nil)
		b.box.add(im.Event{Lane: "a", Command: im.AfterMsgSaveDB}, nil)
		b.box.add(im.Event{Lane: "a", Command: im.AfterMsgSaveDB}, []byte("corrupt"))
		b.box.add(im.Event{Lane: "a", Command: im.AfterMsgSaveDB}, []byte("hello"))
		b.start()
		after(time.Second)
		b.stop()
		equal(t, "accepted", b.recv.ids(), []string{"evt_4"})
		for id, want := range map[string]string{"evt_1": "body of 1001 bytes is larger than 1000", "evt_3": "stored message is unreadable: corrupt"} {
			row, reason, ok := b.box.row(id)
			if !ok || !row.Dead || row.Attempts == 0 || reason != want {
				t.Errorf("%s: %+v %q %v", id, row, reason, ok)
			}
		}
		equal(t, "rows", b.box.len(), 2)
		if !strings.Contains(b.log.String(), "without its message") {
			t.Error("the lost message is not logged")
		}
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	bubble(t, "values", func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) {
			switch {
			case c.id == "evt_2" && c.attempt == 1:
				return answer(500), nil
			case c.id == "evt_3":
				return answer(400, "webhook-delivery", "abort-message"), nil
			case c.id == "evt_6":
				return answer(410), nil
			}
			return nil, nil
		})
		registry := prometheus.NewRegistry()
		d, err := New(Options{Config: b.cfg, Outbox: b.box, Decode: decodeText, Transport: b.recv, Metrics: registry})
		if err != nil {
			t.Fatal(err)
		}
		b.d, b.box.made = d, d.Made
		b.box.addN("a", 3)
		b.box.add(im.Event{Lane: "a", Command: im.AfterMsgSaveDB}, nil)
		b.box.add(im.Event{Lane: "a", Command: im.AfterMsgSaveDB}, []byte("corrupt"))
		if err := d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		after(20 * time.Second)
		b.box.addN("a", 1)
		d.Wake()
		after(20 * time.Second)
		b.stop()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				name := strings.TrimPrefix(f.GetName(), "parley_webhook_")
				for _, l := range m.GetLabel() {
					name += " " + l.GetValue()
				}
				switch {
				case m.GetCounter() != nil:
					got[name] = m.GetCounter().GetValue()
				case m.GetGauge() != nil:
					got[name] = m.GetGauge().GetValue()
				default:
					got[name] = float64(m.GetHistogram().GetSampleCount())
				}
			}
		}
		want := map[string]float64{
			"attempts_total 2xx afterSingleMsgRead":     2,
			"attempts_total 4xx afterSingleMsgRead":     2,
			"attempts_total 5xx afterSingleMsgRead":     1,
			"events_total afterSingleMsgRead made":      4,
			"events_total afterMsgSaveDB made":          2,
			"events_total afterSingleMsgRead delivered": 2,
			"events_total afterSingleMsgRead aborted":   1,
			"events_total afterSingleMsgRead retry":     2,
			"events_total afterMsgSaveDB message_gone":  1,
			"events_total afterMsgSaveDB dead_letter":   1,
			"events_dropped_total":                      0,
			"backlog_alarm main":                        0,
			"backlog_events main dead":                  1,
			"backlog_events main retrying":              1,
			"backlog_events main waiting":               0,
			"oldest_event_age_seconds main":             20,
			"breaker_state main":                        0,
			"endpoint_paused main":                      1,
			"attempt_seconds":                           5,
			"event_age_seconds":                         2,
		}
		equal(t, "metrics", got, want)
		if _, err := New(Options{Config: b.cfg, Outbox: b.box, Decode: decodeText, Metrics: registry}); err == nil {
			t.Error("the same names registered twice")
		}
	})
}

func TestPayloadsAndCredentialsAreNotLogged(t *testing.T) {
	t.Parallel()
	bubble(t, "info and above", func(t *testing.T) {
		b := setup(t, func(*call) (*http.Response, error) { return answer(410), nil })
		b.cfg.URL = "http://ann:hunter2@receiver.test/hook?token=hunter2"
		b.cfg.Schedule = b.cfg.Schedule[:1]
		b.box.add(im.Event{Lane: "a", Body: []byte(`{"content":"hunter2"}`)}, nil)
		b.start()
		after(time.Minute)
		b.stop()
		if log := b.log.String(); strings.Contains(log, "hunter2") || !strings.Contains(log, "http://receiver.test/hook") {
			t.Error(log)
		}
	})
	for _, body := range []string{`hunter2`, `{"nextCode":1,"errMsg":"hunter2"}`, `{"remark":["hunter2"]}`} {
		d := newDesk(t, says(200, body), func(c *Config) {
			c.URL = strings.Replace(c.URL, "http://", "http://ann:hunter2@", 1) + "?token=hunter2"
		})
		answer, _ := d.Ask(t.Context(), Question{Command: asked, Body: []byte(`{"content":"hunter2"}`)})
		if answer != nil {
			answer.Text("remark") // of the wrong type, which is logged
		}
		if log := d.logged.String(); strings.Contains(log, "hunter2") {
			t.Error(log)
		}
	}
}
