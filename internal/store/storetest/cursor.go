package storetest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// writeEvents commits events in many small transactions, by Update and by
// Append in turn, some of them rolled back, and returns the ids of the events
// that were committed.
func writeEvents(st store.Store, worker, rounds int) (committed []string, err error) {
	ctx := context.Background()
	for i := range rounds {
		lanes := []string{im.GroupLane("g"), "sg_g", im.UserLane(fmt.Sprint(worker)), "si_x"}
		var events []*im.Event
		for j := range 1 + (i+worker)%4 {
			events = append(events, event(lanes[(i+j+worker)%len(lanes)]))
		}
		rollback := i%5 == 4
		if i%2 == 0 {
			err = st.Update(ctx, func(tx store.Tx) error {
				if err := tx.AddEvents(ctx, events); err != nil {
					return err
				}
				if rollback {
					return errStop
				}
				return nil
			})
		} else {
			for _, e := range events {
				e.Lane, e.Body = "", nil
			}
			m := message([]string{"sg_g", "si_x"}[i/2%2], "u", i)
			m.Events = events
			if rollback {
				m.After = func(context.Context, store.Tx, int64) error { return errStop }
			}
			err = st.Append(ctx, []*store.Item{{Messages: []*store.NewMessage{m}}})
		}
		if rollback && err == errStop {
			continue
		}
		if err != nil {
			return committed, err
		}
		for _, e := range events {
			committed = append(committed, e.EventID)
		}
	}
	return committed, nil
}

// followWriters has writers at work on some stores, and a reader that goes on
// from the last id it saw all the while: it must see every committed event
// once, in ascending order, and each lane must count without a gap.
func followWriters(t *testing.T, stores []store.Store, writers, rounds int) {
	ctx := context.Background()
	var wg sync.WaitGroup
	var mu sync.Mutex
	committed := map[string]bool{}
	for w := range writers {
		wg.Go(func() {
			ids, err := writeEvents(stores[w%len(stores)], w, rounds)
			if err != nil {
				t.Errorf("writer %d: %v", w, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range ids {
				committed[id] = true
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()

	var seen []im.Event
	var cursor int64
	for ended := false; ; {
		select {
		case <-done:
			ended = true // the writers were through before the coming question
		default:
		}
		batch, err := stores[0].Events(ctx, cursor, 7)
		if err != nil {
			<-done
			t.Fatalf("reader: %v", err)
		}
		for _, e := range batch {
			if e.ID <= cursor {
				t.Errorf("event %d came after %d", e.ID, cursor)
			}
			cursor = e.ID
			seen = append(seen, e.Event)
		}
		if len(batch) == 0 {
			if ended {
				break
			}
			runtime.Gosched()
		}
	}
	for _, e := range seen {
		if !committed[e.EventID] {
			t.Errorf("event %d, %s, was seen but not committed", e.ID, e.EventID)
		}
		delete(committed, e.EventID)
	}
	if len(committed) > 0 {
		t.Errorf("the reader missed %d events of %d", len(committed), len(committed)+len(seen))
	}
	checkLanes(t, seen)
	same(t, "what a late reader sees", plain(allEvents(t, stores[0])), seen)
	for _, id := range []string{"sg_g", "si_x"} {
		checkLog(t, stores[0], id)
	}
}

func testEventsInCommitOrder(t *testing.T, st store.Store) {
	followWriters(t, []store.Store{st}, 4, 60)
}

// testLanesConcurrent has writers add to the same lanes from transactions that
// name them in different orders.
func testLanesConcurrent(t *testing.T, st store.Store) {
	ctx := context.Background()
	lanes := []string{im.GroupLane("a"), im.GroupLane("b"), im.UserLane("a"), "sg_a", "sg_b", "si_a"}
	const writers, rounds = 4, 30
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				var events []*im.Event
				for j := range lanes { // w odd: the other way round
					events = append(events, event(lanes[(i+j*(1+w%2*4)+w)%len(lanes)]))
				}
				if err := st.Update(ctx, func(tx store.Tx) error { return tx.AddEvents(ctx, events) }); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
			}
		})
	}
	wg.Wait()
	events := plain(allEvents(t, st))
	same(t, "events", len(events), writers*rounds*len(lanes))
	checkLanes(t, events)
}
