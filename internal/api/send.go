package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"parley/internal/im"
)

// sendMsgReq is the body of /msg/send_msg, which is not the protocol's message
// (rest-msg.md 2.1).
type sendMsgReq struct {
	SendID           string          `json:"sendID"`
	RecvID           string          `json:"recvID"`
	GroupID          string          `json:"groupID"`
	SenderNickname   string          `json:"senderNickname"`
	SenderFaceURL    string          `json:"senderFaceURL"`
	SenderPlatformID int32           `json:"senderPlatformID"`
	Content          map[string]any  `json:"content"`
	ContentType      int32           `json:"contentType"`
	SessionType      im.SessionType  `json:"sessionType"`
	IsOnlineOnly     bool            `json:"isOnlineOnly"`
	NotOfflinePush   bool            `json:"notOfflinePush"`
	SendTime         int64           `json:"sendTime"`
	OfflinePushInfo  *im.OfflinePush `json:"offlinePushInfo"`
	Ex               string          `json:"ex"`
}

// Check holds the rules whose violation is an HTTP 400.
func (q *sendMsgReq) Check() error {
	switch {
	case q.SendID == "":
		return errors.New("sendID is required")
	case q.Content == nil:
		return errors.New("content is required")
	case q.ContentType == 0:
		return errors.New("contentType is required")
	}
	switch q.SessionType {
	case 0:
		return errors.New("sessionType is required")
	case im.SessionSingle, im.SessionNotification:
		if q.RecvID == "" {
			return errors.New("recvID is required")
		}
	case im.SessionWriteGroup, im.SessionGroup:
		if q.GroupID == "" {
			return errors.New("groupID is required")
		}
	}
	return nil
}

// sentMsg is msg.SendMsgResp.
type sentMsg struct {
	ServerMsgID string `json:"serverMsgID"`
	ClientMsgID string `json:"clientMsgID"`
	SendTime    int64  `json:"sendTime"`
	// Modify holds the fields that a callback changed.
	Modify map[string]any `json:"modify,omitempty"`
}

func sentOf(r *im.SendResult) sentMsg {
	return sentMsg{r.ServerMsgID, r.ClientMsgID, r.SendTime, modifications(r.Given, r.Modified)}
}

// modifications returns the fields of a message that a callback changed, under
// their names on the wire. The three that every answer has are left out
// (webhooks.md A.3).
func modifications(given, now *im.Message) map[string]any {
	if now == nil {
		return nil
	}
	out := map[string]any{}
	note := func(key string, differs bool, value any) {
		if differs {
			out[key] = value
		}
	}
	note("recvID", given.RecvID != now.RecvID, now.RecvID)
	note("groupID", given.GroupID != now.GroupID, now.GroupID)
	note("senderPlatformID", given.SenderPlatformID != now.SenderPlatformID, now.SenderPlatformID)
	note("senderNickname", given.SenderNickname != now.SenderNickname, now.SenderNickname)
	note("senderFaceURL", given.SenderFaceURL != now.SenderFaceURL, now.SenderFaceURL)
	note("sessionType", given.SessionType != now.SessionType, now.SessionType)
	note("msgFrom", given.MsgFrom != now.MsgFrom, now.MsgFrom)
	note("contentType", given.ContentType != now.ContentType, now.ContentType)
	note("content", !bytes.Equal(given.Content, now.Content), string(now.Content))
	note("status", given.Status != now.Status, now.Status)
	note("options", !maps.Equal(given.Options, now.Options), now.Options)
	note("offlinePushInfo", now.OfflinePush != nil && (given.OfflinePush == nil || *given.OfflinePush != *now.OfflinePush), now.OfflinePush)
	note("atUserIDList", !slices.Equal(given.AtUserIDList, now.AtUserIDList), now.AtUserIDList)
	note("attachedInfo", given.AttachedInfo != now.AttachedInfo, now.AttachedInfo)
	note("ex", given.Ex != now.Ex, now.Ex)
	return out
}

// sendMsg sends a message in a user's name. The order of its refusals is fixed
// (rest-msg.md 2.2).
func (a *API) sendMsg(ctx context.Context, op im.Operator, q *sendMsgReq) (sentMsg, error) {
	m, err := a.composed(ctx, op, q)
	if err != nil {
		return sentMsg{}, err
	}
	sent, err := a.send(ctx, op, m)
	return a.noted(op, sent, err)
}

// noted remembers a request that sent a message.
func (a *API) noted(op im.Operator, sent sentMsg, err error) (sentMsg, error) {
	if err == nil {
		a.sent.add(op.OperationID)
	}
	return sent, err
}

// composed makes the message of a request to send in a user's name.
func (a *API) composed(ctx context.Context, op im.Operator, q *sendMsgReq) (*im.Message, error) {
	const name = "api.sendMsg"
	if !op.Admin {
		return nil, im.Errorf(im.Denied, name, "only for administrators")
	}
	if !sendable(q.ContentType) {
		return nil, im.Errorf(im.Invalid, name, "contentType %d cannot be sent by this route", q.ContentType)
	}
	if q.ContentType == im.ContentOA {
		q.SessionType = im.SessionNotification
		if err := a.mayNotify(ctx, q.SendID); err != nil {
			return nil, err
		}
	}
	return q.message()
}

// mayNotify refuses senders of OA notifications that are no notification
// accounts or application administrators.
func (a *API) mayNotify(ctx context.Context, userID string) error {
	const name = "api.mayNotify"
	found, err := a.service.Users(ctx, []string{userID})
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return im.Errorf(im.UserNotFound, name, "sendID is not a user")
	case found[0].AppMangerLevel < im.LevelAppAdmin:
		return im.Errorf(im.Denied, name, "sendID is not a notification account")
	}
	return nil
}

// message makes the message of a request.
func (q *sendMsgReq) message() (*im.Message, error) {
	const name = "api.message"
	if err := checkContent(q.ContentType, q.Content); err != nil {
		// The reference answers 500 here; no client depends on it.
		return nil, im.Errorf(im.Invalid, name, "%s", err)
	}
	content, err := json.Marshal(q.Content) // as received: sorted keys, numbers through a double
	if err == nil && q.ContentType == im.ContentOA {
		content, err = json.Marshal(struct {
			Detail string `json:"detail"`
		}{string(content)})
	}
	if err != nil {
		return nil, &im.Error{Op: name, Err: err}
	}
	m := &im.Message{
		SendID: q.SendID, RecvID: q.RecvID, GroupID: q.GroupID, ClientMsgID: im.NewID(),
		SenderPlatformID: q.SenderPlatformID, SenderNickname: q.SenderNickname, SenderFaceURL: q.SenderFaceURL,
		SessionType: q.SessionType, MsgFrom: im.FromSystem, ContentType: q.ContentType, Content: content,
		SendTime: q.SendTime, CreateTime: time.Now().UnixMilli(), Status: im.StatusSending,
		Options: im.Options{}, OfflinePush: q.OfflinePushInfo, Ex: q.Ex,
	}
	if q.IsOnlineOnly {
		for _, key := range [...]string{im.OptHistory, im.OptPersistent, im.OptSenderSync, im.OptConversationUpdate} {
			m.Options[key] = false
		}
	}
	if q.NotOfflinePush {
		m.Options[im.OptOfflinePush] = false
	}
	if q.ContentType == im.ContentAtText {
		m.AtUserIDList, _ = asTexts(lookup(q.Content, atUserList)) // checked above
	}
	return m, nil
}

// send hands a message to the service and waits until it is committed, or until
// nobody waits any more; then it is committed all the same.
func (a *API) send(ctx context.Context, op im.Operator, m *im.Message) (sentMsg, error) {
	return a.wait(ctx, func(done func(im.SendResult, error)) { a.service.Send(ctx, op, m, done) })
}

// wait starts a sending and waits for its outcome as send does.
func (a *API) wait(ctx context.Context, start func(done func(im.SendResult, error))) (sentMsg, error) {
	type outcome struct {
		im.SendResult
		err error
	}
	done := make(chan outcome, 1) // done never blocks, whether we still wait or not
	start(func(r im.SendResult, err error) { done <- outcome{r, err} })
	select {
	case o := <-done:
		return sentOf(&o.SendResult), o.err
	case <-ctx.Done():
		return sentMsg{}, &im.Error{Kind: im.Busy, Op: "api.send", Detail: "no commit in time, the message may still be sent", Err: ctx.Err()}
	}
}
