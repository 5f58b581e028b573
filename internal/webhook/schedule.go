package webhook

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// jitter spreads retries, so that what failed together does not come back together.
	jitter = 0.2
	// maxRetryAfter bounds what a receiver may ask for.
	maxRetryAfter = 24 * time.Hour
	// forever stands for the end of a hold that has none.
	forever = 100 * 365 * 24 * time.Hour
)

// retryWait returns the wait before an attempt: the entry of the schedule,
// spread by ±20 % (r is random in 0..1), or what the receiver asked for if that is
// longer.
func retryWait(entry, retryAfter time.Duration, r float64) (wait time.Duration, asked bool) {
	wait = time.Duration(float64(entry) * (1 - jitter + 2*jitter*r))
	if retryAfter > wait {
		return retryAfter, true
	}
	return wait, false
}

// parseRetryAfter reads a Retry-After header, seconds or a date, as a wait of at
// most 24 h; 0 if there is none or it is unreadable.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	seconds, err := strconv.ParseUint(value, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return maxRetryAfter
	case err == nil:
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
