// Package obs owns how operators look into a running server: its log, its
// metrics registry, its health checks and the HTTP handler of the admin
// listener that serves them.
//
// Everything is a value that the caller makes and passes on. There is no
// default logger, no default registry and no package state, so that several
// servers can live in one process.
//
// The package starts no goroutines and opens no listener. Health checks run in
// the goroutine of the request that asks.
package obs

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// hidden stands in the log where a secret would be.
const hidden = "(hidden)"

// ParseLevel turns debug, info, warn or error into a level.
func ParseLevel(text string) (slog.Level, error) {
	switch strings.ToLower(text) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("log level must be debug, info, warn or error, not %q", text)
}

// NewLogger returns a logger that writes text or JSON ("json") lines to w.
// level may be a *slog.LevelVar, which can be changed while the server runs.
//
// Values of attributes named token, secret, content or authorization are
// hidden, whatever the letter case and whatever group they are in. Fields of a
// struct that is logged whole are not looked at: log its parts instead.
func NewLogger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: hideSecrets}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

func hideSecrets(groups []string, a slog.Attr) slog.Attr {
	if namesSecret(a.Key) {
		return slog.String(a.Key, hidden)
	}
	// slog does not offer groups themselves, only what is in them.
	for _, g := range groups {
		if namesSecret(g) {
			return slog.String(a.Key, hidden)
		}
	}
	return a
}

func namesSecret(key string) bool {
	switch strings.ToLower(key) {
	case "token", "secret", "content", "authorization":
		return true
	}
	return false
}
