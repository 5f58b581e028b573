package sqlite

import (
	"context"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/sqlstore"
)

// The statements of the append path. They run once for each row: a list of rows
// in one statement is slower here.
//
// None of them has a RETURNING clause: SQLite collects its rows in a table of
// their own, which costs as much as the rest of the statement.

// BumpCounters reads the counters of all conversations, a few hundred at a time,
// and writes them back one by one. Nobody else writes in between.
func (e *engine) BumpCounters(ctx context.Context, h sqlstore.Handle, bumps []*sqlstore.Bump, _ []sqlstore.ReadRaise, now int64) error {
	ids := make([]string, len(bumps))
	byID := make(map[string]*sqlstore.Bump, len(bumps))
	rowids := make(map[string]int64, len(bumps))
	for i, b := range bumps {
		ids[i], byID[b.ConversationID] = b.ConversationID, b
	}
	err := sqlstore.InChunks(ids, 1, func(in string, args []any) error {
		rows, err := h.Query(ctx, `SELECT rowid, conversation_id, max_seq, hook_seq, dropped, closed FROM conversations WHERE conversation_id IN `+in, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var rowid, maxSeq, hookSeq int64
			var id string
			var dropped, closed bool
			if err := rows.Scan(&rowid, &id, &maxSeq, &hookSeq, &dropped, &closed); err != nil {
				return err
			}
			b := byID[id]
			b.MaxSeq, b.HookSeq, b.Dropped, b.Closed, rowids[id] = maxSeq, hookSeq, dropped, closed, rowid
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	for _, b := range bumps {
		rowid, found := rowids[b.ConversationID]
		if !found {
			b.MaxSeq, b.HookSeq = b.Messages, b.Events
			_, err = h.Exec(ctx, `INSERT INTO conversations (conversation_id, max_seq, min_seq, max_seq_time, hook_seq) VALUES ($1, $2, 0, $3, $4)`,
				b.ConversationID, b.MaxSeq, now, b.HookSeq)
		} else {
			b.MaxSeq, b.HookSeq = b.MaxSeq+b.Messages, b.HookSeq+b.Events
			_, err = h.Exec(ctx, `UPDATE conversations SET max_seq = $1, max_seq_time = $2, hook_seq = $3 WHERE rowid = $4`,
				b.MaxSeq, now, b.HookSeq, rowid)
		}
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
		r, err := h.Exec(ctx, `INSERT INTO outbox (event_id, endpoint, lane, lane_seq, command, seq, operation_id, body, created_at,
			attempts, next_at, last_error, message_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, '',
				COALESCE((SELECT id FROM messages WHERE conversation_id = $10 AND seq = $11), 0))`,
			v.EventID, v.Endpoint, v.Lane, v.LaneSeq, v.Command, v.Seq, v.OperationID, v.Body, v.CreatedAt, v.Lane, v.Seq)
		if err != nil {
			return err
		}
		if v.ID, err = r.LastInsertId(); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) LogEvents(ctx context.Context, h sqlstore.Handle, events []store.Settled, bodies bool) error {
	for i := range events {
		v := &events[i]
		_, err := h.Exec(ctx, `INSERT INTO webhook_log (event_id, endpoint, lane, lane_seq, command, seq, operation_id, body, created_at,
				outcome, attempts, settled_at, status, took, error, answer)
			SELECT event_id, endpoint, lane, lane_seq, command, seq, operation_id, CASE WHEN $1 THEN body END, created_at,
				$2, $3, $4, $5, $6, $7, $8 FROM outbox WHERE id = $9`,
			bodies, v.Outcome, v.Attempts, v.At, v.Last.Status, v.Last.Took, v.Last.Error, v.Last.Answer, v.ID)
		if err != nil {
			return err
		}
	}
	return nil
}
