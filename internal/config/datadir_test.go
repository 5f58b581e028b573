package config

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestSecretIsGeneratedOnceAndKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "data")
	first, generated, err := ResolveSecret(dir, "")
	if err != nil || !generated || len(first) != 43 {
		t.Fatalf("first = %d characters, generated %v, %v", len(first), generated, err)
	}
	second, generated, err := ResolveSecret(dir, "")
	if err != nil || generated || second != first {
		t.Errorf("second start: generated %v, same %v, %v", generated, second == first, err)
	}
	if runtime.GOOS != "windows" {
		if mode := modeOf(t, filepath.Join(dir, "secret")); mode != 0o600 {
			t.Errorf("the secret has mode %v", mode)
		}
		if mode := modeOf(t, dir); mode != 0o700 {
			t.Errorf("the data directory has mode %v", mode)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestConfiguredSecretIsNotKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got, generated, err := ResolveSecret(dir, "a-secret-of-the-operator")
	if err != nil || generated || got != "a-secret-of-the-operator" {
		t.Errorf("%q, %v, %v", got, generated, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "secret")); !os.IsNotExist(err) {
		t.Errorf("a configured secret was written: %v", err)
	}
}

func TestWeakSecretsAreRefused(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"openIM123", "OPENIM123", "changemechangeme", "x1y2z3"} {
		_, _, err := ResolveSecret(t.TempDir(), secret)
		mentions(t, err, "secret: ", "leave it empty")
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func TestKeptSecretThatIsDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := ResolveSecret(dir, "")
	mentions(t, err, path, "too short", "remove the file")
}

func TestKeptSecretIsTightened(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	if err := os.WriteFile(path, []byte("a-secret-from-a-backup\n"), 0o644); err != nil { //nolint:gosec // the case under test
		t.Fatal(err)
	}
	if got, _, err := ResolveSecret(dir, ""); err != nil || got != "a-secret-from-a-backup" {
		t.Errorf("%q, %v", got, err)
	}
	if mode := modeOf(t, path); mode != 0o600 {
		t.Errorf("mode = %v", mode)
	}
}

func TestSecretRace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const n = 16
	secrets := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var err error
			if secrets[i], _, err = ResolveSecret(dir, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range secrets {
		if s != secrets[0] || s == "" {
			t.Errorf("two processes have different secrets")
		}
	}
}

func TestUnusableDataDir(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := ResolveSecret(filepath.Join(file, "data"), "")
	mentions(t, err, file)
	_, err = LockDir(filepath.Join(file, "data"))
	mentions(t, err, "dataDir", file)
}

func TestLockInOneProcess(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	release, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = LockDir(dir)
	mentions(t, err, dir, fmt.Sprintf("process %d", os.Getpid()))
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("not one sentence: %q", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	release, err = LockDir(dir)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// TestLockHelper is not a test: it is the other process of TestLockInTwoProcesses.
func TestLockHelper(t *testing.T) {
	dir := os.Getenv("LOCK_HELPER_DIR")
	if dir == "" {
		t.Skip("only as a helper")
	}
	if _, err := LockDir(dir); err != nil {
		t.Fatal(err)
	}
	fmt.Println("locked")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // lives until it is killed
}

func TestLockInTwoProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockHelper$", "-test.v") //nolint:gosec // this very test
	cmd.Env = append(os.Environ(), "LOCK_HELPER_DIR="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan() && !strings.Contains(lines.Text(), "locked"); {
	}
	_, err = LockDir(dir)
	mentions(t, err, dir, fmt.Sprintf("process %d", cmd.Process.Pid))

	// A crash must not leave the directory locked.
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // reports the kill
	release, err := LockDir(dir)
	if err != nil {
		t.Fatalf("after a crash: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}
