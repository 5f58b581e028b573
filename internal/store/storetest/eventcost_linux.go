package storetest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// spent is what a process has used up.
type spent struct {
	cpu      time.Duration // user and system time
	mallocs  uint64
	written  int64 // bytes given to write calls
	writings int64 // write calls
}

func (s *spent) add(from, to spent) {
	s.cpu += to.cpu - from.cpu
	s.mallocs += to.mallocs - from.mallocs
	s.written += to.written - from.written
	s.writings += to.writings - from.writings
}

func spentNow(b *testing.B) (s spent) {
	b.Helper()
	s.cpu = ProcessorTime(b)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.mallocs = m.Mallocs
	io := must(os.ReadFile("/proc/self/io"))(b)
	var read, calls int64
	must(fmt.Sscanf(string(io), "rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d", &read, &s.written, &calls, &s.writings))(b)
	return s
}

// BenchEvents measures what an event adds to a message, in rounds that alternate
// between batches without and with an event for each message. What it counts does
// not depend on what else the machine does: processor time, allocations, and bytes
// and calls of writing. It is for an engine in this process.
func BenchEvents(b *testing.B, open func(b *testing.B) store.Store) {
	const lanes, batches = 64, 50
	st, ctx := open(b), context.Background()
	body := make([]byte, 300)
	n := 0
	batch := func(events bool) []*store.Item {
		items := make([]*store.Item, lanes)
		for i := range items {
			n++
			from, to := fmt.Sprintf("from%d", i), fmt.Sprintf("to%d", i)
			m := &store.NewMessage{RaiseRead: true, Record: im.Record{
				ConversationID: im.SingleConversationID(from, to), SendID: from, ClientMsgID: im.NewID(), ServerMsgID: im.NewID(),
				ContentType: im.ContentText, SendTime: int64(n), Body: body,
			}}
			if events {
				m.Events = []*im.Event{{EventID: im.NewEventID(), Command: im.AfterSendSingleMsg, OperationID: im.NewID(), CreatedAt: time.Now().UnixMilli()}}
			}
			items[i] = &store.Item{Messages: []*store.NewMessage{m}}
		}
		return items
	}
	var total [2]spent
	var took [2]time.Duration
	b.ResetTimer()
	for range b.N {
		for side := range 2 {
			var work [batches][]*store.Item
			for i := range work {
				work[i] = batch(side == 1)
			}
			runtime.GC()
			before, start := spentNow(b), time.Now()
			for i := range work {
				noErr(b, st.Append(ctx, work[i]))
			}
			took[side] += time.Since(start)
			total[side].add(before, spentNow(b))
		}
	}
	rows := float64(b.N * batches * lanes)
	for side, name := range []string{"off", "on"} {
		s := total[side]
		b.ReportMetric(float64(s.cpu.Microseconds())/rows, name+"-cpu-us")
		b.ReportMetric(float64(s.mallocs)/rows, name+"-allocs")
		b.ReportMetric(float64(s.written)/rows, name+"-bytes")
		b.ReportMetric(float64(s.writings)/rows, name+"-writes")
		b.ReportMetric(float64(took[side].Microseconds())/rows, name+"-us")
	}
	b.ReportMetric(float64(total[1].cpu)/float64(total[0].cpu), "x-cpu")
	b.ReportMetric(float64(total[1].written)/float64(total[0].written), "x-bytes")
}
