package sqlstore

import (
	"context"

	"parley/internal/im"
)

// friendOrder is the order of every list of friends (incremental-sync.md 2).
const friendOrder = ` ORDER BY f.is_pinned DESC, f.create_time, f.friend_user_id`

const friendQuery = `SELECT f.owner_user_id, f.remark, f.create_time / 1000, f.add_source, f.operator_user_id, f.ex, f.is_pinned,
	u.user_id, u.nickname, u.face_url, u.ex, u.create_time, u.app_manger_level, u.global_recv_msg_opt
	FROM friends f JOIN users u ON u.user_id = f.friend_user_id
	WHERE f.owner_user_id = $1`

func scanFriend(s scanner, f *im.Friend) error {
	u := new(im.User)
	f.FriendUser = u
	return s.Scan(&f.OwnerUserID, &f.Remark, &f.CreateTime, &f.AddSource, &f.OperatorUserID, &f.Ex, &f.IsPinned,
		&u.UserID, &u.Nickname, &u.FaceURL, &u.Ex, &u.CreateTime, &u.AppMangerLevel, &u.GlobalRecvMsgOpt)
}

func (q queries) FriendIDs(ctx context.Context, ownerID string) ([]string, error) {
	return list(ctx, q.h, "FriendIDs", scanString, `SELECT f.friend_user_id FROM friends f WHERE f.owner_user_id = $1`+friendOrder, ownerID)
}

func (q queries) Friends(ctx context.Context, ownerID string, friendIDs []string) ([]im.Friend, error) {
	return listIn(ctx, q.h, "Friends", scanFriend, friendQuery+` AND f.friend_user_id IN IDS`, friendIDs, ownerID)
}

func (q queries) FriendsPage(ctx context.Context, ownerID string, offset, limit int) ([]im.Friend, int, error) {
	total, err := q.count(ctx, "FriendsPage", `friends WHERE owner_user_id = $1`, ownerID)
	if err != nil {
		return nil, 0, err
	}
	page, err := list(ctx, q.h, "FriendsPage", scanFriend, friendQuery+friendOrder+` LIMIT $2 OFFSET $3`, ownerID, limit, offset)
	return page, total, err
}

func (q queries) Blacks(ctx context.Context, ownerID string, offset, limit int) ([]im.Black, int, error) {
	total, err := q.count(ctx, "Blacks", `blacks WHERE owner_user_id = $1`, ownerID)
	if err != nil {
		return nil, 0, err
	}
	page, err := list(ctx, q.h, "Blacks", func(s scanner, b *im.Black) error {
		u := new(im.PublicUser)
		b.BlackUserInfo = u
		return s.Scan(&b.OwnerUserID, &b.CreateTime, &b.AddSource, &b.OperatorUserID, &b.Ex, &u.UserID, &u.Nickname, &u.FaceURL, &u.Ex)
	}, `SELECT b.owner_user_id, b.create_time / 1000, b.add_source, b.operator_user_id, b.ex, u.user_id, u.nickname, u.face_url, u.ex
		FROM blacks b JOIN users u ON u.user_id = b.black_user_id
		WHERE b.owner_user_id = $1 ORDER BY b.create_time, b.black_user_id LIMIT $2 OFFSET $3`, ownerID, limit, offset)
	return page, total, err
}
