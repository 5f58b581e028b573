package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"parley/internal/config"
)

// asMain makes this test binary behave as parley itself, for the tests that
// need a process. Its name does not begin with PARLEY_, which the program checks.
const asMain = "RUN_PARLEY_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// fake is a server whose every step a test can hold up or fail.
type fake struct {
	start, stop func(context.Context) error
	done        chan error
}

func (f *fake) Start(ctx context.Context) error {
	if f.start == nil {
		return nil
	}
	return f.start(ctx)
}

func (f *fake) Stop(ctx context.Context) error {
	if f.stop == nil {
		return nil
	}
	return f.stop(ctx)
}

func (f *fake) Addrs() addrs       { return addrs{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"} }
func (f *fake) Done() <-chan error { return f.done }

// bench is one run of Main with its surroundings.
type bench struct {
	main    Main
	signals chan os.Signal
	out     *syncBuffer
	errs    *syncBuffer
}

func newBench(srv runner, args ...string) *bench {
	b := &bench{signals: make(chan os.Signal, 2), out: &syncBuffer{}, errs: &syncBuffer{}}
	b.main = Main{
		Args: args, Stdout: b.out, Stderr: b.errs,
		Signals:   func() (<-chan os.Signal, func()) { return b.signals, func() {} },
		NewServer: func(serverOptions) (runner, error) { return srv, nil },
		MintToken: func(_ context.Context, o serverOptions, user string, platform int) (string, error) {
			if user == "nobody" {
				return "", errors.New("there is no such user")
			}
			return "token-of-" + user + "-" + string(rune('a'+platform)), nil
		},
	}
	return b
}

// syncBuffer is a buffer that may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// lastLine is where complaints stand, behind the log.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

const readyLine = "ready api=127.0.0.1:1 ws=127.0.0.1:2 admin=127.0.0.1:3\n"

func TestServe(t *testing.T) {
	t.Parallel()
	block := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	broken := func(context.Context) error { return errors.New("disk is full") }
	tests := []struct {
		name string
		srv  *fake
		// send are signals, each sent once the program waits for the next thing and pause is over.
		send  []os.Signal
		pause time.Duration
		code  int
		out   string
		err   string
		took  time.Duration
	}{
		{name: "stopped by SIGTERM", srv: &fake{}, send: []os.Signal{syscall.SIGTERM}, out: readyLine},
		{name: "stopped by interrupt", srv: &fake{}, send: []os.Signal{os.Interrupt}, out: readyLine},
		{
			name: "cannot start", srv: &fake{start: broken}, code: 1,
			err: "parley: cannot serve: disk is full",
		},
		{name: "interrupted while starting", srv: &fake{start: block}, send: []os.Signal{os.Interrupt}},
		{
			name: "drains as long as it may", srv: &fake{stop: block}, send: []os.Signal{os.Interrupt}, code: 1, out: readyLine,
			err: "parley: stopped, but not cleanly: context deadline exceeded", took: drainTimeout,
		},
		{
			name: "second signal", srv: &fake{stop: block}, send: []os.Signal{os.Interrupt, os.Interrupt}, pause: sameSignal, code: 1, out: readyLine,
			err: "parley: left at once after a second signal", took: sameSignal,
		},
		{
			name: "one signal, sent to the process and its group",
			srv:  &fake{stop: func(context.Context) error { time.Sleep(time.Second); return nil }},
			send: []os.Signal{syscall.SIGTERM, syscall.SIGTERM}, out: readyLine, took: time.Second,
		},
		{
			name: "second signal while starting", srv: &fake{start: func(context.Context) error { time.Sleep(time.Minute); return nil }},
			send: []os.Signal{os.Interrupt, os.Interrupt}, pause: sameSignal, code: 1, err: "parley: left at once after a second signal", took: sameSignal,
		},
		{
			name: "does not listen to its context", srv: &fake{stop: func(context.Context) error { time.Sleep(time.Minute); return nil }},
			send: []os.Signal{os.Interrupt}, code: 1, out: readyLine,
			err: "parley: did not stop within 10s", took: leaveTimeout,
		},
		{
			name: "starts although it was interrupted", srv: &fake{start: func(ctx context.Context) error { <-ctx.Done(); return nil }},
			send: []os.Signal{os.Interrupt},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(tt.srv, "serve")
				begin := time.Now()
				code := make(chan int, 1)
				go func() { code <- b.main.Run(t.Context()) }()
				for i, s := range tt.send {
					if i > 0 {
						time.Sleep(tt.pause)
					}
					synctest.Wait()
					b.signals <- s
				}
				if got := <-code; got != tt.code {
					t.Errorf("code %d, want %d", got, tt.code)
				}
				if took := time.Since(begin); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if got := b.out.String(); got != tt.out {
					t.Errorf("stdout = %q, want %q", got, tt.out)
				}
				if got := lastLine(b.errs.String()); tt.err != "" && got != tt.err {
					t.Errorf("stderr ends with %q, want %q", got, tt.err)
				}
				// A server that was left behind ends before the bubble does.
				time.Sleep(time.Hour)
			})
		})
	}
}

func TestServeThatFailsLater(t *testing.T) {
	t.Parallel()
	stopped := false
	srv := &fake{done: make(chan error, 1), stop: func(context.Context) error { stopped = true; return nil }}
	srv.done <- errors.New("the database went away")
	b := newBench(srv, "serve")
	if code := b.main.Run(t.Context()); code != 1 || !stopped {
		t.Errorf("code %d, stopped %v", code, stopped)
	}
	if got := lastLine(b.errs.String()); got != "parley: cannot go on: the database went away" {
		t.Errorf("stderr ends with %q", got)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := newBench(&fake{stop: func(ctx context.Context) error { return ctx.Err() }}, "serve")
	if code := b.main.Run(ctx); code != 0 {
		t.Errorf("code %d: %s", code, b.errs)
	}
}

func TestServeRefused(t *testing.T) {
	t.Parallel()
	b := newBench(nil, "serve", "--api-listen", "nowhere", "--log-level", "loud")
	if code := b.main.Run(t.Context()); code != 1 {
		t.Errorf("code %d", code)
	}
	got := b.errs.String()
	for _, want := range []string{"parley: cannot serve: ", "api.listen: ", `"nowhere"`, "log.level: "} {
		if !strings.Contains(got, want) {
			t.Errorf("stderr lacks %q: %q", want, got)
		}
	}
	if strings.Count(got, "\n") != 1 {
		t.Errorf("not one line: %q", got)
	}
	b = newBench(nil, "serve")
	b.main.NewServer = func(serverOptions) (runner, error) { return nil, errors.New("one\ntwo") }
	if code := b.main.Run(t.Context()); code != 1 || lastLine(b.errs.String()) != "parley: cannot serve: one; two" {
		t.Errorf("code %d, stderr %q", code, b.errs)
	}
}

func TestServePassesTheConfigurationOn(t *testing.T) {
	t.Parallel()
	b := newBench(nil, "serve", "--data", "/d", "--ws-listen", ":7", "--admin-listen", ":8", "--public-url", "https://h", "--log-level", "debug")
	b.main.Env = []string{"PARLEY_DATA_DIR=/e", "PARLEY_NODE_ID=n2", "IMENV_X=1"}
	b.main.NewServer = func(o serverOptions) (runner, error) {
		c := o.config
		if c.DataDir != "/d" || c.WS.Listen != ":7" || c.Admin.Listen != ":8" || c.PublicURL != "https://h" || c.Node.ID != "n2" {
			t.Errorf("configuration = %+v", c)
		}
		if o.version == "" || !o.log.Enabled(t.Context(), -4) {
			t.Errorf("version %q, or the level is not debug", o.version)
		}
		return &fake{}, nil
	}
	b.signals <- os.Interrupt
	if code := b.main.Run(t.Context()); code != 0 {
		t.Errorf("code %d: %s", code, b.errs)
	}
	if got := b.errs.String(); !strings.Contains(got, "IMENV_") || !strings.Contains(got, "callbackExample") {
		t.Errorf("the log lacks warnings or the report of webhooks: %s", got)
	}
}

func TestTools(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "good.yaml")
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	empty := filepath.Join(t.TempDir(), "none")
	write(t, good, "webhooks: {enable: [afterUserOnline], unknown: 1}\n")
	write(t, bad, "nope: 1\nlog: {level: loud}\nsecret: 0123456789abcdef-SECRET\n")
	tests := []struct {
		args []string
		code int
		out  []string
		err  []string
	}{
		{[]string{}, 0, []string{"Usage: parley", "serve", "token", "sink", "config check", "version"}, nil},
		{[]string{"--help"}, 0, []string{"Usage: parley"}, nil},
		{[]string{"serve", "--help"}, 0, []string{"--api-listen"}, nil},
		{[]string{"token", "--help"}, 0, []string{"--platform"}, nil},
		{[]string{"sink", "--help"}, 0, []string{"--secret"}, nil},
		{[]string{"config", "--help"}, 0, []string{"check"}, nil},
		{[]string{"config", "check", "--help"}, 0, []string{"--config"}, nil},
		{[]string{"config", "print", "--help"}, 0, []string{"--config"}, nil},
		{[]string{"version", "--help"}, 0, []string{"version"}, nil},
		{[]string{"version"}, 0, []string{"parley ", "go1."}, nil},
		{[]string{"migrate", "--help"}, 0, []string{"status", "up"}, nil},
		{[]string{"migrate", "status", "--data", empty}, 0, []string{"00001_init missing\n"}, nil},
		{[]string{"migrate", "up", "--config", bad}, 1, nil, []string{"cannot migrate: ", "nope ("}},
		{[]string{"dance"}, 2, nil, []string{"parley: ", "dance", "--help"}},
		{[]string{"serve", "--no-such"}, 2, nil, []string{"--no-such"}},
		{[]string{"token"}, 2, nil, []string{"--user ID and --platform N, or --admin"}},
		{[]string{"token", "--user", "u"}, 2, nil, []string{"--platform"}},
		{[]string{"token", "--user", "u", "--platform", "10"}, 2, nil, []string{"--admin"}},
		{[]string{"token", "--user", "u", "--platform", "-1"}, 2, nil, []string{"--platform"}},
		{[]string{"token", "--user", "u", "--admin"}, 2, nil, []string{"--admin stands alone"}},
		{[]string{"token", "--user", "u", "--platform", "2"}, 0, []string{"token-of-u-c\n"}, nil},
		{[]string{"token", "--admin"}, 0, []string{"token-of-imAdmin-k\n"}, nil},
		{[]string{"token", "--user", "nobody", "--platform", "2"}, 1, nil, []string{"parley: cannot mint a token: there is no such user"}},
		{[]string{"token", "--admin", "--config", bad}, 1, nil, []string{"nope (" + bad + ":1)"}},
		{[]string{"config", "check"}, 0, []string{"ok\n", "no callback is on"}, nil},
		{[]string{"config", "check", "--config", good}, 0, []string{"ok\n", "1 on: afterUserOnline", "warning: ", "unknown"}, nil},
		{[]string{"config", "check", "--config", bad}, 1, []string{"nope (" + bad + ":1)", "log.level (" + bad + ":2)"}, nil},
		{[]string{"config", "check", "--config", bad + "x"}, 1, []string{"config file " + bad + "x"}, nil},
		{[]string{"config", "print", "--config", good, "--data", "/d"}, 0, []string{"dataDir: \"/d\" # flag\n"}, nil},
		{[]string{"config", "print", "--config", bad}, 1, []string{`secret: "(hidden)"`}, []string{"nope (", "log.level ("}},
		{[]string{"sink", "--secret", "x"}, 1, nil, []string{"parley: sink: secret must be whsec_"}},
		{[]string{"sink", "--status", "99"}, 1, nil, []string{"status"}},
		{[]string{"sink", "--listen", "nowhere"}, 1, nil, []string{"parley: sink: cannot listen on --listen nowhere"}},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			b := newBench(nil, tt.args...)
			if code := b.main.Run(t.Context()); code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			out, errs := b.out.String(), b.errs.String()
			for _, want := range tt.out {
				if !strings.Contains(out, want) {
					t.Errorf("stdout lacks %q: %s", want, out)
				}
			}
			for _, want := range tt.err {
				if !strings.Contains(errs, want) {
					t.Errorf("stderr lacks %q: %s", want, errs)
				}
			}
			if len(tt.out) == 0 && out != "" || len(tt.err) == 0 && errs != "" {
				t.Errorf("said more than expected: stdout %q, stderr %q", out, errs)
			}
			if strings.Contains(out+errs, "SECRET") {
				t.Errorf("a secret is shown: %s %s", out, errs)
			}
		})
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(command string) (int, string, string) {
		b := newBench(nil, "migrate", command, "--data", dir)
		return b.main.Run(t.Context()), b.out.String(), b.errs.String()
	}
	for _, tt := range []struct{ command, want string }{
		{"up", "00001_init applied\n"},
		{"up", "the schema is up to date\n"},
		{"status", "00001_init applied 20"},
	} {
		if code, out, errs := run(tt.command); code != 0 || !strings.HasPrefix(out, tt.want) || strings.Contains(out, "missing") {
			t.Errorf("%s: code %d, stdout %q, stderr %q", tt.command, code, out, errs)
		}
	}
	// A server that runs has brought the schema up to date, and must not lose it underneath.
	unlock, err := config.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run("up"); code != 1 || !strings.Contains(errs, "in use by another parley") {
		t.Errorf("beside a server: code %d, stderr %q", code, errs)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// process starts the program as a process of its own and returns its first line.
func process(t *testing.T, args ...string) (cmd *exec.Cmd, first string, rest *bufio.Reader) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs signals")
	}
	cmd = exec.CommandContext(t.Context(), os.Args[0], args...) //nolint:gosec // this very test
	cmd.Env = append(os.Environ(), asMain+"=1")
	cmd.Stderr = &syncBuffer{}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rest = bufio.NewReader(stdout)
	if first, err = rest.ReadString('\n'); err != nil {
		t.Fatalf("no first line: %v; stderr: %s", err, cmd.Stderr)
	}
	return cmd, first, rest
}

func TestSinkProcess(t *testing.T) {
	t.Parallel()
	cmd, first, rest := process(t, "sink", "--listen", "127.0.0.1:0")
	url, ok := strings.CutPrefix(strings.TrimSpace(first), "sink listening on ")
	if !ok {
		t.Fatalf("first line = %q", first)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(url+"/x", "application/json", strings.NewReader("{}")) //nolint:noctx // bounded by the test
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), `"nextCode":0`) {
		t.Errorf("answer %d %s, %v", resp.StatusCode, body, err)
	}
	_ = resp.Body.Close()
	if line, err := rest.ReadString('\n'); err != nil || !strings.Contains(line, " x UNSIGNED, answered 200") {
		t.Errorf("printed %q, %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v; stderr: %s", err, cmd.Stderr)
	}
}

// TestServeProcess holds the contract of the real server: the line at ready,
// one server per data directory, a clean end.
func TestServeProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"serve", "--data", dir, "--api-listen", "127.0.0.1:0", "--ws-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}
	cmd, first, rest := process(t, args...)
	if !regexp.MustCompile(`^ready api=\S+:\d+ ws=\S+:\d+ admin=\S+:\d+\n$`).MatchString(first) {
		t.Errorf("first line = %q", first)
	}

	second := exec.CommandContext(t.Context(), os.Args[0], args...) //nolint:gosec // this very test
	second.Env = append(os.Environ(), asMain+"=1")
	var errs bytes.Buffer
	second.Stderr = &errs
	err := second.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(lastLine(errs.String()), dir) {
		t.Errorf("a second server on the directory: %v, %s", err, errs.String())
	}

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if more, err := io.ReadAll(rest); err != nil || len(more) > 0 {
		t.Errorf("more on stdout: %q, %v", more, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v; stderr: %s", err, cmd.Stderr)
	}
}
