package service

import (
	"context"
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
type presenceEvents struct {
	mu      sync.Mutex // guards what follows
	queue   []*im.Event
	dropped int // since the last line in the log about it
	stopped bool
	ended   chan struct{}      // closed when the goroutine ends; nil: there is none
	quit    context.CancelFunc // of the goroutine
}

const (
	// maxPresenceEvents may wait while the store does not answer: a hundred thousand
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
		return
	}
	event := s.event(im.Operator{OperationID: e.OperationID}, command)
	event.Lane = im.UserLane(e.UserID)
	event.Body = body(webhook.PresenceEvent{
		OperationID: event.OperationID, UserID: e.UserID, Platform: e.Platform, At: event.CreatedAt,
		Background: e.Background, ConnID: e.ConnID,
	})
	q := &s.presenceEvents
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped || len(q.queue) >= maxPresenceEvents {
		q.dropped += len(to)
		s.hooks.Lost(len(to))
		return
	}
	q.queue = append(q.queue, fanOut(event, to)...)
	if q.ended == nil {
		ctx, quit := context.WithCancel(context.Background())
		q.quit, q.ended = quit, make(chan struct{})
		go s.writePresence(ctx)
	}
}

// writePresence writes events until there are none.
func (s *Service) writePresence(ctx context.Context) {
	q := &s.presenceEvents
	for {
		q.mu.Lock()
		if q.dropped > 0 {
			s.logger.Error("events about connections were dropped", "events", q.dropped)
			q.dropped = 0
		}
		if len(q.queue) == 0 || ctx.Err() != nil {
			q.quit()
			close(q.ended)
			q.queue, q.ended = nil, nil
			q.mu.Unlock()
			return
		}
		batch := q.queue[:min(len(q.queue), presenceBatch):min(len(q.queue), presenceBatch)]
		q.queue = q.queue[len(batch):]
		q.mu.Unlock()
		s.writeBatch(ctx, batch)
	}
}

// writeBatch writes events, and tries again until it is told to end.
func (s *Service) writeBatch(ctx context.Context, batch []*im.Event) {
	for {
		err := s.change(ctx, func(ctx context.Context, tx store.Tx) error {
			return tx.AddEvents(ctx, batch)
		})
		if err == nil {
			return
		}
		s.logger.Warn("events about connections not written", "events", len(batch), "err", err)
		select {
		case <-time.After(presencePause):
		case <-ctx.Done():
			s.hooks.Lost(len(batch))
			s.logger.Error("events about connections were dropped", "events", len(batch))
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
