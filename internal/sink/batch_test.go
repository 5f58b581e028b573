package sink

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// batch is a batch of two as the server sends it.
const batch = `[{"webhook-id":"evt_1","webhook-attempt":1,"webhook-sequence":"sg_1;7","operationID":"op-1",` +
	`"callbackCommand":"callbackA","key":"k","body":{"a":1}},` +
	`{"webhook-id":"evt_2","webhook-attempt":3,"webhook-sequence":"user:u;1","operationID":"op-2","callbackCommand":"callbackB","body":{}}]`

// batched is a request with a batch.
func batched(t *testing.T, body string, at time.Time, signature string) *http.Request {
	t.Helper()
	r := callback(t, body, at, signature)
	r.URL.Path = "/hook/batch"
	for _, name := range []string{"webhook-attempt", "webhook-sequence", "operationID"} {
		r.Header.Del(name)
	}
	r.Header.Set(headerID, "evt_call")
	return r
}

// TestBatch: each event of a batch is shown, with the request that it came in. What
// that request is answered with holds for all, and it counts once as failed.
func TestBatch(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	var out bytes.Buffer
	var got []string
	s := New(Options{
		Secret: secret, Out: &out, Fail: 1, Now: func() time.Time { return now },
		OnCallback: func(cb Callback) { got = append(got, cb.Command+" "+cb.ID+" "+string(cb.Body)) },
	})
	if code := receive(s, batched(t, batch, now, sign(t, secret, "evt_call", now, batch))).Code; code != 500 {
		t.Errorf("the first request = %d", code)
	}
	want := `03:04:05.006 callbackA verified, answered 500; 1 of 2 in one request, evt_call
  webhook-id evt_1  attempt 1  sequence sg_1;7  operationID op-1
  {
    "a": 1
  }

03:04:05.006 callbackB verified, answered 500; 2 of 2 in one request, evt_call
  webhook-id evt_2  attempt 3  sequence user:u;1  operationID op-2
  {}

`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{`callbackA evt_1 {"a":1}`, `callbackB evt_2 {}`}, got); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
	if code := receive(s, batched(t, batch, now, sign(t, secret, "evt_call", now, batch))).Code; code != 200 {
		t.Errorf("the second request = %d", code)
	}
	out.Reset()
	if code := receive(s, batched(t, batch, now, "")).Code; code != 401 || strings.Count(out.String(), "UNSIGNED, answered 401; ") != 2 {
		t.Errorf("unsigned = %d, printed %s", code, &out)
	}
}

// TestNoBatch: what is not quite a batch is shown as it came, in one piece.
func TestNoBatch(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"an object":           body,
		"no JSON":             "[",
		"an empty array":      "[]",
		"no events":           `[1]`,
		"one without an id":   strings.Replace(batch, "evt_2", "", 1),
		"one without command": strings.Replace(batch, "callbackB", "", 1),
		"one without body":    strings.Replace(batch, `,"body":{}`, "", 1),
	} {
		var out bytes.Buffer
		calls := 0
		s := New(Options{Out: &out, OnCallback: func(Callback) { calls++ }})
		if code := receive(s, batched(t, body, time.Now(), "")).Code; code != 200 || calls != 1 || strings.Contains(out.String(), "in one request") {
			t.Errorf("%s: answered %d, %d callbacks, printed %s", name, code, calls, &out)
		}
	}
	// A command of that name does not exist, so the path decides.
	var out bytes.Buffer
	receive(New(Options{Out: &out}), callback(t, batch, time.Now(), ""))
	if strings.Contains(out.String(), "in one request") {
		t.Errorf("under another path: %s", &out)
	}
}
