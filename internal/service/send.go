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
// wait for the commit, but it does for the business server if that is asked first:
// not longer than ctx lasts. It is not asked about a repetition: what it said of the
// message holds. done is called exactly once, before Send returns when the message is
// refused or such a repetition, else right after the commit from the log's goroutine, where
// it must not block. Messages of one caller are committed in the order of calls.
func (s *Service) Send(ctx context.Context, op im.Operator, m *im.Message, done func(im.SendResult, error)) {
	if s.asksAbout(m) && op.Is(m.SendID) {
		if r, ok := s.log.Repeated(m); ok {
			done(checked{Message: m}.result(r), nil)
			return
		}
	}
	c, err := s.checkSend(ctx, op, m)
	if err != nil {
		done(im.SendResult{}, err)
		return
	}
	s.submit(ctx, op, c, true, done)
}

// checked is a message that may be sent.
type checked struct {
	*im.Message
	events []*im.Event
	given  *im.Message // as its sender gave it, if a callback changed it
}

// submit gives a checked message to the log; once says that a repetition is
// answered like the first one.
func (s *Service) submit(ctx context.Context, op im.Operator, c checked, once bool, done func(im.SendResult, error)) {
	flag := s.mentioned(op, c.Message)
	d := &msglog.Delivery{Message: c.Message, OperationID: op.OperationID, Events: c.events}
	if c.given != nil {
		d.KnownAs = c.given.ClientMsgID
	}
	s.log.Submit(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    []*msglog.Delivery{d},
		Once:        once,
		Done: func(r msglog.Result, err error) {
			if im.IsKind(err, im.GroupIsDismissed) { // the view has not followed: another node's dismissal
				s.caches.groups.Invalidate(c.GroupID)
			}
			if flag != nil && err == nil && !r.Repeated {
				flag()
			}
			done(c.result(r), err)
		},
	})
}

// result is the acknowledgement of the message. A repetition is told what the
// first one was; whether that was changed is not known any more.
func (c checked) result(r msglog.Result) im.SendResult {
	sent := im.SendResult{ServerMsgID: r.ServerMsgID, ClientMsgID: c.ClientMsgID, SendTime: r.SendTime}
	switch {
	case c.given == nil:
	case r.Repeated:
		sent.ClientMsgID = c.given.ClientMsgID
	default:
		stored := *c.Message
		stored.Seq = 0 // an acknowledgement has no number (messages.md 4.1)
		sent.Given, sent.Modified = c.given, &stored
	}
	return sent
}

// checkSend completes a message and applies the rules of messages.md 4.2 to 4.4,
// the business server's among them. What it changes is held against the same rules.
func (s *Service) checkSend(ctx context.Context, op im.Operator, m *im.Message) (checked, error) {
	m.ServerMsgID = im.NewID()
	// Clients sort by it, so only administrators choose it.
	if m.SendTime == 0 || !op.Admin {
		m.SendTime = s.nowMs()
	}
	m.Seq, m.IsRead = 0, false
	if err := s.checkMessage(ctx, op, m, true); err != nil {
		return checked{}, err
	}
	given, err := s.askModify(ctx, op, m)
	if err == nil && given != nil {
		err = s.checkMessage(ctx, op, m, false)
	}
	if err != nil {
		return checked{}, err
	}
	c := checked{Message: m, given: given}
	switch m.SessionType {
	case im.SessionSingle:
		c.events = s.messageEvents(op, m, im.AfterSendSingleMsg, im.AfterMsgSaveDB)
	case im.SessionGroup:
		c.events = s.messageEvents(op, m, im.AfterSendGroupMsg, im.AfterMsgSaveDB)
	default:
		c.events = s.messageEvents(op, m, im.AfterMsgSaveDB)
	}
	return c, nil
}

// checkMessage holds a message against the rules; asking says whether the
// business server's veto is one of them.
func (s *Service) checkMessage(ctx context.Context, op im.Operator, m *im.Message, asking bool) error {
	const name = "service.Send"
	switch {
	case m.SendID == "":
		return im.Errorf(im.Invalid, name, "sendID is empty")
	case len(m.Content) == 0:
		return im.Errorf(im.Invalid, name, "content is empty")
	case (m.SessionType == im.SessionNotification) != (m.ContentType == im.ContentOA):
		return im.Errorf(im.Invalid, name, "sessionType 4 goes with contentType 1400 only")
	}
	if err := self(op, name, m.SendID); err != nil {
		return err
	}
	if err := bounded(m); err != nil {
		return err
	}
	if !op.Admin && im.IsNotificationContent(m.ContentType) {
		return im.Errorf(im.Denied, name, "contentType %d is for administrators", m.ContentType)
	}
	m.ForceOptions()
	switch m.SessionType {
	case im.SessionSingle:
		return s.checkSingle(ctx, op, m, asking)
	case im.SessionGroup:
		if err := s.checkGroup(ctx, m); err != nil || !asking {
			return err
		}
		if err := s.inPace(op, m.GroupID); err != nil {
			return err
		}
		_, err := s.askMessage(ctx, op, im.BeforeSendGroupMsg, m)
		return err
	case im.SessionNotification:
		_, err := s.user(ctx, m.RecvID)
		return err
	}
	return im.Errorf(im.Invalid, name, "unknown sessionType %d", m.SessionType)
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
	fields := [...]string{m.SendID, m.RecvID, m.GroupID, m.ClientMsgID, m.ServerMsgID, m.SenderNickname, m.SenderFaceURL, m.AttachedInfo, m.Ex}
	for i, f := range fields {
		limit := maxFieldBytes
		if i < 5 {
			limit = maxMessageIDBytes
		}
		if len(f) > limit || strings.IndexByte(f, 0) >= 0 {
			return im.Errorf(im.Invalid, name, "a field is longer than %d bytes or holds a zero byte", limit)
		}
	}
	if p := m.OfflinePush; p != nil {
		for _, f := range [...]string{p.Title, p.Desc, p.Ex, p.IOSPushSound, p.SignalInfo} {
			if len(f) > maxFieldBytes {
				return im.Errorf(im.Invalid, name, "a field of offlinePushInfo is longer than %d bytes", maxFieldBytes)
			}
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

// checkSingle is messages.md 4.3, but for the last step.
func (s *Service) checkSingle(ctx context.Context, op im.Operator, m *im.Message, asking bool) error {
	const name = "service.Send"
	if m.RecvID == "" {
		return im.Errorf(im.Invalid, name, "recvID is empty")
	}
	ofAdmin := s.IsAdmin(m.SendID)
	if asking && (!ofAdmin || s.hooks.AsksOfAdmins()) {
		if _, err := s.askMessage(ctx, op, im.BeforeSendSingleMsg, m); err != nil {
			return err
		}
	}
	if !ofAdmin && !im.IsNotificationContent(m.ContentType) {
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
