package webhook

import (
	"context"
	"math"
	"time"
)

const (
	// readBatch rows are read at a time.
	readBatch = 256
	// readGap is the least time between two reads of an outbox that was empty:
	// under load each commit wakes the reader, and one read serves several of them.
	readGap = 2 * time.Millisecond
	// pollEvery is the net under Wake, and how often due events are looked for.
	pollEvery = time.Second
	// heldMost attempted events, those due first, are looked at when delivery to an
	// endpoint begins. Held ones are among them unless more than that many parked
	// ones are due before.
	heldMost = 4096
)

// read is the reader: it loads events as long as there are any and room for them.
//
// Fresh events are read for all endpoints together, behind one cursor. An
// endpoint that has no room falls behind: it is read by itself, through its own
// index, until it has caught up. So a backlog costs nobody but its endpoint.
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
	all := d.all()
	d.live = false
	for _, ep := range all {
		_, _, behind, owned := ep.reading()
		d.live = d.live || owned && !behind
	}
	due, moreDue := !now.Before(*nextDue), false
	for _, ep := range all {
		hands, first, _, owned := ep.reading()
		if !owned {
			continue
		}
		if first {
			if err := d.readHeld(ctx, ep, hands); err != nil {
				return false, err
			}
		}
		if err := d.refill(ctx, ep); err != nil {
			return false, err
		}
		if due {
			m, err := d.readDue(ctx, ep, hands)
			if err != nil {
				return false, err
			}
			moreDue = moreDue || m
		}
		m, err := d.catchUp(ctx, ep)
		if err != nil {
			return false, err
		}
		more = more || m
	}
	if due {
		*nextDue = now.Add(pollEvery)
		if moreDue {
			// The rows that are here already leave the answer with the next batch of outcomes.
			*nextDue = now.Add(markEvery)
		}
	}
	m, err := d.readHead(ctx, all)
	return more || m, err
}

// readHeld loads the events that were holding their lanes when delivery ended.
func (d *Dispatcher) readHeld(ctx context.Context, ep *endpoint, hands int) error {
	// A dead letter is never due.
	events, err := d.outbox.DueEvents(ctx, ep.id, math.MaxInt64, heldMost)
	if err == nil {
		ep.addHeld(hands, events)
	}
	return err
}

// readHead reads on for the endpoints that are not behind.
func (d *Dispatcher) readHead(ctx context.Context, all []*endpoint) (more bool, err error) {
	if !d.live {
		return false, nil
	}
	events, err := d.outbox.Events(ctx, d.head, readBatch)
	if err != nil || len(events) == 0 {
		return false, err
	}
	byID := make(map[string]*endpoint, len(all))
	for _, ep := range all {
		byID[ep.id] = ep
	}
	now := time.Now()
	for i := range events {
		if ep := byID[events[i].Endpoint]; ep != nil {
			ep.offer(&events[i], now)
		}
	}
	d.head = events[len(events)-1].ID
	for _, ep := range all {
		ep.advance(d.head)
	}
	return len(events) == readBatch, nil
}

// catchUp reads on for one endpoint that is behind, and reports whether there may be more.
func (d *Dispatcher) catchUp(ctx context.Context, ep *endpoint) (more bool, err error) {
	hands, _, behind, owned := ep.reading()
	limit := 0
	if behind && owned {
		limit = ep.room(readBatch)
	}
	if limit == 0 {
		return false, nil
	}
	// Everything up to here is committed, and seen by the read that follows.
	head := d.head
	if !d.live {
		last, err := d.outbox.LastEvent(ctx)
		if err != nil {
			return false, err
		}
		head = max(head, last)
	}
	events, err := d.outbox.EndpointEvents(ctx, ep.id, ep.readTo(), limit)
	if err != nil {
		return false, err
	}
	if caughtUp := ep.addBatch(hands, events, len(events) < limit, head); caughtUp && !d.live {
		d.head, d.live = head, true
	}
	return len(events) == limit, nil
}

// refill reads what was left out of lanes that had their share.
func (d *Dispatcher) refill(ctx context.Context, ep *endpoint) error {
	for ep.room(1) > 0 {
		l, after := ep.wanting()
		if l == nil {
			return nil
		}
		events, err := d.outbox.EndpointEvents(ctx, ep.id, after, readBatch)
		if err != nil {
			return err
		}
		ep.addMore(l, events, len(events) < readBatch)
	}
	return nil
}

// readDue reads attempted events whose time has come and reports whether there may be more.
func (d *Dispatcher) readDue(ctx context.Context, ep *endpoint, hands int) (more bool, err error) {
	select {
	case d.gate <- struct{}{}:
		defer func() { <-d.gate }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	limit := ep.dueRoom(readBatch)
	if limit == 0 {
		return false, nil
	}
	events, err := d.outbox.DueEvents(ctx, ep.id, time.Now().UnixMilli(), limit)
	if err != nil {
		return false, err
	}
	return ep.addDue(hands, events) > 0 && len(events) == limit, nil
}
