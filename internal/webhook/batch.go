package webhook

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"parley/internal/im"
)

// Batches: an endpoint may ask for calls that carry several events, each of
// another lane, so that the order in lanes is what it is with single calls
// (webhook-delivery.md 5). Nobody waits for a batch to fill: it is what was ready.

// batchTarget is the place of the batches' target among those of the commands.
const batchTarget im.Command = 0

// batchAhead is how far a call may go ahead of the rates of its endpoint. Without
// it a rate would let one event pass at a time, and there would be no batches.
const batchAhead = time.Second

// try is the attempt of one event of a batch.
type try struct {
	lane *lane
	it   *item
	body []byte
	key  string
	own  result // why the event is not in the call; if it is, its kind is delivered
}

// result is what became of an event, given what became of the call.
func (t *try) result(call *result) *result {
	if t.own.kind != delivered {
		return &t.own
	}
	return call
}

// attemptBatch makes one call with the event of a lane and with those of other lanes
// that are ready. The caller holds the lock.
func (ep *endpoint) attemptBatch(ctx context.Context, first *lane, pass uint32) {
	now := time.Now()
	tries := ep.gather(try{lane: first, it: first.take()}, now)
	if ep.ready.head != nil { // more than this call carries: others help
		ep.employ(now)
	}
	s := ep.sender()
	ep.mu.Unlock()
	call := s.sendBatch(ctx, tries)
	for i := range tries {
		ep.report(tries[i].it, tries[i].result(&call))
	}
	ep.mu.Lock()
	ep.giveBack(s)
	ep.settleBatch(tries, pass, &call)
}

// gather adds the events of further lanes, about as many as one body can hold. One that
// failed before goes alone, so that it does not take others with it if it fails for
// ever, and so does the trial of a breaker.
func (ep *endpoint) gather(first try, now time.Time) []try {
	tries := []try{first}
	if first.it.failed() || ep.breaker.state != breakerClosed {
		return tries
	}
	size, ahead := first.it.size(), now.Add(batchAhead)
	for len(tries) < ep.plan.batch && size < ep.plan.maxBody && ep.rate.ready(ahead, ep.plan.interval) {
		l := ep.pick(ep.backlogRate.ready(ahead, ep.plan.resume))
		if l == nil {
			break
		}
		if l.peek().failed() {
			ep.ready.unpop(l)
			break
		}
		ep.engage(l, now)
		it := l.take()
		size += it.size()
		tries = append(tries, try{lane: l, it: it})
	}
	return tries
}

// settleBatch is settle for a batch. The endpoint is judged once, by the call.
func (ep *endpoint) settleBatch(tries []try, pass uint32, call *result) {
	now := time.Now()
	if tries[0].it.hands != ep.hands { // the endpoint is another node's now
		ep.breaker.unused(pass)
		return
	}
	for i := range tries {
		t := &tries[i]
		ep.conclude(t.lane, t.it, t.result(call), now)
	}
	ep.answered(pass, call, now)
	if call.kind == interrupted {
		return
	}
	for i := range tries {
		ep.place(tries[i].lane, now)
	}
	ep.arm(now)
}

// sendBatch makes one call with all events that can be sent and fit, and returns what
// became of it; if there are none no call is made.
func (s *sender) sendBatch(ctx context.Context, tries []try) result {
	for i := range tries {
		t := &tries[i]
		t.body, t.key, t.own = s.body(t.it)
	}
	body := s.batchBody(tries)
	if len(body) == len("[]") {
		return result{}
	}
	return s.callBatch(ctx, body, tries)
}

// callBatch makes the request of a batch.
func (s *sender) callBatch(ctx context.Context, body []byte, tries []try) result {
	t := s.plan.targets[batchTarget]
	start := time.Now()
	called, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	id, timestamp := im.NewEventID(), strconv.FormatInt(start.Unix(), 10)
	header := http.Header{
		"Content-Type":    {"application/json; charset=utf-8"},
		"User-Agent":      {s.plan.userAgent},
		"Idempotency-Key": {}, // see request
		headerID:          {id},
		headerTimestamp:   {timestamp},
	}
	if s.plan.authorization != "" {
		header["Authorization"] = []string{s.plan.authorization}
	}
	if text := s.signature(id, timestamp, body, start); text != "" {
		header[headerSignature] = []string{text}
	}
	r := s.exchange(ctx, newPost(called, t.url, header, body), start)
	if r.called() {
		s.ep.metrics.latency.Observe(r.took.Seconds())
		for i := range tries {
			if tries[i].own.kind == delivered {
				s.ep.metrics.attempted(tries[i].it.Command, r.class)
			}
		}
	}
	return r
}

// batchHead is what an element of a batch says of its event: what a single call says
// in its headers and its query. The body follows as it would be in that call.
type batchHead struct {
	ID          string `json:"webhook-id"`
	Attempt     int    `json:"webhook-attempt"`
	Sequence    string `json:"webhook-sequence"`
	OperationID string `json:"operationID"`
	Command     string `json:"callbackCommand"`
	Key         string `json:"key,omitempty"`
}

// batchBody returns the array of the events that can be sent. One that would make it
// longer than a body may be is postponed, unless it is the first.
func (s *sender) batchBody(tries []try) []byte {
	array := []byte{'['}
	for i := range tries {
		t := &tries[i]
		if t.own.kind != delivered {
			continue
		}
		head := encode(&batchHead{
			t.it.EventID, t.it.Attempts + 1, sequence(t.it), headerText(operationID(t.it)), t.it.Command.String(), t.key,
		})
		const separator, field, end = ",", `,"body":`, "}"
		if first := len(array) == 1; !first {
			if len(array)+len(separator)+len(head)+len(field)+len(t.body)+len("]") > s.plan.maxBody {
				t.own.kind = postponed
				continue
			}
			array = append(array, separator...)
		}
		array = append(array, head[:len(head)-len(end)]...)
		array = append(append(append(array, field...), t.body...), end...)
	}
	return append(array, ']')
}
