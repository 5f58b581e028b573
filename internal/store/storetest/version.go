package storetest

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// step makes one step of a list and returns the position it led to.
func step(t checker, st store.Store, list im.List, owner string, change im.Change, elements ...string) (v im.Version) {
	t.Helper()
	ctx := context.Background()
	update(t, st, func(tx store.Tx) (err error) {
		v, err = tx.Step(ctx, list, owner, change, elements...)
		return err
	})
	return v
}

func since(t checker, st store.Store, list im.List, owner, id string, n uint64) im.Delta {
	t.Helper()
	return must(st.Since(context.Background(), list, owner, im.Version{ID: id, Number: n}))(t)
}

func testVersionSteps(t *testing.T, st store.Store) {
	ctx := context.Background()
	const own = "owner"
	same(t, "no log", must(st.Head(ctx, im.ListFriends, own))(t), im.Version{})
	same(t, "no log", since(t, st, im.ListFriends, own, "", 0), im.Delta{Full: true})
	same(t, "no log", since(t, st, im.ListFriends, own, im.NewVersionID(time.Now()), 3), im.Delta{Full: true})

	v := step(t, st, im.ListFriends, own, im.ChangeInsert, "a")
	if v.Number != 1 || !im.ValidVersionID(v.ID) {
		t.Fatalf("first step leads to %+v", v)
	}
	same(t, "head", must(st.Head(ctx, im.ListFriends, own))(t), v)
	for n := uint64(2); n < 5; n++ {
		next := step(t, st, im.ListFriends, own, im.ChangeUpdate, "a", "b", im.SortMarker)
		same(t, "each step counts one, identity stays", next, im.Version{ID: v.ID, Number: n})
		same(t, "head", must(st.Head(ctx, im.ListFriends, own))(t), next)
	}
	// Within a transaction the steps are seen before the commit, and a rollback takes them back.
	err := st.Update(ctx, func(tx store.Tx) error {
		next := must(tx.Step(ctx, im.ListFriends, own, im.ChangeDelete, "a"))(t)
		same(t, "head inside", must(tx.Head(ctx, im.ListFriends, own))(t), next)
		same(t, "delta inside", must(tx.Since(ctx, im.ListFriends, own, im.Version{ID: v.ID, Number: 4}))(t),
			im.Delta{Version: next, Delete: []string{"a"}, Touched: true})
		return errStop
	})
	wantErr(t, err, errStop)
	same(t, "head after a rollback", must(st.Head(ctx, im.ListFriends, own))(t).Number, uint64(4))

	// Lists and owners are apart.
	for _, o := range []struct {
		list  im.List
		owner string
	}{{im.ListJoinedGroups, own}, {im.ListMembers, own}, {im.ListConversations, own}, {im.ListFriends, "Owner"}} {
		got := step(t, st, o.list, o.owner, im.ChangeInsert, "x")
		if got.Number != 1 || got.ID == v.ID {
			t.Errorf("%+v shares a log: %+v", o, got)
		}
	}

	// OpenLog: a new log is empty and at 1, an old one stays as it is.
	open := func(owner string) (v im.Version) {
		update(t, st, func(tx store.Tx) (err error) {
			v, err = tx.OpenLog(ctx, im.ListMembers, owner)
			return err
		})
		return v
	}
	fresh := open("g")
	if fresh.Number != 1 || !im.ValidVersionID(fresh.ID) {
		t.Fatalf("a new log is at %+v", fresh)
	}
	same(t, "opened again", open("g"), fresh)
	same(t, "head of a new log", must(st.Head(ctx, im.ListMembers, "g"))(t), fresh)
	same(t, "a new log has nothing to tell", since(t, st, im.ListMembers, "g", fresh.ID, 1), im.Delta{Version: fresh})
	same(t, "the first step after it", step(t, st, im.ListMembers, "g", im.ChangeInsert, "a"), im.Version{ID: fresh.ID, Number: 2})
	same(t, "opened after a step", open("g"), im.Version{ID: fresh.ID, Number: 2})
	same(t, "what the step brought", since(t, st, im.ListMembers, "g", fresh.ID, 1).Insert, []string{"a"})
}

// testVersionTable goes through incremental-sync.md 4.1 row by row.
func testVersionTable(t *testing.T, st store.Store) {
	const l, own = im.ListMembers, "g"
	insert := func(elements ...string) { step(t, st, l, own, im.ChangeInsert, elements...) }
	change := func(elements ...string) { step(t, st, l, own, im.ChangeUpdate, elements...) }
	remove := func(elements ...string) { step(t, st, l, own, im.ChangeDelete, elements...) }
	insert("a", "b", "c", "ä")               // 1
	change(im.GroupMarker)                   // 2
	change("b")                              // 3
	remove("c")                              // 4
	change(im.SortMarker, "a", "ä")          // 5
	insert("d", "e")                         // 6
	change("e")                              // 7: inserted, then changed
	remove("d")                              // 8: inserted, then removed
	insert("c")                              // 9: removed, then inserted again
	remove(im.SortMarker, "b", "never seen") // 10: the marker is an update, whatever the step is
	change(im.GroupMarker)                   // 11
	head := must(st.Head(context.Background(), l, own))(t)
	same(t, "head", head.Number, uint64(11))

	full := im.Delta{Version: head, Full: true}
	other := im.NewVersionID(time.Now())
	for _, c := range []struct {
		row, id string
		n       uint64
		want    im.Delta
	}{
		{"1 no id", "", 5, full},
		{"1 short id", head.ID[:23], 5, full},
		{"1 long id", head.ID + "0", 5, full},
		{"1 no hex", strings.Repeat("g", 24), 5, full},
		{"1 zero id", strings.Repeat("0", 24), 5, full},
		{"1 number 0", head.ID, 0, full},
		{"2 another identity", other, 5, full},
		{"2 another identity, same number", other, 11, full},
		{"3 current", head.ID, 11, im.Delta{Version: head}},
		{"4 ahead", head.ID, 12, full},
		{"4 far ahead", head.ID, math.MaxUint64, full},
		{"4 beyond int64", head.ID, math.MaxInt64 + 1, full},
		{"7 group only", head.ID, 10, im.Delta{Version: head, Touched: true}},
		{"7 since 9", head.ID, 9, im.Delta{Version: head, Delete: []string{"b", "never seen"}, SortVersion: 10, Touched: true}},
		{"7 since 8", head.ID, 8, im.Delta{Version: head, Insert: []string{"c"}, Delete: []string{"b", "never seen"}, SortVersion: 10, Touched: true}},
		{"7 since 7", head.ID, 7, im.Delta{Version: head, Insert: []string{"c"}, Delete: []string{"d", "b", "never seen"}, SortVersion: 10, Touched: true}},
		{"7 since 5", head.ID, 5, im.Delta{Version: head, Insert: []string{"c"}, Update: []string{"e"}, Delete: []string{"d", "b", "never seen"}, SortVersion: 10, Touched: true}},
		{"7 since 1", head.ID, 1, im.Delta{
			Version: head, Insert: []string{"c"}, Update: []string{"a", "ä", "e"}, Delete: []string{"d", "b", "never seen"}, SortVersion: 10, Touched: true,
		}},
	} {
		same(t, c.row, since(t, st, l, own, c.id, c.n), c.want)
	}
	if upper := strings.ToUpper(head.ID); upper != head.ID {
		same(t, "2 upper case", since(t, st, l, own, upper, 5), full)
	}

	// Only the sort marker: the order changed, nothing else.
	v := step(t, st, l, own, im.ChangeUpdate, im.SortMarker)
	same(t, "sort marker alone", since(t, st, l, own, v.ID, 11), im.Delta{Version: v, SortVersion: 12})
	for _, id := range edgeIDs {
		v = step(t, st, l, own, im.ChangeDelete, id)
	}
	same(t, "edge ids, in log order", since(t, st, l, own, v.ID, 12).Delete, edgeIDs)
	again := sorted(edgeIDs)
	v = step(t, st, l, own, im.ChangeDelete, again...)
	same(t, "the latest change counts, in its order", since(t, st, l, own, v.ID, 12).Delete, again)
}

// testVersionLimit checks row 6: up to 200 entries are told, markers count.
func testVersionLimit(t *testing.T, st store.Store) {
	const l = im.ListMembers
	for _, c := range []struct {
		name     string
		elements []string
		full     bool
	}{
		{"200", numbered("e", 200), false},
		{"201", numbered("e", 201), true},
		{"198 and both markers", append(numbered("e", 198), im.SortMarker, im.GroupMarker), false},
		{"199 and both markers", append(numbered("e", 199), im.SortMarker, im.GroupMarker), true},
		{"600", numbered("e", 600), true},
	} {
		// At once, and one by one; the same elements again do not count twice.
		first := step(t, st, l, c.name, im.ChangeInsert, "before")
		at := step(t, st, l, c.name, im.ChangeInsert, c.elements...)
		got := since(t, st, l, c.name, first.ID, first.Number)
		if got.Full != c.full {
			t.Errorf("%s in one step: full is %v", c.name, got.Full)
		}
		if got.Full {
			same(t, "a full answer", got, im.Delta{Version: at, Full: true})
			continue
		}
		for _, e := range c.elements {
			at = step(t, st, l, c.name, im.ChangeDelete, e)
		}
		got = since(t, st, l, c.name, first.ID, first.Number)
		if got.Full || got.Number != at.Number || len(got.Insert) > 0 {
			t.Errorf("%s one by one: %+v", c.name, got)
		}
		step(t, st, l, c.name, im.ChangeInsert, "one more")
		if got = since(t, st, l, c.name, first.ID, first.Number); !got.Full {
			t.Errorf("%s and one more: not full", c.name)
		}
		if got = since(t, st, l, c.name, first.ID, first.Number+1); !got.Full {
			t.Errorf("%s and one more, from the version after: not full", c.name)
		}
		if got = since(t, st, l, c.name, first.ID, first.Number+2); got.Full {
			t.Errorf("%s, one entry fewer: full", c.name)
		}
	}
}

// testVersionsEach asks for many logs at once: the answer of each is the one that it gives alone.
func testVersionsEach(t *testing.T, st store.Store) {
	ctx := context.Background()
	const l = im.ListMembers
	from := map[string]im.Version{"none": {}, "none either": {ID: im.NewVersionID(time.Now()), Number: 2}}
	for i, owner := range numbered("owner", 300) { // more than a statement asks for
		v := step(t, st, l, owner, im.ChangeInsert, "before")
		switch i % 4 {
		case 0:
			step(t, st, l, owner, im.ChangeInsert, numbered("e", i%7+1)...)
			step(t, st, l, owner, im.ChangeDelete, "e00000", im.SortMarker)
		case 1:
			step(t, st, l, owner, im.ChangeUpdate, numbered("e", 190+i%20)...)
		case 2:
			v.ID = im.NewVersionID(time.Now())
		}
		from[owner] = v
	}
	step(t, st, im.ListFriends, "owner00000", im.ChangeInsert, "of another list")
	got := must(st.SinceEach(ctx, l, from))(t)
	same(t, "answers", len(got), len(from))
	for owner, v := range from {
		same(t, owner, got[owner], must(st.Since(ctx, l, owner, v))(t))
	}
	same(t, "of one", got["owner00000"].Delete, []string{"e00000"})
	same(t, "of another", len(got["owner00001"].Update), 191)
	same(t, "too many", got["owner00017"].Full, true)
	same(t, "of nobody", must(st.SinceEach(ctx, l, nil))(t), map[string]im.Delta{})
}
