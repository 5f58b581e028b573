package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/openimsdk/protocol/msg"

	"parley/internal/im"
	"parley/internal/service"
)

// MessageSenders is what back ends send besides single messages, and look for.
type MessageSenders interface {
	// SendBusinessNotice sends a back end's own notification.
	SendBusinessNotice(ctx context.Context, op im.Operator, b service.BusinessNotice) (im.SendResult, error)
	// SendBatch sends one message to many users, or to all.
	SendBatch(ctx context.Context, op im.Operator, m im.Message, recvIDs []string, all bool) ([]service.BatchResult, error)
	// SendReply sends a reply to a message that a callback told of. It calls done like Send.
	SendReply(ctx context.Context, op im.Operator, b service.BotReply, done func(im.SendResult, error))
	// SearchMessages returns a page of messages, oldest first, and their number.
	SearchMessages(ctx context.Context, op im.Operator, q service.MessageSearch, p service.Page) ([]service.FoundMessage, int, error)
}

// businessReq is the body of /msg/send_business_notification (rest-msg.md 4).
type businessReq struct {
	Key              string `json:"key"`
	Data             string `json:"data"`
	SendUserID       string `json:"sendUserID"`
	RecvUserID       string `json:"recvUserID"`
	RecvGroupID      string `json:"recvGroupID"`
	SendMsg          bool   `json:"sendMsg"`
	ReliabilityLevel *int32 `json:"reliabilityLevel"`
}

// storedLevel is the reliability level of a notification that is found after an
// offline time; the usual one, 1, reaches whoever is online.
const storedLevel = 2

// Check holds the rules whose violation is an HTTP 400.
func (q *businessReq) Check() error {
	if q.SendUserID == "" {
		return errors.New("sendUserID is required")
	}
	return nil
}

func (a *API) sendBusiness(ctx context.Context, op im.Operator, q *businessReq) (sentMsg, error) {
	r, err := a.service.SendBusinessNotice(ctx, op, service.BusinessNotice{
		Key: q.Key, Data: q.Data, SendUserID: q.SendUserID, RecvUserID: q.RecvUserID, RecvGroupID: q.RecvGroupID,
		InChat: q.SendMsg, Stored: q.ReliabilityLevel != nil && *q.ReliabilityLevel == storedLevel,
	})
	return sentOf(&r), err
}

// batchReq is the body of /msg/batch_send_msg (rest-msg.md 3): one message and its receivers.
type batchReq struct {
	sendMsgReq
	IsSendAll bool     `json:"isSendAll"`
	RecvIDs   []string `json:"recvIDs"`
}

// Check holds the rules whose violation is an HTTP 400.
func (q *batchReq) Check() error {
	if q.RecvIDs == nil {
		return errors.New("recvIDs is required")
	}
	q.RecvID = "-" // it is not this route's
	err := q.sendMsgReq.Check()
	q.RecvID = ""
	return err
}

// batchSent is the answer of a batch: what was sent, and to whom it could not be.
type batchSent struct {
	Results       []batchResult `json:"results"`
	FailedUserIDs []string      `json:"failedUserIDs"`
}

type batchResult struct {
	sentMsg
	RecvID string `json:"recvID"`
}

func (a *API) sendBatch(ctx context.Context, op im.Operator, q *batchReq) (batchSent, error) {
	m, err := a.composed(ctx, op, &q.sendMsgReq)
	if err != nil {
		return batchSent{}, err
	}
	sent, err := a.service.SendBatch(ctx, op, *m, q.RecvIDs, q.IsSendAll)
	if err != nil {
		return batchSent{}, err
	}
	var out batchSent
	for _, r := range sent {
		if r.Err != nil {
			out.FailedUserIDs = append(out.FailedUserIDs, r.RecvID)
		} else {
			out.Results = append(out.Results, batchResult{sentOf(&r.SendResult), r.RecvID})
		}
	}
	return out, nil
}

// replyReq is the body of /msg/send_simple_msg (rest-msg.md 5.1).
type replyReq struct {
	SendID          string          `json:"sendID"`
	Content         string          `json:"content"`
	OfflinePushInfo *im.OfflinePush `json:"offlinePushInfo"`
	Ex              string          `json:"ex"`
}

// Check holds the rules whose violation is an HTTP 400.
func (q *replyReq) Check() error {
	if q.Content == "" {
		return errors.New("content is required")
	}
	return nil
}

// keyParam is where the context of a request holds its query parameter "key",
// which a callback about a message gave out.
type keyParam struct{}

// withKey makes a route pass its query parameter "key" on.
func (e *endpoint) withKey() *endpoint {
	e.keyed = true
	return e
}

func (a *API) sendReply(ctx context.Context, op im.Operator, q *replyReq) (sentMsg, error) {
	const name = "api.sendReply"
	text, _ := ctx.Value(keyParam{}).(string)
	raw, err := base64.StdEncoding.DecodeString(text)
	if text == "" || err != nil {
		return sentMsg{}, im.Errorf(im.Invalid, name, "the query parameter key is missing, or no base64")
	}
	var key struct {
		SendID  string `json:"sendID"`
		RecvID  string `json:"recvID"`
		GroupID string `json:"groupID"`
	}
	if err := json.Unmarshal(raw, &key); err != nil {
		return sentMsg{}, im.Errorf(im.Invalid, name, "the query parameter key is not the base64 of JSON")
	}
	content, err := json.Marshal(struct {
		Content string `json:"content"`
	}{q.Content})
	if err != nil {
		return sentMsg{}, &im.Error{Op: name, Err: err}
	}
	sent, err := a.wait(ctx, func(done func(im.SendResult, error)) {
		a.service.SendReply(ctx, op, service.BotReply{
			SendID: key.SendID, RecvID: key.RecvID, GroupID: key.GroupID, Author: q.SendID, Content: content, Ex: q.Ex, OfflinePush: q.OfflinePushInfo,
		}, done)
	})
	return a.noted(op, sent, err)
}

// sendStatus is msg.GetSendMsgStatusResp.
type sendStatus struct {
	Status int32 `json:"status"`
}

func (a *API) checkSent(_ context.Context, op im.Operator, _ *msg.GetSendMsgStatusReq) (sendStatus, error) {
	if a.sent.has(op.OperationID) {
		return sendStatus{im.StatusSent}, nil
	}
	return sendStatus{}, nil
}

// chatLog is msg.ChatLog.
type chatLog struct {
	ServerMsgID      string         `json:"serverMsgID"`
	ClientMsgID      string         `json:"clientMsgID"`
	SendID           string         `json:"sendID"`
	RecvID           string         `json:"recvID"`
	GroupID          string         `json:"groupID"`
	RecvNickname     string         `json:"recvNickname"`
	SenderPlatformID int32          `json:"senderPlatformID"`
	SenderNickname   string         `json:"senderNickname"`
	SenderFaceURL    string         `json:"senderFaceURL"`
	GroupName        string         `json:"groupName"`
	SessionType      im.SessionType `json:"sessionType"`
	MsgFrom          int32          `json:"msgFrom"`
	ContentType      int32          `json:"contentType"`
	Content          string         `json:"content"`
	Status           int32          `json:"status"`
	SendTime         int64          `json:"sendTime"`
	CreateTime       int64          `json:"createTime"`
	Ex               string         `json:"ex"`
	GroupFaceURL     string         `json:"groupFaceURL"`
	GroupMemberCount uint32         `json:"groupMemberCount"`
	Seq              int64          `json:"seq"`
	GroupOwner       string         `json:"groupOwner"`
	GroupType        int32          `json:"groupType"`
}

// foundChatLog is msg.SearchChatLog.
type foundChatLog struct {
	ChatLog   *chatLog `json:"chatLog"`
	IsRevoked bool     `json:"isRevoked"`
}

// chatLogs is msg.SearchMessageResp.
type chatLogs struct {
	ChatLogs    []foundChatLog `json:"chatLogs"`
	ChatLogsNum int            `json:"chatLogsNum"`
}

func (a *API) searchMsg(ctx context.Context, op im.Operator, q *msg.SearchMessageReq) (chatLogs, error) {
	found, total, err := a.service.SearchMessages(ctx, op, service.MessageSearch{
		SendID: q.SendID, RecvID: q.RecvID, ContentType: q.ContentType, SessionType: im.SessionType(q.SessionType), Day: q.SendTime,
	}, page(q.Pagination))
	if err != nil {
		return chatLogs{}, err
	}
	out := chatLogs{ChatLogsNum: total}
	for i := range found {
		m := &found[i]
		l := chatLog{
			ServerMsgID: m.ServerMsgID, ClientMsgID: m.ClientMsgID, SendID: m.SendID, RecvID: m.RecvID, GroupID: m.GroupID,
			RecvNickname: m.RecvNickname, SenderPlatformID: m.SenderPlatformID, SenderNickname: m.SenderNickname,
			SenderFaceURL: m.SenderFaceURL, SessionType: m.SessionType, MsgFrom: m.MsgFrom, ContentType: m.ContentType,
			Content: string(m.Content), Status: m.Status, SendTime: m.SendTime, CreateTime: m.CreateTime, Ex: m.Ex, Seq: m.Seq,
		}
		if m.SessionType == im.SessionGroup {
			l.RecvID = m.GroupID
		}
		if g := m.Group; g != nil {
			l.GroupName, l.GroupFaceURL, l.GroupMemberCount = g.GroupName, g.FaceURL, g.MemberCount
			l.GroupOwner, l.GroupType = g.OwnerUserID, g.GroupType
		}
		out.ChatLogs = append(out.ChatLogs, foundChatLog{&l, m.Revoked})
	}
	return out, nil
}
