package service

import (
	"context"
	"fmt"
	"io"
	"path"
	"time"

	"parley/internal/im"
	"parley/internal/object"
	"parley/internal/store"
)

const (
	// maxThumbnails bounds the kept thumbnails of one image: anybody can ask for any size.
	maxThumbnails = 16
	// thumbnailLife is how long the making of a thumbnail may take.
	thumbnailLife = time.Hour
)

// ObjectURL returns where the content of a file can be fetched, and until when, in
// ms (rest-third-admin.md 3.6, 3.7). base is the address of this server, with a slash
// at its end. im.Invalid for an unknown type, im.NotFound for an unknown name,
// im.Unusable for what is no image and is wanted as one.
func (s *Service) ObjectURL(ctx context.Context, base, name string, q ObjectQuery) (url string, until int64, err error) {
	const op = "service.ObjectURL"
	if q.Type != "" && q.Type != "image" {
		return "", 0, im.Errorf(im.Invalid, op, "type must be image, or empty")
	}
	if len(name) > maxObjectName {
		return "", 0, im.Errorf(im.NotFound, op, "no file has a name as long")
	}
	o, err := s.store.Object(ctx, name)
	if err != nil {
		return "", 0, err
	}
	key, as := o.Key, object.Delivery{ContentType: o.ContentType, Disposition: object.Attachment(path.Base(o.Name))}
	if q.Type == "image" {
		if key, as.ContentType, err = s.imageOf(ctx, o, q.ImageQuery); err != nil {
			return "", 0, err
		}
		as.Disposition = ""
	}
	end := s.o.Now().Add(urlLife)
	url, err = s.o.Objects.SignURL(ctx, base, key, as, end)
	return url, end.UnixMilli(), err
}

// imageOf returns the key and the type of the content that answers a query for an image.
func (s *Service) imageOf(ctx context.Context, o *im.Object, q object.ImageQuery) (key, contentType string, err error) {
	const op = "service.imageOf"
	if q.Original() {
		return o.Key, object.ShownType(o.ContentType), nil
	}
	if o.Size > object.MaxImageBytes {
		return "", "", im.Errorf(im.Unusable, op, "images have at most %d bytes", object.MaxImageBytes)
	}
	c, err := s.store.ObjectContent(ctx, o.Key)
	if err != nil {
		return "", "", err
	}
	source := c.Image
	if source.Format == "" {
		if source, err = s.lookAt(ctx, o.Key); err != nil {
			return "", "", err
		}
	}
	if source.Format == im.NoImage {
		return "", "", im.Errorf(im.Unusable, op, "it is not an image, or too large a one")
	}
	want := q.Fit(source)
	contentType = "image/" + want.Format
	if want == source {
		return o.Key, contentType, nil
	}
	key, err = s.thumbnail(ctx, o.Key, source, want)
	return key, contentType, err
}

// lookAt finds out what a content is as an image, and notes it.
func (s *Service) lookAt(ctx context.Context, key string) (found im.ObjectImage, err error) {
	err = s.reading(ctx, key, func(r io.ReadSeeker) (err error) {
		found, err = object.LookAtImage(r)
		return err
	})
	if err != nil {
		return found, err
	}
	return found, s.store.Update(ctx, func(tx store.Tx) error { return tx.SetContentImage(ctx, key, found) })
}

// reading calls do with an opened content.
func (s *Service) reading(ctx context.Context, key string, do func(io.ReadSeeker) error) error {
	r, err := s.o.Objects.Open(ctx, key)
	if err != nil {
		return err
	}
	err = do(r)
	_ = r.Close() // nothing was written
	return err
}

// thumbnail returns the key of a thumbnail, which it makes if it is not there.
func (s *Service) thumbnail(ctx context.Context, key string, source, want im.ObjectImage) (string, error) {
	variant := fmt.Sprintf("%dx%d.%s", want.Width, want.Height, want.Format)
	kept, err := s.store.ObjectThumbnails(ctx, key)
	if err != nil {
		return "", err
	}
	for i := range kept {
		if kept[i].Variant == variant {
			return kept[i].Key, nil
		}
	}
	var content []byte
	err = s.reading(ctx, key, func(r io.ReadSeeker) (err error) {
		content, err = s.scaler.Scale(ctx, r, source, want)
		return err
	})
	if err != nil {
		return "", err
	}
	return s.keepThumbnail(ctx, key, variant, content, "image/"+want.Format)
}

// keepThumbnail stores a thumbnail. While it is being stored it is an upload, so
// that the cleaner finds it if the server ends in between.
func (s *Service) keepThumbnail(ctx context.Context, source, variant string, content []byte, contentType string) (string, error) {
	id, now := im.NewID(), s.o.Now()
	u := im.ObjectUpload{
		ID: id, Key: "thumbnail/" + id, Size: int64(len(content)), Parts: 1,
		CreateTime: now.UnixMilli(), ExpireTime: now.Add(thumbnailLife).UnixMilli(),
	}
	if err := s.store.Update(ctx, func(tx store.Tx) error { return tx.InsertUpload(ctx, u) }); err != nil {
		return "", err
	}
	if err := s.o.Objects.Put(ctx, u.Key, content, contentType); err != nil {
		return "", err
	}
	key := u.Key
	err := s.store.Update(ctx, func(tx store.Tx) error {
		key = u.Key
		if _, err := tx.DeleteUpload(ctx, id); err != nil {
			return err
		}
		kept, err := tx.ObjectThumbnails(ctx, source)
		if err != nil {
			return err
		}
		for i := range kept {
			if kept[i].Variant == variant { // somebody else was faster
				key = kept[i].Key
				return tx.AddGarbage(ctx, []string{u.Key})
			}
		}
		if len(kept) >= maxThumbnails {
			if err := discardThumbnails(ctx, tx, source); err != nil {
				return err
			}
		}
		added, err := tx.InsertThumbnail(ctx, im.ObjectThumbnail{Source: source, Variant: variant, Key: u.Key})
		if err == nil && !added {
			err = im.Errorf(im.Busy, "service.keepThumbnail", "another one was made at the same time")
		}
		return err
	})
	return key, err
}
