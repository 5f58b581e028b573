package e2e

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
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

// historyWorkers is how many histories run at a time on one server. Some of them wait.
const historyWorkers = 8

// patience bounds each wait of a history. Only what never comes takes so long: a slow
// machine must not decide about a test.
var patience = flag.Duration("patience", 2*time.Minute, "how long the convergence test waits for anything")

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
	t.Parallel()
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
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	t.Logf("operations that were not refused: %v", done)
	for _, k := range kinds {
		// An operation that is always refused tests nothing.
		if done[k.name] == 0 && n >= enoughHistories && bad.Load() == 0 {
			t.Errorf("%s never succeeded in %d histories", k.name, n)
		}
	}
}

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
			c := newSim(h.s, id, token, p)
			c.slow = h.seed%4 == 0
			u.devices = append(u.devices, c)
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

// runOps runs the operations, some at the same time as those after them.
func (h *history) runOps() error {
	for h.step = 0; h.step < len(h.ops); {
		together := h.together(h.ops[h.step:])
		errs := make([]error, len(together))
		var running sync.WaitGroup
		for i, o := range together {
			running.Go(func() { errs[i] = h.operate(o) })
		}
		running.Wait()
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("operation %d and what ran beside it: %w", h.step, err)
		}
		h.step += len(together)
	}
	return nil
}

// together returns the operations at the head of a list that run at the same time:
// of different users, and none that must be alone.
func (h *history) together(ops []operation) []operation {
	n := 1
	for n < len(ops) && ops[n-1].with && !kindOf(ops[n-1].kind).alone && !kindOf(ops[n].kind).alone &&
		!slices.ContainsFunc(ops[:n], func(o operation) bool { return o.a == ops[n].a }) {
		n++
	}
	return ops[:n]
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
		if err := h.settle(c, live); err != nil {
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

// settle compares a client until it has no differences or time is up. The barrier
// is not enough: what concerns other conversations travels beside it. The answer of
// the server is kept, since nothing changes it any more: fetching it is most of the
// work of a history.
func (h *history) settle(c *sim, p phase) error {
	deadline := time.Now().Add(*patience)
	for wait := time.Millisecond; ; wait = min(2*wait, time.Second) {
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
			return fmt.Errorf("%s on %s differs:\n%s", c.id, c.platform, strings.Join(diff, "\n"))
		}
		delete(h.truths, c.id)
		time.Sleep(wait)
	}
}
