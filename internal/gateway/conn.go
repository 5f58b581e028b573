package gateway

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"parley/internal/im"
	"parley/internal/presence"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

// phase is how far a connection has come. It only grows.
type phase uint8

const (
	serving  phase = iota
	draining       // no new requests; those that were read are answered, then leaving
	leaving        // nothing more is queued; the queue is written, then the socket closed
	gone           // the socket is closed, or will be by the handshake if it has not attached it yet
)

// cause says why a connection ended.
type cause uint8

const (
	causeNone      cause = iota
	causePeer            // the client closed it, or the network did
	causeSilence         // nothing was heard for the read time-out
	causeTooLarge        // a message above the limit
	causeProtocol        // a frame that RFC 6455 does not allow
	causeMalformed       // a frame that cannot be decoded
	causeText            // a text frame that is neither ping nor pong
	causeSendID          // a request in another user's name
	causeRequest         // a request with an unknown identifier
	causeSlow            // the client does not read what it gets
	causeWrite           // a write failed or timed out
	causeKicked          // a newer login, or force_logout
	causeLogout          // request 2003
	causeShutdown        // the server stops
	causePanic           // a fault of ours
	causeHandshake       // the answer to the handshake could not be written
)

// text returns the cause's name for metrics and for the client's close event.
func (r cause) text() string {
	switch r {
	case causePeer:
		return "closed by peer"
	case causeSilence:
		return "silence"
	case causeTooLarge:
		return "frame too large"
	case causeProtocol:
		return "protocol error"
	case causeMalformed:
		return "malformed frame"
	case causeText:
		return "unexpected text frame"
	case causeSendID:
		return "wrong sendID"
	case causeRequest:
		return "unknown request"
	case causeSlow:
		return "slow consumer"
	case causeWrite:
		return "write failed"
	case causeKicked:
		return "kicked"
	case causeLogout:
		return "logout"
	case causeShutdown:
		return "shutdown"
	case causePanic:
		return "internal error"
	case causeHandshake:
		return "handshake failed"
	}
	return "none"
}

// closeCode returns the WebSocket close code of the cause (RFC 6455, 7.4).
func (r cause) closeCode() int {
	switch r {
	case causeTooLarge:
		return 1009
	case causeProtocol:
		return 1002
	case causeMalformed:
		return 1007
	case causeText, causeSendID, causeRequest:
		return 1008
	case causeShutdown:
		return 1001
	case causePanic:
		return 1011
	}
	return 1000
}

// conn is one connection. It is made before the answer to the handshake is
// written, so that pushes are queued from then on, and gets its socket after it.
type conn struct {
	g      *Gateway
	userID string
	cred   im.Credential
	codec  frame.Codec
	admin  bool
	// operationID is that of the dial: lines about the connection itself bear it.
	operationID string
	id          uint64        // names the connection in this process
	number      atomic.Uint64 // its place in the order of connections, set by the hub
	background  atomic.Bool
	limiter     *rate.Limiter
	sock        net.Conn // set by attach, before any goroutine of the connection exists
	in          incoming // the reader's
	watched     watched
	flood       flood // the reader's

	mu           sync.Mutex
	moved        sync.Cond // on mu: the phase, requests, sends or answers have changed
	phase        phase
	cause        cause
	attached     bool
	reading      bool // the reader exists
	working      bool // the worker exists
	writing      bool // the writer exists
	out          queue
	requests     []*[]byte // frames for the worker, oldest first
	requestBytes int       // of requests
	sends        []*send   // messages without answer, oldest first
	cancel       context.CancelFunc
	sending      context.Context        // of messages; made by the first one
	cancelSends  context.CancelFunc     // of sending
	sub          *presence.Subscription // made by the first request 2005
	linger       *time.Timer            // ends a leaving connection whose client does not read
}

func newConn(g *Gateway, p params, cred im.Credential) *conn {
	c := &conn{
		g: g, id: g.ids.Add(1), userID: cred.UserID, cred: cred, codec: p.codec,
		admin: g.isAdmin(cred.UserID), operationID: strings.Clone(p.operationID),
		limiter: rate.NewLimiter(rate.Limit(g.limits.Rate), g.limits.Burst),
	}
	c.moved.L = &c.mu
	c.background.Store(p.background)
	return c
}

// ID names the connection among all of the cluster.
func (c *conn) ID() string {
	return c.g.nonce + "-" + strconv.FormatUint(c.id, 36)
}

// origin is what the hooks of the presence table are told of the connection. The
// operation is that of the request behind the event, if there is one.
func (c *conn) origin(operationID string) presence.Origin {
	return presence.Origin{ConnID: c.ID(), Background: c.background.Load(), OperationID: operationID}
}

// attach gives the connection its socket and starts its reader, and its writer if
// something was queued meanwhile.
func (c *conn) attach(s net.Conn) {
	c.mu.Lock()
	c.sock, c.in.sock = s, s
	c.attached = true
	if c.phase == gone { // cut off during the handshake: there is no reader to clean up
		c.mu.Unlock()
		c.ended(causeNone)
		return
	}
	c.reading = true
	c.g.running.Add(1) // the handshake is counted, so it is not zero
	c.startWriter()
	c.mu.Unlock()
	go c.read()
}

// leave ends the connection politely: what is queued is written, then farewell if
// there is one, then a close frame. It may be called at any time by anyone.
func (c *conn) leave(why cause, farewell []byte) {
	c.mu.Lock()
	c.leaveLocked(why, farewell, closePayload(why.closeCode(), why.text()))
	c.mu.Unlock()
}

// leaveLocked is leave with the payload of the close frame. c.mu is held.
func (c *conn) leaveLocked(why cause, farewell, goodbye []byte) {
	if c.phase >= leaving {
		return
	}
	c.phase, c.cause = leaving, why
	if farewell != nil {
		c.out.put(outgoing{op: opBinary, payload: farewell})
	}
	c.out.put(outgoing{op: opClose, payload: goodbye})
	c.dropRequests()
	c.linger = time.AfterFunc(c.g.limits.CloseTimeout, func() { c.hangUp(causeNone) })
	c.startWriter()
	c.moved.Broadcast()
}

// hangUp closes the socket at once and drops what was queued.
func (c *conn) hangUp(why cause) {
	c.mu.Lock()
	c.hangUpLocked(why)
	attached := c.attached
	c.mu.Unlock()
	if attached {
		c.closeSocket()
	}
}

// closeSocket closes the socket. Its error says nothing that anyone could act on.
func (c *conn) closeSocket() { _ = c.sock.Close() }

// hangUpLocked is hangUp but for closing the socket, which the caller does after
// it has released c.mu.
func (c *conn) hangUpLocked(why cause) {
	if c.phase < leaving {
		c.cause = why
	}
	c.phase = gone
	c.out = queue{}
	c.dropRequests()
	if c.linger != nil {
		c.linger.Stop()
	}
	c.moved.Broadcast()
}

// dropRequests forgets the requests that wait and cancels the one in work. c.mu is held.
func (c *conn) dropRequests() {
	for _, b := range c.requests {
		c.g.release(b)
	}
	c.requests, c.requestBytes = nil, 0
	if c.cancel != nil {
		c.cancel()
	}
	if c.cancelSends != nil {
		c.cancelSends()
	}
}

// drain ends the connection once what was read is answered.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == serving {
		c.phase = draining
		c.moved.Broadcast()
	}
	c.drained()
}

// drained lets a draining connection leave when nothing is left to answer. c.mu is held.
func (c *conn) drained() {
	if c.phase == draining && !c.working && len(c.requests) == 0 && len(c.sends) == 0 {
		c.leaveLocked(causeShutdown, nil, closePayload(causeShutdown.closeCode(), causeShutdown.text()))
	}
}

// kick tells the client that it was logged out, and ends the connection.
func (c *conn) kick() {
	c.leave(causeKicked, c.codec.AppendResponse(nil, &frame.Response{ReqIdentifier: wire.ReqKick}))
}

// ended is the reader's last act, or that of the handshake if there never was a
// reader: the only place where an accepted connection is taken out of every table.
// why is what the caller saw; an earlier cause is kept.
func (c *conn) ended(why cause) {
	c.mu.Lock()
	c.reading = false
	flushing := c.phase == leaving && c.writing
	sub := c.sub
	c.mu.Unlock()
	if !flushing { // else the writer closes the socket
		c.hangUp(why)
	}
	g := c.g
	g.unregister(c)
	g.wheel.remove(c)
	if sub != nil {
		sub.Close()
	}
	g.open.Add(-1)
	g.metrics.connections.Dec()
	c.mu.Lock()
	why = c.cause
	c.mu.Unlock()
	g.metrics.ended.WithLabelValues(why.text()).Inc()
	g.log.Debug("connection ended", "conn", c.ID(), "user", c.userID, "op", c.operationID, "cause", why.text())
}

// subscription returns the connection's subscription, or nil when it is too late for one.
func (c *conn) subscription() *presence.Subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sub == nil && c.reading && c.phase < leaving {
		c.sub = c.g.presence.Subscription(c.g.limits.Subscriptions, c.presenceChanged)
	}
	return c.sub
}
