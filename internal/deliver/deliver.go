// Package deliver brings committed messages to their receivers' connections, in
// the order of their numbers.
//
// It owns Options.Workers goroutines. A message goes to the worker of its
// conversation's root, so a chat and its notification conversation stay in step.
// Each worker has a bounded queue; when it is full Publish waits, and with it
// the log: acknowledgements slow down, memory does not grow.
//
// If the business server wants to be asked before a push, its conversation goes
// through a lane beside the workers (held.go). What not every receiver's phone
// got is passed on for an offline push; who gets one is not decided here.
package deliver

import (
	"context"
	"hash/maphash"
	"iter"
	"log/slog"
	"runtime"
	"slices"
	"sync"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/wire"
)

// queue is the number of batches that may wait for one worker.
const queue = 64

// maxRun is the number of messages of one conversation that share a push frame.
// 16 texts are some 8 KiB: a few frames less for a burst, none too large.
const maxRun = 16

// Local is the connections of this node.
type Local interface {
	// Push enqueues a push for all connections of a user but those from the platform
	// spare (0: for all). It never blocks, and reports whether a phone shows the message
	// now: Android, or iOS in the foreground (gateway.md 5).
	Push(userID string, p *wire.Push, spare im.Platform) (phone bool)
}

// Offline takes messages over that may need an offline push (messages.md 11). Its
// methods never block.
type Offline interface {
	// Wants reports whether a message is one for offline pushes, if somebody misses it.
	Wants(m *im.Message) bool
	// Missed takes over a message that not everybody's phone got.
	Missed(m Missed)
	// Settled tells of a message that Wants and that needs none.
	Settled(d *msglog.Delivery)
}

// Missed is a message that not everybody's phone got.
type Missed struct {
	Delivery *msglog.Delivery
	Users    []string        // to whom it was pushed; nil: to those of its session type
	Info     *im.OfflinePush // in place of the message's own; nil: the message's own
}

// Roster is the members of a group at one moment.
type Roster interface {
	Has(userID string) bool
	All() iter.Seq[string]
}

// Options are what a Deliverer needs.
type Options struct {
	Local Local
	// Members returns the members of a group.
	Members func(ctx context.Context, groupID string) (Roster, error)
	// Gate is asked before a push. Nil: nobody is.
	Gate Gate
	// Offline gets what was missed. Nil: nobody does.
	Offline Offline
	Log     *slog.Logger
	Workers int // 0: one for each CPU, at least 2
}

// Deliverer owns the order of delivery per conversation.
type Deliverer struct {
	o       Options
	seed    maphash.Seed
	workers []*worker
	wg      sync.WaitGroup
	held    held
}

// worker is one goroutine's part of the conversations.
type worker struct {
	queue chan []*msglog.Delivery
	lanes lanes
}

// New returns a deliverer that does nothing before Start.
func New(o Options) *Deliverer {
	if o.Workers == 0 {
		o.Workers = max(2, runtime.GOMAXPROCS(0))
	}
	d := &Deliverer{o: o, seed: maphash.MakeSeed()}
	for range o.Workers {
		d.workers = append(d.workers, &worker{queue: make(chan []*msglog.Delivery, queue)})
	}
	d.held.init()
	return d
}

// Start starts the workers; they end with Stop.
func (d *Deliverer) Start() {
	for _, w := range d.workers {
		d.wg.Go(func() { d.work(w) })
	}
}

// Stop delivers what was published and waits for the workers. Nobody is asked any
// more, and whom the business server did not answer about is treated as if it had
// failed. Publish must not be called any more.
func (d *Deliverer) Stop() {
	for _, w := range d.workers {
		close(w.queue)
	}
	d.held.giveUp()
	d.wg.Wait()
	d.held.running.Wait()
}

// Publish takes messages over, in order. Calls for one conversation come one after the other.
func (d *Deliverer) Publish(batch []*msglog.Delivery) {
	if len(batch) == 1 {
		d.workers[d.worker(batch[0])].queue <- batch
		return
	}
	parts := make([][]*msglog.Delivery, len(d.workers))
	for _, m := range batch {
		w := d.worker(m)
		parts[w] = append(parts[w], m)
	}
	for w, part := range parts {
		if len(part) > 0 {
			d.workers[w].queue <- part
		}
	}
}

func (d *Deliverer) worker(m *msglog.Delivery) uint64 {
	return maphash.String(d.seed, im.ConversationRoot(m.Record.ConversationID)) % uint64(len(d.workers))
}

func (d *Deliverer) work(w *worker) {
	records := make([]im.Record, 0, maxRun)
	for batch := range w.queue {
		for len(batch) > 0 {
			n := 1
			if d.asksAbout(batch[0].Message.SessionType) || w.lanes.any() {
				if d.hold(&w.lanes, batch[0]) {
					batch = batch[1:]
					continue
				}
			} else {
				n = run(batch)
			}
			records = records[:0]
			for _, m := range batch[:n] {
				records = append(records, m.Record)
			}
			d.push(batch[:n], wire.NewPush(records[0].ConversationID, batch[0].OperationID, records...))
			batch = batch[n:]
		}
	}
}

// run returns how many messages at the head of a batch may share a frame: stored
// messages of one conversation with consecutive numbers and the same receivers
// (gateway.md 5). Members cannot change between two messages of a batch that
// have no Extra receivers.
func run(batch []*msglog.Delivery) int {
	first := batch[0]
	n := 1
	for n < len(batch) && n < maxRun {
		m := batch[n]
		if first.Record.Seq == 0 || m.Record.Seq != first.Record.Seq+int64(n) ||
			m.Record.ConversationID != first.Record.ConversationID || !sameReceivers(first, m) {
			break
		}
		n++
	}
	return n
}

func sameReceivers(a, b *msglog.Delivery) bool {
	if a.Receivers != nil || b.Receivers != nil || a.Extra != nil || b.Extra != nil || a.Spare != 0 || b.Spare != 0 {
		return false
	}
	if a.Message.SessionType == im.SessionGroup {
		return true
	}
	// Of two users' messages both get each, unless a sender wants no copy.
	return a.Message.SessionType == im.SessionSingle && b.Message.SessionType == im.SessionSingle &&
		a.Message.Options.Is(im.OptSenderSync) && b.Message.Options.Is(im.OptSenderSync)
}

// push queues a frame for its receivers, and acknowledges its messages as soon as
// their senders have it.
func (d *Deliverer) push(run []*msglog.Delivery, p *wire.Push) {
	m := run[0]
	msg := m.Message
	switch {
	case m.Receivers != nil:
		acknowledge(run)
		d.outcome(m, d.pushTo(m, m.Receivers, p), m.Receivers, nil)
	case msg.SessionType == im.SessionGroup:
		missed := d.pushGroup(run, p, acknowledge)
		for _, m := range run {
			d.outcome(m, missed, nil, nil)
		}
	default:
		var sender, receiver bool // whether their phones show it
		if msg.Options.Is(im.OptSenderSync) {
			sender = d.pushOne(m, msg.SendID, p)
		}
		if msg.SendID != msg.RecvID || !msg.Options.Is(im.OptSenderSync) {
			receiver = d.pushOne(m, msg.RecvID, p)
		}
		acknowledge(run)
		for _, m := range run {
			shown := receiver
			if m.Message.RecvID != msg.RecvID { // the answer of the other one
				shown = sender
			}
			d.outcome(m, !shown && m.Message.RecvID != m.Message.SendID, nil, nil)
		}
	}
}

// pushOne queues a frame for a user, but not for those of the sender's connections
// that are to be spared, and reports whether the user's phone shows it.
func (d *Deliverer) pushOne(m *msglog.Delivery, userID string, p *wire.Push) (phone bool) {
	spare := im.Platform(0)
	if userID == m.Message.SendID {
		spare = m.Spare
	}
	return d.o.Local.Push(userID, p, spare)
}

// pushTo queues a frame for the users and reports whether the phone of anybody
// but the sender does not show it.
func (d *Deliverer) pushTo(m *msglog.Delivery, users []string, p *wire.Push) (missed bool) {
	for _, id := range users {
		if shown := d.pushOne(m, id, p); !shown && id != m.Message.SendID {
			missed = true
		}
	}
	return missed
}

// outcome passes a message on that somebody has missed.
func (d *Deliverer) outcome(m *msglog.Delivery, missed bool, users []string, info *im.OfflinePush) {
	switch {
	case d.o.Offline == nil || !d.o.Offline.Wants(m.Message):
	case missed:
		d.o.Offline.Missed(Missed{m, users, info})
	default:
		d.o.Offline.Settled(m)
	}
}

func acknowledge(run []*msglog.Delivery) {
	for _, m := range run {
		m.Acknowledge()
	}
}

// pushGroup queues a frame for the members of a group. It calls queued when the
// senders have it, and reports whether the phone of a member other than a lone sender does not show it.
func (d *Deliverer) pushGroup(run []*msglog.Delivery, p *wire.Push, queued func(run []*msglog.Delivery)) (missed bool) {
	m := run[0]
	members, err := d.o.Members(context.Background(), m.Message.GroupID)
	if err != nil {
		// The messages are stored: members find them by their numbers with the next push or sync.
		d.o.Log.Error("group message not pushed", "group", m.Message.GroupID, "op", m.OperationID, "err", err)
		queued(run)
		return true
	}
	// Senders first: the others may be a hundred thousand.
	var senders []string
	senderMissed := false
	for _, m := range run {
		if id := m.Message.SendID; !slices.Contains(senders, id) && members.Has(id) {
			senders = append(senders, id)
			if !d.o.Local.Push(id, p, 0) {
				senderMissed = true
			}
		}
	}
	missed = senderMissed && len(senders) > 1
	queued(run)
	extra := make(map[string]bool, len(m.Extra))
	for _, id := range m.Extra {
		extra[id] = !slices.Contains(senders, id)
	}
	for id := range members.All() {
		if len(extra) > 0 {
			delete(extra, id)
		}
		if !slices.Contains(senders, id) && !d.o.Local.Push(id, p, 0) {
			missed = true
		}
	}
	for _, id := range m.Extra {
		if extra[id] {
			extra[id] = false
			d.o.Local.Push(id, p, 0)
		}
	}
	return missed
}
