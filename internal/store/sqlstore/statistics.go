package sqlstore

import (
	"context"
	"strings"

	"parley/internal/im"
	"parley/internal/store"
)

// dayMs is a day in UTC. SQL's integer division rounds towards zero, and no time
// is before 1970.
const dayMs = "86400000"

func (q queries) UserGrowth(ctx context.Context, from, to int64) (store.Growth, error) {
	return q.growth(ctx, "UserGrowth", "users", from, to)
}

func (q queries) GroupGrowth(ctx context.Context, from, to int64) (store.Growth, error) {
	return q.growth(ctx, "GroupGrowth", "groups", from, to)
}

func (q queries) growth(ctx context.Context, op, table string, from, to int64) (g store.Growth, err error) {
	err = q.h.QueryRow(ctx, `SELECT count(*), COALESCE(sum(CASE WHEN create_time < $1 THEN 1 ELSE 0 END), 0) FROM `+table, from).Scan(&g.Total, &g.Before)
	if err != nil {
		return g, failed(op, err)
	}
	g.PerDay, err = q.perDay(ctx, op, `SELECT create_time / `+dayMs+`, count(*) FROM `+table+` WHERE create_time >= $1 AND create_time < $2 GROUP BY 1`, from, to)
	return g, err
}

func (q queries) perDay(ctx context.Context, op, query string, args ...any) (map[int64]int64, error) {
	type count struct{ day, n int64 }
	days, err := list(ctx, q.h, op, func(s scanner, c *count) error { return s.Scan(&c.day, &c.n) }, query, args...)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]int64, len(days))
	for _, d := range days {
		out[d.day] = d.n
	}
	return out, nil
}

// clockSlack is how far the times of storing may go backwards in the order of ids:
// shards that commit side by side, and clocks that are set.
const clockSlack = 3600_000

func (q queries) Activity(ctx context.Context, a store.ActivityQuery) (out store.Activity, err error) {
	const op = "Activity"
	// A message was not sent after it was stored, so older rows need no look. Those
	// stored later may: an administrator gives messages of other days their own time.
	first, last, err := q.storedSince(ctx, a.From-clockSlack)
	if err != nil {
		return out, err
	}
	if last-first >= store.MaxActivityRows {
		return out, im.Errorf(im.Invalid, op, "more than %d messages were stored since then", store.MaxActivityRows)
	}
	var chats []string
	if a.Single {
		chats = append(chats, "conversation_id >= 'si_' AND conversation_id < 'si`'")
	}
	if a.Group {
		chats = append(chats, "conversation_id >= 'sg_' AND conversation_id < 'sg`'")
	}
	if len(chats) == 0 {
		return out, nil
	}
	from := ` FROM messages WHERE id >= $1 AND send_time >= $2 AND send_time < $3 AND state <> 2 AND (` + strings.Join(chats, " OR ") + `)`
	args := []any{first, a.From, a.To}
	key := "send_id"
	if a.ByGroup {
		key = "substr(conversation_id, 4)"
	}
	if out.PerDay, err = q.perDay(ctx, op, `SELECT send_time / `+dayMs+`, count(*)`+from+` GROUP BY 1`, args...); err != nil {
		return out, err
	}
	for _, n := range out.PerDay {
		out.Messages += n
	}
	if err = q.h.QueryRow(ctx, `SELECT count(DISTINCT `+key+`)`+from, args...).Scan(&out.Members); err != nil {
		return out, failed(op, err)
	}
	if a.Limit == 0 || int64(a.Offset) >= out.Members {
		return out, nil
	}
	order := "DESC"
	if a.Ascending {
		order = "ASC"
	}
	out.Ranked, err = list(ctx, q.h, op, func(s scanner, r *store.Ranked) error { return s.Scan(&r.ID, &r.Count) },
		`SELECT `+key+`, count(*)`+from+` GROUP BY 1 ORDER BY 2 `+order+`, 1 LIMIT $4 OFFSET $5`, append(args, a.Limit, a.Offset)...)
	return out, err
}

// storedSince returns the ids of the first message that was stored at a time or
// later, by halving, and of the last message; the times go with the ids.
func (q queries) storedSince(ctx context.Context, at int64) (first, last int64, err error) {
	const op = "storedSince"
	if err = q.h.QueryRow(ctx, `SELECT COALESCE(min(id), 0), COALESCE(max(id), -1) FROM messages`).Scan(&first, &last); err != nil {
		return 0, 0, failed(op, err)
	}
	lo, hi := first, last+1 // the first one is within lo..hi, hi meaning none
	for lo < hi {
		mid := lo + (hi-lo)/2
		var id, stored int64
		if err = q.h.QueryRow(ctx, `SELECT id, stored_at FROM messages WHERE id >= $1 ORDER BY id LIMIT 1`, mid).Scan(&id, &stored); err != nil {
			return 0, 0, failed(op, err)
		}
		if stored < at {
			lo = id + 1
		} else {
			hi = mid
		}
	}
	return lo, last, nil
}
