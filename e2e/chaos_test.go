package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/imtest"
	"parley/internal/im"
)

// onChaosStores runs a test of the program on both stores.
func onChaosStores(t *testing.T, fn func(t *testing.T, bin string, env ...string)) {
	bin := build(t)
	t.Run("sqlite", func(t *testing.T) { fn(t, bin) })
	if !testing.Short() {
		t.Run("postgres", func(t *testing.T) { fn(t, bin, postgresEnv(t)) })
	}
	http.DefaultClient.CloseIdleConnections()
}

// trouble is a receiver that does something else with the first event of each lane
// than to answer it well. bad answers a call whose body has been read.
type trouble struct {
	name     string
	succeeds bool // it is a 2xx all the same, and the event is not sent again
	once     bool // with the first call of all only
	bad      func(w http.ResponseWriter, r *http.Request)
}

// largeAnswer is the size of the answer of the receiver that does not stop.
const largeAnswer = 1 << 30

// TestChaosOfReceivers has one receiver of each bad kind beside a good one
// (webhook-delivery.md 6.4, 6.5, 6.7): each is told of everything in order, as often
// as its answers ask for, and the server's memory does not grow with what they say.
// A name that turns to a private address is in internal/webhook,
// TestNameThatTurnsPrivate: there the test is the resolver.
func TestChaosOfReceivers(t *testing.T) { onChaosStores(t, chaosOfReceivers) }

func chaosOfReceivers(t *testing.T, bin string, env ...string) {
	var largest atomic.Int64 // what the server took of the largest answer
	status := func(code int, header ...string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	raw := func(text string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = io.WriteString(c, text)
				c.Close()
			}
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	slowly := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	}
	huge := func(w http.ResponseWriter, _ *http.Request) {
		chunk, written := make([]byte, 1<<20), int64(0)
		for written < largeAnswer {
			n, err := w.Write(chunk)
			written += int64(n)
			if err != nil {
				break
			}
		}
		for old := largest.Load(); written > old && !largest.CompareAndSwap(old, written); old = largest.Load() {
		}
	}
	page := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><body>It works!</body></html>")
	}
	kinds := []trouble{
		{name: "hangs", bad: hang},
		{name: "slow", succeeds: true, bad: slowly},
		{name: "huge", succeeds: true, bad: huge},
		{name: "moved", bad: status(301, "Location", "/elsewhere/")},
		{name: "gone", once: true, bad: status(410)},
		{name: "busy", bad: status(429, "Retry-After", "3")},
		{name: "broken", bad: status(500)},
		{name: "garbage", bad: raw("\x00\xffnot HTTP\r\n\r\n")},
		{name: "closes", bad: raw("")},
		{name: "page", succeeds: true, bad: page},
	}
	ledgers := map[string]*ledger{"main": newLedger(), "down": newLedger()}
	mux := http.NewServeMux()
	serve := func(k trouble) http.Handler {
		l := ledgers[k.name]
		var spent atomic.Bool // of a trouble that comes once
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, ok := l.arrive(r)
			if !ok {
				return
			}
			bad := k.bad != nil && c.n == 1 && c.again == 0 && (!k.once || spent.CompareAndSwap(false, true))
			if !bad || k.succeeds {
				l.accept(c)
			}
			if bad {
				k.bad(w, r)
			}
		})
	}
	for _, k := range kinds {
		ledgers[k.name] = newLedger()
		mux.Handle("/"+k.name+"/", serve(k))
	}
	mux.Handle("/main/", serve(trouble{name: "main"}))
	var strayed atomic.Int32
	mux.HandleFunc("/elsewhere/", func(_ http.ResponseWriter, r *http.Request) { drain(r); strayed.Add(1) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)

	admin, down := freePort(t), freePort(t)
	p := newProcess(t, bin, append(env, chaosSchedule, "PARLEY_WEBHOOKS_URL="+srv.URL+"/main", "PARLEY_WEBHOOKS_ENABLE=afterSendSingleMsg",
		"PARLEY_WEBHOOKS_HOLD=-1", "PARLEY_WEBHOOKS_ALLOW_PRIVATE=true", "PARLEY_ADMIN_LISTEN="+admin)...)
	p.start()
	c := imtest.NewCaller("http://"+p.api, secret)
	endpoints := map[string]string{} // id by name
	add := func(name, url string) {
		var made struct{ EndpointID string }
		must(t, c.AsAdmin("/webhook/add_endpoint", imtest.H{"url": url, "commands": []string{"afterSendSingleMsg"}}, &made))
		if endpoints[name] = made.EndpointID; endpoints[name] == "" {
			t.Fatalf("endpoint %s has no id", name)
		}
	}
	add("down", "http://"+down+"/down")
	for _, k := range kinds {
		add(k.name, srv.URL+"/"+k.name)
	}
	before := resident(t, p)
	const lanes, each = 4, 12
	want := chaosMessages(t, p, c, "calm", lanes, each)

	// It is down until the server has found that out.
	eventually(t, "the closed port is tried", func() bool { return metric(t, admin, `parley_webhook_attempts_total\{class="connect"[^}]*\}`) > 0 })
	ln, err := net.Listen("tcp", down)
	if err != nil {
		t.Fatal(err)
	}
	up := &httptest.Server{Listener: ln, Config: &http.Server{Handler: serve(trouble{name: "down"})}}
	up.Start()
	t.Cleanup(up.Close)

	// 410 pauses, and loses nothing.
	eventually(t, "410 pauses", func() bool { e := chaosEndpoint(t, c, endpoints["gone"]); return e.PauseTime != 0 })
	if e := chaosEndpoint(t, c, endpoints["gone"]); e.Waiting+e.Retrying == 0 || e.Dead != 0 {
		t.Errorf("of the paused endpoint wait %d, are retried %d, dead %d", e.Waiting, e.Retrying, e.Dead)
	}
	must(t, c.AsAdmin("/webhook/resume_endpoint", imtest.H{"endpointID": endpoints["gone"]}, nil))

	ids := make(map[string][]string) // of each lane's events, which all endpoints see
	for name, l := range ledgers {
		l.wait(t, name, func() bool {
			for lane := range want {
				if len(l.accepted[lane]) < each {
					return false
				}
			}
			return true
		})
		for lane, messages := range want {
			got, eventIDs := l.sent(lane)
			if !slices.Equal(got, messages) {
				t.Errorf("%s, %s: told of %v, sent were %v", name, lane, got, messages)
			}
			if ids[lane] == nil {
				ids[lane] = eventIDs
			}
			if !slices.Equal(ids[lane], eventIDs) {
				t.Errorf("%s, %s: the events are %v here and %v elsewhere", name, lane, eventIDs, ids[lane])
			}
		}
	}
	for name, id := range endpoints {
		eventually(t, name+" has nothing left", func() bool {
			e := chaosEndpoint(t, c, id)
			return e.Waiting+e.Retrying+e.Dead == 0
		})
	}
	for _, k := range kinds { // everything has been told: the numbers do not change any more
		l, calls := ledgers[k.name], lanes*each
		switch {
		case k.once:
			calls++
		case !k.succeeds:
			calls += lanes
		}
		if n := l.count(); n != calls {
			t.Errorf("%s: %d calls, want %d", k.name, n, calls)
		}
	}
	for name, l := range ledgers {
		l.check(t, name)
	}
	checkRetryAfter(t, ledgers["busy"], 3*time.Second)
	if n := strayed.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
	if n := metric(t, admin, "parley_webhook_events_dropped_total"); n != 0 {
		t.Errorf("%v events were dropped", n)
	}
	// Beside the buffers of a connection nothing is taken of an answer that does not end.
	if n := largest.Load(); n == 0 || n > largeAnswer/8 {
		t.Errorf("%d bytes of an answer were taken", n)
	}
	if grown := resident(t, p) - before; grown > 128<<20 {
		t.Errorf("the memory has grown by %d MiB", grown>>20)
	}
}

// checkRetryAfter: the second call of what was refused came no earlier than the
// receiver had asked for. The receiver's clock runs from before its answer; the
// server keeps the moment in milliseconds.
func checkRetryAfter(t *testing.T, l *ledger, asked time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for lane, list := range l.accepted {
		first := list[0]
		if first.attempt != 2 || first.again != 1 || first.waited < asked-time.Millisecond {
			t.Errorf("%s: attempt %d came %v after the first one", lane, first.attempt, first.waited)
		}
	}
}

// chaosMessages sends messages in some conversations of new users at the same time,
// and returns the ids of those of each lane in their order.
func chaosMessages(t *testing.T, p *process, c *imtest.Caller, users string, lanes, each int) map[string][]string {
	t.Helper()
	out := make(map[string][]string)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range lanes {
		from, to := fmt.Sprint(users, i), fmt.Sprint("to", users, i)
		must(t, c.Register(from, to))
		token, err := c.UserToken(from, im.PlatformAndroid)
		must(t, err)
		wg.Go(func() {
			client, err := imtest.Dial(t.Context(), "ws://"+p.ws, from, imtest.DialOptions{Token: token})
			if err != nil {
				t.Error(err)
				return
			}
			defer client.Close()
			for n := range each {
				r, err := client.Send(client.Text(to, "", fmt.Sprint(n)))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				lane := im.SingleConversationID(from, to)
				out[lane] = append(out[lane], r.ServerMsgID)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return out
}

type chaosEndpointState struct {
	EndpointID              string
	PauseTime               int64
	Waiting, Retrying, Dead int64
}

func chaosEndpoint(t *testing.T, c *imtest.Caller, id string) chaosEndpointState {
	t.Helper()
	var r struct{ Endpoints []chaosEndpointState }
	must(t, c.AsAdmin("/webhook/get_endpoints", imtest.H{}, &r))
	at := slices.IndexFunc(r.Endpoints, func(e chaosEndpointState) bool { return e.EndpointID == id })
	if at < 0 {
		t.Fatalf("endpoint %s is not listed", id)
	}
	return r.Endpoints[at]
}

// metric returns the sum of the series that a pattern matches.
func metric(t *testing.T, admin, pattern string) (sum float64) {
	t.Helper()
	r, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^`+pattern+` (\S+)$`).FindAllSubmatch(text, -1) {
		var v float64
		if _, err := fmt.Sscan(string(m[1]), &v); err != nil {
			t.Fatal(err)
		}
		sum += v
	}
	return sum
}
