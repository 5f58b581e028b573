package e2e

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/store/storetest"
)

// onStorages runs a test with files in the embedded storage on SQLite, and in an
// S3-compatible store on PostgreSQL.
func onStorages(t *testing.T, fn func(t *testing.T, s *imtest.Server)) {
	t.Run("files", func(t *testing.T) {
		t.Parallel()
		fn(t, imtest.Start(t))
	})
	t.Run("s3", func(t *testing.T) {
		t.Parallel()
		s3 := imtest.StartS3(t)
		database := storetest.Postgres(t)
		fn(t, imtest.Start(t, s3.Use, func(c *config.Config) { c.Store.URL = database }))
	})
}

// uploader is a user who uploads as the SDKs do.
type uploader struct {
	c           *imtest.Caller
	user, token string
}

func newUploader(t testing.TB, c *imtest.Caller, user string) *uploader {
	t.Helper()
	if err := c.Register(user); err != nil {
		t.Fatal(err)
	}
	token, err := c.UserToken(user, im.PlatformAndroid)
	if err != nil {
		t.Fatal(err)
	}
	return &uploader{c, user, token}
}

type keyValues struct {
	Key    string
	Values []string
}

// signedParts is what the server says about how to send parts.
type signedParts struct {
	URL           string
	Query, Header []keyValues
	Parts         []struct {
		PartNumber    int
		URL           string
		Query, Header []keyValues
	}
}

type begunUpload struct {
	URL    string
	Upload *struct {
		UploadID string
		PartSize int64
		Sign     *signedParts
	}
}

const minPart = 5 << 20

// filePart is a part of a file and its MD5.
type filePart struct {
	data []byte
	sum  string
}

// file is a content in parts, as a client hashes it.
type file struct {
	data  []byte
	parts []filePart
}

func md5Hex(data []byte) string {
	h := md5.Sum(data)
	return hex.EncodeToString(h[:])
}

func newFile(data []byte) *file {
	f := &file{data: data}
	for part := range slices.Chunk(data, minPart) {
		f.parts = append(f.parts, filePart{part, md5Hex(part)})
	}
	return f
}

// randomFile is a file that nobody has uploaded before.
func randomFile(size int) *file {
	data := make([]byte, size)
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(rand.Uint32())
	}
	_, _ = rand.NewChaCha8(seed).Read(data)
	return newFile(data)
}

func (f *file) sums() (out []string) {
	for _, p := range f.parts {
		out = append(out, p.sum)
	}
	return out
}

func (f *file) hash() string {
	text := ""
	for i, s := range f.sums() {
		if i > 0 {
			text += ","
		}
		text += s
	}
	return md5Hex([]byte(text))
}

// begin begins an upload; parts are signed as the SDK wants them, at most 20.
func (u *uploader) begin(f *file, name, contentType string) (b begunUpload, err error) {
	err = u.c.Post(u.token, "/object/initiate_multipart_upload", imtest.H{
		"hash": f.hash(), "size": len(f.data), "partSize": minPart, "maxParts": min(20, len(f.parts)), "cause": "msg-file",
		"name": u.user + "/" + name, "contentType": contentType,
	}, &b)
	return b, err
}

// address puts the address and the headers of a part together, by the general rule
// (rest-third-admin.md 2.2).
func (s *signedParts) address(number int) (address string, h http.Header, err error) {
	for _, p := range s.Parts {
		if p.PartNumber != number {
			continue
		}
		address = p.URL
		if address == "" {
			address = s.URL
		}
		u, err := url.Parse(address)
		if err != nil {
			return "", nil, err
		}
		if len(s.Query)+len(p.Query) > 0 {
			q := u.Query()
			for _, kv := range append(slices.Clone(s.Query), p.Query...) {
				q[kv.Key] = kv.Values
			}
			u.RawQuery = q.Encode()
		}
		h = http.Header{}
		for _, kv := range append(slices.Clone(s.Header), p.Header...) {
			h[kv.Key] = kv.Values
		}
		return u.String(), h, nil
	}
	return "", nil, fmt.Errorf("part %d is not signed", number)
}

// put sends bytes to an address and returns the status.
func put(address string, h http.Header, body io.Reader, size int64) (int, error) {
	r, err := http.NewRequest(http.MethodPut, address, body)
	if err != nil {
		return 0, err
	}
	maps.Copy(r.Header, h)
	r.ContentLength = size
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func (s *signedParts) put(number int, data []byte) (int, error) {
	address, h, err := s.address(number)
	if err != nil {
		return 0, err
	}
	return put(address, h, bytes.NewReader(data), int64(len(data)))
}

// send sends parts; those beyond the first 20 are signed anew.
func (u *uploader) send(f *file, b begunUpload) error {
	sign := b.Upload.Sign
	for i, p := range f.parts {
		if i > 0 && i%20 == 0 {
			var numbers []int
			for n := i + 1; n <= min(len(f.parts), i+20); n++ {
				numbers = append(numbers, n)
			}
			sign = new(signedParts)
			if err := u.c.Post(u.token, "/object/auth_sign", imtest.H{"uploadID": b.Upload.UploadID, "partNumbers": numbers}, sign); err != nil {
				return err
			}
		}
		status, err := sign.put(i+1, p.data)
		if err != nil || status < 200 || status > 399 {
			return fmt.Errorf("part %d: HTTP %d, %w", i+1, status, err)
		}
	}
	return nil
}

// complete completes an upload and returns the public URL.
func (u *uploader) complete(b begunUpload, sums []string, name, contentType string) (string, error) {
	var done struct{ URL string }
	err := u.c.Post(u.token, "/object/complete_multipart_upload", imtest.H{
		"uploadID": b.Upload.UploadID, "parts": sums, "name": u.user + "/" + name, "contentType": contentType, "cause": "msg-file",
	}, &done)
	return done.URL, err
}

// upload does all of it, as the SDK's UploadFile.
func (u *uploader) upload(f *file, name, contentType string) (string, error) {
	b, err := u.begin(f, name, contentType)
	if err != nil || b.Upload == nil {
		return b.URL, err
	}
	if err := u.send(f, b); err != nil {
		return "", err
	}
	return u.complete(b, f.sums(), name, contentType)
}

// fetch fetches what an address leads to.
func fetch(address string, h http.Header) (status int, body []byte, header http.Header, err error) {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	maps.Copy(r.Header, h)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, resp.Header, err
}

// wantContent fetches a public URL and compares.
func wantContent(t testing.TB, address string, want []byte) {
	t.Helper()
	status, body, _, err := fetch(address, nil)
	if err != nil || status != http.StatusOK || !bytes.Equal(body, want) {
		t.Errorf("%s: HTTP %d, %d bytes, want %d; %v", address, status, len(body), len(want), err)
	}
}
