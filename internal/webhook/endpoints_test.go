package webhook

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// extra is an endpoint of the store.
func extra(id string) im.Endpoint {
	return im.Endpoint{ID: id, URL: "http://" + id + ".test/in", Secrets: []im.EndpointSecret{{Key: testSecret}}, UpdatedAt: 1}
}

// apply gives the dispatcher endpoints beside the main one.
func (b *bundle) apply(version int64, endpoints ...im.Endpoint) {
	b.Helper()
	if err := b.d.Apply(&Snapshot{Config: b.d.config(), Endpoints: endpoints, Version: version}); err != nil {
		b.Fatal(err)
	}
}

func host(c *call) string {
	h, _, _ := strings.Cut(strings.TrimPrefix(c.url, "http://"), "/")
	return h
}

func TestEndpointsApart(t *testing.T) {
	t.Parallel()
	bubble(t, "one that hangs and one that fails among fifty change nobody else's lag", func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) {
			switch host(c) {
			case "ep_0.test":
				time.Sleep(5 * time.Second)
				return nil, fmt.Errorf("no answer")
			case "ep_1.test":
				return answer(500), nil
			}
			return nil, nil
		})
		b.cfg.MaxLoaded = 128 // 16 of each endpoint
		var all []im.Endpoint
		for i := range 50 {
			all = append(all, extra(fmt.Sprint("ep_", i)))
		}
		b.start()
		b.apply(1, all...)
		worst := time.Duration(0)
		for n := range 100 {
			at := time.Since(b.recv.start)
			for i := range 50 {
				b.box.add(im.Event{Endpoint: fmt.Sprint("ep_", i), Lane: fmt.Sprint("lane", n%40), EventID: fmt.Sprintf("%d of %d at %d", n, i, at)}, nil)
			}
			b.d.Wake()
			time.Sleep(50 * time.Millisecond)
		}
		after(time.Second)
		accepted := map[string]int{}
		for _, c := range b.recv.seen() {
			if c.status == 200 {
				var n, i int
				var at time.Duration
				fmt.Sscanf(c.id, "%d of %d at %d", &n, &i, &at)
				worst = max(worst, c.at-at)
				accepted[host(&c)]++
			}
		}
		for i := 2; i < 50; i++ {
			if n := accepted[fmt.Sprintf("ep_%d.test", i)]; n != 100 {
				t.Errorf("endpoint %d got %d events", i, n)
			}
		}
		if worst > 10*time.Millisecond {
			t.Errorf("lag of a healthy endpoint: %v", worst)
		}
		b.stop()
	})
	bubble(t, "one that was behind catches up in order, and is read with the others again", func(t *testing.T) {
		open := make(chan struct{})
		b := setup(t, func(c *call) (*http.Response, error) {
			if host(c) == "ep_a.test" {
				<-open
			}
			return nil, nil
		})
		b.cfg.MaxLoaded = 64
		b.start()
		b.apply(1, extra("ep_a"))
		want := map[string][]string{}
		put := func(endpoint, lane string) {
			e := b.box.add(im.Event{Endpoint: endpoint, Lane: lane}, nil)
			key := endpoint + lane
			want[key] = append(want[key], e.EventID)
		}
		for n := range 500 {
			put("ep_a", fmt.Sprint("lane", n%5))
			put("", fmt.Sprint("lane", n%5))
			b.d.Wake()
			time.Sleep(time.Millisecond)
		}
		close(open)
		after(30 * time.Second)
		for range 3 {
			put("ep_a", "lane0")
			put("", "lane0")
		}
		b.d.Wake()
		after(5 * time.Millisecond)
		got := map[string][]string{}
		for _, c := range b.recv.seen() {
			endpoint := strings.TrimSuffix(strings.TrimPrefix(host(&c), "receiver"), ".test")
			got[endpoint+c.lane] = append(got[endpoint+c.lane], c.id)
		}
		equal(t, "by endpoint and lane", got, want)
		after(time.Second)
		equal(t, "rows", b.box.len(), 0)
		b.stop()
	})
	bubble(t, "removed and changed", func(t *testing.T) {
		b := setup(t, nil)
		b.start()
		a := extra("ep_a")
		b.apply(1, a)
		b.box.add(im.Event{Endpoint: "ep_a", Lane: "x"}, nil)
		after(2 * time.Second)
		a.URL, a.UpdatedAt = "http://moved.test", 2
		b.apply(2, a)
		b.box.add(im.Event{Endpoint: "ep_a", Lane: "x"}, nil)
		after(2 * time.Second)
		a.DeletedAt = 3
		b.apply(3, a)
		b.box.add(im.Event{Endpoint: "ep_a", Lane: "x"}, nil)
		after(2 * time.Second)
		var got []string
		for _, c := range b.recv.seen() {
			got = append(got, host(&c))
		}
		equal(t, "hosts", got, []string{"ep_a.test", "moved.test"})
		equal(t, "rows", b.box.len(), 1)
		b.stop()
	})
}

func TestPauseIsKept(t *testing.T) {
	t.Parallel()
	bubble(t, "written, not undone by old news, ended by new ones", func(t *testing.T) {
		b := setup(t, script(map[string][]int{"evt_1": {410}}))
		b.box.addN("a", 3)
		b.start()
		after(time.Second)
		equal(t, "written", b.box.paused, map[string]string{im.MainEndpoint: "the receiver answered 410"})
		b.apply(0) // read before the pause was written
		b.apply(0, im.Endpoint{ID: im.MainEndpoint})
		after(time.Minute)
		equal(t, "attempts", len(b.recv.seen()), 1)
		b.apply(2, im.Endpoint{ID: im.MainEndpoint})
		after(time.Second)
		equal(t, "rows", b.box.len(), 0)
		b.stop()
	})
	bubble(t, "a restart finds it", func(t *testing.T) {
		b := setup(t, nil)
		b.box.addN("a", 1)
		cfg := b.cfg
		d, err := New(Options{Config: cfg, Outbox: b.box, Decode: decodeText, Transport: b.recv})
		if err != nil {
			t.Fatal(err)
		}
		b.d = d
		b.apply(5, im.Endpoint{ID: im.MainEndpoint, PausedAt: 1, PausedReason: "x"})
		if err := d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		equal(t, "attempts", len(b.recv.seen()), 0)
		b.stop()
	})
	bubble(t, "what waited is sent at a rate, and what is new at once", func(t *testing.T) {
		b := setup(t, nil)
		b.cfg.ResumeRate = 10
		b.start()
		b.apply(1, im.Endpoint{ID: im.MainEndpoint, PausedAt: 1})
		for i := range 100 {
			b.box.addN(fmt.Sprint("lane", i%10), 1)
		}
		after(time.Second)
		b.resume()
		after(5 * time.Second)
		if n := len(b.recv.seen()); n < 48 || n > 54 {
			t.Errorf("%d events in five seconds at ten a second", n)
		}
		at := time.Since(b.recv.start)
		b.box.add(im.Event{Lane: "new", EventID: "new"}, nil)
		b.d.Wake()
		after(100 * time.Millisecond)
		if got := times(b.recv.seen(), "new"); len(got) != 1 || got[0]-at > 10*time.Millisecond {
			t.Errorf("the new one, made at %v, was sent at %v", at, got)
		}
		after(10 * time.Second)
		equal(t, "rows", b.box.len(), 0)
		b.stop()
	})
	bubble(t, "a rate of one's own", func(t *testing.T) {
		b := setup(t, nil)
		b.cfg.Rate = 20
		for i := range 100 {
			b.box.addN(fmt.Sprint("lane", i%50), 1)
		}
		b.start()
		after(2 * time.Second)
		if n := len(b.recv.seen()); n < 39 || n > 44 {
			t.Errorf("%d events in two seconds at twenty a second", n)
		}
		after(4 * time.Second)
		equal(t, "rows", b.box.len(), 0)
		b.stop()
	})
}

func TestLogOfAttempts(t *testing.T) {
	t.Parallel()
	bubble(t, "failures and the end", func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) {
			time.Sleep(20 * time.Millisecond)
			if c.attempt == 1 {
				return answer(503), nil
			}
			return nil, nil
		})
		b.box.addN("a", 1)
		b.start()
		start := time.Now().UnixMilli()
		after(10 * time.Second)
		b.stop()
		equal(t, "failures", b.box.attempts["evt_1"], []store.Attempt{{Number: 1, At: start, Status: 503, Took: 20, Error: "status 503", Answer: []byte{}}})
		got := b.box.log["evt_1"]
		equal(t, "end", []any{got.Outcome, got.Attempts, got.Last.Number, got.Last.Status, got.Last.Took}, []any{store.Delivered, 2, 2, 200, int64(20)})
	})
	bubble(t, "a replay begins the schedule anew and goes on counting", func(t *testing.T) {
		b := setup(t, func(*call) (*http.Response, error) { return answer(500), nil })
		b.cfg.Schedule = b.cfg.Schedule[:2]
		e := b.box.add(im.Event{Lane: "a"}, nil)
		b.start()
		after(time.Minute)
		b.box.set(func() {
			r := b.box.rows[e.ID]
			equal(t, "dead", []any{r.Dead, r.Attempts}, []any{true, 2})
			r.Dead, r.Base, r.FailedAt, r.NextAt = false, r.Attempts, 0, time.Now().UnixMilli()
		})
		after(time.Minute)
		b.stop()
		var numbers []int
		for _, c := range b.recv.seen() {
			numbers = append(numbers, c.attempt)
		}
		equal(t, "attempts", numbers, []int{1, 2, 3, 4})
		row, _, _ := b.box.row(e.EventID)
		equal(t, "dead again", row.Dead, true)
	})
}

func TestSamplesOfAllCommands(t *testing.T) {
	t.Parallel()
	for _, cmd := range im.Commands() {
		body, key := Sample(cmd, "op", time.Now())
		if !strings.Contains(string(body), `"callbackCommand":"`+cmd.String()+`"`) {
			t.Errorf("%s: %s", cmd, body)
		}
		if cmd.CarriesMessage() != (key != "") {
			t.Errorf("%s: key %q", cmd, key)
		}
	}
}

func TestRoutesOfEndpoints(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.URL = "http://main.test"
	cfg.Rules = map[im.Command]Rule{im.AfterSendGroupMsg: {Enabled: true}}
	endpoint := func(id string, f im.EndpointFilter) im.Endpoint { return im.Endpoint{ID: id, EndpointFilter: f} }
	gone := endpoint("ep_gone", im.EndpointFilter{})
	gone.DeletedAt = 1
	r := newRoutes(&Snapshot{Config: &cfg, Endpoints: []im.Endpoint{
		{ID: im.MainEndpoint, PausedAt: 1},
		gone,
		endpoint("ep_all", im.EndpointFilter{}),
		endpoint("ep_online", im.EndpointFilter{Commands: []im.Command{im.AfterUserOnline}}),
		endpoint("ep_text", im.EndpointFilter{ContentTypes: []im.TypeRange{{First: 101, Last: 101}}}),
		endpoint("ep_notext", im.EndpointFilter{Denied: []im.TypeRange{{First: 100, Last: 105}}}),
		endpoint("ep_ann", im.EndpointFilter{Senders: []string{"ann"}}),
		endpoint("ep_bob", im.EndpointFilter{Receivers: []string{"bob"}}),
		endpoint("ep_club", im.EndpointFilter{Groups: []string{"club"}, Commands: []im.Command{im.AfterSendGroupMsg}}),
	}})
	text := &im.Message{SendID: "ann", GroupID: "club", SessionType: im.SessionGroup, ContentType: im.ContentText}
	equal(t, "text in a group", r.routeMessage(im.AfterSendGroupMsg, text), []string{"", "ep_all", "ep_text", "ep_ann", "ep_club"})
	picture := &im.Message{SendID: "bob", RecvID: "bob", SessionType: im.SessionSingle, ContentType: 110}
	equal(t, "other type", r.routeMessage(im.AfterSendSingleMsg, picture), []string{"ep_all", "ep_notext", "ep_bob"})
	equal(t, "online", r.route(im.AfterUserOnline, im.About{SendID: "carol"}), []string{"ep_all", "ep_online", "ep_text", "ep_notext"})
	notice := &im.Message{SendID: "ann", GroupID: "club", SessionType: im.SessionGroup, ContentType: 1501}
	equal(t, "notification", r.routeMessage(im.AfterSendGroupMsg, notice), []string(nil))
	equal(t, "the shared answer", mainOnly, []string{""})
}
