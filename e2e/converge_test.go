package e2e

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/store/storetest"
)

var (
	histories   = flag.Int("histories", 0, "histories of the convergence test on each store (0: 1800 on SQLite and 250 on PostgreSQL with CI=true, else 40, or 10 in short mode)")
	historySeed = flag.Uint64("seed", 0, "run only the history of the convergence test that has this seed")
)

// historyWorkers is how many histories run at a time on one server.
const historyWorkers = 4

// settleTime bounds the wait for online clients to have handled what they were
// pushed, and for the server to have pushed it.
const settleTime = 10 * time.Second

// TestConvergence runs random histories of users whose clients go on- and offline
// and follow the rules of sdk-sync.md. Afterwards each client's copy must equal the
// server's data: first of clients that have learnt of the end by notifications
// alone, then after a reconnect, then of a new installation.
//
// A failure names the seed of its history. This runs the same operations again, on
// both stores:
//
//	go test ./e2e -run TestConvergence -seed N
//
// What clients do at the same time is a matter of the scheduler: a history whose
// operations ran beside one another may need some repetitions (-count) to fail again.
func TestConvergence(t *testing.T) {
	for _, e := range []struct {
		name string
		ci   int
		url  func(testing.TB) string
	}{
		{"sqlite", 1800, func(testing.TB) string { return "" }},
		{"postgres", 250, storetest.Postgres},
	} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			n := *histories
			switch {
			case n > 0:
			case os.Getenv("CI") == "true":
				n = e.ci
			case testing.Short():
				n = 10
			default:
				n = 40
			}
			url := e.url(t)
			s := imtest.Start(t, func(c *config.Config) { c.Store.URL = url })
			first := uint64(time.Now().UnixNano()) / 1000 % 1e12
			if *historySeed != 0 {
				first, n = *historySeed, 1
			}
			converge(t, s, first, n)
		})
	}
}

// crowdSize is more than one incremental answer reports (incremental-sync.md 4.1).
const crowdSize = im.MaxDelta + 1

// converge runs the histories with seeds first, first+1, ...
func converge(t *testing.T, s *imtest.Server, first uint64, n int) {
	t.Logf("%d histories, seeds from %d", n, first)
	crowd := make([]string, crowdSize)
	for i := range crowd {
		crowd[i] = fmt.Sprint("crowd", i)
	}
	must(t, s.Register(crowd...))
	var next, bad atomic.Int64
	var mu sync.Mutex
	done := map[string]int{}
	late := 0
	var workers sync.WaitGroup
	for range historyWorkers {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && bad.Load() < 3; i = next.Add(1) - 1 {
				h := &history{s: s, seed: first + uint64(i), crowdIDs: crowd, truths: map[string]copyOf{}, done: map[string]int{}}
				h.unknown.dropped, h.unknown.left = chats{}, chats{}
				if err := h.run(); err != nil {
					bad.Add(1)
					var b strings.Builder
					for i, o := range h.ops {
						fmt.Fprintf(&b, "\n%3d %s", i, o)
					}
					t.Errorf("seed %d (replay: go test ./e2e -run TestConvergence -seed %d): %v\noperations:%s", h.seed, h.seed, err, b.String())
				}
				mu.Lock()
				for k, n := range h.done {
					done[k] += n
				}
				for _, d := range h.late {
					late++
					t.Logf("seed %d: %s", h.seed, d)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	t.Logf("operations that were not refused: %v", done)
	if late > n/latePart {
		t.Errorf("%d differences by notifications alone in %d histories, at most %d are accepted", late, n, n/latePart)
	}
	for _, k := range kinds {
		// An operation that is always refused tests nothing.
		if done[k.name] == 0 && n >= enoughHistories && bad.Load() == 0 {
			t.Errorf("%s never succeeded in %d histories", k.name, n)
		}
	}
}

// latePart: one history in so many may end with a client that has missed something
// until its next connection. Where a client reads a list while somebody changes it,
// its SDK asks too early in rare orders of the two; a notice that is never sent or
// never understood shows in many more histories than that.
const latePart = 100

// enoughHistories is how many see each kind of operation succeed several times over.
const enoughHistories = 200

// history is one random history.
type history struct {
	s        *imtest.Server
	seed     uint64
	name     string // prefix of all its ids
	crowdIDs []string
	ops      []operation
	step     int // of ops that runs
	users    []*simUser
	truths   map[string]copyOf // by user, while they are compared
	unknown  unknown
	late     []string // differences that the next connection has to heal

	mu   sync.Mutex     // for operations beside one another: guards what follows, and unknown
	done map[string]int // operations by kind that were not refused
}

// simUser is a user with devices of different platforms.
type simUser struct {
	id      string
	devices []*sim
}

func (h *history) run() (err error) {
	r := rand.New(rand.NewPCG(h.seed, 0))
	h.name = fmt.Sprintf("c%d", h.seed)
	users, length := 3+r.IntN(2), 12+r.IntN(14)
	if r.IntN(6) == 0 { // most faults need few operations, some need many
		users, length = 5, 40+r.IntN(20)
	}
	h.ops = draw(r, users, length)
	ids := make([]string, users)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s_u%d", h.name, i)
	}
	if err := h.s.Register(ids...); err != nil {
		return err
	}
	defer func() {
		for _, c := range h.clients() {
			c.end()
			err = errors.Join(err, c.err())
		}
	}()
	for i, id := range ids {
		u := &simUser{id: id}
		h.users = append(h.users, u)
		platforms := []im.Platform{im.PlatformAndroid, im.PlatformWindows}
		if i > 0 && r.IntN(4) > 0 {
			platforms = platforms[:1]
		}
		for _, p := range platforms {
			token, err := h.s.UserToken(id, p)
			if err != nil {
				return err
			}
			u.devices = append(u.devices, newSim(h.s, id, token, p))
		}
	}
	for _, c := range h.clients() {
		if r.IntN(2) == 0 { // the others first come online by an operation, or at the end
			if err := c.goOnline(true, -1); err != nil {
				return err
			}
		}
	}
	if err := h.runOps(); err != nil {
		return err
	}
	return h.compare(r.IntN(users))
}

func (h *history) clients() (all []*sim) {
	for _, u := range h.users {
		all = append(all, u.devices...)
	}
	return all
}

// runOps runs the operations, some at the same time as the one after them.
func (h *history) runOps() error {
	for h.step = 0; h.step < len(h.ops); h.step++ {
		o := h.ops[h.step]
		if h.step+1 < len(h.ops) && o.with && !kindOf(o.kind).alone && !kindOf(h.ops[h.step+1].kind).alone && o.a != h.ops[h.step+1].a {
			second := make(chan error, 1)
			go func(o operation) { second <- h.operate(o) }(h.ops[h.step+1])
			if err := errors.Join(h.operate(o), <-second); err != nil {
				return fmt.Errorf("operations %d and %d: %w", h.step, h.step+1, err)
			}
			h.step++
			continue
		}
		if err := h.operate(o); err != nil {
			return fmt.Errorf("operation %d: %w", h.step, err)
		}
	}
	return nil
}

func (h *history) operate(o operation) error {
	err := kindOf(o.kind).run(h, o)
	switch {
	case err == nil:
		h.mu.Lock()
		h.done[o.kind]++
		h.mu.Unlock()
	case !refusal(err):
		return fmt.Errorf("%s: %w", o, err)
	}
	return nil
}

// compare lets everything come to rest and compares all copies with the server, that
// of a new installation for one of the users.
func (h *history) compare(newcomer int) error {
	for i, c := range h.clients() {
		if err := c.goOnline(i%2 == 0, h.step); err != nil {
			return err
		}
	}
	for _, c := range h.clients() {
		var late *differs
		if err := h.settle(c, live); errors.As(err, &late) {
			h.late = append(h.late, "by notifications: "+late.text)
		} else if err != nil {
			return fmt.Errorf("by notifications: %w", err)
		}
	}
	for i, c := range h.clients() {
		c.goOffline()
		if err := c.goOnline(i%2 == 1, c.online); err != nil {
			return err
		}
		if err := h.settle(c, reconnected); err != nil {
			return fmt.Errorf("after a reconnect: %w", err)
		}
		c.goOffline()
	}
	c := h.users[newcomer].devices[0]
	fresh := newSim(h.s, c.id, c.token, c.platform)
	err := fresh.goOnline(true, h.step)
	if err == nil {
		err = h.settle(fresh, reinstalled)
	}
	fresh.end()
	if err = errors.Join(err, fresh.err()); err != nil {
		return fmt.Errorf("newly installed: %w", err)
	}
	return nil
}

// differs is what settle found.
type differs struct{ text string }

// Error returns the differences.
func (d *differs) Error() string { return d.text }

// settle compares a client until it has no differences or time is up. The barrier
// is not enough: what concerns other conversations travels beside it. The answer of
// the server is kept, since nothing changes it any more: fetching it is most of the
// work of a history.
func (h *history) settle(c *sim, p phase) error {
	deadline := time.Now().Add(settleTime)
	for wait := time.Millisecond; ; wait *= 2 {
		if p == live {
			if err := c.barrier(); err != nil {
				return err
			}
		}
		server, known := h.truths[c.id]
		if !known {
			var err error
			if server, err = truth(h.s, c.id); err != nil {
				return err
			}
			h.truths[c.id] = server
		}
		diff := h.differences(c, c.local(), server, p)
		if len(diff) == 0 {
			return c.err()
		}
		if time.Now().After(deadline) {
			return &differs{fmt.Sprintf("%s on %s differs:\n%s", c.id, c.platform, strings.Join(diff, "\n"))}
		}
		delete(h.truths, c.id)
		time.Sleep(wait)
	}
}
