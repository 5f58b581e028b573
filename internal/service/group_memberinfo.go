package service

import (
	"context"
	"slices"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// MemberChange is what to change of one member; MuteEndTime has its own routes.
type MemberChange struct {
	GroupID, UserID string
	Patch           im.MemberPatch

	asked im.MemberPatch // by the user; Patch may be what the business server made of it
}

// check refuses what no member can be changed to.
func (c *MemberChange) check(name string) error {
	if err := usableIDs(name, c.GroupID, c.UserID); err != nil {
		return err
	}
	if err := checkText(name, maxNameBytes, c.Patch.Nickname, c.Patch.FaceURL); err != nil {
		return err
	}
	if err := checkText(name, maxTextBytes, c.Patch.Ex); err != nil {
		return err
	}
	switch r := c.Patch.RoleLevel; {
	case r == nil, *r == im.RoleAdmin, *r == im.RoleMember:
		return nil
	case *r == im.RoleOwner:
		return im.Errorf(im.Denied, name, "a group is given away by transfer_group only")
	default:
		return im.Errorf(im.Invalid, name, "roleLevel %d", *r)
	}
}

func (c *MemberChange) named() bool {
	return c.Patch.Nickname != nil || c.Patch.FaceURL != nil || c.Patch.Ex != nil
}

// changeBatch is the number of members that change in one transaction.
const changeBatch = 50

// SetMemberInfo changes members of one or more groups (rest-group.md 3). All are
// checked before any is changed.
func (s *Service) SetMemberInfo(ctx context.Context, op im.Operator, changes []MemberChange) error {
	const name = "service.SetMemberInfo"
	if len(changes) == 0 || len(changes) > maxGroupList {
		return im.Errorf(im.Invalid, name, "between 1 and %d members", maxGroupList)
	}
	for i := range changes {
		if err := changes[i].check(name); err != nil {
			return err
		}
		changes[i].asked = changes[i].Patch
	}
	var groups []string
	byGroup := make(map[string][]MemberChange)
	for _, c := range changes {
		if byGroup[c.GroupID] == nil {
			groups = append(groups, c.GroupID)
		}
		byGroup[c.GroupID] = append(byGroup[c.GroupID], c)
	}
	for _, g := range groups {
		if err := mayChange(ctx, s.store, op, name, g, byGroup[g]); err != nil {
			return err
		}
	}
	for _, g := range groups {
		for i := range byGroup[g] {
			if err := s.askMember(ctx, op, name, &byGroup[g][i]); err != nil {
				return err
			}
		}
	}
	for _, g := range groups {
		for part := range slices.Chunk(byGroup[g], changeBatch) {
			if err := s.setMembers(ctx, op, name, g, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// mayChange applies the rules to the changes of one group, as they were asked for.
func mayChange(ctx context.Context, r store.Reader, op im.Operator, name, groupID string, changes []MemberChange) error {
	ids := make([]string, len(changes), len(changes)+1)
	for i := range changes {
		ids[i] = changes[i].UserID
	}
	if len(distinct(ids)) != len(ids) {
		return im.Errorf(im.Invalid, name, "a member is listed twice")
	}
	if !slices.Contains(ids, op.UserID) {
		ids = append(ids, op.UserID)
	}
	found, err := r.Members(ctx, groupID, ids)
	if err != nil {
		return err
	}
	members := make(map[string]im.Member, len(found))
	for _, m := range found {
		members[m.UserID] = m
	}
	me, in := members[op.UserID]
	switch missing := len(ids) - len(found); {
	case missing == 1 && !in && !op.Admin:
		return im.Errorf(im.Denied, name, "not a member of group %s", groupID)
	case missing == 1 && !in:
	case missing > 0:
		return im.Errorf(im.Invalid, name, "a user is not in group %s", groupID)
	}
	for _, c := range changes {
		m, role := members[c.UserID], c.asked.RoleLevel
		own := c.UserID == op.UserID
		switch {
		// Without a role that was asked for it is the business server's.
		case m.RoleLevel == im.RoleOwner && c.Patch.RoleLevel != nil && (op.Admin || own || role == nil):
			return im.Errorf(im.Invalid, name, "the owner's role changes by transfer_group only")
		case op.Admin:
		case own && role != nil && *role > me.RoleLevel:
			return im.Errorf(im.Denied, name, "may not raise one's own role")
		case own, me.RoleLevel == im.RoleOwner:
		case me.RoleLevel == im.RoleAdmin && m.RoleLevel == im.RoleMember:
		default:
			return im.Errorf(im.Denied, name, "may not change %s", c.UserID)
		}
	}
	return nil
}

// setMembers commits changes of some members of one group, each with a step and
// notifications of its own.
func (s *Service) setMembers(ctx context.Context, op im.Operator, name, groupID string, changes []MemberChange) error {
	var told []*msglog.Delivery
	notices := make([][]*msglog.Delivery, len(changes))
	for i := range changes {
		c := &changes[i]
		var kinds []int32
		if r := c.Patch.RoleLevel; r != nil && *r == im.RoleAdmin {
			kinds = append(kinds, im.ContentMemberSetToAdmin)
		} else if r != nil {
			kinds = append(kinds, im.ContentMemberSetToOrdinary)
		}
		if c.named() {
			kinds = append(kinds, im.ContentMemberInfoSet)
		}
		for _, k := range kinds {
			notices[i] = append(notices[i], s.groupNotice(op, k, groupID, false)...)
		}
		told = append(told, notices[i]...)
	}
	return s.changeGroup(ctx, op, name, groupID, told, func(ctx context.Context, t *groupTx) error {
		if err := mayChange(ctx, t, op, name, groupID, changes); err != nil {
			return err
		}
		if len(told) == 0 {
			return errUnchanged
		}
		for i := range changes {
			if len(notices[i]) == 0 {
				continue
			}
			if err := t.setMember(ctx, &changes[i], notices[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *groupTx) setMember(ctx context.Context, c *MemberChange, told []*msglog.Delivery) error {
	if err := t.PatchMember(ctx, c.GroupID, c.UserID, c.Patch); err != nil {
		return err
	}
	err := t.emit(ctx, im.AfterSetGroupMemberInfo, c.UserID, func(string) []byte {
		return webhook.MemberInfoBody(im.AfterSetGroupMemberInfo, c.GroupID, c.UserID, c.Patch)
	})
	if err != nil {
		return err
	}
	m, err := t.member(ctx, c.UserID)
	if err != nil {
		return err
	}
	elements := []string{c.UserID}
	if c.Patch.RoleLevel != nil {
		elements = []string{im.SortMarker, c.UserID}
	}
	v, err := t.step(ctx, viewStep{set: states(m)}, im.ChangeUpdate, elements...)
	if err != nil {
		return err
	}
	if m, err = t.member(ctx, c.UserID); err != nil { // as of the step
		return err
	}
	g, operator, err := t.scene(ctx)
	if err != nil {
		return err
	}
	tips := memberInfoSetTips{
		Group: g, OpUser: operator, ChangedUser: m, memberVersion: at(v),
	}
	if c.Patch.RoleLevel != nil {
		tips.GroupSortVersion = v.Number
	}
	return setTips(told, tips)
}
