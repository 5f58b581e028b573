package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parley/internal/im"
	"parley/internal/object"
	"parley/internal/service"
	"parley/internal/wire"
)

// Media is the embedded storage of files, as clients reach it with addresses that
// it has signed itself (package files). Names are what follows the route in the path.
type Media interface {
	// ReceivePart stores a part of an upload and returns its MD5. length is that of the
	// body, or below 0 if the client does not say it.
	ReceivePart(name string, q url.Values, length int64, body io.Reader) (sum string, err error)
	// CheckForm returns what stores the file of a form, once.
	CheckForm(name string, q url.Values) (receive func(file io.Reader) error, err error)
	// Content opens a content.
	Content(name string, q url.Values) (*object.Content, error)
}

// The paths of files and of what the embedded storage serves.
const (
	objectPath  = "/object/"
	partPath    = "/media/part/"
	formPath    = "/media/form/"
	contentPath = "/media/content/"
)

const (
	// steady is how long a client may take for each steadyBytes of a body, in either
	// direction: the whole of it may take hours.
	steady      = 30 * time.Second
	steadyBytes = 64 << 10
	// Bounds of a form besides its file.
	maxFormFields = 32
	maxFormField  = 64 << 10
)

// objectQuery reads in which form a file is wanted; numbers that are none are 0.
func objectQuery(get func(name string) string) service.ObjectQuery {
	number := func(name string) int {
		n, err := strconv.Atoi(get(name))
		if err != nil {
			return 0
		}
		return n
	}
	return service.ObjectQuery{Type: get("type"), ImageQuery: object.ImageQuery{
		Width: number("width"), Height: number("height"), Format: get("format"),
	}}
}

// getObject is GET /object/<name>: it sends a client on to where the content is.
// Failures are plain text (rest-third-admin.md 3.7).
func (a *API) getObject(c *call) {
	ctx, cancel := context.WithTimeout(c.r.Context(), a.o.Timeout)
	defer cancel()
	name := strings.TrimPrefix(c.r.URL.Path, objectPath)
	to, _, err := a.service.ObjectURL(ctx, a.baseOf(c.r), name, objectQuery(c.r.URL.Query().Get))
	if err != nil {
		a.refusePlain(c, err)
		return
	}
	h := c.w.Header()
	h.Set("Location", to)
	h.Set("Cache-Control", "no-store") // the address is for this client, and for a time
	h.Del("Content-Type")
	c.code = strconv.Itoa(http.StatusFound)
	a.write(c, http.StatusFound, nil)
}

// refusePlain answers what is no envelope with a status and a text.
func (a *API) refusePlain(c *call, err error) {
	status := http.StatusInternalServerError
	switch im.KindOf(err) {
	case im.NotFound:
		a.notFound(c)
		return
	case im.Denied:
		status = http.StatusForbidden
	case im.Invalid:
		status = http.StatusBadRequest
	case im.Duplicate:
		status = http.StatusConflict
	}
	st := a.failed(c, err)
	c.code = strconv.Itoa(status)
	text := st.Dlt
	if text == "" {
		text = wire.StatusOf(err).Msg
	}
	c.w.Header().Set("Content-Type", "text/plain")
	a.write(c, status, []byte(text))
}

// steadyBody reads a body as long as bytes keep coming.
type steadyBody struct {
	io.ReadCloser
	control *http.ResponseController
	left    int // bytes until the deadline is moved
}

// steadily gives the client of a request time as long as it makes use of it.
func steadily(c *call) {
	b := &steadyBody{ReadCloser: c.r.Body, control: http.NewResponseController(c.w)}
	b.extend()
	c.r.Body = b
}

func (b *steadyBody) extend() {
	// Where there is no socket, in tests, there is nothing to extend.
	_ = b.control.SetReadDeadline(time.Now().Add(steady))
	_ = b.control.SetWriteDeadline(time.Now().Add(2 * steady)) // the answer comes after the body
	b.left = steadyBytes
}

func (b *steadyBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left <= 0 {
		b.extend()
	}
	return n, err
}

// steadyWriter writes an answer as long as the client takes it.
type steadyWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	left    int
}

func (w *steadyWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left <= 0 {
		_ = w.control.SetWriteDeadline(time.Now().Add(steady))
		w.left = steadyBytes
	}
	return w.ResponseWriter.Write(p)
}

// putPart is PUT /media/part/<upload>/<number>: a part of an upload.
func (a *API) putPart(c *call) {
	if a.o.Media == nil {
		a.notFound(c)
		return
	}
	steadily(c)
	sum, err := a.o.Media.ReceivePart(strings.TrimPrefix(c.r.URL.Path, partPath), c.r.URL.Query(), c.r.ContentLength, c.r.Body)
	if err != nil {
		a.refusePlain(c, err)
		return
	}
	c.w.Header().Set("ETag", `"`+sum+`"`)
	a.done(c)
}

// done answers that all went well.
func (a *API) done(c *call) {
	c.code = strconv.Itoa(http.StatusOK)
	c.w.Header().Del("Content-Type")
	a.write(c, http.StatusOK, nil)
}

// postForm is POST /media/form/<key>: a form with a file, as browsers send it.
func (a *API) postForm(c *call) {
	if a.o.Media == nil {
		a.notFound(c)
		return
	}
	receive, err := a.o.Media.CheckForm(strings.TrimPrefix(c.r.URL.Path, formPath), c.r.URL.Query())
	if err == nil {
		steadily(c)
		err = receiveForm(c.r, receive)
	}
	if err != nil {
		a.refusePlain(c, err)
		return
	}
	a.done(c)
}

// receiveForm hands the file of a form on; fields before it are read and dropped.
func receiveForm(r *http.Request, receive func(io.Reader) error) error {
	const name = "api.receiveForm"
	form, err := r.MultipartReader()
	if err != nil {
		return im.Errorf(im.Invalid, name, "not multipart/form-data")
	}
	for range maxFormFields {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return im.Errorf(im.Invalid, name, "no field %q", formFile)
		case err != nil:
			return im.Errorf(im.Invalid, name, "the form cannot be read")
		case part.FormName() == formFile:
			return receive(part)
		}
		n, err := io.Copy(io.Discard, io.LimitReader(part, maxFormField+1))
		if err != nil || n > maxFormField {
			return im.Errorf(im.Invalid, name, "a field is too long, or broke off")
		}
	}
	return im.Errorf(im.Invalid, name, "too many fields before %q", formFile)
}

// getContent is GET /media/content/<key>: the bytes of a file, or ranges of them.
// What could run in a browser is only ever saved.
func (a *API) getContent(c *call) {
	if a.o.Media == nil {
		a.notFound(c)
		return
	}
	content, err := a.o.Media.Content(strings.TrimPrefix(c.r.URL.Path, contentPath), c.r.URL.Query())
	if err != nil {
		a.refusePlain(c, err)
		return
	}
	defer func() { _ = content.Close() }() // it was read only
	as := content.Harmless()
	h := c.w.Header()
	h.Set("Content-Type", as.ContentType)
	if as.Disposition != "" {
		h.Set("Content-Disposition", as.Disposition)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, max-age=86400")
	h.Set("ETag", `"`+content.Tag+`"`)
	c.wrote, c.code = true, strconv.Itoa(http.StatusOK)
	w := &steadyWriter{ResponseWriter: c.w, control: http.NewResponseController(c.w)}
	http.ServeContent(w, c.r, "", content.Modified, content)
}
