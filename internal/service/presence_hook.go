package service

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"parley/internal/im"
	"parley/internal/presence"
	"parley/internal/store"
	"parley/internal/webhook"
)

// presenceEvents are events about connections on their way to the outbox. There is
// no other change whose transaction they could be part of, so they share one: the
// batch is what came in during the previous commit. A goroutine writes them while
// there are any; the events of one user stay in their order.
//
// What came is noted beside its event, what went is taken off: should the process die,
// the note says what nobody has told yet (NodeEnded).
type presenceEvents struct {
	mu      sync.Mutex // guards what follows
	queue   []presenceChange
	noted   bool // something was noted: what goes has to be looked for
	dropped int  // events since the last line in the log about it
	stopped bool
	ended   chan struct{}      // closed when the goroutine ends; nil: there is none
	quit    context.CancelFunc // of the goroutine
}

// presenceChange is one thing that happened to a connection.
type presenceChange struct {
	events []*im.Event         // the same for each endpoint
	note   *store.OnlineChange // nil: there is nothing to note
}

const (
	// maxPresenceEvents changes may wait while the store does not answer: a hundred thousand
	// clients that come back. Further ones are dropped and counted.
	maxPresenceEvents = 200_000
	// presenceBatch is how many are written in one transaction.
	presenceBatch = 500
	// presencePause is the wait after an attempt to write that failed.
	presencePause = time.Second
)

// PresenceChanged tells the business server of a connection that made a user's
// platform online, was the last of it, or was ended by force (webhooks.md B.1 to
// B.3). It is a hook of the presence table: it does not block.
func (s *Service) PresenceChanged(e presence.Event) {
	c := presenceChange{events: s.presenceEventsOf(e)}
	// The end of what comes now is noted only for those who are to be told of it.
	note := e.Kind == presence.Online && s.hooks.Wants(im.AfterUserOffline, im.About{SendID: e.UserID})
	q := &s.presenceEvents
	q.mu.Lock()
	defer q.mu.Unlock()
	q.noted = q.noted || note
	if note || e.Kind == presence.Offline && q.noted {
		c.note = &store.OnlineChange{UserID: e.UserID, Platform: e.Platform, ConnID: e.ConnID, Online: note}
	}
	if len(c.events) == 0 && c.note == nil {
		return
	}
	if q.stopped || len(q.queue) >= maxPresenceEvents {
		q.dropped += len(c.events)
		s.hooks.Lost(len(c.events))
		return
	}
	q.queue = append(q.queue, c)
	if q.ended == nil {
		ctx, quit := context.WithCancel(context.Background())
		q.quit, q.ended = quit, make(chan struct{})
		go s.writePresence(ctx)
	}
}

// presenceEventsOf makes the event of a change for each endpoint that wants it.
func (s *Service) presenceEventsOf(e presence.Event) []*im.Event {
	var command im.Command
	var body func(webhook.PresenceEvent) []byte
	switch e.Kind {
	case presence.Online:
		command, body = im.AfterUserOnline, webhook.UserOnlineBody
	case presence.Offline:
		command, body = im.AfterUserOffline, webhook.UserOfflineBody
	case presence.Kicked:
		command, body = im.AfterUserKickOff, webhook.UserKickOffBody
	}
	to := s.hooks.Route(command, im.About{SendID: e.UserID})
	if len(to) == 0 {
		return nil
	}
	event := s.event(im.Operator{OperationID: e.OperationID}, command)
	event.Lane = im.UserLane(e.UserID)
	event.Body = body(webhook.PresenceEvent{
		OperationID: event.OperationID, UserID: e.UserID, Platform: e.Platform, At: event.CreatedAt,
		Background: e.Background, ConnID: e.ConnID,
	})
	return fanOut(event, to)
}

// NodeEnded tells that the connections of a node are gone that died before it could
// say so. It may run on several nodes, and again after an error: each is told once. A
// platform that has come back on another node meanwhile is left alone.
func (s *Service) NodeEnded(ctx context.Context, node string) error {
	operationID := im.NewID()
	for total := 0; ; {
		var gone []store.OnlineChange
		err := s.change(ctx, operationID, func(ctx context.Context, tx store.Tx) (err error) {
			if gone, err = tx.TakeOnline(ctx, node, presenceBatch); err != nil {
				return err
			}
			var events []*im.Event
			for _, c := range gone {
				events = append(events, s.presenceEventsOf(presence.Event{
					Kind: presence.Offline, UserID: c.UserID, Platform: c.Platform, Origin: presence.Origin{ConnID: c.ConnID, OperationID: operationID},
				})...)
			}
			return tx.AddEvents(ctx, events)
		})
		if err != nil {
			return err
		}
		if total += len(gone); len(gone) == presenceBatch {
			continue
		}
		if total > 0 {
			s.logger.Info("connections that ended without a word are told to be offline", "connections", total, "node", node, "op", operationID)
		}
		return nil
	}
}

// writePresence writes events until there are none.
func (s *Service) writePresence(ctx context.Context) {
	q, operationID := &s.presenceEvents, im.NewID()
	for {
		q.mu.Lock()
		if q.dropped > 0 {
			s.logger.Error("events about connections were dropped", "events", q.dropped, "op", operationID)
			q.dropped = 0
		}
		if len(q.queue) == 0 || ctx.Err() != nil {
			q.quit()
			close(q.ended)
			q.queue, q.ended = nil, nil
			q.mu.Unlock()
			return
		}
		n := min(len(q.queue), presenceBatch)
		batch := q.queue[:n:n]
		q.queue = q.queue[n:]
		q.mu.Unlock()
		s.writeBatch(ctx, batch)
	}
}

// writeBatch writes events and notes, and tries again until it is told to end.
func (s *Service) writeBatch(ctx context.Context, batch []presenceChange) {
	var events []*im.Event
	type key struct {
		userID   string
		platform im.Platform
	}
	last := map[key]store.OnlineChange{} // what came and went again is as it was
	for _, c := range batch {
		events = append(events, c.events...)
		if c.note != nil {
			last[key{c.note.UserID, c.note.Platform}] = *c.note
		}
	}
	notes := slices.Collect(maps.Values(last))
	operations := im.Operations(func(yield func(string) bool) {
		for _, e := range events {
			if !yield(e.OperationID) {
				return
			}
		}
	})
	for {
		err := s.change(ctx, operations, func(ctx context.Context, tx store.Tx) error {
			if err := tx.SetOnline(ctx, s.o.Node, notes); err != nil {
				return err
			}
			return tx.AddEvents(ctx, events)
		})
		if err == nil {
			return
		}
		s.logger.Warn("events about connections not written", "events", len(events), "op", operations, "err", err)
		select {
		case <-time.After(presencePause):
		case <-ctx.Done():
			s.hooks.Lost(len(events))
			s.logger.Error("events about connections were dropped", "events", len(events), "op", operations)
			return
		}
	}
}

// PresenceWritten waits until all events about connections so far are in the outbox,
// or ctx ends.
func (s *Service) PresenceWritten(ctx context.Context) error {
	q := &s.presenceEvents
	q.mu.Lock()
	ended := q.ended
	q.mu.Unlock()
	if ended == nil {
		return nil
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return &im.Error{Kind: im.Busy, Op: "service.PresenceWritten", Err: ctx.Err()}
	}
}

// stop drops what is queued and waits for what is under way.
func (q *presenceEvents) stop() {
	q.mu.Lock()
	q.stopped = true
	ended := q.ended
	if ended != nil {
		q.quit()
	}
	q.mu.Unlock()
	if ended != nil {
		<-ended
	}
}
