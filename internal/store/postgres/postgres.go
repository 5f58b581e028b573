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
	attempts = 8
)

// Advisory lock keys of this program.
const (
	lockMigrate = 0x7061726c6579_01
	lockOutbox  = 0x7061726c6579_02
	lockAgain   = 0x7061726c6579_03
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

// Status returns the steps of the schema and which of them the database has.
func Status(ctx context.Context, url string) ([]migrations.Step, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	steps, err := migrations.Status(ctx, db, migrations.Postgres)
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return steps, nil
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

// Write implements sqlstore.Engine; a deadlock or a serialization failure is tried
// again. Transactions that are tried again go one at a time, on all nodes: what met
// once would else meet again.
func (e *engine) Write(ctx context.Context, fn func(sqlstore.Handle) error) error {
	for try := 1; ; try++ {
		run := fn
		if try > 1 {
			run = func(h sqlstore.Handle) error {
				if _, err := h.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(lockAgain)); err != nil {
					return fmt.Errorf("postgres: lock to try again: %w", err)
				}
				return fn(h)
			}
		}
		err := e.writeOnce(ctx, run)
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
		RETURNING pg_current_xact_id()::text, c.conversation_id, c.max_seq, c.hook_seq, c.dropped = 1, c.closed = 1`, ids, messages, events, now, users, read)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var maxSeq, hookSeq int64
		var dropped, closed bool
		if err := rows.Scan(&h.(*handle).xid, &id, &maxSeq, &hookSeq, &dropped, &closed); err != nil {
			return err
		}
		b := byID[id]
		b.MaxSeq, b.HookSeq, b.Dropped, b.Closed = maxSeq, hookSeq, dropped, closed
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
	eventIDs, endpoints, lanes, operations := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	laneSeqs, seqs, created := make([]int64, n), make([]int64, n), make([]int64, n)
	commands := make([]int16, n)
	bodies := make([][]byte, n)
	type key struct{ event, endpoint string }
	byID := make(map[key]*im.Event, n)
	for i, v := range events {
		eventIDs[i], endpoints[i], lanes[i], operations[i] = v.EventID, v.Endpoint, v.Lane, v.OperationID
		laneSeqs[i], seqs[i], created[i] = v.LaneSeq, v.Seq, v.CreatedAt
		commands[i], bodies[i] = int16(v.Command), v.Body
		byID[key{v.EventID, v.Endpoint}] = v
	}
	rows, err := h.Query(ctx, `INSERT INTO outbox (event_id, endpoint, lane, lane_seq, command, seq, operation_id, body, created_at,
			attempts, next_at, last_error, message_id)
		SELECT i, e, l, n, c, s, o, b, t, 0, 0, '',
			CASE WHEN s > 0 THEN COALESCE((SELECT m.id FROM messages m WHERE m.conversation_id = l AND m.seq = s), 0) ELSE 0 END
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::smallint[], $6::bigint[], $7::text[], $8::bytea[], $9::bigint[])
			WITH ORDINALITY AS u(i, e, l, n, c, s, o, b, t, place) ORDER BY place
		RETURNING event_id, endpoint, id`, eventIDs, endpoints, lanes, laneSeqs, commands, seqs, operations, bodies, created)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		var id int64
		if err := rows.Scan(&k.event, &k.endpoint, &id); err != nil {
			return err
		}
		byID[k].ID = id
	}
	return rows.Err()
}

func (e *engine) LogEvents(ctx context.Context, h sqlstore.Handle, events []store.Settled, bodies bool) error {
	n := len(events)
	ids, at, took := make([]int64, n), make([]int64, n), make([]int64, n)
	outcomes, attempts, status := make([]int16, n), make([]int32, n), make([]int32, n)
	faults, answers := make([]string, n), make([][]byte, n)
	for i := range events {
		v := &events[i]
		ids[i], at[i], outcomes[i], attempts[i] = v.ID, v.At, int16(v.Outcome), int32(v.Attempts)
		took[i], status[i], faults[i], answers[i] = v.Last.Took, int32(v.Last.Status), v.Last.Error, v.Last.Answer
	}
	_, err := h.Exec(ctx, `INSERT INTO webhook_log (event_id, endpoint, lane, lane_seq, command, seq, operation_id, body, created_at,
			outcome, attempts, settled_at, status, took, error, answer)
		SELECT event_id, endpoint, lane, lane_seq, command, seq, operation_id, CASE WHEN $9::bool THEN body END, created_at, x, n, t, s, d, f, a
		FROM outbox o JOIN unnest($1::bigint[], $2::smallint[], $3::int[], $4::bigint[], $5::int[], $6::bigint[], $7::text[], $8::bytea[])
			AS u(i, x, n, t, s, d, f, a) ON o.id = u.i ORDER BY o.id`, ids, outcomes, attempts, at, status, took, faults, answers, bodies)
	return err
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
