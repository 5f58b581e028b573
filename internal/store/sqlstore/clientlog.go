package sqlstore

import (
	"context"

	"parley/internal/im"
	"parley/internal/store"
)

const clientLogColumns = `log_id, user_id, platform, url, filename, app_framework, version, ex, create_time`

func scanClientLog(s scanner, l *im.ClientLog) error {
	return s.Scan(&l.LogID, &l.UserID, &l.Platform, &l.URL, &l.Filename, &l.AppFramework, &l.Version, &l.Ex, &l.CreateTime)
}

func (q queries) ClientLogKeys(ctx context.Context, from, to int64) ([]store.ClientLogKey, error) {
	return list(ctx, q.h, "ClientLogKeys", func(s scanner, k *store.ClientLogKey) error { return s.Scan(&k.LogID, &k.UserID) },
		`SELECT log_id, user_id FROM client_logs WHERE create_time BETWEEN $1 AND $2 ORDER BY id DESC LIMIT $3`, from, to, store.MaxClientLogs)
}

func (q queries) ClientLogs(ctx context.Context, ids []string) ([]im.ClientLog, error) {
	return listIn(ctx, q.h, "ClientLogs", scanClientLog, `SELECT `+clientLogColumns+` FROM client_logs WHERE log_id IN IDS`, ids)
}

func (t *tx) InsertClientLogs(ctx context.Context, logs []im.ClientLog) error {
	for i := range logs {
		l := &logs[i]
		added, err := t.changed(ctx, `INSERT INTO client_logs (`+clientLogColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (log_id) DO NOTHING`, l.LogID, l.UserID, l.Platform, l.URL, l.Filename, l.AppFramework, l.Version, l.Ex, l.CreateTime)
		if err != nil {
			return failed("InsertClientLogs", err)
		}
		if !added {
			return &im.Error{Kind: im.Duplicate, Op: "InsertClientLogs"}
		}
	}
	if len(logs) == 0 {
		return nil
	}
	_, err := t.h.Exec(ctx, `DELETE FROM client_logs WHERE user_id = $1
		AND id <= (SELECT id FROM client_logs WHERE user_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)`, logs[0].UserID, store.MaxClientLogsEach)
	if err == nil {
		// By the distance of ids, which needs no count: rows that were deleted count, too.
		_, err = t.h.Exec(ctx, `DELETE FROM client_logs WHERE id <= (SELECT max(id) FROM client_logs) - $1`, store.MaxClientLogs)
	}
	return failed("InsertClientLogs", err)
}

func (t *tx) DeleteClientLogs(ctx context.Context, ids []string) error {
	for _, id := range ids {
		found, err := t.changed(ctx, `DELETE FROM client_logs WHERE log_id = $1`, id)
		if err != nil {
			return failed("DeleteClientLogs", err)
		}
		if !found {
			return &im.Error{Kind: im.NotFound, Op: "DeleteClientLogs"}
		}
	}
	return nil
}
