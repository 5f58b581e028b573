package webhook

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"parley/internal/im"
)

// inBatches is an endpoint of the store that asks for batches.
func inBatches(n int) im.Endpoint {
	e := extra("ep_a")
	e.Batch, e.Concurrency = n, 1
	return e
}

// extraRow commits an event of that endpoint.
func (b *bundle) extraRow(lane string) im.Event {
	return b.box.add(im.Event{Endpoint: "ep_a", Lane: lane, OperationID: "op of " + lane}, nil)
}

// requests returns the ids of the events of each call, in order.
func (b *bundle) requests() (out [][]string) {
	last := ""
	for _, c := range b.recv.seen() {
		if c.batch == "" || c.batch != last {
			out = append(out, nil)
		}
		last = c.batch
		out[len(out)-1] = append(out[len(out)-1], c.id)
	}
	return out
}

func TestBatchOnTheWire(t *testing.T) {
	t.Parallel()
	bubble(t, "what single calls say in headers and query is in the elements", func(t *testing.T) {
		var got http.Header
		var raw, url string
		b := setup(t, nil)
		b.cfg.Version = "1.2.3"
		b.start()
		b.d.o.Transport = roundTrip(func(q *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(q.Body)
			raw, got, url = string(body), q.Header, q.URL.String()
			return answer(200), err
		})
		e := inBatches(10)
		e.URL = "http://ann:pass@ep_a.test/in?tenant=7"
		b.apply(1, e)
		b.box.add(im.Event{Endpoint: "ep_a", Lane: "si_é", Command: im.AfterSendSingleMsg, OperationID: "op1", Seq: 9}, []byte("<hi>"))
		b.box.add(im.Event{Endpoint: "ep_a", Lane: "other", Body: []byte(`{"callbackCommand":"x", "html":"<&>"}`)}, nil)
		after(2 * time.Second)

		equal(t, "url", url, "http://ep_a.test/in/batch?tenant=7&contenttype=json")
		equal(t, "names", slices.Sorted(maps.Keys(got)), []string{
			"Authorization", "Content-Type", "Idempotency-Key", "User-Agent", headerID, headerSignature, headerTimestamp,
		})
		equal(t, "agent", got.Get("User-Agent"), "Parley/1.2.3")
		equal(t, "authorization", got.Get("Authorization"), "Basic YW5uOnBhc3M=")
		id := got[headerID][0]
		if !strings.HasPrefix(id, "evt_") || id == "evt_1" || id == "evt_2" {
			t.Errorf("id of the call: %q", id)
		}
		canonical := http.Header{}
		for k, v := range got {
			canonical[http.CanonicalHeaderKey(k)] = v
		}
		wh, err := standardwebhooks.NewWebhook(testSecret)
		if err != nil {
			t.Fatal(err)
		}
		if err := wh.VerifyIgnoringTimestamp([]byte(raw), canonical); err != nil { // the clock of the bubble is not ours
			t.Error(err)
		}
		if err := wh.VerifyIgnoringTimestamp([]byte(raw+" "), canonical); err == nil {
			t.Error("another body is accepted")
		}

		m, _ := decodeText([]byte("<hi>"))
		m.Seq = 9
		single := MessageBody(im.AfterSendSingleMsg, "op1", m)
		want := fmt.Sprintf(`[{"webhook-id":"evt_1","webhook-attempt":1,"webhook-sequence":"si_%%C3%%A9;1","operationID":"op1",`+
			`"callbackCommand":"callbackAfterSendSingleMsgCommand","key":%q,"body":%s},`+
			`{"webhook-id":"evt_2","webhook-attempt":1,"webhook-sequence":"other;1","operationID":"evt_2",`+
			`"callbackCommand":"callbackAfterSingleMsgReadCommand","body":{"callbackCommand":"x", "html":"<&>"}}]`, MessageKey(m), single)
		equal(t, "body", raw, want)
		if !json.Valid([]byte(raw)) {
			t.Error("no JSON")
		}

		test, err := b.d.Test(t.Context(), "ep_a", im.AfterSingleMsgRead, "op2")
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "test event", []any{test.Delivered, string(test.Body) == raw, strings.Contains(raw, `[{"webhook-id":"`+test.EventID+`"`)}, []any{true, true, true})
		equal(t, "its url", url, "http://ep_a.test/in/batch?tenant=7&contenttype=json")
		b.stop()
	})
}

func TestBatches(t *testing.T) {
	t.Parallel()
	slow := func(*call) (*http.Response, error) {
		time.Sleep(20 * time.Millisecond)
		return nil, nil
	}
	bubble(t, "one event of a lane in a call, at most as many as asked for", func(t *testing.T) {
		b := setup(t, slow)
		b.start()
		for range 3 {
			for _, lane := range []string{"a", "b", "c", "d", "e"} {
				b.extraRow(lane)
			}
		}
		b.apply(1, inBatches(4))
		after(2 * time.Second)
		most, seen := 0, map[string]int64{}
		for _, r := range b.requests() {
			most = max(most, len(r))
		}
		for _, c := range b.recv.seen() {
			if seen[c.lane]++; seen[c.lane] != c.laneSeq {
				t.Errorf("%s has number %d after %d", c.lane, c.laneSeq, seen[c.lane]-1)
			}
		}
		equal(t, "most", most, 4)
		equal(t, "events", len(b.recv.seen()), 15)
		if n := len(b.requests()); n > 6 {
			t.Errorf("%d calls: %v", n, b.requests())
		}
		equal(t, "rows", b.box.len(), 0)
		b.stop()
	})
	bubble(t, "what a call cannot hold others send meanwhile", func(t *testing.T) {
		b := setup(t, slow)
		b.cfg.MaxBody = 800
		b.start()
		for _, n := range []int{10, 500} {
			for _, lane := range []string{"a", "b", "c", "d"} {
				b.box.add(im.Event{Endpoint: "ep_a", Lane: lane, Body: []byte(`"` + strings.Repeat("x", n) + `"`)}, nil)
			}
		}
		e := inBatches(10)
		e.Concurrency = 2
		b.apply(1, e)
		after(time.Second)
		equal(t, "calls", b.recv.made(), 5)
		var at []time.Duration
		for _, c := range b.recv.seen() {
			at = append(at, c.at-b.recv.seen()[0].at)
		}
		const ms = time.Millisecond
		equal(t, "times", at, []time.Duration{0, 0, 0, 0, 80 * ms, 80 * ms, 100 * ms, 100 * ms})
		b.stop()
	})
	bubble(t, "off: as alone", func(t *testing.T) {
		b := setup(t, slow)
		b.start()
		b.extraRow("a")
		b.extraRow("b")
		b.apply(1, inBatches(1))
		after(time.Second)
		for _, c := range b.recv.seen() {
			equal(t, "call", []string{c.batch, c.url}, []string{"", "http://ep_a.test/in/callbackAfterSingleMsgReadCommand?contenttype=json"})
		}
		equal(t, "events", len(b.recv.seen()), 2)
		b.stop()
	})
	bubble(t, "a failed one is repeated event by event, each with its id and count", func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) {
			if c.id == "evt_2" {
				return answer(500, "Retry-After", "9"), nil
			}
			return nil, nil
		})
		b.cfg.Schedule = shortSchedule
		b.start()
		for _, lane := range []string{"a", "b", "c"} {
			b.extraRow(lane)
		}
		b.extraRow("a")
		b.apply(1, inBatches(10))
		after(time.Second)
		equal(t, "first", b.requests()[0], []string{"evt_1", "evt_2", "evt_3"})
		for i := 1; i <= 3; i++ {
			row, reason, _ := b.box.row(fmt.Sprint("evt_", i))
			equal(t, "row", []any{row.Attempts, reason, row.NextAt - row.FailedAt}, []any{1, "status 500", int64(9000)})
		}
		equal(t, "a metric counts events", countedAttempts(t, b.d.metrics), map[string]float64{"5xx": 3})
		equal(t, "a breaker counts calls", breakerCalls(b.d.find("ep_a")), []int{1, 1})
		after(20 * time.Minute)
		for _, r := range b.requests()[1:] {
			equal(t, "alone", len(r), 1)
		}
		b.stop()
		attempts := map[string][]int{}
		for _, c := range b.recv.seen() {
			attempts[c.id] = append(attempts[c.id], c.attempt)
		}
		equal(t, "attempts", attempts, map[string][]int{"evt_1": {1, 2}, "evt_2": {1, 2, 3, 4, 5}, "evt_3": {1, 2}, "evt_4": {1}})
		row, _, kept := b.box.row("evt_2")
		equal(t, "dead", []any{kept, row.Dead, b.box.len()}, []any{true, true, 1})
	})
	bubble(t, "a failed one is not taken into the batch of others, nor passed over", func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) {
			if c.lane == "bad" && c.attempt == 1 {
				return answer(500, "Retry-After", "30"), nil
			}
			if c.lane == "slow" {
				time.Sleep(2 * time.Second)
			}
			return nil, nil
		})
		b.cfg.Schedule = shortSchedule
		b.start()
		b.apply(1, inBatches(10))
		for _, s := range []struct {
			at   time.Duration // the bad one is due at 31 s
			lane string
		}{{time.Second, "bad"}, {30 * time.Second, "slow"}, {30500 * time.Millisecond, "x"}, {31500 * time.Millisecond, "y"}} {
			time.Sleep(s.at - time.Since(b.recv.start))
			b.extraRow(s.lane)
			b.d.Wake()
		}
		after(time.Minute)
		equal(t, "calls", b.requests(), [][]string{{"evt_1"}, {"evt_2"}, {"evt_3"}, {"evt_1"}, {"evt_4"}})
		equal(t, "rows", b.box.len(), 0)
		b.stop()
	})
	bubble(t, "410 pauses and abort-message ends all", func(t *testing.T) {
		status := 410
		b := setup(t, func(*call) (*http.Response, error) { return answer(status, "webhook-delivery", "abort-message"), nil })
		b.start()
		b.extraRow("a")
		b.extraRow("b")
		b.apply(1, inBatches(10))
		after(time.Second)
		equal(t, "paused", b.box.paused, map[string]string{"ep_a": "the receiver answered 410"})
		equal(t, "calls and rows", []int{b.recv.made(), b.box.len()}, []int{1, 0})
		b.stop()
	})
	bubble(t, "what cannot be sent is settled by itself", func(t *testing.T) {
		b := setup(t, nil)
		b.cfg.MaxBody = 400
		b.start()
		big := func(lane string, n int) {
			b.box.add(im.Event{Endpoint: "ep_a", Lane: lane, Body: []byte(`{"x":"` + strings.Repeat("x", n-8) + `"}`)}, nil)
		}
		big("a", 20)                                                                                        // 1
		big("b", 401)                                                                                       // 2: too large by itself
		b.box.add(im.Event{Endpoint: "ep_a", Lane: "c", Command: im.AfterSendSingleMsg}, nil)               // 3: without its message
		b.box.add(im.Event{Endpoint: "ep_a", Lane: "d", Command: im.AfterSendSingleMsg}, []byte("corrupt")) // 4: unreadable
		big("e", 400)                                                                                       // 5: fills a call
		big("f", 20)                                                                                        // 6
		big("e", 20)                                                                                        // 7: behind it
		b.apply(1, inBatches(10))
		after(time.Second)
		b.stop()
		equal(t, "calls", b.requests(), [][]string{{"evt_1"}, {"evt_5"}, {"evt_6", "evt_7"}})
		two, reason, _ := b.box.row("evt_2")
		equal(t, "too large", []any{two.Dead, reason}, []any{true, "body of 401 bytes is larger than 400"})
		four, _, _ := b.box.row("evt_4")
		equal(t, "unreadable", []any{four.Dead, b.box.len()}, []any{true, 2})
		equal(t, "gone", b.box.log["evt_3"].Attempts, 0)
		equal(t, "postponed is no attempt", b.box.log["evt_5"].Attempts, 1)
		for _, c := range b.recv.seen() {
			if c.id != "evt_5" && len(c.body) > 400 {
				t.Errorf("%s: %d bytes", c.id, len(c.body))
			}
		}
	})
	bubble(t, "only what cannot be sent: no call", func(t *testing.T) {
		b := setup(t, nil)
		b.start()
		for _, lane := range []string{"a", "b"} {
			b.box.add(im.Event{Endpoint: "ep_a", Lane: lane, Command: im.AfterSendSingleMsg}, nil)
		}
		b.apply(1, inBatches(10))
		after(time.Second)
		equal(t, "calls and rows", []int{b.recv.made(), b.box.len()}, []int{0, 0})
		b.stop()
	})
	bubble(t, "a rate counts events, and is used a second ahead", func(t *testing.T) {
		b := setup(t, nil)
		b.start()
		for i := range 100 {
			b.extraRow(fmt.Sprint("lane", i))
		}
		e := inBatches(100)
		e.Rate = 20
		b.apply(1, e)
		after(3 * time.Second)
		if n := len(b.recv.seen()); n < 60 || n > 82 {
			t.Errorf("%d events in three seconds at twenty a second", n)
		}
		equal(t, "batches", len(b.requests()[0]) >= 20, true)
		after(4 * time.Second)
		equal(t, "rows", b.box.len(), 0)
		b.stop()
	})
	bubble(t, "a breaker's trial is one event", func(t *testing.T) {
		var healthy atomic.Bool
		b := setup(t, func(*call) (*http.Response, error) {
			if !healthy.Load() {
				return answer(500), nil
			}
			return nil, nil
		})
		b.cfg.Schedule = shortSchedule
		b.start()
		for i := range 50 {
			b.extraRow(fmt.Sprint("lane", i))
		}
		b.apply(1, inBatches(4))
		after(5 * time.Second) // the breaker opens after ten calls
		status, _ := b.d.Status("ep_a")
		equal(t, "state", status.Breaker, "open")
		equal(t, "calls", b.recv.made(), breakerMinCalls)
		after(breakerOpenFor)
		equal(t, "calls with the trial", b.recv.made(), breakerMinCalls+1)
		equal(t, "the trial", len(b.requests()[breakerMinCalls]), 1)
		healthy.Store(true)
		after(2 * breakerOpenFor)
		equal(t, "rows", b.box.len(), 0)
		b.stop()
	})
}

// countedAttempts returns the metric of attempts, by class of the answer.
func countedAttempts(t *testing.T, m *metrics) map[string]float64 {
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.attempts)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]float64{}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			for _, l := range one.GetLabel() {
				if l.GetName() == "class" {
					n[l.GetValue()] += one.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

// breakerCalls returns the calls and failures that a breaker has counted.
func breakerCalls(ep *endpoint) []int {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	n := []int{0, 0}
	for _, k := range ep.breaker.buckets {
		n[0], n[1] = n[0]+k.calls, n[1]+k.failures
	}
	return n
}

func TestLaneQueueUnpop(t *testing.T) {
	t.Parallel()
	var q laneQueue
	a, b, c := &lane{key: "a"}, &lane{key: "b"}, &lane{key: "c"}
	q.push(a)
	q.unpop(q.pop())
	q.push(b)
	q.push(c)
	q.unpop(q.pop())
	var got []string
	for q.head != nil {
		got = append(got, q.pop().key)
	}
	equal(t, "order", got, []string{"a", "b", "c"})
}
