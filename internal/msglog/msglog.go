// Package msglog is the only way a message gets into the store: it numbers,
// commits in groups, and hands what is committed on in commit order.
//
// For each shard of the store it owns two goroutines. The committer takes what
// is queued and commits it in one transaction: the batch is what came in during
// the previous commit, no timer is involved. The announcer passes messages on to
// delivery, in the order of commits, while the committer is at the next batch.
// Nothing is acknowledged before its commit is durable.
//
// Limits: the queue of a shard (Options.Queue) makes callers wait; at most 64
// committed batches wait for the announcer, then the committer waits.
package msglog

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// Limits of a commit, and of what may wait for the announcer.
const (
	maxRows    = 512
	maxBytes   = 1 << 20
	maxBatches = 64
)

// maxWait is how long a caller may wait for a place in a full queue. Clients give
// up a request after 10 s; they should hear "busy" before that.
const maxWait = 8 * time.Second

// DefaultQueue is the number of entries that may wait in one shard.
const DefaultQueue = 4096

// Delivery is a message on its way: into the log if it is stored, then to its receivers.
type Delivery struct {
	Message     *im.Message
	OperationID string
	// Record is what the log keeps of the message, or for one that is not stored
	// what is pushed. Append makes it; its Seq is set by the commit.
	Record im.Record
	// Receivers are the users it is pushed to. Nil: those of the session type
	// (messages.md 3), which delivery finds out.
	Receivers []string
	// Extra users get a group's message although they are no members (any more).
	Extra []string
	// Spare leaves out the sender's connections from one platform: that of the client
	// whose request caused the message, when it acts on its answer already and would
	// stumble over doing so twice at once. If the message is stored, that client gets it
	// with the next one of its conversation. 0: none is left out. Not for groups' messages.
	Spare im.Platform
	// Events are written in the message's transaction.
	Events []*im.Event
	// Numbered runs in the transaction once a stored message has its number.
	Numbered func(ctx context.Context, tx store.Tx, seq int64) error
	// First, if not nil, runs in place of Options.First.
	First func(ctx context.Context, tx store.Tx) error
	// KnownAs is the client message id by which the message's sender knows it, if that is
	// not the message's own (any more): repetitions are found by it.
	KnownAs string

	acknowledge func()
}

// Acknowledge tells whoever submitted the message that it is committed. Delivery
// calls it once for each message, right after it has queued the message for its
// sender's own connections: push and acknowledgement then share a write, and a
// client that has its answer will soon have its number.
func (d *Delivery) Acknowledge() {
	if d.acknowledge != nil {
		d.acknowledge()
	}
}

// Result is the answer to an entry's first message.
type Result struct {
	ServerMsgID string
	SendTime    int64
	Repeated    bool // the message was seen before: nothing was stored again
}

// Entry is a unit of work: its changes and its messages commit together.
type Entry struct {
	// OperationID is the request's that causes the entry, for the log.
	OperationID string
	// With runs in the transaction before messages are numbered; it may still set the
	// messages' Content. It may run more than once, so it only reads its inputs and
	// assigns its outputs.
	With func(ctx context.Context, tx store.Tx) error
	// Committed runs after the commit, before anything of the entry is delivered:
	// the place to drop cached copies of what With changed.
	Committed func()
	// Messages are stored in order where their options ask for it, and delivered in order.
	Messages []*Delivery
	// Once makes the log remember the first message's sender and client id for some
	// minutes and answer a repetition with the first answer (messages.md 4.5).
	Once bool
	// Done is called exactly once: when the entry is refused, at once; else after the
	// commit, by Delivery.Acknowledge of the last message, or by the log itself if
	// there is no message. It must not block.
	Done func(Result, error)

	item store.Item
	size int
	dup  *Result // answer of an earlier message with the same ids
	same *Entry  // the entry of the same batch that this one repeats
	err  error
}

// Options are what a Log needs.
type Options struct {
	Store store.Store
	// Encode makes a message's body (package wire).
	Encode func(*im.Message) ([]byte, error)
	// First runs in the transaction of number 1 of a chat conversation.
	First func(ctx context.Context, tx store.Tx, d *Delivery) error
	// Returned runs in the transaction of a chat message before which records of the
	// conversation were dropped. Nil: they stay dropped.
	Returned func(ctx context.Context, tx store.Tx, d *Delivery) error
	// Numbered runs in the transaction of each stored message, after Delivery.Numbered. Nil: nothing does.
	Numbered func(ctx context.Context, tx store.Tx, d *Delivery, seq int64) error
	// Publish passes committed (and unstored) messages on, in order; whoever gets
	// them calls Acknowledge on each. It may block: then acknowledgements slow down
	// and memory does not grow.
	Publish func([]*Delivery)
	// EventsAdded is told after each commit that wrote to the outbox. Nil: nobody.
	EventsAdded func()
	// Observe is told of each commit: how many entries, and how long it took. Nil: nobody.
	Observe func(entries int, took time.Duration)
	Log     *slog.Logger
	Queue   int // entries that may wait in one shard; 0 = DefaultQueue
}

// Log is the group committer.
type Log struct {
	o      Options
	seed   maphash.Seed
	shards []*shard
	wg     sync.WaitGroup

	mu      sync.RWMutex // guards stopped: Submit holds it for reading while it queues
	stopped bool
}

type shard struct {
	log    *Log
	queue  chan *Entry
	done   chan []*Entry // committed or failed batches, for the announcer
	recent *window
}

// New returns a log that does nothing before Start.
func New(o Options) *Log {
	if o.Queue == 0 {
		o.Queue = DefaultQueue
	}
	l := &Log{o: o, seed: maphash.MakeSeed()}
	for range o.Store.Shards() {
		l.shards = append(l.shards, &shard{
			log: l, queue: make(chan *Entry, o.Queue), done: make(chan []*Entry, maxBatches), recent: newWindow(),
		})
	}
	return l
}

// Start fills the idempotency windows from the tail of the log and starts the
// goroutines. They end with Stop.
func (l *Log) Start(ctx context.Context) error {
	now := time.Now()
	tail, err := l.o.Store.RecentMessages(ctx, now.Add(-windowAge).UnixMilli(), windowSize*len(l.shards))
	if err != nil {
		return fmt.Errorf("msglog: read the tail of the log: %w", err)
	}
	for i := len(tail) - 1; i >= 0; i-- {
		r := &tail[i]
		l.shardOf(r.ConversationID).recent.add(now, r.SendID, r.ClientMsgID, Result{ServerMsgID: r.ServerMsgID, SendTime: r.SendTime})
	}
	for _, s := range l.shards {
		l.wg.Go(s.commitLoop)
		l.wg.Go(s.announceLoop)
	}
	return nil
}

// Stop refuses new entries, commits and announces what is queued, and waits for the goroutines.
func (l *Log) Stop() {
	l.mu.Lock()
	stopped := l.stopped
	l.stopped = true
	l.mu.Unlock()
	if !stopped {
		for _, s := range l.shards {
			close(s.queue)
		}
	}
	l.wg.Wait()
}

// Queued returns the number of entries that wait for a commit.
func (l *Log) Queued() int {
	n := 0
	for _, s := range l.shards {
		n += len(s.queue)
	}
	return n
}

// shardOf keeps a chat and its notification conversation together, so that an
// entry may hold messages of both.
func (l *Log) shardOf(conversationID string) *shard {
	if len(l.shards) == 1 {
		return l.shards[0]
	}
	return l.shards[maphash.String(l.seed, im.ConversationRoot(conversationID))%uint64(len(l.shards))]
}

// Repeated returns the answer that a message had before, if it is still remembered, for
// those who would do something for its sake that must not be done twice. Who has
// none submits it: it may still be a repetition, of an older message or of one under way.
func (l *Log) Repeated(m *im.Message) (Result, bool) {
	if m.ClientMsgID == "" {
		return Result{}, false
	}
	w := l.shardOf(m.ConversationID()).recent
	r, ok := w.find(time.Now(), w.key(m.SendID, m.ClientMsgID))
	r.Repeated = ok
	return r, ok
}

// Append submits an entry and waits for its commit. The context bounds the wait
// for a place in the queue only: once queued, an entry is committed.
func (l *Log) Append(ctx context.Context, e *Entry) (Result, error) {
	type answer struct {
		r   Result
		err error
	}
	ch := make(chan answer, 1)
	done := e.Done
	e.Done = func(r Result, err error) {
		if done != nil {
			done(r, err)
		}
		ch <- answer{r, err}
	}
	l.Submit(ctx, e)
	a := <-ch
	return a.r, a.err
}

// Submit queues an entry; e.Done tells the outcome. All messages of one entry
// belong to conversations with one root. Entries of one caller for one
// conversation are committed in the order of their calls.
func (l *Log) Submit(ctx context.Context, e *Entry) {
	if err := l.prepare(e); err != nil {
		e.finish(Result{}, err)
		return
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.stopped {
		e.finish(Result{}, im.Errorf(im.Busy, "msglog.Submit", "the server is stopping"))
		return
	}
	if e.With == nil && len(e.item.Messages) == 0 { // nothing to commit
		if e.succeed(); len(e.Messages) > 0 {
			l.o.Publish(e.Messages)
		}
		return
	}
	s := l.shards[0]
	if len(e.Messages) > 0 {
		s = l.shardOf(e.Messages[0].Record.ConversationID)
	}
	select {
	case s.queue <- e:
	default:
		ctx, cancel := context.WithTimeout(ctx, maxWait)
		defer cancel()
		select {
		case s.queue <- e:
		case <-ctx.Done():
			e.finish(Result{}, &im.Error{Kind: im.Busy, Op: "msglog.Submit", Detail: "the server is busy", Err: ctx.Err()})
		}
	}
}

// prepare makes the records, on the caller's goroutine as far as possible: when
// With may still write message contents, the bodies are made right after it.
func (l *Log) prepare(e *Entry) error {
	for _, d := range e.Messages {
		m := d.Message
		d.Record = im.Record{
			ConversationID: m.ConversationID(), SendID: m.SendID, ClientMsgID: cmp.Or(d.KnownAs, m.ClientMsgID), ServerMsgID: m.ServerMsgID,
			ContentType: m.ContentType, SendTime: m.SendTime,
		}
		if !m.Stored() {
			continue
		}
		chat := !m.IsNotification()
		n := &store.NewMessage{Record: d.Record, RaiseRead: chat, Events: d.Events, After: d.Numbered, Closing: m.ContentType == im.ContentGroupDismissed}
		if chat {
			n.First = d.First
			if n.First == nil {
				n.First = func(ctx context.Context, tx store.Tx) error { return l.o.First(ctx, tx, d) }
			}
			if l.o.Returned != nil {
				n.Returned = func(ctx context.Context, tx store.Tx) error { return l.o.Returned(ctx, tx, d) }
			}
		}
		if l.o.Numbered != nil {
			n.After = func(ctx context.Context, tx store.Tx, seq int64) error {
				if d.Numbered != nil {
					if err := d.Numbered(ctx, tx, seq); err != nil {
						return err
					}
				}
				return l.o.Numbered(ctx, tx, d, seq)
			}
		}
		e.item.Messages = append(e.item.Messages, n)
	}
	if e.With == nil {
		return l.encode(e)
	}
	e.item.With = func(ctx context.Context, tx store.Tx) error {
		if err := e.With(ctx, tx); err != nil {
			return err
		}
		return l.encode(e)
	}
	return nil
}

// encode makes the bodies of an entry's messages.
func (l *Log) encode(e *Entry) error {
	stored := e.item.Messages
	e.size = 0
	for _, d := range e.Messages {
		body, err := l.o.Encode(d.Message)
		if err != nil {
			return err
		}
		d.Record.Body = body
		e.size += len(body)
		if d.Message.Stored() {
			stored[0].Record.Body, stored = body, stored[1:]
		}
	}
	return nil
}

func (e *Entry) finish(r Result, err error) {
	if e.Done != nil {
		e.Done(r, err)
	}
}

// succeed tells Done of success, through the last message if there is one.
func (e *Entry) succeed() {
	if len(e.Messages) == 0 {
		e.finish(Result{}, nil)
		return
	}
	e.Messages[len(e.Messages)-1].acknowledge = func() { e.finish(e.answer(), nil) }
}

// answer is the result of an entry that went through.
func (e *Entry) answer() Result {
	if len(e.Messages) == 0 {
		return Result{}
	}
	m := e.Messages[0].Message
	return Result{ServerMsgID: m.ServerMsgID, SendTime: m.SendTime}
}
