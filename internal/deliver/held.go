package deliver

import (
	"context"
	"sync"
	"sync/atomic"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/wire"
)

// Gate asks the business server before a push (webhooks.md B.4, B.5).
type Gate interface {
	// Asks reports whether pushes of a session type are asked about at present.
	Asks(t im.SessionType) bool
	// Ask returns what is to become of the push of a message to users (nil: to a
	// group). When ctx ends it decides at once, as after a failure of the business server.
	Ask(ctx context.Context, d *msglog.Delivery, users []string) Verdict
}

// Verdict is what is to become of a push. The zero Verdict changes nothing.
type Verdict struct {
	Refused bool            // nobody gets a push, online or offline
	Users   []string        // not empty: exactly these get it
	Info    *im.OfflinePush // not nil: of the offline push, in place of the message's own
}

// Bounds of what waits for the business server's word. A conversation whose
// lane is full gives up asking: what waits in it is decided as after a failure.
const (
	maxAsking    = 64       // questions under way
	maxLane      = 256      // messages of one conversation
	maxHeld      = 4096     // messages of all
	maxHeldBytes = 64 << 20 // of their contents
)

// held is what the lanes of all workers share.
type held struct {
	asking  chan struct{} // a place for each question under way
	count   atomic.Int64
	bytes   atomic.Int64
	running sync.WaitGroup
	ctx     context.Context // of all questions
	giveUp  context.CancelFunc
}

func (h *held) init() {
	h.asking = make(chan struct{}, maxAsking)
	h.ctx, h.giveUp = context.WithCancel(context.Background())
}

func (h *held) full() bool { return h.count.Load() >= maxHeld || h.bytes.Load() >= maxHeldBytes }

func (h *held) add(m *msglog.Delivery, sign int64) {
	h.count.Add(sign)
	h.bytes.Add(sign * int64(len(m.Message.Content)+len(m.Record.Body)))
}

// lanes are the conversations of one worker that wait for the business server.
// A lane has a goroutine while it holds messages, and they leave it in their
// order; whatever comes for its conversation meanwhile goes through it too.
type lanes struct {
	n      atomic.Int32
	mu     sync.Mutex // guards byRoot and the lanes' waiting
	byRoot map[string]*lane
}

type lane struct {
	waiting []*msglog.Delivery
	ctx     context.Context
	giveUp  context.CancelFunc
	ended   chan struct{}
}

func (l *lanes) any() bool { return l.n.Load() > 0 }

// asksAbout reports whether pushes of a session type are asked about.
func (d *Deliverer) asksAbout(t im.SessionType) bool { return d.o.Gate != nil && d.o.Gate.Asks(t) }

func (d *Deliverer) asks(m *im.Message) bool {
	return m.ContentType != im.ContentTyping && d.asksAbout(m.SessionType)
}

// hold takes a message over that has to wait; false if it has not. Its sender's
// acknowledgement does not wait.
func (d *Deliverer) hold(l *lanes, m *msglog.Delivery) bool {
	asks := d.asks(m.Message)
	if !asks && !l.any() {
		return false
	}
	root := im.ConversationRoot(m.Record.ConversationID)
	l.mu.Lock()
	in := l.byRoot[root]
	switch {
	case in == nil && !asks:
		l.mu.Unlock()
		return false
	case d.held.full() || in != nil && len(in.waiting) >= maxLane:
		l.mu.Unlock()
		m.Acknowledge()
		if in != nil {
			in.giveUp()
			<-in.ended // its questions end with their context, so this is a moment
		}
		d.decide(ended(), m)
		return true
	case in == nil:
		in = &lane{ended: make(chan struct{})}
		in.ctx, in.giveUp = context.WithCancel(d.held.ctx)
		if l.byRoot == nil {
			l.byRoot = make(map[string]*lane)
		}
		l.byRoot[root] = in
		l.n.Add(1)
		d.held.running.Go(func() { d.runLane(l, root, in) })
	}
	in.waiting = append(in.waiting, m)
	d.held.add(m, 1)
	l.mu.Unlock()
	m.Acknowledge()
	return true
}

// ended returns a context that is over.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func (d *Deliverer) runLane(l *lanes, root string, in *lane) {
	defer close(in.ended)
	defer in.giveUp()
	for {
		l.mu.Lock()
		if len(in.waiting) == 0 {
			delete(l.byRoot, root)
			l.n.Add(-1)
			l.mu.Unlock()
			return
		}
		m := in.waiting[0]
		in.waiting[0] = nil
		in.waiting = in.waiting[1:]
		l.mu.Unlock()
		d.decide(in.ctx, m)
		d.held.add(m, -1)
	}
}

// decide asks about a message if need be, and pushes it.
func (d *Deliverer) decide(ctx context.Context, m *msglog.Delivery) {
	var v Verdict
	users := named(m)
	if d.asks(m.Message) {
		select {
		case d.held.asking <- struct{}{}:
			v = d.o.Gate.Ask(ctx, m, users)
			<-d.held.asking
		case <-ctx.Done():
			v = d.o.Gate.Ask(ctx, m, users)
		}
	}
	switch {
	case v.Refused:
		d.outcome(m, false, nil, nil)
		return
	case len(v.Users) > 0:
		users = v.Users
	}
	p := wire.NewPush(m.Record.ConversationID, m.OperationID, m.Record)
	run := []*msglog.Delivery{m}
	if users == nil {
		d.outcome(m, d.pushGroup(run, p, acknowledged), nil, v.Info)
		return
	}
	missed := d.pushTo(m, users, p)
	if len(v.Users) == 0 && m.Receivers == nil {
		users = nil // those of the session type, of whom the sender is none
	}
	d.outcome(m, missed, users, v.Info)
}

// acknowledged stands for the acknowledgement of messages that were held: it was given.
func acknowledged([]*msglog.Delivery) {}

// named returns the users whom a message goes to; nil if it goes to the members of a group.
func named(m *msglog.Delivery) []string {
	msg := m.Message
	switch {
	case m.Receivers != nil:
		return m.Receivers
	case msg.SessionType == im.SessionGroup:
		return nil
	case !msg.Options.Is(im.OptSenderSync) || msg.SendID == msg.RecvID:
		return []string{msg.RecvID}
	}
	return []string{msg.RecvID, msg.SendID}
}
