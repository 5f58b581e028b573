package imtest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Hook is a callback that was received.
type Hook struct {
	Command string
	ID      string // webhook-id
	Header  http.Header
	Query   url.Values
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
	reply   func(Hook) H   // answer as JSON; nil, or a nil H: all is well
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

// Reply sets the object that later callbacks are answered with; nil lets a callback pass.
func (h *Hooks) Reply(f func(Hook) H) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reply = f
}

// Veto is the answer that refuses with a code of the application.
func Veto(code int) H {
	return H{"actionCode": 0, "errCode": code, "errMsg": "vetoed", "errDlt": "by the test", "nextCode": 1}
}

// Pass is the answer that lets an operation pass with replaced fields.
func Pass(fields H) H {
	out := H{"actionCode": 0, "errCode": 0, "errMsg": "", "errDlt": "", "nextCode": 0}
	maps.Copy(out, fields)
	return out
}

// Wait returns the first callback of a command that match accepts (nil: any), and
// ends the test if none comes.
func (h *Hooks) Wait(t testing.TB, command string, match func(Hook) bool) Hook {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for seen := 0; ; {
		list, changed := h.All()
		for ; seen < len(list); seen++ {
			if k := list[seen]; k.Command == command && (match == nil || match(k)) {
				return k
			}
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no callback %s", command)
		}
	}
}

// ServeHTTP implements http.Handler.
func (h *Hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	k := Hook{
		Command: r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], ID: r.Header.Get("webhook-id"),
		Header: r.Header.Clone(), Query: r.URL.Query(), Raw: raw,
	}
	if err := json.Unmarshal(raw, &k.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	answer, reply := h.answer, h.reply
	h.list = append(h.list, k)
	close(h.changed)
	h.changed = make(chan struct{})
	h.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		status = answer(k)
	}
	var body H
	if reply != nil {
		body = reply(k)
	}
	if body == nil {
		body = Pass(nil)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// All returns what was received so far, and a channel that is closed when more has come.
func (h *Hooks) All() ([]Hook, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.list[:len(h.list):len(h.list)], h.changed
}
