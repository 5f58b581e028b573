package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// message returns a new message of a conversation; n makes its ids and body its own.
func message(conversation, sender string, n int) *store.NewMessage {
	return &store.NewMessage{Record: im.Record{
		ConversationID: conversation, SendID: sender, ClientMsgID: fmt.Sprintf("c%d", n), ServerMsgID: fmt.Sprintf("s%d", n),
		ContentType: int32(101 + n%3), SendTime: 1_700_000_000_000 + int64(n), Body: body(n),
	}}
}

// body returns bytes that are no text; every 256th holds all byte values.
func body(n int) []byte {
	b := []byte{0, 0xff, byte(n), byte(n >> 8), '\''}
	if n%256 == 0 {
		for i := range 256 {
			b = append(b, byte(i))
		}
	}
	return b
}

// appendMessages stores n messages in one append and returns their records.
func appendMessages(t checker, st store.Store, conversation, sender string, n int) []im.Record {
	t.Helper()
	it := &store.Item{}
	for i := range n {
		it.Messages = append(it.Messages, message(conversation, sender, i))
	}
	noErr(t, st.Append(context.Background(), []*store.Item{it}))
	noErr(t, it.Err)
	out := make([]im.Record, n)
	for i, m := range it.Messages {
		out[i] = m.Record
	}
	return out
}

// withoutID takes away what Append does not report: the append order.
func withoutID(records []im.Record) []im.Record {
	out := slices.Clone(records)
	for i := range out {
		out[i].ID = 0
	}
	return out
}

func seqsOf(records []im.Record) []int64 {
	out := make([]int64, len(records))
	for i := range records {
		out[i] = records[i].Seq
	}
	return out
}

// span returns lo..hi.
func span(lo, hi int64) []int64 {
	var out []int64
	for i := lo; i <= hi; i++ {
		out = append(out, i)
	}
	return out
}

func testMessages(t *testing.T, st store.Store) {
	ctx := context.Background()
	same(t, "no messages", must(st.Messages(ctx, "c", 1, 100))(t), []im.Record{})
	_, err := st.LastMessage(ctx, "c", 1, 100)
	wantKind(t, err, im.NotFound)

	const n = 600
	want := appendMessages(t, st, "c", "u", n)
	appendMessages(t, st, "d", "u", 3)
	for _, id := range edgeIDs {
		kept := appendMessages(t, st, id, id, 2)
		same(t, "messages of "+id, withoutID(must(st.Messages(ctx, id, 1, 2))(t)), kept)
	}
	for _, c := range []struct{ lo, hi, first, last int64 }{
		{1, n, 1, n}, {0, n + 100, 1, n}, {-5, 1, 1, 1}, {n, n, n, n}, {n + 1, n + 9, 1, 0}, {5, 4, 1, 0}, {0, 0, 1, 0}, {100, 355, 100, 355},
	} {
		got := must(st.Messages(ctx, "c", c.lo, c.hi))(t)
		same(t, fmt.Sprintf("range %+v", c), seqsOf(got), span(c.first, c.last))
		if c.last > 0 {
			same(t, "records", withoutID(got), want[c.first-1:c.last])
		}
		last, err := st.LastMessage(ctx, "c", c.lo, c.hi)
		if c.last < c.first {
			wantKind(t, err, im.NotFound)
			continue
		}
		noErr(t, err)
		same(t, "last message", withoutID([]im.Record{*last}), want[c.last-1:c.last])
	}
	ids := must(st.Messages(ctx, "c", 1, n))(t)
	for i := 1; i < len(ids); i++ {
		if ids[i].ID <= ids[i-1].ID {
			t.Fatalf("append order %d then %d", ids[i-1].ID, ids[i].ID)
		}
	}

	for _, c := range []struct{ ask, want []int64 }{
		{nil, nil},
		{[]int64{}, nil},
		{[]int64{7}, []int64{7}},
		{[]int64{9, 2, 5, 2}, []int64{2, 5, 9}},
		{[]int64{0, -1, n + 1}, nil},
		{[]int64{n, 1}, []int64{1, n}},
		{span(1, 256), span(1, 256)},
		{span(1, 257), span(1, 257)},
	} {
		got := must(st.MessagesAt(ctx, "c", c.ask))(t)
		same(t, fmt.Sprintf("at %v", c.ask), seqsOf(got), c.want)
	}
	// Longer than one statement takes, in no order: the answer still ascends.
	ask := span(1, n)
	for i := range ask {
		j := (i * 7) % len(ask)
		ask[i], ask[j] = ask[j], ask[i]
	}
	got := must(st.MessagesAt(ctx, "c", ask))(t)
	same(t, "all, asked in no order", withoutID(got), want)
	same(t, "at, of an unknown conversation", must(st.MessagesAt(ctx, "e", []int64{1}))(t), []im.Record{})
}

func testRecentMessages(t *testing.T, st store.Store) {
	ctx := context.Background()
	same(t, "empty log", must(st.RecentMessages(ctx, 0, 10))(t), []im.Record{})
	var want []im.Record // newest first
	for i := range 5 {
		for _, r := range appendMessages(t, st, fmt.Sprintf("c%d", i%2), "u", 4) {
			r.Body = nil
			want = append(want, r)
		}
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 3, len(want), len(want) + 5} {
		got := must(st.RecentMessages(ctx, 0, limit))(t)
		same(t, "recent messages", withoutID(got), want[:min(limit, len(want))])
	}
	// The time of storing decides, not the time of sending (which is in 2023 here).
	stored := must(st.SeqStates(ctx, []string{"c0"}))(t)["c0"].MaxSeqTime
	got := must(st.RecentMessages(ctx, stored, 100))(t)
	if len(got) < 4 || len(got) > len(want) {
		t.Errorf("%d messages since the last append", len(got))
	}
	same(t, "since the last append", withoutID(got), want[:len(got)])
	same(t, "since later than now", must(st.RecentMessages(ctx, stored+1<<40, 100))(t), []im.Record{})
}

// readSeqs returns the numbers of the messages of a conversation that are marked as read.
func readSeqs(t checker, st store.Store, conversation string) []int64 {
	t.Helper()
	var out []int64
	for _, r := range must(st.Messages(context.Background(), conversation, 1, 1<<40))(t) {
		if r.IsRead {
			out = append(out, r.Seq)
		}
	}
	return out
}

func testSetRead(t *testing.T, st store.Store) {
	ctx := context.Background()
	const n = 700
	it := &store.Item{}
	for i := range n { // even numbers are u's own, odd ones the peer's
		it.Messages = append(it.Messages, message("c", []string{"peer", "u"}[i%2], i), message("d", "peer", i))
	}
	noErr(t, st.Append(ctx, []*store.Item{it}))
	set := func(lo, hi int64, seqs ...int64) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.SetRead(ctx, "c", "u", lo, hi, seqs) })
	}
	odd := func(lo, hi int64) (out []int64) {
		for _, s := range span(lo, hi) {
			if s%2 == 1 {
				out = append(out, s)
			}
		}
		return out
	}
	same(t, "fresh", readSeqs(t, st, "c"), []int64{})
	set(1, 0)
	set(0, -1)
	same(t, "nothing asked", readSeqs(t, st, "c"), []int64{})
	set(0, 4)
	same(t, "range", readSeqs(t, st, "c"), []int64{1, 3})
	set(1, 0, 9, 6, 11, 11, 5000, -1)
	same(t, "list", readSeqs(t, st, "c"), []int64{1, 3, 9, 11})
	set(12, 15, 5)
	same(t, "range and list", readSeqs(t, st, "c"), []int64{1, 3, 5, 9, 11, 13, 15})
	set(1, 15)
	same(t, "again", readSeqs(t, st, "c"), odd(1, 15))
	set(1, 0, span(1, n)...)
	same(t, "long list", readSeqs(t, st, "c"), odd(1, n))
	same(t, "the other conversation", readSeqs(t, st, "d"), []int64{})
	update(t, st, func(tx store.Tx) error { return tx.SetRead(ctx, "c", "peer", 1, n, nil) })
	same(t, "the peer reads u's", readSeqs(t, st, "c"), span(1, n))
	if last := must(st.LastMessage(ctx, "c", 1, 1))(t); !last.IsRead {
		t.Error("LastMessage does not show the mark")
	}
	if at := must(st.MessagesAt(ctx, "c", []int64{1}))(t); !at[0].IsRead {
		t.Error("MessagesAt does not show the mark")
	}
}
