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
	// The rules of the SDKs leave windows in which a notification is lost on a client until
	// its next connect, so by default only what holds after that is a failure.
	liveToo     = flag.Bool("live", false, "also fail when clients differ before their next connect")
	histories   = flag.Int("histories", 0, "histories of the convergence test on each store (0: 100 on SQLite and 20 on PostgreSQL with CI=true, else 40, or 10 in short mode)")
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
func TestConvergence(t *testing.T) {
	for _, e := range []struct {
		name string
		ci   int
		url  func(testing.TB) string
	}{
		{"sqlite", 100, func(testing.TB) string { return "" }},
		{"postgres", 20, storetest.Postgres},
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
			// The caller fetches the administrator's token at its first call, for one user at a time.
			must(t, s.AsAdmin("/user/get_users", imtest.H{"pagination": imtest.H{"pageNumber": 1, "showNumber": 1}}, nil))
			first := uint64(time.Now().UnixNano()) / 1000 % 1e12
			if *historySeed != 0 {
				first, n = *historySeed, 1
			}
			converge(t, s, first, n)
		})
	}
}

// converge runs the histories with seeds first, first+1, ...
func converge(t *testing.T, s *imtest.Server, first uint64, n int) {
	t.Logf("%d histories, seeds from %d", n, first)
	var next, bad atomic.Int64
	var mu sync.Mutex
	done := map[string]int{}
	var workers sync.WaitGroup
	for range historyWorkers {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && bad.Load() < 3; i = next.Add(1) - 1 {
				h := &history{s: s, seed: first + uint64(i), truths: map[string]copyOf{}, done: map[string]int{}}
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
		if k.run != nil && done[k.name] == 0 && n >= 200 && bad.Load() == 0 {
			t.Errorf("%s never succeeded in %d histories", k.name, n)
		}
	}
}

// history is one random history.
type history struct {
	s      *imtest.Server
	seed   uint64
	name   string // prefix of all its ids
	ops    []operation
	sims   []*sim
	truths map[string]copyOf // by user, while they are compared
	mu     sync.Mutex
	done   map[string]int // operations by kind that were not refused
}

func (h *history) run() (err error) {
	r := rand.New(rand.NewPCG(h.seed, 0))
	h.name = fmt.Sprintf("c%d", h.seed)
	users := 4 + r.IntN(2)
	h.ops = draw(r, users)
	ids := make([]string, users)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s_u%d", h.name, i)
	}
	if err := h.s.Register(ids...); err != nil {
		return err
	}
	for _, id := range ids {
		token, err := h.s.UserToken(id, im.PlatformAndroid)
		if err != nil {
			return err
		}
		h.sims = append(h.sims, newSim(h.s, id, token))
	}
	defer func() {
		for _, c := range h.sims {
			c.end()
			err = errors.Join(err, c.err())
		}
	}()
	for i, c := range h.sims {
		if i%2 == 0 { // the others first come online by an operation, or at the end
			if err := c.goOnline(true); err != nil {
				return err
			}
		}
	}
	if err := h.runOps(); err != nil {
		return err
	}
	return h.compare()
}

// runOps runs the operations, some at the same time as the one after them.
func (h *history) runOps() error {
	for i := 0; i < len(h.ops); i++ {
		o := h.ops[i]
		if i+1 < len(h.ops) && o.with && h.parallel(o) && h.parallel(h.ops[i+1]) && o.a != h.ops[i+1].a {
			second := make(chan error, 1)
			go func() { second <- h.operate(h.ops[i+1]) }()
			if err := errors.Join(h.operate(o), <-second); err != nil {
				return fmt.Errorf("operations %d and %d: %w", i, i+1, err)
			}
			i++
			continue
		}
		if err := h.operate(o); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return nil
}

// parallel reports whether an operation may run beside another: going on- and
// offline changes what the driver knows of a client.
func (h *history) parallel(o operation) bool { return o.kind != "online" && o.kind != "offline" }

func (h *history) operate(o operation) error {
	switch o.kind {
	case "online":
		return h.sims[o.a].goOnline(o.n%2 == 0)
	case "offline":
		h.sims[o.a].goOffline()
		return nil
	}
	for _, k := range kinds {
		if k.name == o.kind {
			err := k.run(h, o)
			switch {
			case err == nil:
				h.mu.Lock()
				h.done[o.kind]++
				h.mu.Unlock()
			case !refusal(err):
				return fmt.Errorf("%s: %w", o, err)
			}
		}
	}
	return nil
}

// compare lets everything come to rest and compares all copies with the server.
func (h *history) compare() error {
	for i, c := range h.sims {
		if err := c.goOnline(i%2 == 0); err != nil {
			return err
		}
	}
	for _, c := range h.sims {
		if err := h.settle(c, true); err != nil {
			if *liveToo {
				return fmt.Errorf("by notifications: %w", err)
			}
		}
	}
	for i, c := range h.sims {
		c.goOffline()
		if err := c.goOnline(i%2 == 1); err != nil {
			return err
		}
		if err := h.settle(c, false); err != nil {
			return fmt.Errorf("after a reconnect: %w", err)
		}
		c.goOffline()
		fresh := newSim(h.s, c.id, c.token)
		err := fresh.goOnline(true)
		if err == nil {
			err = h.settle(fresh, false)
		}
		fresh.end()
		if err = errors.Join(err, fresh.err()); err != nil {
			return fmt.Errorf("newly installed: %w", err)
		}
	}
	return nil
}

// settle compares a client until it has no differences or time is up. The barrier
// is not enough: what concerns other conversations travels beside it. The answer of
// the server is kept, since nothing changes it any more: fetching it is most of the
// work of a history.
func (h *history) settle(c *sim, pushesOnly bool) error {
	deadline := time.Now().Add(settleTime)
	for wait := time.Millisecond; ; wait *= 2 {
		if pushesOnly {
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
		diff := differences(c.id, c.local(), server, pushesOnly)
		if len(diff) == 0 {
			return c.err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s differs:\n%s", c.id, strings.Join(diff, "\n"))
		}
		delete(h.truths, c.id)
		time.Sleep(wait)
	}
}
