package service

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// NewGroup is what a group is created from (rest-group.md 3).
type NewGroup struct {
	Group       im.Group
	OwnerID     string
	AdminIDs    []string
	MemberIDs   []string
	SendMessage *bool // whether the chat shows the creation; nil = yes
}

const (
	// groupIDTries is how often a random group id is drawn before giving up.
	groupIDTries = 10
	// tipMembers bounds the member list inside the notification: it is for show, the
	// SDK loads members by themselves, and every member gets a copy.
	tipMembers = 200
	maxMembers = 1000 // in one creation, of each list
)

// CreateGroup creates a group with its first members; the creation is the first
// message of its chat, unless the request says otherwise (rest-group.md 3).
func (s *Service) CreateGroup(ctx context.Context, op im.Operator, n NewGroup) (*im.Group, error) {
	const name = "service.CreateGroup"
	if n.Group.GroupType != im.GroupTypeWorking {
		return nil, im.Errorf(im.Invalid, name, "groupType must be 2")
	}
	if err := self(op, name, n.OwnerID); err != nil {
		return nil, err
	}
	if len(n.MemberIDs) > maxMembers || len(n.AdminIDs) > maxMembers {
		return nil, im.Errorf(im.Invalid, name, "at most %d members and %d admins at once", maxMembers, maxMembers)
	}
	if err := n.check(name); err != nil {
		return nil, err
	}
	check := memberIDs(n.members(op))
	if !slices.Contains(check, op.UserID) {
		check = append(check[:len(check):len(check)], op.UserID)
	}
	if len(distinct(check)) != len(check) {
		return nil, im.Errorf(im.Invalid, name, "a user is listed twice")
	}
	found, err := s.store.Users(ctx, check)
	if err != nil {
		return nil, err
	}
	if len(found) != len(check) {
		return nil, im.Errorf(im.UserNotFound, name, "some users do not exist")
	}
	users := make(map[string]*im.User, len(found))
	for i := range found {
		users[found[i].UserID] = &found[i]
	}

	if err := s.askCreate(ctx, op, name, &n, users); err != nil {
		return nil, err
	}
	if err := s.joinsNobody(ctx, op, name, n.Group.GroupID); err != nil {
		return nil, err
	}
	if n.Group.GroupID == "" {
		if n.Group.GroupID, err = s.freeGroupID(ctx); err != nil {
			return nil, err
		}
	}
	members := n.members(op)
	if s.hooks.Asks(im.BeforeMembersJoinGroup) {
		switch _, err := s.store.Group(ctx, n.Group.GroupID); {
		case err == nil:
			return nil, im.Errorf(im.GroupExists, name, "group %s exists already", n.Group.GroupID)
		case !im.IsKind(err, im.NotFound):
			return nil, err
		}
		if err := s.askMembersJoin(ctx, op, name, &n.Group, members); err != nil {
			return nil, err
		}
	}

	now, ids := s.nowMs(), memberIDs(members)
	g := n.Group
	g.CreateTime, g.OwnerUserID, g.MemberCount = now, n.OwnerID, uint32(len(ids))
	shown := make([]*im.Member, len(ids)) // with the names that readers see
	for i := range members {
		members[i].JoinTime = now
		m, u := members[i], users[members[i].UserID]
		m.Nickname, m.FaceURL = cmp.Or(m.Nickname, u.Nickname), cmp.Or(m.FaceURL, u.FaceURL)
		shown[i] = &m
	}

	clone := n.SendMessage == nil || *n.SendMessage
	told := s.deliveries(op, notice{contentType: im.ContentGroupCreated, from: op.UserID, to: g.GroupID, session: im.SessionGroup, clone: clone})
	var announced []*msglog.Delivery
	if g.Notification != "" {
		announced = s.deliveries(op, notice{
			contentType: im.ContentGroupAnnouncement, from: op.UserID, to: g.GroupID, session: im.SessionGroup, clone: true, sender: users[op.UserID],
		})
	}
	e := &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    append(told, announced...),
		Committed:   func() { s.caches.groups.Invalidate(g.GroupID) },
		With: func(ctx context.Context, tx store.Tx) error {
			if err := tx.InsertGroup(ctx, g); err != nil {
				return err
			}
			if err := tx.InsertMembers(ctx, g.GroupID, members); err != nil {
				return err
			}
			v, err := tx.Step(ctx, im.ListMembers, g.GroupID, im.ChangeInsert, ids...)
			if err != nil {
				return err
			}
			if err := tx.StepEach(ctx, im.ListJoinedGroups, ids, im.ChangeInsert, g.GroupID); err != nil {
				return err
			}
			err = s.emit(ctx, tx, op, groupEvent(im.AfterCreateGroup, op, g.GroupID, "", func(id string) []byte {
				return webhook.GroupCreationBody(im.AfterCreateGroup, id, &g, members)
			}))
			if err != nil {
				return err
			}
			operator := s.operatorMember(op, g.GroupID, shown, users[op.UserID])
			err = setTips(told, groupCreatedTips{
				Group: &g, OpUser: operator, MemberList: shown[:min(len(shown), tipMembers)], OperationTime: now,
				GroupOwnerUser: shown[0], memberVersion: at(v),
			})
			if err != nil {
				return err
			}
			return setTips(announced, groupTips{OpUser: operator, Group: &g, memberVersion: at(v)})
		},
	}
	if err := s.askFounding(ctx, op, g.GroupID, ids, e); err != nil {
		return nil, err
	}
	if _, err := s.log.Append(ctx, e); err != nil {
		return nil, err
	}
	return &g, nil
}

// check refuses a group that cannot be, whoever its members are.
func (n *NewGroup) check(name string) error {
	g := &n.Group
	if len(g.GroupID) > im.MaxIDBytes || strings.ContainsAny(g.GroupID, ":\x00") {
		return im.Errorf(im.Invalid, name, "groupID is longer than %d bytes or holds ':'", im.MaxIDBytes)
	}
	if err := checkText(name, maxNameBytes, &g.GroupName, &g.FaceURL); err != nil {
		return err
	}
	if err := checkText(name, maxTextBytes, &g.Notification, &g.Introduction, &g.Ex); err != nil {
		return err
	}
	return usableIDs(name, g.CreatorUserID, g.NotificationUserID)
}

// joinsNobody refuses a group whose id is those of two users joined by '_', unless an
// administrator wants it: the notices of group a_b and of the users a and b have one
// id, and their numbers would mix.
func (s *Service) joinsNobody(ctx context.Context, op im.Operator, name, groupID string) error {
	var pairs [][2]string
	var ids []string
	for i, r := range groupID {
		if r == '_' {
			pairs = append(pairs, [2]string{groupID[:i], groupID[i+1:]})
			ids = append(ids, groupID[:i], groupID[i+1:])
		}
	}
	if op.Admin || len(pairs) == 0 {
		return nil
	}
	found, err := s.store.Users(ctx, distinct(ids))
	if err != nil {
		return err
	}
	users := keyed(found, func(u *im.User) string { return u.UserID })
	for _, p := range pairs {
		if users[p[0]] != nil && users[p[1]] != nil && im.ConversationRoot(im.SingleConversationID(p[0], p[1])) == groupID {
			return im.Errorf(im.Invalid, name, "groupID joins the ids of the users %s and %s", p[0], p[1])
		}
	}
	return nil
}

// members returns the group's first members: the owner, the administrators, the others.
func (n *NewGroup) members(op im.Operator) []im.Member {
	out := make([]im.Member, 0, 1+len(n.AdminIDs)+len(n.MemberIDs))
	add := func(role int32, ids ...string) {
		for _, id := range ids {
			out = append(out, im.Member{
				GroupID: n.Group.GroupID, UserID: id, RoleLevel: role,
				JoinSource: im.JoinByInvitation, OperatorUserID: op.UserID, InviterUserID: op.UserID,
			})
		}
	}
	add(im.RoleOwner, n.OwnerID)
	add(im.RoleAdmin, n.AdminIDs...)
	add(im.RoleMember, n.MemberIDs...)
	return out
}

// giveTo makes somebody else the owner; the owner so far becomes an ordinary member.
func (n *NewGroup) giveTo(ownerID string) {
	is := func(id string) bool { return id == ownerID }
	n.AdminIDs = slices.DeleteFunc(slices.Clone(n.AdminIDs), is)
	n.MemberIDs = append(slices.DeleteFunc(slices.Clone(n.MemberIDs), is), n.OwnerID)
	n.OwnerID = ownerID
}

// freeGroupID draws a group id: the decimal text of a random 32-bit number.
func (s *Service) freeGroupID(ctx context.Context) (string, error) {
	for range groupIDTries {
		id := strconv.FormatUint(uint64(rand.Uint32()), 10)
		_, err := s.store.Group(ctx, id)
		if im.IsKind(err, im.NotFound) {
			return id, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", im.Errorf(im.DataMismatch, "service.freeGroupID", "no free group id found")
}

// operatorMember is how a group notification shows who did it (rest-group.md 7).
func (s *Service) operatorMember(op im.Operator, groupID string, members []*im.Member, u *im.User) *im.Member {
	m := &im.Member{GroupID: groupID, UserID: op.UserID}
	if u != nil {
		m.Nickname, m.FaceURL = u.Nickname, u.FaceURL
	}
	if op.Admin {
		m.RoleLevel, m.AppMangerLevel = im.RoleAdmin, im.LevelAppAdmin
		return m
	}
	for _, v := range members {
		if v.UserID == op.UserID {
			return v
		}
	}
	m.OperatorUserID = op.UserID
	return m
}

// memberTips describes one member's change for the notifications 1516 to 1518.
func (s *Service) memberTips(ctx context.Context, op im.Operator, c memberChange, userID string) (*memberInfoSetTips, error) {
	g, err := s.store.Group(ctx, c.groupID)
	if err != nil {
		return nil, err
	}
	members, err := s.store.Members(ctx, c.groupID, distinct([]string{userID, op.UserID}))
	if err != nil {
		return nil, err
	}
	list := make([]*im.Member, len(members))
	var changed *im.Member
	for i := range members {
		list[i] = &members[i]
		if members[i].UserID == userID {
			changed = list[i]
		}
	}
	if changed == nil {
		return nil, im.Errorf(im.NotInGroup, "service.memberTips", "user left group %s meanwhile", c.groupID)
	}
	u, err := s.user(ctx, op.UserID)
	if err != nil && !im.IsKind(err, im.NotFound) {
		return nil, err
	}
	return &memberInfoSetTips{
		Group: g, OpUser: s.operatorMember(op, c.groupID, list, u), ChangedUser: changed,
		memberVersion: at(c.version),
	}, nil
}

// Groups returns the groups that exist among ids, each once, dismissed ones included.
func (s *Service) Groups(ctx context.Context, ids []string) ([]im.Group, error) {
	const name = "service.Groups"
	if len(ids) == 0 || len(ids) > MaxIDs {
		return nil, im.Errorf(im.Invalid, name, "between 1 and %d group ids", MaxIDs)
	}
	ids = distinct(ids)
	found, err := s.store.Groups(ctx, ids)
	if err != nil {
		return nil, err
	}
	return byID(ids, found, func(g *im.Group) string { return g.GroupID }), nil
}

// inGroup returns im.Denied unless the operator is a member or an administrator.
func (s *Service) inGroup(ctx context.Context, op im.Operator, name, groupID string) error {
	if op.Admin {
		return nil
	}
	g, err := s.group(ctx, groupID)
	if err != nil && !im.IsKind(err, im.NotFound) {
		return err
	}
	if err == nil {
		if _, ok := g.member(op.UserID); ok {
			return nil
		}
	}
	return im.Errorf(im.Denied, name, "not a member of group %s", groupID)
}

// MembersPage returns a page of a group's members by role, then joining order, and their number.
func (s *Service) MembersPage(ctx context.Context, op im.Operator, groupID string, p Page) ([]im.Member, int, error) {
	if err := s.inGroup(ctx, op, "service.MembersPage", groupID); err != nil {
		return nil, 0, err
	}
	g, err := s.store.Group(ctx, groupID)
	if im.IsKind(err, im.NotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	total := int(g.MemberCount)
	offset, n := p.of(total)
	if n == 0 {
		return nil, total, nil
	}
	page, err := s.store.MembersPage(ctx, groupID, offset, n)
	return page, total, err
}

// Members returns the members among userIDs.
func (s *Service) Members(ctx context.Context, op im.Operator, groupID string, userIDs []string) ([]im.Member, error) {
	const name = "service.Members"
	ids := distinct(userIDs)
	if len(ids) == 0 || len(ids) > MaxIDs {
		return nil, im.Errorf(im.Invalid, name, "between 1 and %d user ids", MaxIDs)
	}
	if err := s.inGroup(ctx, op, name, groupID); err != nil {
		return nil, err
	}
	found, err := s.store.Members(ctx, groupID, ids)
	if err != nil {
		return nil, err
	}
	return byID(ids, found, func(m *im.Member) string { return m.UserID }), nil
}

// JoinedGroups returns a page of the groups a user is in, and their number.
func (s *Service) JoinedGroups(ctx context.Context, op im.Operator, userID string, p Page) ([]im.Group, int, error) {
	if err := self(op, "service.JoinedGroups", userID); err != nil {
		return nil, 0, err
	}
	offset, limit := p.window()
	return s.store.JoinedGroups(ctx, userID, offset, limit)
}
