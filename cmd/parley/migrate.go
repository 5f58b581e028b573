package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"parley/internal/server"
)

// migrateCmd is `parley migrate`.
type migrateCmd struct {
	Status migrateStatusCmd `cmd:"" help:"Print the steps of the database's schema and when each was applied."`
	Up     migrateUpCmd     `cmd:"" help:"Apply the steps that are missing. Every start of the server does so, too."`
}

// migrateStatusCmd is `parley migrate status`.
type migrateStatusCmd struct{ sources }

// Run prints a line for each step.
func (c *migrateStatusCmd) Run(ctx context.Context, m *Main) error {
	cfg, err := c.load(m, nil)
	if err != nil {
		return fmt.Errorf("cannot read the schema: %w", err)
	}
	steps, err := server.SchemaStatus(ctx, cfg)
	if err != nil {
		return fmt.Errorf("cannot read the schema: %w", err)
	}
	lines := make([]string, len(steps))
	for i, s := range steps {
		state := "missing"
		if !s.Applied.IsZero() {
			state = "applied " + s.Applied.UTC().Format(time.RFC3339)
		}
		lines[i] = s.Name + " " + state
	}
	return m.say(strings.Join(lines, "\n"))
}

// migrateUpCmd is `parley migrate up`.
type migrateUpCmd struct{ sources }

// Run names the steps that were applied.
func (c *migrateUpCmd) Run(ctx context.Context, m *Main) error {
	cfg, err := c.load(m, nil)
	if err != nil {
		return fmt.Errorf("cannot migrate: %w", err)
	}
	before, err := server.SchemaStatus(ctx, cfg)
	if err != nil {
		return fmt.Errorf("cannot migrate: %w", err)
	}
	if err := server.Migrate(ctx, cfg); err != nil {
		return fmt.Errorf("cannot migrate: %w", err)
	}
	var lines []string
	for _, s := range before {
		if s.Applied.IsZero() {
			lines = append(lines, s.Name+" applied")
		}
	}
	if lines == nil {
		lines = []string{"the schema is up to date"}
	}
	return m.say(strings.Join(lines, "\n"))
}
