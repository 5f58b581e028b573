package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/postgres"
	"parley/internal/store/sqlite"
)

// Database is an empty database of one test, removed when the test ends.
type Database struct {
	Postgres bool   // on PostgreSQL, else on SQLite
	URL      string // URL of the database, or path of its file
}

// NewSQLite returns a new database in a file of its own.
func NewSQLite(t testing.TB) *Database {
	return &Database{URL: filepath.Join(t.TempDir(), "parley.db")}
}

// NewPostgres returns a new database on the PostgreSQL server of Postgres.
func NewPostgres(t testing.TB) *Database { return &Database{Postgres: true, URL: Postgres(t)} }

// Open opens the database until the end of the test. Each call opens it once
// more, as another node would.
func (d *Database) Open(t testing.TB) store.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	open := sqlite.Open
	if d.Postgres {
		open = postgres.Open
	}
	st, err := open(ctx, d.URL)
	if err != nil {
		t.Fatalf("open %s: %v", d.URL, err)
	}
	var once sync.Once
	closing := closer{st, &once}
	t.Cleanup(func() {
		if err := closing.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return closing
}

// closer makes closing twice harmless, so that tests may close before their end.
type closer struct {
	store.Store
	once *sync.Once
}

func (c closer) Close() (err error) {
	c.once.Do(func() { err = c.Store.Close() })
	return err
}

// SQL returns a plain handle on the database, for what the interface does not reach.
func (d *Database) SQL(t testing.TB) *sql.DB {
	t.Helper()
	driver, name := "sqlite", "file:"+d.URL+"?_pragma=busy_timeout(10000)"
	if d.Postgres {
		driver, name = "pgx", d.URL
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatalf("open %s: %v", d.URL, err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Engines runs a test on a new database of each engine, as subtests "sqlite"
// and "postgres". Each call of open opens the subtest's database once more.
func Engines(t *testing.T, fn func(t *testing.T, open func(testing.TB) store.Store)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, NewSQLite(t).Open) })
	t.Run("postgres", func(t *testing.T) { fn(t, NewPostgres(t).Open) })
}

// defaultPostgres is where a server is looked for when the environment does not say.
const defaultPostgres = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"

// answering finds out once whether there is a server.
var answering = sync.OnceValues(func() (base string, err error) {
	base = os.Getenv("PARLEY_TEST_POSTGRES_URL")
	if base == "" {
		base = defaultPostgres
	}
	db, err := sql.Open("pgx", base)
	if err != nil {
		return base, err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return base, db.PingContext(ctx)
})

// Postgres creates a database on the server that PARLEY_TEST_POSTGRES_URL
// names, or else on one at the usual local port, and returns its URL. The
// database is dropped when the test ends. Where no server answers the test is
// skipped; with CI=true in the environment it fails.
func Postgres(t testing.TB) string {
	t.Helper()
	base, err := answering()
	if err != nil {
		reason := fmt.Sprintf("no PostgreSQL answers (PARLEY_TEST_POSTGRES_URL, or %s): %v", defaultPostgres, err)
		if os.Getenv("CI") == "true" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	name := "parley_test_" + im.NewID()
	// A locale in which "a" < "B": an order that leans on the database's default
	// collation would differ from SQLite's. Servers without ICU get their default.
	if err := admin(base, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'`); err != nil {
		if err := admin(base, `CREATE DATABASE `+name); err != nil {
			t.Fatalf("create a test database: %v", err)
		}
	}
	t.Cleanup(func() {
		if err := admin(base, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	u, err := url.Parse(base)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		t.Fatalf("PARLEY_TEST_POSTGRES_URL is not a postgres:// URL: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}

// admin runs one statement on the server's own database.
func admin(base, statement string) error {
	db, err := sql.Open("pgx", base)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}
