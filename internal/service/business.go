package service

import (
	"context"
	"sync"

	"parley/internal/im"
	"parley/internal/msglog"
)

// BusinessNotice is a back end's own notification to a user or a group
// (rest-msg.md 4). Exactly one of the receivers is set.
type BusinessNotice struct {
	Key, Data   string
	SendUserID  string
	RecvUserID  string
	RecvGroupID string
	InChat      bool // also appears as a message of the chat
	Stored      bool // has a number, so that it is found after an offline time
}

// SendBusinessNotice sends a business notification (2001). For administrators.
func (s *Service) SendBusinessNotice(ctx context.Context, op im.Operator, b BusinessNotice) (im.SendResult, error) {
	const name = "service.SendBusinessNotice"
	if (b.RecvUserID == "") == (b.RecvGroupID == "") {
		return im.SendResult{}, im.Errorf(im.Invalid, name, "exactly one of recvUserID and recvGroupID must be given")
	}
	if err := admin(op, name); err != nil {
		return im.SendResult{}, err
	}
	n := notice{
		contentType: im.ContentBusiness, from: b.SendUserID, to: b.RecvUserID, session: im.SessionSingle,
		stored: b.Stored, clone: b.InChat,
	}
	if b.RecvGroupID != "" {
		n.session, n.to = im.SessionGroup, b.RecvGroupID
		g, err := s.store.Group(ctx, b.RecvGroupID)
		if err != nil {
			return im.SendResult{}, err
		}
		if g.Status == im.GroupDismissed {
			return im.SendResult{}, im.Errorf(im.GroupIsDismissed, name, "group %s is dismissed", b.RecvGroupID)
		}
	}
	told := s.deliveries(op, n)
	err := setTips(told, struct {
		Key  string `json:"key"`
		Data string `json:"data"`
	}{b.Key, b.Data})
	if err != nil {
		return im.SendResult{}, err
	}
	for _, d := range told {
		if n.session == im.SessionGroup {
			d.Message.RecvID = ""
		}
		if err := bounded(d.Message); err != nil {
			return im.SendResult{}, err
		}
	}
	m := told[0].Message
	r, err := s.log.Append(ctx, &msglog.Entry{OperationID: op.OperationID, Messages: told})
	return im.SendResult{ServerMsgID: r.ServerMsgID, ClientMsgID: m.ClientMsgID, SendTime: r.SendTime}, err
}

// BatchResult is what became of one copy of a message that was sent to many.
type BatchResult struct {
	im.SendResult
	RecvID string
	Err    error
}

const (
	// maxBatchInFlight copies may wait for their commit together.
	maxBatchInFlight = 512
	// maxBatchAsked is the same when the business server is asked about each copy:
	// few enough to leave it room for others.
	maxBatchAsked = 32
	// userPage is how many users are read at a time when all of them get a message.
	userPage = 5000
)

// SendBatch sends one message to many users in turn, all copies with one client
// id; to everybody if all is set. A group gets one copy. Copies that are refused,
// or that there was no time for, have an error. For administrators.
func (s *Service) SendBatch(ctx context.Context, op im.Operator, m im.Message, recvIDs []string, all bool) ([]BatchResult, error) {
	const name = "service.SendBatch"
	if err := admin(op, name); err != nil {
		return nil, err
	}
	if len(recvIDs) > MaxIDs {
		return nil, im.Errorf(im.Invalid, name, "at most %d recvIDs", MaxIDs)
	}
	if m.SessionType == im.SessionGroup {
		return s.sendCopies(ctx, op, m, []string{m.RecvID}), nil
	}
	if !all {
		return s.sendCopies(ctx, op, m, recvIDs), nil
	}
	var out []BatchResult
	for offset := 0; ; offset += userPage {
		ids, _, err := s.store.UserIDsPage(ctx, offset, userPage)
		if err != nil || len(ids) == 0 {
			return out, err
		}
		out = append(out, s.sendCopies(ctx, op, m, ids)...)
	}
}

// sendCopies sends m to each receiver and waits for all commits.
func (s *Service) sendCopies(ctx context.Context, op im.Operator, m im.Message, recvIDs []string) []BatchResult {
	out := make([]BatchResult, len(recvIDs))
	inFlight, asked := maxBatchInFlight, s.asksAbout(&m)
	if asked {
		inFlight = maxBatchAsked
	}
	places := make(chan struct{}, inFlight)
	var wg sync.WaitGroup
	for i, id := range recvIDs {
		r := &out[i]
		r.RecvID = id
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
		}
		if r.Err = ctx.Err(); r.Err != nil {
			continue
		}
		wg.Add(1)
		done := func(sent im.SendResult, err error) {
			r.SendResult, r.Err = sent, err
			<-places
			wg.Done()
		}
		one := m
		one.RecvID = id
		one.Options = make(im.Options, len(m.Options))
		for k, v := range m.Options {
			one.Options[k] = v
		}
		send := func() {
			c, err := s.checkSend(ctx, op, &one)
			if err != nil {
				done(im.SendResult{}, err)
				return
			}
			s.submit(ctx, op, c, false, done)
		}
		if asked {
			go send() // ends with its call of done, for which wg waits
		} else {
			send()
		}
	}
	wg.Wait()
	return out
}

// BotReply is an answer of a back end to a callback about a message (rest-msg.md 5.1).
type BotReply struct {
	// Of the message that is answered.
	SendID, RecvID, GroupID string
	// Author sends the reply in a group; in a chat of two the receiver does.
	Author      string
	Content     []byte
	Ex          string
	OfflinePush *im.OfflinePush
}

// platformOfBots is the terminal that replies seem to come from.
const platformOfBots = int32(im.PlatformAdmin)

// SendReply sends a reply into the conversation of the message that is answered.
func (s *Service) SendReply(ctx context.Context, op im.Operator, b BotReply, done func(im.SendResult, error)) {
	const name = "service.SendReply"
	m := &im.Message{
		SendID: b.Author, GroupID: b.GroupID, ClientMsgID: im.NewID(), SessionType: im.SessionGroup, SenderPlatformID: platformOfBots,
		MsgFrom: im.FromUser, ContentType: im.ContentMarkdown, Content: b.Content, CreateTime: s.nowMs(), Status: im.StatusSending,
		Options: im.Options{}, OfflinePush: b.OfflinePush, Ex: b.Ex,
	}
	if b.GroupID == "" {
		m.SendID, m.RecvID, m.SessionType = b.RecvID, b.SendID, im.SessionSingle
	}
	if b.SendID == "" || m.SendID == "" {
		done(im.SendResult{}, im.Errorf(im.Invalid, name, "the key names no sender, or nobody to reply"))
		return
	}
	u, err := s.user(ctx, m.SendID)
	if err != nil {
		done(im.SendResult{}, err)
		return
	}
	m.SenderNickname, m.SenderFaceURL = u.Nickname, u.FaceURL
	s.Send(ctx, op, m, done)
}
