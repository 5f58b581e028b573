package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"parley/internal/im"
	"parley/internal/wire"
)

// envelope is the form of every answer (errors.md 2). Data is left out on error
// and when the answer has no fields.
type envelope struct {
	wire.Status
	Data any `json:"data,omitempty"`
}

const (
	// gzipFrom is the size from which an answer is compressed: below it the frame
	// and the CPU cost more than the bytes saved in one packet.
	gzipFrom = 1 << 10
	// keptBuffer is the largest buffer that is used again.
	keptBuffer = 256 << 10
)

func (a *API) buffer() *bytes.Buffer {
	if b, ok := a.buffers.Get().(*bytes.Buffer); ok {
		return b
	}
	return new(bytes.Buffer)
}

func (a *API) free(b *bytes.Buffer) {
	if b.Cap() <= keptBuffer {
		b.Reset()
		a.buffers.Put(b)
	}
}

// answer writes an envelope.
func (a *API) answer(c *call, status int, e envelope) {
	b := a.buffer()
	defer a.free(b)
	if err := json.NewEncoder(b).Encode(e); err != nil {
		// Only a type that JSON does not know: a fault in this package.
		a.refuse(c, http.StatusOK, a.failed(c, err))
		return
	}
	if c.code == "" {
		c.code = strconv.Itoa(e.Code)
	}
	a.write(c, status, b.Bytes()[:b.Len()-1]) // without the encoder's newline
}

// refuse writes an envelope without data.
func (a *API) refuse(c *call, status int, st wire.Status) { a.answer(c, status, envelope{Status: st}) }

// write writes an answer, compressed if the client asked for it and it is worth it.
func (a *API) write(c *call, status int, body []byte) {
	h := c.w.Header()
	if len(body) >= gzipFrom && acceptsGzip(c.r.Header) {
		packed := a.buffer()
		defer a.free(packed)
		a.compress(packed, body)
		body = packed.Bytes()
		h.Set("Content-Encoding", "gzip")
		h.Set("Vary", "Accept-Encoding")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.wrote = true
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // the client went away: nobody to tell
}

func (a *API) compress(into *bytes.Buffer, body []byte) {
	z, ok := a.gzips.Get().(*gzip.Writer)
	if ok {
		z.Reset(into)
	} else {
		// The level is valid, so there is no error.
		z, _ = gzip.NewWriterLevel(into, gzip.BestSpeed)
	}
	// Writing to memory does not fail.
	_, _ = z.Write(body)
	_ = z.Close()
	a.gzips.Put(z)
}

// acceptsGzip reports whether a client named gzip among its encodings.
func acceptsGzip(h http.Header) bool {
	for _, list := range h["Accept-Encoding"] {
		for list != "" {
			var one string
			one, list, _ = strings.Cut(list, ",")
			name, params, _ := strings.Cut(one, ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				q, found := strings.CutPrefix(strings.TrimSpace(params), "q=")
				weight, err := strconv.ParseFloat(q, 64)
				return !found || err != nil || weight > 0
			}
		}
	}
	return false
}

// failed logs an error if it is ours, and returns what the client is told.
func (a *API) failed(c *call, err error) wire.Status {
	st := wire.StatusOf(err)
	var refused *im.Refusal
	switch {
	case errors.As(err, &refused):
		c.code = "refused" // the business server's codes are not ours to count one by one
		a.log.Debug("request refused", c.fields("code", st.Code)...)
	case !im.IsKind(err, im.Internal):
		a.log.Debug("request refused", c.fields("code", st.Code, "err", err)...)
	case errors.Is(c.r.Context().Err(), context.Canceled): // not every database driver says why it gave up
		a.log.Debug("client went away", c.fields("err", err)...)
	default:
		a.log.Error("request failed", c.fields("err", err)...)
	}
	return st
}

// fields are the attributes of every line about a request.
func (c *call) fields(more ...any) []any {
	return append([]any{"op", c.op.OperationID, "route", c.r.URL.Path, "user", c.op.UserID, "http", c.httpID}, more...)
}
