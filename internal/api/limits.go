package api

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"

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
// Headers of proxies are not looked at: anybody can send them.
func clientOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	return addr
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
		addr := clientOf(c.r)
		if !a.clients.enter(addr) {
			a.tooMany(c, "too many requests at once")
			return
		}
		defer a.clients.leave(addr)
		next(c)
	}
}

// tooMany tells a client to come back in a second. It may be the first thing
// that happens to a request, so it sees to the headers for browsers itself.
func (a *API) tooMany(c *call, why string) {
	h := c.w.Header()
	setCORS(h)
	h.Set("Retry-After", "1")
	h.Set("X-RateLimit-Limit", strconv.Itoa(a.o.MaxPerClient))
	h.Set("X-RateLimit-Remaining", "0")
	a.refuse(c, http.StatusTooManyRequests, wire.Status{Code: http.StatusTooManyRequests, Msg: "TooManyRequests", Dlt: why})
}
