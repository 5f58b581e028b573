package webhook

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// report logs an attempt that did not succeed. It is called without the lock.
func (ep *endpoint) report(it *item, r *result) {
	level, text := slog.LevelDebug, "webhook attempt failed"
	var more int
	switch r.kind {
	case delivered, interrupted, postponed, unsendable: // the last is logged as a dead letter
		return
	case messageGone:
		level, text = slog.LevelWarn, "webhook event without its message: deleted"
	default:
		var ok bool
		if more, ok = ep.failures.allow(time.Now()); ok {
			level = slog.LevelWarn
		}
	}
	ep.log.LogAttrs(context.Background(), level, text,
		slog.String("event", it.EventID), slog.String("command", it.Command.Key()), slog.String("lane", it.Lane),
		slog.String("op", it.OperationID), slog.Int("attempt", it.Attempts+1), slog.String("err", r.reason),
		slog.Int("failures_not_logged", more))
}

// throttle lets one of many equal log lines through.
type throttle struct {
	mu         sync.Mutex // guards what follows
	last       time.Time
	suppressed int
}

// throttleEvery is the least time between two lines.
const throttleEvery = 10 * time.Second

// allow reports whether a line may be logged, and how many were not since the last one.
func (t *throttle) allow(now time.Time) (suppressed int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.last.IsZero() && now.Sub(t.last) < throttleEvery {
		t.suppressed++
		return 0, false
	}
	suppressed, t.last, t.suppressed = t.suppressed, now, 0
	return suppressed, true
}
