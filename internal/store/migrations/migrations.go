// Package migrations holds the schema of each engine as numbered steps, forward
// only, and brings a database up to the newest one.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// Engine names a set of migrations.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

func provider(db *sql.DB, e Engine) (*goose.Provider, error) {
	dialect := database.DialectSQLite3
	if e == Postgres {
		dialect = database.DialectPostgres
	}
	dir, err := fs.Sub(files, string(e))
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	p, err := goose.NewProvider(dialect, db, dir)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return p, nil
}

// Up applies the steps that are missing. The caller holds the lock that keeps
// a second server from doing the same at the same time.
func Up(ctx context.Context, db *sql.DB, e Engine) error {
	p, err := provider(db, e)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return nil
}
