package webhook

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryWait(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		entry, retryAfter time.Duration
		r                 float64
		want              time.Duration
		asked             bool
	}{
		{5 * time.Second, 0, 0, 4 * time.Second, false},
		{5 * time.Second, 0, 0.5, 5 * time.Second, false},
		{5 * time.Second, 0, 1, 6 * time.Second, false},
		{24 * time.Hour, 0, 1, 28*time.Hour + 48*time.Minute, false},
		{5 * time.Second, time.Second, 0.5, 5 * time.Second, false},
		{5 * time.Second, time.Hour, 0.5, time.Hour, true},
		{0, 0, 1, 0, false},
	} {
		if got, asked := retryWait(c.entry, c.retryAfter, c.r); got != c.want || asked != c.asked {
			t.Errorf("%+v: %v %v", c, got, asked)
		}
	}
}

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                       0,
		"0":                      0,
		"120":                    2 * time.Minute,
		" 120 ":                  2 * time.Minute,
		"86400":                  24 * time.Hour,
		"90000":                  24 * time.Hour,
		"18446744073709551615":   24 * time.Hour,
		"99999999999999999999":   24 * time.Hour,
		"-5":                     0,
		"1.5":                    0,
		"soon":                   0,
		at(now, time.Minute):     time.Minute,
		at(now, 48*time.Hour):    24 * time.Hour,
		at(now, -48*time.Hour):   0,
		"Sun, 22 Nov 2026 12:00": 0,
	} {
		if got := parseRetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func at(now time.Time, d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Sun, 22 Nov 2026 12:00:00 GMT")
	f.Fuzz(func(t *testing.T, value string) {
		if d := parseRetryAfter(value, time.Now()); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", value, d)
		}
	})
}
