package push

import (
	"context"
	"fmt"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

// BenchmarkNothingOn is what every message costs when there is neither a vendor
// nor a callback.
func BenchmarkNothingOn(b *testing.B) {
	w := newWorld(b, nil)
	w.o.Vendor = nil
	w.start()
	m := w.chat("bob", "hi")
	b.ReportAllocs()
	for b.Loop() {
		if w.p.Asks(m.SessionType) || w.p.Wants(m) {
			b.Fatal("something is on")
		}
	}
}

// BenchmarkLargeGroup plans a message to 100,000 members, of whom every hundredth
// has a device and every thousandth is online.
func BenchmarkLargeGroup(b *testing.B) {
	w := newWorld(b, sqliteStore(b))
	var many members
	online := map[string]bool{}
	for i := range 100_000 {
		id := fmt.Sprintf("member%06d", i)
		many = append(many, id)
		online[id] = i%1000 == 0
		if i%100 == 0 {
			w.device(id, im.PlatformAndroid)
		}
	}
	w.groups["g"] = many
	w.o.Online = func(id string) bool { return online[id] }
	w.start()
	for b.Loop() {
		before := len(w.vendor.jobs())
		w.missed(w.group("hi"))
		w.until("all are told", func() bool { return len(w.vendor.jobs()) == before+900 && w.left() == [2]int{} })
	}
	b.ReportMetric(900, "notifications")
}

// BenchmarkClaim is one claim for all workers, given back, from a full queue of the
// default length: all of it for one device, or each for another one.
func BenchmarkClaim(b *testing.B) {
	for name, devices := range map[string]int{"one device": 1, "10000 devices": DefaultQueue} {
		for engine, create := range map[string]func(testing.TB) *storetest.Database{"sqlite": storetest.NewSQLite, "postgres": storetest.NewPostgres} {
			b.Run(name+"/"+engine, func(b *testing.B) {
				w := newWorld(b, create(b).Open(b))
				var jobs []im.PushJob
				for i := range DefaultQueue {
					jobs = append(jobs, im.PushJob{
						UserID: fmt.Sprint("u", i%devices), Platform: im.PlatformIOS, Token: "t", ConversationID: "c", MessageID: fmt.Sprint("m", i),
					})
				}
				w.update(func(ctx context.Context, tx store.Tx) error { return tx.AddPushJobs(ctx, jobs, 1) })
				for b.Loop() {
					w.update(func(ctx context.Context, tx store.Tx) error {
						got, err := tx.ClaimPushJobs(ctx, store.PushClaim{Claim: "c", Node: "n", Now: 1, Until: 2, Limit: DefaultWorkers})
						if err == nil && len(got) != min(devices, DefaultWorkers) {
							b.Fatalf("%d claimed", len(got))
						}
						if err != nil {
							return err
						}
						return tx.ReleasePushJobs(ctx, "n")
					})
				}
			})
		}
	}
}
