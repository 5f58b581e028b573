package api

import (
	"context"

	"github.com/openimsdk/protocol/user"

	"parley/internal/im"
	"parley/internal/service"
)

// ClientConfigs is the configuration that clients are given.
type ClientConfigs interface {
	// ClientConfig returns what a user's clients get; for the empty id what all get.
	ClientConfig(ctx context.Context, op im.Operator, userID string) (map[string]string, error)
	// SetClientConfig sets some keys.
	SetClientConfig(ctx context.Context, op im.Operator, userID string, configs map[string]string) error
	// DeleteClientConfig removes keys.
	DeleteClientConfig(ctx context.Context, op im.Operator, userID string, keys []string) error
	// ClientConfigsPage returns a page of settings, and their number.
	ClientConfigsPage(ctx context.Context, op im.Operator, userID, key string, p service.Page) ([]im.ClientConfig, int, error)
}

// clientConfigs is user.GetUserClientConfigResp.
type clientConfigs struct {
	Configs map[string]string `json:"configs,omitempty"`
}

func (a *API) clientConfig(ctx context.Context, op im.Operator, q *user.GetUserClientConfigReq) (clientConfigs, error) {
	c, err := a.service.ClientConfig(ctx, op, q.UserID)
	return clientConfigs{c}, err
}

func (a *API) setClientConfig(ctx context.Context, op im.Operator, q *user.SetUserClientConfigReq) (none, error) {
	return none{}, a.service.SetClientConfig(ctx, op, q.UserID, q.Configs)
}

func (a *API) deleteClientConfig(ctx context.Context, op im.Operator, q *user.DelUserClientConfigReq) (none, error) {
	return none{}, a.service.DeleteClientConfig(ctx, op, q.UserID, q.Keys)
}

// clientConfigPage is user.PageUserClientConfigResp.
type clientConfigPage struct {
	Total   int               `json:"total"`
	Configs []im.ClientConfig `json:"configs"`
}

func (a *API) clientConfigPage(ctx context.Context, op im.Operator, q *user.PageUserClientConfigReq) (clientConfigPage, error) {
	list, total, err := a.service.ClientConfigsPage(ctx, op, q.UserID, q.Key, bulk(op, q.Pagination))
	return clientConfigPage{total, list}, err
}
