package main

import (
	"context"
	"errors"
	"fmt"

	"parley/internal/server"
)

// adminPlatform is the platform that administrators' tokens are for.
const adminPlatform = 10

// tokenCmd is `parley token`.
type tokenCmd struct {
	sources
	User     string `placeholder:"ID" help:"User to mint for."`
	Platform int    `placeholder:"N" help:"Platform: 1 iOS, 2 Android, 3 Windows, 4 OSX, 5 Web, 6 MiniWeb, 7 Linux, 8 Android pad, 9 iPad, 11 HarmonyOS."`
	Admin    bool   `help:"Mint for the first administrator (admin.userIDs) instead."`
}

// Validate checks what goes with what, before anything is opened.
func (c *tokenCmd) Validate() error {
	switch {
	case c.Admin && (c.User != "" || c.Platform != 0):
		return errors.New("--admin stands alone, without --user and --platform")
	case c.Admin:
		return nil
	case c.User == "" || c.Platform == 0:
		return errors.New("say --user ID and --platform N, or --admin")
	case c.Platform == adminPlatform:
		return errors.New("platform 10 is for --admin")
	case c.Platform < 0:
		return errors.New("--platform must not be negative")
	}
	return nil
}

// Run prints the token and nothing else on stdout.
func (c *tokenCmd) Run(ctx context.Context, m *Main) error {
	cfg, err := c.load(m, nil)
	if err != nil {
		return fmt.Errorf("cannot mint a token: %w", err)
	}
	opts, err := m.serverOptions(cfg)
	if err != nil {
		return fmt.Errorf("cannot mint a token: %w", err)
	}
	user, platform := c.User, c.Platform
	if c.Admin {
		user, platform = cfg.AdminUserID(), adminPlatform
	}
	token, err := m.MintToken(ctx, opts, user, platform)
	if err != nil {
		return fmt.Errorf("cannot mint a token: %w", err)
	}
	return m.say(token)
}

func mintToken(ctx context.Context, o serverOptions, userID string, platformID int) (string, error) {
	return server.MintToken(ctx, server.Options{Config: o.config, Log: o.log, Version: o.version}, userID, platformID)
}
