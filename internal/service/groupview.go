package service

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"parley/internal/im"
	"parley/internal/store"
)

// groupView is a group as the send path sees it. One value serves all readers
// and follows the group: after its commit each change of the member log is
// applied to it, whatever the size of the group. The log's version tells where the
// view stands, so no change is applied twice or left out; on any doubt the view
// is dropped and the next reader loads the group anew.
type groupView struct {
	groupType int32
	loaded    int // members when it was loaded

	mu      sync.RWMutex
	version im.Version
	state   int32 // of the group
	members map[string]*place
	places  []*place // only appended to, so that readers may walk through a part of it without the lock
	gone    int      // places whose member has left
}

// place is a member in the order of a view.
type place struct {
	userID string
	left   atomic.Bool       // the member has left, or has come back to another place
	state  store.MemberState // guarded by the view's mu
}

// viewStep is a change of a member log as far as views know of it.
type viewStep struct {
	version im.Version
	state   *int32              // of the group, if it changed
	set     []store.MemberState // new and changed members
	removed []string
}

// minCompact is the number of left places that a view carries along in any case.
const minCompact = 64

func newGroupView(g *im.Group, v im.Version, states []store.MemberState) *groupView {
	view := &groupView{
		groupType: g.GroupType, loaded: len(states), version: v, state: g.Status,
		members: make(map[string]*place, len(states)), places: make([]*place, len(states)),
	}
	all := make([]place, len(states))
	for i := range states {
		all[i].userID, all[i].state = states[i].UserID, states[i]
		view.places[i] = &all[i]
		view.members[states[i].UserID] = &all[i]
	}
	return view
}

// status returns the group's status.
func (v *groupView) status() int32 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.state
}

// member returns what the view knows of a member.
func (v *groupView) member(userID string) (store.MemberState, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	p := v.members[userID]
	if p == nil {
		return store.MemberState{}, false
	}
	return p.state, true
}

// follow applies steps; false means that the view cannot be trusted any more.
func (v *groupView) follow(steps []viewStep) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range steps {
		switch {
		case s.version.ID != v.version.ID || s.version.Number > v.version.Number+1:
			return false
		case s.version.Number <= v.version.Number: // the load has seen it
			continue
		}
		v.version = s.version
		if s.state != nil {
			v.state = *s.state
		}
		for _, m := range s.set {
			if p := v.members[m.UserID]; p != nil {
				p.state = m
				continue
			}
			p := &place{userID: m.UserID, state: m}
			v.members[m.UserID] = p
			v.places = append(v.places, p)
		}
		for _, id := range s.removed {
			if p := v.members[id]; p != nil {
				p.left.Store(true)
				delete(v.members, id)
				v.gone++
			}
		}
	}
	v.compact()
	// The cache weighs a view when it is loaded: one that has grown is weighed again.
	return len(v.members) <= 2*v.loaded+minCompact
}

// compact drops left places when they are half of all, into a new list: readers
// may still walk through the old one.
func (v *groupView) compact() {
	if v.gone < minCompact || 2*v.gone < len(v.places) {
		return
	}
	kept := make([]*place, 0, len(v.members)+minCompact)
	for _, p := range v.places {
		if !p.left.Load() {
			kept = append(kept, p)
		}
	}
	v.places, v.gone = kept, 0
}

// Roster is the members of a group at one moment, less those who have left since.
type Roster struct {
	view   *groupView
	places []*place
}

// Has reports whether a user is a member now.
func (r Roster) Has(userID string) bool {
	_, ok := r.view.member(userID)
	return ok
}

// All goes through the members' ids. It holds no lock meanwhile.
func (r Roster) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, p := range r.places {
			if !p.left.Load() && !yield(p.userID) {
				return
			}
		}
	}
}

// Roster returns the members of a group at no cost for its size.
func (s *Service) Roster(ctx context.Context, groupID string) (Roster, error) {
	v, err := s.group(ctx, groupID)
	if err != nil {
		return Roster{}, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	return Roster{v, v.places}, nil
}

// loadTries is how often a group is read while it changes in between.
const loadTries = 3

// group returns a group as the send path needs it. im.NotFound if there is none.
func (s *Service) group(ctx context.Context, groupID string) (*groupView, error) {
	if g, ok := s.caches.groups.GetIfPresent(groupID); ok {
		return g, nil
	}
	return s.caches.groups.Get(ctx, groupID, otter.LoaderFunc[string, *groupView](s.loadGroup))
}

// loadGroup reads a group between two looks at its member log. If it changes all
// the time, the version before counts: what is read is at least as new, and
// applying a step twice does no harm.
func (s *Service) loadGroup(ctx context.Context, groupID string) (*groupView, error) {
	for try := 1; ; try++ {
		before, err := s.store.Head(ctx, im.ListMembers, groupID)
		if err != nil {
			return nil, err
		}
		g, err := s.store.Group(ctx, groupID)
		if err != nil {
			return nil, err
		}
		states, err := s.store.MemberStates(ctx, groupID)
		if err != nil {
			return nil, err
		}
		after, err := s.store.Head(ctx, im.ListMembers, groupID)
		if err != nil {
			return nil, err
		}
		if before == after || try == loadTries {
			return newGroupView(g, before, states), nil
		}
	}
}

// groupFollows brings the cached view of a group up to date after a commit.
func (s *Service) groupFollows(groupID string, steps ...viewStep) {
	if v, ok := s.caches.groups.GetIfPresent(groupID); ok && v.follow(steps) {
		return
	}
	s.caches.groups.Invalidate(groupID) // also for a load that is under way
}
