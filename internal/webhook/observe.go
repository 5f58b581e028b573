package webhook

import (
	"context"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

const (
	// observeEvery is how often the backlogs are counted.
	observeEvery = 10 * time.Second
	// houseEvery is how often the tables are looked at for what may go.
	houseEvery = time.Minute
	// houseStep rows go at a time, with houseGap between two steps: the writer of
	// SQLite is shared with the messages.
	houseStep = 1000
	houseGap  = 20 * time.Millisecond
	// removedKept is how long the row of a removed endpoint stays at least: other
	// nodes hear of a removal late, and write events for it until then.
	removedKept = time.Hour
)

// observe is the observer: it keeps the gauges of the outbox, and knows whose backlog is large.
func (d *Dispatcher) observe(ctx context.Context) {
	ticker := time.NewTicker(observeEvery)
	defer ticker.Stop()
	var errs throttle
	for {
		before, now := d.levels.Load(), &levels{byEndpoint: map[string]level{}}
		for _, ep := range d.all() {
			found := before.byEndpoint[ep.id]
			b, err := d.outbox.Backlog(ctx, ep.id)
			if err == nil {
				d.metrics.observed(ep.id, b)
				found = d.judge(ep, found, b)
			}
			now.byEndpoint[ep.id] = found
			now.full = now.full || found.full
			if err == nil {
				continue
			}
			if n, ok := errs.allow(time.Now()); ok && ctx.Err() == nil {
				d.log.Warn("webhook outbox could not be counted", "failures_not_logged", n, "err", err)
			}
		}
		d.levels.Store(now)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// keepHouse prunes the log and takes away what removed endpoints left.
func (d *Dispatcher) keepHouse(ctx context.Context) {
	ticker := time.NewTicker(houseEvery)
	defer ticker.Stop()
	for {
		if err := d.tidy(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("webhook tables could not be tidied", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// tidy does one round of keepHouse, on one node.
func (d *Dispatcher) tidy(ctx context.Context) error {
	if d.leased() {
		list, err := d.outbox.Leases(ctx)
		if err != nil {
			return err
		}
		for _, l := range list {
			if l.Endpoint == houseLease && l.Node != d.o.Node {
				return nil
			}
		}
	}
	log := d.config().Log
	before := time.Now().Add(-log.Keep).UnixMilli()
	if err := d.steps(ctx, func(tx store.Tx) (int, error) { return tx.PruneHookLog(ctx, before, log.Rows, houseStep) }); err != nil {
		return err
	}
	for _, e := range *d.removed.Load() {
		if err := d.bury(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// bury takes away what a removed endpoint left, and at last its row.
func (d *Dispatcher) bury(ctx context.Context, e im.Endpoint) error {
	err := d.steps(ctx, func(tx store.Tx) (int, error) {
		n, err := tx.DeleteEndpointEvents(ctx, e.ID, houseStep)
		return n, err
	})
	if err != nil || time.Since(time.UnixMilli(e.DeletedAt)) < removedKept {
		return err
	}
	return d.outbox.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.RaiseWebhookVersion(ctx); err != nil {
			return err
		}
		return tx.ForgetEndpoint(ctx, e.ID)
	})
}

// steps repeats a piece of work until it finds little more to do.
func (d *Dispatcher) steps(ctx context.Context, work func(store.Tx) (int, error)) error {
	for {
		n := 0
		err := d.outbox.Update(ctx, func(tx store.Tx) (err error) {
			n, err = work(tx)
			return err
		})
		if err != nil || n < houseStep {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(houseGap):
		}
	}
}
