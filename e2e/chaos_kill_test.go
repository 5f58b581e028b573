package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/imtest"
)

// A killer is the receiver of TestChaosOfKills: it can hold calls, and end the
// process that makes them.
type killer struct {
	*ledger
	hooks  *imtest.Hooks
	victim atomic.Pointer[os.Process]
	// How many more calls are answered before the process is ended; below 0: it lives.
	fuse    atomic.Int64
	answers atomic.Bool   // the last call is answered first
	holds   atomic.Bool   // calls are taken, and hear nothing
	struck  chan string   // the place of the call that ended the process
	entered chan struct{} // a call was held
}

// ServeHTTP implements http.Handler.
func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if k.holds.Load() {
		drain(r)
		select {
		case k.entered <- struct{}{}:
		default:
		}
		<-r.Context().Done()
		return
	}
	raw := &strings.Builder{}
	r.Body = io.NopCloser(io.TeeReader(r.Body, raw))
	c, ok := k.arrive(r)
	if !ok {
		return
	}
	last := k.fuse.Load() >= 0 && k.fuse.Add(-1) == -1
	if last && !k.answers.Load() {
		k.strike(c)
		<-r.Context().Done() // it has gone: it cannot have marked anything
		return
	}
	k.accept(c)
	r.Body = io.NopCloser(strings.NewReader(raw.String()))
	k.hooks.ServeHTTP(w, r)
	if last {
		_ = http.NewResponseController(w).Flush()
		k.strike(c)
	}
}

// strike ends the process as a power cut would.
func (k *killer) strike(c chaosCall) {
	_ = k.victim.Load().Kill()
	k.struck <- fmt.Sprintf("%s;%d", c.lane, c.n)
}

// TestChaosOfKills ends the process between commit and call, and between call and
// mark, while users write: nothing is lost, the order of each lane holds, and what
// is told again has the id it had (webhook-delivery.md 6.3 to 6.5).
func TestChaosOfKills(t *testing.T) {
	t.Parallel()
	onChaosStores(t, func(t *testing.T, bin string, env ...string) {
		rounds := 3
		if testing.Short() || len(env) > 0 { // on PostgreSQL each restart waits until the lease of the dead process is over
			rounds = 1
		}
		chaosOfKills(t, bin, rounds, env...)
	})
}

func chaosOfKills(t *testing.T, bin string, rounds int, env ...string) {
	k := &killer{ledger: newLedger(), hooks: imtest.ReceiveHooks(t), struck: make(chan string, 1), entered: make(chan struct{}, 1)}
	k.fuse.Store(-1)
	address := freePort(t)
	p := newProcess(t, bin, append(env, chaosSchedule, "PARLEY_WEBHOOKS_URL=http://"+address,
		"PARLEY_WEBHOOKS_ENABLE=afterSendSingleMsg,afterSendGroupMsg", "PARLEY_WEBHOOKS_HOLD=-1")...)
	start := func() {
		p.start()
		k.victim.Store(p.cmd.Process)
	}
	start()
	senders := prepare(t, p)
	c := imtest.NewCaller("http://"+p.api, secret)
	write := func() (end func()) { // users write until end returns
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for _, s := range senders {
			wg.Go(func() {
				if err := s.run("ws://"+p.ws, stop); err != nil {
					t.Error(err)
				}
			})
		}
		return func() { close(stop); wg.Wait() }
	}
	committed := func() { // events that have not been told
		e := chaosEndpoint(t, c, "main")
		at := e.Waiting + e.Retrying
		eventually(t, "more events wait", func() bool { e := chaosEndpoint(t, c, "main"); return e.Waiting+e.Retrying >= at+20 })
	}

	// Nobody listens: the process ends between commit and call.
	for range rounds {
		end := write()
		committed()
		p.kill()
		start()
		end()
	}
	// The call is taken, and hears nothing.
	k.holds.Store(true)
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	receiver := &httptest.Server{Listener: ln, Config: &http.Server{Handler: k}}
	receiver.Start()
	t.Cleanup(func() { p.kill(); receiver.Close() })
	for range rounds {
		end := write()
		select {
		case <-k.entered:
		case <-time.After(chaosPatience):
			t.Fatal("no call")
		}
		committed()
		p.kill()
		k.holds.Store(false) // the next process is heard, until its first calls have been
		start()
		end()
		before := k.count()
		k.wait(t, "calls after the restart", func() bool { return k.calls > before })
		k.holds.Store(true)
	}
	p.kill()
	k.holds.Store(false)
	start()

	// The call is read: the process ends before the answer, or just after it.
	for round := range 2 * rounds {
		answers := round%2 == 1
		k.answers.Store(answers)
		end := write()
		k.fuse.Store(rand.Int64N(40)) // which call it is varies
		var place string
		select {
		case place = <-k.struck:
		case <-time.After(chaosPatience):
			t.Fatal("the process was not ended by its call")
		}
		k.mu.Lock()
		first := k.seen[place]
		k.mu.Unlock()
		p.kill()
		start()
		end()
		if !answers { // it must come again; arrive looks at its id
			k.wait(t, place+" again", func() bool { return k.seen[place].again > first.again })
		}
	}
	compare(t, p, senders, k.hooks)
	k.check(t, "main")
	k.mu.Lock()
	defer k.mu.Unlock()
	for lane, list := range k.accepted {
		for i, c := range list {
			if c.n != int64(i+1) {
				t.Fatalf("%s: place %d holds number %d", lane, i+1, c.n)
			}
		}
	}
}
