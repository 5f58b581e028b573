package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/sqlstore"
)

func openEngine(t *testing.T) *engine {
	t.Helper()
	e, err := open(context.Background(), filepath.Join(t.TempDir(), "parley.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// TestPragmas asks the connections themselves how they are set.
func TestPragmas(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	e := openEngine(t)
	var readerConns []*sql.Conn // all at once, so that each is a connection of its own
	for range readers {
		c, err := e.readers.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		readerConns = append(readerConns, c)
	}
	check := func(name string, conn *sql.Conn, want map[string]string) {
		t.Helper()
		for pragma, w := range want {
			var got string
			if err := conn.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != w {
				t.Errorf("%s: %s is %q, want %q (%v)", name, pragma, got, w, err)
			}
		}
	}
	check("writer", e.conn, map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "temp_store": "2",
		"cache_size": "-16384", "wal_autocheckpoint": "10000", "journal_size_limit": "67108864", "query_only": "0",
	})
	for _, c := range readerConns {
		check("reader", c, map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "temp_store": "2",
			"cache_size": "-2048", "query_only": "1",
		})
		if _, err := c.ExecContext(ctx, `DELETE FROM users`); err == nil {
			t.Error("a reader's connection writes")
		}
	}
}

// TestBusy lets the context end while a writer waits for another one, in this
// process and in another.
func TestBusy(t *testing.T) {
	t.Parallel()
	e := openEngine(t)
	st := sqlstore.New(e)
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan error)
	err := st.Update(context.Background(), func(store.Tx) error {
		go func() {
			waiting <- st.Update(ctx, func(store.Tx) error { t.Error("ran although its context had ended"); return nil })
		}()
		cancel() // before or during its wait
		if err := <-waiting; !im.IsKind(err, im.Busy) {
			t.Errorf("the one that waited: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Errorf("the one that held the turn: %v", err)
	}

	other, err := sql.Open("sqlite", "file:"+databaseFile(t, e))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec(`BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	if _, err := e.conn.ExecContext(context.Background(), `PRAGMA busy_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	if err := st.Update(context.Background(), func(store.Tx) error { return nil }); !im.IsKind(err, im.Busy) {
		t.Errorf("while another process writes: %v", err)
	}
	if _, err := other.Exec(`COMMIT`); err != nil {
		t.Fatal(err)
	}
	if err := st.Update(context.Background(), func(store.Tx) error { return nil }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func databaseFile(t *testing.T, e *engine) (file string) {
	t.Helper()
	var seq, name string
	if err := e.readers.QueryRow(`PRAGMA database_list`).Scan(&seq, &name, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPositional(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                 "",
		"SELECT 1":                         "SELECT 1",
		"a = $1":                           "a = ?",
		"a = $1 AND b IN ($2,$3)":          "a = ? AND b IN (?,?)",
		"$1 $2 $3 $4 $5 $6 $7 $8 $9 $10":   "? ? ? ? ? ? ? ? ? ?",
		"a = $2 AND b = $1":                "a = $2 AND b = $1",
		"a = $1 OR b = $1":                 "a = $1 OR b = $1",
		"a = $1 AND b = $3":                "a = $1 AND b = $3",
		"a = $1 AND b BETWEEN $3 AND $2":   "a = $1 AND b BETWEEN $3 AND $2",
		"a = $1 AND b = $2 AND c = $2 + 1": "a = $1 AND b = $2 AND c = $2 + 1",
	} {
		if got := positional(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// TestManyTexts runs more different statements than are kept prepared.
func TestManyTexts(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	e := openEngine(t)
	for i := range maxStmts + 50 {
		query := fmt.Sprintf("SELECT $1 + %d", i)
		var n int
		if err := e.Reader().QueryRow(ctx, query, 1).Scan(&n); err != nil || n != i+1 {
			t.Fatalf("%s: %d, %v", query, n, err)
		}
		rows, err := e.Reader().Query(ctx, query, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !rows.Next() || rows.Close() != nil {
			t.Fatalf("%s: no row", query)
		}
	}
	if n := len(e.read.stmts); n != maxStmts {
		t.Errorf("%d statements are kept", n)
	}
	err := e.Write(ctx, func(h sqlstore.Handle) error {
		for i := range maxStmts + 50 {
			if _, err := h.Exec(ctx, fmt.Sprintf("UPDATE users SET nickname = $1 WHERE user_id = '%d'", i), "x"); err != nil {
				return err
			}
		}
		return nil // and BEGIN and COMMIT still work, whenever they were prepared
	})
	if err != nil {
		t.Error(err)
	}
}
