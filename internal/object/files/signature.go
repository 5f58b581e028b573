package files

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parley/internal/im"
	"parley/internal/object"
)

// Root is the path, below how clients reach the server, of all signed addresses.
const Root = "media/"

// The kinds of addresses; each is a path below Root and a part of what is signed,
// so that an address is good for one thing only.
const (
	kindPart    = "part"    // part/UPLOAD/NUMBER: PUT a part
	kindForm    = "form"    // form/KEY: POST a form with a file
	kindContent = "content" // content/KEY: GET a content
)

// signed are the parameters of an address; they stand in its query.
type signed struct {
	expires     int64 // s
	size        int64 // of what is sent; at most that for a form
	replace     bool
	contentType string
	disposition string
}

func (p signed) query() url.Values {
	q := url.Values{"expires": {strconv.FormatInt(p.expires, 10)}}
	for name, text := range map[string]string{"type": p.contentType, "disposition": p.disposition} {
		if text != "" {
			q.Set(name, text)
		}
	}
	if p.size > 0 {
		q.Set("size", strconv.FormatInt(p.size, 10))
	}
	if p.replace {
		q.Set("replace", "1")
	}
	return q
}

// mac returns the signature of an address. The texts are joined in the form of a
// query, in which none of them can pass for two.
func (s *Store) mac(kind, name string, q url.Values) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(kind + "\n" + url.QueryEscape(name) + "\n" + q.Encode()))
	return hex.EncodeToString(h.Sum(nil))
}

// address returns a signed address.
func (s *Store) address(base, kind, name string, p signed) string {
	q := p.query()
	q.Set("signature", s.mac(kind, name, q))
	path := (&url.URL{Path: Root + kind + "/" + name}).EscapedPath()
	return base + path + "?" + q.Encode()
}

// check returns what an address says, if this server has signed it and it has not expired.
func (s *Store) check(kind, name string, q url.Values) (signed, error) {
	const op = "files.check"
	forged := im.Errorf(im.Denied, op, "the signature does not match")
	sum := q.Get("signature")
	rest := make(url.Values, len(q))
	for k, v := range q {
		if len(v) != 1 { // which of them was meant?
			return signed{}, forged
		}
		if k != "signature" {
			rest[k] = v
		}
	}
	if !hmac.Equal([]byte(sum), []byte(s.mac(kind, name, rest))) {
		return signed{}, forged
	}
	p := signed{contentType: rest.Get("type"), disposition: rest.Get("disposition"), replace: rest.Get("replace") != ""}
	var err error
	if p.expires, err = strconv.ParseInt(rest.Get("expires"), 10, 64); err != nil {
		return signed{}, forged
	}
	if text := rest.Get("size"); text != "" {
		if p.size, err = strconv.ParseInt(text, 10, 64); err != nil {
			return signed{}, forged
		}
	}
	if s.now().Unix() >= p.expires {
		return signed{}, im.Errorf(im.Denied, op, "the address has expired")
	}
	return p, nil
}

// SignParts implements object.Storage.
func (s *Store) SignParts(_ context.Context, base string, u *im.ObjectUpload, numbers []int, until time.Time) ([]object.Part, error) {
	out := make([]object.Part, len(numbers))
	for i, n := range numbers {
		p := signed{expires: until.Unix(), size: object.PartLength(u, n)}
		out[i] = object.Part{Number: n, URL: s.address(base, kindPart, u.ID+"/"+strconv.Itoa(n), p)}
	}
	return out, nil
}

// SignForm implements object.Storage.
func (s *Store) SignForm(_ context.Context, base string, u *im.ObjectUpload, contentType string, replace bool) (object.Form, error) {
	p := signed{expires: u.ExpireTime / 1000, size: u.Size, replace: replace}
	f := object.Form{URL: s.address(base, kindForm, u.Key, p), Fields: map[string]string{"key": u.Key}}
	if contentType != "" {
		f.Fields["Content-Type"] = contentType
	}
	return f, nil
}

// SignURL implements object.Storage.
func (s *Store) SignURL(_ context.Context, base, key string, as object.Delivery, until time.Time) (string, error) {
	p := signed{expires: until.Unix(), contentType: as.ContentType, disposition: as.Disposition}
	return s.address(base, kindContent, key, p), nil
}

// ReceivePart stores the body of a PUT; name is what follows Root and the kind in
// its path, and length that of the body, or below 0 if it is not known. It returns
// the MD5 of the part. im.Denied if the address is not one of this server's or has
// expired, im.NotFound if the upload is not open any more, im.Invalid if the body has
// not the size that was signed.
func (s *Store) ReceivePart(name string, q url.Values, length int64, body io.Reader) (sum string, err error) {
	const op = "files.ReceivePart"
	p, err := s.check(kindPart, name, q)
	if err != nil {
		return "", err
	}
	if length >= 0 && length != p.size {
		return "", im.Errorf(im.Invalid, op, "%d bytes instead of %d", length, p.size)
	}
	id, number, _ := strings.Cut(name, "/")
	n, err := strconv.Atoi(number)
	if err != nil {
		return "", &im.Error{Op: op, Err: err} // we have signed it
	}
	return s.putPart(id, n, p.size, body)
}

// CheckForm returns what stores the file of a form; name is what follows Root and
// the kind in its path. im.Denied if the address is not one of this server's or has
// expired. The function returns im.Invalid if the file is too large, im.Duplicate if
// it was sent before.
func (s *Store) CheckForm(name string, q url.Values) (receive func(file io.Reader) error, err error) {
	p, err := s.check(kindForm, name, q)
	if err != nil {
		return nil, err
	}
	return func(file io.Reader) error {
		if !p.replace {
			if _, err := s.stat(name); err == nil {
				return im.Errorf(im.Duplicate, "files.receive", "the file was uploaded already")
			}
		}
		return s.putContent(name, file, p.size)
	}, nil
}

// Content opens the content of an address; name is what follows Root and the kind
// in its path. im.Denied if the address is not one of this server's or has
// expired, im.NotFound if there is no such content.
func (s *Store) Content(name string, q url.Values) (*object.Content, error) {
	p, err := s.check(kindContent, name, q)
	if err != nil {
		return nil, err
	}
	c, err := openContent(s.place(name))
	if err != nil {
		return nil, failed("Content", err)
	}
	h := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d", name, c.size, c.modified.UnixNano()))
	return &object.Content{
		ReadSeekCloser: c, Delivery: object.Delivery{ContentType: p.contentType, Disposition: p.disposition},
		Tag: hex.EncodeToString(h[:16]), Modified: c.modified,
	}, nil
}
