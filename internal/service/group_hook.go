package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/webhook"
)

// groupEvent is an event about a group; userID is the one concerned, if it is one.
func groupEvent(c im.Command, op im.Operator, groupID, userID string, body func(operationID string) []byte) happened {
	return happened{c, im.GroupLane(groupID), im.About{SendID: op.UserID, RecvID: userID, GroupID: groupID}, body}
}

// emit writes an event about the group in the transaction of its change.
func (t *groupTx) emit(ctx context.Context, c im.Command, userID string, body func(operationID string) []byte) error {
	return t.s.emit(ctx, t.Tx, t.op, groupEvent(c, t.op, t.group.GroupID, userID, body))
}

// askCreate asks whether a group may be created and changes n as the answer says
// (webhooks.md D.1). users are the accounts known so far; a new owner joins them.
func (s *Service) askCreate(ctx context.Context, op im.Operator, name string, n *NewGroup, users map[string]*im.User) error {
	answer, err := s.ask(ctx, op, im.BeforeCreateGroup, func(id string) []byte {
		g := n.Group
		g.OwnerUserID = n.OwnerID
		return webhook.GroupCreationBody(im.BeforeCreateGroup, id, &g, n.members(op))
	})
	if err != nil || answer == nil {
		return err
	}
	g := &n.Group
	if id := answer.Text("groupID"); id != nil && *id != "" {
		g.GroupID = *id
	}
	replace(&g.GroupName, answer.Text("groupName"))
	replace(&g.Notification, answer.Text("notification"))
	replace(&g.Introduction, answer.Text("introduction"))
	replace(&g.FaceURL, answer.Text("faceURL"))
	replace(&g.Ex, answer.Text("ex"))
	replace(&g.Status, answer.Int("status"))
	replace(&g.CreatorUserID, answer.Text("creatorUserID"))
	replace(&g.NeedVerification, answer.Int("needVerification"))
	replace(&g.LookMemberInfo, answer.Int("lookMemberInfo"))
	replace(&g.ApplyMemberFriend, answer.Int("applyMemberFriend"))
	if t := answer.Int("groupType"); t != nil && *t != im.GroupTypeWorking {
		s.unusable(op, im.BeforeCreateGroup, "groupType", *t)
	}
	if err := n.check(name); err != nil {
		return err
	}
	owner := answer.Text("ownerUserID")
	if owner == nil || *owner == "" || *owner == n.OwnerID {
		return nil
	}
	if err := usableIDs(name, *owner); err != nil {
		return err
	}
	if users[*owner] == nil {
		found, err := s.store.Users(ctx, []string{*owner})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			s.unusable(op, im.BeforeCreateGroup, "ownerUserID", *owner)
			return nil
		}
		users[*owner] = &found[0]
	}
	n.giveTo(*owner)
	return nil
}

// askMembersJoin asks whether people may become members of a group, and gives them
// the values that the answer has for them (webhooks.md D.3).
func (s *Service) askMembersJoin(ctx context.Context, op im.Operator, name string, g *im.Group, members []im.Member) error {
	const c = im.BeforeMembersJoinGroup
	answer, err := s.ask(ctx, op, c, func(string) []byte { return webhook.MembersJoinBody(g.GroupID, g.Ex, members) })
	if err != nil || answer == nil {
		return err
	}
	byUser := make(map[string]*im.Member, len(members))
	for i := range members {
		byUser[members[i].UserID] = &members[i]
	}
	for _, a := range answer.Objects("memberCallbackList") {
		id := a.Text("userID")
		if id == nil || byUser[*id] == nil {
			continue
		}
		m := byUser[*id]
		replace(&m.Nickname, a.Text("nickname"))
		replace(&m.FaceURL, a.Text("faceURL"))
		replace(&m.Ex, a.Text("ex"))
		replace(&m.MuteEndTime, a.Long("muteEndTime"))
		if role := a.Int("roleLevel"); role != nil && *role != m.RoleLevel {
			// A group has one owner, at its beginning too.
			if m.RoleLevel == im.RoleOwner || *role != im.RoleAdmin && *role != im.RoleMember {
				s.unusable(op, c, "roleLevel", *role)
			} else {
				m.RoleLevel = *role
			}
		}
		if err := checkText(name, maxNameBytes, &m.Nickname, &m.FaceURL); err != nil {
			return err
		}
		if err := checkText(name, maxTextBytes, &m.Ex); err != nil {
			return err
		}
	}
	return nil
}

// askInfo asks whether a group's settings may be changed, before the group is
// looked at, and changes p as the answer says (webhooks.md D.11, D.13).
func (s *Service) askInfo(ctx context.Context, op im.Operator, name string, c im.Command, groupID string, p *im.GroupPatch) error {
	if !s.hooks.Asks(c) {
		return nil
	}
	if err := mayRun(ctx, s.store, op, name, groupID, im.NotFound); err != nil {
		return err
	}
	answer, err := s.ask(ctx, op, c, func(id string) []byte { return webhook.GroupInfoBody(c, id, groupID, *p) })
	if err != nil || answer == nil {
		return err
	}
	text, ex, number := replaceOptional[string], replaceOptional[string], replaceOptional[int32]
	if c == im.BeforeSetGroupInfo {
		// The body showed what the user leaves as it is as empty: what comes back empty is
		// still to be left, as an empty text of the request would be.
		text, ex, number = replaceFilled[string], replaceGiven[string], replaceGiven[int32]
	}
	for _, a := range []*webhook.Answer{answer.Object("groupInfoForSet"), answer} { // the top level wins
		text(&p.GroupName, a.Text("groupName"))
		text(&p.Notification, a.Text("notification"))
		text(&p.Introduction, a.Text("introduction"))
		text(&p.FaceURL, a.Text("faceURL"))
		ex(&p.Ex, a.Text("ex"))
		number(&p.NeedVerification, a.Int("needVerification"))
		number(&p.LookMemberInfo, a.Int("lookMemberInfo"))
		number(&p.ApplyMemberFriend, a.Int("applyMemberFriend"))
	}
	return nil
}

// replaceGiven is replaceOptional, but for a zero value where the request has none.
func replaceGiven[T comparable](field **T, answer *T) {
	var zero T
	if answer != nil && (*field != nil || *answer != zero) {
		*field = answer
	}
}

// askMember asks whether a member may be changed, and changes c as the answer says
// (webhooks.md D.15).
func (s *Service) askMember(ctx context.Context, op im.Operator, name string, c *MemberChange) error {
	answer, err := s.ask(ctx, op, im.BeforeSetGroupMemberInfo, func(string) []byte {
		return webhook.MemberInfoBody(im.BeforeSetGroupMemberInfo, c.GroupID, c.UserID, c.Patch)
	})
	if err != nil || answer == nil {
		return err
	}
	replaceOptional(&c.Patch.Nickname, answer.Text("nickName"))
	replaceOptional(&c.Patch.FaceURL, answer.Text("faceURL"))
	replaceOptional(&c.Patch.RoleLevel, answer.Int("roleLevel"))
	replaceOptional(&c.Patch.Ex, answer.Text("ex"))
	return c.check(name)
}

// askInvite asks whether users may be brought into a group, and returns those who
// may (webhooks.md D.6).
func (s *Service) askInvite(ctx context.Context, op im.Operator, groupID, reason string, userIDs []string) ([]string, error) {
	answer, err := s.ask(ctx, op, im.BeforeInviteJoinGroup, func(id string) []byte {
		return webhook.InviteBody(id, groupID, reason, userIDs)
	})
	if err != nil || answer == nil {
		return userIDs, err
	}
	if allowed := answer.Texts("invitedUserIDs"); allowed != nil {
		userIDs = among(userIDs, allowed, true)
	}
	return among(userIDs, answer.Texts("refusedMembersAccount"), false), nil
}

// among returns those of ids that are in a list, or those that are not.
func among(ids, list []string, in bool) []string {
	is := make(map[string]bool, len(list))
	for _, id := range list {
		is[id] = true
	}
	var out []string
	for _, id := range ids {
		if is[id] == in {
			out = append(out, id)
		}
	}
	return out
}
