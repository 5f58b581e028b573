package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
)

// maxIDs bounds the ids of one request. Back ends register and look up in bulk;
// beyond this a request would hold the writer for too long.
const maxIDs = 10_000

// RegisterUsers creates accounts, all or none (rest-auth-user.md 5.1).
func (s *Service) RegisterUsers(ctx context.Context, op im.Operator, users []im.User) error {
	const name = "service.RegisterUsers"
	if len(users) == 0 || len(users) > maxIDs {
		return im.Errorf(im.Invalid, name, "between 1 and %d users", maxIDs)
	}
	if err := admin(op, name); err != nil {
		return err
	}
	seen := make(map[string]bool, len(users))
	now := s.nowMs()
	for i := range users {
		u := &users[i]
		switch {
		case !im.ValidUserID(u.UserID):
			return im.Errorf(im.Invalid, name, "userID %q: only letters, digits and '_', at most %d bytes", u.UserID, im.MaxIDBytes)
		case u.Nickname == "":
			return im.Errorf(im.Invalid, name, "nickname is empty")
		case seen[u.UserID]:
			return im.Errorf(im.Invalid, name, "userID %s twice", u.UserID)
		}
		if err := usableTexts(name, maxTextBytes, u.Nickname, u.FaceURL, u.Ex); err != nil {
			return err
		}
		seen[u.UserID] = true
		u.CreateTime = now
	}
	return s.store.Update(ctx, func(tx store.Tx) error { return tx.InsertUsers(ctx, users) })
}

// Users returns the users that exist among ids, each once.
func (s *Service) Users(ctx context.Context, ids []string) ([]im.User, error) {
	if len(ids) > maxIDs {
		return nil, im.Errorf(im.Invalid, "service.Users", "at most %d ids", maxIDs)
	}
	found, err := s.store.Users(ctx, distinct(ids))
	if err != nil {
		return nil, err
	}
	return byID(distinct(ids), found, func(u *im.User) string { return u.UserID }), nil
}

// distinct returns the ids without repetitions, in order.
func distinct(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// Registered tells for each id whether such a user exists. For administrators;
// a repeated id is refused first (rest-auth-user.md 5.4).
func (s *Service) Registered(ctx context.Context, op im.Operator, ids []string) ([]bool, error) {
	const name = "service.Registered"
	if len(distinct(ids)) != len(ids) || len(ids) > maxIDs {
		return nil, im.Errorf(im.Invalid, name, "an id twice, or more than %d ids", maxIDs)
	}
	if err := admin(op, name); err != nil {
		return nil, err
	}
	found, err := s.store.Users(ctx, ids)
	if err != nil {
		return nil, err
	}
	exists := make(map[string]bool, len(found))
	for i := range found {
		exists[found[i].UserID] = true
	}
	out := make([]bool, len(ids))
	for i, id := range ids {
		out[i] = exists[id]
	}
	return out, nil
}

// UpdateUser changes a profile and tells the user's devices and those who show
// the name or picture (rest-auth-user.md 5.2).
func (s *Service) UpdateUser(ctx context.Context, op im.Operator, userID string, p im.UserPatch) error {
	if err := self(op, "service.UpdateUser", userID); err != nil {
		return err
	}
	old, err := s.store.User(ctx, userID)
	if err != nil {
		return err
	}
	after := p.Apply(*old)
	if err := usableTexts("service.UpdateUser", maxTextBytes, after.Nickname, after.FaceURL, after.Ex); err != nil {
		return err
	}
	told := s.deliveries(op, notice{contentType: im.ContentUserInfoUpdated, from: op.UserID, to: userID, session: im.SessionSingle})
	if err := setTips(told, userInfoUpdatedTips{UserID: userID}); err != nil {
		return err
	}
	shown := old.Nickname != after.Nickname || old.FaceURL != after.FaceURL
	var groups []memberChange
	var friends []string
	_, err = s.log.Append(ctx, &msglog.Entry{
		With: func(ctx context.Context, tx store.Tx) error {
			if p.Empty() {
				return nil
			}
			if err := tx.PatchUser(ctx, userID, p); err != nil || !shown {
				return err
			}
			if groups, err = s.renamedInGroups(ctx, tx, userID); err != nil {
				return err
			}
			friends, err = s.renamedAmongFriends(ctx, tx, userID)
			return err
		},
		Committed: func() {
			s.caches.users.Invalidate(userID)
			for _, g := range groups { // so that the next change of a member finds no gap
				s.groupFollows(g.groupID, viewStep{version: g.version})
			}
		},
		Messages: told,
	})
	if err != nil {
		return err
	}
	return s.tellRenamed(ctx, op, userID, groups, friends)
}

// memberChange is a step in a group's member log that changed one member.
type memberChange struct {
	groupID string
	version im.Version
}

// renamedInGroups writes a step into the member log of each group that shows
// the user's own name or picture.
func (s *Service) renamedInGroups(ctx context.Context, tx store.Tx, userID string) ([]memberChange, error) {
	ids, err := tx.GroupsShowingProfile(ctx, userID)
	if err != nil {
		return nil, err
	}
	var out []memberChange
	for _, id := range ids {
		v, err := tx.Step(ctx, im.ListMembers, id, im.ChangeUpdate, userID)
		if err != nil {
			return nil, err
		}
		out = append(out, memberChange{id, v})
	}
	return out, nil
}

// renamedAmongFriends writes a step into the friend log of each of the user's friends,
// and of everybody whose friend the user is: a friendship may have one side only.
func (s *Service) renamedAmongFriends(ctx context.Context, tx store.Tx, userID string) ([]string, error) {
	ids, err := tx.FriendIDs(ctx, userID)
	if err != nil {
		return nil, err
	}
	others, err := tx.FriendOf(ctx, userID)
	if err != nil {
		return nil, err
	}
	ids = distinct(append(ids, others...))
	for _, id := range ids {
		if _, err := tx.Step(ctx, im.ListFriends, id, im.ChangeUpdate, userID); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// tellRenamed sends 1516 to the groups and 1209 to the friends. The change is
// committed: a notification that fails is found by clients at their next sync.
func (s *Service) tellRenamed(ctx context.Context, op im.Operator, userID string, groups []memberChange, friends []string) error {
	for _, g := range groups {
		tips, err := s.memberTips(ctx, op, g, userID)
		if err != nil {
			return err
		}
		n := s.deliveries(op, notice{contentType: im.ContentMemberInfoSet, from: op.UserID, to: g.groupID, session: im.SessionGroup})
		if err := setTips(n, tips); err != nil {
			return err
		}
		if _, err := s.log.Append(ctx, &msglog.Entry{Messages: n}); err != nil {
			return err
		}
	}
	for _, f := range friends {
		n := s.deliveries(op, notice{contentType: im.ContentFriendInfoUpdated, from: op.UserID, to: f, session: im.SessionSingle})
		if err := setTips(n, userInfoUpdatedTips{UserID: userID}); err != nil {
			return err
		}
		if _, err := s.log.Append(ctx, &msglog.Entry{Messages: n}); err != nil {
			return err
		}
	}
	return nil
}
