package imtest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/config"
)

// S3 is an S3-compatible store that runs for a test, with an empty bucket.
type S3 struct {
	Endpoint, Bucket, AccessKey, SecretKey string
	Dir                                    string // where it keeps the bucket's objects, each as a file
}

// Use makes a server keep its files there.
func (s S3) Use(c *config.Config) {
	c.S3.Endpoint, c.S3.Bucket, c.S3.AccessKey, c.S3.SecretKey = s.Endpoint, s.Bucket, s.AccessKey, s.SecretKey
}

// Env is the same as variables.
func (s S3) Env() []string {
	return []string{
		"PARLEY_S3_ENDPOINT=" + s.Endpoint, "PARLEY_S3_BUCKET=" + s.Bucket,
		"PARLEY_S3_ACCESS_KEY=" + s.AccessKey, "PARLEY_S3_SECRET_KEY=" + s.SecretKey,
	}
}

// s3Program finds, and builds where need be, the program that serves S3: a tool of
// this repository, kept in go's build cache.
var s3Program = sync.OnceValues(func() (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	cmd := exec.Command("go", "-C", filepath.Join(filepath.Dir(strings.TrimSpace(string(mod))), "tools"), "tool", "-n", "versitygw")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	path, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go tool versitygw: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(path)), nil
})

// StartS3 runs a real S3-compatible store (versitygw, on a directory) until the test
// ends. Where its program cannot be built, for want of the network, the test is
// skipped; with CI=true in the environment it fails.
func StartS3(t testing.TB) S3 {
	t.Helper()
	s, start := PrepareS3(t)
	start()
	return s
}

// PrepareS3 is StartS3 for a store that is away at first: it runs from the call of start on.
func PrepareS3(t testing.TB) (s S3, start func()) {
	t.Helper()
	program, err := s3Program()
	if err != nil {
		reason := fmt.Sprintf("no S3-compatible store can be started: %v", err)
		if os.Getenv("CI") == "true" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	s = S3{Bucket: "parley-test", AccessKey: "imtest", SecretKey: "imtest-s3-secret"}
	dir := t.TempDir()
	s.Dir = filepath.Join(dir, "root", s.Bucket)
	for _, d := range []string{filepath.Join("root", s.Bucket), "meta"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	s.Endpoint = "http://" + address
	return s, func() {
		t.Helper()
		runS3(t, s, program, dir, address)
	}
}

// runS3 runs the program on a directory until the test ends.
func runS3(t testing.TB, s S3, program, dir, address string) {
	t.Helper()
	var output bytes.Buffer
	// Metadata beside the files: not every file system has attributes for it.
	cmd := exec.Command(program, "--port", address, "--access", s.AccessKey, "--secret", s.SecretKey, "--quiet",
		"posix", "--sidecar", filepath.Join(dir, "meta"), filepath.Join(dir, "root"))
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatalf("start versitygw: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("versitygw ended: %s", &output)
		case <-ctx.Done():
			t.Fatal("versitygw does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
