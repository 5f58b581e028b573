package webhook

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/internal/store"
)

// TestClientErrors: what says that a request is wrong is repeated all the same, because
// deployments break, and counts for the breaker (webhook-delivery.md 6.4).
func TestClientErrors(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 422} {
		bubble(t, fmt.Sprint(status), func(t *testing.T) {
			b := setup(t, func(c *call) (*http.Response, error) {
				if c.attempt == 1 {
					return answer(status), nil
				}
				return nil, nil
			})
			b.cfg.Concurrency = 1
			var want []string
			for i := range 2 * breakerMinCalls {
				want = append(want, b.box.addN(fmt.Sprint("lane", i), 1)...)
			}
			b.start()
			after(time.Second)
			equal(t, "calls before the breaker opened", len(b.recv.seen()), breakerMinCalls)
			after(time.Hour)
			b.stop()
			equal(t, "accepted", len(b.recv.ids()), len(want))
		})
	}
}

// TestAnswerIsRecorded: the envelope in the answer to an after event is kept, and not judged.
func TestAnswerIsRecorded(t *testing.T) {
	t.Parallel()
	const refusal = `{"actionCode":1,"errCode":5001,"errMsg":"no","nextCode":1}`
	for _, keep := range []bool{true, false} {
		bubble(t, fmt.Sprint("kept: ", keep), func(t *testing.T) {
			b := setup(t, func(*call) (*http.Response, error) {
				r := answer(200)
				r.Body = io.NopCloser(strings.NewReader(refusal))
				return r, nil
			})
			b.cfg.Log.Answers = keep
			b.box.addN("a", 1)
			b.start()
			after(time.Second)
			b.stop()
			want := ""
			if keep {
				want = refusal
			}
			got := b.box.log["evt_1"]
			equal(t, "end", []any{got.Outcome, got.Attempts, string(got.Last.Answer)}, []any{store.Delivered, 1, want})
		})
	}
}
