package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/webhook"
)

const (
	// maxEventPage bounds the events of one answer.
	maxEventPage = 200
	// maxAttemptsShown bounds the attempts of one event in an answer.
	maxAttemptsShown = 200
	// eventStep events are replayed or discarded in one transaction, eventSteps times for
	// one request.
	eventStep  = 500
	eventSteps = 20
)

// WebhookEvents returns a page of events. For administrators.
func (s *Service) WebhookEvents(ctx context.Context, op im.Operator, f store.EventFilter, at store.EventCursor, limit int) (store.EventPage, error) {
	if err := admin(op, "service.WebhookEvents"); err != nil {
		return store.EventPage{}, err
	}
	return s.store.HookEvents(ctx, f, at, min(max(limit, 1), maxEventPage))
}

// WebhookEventDetail is one event as it was told, or is to be told, to one endpoint.
type WebhookEventDetail struct {
	store.EventRecord
	Failures []store.Attempt // the attempts that failed, as far as they were kept
	Body     []byte          // nil if it is not kept
}

// WebhookEvent returns an event for each endpoint, and for each time it was
// replayed, newest first. For administrators; im.NotFound if there is none.
func (s *Service) WebhookEvent(ctx context.Context, op im.Operator, eventID string) ([]WebhookEventDetail, error) {
	const name = "service.WebhookEvent"
	if err := admin(op, name); err != nil {
		return nil, err
	}
	page, err := s.store.HookEvents(ctx, store.EventFilter{EventID: eventID}, store.EventCursor{}, maxEventPage)
	if err != nil {
		return nil, err
	}
	var out []WebhookEventDetail
	for i := range page.Events {
		e := &page.Events[i]
		d := WebhookEventDetail{EventRecord: *e}
		if d.Failures, err = s.store.HookAttempts(ctx, e.EventID, e.Endpoint, maxAttemptsShown); err != nil {
			return nil, err
		}
		if d.Body, err = s.eventBody(ctx, e); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	if out == nil {
		return nil, im.Errorf(im.NotFound, name, "there is no such event")
	}
	return out, nil
}

// eventBody returns the body of an event, made from its message if it carries one.
func (s *Service) eventBody(ctx context.Context, e *store.EventRecord) ([]byte, error) {
	if !e.Command.CarriesMessage() {
		return s.store.HookBody(ctx, e)
	}
	records, err := s.store.MessagesAt(ctx, e.Lane, []int64{e.Seq})
	if err != nil || len(records) == 0 {
		return nil, err
	}
	m, err := s.o.Decode(records[0].Body)
	if err != nil {
		return nil, err
	}
	m.Seq = e.Seq
	return webhook.MessageBody(e.Command, e.OperationID, m), nil
}

// Worked is how far a request about many events has come.
type Worked struct {
	Events int               // that it concerned
	Next   store.EventCursor // where to go on
	More   bool
}

// ReplayWebhookEvents has the events that a filter lets pass sent again, oldest
// first, with their ids and numbers: dead letters and failed ones at once,
// delivered ones as if they had failed. It does a bounded piece of work; there may
// be more at Next. For administrators.
func (s *Service) ReplayWebhookEvents(ctx context.Context, op im.Operator, f store.EventFilter, at store.EventCursor) (Worked, error) {
	if err := admin(op, "service.ReplayWebhookEvents"); err != nil {
		return Worked{}, err
	}
	defer s.receivers.Wake()
	return s.eachWebhookEvent(ctx, f, at, func(events []store.EventRecord) (n int, err error) {
		err = s.store.Update(ctx, func(tx store.Tx) (err error) {
			n, err = tx.ReplayEvents(ctx, events, s.nowMs())
			return err
		})
		return n, err
	})
}

// DiscardWebhookEvents gives up the dead letters that a filter lets pass: they are
// counted as backlog no more, and stand in the log like other events that are done
// with. It does a bounded piece of work; there may be more at Next. For administrators.
func (s *Service) DiscardWebhookEvents(ctx context.Context, op im.Operator, f store.EventFilter, at store.EventCursor) (Worked, error) {
	if err := admin(op, "service.DiscardWebhookEvents"); err != nil {
		return Worked{}, err
	}
	f.State = store.StateDead
	keep := s.receivers.Config().Log.Policy()
	w, err := s.eachWebhookEvent(ctx, f, at, func(events []store.EventRecord) (int, error) {
		var discarded []store.EventRecord
		err := s.store.Update(ctx, func(tx store.Tx) (err error) {
			discarded, err = tx.DiscardEvents(ctx, events, s.nowMs(), keep)
			return err
		})
		if err != nil {
			return 0, err
		}
		for i := range discarded {
			s.receivers.Discarded(discarded[i].Command)
		}
		return len(discarded), nil
	})
	if w.Events > 0 {
		s.logger.Info("webhook events discarded", "op", op.OperationID, "user", op.UserID, "events", w.Events)
	}
	return w, err
}

// eachWebhookEvent works on the events that a filter lets pass, oldest first, a page at a
// time. do returns how many of a page it concerned.
func (s *Service) eachWebhookEvent(
	ctx context.Context, f store.EventFilter, at store.EventCursor, do func(events []store.EventRecord) (int, error),
) (Worked, error) {
	f.OldestFirst = true
	w := Worked{Next: at, More: true}
	for step := 0; w.More && step < eventSteps && ctx.Err() == nil; step++ {
		page, err := s.store.HookEvents(ctx, f, w.Next, eventStep)
		if err != nil {
			return w, err
		}
		n, err := do(page.Events)
		if err != nil {
			return w, err
		}
		w.Events, w.Next, w.More = w.Events+n, page.Next, page.More
	}
	return w, nil
}

// TestWebhook sends a test event to an endpoint. For administrators; im.NotFound if
// there is no such endpoint.
func (s *Service) TestWebhook(ctx context.Context, op im.Operator, id string, cmd im.Command) (*webhook.TestResult, error) {
	if err := admin(op, "service.TestWebhook"); err != nil {
		return nil, err
	}
	return s.receivers.Test(ctx, id, cmd, operationID(op))
}

// WebhookSettings returns the configuration of webhooks in force. It holds secrets.
// For administrators.
func (s *Service) WebhookSettings(_ context.Context, op im.Operator) (*webhook.Config, error) {
	if err := admin(op, "service.WebhookSettings"); err != nil {
		return nil, err
	}
	return s.receivers.Config(), nil
}
