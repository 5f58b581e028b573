package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"

	"parley/internal/im"
	"parley/internal/store"
)

func scanPushToken(s scanner, t *im.PushToken) error {
	return s.Scan(&t.UserID, &t.Platform, &t.Token, &t.ExpiresAt, &t.RegisteredAt)
}

func (q queries) PushTokens(ctx context.Context, userIDs []string, silentIn string, now int64) ([]im.PushToken, error) {
	return listIn(ctx, q.h, "PushTokens", scanPushToken, `SELECT user_id, platform, token, expires_at, registered_at FROM push_tokens t
		WHERE (expires_at = 0 OR expires_at > $1) AND ($2 = '' OR NOT EXISTS (SELECT 1 FROM user_conversations r
			WHERE r.owner_user_id = t.user_id AND r.conversation_id = $2 AND r.recv_msg_opt <> 0))
		AND user_id IN IDS`, userIDs, now, silentIn)
}

func (q queries) SilentOwners(ctx context.Context, conversationID string, userIDs []string) ([]string, error) {
	return listIn(ctx, q.h, "SilentOwners", scanString, `SELECT owner_user_id FROM user_conversations
		WHERE conversation_id = $1 AND recv_msg_opt <> 0 AND owner_user_id IN IDS`, userIDs, conversationID)
}

type badge struct {
	userID string
	n      int64
}

func (q queries) Badges(ctx context.Context, userIDs []string) (map[string]int64, error) {
	found, err := listIn(ctx, q.h, "Badges", func(s scanner, b *badge) error { return s.Scan(&b.userID, &b.n) },
		`SELECT user_id, badge FROM push_badges WHERE user_id IN IDS`, userIDs)
	out := make(map[string]int64, len(found))
	for _, b := range found {
		out[b.userID] = b.n
	}
	return out, err
}

func (q queries) PushIntents(ctx context.Context, limit int) ([]im.PushIntent, error) {
	return list(ctx, q.h, "PushIntents", func(s scanner, i *im.PushIntent) error {
		return s.Scan(&i.MessageID, &i.ConversationID, &i.Seq, &i.DoneTo, &i.CreatedAt, &i.OperationID)
	}, `SELECT message_id, conversation_id, seq, done_to, created_at, operation_id FROM push_intents
		ORDER BY created_at DESC, seq DESC LIMIT $1`, limit)
}

func (q queries) CountPushJobs(ctx context.Context) (int, error) {
	var n int
	err := q.h.QueryRow(ctx, `SELECT count(*) FROM push_jobs`).Scan(&n)
	return n, failed("CountPushJobs", err)
}

func (t *tx) PutPushToken(ctx context.Context, v im.PushToken) error {
	const op = "PutPushToken"
	former, err := list(ctx, t.h, op, scanDevice, `DELETE FROM push_tokens WHERE token = $1 AND NOT (user_id = $2 AND platform = $3)
		RETURNING user_id, platform`, v.Token, v.UserID, v.Platform)
	if err != nil {
		return err
	}
	if err := t.dropPushJobs(ctx, former); err != nil {
		return failed(op, err)
	}
	_, err = t.h.Exec(ctx, `INSERT INTO push_tokens (user_id, platform, token, expires_at, registered_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (user_id, platform) DO UPDATE SET token = excluded.token, expires_at = excluded.expires_at,
			registered_at = excluded.registered_at`,
		v.UserID, v.Platform, v.Token, v.ExpiresAt, v.RegisteredAt)
	if err == nil { // what waits for the device finds it
		_, err = t.h.Exec(ctx, `UPDATE push_jobs SET token = $3 WHERE user_id = $1 AND platform = $2`, v.UserID, v.Platform, v.Token)
	}
	return failed(op, err)
}

func (t *tx) DeletePushToken(ctx context.Context, userID string, p im.Platform, token string, registered int64) error {
	const op = "DeletePushToken"
	gone, err := list(ctx, t.h, op, scanDevice, `DELETE FROM push_tokens WHERE user_id = $1 AND platform = $2 AND ($3 = '' OR token = $3)
		AND ($4 = 0 OR registered_at <= $4) RETURNING user_id, platform`, userID, p, token, registered)
	if err != nil {
		return err
	}
	return failed(op, t.dropPushJobs(ctx, gone))
}

// device is where one of a user's tokens was.
type device struct {
	userID   string
	platform im.Platform
}

func scanDevice(s scanner, d *device) error { return s.Scan(&d.userID, &d.platform) }

// dropPushJobs removes what waits for devices that have lost their token.
func (t *tx) dropPushJobs(ctx context.Context, devices []device) error {
	for _, d := range devices {
		if _, err := t.h.Exec(ctx, `DELETE FROM push_jobs WHERE user_id = $1 AND platform = $2`, d.userID, d.platform); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) SetBadge(ctx context.Context, userID string, n int64) error {
	_, err := t.h.Exec(ctx, `INSERT INTO push_badges (user_id, badge) VALUES ($1, $2)
		ON CONFLICT (user_id) DO UPDATE SET badge = excluded.badge`, userID, n)
	return failed("SetBadge", err)
}

func (t *tx) RaiseBadges(ctx context.Context, userIDs []string) (map[string]int64, error) {
	out := make(map[string]int64, len(userIDs))
	for _, id := range slices.Sorted(slices.Values(userIDs)) { // one order of row locks for all nodes
		var n int64
		err := t.h.QueryRow(ctx, `INSERT INTO push_badges (user_id, badge) VALUES ($1, 1)
			ON CONFLICT (user_id) DO UPDATE SET badge = push_badges.badge + 1 RETURNING badge`, id).Scan(&n)
		if err != nil {
			return nil, failed("RaiseBadges", err)
		}
		out[id] = n
	}
	return out, nil
}

func (t *tx) AddPushIntent(ctx context.Context, i im.PushIntent) error {
	_, err := t.h.Exec(ctx, `INSERT INTO push_intents (message_id, conversation_id, seq, done_to, created_at, operation_id)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (message_id) DO NOTHING`, // the business server may choose the id of a message
		i.MessageID, i.ConversationID, i.Seq, i.DoneTo, i.CreatedAt, i.OperationID)
	return failed("AddPushIntent", err)
}

func (t *tx) AdvancePushIntent(ctx context.Context, messageID, doneTo string) error {
	_, err := t.h.Exec(ctx, `UPDATE push_intents SET done_to = $2 WHERE message_id = $1`, messageID, doneTo)
	return failed("AdvancePushIntent", err)
}

func (t *tx) DeletePushIntents(ctx context.Context, messageIDs []string) error {
	return InChunks(messageIDs, 1, func(in string, args []any) error {
		_, err := t.h.Exec(ctx, `DELETE FROM push_intents WHERE message_id IN `+in, args...)
		return failed("DeletePushIntents", err)
	})
}

// behind is when a job is due that is not the first of its device: not before the ones
// before it are removed. So claims come upon first ones only, however many wait.
const behind = math.MaxInt64

func (t *tx) AddPushJobs(ctx context.Context, jobs []im.PushJob, now int64) error {
	for i := range jobs {
		j := &jobs[i]
		note, err := json.Marshal(&j.Note)
		if err != nil {
			return failed("AddPushJobs", err)
		}
		_, err = t.h.Exec(ctx, `INSERT INTO push_jobs (user_id, platform, conversation_id, token, message_id, send_time, note,
				created_at, attempts, next_at, claim, node, lease_until)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0,
				CASE WHEN EXISTS (SELECT 1 FROM push_jobs WHERE user_id = $1 AND platform = $2) THEN CAST($10 AS BIGINT) ELSE CAST($9 AS BIGINT) END, '', '', 0)
			ON CONFLICT (user_id, platform, message_id) DO NOTHING`,
			j.UserID, j.Platform, j.ConversationID, j.Token, j.MessageID, j.SendTime, note, j.CreatedAt, now, int64(behind))
		if err != nil {
			return failed("AddPushJobs", err)
		}
	}
	return nil
}

func (t *tx) TrimPushJobs(ctx context.Context, keep int, now int64) (int, error) {
	const op = "TrimPushJobs"
	dropped, err := list(ctx, t.h, op, scanDevice, `DELETE FROM push_jobs WHERE claim = ''
		AND id <= (SELECT id FROM push_jobs WHERE claim = '' ORDER BY id DESC LIMIT 1 OFFSET $1) RETURNING user_id, platform`, keep)
	if err != nil {
		return 0, err
	}
	for _, d := range dropped {
		if err := t.advance(ctx, d, now); err != nil {
			return 0, failed(op, err)
		}
	}
	return len(dropped), nil
}

// advance makes the first job of a device due, if it was behind another one.
func (t *tx) advance(ctx context.Context, d device, now int64) error {
	_, err := t.h.Exec(ctx, `UPDATE push_jobs SET next_at = $3 WHERE next_at = $4
		AND id = (SELECT id FROM push_jobs WHERE user_id = $1 AND platform = $2 ORDER BY id LIMIT 1)`, d.userID, d.platform, now, int64(behind))
	return err
}

func (t *tx) AdvancePushJobs(ctx context.Context, now int64) error {
	_, err := t.h.Exec(ctx, `UPDATE push_jobs SET next_at = $1 WHERE next_at = $2
		AND id IN (SELECT min(id) FROM push_jobs GROUP BY user_id, platform)`, now, int64(behind))
	return failed("AdvancePushJobs", err)
}

func scanPushJob(s scanner, j *im.PushJob) error {
	var note []byte
	err := s.Scan(&j.ID, &j.UserID, &j.Platform, &j.ConversationID, &j.Token, &j.MessageID, &j.SendTime, &note, &j.CreatedAt, &j.Attempts, &j.Claim)
	if err != nil {
		return err
	}
	return json.Unmarshal(note, &j.Note)
}

// What ClaimPushJobs takes of the jobs that are due and nobody's, and the first of their device.
const (
	firstOfDevice = `NOT EXISTS (SELECT 1 FROM push_jobs e WHERE e.user_id = j.user_id AND e.platform = j.platform AND e.id < j.id)`
	dueJobs       = `SELECT j.id FROM push_jobs j WHERE j.next_at <= $4 AND j.lease_until <= $4 AND ` + firstOfDevice + `
		ORDER BY j.next_at, j.id LIMIT $5`
	dueLikeFirst = `SELECT j.id FROM push_jobs j, (SELECT j.id, j.next_at, j.message_id, j.note, j.alone FROM push_jobs j
			WHERE j.next_at <= $4 AND j.lease_until <= $4 AND ` + firstOfDevice + ` ORDER BY j.next_at, j.id LIMIT 1) f
		WHERE j.next_at = f.next_at AND j.message_id = f.message_id AND j.note = f.note AND (j.id = f.id OR j.alone = 0 AND f.alone = 0)
			AND j.lease_until <= $4 AND ` + firstOfDevice + ` ORDER BY j.id LIMIT $5`
)

// ClaimPushJobs asks twice whether a job is nobody's: the second time the row is
// locked, so of two nodes that chose it one takes it.
func (t *tx) ClaimPushJobs(ctx context.Context, c store.PushClaim) ([]im.PushJob, error) {
	which := dueJobs
	if c.Together {
		which = dueLikeFirst
	}
	jobs, err := list(ctx, t.h, "ClaimPushJobs", scanPushJob, `UPDATE push_jobs SET claim = $1, node = $2, lease_until = $3
		WHERE lease_until <= $4 AND id IN (`+which+`)
		RETURNING id, user_id, platform, conversation_id, token, message_id, send_time, note, created_at, attempts, claim`,
		c.Claim, c.Node, c.Until, c.Now, c.Limit)
	slices.SortFunc(jobs, func(a, b im.PushJob) int { return cmp.Compare(a.ID, b.ID) })
	return jobs, err
}

func (t *tx) ReleasePushJobs(ctx context.Context, node string) error {
	_, err := t.h.Exec(ctx, `UPDATE push_jobs SET claim = '', node = '', lease_until = 0 WHERE node = $1 AND lease_until > 0`, node)
	return failed("ReleasePushJobs", err)
}

func (t *tx) FinishPushJob(ctx context.Context, id int64, claim string, now int64) error {
	const op = "FinishPushJob"
	done, err := list(ctx, t.h, op, scanDevice, `DELETE FROM push_jobs WHERE id = $1 AND claim = $2 RETURNING user_id, platform`, id, claim)
	if err != nil || len(done) == 0 {
		return err
	}
	return failed(op, t.advance(ctx, done[0], now))
}

func (t *tx) RetryPushJob(ctx context.Context, id int64, claim string, at int64, alone bool) error {
	_, err := t.h.Exec(ctx, `UPDATE push_jobs SET claim = '', node = '', lease_until = 0, attempts = attempts + 1, next_at = $3, alone = $4
		WHERE id = $1 AND claim = $2`, id, claim, at, bit(alone))
	return failed("RetryPushJob", err)
}
