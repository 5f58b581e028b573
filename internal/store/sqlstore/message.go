package sqlstore

import (
	"context"
	"math"

	"parley/internal/im"
)

const messageColumns = `id, conversation_id, seq, send_id, client_msg_id, server_msg_id, content_type, send_time, is_read, state = 1`

func scanRecord(s scanner, r *im.Record) error {
	return s.Scan(&r.ID, &r.ConversationID, &r.Seq, &r.SendID, &r.ClientMsgID, &r.ServerMsgID, &r.ContentType, &r.SendTime, &r.IsRead, &r.Revoked, &r.Body)
}

func (q queries) Messages(ctx context.Context, conversationID string, lo, hi int64) ([]im.Record, error) {
	return list(ctx, q.h, "Messages", scanRecord, `SELECT `+messageColumns+`, body FROM messages
		WHERE conversation_id = $1 AND seq BETWEEN $2 AND $3 AND state <> 2 ORDER BY seq`, conversationID, lo, hi)
}

func (q queries) MessagesAt(ctx context.Context, conversationID string, seqs []int64) ([]im.Record, error) {
	return listIn(ctx, q.h, "MessagesAt", scanRecord, `SELECT `+messageColumns+`, body FROM messages
		WHERE conversation_id = $1 AND seq IN IDS AND state <> 2 ORDER BY seq`, seqs, conversationID)
}

func (q queries) LastMessage(ctx context.Context, conversationID string, lo, hi int64) (*im.Record, error) {
	r := new(im.Record)
	err := scanRecord(q.h.QueryRow(ctx, `SELECT `+messageColumns+`, body FROM messages
		WHERE conversation_id = $1 AND seq BETWEEN $2 AND $3 AND state <> 2 ORDER BY seq DESC LIMIT 1`, conversationID, lo, hi), r)
	if err != nil {
		return nil, failed("LastMessage", err)
	}
	return r, nil
}

// recentPage is how many rows RecentMessages reads at a time.
const recentPage = 4096

// RecentMessages relies on the append order being the order of time: it reads from
// the end of the table, without an index of times, until a page ends with a message
// that is too old.
func (q queries) RecentMessages(ctx context.Context, since int64, limit int) ([]im.Record, error) {
	var out []im.Record
	before := int64(math.MaxInt64)
	for limit > 0 {
		page, err := list(ctx, q.h, "RecentMessages", func(s scanner, r *recent) error {
			return s.Scan(&r.ID, &r.ConversationID, &r.Seq, &r.SendID, &r.ClientMsgID, &r.ServerMsgID, &r.ContentType, &r.SendTime, &r.IsRead, &r.Revoked, &r.storedAt)
		}, `SELECT `+messageColumns+`, stored_at FROM messages WHERE id < $1 ORDER BY id DESC LIMIT $2`, before, min(limit, recentPage))
		if err != nil {
			return nil, err
		}
		for i := range page {
			if page[i].storedAt >= since {
				out = append(out, page[i].Record)
			}
		}
		if len(page) < min(limit, recentPage) || page[len(page)-1].storedAt < since {
			break
		}
		limit -= len(page)
		before = page[len(page)-1].ID
	}
	return out, nil
}

type recent struct {
	im.Record
	storedAt int64
}

func (t *tx) SetRead(ctx context.Context, conversationID, userID string, lo, hi int64, seqs []int64) error {
	if hi >= lo {
		_, err := t.h.Exec(ctx, `UPDATE messages SET is_read = 1
			WHERE conversation_id = $1 AND seq BETWEEN $3 AND $4 AND is_read = 0 AND send_id <> $2`, conversationID, userID, lo, hi)
		if err != nil {
			return failed("SetRead", err)
		}
	}
	return InChunks(seqs, 3, func(in string, args []any) error {
		_, err := t.h.Exec(ctx, `UPDATE messages SET is_read = 1
			WHERE conversation_id = $1 AND is_read = 0 AND send_id <> $2 AND seq IN `+in, append([]any{conversationID, userID}, args...)...)
		return failed("SetRead", err)
	})
}
