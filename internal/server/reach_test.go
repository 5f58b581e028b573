package server_test

import (
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// logged is a log that a test reads while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) has(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		all := true
		for _, p := range parts {
			all = all && strings.Contains(line, p)
		}
		if all {
			return true
		}
	}
	return false
}

// TestReceiverIsTried: at the start and when the file changes, which is noticed without a
// signal, a connection to the receiver is tried, without a request; a refused one is
// warned of (webhook-delivery.md 6.9, 6.11).
func TestReceiverIsTried(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	got := make(chan string, 10)
	go func() {
		for {
			c, err := open.Accept()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(c)
			_ = c.Close()
			got <- string(text)
		}
	}()

	log := &logged{}
	h := &hooked{T: t, dir: t.TempDir(), file: filepath.Join(t.TempDir(), "parley.yaml"), log: slog.New(slog.NewTextHandler(log, nil))}
	h.configure("http://"+closed.Addr().String()+"/in", "afterSendSingleMsg")
	h.start()
	h.wait("the warning", func() bool {
		return log.has("level=WARN", "the receiver takes no connection", "address="+closed.Addr().String())
	})
	h.configure("http://"+open.Addr().String()+"/other", "afterSendSingleMsg,beforeSendSingleMsg")
	h.wait("the file is read again", func() bool {
		return log.has("webhooks reloaded", "url=http://"+open.Addr().String()+"/other", "on=\"[beforeSendSingleMsg afterSendSingleMsg]\"", "continue_on_failure", "beforeSendSingleMsg")
	})
	select {
	case text := <-got:
		if text != "" {
			t.Errorf("a request was made: %q", text)
		}
	case <-time.After(time.Minute):
		t.Error("no connection was tried")
	}
	h.wait("the receiver is found", func() bool { return log.has("the receiver takes connections", "address="+open.Addr().String()) })
	h.stop()
}
