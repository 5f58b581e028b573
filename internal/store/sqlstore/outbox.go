package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"parley/internal/im"
	"parley/internal/store"
)

// outboxQuery finds the message by its place, and makes sure that it is the one:
// a place at the end of the log is given again when its message is removed.
const outboxQuery = `SELECT o.id, o.event_id, o.endpoint, o.lane, o.lane_seq, o.command, o.seq, o.operation_id, o.body, o.created_at,
	o.attempts, o.next_at, o.failed_at, o.base, o.dead, o.last_error, m.body FROM outbox o
	LEFT JOIN messages m ON o.message_id > 0 AND m.id = o.message_id AND m.conversation_id = o.lane AND m.seq = o.seq `

func scanEvent(s scanner, e *store.OutboxEvent) error {
	return s.Scan(&e.ID, &e.EventID, &e.Endpoint, &e.Lane, &e.LaneSeq, &e.Command, &e.Seq, &e.OperationID, &e.Body, &e.CreatedAt,
		&e.Attempts, &e.NextAt, &e.FailedAt, &e.Base, &e.Dead, &e.LastError, &e.Message)
}

func (q queries) Events(ctx context.Context, after int64, limit int) ([]store.OutboxEvent, error) {
	return list(ctx, q.h, "Events", scanEvent, outboxQuery+`WHERE o.id > $1 AND o.next_at = 0 ORDER BY o.id LIMIT $2`, after, limit)
}

func (q queries) EndpointEvents(ctx context.Context, endpoint string, after int64, limit int) ([]store.OutboxEvent, error) {
	return list(ctx, q.h, "EndpointEvents", scanEvent,
		outboxQuery+`WHERE o.endpoint = $1 AND o.id > $2 AND o.next_at = 0 ORDER BY o.id LIMIT $3`, endpoint, after, limit)
}

func (q queries) LastEvent(ctx context.Context) (id int64, err error) {
	err = q.h.QueryRow(ctx, `SELECT COALESCE(max(id), 0) FROM outbox`).Scan(&id)
	return id, failed("LastEvent", err)
}

func (q queries) DueEvents(ctx context.Context, endpoint string, now int64, limit int) ([]store.OutboxEvent, error) {
	return list(ctx, q.h, "DueEvents", scanEvent,
		outboxQuery+`WHERE o.endpoint = $1 AND o.next_at > 0 AND o.next_at <= $2 AND o.dead = 0 ORDER BY o.next_at, o.id LIMIT $3`, endpoint, now, limit)
}

// Backlog counts in the partial indexes.
func (q queries) Backlog(ctx context.Context, endpoint string) (b store.Backlog, err error) {
	var first, last, end sql.NullInt64
	err = q.h.QueryRow(ctx, `SELECT count(*), min(id), max(id), (SELECT max(id) FROM outbox) FROM
		(SELECT id FROM outbox WHERE endpoint = $1 AND next_at = 0 ORDER BY id LIMIT $2) AS counted`, endpoint, store.BacklogExact).
		Scan(&b.Waiting, &first, &last, &end)
	if err != nil {
		return b, failed("Backlog", err)
	}
	if b.Waiting == store.BacklogExact { // go on as if the rest of the table held as large a share of them
		share := float64(b.Waiting) / float64(last.Int64-first.Int64+1)
		b.Waiting += int64(share * float64(end.Int64-last.Int64))
	}
	for _, part := range []struct {
		condition string
		n         *int64
	}{{`next_at > 0 AND dead = 0`, &b.Retrying}, {`next_at > 0 AND dead = 1`, &b.Dead}} {
		err := q.h.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 AS one FROM outbox WHERE endpoint = $1 AND `+part.condition+` LIMIT $2) AS counted`,
			endpoint, store.BacklogExact).Scan(part.n)
		if err != nil {
			return b, failed("Backlog", err)
		}
	}
	err = q.h.QueryRow(ctx, `SELECT COALESCE(min(created_at), 0) FROM (
			SELECT created_at FROM (SELECT created_at FROM outbox WHERE endpoint = $1 AND next_at = 0 ORDER BY id LIMIT 1) AS fresh
			UNION ALL
			SELECT created_at FROM (SELECT created_at FROM outbox WHERE endpoint = $1 AND next_at > 0 AND dead = 0
				ORDER BY next_at, id LIMIT $2) AS due) AS first`, endpoint, dueLookedAt).Scan(&b.Oldest)
	return b, failed("Backlog", err)
}

// dueLookedAt is the number of retries among which the oldest event is looked
// for. They are in the order of their next attempt, not of their age.
const dueLookedAt = 1000

// AddEvents keeps the events for the end of the transaction. The lock that puts
// outbox ids in commit order is the last one every transaction takes: held
// shortly, and never by one that still waits for a row another writer has.
func (t *tx) AddEvents(_ context.Context, events []*im.Event) error {
	for _, e := range events {
		e.LaneSeq = 0 // it has one from a transaction that was lost
	}
	t.events = append(t.events, events...)
	return nil
}

// writeEvents stores the events of messages and after them those of AddEvents.
// Nothing else follows in the transaction. Events of messages for the main
// endpoint have their places in the lane already.
func (t *tx) writeEvents(ctx context.Context, ofMessages []*im.Event) error {
	if len(ofMessages)+len(t.events) == 0 {
		return nil
	}
	all := append(ofMessages, t.events...)
	if err := t.numberLanes(ctx, all); err != nil {
		return failed("AddEvents: lanes", err)
	}
	if err := t.engine.LockOutbox(ctx, t.h); err != nil {
		return failed("AddEvents: lock", err)
	}
	t.written = all
	return failed("AddEvents", t.engine.InsertEvents(ctx, t.h, all))
}

// numberLanes gives events their places that have none yet. Conversation lanes of
// the main endpoint count beside the conversation's message counter, all others
// in a table of their own. Lanes are raised in one order for all writers,
// conversations first as in Append.
func (t *tx) numberLanes(ctx context.Context, events []*im.Event) error {
	last := make(map[string]int64, 1) // at first the number of events
	for _, e := range events {
		if e.LaneSeq == 0 {
			last[laneKey(e)]++
		}
	}
	lanes := slices.SortedFunc(maps.Keys(last), func(a, b string) int {
		return cmp.Or(bit(!isConversation(a))-bit(!isConversation(b)), cmp.Compare(a, b))
	})
	for _, lane := range lanes {
		query := `INSERT INTO lanes (lane, seq) VALUES ($1, $2) ON CONFLICT (lane) DO UPDATE SET seq = lanes.seq + $2 RETURNING seq`
		if isConversation(lane) {
			query = `INSERT INTO conversations (conversation_id, max_seq, min_seq, max_seq_time, hook_seq) VALUES ($1, 0, 0, 0, $2)
				ON CONFLICT (conversation_id) DO UPDATE SET hook_seq = conversations.hook_seq + $2 RETURNING hook_seq`
		}
		n := last[lane]
		var raised int64
		if err := t.h.QueryRow(ctx, query, lane, n).Scan(&raised); err != nil {
			return err
		}
		last[lane] = raised - n
	}
	for _, e := range events {
		if e.LaneSeq == 0 {
			key := laneKey(e)
			last[key]++
			e.LaneSeq = last[key]
		}
	}
	return nil
}

// laneKey names the counter of an event's lane. Each endpoint counts for itself.
func laneKey(e *im.Event) string {
	if e.Endpoint == im.MainEndpoint {
		return e.Lane
	}
	return e.Endpoint + "/" + e.Lane
}

// isConversation reports whether a counter is a conversation's.
func isConversation(key string) bool {
	return !strings.HasPrefix(key, im.GroupLane("")) && !strings.HasPrefix(key, im.UserLane("")) && !im.IsEndpointID(key)
}

func (t *tx) DeleteEvents(ctx context.Context, ids []int64) error {
	return InChunks(ids, 1, func(in string, args []any) error {
		_, err := t.h.Exec(ctx, `DELETE FROM outbox WHERE id IN `+in, args...)
		return failed("DeleteEvents", err)
	})
}

func (t *tx) DeleteEndpointEvents(ctx context.Context, endpoint string, limit int) (int, error) {
	n := 0
	for _, condition := range []string{`next_at = 0`, `next_at > 0 AND dead = 0`, `next_at > 0 AND dead = 1`} {
		gone, err := t.affected(ctx, `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE endpoint = $1 AND `+condition+` LIMIT $2)`,
			endpoint, limit)
		if err != nil {
			return 0, failed("DeleteEndpointEvents", err)
		}
		n += gone
	}
	if endpoint == im.MainEndpoint { // its lanes are shared with nobody, and go on counting
		return n, nil
	}
	// '0' is the character after '/'.
	gone, err := t.affected(ctx, `DELETE FROM lanes WHERE lane IN (SELECT lane FROM lanes WHERE lane > $1 AND lane < $2 LIMIT $3)`,
		endpoint+"/", endpoint+"0", limit)
	return n + gone, failed("DeleteEndpointEvents", err)
}

// affected runs a statement and returns the number of rows it changed.
func (t *tx) affected(ctx context.Context, query string, args ...any) (int, error) {
	r, err := t.h.Exec(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}

func (t *tx) SettleEvents(ctx context.Context, events []store.Settled, keep store.LogPolicy) error {
	if len(events) == 0 {
		return nil
	}
	if !keep.Off {
		if err := t.engine.LogEvents(ctx, t.h, events, keep.Bodies); err != nil {
			return failed("SettleEvents", err)
		}
	}
	ids := make([]int64, len(events))
	for i := range events {
		ids[i] = events[i].ID
	}
	return t.DeleteEvents(ctx, ids)
}

func (t *tx) RetryEvents(ctx context.Context, retries []store.Retry) error {
	for i := range retries {
		r := &retries[i]
		_, err := t.h.Exec(ctx, `UPDATE outbox SET attempts = $1, next_at = $2, failed_at = $3, dead = $4, last_error = $5 WHERE id = $6`,
			r.Attempts, r.NextAt, r.FailedAt, bit(r.Dead), r.Error, r.ID)
		if err == nil && r.Attempt != nil {
			a := r.Attempt
			_, err = t.h.Exec(ctx, `INSERT INTO webhook_attempts (event_id, endpoint, attempt, at, status, took, error, answer)
				SELECT event_id, endpoint, $1, $2, $3, $4, $5, $6 FROM outbox WHERE id = $7`,
				a.Number, a.At, a.Status, a.Took, a.Error, a.Answer, r.ID)
		}
		if err != nil {
			return failed("RetryEvents", err)
		}
	}
	return nil
}
