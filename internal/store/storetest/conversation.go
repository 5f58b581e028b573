package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// record returns a conversation record; n decides its booleans and numbers.
func record(owner, id string, n int) im.Conversation {
	return im.Conversation{
		OwnerUserID: owner, ConversationID: id, RecvMsgOpt: int32(n % 3), ConversationType: im.SessionSingle, UserID: "peer of " + id,
		GroupID: "group of " + id, IsPinned: n&1 != 0, AttachedInfo: "info " + id, IsPrivateChat: n&2 != 0, GroupAtType: int32(n % 4),
		Ex: "ex " + id, BurnDuration: int32(n), MinSeq: int64(n) + 1, MaxSeq: int64(n) << 33, MsgDestructTime: int64(n) + 3,
		LatestMsgDestructTime: int64(n) + 4, IsMsgDestruct: n&4 != 0,
	}
}

func insertRecords(t checker, st store.Store, now int64, records ...im.Conversation) (inserted []im.Conversation) {
	t.Helper()
	ctx := context.Background()
	update(t, st, func(tx store.Tx) (err error) {
		inserted, err = tx.InsertConversations(ctx, records, now)
		return err
	})
	return inserted
}

func conversationID(c *im.Conversation) string { return c.ConversationID }

func testConversations(t *testing.T, st store.Store) {
	ctx := context.Background()
	_, err := st.Conversation(ctx, "u", "none")
	wantKind(t, err, im.NotFound)
	same(t, "no records", must(st.Conversations(ctx, "u", nil))(t), []im.Conversation{})
	same(t, "no records", must(st.ConversationIDs(ctx, "u"))(t), []string{})

	var want []im.Conversation
	for i, id := range append(numbered("si_", 300), edgeIDs...) {
		want = append(want, record("u", id, i))
	}
	insertRecords(t, st, 100, want...)
	insertRecords(t, st, 100, record("v", "si_00000", 5))
	ids := []string{"missing"}
	for i := range want {
		same(t, "record", must(st.Conversation(ctx, "u", want[i].ConversationID))(t), &want[i])
		ids = append(ids, want[i].ConversationID)
	}
	got := must(st.Conversations(ctx, "u", ids))(t)
	same(t, "records by id", sortedBy(got, conversationID), sortedBy(slices.Clone(want), conversationID))
	got = must(st.Conversations(ctx, "u", nil))(t)
	same(t, "all records", sortedBy(got, conversationID), sortedBy(slices.Clone(want), conversationID))
	same(t, "an empty list is not nil", must(st.Conversations(ctx, "u", []string{}))(t), []im.Conversation{})
	same(t, "another's record", must(st.Conversations(ctx, "v", ids))(t), []im.Conversation{record("v", "si_00000", 5)})
	_, err = st.Conversation(ctx, "v", "si_00001")
	wantKind(t, err, im.NotFound)
}

func testInsertConversations(t *testing.T, st store.Store) {
	ctx := context.Background()
	a, b, c, d := record("u", "b", 1), record("u", "a", 2), record("u", "Z", 3), record("u", "d", 4)
	same(t, "none", insertRecords(t, st, 1), []im.Conversation{})
	same(t, "all new", insertRecords(t, st, 20, a, b), []im.Conversation{a, b})
	changed := a
	changed.Ex = "changed"
	same(t, "the new ones only", insertRecords(t, st, 10, changed, c, c, b), []im.Conversation{c})
	same(t, "what existed is untouched", must(st.Conversation(ctx, "u", "b"))(t), &a)
	same(t, "nothing new", insertRecords(t, st, 10, a, b, c), []im.Conversation{})
	same(t, "another owner", len(insertRecords(t, st, 5, record("v", "b", 1), d)), 2)
	same(t, "oldest first, then by id", must(st.ConversationIDs(ctx, "u"))(t), []string{"d", "Z", "a", "b"})
	all := must(st.Conversations(ctx, "u", nil))(t)
	same(t, "all", len(all), 4)

	// Many owners insert overlapping records at the same time: each is inserted once.
	var wg sync.WaitGroup
	var mu sync.Mutex
	times := map[string]int{}
	for w := range 4 {
		wg.Go(func() {
			var records []im.Conversation
			for i := range 30 {
				records = append(records, record("w", fmt.Sprintf("c%02d", (i+7*w)%40), i))
			}
			// One order for all, as callers must keep to.
			records = sortedBy(records, conversationID)
			err := st.Update(ctx, func(tx store.Tx) error {
				inserted, err := tx.InsertConversations(ctx, records, 1)
				mu.Lock()
				defer mu.Unlock()
				for i := range inserted {
					times[inserted[i].ConversationID]++
				}
				return err
			})
			if err != nil {
				t.Errorf("insert: %v", err)
			}
		})
	}
	wg.Wait()
	for _, id := range must(st.ConversationIDs(ctx, "w"))(t) {
		if times[id] != 1 {
			t.Errorf("%s was reported as inserted %d times", id, times[id])
		}
	}
	same(t, "records", len(times), 40)
}

func testConversationSeqs(t *testing.T, st store.Store) {
	ctx := context.Background()
	same(t, "nothing", must(st.ConversationSeqs(ctx, "u", nil))(t), []store.ConversationSeq{})
	same(t, "no states", must(st.SeqStates(ctx, []string{"x"}))(t), map[string]im.SeqState{})
	same(t, "no positions", must(st.UserSeqs(ctx, "u", []string{"x"}))(t), map[string]im.UserSeqs{})
	same(t, "no ids", must(st.SeqStates(ctx, nil))(t), map[string]im.SeqState{})
	same(t, "no ids", must(st.UserSeqs(ctx, "u", nil))(t), map[string]im.UserSeqs{})

	var records []im.Conversation
	ids := append(numbered("si_", 260), edgeIDs...)
	for i, id := range ids {
		records = append(records, record("u", id, i))
	}
	insertRecords(t, st, 1, records...)
	// A few conversations get messages; u sent the last one in the first of them.
	sent := map[string]int{ids[0]: 3, ids[5]: 1, ids[257]: 2, ids[len(ids)-1]: 4, "stray": 2}
	for id, n := range sent {
		appendMessages(t, st, id, "peer", n)
	}
	update(t, st, func(tx store.Tx) error {
		_, _, err := tx.RaiseReadSeq(ctx, "u", ids[0], 2)
		return err
	})
	// An event in a conversation's lane counts beside its messages: still empty.
	update(t, st, func(tx store.Tx) error { return tx.AddEvents(ctx, []*im.Event{event(ids[7])}) })

	states := must(st.SeqStates(ctx, append(ids, "stray", "unknown")))(t)
	same(t, "states", len(states), len(sent))
	for id, n := range sent {
		s := states[id]
		if s.ConversationID != id || s.MaxSeq != int64(n) || s.MinSeq > 1 || s.MaxSeqTime == 0 {
			t.Errorf("state of %q is %+v, want %d messages", id, s, n)
		}
	}
	positions := must(st.UserSeqs(ctx, "u", append(ids, "stray")))(t)
	same(t, "positions", positions, map[string]im.UserSeqs{ids[0]: {ConversationID: ids[0], ReadSeq: 2}})

	seqs := must(st.ConversationSeqs(ctx, "u", nil))(t)
	same(t, "one for each record", len(seqs), len(records))
	byID := map[string]store.ConversationSeq{}
	for _, s := range seqs {
		byID[s.State.ConversationID] = s
	}
	for i, id := range ids {
		want := store.ConversationSeq{
			State: states[id], User: positions[id], Bound: records[i].MaxSeq, Pinned: records[i].IsPinned, CreateTime: 1,
		}
		want.State.ConversationID, want.User.ConversationID = id, id
		same(t, "seqs of "+id, byID[id], want)
	}
	some := must(st.ConversationSeqs(ctx, "u", append([]string{"unknown", "stray"}, ids[:258]...)))(t)
	same(t, "some records", len(some), 258)
	for _, s := range some {
		same(t, "seqs of "+s.State.ConversationID, s, byID[s.State.ConversationID])
	}
	same(t, "an empty list is not nil", must(st.ConversationSeqs(ctx, "u", []string{}))(t), []store.ConversationSeq{})
	same(t, "of another", must(st.ConversationSeqs(ctx, "peer", nil))(t), []store.ConversationSeq{})
}

func raise(t checker, st store.Store, user, conversation string, seq int64) (before, after int64) {
	t.Helper()
	ctx := context.Background()
	update(t, st, func(tx store.Tx) (err error) {
		before, after, err = tx.RaiseReadSeq(ctx, user, conversation, seq)
		return err
	})
	return before, after
}

func testRaiseReadSeq(t *testing.T, st store.Store) {
	ctx := context.Background()
	for _, step := range []struct{ seq, before, after int64 }{
		{0, 0, 0}, {-3, 0, 0}, {5, 0, 5}, {5, 5, 5}, {3, 5, 5}, {0, 5, 5}, {6, 5, 6}, {1 << 40, 6, 1 << 40}, {7, 1 << 40, 1 << 40},
	} {
		before, after := raise(t, st, "u", "c", step.seq)
		if before != step.before || after != step.after {
			t.Fatalf("raise to %d: %d, %d; want %d, %d", step.seq, before, after, step.before, step.after)
		}
		got := must(st.UserSeqs(ctx, "u", []string{"c"}))(t)["c"].ReadSeq
		same(t, "position", got, step.after)
	}
	// Within one transaction, and each (user, conversation) on its own.
	update(t, st, func(tx store.Tx) error {
		for _, step := range []struct{ seq, before, after int64 }{{4, 0, 4}, {9, 4, 9}, {2, 9, 9}} {
			before, after, err := tx.RaiseReadSeq(ctx, "u", "d", step.seq)
			if err != nil || before != step.before || after != step.after {
				t.Errorf("raise to %d: %d, %d, %v; want %d, %d", step.seq, before, after, err, step.before, step.after)
			}
		}
		return nil
	})
	same(t, "of another", must(st.UserSeqs(ctx, "v", []string{"c", "d"}))(t), map[string]im.UserSeqs{})
}

// testRaiseReadSeqConcurrent has several devices of one user read on: the steps
// they are told must chain up without overlap, and end at the highest number.
func testRaiseReadSeqConcurrent(t *testing.T, st store.Store) {
	const workers, rounds = 4, 40
	var mu sync.Mutex
	next := map[int64]int64{} // before -> after of each raise that moved the position
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				seq := int64(i*workers + (w*3)%workers + 1)
				var before, after int64
				err := st.Update(context.Background(), func(tx store.Tx) (err error) {
					before, after, err = tx.RaiseReadSeq(context.Background(), "u", "c", seq)
					return err
				})
				if err != nil || after < seq {
					t.Errorf("raise to %d: %d, %d, %v", seq, before, after, err)
				}
				if before == after {
					continue
				}
				mu.Lock()
				if _, twice := next[before]; twice {
					t.Errorf("two raises began at %d", before)
				}
				next[before] = after
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	at := int64(0)
	for range len(next) {
		at = next[at]
	}
	same(t, "end of the chain", at, int64(workers*rounds))
}
