package webhook

import (
	"context"
	"time"

	"parley/internal/store"
)

const (
	// markBatch outcomes are written at once, or what there is after markEvery.
	markBatch = 200
	markEvery = 100 * time.Millisecond
	// markMost bounds one transaction: the writer of SQLite is shared with the messages.
	markMost = 1000
	// markBackoff is the wait after a failing store, doubled up to markBackoffMost.
	markBackoff     = 100 * time.Millisecond
	markBackoffMost = 5 * time.Second
)

// mark has the outcome of an event written. The caller holds the lock.
func (ep *endpoint) mark(it *item) {
	if it.dirty {
		return // the newer outcome goes in the place of the older
	}
	it.dirty = true
	ep.dirty = append(ep.dirty, it)
	switch len(ep.dirty) {
	case 1:
		poke(ep.marked)
	case markBatch:
		poke(ep.markedFull)
	}
}

// unload lets an event go for good. It counts as loaded until its outcome is
// written, because until then the store would return it again. The caller holds the lock.
func (ep *endpoint) unload(it *item) {
	it.gone = true
	ep.bytes -= it.size()
	it.Body, it.Message = nil, nil
	if !it.dirty && !it.flushing {
		ep.release(it)
	}
	ep.freed()
}

func (ep *endpoint) release(it *item) {
	ep.loaded--
	delete(ep.attempted, it.ID)
	ep.freed()
}

// outcomes is one batch on its way to the store.
type outcomes struct {
	items   []*item
	deletes []int64
	retries []store.Retry
}

// collect takes the outcomes that wait.
func (ep *endpoint) collect() (b outcomes) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	n := min(len(ep.dirty), markMost)
	b.items = append(b.items, ep.dirty[:n]...)
	ep.dirty = append(ep.dirty[:0], ep.dirty[n:]...)
	clear(ep.dirty[len(ep.dirty) : len(ep.dirty)+n])
	for _, it := range b.items {
		it.dirty, it.flushing = false, true
		if it.drop {
			b.deletes = append(b.deletes, it.ID)
		} else {
			b.retries = append(b.retries, store.Retry{ID: it.ID, Attempts: it.Attempts, NextAt: it.NextAt, Error: it.reason})
		}
	}
	return b
}

// written follows a batch that is in the store, or is not.
func (ep *endpoint) written(b outcomes, ok bool) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	for _, it := range b.items {
		it.flushing = false
		switch {
		case !ok:
			ep.mark(it)
		case it.gone && !it.dirty:
			ep.release(it)
		}
	}
}

// unwritten returns the number of outcomes that wait.
func (ep *endpoint) unwritten() int {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return len(ep.dirty)
}

// write is the marker: it writes outcomes until the workers are gone, then the
// rest. It gives up when ctx ends.
func (d *Dispatcher) write(ctx context.Context, workersDone <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var backoff time.Duration
	for stopping := false; ; {
		if !stopping {
			select {
			case <-d.ep.marked:
			case <-workersDone:
				stopping = true
			}
		}
		if !stopping || backoff > 0 {
			full, done := d.ep.markedFull, workersDone
			if backoff > 0 {
				full = nil
			}
			if stopping {
				done = nil
			}
			timer.Reset(max(markEvery, backoff))
			select {
			case <-full:
			case <-timer.C:
			case <-done:
				stopping = true
			case <-ctx.Done():
			}
		}
		err := d.flush(ctx)
		if ctx.Err() != nil || stopping && d.ep.unwritten() == 0 {
			return
		}
		if err == nil {
			backoff = 0
			continue
		}
		backoff = min(max(2*backoff, markBackoff), markBackoffMost)
		d.log.Error("webhook outcomes could not be written, trying again", "in", backoff, "err", err)
	}
}

// flush writes one batch of outcomes. It excludes the reading of due events,
// which could else return a row as it was before and send its event once more.
func (d *Dispatcher) flush(ctx context.Context) error {
	d.gate <- struct{}{}
	defer func() { <-d.gate }()
	b := d.ep.collect()
	if len(b.items) == 0 {
		return nil
	}
	err := d.outbox.Update(ctx, func(tx store.Tx) error {
		if len(b.retries) > 0 {
			if err := tx.RetryEvents(ctx, b.retries); err != nil {
				return err
			}
		}
		if len(b.deletes) > 0 {
			return tx.DeleteEvents(ctx, b.deletes)
		}
		return nil
	})
	d.ep.written(b, err == nil)
	switch n := d.ep.unwritten(); {
	case n >= markBatch:
		poke(d.ep.markedFull)
		fallthrough
	case n > 0:
		poke(d.ep.marked)
	}
	return err
}

// poke wakes whoever waits for c, and does not wait itself.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
