package webhook

import (
	"context"
	"slices"
	"time"

	"parley/internal/store"
)

const (
	// leaseEvery is how often a node says that it lives.
	leaseEvery = time.Second
	// leaseTrust is how long a node believes in a lease that it could not renew. It
	// ends well before leaseTaken, when others take it.
	leaseTrust = 3 * time.Second
	leaseTaken = 6 * time.Second
	// houseLease is the lease of the node that keeps the tables small.
	houseLease = "house"
)

// leases says which endpoints this node delivers to. Nodes do not compare clocks:
// a lease is free when its beat was not seen to rise for a while. Only the
// goroutine that keeps the leases uses it, and Start and Stop while there is none.
type leases struct {
	mine map[string]*held
	seen map[string]sighting
}

// held is a lease of this node.
type held struct {
	store.Lease
	renewed time.Time
}

// sighting is when a lease of somebody else was seen to change.
type sighting struct {
	store.Lease
	at time.Time
}

// leased reports whether other nodes may deliver to the same endpoints.
func (d *Dispatcher) leased() bool { return d.o.Node != "" }

// keepLeases renews and takes leases until ctx ends.
func (d *Dispatcher) keepLeases(ctx context.Context) {
	ticker := time.NewTicker(leaseEvery)
	defer ticker.Stop()
	var errs throttle
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		round, cancel := context.WithTimeout(ctx, leaseEvery)
		err := d.renewLeases(round)
		cancel()
		if err != nil && ctx.Err() == nil {
			if n, ok := errs.allow(time.Now()); ok {
				d.log.Error("webhook leases could not be renewed", "failures_not_logged", n, "err", err)
			}
		}
		for name, h := range d.leases.mine {
			if time.Since(h.renewed) > leaseTrust {
				d.drop(name)
			}
		}
	}
}

// renewLeases does one round: it renews what is this node's and takes what is free.
func (d *Dispatcher) renewLeases(ctx context.Context) error {
	start := time.Now()
	list, err := d.outbox.Leases(ctx)
	if err != nil {
		return err
	}
	current := map[string]store.Lease{}
	for _, l := range list {
		current[l.Endpoint] = l
	}
	names := []string{houseLease}
	for _, ep := range d.all() {
		names = append(names, ep.id)
	}
	slices.Sort(names) // one order for all nodes
	var renew []*held
	for _, name := range names {
		now, there := current[name]
		h := d.leases.mine[name]
		switch {
		case h != nil && now.Epoch == h.Epoch:
			renew = append(renew, h)
		case h != nil:
			d.drop(name)
		case !there || now.Node == "" || now.Node == d.o.Node: // the last: it was lost, and nobody took it
			err = d.take(ctx, name, now)
		default:
			s, known := d.leases.seen[name]
			switch {
			case !known || s.Lease != now:
				d.leases.seen[name] = sighting{now, start}
			case start.Sub(s.at) >= leaseTaken:
				err = d.take(ctx, name, now)
			}
		}
		if err != nil {
			return err
		}
	}
	for name := range d.leases.mine {
		if !slices.Contains(names, name) {
			d.drop(name)
		}
	}
	if len(renew) == 0 {
		return nil
	}
	lost := map[string]bool{}
	err = d.outbox.Update(ctx, func(tx store.Tx) error {
		for _, h := range renew {
			ok, err := tx.RenewLease(ctx, h.Lease)
			if err != nil {
				return err
			}
			lost[h.Endpoint] = !ok
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, h := range renew {
		h.renewed = start
		if lost[h.Endpoint] {
			d.drop(h.Endpoint)
		}
	}
	return nil
}

// take takes a lease that is free and begins to deliver.
func (d *Dispatcher) take(ctx context.Context, name string, was store.Lease) error {
	was.Endpoint = name
	var now store.Lease
	var ok bool
	at := time.Now()
	err := d.outbox.Update(ctx, func(tx store.Tx) (err error) {
		now, ok, err = tx.TakeLease(ctx, was, d.o.Node)
		return err
	})
	if err != nil || !ok {
		return err
	}
	delete(d.leases.seen, name)
	d.leases.mine[name] = &held{now, at}
	if ep := d.find(name); ep != nil && name != houseLease {
		ep.setLease(now)
		ep.own()
		d.log.Info("webhook delivery of this node begins", "endpoint", endpointLabel(name), "epoch", now.Epoch)
		d.Wake()
	}
	return nil
}

// drop ends delivery to an endpoint that is not this node's any more.
func (d *Dispatcher) drop(name string) {
	delete(d.leases.mine, name)
	if ep := d.find(name); ep != nil && name != houseLease {
		ep.disown()
		d.log.Warn("webhook delivery of this node ends: the lease was lost", "endpoint", endpointLabel(name))
	}
}

// lost is told by the marker that outcomes were not written because another node
// delivers. The goroutine of the leases finds out by itself.
func (d *Dispatcher) lost(ep *endpoint, l store.Lease) {
	ep.disownUnder(l)
	d.log.Warn("webhook outcomes were not written: another node delivers", "endpoint", endpointLabel(ep.id))
}

// releaseLeases gives everything back, so that others need not wait.
func (d *Dispatcher) releaseLeases(ctx context.Context) {
	if !d.leased() || len(d.leases.mine) == 0 {
		return
	}
	err := d.outbox.Update(ctx, func(tx store.Tx) error {
		for _, h := range d.leases.mine {
			if err := tx.ReleaseLease(ctx, h.Lease); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.log.Warn("webhook leases were not given back: other nodes take them when they are over", "err", err)
	}
}
