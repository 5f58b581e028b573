package server

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"parley/internal/api"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/object"
	"parley/internal/object/files"
	"parley/internal/object/s3"
	"parley/internal/obs"
)

// objects is where files are kept, and what belongs to it. The zero value keeps none.
type objects struct {
	storage object.Storage
	media   api.Media // nil: clients reach the storage past this server
	sealKey []byte    // for ids of uploads
	max     int64     // bytes of the largest file
	check   obs.Check // nil: there is nothing that could be away
	close   func() error
}

const (
	// bucketTimeout bounds the question for the bucket at the start of the server.
	bucketTimeout = 10 * time.Second
	// bucketReadyTimeout bounds it in an answer of /readyz, which other checks share.
	bucketReadyTimeout = time.Second
)

// openObjects opens the embedded storage, or the bucket that is configured.
func openObjects(ctx context.Context, cfg *config.Config, secret string, log *slog.Logger) (o objects, err error) {
	// Keys of their own: what one of them has signed means nothing to another, nor to tokens.
	urlKey, err := hkdf.Key(sha256.New, []byte(secret), nil, "parley signed addresses of files", sha256.Size)
	if err != nil {
		return o, fmt.Errorf("objects: %w", err)
	}
	if o.sealKey, err = hkdf.Key(sha256.New, []byte(secret), nil, "parley ids of uploads", sha256.Size); err != nil {
		return o, fmt.Errorf("objects: %w", err)
	}
	o.max = int64(cfg.Objects.MaxFileMB) << 20
	if cfg.S3.Bucket != "" {
		c := cfg.S3
		bucket, err := s3.Open(s3.Options{
			Endpoint: c.Endpoint, PublicURL: c.PublicURL, Region: c.Region, Bucket: c.Bucket,
			AccessKey: c.AccessKey, SecretKey: c.SecretKey, PathStyle: c.PathStyle,
		})
		if err != nil {
			return o, err
		}
		watch := &bucketWatch{bucket: bucket, log: log}
		o.storage, o.check = bucket, watch.ready
		o.close = func() error {
			bucket.Close()
			return nil
		}
		// What the store itself says against the settings is the operator's to repair, now.
		// A store that is away must not keep messages from being delivered.
		ctx, cancel := context.WithTimeout(ctx, bucketTimeout)
		defer cancel()
		if err := watch.check(ctx); err != nil && !errors.Is(err, s3.ErrAway) {
			return objects{}, errors.Join(err, o.close())
		}
		return o, nil
	}
	o.close = func() error { return nil }
	if cfg.Objects.Dir != "" { // else it is in the data directory, which is locked
		if o.close, err = config.LockDir(cfg.Objects.Dir); err != nil {
			return objects{}, fmt.Errorf("objects.dir: %w", err)
		}
	}
	store, err := files.Open(files.Options{Dir: cfg.ObjectsDir(), Key: urlKey})
	if err != nil {
		return objects{}, errors.Join(fmt.Errorf("objects.dir: %w", err), o.close())
	}
	o.storage, o.media = store, store
	return o, nil
}

// bucketWatch asks for the bucket and logs each change once.
type bucketWatch struct {
	bucket *s3.Store
	log    *slog.Logger
	away   atomic.Bool
}

func (w *bucketWatch) check(ctx context.Context) error {
	err := w.bucket.Check(ctx)
	switch was := w.away.Swap(err != nil); {
	case err != nil && !was:
		w.log.Error("the bucket cannot be used: no file can be uploaded until it can", "op", im.NewID(), "err", err)
	case err == nil && was:
		w.log.Info("the bucket can be used again", "op", im.NewID())
	}
	return err
}

// ready is the check for /readyz. The server still serves without files, so it is
// only degraded.
func (w *bucketWatch) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bucketReadyTimeout)
	defer cancel()
	return obs.Degraded(w.check(ctx))
}
