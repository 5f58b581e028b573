package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	minFrameBytes = 1 << 10
	maxFrameBytes = 64 << 20
	// maxExpireDays is a hundred years; more overflows the clocks of some clients.
	maxExpireDays = 36_500
	maxUserIDLen  = 64
)

// Validate returns all faults as [Faults], or nil. It looks at values only: it
// opens no file and no connection.
func (c *Config) Validate() error { return c.faults().orNil() }

func (c *Config) faults() Faults {
	v := validator{cfg: c}
	v.check("dataDir", checkDataDir(c.DataDir))
	if c.Secret != "" {
		v.check("secret", checkConfiguredSecret(c.Secret))
	}
	v.check("publicURL", checkPublicURL(c.PublicURL))
	v.check("api.listen", checkListen(c.API.Listen))
	v.check("ws.listen", checkListen(c.WS.Listen))
	v.check("ws.maxConnections", checkRange(c.WS.MaxConnections, 1, 10_000_000))
	v.check("ws.maxFrameBytes", checkRange(c.WS.MaxFrameBytes, minFrameBytes, maxFrameBytes))
	v.check("admin.listen", checkListen(c.Admin.Listen))
	v.check("admin.userIDs", checkUserIDs(c.Admin.UserIDs))
	v.check("admin.grafanaURL", checkCallbackURL(c.Admin.GrafanaURL))
	v.checkListeners()
	v.check("store.url", checkStoreURL(c.Store.URL))
	v.check("nats.url", checkNATS(c.NATS.URL))
	v.check("node.id", checkNodeID(c.Node.ID))
	v.check("multiLogin.policy", checkPolicy(c.MultiLogin.Policy))
	v.check("multiLogin.maxNumOneEnd", checkRange(c.MultiLogin.MaxNumOneEnd, 1, 1_000_000))
	v.check("token.expireDays", checkRange(c.Token.ExpireDays, 1, maxExpireDays))
	v.check("expiry.at", checkTimeOfDay(c.Expiry.At))
	v.check("expiry.retainChatRecords", checkRange(c.Expiry.RetainChatRecords, -1, maxExpireDays))
	v.checkObjects()
	v.checkLimits()
	v.checkPush()
	v.check("log.level", checkLevel(c.Log.Level))
	v.check("log.format", checkFormat(c.Log.Format))
	v.checkWebhooks()
	return v.faults
}

type validator struct {
	cfg    *Config
	faults Faults
}

func (v *validator) check(setting string, err error) {
	if err != nil {
		v.faults = append(v.faults, Fault{Setting: setting, Where: v.cfg.Origin(setting).Where, Text: err.Error()})
	}
}

// checkListeners finds two listeners on one address before the operating
// system does, because its message names neither setting.
func (v *validator) checkListeners() {
	c := v.cfg
	listeners := []struct{ name, address string }{
		{"api.listen", c.API.Listen}, {"ws.listen", c.WS.Listen}, {"admin.listen", c.Admin.Listen},
	}
	for i, a := range listeners {
		for _, b := range listeners[:i] {
			if sameAddress(a.address, b.address) {
				v.check(a.name, fmt.Errorf("uses the same address as %s (%s)", b.name, b.address))
			}
		}
	}
}

func sameAddress(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || isUnspecified(hostA) || isUnspecified(hostB)
}

func isUnspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

func (v *validator) checkWebhooks() {
	w := &v.cfg.Webhooks
	v.checkDelivery()
	v.check("webhooks.url", checkCallbackURL(w.URL))
	if on := w.On(); w.URL == "" && len(on) > 0 {
		v.check("webhooks.url", fmt.Errorf("is empty, but callbacks are on: %s", strings.Join(on, ", ")))
	}
	if w.Secret != "" {
		_, err := ParseWebhookSecret(w.Secret)
		v.check("webhooks.secret", err)
	}
	for _, s := range w.Secrets {
		if _, err := ParseWebhookSecret(s); err != nil {
			v.check("webhooks.secrets", err)
			break
		}
	}
	if n := len(w.SigningSecrets()); n > maxSecrets {
		v.check("webhooks.secrets", fmt.Errorf("holds too many: together with webhooks.secret there are %d signing secrets, at most %d may be active", n, maxSecrets))
	}
	for _, key := range callbackKeys() {
		cb, ok := w.Callbacks[key]
		name := "webhooks." + key
		if !ok {
			v.check(name, errors.New("is missing"))
			continue
		}
		v.check(name+".timeout", checkCallbackTimeout(cb.Timeout))
		v.check(name+".path", checkCallbackPath(cb.Path))
	}
	for _, key := range slices.Sorted(maps.Keys(w.Callbacks)) {
		if !slices.Contains(callbackKeys(), key) {
			v.check("webhooks."+key, errors.New("is no callback"))
		}
	}
}

func checkDataDir(dir string) error {
	if strings.TrimSpace(dir) == "" {
		return errors.New("must name a directory")
	}
	return nil
}

func checkListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("must be HOST:PORT or :PORT, with a port from 0 to 65535, not %q", address)
	}
	return nil
}

func checkRange(n, low, high int) error {
	if n < low || n > high {
		return fmt.Errorf("must be from %d to %d, not %d", low, high, n)
	}
	return nil
}

func checkTimeOfDay(text string) error {
	if _, err := time.Parse("15:04", text); err != nil {
		return fmt.Errorf("must be a time of day like 02:00, not %q", text)
	}
	return nil
}

// checkPublicURL never repeats the value: a URL may hold a password, and the
// parser's own error quotes it.
func checkPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("must be an http or https URL with a host")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("must not hold a user, a query or a fragment, since paths are appended to it")
	}
	return nil
}

func checkCallbackURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("must be an http or https URL with a host")
	}
	if u.Fragment != "" {
		return errors.New("must not hold a fragment (#), which is never sent")
	}
	return nil
}

func checkStoreURL(text string) error {
	if text == "" {
		return nil
	}
	if path, ok := strings.CutPrefix(text, sqlitePrefix); ok {
		if path == "" {
			return errors.New("must name a file after sqlite:")
		}
		return nil
	}
	if u, err := url.Parse(text); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		return nil
	}
	return errors.New("must be sqlite:PATH or a valid postgres:// URL")
}

func checkNATS(text string) error {
	if text != "" {
		return errors.New("a bus between nodes is not available in this version, leave it empty to run one node")
	}
	return nil
}

// checkNodeID allows what is one token in a subject of the bus and one word in a log line.
func checkNodeID(id string) error {
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`).MatchString(id) {
		return fmt.Errorf("must be 1 to 64 letters, digits, _ or -, not %q", id)
	}
	return nil
}

func checkUserIDs(ids []string) error {
	if len(ids) == 0 {
		return errors.New("must name at least one user")
	}
	for i, id := range ids {
		if id == "" || len(id) > maxUserIDLen {
			return fmt.Errorf("must hold IDs of 1 to %d bytes, not %q", maxUserIDLen, id)
		}
		if slices.Contains(ids[:i], id) {
			return fmt.Errorf("names %q twice", id)
		}
	}
	return nil
}

func checkPolicy(policy int) error {
	switch policy {
	case 0, 1, 4, 5:
		return nil
	}
	return fmt.Errorf("must be 0, 1, 4 or 5, not %d", policy)
}

func checkLevel(level string) error {
	switch strings.ToLower(level) {
	case "debug", "info", "warn", "error":
		return nil
	}
	return fmt.Errorf("must be debug, info, warn or error, not %q", level)
}

func checkFormat(format string) error {
	if format == "text" || format == "json" {
		return nil
	}
	return fmt.Errorf("must be text or json, not %q", format)
}

func checkCallbackTimeout(seconds int) error {
	if seconds > maxTimeout {
		return fmt.Errorf("must be at most %d seconds, not %d", maxTimeout, seconds)
	}
	return nil
}

// checkCallbackPath keeps the override one element of a path: it must not be
// able to leave the base URL or to start a query.
func checkCallbackPath(path string) error {
	if path == "" {
		return nil
	}
	if path == "." || path == ".." || !regexp.MustCompile(`^[A-Za-z0-9._~-]{1,128}$`).MatchString(path) {
		return fmt.Errorf("must be one path element of letters, digits, '.', '_', '~' and '-', not %q", path)
	}
	return nil
}
