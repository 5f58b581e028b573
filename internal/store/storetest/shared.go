package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// RunDatabase runs the part of the suite that opens a database more than once,
// or needs rows that no writer of the interface makes. Each call of create
// returns a new, empty database.
func RunDatabase(t *testing.T, create func(t testing.TB) *Database) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, d *Database)
	}{
		{"Reopen", testReopen},
		{"NodesAppend", testNodesAppend},
		{"NodesEvents", testNodesEvents},
		{"Friends", testFriends},
		{"Blacks", testBlacks},
		{"UserBounds", testUserBounds},
		{"VersionsDropped", testVersionsDropped},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, create(t))
		})
	}
}

// exec runs statements beside the store.
func exec(t testing.TB, d *Database, statements ...string) {
	t.Helper()
	db := d.SQL(t)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// testReopen closes and opens again: everything is as it was, and counting goes on.
func testReopen(t *testing.T, d *Database) {
	ctx := context.Background()
	st := d.Open(t)
	insertUsers(t, st, "u", "v")
	insertGroup(t, st, group("g", 1), member("g", "u", im.RoleOwner, 1), member("g", "v", im.RoleMember, 2))
	insertRecords(t, st, 1, record("u", "sg_g", 3))
	update(t, st, func(tx store.Tx) error {
		return tx.PutToken(ctx, store.Token{UserID: "u", Platform: im.PlatformIOS, Hash: "h", ValidTo: 1})
	})
	m := message("sg_g", "u", 1)
	m.RaiseRead, m.Events = true, []*im.Event{messageEvent()}
	appendItems(t, st, &store.Item{Messages: []*store.NewMessage{m, message("sg_g", "v", 2)}})
	update(t, st, func(tx store.Tx) error { return tx.SetRead(ctx, "sg_g", "u", 1, 2, nil) })
	v := step(t, st, im.ListMembers, "g", im.ChangeInsert, "u", "v")
	addEvents(t, st, event(im.GroupLane("g")))

	type everything struct {
		Users    []im.User
		Group    *im.Group
		Members  []im.Member
		Tokens   []store.Token
		Records  []im.Conversation
		Seqs     []store.ConversationSeq
		Messages []im.Record
		Events   []store.OutboxEvent
		Delta    im.Delta
	}
	read := func(st store.Store) everything {
		return everything{
			Users: sortedBy(must(st.Users(ctx, []string{"u", "v"}))(t), userID), Group: must(st.Group(ctx, "g"))(t),
			Members: must(st.MembersPage(ctx, "g", 0, 9))(t), Tokens: must(st.Tokens(ctx, "u"))(t),
			Records: must(st.Conversations(ctx, "u", nil))(t), Seqs: must(st.ConversationSeqs(ctx, "u", nil))(t),
			Messages: must(st.Messages(ctx, "sg_g", 1, 9))(t), Events: allEvents(t, st),
			Delta: must(st.Since(ctx, im.ListMembers, "g", v))(t),
		}
	}
	want := read(st)
	same(t, "something is there", []int{len(want.Users), len(want.Messages), len(want.Events)}, []int{2, 2, 2})
	for range 2 {
		noErr(t, st.Close())
		st = d.Open(t)
		same(t, "after opening again", read(st), want)
	}
	// Numbers, lanes and ids go on where they were.
	m = message("sg_g", "u", 3)
	m.Events = []*im.Event{messageEvent()}
	appendItems(t, st, &store.Item{Messages: []*store.NewMessage{m}})
	same(t, "next number, next in lane", []int64{m.Record.Seq, m.Events[0].LaneSeq}, []int64{3, 2})
	if last := want.Events[1].ID; m.Events[0].ID <= last {
		t.Errorf("event id %d after %d", m.Events[0].ID, last)
	}
	same(t, "next step", step(t, st, im.ListMembers, "g", im.ChangeUpdate, "u"), im.Version{ID: v.ID, Number: 2})
}

// testNodesAppend appends from two nodes to the same conversations.
func testNodesAppend(t *testing.T, d *Database) {
	appendTogether(t, []store.Store{d.Open(t), d.Open(t)}, 6, 30)
}

// testNodesEvents has two nodes write to the outbox while one reads on from its cursor.
func testNodesEvents(t *testing.T, d *Database) {
	followWriters(t, []store.Store{d.Open(t), d.Open(t)}, 4, 60)
}

func testFriends(t *testing.T, d *Database) {
	ctx := context.Background()
	st := d.Open(t)
	same(t, "no friends", must(st.FriendIDs(ctx, "o"))(t), []string{})
	insertUsers(t, st, "a", "B", "c", "d", "e")
	add := func(owner, friend string, created int64, pinned int) string {
		return fmt.Sprintf(`INSERT INTO friends (owner_user_id, friend_user_id, remark, create_time, add_source, operator_user_id, ex, is_pinned)
			VALUES ('%s', '%s', 'remark %s', %d, 2, 'op', 'ex', %d)`, owner, friend, friend, created, pinned)
	}
	exec(t, d, add("o", "a", 1_700_000_003_999, 0), add("o", "c", 1_700_000_001_000, 0), add("o", "B", 1_700_000_003_999, 0),
		add("o", "d", 1_700_000_009_000, 1), add("o", "deleted account", 1_700_000_000_000, 0), add("p", "e", 1, 0))
	same(t, "pinned, then oldest, then id", must(st.FriendIDs(ctx, "o"))(t), []string{"d", "deleted account", "c", "B", "a"})

	friend := func(id string, n int64, created int64, pinned bool) im.Friend {
		u := user(id, n)
		return im.Friend{OwnerUserID: "o", Remark: "remark " + id, CreateTime: created, FriendUser: &u, AddSource: 2, OperatorUserID: "op", Ex: "ex", IsPinned: pinned}
	}
	byID := func(f *im.Friend) string { return f.FriendUser.UserID }
	got := must(st.Friends(ctx, "o", append(numbered("x", 300), "d", "a", "e", "nobody")))(t)
	same(t, "entries, in seconds", sortedBy(got, byID), []im.Friend{friend("a", 0, 1_700_000_003, false), friend("d", 3, 1_700_000_009, true)})
	same(t, "no ids", must(st.Friends(ctx, "o", nil))(t), []im.Friend{})
}

func testBlacks(t *testing.T, d *Database) {
	ctx := context.Background()
	st := d.Open(t)
	page := func(offset, limit int) (ids []string, n int) {
		t.Helper()
		blacks, n, err := st.Blacks(ctx, "o", offset, limit)
		noErr(t, err)
		for _, b := range blacks {
			ids = append(ids, b.BlackUserInfo.UserID)
		}
		return ids, n
	}
	ids, n := page(0, 10)
	same(t, "empty list", ids, []string{})
	same(t, "length", n, 0)
	insertUsers(t, st, "a", "B", "c")
	for i, id := range []string{"a", "c", "B"} {
		exec(t, d, fmt.Sprintf(`INSERT INTO blacks (owner_user_id, black_user_id, create_time, add_source, operator_user_id, ex)
			VALUES ('o', '%s', %d, 1, 'op', 'ex')`, id, 5000-1000*(i/2)))
	}
	exec(t, d, `INSERT INTO blacks VALUES ('p', 'a', 1, 1, 'op', 'ex')`)
	order := []string{"B", "a", "c"}
	for _, c := range []struct{ offset, limit int }{{0, 10}, {0, 1}, {1, 1}, {1, 10}, {2, 5}, {3, 5}, {0, 0}, {9, 9}} {
		ids, n := page(c.offset, c.limit)
		lo := min(c.offset, 3)
		same(t, fmt.Sprintf("page %+v", c), ids, order[lo:min(lo+c.limit, 3)])
		same(t, "length", n, 3)
	}
	blacks, _, err := st.Blacks(ctx, "o", 0, 1)
	noErr(t, err)
	u := user("B", 1)
	same(t, "entry, in seconds", blacks, []im.Black{{OwnerUserID: "o", CreateTime: 4, BlackUserInfo: u.Public(), AddSource: 1, OperatorUserID: "op", Ex: "ex"}})
}

// testUserBounds checks that a user's bounds come back, and outlive a raise of the read position.
func testUserBounds(t *testing.T, d *Database) {
	ctx := context.Background()
	st := d.Open(t)
	insertRecords(t, st, 1, record("u", "c", 0))
	exec(t, d, `INSERT INTO user_seqs (user_id, conversation_id, min_seq, max_seq, read_seq) VALUES ('u', 'c', 3, 9, 4)`,
		`INSERT INTO conversations (conversation_id, max_seq, min_seq, max_seq_time, hook_seq) VALUES ('c', 12, 2, 77, 0)`)
	before, after := raise(t, st, "u", "c", 6)
	same(t, "raise", []int64{before, after}, []int64{4, 6})
	m := message("c", "u", 1)
	m.RaiseRead = true
	appendItems(t, st, &store.Item{Messages: []*store.NewMessage{m}})
	want := im.UserSeqs{ConversationID: "c", MinSeq: 3, MaxSeq: 9, ReadSeq: 13}
	same(t, "positions", must(st.UserSeqs(ctx, "u", []string{"c"}))(t), map[string]im.UserSeqs{"c": want})
	seqs := must(st.ConversationSeqs(ctx, "u", nil))(t)
	same(t, "seqs", seqs[0].User, want)
	same(t, "state", []int64{seqs[0].State.MaxSeq, seqs[0].State.MinSeq}, []int64{13, 2})
	if seqs[0].State.MaxSeqTime <= 77 {
		t.Errorf("time of the last number: %d", seqs[0].State.MaxSeqTime)
	}
}

// testVersionsDropped checks row 5 of incremental-sync.md 4.1: a log whose oldest entries are gone.
func testVersionsDropped(t *testing.T, d *Database) {
	st := d.Open(t)
	for _, e := range []string{"a", "b", "c", "d"} {
		step(t, st, im.ListFriends, "o", im.ChangeInsert, e)
	}
	exec(t, d, `DELETE FROM version_entries WHERE version <= 2`, `UPDATE version_logs SET deleted_to = 2`)
	v := must(st.Head(context.Background(), im.ListFriends, "o"))(t)
	for n, want := range map[uint64]im.Delta{
		1: {Version: v, Full: true},
		2: {Version: v, Insert: []string{"c", "d"}, Touched: true},
		3: {Version: v, Insert: []string{"d"}, Touched: true},
		4: {Version: v},
	} {
		got := since(t, st, im.ListFriends, "o", v.ID, n)
		same(t, fmt.Sprintf("since %d", n), got, want)
	}
	if got := step(t, st, im.ListFriends, "o", im.ChangeDelete, "a"); got.Number != 5 {
		t.Errorf("the next step leads to %+v", got)
	}
	got := since(t, st, im.ListFriends, "o", v.ID, 2)
	if !slices.Equal(got.Delete, []string{"a"}) {
		t.Errorf("an element whose entry was dropped is not told: %+v", got)
	}
}
