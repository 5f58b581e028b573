package sqlstore

import (
	"context"
	"encoding/json"

	"parley/internal/im"
	"parley/internal/store"
)

func (q queries) WebhookVersion(ctx context.Context) (v int64, err error) {
	err = q.h.QueryRow(ctx, `SELECT version FROM webhook_version`).Scan(&v)
	return v, failed("WebhookVersion", err)
}

func (q queries) Endpoints(ctx context.Context) ([]im.Endpoint, error) {
	return list(ctx, q.h, "Endpoints", func(s scanner, e *im.Endpoint) error {
		var settings []byte
		err := s.Scan(&e.ID, &settings, &e.PausedAt, &e.PausedReason, &e.ResumedTo, &e.CreatedAt, &e.UpdatedAt, &e.DeletedAt)
		if err != nil {
			return err
		}
		return json.Unmarshal(settings, e)
	}, `SELECT id, settings, paused_at, paused_reason, resumed_to, created_at, updated_at, deleted_at FROM webhook_endpoints ORDER BY created_at, id`)
}

func (q queries) Leases(ctx context.Context) ([]store.Lease, error) {
	return list(ctx, q.h, "Leases", func(s scanner, l *store.Lease) error {
		return s.Scan(&l.Endpoint, &l.Node, &l.Epoch, &l.Beat)
	}, `SELECT endpoint, node, epoch, beat FROM webhook_leases ORDER BY endpoint`)
}

// RaiseWebhookVersion locks the one row, so that changes come one after the other.
func (t *tx) RaiseWebhookVersion(ctx context.Context) (v int64, err error) {
	err = t.h.QueryRow(ctx, `UPDATE webhook_version SET version = version + 1 RETURNING version`).Scan(&v)
	return v, failed("RaiseWebhookVersion", err)
}

func (t *tx) PauseEndpoint(ctx context.Context, id string, at int64, reason string) error {
	if id == im.MainEndpoint {
		_, err := t.h.Exec(ctx, `INSERT INTO webhook_endpoints (id, settings, paused_at, paused_reason, created_at, updated_at, deleted_at)
			VALUES ('', '{}', 0, '', 0, 0, 0) ON CONFLICT (id) DO NOTHING`)
		if err != nil {
			return failed("PauseEndpoint", err)
		}
	}
	query, args := `UPDATE webhook_endpoints SET paused_at = $1, paused_reason = $2 WHERE id = $3`, []any{at, reason, id}
	if at == 0 {
		// Ids follow the order of commits: what is made from now on has a higher one.
		query, args = `UPDATE webhook_endpoints SET paused_at = 0, paused_reason = '', resumed_to = (SELECT COALESCE(max(id), 0) FROM outbox)
			WHERE id = $1 AND paused_at > 0`, []any{id}
	}
	_, err := t.h.Exec(ctx, query, args...)
	return failed("PauseEndpoint", err)
}

func (t *tx) PutEndpoint(ctx context.Context, e *im.Endpoint) error {
	settings, err := json.Marshal(e)
	if err == nil {
		_, err = t.h.Exec(ctx, `INSERT INTO webhook_endpoints (id, settings, paused_at, paused_reason, resumed_to, created_at, updated_at, deleted_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET settings = excluded.settings, paused_at = excluded.paused_at,
			paused_reason = excluded.paused_reason, resumed_to = excluded.resumed_to, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at`,
			e.ID, string(settings), e.PausedAt, e.PausedReason, e.ResumedTo, e.CreatedAt, e.UpdatedAt, e.DeletedAt)
	}
	return failed("PutEndpoint", err)
}

func (t *tx) ForgetEndpoint(ctx context.Context, id string) error {
	_, err := t.h.Exec(ctx, `DELETE FROM webhook_endpoints WHERE id = $1`, id)
	if err == nil {
		_, err = t.h.Exec(ctx, `DELETE FROM webhook_leases WHERE endpoint = $1`, id)
	}
	return failed("ForgetEndpoint", err)
}

func (t *tx) TakeLease(ctx context.Context, was store.Lease, node string) (store.Lease, bool, error) {
	now := store.Lease{Endpoint: was.Endpoint, Node: node, Epoch: was.Epoch + 1, Beat: was.Beat}
	var ok bool
	var err error
	if was.Epoch == 0 {
		ok, err = t.changed(ctx, `INSERT INTO webhook_leases (endpoint, node, epoch, beat) VALUES ($1, $2, $3, $4) ON CONFLICT (endpoint) DO NOTHING`,
			now.Endpoint, now.Node, now.Epoch, now.Beat)
	} else {
		ok, err = t.changed(ctx, `UPDATE webhook_leases SET node = $1, epoch = $2 WHERE endpoint = $3 AND epoch = $4 AND beat = $5`,
			now.Node, now.Epoch, now.Endpoint, was.Epoch, was.Beat)
	}
	return now, ok, failed("TakeLease", err)
}

func (t *tx) RenewLease(ctx context.Context, l store.Lease) (bool, error) {
	ok, err := t.changed(ctx, `UPDATE webhook_leases SET beat = beat + 1 WHERE endpoint = $1 AND epoch = $2`, l.Endpoint, l.Epoch)
	return ok, failed("RenewLease", err)
}

func (t *tx) ReleaseLease(ctx context.Context, l store.Lease, to string) error {
	_, err := t.h.Exec(ctx, `UPDATE webhook_leases SET node = $1 WHERE endpoint = $2 AND epoch = $3`, to, l.Endpoint, l.Epoch)
	return failed("ReleaseLease", err)
}

func (t *tx) ForgetLease(ctx context.Context, l store.Lease) error {
	_, err := t.h.Exec(ctx, `DELETE FROM webhook_leases WHERE endpoint = $1 AND epoch = $2`, l.Endpoint, l.Epoch)
	return failed("ForgetLease", err)
}
