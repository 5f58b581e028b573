package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// chaosPatience is how long a test waits for what must come. It decides nothing
// but when a test that hangs is given up.
const chaosPatience = 90 * time.Second

// chaosCall is one call of the server for an after event.
type chaosCall struct {
	id, lane    string
	n           int64 // number in the lane
	attempt     int   // as the header says
	serverMsgID string
	again       int // how often it came before
	at          time.Time
	waited      time.Duration // since it came before
}

// ledger is what one receiver has been told. It holds the rules of order: an event
// comes only after the one before it in its lane was accepted, and a number of a
// lane has one webhook-id, whatever happens.
type ledger struct {
	mu       sync.Mutex // guards what follows
	accepted map[string][]chaosCall
	seen     map[string]chaosCall // last call of "<lane>;<number>"
	lanes    map[string]string    // by webhook-id: "<lane>;<number>"
	calls    int
	faults   []string
	changed  chan struct{} // closed and replaced with every change
}

func newLedger() *ledger {
	return &ledger{
		accepted: map[string][]chaosCall{}, seen: map[string]chaosCall{}, lanes: map[string]string{}, changed: make(chan struct{}),
	}
}

// arrive reads a call and enters it. ok is false if it could not be read, because
// the server has gone.
func (l *ledger) arrive(r *http.Request) (c chaosCall, ok bool) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return c, false
	}
	var body struct{ ServerMsgID string }
	bad := json.Unmarshal(raw, &body)
	place := r.Header.Get("webhook-sequence")
	lane, number, _ := strings.Cut(place, ";")
	n, badNumber := strconv.ParseInt(number, 10, 64)
	attempt, badAttempt := strconv.Atoi(r.Header.Get("webhook-attempt"))
	l.mu.Lock()
	defer l.mu.Unlock()
	c = chaosCall{id: r.Header.Get("webhook-id"), lane: lane, n: n, attempt: attempt, serverMsgID: body.ServerMsgID, at: time.Now()}
	if bad != nil || badNumber != nil || badAttempt != nil || c.id == "" || body.ServerMsgID == "" {
		l.fault("unreadable call %s: %s", place, raw)
	}
	if last, again := l.seen[place]; again {
		c.again, c.waited = last.again+1, c.at.Sub(last.at)
		if last.id != c.id || last.serverMsgID != c.serverMsgID {
			l.fault("%s came as %s of %s, and then as %s of %s", place, last.id, last.serverMsgID, c.id, c.serverMsgID)
		}
	}
	if other, there := l.lanes[c.id]; there && other != place {
		l.fault("%s is %s and %s", c.id, other, place)
	}
	if done := int64(len(l.accepted[lane])); n > done+1 {
		l.fault("%s came while only %d of its lane were accepted", place, done)
	}
	l.seen[place], l.lanes[c.id] = c, place
	l.calls++
	l.tell()
	return c, true
}

// accept enters that a call is answered with success. It comes before the answer.
func (l *ledger) accept(c chaosCall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.n == int64(len(l.accepted[c.lane]))+1 {
		l.accepted[c.lane] = append(l.accepted[c.lane], c)
	}
	l.tell()
}

// fault keeps what was wrong. The caller holds the lock.
func (l *ledger) fault(format string, args ...any) {
	if len(l.faults) < 10 {
		l.faults = append(l.faults, fmt.Sprintf(format, args...))
	}
}

func (l *ledger) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// wait returns when done reports true; done is called with the lock held.
func (l *ledger) wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(chaosPatience)
	for {
		l.mu.Lock()
		ok, changed, faults := done(), l.changed, len(l.faults)
		l.mu.Unlock()
		switch {
		case faults > 0:
			l.check(t, what)
			t.FailNow()
		case ok:
			return
		}
		select {
		case <-changed:
		case <-deadline:
			l.mu.Lock()
			defer l.mu.Unlock()
			for lane, list := range l.accepted {
				t.Logf("%s: %d accepted", lane, len(list))
			}
			t.Fatalf("%s: not within %v; %d calls, faults %q", what, chaosPatience, l.calls, l.faults)
		}
	}
}

// check reports what was wrong.
func (l *ledger) check(t *testing.T, name string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.faults {
		t.Errorf("%s: %s", name, f)
	}
}

// sent returns what was accepted of a lane, as ids of messages and as webhook-ids.
func (l *ledger) sent(lane string) (messages, ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.accepted[lane] {
		messages, ids = append(messages, c.serverMsgID), append(ids, c.id)
	}
	return messages, ids
}

// count returns the number of calls.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

// eventually asks until it hears yes.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for deadline := time.Now().Add(chaosPatience); !ask(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, chaosPatience)
		}
	}
}

// chaosSchedule has attempts enough for the worst of these tests, a second apart.
var chaosSchedule = "PARLEY_WEBHOOKS_SCHEDULE=0" + strings.Repeat(",1", 60)

// drain takes a body that nobody reads.
func drain(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
