// Package s3 keeps contents in a bucket of an S3-compatible store.
//
// Clients send parts and fetch contents there directly, with presigned addresses;
// this server only begins, completes and removes. A file of one part is a multipart
// upload, too: the addresses of its parts are worth nothing once it is completed, so
// that nobody can replace a content that others share.
//
// It starts no goroutines that outlive a call; connections are kept by its HTTP
// transport, and Close ends the idle ones.
package s3

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"parley/internal/im"
	"parley/internal/object"
)

// Options say where the bucket is.
type Options struct {
	Endpoint  string // URL by which this server reaches the store: scheme, host, port
	PublicURL string // URL by which clients do; empty: Endpoint
	Region    string
	Bucket    string
	AccessKey string
	SecretKey string
	PathStyle bool // the bucket is in the path, else it is a part of the host name
	// Timeout bounds beginning an upload and looking for a content; 0: DefaultTimeout.
	// Completing an upload may take a store longer, and is bounded by the caller.
	Timeout time.Duration
}

// DefaultTimeout is below the 10 s after which the SDKs give up: they hear that files
// are not to be had from a store that takes connections and answers nothing.
const DefaultTimeout = 8 * time.Second

// Store is the storage in one bucket.
type Store struct {
	bucket    string
	core      minio.Core
	public    *minio.Client // signs addresses; makes no requests
	transport *http.Transport
	timeout   time.Duration
}

var _ object.Storage = (*Store)(nil)

// attempts is how often a request is made to a store that does not answer, or fails
// by itself. The SDKs wait 10 s for an answer of this server.
const attempts = 2

// Open returns the store in a bucket. It makes no request: see Check.
func Open(o Options) (*Store, error) {
	transport, err := minio.DefaultTransport(true)
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	s := &Store{bucket: o.Bucket, transport: transport, timeout: cmp.Or(o.Timeout, DefaultTimeout)}
	client, err := newClient(o, o.Endpoint, transport)
	if err != nil {
		return nil, fmt.Errorf("s3: endpoint: %w", err)
	}
	s.core = minio.Core{Client: client}
	if o.PublicURL == "" {
		o.PublicURL = o.Endpoint
	}
	if s.public, err = newClient(o, o.PublicURL, transport); err != nil {
		return nil, fmt.Errorf("s3: publicURL: %w", err)
	}
	return s, nil
}

// ErrAway is the cause of a Check that got no answer: the settings may be right.
var ErrAway = errors.New("the store does not answer")

// Check asks the store for the bucket. An error that wraps ErrAway may pass by itself;
// any other is the store's own word against the settings.
func (s *Store) Check(ctx context.Context) error {
	found, err := s.core.Client.BucketExists(ctx, s.bucket)
	switch {
	case err == nil && !found:
		return fmt.Errorf("s3: there is no bucket %s", s.bucket)
	case err == nil:
		return nil
	case away(err):
		err = fmt.Errorf("%w: %w", ErrAway, err)
	}
	return fmt.Errorf("s3: look for the bucket %s: %w", s.bucket, err)
}

// away reports whether an error is a missing answer, or one that says "not now".
func away(err error) bool {
	var failed *url.Error
	if errors.As(err, &failed) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	status := minio.ToErrorResponse(err).StatusCode
	return status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests
}

func newClient(o Options, address string, transport http.RoundTripper) (*minio.Client, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	lookup := minio.BucketLookupDNS
	if o.PathStyle {
		lookup = minio.BucketLookupPath
	}
	return minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""), Secure: u.Scheme == "https",
		Region: o.Region, BucketLookup: lookup, Transport: transport, MaxRetries: attempts,
	})
}

// Close ends idle connections.
func (s *Store) Close() { s.transport.CloseIdleConnections() }

// failed wraps an error of the store.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	switch minio.ToErrorResponse(err).Code {
	case minio.NoSuchKey, minio.NoSuchUpload, "NotFound":
		return &im.Error{Kind: im.NotFound, Op: "s3." + op, Err: err}
	}
	return fmt.Errorf("s3.%s: %w", op, err)
}

// refused reports whether the store turned a request down because of what it asks for.
func refused(err error) bool {
	switch minio.ToErrorResponse(err).Code {
	case minio.InvalidPart, minio.InvalidPartOrder, minio.EntityTooSmall, minio.PreconditionFailed, "MalformedXML", "InvalidArgument":
		return true
	}
	return false
}

// Limits implements object.Storage.
func (s *Store) Limits() object.Limits { return object.DefaultLimits() }

// Begin implements object.Storage.
func (s *Store) Begin(ctx context.Context, u *im.ObjectUpload) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	u.StorageID, err = s.core.NewMultipartUpload(ctx, s.bucket, u.Key, minio.PutObjectOptions{})
	return failed("Begin", err)
}

// SignParts implements object.Storage.
func (s *Store) SignParts(ctx context.Context, _ string, u *im.ObjectUpload, numbers []int, until time.Time) ([]object.Part, error) {
	out := make([]object.Part, len(numbers))
	for i, n := range numbers {
		q := url.Values{"uploadId": {u.StorageID}, "partNumber": {strconv.Itoa(n)}}
		signed, err := s.public.Presign(ctx, http.MethodPut, s.bucket, u.Key, lasting(until), q)
		if err != nil {
			return nil, failed("SignParts", err)
		}
		out[i] = object.Part{Number: n, URL: signed.String()}
	}
	return out, nil
}

// lasting is the time until then, as far as S3 lets an address be good.
func lasting(until time.Time) time.Duration {
	return max(time.Second, min(time.Until(until).Truncate(time.Second), 7*24*time.Hour))
}

// Complete implements object.Storage. The store itself compares the MD5s.
func (s *Store) Complete(ctx context.Context, u *im.ObjectUpload, sums []string) (object.Info, error) {
	const op = "Complete"
	if len(sums) != u.Parts {
		return object.Info{}, im.Errorf(im.Unusable, op, "%d parts instead of %d", len(sums), u.Parts)
	}
	parts := make([]minio.CompletePart, len(sums))
	for i, sum := range sums {
		parts[i] = minio.CompletePart{PartNumber: i + 1, ETag: sum}
	}
	_, err := s.core.CompleteMultipartUpload(ctx, s.bucket, u.Key, u.StorageID, parts, minio.PutObjectOptions{})
	info, statErr := s.Stat(ctx, u.Key)
	switch {
	case statErr == nil: // completed now, or before
		return info, nil
	case err == nil:
		return object.Info{}, statErr
	case refused(err), im.IsKind(failed(op, err), im.NotFound):
		return object.Info{}, &im.Error{
			Kind: s.whyRefused(ctx, u), Op: "s3." + op, Detail: "a part was not uploaded, or is not the one that was uploaded", Err: err,
		}
	}
	return object.Info{}, failed(op, err)
}

// whyRefused returns the kind of fault for which parts were refused: the only part
// of a file that was sent, but with another content, is a wrong argument.
func (s *Store) whyRefused(ctx context.Context, u *im.ObjectUpload) im.Kind {
	if u.Parts == 1 {
		list, err := s.core.ListObjectParts(ctx, s.bucket, u.Key, u.StorageID, 0, 1)
		if err == nil && len(list.ObjectParts) == 1 && list.ObjectParts[0].Size == u.Size {
			return im.Invalid
		}
	}
	return im.Unusable
}

// Abort implements object.Storage. An upload whose StorageID was never noted,
// because the server ended in between, is found by its key.
func (s *Store) Abort(ctx context.Context, u *im.ObjectUpload) error {
	const op = "Abort"
	ids := []string{u.StorageID}
	if u.StorageID == "" {
		found, err := s.core.ListMultipartUploads(ctx, s.bucket, u.Key, "", "", "", 10)
		if err != nil {
			return failed(op, err)
		}
		ids = ids[:0]
		for _, f := range found.Uploads {
			ids = append(ids, f.UploadID)
		}
	}
	for _, id := range ids {
		err := failed(op, s.core.AbortMultipartUpload(ctx, s.bucket, u.Key, id))
		if err != nil && !im.IsKind(err, im.NotFound) {
			return err
		}
	}
	return s.Remove(ctx, u.Key)
}

// SignForm implements object.Storage. S3 has no way to say that there must be no
// content yet; a form is good for minutes.
func (s *Store) SignForm(ctx context.Context, _ string, u *im.ObjectUpload, contentType string, _ bool) (object.Form, error) {
	p := minio.NewPostPolicy()
	err := errors.Join(
		p.SetBucket(s.bucket), p.SetKey(u.Key), p.SetExpires(time.UnixMilli(u.ExpireTime).UTC()),
		p.SetContentLengthRange(0, u.Size), p.SetSuccessStatusAction("200"),
	)
	if contentType != "" {
		err = errors.Join(err, p.SetContentType(contentType))
	}
	if err != nil {
		return object.Form{}, failed("SignForm", err)
	}
	address, fields, err := s.public.PresignedPostPolicy(ctx, p)
	if err != nil {
		return object.Form{}, failed("SignForm", err)
	}
	return object.Form{URL: address.String(), Fields: fields}, nil
}

// Stat implements object.Storage.
func (s *Store) Stat(ctx context.Context, key string) (object.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	info, err := s.core.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	return object.Info{Size: info.Size}, failed("Stat", err)
}

// Open implements object.Storage.
func (s *Store) Open(ctx context.Context, key string) (io.ReadSeekCloser, error) {
	o, err := s.core.Client.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, failed("Open", err)
	}
	if _, err := o.Stat(); err != nil {
		_ = o.Close()
		return nil, failed("Open", err)
	}
	return o, nil
}

// Put implements object.Storage.
func (s *Store) Put(ctx context.Context, key string, content []byte, contentType string) error {
	_, err := s.core.Client.PutObject(ctx, s.bucket, key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{ContentType: contentType})
	return failed("Put", err)
}

// Remove implements object.Storage.
func (s *Store) Remove(ctx context.Context, key string) error {
	err := failed("Remove", s.core.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{}))
	if im.IsKind(err, im.NotFound) {
		return nil
	}
	return err
}

// SignURL implements object.Storage.
func (s *Store) SignURL(ctx context.Context, _, key string, as object.Delivery, until time.Time) (string, error) {
	q := url.Values{}
	if as.ContentType != "" {
		q.Set("response-content-type", as.ContentType)
	}
	if as.Disposition != "" {
		q.Set("response-content-disposition", as.Disposition)
	}
	u, err := s.public.PresignedGetObject(ctx, s.bucket, key, lasting(until), q)
	if err != nil {
		return "", failed("SignURL", err)
	}
	return u.String(), nil
}
