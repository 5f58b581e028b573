package service

import (
	"context"
	"strings"

	"parley/internal/im"
	"parley/internal/msglog"
)

// Bounds of a message. A push must stay below the 1 MiB that clients read, also
// in base64 and without compression.
const (
	maxContentBytes = 512 << 10
	maxFieldBytes   = 64 << 10
	maxAtUsers      = 1000
)

// Send checks a message and gives it to the log (messages.md 4). It does not
// wait for the commit: done is called exactly once, before Send returns when the
// message is refused, else right after the commit from the log's goroutine, where
// it must not block. Messages of one caller are committed in the order of calls.
func (s *Service) Send(ctx context.Context, op im.Operator, m *im.Message, done func(im.SendResult, error)) {
	events, err := s.checkSend(ctx, op, m)
	if err != nil {
		done(im.SendResult{}, err)
		return
	}
	s.submit(ctx, op, m, events, true, done)
}

// submit gives a checked message to the log; once says that a repetition is
// answered like the first one.
func (s *Service) submit(ctx context.Context, op im.Operator, m *im.Message, events []*im.Event, once bool, done func(im.SendResult, error)) {
	flag := s.mentioned(op, m)
	s.log.Submit(ctx, &msglog.Entry{
		Messages: []*msglog.Delivery{{Message: m, OperationID: op.OperationID, Events: events}},
		Once:     once,
		Done: func(r msglog.Result, err error) {
			if flag != nil && err == nil && !r.Repeated {
				flag()
			}
			done(im.SendResult{ServerMsgID: r.ServerMsgID, ClientMsgID: m.ClientMsgID, SendTime: r.SendTime}, err)
		},
	})
}

// checkSend applies the rules of messages.md 4.2 to 4.4 and completes the message.
func (s *Service) checkSend(ctx context.Context, op im.Operator, m *im.Message) ([]*im.Event, error) {
	const name = "service.Send"
	switch {
	case m.SendID == "":
		return nil, im.Errorf(im.Invalid, name, "sendID is empty")
	case len(m.Content) == 0:
		return nil, im.Errorf(im.Invalid, name, "content is empty")
	case (m.SessionType == im.SessionNotification) != (m.ContentType == im.ContentOA):
		return nil, im.Errorf(im.Invalid, name, "sessionType 4 goes with contentType 1400 only")
	}
	if err := self(op, name, m.SendID); err != nil {
		return nil, err
	}
	if err := bounded(m); err != nil {
		return nil, err
	}
	if !op.Admin && im.IsNotificationContent(m.ContentType) {
		return nil, im.Errorf(im.Denied, name, "contentType %d is for administrators", m.ContentType)
	}
	m.ServerMsgID = im.NewID()
	// Clients sort by it, so only administrators choose it.
	if m.SendTime == 0 || !op.Admin {
		m.SendTime = s.nowMs()
	}
	m.Seq, m.IsRead = 0, false
	m.ForceOptions()

	switch m.SessionType {
	case im.SessionSingle:
		if err := s.checkSingle(ctx, m); err != nil {
			return nil, err
		}
		return s.messageEvents(op, m, im.AfterSendSingleMsg), nil
	case im.SessionGroup:
		if err := s.checkGroup(ctx, m); err != nil {
			return nil, err
		}
		return s.messageEvents(op, m, im.AfterSendGroupMsg), nil
	case im.SessionNotification:
		if _, err := s.user(ctx, m.RecvID); err != nil {
			return nil, err
		}
		return s.messageEvents(op, m), nil
	}
	return nil, im.Errorf(im.Invalid, name, "unknown sessionType %d", m.SessionType)
}

// bounded refuses what would not fit a frame or a column.
func bounded(m *im.Message) error {
	const name = "service.Send"
	if len(m.Content) > maxContentBytes {
		return im.Errorf(im.Invalid, name, "content of %d bytes, at most %d", len(m.Content), maxContentBytes)
	}
	if len(m.AtUserIDList) > maxAtUsers {
		return im.Errorf(im.Invalid, name, "more than %d users named with @", maxAtUsers)
	}
	fields := [...]string{m.SendID, m.RecvID, m.GroupID, m.ClientMsgID, m.SenderNickname, m.SenderFaceURL, m.AttachedInfo, m.Ex}
	for i, f := range fields {
		limit := maxFieldBytes
		if i < 4 {
			limit = maxMessageIDBytes
		}
		if len(f) > limit || strings.IndexByte(f, 0) >= 0 {
			return im.Errorf(im.Invalid, name, "a field is longer than %d bytes or holds a zero byte", limit)
		}
	}
	if len(m.Options) > 2*len(knownOptions) {
		return im.Errorf(im.Invalid, name, "too many options")
	}
	return nil
}

// maxMessageIDBytes bounds the ids inside a message; clients make theirs of 32 digits.
const maxMessageIDBytes = 256

var knownOptions = [...]string{
	im.OptHistory, im.OptPersistent, im.OptOfflinePush, im.OptUnreadCount, im.OptConversationUpdate, im.OptSenderConversationUpdate,
	im.OptSenderSync, im.OptNotPrivate, im.OptNotNotification, im.OptSendMsg, im.OptReactionFromCache, "senderNotificationPush",
}

// checkSingle is messages.md 4.3.
func (s *Service) checkSingle(ctx context.Context, m *im.Message) error {
	const name = "service.Send"
	if m.RecvID == "" {
		return im.Errorf(im.Invalid, name, "recvID is empty")
	}
	if !s.IsAdmin(m.SendID) && !im.IsNotificationContent(m.ContentType) {
		sender, err := s.user(ctx, m.SendID)
		if err != nil {
			return err
		}
		if sender.AppMangerLevel < im.LevelAppAdmin {
			if err := s.checkRelation(ctx, m); err != nil {
				return err
			}
		}
	}
	if m.IsNotification() {
		return nil
	}
	u, err := s.user(ctx, m.RecvID)
	if err != nil {
		return err
	}
	opt := u.GlobalRecvMsgOpt
	exempt := false
	if opt == im.ReceiveAndNotify {
		if opt, err = s.recvMsgOpt(ctx, m.RecvID, m.ConversationID()); err != nil {
			return err
		}
		exempt = m.ContentType == im.ContentReadReceipt
	}
	switch {
	case opt == im.ReceiveNothing && !exempt:
		return im.Errorf(im.Invalid, name, "message is not sent")
	case opt == im.ReceiveSilently:
		if m.Options == nil {
			m.Options = im.Options{}
		}
		m.Options[im.OptOfflinePush] = false
	}
	return nil
}

// checkGroup is messages.md 4.4.
func (s *Service) checkGroup(ctx context.Context, m *im.Message) error {
	const name = "service.Send"
	if m.GroupID == "" {
		return im.Errorf(im.Invalid, name, "groupID is empty")
	}
	g, err := s.group(ctx, m.GroupID)
	if err != nil {
		return err
	}
	status := g.status()
	if status == im.GroupDismissed && m.ContentType != im.ContentGroupDismissed {
		return im.Errorf(im.GroupIsDismissed, name, "group %s is dismissed", m.GroupID)
	}
	if g.groupType == im.GroupTypeSuper || s.IsAdmin(m.SendID) || im.IsNotificationContent(m.ContentType) {
		return nil
	}
	me, ok := g.member(m.SendID)
	switch {
	case !ok:
		return im.Errorf(im.NotInGroup, name, "sender is not in group %s", m.GroupID)
	case me.RoleLevel == im.RoleOwner:
	case me.MuteEndTime >= s.nowMs():
		return im.Errorf(im.MutedInGroup, name, "sender is muted in group %s", m.GroupID)
	case status == im.GroupMuted && me.RoleLevel != im.RoleAdmin:
		return im.Errorf(im.MutedGroup, name, "group %s is muted", m.GroupID)
	}
	return nil
}
