package service

import (
	"parley/internal/im"
	"parley/internal/pace"
)

// newGroupPaces watches how often groups are sent messages; nil without a limit.
func newGroupPaces(l pace.Limit) *pace.Buckets[string] {
	if l.Off() {
		return nil
	}
	return pace.New[string](pace.DefaultKeys)
}

// inPace returns im.TooMany when ordinary users send messages into a group faster
// than its members should have to take. Administrators may at any time.
func (s *Service) inPace(op im.Operator, groupID string) error {
	if op.Admin {
		return nil
	}
	if s.groupPaces.Take(groupID, s.o.GroupPace, s.o.Now()) > 0 {
		return im.Errorf(im.TooMany, "service.Send", "too many messages into this group")
	}
	return nil
}

// GroupsLimited returns how many messages were refused because of too many into one group.
func (s *Service) GroupsLimited() uint64 { return s.groupPaces.Refused() }
