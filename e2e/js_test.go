package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/imtest"
	"parley/internal/im"
)

// jsNeeds skips the test where something is missing; in CI it fails.
func jsNeeds(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// jsModules returns a directory with what js/package-lock.json names, installed
// once for each version of that file. Nothing of it is in the repository.
func jsModules(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			jsNeeds(t, "%s is not installed: the JavaScript SDK cannot be tried", program)
		}
	}
	files := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("js", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = text
		sum.Write(text)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	dir := filepath.Join(cache, "parley-e2e-js", hex.EncodeToString(sum.Sum(nil))[:16])
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	// Beside it, and then renamed: nobody finds half of it.
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "new")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(fresh) })
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = fresh
	if out, err := install.CombinedOutput(); err != nil {
		jsNeeds(t, "npm ci: %v: the JavaScript SDK cannot be got\n%s", err, out)
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // another run was first
			t.Fatal(err)
		}
	}
	return dir
}

// TestJavaScriptSDK lets the pure JavaScript SDK talk to a server on each store.
func TestJavaScriptSDK(t *testing.T) {
	modules := jsModules(t)
	script, err := os.ReadFile("js/chat.mjs")
	if err != nil {
		t.Fatal(err)
	}
	onEngines(t, func(t *testing.T, s *imtest.Server, _ *imtest.Hooks) {
		register(t, s, "jsann", "jsbob")
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "chat.mjs"), script, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(modules, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		run := exec.CommandContext(ctx, "node", "chat.mjs")
		run.Dir = dir
		run.Env = append(cleanEnv(), "API="+s.API, "WS="+s.WS)
		for name, id := range map[string]string{"ANN_TOKEN": "jsann", "BOB_TOKEN": "jsbob"} {
			token, err := s.UserToken(id, im.PlatformWeb)
			if err != nil {
				t.Fatal(err)
			}
			run.Env = append(run.Env, fmt.Sprintf("%s=%s", name, token))
		}
		out, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("node: %v\n%s", err, out)
		}
		if n := strings.Count("\n"+string(out), "\nok "); n != 9 {
			t.Errorf("%d steps were taken, want 9:\n%s", n, out)
		}
		// A client without a database of its own lives on these.
		metrics := get(t, s.Admin+"/metrics")
		for _, route := range []string{"/jssdk/get_active_conversations", "/msg/mark_conversation_as_read", "/group/create_group"} {
			if !strings.Contains(metrics, `parley_api_requests_total{code="0",route="`+route+`"}`) {
				t.Errorf("the SDK did not use %s", route)
			}
		}
	})
}
