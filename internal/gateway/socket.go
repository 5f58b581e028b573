package gateway

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"parley/internal/wire"
)

// This is the only file that knows gorilla/websocket. It serves the handshake;
// what is read and written after it is ours (incoming.go, outbound.go).

// upgrader answers handshakes.
type upgrader struct{ ws *websocket.Upgrader }

func newUpgrader(timeout time.Duration) upgrader {
	return upgrader{&websocket.Upgrader{
		HandshakeTimeout: timeout,
		// With a pool and nothing written there is no write buffer; without a size the
		// read buffer is that of net/http. Neither outlives the handshake.
		WriteBufferPool: new(sync.Pool),
		// Browser clients live on any site; what protects a user is the token.
		CheckOrigin: func(*http.Request) bool { return true },
		Error: func(w http.ResponseWriter, _ *http.Request, status int, err error) {
			writeRefusal(w, status, wire.Status{Code: http.StatusInternalServerError, Msg: "ServerInternalError", Dlt: err.Error()})
		},
	}}
}

// upgradable reports whether the request asks for a WebSocket at all.
func upgradable(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// upgrade answers a handshake with success and returns the connection. It calls
// before when nothing but the network can fail any more and the client has not
// seen the answer.
func (u upgrader) upgrade(w http.ResponseWriter, r *http.Request, before func()) (net.Conn, error) {
	ws, err := u.ws.Upgrade(&hijacker{w, before}, r, nil)
	if err != nil {
		return nil, err
	}
	return ws.NetConn(), nil
}

// hijacker calls before at the moment the HTTP connection is handed over.
type hijacker struct {
	http.ResponseWriter
	before func()
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err == nil {
		h.before()
	}
	return conn, rw, err
}
