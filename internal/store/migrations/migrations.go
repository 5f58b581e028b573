// Package migrations holds the schema of each engine as numbered steps, forward
// only, and brings a database up to the newest one.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

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

// Step is one numbered change of a schema.
type Step struct {
	// Name is that of the step's file without its ending, such as 00001_init.
	Name string
	// Applied is when the database got it; zero: it has not.
	Applied time.Time
}

func stepName(file string) string {
	return strings.TrimSuffix(path.Base(file), path.Ext(file))
}

// All returns the steps of an engine in order, as a new database has them: none applied.
func All(e Engine) ([]Step, error) {
	files, err := fs.Glob(files, string(e)+"/*.sql")
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	steps := make([]Step, len(files))
	for i, f := range files {
		steps[i].Name = stepName(f)
	}
	return steps, nil
}

// Status returns the steps in order and which of them a database has. In a database
// that is empty it makes the table of versions.
func Status(ctx context.Context, db *sql.DB, e Engine) ([]Step, error) {
	p, err := provider(db, e)
	if err != nil {
		return nil, err
	}
	found, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	steps := make([]Step, len(found))
	for i, f := range found {
		steps[i].Name = stepName(f.Source.Path)
		if f.State == goose.StateApplied {
			steps[i].Applied = f.AppliedAt
		}
	}
	return steps, nil
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
