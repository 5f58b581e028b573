package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"parley/internal/im"
)

func (q queries) Head(ctx context.Context, l im.List, owner string) (v im.Version, err error) {
	err = q.h.QueryRow(ctx, `SELECT id, version FROM version_logs WHERE list = $1 AND owner = $2`, l, owner).Scan(&v.ID, &v.Number)
	if errors.Is(err, sql.ErrNoRows) {
		return im.Version{}, nil
	}
	return v, failed("Head", err)
}

func (q queries) Since(ctx context.Context, l im.List, owner string, from im.Version) (im.Delta, error) {
	d, err := q.SinceEach(ctx, l, map[string]im.Version{owner: from})
	return d[owner], err
}

// span is a part of a version log: what is above after, up to to.
type span struct {
	owner     string
	after, to uint64
}

type versionEntry struct {
	owner   string
	element string
	change  im.Change
	version uint64
}

// SinceEach implements store.Versions; the rows of the table in incremental-sync.md 4.1 in their order.
func (q queries) SinceEach(ctx context.Context, l im.List, from map[string]im.Version) (map[string]im.Delta, error) {
	type head struct {
		owner string
		im.Version
		deletedTo uint64
	}
	heads, err := listIn(ctx, q.h, "Since", func(s scanner, h *head) error {
		return s.Scan(&h.owner, &h.ID, &h.Number, &h.deletedTo)
	}, `SELECT owner, id, version, deleted_to FROM version_logs WHERE list = $1 AND owner IN IDS`, slices.Sorted(maps.Keys(from)), l)
	if err != nil {
		return nil, err
	}
	out := make(map[string]im.Delta, len(from))
	for owner := range from {
		out[owner] = im.Delta{Full: true} // no log
	}
	var parts []span
	for _, h := range heads {
		d, v := im.Delta{Version: h.Version}, from[h.owner]
		switch {
		case !im.ValidVersionID(v.ID) || v.Number == 0 || v.ID != h.ID:
			d.Full = true
		case v.Number == h.Number:
		case v.Number > h.Number || v.Number < h.deletedTo:
			d.Full = true
		default:
			parts = append(parts, span{h.owner, v.Number, h.Number})
		}
		out[h.owner] = d
	}
	byOwner, err := q.versionEntries(ctx, l, parts)
	if err != nil {
		return nil, err
	}
	for owner, entries := range byOwner {
		d := out[owner]
		if len(entries) > im.MaxDelta {
			d.Full = true
		} else {
			fillDelta(&d, entries)
		}
		out[owner] = d
	}
	return out, nil
}

// versionEntries reads parts of logs by owner, in order. One entry more than the
// limit tells "too many".
func (q queries) versionEntries(ctx context.Context, l im.List, parts []span) (map[string][]versionEntry, error) {
	out := make(map[string][]versionEntry, len(parts))
	err := inRows(parts, func(part []span) error {
		var query strings.Builder
		args := make([]any, 0, 5*len(part))
		for i, p := range part {
			if i > 0 {
				query.WriteString(" UNION ALL ")
			}
			n := len(args)
			fmt.Fprintf(&query, `SELECT owner, element, change, version FROM (SELECT owner, element, change, version, place FROM version_entries
				WHERE list = $%d AND owner = $%d AND version > $%d AND version <= $%d ORDER BY version, place LIMIT $%d) AS part%d`,
				n+1, n+2, n+3, n+4, n+5, i)
			args = append(args, l, p.owner, p.after, p.to, im.MaxDelta+1)
		}
		entries, err := list(ctx, q.h, "Since", func(s scanner, e *versionEntry) error {
			return s.Scan(&e.owner, &e.element, &e.change, &e.version)
		}, query.String(), args...)
		for _, e := range entries {
			out[e.owner] = append(out[e.owner], e)
		}
		return err
	})
	return out, err
}

// fillDelta sorts entries by what happened to their elements.
func fillDelta(d *im.Delta, entries []versionEntry) {
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
	places := make(map[string]int, len(elements)) // of one that is named twice the last one counts
	for i, e := range elements {
		places[e] = i
	}
	err = inRows(slices.SortedFunc(maps.Keys(places), func(a, b string) int { return places[a] - places[b] }), func(part []string) error {
		args := make([]any, 0, 6*len(part))
		for _, e := range part {
			// The sort marker is always an update, whatever happened to the elements beside it.
			c := change
			if e == im.SortMarker {
				c = im.ChangeUpdate
			}
			args = append(args, l, owner, e, c, v.Number, places[e])
		}
		_, err := t.h.Exec(ctx, `INSERT INTO version_entries (list, owner, element, change, version, place) VALUES `+
			rowsText(len(part), `($%d, $%d, $%d, $%d, $%d, $%d)`)+`
			ON CONFLICT (list, owner, element) DO UPDATE SET change = excluded.change, version = excluded.version, place = excluded.place`, args...)
		return err
	})
	if err != nil {
		return im.Version{}, failed("Step", err)
	}
	return v, nil
}
