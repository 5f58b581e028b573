package service

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"parley/internal/im"
	"parley/internal/object"
	"parley/internal/store"
)

const (
	formLife    = 10 * time.Minute
	maxFormLife = 7 * 24 * time.Hour
	// formGrace is how long after the end of its form a file may be completed.
	formGrace = cleanAfter / 2
)

// uploadTicket is what a client is given for an upload and brings back. It is
// sealed with a MAC, and its owner's: nobody can complete, or point a name at, what
// is not his or hers.
type uploadTicket struct {
	ID      string `json:"id"`
	User    string `json:"user"`
	Hash    string `json:"hash,omitempty"`
	Expires int64  `json:"expires"` // ms
	Form    *form  `json:"form,omitempty"`
}

// form is what completing an upload by form needs to know.
type form struct {
	Key, Name, ContentType, Group string
	Size                          int64
	Absolute                      bool
}

func (s *Service) ticketMAC(payload string) string {
	h := hmac.New(sha256.New, s.o.ObjectKey)
	h.Write([]byte(payload))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (s *Service) seal(t uploadTicket) (string, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return "", &im.Error{Op: "service.seal", Err: err}
	}
	payload := base64.RawURLEncoding.EncodeToString(text)
	return payload + "." + s.ticketMAC(payload), nil
}

// unsealOwn returns a ticket if this server has made it, and for the operator; one
// that it has not made is a fault of the given kind.
func (s *Service) unsealOwn(op im.Operator, name, sealed string, bad im.Kind) (*uploadTicket, error) {
	payload, mac, _ := strings.Cut(sealed, ".")
	t := new(uploadTicket)
	if !hmac.Equal([]byte(mac), []byte(s.ticketMAC(payload))) {
		return nil, im.Errorf(bad, name, "the id of the upload is not one of this server's")
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err == nil {
		err = json.Unmarshal(text, t)
	}
	if err != nil {
		return nil, &im.Error{Op: name, Err: err} // we have sealed it
	}
	return t, self(op, name, t.User)
}

// StartedForm is an upload by form that was begun.
type StartedForm struct {
	ID string
	object.Form
	ExpireTime int64 // ms
}

// BeginForm begins an upload by form (rest-third-admin.md 3.8).
func (s *Service) BeginForm(ctx context.Context, op im.Operator, base string, n NewForm) (*StartedForm, error) {
	const name = "service.BeginForm"
	switch {
	case n.Name == "":
		return nil, im.Errorf(im.Invalid, name, "name is empty")
	case n.Size <= 0:
		return nil, im.Errorf(im.Invalid, name, "size must be above 0")
	case n.Size > s.o.MaxObject:
		return nil, im.Errorf(im.Invalid, name, "files of this server have at most %d bytes", s.o.MaxObject)
	}
	if err := usableName(op, name, n.Name); err != nil {
		return nil, err
	}
	if err := usableTexts(name, maxObjectTexts, n.ContentType, n.Group); err != nil {
		return nil, err
	}
	life := formLife
	if op.Admin && n.Life > 0 {
		life = min(n.Life, maxFormLife)
	}
	now := s.o.Now()
	u := &im.ObjectUpload{
		ID: im.NewID(), UserID: op.UserID, Size: n.Size, Parts: 1, CreateTime: now.UnixMilli(), ExpireTime: now.Add(life).UnixMilli(),
	}
	absolute := op.Admin && n.Absolute
	if absolute {
		if ownKey(n.Name) {
			return nil, im.Errorf(im.Invalid, name, "keys that begin so are the server's")
		}
		// It has no record: an administrator may replace what is under the key, and the
		// cleaner must not remove it.
		u.Key = n.Name
	} else {
		u.Key = "form/" + u.ID
		if err := s.recordUpload(ctx, op, u); err != nil {
			return nil, err
		}
	}
	signed, err := s.o.Objects.SignForm(ctx, base, u, n.ContentType, absolute)
	if err != nil {
		return nil, err
	}
	id, err := s.seal(uploadTicket{ID: u.ID, User: op.UserID, Expires: u.ExpireTime, Form: &form{
		Key: u.Key, Name: n.Name, ContentType: n.ContentType, Group: n.Group, Size: n.Size, Absolute: absolute,
	}})
	return &StartedForm{ID: id, Form: signed, ExpireTime: u.ExpireTime}, err
}

// ownKey reports whether a key could be one that the server has made.
func ownKey(key string) bool {
	first, _, _ := strings.Cut(key, "/")
	return first == "data" || first == "form" || first == "thumbnail"
}

// CompleteForm makes a file of what a form has sent and returns its public URL.
func (s *Service) CompleteForm(ctx context.Context, op im.Operator, base, id string) (string, error) {
	const name = "service.CompleteForm"
	if id == "" {
		return "", im.Errorf(im.Invalid, name, "id is empty")
	}
	t, err := s.unsealOwn(op, name, id, im.Invalid)
	if err != nil {
		return "", err
	}
	if t.Form == nil {
		return "", im.Errorf(im.Invalid, name, "id is not that of a form")
	}
	if err := usableName(op, name, t.Form.Name); err != nil {
		return "", err
	}
	if s.nowMs() >= t.Expires+formGrace.Milliseconds() {
		return "", im.Errorf(im.UploadExpired, name, "the upload was begun too long ago")
	}
	info, err := s.o.Objects.Stat(ctx, t.Form.Key)
	switch {
	case im.IsKind(err, im.NotFound):
		return "", im.Errorf(im.Unusable, name, "the file was not uploaded")
	case err != nil:
		return "", err
	case info.Size > 0 && info.Size != t.Form.Size:
		return "", im.Errorf(im.DataMismatch, name, "the file has %d bytes, announced were %d", info.Size, t.Form.Size)
	}
	u := &im.ObjectUpload{ID: t.ID, Key: t.Form.Key, Digest: "form " + t.Form.Key}
	if t.Form.Absolute { // there may be another content under this key now
		err := s.store.Update(ctx, func(tx store.Tx) error {
			if err := discardThumbnails(ctx, tx, u.Key); err != nil {
				return err
			}
			return tx.LoseContent(ctx, u.Key)
		})
		if err != nil {
			return "", err
		}
	}
	if err := s.nameUploaded(ctx, u, info, t.Form.Name, t.Form.ContentType, t.Form.Group); err != nil {
		return "", err
	}
	return publicURL(base, t.Form.Name), nil
}
