package sqlstore

import (
	"context"
	"database/sql"

	"parley/internal/im"
)

func (q queries) ConversationsWith(ctx context.Context, userID, after string, limit int) ([]im.Conversation, error) {
	return list(ctx, q.h, "ConversationsWith", scanConversation, `SELECT `+conversationColumns+` FROM user_conversations
		WHERE user_id = $1 AND user_id <> '' AND owner_user_id > $2 ORDER BY owner_user_id, conversation_id LIMIT $3`, userID, after, limit)
}

func (q queries) DueDestructs(ctx context.Context, now int64, limit int) ([]im.Conversation, error) {
	return list(ctx, q.h, "DueDestructs", scanConversation, `SELECT `+conversationColumns+` FROM user_conversations
		WHERE is_msg_destruct = 1 AND msg_destruct_time <> 0 AND msg_destruct_time < ($1 - latest_msg_destruct_time) / 1000 LIMIT $2`, now, limit)
}

func bits(b *bool) *int {
	if b == nil {
		return nil
	}
	v := bit(*b)
	return &v
}

// PatchConversation changes the settings in one statement, so that two patches of
// different settings at a time do not undo each other.
func (t *tx) PatchConversation(ctx context.Context, ownerID, conversationID string, p im.ConversationPatch) error {
	found, err := t.changed(ctx, `UPDATE user_conversations SET recv_msg_opt = COALESCE($3, recv_msg_opt), is_pinned = COALESCE($4, is_pinned),
		attached_info = COALESCE($5, attached_info), is_private_chat = COALESCE($6, is_private_chat), ex = COALESCE($7, ex),
		burn_duration = COALESCE($8, burn_duration), group_at_type = COALESCE($9, group_at_type),
		msg_destruct_time = COALESCE($10, msg_destruct_time), is_msg_destruct = COALESCE($11, is_msg_destruct)
		WHERE owner_user_id = $1 AND conversation_id = $2`, ownerID, conversationID, p.RecvMsgOpt, bits(p.IsPinned), p.AttachedInfo,
		bits(p.IsPrivateChat), p.Ex, p.BurnDuration, p.GroupAtType, p.MsgDestructTime, bits(p.IsMsgDestruct))
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return failed("PatchConversation", err)
}

func (t *tx) RaiseUserMinSeq(ctx context.Context, userID, conversationID string, seq int64) error {
	_, err := t.h.Exec(ctx, `INSERT INTO user_seqs (user_id, conversation_id, min_seq, max_seq, read_seq) VALUES ($1, $2, $3, 0, 0)
		ON CONFLICT (user_id, conversation_id) DO UPDATE SET min_seq = CASE WHEN user_seqs.min_seq > $3 THEN user_seqs.min_seq ELSE $3 END`,
		userID, conversationID, seq)
	if err != nil {
		return failed("RaiseUserMinSeq", err)
	}
	_, err = t.h.Exec(ctx, `UPDATE user_conversations SET min_seq = $3 WHERE owner_user_id = $1 AND conversation_id = $2 AND min_seq < $3`,
		userID, conversationID, seq)
	if err != nil {
		return failed("RaiseUserMinSeq", err)
	}
	// What lies below the bound need not be remembered one by one.
	_, err = t.h.Exec(ctx, `DELETE FROM deletions WHERE conversation_id = $2 AND user_id = $1 AND hi < $3`, userID, conversationID, seq)
	return failed("RaiseUserMinSeq", err)
}

func (t *tx) SetDestructed(ctx context.Context, ownerID, conversationID string, at int64) error {
	_, err := t.h.Exec(ctx, `UPDATE user_conversations SET latest_msg_destruct_time = $3 WHERE owner_user_id = $1 AND conversation_id = $2`,
		ownerID, conversationID, at)
	return failed("SetDestructed", err)
}

// DropConversations takes the conversation's row before the record, as an append
// that brings it back does.
func (t *tx) DropConversations(ctx context.Context, ownerID string, conversationIDs []string) error {
	for _, id := range conversationIDs {
		if _, err := t.h.Exec(ctx, `UPDATE conversations SET dropped = 1 WHERE conversation_id = $1`, id); err != nil {
			return failed("DropConversations", err)
		}
		_, err := t.h.Exec(ctx, `INSERT INTO dropped_conversations (conversation_id, owner_user_id, conversation_type, user_id, group_id)
			SELECT conversation_id, owner_user_id, conversation_type, user_id, group_id FROM user_conversations
			WHERE owner_user_id = $1 AND conversation_id = $2 ON CONFLICT (conversation_id, owner_user_id) DO NOTHING`, ownerID, id)
		if err == nil {
			_, err = t.h.Exec(ctx, `DELETE FROM user_conversations WHERE owner_user_id = $1 AND conversation_id = $2`, ownerID, id)
		}
		if err != nil {
			return failed("DropConversations", err)
		}
	}
	return nil
}

func (t *tx) TakeDropped(ctx context.Context, conversationID string) ([]im.Conversation, error) {
	found, err := list(ctx, t.h, "TakeDropped", func(s scanner, c *im.Conversation) error {
		return s.Scan(&c.ConversationID, &c.OwnerUserID, &c.ConversationType, &c.UserID, &c.GroupID)
	}, `SELECT conversation_id, owner_user_id, conversation_type, user_id, group_id FROM dropped_conversations
		WHERE conversation_id = $1 ORDER BY owner_user_id`, conversationID)
	if err != nil {
		return nil, err
	}
	if _, err = t.h.Exec(ctx, `DELETE FROM dropped_conversations WHERE conversation_id = $1`, conversationID); err == nil {
		_, err = t.h.Exec(ctx, `UPDATE conversations SET dropped = 0 WHERE conversation_id = $1`, conversationID)
	}
	return found, failed("TakeDropped", err)
}
