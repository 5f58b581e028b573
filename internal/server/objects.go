package server

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"parley/internal/api"
	"parley/internal/config"
	"parley/internal/object"
	"parley/internal/object/files"
	"parley/internal/object/s3"
)

// objects is where files are kept, and what belongs to it. The zero value keeps none.
type objects struct {
	storage object.Storage
	media   api.Media // nil: clients reach the storage past this server
	sealKey []byte    // for ids of uploads
	max     int64     // bytes of the largest file
	close   func() error
}

// openObjects opens the embedded storage, or the bucket that is configured.
func openObjects(ctx context.Context, cfg *config.Config, secret string) (o objects, err error) {
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
		bucket, err := s3.Open(ctx, s3.Options{
			Endpoint: c.Endpoint, PublicURL: c.PublicURL, Region: c.Region, Bucket: c.Bucket,
			AccessKey: c.AccessKey, SecretKey: c.SecretKey, PathStyle: c.PathStyle,
		})
		if err != nil {
			return o, err
		}
		o.storage = bucket
		o.close = func() error {
			bucket.Close()
			return nil
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
