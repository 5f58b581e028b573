package obs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// checkTimeout bounds one readiness answer; load balancers give up after a few seconds.
const checkTimeout = 2 * time.Second

// Check tells whether a part of the server works: nil, an error made by
// [Degraded], or any other error. It must return soon after its context ends,
// and its text is shown to whoever reaches the admin listener.
type Check func(context.Context) error

// Degraded marks an error of a [Check] as trouble that operators must see but
// that does not keep the server from serving, for example a long backlog.
func Degraded(err error) error {
	if err == nil {
		return nil
	}
	return &degradedError{err}
}

type degradedError struct{ err error }

func (e *degradedError) Error() string { return e.err.Error() }
func (e *degradedError) Unwrap() error { return e.err }

// Health is the set of named checks behind /readyz. It is safe for concurrent
// use; the zero value has no checks and is ready.
type Health struct {
	mu     sync.Mutex
	checks map[string]Check // guarded by mu
}

// NewHealth returns a Health without checks.
func NewHealth() *Health { return &Health{} }

// Set adds a check or replaces the one of that name; a nil check removes it.
func (h *Health) Set(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if check == nil {
		delete(h.checks, name)
		return
	}
	if h.checks == nil {
		h.checks = make(map[string]Check)
	}
	h.checks[name] = check
}

// The states of a Readiness.
const (
	StatusOK          = "ok"
	StatusDegraded    = "degraded"
	StatusUnavailable = "unavailable"
)

// Readiness is the answer of /readyz.
type Readiness struct {
	// Status is the worst of all checks: ok, degraded or unavailable.
	Status string `json:"status"`
	// Checks maps the name of a check to "ok", "degraded: TEXT" or the error's text.
	Checks map[string]string `json:"checks"`
}

// Ready runs all checks, one after the other, within two seconds.
func (h *Health) Ready(ctx context.Context) Readiness {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	r := Readiness{Status: StatusOK, Checks: make(map[string]string)}
	for _, c := range h.snapshot() {
		err := c.check(ctx)
		degraded := (*degradedError)(nil)
		switch {
		case err == nil:
			r.Checks[c.name] = StatusOK
		case errors.As(err, &degraded):
			r.Checks[c.name] = StatusDegraded + ": " + err.Error()
			if r.Status == StatusOK {
				r.Status = StatusDegraded
			}
		default:
			r.Checks[c.name] = err.Error()
			r.Status = StatusUnavailable
		}
	}
	return r
}

type namedCheck struct {
	name  string
	check Check
}

// snapshot frees the lock before the checks run, since a check may take long or call Set.
func (h *Health) snapshot() []namedCheck {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]namedCheck, 0, len(h.checks))
	for name, check := range h.checks {
		all = append(all, namedCheck{name, check})
	}
	slices.SortFunc(all, func(a, b namedCheck) int { return strings.Compare(a.name, b.name) })
	return all
}

func (h *Health) serveReady(w http.ResponseWriter, r *http.Request) {
	ready := h.Ready(r.Context())
	body, err := json.MarshalIndent(ready, "", "  ")
	if err != nil {
		http.Error(w, "cannot show the checks", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if ready.Status == StatusUnavailable {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(append(body, '\n')) // the asker may have gone
}

// serveAlive answers as long as the process runs requests at all. It looks at
// nothing else: a supervisor restarts what fails here, and a restart does not
// repair a database.
func serveAlive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok")) // the asker may have gone
}
