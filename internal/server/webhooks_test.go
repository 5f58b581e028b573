package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/config"
	"parley/internal/server"
)

const secret = "a-secret-for-this-test-0123456789"

// hooked is a server whose webhooks go to a receiver that the test controls.
type hooked struct {
	*testing.T
	srv    *server.Server
	api    string
	token  string
	dir    string
	file   string
	status atomic.Int32 // that the receiver answers
	calls  chan string  // commands that arrived
	log    *slog.Logger // nil: nowhere
}

// start starts the server on the data of the test.
func (h *hooked) start() {
	h.Helper()
	load := func() (*config.Config, error) {
		return config.Load(config.Sources{File: h.file, Flags: map[string]string{
			"dataDir": h.dir, "secret": secret, "api.listen": "127.0.0.1:0", "ws.listen": "127.0.0.1:0", "admin.listen": "127.0.0.1:0",
		}})
	}
	cfg, err := load()
	if err != nil {
		h.Fatal(err)
	}
	log := h.log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h.srv, err = server.New(server.Options{Config: cfg, Log: log, ConfigFile: h.file, Reload: load})
	if err != nil {
		h.Fatal(err)
	}
	if err := h.srv.Start(h.Context()); err != nil {
		h.Fatal(err)
	}
	h.api = "http://" + h.srv.Addrs().API
	h.token = ""
	var got struct{ Token string }
	h.post("/auth/get_admin_token", `{"secret":"`+secret+`","userID":"imAdmin"}`, &got)
	h.token = got.Token
}

func (h *hooked) stop() {
	h.Helper()
	if err := h.srv.Stop(context.Background()); err != nil {
		h.Error(err)
	}
}

// configure writes the configuration file.
func (h *hooked) configure(url, on string) {
	h.Helper()
	text := fmt.Sprintf("webhooks:\n  url: %s\n  enable: [%s]\n  schedule: [\"0\", \"1\"]\n  hold: 0\n", url, on)
	if err := os.WriteFile(h.file, []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
}

func (h *hooked) post(path, body string, into any) {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), http.MethodPost, h.api+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	r.Header = http.Header{"Operationid": {"op"}, "Token": {h.token}}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	var e struct {
		ErrCode int
		Data    json.RawMessage
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.ErrCode != 0 {
		h.Fatalf("%s: %s", path, raw)
	}
	if into != nil {
		if err := json.NewDecoder(bytes.NewReader(e.Data)).Decode(into); err != nil {
			h.Fatal(err)
		}
	}
}

// send sends a message, which causes an event.
func (h *hooked) send() {
	h.Helper()
	h.post("/msg/send_msg", `{"sendID":"ann","recvID":"bob","senderPlatformID":1,"content":{"content":"hi"},"contentType":101,"sessionType":1}`, nil)
}

type events struct {
	Events []struct {
		EventID  string
		State    string
		Attempts int
		Status   int
		Error    string
		Failures []struct{ Status int }
		Body     string
	}
}

// wait asks until a condition holds.
func (h *hooked) wait(what string, done func() bool) {
	h.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.Fatalf("not in a minute: %s", what)
		}
	}
}

func (h *hooked) arrives(command string) {
	h.Helper()
	select {
	case got := <-h.calls:
		if got != command {
			h.Fatalf("%s arrived, want %s", got, command)
		}
	case <-time.After(time.Minute):
		h.Fatalf("%s did not arrive", command)
	}
}

// TestWebhookAdministration: a dead letter is replayed, a pause survives a
// restart, and the configuration takes effect without one.
func TestWebhookAdministration(t *testing.T) {
	t.Parallel()
	const single, made = "callbackAfterSendSingleMsgCommand", "callbackAfterCreateSingleChatConversationsCommand"
	h := &hooked{T: t, dir: t.TempDir(), file: filepath.Join(t.TempDir(), "parley.yaml"), calls: make(chan string, 100)}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.calls <- strings.TrimPrefix(r.URL.Path, "/in/")
		w.WriteHeader(int(h.status.Load()))
		_, _ = io.WriteString(w, `{"actionCode":0}`)
	}))
	defer receiver.Close()
	h.configure(receiver.URL+"/in", "afterSendSingleMsg")
	h.status.Store(500)
	h.start()
	h.post("/user/user_register", `{"users":[{"userID":"ann","nickname":"Ann"},{"userID":"bob","nickname":"Bob"}]}`, nil)

	h.send()
	var dead events
	h.wait("the event is dead", func() bool {
		h.post("/webhook/get_events", `{"state":"dead"}`, &dead)
		return len(dead.Events) == 1
	})
	h.arrives(single)
	h.arrives(single)
	h.status.Store(200)
	var replayed struct{ Replayed int }
	h.post("/webhook/replay_events", `{"state":"dead"}`, &replayed)
	if replayed.Replayed != 1 {
		t.Errorf("%d replayed", replayed.Replayed)
	}
	h.arrives(single)
	var one events
	h.wait("it is in the log", func() bool {
		h.post("/webhook/get_event", `{"eventID":"`+dead.Events[0].EventID+`"}`, &one)
		return one.Events[0].State == "delivered"
	})
	e := one.Events[0]
	if e.Attempts != 3 || e.Status != 200 || len(e.Failures) != 2 || e.Failures[1].Status != 500 || !strings.Contains(e.Body, `"content":"hi"`) && !strings.Contains(e.Body, `hi`) {
		t.Errorf("%+v", e)
	}
	h.post("/webhook/replay_events", `{"eventID":"`+e.EventID+`"}`, &replayed) // a delivered one
	h.arrives(single)

	h.status.Store(500)
	h.send()
	h.arrives(single)
	h.arrives(single)
	h.wait("another event is dead", func() bool {
		h.post("/webhook/get_events", `{"state":"dead"}`, &dead)
		return len(dead.Events) == 1
	})
	var gone struct{ Discarded int }
	h.post("/webhook/discard_events", `{"eventID":"`+e.EventID+`"}`, &gone) // a delivered one
	if gone.Discarded != 0 {
		t.Errorf("%d delivered events discarded", gone.Discarded)
	}
	h.post("/webhook/discard_events", `{"state":"dead"}`, &gone)
	if gone.Discarded != 1 {
		t.Errorf("%d discarded", gone.Discarded)
	}
	h.post("/webhook/get_event", `{"eventID":"`+dead.Events[0].EventID+`"}`, &one)
	if e := one.Events[0]; e.State != "discarded" || e.Attempts != 2 || !strings.Contains(e.Error, "500") {
		t.Errorf("%+v", e)
	}

	h.status.Store(410)
	h.send()
	h.arrives(single)
	var list struct {
		Endpoints []struct {
			EndpointID, PauseReason string
			PauseTime               int64
		}
	}
	h.wait("the pause is stored", func() bool {
		h.post("/webhook/get_endpoints", `{}`, &list)
		return list.Endpoints[0].PauseTime != 0
	})
	h.stop()
	h.status.Store(200)
	h.start()
	h.post("/webhook/get_endpoints", `{}`, &list)
	if got := list.Endpoints[0]; got.EndpointID != "main" || got.PauseReason != "the receiver answered 410" {
		t.Errorf("after a restart: %+v", got)
	}
	h.post("/webhook/resume_endpoint", `{"endpointID":"main"}`, nil)
	h.arrives(single)

	h.configure("nonsense", "afterSendSingleMsg")
	h.srv.Reload()
	h.send()
	h.arrives(single)
	h.configure(receiver.URL+"/in", "afterCreateSingleChatConversations")
	h.srv.Reload()
	h.post("/user/user_register", `{"users":[{"userID":"eve","nickname":"Eve"}]}`, nil)
	h.post("/msg/send_msg", `{"sendID":"ann","recvID":"eve","senderPlatformID":1,"content":{"content":"hi"},"contentType":101,"sessionType":1}`, nil)
	h.arrives(made)
	h.arrives(made)
	h.stop()
}
