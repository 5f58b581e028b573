package main

import (
	"fmt"
	"log/slog"

	"parley/internal/config"
	"parley/internal/obs"
)

// sources are the flags of every command that reads the configuration.
type sources struct {
	Config string `placeholder:"FILE" help:"YAML file with settings."`
	Data   string `placeholder:"DIR" help:"Data directory (dataDir)."`
}

// load reads the configuration; more are flags by the name of their setting.
func (s sources) load(m *Main, more map[string]string) (*config.Config, error) {
	flags := map[string]string{"dataDir": s.Data}
	for name, text := range more {
		flags[name] = text
	}
	for name, text := range flags {
		if text == "" {
			delete(flags, name)
		}
	}
	return config.Load(config.Sources{File: s.Config, Env: m.Env, Flags: flags})
}

// serverOptions is what the server and the token need.
type serverOptions struct {
	config  *config.Config
	log     *slog.Logger
	version string
	// file and reload are for reading the configuration again while the server runs.
	file   string
	reload func() (*config.Config, error)
}

func (m *Main) serverOptions(cfg *config.Config) (serverOptions, error) {
	level, err := obs.ParseLevel(cfg.Log.Level)
	if err != nil {
		return serverOptions{}, fmt.Errorf("log.level: %w", err)
	}
	return serverOptions{
		config:  cfg,
		log:     obs.NewLogger(m.Stderr, cfg.Log.Format, level),
		version: obs.ReadBuild().Version,
	}, nil
}
