package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// RevokeMessage takes a message back for everybody (rest-msg.md 7.1).
func (s *Service) RevokeMessage(ctx context.Context, op im.Operator, userID, conversationID string, seq int64) error {
	const name = "service.RevokeMessage"
	if err := self(op, name, userID); err != nil {
		return err
	}
	if err := boundedIDs(name, []string{conversationID, userID}); err != nil {
		return err
	}
	u, err := s.user(ctx, userID)
	if err != nil {
		return err
	}
	m, err := s.readableMessage(ctx, userID, conversationID, seq)
	if err != nil {
		return err
	}
	role, err := s.revokerRole(ctx, op, u, m)
	if err != nil {
		return err
	}
	v := im.Revocation{
		ConversationID: conversationID, Seq: seq, RevokerID: userID, RevokerRole: role, RevokerNickname: u.Nickname,
		RevokeTime: s.nowMs(), SessionType: m.SessionType, ClientMsgID: m.ClientMsgID, SendID: m.SendID,
		SenderNickname: m.SenderNickname, SendTime: m.SendTime,
	}
	n := notice{contentType: im.ContentRevoked, from: userID, to: m.RecvID, session: m.SessionType, stored: true}
	switch {
	case m.SessionType == im.SessionGroup:
		n.to = m.GroupID
	case userID == m.RecvID: // it belongs to the stream of the pair
		n.to = m.SendID
	}
	told := s.deliveries(op, n)
	err = setTips(told, revokeMsgTips{
		RevokerUserID: op.UserID, ClientMsgID: m.ClientMsgID, RevokeTime: v.RevokeTime, SessionType: m.SessionType,
		Seq: seq, ConversationID: conversationID, IsAdminRevoke: op.Admin,
	})
	if err != nil {
		return err
	}
	about := im.About{SendID: userID, RecvID: m.RecvID}
	if m.SessionType == im.SessionGroup {
		about = im.About{SendID: userID, GroupID: m.GroupID}
	}
	_, err = s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    told,
		With: func(ctx context.Context, tx store.Tx) error {
			done, err := tx.Revoke(ctx, v)
			if err == nil && !done {
				err = im.Errorf(im.AlreadyRevoked, name, "the message is revoked already")
			}
			if err != nil {
				return err
			}
			return s.emit(ctx, tx, op, happened{
				command: im.AfterRevokeMsg, lane: conversationID, about: about,
				body: func(string) []byte { return webhook.RevokedBody(conversationID, seq, userID) },
			})
		},
	})
	return err
}

// readableMessage returns a chat's message that a user may read and that is not revoked.
func (s *Service) readableMessage(ctx context.Context, userID, conversationID string, seq int64) (*im.Message, error) {
	const name = "service.readableMessage"
	readable, err := s.readable(ctx, userID, []string{conversationID})
	if err != nil {
		return nil, err
	}
	b, ok := readable[conversationID]
	if !ok || seq < b.lo || seq > b.hi || im.IsNotificationID(conversationID) {
		return nil, im.Errorf(im.NotFound, name, "no such message")
	}
	found, err := s.store.MessagesAt(ctx, conversationID, []int64{seq})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, im.Errorf(im.NotFound, name, "no such message")
	case found[0].Revoked:
		return nil, im.Errorf(im.AlreadyRevoked, name, "the message is revoked already")
	}
	return s.o.Decode(found[0].Body)
}

// revokerRole returns the role that a revocation shows, or refuses it
// (messages.md 9.1).
func (s *Service) revokerRole(ctx context.Context, op im.Operator, u *im.User, m *im.Message) (int32, error) {
	const name = "service.RevokeMessage"
	switch {
	case op.Admin:
		return 0, nil
	case m.SessionType == im.SessionGroup:
		return s.overMessages(ctx, u.UserID, m.GroupID, m.SendID)
	case m.SessionType == im.SessionSingle && m.SendID == u.UserID:
		return u.AppMangerLevel, nil
	}
	return 0, im.Errorf(im.Denied, name, "the message is not the user's own")
}

// overMessages returns a user's role in a group if it lets the user take away
// messages of these senders: one's own, those of ordinary and former members for
// an admin, all for the owner.
func (s *Service) overMessages(ctx context.Context, userID, groupID string, senders ...string) (int32, error) {
	const name = "service.overMessages"
	members, err := s.store.Members(ctx, groupID, distinct(append([]string{userID}, senders...)))
	if err != nil {
		return 0, err
	}
	roles := make(map[string]int32, len(members))
	for i := range members {
		roles[members[i].UserID] = members[i].RoleLevel
	}
	mine, member := roles[userID]
	if !member {
		mine = im.RoleMember
	}
	for _, id := range senders {
		if id == userID || mine == im.RoleOwner || mine == im.RoleAdmin && roles[id] <= im.RoleMember {
			continue
		}
		return 0, im.Errorf(im.Denied, name, "the message is not the user's own")
	}
	return mine, nil
}
