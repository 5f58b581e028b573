package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
	"parley/internal/store"
)

// Outbox is what the dispatcher needs of the store.
type Outbox interface {
	Events(ctx context.Context, after int64, limit int) ([]store.OutboxEvent, error)
	EndpointEvents(ctx context.Context, endpoint string, after int64, limit int) ([]store.OutboxEvent, error)
	LastEvent(ctx context.Context) (int64, error)
	DueEvents(ctx context.Context, endpoint string, now int64, limit int) ([]store.OutboxEvent, error)
	Backlog(ctx context.Context, endpoint string) (store.Backlog, error)
	Leases(ctx context.Context) ([]store.Lease, error)
	Update(ctx context.Context, fn func(store.Tx) error) error
}

// Options are what a Dispatcher is made of. Log, Metrics, Transport and Paused may be nil.
type Options struct {
	Config Config
	Outbox Outbox
	// Decode returns the message of a stored body, with the status its sender gave it.
	Decode  func(body []byte) (*im.Message, error)
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// Transport replaces the dispatcher's own connections.
	Transport http.RoundTripper
	// Node names this process among those that share the outbox; each endpoint is
	// delivered to by one of them. Empty: there are no others.
	Node string
	// NodeEnded is called when another node has died or said that it ends, to tell what ended
	// with it; again after an error. It may run on several nodes for the same one.
	NodeEnded func(ctx context.Context, node string) error
	// NodeBack is called when others took this node for dead, and have told what they
	// believed to have ended with it. It must not block.
	NodeBack func()
	// Paused is told when an endpoint has paused itself.
	Paused func(PauseNotice)
}

// PauseNotice says that an endpoint has paused itself.
type PauseNotice struct {
	Endpoint string // id, as the API shows it
	URL      string // without credentials
	Reason   string
}

// Dispatcher delivers the events of the outbox. Its methods may be called from
// any goroutine; Start and Stop once each.
type Dispatcher struct {
	o       Options
	outbox  Outbox
	log     *slog.Logger
	metrics *metrics
	onPause func(PauseNotice)
	cfg     atomic.Pointer[Config]
	list    atomic.Pointer[[]*endpoint]   // replaced as a whole
	removed atomic.Pointer[[]im.Endpoint] // whose events are to go
	levels  atomic.Pointer[levels]        // the observer's
	shared  *shared
	commits chan struct{} // something to read
	gate    chan struct{} // held while outcomes are written or due events are read
	leases  leases

	// Of the reader alone.
	head int64 // the last fresh event that was read for all endpoints
	live bool  // some endpoint is read that way

	turn int // of the marker alone: the endpoint whose outcomes come first

	mu      sync.Mutex // guards what follows
	news    *Snapshot  // applied last; nil: none
	running *running
	stopped bool
}

// running is what Stop ends.
type running struct {
	quit        context.CancelFunc // ends the readers and what looks after them
	giveUp      context.CancelFunc // ends attempts in flight and the writing of outcomes
	readers     sync.WaitGroup
	workersDone chan struct{}
	marker      sync.WaitGroup
}

// New returns a dispatcher for a valid configuration. It does nothing before
// Start. Without a URL it delivers only to the endpoints that Apply names.
func New(o Options) (*Dispatcher, error) {
	if o.Outbox == nil || o.Decode == nil {
		return nil, errors.New("webhook.New: outbox and decode are needed")
	}
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	d := &Dispatcher{
		o: o, outbox: o.Outbox, metrics: m, onPause: o.Paused,
		commits: make(chan struct{}, 1), gate: make(chan struct{}, 1),
	}
	d.leases = leases{mine: map[string]*held{}, seen: map[string]sighting{}}
	d.shared = &shared{wakeReader: d.Wake, marked: make(chan struct{}, 1), markedFull: make(chan struct{}, 1), operationID: im.NewID()}
	d.log = o.Log.With("op", d.shared.operationID)
	d.list.Store(&[]*endpoint{})
	d.removed.Store(&[]im.Endpoint{})
	d.levels.Store(&levels{})
	if err := d.Apply(&Snapshot{Config: &o.Config}); err != nil {
		return nil, err
	}
	return d, nil
}

// config returns the configuration in force.
func (d *Dispatcher) config() *Config { return d.cfg.Load() }

// all returns the endpoints. Nobody changes the list.
func (d *Dispatcher) all() []*endpoint { return *d.list.Load() }

// find returns an endpoint; nil if there is none with that id.
func (d *Dispatcher) find(id string) *endpoint {
	for _, ep := range d.all() {
		if ep.id == id {
			return ep
		}
	}
	return nil
}

// Wake says that events may have been committed. It never blocks.
func (d *Dispatcher) Wake() { poke(d.commits) }

// Discarded counts a dead letter that somebody has given up.
func (d *Dispatcher) Discarded(cmd im.Command) { d.metrics.settled(cmd, outcomeDiscarded) }

// Made counts events that were committed. It never blocks. Whoever made them calls
// Wake when what they tell of can be seen by everybody: receivers ask back.
func (d *Dispatcher) Made(events []*im.Event) {
	for _, e := range events {
		d.metrics.settled(e.Command, outcomeMade)
	}
}

// Apply brings the dispatcher to what a snapshot says: endpoints appear, change
// and go, pauses begin and end. An endpoint that cannot be used as it is leaves
// the others alone; the error names it.
func (d *Dispatcher) Apply(s *Snapshot) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return nil
	}
	var errs []error
	newConfig := d.news == nil || d.news.Config != s.Config
	before := map[string]*im.Endpoint{}
	if d.news != nil {
		for i := range d.news.Endpoints {
			before[d.news.Endpoints[i].ID] = &d.news.Endpoints[i]
		}
	}
	d.cfg.Store(s.Config)
	list := slices.Clone(d.all())
	wanted := map[string]bool{}
	put := func(id string, changed bool, planned func() (*plan, error)) {
		wanted[id] = true
		ep := d.find(id)
		if ep != nil && !changed {
			return
		}
		p, err := planned()
		switch {
		case err != nil:
			errs = append(errs, err)
		case ep != nil:
			ep.setPlan(p)
		default:
			ep = newEndpoint(id, p, s.Config, &d.o, d.metrics, d.shared)
			if !d.leased() {
				ep.own()
			}
			list = append(list, ep)
		}
	}
	if s.Config.URL != "" {
		put(im.MainEndpoint, newConfig, func() (*plan, error) { return newPlan(s.Config, d.o.Transport) })
	}
	var removed []im.Endpoint
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		switch old := before[e.ID]; {
		case e.ID == im.MainEndpoint:
		case e.DeletedAt != 0:
			removed = append(removed, *e)
		default:
			put(e.ID, newConfig || old == nil || old.UpdatedAt != e.UpdatedAt, func() (*plan, error) { return endpointPlan(s.Config, e, d.o.Transport) })
		}
	}
	list = slices.DeleteFunc(list, func(ep *endpoint) bool {
		if wanted[ep.id] {
			return false
		}
		ep.stop()
		ep.disown()
		ep.plan.close()
		d.metrics.forget(ep.id)
		return true
	})
	d.list.Store(&list)
	d.removed.Store(&removed)
	for i := range s.Endpoints {
		if e := &s.Endpoints[i]; e.DeletedAt == 0 {
			if ep := d.find(e.ID); ep != nil {
				ep.setPause(e, s.Version)
			}
		}
	}
	d.news = s
	d.Wake()
	return errors.Join(errs...)
}

// Start begins to deliver. ctx is for a first look into the outbox only.
func (d *Dispatcher) Start(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running != nil || d.stopped {
		return errors.New("webhook: the dispatcher was started before")
	}
	if _, err := d.outbox.LastEvent(ctx); err != nil {
		return err
	}
	if d.leased() {
		if err := d.renewLeases(ctx); err != nil {
			return err
		}
	}
	readCtx, quit := context.WithCancel(context.Background())
	workCtx, giveUp := context.WithCancel(context.Background())
	d.shared.employ = func(work func(context.Context)) { d.shared.workers.Go(func() { work(workCtx) }) }
	r := &running{quit: quit, giveUp: giveUp, workersDone: make(chan struct{})}
	d.running = r
	r.readers.Go(func() { d.read(readCtx) })
	r.readers.Go(func() { d.observe(readCtx) })
	r.readers.Go(func() { d.keepHouse(readCtx) })
	if d.leased() {
		r.readers.Go(func() { d.keepLeases(readCtx, r.readers.Go) })
	}
	r.marker.Go(func() { d.write(workCtx, r.workersDone) })
	var on []string
	for _, cmd := range im.Commands() {
		if d.config().Wants(cmd) {
			on = append(on, cmd.Key())
		}
	}
	d.log.Info("webhook delivery started", "url", shown(d.config().URL), "callbacks", on, "endpoints", len(d.all()))
	return nil
}

// Stop ends reading, waits for the attempts in flight and writes the outcomes.
// When ctx ends it gives up what is not done yet, which the next start repeats,
// and returns ctx's error.
func (d *Dispatcher) Stop(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	r := d.running
	if r == nil {
		return nil
	}
	d.running = nil
	r.quit()
	for _, ep := range d.all() {
		ep.stop()
	}
	defer r.giveUp()
	defer context.AfterFunc(ctx, r.giveUp)()
	r.readers.Wait()
	d.shared.workers.Wait()
	close(r.workersDone)
	r.marker.Wait()
	d.releaseLeases(ctx)
	for _, ep := range d.all() {
		ep.plan.close()
	}
	if n, _ := d.unwritten(); n > 0 {
		d.log.Warn("webhook delivery stopped before all outcomes were written: these events will be sent again", "events", n)
	}
	return ctx.Err()
}
