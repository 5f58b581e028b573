package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/store"
)

// ApplicationQuery selects a page of applications.
type ApplicationQuery struct {
	UserID   string   // whose list it is
	GroupIDs []string // empty: all of them
	Results  []int32  // empty: any
	Page     Page
}

func (q *ApplicationQuery) check(name string) error {
	if len(q.GroupIDs) > MaxIDs {
		return im.Errorf(im.Invalid, name, "at most %d ids", MaxIDs)
	}
	return usableIDs(name, append(q.GroupIDs[:len(q.GroupIDs):len(q.GroupIDs)], q.UserID)...)
}

// ReceivedApplications returns the applications to groups that a user runs, or
// to the named groups, newest first (rest-group.md 5).
func (s *Service) ReceivedApplications(ctx context.Context, op im.Operator, q ApplicationQuery) ([]im.GroupRequest, int, error) {
	const name = "service.ReceivedApplications"
	if err := self(op, name, q.UserID); err != nil {
		return nil, 0, err
	}
	if err := q.check(name); err != nil {
		return nil, 0, err
	}
	f := store.GroupRequestFilter{GroupIDs: distinct(q.GroupIDs), Results: q.Results}
	if len(q.GroupIDs) == 0 {
		f.ManagerID = q.UserID
	}
	for _, g := range f.GroupIDs {
		if err := s.manages(ctx, op, name, g); err != nil {
			return nil, 0, err
		}
	}
	return s.applications(ctx, f, q.Page)
}

// OwnApplications returns a user's own applications, newest first.
func (s *Service) OwnApplications(ctx context.Context, op im.Operator, q ApplicationQuery) ([]im.GroupRequest, int, error) {
	const name = "service.OwnApplications"
	if err := self(op, name, q.UserID); err != nil {
		return nil, 0, err
	}
	if err := q.check(name); err != nil {
		return nil, 0, err
	}
	if _, err := s.store.User(ctx, q.UserID); err != nil {
		return nil, 0, err
	}
	return s.applications(ctx, store.GroupRequestFilter{UserIDs: []string{q.UserID}, GroupIDs: distinct(q.GroupIDs), Results: q.Results}, q.Page)
}

// ApplicationsOf returns the applications of some users to one group.
func (s *Service) ApplicationsOf(ctx context.Context, op im.Operator, groupID string, userIDs []string) ([]im.GroupRequest, error) {
	const name = "service.ApplicationsOf"
	if err := usableIDs(name, append(userIDs[:len(userIDs):len(userIDs)], groupID)...); err != nil {
		return nil, err
	}
	if err := s.manages(ctx, op, name, groupID); err != nil {
		return nil, err
	}
	if len(userIDs) == 0 {
		return nil, nil
	}
	if len(userIDs) > maxGroupList {
		return nil, im.Errorf(im.Invalid, name, "at most %d users", maxGroupList)
	}
	found, _, err := s.applications(ctx, store.GroupRequestFilter{GroupIDs: []string{groupID}, UserIDs: distinct(userIDs)}, Page{Number: 1, Size: maxGroupList})
	return found, err
}

// ApplicationOf returns the application of one user to a group, if there is one.
func (s *Service) ApplicationOf(ctx context.Context, op im.Operator, groupID, userID string) ([]im.GroupRequest, error) {
	const name = "service.ApplicationOf"
	if err := usableIDs(name, groupID, userID); err != nil {
		return nil, err
	}
	if userID != op.UserID {
		if err := s.manages(ctx, op, name, groupID); err != nil {
			return nil, err
		}
	}
	found, _, err := s.applications(ctx, store.GroupRequestFilter{GroupIDs: []string{groupID}, UserIDs: []string{userID}}, Page{Number: 1, Size: 1})
	return found, err
}

// PendingApplications counts the unanswered applications, made after a time, to
// the groups that a user runs.
func (s *Service) PendingApplications(ctx context.Context, op im.Operator, userID string, after int64) (int64, error) {
	const name = "service.PendingApplications"
	if err := self(op, name, userID); err != nil {
		return 0, err
	}
	if err := usableIDs(name, userID); err != nil {
		return 0, err
	}
	return s.store.PendingGroupRequests(ctx, userID, after)
}

// applications returns a page of the selected applications with their users and groups.
func (s *Service) applications(ctx context.Context, f store.GroupRequestFilter, p Page) ([]im.GroupRequest, int, error) {
	_, total, err := s.store.GroupRequests(ctx, f, 0, 0)
	if err != nil {
		return nil, 0, err
	}
	offset, n := p.of(total)
	if n == 0 {
		return nil, total, nil
	}
	found, _, err := s.store.GroupRequests(ctx, f, offset, n)
	if err != nil {
		return nil, 0, err
	}
	users := make([]string, len(found))
	groups := make([]string, len(found))
	for i := range found {
		users[i], groups[i] = found[i].UserID, found[i].GroupID
	}
	public, err := s.publicUsers(ctx, users)
	if err != nil {
		return nil, 0, err
	}
	known, err := s.store.Groups(ctx, distinct(groups))
	if err != nil {
		return nil, 0, err
	}
	byGroup := make(map[string]*im.Group, len(known))
	for i := range known {
		byGroup[known[i].GroupID] = &known[i]
	}
	for i := range found {
		r := &found[i]
		r.UserInfo, r.GroupInfo = public[r.UserID], byGroup[r.GroupID]
		if r.GroupInfo == nil {
			return nil, 0, im.Errorf(im.GroupNotFound, "service.applications", "group %s does not exist", r.GroupID)
		}
	}
	return found, total, nil
}
