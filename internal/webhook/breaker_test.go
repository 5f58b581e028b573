package webhook

import (
	"testing"
	"time"
)

func TestBreakerOpens(t *testing.T) {
	t.Parallel()
	t0 := time.Unix(1718000000, 0)
	for _, c := range []struct {
		name  string
		calls string // one per letter: s success, f failure
		gap   time.Duration
		open  bool
	}{
		{"nine failures", "fffffffff", 0, false},
		{"ten failures", "ffffffffff", 0, true},
		{"seven of ten", "sssfffffff", 0, true},
		{"six of ten", "ssssffffff", 0, false},
		{"ten failures in 27 s", "ffffffffff", 3 * time.Second, true},
		{"ten failures in 36 s", "ffffffffff", 4 * time.Second, false},
		{"early successes are forgotten", "ssssssssssffffffffff", 2500 * time.Millisecond, true},
		{"a success decides nothing", "fffffffffs", 0, false},
	} {
		var b breaker
		now := t0
		for _, r := range c.calls {
			if gen, ok := b.pass(); ok {
				b.record(gen, r == 's', now)
			}
			now = now.Add(c.gap)
		}
		if got := b.state == breakerOpen; got != c.open {
			t.Errorf("%s: open is %v", c.name, got)
		}
	}
}

func TestBreakerTrial(t *testing.T) {
	t.Parallel()
	now := time.Unix(1718000000, 0)
	var b breaker
	straggler, _ := b.pass()
	for range breakerMinCalls {
		gen, _ := b.pass()
		b.record(gen, false, now)
	}
	pass := func(want bool) (gen uint32) {
		t.Helper()
		gen, ok := b.pass()
		if ok != want {
			t.Fatalf("pass is %v in state %d", ok, b.state)
		}
		return gen
	}
	pass(false)
	if b.ripen(now.Add(breakerOpenFor - 1)) {
		t.Fatal("ripe too early")
	}
	now = now.Add(breakerOpenFor)
	if !b.ripen(now) || b.ripen(now) {
		t.Fatal("must become half-open once")
	}
	trial := pass(true)
	pass(false)
	if b.record(straggler, true, now) {
		t.Fatal("an answer from before closed the breaker")
	}
	b.unused(trial)
	trial = pass(true)
	if !b.record(trial, false, now) || b.state != breakerOpen {
		t.Fatal("a failed trial must open the breaker again")
	}
	now = now.Add(breakerOpenFor)
	b.ripen(now)
	if !b.record(pass(true), true, now) || b.state != breakerClosed {
		t.Fatal("a good trial must close the breaker")
	}
	for range breakerMinCalls - 1 {
		b.record(pass(true), false, now)
	}
	if b.state != breakerClosed {
		t.Fatal("failures of before were not forgotten")
	}
}
