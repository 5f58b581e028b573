package webhook

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"parley/internal/im"
)

// Snapshot is all that says who is told of what, at one moment. It is never changed.
type Snapshot struct {
	Config *Config
	// Endpoints are those of the store: made through the API, or, with the id of the
	// main endpoint, its pause.
	Endpoints []im.Endpoint
	Version   int64 // of the endpoints
}

// EndpointStore is what a Registry needs of the store.
type EndpointStore interface {
	WebhookVersion(ctx context.Context) (int64, error)
	Endpoints(ctx context.Context) ([]im.Endpoint, error)
}

// refreshEvery is how often a node asks whether another one has changed endpoints.
const refreshEvery = time.Second

// Registry knows the endpoints: the one of the configuration and those of the
// store. It tells of changes, its own and those of other nodes. It owns one
// goroutine from Start to Stop, which looks for the latter.
type Registry struct {
	store  EndpointStore
	log    *slog.Logger
	routes atomic.Pointer[routes]
	tell   []func(*Snapshot) error

	mu      sync.Mutex // guards what follows, and that changes are told in order
	current *Snapshot
	quit    context.CancelFunc
	done    chan struct{}
}

// NewRegistry returns a registry that knows the configuration only. Each of tell
// is called with every change, one at a time.
func NewRegistry(st EndpointStore, c *Config, log *slog.Logger, tell ...func(*Snapshot) error) *Registry {
	r := &Registry{store: st, log: log.With("op", im.NewID()), tell: tell}
	r.current = &Snapshot{Config: c}
	r.routes.Store(newRoutes(r.current))
	return r
}

// Start reads the endpoints and begins to look for changes.
func (r *Registry) Start(ctx context.Context) error {
	if err := r.Refresh(ctx); err != nil {
		return err
	}
	looking, quit := context.WithCancel(context.Background())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.quit, r.done = quit, make(chan struct{})
	go r.look(looking, r.done)
	return nil
}

// Stop ends the goroutine.
func (r *Registry) Stop() {
	r.mu.Lock()
	quit, done := r.quit, r.done
	r.quit = nil
	r.mu.Unlock()
	if quit != nil {
		quit()
		<-done
	}
}

func (r *Registry) look(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	var errs throttle
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		v, err := r.store.WebhookVersion(ctx)
		if err == nil && v != r.Snapshot().Version {
			err = r.Refresh(ctx)
		}
		if err != nil && ctx.Err() == nil {
			if n, ok := errs.allow(time.Now()); ok {
				r.log.Error("webhook endpoints could not be read", "failures_not_logged", n, "err", err)
			}
		}
	}
}

// Snapshot returns what is known.
func (r *Registry) Snapshot() *Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// Refresh reads the endpoints. Whoever has changed them calls it, so that the
// change holds on this node when the request is answered.
func (r *Registry) Refresh(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	// The version first: what changes in between is read again.
	v, err := r.store.WebhookVersion(ctx)
	if err != nil {
		return err
	}
	list, err := r.store.Endpoints(ctx)
	if err != nil {
		return err
	}
	r.change(&Snapshot{Config: r.current.Config, Endpoints: list, Version: v})
	return nil
}

// Reload puts a valid configuration in the place of the present one.
func (r *Registry) Reload(c *Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(&Snapshot{Config: c, Endpoints: r.current.Endpoints, Version: r.current.Version})
}

// change makes a snapshot the present one. The caller holds the lock.
func (r *Registry) change(s *Snapshot) {
	r.current = s
	r.routes.Store(newRoutes(s))
	for _, tell := range r.tell {
		if err := tell(s); err != nil {
			r.log.Error("webhook endpoint cannot be used as it is", "err", err)
		}
	}
}
