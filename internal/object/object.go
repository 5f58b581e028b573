// Package object says what a storage of files must be able to do, and holds the
// rules that client, server and storage share: sizes of parts and the hash of an
// upload (rest-third-admin.md 2). It also makes thumbnails.
//
// A storage keeps contents under keys and knows nothing of users, names or rights:
// package service decides those and keeps their records. Clients send and fetch
// bytes with addresses that a storage has signed, past the service. Two storages
// exist: package files keeps contents in a directory, package s3 in a bucket.
//
// It starts no goroutines.
package object

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"parley/internal/im"
)

// Storage keeps contents. It reports im.NotFound for a content or an upload that is
// not there, im.Unusable for what a client has sent wrongly, and im.Internal for a
// failing storage.
type Storage interface {
	// Limits are what parts must keep to.
	Limits() Limits
	// Begin opens an upload of parts and sets its StorageID, where it has one.
	Begin(ctx context.Context, u *im.ObjectUpload) error
	// SignParts returns how to PUT parts until a time; base is how the client reaches this server.
	SignParts(ctx context.Context, base string, u *im.ObjectUpload, numbers []int, until time.Time) ([]Part, error)
	// Complete makes the parts, whose MD5s are given in order, the content under
	// the upload's key: the whole of it or nothing. Doing it again succeeds.
	Complete(ctx context.Context, u *im.ObjectUpload, sums []string) (Info, error)
	// Abort removes all that an upload has left, its key included, if anything.
	Abort(ctx context.Context, u *im.ObjectUpload) error

	// SignForm returns how a browser's form sends a content of at most the upload's
	// size to its key, until the upload expires; replace allows that there is one.
	SignForm(ctx context.Context, base string, u *im.ObjectUpload, contentType string, replace bool) (Form, error)

	// Stat describes a content.
	Stat(ctx context.Context, key string) (Info, error)
	// Open reads a content; the context is that of all reading.
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
	// Put stores a content of the server's own.
	Put(ctx context.Context, key string, content []byte, contentType string) error
	// Remove removes a content; one that is not there is fine.
	Remove(ctx context.Context, key string) error
	// SignURL returns where a content can be fetched until a time.
	SignURL(ctx context.Context, base, key string, as Delivery, until time.Time) (string, error)
}

// Info describes a content.
type Info struct{ Size int64 } // bytes

// Part says how to send a part.
type Part struct {
	Number int // from 1
	URL    string
}

// Form says how a form sends a file.
type Form struct {
	URL    string
	Fields map[string]string // go before the file
}

// Delivery is how a content presents itself when it is fetched. What is empty is
// the storage's choice.
type Delivery struct{ ContentType, Disposition string }

// Content is an opened content and how to present it.
type Content struct {
	io.ReadSeekCloser
	Delivery
	Tag      string // the same for the same bytes, never for others
	Modified time.Time
}

// Limits are what parts must keep to (rest-third-admin.md 2.1).
type Limits struct {
	MinPart, MaxPart int64 // bytes
	MaxParts         int
}

// DefaultLimits are those that S3 has; clients take them for given on every storage.
func DefaultLimits() Limits {
	return Limits{MinPart: 5 << 20, MaxPart: 5 << 30, MaxParts: 10_000}
}

// PartSize returns the size of the parts of a file, all but the last. It must be
// what clients compute (rest-third-admin.md 2.1).
func (l Limits) PartSize(size int64) (int64, error) {
	const name = "object.PartSize"
	most := int64(l.MaxParts)
	switch {
	case size <= 0:
		return 0, im.Errorf(im.Unusable, name, "size must be above 0")
	case size > l.MaxPart*most:
		return 0, im.Errorf(im.Unusable, name, "size must be at most %d", l.MaxPart*most)
	case size <= l.MinPart*most:
		return l.MinPart, nil
	}
	return (size + most - 1) / most, nil
}

// Parts returns the number of parts of a file.
func Parts(size, partSize int64) int { return int((size + partSize - 1) / partSize) }

// PartLength returns the size of one part of an upload.
func PartLength(u *im.ObjectUpload, number int) int64 {
	if number == u.Parts {
		return u.Size - int64(u.Parts-1)*u.PartSize
	}
	return u.PartSize
}

// Hash returns what an upload is known by: the MD5 of the MD5s of its parts, in
// lower-case hex, joined by commas.
func Hash(sums []string) string {
	h := md5.Sum([]byte(strings.Join(sums, ",")))
	return hex.EncodeToString(h[:])
}

// IsSum reports whether a text is an MD5 in lower-case hex.
func IsSum(text string) bool {
	if len(text) != 2*md5.Size {
		return false
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Attachment is the content disposition with which browsers save a file under
// a name instead of showing it.
func Attachment(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		// RFC 5987: what needs no escape.
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return "attachment; filename*=UTF-8''" + b.String()
}

// ShownType returns a content type if browsers may show such a content in a page:
// pictures that cannot hold scripts. For all others it returns "".
func ShownType(contentType string) string {
	main, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	switch main = strings.TrimSpace(main); main {
	case "image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/avif", "image/heic":
		return main
	case "image/jpg":
		return "image/jpeg"
	}
	return ""
}

// activeType reports whether browsers run what is inside a content of a type.
func activeType(contentType string) bool {
	main, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	main = strings.TrimSpace(main)
	for _, part := range [...]string{"html", "xml", "svg", "script", "xsl", "pdf", "multipart", "message", "flash", "wasm"} {
		if strings.Contains(main, part) {
			return true
		}
	}
	return false
}

// Harmless returns how a content may be presented to browsers: what is no picture,
// sound or film is only saved, and what could run in a page has no type of its own.
func (d Delivery) Harmless() Delivery {
	if d.ContentType == "" || activeType(d.ContentType) || strings.ContainsAny(d.ContentType, "\r\n") {
		d.ContentType = "application/octet-stream"
	}
	lower := strings.ToLower(d.ContentType)
	shown := ShownType(lower) != "" || strings.HasPrefix(lower, "audio/") || strings.HasPrefix(lower, "video/")
	if !shown && !strings.HasPrefix(d.Disposition, "attachment") {
		d.Disposition = "attachment"
	}
	return d
}
