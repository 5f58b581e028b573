package storetest

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// backlogRows is the size of the backlog of BenchBacklog; 5,000,000 shows that
// nothing grows with it, and takes minutes to write.
var backlogRows = flag.Int("backlog", 200_000, "rows of the webhook backlog of BenchBacklog")

// BenchBacklog measures what a backlog of one endpoint costs the others: the
// append of messages with an event, reading on, what is due, counting, settling
// with and without the log.
func BenchBacklog(b *testing.B, open func(b *testing.B) store.Store) {
	st, ctx := open(b), context.Background()
	for _, rows := range []int{0, *backlogRows} {
		for n := rows; n > 0; n -= 5000 {
			batch := make([]*im.Event, min(n, 5000))
			for i := range batch {
				batch[i] = to("ep_backlog", event(im.UserLane(fmt.Sprint(i%1000))))
				batch[i].CreatedAt = time.Now().UnixMilli()
			}
			addEvents(b, st, batch...)
		}
		l := newLoad(true)
		name := func(what string) string { return fmt.Sprintf("%s/backlog=%d", what, rows) }
		b.Run(name("Append64"), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				items := l.batch(64)
				b.StartTimer()
				noErr(b, st.Append(ctx, items))
			}
		})
		for _, endpoint := range []string{im.MainEndpoint, "ep_backlog"} {
			b.Run(name("Pick256/"+endpoint), func(b *testing.B) {
				for b.Loop() {
					must(st.EndpointEvents(ctx, endpoint, 0, 256))(b)
				}
			})
			b.Run(name("Due/"+endpoint), func(b *testing.B) {
				for b.Loop() {
					must(st.DueEvents(ctx, endpoint, 1<<60, 256))(b)
				}
			})
			b.Run(name("Count/"+endpoint), func(b *testing.B) {
				for b.Loop() {
					must(st.Backlog(ctx, endpoint))(b)
				}
			})
		}
		for _, keep := range []store.LogPolicy{{Off: true}, {Bodies: true}} {
			b.Run(name(fmt.Sprintf("Settle200/log=%v", !keep.Off)), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					noErr(b, st.Append(ctx, l.batch(200)))
					rows := must(st.EndpointEvents(ctx, im.MainEndpoint, 0, 200))(b)
					settled := make([]store.Settled, len(rows))
					for i := range rows {
						settled[i] = store.Settled{ID: rows[i].ID, Outcome: store.Delivered, Attempts: 1, At: 1, Last: store.Attempt{Status: 200, Answer: make([]byte, 70)}}
					}
					b.StartTimer()
					noErr(b, st.Update(ctx, func(tx store.Tx) error { return tx.SettleEvents(ctx, settled, keep) }))
				}
			})
		}
	}
}
