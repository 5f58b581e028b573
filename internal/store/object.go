package store

import (
	"context"

	"parley/internal/im"
)

// Objects reads files: names, contents, uploads.
type Objects interface {
	// Object returns the file of a name, or im.NotFound.
	Object(ctx context.Context, name string) (*im.Object, error)
	// ObjectContent returns the content with a key, or im.NotFound.
	ObjectContent(ctx context.Context, key string) (*im.ObjectContent, error)
	// ObjectThumbnails returns the kept thumbnails of an image, in no particular order.
	ObjectThumbnails(ctx context.Context, source string) ([]im.ObjectThumbnail, error)
	// ObjectUpload returns an open upload, or im.NotFound.
	ObjectUpload(ctx context.Context, id string) (*im.ObjectUpload, error)
	// OpenUploads returns how many uploads a user has open, and their parts together.
	OpenUploads(ctx context.Context, userID string) (uploads, parts int, err error)
	// ExpiredUploads returns the uploads that expired longest ago, before a time.
	ExpiredUploads(ctx context.Context, before int64, limit int) ([]im.ObjectUpload, error)
	// SuspectContents returns keys of contents that lost a name before a time, oldest first.
	SuspectContents(ctx context.Context, before int64, limit int) ([]string, error)
	// ObjectGarbage returns keys of contents that are to be removed from the storage.
	ObjectGarbage(ctx context.Context, limit int) ([]string, error)
}

// ObjectWriter changes files.
type ObjectWriter interface {
	// PutObject gives a name to a content. Another one that had the name loses it, and
	// is a suspect from the time of the new object on.
	PutObject(ctx context.Context, o im.Object) error
	// SettleSuspect forgets a suspect that is gone or has a name, and puts off any other.
	SettleSuspect(ctx context.Context, key string, now int64) error
	// UseContent notes that a content is used now, which keeps it from being taken
	// for unused, and returns it; im.NotFound if there is none with this digest.
	UseContent(ctx context.Context, digest string, now int64) (*im.ObjectContent, error)
	// InsertContent stores a content; false if there is one with its digest already.
	InsertContent(ctx context.Context, c im.ObjectContent) (bool, error)
	// ForgetContent removes the record of a content, unless it was used at a time or
	// later, or has a name; it reports whether it did.
	ForgetContent(ctx context.Context, key string, usedFrom int64) (bool, error)
	// LoseContent removes the record of a content whose bytes are gone.
	LoseContent(ctx context.Context, key string) error
	// SetContentImage notes what a content is as an image.
	SetContentImage(ctx context.Context, key string, i im.ObjectImage) error
	// InsertThumbnail stores a thumbnail; false if there is one of this variant already.
	InsertThumbnail(ctx context.Context, t im.ObjectThumbnail) (bool, error)
	// ForgetThumbnails removes the records of all thumbnails of an image.
	ForgetThumbnails(ctx context.Context, source string) error
	// InsertUpload stores an upload.
	InsertUpload(ctx context.Context, u im.ObjectUpload) error
	// SetUploadStorage notes what the storage calls an upload.
	SetUploadStorage(ctx context.Context, id, storageID string) error
	// DeleteUpload removes an upload, and reports whether it was there.
	DeleteUpload(ctx context.Context, id string) (bool, error)
	// AddGarbage notes keys to be removed from the storage.
	AddGarbage(ctx context.Context, keys []string) error
	// DeleteGarbage forgets a key that was removed from the storage.
	DeleteGarbage(ctx context.Context, key string) error
}
