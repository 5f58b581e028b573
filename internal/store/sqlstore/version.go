package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"parley/internal/im"
)

func (q queries) Head(ctx context.Context, l im.List, owner string) (im.Version, error) {
	v, _, err := q.head(ctx, l, owner)
	return v, err
}

func (q queries) head(ctx context.Context, l im.List, owner string) (v im.Version, deletedTo uint64, err error) {
	err = q.h.QueryRow(ctx, `SELECT id, version, deleted_to FROM version_logs WHERE list = $1 AND owner = $2`, l, owner).
		Scan(&v.ID, &v.Number, &deletedTo)
	if errors.Is(err, sql.ErrNoRows) {
		return im.Version{}, 0, nil
	}
	return v, deletedTo, failed("Head", err)
}

type versionEntry struct {
	element string
	change  im.Change
	version uint64
}

// Since implements store.Versions; the rows of the table in incremental-sync.md 4.1 in their order.
func (q queries) Since(ctx context.Context, l im.List, owner string, from im.Version) (im.Delta, error) {
	head, deletedTo, err := q.head(ctx, l, owner)
	if err != nil {
		return im.Delta{}, err
	}
	d := im.Delta{Version: head}
	switch {
	case !im.ValidVersionID(from.ID) || from.Number == 0 || from.ID != head.ID:
		d.Full = true
		return d, nil
	case from.Number == head.Number:
		return d, nil
	case from.Number > head.Number || from.Number < deletedTo:
		d.Full = true
		return d, nil
	}
	// One entry more than the limit tells "too many".
	entries, err := list(ctx, q.h, "Since", func(s scanner, e *versionEntry) error {
		return s.Scan(&e.element, &e.change, &e.version)
	}, `SELECT element, change, version FROM version_entries WHERE list = $1 AND owner = $2 AND version > $3 AND version <= $4
		ORDER BY version, place LIMIT $5`, l, owner, from.Number, head.Number, im.MaxDelta+1)
	if err != nil {
		return im.Delta{}, err
	}
	if len(entries) > im.MaxDelta {
		d.Full = true
		return d, nil
	}
	for _, e := range entries {
		switch {
		case e.element == im.SortMarker:
			d.SortVersion = e.version
			continue
		case e.element == im.GroupMarker:
		case e.change == im.ChangeDelete:
			d.Delete = append(d.Delete, e.element)
		case e.change == im.ChangeInsert:
			d.Insert = append(d.Insert, e.element)
		default:
			d.Update = append(d.Update, e.element)
		}
		d.Touched = true
	}
	return d, nil
}

func (t *tx) OpenLog(ctx context.Context, l im.List, owner string) (im.Version, error) {
	_, err := t.h.Exec(ctx, `INSERT INTO version_logs (list, owner, id, version, deleted_to) VALUES ($1, $2, $3, 1, 0)
		ON CONFLICT (list, owner) DO NOTHING`, l, owner, im.NewVersionID(time.Now()))
	if err != nil {
		return im.Version{}, failed("OpenLog", err)
	}
	return t.Head(ctx, l, owner)
}

func (t *tx) Step(ctx context.Context, l im.List, owner string, change im.Change, elements ...string) (im.Version, error) {
	var v im.Version
	err := t.h.QueryRow(ctx, `INSERT INTO version_logs (list, owner, id, version, deleted_to) VALUES ($1, $2, $3, 1, 0)
		ON CONFLICT (list, owner) DO UPDATE SET version = version_logs.version + 1 RETURNING id, version`,
		l, owner, im.NewVersionID(time.Now())).Scan(&v.ID, &v.Number)
	if err != nil {
		return im.Version{}, failed("Step", err)
	}
	for i, e := range elements {
		// The sort marker is always an update, whatever happened to the elements beside it.
		c := change
		if e == im.SortMarker {
			c = im.ChangeUpdate
		}
		_, err := t.h.Exec(ctx, `INSERT INTO version_entries (list, owner, element, change, version, place) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (list, owner, element) DO UPDATE SET change = excluded.change, version = excluded.version, place = excluded.place`,
			l, owner, e, c, v.Number, i)
		if err != nil {
			return im.Version{}, failed("Step", err)
		}
	}
	return v, nil
}
