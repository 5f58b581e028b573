package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	driver "modernc.org/sqlite"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/sqlite"
	"parley/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("PARLEY_TEST_WRITER"); path != "" {
		writer(path)
		return
	}
	driver.RegisterConnectionHook(countPrepares)
	goleak.VerifyTestMain(m)
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return storetest.NewSQLite(t).Open(t) })
}

func TestDatabase(t *testing.T) { storetest.RunDatabase(t, storetest.NewSQLite) }

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Store { return storetest.NewSQLite(b).Open(b) })
}

func BenchmarkBacklog(b *testing.B) {
	storetest.BenchBacklog(b, func(b *testing.B) store.Store { return storetest.NewSQLite(b).Open(b) })
}

// TestPaths opens files whose names mean something in a URI.
func TestPaths(t *testing.T) {
	ctx := context.Background()
	t.Chdir(t.TempDir())
	for _, name := range []string{
		"plain.db", "with space.db", "a?b=c.db", "a#b.db", "100%25.db", "用户.db", "a&_pragma=query_only(1).db", "sub/dir/x.db", "file:x.db",
	} {
		for _, path := range []string{name, filepath.Join(t.TempDir(), name)} {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			st, err := sqlite.Open(ctx, path)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			if err := st.Update(ctx, func(tx store.Tx) error { return tx.PutAdmin(ctx, "a", "", 1) }); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if err := st.Close(); err != nil {
				t.Errorf("%s: close: %v", path, err)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s is not where it should be: %v", path, err)
			}
		}
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{garbage, filepath.Join(t.TempDir(), "no", "such", "directory.db"), t.TempDir()} {
		if st, err := sqlite.Open(context.Background(), path); err == nil {
			st.Close()
			t.Errorf("%s was opened", path)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("the error does not name the file: %v", err)
		}
	}
}

// prepares counts how often SQLite asks its authorizer about a database whose
// name says "counted": it does so only while it compiles a statement, be it for
// the first time or again.
var prepares atomic.Int64

func countPrepares(conn driver.ExecQuerierContext, dsn string) error {
	if !strings.Contains(dsn, "counted") {
		return nil
	}
	return conn.(driver.AuthorizerRegisterer).RegisterAuthorizer(
		func(driver.AuthorizerActionCode, string, string, string, string) driver.AuthorizerReturnCode {
			prepares.Add(1)
			return driver.AuthorizerOK
		})
}

// TestPreparedOnce repeats the paths every message takes: after a few rounds
// nothing is compiled any more.
func TestPreparedOnce(t *testing.T) {
	ctx := context.Background()
	st, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "counted.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	round := func(i int) {
		var items []*store.Item
		for j := range 5 {
			items = append(items, &store.Item{
				With: func(ctx context.Context, tx store.Tx) error {
					_, err := tx.Step(ctx, im.ListFriends, "u", im.ChangeInsert, strconv.Itoa(i))
					return err
				},
				Messages: []*store.NewMessage{{
					Record:    im.Record{ConversationID: fmt.Sprint("c", i%7, j), SendID: "u", ClientMsgID: "c", ServerMsgID: "s", Body: []byte("x")},
					RaiseRead: true,
					Events:    []*im.Event{{EventID: im.NewEventID(), Command: im.AfterSendSingleMsg}},
				}},
			})
		}
		if err := st.Append(ctx, items); err != nil {
			t.Fatal(err)
		}
		err := st.Update(ctx, func(tx store.Tx) error {
			_, _, err := tx.RaiseReadSeq(ctx, "v", "c00", int64(i))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Messages(ctx, "c00", 1, 100); err != nil {
			t.Fatal(err)
		}
		if _, err := st.MessagesAt(ctx, "c00", []int64{1, 2, int64(i)}); err != nil {
			t.Fatal(err)
		}
		if _, err := st.Events(ctx, 0, 10); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		round(i)
	}
	warm := prepares.Load()
	if warm == 0 {
		t.Fatal("nothing was counted")
	}
	for i := range 100 {
		round(20 + i)
	}
	if n := prepares.Load() - warm; n > 0 {
		t.Errorf("100 rounds on a warm store asked the authorizer %d times: statements are compiled again", n)
	}
}

// writer is the second process of the tests below: it appends to three
// conversations as many messages as PARLEY_TEST_ROWS says, and prints the
// conversation and the number of each once it is committed.
func writer(path string) {
	ctx := context.Background()
	st, err := sqlite.Open(ctx, path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	n, _ := strconv.Atoi(os.Getenv("PARLEY_TEST_ROWS"))
	for i := range n {
		m := newMessage(i)
		if err := st.Append(ctx, []*store.Item{{Messages: []*store.NewMessage{m}}}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(m.Record.ConversationID, m.Record.Seq)
	}
	if err := st.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func newMessage(i int) *store.NewMessage {
	return &store.NewMessage{
		Record:    im.Record{ConversationID: fmt.Sprint("c", i%3), SendID: "u", ClientMsgID: im.NewID(), ServerMsgID: im.NewID(), Body: make([]byte, 500)},
		RaiseRead: true,
		Events:    []*im.Event{{EventID: im.NewEventID(), Command: im.AfterSendSingleMsg}},
	}
}

// startWriter starts the second process; it is killed if the test ends before it does.
func startWriter(t *testing.T, path string, rows int) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PARLEY_TEST_WRITER="+path, "PARLEY_TEST_ROWS="+strconv.Itoa(rows))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, out
}

// checkFile wants a sound file with logs of count = max, min = 1, and an event
// for each message; it returns the number of messages by conversation.
func checkFile(t *testing.T, d *storetest.Database) map[string]int64 {
	t.Helper()
	var sound string
	if err := d.SQL(t).QueryRow(`PRAGMA integrity_check`).Scan(&sound); err != nil || sound != "ok" {
		t.Errorf("integrity check: %s, %v", sound, err)
	}
	rows, err := d.SQL(t).Query(`SELECT m.conversation_id, count(*), min(m.seq), max(m.seq), c.max_seq, c.hook_seq,
		(SELECT count(*) FROM outbox WHERE lane = m.conversation_id), (SELECT read_seq FROM user_seqs u WHERE u.conversation_id = m.conversation_id)
		FROM messages m JOIN conversations c ON c.conversation_id = m.conversation_id GROUP BY m.conversation_id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	counts := map[string]int64{}
	for rows.Next() {
		var id string
		var n, lo int64
		var rest [5]int64
		if err := rows.Scan(&id, &n, &lo, &rest[0], &rest[1], &rest[2], &rest[3], &rest[4]); err != nil {
			t.Fatal(err)
		}
		if lo != 1 || rest != [5]int64{n, n, n, n, n} {
			t.Errorf("%s: %d messages, lowest %d; max, counter, lane, events, read: %v", id, n, lo, rest)
		}
		counts[id] = n
	}
	return counts
}

// TestSecondProcess has two processes write to one file. That is not how a
// server is run, but it must not harm.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	d := storetest.NewSQLite(t)
	st := d.Open(t)
	const rows = 150
	cmd, out := startWriter(t, d.URL, rows)
	for i := range rows {
		if err := st.Append(context.Background(), []*store.Item{{Messages: []*store.NewMessage{newMessage(i)}}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the second process: %v", err)
	}
	var total int64
	for _, n := range checkFile(t, d) {
		total += n
	}
	if total != 2*rows {
		t.Errorf("%d messages of %d", total, 2*rows)
	}
}

// TestKilled ends a writing process without warning: what it acknowledged is
// there, and what is there has no gap.
func TestKilled(t *testing.T) {
	t.Parallel()
	d := storetest.NewSQLite(t)
	for range 3 {
		cmd, out := startWriter(t, d.URL, 1<<30)
		last := map[string]int64{}
		lines := bufio.NewScanner(out)
		for n := 0; n < 120 && lines.Scan(); n++ {
			var id string
			var seq int64
			if _, err := fmt.Sscan(lines.Text(), &id, &seq); err != nil {
				t.Fatal(err)
			}
			last[id] = seq
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		counts := checkFile(t, d)
		for id, seq := range last {
			if counts[id] < seq {
				t.Errorf("%s: number %d was acknowledged, %d messages are there", id, seq, counts[id])
			}
		}
	}
	if err := d.Open(t).Append(context.Background(), []*store.Item{{Messages: []*store.NewMessage{newMessage(0)}}}); err != nil {
		t.Error(err)
	}
	checkFile(t, d)
}
