package service

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"parley/internal/im"
	"parley/internal/object"
	"parley/internal/store"
)

// Bounds of files. Those of one user are for uploads that are open; an
// administrator uploads for everybody and has none.
const (
	maxObjectName  = 1024 // bytes
	maxObjectTexts = 256  // bytes of a content type, and of a cause
	maxOpenUploads = 1000
	maxOpenParts   = 20_000

	uploadLife = 7 * 24 * time.Hour // as long as S3 lets an address be good
	urlLife    = 7 * 24 * time.Hour
)

// NewUpload is what an upload is begun with.
type NewUpload struct {
	Name, ContentType, Group string
	Hash                     string // object.Hash of the MD5s of its parts
	Size                     int64
	MaxParts                 int // how many parts to sign at once: below 0 all of them
}

// StartedUpload is an upload that was begun, or one that need not be: then URL is
// where the file is, and nothing else is set.
type StartedUpload struct {
	URL        string
	UploadID   string
	PartSize   int64
	Signed     bool // false: no part was asked for
	Parts      []object.Part
	ExpireTime int64 // ms
}

// NewForm is what an upload by form is begun with.
type NewForm struct {
	Name, ContentType, Group string
	Size                     int64
	Life                     time.Duration // 0: formLife; for administrators
	Absolute                 bool          // the name is the storage's key; for administrators
}

// ObjectQuery says in which form a file is wanted.
type ObjectQuery struct {
	Type string // "" or "image"
	object.ImageQuery
}

// usableName refuses names that nobody may have, or that the operator may not give
// (rest-third-admin.md 2).
func usableName(op im.Operator, name, object string) error {
	switch {
	case strings.TrimSpace(object) == "":
		return im.Errorf(im.Invalid, name, "name is empty")
	case object[0] == '/':
		return im.Errorf(im.Invalid, name, "name begins with a slash")
	case len(object) > maxObjectName:
		return im.Errorf(im.Invalid, name, "name is longer than %d bytes", maxObjectName)
	case !utf8.ValidString(object) || strings.IndexByte(object, 0) >= 0:
		return im.Errorf(im.Invalid, name, "name is not UTF-8, or holds a zero byte")
	case !op.Admin && !strings.HasPrefix(object, op.UserID+"/"):
		return im.Errorf(im.Denied, name, "name must begin with %s/", op.UserID)
	}
	return nil
}

// PartLimits are what parts of uploads must keep to.
func (s *Service) PartLimits() object.Limits { return s.o.Objects.Limits() }

// PartSize returns the size of the parts of a file.
func (s *Service) PartSize(size int64) (int64, error) { return s.PartLimits().PartSize(size) }

// publicURL is what clients are given for a file; it goes into messages.
func publicURL(base, name string) string { return base + "object/" + name }

// BeginUpload begins an upload, unless there is a content with this hash: then the
// file gets it at once (rest-third-admin.md 3.3). base is the address of this
// server, with a slash at its end.
func (s *Service) BeginUpload(ctx context.Context, op im.Operator, base string, n NewUpload) (*StartedUpload, error) {
	const name = "service.BeginUpload"
	if err := usableName(op, name, n.Name); err != nil {
		return nil, err
	}
	if err := usableTexts(name, maxObjectTexts, n.ContentType, n.Group); err != nil {
		return nil, err
	}
	n.Hash = strings.ToLower(n.Hash)
	if !object.IsSum(n.Hash) {
		return nil, im.Errorf(im.Unusable, name, "hash is not 32 hexadecimal digits")
	}
	partSize, err := s.PartSize(n.Size)
	if err != nil {
		return nil, err
	}
	parts := object.Parts(n.Size, partSize)
	if n.MaxParts > parts {
		return nil, im.Errorf(im.Unusable, name, "maxParts is above the number of parts, %d", parts)
	}
	if n.Size > s.o.MaxObject {
		return nil, im.Errorf(im.Invalid, name, "files of this server have at most %d bytes", s.o.MaxObject)
	}
	known, err := s.nameKnown(ctx, op, n)
	if err != nil {
		return nil, err
	}
	if known {
		return &StartedUpload{URL: publicURL(base, n.Name)}, nil
	}
	u, err := s.openUpload(ctx, op, n, partSize, parts)
	if err != nil {
		return nil, err
	}
	numbers := parts
	if n.MaxParts >= 0 && parts > 1 {
		numbers = n.MaxParts
	}
	started := &StartedUpload{PartSize: partSize, Signed: numbers > 0, ExpireTime: u.ExpireTime}
	if started.Parts, err = s.signParts(ctx, base, u, upTo(numbers)); err != nil {
		return nil, err
	}
	started.UploadID, err = s.seal(uploadTicket{ID: u.ID, User: op.UserID, Hash: n.Hash, Expires: u.ExpireTime})
	return started, err
}

// upTo returns the numbers from 1 to n.
func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i + 1
	}
	return out
}

// nameKnown gives the name to the content with the same hash, if there is one and
// the storage still has it.
func (s *Service) nameKnown(ctx context.Context, op im.Operator, n NewUpload) (bool, error) {
	c, err := s.useContent(ctx, n.Hash)
	if c == nil || err != nil {
		return false, err
	}
	if _, err := s.o.Objects.Stat(ctx, c.Key); im.IsKind(err, im.NotFound) {
		s.logger.Warn("the content of files is missing in the storage", "op", op.OperationID, "key", c.Key)
		return false, s.store.Update(ctx, func(tx store.Tx) error { return tx.LoseContent(ctx, c.Key) })
	} else if err != nil {
		return false, err
	}
	return s.nameContent(ctx, n.Hash, n.Name, n.ContentType, n.Group)
}

// useContent returns the content with a digest, and keeps it from being cleaned; nil if there is none.
func (s *Service) useContent(ctx context.Context, digest string) (c *im.ObjectContent, err error) {
	err = s.store.Update(ctx, func(tx store.Tx) error {
		c, err = tx.UseContent(ctx, digest, s.nowMs())
		return err
	})
	if im.IsKind(err, im.NotFound) {
		return nil, nil
	}
	return c, err
}

// nameContent gives a name to the content with a digest; false if there is none.
func (s *Service) nameContent(ctx context.Context, digest, name, contentType, group string) (bool, error) {
	err := s.store.Update(ctx, func(tx store.Tx) error {
		c, err := tx.UseContent(ctx, digest, s.nowMs())
		if err != nil {
			return err
		}
		return tx.PutObject(ctx, im.Object{
			Name: name, Key: c.Key, Size: c.Size, ContentType: contentType, Group: group, CreateTime: s.nowMs(),
		})
	})
	if im.IsKind(err, im.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// openUpload opens an upload in the storage. Its record comes first: whatever
// happens afterwards, the cleaner finds what is left.
func (s *Service) openUpload(ctx context.Context, op im.Operator, n NewUpload, partSize int64, parts int) (*im.ObjectUpload, error) {
	now := s.o.Now()
	u := &im.ObjectUpload{
		ID: im.NewID(), UserID: op.UserID, Digest: n.Hash, Size: n.Size, PartSize: partSize, Parts: parts,
		CreateTime: now.UnixMilli(), ExpireTime: now.Add(uploadLife).UnixMilli(),
	}
	u.Key = "data/" + n.Hash + "-" + u.ID
	if err := s.recordUpload(ctx, op, u); err != nil {
		return nil, err
	}
	if err := s.o.Objects.Begin(ctx, u); err != nil {
		return nil, err
	}
	if u.StorageID == "" {
		return u, nil
	}
	return u, s.store.Update(ctx, func(tx store.Tx) error { return tx.SetUploadStorage(ctx, u.ID, u.StorageID) })
}

// recordUpload stores the record of a new upload, within the user's bounds.
func (s *Service) recordUpload(ctx context.Context, op im.Operator, u *im.ObjectUpload) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		if !op.Admin {
			open, parts, err := tx.OpenUploads(ctx, op.UserID)
			if err != nil {
				return err
			}
			if open >= maxOpenUploads || parts+u.Parts > maxOpenParts {
				return im.Errorf(im.Invalid, "service.recordUpload", "too many uploads are open: at most %d, with at most %d parts", maxOpenUploads, maxOpenParts)
			}
		}
		return tx.InsertUpload(ctx, *u)
	})
}

func (s *Service) signParts(ctx context.Context, base string, u *im.ObjectUpload, numbers []int) ([]object.Part, error) {
	return s.o.Objects.SignParts(ctx, base, u, numbers, time.UnixMilli(u.ExpireTime))
}

// SignParts signs parts of an upload anew (rest-third-admin.md 3.4).
func (s *Service) SignParts(ctx context.Context, op im.Operator, base, uploadID string, numbers []int) ([]object.Part, error) {
	const name = "service.SignParts"
	t, err := s.unsealOwn(op, name, uploadID, im.Unusable)
	if err != nil {
		return nil, err
	}
	if t.Form != nil {
		return nil, im.Errorf(im.Unusable, name, "the id is that of a form")
	}
	u, err := s.openedUpload(ctx, name, t)
	if err != nil {
		return nil, err
	}
	if len(numbers) > u.Parts {
		return nil, im.Errorf(im.Unusable, name, "more numbers than parts")
	}
	for _, n := range numbers {
		if n < 1 || n > u.Parts {
			return nil, im.Errorf(im.Unusable, name, "there is no part %d", n)
		}
	}
	return s.signParts(ctx, base, u, numbers)
}

// openedUpload returns the upload of a ticket, if it can still be completed.
func (s *Service) openedUpload(ctx context.Context, name string, t *uploadTicket) (*im.ObjectUpload, error) {
	if s.nowMs() >= t.Expires {
		return nil, im.Errorf(im.UploadExpired, name, "the upload was begun too long ago")
	}
	u, err := s.store.ObjectUpload(ctx, t.ID)
	if im.IsKind(err, im.NotFound) {
		return nil, im.Errorf(im.Unusable, name, "the upload is not open")
	}
	return u, err
}

// CompletedUpload is what an upload is completed with.
type CompletedUpload struct {
	UploadID                 string
	Sums                     []string // MD5s of the parts, in order
	Name, ContentType, Group string
}

// CompleteUpload makes a file of the parts of an upload and returns its public URL
// (rest-third-admin.md 3.5). Doing it again succeeds.
func (s *Service) CompleteUpload(ctx context.Context, op im.Operator, base string, c CompletedUpload) (string, error) {
	const name = "service.CompleteUpload"
	if err := usableName(op, name, c.Name); err != nil {
		return "", err
	}
	if err := usableTexts(name, maxObjectTexts, c.ContentType, c.Group); err != nil {
		return "", err
	}
	t, err := s.unsealOwn(op, name, c.UploadID, im.Unusable)
	if err != nil {
		return "", err
	}
	if t.Form != nil {
		return "", im.Errorf(im.Unusable, name, "the id is that of a form")
	}
	if object.Hash(c.Sums) != t.Hash {
		return "", im.Errorf(im.Unusable, name, "the MD5s of the parts do not make the hash of the upload")
	}
	// Completed before, or somebody else was faster: the upload itself is left to the cleaner.
	known, err := s.nameContent(ctx, t.Hash, c.Name, c.ContentType, c.Group)
	if err != nil {
		return "", err
	}
	if !known {
		u, err := s.openedUpload(ctx, name, t)
		if err != nil {
			return "", err
		}
		info, err := s.o.Objects.Complete(ctx, u, c.Sums)
		if err != nil {
			return "", err
		}
		if err := s.nameUploaded(ctx, u, info, c.Name, c.ContentType, c.Group); err != nil {
			return "", err
		}
	}
	return publicURL(base, c.Name), nil
}

// nameUploaded gives a name to the content of a completed upload. From this commit
// on the content is known; before it, the cleaner finds it by the upload's record.
func (s *Service) nameUploaded(ctx context.Context, u *im.ObjectUpload, info object.Info, name, contentType, group string) error {
	return s.store.Update(ctx, func(tx store.Tx) error {
		now := s.nowMs()
		if _, err := tx.DeleteUpload(ctx, u.ID); err != nil {
			return err
		}
		o := im.Object{Name: name, Key: u.Key, Size: info.Size, ContentType: contentType, Group: group, CreateTime: now}
		added, err := tx.InsertContent(ctx, im.ObjectContent{Digest: u.Digest, Key: u.Key, Size: info.Size, UsedAt: now})
		if err != nil {
			return err
		}
		if !added {
			c, err := tx.UseContent(ctx, u.Digest, now)
			if err != nil {
				return err
			}
			if c.Key != u.Key { // an equal content was there first
				if err := tx.AddGarbage(ctx, []string{u.Key}); err != nil {
					return err
				}
			}
			o.Key, o.Size = c.Key, c.Size
		}
		return tx.PutObject(ctx, o)
	})
}

// Object life in the background: see CleanObjects.
const (
	// cleanAfter is how long after its end an upload is still left alone: a request to
	// complete it may be on its way.
	cleanAfter = time.Hour
	// unusedFor is how long a content that has lost a name is kept for another one.
	unusedFor = 24 * time.Hour
)

// CleanObjects removes what interrupted uploads have left, and contents that no
// file has: one batch of each. It reports whether there is more.
func (s *Service) CleanObjects(ctx context.Context, limit int) (more bool, err error) {
	now := s.o.Now()
	var errs []error
	uploads, err := s.store.ExpiredUploads(ctx, now.Add(-cleanAfter).UnixMilli(), limit)
	if err != nil {
		return false, err
	}
	for i := range uploads {
		err := s.o.Objects.Abort(ctx, &uploads[i])
		if err == nil {
			err = s.store.Update(ctx, func(tx store.Tx) error {
				_, err := tx.DeleteUpload(ctx, uploads[i].ID)
				return err
			})
		}
		errs = append(errs, err)
	}
	unused := now.Add(-unusedFor).UnixMilli()
	suspects, err := s.store.SuspectContents(ctx, unused, limit)
	if err != nil {
		return false, err
	}
	for _, key := range suspects {
		errs = append(errs, s.store.Update(ctx, func(tx store.Tx) error {
			if err := discard(ctx, tx, key, unused); err != nil {
				return err
			}
			return tx.SettleSuspect(ctx, key, now.UnixMilli())
		}))
	}
	garbage, err := s.store.ObjectGarbage(ctx, limit)
	if err != nil {
		return false, err
	}
	for _, key := range garbage {
		err := s.o.Objects.Remove(ctx, key)
		if err == nil {
			err = s.store.Update(ctx, func(tx store.Tx) error { return tx.DeleteGarbage(ctx, key) })
		}
		errs = append(errs, err)
	}
	full := len(uploads) == limit || len(suspects) == limit || len(garbage) == limit
	return full, errors.Join(errs...)
}

// discard forgets a content that is still unused, and leaves its bytes and those of
// its thumbnails to be removed.
func discard(ctx context.Context, tx store.Tx, key string, usedFrom int64) error {
	gone, err := tx.ForgetContent(ctx, key, usedFrom)
	if err != nil || !gone {
		return err
	}
	if err := discardThumbnails(ctx, tx, key); err != nil {
		return err
	}
	return tx.AddGarbage(ctx, []string{key})
}

func discardThumbnails(ctx context.Context, tx store.Tx, source string) error {
	thumbnails, err := tx.ObjectThumbnails(ctx, source)
	if err != nil || len(thumbnails) == 0 {
		return err
	}
	keys := make([]string, len(thumbnails))
	for i := range thumbnails {
		keys[i] = thumbnails[i].Key
	}
	if err := tx.ForgetThumbnails(ctx, source); err != nil {
		return err
	}
	return tx.AddGarbage(ctx, keys)
}
