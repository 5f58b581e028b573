package sqlstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
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

// AddEvents keeps the events for the end of the transaction. The lock that puts
// outbox ids in commit order is the last one every transaction takes: held
// shortly, and never by one that still waits for a row another writer has.
func (t *tx) AddEvents(_ context.Context, events []*im.Event) error {
	t.events = append(t.events, events...)
	return nil
}

// writeEvents stores the events of messages, which have their places in the lane
// already, and after them those of AddEvents. Nothing else follows in the transaction.
func (t *tx) writeEvents(ctx context.Context, ofMessages []*im.Event) error {
	if len(ofMessages)+len(t.events) == 0 {
		return nil
	}
	if err := t.numberLanes(ctx); err != nil {
		return failed("AddEvents: lanes", err)
	}
	if err := t.engine.LockOutbox(ctx, t.h); err != nil {
		return failed("AddEvents: lock", err)
	}
	return failed("AddEvents", t.engine.InsertEvents(ctx, t.h, append(ofMessages, t.events...)))
}

// numberLanes gives the events of AddEvents their places. Conversation lanes count
// beside the conversation's message counter, the others in a table of their own.
// Lanes are raised in one order for all writers, conversations first as in Append.
func (t *tx) numberLanes(ctx context.Context) error {
	last := make(map[string]int64, 1) // at first the number of events
	for _, e := range t.events {
		last[e.Lane]++
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
	for _, e := range t.events {
		last[e.Lane]++
		e.LaneSeq = last[e.Lane]
	}
	return nil
}

// isConversation reports whether a lane is a conversation's.
func isConversation(lane string) bool {
	return !strings.HasPrefix(lane, im.GroupLane("")) && !strings.HasPrefix(lane, im.UserLane(""))
}

func (t *tx) DeleteEvents(ctx context.Context, ids []int64) error {
	return InChunks(ids, 1, func(in string, args []any) error {
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
