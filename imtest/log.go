package imtest

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
)

// ProcessLine reports whether a line of the log is about the process as a whole, its
// start, stop or configuration, so that there is no operation it could name. All
// other lines bear "op": a request's, the one a connection was dialled with, the one that
// caused an event, or that of a run of a background job.
func ProcessLine(message string) bool {
	switch message {
	case "secret generated", // at the first start
		"stopping", "stopping before the start was complete", "start interrupted",
		"configuration", "webhooks", // the settings in force, at the start
		"webhook delivery started",
		"configuration not reloaded: the old one stays in force", "webhooks reloaded", // the file has changed
		"webhooks: the receiver takes no connection", "webhooks: the receiver takes connections": // tried after the settings were read
		return true
	}
	return false
}

// Logger returns a logger for a server: errors and warnings go to the test's log, and
// any line that names no operation, although it should, fails the test.
func Logger(t testing.TB) *slog.Logger {
	out := slog.NewTextHandler(writer{t}, &slog.HandlerOptions{Level: slog.LevelWarn})
	return slog.New(&named{t: t, out: out})
}

// named is a handler that wants lines to name their operation. Lines of all levels
// are looked at.
type named struct {
	t   testing.TB
	out slog.Handler
	has bool // the logger itself bears the operation
}

func (h *named) Enabled(context.Context, slog.Level) bool { return true }

func (h *named) Handle(ctx context.Context, r slog.Record) error {
	has := h.has
	r.Attrs(func(a slog.Attr) bool {
		has = has || isOperation(a)
		return !has
	})
	if !has && !ProcessLine(r.Message) {
		h.t.Errorf("a line of the log names no operation: %s", r.Message)
	}
	if !h.out.Enabled(ctx, r.Level) {
		return nil
	}
	return h.out.Handle(ctx, r)
}

func (h *named) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	n.out = h.out.WithAttrs(attrs)
	for _, a := range attrs {
		n.has = n.has || isOperation(a)
	}
	return &n
}

func (h *named) WithGroup(name string) slog.Handler {
	n := *h
	n.out = h.out.WithGroup(name)
	return &n
}

func isOperation(a slog.Attr) bool { return a.Key == "op" && a.Value.String() != "" }

type writer struct{ t testing.TB }

func (w writer) Write(p []byte) (int, error) {
	w.t.Logf("server: %s", bytes.TrimRight(p, "\n"))
	return len(p), nil
}
