package server

import (
	"context"
	"errors"
	"fmt"

	"parley/internal/config"
	"parley/internal/store/migrations"
	"parley/internal/store/postgres"
	"parley/internal/store/sqlite"
)

// SchemaStatus returns the steps of the database's schema and which of them it has.
// It changes no data; a server may be running.
func SchemaStatus(ctx context.Context, cfg *config.Config) (steps []migrations.Step, err error) {
	if path, ok := cfg.SQLitePath(); ok {
		steps, err = sqlite.Status(ctx, path)
	} else {
		steps, err = postgres.Status(ctx, cfg.StoreURL())
	}
	if err != nil {
		return nil, fmt.Errorf("read the schema (store.url): %w", err)
	}
	return steps, nil
}

// Migrate brings the schema up to date, as every start of a server does. It refuses
// to while a server uses the data directory.
func Migrate(ctx context.Context, cfg *config.Config) (err error) {
	unlock, err := config.LockDir(cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	st, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	return st.Close()
}
