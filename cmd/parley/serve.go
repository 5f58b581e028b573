package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"parley/internal/config"
	"parley/internal/server"
)

// serveCmd is `parley serve`.
type serveCmd struct {
	sources
	APIListen   string `name:"api-listen" placeholder:"HOST:PORT" help:"REST listener (api.listen); port 0 takes a free one."`
	WSListen    string `name:"ws-listen" placeholder:"HOST:PORT" help:"WebSocket listener (ws.listen)."`
	AdminListen string `placeholder:"HOST:PORT" help:"Listener of health, metrics and profiles (admin.listen)."`
	PublicURL   string `name:"public-url" placeholder:"URL" help:"How clients reach the API from outside (publicURL)."`
	LogLevel    string `placeholder:"LEVEL" help:"debug, info, warn or error (log.level)."`
}

// Run serves until it is told to stop.
func (c *serveCmd) Run(ctx context.Context, m *Main) error {
	flags := map[string]string{
		"api.listen":   c.APIListen,
		"ws.listen":    c.WSListen,
		"admin.listen": c.AdminListen,
		"publicURL":    c.PublicURL,
		"log.level":    c.LogLevel,
	}
	cfg, err := c.load(m, flags)
	if err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	opts, err := m.serverOptions(cfg)
	if err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	opts.file, opts.reload = c.Config, func() (*config.Config, error) { return c.load(m, flags) }
	logReport(opts.log, cfg.Report())
	srv, err := m.NewServer(opts)
	if err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	defer onHangup(srv)()
	return m.drive(ctx, srv, opts.log)
}

// onHangup has a server read its configuration again on SIGHUP, until the returned
// function is called.
func onHangup(srv runner) (stop func()) {
	r, ok := srv.(interface{ Reload() })
	if !ok {
		return func() {}
	}
	hangups, quit := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			select {
			case <-hangups:
				r.Reload()
			case <-quit:
				return
			}
		}
	})
	return func() {
		signal.Stop(hangups)
		close(quit)
		ended.Wait()
	}
}

// realServer fits the server to what drive needs.
type realServer struct{ *server.Server }

func (s realServer) Addrs() addrs {
	a := s.Server.Addrs()
	return addrs{api: a.API, ws: a.WS, admin: a.Admin}
}

var _ runner = realServer{}

func newServer(o serverOptions) (runner, error) {
	srv, err := server.New(server.Options{Config: o.config, Log: o.log, Version: o.version, ConfigFile: o.file, Reload: o.reload})
	if err != nil {
		return nil, err
	}
	return realServer{srv}, nil
}
