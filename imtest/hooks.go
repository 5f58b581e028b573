package imtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Hook is a callback that was received.
type Hook struct {
	Command string
	ID      string // webhook-id
	Header  http.Header
	Body    map[string]any
	Raw     []byte
}

// Hooks receives callbacks.
type Hooks struct {
	URL string

	mu      sync.Mutex
	list    []Hook
	changed chan struct{}
	answer  func(Hook) int // HTTP status; nil: 200
}

// ReceiveHooks runs a receiver until the test ends.
func ReceiveHooks(t testing.TB) *Hooks {
	h := &Hooks{changed: make(chan struct{})}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	h.URL = srv.URL
	return h
}

// Answer sets what later callbacks are answered with: an HTTP status.
func (h *Hooks) Answer(f func(Hook) int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = f
}

// ServeHTTP implements http.Handler.
func (h *Hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	k := Hook{
		Command: r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], ID: r.Header.Get("webhook-id"),
		Header: r.Header.Clone(), Raw: raw,
	}
	if err := json.Unmarshal(raw, &k.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	answer := h.answer
	h.list = append(h.list, k)
	close(h.changed)
	h.changed = make(chan struct{})
	h.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		status = answer(k)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, `{"actionCode":0,"errCode":0,"errMsg":"","errDlt":"","nextCode":0}`)
}

// All returns what was received so far, and a channel that is closed when more has come.
func (h *Hooks) All() ([]Hook, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.list[:len(h.list):len(h.list)], h.changed
}
