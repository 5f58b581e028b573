package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"parley/internal/im"
	"parley/internal/store"
)

// testAppendModel appends random batches, items and whole batches of which
// fail, and compares the log with lists in memory: count = max, min = 1, the
// rows are those that were acknowledged, in their order, and lanes and read
// positions follow.
func testAppendModel(t *testing.T, st store.Store) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		prefix := fmt.Sprintf("run%d_", modelRuns.Add(1))
		conversations := []string{prefix + "a", prefix + "b", "n_" + prefix + "a"}
		log := map[string][]string{}    // conversation -> client ids, in order of numbers
		lanes := map[string]int64{}     // lane -> events
		reads := map[[2]string]int64{}  // sender, conversation -> read position
		var made, batches, failures int // for names, and to see what a run was like

		type planned struct {
			item  *store.Item
			fails bool
		}
		// item draws an item; what it will have changed is told by apply.
		item := func(t *rapid.T) planned {
			p := planned{item: &store.Item{}, fails: rapid.IntRange(0, 4).Draw(t, "item") == 0}
			for range rapid.IntRange(0, 3).Draw(t, "messages") {
				made++
				m := message(rapid.SampledFrom(conversations).Draw(t, "conversation"), prefix+rapid.SampledFrom([]string{"u", "v"}).Draw(t, "sender"), made)
				m.RaiseRead = rapid.Bool().Draw(t, "raise")
				for range rapid.IntRange(0, 2).Draw(t, "events") {
					m.Events = append(m.Events, messageEvent())
				}
				p.item.Messages = append(p.item.Messages, m)
			}
			if p.fails || rapid.Bool().Draw(t, "with") {
				p.item.With = func(ctx context.Context, tx store.Tx) error {
					err := tx.AddEvents(ctx, []*im.Event{event(conversations[0]), event(im.GroupLane(prefix))})
					if p.fails {
						return errors.Join(errStop, err)
					}
					return err
				}
			}
			return p
		}
		apply := func(p planned) {
			for _, m := range p.item.Messages {
				r := &m.Record
				log[r.ConversationID] = append(log[r.ConversationID], r.ClientMsgID)
				same(t, "number", r.Seq, int64(len(log[r.ConversationID])))
				if m.RaiseRead {
					reads[[2]string{r.SendID, r.ConversationID}] = r.Seq
				}
				if len(m.Events) > 0 {
					lanes[r.ConversationID] += int64(len(m.Events))
				}
			}
			if p.item.With != nil {
				lanes[conversations[0]]++
				lanes[im.GroupLane(prefix)]++
			}
		}
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			batches++
			var plan []planned
			var items []*store.Item
			for range rapid.IntRange(1, 5).Draw(t, "items") {
				p := item(t)
				plan, items = append(plan, p), append(items, p.item)
			}
			var breaker *store.NewMessage
			for _, p := range plan {
				if !p.fails && len(p.item.Messages) > 0 {
					breaker = p.item.Messages[0]
				}
			}
			if breaker != nil && rapid.IntRange(0, 4).Draw(t, "batch") == 0 {
				failures++
				breaker.After = func(context.Context, store.Tx, int64) error { return errStop }
				wantErr(t, st.Append(ctx, items), errStop)
				continue
			}
			noErr(t, st.Append(ctx, items))
			for _, p := range plan {
				if p.fails {
					wantErr(t, p.item.Err, errStop)
					continue
				}
				noErr(t, p.item.Err)
				apply(p)
			}
		}

		for _, id := range conversations {
			var ids []string
			rows := must(st.Messages(ctx, id, 0, 1<<40))(t)
			for _, r := range rows {
				ids = append(ids, r.ClientMsgID)
			}
			same(t, fmt.Sprintf("log of %s after %d batches, %d failed", id, batches, failures), ids, log[id])
			same(t, "numbers", seqsOf(rows), span(1, int64(len(rows))))
			same(t, "state", must(st.SeqStates(ctx, []string{id}))(t)[id].MaxSeq, int64(len(rows)))
			for _, u := range []string{prefix + "u", prefix + "v"} {
				same(t, "read position", readSeq(t, st, u, id), reads[[2]string{u, id}])
			}
		}
		counted := map[string]int64{}
		var own []im.Event
		for _, e := range plain(allEvents(t, st)) {
			counted[e.Lane]++
			own = append(own, e)
		}
		maps.DeleteFunc(lanes, func(_ string, n int64) bool { return n == 0 })
		same(t, "events by lane", counted, lanes)
		checkLanes(t, own)
		var gone []int64 // the next run begins with an empty outbox
		for _, e := range own {
			gone = append(gone, e.ID)
		}
		update(t, st, func(tx store.Tx) error { return tx.DeleteEvents(ctx, gone) })
	})
}
