package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/store/storetest"
)

// batchCall is a call as the receiver of batches saw it.
type batchCall struct {
	path   string
	header http.Header
	raw    []byte
	events []batchEvent // of a batch
}

// batchEvent is an element of a batch.
type batchEvent struct {
	ID              string `json:"webhook-id"`
	Attempt         int    `json:"webhook-attempt"`
	Sequence        string `json:"webhook-sequence"`
	OperationID     string `json:"operationID"`
	CallbackCommand string `json:"callbackCommand"`
	Key             string `json:"key"`
	Body            json.RawMessage
}

// TestHookBatches: an endpoint that asks for batches is told in them what the main
// endpoint is told one by one, in the same words; a batch that was refused is repeated
// event by event (webhook-delivery.md 5).
func TestHookBatches(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); hookBatches(t, "") })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); hookBatches(t, storetest.Postgres(t)) })
}

func hookBatches(t *testing.T, storeURL string) {
	main := imtest.ReceiveHooks(t)
	var mu sync.Mutex // guards calls
	var calls []batchCall
	var refuse atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c := batchCall{path: r.URL.RequestURI(), header: r.Header, raw: raw}
		if raw[0] == '[' {
			if err := json.Unmarshal(raw, &c.events); err != nil {
				t.Errorf("%v: %s", err, raw)
			}
		}
		mu.Lock()
		calls = append(calls, c)
		mu.Unlock()
		if refuse.Add(-1) >= 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(srv.Close)
	seen := func() []batchCall {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(calls)
	}

	s := imtest.Start(t, func(c *config.Config) {
		c.Store.URL, c.Webhooks.URL, c.Webhooks.AllowPrivate = storeURL, main.URL, true
		c.Webhooks.Schedule = config.StringList{"0", "1", "1", "1"}
		must(t, c.Webhooks.TurnOn("afterSendSingleMsg"))
	})
	var made struct {
		EndpointID, Secret string
		Batch              int
	}
	must(t, s.AsAdmin("/webhook/add_endpoint", imtest.H{
		"url": srv.URL + "/in?tenant=7", "commands": []string{"afterSendSingleMsg"}, "batch": 10, "concurrency": 1,
	}, &made))
	if made.Batch != 10 {
		t.Errorf("the endpoint has batches of %d", made.Batch)
	}
	state := func() (e struct {
		EndpointID              string
		Loaded                  int
		Waiting, Retrying, Dead int64
	},
	) {
		var out struct{ Endpoints []json.RawMessage }
		must(t, s.AsAdmin("/webhook/get_endpoints", imtest.H{}, &out))
		for _, raw := range out.Endpoints {
			if must(t, json.Unmarshal(raw, &e)); e.EndpointID == made.EndpointID {
				return e
			}
		}
		t.Fatal("the endpoint is not listed")
		return e
	}
	this := imtest.H{"endpointID": made.EndpointID}

	// While it is paused two messages come into each of three chats. The first batch after
	// the pause has one of each, and is refused.
	must(t, s.AsAdmin("/webhook/pause_endpoint", this, nil))
	register(t, s, "ann", "bob", "carol", "dave")
	ann := login(t, s, "ann", imtest.DialOptions{})
	want := map[string][]string{} // texts by lane
	for n := range 2 {
		for _, to := range []string{"bob", "carol", "dave"} {
			text := fmt.Sprintf("%d for <%s>", n, to)
			_, err := ann.Send(ann.Text(to, "", text))
			must(t, err)
			lane := im.SingleConversationID("ann", to)
			want[lane] = append(want[lane], text)
		}
	}
	eventually(t, "all is loaded", func() bool { return state().Loaded == 6 })
	refuse.Store(1)
	must(t, s.AsAdmin("/webhook/resume_endpoint", this, nil))
	eventually(t, "nothing is left", func() bool { e := state(); return e.Waiting+e.Retrying+e.Dead+int64(e.Loaded) == 0 })

	first := seen()[0]
	if len(first.events) != 3 {
		t.Errorf("the first call has %d events", len(first.events))
	}
	verifier, err := standardwebhooks.NewWebhook(made.Secret)
	must(t, err)
	got := map[string][]string{}
	attempts := map[string][]int{}
	for i, c := range seen() {
		if err := verifier.Verify(c.raw, c.header); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
		if c.path != "/in/batch?tenant=7&contenttype=json" || !strings.HasPrefix(c.header.Get("webhook-id"), "evt_") {
			t.Errorf("call %d of %s has the path %s", i, c.header.Get("webhook-id"), c.path)
		}
		for _, e := range c.events {
			attempts[e.ID] = append(attempts[e.ID], e.Attempt)
			if e.Attempt > 1 && len(c.events) != 1 {
				t.Errorf("call %d repeats an event among %d", i, len(c.events))
			}
			// The main endpoint was told the same, by itself.
			single := main.Wait(t, e.CallbackCommand, func(k imtest.Hook) bool { return k.ID == e.ID })
			h := single.Header
			if string(single.Raw) != string(e.Body) || h.Get("operationID") != e.OperationID || single.Query.Get("key") != e.Key ||
				h.Get("webhook-sequence") != e.Sequence || e.Key == "" {
				t.Errorf("in a batch %+v with the body %s, else %v, %v with the body %s", e, e.Body, h, single.Query, single.Raw)
			}
			if i == 0 {
				continue // refused
			}
			var body struct{ Content string }
			must(t, json.Unmarshal(e.Body, &body))
			var text struct{ Content string }
			must(t, json.Unmarshal([]byte(body.Content), &text))
			lane, _, _ := strings.Cut(e.Sequence, ";")
			got[lane] = append(got[lane], text.Content)
		}
	}
	for lane, texts := range want {
		if !slices.Equal(got[lane], texts) {
			t.Errorf("%s: accepted %q, sent %q", lane, got[lane], texts)
		}
	}
	for _, e := range first.events {
		if !slices.Equal(attempts[e.ID], []int{1, 2}) {
			t.Errorf("%s of the refused batch has the attempts %v", e.ID, attempts[e.ID])
		}
	}

	// Without batches it is told as everybody is.
	n := len(seen())
	must(t, s.AsAdmin("/webhook/update_endpoint", imtest.H{"endpointID": made.EndpointID, "batch": 0}, nil))
	_, err = ann.Send(ann.Text("bob", "", "alone"))
	must(t, err)
	eventually(t, "a call of its own", func() bool { return len(seen()) > n })
	if c := seen()[n]; !strings.HasPrefix(c.path, "/in/callbackAfterSendSingleMsgCommand?tenant=7&contenttype=json&key=") || c.raw[0] != '{' ||
		c.header.Get("webhook-attempt") != "1" {
		t.Errorf("off: %s %v", c.path, c.header)
	}
}
