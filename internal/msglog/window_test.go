package msglog

import (
	"fmt"
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	t0 := time.Unix(1_700_000_000, 0)
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	w := newWindow()
	w.add(t0, "u", "m1", Result{ServerMsgID: "s1", SendTime: 5})
	if r, ok := w.find(at(time.Minute), w.key("u", "m1")); !ok || r.ServerMsgID != "s1" || r.SendTime != 5 {
		t.Fatalf("got %+v, %v", r, ok)
	}
	if _, ok := w.find(t0, w.key("um", "1")); ok {
		t.Error("the sender and the id run into one another")
	}
	if _, ok := w.find(at(windowAge+time.Second), w.key("u", "m1")); ok {
		t.Error("remembered for too long")
	}
	if w.add(t0, "u", "", Result{}); len(w.byKey) != 1 {
		t.Error("a message without client id is remembered")
	}
	if !w.covers(t0, 0) {
		t.Error("nothing was pushed out, yet old messages are not covered")
	}
	for i := range windowSize + 10 {
		w.add(at(time.Second+time.Duration(i)), "u", fmt.Sprint("n", i), Result{})
	}
	if len(w.byKey) != windowSize {
		t.Errorf("%d entries, want %d", len(w.byKey), windowSize)
	}
	if _, ok := w.find(at(2*time.Second), w.key("u", "m1")); ok {
		t.Error("the oldest was not pushed out")
	}
	if w.covers(at(2*time.Second), t0.UnixMilli()) {
		t.Error("covers messages that were pushed out")
	}
	if !w.covers(at(2*time.Second), at(5*time.Second).UnixMilli()) {
		t.Error("does not cover new messages")
	}
	for i := range 3 * windowSize { // the ring moves down instead of growing
		w.add(at(3*time.Second), "v", fmt.Sprint(i), Result{})
	}
	if cap(w.ring) > 4*windowSize || len(w.byKey) != windowSize {
		t.Errorf("ring of %d, %d entries", cap(w.ring), len(w.byKey))
	}
}
