package service

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/internal/im"
	"parley/internal/store"
)

const viewLog = "0123456789abcdef01234567"

func viewOf(n int) *groupView {
	states := make([]store.MemberState, n)
	for i := range states {
		states[i] = store.MemberState{UserID: fmt.Sprint("u", i), RoleLevel: im.RoleMember}
	}
	return newGroupView(&im.Group{GroupID: "g"}, im.Version{ID: viewLog, Number: 1}, states)
}

func at1(n uint64) im.Version { return im.Version{ID: viewLog, Number: n} }

// TestViewFollows plays random steps on a view and on a map.
func TestViewFollows(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		v := viewOf(20)
		want := map[string]int32{}
		for i := range 20 {
			want[fmt.Sprint("u", i)] = im.RoleMember
		}
		for n := uint64(2); n < 800; n++ {
			id := fmt.Sprint("u", rng.IntN(60))
			step := viewStep{version: at1(n)}
			switch rng.IntN(3) {
			case 0:
				step.set, want[id] = []store.MemberState{{UserID: id, RoleLevel: int32(n)}}, int32(n)
			case 1:
				step.removed = []string{id}
				delete(want, id)
			}
			if !v.follow([]viewStep{step, step}) { // the second is an old one
				t.Fatalf("seed %d: the view is lost at %d", seed, n)
			}
			if v.gone > minCompact && 2*v.gone > len(v.places) {
				t.Fatalf("seed %d: %d of %d places are left ones", seed, v.gone, len(v.places))
			}
		}
		got := map[string]int32{}
		for id := range (Roster{v, v.places}).All() {
			m, ok := v.member(id)
			if _, twice := got[id]; twice || !ok {
				t.Fatalf("seed %d: %s is there twice, or no member", seed, id)
			}
			got[id] = m.RoleLevel
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
	}
}

func TestViewDoubts(t *testing.T) {
	muted := int32(im.GroupMuted)
	for name, c := range map[string]struct {
		steps []viewStep
		want  bool
	}{
		"the next step":   {[]viewStep{{version: at1(2), state: &muted}}, true},
		"an old step":     {[]viewStep{{version: at1(1), removed: []string{"u0"}}}, true},
		"a gap":           {[]viewStep{{version: at1(3)}}, false},
		"another log":     {[]viewStep{{version: im.Version{ID: "x", Number: 2}}}, false},
		"two, then a gap": {[]viewStep{{version: at1(2)}, {version: at1(3)}, {version: at1(5)}}, false},
	} {
		v := viewOf(3)
		if got := v.follow(c.steps); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if _, ok := v.member("u0"); !ok {
			t.Errorf("%s: u0 has left", name)
		}
	}
	v := viewOf(3)
	v.follow([]viewStep{{version: at1(2), state: &muted}})
	if v.status() != im.GroupMuted {
		t.Error("the status did not follow")
	}
	var many []store.MemberState
	for i := range 100 {
		many = append(many, store.MemberState{UserID: fmt.Sprint("n", i)})
	}
	if v.follow([]viewStep{{version: at1(3), set: many}}) {
		t.Error("a view that has outgrown its weight is kept")
	}
}

// TestViewWhileRead reads a view from several goroutines while it changes; the
// race detector is the judge. Members who never leave are always there.
func TestViewWhileRead(t *testing.T) {
	v := viewOf(200)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				v.mu.RLock()
				r := Roster{v, v.places}
				v.mu.RUnlock()
				seen := 0
				for id := range r.All() {
					if r.Has(id); id < "u2" {
						seen++
					}
				}
				if seen < 100 { // u0, u1, u10 to u19, u100 to u199, of which u0 to u99 may leave
					t.Errorf("%d of those who stay", seen)
					return
				}
				v.member("u1")
				v.status()
			}
		})
	}
	for n := uint64(2); n < 2000; n++ {
		id := fmt.Sprint("u", n%100)
		step := viewStep{version: at1(n), removed: []string{id}}
		if n/100%2 == 1 {
			step = viewStep{version: at1(n), set: []store.MemberState{{UserID: id}}}
		}
		if !v.follow([]viewStep{step}) {
			t.Fatal("the view is lost")
		}
	}
	close(stop)
	wg.Wait()
	if n := len(slices.Collect(maps.Keys(v.members))); n > 200 {
		t.Errorf("%d members", n)
	}
}
