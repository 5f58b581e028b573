// Package files keeps contents in a directory of this machine.
//
// It owns that directory: nobody else may write in it, and one process at a time
// uses it. A content is a file, or a directory with the parts it was uploaded in,
// which completion renames as a whole: however large, an upload is there at once or
// not at all, and nothing is copied. Every file is written beside its place, synced
// and renamed, and ends with the 16 bytes of the MD5 of what comes before them.
//
//	tmp/               what is being received
//	parts/UPLOAD/N     received parts of open uploads
//	data/HH/HASH       contents, by the SHA-256 of their key: a key never becomes a path
//
// Clients send and fetch bytes with addresses of this server that carry an expiry
// and an HMAC (signature.go); package api passes such requests on to it.
//
// It starts no goroutines. Nothing is held in memory but one buffer for each
// request.
package files

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"parley/internal/im"
	"parley/internal/object"
)

const sumBytes = md5.Size // at the end of every file

// Store is the storage in one directory.
type Store struct {
	dir string
	key []byte
	now func() time.Time

	// turns serialise what changes the parts of one upload: completion must find what
	// it has checked.
	turns [64]sync.Mutex
}

var _ object.Storage = (*Store)(nil)

// Options say where files are kept.
type Options struct {
	Dir string
	Key []byte           // signs addresses
	Now func() time.Time // for their expiry; nil: time.Now
}

// Open returns the store in a directory, which it creates if need be. What an
// earlier process was receiving when it ended is removed.
func Open(o Options) (*Store, error) {
	s := &Store{dir: o.Dir, key: o.Key, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if err := os.RemoveAll(s.path("tmp")); err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	for _, d := range []string{"tmp", "parts", "data"} {
		if err := os.MkdirAll(s.path(d), 0o700); err != nil {
			return nil, fmt.Errorf("files: %w", err)
		}
	}
	return s, nil
}

func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// place is where the content of a key lies.
func (s *Store) place(key string) string {
	h := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(h[:])
	return s.path("data", name[:2], name)
}

// partsOf is where the parts of an upload lie while it is open.
func (s *Store) partsOf(uploadID string) string { return s.path("parts", uploadID) }

// turn takes the lock of an upload.
func (s *Store) turn(uploadID string) *sync.Mutex {
	h := sha256.Sum256([]byte(uploadID))
	m := &s.turns[int(h[0])%len(s.turns)]
	m.Lock()
	return m
}

// failed wraps an error of the file system; what does not exist becomes im.NotFound.
func failed(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return &im.Error{Kind: im.NotFound, Op: "files." + op, Err: err}
	}
	return fmt.Errorf("files.%s: %w", op, err)
}

// Limits implements object.Storage.
func (s *Store) Limits() object.Limits { return object.DefaultLimits() }

// Begin implements object.Storage.
func (s *Store) Begin(_ context.Context, u *im.ObjectUpload) error {
	return failed("Begin", os.Mkdir(s.partsOf(u.ID), 0o700))
}

// receive writes a stream to a new file under tmp, its MD5 behind it, and syncs
// it. A stream that breaks off, or is longer than most, leaves nothing.
func (s *Store) receive(body io.Reader, most int64) (name string, n int64, sum []byte, err error) {
	f, err := os.CreateTemp(s.path("tmp"), "")
	if err != nil {
		return "", 0, nil, err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			_ = os.Remove(f.Name()) // at the latest the next start does it
		}
	}()
	h := md5.New()
	from := &source{r: io.LimitReader(body, most+1)}
	n, err = io.Copy(io.MultiWriter(f, h), from)
	if from.err != nil {
		return "", n, nil, &im.Error{Kind: im.Invalid, Op: "files.receive", Detail: "the body broke off", Err: from.err}
	}
	if err != nil {
		return "", n, nil, err
	}
	if n > most {
		return "", n, nil, im.Errorf(im.Invalid, "files.receive", "more than %d bytes", most)
	}
	sum = h.Sum(nil)
	if _, err = f.Write(sum); err != nil {
		return "", n, nil, err
	}
	return f.Name(), n, sum, f.Sync()
}

// source remembers how reading failed, to tell a client's fault from the disk's.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// putPart stores a part of an open upload in place of what was sent of it before.
func (s *Store) putPart(uploadID string, number int, size int64, body io.Reader) (sum string, err error) {
	const op = "putPart"
	// Before the body is read: a client that is too late should not send it all.
	if _, err := os.Stat(s.partsOf(uploadID)); err != nil {
		return "", failed(op, err)
	}
	name, n, md5sum, err := s.receive(body, size)
	if err != nil {
		return "", failed(op, err)
	}
	if n != size {
		_ = os.Remove(name)
		return "", im.Errorf(im.Invalid, op, "%d bytes instead of %d", n, size)
	}
	defer s.turn(uploadID).Unlock()
	if err := os.Rename(name, filepath.Join(s.partsOf(uploadID), strconv.Itoa(number))); err != nil {
		_ = os.Remove(name)
		return "", failed(op, err)
	}
	return hex.EncodeToString(md5sum), nil
}

// Complete implements object.Storage: one rename makes the content.
func (s *Store) Complete(_ context.Context, u *im.ObjectUpload, sums []string) (object.Info, error) {
	const op = "Complete"
	defer s.turn(u.ID).Unlock()
	dir := s.partsOf(u.ID)
	if info, err := s.stat(u.Key); err == nil { // completed before
		return info, failed(op, os.RemoveAll(dir))
	} else if !im.IsKind(err, im.NotFound) {
		return info, err
	}
	if len(sums) != u.Parts {
		return object.Info{}, im.Errorf(im.Unusable, op, "%d parts instead of %d", len(sums), u.Parts)
	}
	for i, want := range sums {
		size, sum, err := readSum(filepath.Join(dir, strconv.Itoa(i+1)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return object.Info{}, im.Errorf(im.Unusable, op, "part %d was not uploaded", i+1)
		case err != nil:
			return object.Info{}, failed(op, err)
		case sum != want && u.Parts == 1:
			return object.Info{}, im.Errorf(im.Invalid, op, "the MD5 of what was uploaded is another one")
		case sum != want || size != object.PartLength(u, i+1):
			return object.Info{}, im.Errorf(im.Unusable, op, "part %d is not the one that was uploaded", i+1)
		}
	}
	if err := syncDir(dir); err != nil {
		return object.Info{}, failed(op, err)
	}
	from := dir
	if u.Parts == 1 {
		from = filepath.Join(dir, "1")
	}
	if err := s.adopt(from, s.place(u.Key)); err != nil {
		return object.Info{}, failed(op, err)
	}
	if u.Parts == 1 {
		_ = os.Remove(dir) // nothing looks there any more
	}
	return object.Info{Size: u.Size}, nil
}

// adopt renames a file or directory to the place of a content and syncs both names.
func (s *Store) adopt(from, to string) error {
	shelf := filepath.Dir(to)
	if err := os.Mkdir(shelf, 0o700); err == nil {
		if err := syncDir(filepath.Dir(shelf)); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(shelf)
}

// readSum returns the size of a file without the MD5 at its end, and that MD5.
func readSum(name string) (size int64, sum string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = f.Close() }() // it was read only
	info, err := f.Stat()
	if err != nil {
		return 0, "", err
	}
	tail := make([]byte, sumBytes)
	size = info.Size() - sumBytes
	if size < 0 {
		return 0, "", fmt.Errorf("%s is too short", name)
	}
	if _, err := f.ReadAt(tail, size); err != nil {
		return 0, "", err
	}
	return size, hex.EncodeToString(tail), nil
}

// Abort implements object.Storage.
func (s *Store) Abort(ctx context.Context, u *im.ObjectUpload) error {
	defer s.turn(u.ID).Unlock()
	if err := os.RemoveAll(s.partsOf(u.ID)); err != nil {
		return failed("Abort", err)
	}
	return s.Remove(ctx, u.Key)
}

// Put implements object.Storage.
func (s *Store) Put(_ context.Context, key string, content []byte, _ string) error {
	return s.putContent(key, bytes.NewReader(content), int64(len(content)))
}

// putContent stores a stream of at most some bytes as a content, in place of what was there.
func (s *Store) putContent(key string, body io.Reader, most int64) error {
	const op = "putContent"
	name, _, _, err := s.receive(body, most)
	if err != nil {
		return failed(op, err)
	}
	if err := s.adopt(name, s.place(key)); err != nil {
		_ = os.Remove(name)
		return failed(op, err)
	}
	return nil
}

// Remove implements object.Storage.
func (s *Store) Remove(_ context.Context, key string) error {
	// A directory is renamed first: half of a content must not be found under its key.
	place := s.place(key)
	gone := s.path("tmp", "gone-"+filepath.Base(place))
	if err := os.RemoveAll(gone); err != nil { // of an earlier attempt
		return failed("Remove", err)
	}
	err := os.Rename(place, gone)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.RemoveAll(gone)
	}
	return failed("Remove", err)
}

// Stat implements object.Storage.
func (s *Store) Stat(_ context.Context, key string) (object.Info, error) { return s.stat(key) }

func (s *Store) stat(key string) (object.Info, error) {
	c, err := openContent(s.place(key))
	if err != nil {
		return object.Info{}, failed("Stat", err)
	}
	return object.Info{Size: c.size}, c.Close()
}

// Open implements object.Storage.
func (s *Store) Open(_ context.Context, key string) (io.ReadSeekCloser, error) {
	c, err := openContent(s.place(key))
	if err != nil {
		return nil, failed("Open", err)
	}
	return c, nil
}

// syncDir puts new names on the disk. Windows cannot sync directories and does not need it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}
