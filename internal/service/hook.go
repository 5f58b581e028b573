package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// Hooks is what the business server is told of and asked (package webhook).
type Hooks interface {
	// Route returns the endpoints that are told of an event; nil: nobody is.
	Route(c im.Command, about im.About) []string
	// RouteMessage is Route for an event about a message.
	RouteMessage(c im.Command, m *im.Message) []string
	// Wants reports whether somebody would be told of an event.
	Wants(c im.Command, about im.About) bool
	// Lost counts events that could not be written.
	Lost(events int)
	// Asks and AsksMessage report whether a before callback is on.
	Asks(c im.Command) bool
	AsksMessage(c im.Command, m *im.Message) bool
	// AsksOfAdmins reports whether messages of app administrators are asked about, too.
	AsksOfAdmins() bool
	// Ask makes a before callback. It must not be called inside a transaction.
	Ask(ctx context.Context, q webhook.Question) (*webhook.Answer, error)
}

// happened is an event that the business server may want to be told of.
type happened struct {
	command im.Command
	lane    string
	about   im.About
	// body returns the body for the operation id of the request; it is called only
	// if somebody wants the event.
	body func(operationID string) []byte
}

// emit writes events in the transaction of the change they are about, one for
// each endpoint that wants to be told.
func (s *Service) emit(ctx context.Context, tx store.Tx, op im.Operator, all ...happened) error {
	var events []*im.Event
	for _, h := range all {
		to := s.hooks.Route(h.command, h.about)
		if len(to) == 0 {
			continue
		}
		e := s.event(op, h.command)
		e.Lane, e.Body = h.lane, h.body(e.OperationID)
		events = append(events, fanOut(e, to)...)
	}
	if len(events) == 0 {
		return nil
	}
	return tx.AddEvents(ctx, events)
}

// change commits a change that no message tells of, with the events it emits. The
// operation is for the log.
func (s *Service) change(ctx context.Context, operationID string, fn func(context.Context, store.Tx) error) error {
	_, err := s.log.Append(ctx, &msglog.Entry{OperationID: operationID, With: fn})
	return err
}

// messageEvents returns the events that a stored message causes.
func (s *Service) messageEvents(op im.Operator, m *im.Message, commands ...im.Command) []*im.Event {
	if !m.Stored() {
		return nil
	}
	var out []*im.Event
	for _, c := range commands {
		if to := s.hooks.RouteMessage(c, m); len(to) > 0 {
			out = append(out, fanOut(s.event(op, c), to)...)
		}
	}
	return out
}

func (s *Service) event(op im.Operator, c im.Command) *im.Event {
	return &im.Event{EventID: im.NewEventID(), Command: c, OperationID: operationID(op), CreatedAt: s.nowMs()}
}

// operationID returns the id of the request, or a new one: receivers rely on the
// header, and not every cause has a request.
func operationID(op im.Operator) string {
	if op.OperationID != "" {
		return op.OperationID
	}
	return im.NewID()
}

// replace sets a field to what a before callback's answer has in its place, if anything.
func replace[T any](field *T, answer *T) {
	if answer != nil {
		*field = *answer
	}
}

// replaceOptional is replace for a field that the request may leave as it is.
func replaceOptional[T any](field **T, answer *T) {
	if answer != nil {
		*field = answer
	}
}

// replaceFilled is replaceOptional for the older requests, in which an empty value
// leaves a field as it is.
func replaceFilled[T comparable](field **T, answer *T) {
	var zero T
	if answer != nil {
		if *field = answer; *answer == zero {
			*field = nil
		}
	}
}

// unusable reports a field of a before callback's answer that cannot be applied.
func (s *Service) unusable(op im.Operator, c im.Command, field string, value any) {
	s.logger.Warn("a field of a callback's answer is ignored", "command", c.Key(), "op", op.OperationID, "field", field, "value", value)
}

// fanOut returns an event once for each endpoint; to is not empty.
func fanOut(e *im.Event, to []string) []*im.Event {
	e.Endpoint = to[0]
	out := append(make([]*im.Event, 0, len(to)), e)
	for _, endpoint := range to[1:] {
		other := *e
		other.Endpoint = endpoint
		out = append(out, &other)
	}
	return out
}

// ask makes a before callback, if it is on. The answer is nil when nothing is to
// be replaced; an error stops the operation. No transaction is open: the receiver
// may take its time, and may call this server meanwhile.
func (s *Service) ask(ctx context.Context, op im.Operator, c im.Command, body func(operationID string) []byte) (*webhook.Answer, error) {
	if !s.hooks.Asks(c) {
		return nil, nil
	}
	id := operationID(op)
	return s.hooks.Ask(ctx, webhook.Question{Command: c, OperationID: id, Body: body(id)})
}
