package storetest

import (
	"context"
	"fmt"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

func testClientLogs(t *testing.T, st store.Store) {
	ctx := context.Background()
	row := func(id, user string, at int64) im.ClientLog {
		return im.ClientLog{
			LogID: id, UserID: user, Platform: "IOS", URL: "u" + id, Filename: "f", AppFramework: "a", Version: "v", Ex: "e", CreateTime: at,
		}
	}
	insert := func(rows ...im.ClientLog) error {
		return st.Update(ctx, func(tx store.Tx) error { return tx.InsertClientLogs(ctx, rows) })
	}
	noErr(t, insert(row("1", "u", 10), row("2", "u", 10)))
	noErr(t, insert(row("3", "v", 20)))
	wantKind(t, insert(row("4", "u", 20), row("3", "u", 20)), im.Duplicate)
	noErr(t, insert())
	keys := func(from, to int64) (out []string) {
		t.Helper()
		for _, k := range must(st.ClientLogKeys(ctx, from, to))(t) {
			out = append(out, k.LogID+k.UserID)
		}
		return out
	}
	same(t, "all", keys(0, 100), []string{"3v", "2u", "1u"})
	same(t, "both ends belong to it", keys(10, 20), []string{"3v", "2u", "1u"})
	same(t, "later ones", keys(11, 20), []string{"3v"})
	same(t, "earlier ones", keys(0, 19), []string{"2u", "1u"})
	same(t, "the whole record", must(st.ClientLogs(ctx, []string{"2", "nothing"}))(t), []im.ClientLog{row("2", "u", 10)})

	remove := func(ids ...string) error {
		return st.Update(ctx, func(tx store.Tx) error { return tx.DeleteClientLogs(ctx, ids) })
	}
	wantKind(t, remove("1", "nothing"), im.NotFound)
	same(t, "nothing was removed", keys(0, 100), []string{"3v", "2u", "1u"})
	noErr(t, remove("1", "3"))
	same(t, "two were removed", keys(0, 100), []string{"2u"})

	var many []im.ClientLog
	for i := range store.MaxClientLogsEach {
		many = append(many, row(fmt.Sprintf("m%d", i), "u", 30))
	}
	noErr(t, insert(row("5", "v", 30)))
	noErr(t, insert(many...))
	got := keys(0, 100)
	same(t, "the oldest of the user goes", len(got), store.MaxClientLogsEach+1)
	same(t, "that of another stays", got[len(got)-1], "5v")
	same(t, "as the first of the new ones", got[len(got)-2], "m0u")
}

const testDay = 86_400_000

func testGrowth(t *testing.T, st store.Store) {
	ctx := context.Background()
	zero := must(st.UserGrowth(ctx, 0, 100))(t)
	same(t, "nobody", zero, store.Growth{PerDay: map[int64]int64{}})
	update(t, st, func(tx store.Tx) error {
		var users []im.User
		for i, at := range []int64{1, testDay, 2*testDay - 1, 2 * testDay, 5 * testDay} {
			users = append(users, im.User{UserID: fmt.Sprint("u", i), CreateTime: at})
			g := im.Group{GroupID: fmt.Sprint("g", i), CreateTime: at + testDay, Status: int32(i % 3)}
			if err := tx.InsertGroup(ctx, g); err != nil {
				return err
			}
		}
		return tx.InsertUsers(ctx, users)
	})
	same(t, "users", must(st.UserGrowth(ctx, testDay, 5*testDay))(t),
		store.Growth{Total: 5, Before: 1, PerDay: map[int64]int64{1: 2, 2: 1}})
	same(t, "groups", must(st.GroupGrowth(ctx, testDay, 6*testDay+1))(t),
		store.Growth{Total: 5, Before: 0, PerDay: map[int64]int64{1: 1, 2: 2, 3: 1, 6: 1}})
	same(t, "an empty time", must(st.UserGrowth(ctx, 9*testDay, 9*testDay))(t), store.Growth{Total: 5, Before: 5, PerDay: map[int64]int64{}})
}

func testActivity(t *testing.T, st store.Store) {
	ctx := context.Background()
	same(t, "an empty log", must(st.Activity(ctx, store.ActivityQuery{To: 100, Single: true, Group: true, Limit: 10}))(t), store.Activity{PerDay: map[int64]int64{}})
	say := func(conversation, from string, at int64) *store.NewMessage {
		return &store.NewMessage{Record: im.Record{
			ConversationID: conversation, SendID: from, ClientMsgID: fmt.Sprint(conversation, from, at), ServerMsgID: "s", ContentType: 101, SendTime: at, Body: []byte("b"),
		}}
	}
	item := &store.Item{Messages: []*store.NewMessage{
		say("si_a_b", "a", testDay), say("si_a_b", "b", testDay+1), say("si_a_b", "b", 2*testDay),
		say("si_a_c", "a", testDay), say("si_a_c", "a", 3*testDay),
		say("sg_g", "a", testDay), say("sg_g", "c", testDay), say("sg_h", "c", 2*testDay),
		say("n_a_b", "z", testDay), say("sn_a_z", "z", testDay), say("sg", "z", testDay),
		say("si_a_b", "wiped", testDay),
	}}
	noErr(t, st.Append(ctx, []*store.Item{item}))
	noErr(t, item.Err)
	update(t, st, func(tx store.Tx) error { return tx.WipeMessages(ctx, "si_a_b", []int64{4}) })
	q := store.ActivityQuery{From: testDay, To: 3 * testDay, Single: true, Limit: 10}
	same(t, "chats of two", must(st.Activity(ctx, q))(t), store.Activity{
		Messages: 4, Members: 2, PerDay: map[int64]int64{1: 3, 2: 1}, Ranked: []store.Ranked{{ID: "a", Count: 2}, {ID: "b", Count: 2}},
	})
	q.Group = true
	same(t, "with groups", must(st.Activity(ctx, q))(t), store.Activity{
		Messages: 7, Members: 3, PerDay: map[int64]int64{1: 5, 2: 2},
		Ranked: []store.Ranked{{ID: "a", Count: 3}, {ID: "b", Count: 2}, {ID: "c", Count: 2}},
	})
	q.Ascending, q.Offset, q.Limit = true, 1, 1
	same(t, "a page, ascending", must(st.Activity(ctx, q))(t).Ranked, []store.Ranked{{ID: "c", Count: 2}})
	q.Offset = 3
	same(t, "past the end", must(st.Activity(ctx, q))(t).Ranked, []store.Ranked(nil))
	same(t, "groups", must(st.Activity(ctx, store.ActivityQuery{To: 9 * testDay, Group: true, ByGroup: true, Limit: 10}))(t), store.Activity{
		Messages: 3, Members: 2, PerDay: map[int64]int64{1: 2, 2: 1}, Ranked: []store.Ranked{{ID: "g", Count: 2}, {ID: "h", Count: 1}},
	})
	// All of it was stored now, so a time in the future has nothing to look at.
	same(t, "later", must(st.Activity(ctx, store.ActivityQuery{From: 1 << 60, To: 1 << 61, Single: true, Limit: 1}))(t), store.Activity{PerDay: map[int64]int64{}})
}
