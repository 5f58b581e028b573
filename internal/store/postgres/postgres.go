// Package postgres opens the store on PostgreSQL, for servers that outgrow one
// machine. Ordinary statements go through database/sql like the embedded
// store's; the append path sends arrays, one statement for a whole batch. The
// package owns no goroutine.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/migrations"
	"parley/internal/store/sqlstore"
)

const (
	// maxConns bounds the connections of one node; appends and reads share them.
	maxConns = 20
	// shards is the number of appends in work at the same time: enough that one
	// waiting for its commit does not stop the others.
	shards = 4
	// attempts is how often a transaction is tried when the database ends it for the
	// sake of another.
	attempts = 5
)

// Advisory lock keys of this program.
const (
	lockMigrate = 0x7061726c6579_01
	lockOutbox  = 0x7061726c6579_02
)

// SQLSTATE codes the engine reacts to.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

// Open connects to a database given by URL and brings its schema up to date
// under a lock, so that several nodes may start together.
func Open(ctx context.Context, url string) (*sqlstore.DB, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := migrate(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("postgres: %w", err), db.Close())
	}
	return sqlstore.New(&engine{db: db}), nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(lockMigrate)); err != nil {
		return err
	}
	err = migrations.Up(ctx, db, migrations.Postgres)
	_, uerr := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(lockMigrate))
	return errors.Join(err, uerr)
}

type engine struct{ db *sql.DB }

var _ sqlstore.Engine = (*engine)(nil)

func (e *engine) Reader() sqlstore.Handle { return &handle{r: e.db} }

func (e *engine) Shards() int { return shards }

// Write implements sqlstore.Engine; a deadlock or a serialization failure is tried again.
func (e *engine) Write(ctx context.Context, fn func(sqlstore.Handle) error) error {
	for try := 1; ; try++ {
		err := e.writeOnce(ctx, fn)
		if try < attempts && e.Lost(err) {
			continue
		}
		return err
	}
}

func (e *engine) writeOnce(ctx context.Context, fn func(sqlstore.Handle) error) error {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return &im.Error{Kind: im.Busy, Op: "postgres.Write", Detail: "the server is busy", Err: err}
		}
		return fmt.Errorf("postgres: connect: %w", err)
	}
	defer conn.Close()
	// The caller's context ends statements, but not a commit in work: its outcome
	// would be unknown.
	t, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return fmt.Errorf("postgres: begin: %w", err)
	}
	defer t.Rollback() // nothing to do after a commit
	h := &handle{r: t}
	if err := fn(h); err != nil {
		return err
	}
	err = t.Commit()
	var answer *pgconn.PgError
	if err != nil && h.xid != "" && !errors.As(err, &answer) { // the server's answer was lost
		err = e.outcome(h.xid, err)
	}
	if err != nil {
		return fmt.Errorf("postgres: commit: %w", err)
	}
	return nil
}

// outcome finds out what became of a transaction whose commit was not answered:
// nil if it took place, else the cause. Its messages must neither be lost nor be
// stored again. The server may be away for a while, or still at the commit.
func (e *engine) outcome(xid string, cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		var status sql.NullString
		err := e.db.QueryRowContext(ctx, `SELECT pg_xact_status($1::text::xid8)`, xid).Scan(&status)
		switch {
		case err == nil && status.String == "committed":
			return nil
		case err == nil && status.String == "aborted":
			return cause
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w; whether it took place is unknown (%q, %v)", cause, status.String, err)
		}
	}
}

// Lost implements sqlstore.Engine.
func (e *engine) Lost(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == deadlockDetected || pg.Code == serializationFailure)
}

func (e *engine) LockOutbox(ctx context.Context, h sqlstore.Handle) error {
	_, err := h.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(lockOutbox))
	return err
}

// BumpCounters locks the senders' read positions before the counters: whoever
// marks a conversation as read takes them in that order too (the position, then,
// for an event about it, the counter), so the two cannot deadlock. The condition
// on the locked rows is what makes them come first.
func (e *engine) BumpCounters(ctx context.Context, h sqlstore.Handle, bumps []*sqlstore.Bump, raises []sqlstore.ReadRaise, now int64) error {
	ids := make([]string, len(bumps))
	messages := make([]int64, len(bumps))
	events := make([]int64, len(bumps))
	byID := make(map[string]*sqlstore.Bump, len(bumps))
	for i, b := range bumps {
		ids[i], messages[i], events[i] = b.ConversationID, b.Messages, b.Events
		byID[b.ConversationID] = b
	}
	users, read := make([]string, len(raises)), make([]string, len(raises))
	for i, r := range raises {
		users[i], read[i] = r.UserID, r.ConversationID
	}
	rows, err := h.Query(ctx, `WITH locked AS MATERIALIZED (
			SELECT s.read_seq FROM user_seqs s JOIN unnest($5::text[], $6::text[]) AS x(u, c) ON s.user_id = x.u AND s.conversation_id = x.c
			ORDER BY s.user_id, s.conversation_id FOR UPDATE OF s)
		INSERT INTO conversations AS c (conversation_id, max_seq, min_seq, max_seq_time, hook_seq)
		SELECT u.id, u.n, 0, $4::bigint, u.e FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS u(id, n, e)
		WHERE (SELECT count(*) FROM locked) >= 0 ORDER BY u.id COLLATE "C"
		ON CONFLICT (conversation_id) DO UPDATE SET max_seq = c.max_seq + excluded.max_seq,
			max_seq_time = excluded.max_seq_time, hook_seq = c.hook_seq + excluded.hook_seq
		RETURNING pg_current_xact_id()::text, c.conversation_id, c.max_seq, c.hook_seq, c.dropped = 1`, ids, messages, events, now, users, read)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var maxSeq, hookSeq int64
		var dropped bool
		if err := rows.Scan(&h.(*handle).xid, &id, &maxSeq, &hookSeq, &dropped); err != nil {
			return err
		}
		byID[id].MaxSeq, byID[id].HookSeq, byID[id].Dropped = maxSeq, hookSeq, dropped
	}
	return rows.Err()
}

func (e *engine) InsertMessages(ctx context.Context, h sqlstore.Handle, rows []*store.NewMessage, now int64) error {
	n := len(rows)
	conversations, senders, clientIDs, serverIDs := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	seqs, times := make([]int64, n), make([]int64, n)
	types := make([]int32, n)
	bodies := make([][]byte, n)
	for i, m := range rows {
		r := &m.Record
		conversations[i], senders[i], clientIDs[i], serverIDs[i] = r.ConversationID, r.SendID, r.ClientMsgID, r.ServerMsgID
		seqs[i], times[i], types[i], bodies[i] = r.Seq, r.SendTime, r.ContentType, r.Body
	}
	_, err := h.Exec(ctx, `INSERT INTO messages (conversation_id, seq, send_id, client_msg_id, server_msg_id, content_type,
			send_time, stored_at, is_read, body)
		SELECT c, s, f, k, v, t, w, $9, 0, b
		FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bigint[], $8::bytea[])
			WITH ORDINALITY AS u(c, s, f, k, v, t, w, b, place) ORDER BY place`,
		conversations, seqs, senders, clientIDs, serverIDs, types, times, bodies, now)
	return err
}

func (e *engine) RaiseReads(ctx context.Context, h sqlstore.Handle, raises []sqlstore.ReadRaise) error {
	n := len(raises)
	users, conversations, seqs := make([]string, n), make([]string, n), make([]int64, n)
	for i, r := range raises {
		users[i], conversations[i], seqs[i] = r.UserID, r.ConversationID, r.Seq
	}
	_, err := h.Exec(ctx, `INSERT INTO user_seqs AS s (user_id, conversation_id, min_seq, max_seq, read_seq)
		SELECT u, c, 0, 0, r FROM unnest($1::text[], $2::text[], $3::bigint[]) AS x(u, c, r) ORDER BY u COLLATE "C", c COLLATE "C"
		ON CONFLICT (user_id, conversation_id) DO UPDATE SET read_seq = GREATEST(s.read_seq, excluded.read_seq)`,
		users, conversations, seqs)
	return err
}

func (e *engine) InsertEvents(ctx context.Context, h sqlstore.Handle, events []*im.Event) error {
	n := len(events)
	eventIDs, lanes, operations := make([]string, n), make([]string, n), make([]string, n)
	laneSeqs, seqs, created := make([]int64, n), make([]int64, n), make([]int64, n)
	commands := make([]int16, n)
	bodies := make([][]byte, n)
	byID := make(map[string]*im.Event, n)
	for i, v := range events {
		eventIDs[i], lanes[i], operations[i] = v.EventID, v.Lane, v.OperationID
		laneSeqs[i], seqs[i], created[i] = v.LaneSeq, v.Seq, v.CreatedAt
		commands[i], bodies[i] = int16(v.Command), v.Body
		byID[v.EventID] = v
	}
	rows, err := h.Query(ctx, `INSERT INTO outbox (event_id, lane, lane_seq, command, seq, operation_id, body, created_at,
			attempts, next_at, last_error)
		SELECT i, l, n, c, s, o, b, t, 0, 0, ''
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::smallint[], $5::bigint[], $6::text[], $7::bytea[], $8::bigint[])
			WITH ORDINALITY AS u(i, l, n, c, s, o, b, t, place) ORDER BY place
		RETURNING event_id, id`, eventIDs, lanes, laneSeqs, commands, seqs, operations, bodies, created)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var eventID string
		var id int64
		if err := rows.Scan(&eventID, &id); err != nil {
			return err
		}
		byID[eventID].ID = id
	}
	return rows.Err()
}

func (e *engine) Ping(ctx context.Context) error {
	if err := e.db.PingContext(ctx); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return nil
}

func (e *engine) Close() error { return e.db.Close() }

// runner is what *sql.DB and *sql.Tx have in common.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// handle runs statements; the driver keeps them prepared on each connection.
type handle struct {
	r   runner
	xid string // the transaction's number with the server, once an append has asked for it
}

func (h *handle) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return h.r.ExecContext(ctx, query, args...)
}

func (h *handle) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return h.r.QueryContext(ctx, query, args...)
}

func (h *handle) QueryRow(ctx context.Context, query string, args ...any) sqlstore.Row {
	return h.r.QueryRowContext(ctx, query, args...)
}
