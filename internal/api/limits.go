package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"parley/internal/im"
	"parley/internal/wire"
)

// clients counts the requests that are being served.
type clients struct {
	max     int // in total
	maxEach int // of one address

	mu    sync.Mutex
	total int
	each  map[netip.Addr]int
}

// clientOf returns whom a request counts for. The zero address, of a listener
// without addresses, counts for nobody. Of IPv6 one household has a whole /64.
// Headers of proxies that are not trusted are not looked at: anybody can send them.
func clientOf(r *http.Request, trusted []netip.Prefix) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := plainAddr(ap.Addr())
	if within(trusted, addr) {
		addr = forwardedFor(r.Header["X-Forwarded-For"], trusted, addr)
	}
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	return addr
}

// plainAddr is an address in the one form that others are compared with.
func plainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// forwardedFor goes back from a proxy to the last address that is none of them.
// Each proxy adds its client at the end; what stands before is anybody's word.
func forwardedFor(header []string, trusted []netip.Prefix, proxy netip.Addr) netip.Addr {
	for _, line := range slices.Backward(header) {
		for line != "" {
			cut := strings.LastIndexByte(line, ',')
			text := strings.TrimSpace(line[cut+1:])
			line = line[:max(cut, 0)]
			addr, err := netip.ParseAddr(text)
			if err != nil {
				ap, err := netip.ParseAddrPort(text)
				if err != nil {
					return proxy
				}
				addr = ap.Addr()
			}
			if proxy = plainAddr(addr); !within(trusted, proxy) {
				return proxy
			}
		}
	}
	return proxy
}

func within(nets []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
}

// enter takes a place for a request, unless there is none.
func (l *clients) enter(addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.max || addr.IsValid() && l.each[addr] >= l.maxEach {
		return false
	}
	l.total++
	if addr.IsValid() {
		if l.each == nil {
			l.each = make(map[netip.Addr]int)
		}
		l.each[addr]++
	}
	return true
}

func (l *clients) leave(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if !addr.IsValid() {
		return
	}
	if l.each[addr]--; l.each[addr] == 0 {
		delete(l.each, addr)
	}
}

// budget bounds the bytes of large bodies that are in memory.
type budget struct {
	max int64

	mu   sync.Mutex
	used int64
}

// take reserves n bytes, unless too many are in use. One body always finds room,
// whatever the limits are set to.
func (b *budget) take(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used > 0 && b.used+n > b.max {
		return false
	}
	b.used += n
	return true
}

func (b *budget) release(n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
}

// limited refuses what is over the limit of requests at once.
func (a *API) limited(next step) step {
	return func(c *call) {
		c.addr = clientOf(c.r, a.o.TrustedProxies)
		if !a.clients.enter(c.addr) {
			a.tooMany(c, excess{limitRequests, "too many requests at once", a.o.MaxPerClient, time.Second})
			return
		}
		defer a.clients.leave(c.addr)
		next(c)
	}
}

// tooMany tells a client to come back later. It may be the first thing that
// happens to a request, so it sees to the headers for browsers itself.
func (a *API) tooMany(c *call, over excess) {
	a.metrics.limited.WithLabelValues(over.limit).Inc()
	h := c.w.Header()
	setCORS(h)
	h.Set("Retry-After", strconv.Itoa(retryAfter(over.wait)))
	if over.burst > 0 {
		h.Set("X-RateLimit-Limit", strconv.Itoa(over.burst))
	}
	h.Set("X-RateLimit-Remaining", "0")
	a.refuse(c, http.StatusTooManyRequests, wire.StatusOf(im.Errorf(im.TooMany, "api.limits", "%s", over.text)))
}
