package im

// Content types the server itself knows (messages.md 5). All others are passed through.
const (
	ContentText         = 101
	ContentAtText       = 106
	ContentCustom       = 110
	ContentTyping       = 113
	ContentQuote        = 114
	ContentFace         = 115
	ContentAdvancedText = 117
	ContentMarkdown     = 118
	ContentRevokeOld    = 111
	ContentOA           = 1400

	ContentConversationChanged = 1300
	ContentFriendInfoUpdated   = 1209
	ContentUserInfoUpdated     = 1303
	ContentGroupCreated        = 1501
	ContentGroupDismissed      = 1511
	ContentMemberInfoSet       = 1516
	ContentGroupAnnouncement   = 1519
	ContentBusiness            = 2001
	ContentRevoked             = 2101
	ContentDeleted             = 2102
	ContentReadReceipt         = 2200
	ContentPrivateChat         = 1701
	ContentCleared             = 1703

	contentNotificationFirst = 1000
	contentNotificationLast  = 5000
)

// IsNotificationContent reports whether a content type lies in the range of
// notifications, which ordinary users may not send (messages.md 4.4).
func IsNotificationContent(contentType int32) bool {
	return contentType >= contentNotificationFirst && contentType <= contentNotificationLast
}

// Status of a message on the wire.
const (
	StatusSending = 1
	StatusSent    = 2
	StatusFailed  = 3
	StatusDeleted = 4 // also the status of a placeholder
)

// Who made a message (Message.MsgFrom).
const (
	FromUser   = 100
	FromSystem = 200
)

// AtAll is the entry of Message.AtUserIDList that names everybody in the group.
const AtAll = "AtAllTag"

// Options is a message's option map. A missing key, or no map at all, means
// true: ask with Is, never by indexing (messages.md 2).
type Options map[string]bool

// Keys of Options.
const (
	OptHistory                  = "history"
	OptPersistent               = "persistent"
	OptOfflinePush              = "offlinePush"
	OptUnreadCount              = "unreadCount"
	OptConversationUpdate       = "conversationUpdate"
	OptSenderConversationUpdate = "senderConversationUpdate"
	OptSenderSync               = "senderSync"
	OptNotPrivate               = "notPrivate"
	OptNotNotification          = "isNotNotification"
	OptSendMsg                  = "isSendMsg"
	OptReactionFromCache        = "reactionFromCache"
)

// Is reports whether an option holds.
func (o Options) Is(key string) bool {
	v, ok := o[key]
	return !ok || v
}

// OfflinePush says how a message is shown by a vendor's push (sdkws.OfflinePushInfo).
type OfflinePush struct {
	Title         string `json:"title"`
	Desc          string `json:"desc"`
	Ex            string `json:"ex"`
	IOSPushSound  string `json:"iOSPushSound"`
	IOSBadgeCount bool   `json:"iOSBadgeCount"`
	SignalInfo    string `json:"signalInfo"`
}

// Message is a message as it travels (sdkws.MsgData). Seq is 0 until the log
// has numbered it and stays 0 for one that is not stored.
type Message struct {
	SendID           string
	RecvID           string
	GroupID          string
	ClientMsgID      string
	ServerMsgID      string
	SenderPlatformID int32
	SenderNickname   string
	SenderFaceURL    string
	SessionType      SessionType
	MsgFrom          int32
	ContentType      int32
	Content          []byte
	Seq              int64
	SendTime         int64
	CreateTime       int64
	Status           int32
	IsRead           bool
	Options          Options
	OfflinePush      *OfflinePush
	AtUserIDList     []string
	AttachedInfo     string
	Ex               string
}

// Stored reports whether the message gets a number and is kept.
func (m *Message) Stored() bool { return m.Options.Is(OptHistory) }

// IsNotification reports whether the message belongs to the notification
// conversation: only if the option is there and false (messages.md 1.1).
func (m *Message) IsNotification() bool { return !m.Options.Is(OptNotNotification) }

// ConversationID returns the conversation the message belongs to.
func (m *Message) ConversationID() string {
	var id string
	switch m.SessionType {
	case SessionGroup:
		id = GroupConversationID(m.GroupID)
	case SessionNotification:
		id = NotificationAccountConversationID(m.SendID, m.RecvID)
	default:
		id = SingleConversationID(m.SendID, m.RecvID)
	}
	if m.IsNotification() {
		return NotificationID(id)
	}
	return id
}

// ForceOptions sets the options that the content type dictates, in place. As on
// the reference server it does so only when the client sent a map at all (messages.md 2).
func (m *Message) ForceOptions() {
	if m.Options == nil {
		return
	}
	var keys []string
	switch m.ContentType {
	case ContentRevokeOld:
		keys = []string{OptUnreadCount, OptOfflinePush}
	case ContentTyping:
		keys = []string{OptHistory, OptPersistent, OptSenderSync, OptConversationUpdate, OptSenderConversationUpdate, OptUnreadCount, OptOfflinePush}
	case ContentReadReceipt:
		keys = []string{OptConversationUpdate, OptSenderConversationUpdate, OptUnreadCount, OptOfflinePush}
	}
	for _, k := range keys {
		m.Options[k] = false
	}
}

// Record is a message as the log keeps it: what the server itself needs of it,
// and the body as it goes to clients. Body is the encoded MsgData without
// number, so that it can be made before the number is known (package wire).
type Record struct {
	ID             int64 // append order; 0 before the commit
	ConversationID string
	Seq            int64
	SendID         string
	ClientMsgID    string
	ServerMsgID    string
	ContentType    int32
	SendTime       int64
	IsRead         bool
	Revoked        bool
	Deleted        bool // taken away from this reader, or from everybody
	Body           []byte
	// Content is what readers get in place of the body's content, together with
	// ContentType; nil: the body's.
	Content []byte
}

// Pulled is what a reader gets of one conversation (messages.md 7).
type Pulled struct {
	ConversationID string
	Records        []Record // ascending
	IsEnd          bool
	EndSeq         int64
}

// SeqRange asks for messages of a conversation by number (messages.md 7.1).
type SeqRange struct {
	ConversationID string
	Begin, End     int64 // inclusive
	Num            int64 // at most so many, the highest ones
}

// SeqList asks for messages of a conversation by their numbers (messages.md 7.2).
type SeqList struct {
	ConversationID string
	Seqs           []int64
}

// PullOrder is the direction a client pages in.
type PullOrder int32

// The directions.
const (
	Ascending  PullOrder = 0
	Descending PullOrder = 1
)

// SendResult is the acknowledgement of a message.
type SendResult struct {
	ServerMsgID string
	ClientMsgID string
	SendTime    int64
	// Modified is the whole message as it was stored, and Given as it was before, when a
	// callback changed it; else both are nil.
	Modified, Given *Message
}

// ReadState is a user's position in a conversation as clients see it (messages.md 6.3).
type ReadState struct {
	MaxSeq     int64 `json:"maxSeq"`
	HasReadSeq int64 `json:"hasReadSeq"`
	MaxSeqTime int64 `json:"maxSeqTime"`
}
