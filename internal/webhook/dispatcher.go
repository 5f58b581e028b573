package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
	"parley/internal/store"
)

const (
	// readBatch rows are read at a time.
	readBatch = 256
	// readGap is the least time between two reads of an outbox that was empty:
	// under load each commit wakes the reader, and one read serves several of them.
	readGap = 2 * time.Millisecond
	// pollEvery is the net under Wake, and how often due events are looked for.
	pollEvery = time.Second
	// observeEvery is how often the outbox is counted, which may mean a scan of it.
	observeEvery = 10 * time.Second
	// heldMost attempted events, those due first, are looked at by Start. Held
	// ones are among them unless more than that many parked ones are due before.
	heldMost = 4096
)

// Outbox is what the dispatcher needs of the store.
type Outbox interface {
	Events(ctx context.Context, after int64, limit int) ([]store.OutboxEvent, error)
	DueEvents(ctx context.Context, now int64, limit int) ([]store.OutboxEvent, error)
	OutboxStats(ctx context.Context) (n, oldest int64, err error)
	Update(ctx context.Context, fn func(store.Tx) error) error
}

// Options are what a Dispatcher is made of. Log, Metrics and Transport may be nil.
type Options struct {
	Config Config
	Outbox Outbox
	// Decode returns the message of a stored body, with the status its sender gave it.
	Decode  func(body []byte) (*im.Message, error)
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// Transport replaces the dispatcher's own connections.
	Transport http.RoundTripper
}

// Dispatcher delivers the events of the outbox. Its methods may be called from
// any goroutine; Start and Stop once each.
type Dispatcher struct {
	outbox  Outbox
	log     *slog.Logger
	metrics *metrics
	ep      *endpoint
	commits chan struct{} // something to read
	gate    chan struct{} // held while outcomes are written or due events are read
	cursor  int64         // the reader's: the last fresh event that was read
	url     string        // for the log
	on      []string      // keys of the enabled callbacks, for the log

	mu      sync.Mutex // guards what follows
	running *running
	stopped bool
}

// running is what Stop ends.
type running struct {
	quit        context.CancelFunc // ends the reader and the observer
	giveUp      context.CancelFunc // ends attempts in flight and the writing of outcomes
	readers     sync.WaitGroup
	workers     sync.WaitGroup
	workersDone chan struct{}
	marker      sync.WaitGroup
}

// New returns a dispatcher for a valid configuration with a URL. It does nothing before Start.
func New(o Options) (*Dispatcher, error) {
	switch {
	case o.Config.URL == "":
		return nil, errors.New("webhook.New: no url to deliver to")
	case o.Outbox == nil || o.Decode == nil:
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
		outbox: o.Outbox, log: o.Log, metrics: m, url: shown(o.Config.URL),
		commits: make(chan struct{}, 1), gate: make(chan struct{}, 1),
	}
	if d.ep, err = newEndpoint(&o, m, d.Wake); err != nil {
		return nil, err
	}
	for _, cmd := range im.Commands() {
		if o.Config.Wants(cmd) {
			d.on = append(d.on, cmd.Key())
		}
	}
	return d, nil
}

// shown returns a URL without credentials and query, which may hold a token.
func shown(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Wake says that events may have been committed. It never blocks.
func (d *Dispatcher) Wake() { poke(d.commits) }

// Resume ends a pause of the endpoint; what waited is sent in order.
func (d *Dispatcher) Resume() {
	d.ep.resume()
	d.Wake()
}

// Start looks into the outbox for events that were holding their lanes and
// starts to deliver. ctx is for that look only.
func (d *Dispatcher) Start(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running != nil || d.stopped {
		return errors.New("webhook: the dispatcher was started before")
	}
	// Dead letters lie behind all other retries and are left out.
	held, err := d.outbox.DueEvents(ctx, DeadLetterAt-1, heldMost)
	if err != nil {
		return err
	}
	d.ep.start()
	d.ep.addHeld(held)

	readCtx, quit := context.WithCancel(context.Background())
	workCtx, giveUp := context.WithCancel(context.Background())
	r := &running{quit: quit, giveUp: giveUp, workersDone: make(chan struct{})}
	d.running = r
	r.readers.Go(func() { d.read(readCtx) })
	r.readers.Go(func() { d.observe(readCtx) })
	for range d.ep.concurrency {
		r.workers.Go(func() { d.ep.run(workCtx) })
	}
	r.marker.Go(func() { d.write(workCtx, r.workersDone) })
	d.log.Info("webhook delivery started", "url", d.url, "callbacks", d.on, "held", len(held))
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
	d.ep.stop()
	defer r.giveUp()
	defer context.AfterFunc(ctx, r.giveUp)()
	r.readers.Wait()
	r.workers.Wait()
	close(r.workersDone)
	r.marker.Wait()
	if t, ok := d.ep.transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
	if n := d.ep.unwritten(); n > 0 {
		d.log.Warn("webhook delivery stopped before all outcomes were written: these events will be sent again", "events", n)
	}
	return ctx.Err()
}

// read is the reader: it loads events as long as there are any and room for them.
func (d *Dispatcher) read(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	sleep := func(t time.Duration, commits <-chan struct{}) {
		timer.Reset(t)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-commits:
		}
	}
	var errs throttle
	var nextDue time.Time
	for ctx.Err() == nil {
		start := time.Now()
		more, err := d.readAll(ctx, start, &nextDue)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			if n, ok := errs.allow(start); ok {
				d.log.Error("webhook outbox could not be read", "failures_not_logged", n, "err", err)
			}
			sleep(pollEvery, nil)
		case !more:
			sleep(time.Until(nextDue), d.commits)
			sleep(readGap-time.Since(start), nil)
		}
	}
}

// readAll does one round of the reader and reports whether the next may follow at once.
func (d *Dispatcher) readAll(ctx context.Context, now time.Time, nextDue *time.Time) (more bool, err error) {
	if err := d.refill(ctx); err != nil {
		return false, err
	}
	if !now.Before(*nextDue) {
		moreDue, err := d.readDue(ctx)
		if err != nil {
			return false, err
		}
		*nextDue = now.Add(pollEvery)
		if moreDue {
			// The rows that are here already leave the answer with the next batch of outcomes.
			*nextDue = now.Add(markEvery)
		}
	}
	return d.readFresh(ctx)
}

// readFresh reads on behind the cursor and reports whether there may be more.
func (d *Dispatcher) readFresh(ctx context.Context) (more bool, err error) {
	limit := d.ep.room(readBatch)
	if limit == 0 {
		return false, nil
	}
	events, err := d.outbox.Events(ctx, d.cursor, limit)
	if err != nil || len(events) == 0 {
		return false, err
	}
	d.ep.addFresh(events)
	d.cursor = events[len(events)-1].ID
	return len(events) == limit, nil
}

// refill reads what was left out of lanes that had their share.
func (d *Dispatcher) refill(ctx context.Context) error {
	for d.ep.room(1) > 0 {
		l, after := d.ep.wanting()
		if l == nil {
			return nil
		}
		events, err := d.outbox.Events(ctx, after, readBatch)
		if err != nil {
			return err
		}
		d.ep.addMore(l, events, d.cursor, len(events) < readBatch)
	}
	return nil
}

// readDue reads attempted events whose time has come and reports whether there may be more.
func (d *Dispatcher) readDue(ctx context.Context) (more bool, err error) {
	select {
	case d.gate <- struct{}{}:
		defer func() { <-d.gate }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	limit := d.ep.dueRoom(readBatch)
	if limit == 0 {
		return false, nil
	}
	events, err := d.outbox.DueEvents(ctx, time.Now().UnixMilli(), limit)
	if err != nil {
		return false, err
	}
	return d.ep.addDue(events) > 0 && len(events) == limit, nil
}

// observe is the observer: it keeps the gauges of the outbox.
func (d *Dispatcher) observe(ctx context.Context) {
	ticker := time.NewTicker(observeEvery)
	defer ticker.Stop()
	for {
		if n, oldest, err := d.outbox.OutboxStats(ctx); err == nil {
			d.metrics.backlog.Set(float64(n))
			d.metrics.oldest.Store(oldest)
		} else if ctx.Err() == nil {
			d.log.Warn("webhook outbox could not be counted", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
