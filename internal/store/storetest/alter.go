package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

func testDeletions(t *testing.T, st store.Store) {
	ctx := context.Background()
	same(t, "none", must(st.Deletions(ctx, "u", []string{"c"}))(t), map[string][]im.Span{})
	for i, step := range []struct {
		add  []im.Span
		want []im.Span
	}{
		{nil, nil},
		{[]im.Span{{Lo: 5, Hi: 5}}, []im.Span{{Lo: 5, Hi: 5}}},
		{[]im.Span{{Lo: 5, Hi: 5}}, []im.Span{{Lo: 5, Hi: 5}}},
		{[]im.Span{{Lo: 8, Hi: 9}, {Lo: 1, Hi: 2}}, []im.Span{{Lo: 1, Hi: 2}, {Lo: 5, Hi: 5}, {Lo: 8, Hi: 9}}},
		{[]im.Span{{Lo: 6, Hi: 6}}, []im.Span{{Lo: 1, Hi: 2}, {Lo: 5, Hi: 6}, {Lo: 8, Hi: 9}}},
		{[]im.Span{{Lo: 3, Hi: 4}}, []im.Span{{Lo: 1, Hi: 6}, {Lo: 8, Hi: 9}}},
		{[]im.Span{{Lo: 2, Hi: 3}}, []im.Span{{Lo: 1, Hi: 6}, {Lo: 8, Hi: 9}}},
		{[]im.Span{{Lo: 20, Hi: 1 << 40}}, []im.Span{{Lo: 1, Hi: 6}, {Lo: 8, Hi: 9}, {Lo: 20, Hi: 1 << 40}}},
		{[]im.Span{{Lo: 4, Hi: 30}}, []im.Span{{Lo: 1, Hi: 1 << 40}}},
	} {
		update(t, st, func(tx store.Tx) error { return tx.DeleteForUser(ctx, "u", "c", step.add) })
		same(t, fmt.Sprint("step ", i), must(st.Deletions(ctx, "u", []string{"c"}))(t)["c"], step.want)
	}
	update(t, st, func(tx store.Tx) error { return tx.DeleteForUser(ctx, "u", "d", []im.Span{{Lo: 1, Hi: 1}}) })
	same(t, "by conversation", must(st.Deletions(ctx, "u", []string{"d", "e", "c"}))(t),
		map[string][]im.Span{"c": {{Lo: 1, Hi: 1 << 40}}, "d": {{Lo: 1, Hi: 1}}})
	same(t, "of another", must(st.Deletions(ctx, "v", []string{"c", "d"}))(t), map[string][]im.Span{})
}

func testRevoke(t *testing.T, st store.Store) {
	ctx := context.Background()
	appendMessages(t, st, "c", "u", 3)
	v := im.Revocation{
		ConversationID: "c", Seq: 2, RevokerID: "v", RevokerRole: 60, RevokerNickname: "V", RevokeTime: 1 << 41, SessionType: im.SessionGroup,
		ClientMsgID: "c1", SendID: "u", SenderNickname: "U", SendTime: 1 << 40,
	}
	revoke := func(v im.Revocation) (done bool) {
		t.Helper()
		update(t, st, func(tx store.Tx) (err error) {
			done, err = tx.Revoke(ctx, v)
			return err
		})
		return done
	}
	same(t, "first", revoke(v), true)
	same(t, "again", revoke(v), false)
	gone := v
	gone.Seq = 9
	same(t, "no such message", revoke(gone), false)
	same(t, "revocations", must(st.Revocations(ctx, "c", []int64{1, 2, 3, 9}))(t), []im.Revocation{v})
	same(t, "of another conversation", must(st.Revocations(ctx, "d", []int64{2}))(t), []im.Revocation{})
	for _, r := range must(st.Messages(ctx, "c", 1, 3))(t) {
		if r.Revoked != (r.Seq == 2) || len(r.Body) == 0 {
			t.Errorf("message %d: revoked %v, body of %d bytes", r.Seq, r.Revoked, len(r.Body))
		}
	}
	update(t, st, func(tx store.Tx) error { return tx.WipeMessages(ctx, "c", []int64{2}) })
	same(t, "it survives the message", len(must(st.Revocations(ctx, "c", []int64{2}))(t)), 1)
	same(t, "a wiped one is gone", revoke(v), false)
}

// testWipe wants a wiped message to be hidden at once, and its row to stay while
// an event speaks of it.
func testWipe(t *testing.T, st store.Store) {
	ctx := context.Background()
	it := &store.Item{}
	for i := range 6 {
		m := message("c", "u", i)
		if i%2 == 0 {
			e := event("c")
			e.Command, e.Body = im.AfterSendSingleMsg, nil
			m.Events = []*im.Event{e}
		}
		it.Messages = append(it.Messages, m)
	}
	appendItems(t, st, it)
	appendMessages(t, st, "d", "u", 2)
	same(t, "nothing wiped", must(st.WipedMessages(ctx, 10))(t), []int64{})
	update(t, st, func(tx store.Tx) error { return tx.WipeMessages(ctx, "c", []int64{1, 2, 6, 99}) })
	same(t, "range", seqsOf(must(st.Messages(ctx, "c", 1, 9))(t)), []int64{3, 4, 5})
	same(t, "list", seqsOf(must(st.MessagesAt(ctx, "c", []int64{1, 3, 6}))(t)), []int64{3})
	same(t, "last", must(st.LastMessage(ctx, "c", 1, 9))(t).Seq, int64(5))
	same(t, "other conversations", seqsOf(must(st.Messages(ctx, "d", 1, 9))(t)), []int64{1, 2})
	events := must(st.Events(ctx, 0, 100))(t)
	if len(events) != 3 || events[0].Seq != 1 || len(events[0].Message) == 0 {
		t.Fatalf("the event of a wiped message has lost it: %+v", events)
	}
	free := must(st.WipedMessages(ctx, 10))(t)
	same(t, "rows that may go", len(free), 2)
	same(t, "limit", len(must(st.WipedMessages(ctx, 1))(t)), 1)
	update(t, st, func(tx store.Tx) error { return tx.PurgeMessages(ctx, free) })
	same(t, "rows that may go", len(must(st.WipedMessages(ctx, 10))(t)), 0)
	update(t, st, func(tx store.Tx) error { return tx.DeleteEvents(ctx, []int64{events[0].ID}) })
	free = must(st.WipedMessages(ctx, 10))(t)
	same(t, "after the event", len(free), 1)
	update(t, st, func(tx store.Tx) error { return tx.PurgeMessages(ctx, free) })
	same(t, "the others", seqsOf(must(st.Messages(ctx, "c", 1, 9))(t)), []int64{3, 4, 5})
	// The numbers go on.
	same(t, "next number", appendMessages(t, st, "c", "u", 1)[0].Seq, int64(7))
}

func testOldMessages(t *testing.T, st store.Store) {
	ctx := context.Background()
	const ever = 1 << 60
	m := message("c", "u", 0)
	e := event("c")
	e.Command, e.Body = im.AfterSendSingleMsg, nil
	m.Events = []*im.Event{e}
	appendItems(t, st, &store.Item{Messages: []*store.NewMessage{m}})
	appendMessages(t, st, "c", "u", 3)
	appendMessages(t, st, "d", "u", 2)
	same(t, "too young", len(must(st.OldMessages(ctx, 0, 1, 10))(t)), 0)
	all := must(st.OldMessages(ctx, 0, ever, 10))(t)
	same(t, "all", len(all), 6)
	same(t, "awaited", []bool{all[0].Awaited, all[1].Awaited}, []bool{true, false})
	part := must(st.OldMessages(ctx, all[1].ID, ever, 3))(t)
	same(t, "a part", part, all[2:5])

	same(t, "stored before", must(st.SeqStoredBefore(ctx, "c", 1, 4, ever))(t), int64(4))
	same(t, "stored before, bounded", must(st.SeqStoredBefore(ctx, "c", 1, 2, ever))(t), int64(2))
	same(t, "stored before nothing", must(st.SeqStoredBefore(ctx, "c", 1, 4, 1))(t), int64(0))
	same(t, "of no conversation", must(st.SeqStoredBefore(ctx, "x", 1, 0, ever))(t), int64(0))
	update(t, st, func(tx store.Tx) error { return tx.PurgeMessages(ctx, []int64{all[1].ID, all[3].ID}) })
	same(t, "with gaps", must(st.SeqStoredBefore(ctx, "c", 1, 4, ever))(t), int64(3))
	same(t, "with gaps at the start", must(st.SeqStoredBefore(ctx, "c", 2, 2, ever))(t), int64(0))
}

func testRaiseMinSeq(t *testing.T, st store.Store) {
	ctx := context.Background()
	appendMessages(t, st, "c", "u", 5)
	insertRecords(t, st, 1, im.Conversation{OwnerUserID: "u", ConversationID: "c"})
	update(t, st, func(tx store.Tx) error {
		noErr(t, tx.DeleteForUser(ctx, "u", "c", []im.Span{{Lo: 1, Hi: 1}, {Lo: 4, Hi: 5}}))
		noErr(t, tx.DeleteForUser(ctx, "v", "c", []im.Span{{Lo: 1, Hi: 2}}))
		must(tx.Revoke(ctx, im.Revocation{ConversationID: "c", Seq: 2}))(t)
		must(tx.Revoke(ctx, im.Revocation{ConversationID: "c", Seq: 5}))(t)
		return nil
	})
	for _, step := range []struct{ to, want int64 }{{3, 3}, {2, 3}, {4, 4}} {
		update(t, st, func(tx store.Tx) error { return tx.RaiseMinSeq(ctx, "c", step.to) })
		same(t, "bound", must(st.SeqStates(ctx, []string{"c"}))(t)["c"].MinSeq, step.want)
	}
	update(t, st, func(tx store.Tx) error { return tx.RaiseMinSeq(ctx, "unknown", 3) })
	same(t, "deletions above", must(st.Deletions(ctx, "u", []string{"c"}))(t)["c"], []im.Span{{Lo: 4, Hi: 5}})
	same(t, "deletions below", must(st.Deletions(ctx, "v", []string{"c"}))(t)["c"], []im.Span{})
	same(t, "revocations above", len(must(st.Revocations(ctx, "c", []int64{2, 5}))(t)), 1)

	for _, step := range []struct{ to, want int64 }{{5, 5}, {2, 5}, {9, 9}} {
		update(t, st, func(tx store.Tx) error {
			noErr(t, tx.RaiseUserMinSeq(ctx, "u", "c", step.to))
			return tx.RaiseUserMinSeq(ctx, "w", "c", step.to)
		})
		same(t, "record", must(st.Conversation(ctx, "u", "c"))(t).MinSeq, step.want)
		for _, u := range []string{"u", "w"} {
			same(t, "position of "+u, must(st.UserSeqs(ctx, u, []string{"c"}))(t)["c"].MinSeq, step.want)
		}
	}
	same(t, "deletions below one's own bound", must(st.Deletions(ctx, "u", []string{"c"}))(t)["c"], []im.Span{})
}

func testPatchConversation(t *testing.T, st store.Store) {
	ctx := context.Background()
	for i := range 8 {
		want := record("u", fmt.Sprint("c", i), i)
		insertRecords(t, st, 1, want)
		to := record("u", want.ConversationID, 7-i)
		for _, p := range []im.ConversationPatch{
			{},
			{RecvMsgOpt: &to.RecvMsgOpt},
			{IsPinned: &to.IsPinned},
			{AttachedInfo: &to.AttachedInfo},
			{IsPrivateChat: &to.IsPrivateChat},
			{Ex: &to.Ex, BurnDuration: &to.BurnDuration},
			{GroupAtType: &to.GroupAtType},
			{MsgDestructTime: &to.MsgDestructTime, IsMsgDestruct: &to.IsMsgDestruct},
		} {
			update(t, st, func(tx store.Tx) error { return tx.PatchConversation(ctx, "u", want.ConversationID, p) })
			want = p.Apply(want)
			same(t, "patched", must(st.Conversation(ctx, "u", want.ConversationID))(t), &want)
		}
	}
	err := st.Update(ctx, func(tx store.Tx) error { return tx.PatchConversation(ctx, "v", "c1", im.ConversationPatch{}) })
	wantKind(t, err, im.NotFound)
}

func testRecordLists(t *testing.T, st store.Store) {
	ctx := context.Background()
	var want []im.Conversation
	for i, owner := range numbered("u", 7) {
		c := record(owner, "c", i)
		c.UserID = "peer"
		want = append(want, c)
		insertRecords(t, st, 1, c, record(owner, "d", i))
	}
	same(t, "all", must(st.ConversationsWith(ctx, "peer", "", 100))(t), want)
	same(t, "a page", must(st.ConversationsWith(ctx, "peer", "u00002", 2))(t), want[3:5])
	same(t, "nobody's", must(st.ConversationsWith(ctx, "", "", 2))(t), []im.Conversation{})

	due := func(now int64, limit int) (owners []string) {
		t.Helper()
		for _, c := range must(st.DueDestructs(ctx, now, limit))(t) {
			owners = append(owners, c.OwnerUserID+" "+c.ConversationID)
		}
		return sorted(owners)
	}
	// The records with bit 4 set have timed clearing: 4, 5, 6, with seconds 7 to 9.
	same(t, "not yet", due(6000, 10), []string{})
	same(t, "due", due(1<<40, 10), []string{"u00004 c", "u00004 d", "u00005 c", "u00005 d", "u00006 c", "u00006 d"})
	same(t, "limit", len(due(1<<40, 4)), 4)
	update(t, st, func(tx store.Tx) error { return tx.SetDestructed(ctx, "u00005", "c", 1<<40) })
	same(t, "after it ran", slices.Contains(due(1<<40+8000, 10), "u00005 c"), false)
	same(t, "and again", slices.Contains(due(1<<40+10_000, 10), "u00005 c"), true)
}

// testDropped wants the next message of a conversation to call Returned once
// after records were dropped, whoever they belong to.
func testDropped(t *testing.T, st store.Store) {
	ctx := context.Background()
	appendMessages(t, st, "c", "u", 1)
	mine, theirs, other := record("u", "c", 3), record("v", "c", 4), record("u", "d", 5)
	insertRecords(t, st, 1, mine, theirs, other)
	drop := func(owner string, ids ...string) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.DropConversations(ctx, owner, ids) })
	}
	drop("u", "c", "unknown")
	drop("v", "c")
	_, err := st.Conversation(ctx, "u", "c")
	wantKind(t, err, im.NotFound)
	same(t, "others stay", must(st.ConversationIDs(ctx, "u"))(t), []string{"d"})
	var returned []im.Conversation
	calls := 0
	send := func(id string) {
		t.Helper()
		it := &store.Item{}
		for i := range 2 {
			m := message(id, "u", i)
			m.Returned = func(ctx context.Context, tx store.Tx) (err error) {
				calls++
				returned, err = tx.TakeDropped(ctx, id)
				return err
			}
			it.Messages = append(it.Messages, m)
		}
		appendItems(t, st, it)
	}
	send("c")
	send("c")
	send("d")
	same(t, "calls", calls, 1)
	of := func(c im.Conversation) im.Conversation {
		return im.Conversation{OwnerUserID: c.OwnerUserID, ConversationID: c.ConversationID, ConversationType: c.ConversationType, UserID: c.UserID, GroupID: c.GroupID}
	}
	same(t, "returned", returned, []im.Conversation{of(mine), of(theirs)})
	insertRecords(t, st, 1, mine)
	drop("u", "c")
	send("c")
	same(t, "again", calls, 2)
	same(t, "returned", returned, []im.Conversation{of(mine)})
}

func testSearchMessages(t *testing.T, st store.Store) {
	ctx := context.Background()
	add := func(id, sender string, contentType int32, sendTime int64) {
		m := message(id, sender, 1)
		m.Record.ContentType, m.Record.SendTime = contentType, sendTime
		appendItems(t, st, &store.Item{Messages: []*store.NewMessage{m}})
	}
	add("si_a_b", "a", 101, 10)
	add("si_a_b", "b", 101, 20)
	add("sg_g", "a", 102, 30)
	add("n_a_b", "a", 2101, 40)
	add("sn_a_b", "a", 1400, 50)
	add("si_c_c", "c", 101, 60)
	add("sg_a", "b", 101, 70)
	for _, c := range []struct {
		f    store.MessageFilter
		want []string
	}{
		{store.MessageFilter{}, []string{"si_a_b", "si_a_b", "sg_g", "si_c_c", "sg_a"}},
		{store.MessageFilter{SendID: "a"}, []string{"si_a_b", "sg_g"}},
		{store.MessageFilter{RecvID: "a"}, []string{"si_a_b", "sg_a"}},
		{store.MessageFilter{RecvID: "b"}, []string{"si_a_b"}},
		{store.MessageFilter{RecvID: "g"}, []string{"sg_g"}},
		{store.MessageFilter{RecvID: "c"}, []string{"si_c_c"}},
		{store.MessageFilter{RecvID: "a_b"}, nil},
		{store.MessageFilter{SessionType: im.SessionSingle}, []string{"si_a_b", "si_a_b", "si_c_c"}},
		{store.MessageFilter{SessionType: im.SessionGroup}, []string{"sg_g", "sg_a"}},
		{store.MessageFilter{SessionType: im.SessionNotification}, nil},
		{store.MessageFilter{ContentType: 102}, []string{"sg_g"}},
		{store.MessageFilter{From: 20, To: 60}, []string{"si_a_b", "sg_g"}},
		{store.MessageFilter{From: 1 << 41, To: 1<<41 + 1}, nil},
		{store.MessageFilter{SendID: "b", RecvID: "a", ContentType: 101, SessionType: im.SessionSingle}, []string{"si_a_b"}},
	} {
		var got []string
		rows, n, err := st.SearchMessages(ctx, c.f, 0, 100)
		noErr(t, err)
		for i := range rows {
			got = append(got, rows[i].ConversationID)
		}
		same(t, fmt.Sprintf("%+v", c.f), got, c.want)
		same(t, fmt.Sprintf("number of %+v", c.f), n, len(c.want))
	}
	rows, n, err := st.SearchMessages(ctx, store.MessageFilter{}, 3, 1)
	noErr(t, err)
	if len(rows) != 1 || n != 5 || rows[0].ConversationID != "si_c_c" || len(rows[0].Body) == 0 {
		t.Errorf("fourth of five: %+v of %d", rows, n)
	}
	update(t, st, func(tx store.Tx) error { return tx.WipeMessages(ctx, "si_a_b", []int64{1}) })
	if _, n, err := st.SearchMessages(ctx, store.MessageFilter{SendID: "a"}, 0, 0); err != nil || n != 1 {
		t.Errorf("%d messages beside the wiped one, %v", n, err)
	}
}
