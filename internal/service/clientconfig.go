package service

import (
	"context"
	"maps"
	"slices"

	"parley/internal/im"
	"parley/internal/store"
)

// Bounds of the configuration of clients: one request, and each entry.
const (
	maxConfigs          = 1000
	maxConfigKeyBytes   = 256
	maxConfigValueBytes = 64 << 10
)

// ClientConfig returns the configuration that a user's clients get: that of all
// users, overlaid with the user's own; for the empty id the former alone
// (rest-auth-user.md 7).
func (s *Service) ClientConfig(ctx context.Context, op im.Operator, userID string) (map[string]string, error) {
	const name = "service.ClientConfig"
	whose := []string{""}
	if userID != "" {
		if err := usableIDs(name, userID); err != nil {
			return nil, err
		}
		if err := self(op, name, userID); err != nil {
			return nil, err
		}
		if _, err := s.user(ctx, userID); err != nil {
			return nil, err
		}
		whose = append(whose, userID)
	}
	entries, err := s.store.ClientConfigs(ctx, whose)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(entries))
	for _, e := range entries {
		if _, set := out[e.Key]; !set || e.UserID != "" {
			out[e.Key] = e.Value
		}
	}
	return out, nil
}

// mayConfigure returns an error unless the operator is an administrator and the
// user exists; the empty id stands for all users.
func (s *Service) mayConfigure(ctx context.Context, op im.Operator, name, userID string) error {
	if err := admin(op, name); err != nil {
		return err
	}
	if userID == "" {
		return nil
	}
	if err := usableIDs(name, userID); err != nil {
		return err
	}
	_, err := s.user(ctx, userID)
	return err
}

// SetClientConfig sets some keys and keeps the others.
func (s *Service) SetClientConfig(ctx context.Context, op im.Operator, userID string, configs map[string]string) error {
	const name = "service.SetClientConfig"
	if err := s.mayConfigure(ctx, op, name, userID); err != nil {
		return err
	}
	if len(configs) > maxConfigs {
		return im.Errorf(im.Invalid, name, "at most %d keys", maxConfigs)
	}
	keys := slices.Sorted(maps.Keys(configs))
	for _, k := range keys {
		if k == "" {
			return im.Errorf(im.Invalid, name, "a key is empty")
		}
		if err := usableTexts(name, maxConfigValueBytes, configs[k]); err != nil {
			return err
		}
	}
	if err := usableTexts(name, maxConfigKeyBytes, keys...); err != nil || len(keys) == 0 {
		return err
	}
	return s.store.Update(ctx, func(tx store.Tx) error {
		for _, k := range keys {
			if err := tx.PutClientConfig(ctx, im.ClientConfig{UserID: userID, Key: k, Value: configs[k]}); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteClientConfig removes keys; those that are not there are ignored, whosesoever they would be.
func (s *Service) DeleteClientConfig(ctx context.Context, op im.Operator, userID string, keys []string) error {
	const name = "service.DeleteClientConfig"
	if err := admin(op, name); err != nil {
		return err
	}
	if len(keys) > maxConfigs {
		return im.Errorf(im.Invalid, name, "at most %d keys", maxConfigs)
	}
	if err := usableIDs(name, userID); err != nil {
		return err
	}
	if err := usableTexts(name, maxConfigKeyBytes, keys...); err != nil || len(keys) == 0 {
		return err
	}
	return s.store.Update(ctx, func(tx store.Tx) error { return tx.DeleteClientConfigs(ctx, userID, keys) })
}

// ClientConfigsPage returns a page of settings by user and key, and their number.
// An empty userID or key does not filter.
func (s *Service) ClientConfigsPage(ctx context.Context, op im.Operator, userID, key string, p Page) ([]im.ClientConfig, int, error) {
	const name = "service.ClientConfigsPage"
	if err := admin(op, name); err != nil {
		return nil, 0, err
	}
	if err := usableIDs(name, userID); err != nil {
		return nil, 0, err
	}
	if err := usableTexts(name, maxConfigKeyBytes, key); err != nil {
		return nil, 0, err
	}
	offset, limit := p.window()
	return s.store.ClientConfigsPage(ctx, userID, key, offset, limit)
}
