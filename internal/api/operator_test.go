package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// testHost is the process around the tests.
func testHost() Host {
	return Host{
		Version: "1.2.3", Settings: func() ([]byte, error) { return []byte(`{"secret":"(hidden)"}`), nil },
		Metrics: func() string { return "0.0.0.0:10003" }, Dashboard: "http://grafana.test/d",
	}
}

func operatorScenarios() []scenario {
	const (
		list   = "/config/get_config_list"
		get    = "/config/get_config"
		set    = "/config/set_config"
		reset  = "/config/reset_config"
		enable = "/config/set_enable_config_manager"
		state  = "/config/get_enable_config_manager"
		again  = "/restart"
	)
	one := func(name, as, path, body string) scenario { return scenario{name, nil, request{as, path, body}} }
	return []scenario{
		one("any body", admin, list, `{}`),
		one("by a user", "alice", list, `{}`),
		one("the one", admin, get, `{"configName":"parley.yml"}`),
		one("unknown", admin, get, `{"configName":"kafka.yml"}`),
		one("by a user", "alice", get, `{"configName":"parley.yml"}`),
		one("refused", admin, set, `{"configName":"parley.yml","data":"{}"}`),
		one("by a user", "alice", set, `{"configName":"parley.yml","data":"{}"}`),
		one("refused", admin, reset, `{}`),
		one("by a user", "alice", reset, `{}`),
		one("refused", admin, enable, `{"enable":true}`),
		one("by a user", "alice", enable, `{"enable":true}`),
		one("off", admin, state, `{}`),
		one("by a user", "alice", state, `{}`),
		one("refused", admin, again, `{}`),
		one("by a user", "alice", again, `{}`),
	}
}

// TestRightsBeforeBody: whoever may not use these routes learns nothing about bodies.
func TestRightsBeforeBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := 0
	for _, e := range w.api.table {
		if !e.adminsFirst {
			continue
		}
		n++
		for _, body := range []string{"", "{", `{"configName":1}`} {
			status, answer, _ := w.send("POST", e.path, body, w.plain("alice"))
			if status != 200 || string(answer) != `{"errCode":1002,"errMsg":"NoPermissionError","errDlt":"only for administrators"}` {
				t.Errorf("%s %q: HTTP %d %s", e.path, body, status, answer)
			}
		}
		if status, answer, _ := w.send("POST", e.path, "{", w.plain(admin)); strings.Contains(string(answer), "JSON") == e.bodyless {
			t.Errorf("%s as an administrator: HTTP %d %s", e.path, status, answer)
		}
	}
	if n != 7 {
		t.Errorf("%d routes", n)
	}
}

func TestDashboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	get := func(a *API) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		a.ServeHTTP(rec, httptest.NewRequest("GET", "/third/prometheus", nil))
		return rec
	}
	if rec := get(w.api); rec.Code != http.StatusFound || rec.Header().Get("Location") != "http://grafana.test/d" || rec.Body.Len() != 0 {
		t.Errorf("HTTP %d to %q: %s", rec.Code, rec.Header().Get("Location"), rec.Body)
	}
	if rec := get(New(Options{})); rec.Code != 200 || !strings.HasPrefix(rec.Body.String(), `{"errCode":1004,`) {
		t.Errorf("without one: HTTP %d %s", rec.Code, rec.Body)
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	at := func(address string) *API {
		return New(Options{Host: Host{Metrics: func() string { return address }}})
	}
	for _, c := range []struct{ name, address, host, path, want string }{
		{"an address", "127.0.0.1:10003", "im.test:10002", "api", `[{"targets":["127.0.0.1:10003"],"labels":{"namespace":"default"}}]`},
		{"all addresses", "0.0.0.0:10003", "im.test:10002", "api", `[{"targets":["im.test:10003"],"labels":{"namespace":"default"}}]`},
		{"no host", ":10003", "im.test", "api", `[{"targets":["im.test:10003"],"labels":{"namespace":"default"}}]`},
		{"IPv6", "[::]:10003", "[2001:db8::1]:10002", "api", `[{"targets":["[2001:db8::1]:10003"],"labels":{"namespace":"default"}}]`},
		{"not listening yet", "", "im.test", "api", `[]`},
		{"a part of the same process", "127.0.0.1:10003", "im.test", "msg_gateway", `[]`},
	} {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/prometheus_discovery/"+c.path, nil)
		r.Host = c.host
		at(c.address).ServeHTTP(rec, r)
		if rec.Code != 200 || rec.Body.String() != c.want || rec.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: HTTP %d %s", c.name, rec.Code, rec.Body)
		}
	}
	n := 0
	a := New(Options{})
	for _, e := range a.table {
		if name, ok := strings.CutPrefix(e.path, "/prometheus_discovery/"); ok {
			rec := httptest.NewRecorder()
			if a.ServeHTTP(rec, httptest.NewRequest("GET", e.path, nil)); rec.Body.String() != "[]" {
				t.Errorf("%s: %s", name, rec.Body)
			}
			n++
		}
	}
	if n != 11 {
		t.Errorf("%d parts", n)
	}
	rec := httptest.NewRecorder()
	if a.ServeHTTP(rec, httptest.NewRequest("GET", "/prometheus_discovery/other", nil)); rec.Code != 404 {
		t.Errorf("an unknown part: HTTP %d", rec.Code)
	}
}
