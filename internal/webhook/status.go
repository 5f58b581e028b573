package webhook

import (
	"context"
	"time"

	"parley/internal/im"
)

// Status is how an endpoint does on this node.
type Status struct {
	Owned   bool   // this node delivers to it; else the rest says nothing
	Breaker string // closed, half-open or open
	Loaded  int    // events in memory
}

// Status returns how an endpoint does; ok is false if there is none.
func (d *Dispatcher) Status(id string) (s Status, ok bool) {
	ep := d.find(id)
	if ep == nil {
		return s, false
	}
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return Status{Owned: ep.owned, Breaker: ep.breaker.state.String(), Loaded: ep.loaded}, true
}

// String names the state as the API and the metrics' help do.
func (s breakerState) String() string {
	switch s {
	case breakerHalfOpen:
		return "half-open"
	case breakerOpen:
		return "open"
	default:
		return "closed"
	}
}

// TestResult is what became of a test event.
type TestResult struct {
	EventID   string
	Delivered bool
	Status    int // HTTP status; 0: there was no answer
	Took      time.Duration
	Error     string
	Answer    string // the first 4 KiB
	Body      []byte // that was sent
}

// Test sends one event of a command with made-up values to an endpoint, at once,
// whatever its state, and changes nothing. It is one attempt; neither the breaker
// nor the log hears of it. im.NotFound if there is no such endpoint.
func (d *Dispatcher) Test(ctx context.Context, id string, cmd im.Command, operationID string) (*TestResult, error) {
	ep := d.find(id)
	if ep == nil {
		return nil, im.Errorf(im.NotFound, "webhook.Test", "there is no such endpoint")
	}
	ep.mu.Lock()
	p := *ep.plan
	ep.mu.Unlock()
	p.keepAnswers = true
	now := time.Now()
	body, key := Sample(cmd, operationID, now)
	it := &item{}
	it.EventID, it.Command, it.OperationID, it.Lane, it.CreatedAt = im.NewEventID(), cmd, operationID, testLane, now.UnixMilli()
	var r result
	if s := newSender(ep, &p); p.batch > 1 {
		one := []try{{it: it, body: body, key: key}}
		body = s.batchBody(one)
		r = s.callBatch(ctx, body, one)
	} else {
		r = s.call(ctx, it, body, key)
	}
	if r.kind == interrupted {
		return nil, im.Errorf(im.Busy, "webhook.Test", "the request was given up")
	}
	return &TestResult{
		EventID: it.EventID, Delivered: r.kind == delivered, Status: r.status, Took: r.took, Error: r.reason, Answer: string(r.answer), Body: body,
	}, nil
}

// testLane is the lane of test events, which have the number 0 in it.
const testLane = "test"
