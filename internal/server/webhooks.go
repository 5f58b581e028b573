package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/webhook"
	"parley/internal/wire"
)

// openWebhooks builds what tells and asks the business server.
func (s *Server) openWebhooks() (err error) {
	c, err := webhookConfig(s.cfg, s.version)
	if err != nil {
		return err
	}
	if s.asker, err = webhook.NewAsker(webhook.AskerOptions{Config: &c, Log: s.log, Metrics: s.registry}); err != nil {
		return err
	}
	o := webhook.Options{Config: c, Outbox: s.store, Decode: wire.ParseBody, Log: s.log, Metrics: s.registry, Paused: s.tellPause}
	if _, local := s.cfg.SQLitePath(); !local {
		// Two processes that were given the same name must not take each other's work.
		s.node = s.cfg.Node.ID + "/" + im.NewID()[:8]
		o.Node, o.NodeBack = s.node, s.online.Again
		o.NodeEnded = func(ctx context.Context, node string) error { return s.service.NodeEnded(ctx, node) }
	}
	if s.hooks, err = webhook.New(o); err != nil {
		return err
	}
	s.store.OnEvents(s.hooks.Made)
	s.receivers = webhook.NewRegistry(s.store, &c, s.log, s.hooks.Apply, s.reloadAsker(&c))
	return nil
}

// tellOffline tells of connections that ended with an earlier process. Where several
// nodes share the database, those that live find out who is dead.
func (s *Server) tellOffline(ctx context.Context) error {
	if s.node != "" {
		return nil
	}
	return s.service.NodeEnded(ctx, s.node)
}

// receiving is what the use cases see of the delivery of events.
type receiving struct {
	*webhook.Dispatcher
	*webhook.Registry
}

func (r receiving) Config() *webhook.Config { return r.Snapshot().Config }

// reloadAsker returns what brings the before callbacks to a new configuration.
func (s *Server) reloadAsker(now *webhook.Config) func(*webhook.Snapshot) error {
	return func(news *webhook.Snapshot) error {
		if news.Config == now {
			return nil
		}
		now = news.Config
		return s.asker.Reload(now)
	}
}

// webhookConfig turns the operator's settings into what package webhook needs.
func webhookConfig(cfg *config.Config, version string) (webhook.Config, error) {
	from := &cfg.Webhooks
	w := webhook.Default()
	w.Version, w.URL, w.Secrets, w.SigningKey = version, from.URL, from.SigningSecrets(), from.SigningKey
	w.Rules = make(map[im.Command]webhook.Rule)
	w.AdminSenders = from.AdminSenders
	w.GroupRevoke = rule(from.Callbacks["afterGroupMsgRevoke"])
	for _, c := range im.Commands() {
		if cb, ok := from.Callbacks[c.Key()]; ok {
			w.Rules[c] = rule(cb)
		}
	}
	w.Concurrency, w.Rate, w.ResumeRate, w.Proxy = from.Concurrency, from.Rate, from.ResumeRate, from.Proxy
	w.MaxBacklog, w.AlarmBacklog, w.MaxBody = from.MaxBacklog, from.AlarmBacklog, from.MaxBodyBytes
	w.PauseAfter = time.Duration(from.PauseAfter) * time.Hour
	if w.Hold = time.Duration(from.Hold) * time.Second; from.Hold < 0 {
		w.Hold = webhook.HoldForever
	}
	w.Log = webhook.LogConfig{
		Keep: time.Duration(from.LogHours) * time.Hour, Rows: from.LogRows, Answers: from.LogAnswers, Bodies: from.LogBodies,
	}
	var errs [4]error
	w.Schedule, errs[0] = from.Waits()
	w.Guard.AllowPrivate = from.AllowPrivate
	w.Guard.Allow, errs[1] = config.Nets(from.AllowNets)
	w.Guard.Deny, errs[2] = config.Nets(from.DenyNets)
	w.TLS, errs[3] = hookTLS(from)
	if err := errors.Join(errs[:]...); err != nil {
		return w, err
	}
	return w, w.Validate()
}

// hookTLS reads the files of certificates.
func hookTLS(from *config.Webhooks) (t webhook.TLS, err error) {
	t.SkipVerify = from.InsecureSkipVerify
	if from.CA != "" {
		text, err := os.ReadFile(from.CA)
		if err != nil {
			return t, fmt.Errorf("webhooks.ca: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(text) {
			return t, fmt.Errorf("webhooks.ca: %s holds no certificate", from.CA)
		}
	}
	if from.ClientCert == "" && from.ClientKey == "" {
		return t, nil
	}
	pair, err := tls.LoadX509KeyPair(from.ClientCert, from.ClientKey)
	if err != nil {
		return t, fmt.Errorf("webhooks.clientCert, webhooks.clientKey: %w", err)
	}
	t.Certificate = &pair
	return t, nil
}

func rule(cb config.Callback) webhook.Rule {
	return webhook.Rule{
		Enabled: cb.Enable, FailedContinue: cb.FailedContinue, Timeout: cb.Wait(),
		Denied: typeRanges(cb.DeniedTypes), Allowed: typeRanges(cb.AllowedTypes),
		Attention: cb.AttentionIDs, Path: cb.Path,
	}
}

func typeRanges(l config.TypeList) []webhook.TypeRange {
	var out []webhook.TypeRange
	for _, r := range l {
		out = append(out, webhook.TypeRange{First: int32(r.From), Last: int32(r.To)})
	}
	return out
}
