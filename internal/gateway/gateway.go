// Package gateway is the WebSocket side of the server: it accepts long
// connections, answers their requests, pushes to them, and ends them
// (gateway.md).
//
// It owns the sockets, the table of who is connected here ([Gateway.Push],
// [Gateway.Kick]), the frames between the envelope and the service, and the login
// policy between live connections. It does not decide what a user may see or
// send, does not check tokens itself, keeps nothing on disk and knows no other
// node: a [Service] and a presence table do that.
//
// The way in: ServeHTTP (handshake.go; socket.go is the only file that knows
// gorilla/websocket) → reader (reader.go, incoming.go) → worker (requests.go,
// dispatch.go). The way out: Push, an answer or a pong → the connection's queue
// (outbound.go) → writer → one write of many frames.
//
// # Goroutines
//
// A gateway has one, which ends silent connections and sends pings to browsers
// (wheel.go); Start begins it and Stop ends it. A connection has
//
//   - one reader, from the end of the handshake to the end of the connection. It
//     only takes frames off the socket, answers pings and queues requests. Its
//     stack is the largest part of an idle connection, so nothing deep runs on it: a
//     text frame is parsed on a goroutine of its own, for which the reader waits.
//   - one worker, which exists only while requests wait. It decodes and handles
//     them one after another.
//   - one writer, which exists only while frames wait.
//
// All of them are counted in Gateway.running and have ended when Stop returns nil.
// The end of a connection is always the end of its reader: whoever else wants to
// end it changes its phase or closes its socket, and the reader cleans up.
//
// # Locks
//
// hubShard.mu, wheel.mu and conn.mu are never held together, nothing blocks under
// them, and no socket is written or read under them. The presence table calls
// back into conn.mu from under its Subscription.mu; the gateway calls the presence
// table with no lock held.
package gateway

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
	"parley/internal/presence"
	"parley/internal/wire"
)

// Service is what connections ask for. It checks itself what op may do. Errors
// are answered by wire.StatusOf; unclassified ones are logged here.
type Service interface {
	// Authenticate returns what a token says, or an error of a token kind.
	Authenticate(ctx context.Context, token string) (im.Credential, error)
	// LoggedIn is told of every new connection and of those it replaced, which are
	// kicked already, so that it marks tokens (gateway.md 7.3 B).
	LoggedIn(ctx context.Context, newcomer im.Credential, kicked []im.Credential) error
	// NewestSeqs returns the last number of each of a user's conversations.
	NewestSeqs(ctx context.Context, op im.Operator, userID string) (map[string]int64, error)
	// Pull returns messages by ranges of numbers.
	Pull(ctx context.Context, op im.Operator, userID string, ranges []im.SeqRange, order im.PullOrder) ([]im.Pulled, error)
	// PullSeqs returns messages by their numbers.
	PullSeqs(ctx context.Context, op im.Operator, userID string, lists []im.SeqList, order im.PullOrder) ([]im.Pulled, error)
	// LastMessages returns the newest message of each conversation that has one.
	LastMessages(ctx context.Context, op im.Operator, userID string, conversationIDs []string) (map[string]im.Record, error)
	// ReadAndMaxSeqs returns a user's positions, and the pinned conversations if asked for.
	ReadAndMaxSeqs(ctx context.Context, op im.Operator, userID string, conversationIDs []string, pinned bool) (map[string]im.ReadState, []string, error)
	// Send accepts a message. It calls done exactly once, before it returns or later
	// from any goroutine, and does not touch the message after that. done does not block.
	Send(ctx context.Context, op im.Operator, m *im.Message, done func(im.SendResult, error))
}

// PushTokens keeps the addresses of devices at the vendors' push services. Like
// Service it checks itself what op may do.
type PushTokens interface {
	// DeletePushToken forgets the device of a user and platform.
	DeletePushToken(ctx context.Context, op im.Operator, userID string, p im.Platform) error
}

// Limits bounds what clients can make a gateway hold and do. A zero field takes
// its value from [DefaultLimits].
type Limits struct {
	Connections   int     // sockets at once; above it error 1601
	Handshakes    int     // handshakes at once; above it HTTP 503
	Frame         int     // bytes of an incoming frame as it travels
	Decoded       int     // bytes of an incoming frame after decompression
	Answer        int     // bytes of an outgoing frame: clients break above 1 MiB
	Requests      int     // requests of a connection waiting for its worker
	Sends         int     // messages of a connection waiting for their commit
	QueueFrames   int     // frames waiting to be written to a connection
	QueueBytes    int     // bytes of the pushes among them
	Rate          float64 // frames per second a connection may send; more wait
	Burst         int     // frames it may send at once
	Subscriptions int     // users whose presence a connection may follow

	HandshakeTimeout time.Duration // for the check of the token, and for writing the answer
	ReadTimeout      time.Duration // silence after which a connection is dead
	PingEvery        time.Duration // between pings to browsers, which cannot ping
	WriteTimeout     time.Duration // for one write
	CloseTimeout     time.Duration // for flushing what was queued before the end
	RequestTimeout   time.Duration // for one request other than a send
}

// DefaultLimits returns the limits of a server that was told nothing.
func DefaultLimits() Limits {
	return Limits{
		Connections: 100_000,
		// A handshake is a signature and a look into a cache; a thousand at once
		// is a restart of everybody, and the rest comes back a second later.
		Handshakes: 1024,
		Frame:      1 << 20,
		Decoded:    4 << 20,
		// The client's limit is 1 MiB of payload; some room costs nothing.
		Answer:      1<<20 - 1024,
		Requests:    16,
		Sends:       16,
		QueueFrames: 1024,
		QueueBytes:  1 << 20,
		// Ten times what a busy bot sends and still bounded: a client alone on an idle
		// server gets some 2,000 messages a second acknowledged one after the other.
		Rate:          5000,
		Burst:         5000,
		Subscriptions: 5000,

		HandshakeTimeout: 10 * time.Second,
		ReadTimeout:      30 * time.Second,
		PingEvery:        27 * time.Second,
		WriteTimeout:     10 * time.Second,
		CloseTimeout:     3 * time.Second,
		// Clients give up after 10 s (gateway.md 3.4).
		RequestTimeout: 10 * time.Second,
	}
}

// Options is what a gateway needs.
type Options struct {
	Service    Service
	Presence   *presence.Table
	PushTokens PushTokens // nil: request 2003 only closes the connection
	Policy     im.LoginPolicy
	IsAdmin    func(userID string) bool // nil: nobody is
	Limits     Limits
	Log        *slog.Logger          // nil: slog.Default
	Metrics    prometheus.Registerer // nil: not registered
}

// Gateway accepts connections and keeps them. It is an http.Handler for any path.
type Gateway struct {
	service    Service
	presence   *presence.Table
	pushTokens PushTokens
	policy     im.LoginPolicy
	isAdmin    func(string) bool
	limits     Limits
	log        *slog.Logger
	metrics    *metrics

	nonce      string        // distinguishes connection ids of different processes
	ids        atomic.Uint64 // of the newest connection
	hub        *hub
	wheel      *wheel
	upgrader   upgrader
	handshakes chan struct{}
	open       atomic.Int64 // connections, including those whose handshake is being answered
	incoming   sync.Pool    // *[]byte, frames read and not decoded yet
	small      sync.Pool    // *[smallBuffer]byte
	large      sync.Pool    // *[largeBuffer]byte

	// ctx is what requests run under. It ends when Stop runs out of time.
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	started  bool
	stopping bool
	beat     chan struct{}  // closed to stop the wheel
	running  sync.WaitGroup // handshakes and goroutines; grows from zero only under mu and before stopping
}

// Delivery says what became of a push.
type Delivery struct {
	// Connections is the number of connections the push was queued for.
	Connections int
	// Mobile reports whether one of them is a phone (iOS in the foreground, or
	// Android): only then does the push count as delivered online (gateway.md 5).
	Mobile bool
}

// New returns a gateway that refuses connections until it is started.
func New(o Options) *Gateway {
	if o.Service == nil || o.Presence == nil {
		panic("gateway: New needs a Service and a Presence")
	}
	g := &Gateway{
		service: o.Service, presence: o.Presence, pushTokens: o.PushTokens,
		policy: o.Policy, isAdmin: o.IsAdmin, limits: o.Limits.orDefault(), log: o.Log,
		metrics: newMetrics(o.Metrics),
		nonce:   strconv.FormatUint(rand.Uint64(), 36),
		hub:     newHub(),
		beat:    make(chan struct{}),
	}
	if g.isAdmin == nil {
		g.isAdmin = func(string) bool { return false }
	}
	if g.log == nil {
		g.log = slog.Default()
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.wheel = newWheel(&g.limits)
	g.upgrader = newUpgrader(g.limits.HandshakeTimeout)
	g.handshakes = make(chan struct{}, g.limits.Handshakes)
	g.incoming.New = func() any { b := make([]byte, 0, minIncoming); return &b }
	g.small.New = func() any { return new([smallBuffer]byte) }
	g.large.New = func() any { return new([largeBuffer]byte) }
	return g
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	orInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	orTime := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	orInt(&l.Connections, d.Connections)
	orInt(&l.Handshakes, d.Handshakes)
	orInt(&l.Frame, d.Frame)
	orInt(&l.Decoded, d.Decoded)
	orInt(&l.Answer, d.Answer)
	orInt(&l.Requests, d.Requests)
	orInt(&l.Sends, d.Sends)
	orInt(&l.QueueFrames, d.QueueFrames)
	orInt(&l.QueueBytes, d.QueueBytes)
	orInt(&l.Burst, d.Burst)
	orInt(&l.Subscriptions, d.Subscriptions)
	if l.Rate <= 0 {
		l.Rate = d.Rate
	}
	orTime(&l.HandshakeTimeout, d.HandshakeTimeout)
	orTime(&l.ReadTimeout, d.ReadTimeout)
	orTime(&l.PingEvery, d.PingEvery)
	orTime(&l.WriteTimeout, d.WriteTimeout)
	orTime(&l.CloseTimeout, d.CloseTimeout)
	orTime(&l.RequestTimeout, d.RequestTimeout)
	return l
}

// Start makes the gateway accept connections. Requests run under a context with
// ctx's values; its end does not end them, Stop does.
func (g *Gateway) Start(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.started || g.stopping {
		return
	}
	g.started = true
	g.cancel()
	g.ctx, g.cancel = context.WithCancel(context.WithoutCancel(ctx))
	g.running.Go(func() { g.wheel.run(g.beat) })
}

// Stop refuses new connections, finishes the requests that were read, writes what
// is queued, says goodbye and waits until every goroutine has ended. When ctx ends
// first it cuts the connections off and returns an error; then a Service call that
// ignores its context may still be running.
func (g *Gateway) Stop(ctx context.Context) error {
	g.mu.Lock()
	first := !g.stopping
	g.stopping = true
	g.mu.Unlock()
	if first {
		close(g.beat)
	}
	for _, c := range g.hub.all() {
		c.drain()
	}
	ended := make(chan struct{})
	go func() {
		g.running.Wait()
		close(ended)
	}()
	defer g.cancel()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	g.cancel()
	left := g.hub.all()
	for _, c := range left {
		c.hangUp(causeShutdown)
	}
	select {
	case <-ended:
	case <-time.After(time.Second): // for goroutines to notice; what is left is stuck in a Service call
	}
	return fmt.Errorf("gateway.Stop: %d connections cut off: %w", len(left), context.Cause(ctx))
}

// enter counts a handshake, unless the gateway does not run.
func (g *Gateway) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.started || g.stopping {
		return false
	}
	g.running.Add(1)
	return true
}

func (g *Gateway) isStopping() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stopping
}

// Push queues a push for all connections of a user, but for those whose ids are
// excepted. It never blocks: a connection that does not keep up is closed.
func (g *Gateway) Push(userID string, p *wire.Push, except ...string) Delivery {
	var d Delivery
	for _, c := range g.hub.of(userID) {
		if excepted(c, except) {
			continue
		}
		platform := c.cred.Platform
		if platform == im.PlatformIOS && c.background.Load() {
			continue // gateway.md 5: the system suspends it; only a notification wakes it
		}
		payload := p.Payload(c.codec)
		if len(payload) > g.limits.Answer {
			g.metrics.oversized.Inc()
			g.log.Debug("push is too large for the client", "conn", c.ID(), "user", userID, "op", cmp.Or(p.OperationID(), c.operationID), "bytes", len(payload))
			continue
		}
		if !c.push(opBinary, payload) {
			continue
		}
		d.Connections++
		d.Mobile = d.Mobile || platform == im.PlatformIOS || platform == im.PlatformAndroid
	}
	return d
}

func excepted(c *conn, ids []string) bool {
	for _, id := range ids {
		if c.ID() == id {
			return true
		}
	}
	return false
}

// Online reports whether a user is connected to this gateway.
func (g *Gateway) Online(userID string) bool { return len(g.hub.of(userID)) > 0 }

// PhoneOnline reports whether a phone of a user shows pushes at present: Android,
// or iOS in the foreground (gateway.md 5).
func (g *Gateway) PhoneOnline(userID string) bool {
	for _, c := range g.hub.of(userID) {
		p := c.cred.Platform
		if p == im.PlatformAndroid || p == im.PlatformIOS && !c.background.Load() {
			return true
		}
	}
	return false
}

// Kick ends all connections of a user and platform with frame 2002 and returns
// how many there were, in the name of a request. Mark the tokens before: a handshake
// that was under way is checked again after a kick.
func (g *Gateway) Kick(userID string, p im.Platform, operationID string) int {
	kicked := g.hub.take(userID, p)
	g.kick(kicked, operationID)
	return len(kicked)
}

// kick ends connections that were just taken out of the hub.
func (g *Gateway) kick(conns []*conn, operationID string) {
	for _, c := range conns {
		o := c.origin(operationID)
		g.presence.Kick(c.userID, c.cred.Platform, o)
		g.presence.Disconnect(c.userID, c.cred.Platform, o)
		c.kick()
	}
}

// Connections returns the live connections of users. Token is the token's hash:
// the gateway does not keep tokens.
func (g *Gateway) Connections(userIDs []string) []im.Connection {
	var out []im.Connection
	for _, id := range userIDs {
		for _, c := range g.hub.of(id) {
			out = append(out, im.Connection{
				ID: c.ID(), UserID: c.userID, Platform: c.cred.Platform,
				Background: c.background.Load(), Token: c.cred.TokenHash,
			})
		}
	}
	return out
}

// register makes a connection reachable. Presence comes first: once the hub has
// the connection it can be kicked, which must find it counted.
func (g *Gateway) register(c *conn, operationID string) {
	g.presence.Connect(c.userID, c.cred.Platform, c.origin(operationID))
	g.hub.add(c)
}

// unregister undoes register, unless a kick did already.
func (g *Gateway) unregister(c *conn) {
	if g.hub.remove(c) {
		g.presence.Disconnect(c.userID, c.cred.Platform, c.origin(""))
	}
}
