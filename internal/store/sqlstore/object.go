package sqlstore

import (
	"context"

	"parley/internal/im"
)

func (q queries) Object(ctx context.Context, name string) (*im.Object, error) {
	o := new(im.Object)
	err := q.h.QueryRow(ctx, `SELECT name, content_key, size, content_type, cause, create_time FROM objects WHERE name = $1`, name).
		Scan(&o.Name, &o.Key, &o.Size, &o.ContentType, &o.Group, &o.CreateTime)
	if err != nil {
		return nil, failed("Object", err)
	}
	return o, nil
}

const contentColumns = `digest, content_key, size, used_at, image_format, image_width, image_height`

func scanContent(s scanner, c *im.ObjectContent) error {
	return s.Scan(&c.Digest, &c.Key, &c.Size, &c.UsedAt, &c.Image.Format, &c.Image.Width, &c.Image.Height)
}

func (q queries) ObjectContent(ctx context.Context, key string) (*im.ObjectContent, error) {
	c := new(im.ObjectContent)
	err := scanContent(q.h.QueryRow(ctx, `SELECT `+contentColumns+` FROM object_contents WHERE content_key = $1`, key), c)
	if err != nil {
		return nil, failed("ObjectContent", err)
	}
	return c, nil
}

func (q queries) ObjectThumbnails(ctx context.Context, source string) ([]im.ObjectThumbnail, error) {
	scan := func(s scanner, t *im.ObjectThumbnail) error { return s.Scan(&t.Source, &t.Variant, &t.Key) }
	return list(ctx, q.h, "ObjectThumbnails", scan,
		`SELECT source_key, variant, content_key FROM object_thumbnails WHERE source_key = $1`, source)
}

const uploadColumns = `id, user_id, content_key, digest, size, part_size, parts, storage_id, create_time, expire_time`

func scanUpload(s scanner, u *im.ObjectUpload) error {
	return s.Scan(&u.ID, &u.UserID, &u.Key, &u.Digest, &u.Size, &u.PartSize, &u.Parts, &u.StorageID, &u.CreateTime, &u.ExpireTime)
}

func (q queries) ObjectUpload(ctx context.Context, id string) (*im.ObjectUpload, error) {
	u := new(im.ObjectUpload)
	err := scanUpload(q.h.QueryRow(ctx, `SELECT `+uploadColumns+` FROM object_uploads WHERE id = $1`, id), u)
	if err != nil {
		return nil, failed("ObjectUpload", err)
	}
	return u, nil
}

func (q queries) OpenUploads(ctx context.Context, userID string) (uploads, parts int, err error) {
	err = q.h.QueryRow(ctx, `SELECT count(*), COALESCE(sum(parts), 0) FROM object_uploads WHERE user_id = $1`, userID).Scan(&uploads, &parts)
	return uploads, parts, failed("OpenUploads", err)
}

func (q queries) ExpiredUploads(ctx context.Context, before int64, limit int) ([]im.ObjectUpload, error) {
	return list(ctx, q.h, "ExpiredUploads", scanUpload,
		`SELECT `+uploadColumns+` FROM object_uploads WHERE expire_time < $1 ORDER BY expire_time, id LIMIT $2`, before, limit)
}

func (q queries) SuspectContents(ctx context.Context, before int64, limit int) ([]string, error) {
	return list(ctx, q.h, "SuspectContents", scanString,
		`SELECT content_key FROM object_suspects WHERE since < $1 ORDER BY since, content_key LIMIT $2`, before, limit)
}

func (q queries) ObjectGarbage(ctx context.Context, limit int) ([]string, error) {
	return list(ctx, q.h, "ObjectGarbage", scanString, `SELECT content_key FROM object_garbage ORDER BY content_key LIMIT $1`, limit)
}

func (t *tx) PutObject(ctx context.Context, o im.Object) error {
	_, err := t.h.Exec(ctx, `INSERT INTO object_suspects (content_key, since)
		SELECT content_key, $3 FROM objects WHERE name = $1 AND content_key <> $2
		ON CONFLICT (content_key) DO UPDATE SET since = excluded.since`, o.Name, o.Key, o.CreateTime)
	if err != nil {
		return failed("PutObject", err)
	}
	_, err = t.h.Exec(ctx, `INSERT INTO objects (name, content_key, size, content_type, cause, create_time) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (name) DO UPDATE SET content_key = excluded.content_key, size = excluded.size,
			content_type = excluded.content_type, cause = excluded.cause, create_time = excluded.create_time`,
		o.Name, o.Key, o.Size, o.ContentType, o.Group, o.CreateTime)
	return failed("PutObject", err)
}

func (t *tx) SettleSuspect(ctx context.Context, key string, now int64) error {
	_, err := t.h.Exec(ctx, `DELETE FROM object_suspects WHERE content_key = $1 AND (
		EXISTS (SELECT 1 FROM objects o WHERE o.content_key = $1) OR NOT EXISTS (SELECT 1 FROM object_contents c WHERE c.content_key = $1))`, key)
	if err == nil {
		_, err = t.h.Exec(ctx, `UPDATE object_suspects SET since = $2 WHERE content_key = $1`, key, now)
	}
	return failed("SettleSuspect", err)
}

func (t *tx) UseContent(ctx context.Context, digest string, now int64) (*im.ObjectContent, error) {
	// The row stays locked to the end of the transaction: ForgetContent waits, and then
	// sees the new time.
	c := new(im.ObjectContent)
	err := scanContent(t.h.QueryRow(ctx, `UPDATE object_contents SET used_at = CASE WHEN used_at < $2 THEN $2 ELSE used_at END
		WHERE digest = $1 RETURNING `+contentColumns, digest, now), c)
	if err != nil {
		return nil, failed("UseContent", err)
	}
	return c, nil
}

func (t *tx) InsertContent(ctx context.Context, c im.ObjectContent) (bool, error) {
	added, err := t.changed(ctx, `INSERT INTO object_contents (`+contentColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO NOTHING`,
		c.Digest, c.Key, c.Size, c.UsedAt, c.Image.Format, c.Image.Width, c.Image.Height)
	return added, failed("InsertContent", err)
}

func (t *tx) ForgetContent(ctx context.Context, key string, usedFrom int64) (bool, error) {
	gone, err := t.changed(ctx, `DELETE FROM object_contents WHERE content_key = $1 AND used_at < $2
		AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.content_key = $1)`, key, usedFrom)
	return gone, failed("ForgetContent", err)
}

func (t *tx) LoseContent(ctx context.Context, key string) error {
	_, err := t.h.Exec(ctx, `DELETE FROM object_contents WHERE content_key = $1`, key)
	return failed("LoseContent", err)
}

func (t *tx) SetContentImage(ctx context.Context, key string, i im.ObjectImage) error {
	_, err := t.h.Exec(ctx, `UPDATE object_contents SET image_format = $2, image_width = $3, image_height = $4 WHERE content_key = $1`,
		key, i.Format, i.Width, i.Height)
	return failed("SetContentImage", err)
}

func (t *tx) InsertThumbnail(ctx context.Context, n im.ObjectThumbnail) (bool, error) {
	added, err := t.changed(ctx, `INSERT INTO object_thumbnails (source_key, variant, content_key) VALUES ($1, $2, $3)
		ON CONFLICT (source_key, variant) DO NOTHING`, n.Source, n.Variant, n.Key)
	return added, failed("InsertThumbnail", err)
}

func (t *tx) ForgetThumbnails(ctx context.Context, source string) error {
	_, err := t.h.Exec(ctx, `DELETE FROM object_thumbnails WHERE source_key = $1`, source)
	return failed("ForgetThumbnails", err)
}

func (t *tx) InsertUpload(ctx context.Context, u im.ObjectUpload) error {
	_, err := t.h.Exec(ctx, `INSERT INTO object_uploads (`+uploadColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		u.ID, u.UserID, u.Key, u.Digest, u.Size, u.PartSize, u.Parts, u.StorageID, u.CreateTime, u.ExpireTime)
	return failed("InsertUpload", err)
}

func (t *tx) SetUploadStorage(ctx context.Context, id, storageID string) error {
	_, err := t.h.Exec(ctx, `UPDATE object_uploads SET storage_id = $2 WHERE id = $1`, id, storageID)
	return failed("SetUploadStorage", err)
}

func (t *tx) DeleteUpload(ctx context.Context, id string) (bool, error) {
	gone, err := t.changed(ctx, `DELETE FROM object_uploads WHERE id = $1`, id)
	return gone, failed("DeleteUpload", err)
}

func (t *tx) AddGarbage(ctx context.Context, keys []string) error {
	for _, key := range keys {
		_, err := t.h.Exec(ctx, `INSERT INTO object_garbage (content_key) VALUES ($1) ON CONFLICT (content_key) DO NOTHING`, key)
		if err != nil {
			return failed("AddGarbage", err)
		}
	}
	return nil
}

func (t *tx) DeleteGarbage(ctx context.Context, key string) error {
	_, err := t.h.Exec(ctx, `DELETE FROM object_garbage WHERE content_key = $1`, key)
	return failed("DeleteGarbage", err)
}
