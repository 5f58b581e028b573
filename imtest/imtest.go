// Package imtest is the kit for tests that meet the server as its users do: a
// server in the test's own process on free ports, a REST caller, a gateway client
// that speaks the real frames, and a receiver of callbacks.
//
// A Client owns one goroutine, its reader, which ends with Close or when the
// server closes the connection.
package imtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/server"
)

// Secret is the server secret of test servers.
const Secret = "imtest-secret-0123456789abcdef"

// AdminID is the administrator of test servers.
const AdminID = "imAdmin"

// Server is a running server.
type Server struct {
	API   string // base URL
	WS    string // gateway URL
	Admin string // base URL of the admin listener
	*Caller

	srv *server.Server
}

// Start runs a server on free ports with its own data directory until the test
// ends. change may alter its configuration.
func Start(t testing.TB, change ...func(*config.Config)) *Server {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	cfg.Secret = Secret
	cfg.API.Listen, cfg.WS.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	for _, f := range change {
		f(cfg)
	}
	srv, err := server.New(server.Options{Config: cfg, Log: Logger(t), Version: "test"})
	if err != nil {
		t.Fatalf("imtest: new server: %v", err)
	}
	ctx := context.Background()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := srv.Stop(ctx); err != nil {
			t.Errorf("imtest: stop server: %v", err)
		}
	})
	if err := srv.Start(ctx); err != nil {
		t.Fatalf("imtest: start server: %v", err)
	}
	a := srv.Addrs()
	s := &Server{API: "http://" + a.API, WS: "ws://" + a.WS, Admin: "http://" + a.Admin, srv: srv}
	s.Caller = NewCaller(s.API, Secret)
	return s
}

// Stop stops the server before the test ends.
func (s *Server) Stop(ctx context.Context) error { return s.srv.Stop(ctx) }

// Caller calls the REST API.
type Caller struct {
	base, secret string
	client       *http.Client
	admin        string
}

// NewCaller returns a caller of the API at a base URL.
func NewCaller(base, secret string) *Caller {
	return &Caller{base: base, secret: secret, client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

// URL returns the address of a path of the API.
func (c *Caller) URL(path string) string { return c.base + path }

// Error is an error answer of the API.
type Error struct {
	Code     int
	Msg, Dlt string
}

// Error returns the answer on one line.
func (e *Error) Error() string { return fmt.Sprintf("errCode %d %s: %s", e.Code, e.Msg, e.Dlt) }

// Post calls a route with a token ("" for none) and decodes its data into out (nil: ignored).
func (c *Caller) Post(token, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("operationID", im.NewID())
	if token != "" {
		req.Header.Set("token", token)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var env struct {
		ErrCode int
		ErrMsg  string
		ErrDlt  string
		Data    json.RawMessage
	}
	if err := json.Unmarshal(data, &env); err != nil {
		return fmt.Errorf("%s: HTTP %d: %.200q", path, resp.StatusCode, data)
	}
	if env.ErrCode != 0 {
		return &Error{env.ErrCode, env.ErrMsg, env.ErrDlt}
	}
	if out == nil || len(env.Data) == 0 {
		return nil
	}
	return json.Unmarshal(env.Data, out)
}

type token struct {
	Token string `json:"token"`
}

// H is a JSON object.
type H = map[string]any

// AsAdmin calls a route as administrator.
func (c *Caller) AsAdmin(path string, in, out any) error {
	if c.admin == "" {
		var t token
		if err := c.Post("", "/auth/get_admin_token", H{"secret": c.secret, "userID": AdminID}, &t); err != nil {
			return err
		}
		c.admin = t.Token
	}
	return c.Post(c.admin, path, in, out)
}

// Register creates users whose nicknames are "nick-<id>".
func (c *Caller) Register(ids ...string) error {
	users := make([]H, len(ids))
	for i, id := range ids {
		users[i] = H{"userID": id, "nickname": "nick-" + id}
	}
	return c.AsAdmin("/user/user_register", H{"users": users}, nil)
}

// UserToken returns a token of a user.
func (c *Caller) UserToken(userID string, p im.Platform) (string, error) {
	var t token
	err := c.AsAdmin("/auth/get_user_token", H{"userID": userID, "platformID": p}, &t)
	return t.Token, err
}

// SendText sends a text as administrator in a user's name; groupID "" for a single chat.
func (c *Caller) SendText(sendID, recvID, groupID, text string) (clientMsgID string, err error) {
	session := im.SessionSingle
	if groupID != "" {
		session = im.SessionGroup
	}
	var r struct{ ClientMsgID string }
	err = c.AsAdmin("/msg/send_msg", H{
		"sendID": sendID, "recvID": recvID, "groupID": groupID, "senderPlatformID": im.PlatformAndroid,
		"content": H{"content": text}, "contentType": im.ContentText, "sessionType": session,
	}, &r)
	return r.ClientMsgID, err
}
