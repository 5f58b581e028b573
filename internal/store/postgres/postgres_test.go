package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/postgres"
	"parley/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return storetest.NewPostgres(t).Open(t) })
}

func TestDatabase(t *testing.T) { storetest.RunDatabase(t, storetest.NewPostgres) }

// TestOpenTogether has several nodes find an empty database at the same time.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	d := storetest.NewPostgres(t)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			st, err := postgres.Open(context.Background(), d.URL)
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if err := st.Ping(context.Background()); err != nil {
				t.Errorf("ping: %v", err)
			}
			st.Close()
		})
	}
	wg.Wait()
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	d := storetest.NewPostgres(t)
	for _, url := range []string{d.URL + "_not_there", "postgres://127.0.0.1:1/x?connect_timeout=1", "://"} {
		if st, err := postgres.Open(context.Background(), url); err == nil {
			st.Close()
			t.Errorf("%s was opened", url)
		}
	}
}

// TestLockOrder mixes what takes the most locks: senders whose own read
// positions rise with their messages, and the same users marking those
// conversations as read with an event in the conversation's lane, on two nodes.
// The server must not have had to end a single transaction to undo a deadlock:
// each costs a second of waiting (deadlock_timeout) before it is tried again.
func TestLockOrder(t *testing.T) {
	t.Parallel()
	d := storetest.NewPostgres(t)
	ctx := context.Background()
	nodes := []store.Store{d.Open(t), d.Open(t)}
	users, conversations := []string{"u0", "u1", "u2"}, []string{"si_a", "si_b", "sg_c"}
	for _, c := range conversations { // the first rows of all counters, in peace
		for _, u := range users {
			if err := nodes[0].Append(ctx, []*store.Item{{Messages: []*store.NewMessage{message(c, u)}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	const rounds = 80
	var wg sync.WaitGroup
	work := func(do func(i int) error) {
		wg.Go(func() {
			for i := range rounds {
				if err := do(i); err != nil {
					t.Errorf("round %d: %v", i, err)
					return
				}
			}
		})
	}
	for n, st := range nodes {
		work(func(i int) error {
			it := &store.Item{With: func(ctx context.Context, tx store.Tx) error {
				return tx.AddEvents(ctx, []*im.Event{event(im.GroupLane("g"))})
			}}
			for j := range 6 {
				it.Messages = append(it.Messages, message(conversations[(i+j*(n+1))%3], users[(i+j)%3]))
			}
			return st.Append(ctx, []*store.Item{it})
		})
		for u := range users {
			work(func(i int) error {
				c := conversations[(i+u)%3]
				return st.Update(ctx, func(tx store.Tx) error {
					if _, _, err := tx.RaiseReadSeq(ctx, users[u], c, int64(rounds*100+i)); err != nil {
						return err
					}
					return tx.AddEvents(ctx, []*im.Event{event(im.GroupLane("g")), event(c)})
				})
			})
		}
	}
	wg.Wait()
	for _, st := range nodes {
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := deadlocks(t, d); n > 0 {
		t.Errorf("%d deadlocks", n)
	}
}

func message(conversation, sender string) *store.NewMessage {
	return &store.NewMessage{
		Record:    im.Record{ConversationID: conversation, SendID: sender, ClientMsgID: im.NewID(), ServerMsgID: im.NewID(), Body: []byte("x")},
		RaiseRead: true,
		Events:    []*im.Event{{EventID: im.NewEventID(), Command: im.AfterSendSingleMsg}},
	}
}

func event(lane string) *im.Event {
	return &im.Event{EventID: im.NewEventID(), Lane: lane, Command: im.AfterSingleMsgRead, Body: []byte("{}")}
}

// deadlocks returns the server's count for a database. Sessions hand their counts
// in when they end, so it waits until no other is left.
func deadlocks(t *testing.T, d *storetest.Database) (n int64) {
	t.Helper()
	db := d.SQL(t)
	deadline := time.Now().Add(time.Minute)
	for {
		var sessions int64
		err := db.QueryRow(`SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
			AND backend_type = 'client backend'), (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database())`).Scan(&sessions, &n)
		if err != nil {
			t.Fatal(err)
		}
		if sessions == 0 {
			return n
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions do not end", sessions)
		}
	}
}

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Store { return storetest.NewPostgres(b).Open(b) })
}

func BenchmarkBacklog(b *testing.B) {
	storetest.BenchBacklog(b, func(b *testing.B) store.Store { return storetest.NewPostgres(b).Open(b) })
}
