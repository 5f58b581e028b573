package webhook

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"parley/internal/im"
)

// TestOverTheNetwork delivers in real time to a real receiver that refuses each
// seventh call, while events are committed: all arrive, in order, signed.
func TestOverTheNetwork(t *testing.T) {
	t.Parallel()
	const lanes, each = 40, 25
	library, err := standardwebhooks.NewWebhook(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu    sync.Mutex
		calls int
		got   = map[string][]string{}
		total int
	)
	done := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := library.Verify(body, r.Header); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls%7 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		lane, _, _ := strings.Cut(r.Header.Get(headerSequence), ";")
		got[lane] = append(got[lane], r.Header.Get(headerID))
		if total++; total == lanes*each {
			close(done)
		}
	}))
	defer srv.Close()

	cfg := Default()
	cfg.URL, cfg.Secrets = srv.URL, []string{testSecret}
	cfg.Schedule = slices.Repeat([]time.Duration{time.Millisecond}, 20)
	cfg.Schedule[0] = 0
	box := newOutbox()
	d, err := New(Options{Config: cfg, Outbox: box, Decode: decodeText})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for range each {
		for i := range lanes {
			e := box.add(im.Event{Lane: fmt.Sprint("sg_", i), Command: im.AfterSendGroupMsg}, []byte(`{"content":"hi"}`))
			want[e.Lane] = append(want[e.Lane], e.EventID)
			d.Wake()
		}
	}
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("not everything arrived")
	}
	if err := d.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accepted by lane (-want +got):\n%s", diff)
	}
	if n := box.len(); n != 0 || len(box.loss) != 0 {
		t.Errorf("%d rows left, %v", n, box.loss)
	}
}
