package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// Bench measures the paths every message takes; open as in Run. Rows are about
// 300 bytes, Zipf-distributed over 1,000 conversations of two users each.
func Bench(b *testing.B, open func(b *testing.B) store.Store) {
	for _, events := range []bool{false, true} {
		for _, n := range []int{1, 32, 64, 512} {
			name := fmt.Sprintf("Append/rows=%d", n)
			if events {
				name += "/event"
			}
			b.Run(name, func(b *testing.B) { benchAppend(b, open(b), n, events) })
		}
	}
	b.Run("Messages/100", func(b *testing.B) { benchMessages(b, open(b)) })
	b.Run("ConversationSeqs/200", func(b *testing.B) { benchConversationSeqs(b, open(b)) })
}

// load makes batches of messages as the committer gets them.
type load struct {
	n      int // messages made so far
	zipf   *rand.Zipf
	events bool
	body   []byte
}

func newLoad(events bool) *load {
	return &load{zipf: rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.1, 1, 999), events: events, body: make([]byte, 300)}
}

func (l *load) batch(rows int) []*store.Item {
	items := make([]*store.Item, rows)
	for i := range items {
		l.n++
		c := int(l.zipf.Uint64())
		m := &store.NewMessage{RaiseRead: true, Record: im.Record{
			ConversationID: conversationName(c), SendID: fmt.Sprintf("user%06d", c+l.n%2*1000),
			ClientMsgID: im.NewID(), ServerMsgID: im.NewID(), ContentType: im.ContentText, SendTime: int64(l.n), Body: l.body,
		}}
		if l.events {
			m.Events = []*im.Event{{EventID: im.NewEventID(), Command: im.AfterSendSingleMsg, OperationID: "operation", CreatedAt: int64(l.n)}}
		}
		items[i] = &store.Item{Messages: []*store.NewMessage{m}}
	}
	return items
}

func conversationName(i int) string { return fmt.Sprintf("si_user%06d_user%06d", i, i+1000) }

func benchAppend(b *testing.B, st store.Store, rows int, events bool) {
	ctx := context.Background()
	l := newLoad(events)
	for range 20 { // so that most conversations are there
		noErr(b, st.Append(ctx, l.batch(500)))
	}
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		items := l.batch(rows)
		b.StartTimer()
		start := time.Now()
		noErr(b, st.Append(ctx, items))
		took = append(took, time.Since(start))
	}
	b.ReportMetric(float64(len(took)*rows)/b.Elapsed().Seconds(), "rows/s")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

func benchMessages(b *testing.B, st store.Store) {
	ctx := context.Background()
	l := newLoad(false)
	for range 200 { // rows of a conversation lie apart, as they do in a busy log
		noErr(b, st.Append(ctx, l.batch(1000)))
	}
	id := conversationName(20) // some 2,000 of the messages
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		rows := must(st.Messages(ctx, id, 51, 150))(b)
		n += len(rows)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

func benchConversationSeqs(b *testing.B, st store.Store) {
	ctx := context.Background()
	l := newLoad(false)
	var records []im.Conversation
	noErr(b, st.Append(ctx, l.batch(5000)))
	for i := range 200 {
		records = append(records, record("user000000", conversationName(i), i))
	}
	insertRecords(b, st, 1, records...)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		seqs := must(st.ConversationSeqs(ctx, "user000000", nil))(b)
		n += len(seqs)
	}
	if n != 200*b.N {
		b.Fatalf("%d rows in %d rounds", n, b.N)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}
