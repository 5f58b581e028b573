package api

import (
	"context"
	"errors"
	"time"

	"parley/internal/im"
	"parley/internal/service"
)

// Webhooks is the administration of callbacks (webhook-delivery.md 6.9). All of it
// is for administrators.
type Webhooks interface {
	WebhookEndpoints(ctx context.Context, op im.Operator) ([]service.WebhookEndpoint, error)
	AddWebhookEndpoint(ctx context.Context, op im.Operator, e im.Endpoint) (*im.Endpoint, error)
	UpdateWebhookEndpoint(ctx context.Context, op im.Operator, id string, p service.WebhookEndpointPatch) (*im.Endpoint, error)
	RemoveWebhookEndpoint(ctx context.Context, op im.Operator, id string) error
	// RotateWebhookSecret gives an endpoint a new secret; the old one stays valid for overlap.
	RotateWebhookSecret(ctx context.Context, op im.Operator, id string, overlap time.Duration) (*im.Endpoint, error)
	PauseWebhookEndpoint(ctx context.Context, op im.Operator, id string, pause bool) error
	WebhookEvents(ctx context.Context, op im.Operator, f service.WebhookFilter, at service.WebhookCursor, limit int) (service.WebhookPage, error)
	WebhookEvent(ctx context.Context, op im.Operator, eventID string) ([]service.WebhookEventDetail, error)
	ReplayWebhookEvents(ctx context.Context, op im.Operator, f service.WebhookFilter, at service.WebhookCursor) (service.Worked, error)
	// DiscardWebhookEvents gives up dead letters.
	DiscardWebhookEvents(ctx context.Context, op im.Operator, f service.WebhookFilter, at service.WebhookCursor) (service.Worked, error)
	TestWebhook(ctx context.Context, op im.Operator, id string, cmd im.Command) (*service.WebhookTest, error)
	WebhookSettings(ctx context.Context, op im.Operator) (*service.WebhookConfig, error)
}

// mainEndpoint is how the API calls the endpoint of the configuration file.
const mainEndpoint = "main"

func endpointID(name string) string {
	if name == mainEndpoint {
		return im.MainEndpoint
	}
	return name
}

func endpointName(id string) string {
	if id == im.MainEndpoint {
		return mainEndpoint
	}
	return id
}

// hookEndpoint is an endpoint as it is shown. Secrets are not.
type hookEndpoint struct {
	EndpointID   string         `json:"endpointID"`
	URL          string         `json:"url"`
	Description  string         `json:"description"`
	Commands     []string       `json:"commands"`
	ContentTypes []im.TypeRange `json:"contentTypes"`
	DeniedTypes  []im.TypeRange `json:"deniedTypes"`
	Senders      []string       `json:"senders"`
	Receivers    []string       `json:"receivers"`
	Groups       []string       `json:"groups"`
	Rate         int            `json:"rate"`
	Concurrency  int            `json:"concurrency"`
	Batch        int            `json:"batch"`
	Secrets      []hookSecret   `json:"secrets"`
	PublicKey    string         `json:"publicKey"`
	PauseTime    int64          `json:"pauseTime"`
	PauseReason  string         `json:"pauseReason"`
	CreateTime   int64          `json:"createTime"`
	UpdateTime   int64          `json:"updateTime"`
}

// hookSecret says of a secret only until when it signs, in ms; 0: without end.
type hookSecret struct {
	ValidTo int64 `json:"validTo"`
}

func showEndpoint(e *im.Endpoint) hookEndpoint {
	out := hookEndpoint{
		EndpointID: endpointName(e.ID), URL: service.ShownURL(e.URL), Description: e.Description, Commands: []string{},
		ContentTypes: nonNil(e.ContentTypes), DeniedTypes: nonNil(e.Denied), Senders: nonNil(e.Senders), Receivers: nonNil(e.Receivers),
		Groups: nonNil(e.Groups), Rate: e.Rate, Concurrency: e.Concurrency, Batch: e.Batch, Secrets: []hookSecret{},
		PublicKey: service.WebhookPublicKey(e.SigningKey), PauseTime: e.PausedAt, PauseReason: e.PausedReason, CreateTime: e.CreatedAt, UpdateTime: e.UpdatedAt,
	}
	for _, c := range e.Commands {
		out.Commands = append(out.Commands, c.Key())
	}
	for _, s := range e.Secrets {
		out.Secrets = append(out.Secrets, hookSecret{s.ValidTo})
	}
	return out
}

func nonNil[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// hookEndpointState is an endpoint and how it does. State and loaded are those of
// this node, and say something only if it is the one that delivers.
type hookEndpointState struct {
	hookEndpoint
	Delivers    bool   `json:"delivers"`
	Breaker     string `json:"breaker"`
	Loaded      int    `json:"loaded"`
	Waiting     int64  `json:"waiting"`
	Retrying    int64  `json:"retrying"`
	Dead        int64  `json:"dead"`
	OldestEvent int64  `json:"oldestEvent"`
}

type hookEndpoints struct {
	Endpoints []hookEndpointState `json:"endpoints"`
}

// noFields is the body of routes that need to be told nothing.
type noFields struct{}

func (a *API) hookEndpoints(ctx context.Context, op im.Operator, _ *noFields) (hookEndpoints, error) {
	list, err := a.service.WebhookEndpoints(ctx, op)
	out := hookEndpoints{Endpoints: []hookEndpointState{}}
	for i := range list {
		e := &list[i]
		out.Endpoints = append(out.Endpoints, hookEndpointState{
			hookEndpoint: showEndpoint(&e.Endpoint), Delivers: e.Status.Owned, Breaker: e.Status.Breaker, Loaded: e.Status.Loaded,
			Waiting: e.Backlog.Waiting, Retrying: e.Backlog.Retrying, Dead: e.Backlog.Dead, OldestEvent: e.Backlog.Oldest,
		})
	}
	return out, err
}

// hookEndpointFields are what may be set of an endpoint. What is left out of a
// change stays as it is.
type hookEndpointFields struct {
	URL          *string         `json:"url"`
	Description  *string         `json:"description"`
	Commands     *[]string       `json:"commands"`
	ContentTypes *[]im.TypeRange `json:"contentTypes"`
	DeniedTypes  *[]im.TypeRange `json:"deniedTypes"`
	Senders      *[]string       `json:"senders"`
	Receivers    *[]string       `json:"receivers"`
	Groups       *[]string       `json:"groups"`
	Rate         *int            `json:"rate"`
	Concurrency  *int            `json:"concurrency"`
	Batch        *int            `json:"batch"`
	Asymmetric   *bool           `json:"asymmetric"`
}

func (f *hookEndpointFields) patch() (service.WebhookEndpointPatch, error) {
	p := service.WebhookEndpointPatch{
		URL: f.URL, Description: f.Description, ContentTypes: f.ContentTypes, DeniedTypes: f.DeniedTypes, Senders: f.Senders,
		Receivers: f.Receivers, Groups: f.Groups, Rate: f.Rate, Concurrency: f.Concurrency, Batch: f.Batch, Asymmetric: f.Asymmetric,
	}
	if f.Commands == nil {
		return p, nil
	}
	commands := make([]im.Command, len(*f.Commands))
	for i, name := range *f.Commands {
		var err error
		if commands[i], err = im.ParseCommand(name); err != nil {
			return p, err
		}
	}
	p.Commands = &commands
	return p, nil
}

type addHookEndpointReq struct{ hookEndpointFields }

// Check implements the check of a body.
func (q *addHookEndpointReq) Check() error {
	if q.URL == nil || *q.URL == "" {
		return errors.New("url is required")
	}
	return nil
}

// newHookSecret is an endpoint with its newest secret, which is shown this once.
type newHookSecret struct {
	hookEndpoint
	Secret string `json:"secret"`
}

func withSecret(e *im.Endpoint) newHookSecret {
	return newHookSecret{hookEndpoint: showEndpoint(e), Secret: e.Secrets[0].Key}
}

func (a *API) addHookEndpoint(ctx context.Context, op im.Operator, q *addHookEndpointReq) (newHookSecret, error) {
	p, err := q.patch()
	if err != nil {
		return newHookSecret{}, err
	}
	e, err := a.service.AddWebhookEndpoint(ctx, op, p.New())
	if err != nil {
		return newHookSecret{}, err
	}
	return withSecret(e), nil
}

type hookEndpointReq struct {
	EndpointID string `json:"endpointID"`
}

// Check implements the check of a body.
func (q *hookEndpointReq) Check() error {
	if q.EndpointID == "" {
		return errors.New("endpointID is required")
	}
	return nil
}

type updateHookEndpointReq struct {
	hookEndpointReq
	hookEndpointFields
}

func (a *API) updateHookEndpoint(ctx context.Context, op im.Operator, q *updateHookEndpointReq) (hookEndpoint, error) {
	p, err := q.patch()
	if err != nil {
		return hookEndpoint{}, err
	}
	e, err := a.service.UpdateWebhookEndpoint(ctx, op, endpointID(q.EndpointID), p)
	if err != nil {
		return hookEndpoint{}, err
	}
	return showEndpoint(e), nil
}

func (a *API) removeHookEndpoint(ctx context.Context, op im.Operator, q *hookEndpointReq) (none, error) {
	return none{}, a.service.RemoveWebhookEndpoint(ctx, op, endpointID(q.EndpointID))
}

type rotateHookSecretReq struct {
	hookEndpointReq
	OverlapSeconds *int64 `json:"overlapSeconds"`
}

// secretOverlap is how long the old secret stays valid when nothing is said.
const secretOverlap = 24 * time.Hour

func (a *API) rotateHookSecret(ctx context.Context, op im.Operator, q *rotateHookSecretReq) (newHookSecret, error) {
	overlap := secretOverlap
	if q.OverlapSeconds != nil {
		overlap = time.Duration(min(max(*q.OverlapSeconds, -1), 1<<31)) * time.Second
	}
	e, err := a.service.RotateWebhookSecret(ctx, op, endpointID(q.EndpointID), overlap)
	if err != nil {
		return newHookSecret{}, err
	}
	return withSecret(e), nil
}

func (a *API) pauseHookEndpoint(ctx context.Context, op im.Operator, q *hookEndpointReq) (none, error) {
	return none{}, a.service.PauseWebhookEndpoint(ctx, op, endpointID(q.EndpointID), true)
}

func (a *API) resumeHookEndpoint(ctx context.Context, op im.Operator, q *hookEndpointReq) (none, error) {
	return none{}, a.service.PauseWebhookEndpoint(ctx, op, endpointID(q.EndpointID), false)
}
