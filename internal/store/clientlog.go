package store

import (
	"context"

	"parley/internal/im"
)

// Bounds of what is kept of clients' logs: beyond them the oldest rows go, first
// those of the user who adds more.
const (
	MaxClientLogs     = 100_000
	MaxClientLogsEach = 1000 // of one user
)

// ClientLogKey is one uploaded log and whose it is.
type ClientLogKey struct{ LogID, UserID string }

// ClientLogs reads what is known of the logs that clients have uploaded.
type ClientLogs interface {
	// ClientLogKeys returns the logs made from..to, both inclusive, newest first: at most MaxClientLogs.
	ClientLogKeys(ctx context.Context, from, to int64) ([]ClientLogKey, error)
	// ClientLogs returns those that exist among ids, in no particular order.
	ClientLogs(ctx context.Context, ids []string) ([]im.ClientLog, error)
}

// ClientLogWriter changes what is known of clients' logs.
type ClientLogWriter interface {
	// InsertClientLogs adds logs of one user, and removes the oldest beyond the
	// bounds; im.Duplicate if one of the ids exists.
	InsertClientLogs(ctx context.Context, logs []im.ClientLog) error
	// DeleteClientLogs removes logs; im.NotFound if one of the distinct ids does not exist.
	DeleteClientLogs(ctx context.Context, ids []string) error
}
