package webhook

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// HoldForever lets a failing event hold its lane until it is delivered, aborted
// or a dead letter.
const HoldForever time.Duration = -1

// DefaultTimeout is the time for one whole call when a rule names none.
const DefaultTimeout = 5 * time.Second

// maxSecrets is two: the new secret and the one it replaces (webhook-delivery.md 6.2).
const maxSecrets = 2

// Config says where callbacks go, which ones, and how. Start from Default.
type Config struct {
	// URL is the address to which the name of the command is appended. Empty:
	// no callback is wanted.
	URL string
	// Secrets sign the requests, newest first, at most two ("whsec_" and base64).
	Secrets []string
	// Rules holds the callbacks that were configured; a missing one is off.
	Rules map[im.Command]Rule
	// AdminSenders lets BeforeSendSingleMsg be asked about messages of app administrators, too.
	AdminSenders bool
	// GroupRevoke turns AfterRevokeMsg on for groups only (key afterGroupMsgRevoke,
	// which has no command of its own).
	GroupRevoke Rule
	// Concurrency is the number of attempts, and of connections, at a time.
	Concurrency int
	// Hold is the longest time a failing event keeps the later events of its
	// lane waiting: 0 not at all, HoldForever without end.
	Hold time.Duration
	// Schedule holds the wait before each attempt; its length is their number.
	// The first attempt is made at once.
	Schedule []time.Duration
	// Version is told in the User-Agent header.
	Version string
	// Proxy is the URL of a forward proxy; empty: none, whatever the environment says.
	Proxy string
	// MaxBody is the largest body that is sent, in bytes. The default is above all that
	// users can bring about: nobody evades a veto by a large message. A larger one becomes
	// a dead letter, and counts as a failure of a before callback.
	MaxBody int
	// MaxLoaded and MaxLoadedBytes bound the events in memory and their bodies.
	MaxLoaded      int
	MaxLoadedBytes int
	// EndpointConcurrency is Concurrency for an endpoint made through the API that names none.
	EndpointConcurrency int
	// Rate is the number of events per second for the URL, 0: no limit.
	Rate int
	// ResumeRate is the number of events per second of a backlog after a pause, and of
	// replays; 0: no limit.
	ResumeRate int
	// SigningKey is an ed25519 key ("whsk_" and base64) for v1a signatures; empty: none.
	SigningKey string
	TLS        TLS
	// Guard is for endpoints made through the API.
	Guard Guard
	Log   LogConfig
	// MaxBacklog is the number of events of an endpoint in the outbox from which on
	// further ones are not written, but counted; AlarmBacklog that from which on there
	// is an alarm. 0: there is no limit.
	MaxBacklog, AlarmBacklog int
	// PauseAfter is the time without any success after which a failing endpoint is paused.
	PauseAfter time.Duration
}

// LogConfig says what is kept of events that are done with, and of failed attempts.
type LogConfig struct {
	Keep    time.Duration // 0: there is no log
	Rows    int           // events, and failed attempts, at most
	Answers bool          // the first 4 KiB of answers
	Bodies  bool          // of events that speak of no message; without them those cannot be replayed
}

// Policy returns what the store is to keep of events that are done with.
func (c *LogConfig) Policy() store.LogPolicy {
	return store.LogPolicy{Off: c.Keep == 0, Bodies: c.Bodies}
}

// Rule is the configuration of one callback (webhooks.md 1.4, 1.8).
type Rule struct {
	Enabled bool
	// FailedContinue lets the operation go on when its before callback failed.
	FailedContinue bool
	// Timeout is for the whole call; 0 or less means DefaultTimeout.
	Timeout time.Duration
	// Denied and Allowed restrict content types; denied wins, empty does not restrict.
	Denied, Allowed []TypeRange
	// Attention restricts receivers: user ids for single chats, group ids for groups.
	Attention []string
	// Path replaces the name of the command as the last part of the URL.
	Path string
}

// Default returns the numbers of webhook-delivery.md 6, with no URL and no callback on.
func Default() Config {
	return Config{
		Concurrency: 16,
		Hold:        time.Minute,
		Schedule: []time.Duration{
			0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
			5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		},
		EndpointConcurrency: 4,
		ResumeRate:          500,
		Log:                 LogConfig{Keep: 72 * time.Hour, Rows: 1_000_000, Answers: true, Bodies: true},
		AlarmBacklog:        1_000_000,
		MaxBody:             10 << 20,
		MaxLoaded:           4096,
		MaxLoadedBytes:      64 << 20,
		PauseAfter:          5 * 24 * time.Hour,
	}
}

// Validate reports all faults at once. No message holds a secret or the
// credentials of a URL.
func (c *Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("webhooks: "+format, args...)) }

	if c.URL != "" {
		if _, err := parseHTTP(c.URL); err != nil {
			fault("url: %w", err)
		}
	}
	if c.Proxy != "" {
		if _, err := parseHTTP(c.Proxy); err != nil {
			fault("proxy: %w", err)
		}
	}
	if len(c.Secrets) > maxSecrets {
		fault("secrets: %d given, at most %d are used", len(c.Secrets), maxSecrets)
	}
	for i, s := range c.Secrets {
		if _, err := parseSecret(s); err != nil {
			fault("secret %d: %w", i+1, err)
		}
	}
	if c.SigningKey != "" {
		if _, err := parseSigningKey(c.SigningKey); err != nil {
			fault("signingKey: %w", err)
		}
	}
	for cmd, r := range c.Rules {
		name := cmd.Key()
		if name == "" {
			fault("rule for the unknown command %d", cmd)
			continue
		}
		if r.Enabled && c.URL == "" {
			fault("%s: enabled, but url is empty", name)
		}
		for _, t := range append(r.Denied[:len(r.Denied):len(r.Denied)], r.Allowed...) {
			if t.First > t.Last {
				fault("%s: range %d-%d of content types is empty", name, t.First, t.Last)
			}
		}
	}
	for _, n := range []struct {
		name string
		ok   bool
	}{
		{"concurrency must be at least 1", c.Concurrency >= 1},
		{"the concurrency of endpoints must be at least 1", c.EndpointConcurrency >= 1},
		{"rates must be 0 or more", c.Rate >= 0 && c.ResumeRate >= 0},
		{"the limits of a backlog must be 0 or more", c.MaxBacklog >= 0 && c.AlarmBacklog >= 0},
		{"the log must be kept for 0 or more", c.Log.Keep >= 0},
		{"the rows of the log must be at least 1", c.Log.Rows >= 1},
		{"hold must be 0 or more, or -1 for ever", c.Hold >= 0 || c.Hold == HoldForever},
		{"schedule must begin with 0: the first attempt is made at once", len(c.Schedule) > 0 && c.Schedule[0] == 0},
		{"the limit of a body must be at least 1 byte", c.MaxBody >= 1},
		{"the limit of loaded events must be at least 1", c.MaxLoaded >= 1},
		{"the limit of loaded bytes must be at least 1", c.MaxLoadedBytes >= 1},
		{"the time to a pause must be positive", c.PauseAfter > 0},
	} {
		if !n.ok {
			fault("%s", n.name)
		}
	}
	for i, d := range c.Schedule {
		if d < 0 {
			fault("schedule: entry %d is negative", i+1)
		}
	}
	return errors.Join(faults...)
}

// parseHTTP parses an http or https URL. Its errors do not repeat the text,
// which may hold a password.
func parseHTTP(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, err
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("only http and https are possible")
	case u.Host == "":
		return nil, errors.New("has no host")
	}
	return u, nil
}

// timeout returns the time for one call of a command.
func (c *Config) timeout(cmd im.Command) time.Duration {
	if t := c.Rules[cmd].Timeout; t > 0 {
		return t
	}
	return DefaultTimeout
}
