package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"parley/internal/im"
	"parley/internal/store"
)

const conversationColumns = `owner_user_id, conversation_id, recv_msg_opt, conversation_type, user_id, group_id, is_pinned,
	attached_info, is_private_chat, group_at_type, ex, burn_duration, min_seq, max_seq, msg_destruct_time,
	latest_msg_destruct_time, is_msg_destruct`

const conversationQuery = `SELECT ` + conversationColumns + ` FROM user_conversations WHERE owner_user_id = $1`

// conversationOrder is the order of a user's records.
const conversationOrder = ` ORDER BY create_time, conversation_id`

func scanConversation(s scanner, c *im.Conversation) error {
	return s.Scan(&c.OwnerUserID, &c.ConversationID, &c.RecvMsgOpt, &c.ConversationType, &c.UserID, &c.GroupID, &c.IsPinned,
		&c.AttachedInfo, &c.IsPrivateChat, &c.GroupAtType, &c.Ex, &c.BurnDuration, &c.MinSeq, &c.MaxSeq, &c.MsgDestructTime,
		&c.LatestMsgDestructTime, &c.IsMsgDestruct)
}

func (q queries) Conversation(ctx context.Context, ownerID, conversationID string) (*im.Conversation, error) {
	c := new(im.Conversation)
	err := scanConversation(q.h.QueryRow(ctx, `SELECT `+conversationColumns+` FROM user_conversations
		WHERE owner_user_id = $1 AND conversation_id = $2`, ownerID, conversationID), c)
	if err != nil {
		return nil, failed("Conversation", err)
	}
	return c, nil
}

func (q queries) Conversations(ctx context.Context, ownerID string, ids []string) ([]im.Conversation, error) {
	if ids == nil {
		return list(ctx, q.h, "Conversations", scanConversation, conversationQuery+conversationOrder, ownerID)
	}
	return listIn(ctx, q.h, "Conversations", scanConversation, conversationQuery+` AND conversation_id IN IDS`, ids, ownerID)
}

func (q queries) ConversationIDs(ctx context.Context, ownerID string) ([]string, error) {
	return list(ctx, q.h, "ConversationIDs", scanString, `SELECT conversation_id FROM user_conversations
		WHERE owner_user_id = $1`+conversationOrder, ownerID)
}

func (q queries) ConversationsPage(ctx context.Context, ownerID string, offset, limit int) ([]im.Conversation, int, error) {
	total, err := q.count(ctx, "ConversationsPage", `user_conversations WHERE owner_user_id = $1`, ownerID)
	if err != nil {
		return nil, 0, err
	}
	page, err := list(ctx, q.h, "ConversationsPage", scanConversation,
		conversationQuery+conversationOrder+` LIMIT $2 OFFSET $3`, ownerID, limit, offset)
	return page, total, err
}

func (q queries) ConversationSeqs(ctx context.Context, ownerID string, ids []string) ([]store.ConversationSeq, error) {
	const query = `SELECT r.conversation_id, r.max_seq, r.is_pinned, COALESCE(c.max_seq, 0), COALESCE(c.min_seq, 0), COALESCE(c.max_seq_time, 0),
		COALESCE(u.min_seq, 0), COALESCE(u.max_seq, 0), COALESCE(u.read_seq, 0), r.create_time
		FROM user_conversations r
		LEFT JOIN conversations c ON c.conversation_id = r.conversation_id
		LEFT JOIN user_seqs u ON u.user_id = r.owner_user_id AND u.conversation_id = r.conversation_id
		WHERE r.owner_user_id = $1`
	if ids == nil {
		return list(ctx, q.h, "ConversationSeqs", scanConversationSeq, query, ownerID)
	}
	return listIn(ctx, q.h, "ConversationSeqs", scanConversationSeq, query+` AND r.conversation_id IN IDS`, ids, ownerID)
}

func scanConversationSeq(s scanner, c *store.ConversationSeq) error {
	err := s.Scan(&c.State.ConversationID, &c.Bound, &c.Pinned, &c.State.MaxSeq, &c.State.MinSeq, &c.State.MaxSeqTime,
		&c.User.MinSeq, &c.User.MaxSeq, &c.User.ReadSeq, &c.CreateTime)
	c.User.ConversationID = c.State.ConversationID
	return err
}

func (q queries) SeqStates(ctx context.Context, ids []string) (map[string]im.SeqState, error) {
	found, err := listIn(ctx, q.h, "SeqStates", func(s scanner, v *im.SeqState) error {
		return s.Scan(&v.ConversationID, &v.MaxSeq, &v.MinSeq, &v.MaxSeqTime)
	}, `SELECT conversation_id, max_seq, min_seq, max_seq_time FROM conversations WHERE max_seq > 0 AND conversation_id IN IDS`, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]im.SeqState, len(found))
	for _, v := range found {
		out[v.ConversationID] = v
	}
	return out, nil
}

func (q queries) UserSeqs(ctx context.Context, userID string, ids []string) (map[string]im.UserSeqs, error) {
	found, err := listIn(ctx, q.h, "UserSeqs", func(s scanner, v *im.UserSeqs) error {
		return s.Scan(&v.ConversationID, &v.MinSeq, &v.MaxSeq, &v.ReadSeq)
	}, `SELECT conversation_id, min_seq, max_seq, read_seq FROM user_seqs WHERE user_id = $1 AND conversation_id IN IDS`, ids, userID)
	if err != nil {
		return nil, err
	}
	out := make(map[string]im.UserSeqs, len(found))
	for _, v := range found {
		out[v.ConversationID] = v
	}
	return out, nil
}

func (t *tx) InsertConversations(ctx context.Context, records []im.Conversation, now int64) ([]im.Conversation, error) {
	type key struct{ owner, conversation string }
	added := make(map[key]bool, len(records))
	const row = `($%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d)`
	err := inRows(records, func(part []im.Conversation) error {
		args := make([]any, 0, 18*len(part))
		for i := range part {
			c := &part[i]
			args = append(args, c.OwnerUserID, c.ConversationID, c.RecvMsgOpt, c.ConversationType, c.UserID, c.GroupID, bit(c.IsPinned),
				c.AttachedInfo, bit(c.IsPrivateChat), c.GroupAtType, c.Ex, c.BurnDuration, c.MinSeq, c.MaxSeq, c.MsgDestructTime,
				c.LatestMsgDestructTime, bit(c.IsMsgDestruct), now)
		}
		keys, err := list(ctx, t.h, "InsertConversations", func(s scanner, k *key) error { return s.Scan(&k.owner, &k.conversation) },
			`INSERT INTO user_conversations (`+conversationColumns+`, create_time) VALUES `+rowsText(len(part), row)+`
			ON CONFLICT (owner_user_id, conversation_id) DO NOTHING RETURNING owner_user_id, conversation_id`, args...)
		for _, k := range keys {
			added[k] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var inserted []im.Conversation
	for i := range records {
		k := key{records[i].OwnerUserID, records[i].ConversationID}
		if added[k] {
			delete(added, k) // the first one counts
			inserted = append(inserted, records[i])
		}
	}
	return inserted, nil
}

// RaiseReadSeq changes the position only if it is what was read before, so that
// what it reports is true also when another node raises it at the same time.
func (t *tx) RaiseReadSeq(ctx context.Context, userID, conversationID string, seq int64) (before, after int64, err error) {
	for {
		found := true
		err := t.h.QueryRow(ctx, `SELECT read_seq FROM user_seqs WHERE user_id = $1 AND conversation_id = $2`,
			userID, conversationID).Scan(&before)
		if errors.Is(err, sql.ErrNoRows) {
			found, before, err = false, 0, nil
		}
		if err != nil {
			return 0, 0, failed("RaiseReadSeq", err)
		}
		if seq <= before {
			return before, before, nil
		}
		query := `UPDATE user_seqs SET read_seq = $3 WHERE user_id = $1 AND conversation_id = $2 AND read_seq = $4`
		if !found {
			query = `INSERT INTO user_seqs (user_id, conversation_id, min_seq, max_seq, read_seq) VALUES ($1, $2, 0, $4, $3)
				ON CONFLICT (user_id, conversation_id) DO NOTHING`
		}
		raised, err := t.changed(ctx, query, userID, conversationID, seq, before)
		if err != nil {
			return 0, 0, failed("RaiseReadSeq", err)
		}
		if raised {
			return before, seq, nil
		}
	}
}
