package service

import (
	"context"
	"slices"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// maxGroupList bounds the users that one request names, as the wire has it.
const maxGroupList = 1000

// QuitGroup takes a member out of a group by his own will (rest-group.md 3).
func (s *Service) QuitGroup(ctx context.Context, op im.Operator, groupID, userID string) error {
	const name = "service.QuitGroup"
	if userID == "" {
		userID = op.UserID
	}
	if err := self(op, name, userID); err != nil {
		return err
	}
	if err := usableIDs(name, groupID, userID); err != nil {
		return err
	}
	told := s.groupNotice(op, im.ContentMemberQuit, groupID, true)
	for _, d := range told {
		d.Extra = []string{userID}
	}
	closeWith(told, groupID, func() []string { return []string{userID} })
	err := s.changeGroup(ctx, op, name, groupID, told, func(ctx context.Context, t *groupTx) error {
		m, err := t.member(ctx, userID)
		if err != nil {
			return err
		}
		if m.RoleLevel == im.RoleOwner {
			return im.Errorf(im.Denied, name, "the owner cannot leave group %s", groupID)
		}
		v, err := t.leave(ctx, []im.Member{*m})
		if err != nil {
			return err
		}
		err = t.emit(ctx, im.AfterQuitGroup, userID, func(string) []byte { return webhook.QuitGroupBody(groupID, userID) })
		if err != nil {
			return err
		}
		g, err := t.after(ctx)
		if err != nil {
			return err
		}
		return setTips(told, memberQuitTips{Group: g, QuitUser: m, memberVersion: at(v)})
	})
	if err == nil {
		s.tellChatChanged(ctx, op, im.GroupConversationID(groupID), []string{userID})
	}
	return err
}

// kickBatch is the number of members that one notification names: they must all
// be in it, and it must fit a frame.
const kickBatch = 100

// KickMembers takes members out of a group (rest-group.md 3). The reason is for the
// business server only.
func (s *Service) KickMembers(ctx context.Context, op im.Operator, groupID string, userIDs []string, reason string, sendMessage *bool) error {
	const name = "service.KickMembers"
	if err := usableIDs(name, append(userIDs[:len(userIDs):len(userIDs)], groupID)...); err != nil {
		return err
	}
	if err := checkText(name, maxTextBytes, &reason); err != nil {
		return err
	}
	if _, err := s.store.Group(ctx, groupID); err != nil {
		return err
	}
	switch {
	case len(userIDs) == 0 || len(userIDs) > maxGroupList:
		return im.Errorf(im.Invalid, name, "between 1 and %d users", maxGroupList)
	case len(distinct(userIDs)) != len(userIDs):
		return im.Errorf(im.Invalid, name, "a user is listed twice")
	case slices.Contains(userIDs, op.UserID):
		return im.Errorf(im.Invalid, name, "the operator is among those to be removed")
	}
	var told []*msglog.Delivery
	var notices [][]*msglog.Delivery
	for batch := range slices.Chunk(userIDs, kickBatch) {
		n := s.groupNotice(op, im.ContentMemberKicked, groupID, wanted(sendMessage))
		for _, d := range n {
			d.Extra = userIDs
		}
		closeWith(n, groupID, func() []string { return batch })
		told, notices = append(told, n...), append(notices, n)
	}
	err := s.changeGroup(ctx, op, name, groupID, told, func(ctx context.Context, t *groupTx) error {
		members, err := t.mayKick(ctx, userIDs)
		if err != nil {
			return err
		}
		for _, n := range notices {
			batch := members[:min(kickBatch, len(members))]
			members = members[len(batch):]
			v, err := t.leave(ctx, batch)
			if err != nil {
				return err
			}
			g, operator, err := t.scene(ctx)
			if err != nil {
				return err
			}
			list := make([]*im.Member, len(batch))
			for i := range batch {
				list[i] = &batch[i]
			}
			err = setTips(n, memberKickedTips{Group: g, OpUser: operator, KickedUserList: list, memberVersion: at(v)})
			if err != nil {
				return err
			}
		}
		return t.emit(ctx, im.AfterKickGroup, "", func(string) []byte { return webhook.KickGroupBody(groupID, userIDs, reason) })
	})
	if err == nil {
		s.tellChatChanged(ctx, op, im.GroupConversationID(groupID), userIDs)
	}
	return err
}

// mayKick returns the members with these ids, if the operator may remove all of them.
func (t *groupTx) mayKick(ctx context.Context, userIDs []string) ([]im.Member, error) {
	owner := t.group.OwnerUserID
	if owner == "" {
		return nil, im.Errorf(im.NotFound, t.name, "group %s has no owner", t.group.GroupID)
	}
	if slices.Contains(userIDs, owner) {
		return nil, im.Errorf(im.Invalid, t.name, "the owner cannot be removed")
	}
	found, err := t.Members(ctx, t.group.GroupID, userIDs)
	if err != nil {
		return nil, err
	}
	role, err := t.role(ctx)
	if err != nil {
		return nil, err
	}
	members := byID(userIDs, found, func(m *im.Member) string { return m.UserID })
	for i, id := range userIDs {
		switch {
		case i >= len(members) || members[i].UserID != id:
			return nil, im.Errorf(im.UserNotFound, t.name, "%s", id)
		case t.op.Admin || role == im.RoleOwner:
		case role == im.RoleAdmin && members[i].RoleLevel == im.RoleMember:
		default:
			return nil, im.Errorf(im.Denied, t.name, "may not remove %s", id)
		}
	}
	return members, nil
}

// MuteMember silences a member for some seconds; 0 lets him speak again.
func (s *Service) MuteMember(ctx context.Context, op im.Operator, groupID, userID string, seconds uint32) error {
	const name = "service.MuteMember"
	if err := usableIDs(name, groupID, userID); err != nil {
		return err
	}
	return s.muteMember(ctx, op, name, groupID, userID, seconds, (*groupTx).mayMute)
}

func (s *Service) muteMember(ctx context.Context, op im.Operator, name, groupID, userID string, seconds uint32, may func(*groupTx, context.Context, *im.Member) error) error {
	contentType, end := int32(im.ContentMemberMuteCancelled), int64(0)
	if seconds > 0 {
		contentType, end = im.ContentMemberMuted, s.nowMs()+int64(seconds)*1000
	}
	told := s.groupNotice(op, contentType, groupID, true)
	return s.changeGroup(ctx, op, name, groupID, told, func(ctx context.Context, t *groupTx) error {
		m, err := t.member(ctx, userID)
		if err != nil {
			return err
		}
		if err := may(t, ctx, m); err != nil {
			return err
		}
		if err := t.PatchMember(ctx, groupID, userID, im.MemberPatch{MuteEndTime: &end}); err != nil {
			return err
		}
		m.MuteEndTime = end
		v, err := t.step(ctx, viewStep{set: states(m)}, im.ChangeUpdate, userID)
		if err != nil {
			return err
		}
		if m, err = t.member(ctx, userID); err != nil { // as of the step
			return err
		}
		g, operator, err := t.scene(ctx)
		if err != nil {
			return err
		}
		if seconds == 0 {
			return setTips(told, memberMuteCancelledTips{Group: g, OpUser: operator, MutedUser: m, memberVersion: at(v)})
		}
		return setTips(told, memberMutedTips{Group: g, OpUser: operator, MutedUser: m, MutedSeconds: seconds, memberVersion: at(v)})
	})
}

// mayMute refuses an operator who does not stand above the member.
func (t *groupTx) mayMute(ctx context.Context, m *im.Member) error {
	if t.op.Admin {
		return nil
	}
	me, err := t.member(ctx, t.op.UserID)
	switch {
	case err != nil:
		return err
	case m.RoleLevel == im.RoleOwner, m.RoleLevel == im.RoleAdmin && me.RoleLevel != im.RoleOwner, me.RoleLevel < im.RoleAdmin:
		return im.Errorf(im.Denied, t.name, "may not mute %s", m.UserID)
	}
	return nil
}

func states(members ...*im.Member) []store.MemberState {
	out := make([]store.MemberState, len(members))
	for i, m := range members {
		out[i] = store.MemberState{UserID: m.UserID, RoleLevel: m.RoleLevel, MuteEndTime: m.MuteEndTime}
	}
	return out
}

// TransferGroup gives a group to another of its members, who changes places with
// the owner (rest-group.md 3).
func (s *Service) TransferGroup(ctx context.Context, op im.Operator, groupID, oldID, newID string) error {
	const name = "service.TransferGroup"
	if err := usableIDs(name, groupID, oldID, newID); err != nil {
		return err
	}
	told := s.groupNotice(op, im.ContentOwnerTransferred, groupID, true)
	for try := 0; ; try++ {
		muted := false
		err := s.changeGroup(ctx, op, name, groupID, told, func(ctx context.Context, t *groupTx) error {
			older, newer, err := t.mayTransfer(ctx, oldID, newID)
			if err != nil {
				return err
			}
			if muted = newer.MuteEndTime >= s.nowMs(); muted {
				return errMoved
			}
			return t.transfer(ctx, told, older, newer)
		})
		if !muted || try == moves {
			return err
		}
		// An owner is not muted: this is a change, and a notification, of its own.
		err = s.muteMember(ctx, op, name, groupID, newID, 0, func(t *groupTx, ctx context.Context, _ *im.Member) error {
			_, _, err := t.mayTransfer(ctx, oldID, newID)
			return err
		})
		if err != nil {
			return err
		}
	}
}

// mayTransfer returns the old and the new owner.
func (t *groupTx) mayTransfer(ctx context.Context, oldID, newID string) (older, newer *im.Member, err error) {
	if err := t.live(); err != nil {
		return nil, nil, err
	}
	if oldID == newID {
		return nil, nil, im.Errorf(im.Invalid, t.name, "old and new owner are the same")
	}
	both, err := t.pick(ctx, []string{oldID, newID})
	switch {
	case err != nil:
		return nil, nil, err
	case len(both) != 2:
		return nil, nil, im.Errorf(im.Invalid, t.name, "old or new owner is not in group %s", t.group.GroupID)
	case !t.op.Admin && (t.op.UserID != oldID || both[0].RoleLevel != im.RoleOwner):
		return nil, nil, im.Errorf(im.Denied, t.name, "only the owner may give group %s away", t.group.GroupID)
	case both[0].RoleLevel != im.RoleOwner:
		return nil, nil, im.Errorf(im.Invalid, t.name, "%s does not own group %s", oldID, t.group.GroupID)
	}
	return both[0], both[1], nil
}

func (t *groupTx) transfer(ctx context.Context, told []*msglog.Delivery, older, newer *im.Member) error {
	older.RoleLevel, newer.RoleLevel = newer.RoleLevel, im.RoleOwner
	for _, m := range []*im.Member{older, newer} {
		if err := t.PatchMember(ctx, m.GroupID, m.UserID, im.MemberPatch{RoleLevel: &m.RoleLevel}); err != nil {
			return err
		}
	}
	v, err := t.step(ctx, viewStep{set: states(older, newer)}, im.ChangeUpdate, im.SortMarker, older.UserID, newer.UserID)
	if err != nil {
		return err
	}
	both, err := t.pick(ctx, []string{older.UserID, newer.UserID}) // as of the step
	if err != nil {
		return err
	}
	older, newer = both[0], both[1]
	err = t.emit(ctx, im.AfterTransferGroupOwner, newer.UserID, func(string) []byte {
		return webhook.TransferGroupBody(older.GroupID, older.UserID, newer.UserID)
	})
	if err != nil {
		return err
	}
	g, operator, err := t.scene(ctx)
	if err != nil {
		return err
	}
	return setTips(told, ownerTransferredTips{Group: g, OpUser: operator, NewGroupOwner: newer, OldGroupOwnerInfo: older, memberVersion: at(v)})
}
