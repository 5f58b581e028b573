package main

import (
	"context"
	"fmt"

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
	cfg, err := c.load(m, map[string]string{
		"api.listen":   c.APIListen,
		"ws.listen":    c.WSListen,
		"admin.listen": c.AdminListen,
		"publicURL":    c.PublicURL,
		"log.level":    c.LogLevel,
	})
	if err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	opts, err := m.serverOptions(cfg)
	if err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	logReport(opts.log, cfg.Report())
	srv, err := m.NewServer(opts)
	if err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	return m.drive(ctx, srv, opts.log)
}

// realServer fits the server to what drive needs.
type realServer struct{ *server.Server }

func (s realServer) Addrs() addrs {
	a := s.Server.Addrs()
	return addrs{api: a.API, ws: a.WS, admin: a.Admin}
}

var _ runner = realServer{}

func newServer(o serverOptions) (runner, error) {
	srv, err := server.New(server.Options{Config: o.config, Log: o.log, Version: o.version})
	if err != nil {
		return nil, err
	}
	return realServer{srv}, nil
}
