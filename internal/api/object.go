package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"parley/internal/im"
	"parley/internal/object"
	"parley/internal/service"
)

// Objects is files: their uploads and where they are (rest-third-admin.md 3).
type Objects interface {
	// PartLimits are what parts of uploads must keep to.
	PartLimits() object.Limits
	// PartSize returns the size of the parts of a file.
	PartSize(size int64) (int64, error)
	// BeginUpload begins an upload, unless the content is known.
	BeginUpload(ctx context.Context, op im.Operator, base string, n service.NewUpload) (*service.StartedUpload, error)
	// SignParts signs parts of an upload anew.
	SignParts(ctx context.Context, op im.Operator, base, uploadID string, numbers []int) ([]object.Part, error)
	// CompleteUpload makes a file of the parts of an upload and returns its public URL.
	CompleteUpload(ctx context.Context, op im.Operator, base string, c service.CompletedUpload) (string, error)
	// ObjectURL returns where the content of a file can be fetched, and until when.
	ObjectURL(ctx context.Context, base, name string, q service.ObjectQuery) (string, int64, error)
	// BeginForm begins an upload by form.
	BeginForm(ctx context.Context, op im.Operator, base string, n service.NewForm) (*service.StartedForm, error)
	// CompleteForm makes a file of what a form has sent and returns its public URL.
	CompleteForm(ctx context.Context, op im.Operator, base, id string) (string, error)
}

// baseParam is where the context of a request holds how the client reaches this
// server, for routes that ask for it (withBase).
type baseParam struct{}

// withBase makes a route know how the client reaches this server.
func (e *endpoint) withBase() *endpoint {
	e.based = true
	return e
}

// base returns what withBase has asked for.
func base(ctx context.Context) string {
	text, _ := ctx.Value(baseParam{}).(string)
	return text
}

// baseOf returns how a client reaches this server, with a slash at the end: as the
// configuration says, else as the proxy in front says, else as the request was
// addressed (rest-third-admin.md 2).
func (a *API) baseOf(r *http.Request) string {
	text := a.o.PublicURL
	if text == "" {
		text = r.Header.Get("X-Request-Api")
	}
	if text == "" {
		text = "http://" + r.Host
		if r.TLS != nil {
			text = "https://" + r.Host
		}
	}
	return strings.TrimRight(text, "/") + "/"
}

type partLimitReq struct{}

// partLimits is third.PartLimitResp.
type partLimits struct {
	MinPartSize int64 `json:"minPartSize"`
	MaxPartSize int64 `json:"maxPartSize"`
	MaxNumSize  int   `json:"maxNumSize"`
}

func (a *API) partLimit(context.Context, im.Operator, *partLimitReq) (partLimits, error) {
	l := a.service.PartLimits()
	return partLimits{l.MinPart, l.MaxPart, l.MaxParts}, nil
}

// partSize is third.PartSizeReq, and third.PartSizeResp.
type partSize struct {
	Size int64 `json:"size"`
}

func (a *API) partSize(_ context.Context, _ im.Operator, q *partSize) (partSize, error) {
	size, err := a.service.PartSize(q.Size)
	return partSize{size}, err
}

// keyValues is third.KeyValues.
type keyValues struct {
	Key    string   `json:"key"`
	Values []string `json:"values"`
}

// signedPart is third.SignPart.
type signedPart struct {
	PartNumber int         `json:"partNumber"`
	URL        string      `json:"url"`
	Query      []keyValues `json:"query"`
	Header     []keyValues `json:"header"`
}

// signedParts is third.AuthSignParts, and third.AuthSignResp. Each part has a whole
// address of its own, so that nothing is common to them.
type signedParts struct {
	URL    string       `json:"url"`
	Query  []keyValues  `json:"query"`
	Header []keyValues  `json:"header"`
	Parts  []signedPart `json:"parts"`
}

func signed(parts []object.Part) *signedParts {
	out := new(signedParts)
	for _, p := range parts {
		out.Parts = append(out.Parts, signedPart{PartNumber: p.Number, URL: p.URL})
	}
	return out
}

// initiateUploadReq is third.InitiateMultipartUploadReq. The server computes
// partSize and urlPrefix itself.
type initiateUploadReq struct {
	Hash        string `json:"hash"`
	Size        int64  `json:"size"`
	PartSize    int64  `json:"partSize"`
	MaxParts    int32  `json:"maxParts"`
	Cause       string `json:"cause"`
	Name        string `json:"name"`
	ContentType string `json:"contentType"`
	URLPrefix   string `json:"urlPrefix"`
}

// uploadInfo is third.UploadInfo.
type uploadInfo struct {
	UploadID   string       `json:"uploadID"`
	PartSize   int64        `json:"partSize"`
	Sign       *signedParts `json:"sign"`
	ExpireTime int64        `json:"expireTime"`
}

// startedUpload is third.InitiateMultipartUploadResp.
type startedUpload struct {
	URL    string      `json:"url"`
	Upload *uploadInfo `json:"upload"`
}

func (a *API) initiateUpload(ctx context.Context, op im.Operator, q *initiateUploadReq) (startedUpload, error) {
	u, err := a.service.BeginUpload(ctx, op, base(ctx), service.NewUpload{
		Name: q.Name, ContentType: q.ContentType, Group: q.Cause, Hash: q.Hash, Size: q.Size, MaxParts: int(q.MaxParts),
	})
	if err != nil || u.UploadID == "" {
		if err != nil {
			return startedUpload{}, err
		}
		return startedUpload{URL: u.URL}, nil
	}
	info := &uploadInfo{UploadID: u.UploadID, PartSize: u.PartSize, ExpireTime: u.ExpireTime}
	if u.Signed {
		info.Sign = signed(u.Parts)
	}
	return startedUpload{Upload: info}, nil
}

// authSignReq is third.AuthSignReq.
type authSignReq struct {
	UploadID    string  `json:"uploadID"`
	PartNumbers []int32 `json:"partNumbers"`
}

func (a *API) authSign(ctx context.Context, op im.Operator, q *authSignReq) (*signedParts, error) {
	numbers := make([]int, len(q.PartNumbers))
	for i, n := range q.PartNumbers {
		numbers[i] = int(n)
	}
	parts, err := a.service.SignParts(ctx, op, base(ctx), q.UploadID, numbers)
	if err != nil {
		return nil, err
	}
	return signed(parts), nil
}

// completeUploadReq is third.CompleteMultipartUploadReq.
type completeUploadReq struct {
	UploadID    string   `json:"uploadID"`
	Parts       []string `json:"parts"`
	Name        string   `json:"name"`
	ContentType string   `json:"contentType"`
	Cause       string   `json:"cause"`
	URLPrefix   string   `json:"urlPrefix"`
}

// objectURL is third.CompleteMultipartUploadResp, and third.CompleteFormDataResp.
type objectURL struct {
	URL string `json:"url"`
}

func (a *API) completeUpload(ctx context.Context, op im.Operator, q *completeUploadReq) (objectURL, error) {
	url, err := a.service.CompleteUpload(ctx, op, base(ctx), service.CompletedUpload{
		UploadID: q.UploadID, Sums: q.Parts, Name: q.Name, ContentType: q.ContentType, Group: q.Cause,
	})
	return objectURL{url}, err
}

// accessURLReq is third.AccessURLReq.
type accessURLReq struct {
	Name  string            `json:"name"`
	Query map[string]string `json:"query"`
}

// accessURL is third.AccessURLResp.
type accessURL struct {
	URL        string `json:"url"`
	ExpireTime int64  `json:"expireTime"`
}

func (a *API) accessURL(ctx context.Context, _ im.Operator, q *accessURLReq) (accessURL, error) {
	url, until, err := a.service.ObjectURL(ctx, base(ctx), q.Name, objectQuery(func(name string) string { return q.Query[name] }))
	return accessURL{url, until}, err
}

// initiateFormReq is third.InitiateFormDataReq.
type initiateFormReq struct {
	Name        string `json:"name"`
	Size        int64  `json:"size"`
	ContentType string `json:"contentType"`
	Group       string `json:"group"`
	Millisecond int64  `json:"millisecond"`
	Absolute    bool   `json:"absolute"`
}

// startedForm is third.InitiateFormDataResp.
type startedForm struct {
	ID           string            `json:"id"`
	URL          string            `json:"url"`
	File         string            `json:"file"`
	Header       []keyValues       `json:"header"`
	FormData     map[string]string `json:"formData,omitempty"`
	Expires      int64             `json:"expires"`
	SuccessCodes []int32           `json:"successCodes"`
}

// formFile is the field of a form that holds the file.
const formFile = "file"

func (a *API) initiateForm(ctx context.Context, op im.Operator, q *initiateFormReq) (startedForm, error) {
	// More milliseconds than a Duration holds are as good as the longest life there is.
	life := time.Duration(min(q.Millisecond, int64(365*24*time.Hour/time.Millisecond))) * time.Millisecond
	f, err := a.service.BeginForm(ctx, op, base(ctx), service.NewForm{
		Name: q.Name, ContentType: q.ContentType, Group: q.Group, Size: q.Size, Life: life, Absolute: q.Absolute,
	})
	if err != nil {
		return startedForm{}, err
	}
	return startedForm{
		ID: f.ID, URL: f.URL, File: formFile, FormData: f.Fields, Expires: f.ExpireTime, SuccessCodes: []int32{http.StatusOK},
	}, nil
}

// completeFormReq is third.CompleteFormDataReq.
type completeFormReq struct {
	ID        string `json:"id"`
	URLPrefix string `json:"urlPrefix"`
}

func (a *API) completeForm(ctx context.Context, op im.Operator, q *completeFormReq) (objectURL, error) {
	url, err := a.service.CompleteForm(ctx, op, base(ctx), q.ID)
	return objectURL{url}, err
}
