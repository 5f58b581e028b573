package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"parley/internal/store/sqlstore"
)

// handle runs statements that it prepares once. It does not pass the caller's
// context on: the driver watches a context that can be cancelled with a
// goroutine for each statement; these statements are short, so they run to
// their end instead.
type handle struct {
	on runner

	mu    sync.RWMutex
	stmts map[string]*sql.Stmt
}

// runner is what *sql.DB and *sql.Conn have in common.
type runner interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// maxStmts is the number of statements that are kept prepared. There are some
// hundreds: texts are constants, and IN lists come in few lengths. But a text
// that depends on what a client asks for must not be able to fill the memory.
const maxStmts = 500

// stmt returns the prepared statement of a text, or nil if it is to run unprepared.
func (h *handle) stmt(query string) (*sql.Stmt, error) {
	h.mu.RLock()
	s, full := h.stmts[query], len(h.stmts) >= maxStmts
	h.mu.RUnlock()
	if s != nil || full {
		return s, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.stmts[query]; s != nil {
		return s, nil
	}
	s, err := h.on.PrepareContext(context.Background(), positional(query))
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", strings.Join(strings.Fields(query), " "), err)
	}
	if h.stmts == nil {
		h.stmts = make(map[string]*sql.Stmt)
	}
	h.stmts[query] = s
	return s, nil
}

// positional writes the placeholders $1, $2, ... of a query as ? where each
// occurs once and in order: SQLite takes $1 for a name, which the driver asks
// for and compares for every argument of every execution.
func positional(query string) string {
	var out strings.Builder
	rest := query
	for n := 1; ; n++ {
		before, after, found := strings.Cut(rest, "$")
		if !found {
			out.WriteString(rest)
			return out.String()
		}
		digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
		if after[:digits] != strconv.Itoa(n) {
			return query
		}
		out.WriteString(before)
		out.WriteByte('?')
		rest = after[digits:]
	}
}

func (h *handle) Exec(_ context.Context, query string, args ...any) (sql.Result, error) {
	s, err := h.stmt(query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return h.on.ExecContext(context.Background(), positional(query), args...)
	}
	return s.Exec(args...)
}

func (h *handle) Query(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := h.stmt(query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return h.on.QueryContext(context.Background(), positional(query), args...)
	}
	return s.Query(args...)
}

func (h *handle) QueryRow(_ context.Context, query string, args ...any) sqlstore.Row {
	s, err := h.stmt(query)
	if err != nil {
		return failedRow{err}
	}
	if s == nil {
		return h.on.QueryRowContext(context.Background(), positional(query), args...)
	}
	return s.QueryRow(args...)
}

// failedRow is the row of a statement that could not be prepared.
type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

func (h *handle) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for q, s := range h.stmts {
		errs = append(errs, s.Close())
		delete(h.stmts, q)
	}
	return errors.Join(errs...)
}
