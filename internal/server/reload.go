package server

import (
	"context"
	"encoding/json"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/service"
	"parley/internal/webhook"
)

const (
	// reloadEvery is how often the configuration file is looked at.
	reloadEvery = 2 * time.Second
	// reachTimeout is how long a receiver has to take a connection at the start.
	reachTimeout = 3 * time.Second
	// noticeTimeout is how long a notification of a pause may take.
	noticeTimeout = 10 * time.Second
)

// reloader is what it takes to change the webhooks section while the server runs.
type reloader struct {
	reload     func() (*config.Config, error) // nil: it cannot be read again
	configFile string
	reloading  sync.Mutex             // one at a time
	notify     atomic.Pointer[string] // who is told of pauses
	background sync.WaitGroup         // what looks at the file, connections on trial, notices
	quit       context.CancelFunc     // ends the first
}

// startReloading begins to look at the configuration file.
func (s *Server) startReloading() {
	s.notify.Store(&s.cfg.Webhooks.NotifyUserID)
	s.reach(s.receivers.Snapshot().Config)
	if s.reload == nil || s.configFile == "" {
		return
	}
	ctx, quit := context.WithCancel(context.Background())
	s.quit = quit
	s.background.Go(func() { s.watch(ctx) })
}

// stopReloading ends what startReloading began, and waits for it.
func (s *Server) stopReloading() {
	if s.quit != nil {
		s.quit()
	}
	s.background.Wait()
}

// Reload reads the configuration again and puts its webhooks section into force.
// A text with a fault leaves the old one, and the log says why.
func (s *Server) Reload() {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	if s.reload == nil {
		return
	}
	cfg, err := s.reload()
	if err != nil {
		s.log.Error("configuration not reloaded: the old one stays in force", "err", err)
		return
	}
	c, err := webhookConfig(cfg, s.version)
	if err != nil {
		s.log.Error("configuration not reloaded: the old one stays in force", "err", err)
		return
	}
	s.receivers.Reload(&c)
	s.notify.Store(&cfg.Webhooks.NotifyUserID)
	r := cfg.Report()
	s.log.Info("webhooks reloaded", "url", r.URL, "signatures", r.Signatures, "on", r.On,
		"continue_on_failure", r.Continue, "refuse_on_failure", r.Refuse)
	s.reach(&c)
}

// watch reloads when the configuration file changes, until ctx ends.
func (s *Server) watch(ctx context.Context) {
	stamp := func() (time.Time, int64) {
		info, err := os.Stat(s.configFile)
		if err != nil { // it is being replaced
			return time.Time{}, 0
		}
		return info.ModTime(), info.Size()
	}
	at, size := stamp()
	ticker := time.NewTicker(reloadEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if t, n := stamp(); !t.IsZero() && (t != at || n != size) {
			at, size = t, n
			s.Reload()
		}
	}
}

// reach tries a connection to the receiver, no request, and warns if there is
// none: "configured, but nothing comes" is what operators ask about most.
func (s *Server) reach(c *webhook.Config) {
	on := false
	for cmd := range c.Rules {
		on = on || c.Wants(cmd)
	}
	u, err := url.Parse(c.URL)
	if !on || err != nil || c.Proxy != "" {
		return
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	address := net.JoinHostPort(u.Hostname(), port)
	s.background.Go(func() {
		conn, err := (&net.Dialer{Timeout: reachTimeout}).DialContext(context.Background(), "tcp", address)
		if err != nil {
			s.log.Warn("webhooks: the receiver takes no connection", "address", address, "err", err)
			return
		}
		conn.Close()
		s.log.Info("webhooks: the receiver takes connections", "address", address)
	})
}

// tellPause has the configured user told that an endpoint has paused itself.
func (s *Server) tellPause(n webhook.PauseNotice) {
	to := s.notify.Load()
	if to == nil || *to == "" {
		return
	}
	s.background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), noticeTimeout)
		defer cancel()
		operationID := im.NewID()
		data, err := json.Marshal(map[string]string{"endpointID": n.Endpoint, "url": n.URL, "reason": n.Reason})
		if err == nil {
			_, err = s.service.SendBusinessNotice(ctx, im.Operator{UserID: s.cfg.AdminUserID(), Admin: true, OperationID: operationID}, service.BusinessNotice{
				Key: "webhookPaused", Data: string(data), SendUserID: s.cfg.AdminUserID(), RecvUserID: *to, Stored: true,
			})
		}
		if err != nil {
			s.log.Error("webhooks: nobody was told of the pause", "user", *to, "op", operationID, "err", err)
		}
	})
}
