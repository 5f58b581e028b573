package push

import (
	"fmt"
	"testing"

	"parley/internal/im"
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
