package service

import (
	"context"
	"slices"

	"parley/internal/im"
	"parley/internal/store"
)

// GroupsInfo returns the groups that exist among ids, each once, and tells an
// operator who has left some of them so once more.
//
// The SDK needs a group's name for a chat it does not know yet, and puts whatever
// group it fetches for that into its list of joined ones. A device that was
// offline when its user left gets the last messages of the chat and the news of
// leaving at the same time; if the news is first, the group would stay in its
// list for good. So the news is repeated after such an answer.
func (s *Service) GroupsInfo(ctx context.Context, op im.Operator, ids []string) ([]im.Group, error) {
	groups, err := s.Groups(ctx, ids)
	if err != nil || op.Admin || len(groups) == 0 {
		return groups, err
	}
	asked := make([]string, len(groups))
	for i := range groups {
		asked[i] = groups[i].GroupID
	}
	// What was ever in the user's list, and is not.
	been, err := s.store.Logged(ctx, im.ListJoinedGroups, op.UserID, asked)
	if err != nil || len(been) == 0 {
		return groups, err
	}
	joined, err := s.store.JoinedGroupIDs(ctx, op.UserID)
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(been, func(id string) bool { return slices.Contains(joined, id) })
	if len(left) > 0 {
		s.logTold(op, s.repeatLeft(ctx, op, left))
	}
	return groups, nil
}

// repeatLeft lets a user's devices fetch once more that the user is in groups no more;
// groups that the user is in are passed over.
func (s *Service) repeatLeft(ctx context.Context, op im.Operator, groups []string) error {
	slices.Sort(groups)
	var left []string
	err := s.store.Update(ctx, func(tx store.Tx) error {
		left = nil
		for _, g := range groups {
			// Whoever enters at this moment must not be told afterwards of having left.
			if _, err := tx.LockGroup(ctx, g); err != nil {
				return err
			}
			_, err := memberOf(ctx, tx, "service.repeatLeft", g, op.UserID)
			switch {
			case im.IsKind(err, im.NotFound):
				left = append(left, g)
			case err != nil:
				return err
			}
		}
		if len(left) == 0 {
			return nil
		}
		_, err := tx.Step(ctx, im.ListJoinedGroups, op.UserID, im.ChangeDelete, left...)
		return err
	})
	if err != nil {
		return err
	}
	for _, g := range left {
		tips := memberQuitTips{Group: &im.Group{GroupID: g}, QuitUser: &im.Member{GroupID: g, UserID: op.UserID}}
		s.tellEach(ctx, op, []string{op.UserID}, false, func(id string) (notice, any) {
			return notice{contentType: im.ContentMemberQuit, from: id, to: g, session: im.SessionGroup}, tips
		})
	}
	return nil
}
