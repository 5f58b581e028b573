// Package sqlstore implements package store on database/sql with one SQL text
// for SQLite and PostgreSQL: the portable subset of both, $n placeholders, times
// as BIGINT milliseconds, booleans as SMALLINT.
//
// What differs between the engines (opening, the write transaction, bulk
// inserts of the append path) is behind Engine. The package starts no goroutine.
package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"parley/internal/im"
	"parley/internal/store"
)

// Handle runs statements: on a pool of readers, or inside one write transaction.
type Handle interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) Row
}

// Engine is what differs between databases.
type Engine interface {
	// Reader returns a handle that sees what is committed.
	Reader() Handle
	// Write runs fn in a write transaction and commits it. It may run fn again when
	// the engine asks for a retry (deadlock between nodes).
	Write(ctx context.Context, fn func(Handle) error) error
	// Shards is the number of useful parallel appends.
	Shards() int
	// Lost reports whether err says that the transaction lost a conflict with another
	// one, for which Write runs it again.
	Lost(err error) bool

	// LockOutbox makes the rest of the transaction exclusive among transactions that
	// write events, so that outbox ids are given in commit order.
	LockOutbox(ctx context.Context, h Handle) error
	// BumpCounters raises counters and fills their results; bumps are sorted by
	// conversation. Before that it locks the positions that RaiseReads will raise.
	BumpCounters(ctx context.Context, h Handle, bumps []*Bump, raises []ReadRaise, now int64) error
	InsertMessages(ctx context.Context, h Handle, rows []*store.NewMessage, now int64) error
	// RaiseReads raises read positions; (user, conversation) pairs are distinct and sorted.
	RaiseReads(ctx context.Context, h Handle, raises []ReadRaise) error
	// InsertEvents stores events and sets their ids, in order.
	InsertEvents(ctx context.Context, h Handle, events []*im.Event) error
	// LogEvents copies events of the outbox into the log, with how they ended.
	LogEvents(ctx context.Context, h Handle, events []store.Settled, bodies bool) error

	Ping(ctx context.Context) error
	Close() error
}

// Bump raises the counters of one conversation.
type Bump struct {
	ConversationID string
	Messages       int64 // to be numbered
	Events         int64 // to be put in its lane
	MaxSeq         int64 // result: the last number given
	HookSeq        int64 // result: the last event number given
	Dropped        bool  // result: records were dropped
	Closed         bool  // result: no more messages are taken
}

// ReadRaise raises one read position.
type ReadRaise struct {
	UserID, ConversationID string
	Seq                    int64
}

// DB is a store.Store on an engine.
type DB struct {
	queries
	engine   Engine
	onEvents func([]*im.Event)
}

var _ store.Store = (*DB)(nil)

// New returns the store on an opened and migrated engine.
func New(e Engine) *DB { return &DB{queries: queries{h: e.Reader(), engine: e}, engine: e} }

// Update implements store.Store.
func (d *DB) Update(ctx context.Context, fn func(store.Tx) error) error {
	return d.write(ctx, func(t *tx) error {
		if err := fn(t); err != nil {
			return err
		}
		return t.writeEvents(ctx, nil)
	})
}

// write runs fn in a write transaction, and tells of the events that it wrote.
func (d *DB) write(ctx context.Context, fn func(*tx) error) error {
	var t *tx // of the last try
	err := d.engine.Write(ctx, func(h Handle) error {
		t = d.tx(h)
		return fn(t)
	})
	if err == nil && d.onEvents != nil && len(t.written) > 0 {
		d.onEvents(t.written)
	}
	return err
}

// OnEvents implements store.Store.
func (d *DB) OnEvents(fn func([]*im.Event)) { d.onEvents = fn }

// Shards implements store.Store.
func (d *DB) Shards() int { return d.engine.Shards() }

// Ping implements store.Store.
func (d *DB) Ping(ctx context.Context) error { return d.engine.Ping(ctx) }

// Close implements store.Store.
func (d *DB) Close() error { return d.engine.Close() }

// queries holds every read; on a transaction's handle it sees the transaction's changes.
type queries struct {
	h      Handle
	engine Engine
}

// tx adds the writes.
type tx struct {
	queries
	events  []*im.Event // of AddEvents, written by writeEvents
	written []*im.Event
}

func (d *DB) tx(h Handle) *tx { return &tx{queries: queries{h: h, engine: d.engine}} }

var _ store.Tx = (*tx)(nil)

// failed wraps a database error; a missing row becomes im.NotFound.
func failed(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return &im.Error{Kind: im.NotFound, Op: op}
	case badText(err):
		return &im.Error{Kind: im.Invalid, Op: op, Detail: "a text holds a zero byte or is not UTF-8", Err: err}
	}
	return fmt.Errorf("sqlstore.%s: %w", op, err)
}

// badText reports whether PostgreSQL refused the bytes of a text. SQLite takes any.
func badText(err error) bool {
	const notInRepertoire = "22021"
	var e interface{ SQLState() string }
	return errors.As(err, &e) && e.SQLState() == notInRepertoire
}

// list runs a query and scans each row into a T.
func list[T any](ctx context.Context, h Handle, op string, scan func(scanner, *T) error, query string, args ...any) ([]T, error) {
	rows, err := h.Query(ctx, query, args...)
	if err != nil {
		return nil, failed(op, err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, failed(op, err)
		}
		out = append(out, v)
	}
	return out, failed(op, rows.Err())
}

// count returns the number of rows of a table and condition.
func (q queries) count(ctx context.Context, op, from string, args ...any) (n int, err error) {
	err = q.h.QueryRow(ctx, `SELECT count(*) FROM `+from, args...).Scan(&n)
	return n, failed(op, err)
}

// changed runs a statement and reports whether it changed any row.
func (t *tx) changed(ctx context.Context, query string, args ...any) (bool, error) {
	r, err := t.h.Exec(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// Row is one row of an answer, or the error of getting it.
type Row interface{ Scan(dest ...any) error }

// scanner is what *sql.Row and *sql.Rows have in common.
type scanner interface{ Scan(dest ...any) error }

func scanString(s scanner, v *string) error { return s.Scan(v) }

// chunk is the longest IN list of one statement.
const chunk = 256

// InChunks calls fn with pieces of ids: the text of an IN list whose
// placeholders start at $first, and its arguments. Lists are padded to a few
// lengths by repeating the last id, so that few statements need preparing.
func InChunks[T any](ids []T, first int, fn func(in string, args []any) error) error {
	for len(ids) > 0 {
		n := min(len(ids), chunk)
		size := 1
		for size < n {
			size *= 4
		}
		args := make([]any, size)
		var in strings.Builder
		in.WriteByte('(')
		for i := range size {
			args[i] = ids[min(i, n-1)]
			if i > 0 {
				in.WriteByte(',')
			}
			fmt.Fprintf(&in, "$%d", first+i)
		}
		in.WriteByte(')')
		if err := fn(in.String(), args); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// listIn runs a query once for each chunk of ids; the query's text contains the
// word IDS where the IN list goes, and its other arguments come first. Rows that
// the query orders by id come in that order over all chunks.
func listIn[T any, K cmp.Ordered](ctx context.Context, h Handle, op string, scan func(scanner, *T) error, query string, ids []K, before ...any) ([]T, error) {
	if len(ids) > chunk { // so that no id stands in two chunks
		ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	}
	var out []T
	err := InChunks(ids, len(before)+1, func(in string, args []any) error {
		part, err := list(ctx, h, op, scan, strings.Replace(query, "IDS", in, 1), append(before[:len(before):len(before)], args...)...)
		out = append(out, part...)
		return err
	})
	return out, err
}

// bit is the stored form of a boolean.
func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
