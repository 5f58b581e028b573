package webhook

import (
	"context"
	"slices"
	"strings"
	"time"

	"parley/internal/store"
)

// shares says how many endpoints each node delivers to that is known to live.
type shares struct {
	load  map[string]int // by node
	total int            // endpoints
}

// newShares counts what the leases say. Nodes whose lease has not been seen to be
// renewed yet are left out: they get nothing before they have shown that they live.
func (d *Dispatcher) newShares(current map[string]store.Lease, now time.Time) *shares {
	s := &shares{load: map[string]int{d.o.Node: 0}, total: len(d.all())}
	for name, seen := range d.leases.seen {
		if node, is := strings.CutPrefix(name, nodePrefix); is && node == seen.Node && seen.rose && !seen.over(now) {
			s.load[node] = 0
		}
	}
	for _, ep := range d.all() {
		if l, there := current[ep.id]; there {
			if _, lives := s.load[l.Node]; lives {
				s.load[l.Node]++
			}
		}
	}
	return s
}

// room reports whether a node has less than its share.
func (s *shares) room(node string) bool { return s.load[node]*len(s.load) < s.total }

// least returns the node that delivers to the fewest.
func (s *shares) least() string {
	var least string
	for node, n := range s.load {
		if least == "" || n < s.load[least] || n == s.load[least] && node < least {
			least = node
		}
	}
	return least
}

// isEndpoint reports whether a lease is that of an endpoint.
func (d *Dispatcher) isEndpoint(lease string) bool {
	return lease != houseLease && !strings.HasPrefix(lease, nodePrefix)
}

// ownLease is the name of this node's own lease.
func (d *Dispatcher) ownLease() string { return nodePrefix + d.o.Node }

// giveAway brings this node down to its share: it decides which endpoints others are
// to deliver to, and hands over those whose attempts have come back and whose
// outcomes are written, so that nothing is sent twice and no order is lost.
func (d *Dispatcher) giveAway(ctx context.Context, s *shares) error {
	var given []*held
	leaving := false
	for name, h := range d.leases.mine {
		if h.to == "" {
			continue
		}
		leaving = true
		ep := d.find(name)
		if _, lives := s.load[h.to]; !lives || ep == nil {
			h.to = ""
			if ep != nil {
				ep.leave(false)
			}
			continue
		}
		if ep.left() {
			given = append(given, h)
		}
	}
	if len(given) > 0 {
		err := d.outbox.Update(ctx, func(tx store.Tx) error {
			for _, h := range given {
				if err := tx.ReleaseLease(ctx, h.Lease, h.to); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, h := range given {
			delete(d.leases.mine, h.Endpoint)
			if ep := d.find(h.Endpoint); ep != nil {
				ep.disown()
				ep.ownLog.Info("webhook delivery of this node ends: another one has too little to do", "node", h.to)
			}
		}
	}
	if !leaving { // one decision after the other: what is under way is not counted yet
		d.share(s)
	}
	return nil
}

// share decides which endpoints are to be given away.
func (d *Dispatcher) share(s *shares) {
	me := d.o.Node
	var names []string
	for name := range d.leases.mine {
		if d.isEndpoint(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for len(names) > 0 && s.load[me]*len(s.load) > s.total-len(s.load) { // above the share, rounded down
		to := s.least()
		if s.load[me]-s.load[to] < 2 {
			return
		}
		name := names[len(names)-1] // the main endpoint stays longest
		names = names[:len(names)-1]
		ep := d.find(name)
		if ep == nil {
			continue
		}
		d.leases.mine[name].to = to
		ep.leave(true)
		s.load[me]--
		s.load[to]++
	}
}

// endNodes sees to nodes that have died, or said that they end: it takes the lease of
// each, so that one node does it, and has told what ended with it.
func (d *Dispatcher) endNodes(ctx context.Context, list []store.Lease, now time.Time) error {
	for _, l := range list {
		node, is := strings.CutPrefix(l.Endpoint, nodePrefix)
		if !is || node == d.o.Node || l.Node == d.o.Node { // the last: it is under way here
			continue
		}
		if l.Node != "" && !d.leases.seen[l.Endpoint].over(now) {
			continue
		}
		var mine store.Lease
		var ok bool
		err := d.outbox.Update(ctx, func(tx store.Tx) (err error) {
			mine, ok, err = tx.TakeLease(ctx, l, d.o.Node)
			return err
		})
		if err != nil {
			return err
		}
		if ok {
			d.leases.ended = append(d.leases.ended, mine)
		}
	}
	return nil
}

// endNode has told what ended with a node, until that is done, and forgets the node.
func (d *Dispatcher) endNode(ctx context.Context, l store.Lease) {
	node := strings.TrimPrefix(l.Endpoint, nodePrefix)
	for {
		var err error
		if d.o.NodeEnded != nil {
			err = d.o.NodeEnded(ctx, node)
		}
		if err == nil {
			err = d.outbox.Update(ctx, func(tx store.Tx) error { return tx.ForgetLease(ctx, l) })
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		d.log.Error("what ended with a node could not be told, trying again", "node", node, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(leaseTaken):
		}
	}
}
