package sqlstore

import (
	"context"
	"strconv"
	"strings"

	"parley/internal/im"
	"parley/internal/store"
)

func (q queries) Relation(ctx context.Context, ownerID, otherID string) (store.Relation, error) {
	var friends, blacks int
	err := q.h.QueryRow(ctx, `SELECT (SELECT count(*) FROM friends WHERE owner_user_id = $1 AND friend_user_id = $2),
		(SELECT count(*) FROM blacks WHERE owner_user_id = $1 AND black_user_id = $2)`, ownerID, otherID).Scan(&friends, &blacks)
	return store.Relation{Friend: friends > 0, Black: blacks > 0}, failed("Relation", err)
}

func (q queries) FriendRecords(ctx context.Context, ownerID string, friendIDs []string) ([]im.Friend, error) {
	return listIn(ctx, q.h, "FriendRecords", func(s scanner, f *im.Friend) error {
		f.FriendUser = new(im.User)
		return s.Scan(&f.OwnerUserID, &f.FriendUser.UserID, &f.Remark, &f.CreateTime, &f.AddSource, &f.OperatorUserID, &f.Ex, &f.IsPinned)
	}, `SELECT owner_user_id, friend_user_id, remark, create_time, add_source, operator_user_id, ex, is_pinned
		FROM friends WHERE owner_user_id = $1 AND friend_user_id IN IDS`, friendIDs, ownerID)
}

func (q queries) FriendOf(ctx context.Context, friendID string) ([]string, error) {
	return list(ctx, q.h, "FriendOf", scanString, `SELECT owner_user_id FROM friends WHERE friend_user_id = $1 ORDER BY owner_user_id`, friendID)
}

func (q queries) BlockedBy(ctx context.Context, blackID string) ([]string, error) {
	return list(ctx, q.h, "BlockedBy", scanString, `SELECT owner_user_id FROM blacks WHERE black_user_id = $1 ORDER BY owner_user_id`, blackID)
}

func (q queries) BlackRecords(ctx context.Context, ownerID string, blackIDs []string) ([]im.Black, error) {
	return listIn(ctx, q.h, "BlackRecords", func(s scanner, b *im.Black) error {
		b.BlackUserInfo = new(im.PublicUser)
		return s.Scan(&b.OwnerUserID, &b.BlackUserInfo.UserID, &b.CreateTime, &b.AddSource, &b.OperatorUserID, &b.Ex)
	}, `SELECT owner_user_id, black_user_id, create_time, add_source, operator_user_id, ex
		FROM blacks WHERE owner_user_id = $1 AND black_user_id IN IDS`, blackIDs, ownerID)
}

func (t *tx) InsertFriend(ctx context.Context, f im.Friend) (bool, error) {
	added, err := t.changed(ctx, `INSERT INTO friends (owner_user_id, friend_user_id, remark, create_time, add_source, operator_user_id, ex, is_pinned)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (owner_user_id, friend_user_id) DO NOTHING`,
		f.OwnerUserID, f.FriendUser.UserID, f.Remark, f.CreateTime, f.AddSource, f.OperatorUserID, f.Ex, bit(f.IsPinned))
	return added, failed("InsertFriend", err)
}

func (t *tx) DeleteFriend(ctx context.Context, ownerID, friendID string) (bool, error) {
	gone, err := t.changed(ctx, `DELETE FROM friends WHERE owner_user_id = $1 AND friend_user_id = $2`, ownerID, friendID)
	return gone, failed("DeleteFriend", err)
}

func (t *tx) PatchFriends(ctx context.Context, ownerID string, friendIDs []string, p im.FriendPatch) error {
	var pinned *int
	if p.IsPinned != nil {
		pinned = new(int)
		*pinned = bit(*p.IsPinned)
	}
	return InChunks(friendIDs, 5, func(in string, args []any) error {
		_, err := t.h.Exec(ctx, `UPDATE friends SET remark = COALESCE($2, remark), ex = COALESCE($3, ex), is_pinned = COALESCE($4, is_pinned)
			WHERE owner_user_id = $1 AND friend_user_id IN `+in, append([]any{ownerID, p.Remark, p.Ex, pinned}, args...)...)
		return failed("PatchFriends", err)
	})
}

func (t *tx) InsertBlack(ctx context.Context, b im.Black) (bool, error) {
	added, err := t.changed(ctx, `INSERT INTO blacks (owner_user_id, black_user_id, create_time, add_source, operator_user_id, ex)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (owner_user_id, black_user_id) DO NOTHING`,
		b.OwnerUserID, b.BlackUserInfo.UserID, b.CreateTime, b.AddSource, b.OperatorUserID, b.Ex)
	return added, failed("InsertBlack", err)
}

func (t *tx) DeleteBlack(ctx context.Context, ownerID, blackID string) (bool, error) {
	gone, err := t.changed(ctx, `DELETE FROM blacks WHERE owner_user_id = $1 AND black_user_id = $2`, ownerID, blackID)
	return gone, failed("DeleteBlack", err)
}

// friendRequestQuery reads applications with the names of both users as they are now.
const friendRequestQuery = `SELECT r.from_user_id, COALESCE(f.nickname, ''), COALESCE(f.face_url, ''),
	r.to_user_id, COALESCE(t.nickname, ''), COALESCE(t.face_url, ''),
	r.handle_result, r.req_msg, r.create_time, r.handler_user_id, r.handle_msg, r.handle_time, r.ex
	FROM friend_requests r LEFT JOIN users f ON f.user_id = r.from_user_id LEFT JOIN users t ON t.user_id = r.to_user_id `

func scanFriendRequest(s scanner, r *im.FriendRequest) error {
	return s.Scan(&r.FromUserID, &r.FromNickname, &r.FromFaceURL, &r.ToUserID, &r.ToNickname, &r.ToFaceURL,
		&r.HandleResult, &r.ReqMsg, &r.CreateTime, &r.HandlerUserID, &r.HandleMsg, &r.HandleTime, &r.Ex)
}

func (q queries) FriendRequest(ctx context.Context, fromID, toID string) (*im.FriendRequest, error) {
	r := new(im.FriendRequest)
	err := scanFriendRequest(q.h.QueryRow(ctx, friendRequestQuery+`WHERE r.from_user_id = $1 AND r.to_user_id = $2`, fromID, toID), r)
	if err != nil {
		return nil, failed("FriendRequest", err)
	}
	return r, nil
}

func (q queries) FriendRequestsPage(ctx context.Context, f store.RequestFilter, offset, limit int) ([]im.FriendRequest, int, error) {
	own, other := "r.from_user_id", "r.to_user_id"
	if f.Received {
		own, other = other, own
	}
	where := `WHERE ` + own + ` = $1`
	if len(f.Results) > 0 {
		results := make([]string, len(f.Results))
		for i, r := range f.Results {
			results[i] = strconv.Itoa(int(r))
		}
		where += ` AND r.handle_result IN (` + strings.Join(results, ",") + `)`
	}
	var total int
	err := q.h.QueryRow(ctx, `SELECT count(*) FROM friend_requests r `+where, f.UserID).Scan(&total)
	if err != nil || limit == 0 || offset >= total {
		return nil, total, failed("FriendRequestsPage", err)
	}
	page, err := list(ctx, q.h, "FriendRequestsPage", scanFriendRequest,
		friendRequestQuery+where+` ORDER BY r.create_time DESC, `+other+` LIMIT $2 OFFSET $3`, f.UserID, limit, offset)
	return page, total, err
}

func (q queries) PendingRequests(ctx context.Context, toID string, since int64) (int, error) {
	var n int
	err := q.h.QueryRow(ctx, `SELECT count(*) FROM friend_requests WHERE to_user_id = $1 AND handle_result = 0 AND create_time > $2`, toID, since).Scan(&n)
	return n, failed("PendingRequests", err)
}

func (t *tx) PutFriendRequest(ctx context.Context, r im.FriendRequest) error {
	_, err := t.h.Exec(ctx, `INSERT INTO friend_requests (from_user_id, to_user_id, handle_result, req_msg, create_time, handler_user_id, handle_msg, handle_time, ex)
		VALUES ($1, $2, 0, $3, $4, '', '', 0, $5) ON CONFLICT (from_user_id, to_user_id) DO UPDATE SET
		handle_result = 0, handle_msg = '', req_msg = excluded.req_msg, create_time = excluded.create_time, ex = excluded.ex`,
		r.FromUserID, r.ToUserID, r.ReqMsg, r.CreateTime, r.Ex)
	return failed("PutFriendRequest", err)
}

// HandleFriendRequest looks at the result in the statement itself, so that of two
// answers at the same time only one counts.
func (t *tx) HandleFriendRequest(ctx context.Context, r im.FriendRequest) (bool, error) {
	done, err := t.changed(ctx, `UPDATE friend_requests SET handle_result = $3, handler_user_id = $4, handle_msg = $5, handle_time = $6
		WHERE from_user_id = $1 AND to_user_id = $2 AND handle_result = 0`,
		r.FromUserID, r.ToUserID, r.HandleResult, r.HandlerUserID, r.HandleMsg, r.HandleTime)
	return done, failed("HandleFriendRequest", err)
}

func (q queries) Logged(ctx context.Context, l im.List, owner string, elements []string) ([]string, error) {
	return listIn(ctx, q.h, "Logged", scanString, `SELECT element FROM version_entries WHERE list = $1 AND owner = $2 AND element IN IDS`, elements, l, owner)
}
