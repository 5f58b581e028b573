package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/internal/im"
)

func (t *tx) LockGroup(ctx context.Context, groupID string) (*im.Group, error) {
	// A write that changes nothing is the lock that both engines know.
	if _, err := t.h.Exec(ctx, `UPDATE groups SET member_count = member_count WHERE group_id = $1`, groupID); err != nil {
		return nil, failed("LockGroup", err)
	}
	return t.Group(ctx, groupID)
}

func (t *tx) PatchGroup(ctx context.Context, groupID string, p im.GroupPatch) error {
	found, err := t.changed(ctx, `UPDATE groups SET group_name = COALESCE($2, group_name), notification = COALESCE($3, notification),
		introduction = COALESCE($4, introduction), face_url = COALESCE($5, face_url), ex = COALESCE($6, ex),
		need_verification = COALESCE($7, need_verification), look_member_info = COALESCE($8, look_member_info),
		apply_member_friend = COALESCE($9, apply_member_friend), status = COALESCE($10, status),
		notification_update_time = COALESCE($11, notification_update_time),
		notification_user_id = COALESCE($12, notification_user_id) WHERE group_id = $1`,
		groupID, p.GroupName, p.Notification, p.Introduction, p.FaceURL, p.Ex, p.NeedVerification, p.LookMemberInfo,
		p.ApplyMemberFriend, p.Status, p.NotificationUpdateTime, p.NotificationUserID)
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return failed("PatchGroup", err)
}

func (t *tx) PatchMember(ctx context.Context, groupID, userID string, p im.MemberPatch) error {
	found, err := t.changed(ctx, `UPDATE group_members SET nickname = COALESCE($3, nickname), face_url = COALESCE($4, face_url),
		ex = COALESCE($5, ex), role_level = COALESCE($6, role_level), mute_end_time = COALESCE($7, mute_end_time)
		WHERE group_id = $1 AND user_id = $2`, groupID, userID, p.Nickname, p.FaceURL, p.Ex, p.RoleLevel, p.MuteEndTime)
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return failed("PatchMember", err)
}

// DeleteMembers changes the count first, as InsertMembers does.
func (t *tx) DeleteMembers(ctx context.Context, groupID string, userIDs []string) error {
	found, err := t.changed(ctx, `UPDATE groups SET member_count = member_count - $2 WHERE group_id = $1`, groupID, len(userIDs))
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	if err != nil {
		return failed("DeleteMembers", err)
	}
	deleted := int64(0)
	err = InChunks(userIDs, 2, func(in string, args []any) error {
		r, err := t.h.Exec(ctx, `DELETE FROM group_members WHERE group_id = $1 AND user_id IN `+in, append([]any{groupID}, args...)...)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		deleted += n
		return err
	})
	if err == nil && deleted != int64(len(userIDs)) {
		err = sql.ErrNoRows
	}
	return failed("DeleteMembers", err)
}

func (t *tx) CloseChat(ctx context.Context, conversationID string) error {
	_, err := t.h.Exec(ctx, `INSERT INTO conversations (conversation_id, max_seq, min_seq, max_seq_time, hook_seq, closed) VALUES ($1, 0, 0, 0, 0, 1)
		ON CONFLICT (conversation_id) DO UPDATE SET closed = 1`, conversationID)
	return failed("CloseChat", err)
}

func (t *tx) PutDismissal(ctx context.Context, groupID string) error {
	_, err := t.h.Exec(ctx, `INSERT INTO dismissals (group_id) VALUES ($1) ON CONFLICT (group_id) DO NOTHING`, groupID)
	return failed("PutDismissal", err)
}

func (t *tx) DeleteDismissal(ctx context.Context, groupID string) error {
	_, err := t.h.Exec(ctx, `DELETE FROM dismissals WHERE group_id = $1`, groupID)
	return failed("DeleteDismissal", err)
}

func (q queries) Dismissals(ctx context.Context) ([]string, error) {
	return list(ctx, q.h, "Dismissals", scanString, `SELECT group_id FROM dismissals ORDER BY group_id`)
}

const groupRequestColumns = `r.group_id, r.user_id, r.handle_result, r.req_msg, r.handle_msg, r.req_time, r.handle_user_id, r.handle_time,
	r.ex, r.join_source, r.inviter_user_id`

func scanGroupRequest(s scanner, r *im.GroupRequest) error {
	return s.Scan(&r.GroupID, &r.UserID, &r.HandleResult, &r.ReqMsg, &r.HandleMsg, &r.ReqTime, &r.HandleUserID, &r.HandleTime,
		&r.Ex, &r.JoinSource, &r.InviterUserID)
}

func (t *tx) PutGroupRequest(ctx context.Context, r im.GroupRequest) error {
	_, err := t.h.Exec(ctx, `INSERT INTO group_requests (group_id, user_id, handle_result, req_msg, handle_msg, req_time,
		handle_user_id, handle_time, ex, join_source, inviter_user_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (group_id, user_id) DO UPDATE SET handle_result = excluded.handle_result, req_msg = excluded.req_msg,
			handle_msg = excluded.handle_msg, req_time = excluded.req_time, handle_user_id = excluded.handle_user_id,
			handle_time = excluded.handle_time, ex = excluded.ex, join_source = excluded.join_source,
			inviter_user_id = excluded.inviter_user_id`,
		r.GroupID, r.UserID, r.HandleResult, r.ReqMsg, r.HandleMsg, r.ReqTime, r.HandleUserID, r.HandleTime, r.Ex, r.JoinSource, r.InviterUserID)
	return failed("PutGroupRequest", err)
}

// inRows calls fn with pieces of values of 64, 16, 4 or 1, so that a statement
// with a row for each is one of few texts. The rows of one statement must
// differ, so padding is no way here.
func inRows[T any](values []T, fn func([]T) error) error {
	for len(values) > 0 {
		n := 64
		for n > len(values) {
			n /= 4
		}
		if err := fn(values[:n]); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// rowsText is the VALUES list of some rows: row has %d in the place of a
// placeholder's number.
func rowsText(rows int, row string) string {
	parts := strings.Split(row, "%d")
	var out strings.Builder
	out.Grow(rows * 2 * len(row))
	n := 0
	for i := range rows {
		if i > 0 {
			out.WriteByte(',')
		}
		for j, part := range parts {
			if j > 0 {
				n++
				out.WriteString(strconv.Itoa(n))
			}
			out.WriteString(part)
		}
	}
	return out.String()
}

// ordered returns the distinct ids in one order for all writers, so that two of
// them cannot deadlock.
func ordered(ids []string) []string {
	out := slices.Clone(ids)
	slices.SortFunc(out, cmp.Compare)
	return slices.Compact(out)
}

func (t *tx) StepEach(ctx context.Context, l im.List, owners []string, change im.Change, element string) error {
	now := time.Now()
	err := inRows(ordered(owners), func(part []string) error {
		args := make([]any, 0, 3*len(part))
		for _, o := range part {
			args = append(args, l, o, im.NewVersionID(now))
		}
		_, err := t.h.Exec(ctx, `INSERT INTO version_logs (list, owner, id, version, deleted_to) VALUES `+rowsText(len(part), `($%d, $%d, $%d, 1, 0)`)+`
			ON CONFLICT (list, owner) DO UPDATE SET version = version_logs.version + 1`, args...)
		if err != nil {
			return err
		}
		return InChunks(part, 4, func(in string, args []any) error {
			_, err := t.h.Exec(ctx, `INSERT INTO version_entries (list, owner, element, change, version, place)
				SELECT list, owner, CAST($1 AS TEXT), CAST($2 AS SMALLINT), version, 0 FROM version_logs WHERE list = $3 AND owner IN `+in+`
				ON CONFLICT (list, owner, element) DO UPDATE SET change = excluded.change, version = excluded.version, place = excluded.place`,
				append([]any{element, change, l}, args...)...)
			return err
		})
	})
	return failed("StepEach", err)
}

func (t *tx) DropLog(ctx context.Context, l im.List, owner string, limit int) (gone bool, err error) {
	n, err := t.affected(ctx, `DELETE FROM version_entries WHERE list = $1 AND owner = $2 AND element IN
		(SELECT element FROM version_entries WHERE list = $1 AND owner = $2 LIMIT $3)`, l, owner, limit)
	if err != nil || n == limit {
		return false, failed("DropLog", err)
	}
	_, err = t.h.Exec(ctx, `DELETE FROM version_logs WHERE list = $1 AND owner = $2`, l, owner)
	return err == nil, failed("DropLog", err)
}

// setSeqs sets one column of the users' positions.
func (t *tx) setSeqs(ctx context.Context, column, conversationID string, userIDs []string, seq int64) error {
	return inRows(ordered(userIDs), func(part []string) error {
		args := make([]any, 0, 3*len(part))
		for _, u := range part {
			args = append(args, u, conversationID, seq)
		}
		row := `($%d, $%d, $%d, 0, 0)`
		if column == "max_seq" {
			row = `($%d, $%d, 0, $%d, 0)`
		}
		_, err := t.h.Exec(ctx, `INSERT INTO user_seqs (user_id, conversation_id, min_seq, max_seq, read_seq) VALUES `+
			rowsText(len(part), row)+` ON CONFLICT (user_id, conversation_id) DO UPDATE SET `+column+` = excluded.`+column, args...)
		return err
	})
}

// onRecords runs an update on the records that users have of a conversation;
// set's placeholder is $1.
func (t *tx) onRecords(ctx context.Context, set string, value any, conversationID string, userIDs []string) error {
	return InChunks(ordered(userIDs), 3, func(in string, args []any) error {
		_, err := t.h.Exec(ctx, `UPDATE user_conversations SET `+set+` WHERE conversation_id = $2 AND owner_user_id IN `+in,
			append([]any{value, conversationID}, args...)...)
		return err
	})
}

func (t *tx) BoundReaders(ctx context.Context, conversationID string, userIDs []string, seq int64) error {
	err := t.setSeqs(ctx, "max_seq", conversationID, userIDs, seq)
	if err == nil {
		err = t.onRecords(ctx, `max_seq = $1`, max(seq, 0), conversationID, userIDs)
	}
	return failed("BoundReaders", err)
}

func (t *tx) OpenReaders(ctx context.Context, conversationID string, userIDs []string) ([]string, error) {
	err := t.setSeqs(ctx, "max_seq", conversationID, userIDs, 0)
	if err == nil {
		err = t.onRecords(ctx, `max_seq = $1`, int64(0), conversationID, userIDs)
	}
	if err != nil {
		return nil, failed("OpenReaders", err)
	}
	return listIn(ctx, t.h, "OpenReaders", scanString, `SELECT owner_user_id FROM user_conversations
		WHERE conversation_id = $1 AND owner_user_id IN IDS ORDER BY owner_user_id`, userIDs, conversationID)
}

func (t *tx) SetFirstSeq(ctx context.Context, conversationID string, userIDs []string, seq int64) error {
	return failed("SetFirstSeq", t.setSeqs(ctx, "min_seq", conversationID, userIDs, seq))
}

func (t *tx) SetAtType(ctx context.Context, conversationID string, userIDs []string, atType int32) ([]string, error) {
	return listIn(ctx, t.h, "SetAtType", scanString, `UPDATE user_conversations SET group_at_type = $1
		WHERE conversation_id = $2 AND group_at_type <> $1 AND owner_user_id IN IDS RETURNING owner_user_id`, ordered(userIDs), atType, conversationID)
}
