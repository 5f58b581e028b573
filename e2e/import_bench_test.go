//go:build unix

package e2e

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"parley/imtest"
)

// BenchmarkImport measures how long ordinary messages take, of 16 senders, while
// nothing else happens and while an administrator makes a group of many members
// (requests of 1,000) and dismisses it, one group after the other.
func BenchmarkImport(b *testing.B) {
	const members, request = 5000, 1000
	s := imtest.Start(b)
	ids := make([]string, members)
	for i := range ids {
		ids[i] = fmt.Sprintf("member%05d", i)
	}
	for at := 0; at < members; at += request {
		if err := s.Register(ids[at : at+request]...); err != nil {
			b.Fatal(err)
		}
	}
	who := senders(b, s, "import", 16)
	sendAll(b, who, 500)
	b.ResetTimer()
	quiet := sendAll(b, who, 3000*b.N)
	var stop atomic.Bool
	done := make(chan error)
	made := 0
	var longest time.Duration
	go func() {
		post := func(path string, body imtest.H) error {
			start := time.Now()
			err := s.AsAdmin(path, body, nil)
			longest = max(longest, time.Since(start))
			return err
		}
		done <- func() error {
			for ; !stop.Load(); made++ {
				id := fmt.Sprint("imported", made)
				err := post("/group/create_group", imtest.H{
					"ownerUserID": ids[0], "memberUserIDs": ids[1:request], "groupInfo": imtest.H{"groupID": id, "groupType": 2},
				})
				for at := request; at < members && err == nil; at += request {
					err = post("/group/invite_user_to_group", imtest.H{"groupID": id, "invitedUserIDs": ids[at : at+request]})
				}
				if err == nil {
					err = post("/group/dismiss_group", imtest.H{"groupID": id})
				}
				if err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	busy := sendAll(b, who, 3000*b.N)
	stop.Store(true)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	for _, part := range []struct {
		name  string
		times []time.Duration
	}{{"quiet", quiet}, {"import", busy}} {
		b.ReportMetric(percentile(part.times, 0.5), part.name+"-p50-ms")
		b.ReportMetric(percentile(part.times, 0.99), part.name+"-p99-ms")
		b.ReportMetric(percentile(part.times, 1), part.name+"-max-ms")
	}
	b.ReportMetric(float64(made), "groups")
	b.ReportMetric(float64(longest.Milliseconds()), "longest-request-ms")
}
