package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// TLS is how receivers are recognised, and how the server shows itself to them.
type TLS struct {
	RootCAs     *x509.CertPool   // nil: those of the system
	Certificate *tls.Certificate // nil: none
	// SkipVerify takes any certificate: whoever sits in between can read and answer.
	SkipVerify bool
}

// Guard says which addresses endpoints made through the API may have
// (webhook-delivery.md 6.8). It is asked with the address that is connected to,
// after names were resolved, so a name cannot change its mind in between.
type Guard struct {
	AllowPrivate bool           // loopback, private and other local networks
	Allow        []netip.Prefix // these are allowed whatever the rest says, but for what is never allowed
	Deny         []netip.Prefix // these are refused, unless they are allowed by name
	Resolver     *net.Resolver  // nil: that of the system
}

// errBlocked is an address that the guard refuses.
var errBlocked = errors.New("the address is not allowed")

// metadata are the addresses at which clouds tell machines their secrets, beside
// those that are link-local.
func metadata() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192")}
}

// local are the networks that belong to nobody outside, beside those that
// netip knows.
func local() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	}
}

// nested are prefixes in which an IPv6 address holds an IPv4 one, which would be
// looked at under the wrong rules.
func nested() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
	}
}

// Check returns an error unless an address may be connected to.
func (g *Guard) Check(a netip.Addr) error {
	refuse := func(why string) error { return fmt.Errorf("%w: %s is %s", errBlocked, a, why) }
	in := func(nets []netip.Prefix) bool {
		return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	loopback6 := a == netip.IPv6Loopback()
	switch {
	case a.Is4In6():
		return refuse("an IPv4 address in IPv6 form")
	case a.Zone() != "", a.IsLinkLocalUnicast():
		return refuse("link-local")
	case a.IsUnspecified():
		return refuse("unspecified")
	case a.IsMulticast():
		return refuse("multicast")
	case slices.Contains(metadata(), a):
		return refuse("a metadata service")
	case in(nested()) && !loopback6:
		return refuse("an IPv4 address in IPv6 form")
	case in(g.Allow):
		return nil
	case in(g.Deny):
		return refuse("denied")
	case !g.AllowPrivate && (a.IsLoopback() || a.IsPrivate() || in(local())):
		return refuse("private")
	}
	return nil
}

// control refuses a connection before it is made.
func (g *Guard) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s cannot be read", errBlocked, address)
	}
	return g.Check(at.Addr())
}

// newTransport returns a pool of connections without a guard.
func newTransport(c *Config) (*http.Transport, error) { return guardedTransport(c, nil) }

// guardedTransport returns a pool of connections. Redirects are never followed,
// because it is used without an http.Client. With a proxy the guard has nothing
// to look at: the proxy decides.
func guardedTransport(c *Config, g *Guard) (*http.Transport, error) {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	if g != nil && c.Proxy == "" {
		dialer.Control, dialer.Resolver = g.control, g.Resolver
	}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		MaxConnsPerHost:        c.Concurrency,
		MaxIdleConnsPerHost:    c.Concurrency,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxResponseHeaderBytes: maxAnswer,
		DisableCompression:     true,
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: c.TLS.RootCAs,
			InsecureSkipVerify: c.TLS.SkipVerify, //nolint:gosec // the operator's own, loudly warned of
		},
	}
	if c.TLS.Certificate != nil {
		t.TLSClientConfig.Certificates = []tls.Certificate{*c.TLS.Certificate}
	}
	if c.Proxy != "" {
		u, err := parseHTTP(c.Proxy)
		if err != nil {
			return nil, fmt.Errorf("webhooks: proxy: %w", err)
		}
		t.Proxy = http.ProxyURL(u)
	}
	return t, nil
}
