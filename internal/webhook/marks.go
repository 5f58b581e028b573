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
		poke(ep.shared.marked)
	case markBatch:
		poke(ep.shared.markedFull)
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

// outcomes is what one endpoint has to write.
type outcomes struct {
	ep      *endpoint
	hands   int
	lease   store.Lease
	items   []*item
	settled []store.Settled
	retries []store.Retry

	pause        bool // the endpoint paused itself
	pausedAt     int64
	pausedReason string
	told         string // its URL, for whoever is told of the pause
	pauseVersion int64  // result
	lost         bool   // result: another node delivers, nothing was written
}

// collect takes at most limit outcomes that wait; nil if there is nothing to write.
func (ep *endpoint) collect(limit int) *outcomes {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if len(ep.dirty) == 0 && !ep.pauseWaits {
		return nil
	}
	ep.writing++
	b := &outcomes{ep: ep, hands: ep.hands, lease: ep.lease, pause: ep.pauseWaits, pausedReason: ep.pausedReason, told: ep.plan.shown}
	if b.pause {
		b.pausedAt = ep.pausedAt.UnixMilli()
	}
	n := min(len(ep.dirty), limit)
	b.items = append(b.items, ep.dirty[:n]...)
	ep.dirty = append(ep.dirty[:0], ep.dirty[n:]...)
	clear(ep.dirty[len(ep.dirty) : len(ep.dirty)+n])
	for _, it := range b.items {
		it.dirty, it.flushing = false, true
		var failures []store.Attempt
		failures, it.attempts = it.attempts, nil
		for i := range failures { // nearly always one at most
			b.retries = append(b.retries, it.asRetry(&failures[i]))
		}
		switch {
		case it.outcome != 0:
			b.settled = append(b.settled, store.Settled{ID: it.ID, Outcome: it.outcome, Attempts: it.Attempts, At: time.Now().UnixMilli(), Last: it.last})
		case len(failures) == 0:
			b.retries = append(b.retries, it.asRetry(nil))
		}
	}
	return b
}

func (it *item) asRetry(a *store.Attempt) store.Retry {
	return store.Retry{
		ID: it.ID, Attempts: it.Attempts, NextAt: it.NextAt, FailedAt: it.FailedAt, Dead: it.Dead, Error: it.LastError, Attempt: a,
	}
}

// written follows a batch that is in the store, or is not.
func (ep *endpoint) written(b *outcomes, ok bool) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	ep.writing--
	if b.hands != ep.hands {
		return
	}
	if ok && b.pause {
		ep.pauseWaits = ep.pauseWaits && ep.pausedAt.UnixMilli() != b.pausedAt
		ep.pauseVersion = b.pauseVersion
	}
	for _, it := range b.items {
		it.flushing = false
		switch {
		case !ok:
			for i := range b.retries { // the failed attempts go with the next try
				if r := &b.retries[i]; r.ID == it.ID && r.Attempt != nil {
					it.attempts = append(it.attempts, *r.Attempt)
				}
			}
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
	n := len(ep.dirty)
	if ep.pauseWaits {
		n++
	}
	return n
}

// unwritten returns the number of outcomes that wait, of all endpoints, and
// whether one of them has a whole batch.
func (d *Dispatcher) unwritten() (n int, full bool) {
	for _, ep := range d.all() {
		m := ep.unwritten()
		n, full = n+m, full || m >= markBatch
	}
	return n, full
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
			case <-d.shared.marked:
			case <-workersDone:
				stopping = true
			}
		}
		if !stopping || backoff > 0 {
			full, done := d.shared.markedFull, workersDone
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
		if ctx.Err() != nil {
			return
		}
		if n, _ := d.unwritten(); stopping && n == 0 {
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
	var batch []*outcomes
	left := markMost
	all := d.all()
	d.turn++
	for i := range all { // everybody's turn comes, even if one of them always has enough for a batch
		if b := all[(i+d.turn)%len(all)].collect(left); b != nil {
			batch = append(batch, b)
			if left -= len(b.items); left <= 0 {
				break
			}
		}
	}
	if len(batch) == 0 {
		return nil
	}
	err := d.outbox.Update(ctx, func(tx store.Tx) error { return d.writeBatch(ctx, tx, batch) })
	for _, b := range batch {
		if err == nil && b.lost {
			d.lost(b.ep, b.lease) // and nothing is left of it
		}
		b.ep.written(b, err == nil)
		if b.lost {
			continue
		}
		if err == nil && b.pause && d.onPause != nil {
			d.onPause(PauseNotice{Endpoint: endpointLabel(b.ep.id), URL: b.told, Reason: b.pausedReason})
		}
	}
	n, full := d.unwritten()
	if full {
		poke(d.shared.markedFull)
	}
	if n > 0 {
		poke(d.shared.marked)
	}
	return err
}

// writeBatch writes outcomes of several endpoints in one transaction.
func (d *Dispatcher) writeBatch(ctx context.Context, tx store.Tx, batch []*outcomes) error {
	var settled []store.Settled
	var retries []store.Retry
	for _, b := range batch {
		b.lost = false
		if d.leased() {
			ok, err := tx.RenewLease(ctx, b.lease)
			if err != nil {
				return err
			}
			if b.lost = !ok; b.lost {
				continue
			}
		}
		settled, retries = append(settled, b.settled...), append(retries, b.retries...)
		if b.pause {
			var err error
			if b.pauseVersion, err = tx.RaiseWebhookVersion(ctx); err != nil {
				return err
			}
			if err := tx.PauseEndpoint(ctx, b.ep.id, b.pausedAt, b.pausedReason); err != nil {
				return err
			}
		}
	}
	if len(retries) > 0 {
		if err := tx.RetryEvents(ctx, retries); err != nil {
			return err
		}
	}
	if len(settled) == 0 {
		return nil
	}
	return tx.SettleEvents(ctx, settled, d.config().Log.Policy())
}

// poke wakes whoever waits for c, and does not wait itself.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
