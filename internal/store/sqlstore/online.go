package sqlstore

import (
	"cmp"
	"context"
	"slices"

	"parley/internal/store"
)

func (t *tx) SetOnline(ctx context.Context, node string, changes []store.OnlineChange) error {
	changes = slices.SortedFunc(slices.Values(changes), func(a, b store.OnlineChange) int { // one order of row locks for all nodes
		return cmp.Or(cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.Platform, b.Platform))
	})
	for _, c := range changes {
		var err error
		if c.Online {
			_, err = t.h.Exec(ctx, `INSERT INTO online (user_id, platform, node, conn_id) VALUES ($1, $2, $3, $4)
				ON CONFLICT (user_id, platform) DO UPDATE SET node = excluded.node, conn_id = excluded.conn_id`, c.UserID, c.Platform, node, c.ConnID)
		} else {
			_, err = t.h.Exec(ctx, `DELETE FROM online WHERE user_id = $1 AND platform = $2 AND node = $3`, c.UserID, c.Platform, node)
		}
		if err != nil {
			return failed("SetOnline", err)
		}
	}
	return nil
}

// TakeOnline asks for the node again in the outer condition: another node may have
// taken the row over while this one waited for it.
func (t *tx) TakeOnline(ctx context.Context, node string, limit int) ([]store.OnlineChange, error) {
	return list(ctx, t.h, "TakeOnline", func(s scanner, c *store.OnlineChange) error { return s.Scan(&c.UserID, &c.Platform, &c.ConnID) },
		`DELETE FROM online WHERE node = $1 AND (user_id, platform) IN
			(SELECT user_id, platform FROM online WHERE node = $1 ORDER BY user_id, platform LIMIT $2)
		RETURNING user_id, platform, conn_id`, node, limit)
}
