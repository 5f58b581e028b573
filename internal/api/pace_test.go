package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
	"parley/internal/pace"
)

// slow is a pace at which nothing comes back while a test runs.
func slow(burst int) pace.Limit { return pace.Limit{PerSecond: 1, Burst: burst} }

// many sends a request n times and returns the codes of the answers and the last answer.
func many(w *world, n int, path, as, addr string) (codes []int, last *httptest.ResponseRecorder) {
	h := http.Header{"Operationid": {"op-1"}}
	if as != "" {
		h = w.plain(as)
	}
	for range n {
		r := httptest.NewRequest("POST", path, strings.NewReader(usersBody))
		r.Header, r.RemoteAddr = h.Clone(), addr
		last = httptest.NewRecorder()
		w.api.ServeHTTP(last, r)
		codes = append(codes, last.Code)
	}
	return codes, last
}

// wantPace wants so many requests to pass and the rest to be refused in the protocol's form.
func wantPace(t *testing.T, name string, codes []int, last *httptest.ResponseRecorder, passed int, text string, burst int) {
	t.Helper()
	want := slices.Concat(slices.Repeat([]int{200}, passed), slices.Repeat([]int{429}, len(codes)-passed))
	if d := cmp.Diff(want, codes); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
	if passed == len(codes) {
		return
	}
	body := fmt.Sprintf(`{"errCode":429,"errMsg":"TooManyRequests","errDlt":%q}`, text)
	h := last.Header()
	if last.Body.String() != body || h.Get("Retry-After") != "1" || h.Get("X-RateLimit-Limit") != fmt.Sprint(burst) ||
		h.Get("X-RateLimit-Remaining") != "0" || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Content-Type") != "application/json" {
		t.Errorf("%s: %s, %v", name, last.Body, h)
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	const (
		here  = "192.0.2.1:1000"
		there = "192.0.2.2:1000"
		route = "too many requests of this user to this route"
		user  = "too many requests of this user"
		addr  = "too many requests from this address"
	)
	for _, c := range []struct {
		name string
		pace Pace
		play func(t *testing.T, w *world)
	}{
		{"user", Pace{PerUser: slow(3)}, func(t *testing.T, w *world) {
			codes, last := many(w, 5, usersPath, "alice", here)
			wantPace(t, "alice", codes, last, 3, user, 3)
			codes, last = many(w, 1, "/group/get_groups", "alice", there)
			wantPace(t, "alice elsewhere", codes, last, 0, user, 3)
			codes, last = many(w, 3, usersPath, "bob", here)
			wantPace(t, "bob", codes, last, 3, "", 0)
			codes, last = many(w, 9, usersPath, admin, here)
			wantPace(t, "an administrator", codes, last, 9, "", 0)
		}},
		{"route", Pace{PerRoute: slow(2), Routes: map[string]pace.Limit{"/group/get_groups": slow(1), "/msg/get_server_time": {}}}, func(t *testing.T, w *world) {
			codes, last := many(w, 4, usersPath, "alice", here)
			wantPace(t, "alice", codes, last, 2, route, 2)
			codes, last = many(w, 2, "/group/get_groups", "alice", here)
			wantPace(t, "a route with a limit of its own", codes, last, 1, route, 1)
			codes, last = many(w, 9, "/msg/get_server_time", "alice", here)
			wantPace(t, "a route without", codes, last, 9, "", 0)
			codes, last = many(w, 2, usersPath, "bob", here)
			wantPace(t, "bob", codes, last, 2, "", 0)
			codes, last = many(w, 9, usersPath, admin, here)
			wantPace(t, "an administrator", codes, last, 9, "", 0)
		}},
		{"address", Pace{PerAddress: slow(4)}, func(t *testing.T, w *world) {
			codes, last := many(w, 2, usersPath, "alice", here)
			wantPace(t, "alice", codes, last, 2, "", 0)
			codes, last = many(w, 1, "/auth/parse_token", "", here)
			wantPace(t, "without a token", codes, last, 1, "", 0)
			codes, last = many(w, 2, usersPath, "bob", here)
			wantPace(t, "bob", codes, last, 1, addr, 4)
			codes, last = many(w, 1, "/auth/parse_token", "", here)
			wantPace(t, "public", codes, last, 0, addr, 4)
			codes, last = many(w, 2, usersPath, "bob", there)
			wantPace(t, "bob elsewhere", codes, last, 2, "", 0)
			codes, last = many(w, 9, usersPath, admin, here)
			wantPace(t, "an administrator", codes, last, 9, "", 0)
			codes, last = many(w, 9, usersPath, "alice", "@")
			wantPace(t, "without an address", codes, last, 9, "", 0)
		}},
		{"none", Pace{}, func(t *testing.T, w *world) {
			codes, last := many(w, 50, usersPath, "alice", here)
			wantPace(t, "alice", codes, last, 50, "", 0)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.play(t, newWorld(t, func(o *Options) { o.Pace = c.pace }))
		})
	}
}

// TestPaceOfBadTokens: who tries tokens is slowed down, and learns nothing then.
func TestPaceOfBadTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Pace = Pace{PerAddress: slow(2)} })
	h := http.Header{"Operationid": {"op-1"}, "Token": {w.forged("foreign")}}
	for i, want := range []string{`{"errCode":1505`, `{"errCode":1505`, `{"errCode":429`} {
		if rec := do(w.api, "192.0.2.1:1", h, usersBody); !strings.HasPrefix(rec.Body.String(), want) {
			t.Errorf("attempt %d: %s", i, rec.Body)
		}
	}
	// A database that fails is nobody's fault.
	f := &fake{authenticate: func(context.Context, string) (im.Credential, error) { return im.Credential{}, fmt.Errorf("disk") }}
	w = newWorld(t, with(f), func(o *Options) { o.Pace = Pace{PerAddress: slow(1)} })
	for range 3 {
		if rec := do(w.api, "192.0.2.1:1", h, usersBody); rec.Code != 200 {
			t.Errorf("HTTP %d %s", rec.Code, rec.Body)
		}
	}
}

// TestPaceOfService: a limit that only the service can keep is told in the same form.
func TestPaceOfService(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	f := &fake{users: func(context.Context, []string) ([]im.User, error) {
		return nil, im.Errorf(im.TooMany, "x", "too many messages into this group")
	}}
	w := newWorld(t, with(f), func(o *Options) { o.Metrics, o.Pace = reg, Pace{PerUser: slow(2)} })
	h := w.plain("alice")
	for range 3 {
		rec := do(w.api, "192.0.2.1:1", h, usersBody)
		if rec.Code != 429 || rec.Header().Get("Retry-After") != "1" || !strings.HasPrefix(rec.Body.String(), `{"errCode":429,"errMsg":"TooManyRequests","errDlt":"too many `) {
			t.Errorf("HTTP %d %s", rec.Code, rec.Body)
		}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			switch f.GetName() {
			case "parley_api_limited_total":
				got[m.Label[0].GetValue()] = m.Counter.GetValue()
			case "parley_api_limit_keys":
				got["keys of "+m.Label[0].GetValue()] = m.Gauge.GetValue()
			}
		}
	}
	want := map[string]float64{"group": 2, "user": 1, "keys of user": 1, "keys of address": 0, "keys of route": 0}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("metrics (-want +got):\n%s", d)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]int{0: 1, time.Millisecond: 1, time.Second: 1, time.Second + 1: 2, time.Minute: 60} {
		if got := retryAfter(wait); got != want {
			t.Errorf("%v: %d, want %d", wait, got, want)
		}
	}
}
