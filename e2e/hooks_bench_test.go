//go:build unix

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/store/storetest"
)

// pair is a sender with a connection and the user it writes to.
type pair struct {
	from    *imtest.Client
	to      string
	options map[string]bool // of its messages
}

// senders connects n senders, each with a receiver of its own that is not online.
func senders(b *testing.B, s *imtest.Server, prefix string, n int) []pair {
	b.Helper()
	out := make([]pair, n)
	for i := range out {
		from, to := fmt.Sprintf("%sfrom%d", prefix, i), fmt.Sprintf("%sto%d", prefix, i)
		if err := s.Register(from, to); err != nil {
			b.Fatal(err)
		}
		token, err := s.UserToken(from, im.PlatformAndroid)
		if err != nil {
			b.Fatal(err)
		}
		c, err := imtest.Dial(b.Context(), s.WS, from, imtest.DialOptions{Token: token})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(c.Close)
		out[i] = pair{from: c, to: to}
	}
	return out
}

// sendAll has the pairs send n messages together, each its next one when the
// last is acknowledged, and returns the time of each.
func sendAll(b *testing.B, pairs []pair, n int) (each []time.Duration) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, p := range pairs {
		wg.Go(func() {
			var mine []time.Duration
			for left.Add(-1) >= 0 {
				m := p.from.Text(p.to, "", "how much is an event?")
				m.Options = p.options
				start := time.Now()
				if _, err := p.from.Send(m); err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, time.Since(start))
			}
			mu.Lock()
			each = append(each, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	slices.Sort(each)
	return each
}

// percentile returns a percentile of sorted times, in milliseconds.
func percentile(sorted []time.Duration, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(p*float64(len(sorted)-1))]) / float64(time.Millisecond)
}

// BenchmarkOutbox compares sends that cause an event with sends that cause none,
// in alternating rounds against one server: x-slower is the ratio of their times.
// In the case "kept" the endpoint has asked to be left alone, so that only the
// writing of events counts; in "delivered" they are sent meanwhile, to a receiver
// in this process and on the same cores. x-cpu is the ratio of the processor time
// that this process uses, which says less of what else the machine does.
func BenchmarkOutbox(b *testing.B) {
	for name, status := range map[string]int{"kept": http.StatusGone, "delivered": http.StatusOK} {
		b.Run(name, func(b *testing.B) {
			const n = 64
			hooks := imtest.ReceiveHooks(b)
			hooks.Answer(func(imtest.Hook) int { return status })
			s := imtest.Start(b, func(c *config.Config) {
				c.Webhooks.URL = hooks.URL
				cb := c.Webhooks.Callbacks["afterSendSingleMsg"]
				cb.Enable = true
				for i := range n {
					cb.AttentionIDs = append(cb.AttentionIDs, fmt.Sprintf("onto%d", i))
				}
				c.Webhooks.Callbacks["afterSendSingleMsg"] = cb
			})
			on, off := senders(b, s, "on", n), senders(b, s, "off", n)
			sendAll(b, on, 10*n) // conversations exist, the endpoint has answered
			sendAll(b, off, 10*n)
			var took, cpu [2]time.Duration
			b.ResetTimer()
			for range b.N {
				for i, who := range [][]pair{off, on} {
					start, used := time.Now(), storetest.ProcessorTime(b)
					sendAll(b, who, 2000)
					took[i] += time.Since(start)
					cpu[i] += storetest.ProcessorTime(b) - used
				}
			}
			b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "x-slower")
			b.ReportMetric(cpu[1].Seconds()/cpu[0].Seconds(), "x-cpu")
			b.ReportMetric(float64(cpu[0].Microseconds())/float64(2000*b.N), "without-cpu-us")
			b.ReportMetric(float64(2000*b.N)/took[0].Seconds(), "without/s")
			b.ReportMetric(float64(2000*b.N)/took[1].Seconds(), "with/s")
		})
	}
}

// BenchmarkEventLag sends at a fixed rate for three seconds an iteration and
// reports the time from a message's acknowledgement to the arrival of its event.
func BenchmarkEventLag(b *testing.B) {
	for _, rate := range []int{1000, 5000} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			const n = 100
			var mu sync.Mutex
			acked, arrived := map[string]time.Time{}, map[string]time.Time{}
			hooks := imtest.ReceiveHooks(b)
			hooks.Answer(func(k imtest.Hook) int {
				now := time.Now()
				id, _ := k.Body["clientMsgID"].(string)
				mu.Lock()
				arrived[id] = now
				mu.Unlock()
				return http.StatusOK
			})
			s := imtest.Start(b, func(c *config.Config) {
				c.Webhooks.URL = hooks.URL
				if err := c.Webhooks.TurnOn("afterSendSingleMsg"); err != nil {
					b.Fatal(err)
				}
			})
			who := senders(b, s, "lag", n)
			sendAll(b, who, 5*n)
			b.ResetTimer()
			start := time.Now()
			total := 3 * rate * b.N
			var wg sync.WaitGroup
			for i, p := range who {
				wg.Go(func() {
					for k := i; k < total; k += n {
						time.Sleep(time.Until(start.Add(time.Duration(k) * time.Second / time.Duration(rate))))
						m := p.from.Text(p.to, "", "when do you hear of it?")
						if _, err := p.from.Send(m); err != nil {
							b.Error(err)
							return
						}
						now := time.Now()
						mu.Lock()
						acked[m.ClientMsgID] = now
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			sent := time.Since(start)
			deadline := time.Now().Add(time.Minute)
			var lags []time.Duration
			for len(lags) < total && time.Now().Before(deadline) {
				time.Sleep(10 * time.Millisecond)
				lags = lags[:0]
				mu.Lock()
				for id, at := range acked {
					if got, ok := arrived[id]; ok {
						lags = append(lags, got.Sub(at))
					}
				}
				mu.Unlock()
			}
			if len(lags) < total {
				b.Fatalf("%d of %d events arrived", len(lags), total)
			}
			slices.Sort(lags)
			b.ReportMetric(float64(total)/sent.Seconds(), "events/s")
			b.ReportMetric(percentile(lags, 0.5), "lag-p50-ms")
			b.ReportMetric(percentile(lags, 0.99), "lag-p99-ms")
		})
	}
}

// BenchmarkBefore compares sends with a before callback, whose receiver answers
// at once, with sends without one: what the question adds to a send.
func BenchmarkBefore(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprintf("senders=%d", n), func(b *testing.B) {
			hooks := imtest.ReceiveHooks(b)
			start := func(keys ...string) *imtest.Server {
				return imtest.Start(b, func(c *config.Config) {
					c.Webhooks.URL = hooks.URL
					if err := c.Webhooks.TurnOn(keys...); err != nil {
						b.Fatal(err)
					}
				})
			}
			on, off := senders(b, start("beforeSendSingleMsg"), "on", n), senders(b, start(), "off", n)
			sendAll(b, on, 10*n)
			sendAll(b, off, 10*n)
			var with, without []time.Duration
			b.ResetTimer()
			for range b.N {
				without = append(without, sendAll(b, off, 500)...)
				with = append(with, sendAll(b, on, 500)...)
			}
			slices.Sort(with)
			slices.Sort(without)
			b.ReportMetric(percentile(without, 0.5), "off-p50-ms")
			b.ReportMetric(percentile(with, 0.5)-percentile(without, 0.5), "added-p50-ms")
			b.ReportMetric(percentile(with, 0.99)-percentile(without, 0.99), "added-p99-ms")
		})
	}
}
