package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

const (
	maxAttempts     = 100
	maxScheduleWait = 30 * 24 * 3600
	maxHookRate     = 100_000
	maxHookRows     = 100_000_000
	maxHookHours    = 24 * 366
	minHookBody     = 1 << 10
	maxHookBody     = 64 << 20
)

// Waits returns Schedule as durations.
func (w *Webhooks) Waits() ([]time.Duration, error) {
	if n := len(w.Schedule); n < 1 || n > maxAttempts {
		return nil, fmt.Errorf("holds %d entries, and needs 1 to %d", n, maxAttempts)
	}
	var out []time.Duration
	for i, text := range w.Schedule {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > maxScheduleWait || i == 0 && n != 0 {
			return nil, fmt.Errorf("holds %q: waits are seconds, 0 to %d, and the first is 0", text, maxScheduleWait)
		}
		out = append(out, time.Duration(n)*time.Second)
	}
	return out, nil
}

// Nets reads a list of nets, or of single addresses.
func Nets(list StringList) ([]netip.Prefix, error) {
	l := Limits{TrustedProxies: list}
	return l.Proxies()
}

// checkDelivery checks how after callbacks are sent.
func (v *validator) checkDelivery() {
	w := &v.cfg.Webhooks
	v.check("webhooks.concurrency", checkRange(w.Concurrency, 1, 10_000))
	v.check("webhooks.rate", checkRange(w.Rate, 0, maxHookRate))
	v.check("webhooks.resumeRate", checkRange(w.ResumeRate, 0, maxHookRate))
	v.check("webhooks.hold", checkRange(w.Hold, -1, maxScheduleWait))
	v.check("webhooks.maxBacklog", checkRange(w.MaxBacklog, 0, maxHookRows))
	v.check("webhooks.alarmBacklog", checkRange(w.AlarmBacklog, 0, maxHookRows))
	v.check("webhooks.maxBodyBytes", checkRange(w.MaxBodyBytes, minHookBody, maxHookBody))
	v.check("webhooks.pauseAfter", checkRange(w.PauseAfter, 1, maxHookHours))
	v.check("webhooks.logHours", checkRange(w.LogHours, 0, maxHookHours))
	v.check("webhooks.logRows", checkRange(w.LogRows, 1, maxHookRows))
	_, err := w.Waits()
	v.check("webhooks.schedule", err)
	_, err = Nets(w.AllowNets)
	v.check("webhooks.allowNets", err)
	_, err = Nets(w.DenyNets)
	v.check("webhooks.denyNets", err)
	if w.Proxy != "" {
		if u, err := url.Parse(w.Proxy); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			v.check("webhooks.proxy", errors.New("must be an http or https URL"))
		}
	}
}
