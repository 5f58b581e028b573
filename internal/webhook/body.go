package webhook

import (
	"encoding/base64"
	"encoding/json"

	"parley/internal/im"
)

// The structs of this file are the contract: keys, their order, their letter
// case and their JSON types are those of webhooks.md 2, and every key is always
// sent. The tests hold them against the founding documents.

// messageKeys are the keys that all message callbacks share (M18).
type messageKeys struct {
	SendID           string         `json:"sendID"`
	CallbackCommand  string         `json:"callbackCommand"`
	ServerMsgID      string         `json:"serverMsgID"`
	ClientMsgID      string         `json:"clientMsgID"`
	OperationID      string         `json:"operationID"`
	SenderPlatformID int32          `json:"senderPlatformID"`
	SenderNickname   string         `json:"senderNickname"`
	SessionType      im.SessionType `json:"sessionType"`
	MsgFrom          int32          `json:"msgFrom"`
	ContentType      int32          `json:"contentType"`
	Status           int32          `json:"status"`
	SendTime         int64          `json:"sendTime"`
	CreateTime       int64          `json:"createTime"`
	Content          string         `json:"content"`
	Seq              int64          `json:"seq"`
	AtUserList       []string       `json:"atUserList"`
	FaceURL          string         `json:"faceURL"`
	Ex               string         `json:"ex"`
}

// singleBody is A.4: M18 and the receiver, 19 keys.
type singleBody struct {
	messageKeys
	RecvID string `json:"recvID"`
}

// targetBody is A.5 and A.6: M18, receiver and group, 20 keys.
type targetBody struct {
	messageKeys
	RecvID  string `json:"recvID"`
	GroupID string `json:"groupID"`
}

// MessageBody returns the body of a callback about a stored message:
// AfterSendSingleMsg (A.4), AfterSendGroupMsg (A.5) or AfterMsgSaveDB (A.6).
// m has its number.
func MessageBody(cmd im.Command, operationID string, m *im.Message) []byte {
	keys := messageKeys{
		SendID: m.SendID, CallbackCommand: cmd.String(), ServerMsgID: m.ServerMsgID, ClientMsgID: m.ClientMsgID,
		OperationID: operationID, SenderPlatformID: m.SenderPlatformID, SenderNickname: m.SenderNickname,
		SessionType: m.SessionType, MsgFrom: m.MsgFrom, ContentType: m.ContentType, Status: m.Status,
		SendTime: m.SendTime, CreateTime: m.CreateTime, Content: string(m.Content), Seq: m.Seq,
		AtUserList: list(m.AtUserIDList), FaceURL: m.SenderFaceURL, Ex: m.Ex,
	}
	switch {
	case cmd == im.AfterSendSingleMsg:
		return encode(&singleBody{keys, m.RecvID})
	case cmd == im.AfterSendGroupMsg:
		// The founding page has recvID where the group belongs: a receiver
		// written from it must learn where the message went.
		recvID := m.RecvID
		if recvID == "" {
			recvID = m.GroupID
		}
		return encode(&targetBody{keys, recvID, m.GroupID})
	case m.SessionType == im.SessionGroup:
		return encode(&targetBody{keys, "", m.GroupID})
	default:
		return encode(&targetBody{keys, m.RecvID, ""})
	}
}

// MessageKey returns the key parameter of the callbacks that carry a message,
// not yet escaped for a URL (webhooks.md 1.1). The receiver hands it back to
// answer in the same conversation.
func MessageKey(m *im.Message) string {
	return base64.StdEncoding.EncodeToString(encode(&struct {
		SendID  string `json:"sendID"`
		RecvID  string `json:"recvID"`
		GroupID string `json:"groupID"`
	}{m.SendID, m.RecvID, m.GroupID}))
}

// ConversationCreatedBody returns the body of AfterCreateSingleChatConversation
// (C.2, 12 keys) for one owner's record as it was stored.
func ConversationCreatedBody(c *im.Conversation) []byte {
	return encode(&struct {
		CallbackCommand  string         `json:"callbackCommand"`
		OwnerUserID      string         `json:"ownerUserId"`
		ConversationID   string         `json:"conversationId"`
		ConversationType im.SessionType `json:"conversationType"`
		UserID           string         `json:"userId"`
		RecvMsgOpt       int32          `json:"recvMsgOpt"`
		IsPinned         bool           `json:"isPinned"`
		IsPrivateChat    bool           `json:"isPrivateChat"`
		BurnDuration     int32          `json:"burnDuration"`
		GroupAtType      int32          `json:"groupAtType"`
		AttachedInfo     string         `json:"attachedInfo"`
		Ex               string         `json:"ex"`
	}{
		im.AfterCreateSingleChatConversation.String(), c.OwnerUserID, c.ConversationID, c.ConversationType, c.UserID,
		c.RecvMsgOpt, c.IsPinned, c.IsPrivateChat, c.BurnDuration, c.GroupAtType, c.AttachedInfo, c.Ex,
	})
}

// ReadEvent is what a single read callback tells. Which numbers Seqs holds, and
// whose content type is told, is decided by the service (A.7).
type ReadEvent struct {
	ConversationID   string
	UserID           string // the reader
	Seqs             []int64
	ContentType      int32 // of the message with the highest number; 0 if it is gone
	ConversationType im.SessionType
}

// SingleReadBody returns the body of AfterSingleMsgRead (A.7, 7 keys). The list
// is sent under the documented name and under the reference server's.
func SingleReadBody(e ReadEvent) []byte {
	seqs := list(e.Seqs)
	return encode(&struct {
		CallbackCommand  string         `json:"callbackCommand"`
		ConversationID   string         `json:"conversationID"`
		UserID           string         `json:"userID"`
		Seqs             []int64        `json:"seqs"`
		CapitalSeqs      []int64        `json:"Seqs"`
		ContentType      int32          `json:"contentType"`
		ConversationType im.SessionType `json:"conversationType"`
	}{im.AfterSingleMsgRead.String(), e.ConversationID, e.UserID, seqs, seqs, e.ContentType, e.ConversationType})
}

// GroupReadEvent is what a group read callback tells (A.8).
type GroupReadEvent struct {
	ConversationID string
	GroupID        string
	UserID         string // the reader
	Seqs           []int64
	UnreadMsgNum   int64 // last number of the conversation minus HasReadSeq
	HasReadSeq     int64
	ContentType    int32 // of the message at HasReadSeq
}

// GroupReadBody returns the body of AfterGroupMsgRead (A.8, 10 keys).
func GroupReadBody(e GroupReadEvent) []byte {
	return encode(&struct {
		CallbackCommand string  `json:"callbackCommand"`
		SendID          string  `json:"sendID"`
		ReceiveID       string  `json:"receiveID"`
		UnreadMsgNum    int64   `json:"unreadMsgNum"`
		ContentType     int32   `json:"contentType"`
		ConversationID  string  `json:"conversationID"`
		UserID          string  `json:"userID"`
		Seqs            []int64 `json:"seqs"`
		GroupID         string  `json:"groupID"`
		HasReadSeq      int64   `json:"hasReadSeq"`
	}{
		im.AfterGroupMsgRead.String(), e.UserID, e.GroupID, e.UnreadMsgNum, e.ContentType,
		e.ConversationID, e.UserID, list(e.Seqs), e.GroupID, e.HasReadSeq,
	})
}

// list makes an empty list of none: lists are never null on the wire.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("webhook: a struct of strings and numbers always marshals: " + err.Error())
	}
	return b
}
