package sqlstore

import (
	"context"
	"strings"

	"parley/internal/im"
	"parley/internal/store"
)

const outboxQuery = `SELECT o.id, o.event_id, o.lane, o.lane_seq, o.command, o.seq, o.operation_id, o.body, o.created_at,
	o.attempts, o.next_at, m.body FROM outbox o
	LEFT JOIN messages m ON o.seq > 0 AND m.conversation_id = o.lane AND m.seq = o.seq `

func scanEvent(s scanner, e *store.OutboxEvent) error {
	return s.Scan(&e.ID, &e.EventID, &e.Lane, &e.LaneSeq, &e.Command, &e.Seq, &e.OperationID, &e.Body, &e.CreatedAt,
		&e.Attempts, &e.NextAt, &e.Message)
}

func (q queries) Events(ctx context.Context, after int64, limit int) ([]store.OutboxEvent, error) {
	return list(ctx, q.h, "Events", scanEvent, outboxQuery+`WHERE o.id > $1 AND o.next_at = 0 ORDER BY o.id LIMIT $2`, after, limit)
}

func (q queries) DueEvents(ctx context.Context, now int64, limit int) ([]store.OutboxEvent, error) {
	return list(ctx, q.h, "DueEvents", scanEvent,
		outboxQuery+`WHERE o.next_at > 0 AND o.next_at <= $1 ORDER BY o.next_at, o.id LIMIT $2`, now, limit)
}

func (q queries) OutboxStats(ctx context.Context) (n, oldest int64, err error) {
	err = q.h.QueryRow(ctx, `SELECT count(*), COALESCE(min(created_at), 0) FROM outbox`).Scan(&n, &oldest)
	return n, oldest, failed("OutboxStats", err)
}

func (t *tx) AddEvents(ctx context.Context, events []*im.Event) error {
	if len(events) == 0 {
		return nil
	}
	if err := t.engine.LockOutbox(ctx, t.h); err != nil {
		return failed("AddEvents", err)
	}
	for _, e := range events {
		if err := t.nextLaneSeq(ctx, e); err != nil {
			return failed("AddEvents", err)
		}
	}
	return failed("AddEvents", t.engine.InsertEvents(ctx, t.h, events))
}

// nextLaneSeq numbers an event in its lane. Conversation lanes count beside the
// conversation's message counter, the others in a table of their own.
func (t *tx) nextLaneSeq(ctx context.Context, e *im.Event) error {
	query := `INSERT INTO conversations (conversation_id, max_seq, min_seq, max_seq_time, hook_seq) VALUES ($1, 0, 0, 0, 1)
		ON CONFLICT (conversation_id) DO UPDATE SET hook_seq = conversations.hook_seq + 1 RETURNING hook_seq`
	if strings.HasPrefix(e.Lane, "group:") || strings.HasPrefix(e.Lane, "user:") {
		query = `INSERT INTO lanes (lane, seq) VALUES ($1, 1) ON CONFLICT (lane) DO UPDATE SET seq = lanes.seq + 1 RETURNING seq`
	}
	return t.h.QueryRow(ctx, query, e.Lane).Scan(&e.LaneSeq)
}

func (t *tx) DeleteEvents(ctx context.Context, ids []int64) error {
	return inChunks(ids, 1, func(in string, args []any) error {
		_, err := t.h.Exec(ctx, `DELETE FROM outbox WHERE id IN `+in, args...)
		return failed("DeleteEvents", err)
	})
}

func (t *tx) RetryEvents(ctx context.Context, retries []store.Retry) error {
	for _, r := range retries {
		_, err := t.h.Exec(ctx, `UPDATE outbox SET attempts = $2, next_at = $3, last_error = $4 WHERE id = $1`, r.ID, r.Attempts, r.NextAt, r.Error)
		if err != nil {
			return failed("RetryEvents", err)
		}
	}
	return nil
}
