// Package server wires the parts into one value: New, Start, Stop, in the order
// of their dependencies. Tests start several of them in one process.
//
// It owns the listeners and one goroutine for each; everything else belongs to
// the parts.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/api"
	"parley/internal/config"
	"parley/internal/deliver"
	"parley/internal/expiry"
	"parley/internal/gateway"
	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/obs"
	"parley/internal/presence"
	"parley/internal/push"
	"parley/internal/service"
	"parley/internal/store"
	"parley/internal/store/postgres"
	"parley/internal/store/sqlite"
	"parley/internal/webhook"
	"parley/internal/wire"
)

// Time limits of the HTTP listeners. Bodies are at most 16 MiB, which a slow
// client may take a minute to send.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute
	idleTimeout   = 2 * time.Minute
	// answerTimeout covers the reading of the body, too: a minute, and some for the answer.
	answerTimeout = 75 * time.Second
	// maxHeaderBytes is far above a token, an operation id and what proxies add.
	maxHeaderBytes = 64 << 10
)

// Options are what a Server is made from.
type Options struct {
	Config  *config.Config
	Log     *slog.Logger
	Version string
	// ConfigFile is looked at for changes, and Reload reads the configuration again; both may be missing.
	ConfigFile string
	Reload     func() (*config.Config, error)
}

// Addrs are the addresses a server listens on.
type Addrs struct{ API, WS, Admin string }

// Server is one node.
type Server struct {
	cfg      *config.Config
	version  string
	log      *slog.Logger
	registry *prometheus.Registry
	health   *obs.Health

	unlock    func() error
	node      string // among those that share the database; empty: there are no others
	online    *presence.Table
	store     store.Store
	service   *service.Service
	objects   objects
	hooks     *webhook.Dispatcher
	asker     *webhook.Asker
	messages  *msglog.Log
	deliver   *deliver.Deliverer
	push      *push.Pusher
	expiry    *expiry.Runner
	gateway   *gateway.Gateway
	api       *api.API
	receivers *webhook.Registry // who is told of an event

	reloader

	listeners []*listener
	fatal     chan error
	stopOnce  sync.Once
	stopErr   error
}

// listener is one HTTP server on one address.
type listener struct {
	setting string // its name in the configuration
	address string
	srv     *http.Server
	ln      net.Listener
	ended   chan struct{}
}

// New opens the store and builds the parts; nothing runs yet. Whoever does not
// go on to Start calls Stop.
func New(o Options) (_ *Server, err error) {
	ctx := context.Background()
	cfg := o.Config
	s := &Server{cfg: cfg, version: o.Version, log: o.Log, health: obs.NewHealth(), online: presence.New(), fatal: make(chan error, 3)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop(ctx))
		}
	}()
	build := obs.ReadBuild()
	s.registry = obs.NewRegistry(build)
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory (dataDir): %w", err)
	}
	if s.unlock, err = config.LockDir(cfg.DataDir); err != nil {
		return nil, err
	}
	secret, generated, err := config.ResolveSecret(cfg.DataDir, cfg.Secret)
	if err != nil {
		return nil, err
	}
	if generated {
		o.Log.Info("secret generated", "dir", cfg.DataDir)
	}
	if s.store, err = openStore(ctx, cfg); err != nil {
		return nil, err
	}
	if s.objects, err = openObjects(ctx, cfg, secret, o.Log); err != nil {
		return nil, err
	}
	s.reload, s.configFile = o.Reload, o.ConfigFile
	if err := s.openWebhooks(); err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	svc, err := newService(cfg, s.store, &webhook.Hooks{Asker: s.asker, Registry: s.receivers, Dispatcher: s.hooks}, secret, s.node, o.Log, s.objects)
	if err != nil {
		return nil, err
	}
	s.service = svc
	svc.ConnectWebhooks(receiving{s.hooks, s.receivers})
	if s.push, err = s.newPusher(svc); err != nil {
		return nil, err
	}
	s.buildMessaging(svc)
	at, err := expiry.ParseTimeOfDay(cfg.Expiry.At)
	if err != nil {
		return nil, fmt.Errorf("expiry.at: %w", err)
	}
	s.expiry = expiry.New(expiry.Options{Work: svc, At: at, RetainDays: cfg.Expiry.RetainChatRecords, Log: o.Log})
	if s.api, err = s.newAPI(svc, o.Version); err != nil {
		return nil, err
	}
	admin, err := s.adminHandler()
	if err != nil {
		return nil, err
	}
	if err := svc.Start(ctx); err != nil {
		return nil, err
	}
	s.health.Set("store", s.store.Ping)
	s.health.Set("objects", s.objects.check)
	s.health.Set("webhooks", func(context.Context) error { return obs.Degraded(s.hooks.Alarm()) })
	s.listeners = []*listener{
		{setting: "api.listen", address: cfg.API.Listen, srv: &http.Server{
			Handler: s.api, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: answerTimeout,
			IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		}},
		{setting: "ws.listen", address: cfg.WS.Listen, srv: &http.Server{Handler: s.gateway, ReadHeaderTimeout: headerTimeout}},
		{setting: adminListen, address: cfg.Admin.Listen, srv: &http.Server{Handler: admin, ReadHeaderTimeout: headerTimeout}},
	}
	for _, l := range s.listeners {
		l.srv.ErrorLog = slog.NewLogLogger(o.Log.With("op", im.NewID()).Handler(), slog.LevelDebug) // broken connections are no news
	}
	return s, nil
}

// buildMessaging connects log, delivery and gateway, which need one another.
func (s *Server) buildMessaging(svc *service.Service) {
	m := newMetrics(s.registry)
	logged := msglog.Options{
		Store: s.store, Encode: wire.Body, First: svc.FirstMessage, Returned: svc.ReturnedMessage, EventsAdded: s.hooks.Wake, Observe: m.commit, Log: s.log,
		Publish: func(batch []*msglog.Delivery) { s.deliver.Publish(batch) },
	}
	if s.push.Intends() {
		logged.Numbered = s.push.Intend
	}
	s.messages = msglog.New(logged)
	m.queue(s.registry, s.messages.Queued)
	limits := gateway.DefaultLimits()
	limits.Connections = s.cfg.WS.MaxConnections
	limits.Frame = s.cfg.WS.MaxFrameBytes
	s.online.OnChange(svc.PresenceChanged)
	s.gateway = gateway.New(gateway.Options{
		Service: svc, Presence: s.online, Policy: im.LoginPolicy(s.cfg.MultiLogin.Policy), IsAdmin: svc.IsAdmin,
		PushTokens: svc, Limits: limits, Log: s.log, Metrics: s.registry,
	})
	s.deliver = deliver.New(deliver.Options{Local: local{s.gateway}, Gate: s.push, Offline: s.push, Log: s.log, Members: func(ctx context.Context, groupID string) (deliver.Roster, error) {
		return svc.Roster(ctx, groupID)
	}})
	svc.Connect(s.messages, kicker{s.gateway, s.online})
}

func openStore(ctx context.Context, cfg *config.Config) (store.Store, error) {
	if path, ok := cfg.SQLitePath(); ok {
		st, err := sqlite.Open(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("open the database (store.url): %w", err)
		}
		return st, nil
	}
	st, err := postgres.Open(ctx, cfg.StoreURL())
	if err != nil {
		return nil, fmt.Errorf("open the database (store.url): %w", err)
	}
	return st, nil
}

func newService(cfg *config.Config, st store.Store, h service.Hooks, secret, node string, log *slog.Logger, files objects) (*service.Service, error) {
	return service.New(service.Options{
		Store: st, Hooks: h, Logger: log, Node: node, Secret: secret, AdminIDs: cfg.Admin.UserIDs,
		TokenLife: time.Duration(cfg.Token.ExpireDays) * 24 * time.Hour,
		Policy:    im.LoginPolicy(cfg.MultiLogin.Policy), MaxPerEnd: cfg.MultiLogin.MaxNumOneEnd, FriendVerify: cfg.Friend.Verify,
		Decode:               wire.ParseBody,
		HistoryForNewMembers: cfg.Group.EnableHistoryForNewMembers,
		GroupPace:            groupPace(cfg),
		Objects:              files.storage, ObjectKey: files.sealKey, MaxObject: files.max,
	})
}

// local lets delivery push to this node's connections.
type local struct{ g *gateway.Gateway }

func (l local) Push(userID string, p *wire.Push, spare im.Platform) (phone bool) {
	if spare == 0 {
		return l.g.Push(userID, p).Mobile
	}
	var except []string
	for _, c := range l.g.Connections([]string{userID}) {
		if c.Platform == spare {
			except = append(except, c.ID)
		}
	}
	return l.g.Push(userID, p, except...).Mobile
}

// kicker lets the service see connections, and end them.
type kicker struct {
	g      *gateway.Gateway
	online *presence.Table
}

func (k kicker) Kick(userID string, p im.Platform, op string) { k.g.Kick(userID, p, op) }
func (k kicker) Connections(userIDs []string) []im.Connection { return k.g.Connections(userIDs) }
func (k kicker) Statuses(userIDs []string) []im.OnlineStatus  { return k.online.Statuses(userIDs) }

// Start opens the listeners and runs the parts. On an error the caller calls Stop.
func (s *Server) Start(ctx context.Context) error {
	// Listeners first: a taken port is the most likely fault and should cost nothing.
	for _, l := range s.listeners {
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", l.address)
		if err != nil {
			return fmt.Errorf("listen on %s (%s): %w", l.address, l.setting, err)
		}
		l.ln = ln
	}
	if err := s.push.Start(ctx); err != nil {
		return err
	}
	s.deliver.Start()
	if err := s.messages.Start(ctx); err != nil {
		return err
	}
	if err := s.receivers.Start(ctx); err != nil { // before the first event is sent: one may be paused
		return fmt.Errorf("webhooks: %w", err)
	}
	if err := s.tellOffline(ctx); err != nil { // before the first client comes back
		return fmt.Errorf("webhooks: %w", err)
	}
	if err := s.hooks.Start(ctx); err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	s.startReloading()
	s.gateway.Start(ctx)
	s.expiry.Start(ctx)
	for _, l := range s.listeners {
		l.ended = make(chan struct{})
		go func() {
			defer close(l.ended)
			if err := l.srv.Serve(l.ln); !errors.Is(err, http.ErrServerClosed) {
				s.fatal <- fmt.Errorf("%s: %w", l.setting, err)
			}
		}()
	}
	return nil
}

// Addrs returns the real addresses after Start.
func (s *Server) Addrs() Addrs {
	a := make([]string, len(s.listeners))
	for i, l := range s.listeners {
		if l.ln != nil {
			a[i] = shown(l.ln.Addr())
		}
	}
	return Addrs{API: a[0], WS: a[1], Admin: a[2]}
}

// shown is an address that a client on this machine can connect to.
func shown(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// Done reports a failure that ends the server.
func (s *Server) Done() <-chan error { return s.fatal }

// Stop drains and closes everything, in the order in which work flows: what was
// accepted is finished, committed, delivered. It may be called more than once.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() { s.stopErr = s.stop(ctx) })
	return s.stopErr
}

func (s *Server) stop(ctx context.Context) error {
	var errs []error
	for _, l := range s.listeners {
		if l.ln == nil {
			continue
		}
		if l.ended == nil { // never served
			errs = append(errs, l.ln.Close())
			continue
		}
		if l.srv.Shutdown(ctx) != nil { // requests still in work at the deadline are cut
			errs = append(errs, l.srv.Close())
		}
		<-l.ended
	}
	s.stopReloading() // it may still send a notification
	if s.gateway != nil {
		errs = append(errs, s.gateway.Stop(ctx))
		errs = append(errs, s.service.PresenceWritten(ctx)) // that its connections are gone
	}
	if s.expiry != nil { // it sends notifications
		s.expiry.Stop()
	}
	if s.messages != nil {
		s.messages.Stop()
	}
	if s.deliver != nil {
		s.deliver.Stop()
	}
	if s.push != nil {
		within, cancel := context.WithTimeout(ctx, pushStopWait)
		s.push.Stop(within)
		cancel()
	}
	if s.receivers != nil {
		s.receivers.Stop()
	}
	if s.hooks != nil {
		errs = append(errs, s.hooks.Stop(ctx))
	}
	if s.service != nil {
		s.service.Stop()
	}
	if s.asker != nil {
		s.asker.Close()
	}
	if s.objects.close != nil {
		errs = append(errs, s.objects.close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.unlock != nil {
		errs = append(errs, s.unlock())
	}
	return errors.Join(errs...)
}
