package service

import (
	"context"
	"errors"
	"slices"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
)

// groupTx is a change of one group in its transaction. The group's row is locked
// first, so what is checked here holds until the commit.
type groupTx struct {
	store.Tx
	s     *Service
	op    im.Operator
	name  string    // of the operation, for errors
	group *im.Group // as it was before the change

	asked *newRecords // what the business server said of records of the chat

	steps   []viewStep // what the cached view has to follow
	dropped bool       // the view is of no more use
}

// errUnchanged ends a change that turned out to be none: nothing is stored or told.
var errUnchanged = errors.New("service: nothing to change")

// errMoved ends a change whose messages do not fit any more what is found in the
// transaction; it is prepared anew.
var errMoved = errors.New("service: the group has changed meanwhile")

// moves is how often a change is prepared anew.
const moves = 3

// changeGroup commits a change of a group together with the messages about it;
// fn sets their contents.
func (s *Service) changeGroup(ctx context.Context, op im.Operator, name, groupID string, told []*msglog.Delivery, fn func(context.Context, *groupTx) error) error {
	var t *groupTx
	_, err := s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    told,
		With: func(ctx context.Context, tx store.Tx) error {
			g, err := tx.LockGroup(ctx, groupID)
			if err != nil {
				return err
			}
			t = &groupTx{Tx: tx, s: s, op: op, name: name, group: g}
			return fn(ctx, t)
		},
		Committed: func() {
			if t.dropped {
				s.caches.groups.Invalidate(groupID)
			} else if len(t.steps) > 0 {
				s.groupFollows(groupID, t.steps...)
			}
		},
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// live refuses a dismissed group.
func (t *groupTx) live() error {
	if t.group.Status == im.GroupDismissed {
		return im.Errorf(im.GroupIsDismissed, t.name, "group %s is dismissed", t.group.GroupID)
	}
	return nil
}

// member returns one member; im.NotFound if the user is none.
func (t *groupTx) member(ctx context.Context, userID string) (*im.Member, error) {
	return memberOf(ctx, t, t.name, t.group.GroupID, userID)
}

func memberOf(ctx context.Context, r store.Reader, name, groupID, userID string) (*im.Member, error) {
	found, err := r.Members(ctx, groupID, []string{userID})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, im.Errorf(im.NotFound, name, "%s is not in group %s", userID, groupID)
	}
	return &found[0], nil
}

// role returns the operator's role, 0 if he is not a member.
func (t *groupTx) role(ctx context.Context) (int32, error) {
	return roleOf(ctx, t, t.name, t.group.GroupID, t.op.UserID)
}

func roleOf(ctx context.Context, r store.Reader, name, groupID, userID string) (int32, error) {
	m, err := memberOf(ctx, r, name, groupID, userID)
	if im.IsKind(err, im.NotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return m.RoleLevel, nil
}

// manager refuses whoever does not run the group: an ordinary member with
// im.Denied, a stranger with the given kind.
func (t *groupTx) manager(ctx context.Context, stranger im.Kind) error {
	return mayRun(ctx, t, t.op, t.name, t.group.GroupID, stranger)
}

func mayRun(ctx context.Context, r store.Reader, op im.Operator, name, groupID string, stranger im.Kind) error {
	if op.Admin {
		return nil
	}
	role, err := roleOf(ctx, r, name, groupID, op.UserID)
	switch {
	case err != nil:
		return err
	case role == 0:
		return im.Errorf(stranger, name, "not a member of group %s", groupID)
	case role != im.RoleOwner && role != im.RoleAdmin:
		return im.Errorf(im.Denied, name, "neither owner nor administrator of group %s", groupID)
	}
	return nil
}

// step writes one step into the member log. What a notice with the step's version shows
// is read after it: clients apply the notice as it is, so a name that somebody changes
// at the same time, and whose own step came before, must be in it.
func (t *groupTx) step(ctx context.Context, v viewStep, change im.Change, elements ...string) (im.Version, error) {
	var err error
	v.version, err = t.Step(ctx, im.ListMembers, t.group.GroupID, change, elements...)
	t.steps = append(t.steps, v)
	return v.version, err
}

// after returns the group as it is now.
func (t *groupTx) after(ctx context.Context) (*im.Group, error) { return t.Group(ctx, t.group.GroupID) }

// operator is the one who does it, as notifications show him.
func (t *groupTx) operator(ctx context.Context) (*im.Member, error) {
	members, err := t.Members(ctx, t.group.GroupID, []string{t.op.UserID})
	if err != nil {
		return nil, err
	}
	users, err := t.Users(ctx, []string{t.op.UserID})
	if err != nil {
		return nil, err
	}
	var u *im.User
	if len(users) > 0 {
		u = &users[0]
	}
	list := make([]*im.Member, len(members))
	for i := range members {
		list[i] = &members[i]
	}
	return t.s.operatorMember(t.op, t.group.GroupID, list, u), nil
}

// scene returns what every group notification shows: the group now, and who did it.
func (t *groupTx) scene(ctx context.Context) (*im.Group, *im.Member, error) {
	g, err := t.after(ctx)
	if err != nil {
		return nil, nil, err
	}
	o, err := t.operator(ctx)
	return g, o, err
}

// pick returns the members with these ids, in the order of ids.
func (t *groupTx) pick(ctx context.Context, ids []string) ([]*im.Member, error) {
	found, err := t.Members(ctx, t.group.GroupID, ids)
	if err != nil {
		return nil, err
	}
	found = byID(ids, found, func(m *im.Member) string { return m.UserID })
	out := make([]*im.Member, len(found))
	for i := range found {
		out[i] = &found[i]
	}
	return out, nil
}

// marked adds the sort marker to a step's elements if one of the members stands
// above the ordinary ones: clients then fetch the order anew (incremental-sync.md 3.1).
func marked(ids []string, members []im.Member) []string {
	if slices.ContainsFunc(members, func(m im.Member) bool { return m.RoleLevel != im.RoleMember }) {
		return append([]string{im.SortMarker}, ids...)
	}
	return ids
}

func memberIDs(members []im.Member) []string {
	ids := make([]string, len(members))
	for i := range members {
		ids[i] = members[i].UserID
	}
	return ids
}

// enter adds members, with all that follows for their lists and the chat
// (rest-group.md 6). It returns them as readers see them.
func (t *groupTx) enter(ctx context.Context, members []im.Member) (im.Version, []*im.Member, error) {
	g, ids := t.group.GroupID, memberIDs(members)
	if err := t.InsertMembers(ctx, g, members); err != nil {
		return im.Version{}, nil, err
	}
	step := viewStep{set: make([]store.MemberState, len(members))}
	for i, m := range members {
		step.set[i] = store.MemberState{UserID: m.UserID, RoleLevel: m.RoleLevel, MuteEndTime: m.MuteEndTime}
	}
	v, err := t.step(ctx, step, im.ChangeInsert, marked(ids, members)...)
	if err != nil {
		return v, nil, err
	}
	if err := t.StepEach(ctx, im.ListJoinedGroups, ids, im.ChangeInsert, g); err != nil {
		return v, nil, err
	}
	if err := t.openChat(ctx, ids); err != nil {
		return v, nil, err
	}
	shown, err := t.pick(ctx, ids)
	return v, shown, err
}

// openChat lets new members read and write in the chat.
func (t *groupTx) openChat(ctx context.Context, ids []string) error {
	chat := im.GroupConversationID(t.group.GroupID)
	if !t.s.o.HistoryForNewMembers {
		states, err := t.SeqStates(ctx, []string{chat})
		if err != nil {
			return err
		}
		if err := t.SetFirstSeq(ctx, chat, ids, states[chat].MaxSeq+1); err != nil {
			return err
		}
	}
	owners, err := t.OpenReaders(ctx, chat, ids)
	if err != nil {
		return err
	}
	if err := t.StepEach(ctx, im.ListConversations, owners, im.ChangeUpdate, chat); err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(owners, id) })
	return t.s.createConversations(ctx, t.Tx, t.op, groupRecords(t.group.GroupID, missing), t.asked)
}

// unread bounds a chat that has no message yet: 0 would mean no bound.
const unread = -1

// leave removes members; what they may read of the chat ends here, and again
// with the message that says so (closeWith).
func (t *groupTx) leave(ctx context.Context, members []im.Member) (im.Version, error) {
	g, ids := t.group.GroupID, memberIDs(members)
	if err := t.DeleteMembers(ctx, g, ids); err != nil {
		return im.Version{}, err
	}
	v, err := t.step(ctx, viewStep{removed: ids}, im.ChangeDelete, marked(ids, members)...)
	if err != nil {
		return v, err
	}
	if err := leaveList(ctx, t.Tx, g, ids); err != nil {
		return v, err
	}
	chat := im.GroupConversationID(g)
	states, err := t.SeqStates(ctx, []string{chat})
	if err != nil {
		return v, err
	}
	last := states[chat].MaxSeq
	if last == 0 {
		last = unread
	}
	if err := t.BoundReaders(ctx, chat, ids, last); err != nil {
		return v, err
	}
	return v, t.StepEach(ctx, im.ListConversations, ids, im.ChangeUpdate, chat)
}

// closeWith lets those who have left read the message about it, and nothing after it.
func closeWith(told []*msglog.Delivery, groupID string, ids func() []string) {
	for _, d := range told {
		if d.Message.Stored() {
			d.Numbered = func(ctx context.Context, tx store.Tx, seq int64) error {
				return tx.BoundReaders(ctx, im.GroupConversationID(groupID), ids(), seq)
			}
		}
	}
}

// groupNotice makes the messages about a change of a group.
func (s *Service) groupNotice(op im.Operator, contentType int32, groupID string, clone bool) []*msglog.Delivery {
	return s.deliveries(op, notice{contentType: contentType, from: op.UserID, to: groupID, session: im.SessionGroup, clone: clone})
}

// wanted is the meaning of the optional sendMessage: yes, unless it says no.
func wanted(sendMessage *bool) bool { return sendMessage == nil || *sendMessage }

// tellEach sends an unstored notice to several users one by one. The change is
// committed: a failure is logged, and clients find out at their next sync.
func (s *Service) tellEach(ctx context.Context, op im.Operator, users []string, offlinePush bool, tell func(userID string) (notice, any)) {
	for _, id := range users {
		n, tips := tell(id)
		told := s.deliveries(op, n)
		failed := func(err error) {
			s.logger.Error("notification not sent", "op", op.OperationID, "user", id, "type", n.contentType, "err", err)
		}
		if err := setTips(told, tips); err != nil {
			failed(err)
			continue
		}
		for _, d := range told {
			d.Receivers = []string{id}
			d.Message.Options[im.OptOfflinePush] = offlinePush
		}
		s.log.Submit(ctx, &msglog.Entry{OperationID: op.OperationID, Messages: told, Done: func(_ msglog.Result, err error) {
			if err != nil {
				failed(err)
			}
		}})
	}
}

// tellChatChanged sends 1300 to users whose record of a conversation has changed.
func (s *Service) tellChatChanged(ctx context.Context, op im.Operator, conversationID string, users []string) {
	list := []string{conversationID}
	s.tellEach(ctx, op, users, false, func(id string) (notice, any) {
		return notice{contentType: im.ContentConversationChanged, from: id, to: id, session: im.SessionSingle},
			conversationUpdateTips{UserID: id, ConversationIDList: list}
	})
}
