package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// rowsLookedAt bounds what one page of a list of events costs, whatever its
// filter lets pass.
const rowsLookedAt = 20_000

// idSlack widens a range of event ids, in ms: an event is dated by its service,
// and numbered a little earlier or later.
const idSlack = int64(time.Minute / time.Millisecond)

// HookEvents looks at the rows of one part of the list, first at those that an
// index leads to, then at what the filter says of them.
func (q queries) HookEvents(ctx context.Context, f store.EventFilter, at store.EventCursor, limit int) (store.EventPage, error) {
	var page store.EventPage
	for ; at.Part < 2; at = (store.EventCursor{Part: at.Part + 1}) {
		inLog := (at.Part == 1) != f.OldestFirst
		if f.State != store.AnyState && inLog != (f.State >= store.StateDelivered) {
			continue
		}
		if len(page.Events) == limit {
			page.Next, page.More = at, true
			return page, nil
		}
		part, err := q.hookPage(ctx, f, at, inLog, limit-len(page.Events))
		if err != nil {
			return page, err
		}
		page.Events = append(page.Events, part.Events...)
		if page.Next, page.More = part.Next, part.More; page.More {
			return page, nil
		}
	}
	return page, nil
}

// conditions collects a WHERE clause.
type conditions struct {
	text []string
	args []any
}

// add appends a condition in which the word ARG stands for the argument.
func (c *conditions) add(text string, arg any) {
	c.args = append(c.args, arg)
	c.text = append(c.text, strings.ReplaceAll(text, "ARG", fmt.Sprintf("$%d", len(c.args))))
}

func (c *conditions) where() string {
	if len(c.text) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.text, " AND ")
}

const (
	outboxRecord = `id, event_id, endpoint, lane, lane_seq, command, seq, operation_id, created_at, attempts, next_at,
		CASE WHEN next_at = 0 THEN 1 WHEN dead = 0 THEN 2 ELSE 3 END AS state, 0 AS settled_at, 0 AS status, 0 AS took, last_error AS error, NULL AS answer`
	logRecord = `id, event_id, endpoint, lane, lane_seq, command, seq, operation_id, created_at, attempts, 0 AS next_at,
		outcome + 3 AS state, settled_at, status, took, error, answer`
)

// hookPage reads a page of one part of the list.
func (q queries) hookPage(ctx context.Context, f store.EventFilter, at store.EventCursor, inLog bool, limit int) (page store.EventPage, err error) {
	beyond, order, end := `id < ARG`, ` ORDER BY id DESC`, `min(id)`
	if f.OldestFirst {
		beyond, order, end = `id > ARG`, ` ORDER BY id`, `max(id)`
	}
	table, columns := "outbox", outboxRecord
	if inLog {
		table, columns = "webhook_log", logRecord
	}
	// Inside, what an index finds; the number of those rows is bounded.
	var c conditions
	if at.ID > 0 {
		c.add(beyond, at.ID)
	}
	switch {
	case f.EventID != "" && inLog:
		c.add(`event_id = ARG`, f.EventID)
	case inLog:
		if f.From > 0 {
			c.add(`event_id >= ARG`, im.EventIDFrom(f.From-idSlack))
		}
		if f.To > 0 {
			c.add(`event_id < ARG`, im.EventIDFrom(f.To+idSlack))
		}
	case f.State == store.StateWaiting:
		c.text = append(c.text, `next_at = 0`)
	case f.State == store.StateRetrying:
		c.text = append(c.text, `next_at > 0 AND dead = 0`)
	case f.State == store.StateDead:
		c.text = append(c.text, `next_at > 0 AND dead = 1`)
	}
	inner := c.where()
	n := len(c.args)
	c.text = nil
	c.args = append(c.args, rowsLookedAt)
	if f.EventID != "" {
		c.add(`event_id = ARG`, f.EventID)
	}
	if f.Endpoint != nil {
		c.add(`endpoint = ARG`, *f.Endpoint)
	}
	if f.State != store.AnyState {
		c.add(`state = ARG`, int64(f.State))
	}
	if f.Command != 0 {
		c.add(`command = ARG`, int64(f.Command))
	}
	if f.Lane != "" {
		c.add(`lane = ARG`, f.Lane)
	}
	if f.OperationID != "" {
		c.add(`operation_id = ARG`, f.OperationID)
	}
	if f.From > 0 {
		c.add(`created_at >= ARG`, f.From)
	}
	if f.To > 0 {
		c.add(`created_at < ARG`, f.To)
	}
	looked := fmt.Sprintf(`(SELECT %s FROM %s%s%s LIMIT $%d) AS looked`, columns, table, inner, order, n+1)
	outer := c.where()
	c.args = append(c.args, limit)
	page.Events, err = list(ctx, q.h, "HookEvents", func(s scanner, e *store.EventRecord) error {
		e.InLog = inLog
		err := s.Scan(&e.ID, &e.EventID, &e.Endpoint, &e.Lane, &e.LaneSeq, &e.Command, &e.Seq, &e.OperationID, &e.CreatedAt,
			&e.Attempts, &e.NextAt, &e.State, &e.SettledAt, &e.Last.Status, &e.Last.Took, &e.Last.Error, &e.Last.Answer)
		e.Last.Number, e.Last.At = e.Attempts, e.SettledAt
		return err
	}, `SELECT * FROM `+looked+outer+order+fmt.Sprintf(` LIMIT $%d`, len(c.args)), c.args...)
	if err != nil {
		return page, err
	}
	if len(page.Events) == limit {
		page.Next, page.More = store.EventCursor{Part: at.Part, ID: page.Events[limit-1].ID}, true
		return page, nil
	}
	// Fewer: either these were all, or the bound was met. Then it goes on beyond the last row looked at.
	var rows int
	var last sql.NullInt64
	err = q.h.QueryRow(ctx, `SELECT count(*), `+end+` FROM `+looked, c.args[:n+1]...).Scan(&rows, &last)
	if err != nil {
		return page, failed("HookEvents", err)
	}
	if rows == rowsLookedAt {
		page.Next, page.More = store.EventCursor{Part: at.Part, ID: last.Int64}, true
	}
	return page, nil
}

func (q queries) HookBody(ctx context.Context, e *store.EventRecord) (body []byte, err error) {
	query := `SELECT body FROM outbox WHERE id = $1 AND event_id = $2`
	if e.InLog {
		query = `SELECT body FROM webhook_log WHERE id = $1 AND event_id = $2`
	}
	err = q.h.QueryRow(ctx, query, e.ID, e.EventID).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) { // it went on meanwhile
		return nil, nil
	}
	return body, failed("HookBody", err)
}

func (q queries) HookAttempts(ctx context.Context, eventID, endpoint string, limit int) ([]store.Attempt, error) {
	return list(ctx, q.h, "HookAttempts", func(s scanner, a *store.Attempt) error {
		return s.Scan(&a.Number, &a.At, &a.Status, &a.Took, &a.Error, &a.Answer)
	}, `SELECT attempt, at, status, took, error, answer FROM webhook_attempts WHERE event_id = $1 AND endpoint = $2 ORDER BY attempt, id LIMIT $3`,
		eventID, endpoint, limit)
}

func (t *tx) ReplayEvents(ctx context.Context, events []store.EventRecord, now int64) (int, error) {
	n := 0
	var logged []int64
	for i := range events {
		e := &events[i]
		if e.InLog {
			logged = append(logged, e.ID)
			continue
		}
		// A fresh event is about to be sent; one that was attempted goes at once, with a schedule of its own.
		again, err := t.affected(ctx, `UPDATE outbox SET next_at = $1, dead = 0, failed_at = 0, base = attempts WHERE id = $2 AND next_at > 0`, now, e.ID)
		if err != nil {
			return 0, failed("ReplayEvents", err)
		}
		n += again
	}
	if len(logged) == 0 {
		return n, nil
	}
	if err := t.engine.LockOutbox(ctx, t.h); err != nil {
		return 0, failed("ReplayEvents", err)
	}
	for _, id := range logged {
		again, err := t.affected(ctx, `INSERT INTO outbox (event_id, endpoint, lane, lane_seq, command, seq, operation_id, body, created_at,
				attempts, next_at, last_error, base, message_id)
			SELECT event_id, endpoint, lane, lane_seq, command, seq, operation_id, body, created_at, attempts, $1, '', attempts,
				CASE WHEN seq > 0 THEN COALESCE((SELECT m.id FROM messages m WHERE m.conversation_id = l.lane AND m.seq = l.seq), 0) ELSE 0 END
			FROM webhook_log l WHERE id = $2 AND (seq > 0 OR body IS NOT NULL)
				AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.event_id = l.event_id AND o.endpoint = l.endpoint AND o.next_at > 0)`, now, id)
		if err != nil {
			return 0, failed("ReplayEvents", err)
		}
		n += again
	}
	return n, nil
}

func (t *tx) DiscardEvents(ctx context.Context, events []store.EventRecord, at int64, keep store.LogPolicy) ([]store.EventRecord, error) {
	var discarded []store.EventRecord
	var settled []store.Settled
	for i := range events {
		e := &events[i]
		if e.InLog {
			continue
		}
		// Nobody replays it from here on.
		dead, err := t.changed(ctx, `UPDATE outbox SET dead = 1 WHERE id = $1 AND next_at > 0 AND dead = 1`, e.ID)
		if err != nil {
			return nil, failed("DiscardEvents", err)
		}
		if dead {
			discarded = append(discarded, *e)
			settled = append(settled, store.Settled{ID: e.ID, Outcome: store.Discarded, Attempts: e.Attempts, At: at, Last: e.Last})
		}
	}
	return discarded, t.SettleEvents(ctx, settled, keep)
}

func (t *tx) PruneHookLog(ctx context.Context, before int64, most, limit int) (int, error) {
	n := 0
	for _, part := range []struct{ table, time string }{{"webhook_log", "settled_at"}, {"webhook_attempts", "at"}} {
		var first, last sql.NullInt64
		err := t.h.QueryRow(ctx, `SELECT (SELECT min(id) FROM `+part.table+`), (SELECT max(id) FROM `+part.table+`)`).Scan(&first, &last)
		if err != nil {
			return 0, failed("PruneHookLog", err)
		}
		if !first.Valid {
			continue
		}
		// Ids are given in the order of settling and deleted from the lowest, so their
		// distance bounds the number of rows.
		beyond := last.Int64 - int64(most)
		gone, err := t.affected(ctx, `DELETE FROM `+part.table+` WHERE id IN (SELECT id FROM (SELECT id, `+part.time+` AS at FROM `+part.table+`
			ORDER BY id LIMIT $1) AS oldest WHERE at < $2 OR id <= $3)`, limit, before, beyond)
		if err != nil {
			return 0, failed("PruneHookLog", err)
		}
		n += gone
	}
	return n, nil
}
