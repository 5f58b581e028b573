// Package push tells devices that are offline of messages, through a vendor's
// push service, and asks the business server before pushes of any kind
// (messages.md 11, webhooks.md B.4 to B.6).
//
// It owns who gets an offline push and what it says, the durable queue of
// notifications, and the vendors' HTTP interfaces. It knows no connection and
// delivers nothing online: package deliver does, asks it as its Gate, and hands
// it what was missed.
//
// The way of a notification: a stored message leaves an intent in its own
// transaction (Intend) → delivery reports whether anybody has missed it (Missed,
// Settled) → a planner finds the users, asks the business server, and makes the
// jobs (plan.go) → the keeper stores them in place of the intent, and claims jobs
// that are due for the senders (keeper.go) → the vendor. A process that dies in
// between finds intents and jobs again when it starts; a notification may then
// be sent a second time. Messages that are not stored leave no intent: theirs are
// lost with the process.
//
// Without a vendor nothing is stored; only the business server is asked.
//
// # Goroutines
//
// With a vendor: one keeper, one that plans what an earlier process left, and a
// sender for each job under way. Planners exist while messages wait for them.
// All of them end with Stop.
//
// # Limits
//
// Messages waiting for a planner, jobs waiting for the vendor: at most
// Options.Queue of each; beyond that the oldest are dropped and counted. A large group
// waits for room instead of driving others out.
package push

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// Asker is the business server's word (package webhook).
type Asker interface {
	Asks(c im.Command) bool
	Ask(ctx context.Context, q webhook.Question) (*webhook.Answer, error)
	// GoesOn reports whether a failure of a callback lets the operation go on.
	GoesOn(c im.Command) bool
}

// Roster is the members of a group at one moment.
type Roster interface{ All() iter.Seq[string] }

// Defaults of Options.
const (
	DefaultQueue   = 10_000
	DefaultWorkers = 16
	// defaultGrace gives the users of a process that has died the time to connect again.
	defaultGrace = 10 * time.Second
)

// Options are what a Pusher needs.
type Options struct {
	Store store.Store
	Asker Asker // must be given
	// Vendor sends; nil: nothing is sent, only the business server is asked.
	Vendor Vendor
	// Members returns the members of a group.
	Members func(ctx context.Context, groupID string) (Roster, error)
	// Online reports whether a phone of a user shows messages at present: Android, or
	// iOS in the foreground.
	Online func(userID string) bool
	// Decode reads a stored message's body (package wire).
	Decode  func(body []byte) (*im.Message, error)
	Node    string // names this process among others on the same database
	Queue   int    // 0: DefaultQueue
	Workers int    // notifications under way at once; 0: DefaultWorkers
	Grace   time.Duration
	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: not registered
	Now     func() time.Time      // nil: time.Now
}

// Pusher makes and sends offline pushes. Start and Stop once each.
type Pusher struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	keeper  *keeper // nil without a vendor
	started bool

	chats, groups, large planners

	ctx    context.Context // of planners
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New returns a pusher that plans nothing before Start.
func New(o Options) (*Pusher, error) {
	if o.Queue <= 0 {
		o.Queue = DefaultQueue
	}
	if o.Workers <= 0 {
		o.Workers = DefaultWorkers
	}
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	p := &Pusher{o: o, log: o.Log, metrics: m}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if o.Vendor != nil {
		p.keeper = newKeeper(p)
	}
	p.chats.init(p, chatPlanners)
	p.groups.init(p, groupPlanners)
	p.large.init(p, largePlanners)
	return p, nil
}

// Start takes up what an earlier process has left.
func (p *Pusher) Start(ctx context.Context) error {
	if p.keeper == nil {
		return nil
	}
	left, err := p.o.Store.PushIntents(ctx, p.o.Queue)
	if err != nil {
		return fmt.Errorf("push: read what was left: %w", err)
	}
	if err := p.keeper.takeUp(ctx); err != nil {
		return fmt.Errorf("push: take up jobs: %w", err)
	}
	p.started = true
	p.wg.Go(p.keeper.run)
	if len(left) > 0 {
		p.holdLeft(left)
		p.wg.Go(func() { p.planLeft(left) })
	}
	return nil
}

// Stop ends planning, waits for the notifications under way until ctx ends, and
// writes down what became of them. What is left is taken up by the next Start.
func (p *Pusher) Stop(ctx context.Context) {
	for _, q := range []*planners{&p.chats, &p.groups, &p.large} {
		q.stop()
	}
	p.cancel()
	for _, q := range []*planners{&p.chats, &p.groups, &p.large} {
		q.wait()
	}
	if p.started {
		p.keeper.stop(ctx)
	}
	p.wg.Wait()
	if p.o.Vendor != nil {
		p.o.Vendor.Close()
	}
}

// Intend writes down in a message's transaction that offline pushes may have to
// be made for it.
func (p *Pusher) Intend(ctx context.Context, tx store.Tx, d *msglog.Delivery, seq int64) error {
	m := d.Message
	if p.keeper == nil || !wanted(m) {
		return nil
	}
	return tx.AddPushIntent(ctx, im.PushIntent{
		MessageID: m.ServerMsgID, ConversationID: m.ConversationID(), Seq: seq, CreatedAt: p.nowMs(), OperationID: d.OperationID,
	})
}

// Intends reports whether Intend has anything to write for any message.
func (p *Pusher) Intends() bool { return p.keeper != nil }

func (p *Pusher) nowMs() int64 { return p.o.Now().UnixMilli() }

// wanted reports whether a message asks for offline pushes (messages.md 11).
func wanted(m *im.Message) bool {
	const signalFirst, signalLast = 1602, 1603
	return m.Options.Is(im.OptOfflinePush) && m.ContentType != im.ContentTyping &&
		(m.ContentType < signalFirst || m.ContentType > signalLast)
}

// operationID returns the id of the request that caused a message, or a new one.
func operationID(d *msglog.Delivery) string {
	if d.OperationID != "" {
		return d.OperationID
	}
	return im.NewID()
}
