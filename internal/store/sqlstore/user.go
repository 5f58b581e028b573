package sqlstore

import (
	"context"
	"database/sql"

	"parley/internal/im"
	"parley/internal/store"
)

const userColumns = `user_id, nickname, face_url, ex, create_time, app_manger_level, global_recv_msg_opt`

func scanUser(s scanner, u *im.User) error {
	return s.Scan(&u.UserID, &u.Nickname, &u.FaceURL, &u.Ex, &u.CreateTime, &u.AppMangerLevel, &u.GlobalRecvMsgOpt)
}

func (q queries) User(ctx context.Context, userID string) (*im.User, error) {
	u := new(im.User)
	err := scanUser(q.h.QueryRow(ctx, `SELECT `+userColumns+` FROM users WHERE user_id = $1`, userID), u)
	if err != nil {
		return nil, failed("User", err)
	}
	return u, nil
}

func (q queries) Users(ctx context.Context, ids []string) ([]im.User, error) {
	return listIn(ctx, q.h, "Users", scanUser, `SELECT `+userColumns+` FROM users WHERE user_id IN IDS`, ids)
}

func (t *tx) InsertUsers(ctx context.Context, users []im.User) error {
	for i := range users {
		u := &users[i]
		added, err := t.changed(ctx, `INSERT INTO users (`+userColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (user_id) DO NOTHING`,
			u.UserID, u.Nickname, u.FaceURL, u.Ex, u.CreateTime, u.AppMangerLevel, u.GlobalRecvMsgOpt)
		if err != nil {
			return failed("InsertUsers", err)
		}
		if !added {
			return im.Errorf(im.AlreadyRegistered, "InsertUsers", "userID registered already: %s", u.UserID)
		}
	}
	return nil
}

// PatchUser changes the fields in one statement, so that two patches of
// different fields at a time do not undo each other.
func (t *tx) PatchUser(ctx context.Context, userID string, p im.UserPatch) error {
	found, err := t.changed(ctx, `UPDATE users SET nickname = COALESCE($2, nickname), face_url = COALESCE($3, face_url),
		ex = COALESCE($4, ex), global_recv_msg_opt = COALESCE($5, global_recv_msg_opt) WHERE user_id = $1`,
		userID, p.Nickname, p.FaceURL, p.Ex, p.GlobalRecvMsgOpt)
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return failed("PatchUser", err)
}

func (t *tx) PutAdmin(ctx context.Context, userID, nickname string, now int64) error {
	_, err := t.h.Exec(ctx, `INSERT INTO users (`+userColumns+`) VALUES ($1, $2, '', '', $3, $4, 0)
		ON CONFLICT (user_id) DO UPDATE SET nickname = excluded.nickname`,
		userID, nickname, now, im.LevelAppAdmin)
	return failed("PutAdmin", err)
}

const tokenColumns = `user_id, platform, hash, state, created_at, valid_to` //nolint:gosec // G101: names of columns

func scanToken(s scanner, t *store.Token) error {
	return s.Scan(&t.UserID, &t.Platform, &t.Hash, &t.State, &t.CreatedAt, &t.ValidTo)
}

func (q queries) Token(ctx context.Context, userID string, p im.Platform, hash string) (*store.Token, error) {
	t := new(store.Token)
	err := scanToken(q.h.QueryRow(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE user_id = $1 AND platform = $2 AND hash = $3`,
		userID, p, hash), t)
	if err != nil {
		return nil, failed("Token", err)
	}
	return t, nil
}

func (q queries) Tokens(ctx context.Context, userID string) ([]store.Token, error) {
	return list(ctx, q.h, "Tokens", scanToken,
		`SELECT `+tokenColumns+` FROM tokens WHERE user_id = $1 ORDER BY created_at, platform, hash`, userID)
}

func (t *tx) PutToken(ctx context.Context, v store.Token) error {
	_, err := t.h.Exec(ctx, `INSERT INTO tokens (`+tokenColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (user_id, platform, hash) DO UPDATE SET state = excluded.state, valid_to = excluded.valid_to`,
		v.UserID, v.Platform, v.Hash, v.State, v.CreatedAt, v.ValidTo)
	return failed("PutToken", err)
}

func (t *tx) DeleteToken(ctx context.Context, v store.Token) error {
	_, err := t.h.Exec(ctx, `DELETE FROM tokens WHERE user_id = $1 AND platform = $2 AND hash = $3`, v.UserID, v.Platform, v.Hash)
	return failed("DeleteToken", err)
}
