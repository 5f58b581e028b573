package service

import (
	"cmp"
	"context"
	"errors"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/webhook"
)

// JoinRequest is a user's wish to enter a group.
type JoinRequest struct {
	GroupID, UserID string
	Message         string
	Source          int32
	Ex              string
}

// JoinGroup lets a user enter a group, or asks those who run it (rest-group.md 4).
func (s *Service) JoinGroup(ctx context.Context, op im.Operator, q JoinRequest) error {
	const name = "service.JoinGroup"
	if err := usableIDs(name, q.GroupID, q.UserID); err != nil {
		return err
	}
	if err := checkText(name, maxTextBytes, &q.Message, &q.Ex); err != nil {
		return err
	}
	if err := self(op, name, q.UserID); err != nil {
		return err
	}
	if _, err := s.store.User(ctx, q.UserID); err != nil {
		return err
	}
	g, err := s.store.Group(ctx, q.GroupID)
	if err != nil {
		return err
	}
	if g.Status == im.GroupDismissed {
		return im.Errorf(im.GroupIsDismissed, name, "group %s is dismissed", q.GroupID)
	}
	_, err = s.ask(ctx, op, im.BeforeJoinGroup, func(string) []byte { return webhook.JoinGroupBody(g, q.UserID, q.Message, q.Ex) })
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		err := s.join(ctx, op, name, q)
		if !errors.Is(err, errMoved) || try == moves {
			return err
		}
	}
}

// join lets a user enter, or asks those who run the group, as the group is now: the
// business server may have taken its time. errMoved if it changes once more.
func (s *Service) join(ctx context.Context, op im.Operator, name string, q JoinRequest) error {
	g, err := s.store.Group(ctx, q.GroupID)
	if err != nil {
		return err
	}
	if g.NeedVerification != im.VerifyNothing {
		request := im.GroupRequest{
			GroupID: q.GroupID, UserID: q.UserID, ReqMsg: q.Message, JoinSource: q.Source, Ex: q.Ex, ReqTime: s.nowMs(),
		}
		return s.apply(ctx, op, name, q.UserID, []im.GroupRequest{request}, true, func(_ context.Context, _ store.Tx, g *im.Group) error {
			if g.NeedVerification == im.VerifyNothing {
				return errMoved
			}
			return nil
		})
	}
	outside := func(ctx context.Context, r store.Reader) error {
		role, err := roleOf(ctx, r, name, q.GroupID, q.UserID)
		if err == nil && role != 0 {
			err = im.Errorf(im.Invalid, name, "%s is in group %s already", q.UserID, q.GroupID)
		}
		return err
	}
	if err := outside(ctx, s.store); err != nil {
		return err
	}
	members := []im.Member{{
		GroupID: q.GroupID, UserID: q.UserID, RoleLevel: im.RoleMember, JoinSource: q.Source,
		OperatorUserID: op.UserID, InviterUserID: q.UserID,
	}}
	if err := s.askMembersJoin(ctx, op, name, g, members); err != nil {
		return err
	}
	return s.admit(ctx, op, name, entry{
		contentType: im.ContentMemberEntered, clone: true, members: members, message: q.Message, ex: q.Ex,
		check: func(ctx context.Context, t *groupTx) error {
			if t.group.NeedVerification != im.VerifyNothing {
				return errMoved
			}
			return outside(ctx, t)
		},
	})
}

// entry is how people become members of a group, all in one commit.
type entry struct {
	contentType int32 // 1510 about one who entered, 1509 about invited ones
	clone       bool  // whether the chat shows it
	members     []im.Member
	message, ex string // of the application, if there was one
	notBefore   int64  // the earliest time of joining
	// check runs first in the transaction.
	check func(ctx context.Context, t *groupTx) error
}

// admit adds members of one group and tells the group and the business server.
func (s *Service) admit(ctx context.Context, op im.Operator, name string, e entry) error {
	groupID, now := e.members[0].GroupID, max(s.nowMs(), e.notBefore)
	for i := range e.members {
		e.members[i].JoinTime = now
	}
	told := s.groupNotice(op, e.contentType, groupID, e.clone)
	if e.contentType == im.ContentMemberEntered { // the one who enters says so himself
		for _, d := range told {
			d.Message.SendID = e.members[0].UserID
		}
	}
	asked, err := s.askEntering(ctx, op, groupID, memberIDs(e.members))
	if err != nil {
		return err
	}
	err = s.changeGroup(ctx, op, name, groupID, told, func(ctx context.Context, t *groupTx) error {
		t.asked = asked
		if err := t.live(); err != nil {
			return err
		}
		if err := e.check(ctx, t); err != nil {
			return err
		}
		v, shown, err := t.enter(ctx, e.members)
		if err != nil {
			return err
		}
		if err := t.emitEntry(ctx, e); err != nil {
			return err
		}
		g, operator, err := t.scene(ctx)
		if err != nil {
			return err
		}
		if e.contentType == im.ContentMemberEntered {
			return setTips(told, memberEnterTips{Group: g, EntrantUser: shown[0], OperationTime: now, memberVersion: at(v)})
		}
		inviter := operator
		if id := e.members[0].InviterUserID; id != op.UserID {
			if inviter, err = t.someone(ctx, id); err != nil {
				return err
			}
		}
		return setTips(told, memberInvitedTips{Group: g, OpUser: operator, InvitedUserList: shown, InviterUser: inviter, memberVersion: at(v)})
	})
	if err == nil {
		s.forget(asked, im.GroupConversationID(groupID))
		s.tellChatChanged(ctx, op, im.GroupConversationID(groupID), memberIDs(e.members))
	}
	return err
}

// emitEntry writes an event about each new member (webhooks.md D.5).
func (t *groupTx) emitEntry(ctx context.Context, e entry) error {
	events := make([]happened, len(e.members))
	for i := range e.members {
		m := &e.members[i]
		events[i] = groupEvent(im.AfterJoinGroup, t.op, m.GroupID, m.UserID, func(id string) []byte {
			return webhook.MemberJoinedBody(id, webhook.MemberJoined{
				Member: m, ReqMessage: e.message, Ex: cmp.Or(m.Ex, e.ex), GroupEx: t.group.Ex,
			})
		})
	}
	return t.s.emit(ctx, t.Tx, t.op, events...)
}

// someone returns a user as a member of the group, also if he is none (any more).
func (t *groupTx) someone(ctx context.Context, userID string) (*im.Member, error) {
	m, err := t.member(ctx, userID)
	if !im.IsKind(err, im.NotFound) {
		return m, err
	}
	users, err := t.Users(ctx, []string{userID})
	if err != nil {
		return nil, err
	}
	m = &im.Member{GroupID: t.group.GroupID, UserID: userID}
	if len(users) > 0 {
		m.Nickname, m.FaceURL = users[0].Nickname, users[0].FaceURL
	}
	return m, nil
}

// apply stores applications to one group, made by a user for himself or for
// others, and tells those who run the group, and the user (1503). check runs first
// in the transaction.
func (s *Service) apply(ctx context.Context, op im.Operator, name, byID string, requests []im.GroupRequest, own bool, check func(context.Context, store.Tx, *im.Group) error) error {
	if len(requests) == 0 {
		return nil
	}
	groupID := requests[0].GroupID
	var group *im.Group
	err := s.store.Update(ctx, func(tx store.Tx) (err error) {
		if group, err = tx.LockGroup(ctx, groupID); err != nil {
			return err
		}
		if group.Status == im.GroupDismissed {
			return im.Errorf(im.GroupIsDismissed, name, "group %s is dismissed", groupID)
		}
		if err := check(ctx, tx, group); err != nil {
			return err
		}
		for _, r := range requests {
			found, err := tx.Members(ctx, groupID, []string{r.UserID})
			switch {
			case err != nil:
				return err
			case len(found) > 0 && own:
				return im.Errorf(im.Invalid, name, "%s is in group %s already", r.UserID, groupID)
			case len(found) > 0:
				continue
			}
			if err := tx.PutGroupRequest(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.logTold(op, s.tellApplied(ctx, op, group, byID, requests))
	return nil
}

// logTold reports that somebody could not be told of what is done.
func (s *Service) logTold(op im.Operator, err error) {
	if err != nil {
		s.logger.Error("notification not sent", "op", op.OperationID, "err", err)
	}
}

func (s *Service) tellApplied(ctx context.Context, op im.Operator, g *im.Group, applicantID string, requests []im.GroupRequest) error {
	receivers, err := s.managerIDs(ctx, g.GroupID)
	if err != nil {
		return err
	}
	receivers = distinct(append(receivers, applicantID, op.UserID))
	ids := []string{applicantID}
	for _, r := range requests {
		ids = append(ids, r.UserID)
	}
	users, err := s.publicUsers(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range requests {
		r.UserInfo, r.GroupInfo = users[r.UserID], g
		tips := joinApplicationTips{Group: g, Applicant: users[applicantID], ReqMsg: r.ReqMsg, UUID: im.NewID(), Request: &r}
		s.tellEach(ctx, op, receivers, true, func(id string) (notice, any) {
			return notice{contentType: im.ContentJoinApplication, from: op.UserID, to: id, session: im.SessionSingle}, tips
		})
	}
	return nil
}

// maxManagers bounds who is told of an application one by one.
const maxManagers = 1000

func (s *Service) managerIDs(ctx context.Context, groupID string) ([]string, error) {
	managers, err := s.store.Managers(ctx, groupID, maxManagers)
	return memberIDs(managers), err
}

// publicUsers returns what strangers see of users; of one who does not exist the id only.
func (s *Service) publicUsers(ctx context.Context, ids []string) (map[string]*im.PublicUser, error) {
	found, err := s.store.Users(ctx, distinct(ids))
	if err != nil {
		return nil, err
	}
	out := make(map[string]*im.PublicUser, len(ids))
	for _, id := range ids {
		out[id] = &im.PublicUser{UserID: id}
	}
	for i := range found {
		out[found[i].UserID] = found[i].Public()
	}
	return out, nil
}

// AnswerApplication agrees to an application or refuses it (rest-group.md 4).
func (s *Service) AnswerApplication(ctx context.Context, op im.Operator, groupID, userID, message string, result int32) error {
	const name = "service.AnswerApplication"
	if result != im.RequestAgreed && result != im.RequestRefused {
		return im.Errorf(im.Invalid, name, "handleResult must be 1 or -1")
	}
	if err := usableIDs(name, groupID, userID); err != nil {
		return err
	}
	if err := checkText(name, maxTextBytes, &message); err != nil {
		return err
	}
	var request *im.GroupRequest
	var group *im.Group
	var operator *im.Member
	// answer checks and stores the answer; in tells whether the applicant is in the group already.
	answer := func(ctx context.Context, t *groupTx) (in bool, err error) {
		if err := t.manager(ctx, im.NotFound); err != nil {
			return false, err
		}
		if request, err = t.GroupRequest(ctx, groupID, userID); err != nil {
			return false, err
		}
		if request.HandleResult != im.RequestPending {
			return false, im.Errorf(im.GroupRequestHandled, name, "the application of %s is answered", userID)
		}
		if _, err := t.User(ctx, userID); err != nil {
			return false, err
		}
		request.HandleResult, request.HandleMsg, request.HandleUserID, request.HandleTime = result, message, op.UserID, s.nowMs()
		if err := t.PutGroupRequest(ctx, *request); err != nil {
			return false, err
		}
		if group, operator, err = t.scene(ctx); err != nil {
			return false, err
		}
		found, err := t.Members(ctx, groupID, []string{userID})
		return len(found) > 0, err
	}
	// Mostly a yes brings a new member; then the answer and all of that commit together.
	entered := false
	for try := 0; ; try++ {
		enters := false
		err := s.changeGroup(ctx, op, name, groupID, nil, func(ctx context.Context, t *groupTx) error {
			in, err := answer(ctx, t)
			if enters = err == nil && result == im.RequestAgreed && !in; enters {
				if err = t.live(); err == nil {
					err = errMoved
				}
			}
			return err
		})
		if enters && errors.Is(err, errMoved) {
			err = s.admitApplicant(ctx, op, name, group, request, answer)
			entered = err == nil
		}
		if err == nil {
			break
		}
		if !errors.Is(err, errMoved) || try == moves {
			return err
		}
	}
	var err error
	if entered {
		if group, err = s.store.Group(ctx, groupID); err != nil {
			s.logTold(op, err)
			return nil
		}
	}
	s.logTold(op, s.tellAnswered(ctx, op, group, operator, request))
	return nil
}

// admitApplicant brings an applicant in, together with the answer. errMoved if he
// has come in meanwhile by another way.
func (s *Service) admitApplicant(ctx context.Context, op im.Operator, name string, g *im.Group, r *im.GroupRequest, answer func(context.Context, *groupTx) (bool, error)) error {
	e := entry{
		contentType: im.ContentMemberEntered, clone: true, message: r.ReqMsg, ex: r.Ex,
		members: []im.Member{{
			GroupID: r.GroupID, UserID: r.UserID, RoleLevel: im.RoleMember, JoinSource: r.JoinSource,
			OperatorUserID: op.UserID, InviterUserID: r.InviterUserID,
		}},
		check: func(ctx context.Context, t *groupTx) error {
			in, err := answer(ctx, t)
			if err == nil && in {
				err = errMoved
			}
			return err
		},
	}
	if r.InviterUserID != "" {
		e.contentType = im.ContentMemberInvited
	}
	if err := s.askMembersJoin(ctx, op, name, g, e.members); err != nil {
		return err
	}
	return s.admit(ctx, op, name, e)
}

// tellAnswered tells the applicant and those who run the group (1505, 1506).
func (s *Service) tellAnswered(ctx context.Context, op im.Operator, g *im.Group, operator *im.Member, r *im.GroupRequest) error {
	receivers, err := s.managerIDs(ctx, g.GroupID)
	if err != nil {
		return err
	}
	users, err := s.publicUsers(ctx, []string{r.UserID})
	if err != nil {
		return err
	}
	r.UserInfo, r.GroupInfo = users[r.UserID], g
	contentType := int32(im.ContentApplicationRejected)
	if r.HandleResult == im.RequestAgreed {
		contentType = im.ContentApplicationAccepted
	}
	tips := applicationAnsweredTips{Group: g, OpUser: operator, HandleMsg: r.HandleMsg, UUID: im.NewID(), Request: r}
	s.tellEach(ctx, op, distinct(append(receivers, r.UserID)), true, func(id string) (notice, any) {
		t := tips
		if id != r.UserID {
			t.ReceiverAs = 1
		}
		return notice{contentType: contentType, from: op.UserID, to: id, session: im.SessionSingle}, t
	})
	return nil
}
