package webhook

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

// TestResumedBacklog: what was made before a pause ended is sent at the rate of a backlog,
// by whoever delivers, and what follows in its lane waits for it (webhook-delivery.md 6.7).
// The rate lets one event pass, and the next after an hour; with one attempt at a time
// a backlog that is not paced would go before what is new.
func TestResumedBacklog(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"after a restart", "after a take-over"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
				t.Parallel()
				r := newResumed(t, open)
				if name == "after a restart" {
					r.restart()
				} else {
					r.takeOver()
				}
			})
		})
	}
}

// resumed is an endpoint that is paused, resumed and delivered to by one after the other.
type resumed struct {
	*testing.T
	open    func(testing.TB) store.Store
	st      store.Store
	url     string
	arrived chan string // places, as in webhook-sequence
}

func newResumed(t *testing.T, open func(testing.TB) store.Store) *resumed {
	r := &resumed{T: t, open: open, st: open(t), arrived: make(chan string, 100)}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		r.arrived <- q.Header.Get(headerSequence)
	}))
	t.Cleanup(srv.Close)
	r.url = srv.URL
	return r
}

// begin starts a dispatcher that sends one event of a backlog in each interval.
func (r *resumed) begin(node string, interval time.Duration) (*Dispatcher, *mortal) {
	r.Helper()
	st := &mortal{Store: r.open(r)}
	cfg := Default()
	cfg.URL, cfg.Concurrency = r.url, 1
	d, err := New(Options{Config: cfg, Outbox: st, Decode: decodeText, Node: node})
	if err != nil {
		r.Fatal(err)
	}
	d.main().plan.resume = interval
	if node == "" { // without leases the endpoints are read before the start, as Registry.Start does
		list, err := r.st.Endpoints(r.Context())
		if err == nil {
			err = d.Apply(&Snapshot{Config: d.config(), Endpoints: list})
		}
		if err != nil {
			r.Fatal(err)
		}
	}
	if err := d.Start(r.Context()); err != nil {
		r.Fatal(err)
	}
	return d, st
}

func (r *resumed) end(d *Dispatcher) {
	r.Helper()
	if err := d.Stop(context.Background()); err != nil {
		r.Fatal(err)
	}
}

func (r *resumed) pause(at int64) {
	r.Helper()
	r.update(func(tx store.Tx) error { return tx.PauseEndpoint(r.Context(), im.MainEndpoint, at, "") })
}

func (r *resumed) update(fn func(store.Tx) error) {
	r.Helper()
	err := r.st.Update(r.Context(), func(tx store.Tx) error {
		if _, err := tx.RaiseWebhookVersion(r.Context()); err != nil {
			return err
		}
		return fn(tx)
	})
	if err != nil {
		r.Fatal(err)
	}
}

// add makes an event of each lane. Their time of creation is of no account.
func (r *resumed) add(lanes ...string) {
	r.Helper()
	for _, lane := range lanes {
		e := &im.Event{
			EventID: im.NewEventID(), Lane: "group:" + lane, Command: im.AfterSingleMsgRead, Body: []byte(`{}`), CreatedAt: time.Now().Add(time.Hour).UnixMilli(),
		}
		r.update(func(tx store.Tx) error { return tx.AddEvents(r.Context(), []*im.Event{e}) })
	}
}

// next returns what arrives up to a place.
func (r *resumed) next(place string) (places []string) {
	r.Helper()
	for {
		select {
		case p := <-r.arrived:
			if places = append(places, strings.TrimPrefix(p, "group:")); places[len(places)-1] == place {
				return places
			}
		case <-time.After(time.Minute):
			r.Fatalf("%s did not arrive: %v", place, places)
		}
	}
}

// backlog pauses and resumes the endpoint, with two events of each of four lanes before
// the resume and one of one of them after it.
func (r *resumed) backlog() {
	r.pause(1)
	r.add("a", "b", "c", "d", "a", "b", "c", "d")
	r.pause(0)
	r.add("d")
}

// rest has everything sent that is left, and holds the order of each lane.
func (r *resumed) rest(d *Dispatcher, sent []string) {
	r.Helper()
	for deadline := time.Now().Add(time.Minute); !allSent(r.T, r.st); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatal("the backlog is not sent within a minute")
		}
	}
	r.end(d)
	for len(r.arrived) > 0 {
		sent = append(sent, strings.TrimPrefix(<-r.arrived, "group:"))
	}
	for lane, n := range map[string]int{"a": 2, "b": 2, "c": 2, "d": 3} {
		var want []string
		for i := range n {
			want = append(want, fmt.Sprintf("%s;%d", lane, i+1))
		}
		equal(r.T, "lane "+lane, slices.DeleteFunc(slices.Clone(sent), func(p string) bool { return !strings.HasPrefix(p, lane) }), want)
	}
}

// allSent reports whether nothing is left in the outbox.
func allSent(t *testing.T, st store.Store) bool {
	b, err := st.Backlog(t.Context(), im.MainEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	return b == store.Backlog{}
}

func (r *resumed) restart() {
	r.backlog()
	var sent []string
	for run := 1; run <= 2; run++ {
		d, _ := r.begin("", time.Hour)
		r.add("new")
		got := r.next(fmt.Sprint("new;", run))
		equal(r.T, "events up to what is new", len(got), 2) // one of the backlog, and the new one
		sent = append(sent, got...)
		r.end(d)
	}
	d, _ := r.begin("", 0)
	r.rest(d, sent)
}

// takeOver has a second node go on that has heard neither of the pause nor of its end.
func (r *resumed) takeOver() {
	first, _ := r.begin("n1", time.Hour)
	r.add("new")
	r.next("new;1")
	second, st := r.begin("n2", time.Hour)
	st.dead.Store(true) // so that it takes over only when all is made
	r.end(first)
	r.backlog()
	st.dead.Store(false)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if s, _ := second.Status(im.MainEndpoint); s.Owned {
			break
		}
		if time.Now().After(deadline) {
			r.Fatal("nobody takes over within a minute")
		}
	}
	r.add("new")
	got := r.next("new;2")
	equal(r.T, "events up to what is new", len(got), 2)
	r.end(second)
	last, _ := r.begin("n3", 0)
	r.rest(last, got)
}
