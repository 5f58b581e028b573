package webhook

import (
	"cmp"
	"encoding/base64"

	"parley/internal/im"
)

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

// singleBody is A.1 and A.4: M18 and the receiver, 19 keys.
type singleBody struct {
	messageKeys
	RecvID string `json:"recvID"`
}

// targetBody is A.2, A.3, A.5 and A.6: M18, receiver and group, 20 keys.
type targetBody struct {
	messageKeys
	RecvID  string `json:"recvID"`
	GroupID string `json:"groupID"`
}

// MessageBody returns the body of a callback about a message: BeforeSendSingleMsg
// (A.1), BeforeSendGroupMsg (A.2) and BeforeMsgModify (A.3), for which it has no
// number yet, or AfterSendSingleMsg (A.4), AfterSendGroupMsg (A.5) and
// AfterMsgSaveDB (A.6), for which it is stored.
func MessageBody(cmd im.Command, operationID string, m *im.Message) []byte {
	keys := messageKeys{
		SendID: m.SendID, CallbackCommand: cmd.String(), ServerMsgID: m.ServerMsgID, ClientMsgID: m.ClientMsgID,
		OperationID: operationID, SenderPlatformID: m.SenderPlatformID, SenderNickname: m.SenderNickname,
		SessionType: m.SessionType, MsgFrom: m.MsgFrom, ContentType: m.ContentType, Status: m.Status,
		SendTime: m.SendTime, CreateTime: m.CreateTime, Content: string(m.Content), Seq: m.Seq,
		AtUserList: list(m.AtUserIDList), FaceURL: m.SenderFaceURL, Ex: m.Ex,
	}
	group := m.SessionType == im.SessionGroup
	switch cmd {
	case im.BeforeSendSingleMsg, im.AfterSendSingleMsg:
		return encode(&singleBody{keys, m.RecvID})
	case im.AfterMsgSaveDB:
		if group {
			return encode(&targetBody{keys, "", m.GroupID})
		}
		return encode(&targetBody{keys, m.RecvID, ""})
	case im.BeforeMsgModify:
		if !group {
			return encode(&targetBody{keys, m.RecvID, ""})
		}
	}
	// The founding page has recvID where the group belongs: a receiver written from
	// it must learn where the message went.
	return encode(&targetBody{keys, cmp.Or(m.RecvID, m.GroupID), m.GroupID})
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

// RevokedBody returns the body of AfterRevokeMsg (A.9, 4 keys); userID took the
// message back.
func RevokedBody(conversationID string, seq int64, userID string) []byte {
	return encode(&struct {
		CallbackCommand string `json:"callbackCommand"`
		ConversationID  string `json:"conversationID"`
		Seq             int64  `json:"seq"`
		UserID          string `json:"userID"`
	}{im.AfterRevokeMsg.String(), conversationID, seq, userID})
}
