package obs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLoggerHidesSecrets(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			log := NewLogger(&out, format, slog.LevelInfo)
			log.With("Token", "LEAK").WithGroup("request").Info("a message",
				"secret", "LEAK", "AUTHORIZATION", "LEAK", "user", "u1",
				slog.Group("message", "content", "LEAK", "seq", 7),
				slog.Group("secret", "inner", "LEAK"))
			got := out.String()
			if strings.Contains(got, "LEAK") {
				t.Errorf("a secret is logged: %s", got)
			}
			for _, want := range []string{"a message", "u1", "seq", hidden} {
				if !strings.Contains(got, want) {
					t.Errorf("the line lacks %q: %s", want, got)
				}
			}
			if json.Valid(out.Bytes()) != (format == "json") {
				t.Errorf("not %s: %s", format, got)
			}
		})
	}
}

func TestLevelCanBeChanged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var level slog.LevelVar
	log := NewLogger(&out, "text", &level)
	log.Debug("one")
	level.Set(slog.LevelDebug)
	log.Debug("two")
	if got := out.String(); strings.Contains(got, "one") || !strings.Contains(got, "two") {
		t.Errorf("log = %q", got)
	}
}

func TestParseLevel(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]slog.Level{"debug": -4, "Info": 0, "WARN": 4, "error": 8} {
		if got, err := ParseLevel(text); err != nil || got != want {
			t.Errorf("%s = %v, %v", text, got, err)
		}
	}
	if _, err := ParseLevel("loud"); err == nil || !strings.Contains(err.Error(), `"loud"`) {
		t.Errorf("err = %v", err)
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{"release", debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"},
		}}, "parley v1.2.3 commit abc go1.26"},
		{"changed tree", debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
			{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: "abc"},
		}}, "parley dev commit abc+dirty go1.26"},
		{"nothing known", debug.BuildInfo{GoVersion: "go1.26"}, "parley dev commit unknown go1.26"},
	}
	for _, tt := range tests {
		if got := buildOf(&tt.info).String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if b := ReadBuild(); b.Version == "" || b.Go == "" {
		t.Errorf("this build = %+v", b)
	}
}

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return rec
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	ok := func(context.Context) error { return nil }
	broken := func(context.Context) error { return errors.New("disk is gone") }
	slow := func(context.Context) error { return fmt.Errorf("outbox: %w", Degraded(errors.New("1000 waiting"))) }
	tests := []struct {
		name   string
		checks map[string]Check
		code   int
		want   Readiness
	}{
		{"no checks", nil, 200, Readiness{"ok", map[string]string{}}},
		{"ok", map[string]Check{"store": ok}, 200, Readiness{"ok", map[string]string{"store": "ok"}}},
		{"degraded", map[string]Check{"store": ok, "outbox": slow}, 200, Readiness{"degraded", map[string]string{
			"store": "ok", "outbox": "degraded: outbox: 1000 waiting",
		}}},
		{"unavailable wins", map[string]Check{"a": broken, "outbox": slow}, 503, Readiness{"unavailable", map[string]string{
			"a": "disk is gone", "outbox": "degraded: outbox: 1000 waiting",
		}}},
		{"removed", map[string]Check{"store": nil}, 200, Readiness{"ok", map[string]string{}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			health := NewHealth()
			health.Set("store", broken) // replaced or removed where the table says so
			if _, ok := tt.checks["store"]; !ok {
				health.Set("store", nil)
			}
			for name, check := range tt.checks {
				health.Set(name, check)
			}
			rec := get(t, AdminHandler(prometheus.NewRegistry(), health), "/readyz")
			var got Readiness
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || rec.Code != tt.code {
				t.Errorf("code %d, want %d; -want +got:\n%s", rec.Code, tt.code, diff)
			}
		})
	}
	if Degraded(nil) != nil {
		t.Error("no error must not become trouble")
	}
}

func TestReadinessEndsSlowChecks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		health := NewHealth()
		health.Set("store", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		start := time.Now()
		if r := health.Ready(t.Context()); r.Status != StatusUnavailable {
			t.Errorf("readiness = %+v", r)
		}
		if took := time.Since(start); took != checkTimeout {
			t.Errorf("took %v", took)
		}
	})
}

func TestHealthIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	health := NewHealth()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			health.Set(fmt.Sprint(i), func(context.Context) error { return nil })
			health.Ready(t.Context())
		})
	}
	wg.Wait()
	if n := len(health.Ready(t.Context()).Checks); n != 8 {
		t.Errorf("%d checks", n)
	}
}

func TestAdminPages(t *testing.T) {
	t.Parallel()
	reg := NewRegistry(Build{Version: "v9", Commit: "abc", Go: "go1"})
	h := AdminHandler(reg, NewHealth())
	tests := []struct {
		path string
		code int
		want string
	}{
		{"/healthz", 200, "ok"},
		{"/readyz", 200, `"status": "ok"`},
		{"/metrics", 200, `parley_build_info{commit="abc",go="go1",version="v9"} 1`},
		{"/metrics", 200, "go_goroutines"},
		{"/debug/pprof/", 200, "goroutine"},
		{"/debug/pprof/cmdline", 200, ""},
		{"/debug/pprof/symbol", 200, "num_symbols"},
		{"/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		{"/", 404, ""},
	}
	for _, tt := range tests {
		rec := get(t, h, tt.path)
		if rec.Code != tt.code || !strings.Contains(rec.Body.String(), tt.want) {
			t.Errorf("%s = %d, lacks %q", tt.path, rec.Code, tt.want)
		}
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/healthz", nil))
	if rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /healthz = %d", rec.Code)
	}
	// The default registry belongs to whoever else lives in the process.
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "parley_") {
			t.Errorf("%s is in the default registry", f.GetName())
		}
	}
}
