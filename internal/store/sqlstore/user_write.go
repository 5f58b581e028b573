package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"parley/internal/im"
	"parley/internal/store"
)

// asciiLower does to a pattern what SQL's lower does to a column: on both engines
// it knows the ASCII letters only.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// partPattern is the LIKE pattern, with escape character '!', of texts that contain part.
func partPattern(part string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(asciiLower(part)) + "%"
}

func (q queries) UsersPage(ctx context.Context, f store.UserFilter, offset, limit int) ([]im.User, int, error) {
	args := []any{f.MinLevel, f.MaxLevel}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	where := `WHERE app_manger_level BETWEEN $1 AND $2`
	var parts []string
	if f.IDPart != "" {
		parts = append(parts, `lower(user_id) LIKE `+arg(partPattern(f.IDPart))+` ESCAPE '!'`)
	}
	if f.NamePart != "" {
		parts = append(parts, `lower(nickname) LIKE `+arg(partPattern(f.NamePart))+` ESCAPE '!'`)
	}
	if len(parts) > 0 {
		where += ` AND (` + strings.Join(parts, " OR ") + `)`
	}
	if f.ID != "" {
		where += ` AND user_id = ` + arg(f.ID)
	}
	if f.Name != "" {
		where += ` AND nickname = ` + arg(f.Name)
	}
	for _, id := range f.Except {
		where += ` AND user_id <> ` + arg(id)
	}
	var total int
	err := q.h.QueryRow(ctx, `SELECT count(*) FROM users `+where, args...).Scan(&total)
	if err != nil || limit == 0 || offset >= total {
		return nil, total, failed("UsersPage", err)
	}
	query := `SELECT ` + userColumns + ` FROM users ` + where + ` ORDER BY create_time, user_id LIMIT ` + arg(limit) + ` OFFSET ` + arg(offset)
	page, err := list(ctx, q.h, "UsersPage", scanUser, query, args...)
	return page, total, err
}

func (q queries) UserIDsPage(ctx context.Context, offset, limit int) ([]string, int, error) {
	var total int
	err := q.h.QueryRow(ctx, `SELECT count(*) FROM users`).Scan(&total)
	if err != nil || limit == 0 || offset >= total {
		return nil, total, failed("UserIDsPage", err)
	}
	ids, err := list(ctx, q.h, "UserIDsPage", scanString, `SELECT user_id FROM users ORDER BY create_time, user_id LIMIT $1 OFFSET $2`, limit, offset)
	return ids, total, err
}

func (q queries) UserCommands(ctx context.Context, userID string, kind int32) ([]im.UserCommand, error) {
	scan := func(s scanner, c *im.UserCommand) error {
		return s.Scan(&c.Type, &c.CreateTime, &c.UUID, &c.Value, &c.Ex)
	}
	const query = `SELECT type, create_time / 1000, uuid, value, ex FROM user_commands WHERE user_id = $1`
	if kind == 0 {
		return list(ctx, q.h, "UserCommands", scan, query+` ORDER BY id`, userID)
	}
	return list(ctx, q.h, "UserCommands", scan, query+` AND type = $2 ORDER BY id`, userID, kind)
}

func (q queries) CountUserCommands(ctx context.Context, userID string) (int, error) {
	var n int
	err := q.h.QueryRow(ctx, `SELECT count(*) FROM user_commands WHERE user_id = $1`, userID).Scan(&n)
	return n, failed("CountUserCommands", err)
}

func (t *tx) InsertUserCommand(ctx context.Context, userID string, c im.UserCommand) error {
	_, err := t.h.Exec(ctx, `INSERT INTO user_commands (user_id, type, uuid, value, ex, create_time) VALUES ($1, $2, $3, $4, $5, $6)`,
		userID, c.Type, c.UUID, c.Value, c.Ex, c.CreateTime)
	return failed("InsertUserCommand", err)
}

const oldestCommand = ` WHERE id = (SELECT min(id) FROM user_commands WHERE user_id = $1 AND type = $2 AND uuid = $3)`

func (t *tx) PatchUserCommand(ctx context.Context, userID string, kind int32, uuid string, value, ex *string) error {
	found, err := t.changed(ctx, `UPDATE user_commands SET value = COALESCE($4, value), ex = COALESCE($5, ex)`+oldestCommand, userID, kind, uuid, value, ex)
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return failed("PatchUserCommand", err)
}

func (t *tx) DeleteUserCommand(ctx context.Context, userID string, kind int32, uuid string) error {
	found, err := t.changed(ctx, `DELETE FROM user_commands`+oldestCommand, userID, kind, uuid)
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return failed("DeleteUserCommand", err)
}

func scanConfig(s scanner, c *im.ClientConfig) error { return s.Scan(&c.UserID, &c.Key, &c.Value) }

func (q queries) ClientConfigs(ctx context.Context, userIDs []string) ([]im.ClientConfig, error) {
	return listIn(ctx, q.h, "ClientConfigs", scanConfig, `SELECT user_id, config_key, value FROM client_configs WHERE user_id IN IDS`, userIDs)
}

func (q queries) ClientConfigsPage(ctx context.Context, userID, key string, offset, limit int) ([]im.ClientConfig, int, error) {
	var total int
	const where = ` FROM client_configs WHERE ($1 = '' OR user_id = $1) AND ($2 = '' OR config_key = $2)`
	err := q.h.QueryRow(ctx, `SELECT count(*)`+where, userID, key).Scan(&total)
	if err != nil || limit == 0 || offset >= total {
		return nil, total, failed("ClientConfigsPage", err)
	}
	page, err := list(ctx, q.h, "ClientConfigsPage", scanConfig,
		`SELECT user_id, config_key, value`+where+` ORDER BY user_id, config_key LIMIT $3 OFFSET $4`, userID, key, limit, offset)
	return page, total, err
}

func (t *tx) PutClientConfig(ctx context.Context, c im.ClientConfig) error {
	_, err := t.h.Exec(ctx, `INSERT INTO client_configs (user_id, config_key, value) VALUES ($1, $2, $3)
		ON CONFLICT (user_id, config_key) DO UPDATE SET value = excluded.value`, c.UserID, c.Key, c.Value)
	return failed("PutClientConfig", err)
}

func (t *tx) DeleteClientConfigs(ctx context.Context, userID string, keys []string) error {
	return InChunks(keys, 2, func(in string, args []any) error {
		_, err := t.h.Exec(ctx, `DELETE FROM client_configs WHERE user_id = $1 AND config_key IN `+in, append([]any{userID}, args...)...)
		return failed("DeleteClientConfigs", err)
	})
}
