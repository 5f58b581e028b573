// Package sqlite opens the embedded store: one file in WAL mode with
// synchronous=FULL, one connection that writes and a few that read.
//
// All writes go through the one connection, guarded by a one-place semaphore,
// with BEGIN IMMEDIATE and COMMIT issued on it directly: its statements stay
// prepared, which database/sql's Tx would undo. The package owns no goroutine.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"modernc.org/sqlite" // the driver, and its errors

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/migrations"
	"parley/internal/store/sqlstore"
)

const (
	// readers is the number of reading connections: beyond a few they only compete for the CPU.
	readers = 6
	// Page caches in KiB. The writer's holds the hot ends of its tables and indexes.
	writerCacheKiB = 16 << 10
	readerCacheKiB = 2 << 10
	// walPages is how long the write-ahead log may grow between checkpoints; walLimit is
	// what a checkpoint leaves of the file, in bytes.
	walPages = 4000
	walLimit = 64 << 20
)

// Codes of SQLite for a violated unique index or primary key.
const (
	constraintPrimaryKey = 1555
	constraintUnique     = 2067
)

// Open opens the database file, creating it if need be, and brings its schema up to date.
func Open(ctx context.Context, path string) (*sqlstore.DB, error) {
	// One writer only, so that migrations and the engine share its settings.
	w, err := sql.Open("sqlite", dsn(path, writerCacheKiB))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	if err := migrations.Up(ctx, w, migrations.SQLite); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: %s: %w", path, err), w.Close())
	}
	conn, err := w.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", path, err), w.Close())
	}
	r, err := sql.Open("sqlite", dsn(path, readerCacheKiB)+"&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", path, err), conn.Close(), w.Close())
	}
	r.SetMaxOpenConns(readers)
	r.SetMaxIdleConns(readers)
	e := &engine{writer: w, conn: conn, readers: r, turn: make(chan struct{}, 1)}
	e.write = handle{prepare: conn.PrepareContext, stmts: map[string]*sql.Stmt{}, mu: new(sync.RWMutex)}
	e.read = handle{prepare: r.PrepareContext, stmts: map[string]*sql.Stmt{}, mu: new(sync.RWMutex)}
	return sqlstore.New(e), nil
}

func dsn(path string, cacheKiB int) string {
	v := url.Values{"_pragma": {
		"busy_timeout(10000)", // first: the ones below may already have to wait
		"journal_mode(WAL)",
		"synchronous(FULL)", // an acknowledged message survives a power cut
		"foreign_keys(1)",
		"temp_store(MEMORY)",
		fmt.Sprintf("cache_size(-%d)", cacheKiB),
		fmt.Sprintf("wal_autocheckpoint(%d)", walPages),
		fmt.Sprintf("journal_size_limit(%d)", walLimit),
	}}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: v.Encode()}).String()
}

type engine struct {
	writer  *sql.DB
	conn    *sql.Conn // the only connection of writer
	readers *sql.DB
	turn    chan struct{} // held by whoever uses conn
	write   handle
	read    handle
}

var _ sqlstore.Engine = (*engine)(nil)

func (e *engine) Reader() sqlstore.Handle { return e.read }

func (e *engine) Shards() int { return 1 }

// Write waits for its turn on the connection and runs fn between BEGIN and COMMIT.
func (e *engine) Write(ctx context.Context, fn func(sqlstore.Handle) error) (err error) {
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return &im.Error{Kind: im.Busy, Op: "sqlite.Write", Detail: "the server is busy", Err: ctx.Err()}
	}
	defer func() { <-e.turn }()
	if _, err := e.write.Exec(ctx, `BEGIN IMMEDIATE`); err != nil {
		return fmt.Errorf("sqlite: begin: %w", err)
	}
	committed := false
	defer func() { // also when fn panics
		if !committed {
			if _, rerr := e.write.Exec(context.Background(), `ROLLBACK`); rerr != nil {
				err = errors.Join(err, fmt.Errorf("sqlite: rollback: %w", rerr))
			}
		}
	}()
	if err := fn(e.write); err != nil {
		return err
	}
	if _, err := e.write.Exec(ctx, `COMMIT`); err != nil {
		return fmt.Errorf("sqlite: commit: %w", err)
	}
	committed = true
	return nil
}

func (e *engine) IsDuplicate(err error) bool {
	var s *sqlite.Error
	return errors.As(err, &s) && (s.Code() == constraintPrimaryKey || s.Code() == constraintUnique)
}

// LockOutbox has nothing to do: the one writer commits in order.
func (e *engine) LockOutbox(context.Context, sqlstore.Handle) error { return nil }

func (e *engine) BumpCounters(ctx context.Context, h sqlstore.Handle, bumps []*sqlstore.Bump, now int64) error {
	for _, b := range bumps {
		err := h.QueryRow(ctx, `INSERT INTO conversations (conversation_id, max_seq, min_seq, max_seq_time, hook_seq)
			VALUES ($1, $2, 0, $3, $4) ON CONFLICT (conversation_id) DO UPDATE
			SET max_seq = max_seq + $2, max_seq_time = $3, hook_seq = hook_seq + $4 RETURNING max_seq, hook_seq`,
			b.ConversationID, b.Messages, now, b.Events).Scan(&b.MaxSeq, &b.HookSeq)
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) InsertMessages(ctx context.Context, h sqlstore.Handle, rows []*store.NewMessage, now int64) error {
	for _, m := range rows {
		r := &m.Record
		_, err := h.Exec(ctx, `INSERT INTO messages (conversation_id, seq, send_id, client_msg_id, server_msg_id, content_type,
			send_time, stored_at, is_read, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)`,
			r.ConversationID, r.Seq, r.SendID, r.ClientMsgID, r.ServerMsgID, r.ContentType, r.SendTime, now, r.Body)
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) RaiseReads(ctx context.Context, h sqlstore.Handle, raises []sqlstore.ReadRaise) error {
	for _, r := range raises {
		_, err := h.Exec(ctx, `INSERT INTO user_seqs (user_id, conversation_id, min_seq, max_seq, read_seq) VALUES ($1, $2, 0, 0, $3)
			ON CONFLICT (user_id, conversation_id) DO UPDATE SET read_seq = max(read_seq, $3)`, r.UserID, r.ConversationID, r.Seq)
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) InsertEvents(ctx context.Context, h sqlstore.Handle, events []*im.Event) error {
	for _, v := range events {
		err := h.QueryRow(ctx, `INSERT INTO outbox (event_id, lane, lane_seq, command, seq, operation_id, body, created_at,
			attempts, next_at, last_error) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, '') RETURNING id`,
			v.EventID, v.Lane, v.LaneSeq, v.Command, v.Seq, v.OperationID, v.Body, v.CreatedAt).Scan(&v.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) Ping(ctx context.Context) error {
	var one int
	if err := e.readers.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return nil
}

// Close waits for a write in progress, then closes everything.
func (e *engine) Close() error {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	return errors.Join(e.write.close(), e.read.close(), e.readers.Close(), e.conn.Close(), e.writer.Close())
}

// handle runs statements that it prepares once.
type handle struct {
	prepare func(context.Context, string) (*sql.Stmt, error)
	mu      *sync.RWMutex // guards stmts
	stmts   map[string]*sql.Stmt
}

// stmt returns the prepared statement of a text. The number of texts is bounded:
// they are constants, and IN lists come in few lengths.
func (h handle) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	h.mu.RLock()
	s := h.stmts[query]
	h.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.stmts[query]; s != nil {
		return s, nil
	}
	s, err := h.prepare(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", strings.Join(strings.Fields(query), " "), err)
	}
	h.stmts[query] = s
	return s, nil
}

// The driver watches a context that can be cancelled with a goroutine for each
// statement; these statements are short, so they run to their end instead.
func (h handle) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx = context.WithoutCancel(ctx)
	s, err := h.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (h handle) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx = context.WithoutCancel(ctx)
	s, err := h.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (h handle) QueryRow(ctx context.Context, query string, args ...any) sqlstore.Row {
	ctx = context.WithoutCancel(ctx)
	s, err := h.stmt(ctx, query)
	if err != nil {
		return failedRow{err}
	}
	return s.QueryRowContext(ctx, args...)
}

// failedRow is the row of a statement that could not be prepared.
type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

func (h handle) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for q, s := range h.stmts {
		errs = append(errs, s.Close())
		delete(h.stmts, q)
	}
	return errors.Join(errs...)
}
