package service

import (
	"context"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// Growth is a number of users or groups, and how it came about: days are
// "2006-01-02" in UTC.
type Growth struct {
	Total, Before int64
	PerDay        map[string]int64
}

// maxStatisticDays is the longest time that is told day by day: ten years.
const maxStatisticDays = 3660

// checkTime refuses times that cannot be told.
func checkTime(name string, from, to int64) error {
	if from > to {
		return im.Errorf(im.Invalid, name, "start is after end")
	}
	if to-from > maxStatisticDays*24*time.Hour.Milliseconds() {
		return im.Errorf(im.Invalid, name, "at most %d days", maxStatisticDays)
	}
	return nil
}

// perDay names the days.
func perDay(counts map[int64]int64) map[string]int64 {
	out := make(map[string]int64, len(counts))
	for day, n := range counts {
		out[time.Unix(day*24*60*60, 0).UTC().Format(time.DateOnly)] = n
	}
	return out
}

// UserGrowth counts registrations, from inclusive to exclusive (rest-third-admin.md 4).
func (s *Service) UserGrowth(ctx context.Context, _ im.Operator, from, to int64) (Growth, error) {
	if err := checkTime("service.UserGrowth", from, to); err != nil {
		return Growth{}, err
	}
	g, err := s.store.UserGrowth(ctx, from, to)
	return Growth{g.Total, g.Before, perDay(g.PerDay)}, err
}

// GroupGrowth counts groups that were created; those dismissed since count, too.
// For administrators.
func (s *Service) GroupGrowth(ctx context.Context, op im.Operator, from, to int64) (Growth, error) {
	const name = "service.GroupGrowth"
	if err := admin(op, name); err != nil {
		return Growth{}, err
	}
	if err := checkTime(name, from, to); err != nil {
		return Growth{}, err
	}
	g, err := s.store.GroupGrowth(ctx, from, to)
	return Growth{g.Total, g.Before, perDay(g.PerDay)}, err
}

// ActivityQuery says which time is asked about, and in which order.
type ActivityQuery struct {
	From, To  int64 // sent at From or later and before To, ms
	Groups    bool  // of users: what they send to groups counts, too
	Ascending bool
}

// Activity is the messages of a time: how many, by how many senders or in how many groups.
type Activity struct {
	Messages, Members int64
	PerDay            map[string]int64
}

func activity(a *store.Activity) Activity { return Activity{a.Messages, a.Members, perDay(a.PerDay)} }

// ActiveUser is a sender and the number of messages.
type ActiveUser struct {
	User  im.User
	Count int64
}

// ActiveUsers ranks those who send messages; p is a page of the ranks. A sender
// without a record is named by the id. For administrators.
func (s *Service) ActiveUsers(ctx context.Context, op im.Operator, q ActivityQuery, p Page) (Activity, []ActiveUser, error) {
	const name = "service.ActiveUsers"
	a, err := s.active(ctx, op, name, q, store.ActivityQuery{Single: true, Group: q.Groups}, p)
	if err != nil || len(a.Ranked) == 0 {
		return activity(&a), nil, err
	}
	found, err := s.store.Users(ctx, rankedIDs(a.Ranked))
	if err != nil {
		return Activity{}, nil, err
	}
	users := make(map[string]im.User, len(found))
	for i := range found {
		users[found[i].UserID] = found[i]
	}
	out := make([]ActiveUser, len(a.Ranked))
	for i, r := range a.Ranked {
		u, ok := users[r.ID]
		if !ok {
			u = im.User{UserID: r.ID, Nickname: r.ID}
		}
		out[i] = ActiveUser{u, r.Count}
	}
	return activity(&a), out, nil
}

// ActiveGroup is a group and the number of its messages.
type ActiveGroup struct {
	Group im.Group
	Count int64
}

// ActiveGroups ranks the groups by their messages; p is a page of the ranks. A
// group without a record has its id only. For administrators.
func (s *Service) ActiveGroups(ctx context.Context, op im.Operator, q ActivityQuery, p Page) (Activity, []ActiveGroup, error) {
	const name = "service.ActiveGroups"
	a, err := s.active(ctx, op, name, q, store.ActivityQuery{Group: true, ByGroup: true}, p)
	if err != nil || len(a.Ranked) == 0 {
		return activity(&a), nil, err
	}
	found, err := s.store.Groups(ctx, rankedIDs(a.Ranked))
	if err != nil {
		return Activity{}, nil, err
	}
	groups := make(map[string]im.Group, len(found))
	for i := range found {
		g := found[i]
		g.OwnerUserID, g.MemberCount = "", 0 // as the reference answers
		groups[g.GroupID] = g
	}
	out := make([]ActiveGroup, len(a.Ranked))
	for i, r := range a.Ranked {
		g, ok := groups[r.ID]
		if !ok {
			g = im.Group{GroupID: r.ID}
		}
		out[i] = ActiveGroup{g, r.Count}
	}
	return activity(&a), out, nil
}

func rankedIDs(ranked []store.Ranked) []string {
	ids := make([]string, len(ranked))
	for i := range ranked {
		ids[i] = ranked[i].ID
	}
	return ids
}

// active asks the store for a page of the ranks.
func (s *Service) active(ctx context.Context, op im.Operator, name string, q ActivityQuery, sq store.ActivityQuery, p Page) (store.Activity, error) {
	if err := admin(op, name); err != nil {
		return store.Activity{}, err
	}
	if err := checkTime(name, q.From, q.To); err != nil {
		return store.Activity{}, err
	}
	if p.Number < 1 || p.Size < 1 {
		return store.Activity{}, im.Errorf(im.Invalid, name, "pageNumber and showNumber must be above 0")
	}
	sq.From, sq.To, sq.Ascending = q.From, q.To, q.Ascending
	sq.Offset, sq.Limit = p.window()
	return s.store.Activity(ctx, sq)
}
