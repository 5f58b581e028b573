package webhook

import (
	"net/netip"
	"slices"
	"strings"

	"parley/internal/im"
)

// Bounds of endpoints made through the API.
const (
	MaxEndpoints   = 100
	maxURLBytes    = 2048
	maxDescription = 1024
	maxFilter      = 1000 // entries of one list
	maxFilterBytes = 256  // of one entry
	maxConcurrency = 64
	maxRate        = 10_000
	maxBatch       = 100
)

// CheckEndpoint returns an error of kind im.Invalid unless an endpoint can be
// used. Names are looked up only when they are connected to; an address that the
// guard would refuse is refused at once.
func CheckEndpoint(c *Config, e *im.Endpoint) error {
	bad := func(format string, args ...any) error {
		return im.Errorf(im.Invalid, "webhook.CheckEndpoint", format, args...)
	}
	if len(e.URL) > maxURLBytes || len(e.Description) > maxDescription {
		return bad("url has at most %d bytes, description %d", maxURLBytes, maxDescription)
	}
	u, err := parseHTTP(e.URL)
	if err != nil {
		return bad("url: %v", err)
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && c.Proxy == "" {
		if err := c.Guard.Check(a); err != nil {
			return bad("url: %v", err)
		}
	}
	for _, cmd := range e.Commands {
		if !IsAfter(cmd) {
			return bad("commands: endpoints are told of after callbacks only")
		}
	}
	for _, r := range slices.Concat(e.ContentTypes, e.Denied) {
		if r.First > r.Last {
			return bad("range %d-%d of content types is empty", r.First, r.Last)
		}
	}
	for name, list := range map[string][]string{"senders": e.Senders, "receivers": e.Receivers, "groups": e.Groups} {
		if len(list) > maxFilter || slices.ContainsFunc(list, func(v string) bool { return v == "" || len(v) > maxFilterBytes }) {
			return bad("%s holds at most %d ids of at most %d bytes", name, maxFilter, maxFilterBytes)
		}
	}
	if len(e.Commands) > maxFilter || len(e.ContentTypes) > maxFilter || len(e.Denied) > maxFilter {
		return bad("a filter holds at most %d entries", maxFilter)
	}
	if e.Concurrency < 0 || e.Concurrency > maxConcurrency || e.Rate < 0 || e.Rate > maxRate {
		return bad("concurrency is 0 to %d, rate 0 to %d", maxConcurrency, maxRate)
	}
	if e.Batch < 0 || e.Batch > maxBatch {
		return bad("batch is 0 to %d", maxBatch)
	}
	if e.SigningKey != "" {
		if _, err := parseSigningKey(e.SigningKey); err != nil {
			return bad("signingKey %v", err)
		}
	}
	for i, s := range e.Secrets {
		if _, err := parseSecret(s.Key); err != nil {
			return bad("secret %d %v", i+1, err)
		}
	}
	return nil
}

// IsAfter reports whether a command tells of something that has happened.
func IsAfter(cmd im.Command) bool { return strings.HasPrefix(cmd.Key(), "after") }

// ShownURL returns a URL without credentials and query.
func ShownURL(text string) string { return shown(text) }
