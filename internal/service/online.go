package service

import (
	"context"

	"parley/internal/im"
)

// OnlineStatuses tells for each id, in order, where the user is online.
// Connections may come and go while it is asked.
func (s *Service) OnlineStatuses(_ context.Context, _ im.Operator, userIDs []string) ([]im.OnlineStatus, error) {
	if len(userIDs) > MaxIDs {
		return nil, im.Errorf(im.Invalid, "service.OnlineStatuses", "at most %d ids", MaxIDs)
	}
	return s.presence.Statuses(userIDs), nil
}

// Connections returns the live connections of users by user, of those that have
// any. For administrators.
func (s *Service) Connections(_ context.Context, op im.Operator, userIDs []string) (map[string][]im.Connection, error) {
	const name = "service.Connections"
	if err := admin(op, name); err != nil {
		return nil, err
	}
	if len(userIDs) > MaxIDs {
		return nil, im.Errorf(im.Invalid, name, "at most %d ids", MaxIDs)
	}
	out := make(map[string][]im.Connection)
	for _, c := range s.presence.Connections(distinct(userIDs)) {
		out[c.UserID] = append(out[c.UserID], c)
	}
	return out, nil
}
