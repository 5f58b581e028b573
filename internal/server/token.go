package server

import (
	"context"
	"errors"
	"fmt"
	"os"

	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/webhook"
)

// MintToken makes a token with the same secret and store as the server of this
// configuration, whether or not it is running.
func MintToken(ctx context.Context, o Options, userID string, platformID int) (_ string, err error) {
	cfg := o.Config
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return "", fmt.Errorf("data directory (dataDir): %w", err)
	}
	secret, _, err := config.ResolveSecret(cfg.DataDir, cfg.Secret)
	if err != nil {
		return "", err
	}
	st, err := openStore(ctx, cfg)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	svc, err := newService(cfg, st, webhook.None(), secret, "", o.Log, objects{})
	if err != nil {
		return "", err
	}
	defer svc.Stop()
	if err := svc.Start(ctx); err != nil {
		return "", err
	}
	t, err := svc.MintToken(ctx, userID, im.Platform(platformID))
	if im.IsKind(err, im.NotFound) {
		return "", fmt.Errorf("user %q is not registered", userID)
	}
	return t.Token, err
}
