// Package e2e holds the tests that run the real binary as its operator does.
package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parley/internal/store/storetest"
)

// process is one run after the other of the binary on the same data and ports.
type process struct {
	t    *testing.T
	bin  string
	dir  string
	env  []string
	api  string
	ws   string
	cmd  *exec.Cmd
	logs lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const secret = "e2e-secret-0123456789abcdefghij"

// binary is compiled for the first test that wants it, and removed by TestMain.
var binary struct {
	dir  string
	once sync.Once
	err  error
}

func TestMain(m *testing.M) {
	var err error
	if binary.dir, err = os.MkdirTemp("", "parley-e2e"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer os.RemoveAll(binary.dir)
	m.Run()
}

// build returns the path of the binary as it is in the tree.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(binary.dir, "parley")
	binary.once.Do(func() {
		if out, err := exec.Command("go", "build", "-o", bin, "parley/cmd/parley").CombinedOutput(); err != nil {
			binary.err = fmt.Errorf("build: %w\n%s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return bin
}

// newProcess prepares runs on free ports that stay the same over restarts.
func newProcess(t *testing.T, bin string, env ...string) *process {
	t.Helper()
	p := &process{t: t, bin: bin, dir: t.TempDir(), api: freePort(t), ws: freePort(t)}
	p.env = append(cleanEnv(),
		"PARLEY_DATA_DIR="+p.dir, "PARLEY_SECRET="+secret, "PARLEY_API_LISTEN="+p.api, "PARLEY_WS_LISTEN="+p.ws,
		"PARLEY_ADMIN_LISTEN=127.0.0.1:0", "PARLEY_LOG_LEVEL=warn")
	p.env = append(p.env, env...)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("server log:\n%s", p.logs.String())
		}
	})
	return p
}

// cleanEnv is the environment without settings of the product.
func cleanEnv() []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PARLEY_") {
			out = append(out, v)
		}
	}
	return out
}

// freePort returns an address that nobody listens on. It is below the ports that systems
// give out by themselves: a process that is started anew must find its own free.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprint("127.0.0.1:", 16_000+rand.IntN(16_000))
		if ln, err := net.Listen("tcp", address); err == nil {
			ln.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// start runs the binary and returns at its ready line.
func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(p.bin, "serve")
	p.cmd.Env = p.env
	p.cmd.Stderr = &p.logs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	line := make(chan string, 1)
	go func() {
		s := bufio.NewScanner(out)
		if s.Scan() {
			line <- s.Text()
		}
		close(line)
	}()
	select {
	case l := <-line:
		if want := fmt.Sprintf("ready api=%s ws=%s admin=", p.api, p.ws); !strings.HasPrefix(l, want) {
			p.t.Fatalf("first line of stdout is %q, want %q…\n%s", l, want, p.logs.String())
		}
	case <-time.After(30 * time.Second):
		p.t.Fatalf("no ready line\n%s", p.logs.String())
	}
}

// kill ends the process as a power cut would, as far as the process goes.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	p.cmd.Process.Kill()
	p.cmd.Wait()
	p.cmd = nil
}

// terminate asks the process to stop and returns its exit code.
func (p *process) terminate() int {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
	code := p.cmd.ProcessState.ExitCode()
	p.cmd = nil
	return code
}

// postgresEnv is the setting of a fresh PostgreSQL database; the test is skipped
// where there is none.
func postgresEnv(t *testing.T) string { return "PARLEY_STORE_URL=" + storetest.Postgres(t) }
