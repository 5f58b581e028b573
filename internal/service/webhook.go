package service

import (
	"context"
	"slices"
	"time"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/webhook"
)

// Receivers is the delivery of after events (package webhook).
type Receivers interface {
	// Refresh brings this node to the endpoints of the store.
	Refresh(ctx context.Context) error
	// Config returns the configuration in force.
	Config() *webhook.Config
	// Status returns how an endpoint does on this node.
	Status(id string) (webhook.Status, bool)
	// Test sends a test event.
	Test(ctx context.Context, id string, cmd im.Command, operationID string) (*webhook.TestResult, error)
	// Wake says that there are events to be sent.
	Wake()
	// Discarded counts a dead letter that was given up.
	Discarded(cmd im.Command)
}

// What the store and the delivery have to say of events, for those who show it.
type (
	WebhookFilter = store.EventFilter
	WebhookState  = store.EventState
	WebhookCursor = store.EventCursor
	WebhookPage   = store.EventPage
	WebhookRecord = store.EventRecord
	WebhookConfig = webhook.Config
	WebhookTest   = webhook.TestResult
	TypeRange     = webhook.TypeRange
)

// ShownURL returns a URL without credentials and query.
func ShownURL(text string) string { return webhook.ShownURL(text) }

// WebhookPublicKey returns the key that verifies what a signing key has signed; ""
// for none.
func WebhookPublicKey(signingKey string) string { return webhook.PublicKey(signingKey) }

// maxOverlap bounds how long an old secret signs beside the new one.
const maxOverlap = 30 * 24 * time.Hour

// WebhookEndpoint is an endpoint and how it does.
type WebhookEndpoint struct {
	im.Endpoint
	Status  webhook.Status
	Backlog store.Backlog
}

// ConnectWebhooks completes the service with the delivery of events.
func (s *Service) ConnectWebhooks(r Receivers) { s.receivers = r }

// WebhookEndpoints returns all endpoints, the one of the configuration file first.
// For administrators.
func (s *Service) WebhookEndpoints(ctx context.Context, op im.Operator) ([]WebhookEndpoint, error) {
	if err := admin(op, "service.WebhookEndpoints"); err != nil {
		return nil, err
	}
	list, err := s.store.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	var out []WebhookEndpoint
	if c := s.receivers.Config(); c.URL != "" {
		out = append(out, WebhookEndpoint{Endpoint: im.Endpoint{ID: im.MainEndpoint, URL: c.URL, Concurrency: c.Concurrency, Rate: c.Rate}})
		for _, key := range c.Secrets {
			out[0].Secrets = append(out[0].Secrets, im.EndpointSecret{Key: key})
		}
		out[0].SigningKey = c.SigningKey
	}
	for i := range list {
		switch e := &list[i]; {
		case e.ID == im.MainEndpoint && len(out) > 0:
			out[0].PausedAt, out[0].PausedReason = e.PausedAt, e.PausedReason
		case e.ID != im.MainEndpoint && e.DeletedAt == 0:
			out = append(out, WebhookEndpoint{Endpoint: *e})
		}
	}
	for i := range out {
		e := &out[i]
		e.Status, _ = s.receivers.Status(e.ID)
		if e.Backlog, err = s.store.Backlog(ctx, e.ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// AddWebhookEndpoint makes an endpoint with a secret of its own and returns it.
// For administrators.
func (s *Service) AddWebhookEndpoint(ctx context.Context, op im.Operator, e im.Endpoint) (*im.Endpoint, error) {
	const name = "service.AddWebhookEndpoint"
	if err := admin(op, name); err != nil {
		return nil, err
	}
	e.ID, e.CreatedAt, e.Secrets = im.NewEndpointID(), s.nowMs(), []im.EndpointSecret{{Key: webhook.NewSecret()}}
	e.UpdatedAt = e.CreatedAt
	if err := webhook.CheckEndpoint(s.receivers.Config(), &e); err != nil {
		return nil, err
	}
	err := s.changeEndpoints(ctx, func(tx store.Tx, all []im.Endpoint) error {
		n := 0
		for i := range all {
			if all[i].ID != im.MainEndpoint && all[i].DeletedAt == 0 {
				n++
			}
		}
		if n >= webhook.MaxEndpoints {
			return im.Errorf(im.Invalid, name, "there are at most %d endpoints", webhook.MaxEndpoints)
		}
		return tx.PutEndpoint(ctx, &e)
	})
	if err != nil {
		return nil, err
	}
	return &e, nil
}

// WebhookEndpointPatch is what may be changed of an endpoint; nil leaves it alone.
type WebhookEndpointPatch struct {
	URL, Description  *string
	Commands          *[]im.Command
	ContentTypes      *[]im.TypeRange
	DeniedTypes       *[]im.TypeRange
	Senders           *[]string
	Receivers         *[]string
	Groups            *[]string
	Rate, Concurrency *int
	Batch             *int
	// Asymmetric turns v1a signatures on, with a new key unless there is one, or off.
	Asymmetric *bool
}

// New returns an endpoint that has what the patch sets.
func (p WebhookEndpointPatch) New() im.Endpoint {
	var e im.Endpoint
	p.apply(&e)
	return e
}

func (p WebhookEndpointPatch) apply(e *im.Endpoint) {
	give(&e.URL, p.URL)
	give(&e.Description, p.Description)
	give(&e.Commands, p.Commands)
	give(&e.ContentTypes, p.ContentTypes)
	give(&e.Denied, p.DeniedTypes)
	give(&e.Senders, p.Senders)
	give(&e.Receivers, p.Receivers)
	give(&e.Groups, p.Groups)
	give(&e.Rate, p.Rate)
	give(&e.Concurrency, p.Concurrency)
	give(&e.Batch, p.Batch)
	switch {
	case p.Asymmetric == nil:
	case !*p.Asymmetric:
		e.SigningKey = ""
	case e.SigningKey == "":
		e.SigningKey = webhook.NewSigningKey()
	}
}

func give[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// UpdateWebhookEndpoint changes an endpoint. For administrators; im.NotFound if
// there is none.
func (s *Service) UpdateWebhookEndpoint(ctx context.Context, op im.Operator, id string, p WebhookEndpointPatch) (*im.Endpoint, error) {
	return s.changeEndpoint(ctx, op, "service.UpdateWebhookEndpoint", id, func(e *im.Endpoint) error {
		p.apply(e)
		return nil
	})
}

// RemoveWebhookEndpoint removes an endpoint and what waits for it. For
// administrators; im.NotFound if there is none.
func (s *Service) RemoveWebhookEndpoint(ctx context.Context, op im.Operator, id string) error {
	_, err := s.changeEndpoint(ctx, op, "service.RemoveWebhookEndpoint", id, func(e *im.Endpoint) error {
		e.DeletedAt, e.Secrets, e.SigningKey = s.nowMs(), nil, ""
		return nil
	})
	return err
}

// RotateWebhookSecret gives an endpoint a new secret. The old one signs beside it
// for overlap; older ones end at once. For administrators; im.NotFound if there is none.
func (s *Service) RotateWebhookSecret(ctx context.Context, op im.Operator, id string, overlap time.Duration) (*im.Endpoint, error) {
	const name = "service.RotateWebhookSecret"
	if overlap < 0 || overlap > maxOverlap {
		return nil, im.Errorf(im.Invalid, name, "the overlap is 0 to %d seconds", int(maxOverlap/time.Second))
	}
	return s.changeEndpoint(ctx, op, name, id, func(e *im.Endpoint) error {
		secrets := []im.EndpointSecret{{Key: webhook.NewSecret()}}
		if len(e.Secrets) > 0 && overlap > 0 {
			secrets = append(secrets, im.EndpointSecret{Key: e.Secrets[0].Key, ValidTo: s.o.Now().Add(overlap).UnixMilli()})
		}
		e.Secrets = secrets
		return nil
	})
}

// PauseWebhookEndpoint keeps the events of an endpoint back until it is resumed, or
// resumes it. For administrators; im.NotFound if there is none.
func (s *Service) PauseWebhookEndpoint(ctx context.Context, op im.Operator, id string, pause bool) error {
	const name = "service.PauseWebhookEndpoint"
	if err := admin(op, name); err != nil {
		return err
	}
	err := s.changeEndpoints(ctx, func(tx store.Tx, all []im.Endpoint) error {
		known := id == im.MainEndpoint && s.receivers.Config().URL != ""
		paused := false
		for i := range all {
			if all[i].ID == id && all[i].DeletedAt == 0 {
				known, paused = known || id != im.MainEndpoint, all[i].PausedAt != 0
			}
		}
		switch {
		case !known:
			return im.Errorf(im.NotFound, name, "there is no such endpoint")
		case pause && paused: // as it was, with its reason
			return nil
		case pause:
			return tx.PauseEndpoint(ctx, id, s.nowMs(), "paused by "+op.UserID)
		}
		return tx.PauseEndpoint(ctx, id, 0, "")
	})
	return err
}

// changeEndpoint changes one endpoint of the store.
func (s *Service) changeEndpoint(ctx context.Context, op im.Operator, name, id string, change func(*im.Endpoint) error) (*im.Endpoint, error) {
	if err := admin(op, name); err != nil {
		return nil, err
	}
	if id == im.MainEndpoint {
		return nil, im.Errorf(im.Invalid, name, "the main endpoint is changed in the configuration")
	}
	var changed im.Endpoint
	err := s.changeEndpoints(ctx, func(tx store.Tx, all []im.Endpoint) error {
		i := slices.IndexFunc(all, func(e im.Endpoint) bool { return e.ID == id && e.DeletedAt == 0 })
		if i < 0 {
			return im.Errorf(im.NotFound, name, "there is no such endpoint")
		}
		changed = all[i]
		if err := change(&changed); err != nil {
			return err
		}
		if err := webhook.CheckEndpoint(s.receivers.Config(), &changed); err != nil && changed.DeletedAt == 0 {
			return err
		}
		// It tells nodes that there is something new; the clock may say the same twice.
		changed.UpdatedAt = max(s.nowMs(), changed.UpdatedAt+1)
		return tx.PutEndpoint(ctx, &changed)
	})
	if err != nil {
		return nil, err
	}
	return &changed, nil
}

// changeEndpoints runs a change on the endpoints of the store; no other one runs
// at the same time. It holds on this node when it returns.
func (s *Service) changeEndpoints(ctx context.Context, change func(tx store.Tx, all []im.Endpoint) error) error {
	err := s.store.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.RaiseWebhookVersion(ctx); err != nil {
			return err
		}
		all, err := tx.Endpoints(ctx)
		if err != nil {
			return err
		}
		return change(tx, all)
	})
	if err != nil {
		return err
	}
	return s.receivers.Refresh(ctx)
}
