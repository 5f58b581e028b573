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
	"io/fs"
	"net/url"
	"os"

	"modernc.org/sqlite" // the driver, and its errors

	"parley/internal/im"
	"parley/internal/store/migrations"
	"parley/internal/store/sqlstore"
)

const (
	// readers is the number of reading connections: beyond a few they only compete for the CPU.
	readers = 6
	// Page caches in KiB. The writer's holds the hot ends of its tables and indexes.
	writerCacheKiB = 16 << 10
	readerCacheKiB = 2 << 10
	// walPages is how long the write-ahead log may grow before the append that comes
	// next pays for a checkpoint; walLimit is what a checkpoint leaves of the file, in
	// bytes. 4,000 appends of 64 rows with an event each, best of 4 runs:
	//
	//	walPages    p50     p90     p99   rows/s     log
	//	    1000  2.1 ms  3.6 ms  10.7 ms  23,100   4 MiB
	//	    4000  1.9 ms  2.8 ms  14.3 ms  26,700  16 MiB
	//	   10000  2.0 ms  2.8 ms   6.4 ms  26,400  39 MiB
	//
	// At 10,000 fewer than one append in a hundred pays (then about 25 ms).
	walPages = 10_000
	walLimit = 64 << 20
)

// busy is SQLite's primary code for a lock that another process holds.
const busy = 5

// Open opens the database file, creating it if need be, and brings its schema up to date.
func Open(ctx context.Context, path string) (*sqlstore.DB, error) {
	e, err := open(ctx, path)
	if err != nil {
		return nil, err
	}
	return sqlstore.New(e), nil
}

// Status returns the steps of the schema and which of them the database file has. It
// makes no file.
func Status(ctx context.Context, path string) ([]migrations.Step, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return migrations.All(migrations.SQLite)
	}
	db, err := sql.Open("sqlite", dsn(path, readerCacheKiB))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	steps, err := migrations.Status(ctx, db, migrations.SQLite)
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, fmt.Errorf("sqlite: %s: %w", path, err)
	}
	return steps, nil
}

func open(ctx context.Context, path string) (*engine, error) {
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
	e.write.on, e.read.on = conn, r
	return e, nil
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

func (e *engine) Reader() sqlstore.Handle { return &e.read }

func (e *engine) Shards() int { return 1 }

// Write waits for its turn on the connection and runs fn between BEGIN and COMMIT.
func (e *engine) Write(ctx context.Context, fn func(sqlstore.Handle) error) (err error) {
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return serverBusy(ctx.Err())
	}
	defer func() { <-e.turn }()
	if err := ctx.Err(); err != nil { // nobody waits for the outcome any more
		return serverBusy(err)
	}
	if _, err := e.write.Exec(ctx, `BEGIN IMMEDIATE`); err != nil {
		var s *sqlite.Error
		if errors.As(err, &s) && s.Code()&0xff == busy {
			return serverBusy(err)
		}
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
	if err := fn(&e.write); err != nil {
		return err
	}
	if _, err := e.write.Exec(ctx, `COMMIT`); err != nil {
		return fmt.Errorf("sqlite: commit: %w", err)
	}
	committed = true
	return nil
}

func serverBusy(cause error) error {
	return &im.Error{Kind: im.Busy, Op: "sqlite.Write", Detail: "the server is busy", Err: cause}
}

// Lost implements sqlstore.Engine: the one writer loses no conflicts.
func (e *engine) Lost(error) bool { return false }

// LockOutbox has nothing to do: the one writer commits in order.
func (e *engine) LockOutbox(context.Context, sqlstore.Handle) error { return nil }

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
