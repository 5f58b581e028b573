package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"parley/internal/im"
	"parley/internal/store"
)

// States of a message's row; every statement writes them as digits, so that
// partial indexes are found.
//
//	0 as it was sent, 1 revoked, 2 wiped

type deletion struct {
	conversationID string
	span           im.Span
}

func (q queries) Deletions(ctx context.Context, userID string, conversationIDs []string) (map[string][]im.Span, error) {
	found, err := listIn(ctx, q.h, "Deletions", func(s scanner, d *deletion) error {
		return s.Scan(&d.conversationID, &d.span.Lo, &d.span.Hi)
	}, `SELECT conversation_id, lo, hi FROM deletions WHERE user_id = $1 AND conversation_id IN IDS ORDER BY conversation_id, lo`,
		conversationIDs, userID)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	out := make(map[string][]im.Span)
	for _, d := range found {
		out[d.conversationID] = append(out[d.conversationID], d.span)
	}
	return out, nil
}

// DeleteForUser joins each new span with the ones it touches. Two devices that
// delete at the same time may leave spans that overlap, which readers take.
func (t *tx) DeleteForUser(ctx context.Context, userID, conversationID string, spans []im.Span) error {
	for _, n := range spans {
		touched, err := list(ctx, t.h, "DeleteForUser", func(s scanner, o *im.Span) error { return s.Scan(&o.Lo, &o.Hi) },
			`SELECT lo, hi FROM deletions WHERE conversation_id = $1 AND user_id = $2 AND lo <= $4 AND hi >= $3`,
			conversationID, userID, n.Lo-1, n.Hi+1)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(touched, func(o im.Span) bool { return o.Lo <= n.Lo && o.Hi >= n.Hi }) {
			continue
		}
		for _, o := range touched {
			n.Lo, n.Hi = min(n.Lo, o.Lo), max(n.Hi, o.Hi)
			_, err := t.h.Exec(ctx, `DELETE FROM deletions WHERE conversation_id = $1 AND user_id = $2 AND lo = $3`, conversationID, userID, o.Lo)
			if err != nil {
				return failed("DeleteForUser", err)
			}
		}
		_, err = t.h.Exec(ctx, `INSERT INTO deletions (conversation_id, user_id, lo, hi) VALUES ($1, $2, $3, $4)
			ON CONFLICT (conversation_id, user_id, lo) DO UPDATE SET hi = CASE WHEN deletions.hi > excluded.hi THEN deletions.hi ELSE excluded.hi END`,
			conversationID, userID, n.Lo, n.Hi)
		if err != nil {
			return failed("DeleteForUser", err)
		}
	}
	return nil
}

const revocationColumns = `conversation_id, seq, revoker_id, revoker_role, revoker_nickname, revoke_time, session_type,
	client_msg_id, send_id, sender_nickname, send_time`

func (q queries) Revocations(ctx context.Context, conversationID string, seqs []int64) ([]im.Revocation, error) {
	return listIn(ctx, q.h, "Revocations", func(s scanner, r *im.Revocation) error {
		return s.Scan(&r.ConversationID, &r.Seq, &r.RevokerID, &r.RevokerRole, &r.RevokerNickname, &r.RevokeTime, &r.SessionType,
			&r.ClientMsgID, &r.SendID, &r.SenderNickname, &r.SendTime)
	}, `SELECT `+revocationColumns+` FROM revocations WHERE conversation_id = $1 AND seq IN IDS`, seqs, conversationID)
}

func (t *tx) Revoke(ctx context.Context, r im.Revocation) (bool, error) {
	revoked, err := t.changed(ctx, `UPDATE messages SET state = 1 WHERE conversation_id = $1 AND seq = $2 AND state = 0`, r.ConversationID, r.Seq)
	if err != nil || !revoked {
		return false, failed("Revoke", err)
	}
	_, err = t.h.Exec(ctx, `INSERT INTO revocations (`+revocationColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		r.ConversationID, r.Seq, r.RevokerID, r.RevokerRole, r.RevokerNickname, r.RevokeTime, r.SessionType,
		r.ClientMsgID, r.SendID, r.SenderNickname, r.SendTime)
	return true, failed("Revoke", err)
}

func (t *tx) WipeMessages(ctx context.Context, conversationID string, seqs []int64) error {
	return InChunks(seqs, 2, func(in string, args []any) error {
		_, err := t.h.Exec(ctx, `UPDATE messages SET state = 2 WHERE conversation_id = $1 AND state <> 2 AND seq IN `+in,
			append([]any{conversationID}, args...)...)
		return failed("WipeMessages", err)
	})
}

// awaited is a condition: an undelivered event speaks of the message m. It is asked
// of the index for each message: a backlog may have millions of events.
const awaited = `EXISTS (SELECT 1 FROM outbox o WHERE o.message_id = m.id AND o.message_id > 0)`

func (q queries) WipedMessages(ctx context.Context, limit int) ([]int64, error) {
	return list(ctx, q.h, "WipedMessages", func(s scanner, id *int64) error { return s.Scan(id) },
		`SELECT m.id FROM messages m WHERE m.state = 2 AND NOT `+awaited+` ORDER BY m.id LIMIT $1`, limit)
}

func (t *tx) PurgeMessages(ctx context.Context, ids []int64) error {
	return InChunks(ids, 1, func(in string, args []any) error {
		_, err := t.h.Exec(ctx, `DELETE FROM messages WHERE id IN `+in, args...)
		return failed("PurgeMessages", err)
	})
}

// OldMessages relies on the append order being the order of storing: it reads
// from the start of the table and stops at the first message that is too young.
func (q queries) OldMessages(ctx context.Context, after, before int64, limit int) ([]store.OldMessage, error) {
	type old struct {
		store.OldMessage
		storedAt int64
	}
	rows, err := list(ctx, q.h, "OldMessages", func(s scanner, m *old) error {
		return s.Scan(&m.ID, &m.ConversationID, &m.Seq, &m.storedAt, &m.Awaited)
	}, `SELECT m.id, m.conversation_id, m.seq, m.stored_at, `+awaited+` FROM messages m WHERE m.id > $1 ORDER BY m.id LIMIT $2`, after, limit)
	if err != nil {
		return nil, err
	}
	var out []store.OldMessage
	for _, m := range rows {
		if m.storedAt >= before {
			break
		}
		out = append(out, m.OldMessage)
	}
	return out, nil
}

// SeqStoredBefore halves the range until it is found: numbers are given in the
// order of storing, and a conversation may have millions.
func (q queries) SeqStoredBefore(ctx context.Context, conversationID string, lo, hi, before int64) (int64, error) {
	found := int64(0)
	for lo <= hi {
		mid := lo + (hi-lo)/2
		var seq, storedAt int64
		err := q.h.QueryRow(ctx, `SELECT seq, stored_at FROM messages WHERE conversation_id = $1 AND seq BETWEEN $2 AND $3
			ORDER BY seq DESC LIMIT 1`, conversationID, lo, mid).Scan(&seq, &storedAt)
		switch {
		case errors.Is(err, sql.ErrNoRows): // nothing up to mid
			lo = mid + 1
		case err != nil:
			return 0, failed("SeqStoredBefore", err)
		case storedAt < before:
			found, lo = seq, mid+1
		default:
			hi = seq - 1
		}
	}
	return found, nil
}

// RaiseMinSeq locks the conversation's row first, as an append does.
func (t *tx) RaiseMinSeq(ctx context.Context, conversationID string, seq int64) error {
	raised, err := t.changed(ctx, `UPDATE conversations SET min_seq = $2 WHERE conversation_id = $1 AND min_seq < $2`, conversationID, seq)
	if err != nil || !raised {
		return failed("RaiseMinSeq", err)
	}
	if _, err = t.h.Exec(ctx, `DELETE FROM revocations WHERE conversation_id = $1 AND seq < $2`, conversationID, seq); err == nil {
		_, err = t.h.Exec(ctx, `DELETE FROM deletions WHERE conversation_id = $1 AND hi < $2`, conversationID, seq)
	}
	return failed("RaiseMinSeq", err)
}

// filtered is the condition of a search; $1 to $6 are the filter. Ids of chats
// begin with si_ or sg_, and '`' is the letter after '_'.
const filtered = ` FROM messages WHERE state <> 2
	AND ((conversation_id >= 'sg_' AND conversation_id < 'sg` + "`" + `' AND $1 <> 1) OR (conversation_id >= 'si_' AND conversation_id < 'si` + "`" + `' AND $1 <> 3))
	AND ($2 = '' OR send_id = $2)
	AND (CAST($3 AS TEXT) = '' OR conversation_id = 'sg_' || CAST($3 AS TEXT)
		OR conversation_id = CASE WHEN send_id < $3 THEN 'si_' || send_id || '_' || $3 ELSE 'si_' || $3 || '_' || send_id END)
	AND ($4 = 0 OR content_type = $4)
	AND send_time >= $5 AND (CAST($6 AS BIGINT) = 0 OR send_time < CAST($6 AS BIGINT))`

func (q queries) SearchMessages(ctx context.Context, f store.MessageFilter, offset, limit int) ([]im.Record, int, error) {
	if f.SessionType != 0 && f.SessionType != im.SessionSingle && f.SessionType != im.SessionGroup {
		return nil, 0, nil
	}
	args := []any{int64(f.SessionType), f.SendID, f.RecvID, int64(f.ContentType), f.From, f.To}
	var n int
	err := q.h.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 AS one`+filtered+` LIMIT $7) AS found`, append(args, store.MaxFound)...).Scan(&n)
	if err != nil {
		return nil, 0, failed("SearchMessages", err)
	}
	if limit == 0 {
		return nil, n, nil
	}
	page, err := list(ctx, q.h, "SearchMessages", scanRecord, `SELECT `+messageColumns+`, body`+filtered+` ORDER BY id LIMIT $7 OFFSET $8`,
		append(args[:6:6], limit, offset)...)
	return page, n, err
}
