package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"parley/internal/im"
	"parley/internal/store"
)

// logModel is a version log in memory, by the words of incremental-sync.md 3 and 4.
type logModel struct {
	version uint64
	entries []logEntry // ascending
}

type logEntry struct {
	element string
	change  im.Change
	version uint64
}

func (m *logModel) step(change im.Change, elements ...string) {
	m.version++
	for _, e := range elements {
		m.entries = slices.DeleteFunc(m.entries, func(x logEntry) bool { return x.element == e })
		c := change
		if e == im.SortMarker {
			c = im.ChangeUpdate
		}
		m.entries = append(m.entries, logEntry{e, c, m.version})
	}
}

func (m *logModel) since(id string, n uint64) im.Delta {
	d := im.Delta{Version: im.Version{ID: id, Number: m.version}}
	if n == 0 || n > m.version {
		d.Full = true
		return d
	}
	count := 0
	for _, e := range m.entries {
		if e.version <= n {
			continue
		}
		if count++; count > im.MaxDelta {
			return im.Delta{Version: d.Version, Full: true}
		}
		if e.element == im.SortMarker {
			d.SortVersion = e.version
			continue
		}
		d.Touched = true
		switch {
		case e.element == im.GroupMarker:
		case e.change == im.ChangeInsert:
			d.Insert = append(d.Insert, e.element)
		case e.change == im.ChangeDelete:
			d.Delete = append(d.Delete, e.element)
		case e.change == im.ChangeUpdate:
			d.Update = append(d.Update, e.element)
		}
	}
	return d
}

// modelRuns makes the owners of model runs differ, so that all share one database.
var modelRuns atomic.Int64

// testVersionModel makes random steps of a list that really changes, and has
// clients at random versions follow it: every answer is the model's, and each
// client that applies it as the SDK does (8.1) ends with the list as it is.
func testVersionModel(t *testing.T, st store.Store) {
	ctx := context.Background()
	type client struct {
		at  im.Version
		ids map[string]bool
	}
	pool := append(numbered("e", 12), "ä", "E00000", " ")
	rapid.Check(t, func(t *rapid.T) {
		owner := fmt.Sprintf("g%d", modelRuns.Add(1))
		var m logModel
		truth := map[string]bool{}
		clients := make([]client, 3)
		for i := range clients {
			clients[i].ids = map[string]bool{}
		}
		id := ""
		// run makes one step in the store and in the model.
		run := func(change im.Change, elements ...string) {
			v := step(t, st, im.ListMembers, owner, change, elements...)
			m.step(change, elements...)
			if id == "" {
				id = v.ID
			}
			same(t, "position after a step", v, im.Version{ID: id, Number: m.version})
		}
		change := func(kind im.Change) {
			elements := rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, 4, rapid.ID).Draw(t, "elements")
			if kind == im.ChangeUpdate {
				// Only what is there is changed: an update of a removed element would hide its removal.
				elements = slices.DeleteFunc(elements, func(e string) bool { return !truth[e] })
				elements = append(elements, rapid.SliceOfNDistinct(
					rapid.SampledFrom([]string{im.SortMarker, im.GroupMarker}), 0, 2, rapid.ID).Draw(t, "markers")...)
			}
			for _, e := range elements {
				switch kind {
				case im.ChangeInsert:
					truth[e] = true
				case im.ChangeDelete:
					delete(truth, e)
				}
			}
			if len(elements) > 0 {
				run(kind, elements...)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(*rapid.T) { change(im.ChangeInsert) },
			"remove": func(*rapid.T) { change(im.ChangeDelete) },
			"update": func(*rapid.T) { change(im.ChangeUpdate) },
			"many": func(t *rapid.T) { // enough for the limit, now and then
				elements := numbered("many", rapid.SampledFrom([]int{3, 3, 3, 3, 3, 3, 3, 3, 120, 199, 201}).Draw(t, "many"))
				for _, e := range elements {
					truth[e] = true
				}
				run(im.ChangeInsert, elements...)
			},
			"ask": func(t *rapid.T) {
				if id == "" {
					t.Skip("no log yet")
				}
				n := rapid.Uint64Range(0, m.version+2).Draw(t, "from")
				same(t, fmt.Sprintf("since %d of %d", n, m.version), since(t, st, im.ListMembers, owner, id, n), m.since(id, n))
			},
			"sync": func(t *rapid.T) {
				c := &clients[rapid.IntRange(0, len(clients)-1).Draw(t, "client")]
				d := must(st.Since(ctx, im.ListMembers, owner, c.at))(t)
				if id != "" && c.at.ID != "" {
					same(t, "a client's answer", d, m.since(id, c.at.Number))
				}
				if d.Full {
					c.ids = maps.Clone(truth)
				}
				for _, e := range d.Delete {
					delete(c.ids, e)
				}
				for _, e := range slices.Concat(d.Insert, d.Update) {
					if truth[e] { // the service leaves out elements without a record
						c.ids[e] = true
					}
				}
				if d.Number > 0 {
					c.at = d.Version
				}
				same(t, "the client's list", c.ids, truth)
			},
		})
	})
}
