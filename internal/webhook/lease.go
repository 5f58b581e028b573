package webhook

import (
	"context"
	"slices"
	"time"

	"parley/internal/im"
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
	// nodePrefix begins the name of a node's own lease, by which others see that it lives.
	// Whoever finds it dead takes that lease, to see to what the node has left.
	nodePrefix = "node/"
)

// leases says which endpoints this node delivers to. Nodes do not compare clocks:
// a lease is free when its beat was not seen to rise for a while. Only the
// goroutine that keeps the leases uses it, and Start and Stop while there is none.
type leases struct {
	mine   map[string]*held
	seen   map[string]sighting
	looked time.Time     // when they were read last
	epoch  int64         // of this node's own lease when it was taken last; 0: never
	ended  []store.Lease // own leases of nodes that have died, taken to see to what they left
}

// held is a lease of this node.
type held struct {
	store.Lease
	renewed time.Time
	to      string // the node that is to deliver instead; empty: it stays
}

// sighting is when a lease of somebody else was seen to change.
type sighting struct {
	store.Lease
	at   time.Time
	rose bool // its beat: somebody is alive
}

// over reports whether a lease was not renewed for so long that it is nobody's.
func (s sighting) over(now time.Time) bool { return !s.at.IsZero() && now.Sub(s.at) >= leaseTaken }

// leased reports whether other nodes may deliver to the same endpoints.
func (d *Dispatcher) leased() bool { return d.o.Node != "" }

// keepLeases renews and takes leases until ctx ends. It runs what is to be done for
// nodes that have died.
func (d *Dispatcher) keepLeases(ctx context.Context, run func(func())) {
	ticker := time.NewTicker(leaseEvery)
	defer ticker.Stop()
	var errs throttle
	for {
		for _, l := range d.leases.ended {
			run(func() { d.endNode(ctx, l) })
		}
		d.leases.ended = nil
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

// renewLeases does one round: it renews what is this node's, takes what is free, up
// to its share, and gives away what is too much.
func (d *Dispatcher) renewLeases(ctx context.Context) error {
	start := time.Now()
	list, err := d.outbox.Leases(ctx)
	if err != nil {
		return err
	}
	if start.Sub(d.leases.looked) > leaseTrust { // who did not look saw no beat rise
		clear(d.leases.seen)
	}
	d.leases.looked = start
	current := map[string]store.Lease{}
	for _, l := range list {
		current[l.Endpoint] = l
		d.sight(l, start)
	}
	shares := d.newShares(current, start)
	names := []string{houseLease, d.ownLease()}
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
		case there && now.Node == d.o.Node: // it was given to this node, or lost and nobody took it
			err = d.take(ctx, name, now)
		case there && now.Node != "" && !d.leases.seen[name].over(start):
		case d.isEndpoint(name) && !shares.room(d.o.Node): // another one's share
		default:
			if err = d.take(ctx, name, now); err == nil && d.isEndpoint(name) && d.leases.mine[name] != nil {
				shares.load[d.o.Node]++
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
	if err := d.endNodes(ctx, list, start); err != nil {
		return err
	}
	if err := d.giveAway(ctx, shares); err != nil {
		return err
	}
	return d.renew(ctx, renew, start)
}

// renew says that this node lives.
func (d *Dispatcher) renew(ctx context.Context, leases []*held, start time.Time) error {
	leases = slices.DeleteFunc(leases, func(h *held) bool { return d.leases.mine[h.Endpoint] != h }) // given away meanwhile
	if len(leases) == 0 {
		return nil
	}
	lost := map[string]bool{}
	err := d.outbox.Update(ctx, func(tx store.Tx) error {
		for _, h := range leases {
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
	for _, h := range leases {
		h.renewed = start
		if lost[h.Endpoint] {
			d.drop(h.Endpoint)
		} else if ep := d.find(h.Endpoint); ep != nil {
			ep.trust(start.Add(leaseTrust))
		}
	}
	return nil
}

// sight notes how a lease of somebody else stands.
func (d *Dispatcher) sight(l store.Lease, now time.Time) {
	if l.Node == "" || d.leases.mine[l.Endpoint] != nil {
		delete(d.leases.seen, l.Endpoint)
		return
	}
	s, known := d.leases.seen[l.Endpoint]
	if known && s.Lease == l {
		return
	}
	rose := known && s.Epoch == l.Epoch && s.Node == l.Node && (s.rose || l.Beat > s.Beat)
	d.leases.seen[l.Endpoint] = sighting{l, now, rose}
}

// take takes a lease that is free and begins to deliver.
func (d *Dispatcher) take(ctx context.Context, name string, was store.Lease) error {
	was.Endpoint = name
	var now store.Lease
	var ok bool
	var stored im.Endpoint
	var version int64
	at, ep := time.Now(), d.find(name)
	err := d.outbox.Update(ctx, func(tx store.Tx) (err error) {
		now, ok, err = tx.TakeLease(ctx, was, d.o.Node)
		if err == nil && ok && ep != nil {
			stored, version, err = storedPause(ctx, tx, name)
		}
		return err
	})
	if err != nil || !ok {
		return err
	}
	delete(d.leases.seen, name)
	d.leases.mine[name] = &held{Lease: now, renewed: at}
	if name == d.ownLease() {
		// Others have seen to what this node had, but it lives.
		back := d.leases.epoch != 0 && d.leases.epoch != was.Epoch
		d.leases.epoch = now.Epoch
		if back && d.o.NodeBack != nil {
			d.log.Warn("this node was taken for dead: it could not reach the database")
			d.o.NodeBack()
		}
	}
	if ep != nil {
		ep.setLease(now)
		ep.setPause(&stored, version)
		ep.trust(at.Add(leaseTrust))
		ep.own()
		d.log.Info("webhook delivery of this node begins", "endpoint", endpointLabel(name), "epoch", now.Epoch)
		d.Wake()
	}
	return nil
}

// storedPause returns what the store says of the pauses of an endpoint. The node that
// delivered before may have changed it since this one looked (Registry.look).
func storedPause(ctx context.Context, tx store.Tx, id string) (e im.Endpoint, version int64, err error) {
	if version, err = tx.WebhookVersion(ctx); err != nil {
		return e, 0, err
	}
	all, err := tx.Endpoints(ctx)
	if i := slices.IndexFunc(all, func(e im.Endpoint) bool { return e.ID == id }); i >= 0 {
		e = all[i]
	}
	return e, version, err
}

// drop ends delivery to an endpoint that is not this node's any more.
func (d *Dispatcher) drop(name string) {
	delete(d.leases.mine, name)
	if ep := d.find(name); ep != nil {
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
			if err := tx.ReleaseLease(ctx, h.Lease, ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.log.Warn("webhook leases were not given back: other nodes take them when they are over", "err", err)
	}
}
