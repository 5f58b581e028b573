package e2e

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/server"
)

// TestThreeServersInOneProcess: a server is a value, and leaves nothing behind.
func TestThreeServersInOneProcess(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Run("run", func(t *testing.T) {
		var servers []*imtest.Server
		for range 3 {
			s := imtest.Start(t)
			register(t, s, "ann", "bob")
			servers = append(servers, s)
		}
		for _, s := range servers {
			ann := login(t, s, "ann", imtest.DialOptions{})
			if _, err := ann.Send(ann.Text("bob", "", "hi")); err != nil {
				t.Fatal(err)
			}
			for path, want := range map[string]string{"/healthz": "ok", "/readyz": `"store"`, "/metrics": "parley_commit_entries"} {
				resp, err := http.Get(s.Admin + path)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
					t.Errorf("%s: %d %.200s %v", path, resp.StatusCode, body, err)
				}
			}
		}
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, s := range servers {
			if err := s.Stop(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	goleak.VerifyNone(t, leaks)
}

func TestStartFaultsNameTheSetting(t *testing.T) {
	s := imtest.Start(t)
	taken := strings.TrimPrefix(s.API, "http://")
	for name, tc := range map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"port":   {func(c *config.Config) { c.API.Listen = taken }, "api.listen"},
		"secret": {func(c *config.Config) { c.Secret = "openIM123" }, "secret"},
		"store":  {func(c *config.Config) { c.Store.URL = "sqlite:/nonexistent/dir/x.db" }, "store.url"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Default()
			cfg.DataDir, cfg.Secret = t.TempDir(), imtest.Secret
			cfg.API.Listen, cfg.WS.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
			tc.change(cfg)
			srv, err := server.New(server.Options{Config: cfg, Log: imtest.Logger(t), Version: "test"})
			if err == nil {
				err = srv.Start(context.Background())
				if serr := srv.Stop(context.Background()); serr != nil {
					t.Error(serr)
				}
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one sentence that names %s", err, tc.want)
			}
		})
	}
}

// TestBinary runs the program as its operator does: ready line, second server,
// tokens, clean stop, same state after a restart.
func TestBinary(t *testing.T) {
	bin := build(t)
	p := newProcess(t, bin)
	p.start()
	c := imtest.NewCaller("http://"+p.api, secret)
	if err := c.Register("ann", "bob"); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		cmd := exec.Command(bin, args...)
		cmd.Env = p.env
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	if out, err := run("serve"); err == nil || !strings.Contains(out, p.dir) {
		t.Errorf("a second server on the directory: %v %s", err, out)
	}
	token, err := run("token", "--user", "ann", "--platform", "2")
	if err != nil {
		t.Fatal(err, token)
	}
	if err := c.Post(token, "/user/get_users_info", imtest.H{"userIDs": []string{"bob"}}, nil); err != nil {
		t.Errorf("with a minted token: %v", err)
	}
	admin, err := run("token", "--admin")
	if err != nil {
		t.Fatal(err, admin)
	}
	if err := c.Post(admin, "/user/account_check", imtest.H{"checkUserIDs": []string{"bob"}}, nil); err != nil {
		t.Errorf("with a minted administrator's token: %v", err)
	}
	if out, err := run("token", "--user", "nobody", "--platform", "2"); err == nil || !strings.Contains(out, "nobody") {
		t.Errorf("a token for nobody: %v %s", err, out)
	}
	if _, err := c.SendText("ann", "bob", "", "before the restart"); err != nil {
		t.Fatal(err)
	}
	if code := p.terminate(); code != 0 {
		t.Errorf("exit code %d after SIGTERM\n%s", code, p.logs.String())
	}
	p.start()
	if err := c.Post(token, "/user/get_users_info", imtest.H{"userIDs": []string{"bob"}}, nil); err != nil {
		t.Errorf("the token did not survive the restart: %v", err)
	}
	if all := pullAll(t, c, "bob", "si_ann_bob"); len(all) != 1 || all[0].Seq != 1 {
		t.Errorf("after the restart the chat holds %+v", all)
	}
	if out, err := run("version"); err != nil || !strings.Contains(out, "parley") {
		t.Errorf("version: %v %s", err, out)
	}
	if out, err := run("config", "check"); err != nil {
		t.Errorf("config check: %v %s", err, out)
	}
	if out, err := run("config", "print"); err != nil || strings.Contains(out, secret) {
		t.Errorf("config print: %v %s", err, out)
	}
	if code := p.terminate(); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	if _, err := os.Stat(p.dir + "/parley.db"); err != nil {
		t.Error(err)
	}
}
