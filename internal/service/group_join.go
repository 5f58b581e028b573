package service

import (
	"context"
	"errors"
	"slices"

	"parley/internal/im"
	"parley/internal/store"
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
	if g.NeedVerification != im.VerifyNothing {
		return s.apply(ctx, op, name, q.UserID, []im.GroupRequest{{
			GroupID: q.GroupID, UserID: q.UserID, ReqMsg: q.Message, JoinSource: q.Source, Ex: q.Ex, ReqTime: s.nowMs(),
		}}, true)
	}
	err = s.admit(ctx, op, name, im.ContentMemberEntered, true, []im.Member{{
		GroupID: q.GroupID, UserID: q.UserID, RoleLevel: im.RoleMember, JoinTime: s.nowMs(), JoinSource: q.Source,
		OperatorUserID: op.UserID, InviterUserID: q.UserID,
	}}, func(ctx context.Context, t *groupTx) error {
		_, err := t.member(ctx, q.UserID)
		if err == nil {
			return im.Errorf(im.Invalid, name, "%s is in group %s already", q.UserID, q.GroupID)
		}
		if im.IsKind(err, im.NotFound) {
			return nil
		}
		return err
	})
	return err
}

// admit adds members of one group in one commit and tells the group: 1510 about
// one who entered, 1509 about invited ones. check runs first in the transaction.
func (s *Service) admit(ctx context.Context, op im.Operator, name string, contentType int32, clone bool, members []im.Member, check func(context.Context, *groupTx) error) error {
	groupID := members[0].GroupID
	told := s.groupNotice(op, contentType, groupID, clone)
	if contentType == im.ContentMemberEntered { // the one who enters says so himself
		for _, d := range told {
			d.Message.SendID = members[0].UserID
		}
	}
	err := s.changeGroup(ctx, op, name, groupID, told, func(ctx context.Context, t *groupTx) error {
		if err := t.live(); err != nil {
			return err
		}
		if err := check(ctx, t); err != nil {
			return err
		}
		v, shown, err := t.enter(ctx, members)
		if err != nil {
			return err
		}
		g, operator, err := t.scene(ctx)
		if err != nil {
			return err
		}
		if contentType == im.ContentMemberEntered {
			return setTips(told, memberEnterTips{Group: g, EntrantUser: shown[0], OperationTime: s.nowMs(), memberVersion: at(v)})
		}
		inviter := operator
		if id := members[0].InviterUserID; id != op.UserID {
			if inviter, err = t.someone(ctx, id); err != nil {
				return err
			}
		}
		return setTips(told, memberInvitedTips{Group: g, OpUser: operator, InvitedUserList: shown, InviterUser: inviter, memberVersion: at(v)})
	})
	if err == nil {
		s.tellChatChanged(ctx, op, groupID, memberIDs(members))
	}
	return err
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

// inviteBatch is the number of members that enter in one commit and one notification.
const inviteBatch = 50

// Invite brings users into a group, or where the group wants it, asks those who
// run it (rest-group.md 4). Users who are in it already are passed over.
func (s *Service) Invite(ctx context.Context, op im.Operator, groupID string, userIDs []string, sendMessage *bool) error {
	const name = "service.Invite"
	if err := usableIDs(name, append(userIDs[:len(userIDs):len(userIDs)], groupID)...); err != nil {
		return err
	}
	if len(userIDs) == 0 || len(userIDs) > maxGroupList || len(distinct(userIDs)) != len(userIDs) {
		return im.Errorf(im.Invalid, name, "between 1 and %d users, each once", maxGroupList)
	}
	g, err := s.store.Group(ctx, groupID)
	if err != nil {
		return err
	}
	if g.Status == im.GroupDismissed {
		return im.Errorf(im.GroupIsDismissed, name, "group %s is dismissed", groupID)
	}
	role := int32(0)
	if me, err := memberOf(ctx, s.store, name, groupID, op.UserID); err == nil {
		role = me.RoleLevel
	} else if !im.IsKind(err, im.NotFound) {
		return err
	}
	if !op.Admin && role == 0 {
		return im.Errorf(im.Denied, name, "not a member of group %s", groupID)
	}
	users, err := s.store.Users(ctx, userIDs)
	if err != nil {
		return err
	}
	if len(users) != len(userIDs) {
		return im.Errorf(im.NotFound, name, "some users do not exist")
	}
	in, err := s.store.Members(ctx, groupID, userIDs)
	if err != nil {
		return err
	}
	already := memberIDs(in)
	userIDs = slices.DeleteFunc(slices.Clone(userIDs), func(id string) bool { return slices.Contains(already, id) })
	if g.NeedVerification == im.VerifyAll && !op.Admin && role == im.RoleMember {
		requests := make([]im.GroupRequest, len(userIDs))
		for i, id := range userIDs {
			requests[i] = im.GroupRequest{GroupID: groupID, UserID: id, JoinSource: im.JoinByInvitation, InviterUserID: op.UserID, ReqTime: s.nowMs()}
		}
		return s.apply(ctx, op, name, op.UserID, requests, false)
	}
	for batch := range slices.Chunk(userIDs, inviteBatch) {
		if err := s.inviteBatch(ctx, op, name, groupID, batch, wanted(sendMessage)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) inviteBatch(ctx context.Context, op im.Operator, name, groupID string, ids []string, clone bool) error {
	for try := 0; len(ids) > 0; try++ {
		members := make([]im.Member, len(ids))
		for i, id := range ids {
			members[i] = im.Member{
				GroupID: groupID, UserID: id, RoleLevel: im.RoleMember, JoinTime: s.nowMs(), JoinSource: im.JoinByInvitation,
				OperatorUserID: op.UserID, InviterUserID: op.UserID,
			}
		}
		var entered []string // meanwhile, by other ways
		err := s.admit(ctx, op, name, im.ContentMemberInvited, clone, members, func(ctx context.Context, t *groupTx) error {
			found, err := t.Members(ctx, groupID, ids)
			if err == nil && len(found) > 0 {
				entered, err = memberIDs(found), errMoved
			}
			return err
		})
		if !errors.Is(err, errMoved) || try == moves {
			return err
		}
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(entered, id) })
	}
	return nil
}

// apply stores applications to one group, made by a user for himself or for
// others, and tells those who run the group, and the user (1503).
func (s *Service) apply(ctx context.Context, op im.Operator, name, byID string, requests []im.GroupRequest, own bool) error {
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
	err := s.changeGroup(ctx, op, name, groupID, nil, func(ctx context.Context, t *groupTx) error {
		in, err := answer(ctx, t)
		if err == nil && result == im.RequestAgreed && !in {
			err = errMoved
		}
		return err
	})
	if errors.Is(err, errMoved) {
		entered = true
		err = s.admitApplicant(ctx, op, name, request, answer)
	}
	if err != nil {
		return err
	}
	if entered {
		if group, err = s.store.Group(ctx, groupID); err != nil {
			s.logTold(op, err)
			return nil
		}
	}
	s.logTold(op, s.tellAnswered(ctx, op, group, operator, request))
	return nil
}

func (s *Service) admitApplicant(ctx context.Context, op im.Operator, name string, r *im.GroupRequest, answer func(context.Context, *groupTx) (bool, error)) error {
	m := im.Member{
		GroupID: r.GroupID, UserID: r.UserID, RoleLevel: im.RoleMember, JoinTime: s.nowMs(), JoinSource: r.JoinSource,
		OperatorUserID: op.UserID, InviterUserID: r.InviterUserID,
	}
	contentType := int32(im.ContentMemberEntered)
	if r.InviterUserID != "" {
		contentType = im.ContentMemberInvited
	}
	return s.admit(ctx, op, name, contentType, true, []im.Member{m}, func(ctx context.Context, t *groupTx) error {
		in, err := answer(ctx, t)
		if err == nil && in {
			err = im.Errorf(im.GroupRequestHandled, name, "%s has entered group %s meanwhile", r.UserID, r.GroupID)
		}
		return err
	})
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
