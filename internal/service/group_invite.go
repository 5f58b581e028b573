package service

import (
	"context"
	"errors"
	"slices"

	"parley/internal/im"
	"parley/internal/store"
)

// inviteBatch is the number of members that enter in one commit and one notification.
const inviteBatch = 50

// Invite brings users into a group, or where the group wants it, asks those who
// run it (rest-group.md 4). Users who are in it already are passed over. The reason
// is for the business server only.
func (s *Service) Invite(ctx context.Context, op im.Operator, groupID string, userIDs []string, reason string, sendMessage *bool) error {
	const name = "service.Invite"
	if err := usableIDs(name, append(userIDs[:len(userIDs):len(userIDs)], groupID)...); err != nil {
		return err
	}
	if len(userIDs) == 0 || len(userIDs) > maxGroupList || len(distinct(userIDs)) != len(userIDs) {
		return im.Errorf(im.Invalid, name, "between 1 and %d users, each once", maxGroupList)
	}
	if err := checkText(name, maxTextBytes, &reason); err != nil {
		return err
	}
	g, err := s.store.Group(ctx, groupID)
	if err != nil {
		return err
	}
	if _, err := invites(ctx, s.store, op, name, g); err != nil {
		return err
	}
	users, err := s.store.Users(ctx, userIDs)
	if err != nil {
		return err
	}
	if len(users) != len(userIDs) {
		return im.Errorf(im.NotFound, name, "some users do not exist")
	}
	if userIDs, err = s.askInvite(ctx, op, groupID, reason, userIDs); err != nil {
		return err
	}
	if len(userIDs) == 0 { // nobody is left
		return nil
	}
	for try := 0; ; try++ {
		err := s.bringIn(ctx, op, name, groupID, userIDs, wanted(sendMessage))
		if !errors.Is(err, errMoved) || try == moves {
			return err
		}
	}
}

// invites reports whether those whom the operator invites enter at once; if not,
// they have to wait for an answer. It refuses a dismissed group and a stranger.
func invites(ctx context.Context, r store.Reader, op im.Operator, name string, g *im.Group) (atOnce bool, err error) {
	if g.Status == im.GroupDismissed {
		return false, im.Errorf(im.GroupIsDismissed, name, "group %s is dismissed", g.GroupID)
	}
	if op.Admin {
		return true, nil
	}
	role, err := roleOf(ctx, r, name, g.GroupID, op.UserID)
	if err == nil && role == 0 {
		err = im.Errorf(im.Denied, name, "not a member of group %s", g.GroupID)
	}
	return g.NeedVerification != im.VerifyAll || role != im.RoleMember, err
}

// bringIn lets those users enter who are not in the group, or asks for them, as the
// group is now: the business server may have taken its time. errMoved if the group
// changes its mind once more.
func (s *Service) bringIn(ctx context.Context, op im.Operator, name, groupID string, userIDs []string, clone bool) error {
	g, err := s.store.Group(ctx, groupID)
	if err != nil {
		return err
	}
	atOnce, err := invites(ctx, s.store, op, name, g)
	if err != nil {
		return err
	}
	same := func(ctx context.Context, tx store.Tx, g *im.Group) error {
		now, err := invites(ctx, tx, op, name, g)
		if err == nil && now != atOnce {
			err = errMoved
		}
		return err
	}
	in, err := s.store.Members(ctx, groupID, userIDs)
	if err != nil {
		return err
	}
	userIDs = among(userIDs, memberIDs(in), false)
	if len(userIDs) == 0 {
		return nil
	}
	if !atOnce {
		requests := make([]im.GroupRequest, len(userIDs))
		for i, id := range userIDs {
			requests[i] = im.GroupRequest{GroupID: groupID, UserID: id, JoinSource: im.JoinByInvitation, InviterUserID: op.UserID, ReqTime: s.nowMs()}
		}
		return s.apply(ctx, op, name, op.UserID, requests, false, same)
	}
	members := make([]im.Member, len(userIDs))
	for i, id := range userIDs {
		members[i] = im.Member{
			GroupID: groupID, UserID: id, RoleLevel: im.RoleMember, JoinSource: im.JoinByInvitation,
			OperatorUserID: op.UserID, InviterUserID: op.UserID,
		}
	}
	if err := s.askMembersJoin(ctx, op, name, g, members); err != nil {
		return err
	}
	// A batch joins later than the one before it: members are listed by the time of
	// joining, so a client that reads the list page by page meanwhile misses nobody.
	var notBefore int64
	for batch := range slices.Chunk(members, inviteBatch) {
		if err := s.inviteBatch(ctx, op, name, entry{members: batch, clone: clone, notBefore: notBefore}, same); err != nil {
			return err
		}
		notBefore = max(s.nowMs(), notBefore) + 1
	}
	return nil
}

// inviteBatch lets some users enter in one commit, without those who have come in
// meanwhile by another way.
func (s *Service) inviteBatch(ctx context.Context, op im.Operator, name string, e entry, same func(context.Context, store.Tx, *im.Group) error) error {
	e.contentType = im.ContentMemberInvited
	for try := 0; len(e.members) > 0; try++ {
		var entered []string // meanwhile
		e.check = func(ctx context.Context, t *groupTx) error {
			if err := same(ctx, t, t.group); err != nil {
				return err
			}
			found, err := t.Members(ctx, t.group.GroupID, memberIDs(e.members))
			if err == nil && len(found) > 0 {
				entered, err = memberIDs(found), errMoved
			}
			return err
		}
		err := s.admit(ctx, op, name, e)
		if len(entered) == 0 || !errors.Is(err, errMoved) || try == moves {
			return err
		}
		e.members = slices.DeleteFunc(slices.Clone(e.members), func(m im.Member) bool { return slices.Contains(entered, m.UserID) })
	}
	return nil
}
