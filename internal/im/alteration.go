package im

// Span is a range of numbers, both ends included.
type Span struct{ Lo, Hi int64 }

// Revocation is the taking back of a message for everybody (messages.md 9.1).
// It holds what readers are shown in the message's place, so that this survives
// the message itself.
type Revocation struct {
	ConversationID  string
	Seq             int64
	RevokerID       string
	RevokerRole     int32 // in the group, or the account's level; 0 for an administrator
	RevokerNickname string
	RevokeTime      int64
	SessionType     SessionType
	ClientMsgID     string // of the message, as the rest
	SendID          string
	SenderNickname  string
	SendTime        int64
}

// ConversationPatch names the settings of a conversation record to change; nil
// leaves one as it is.
type ConversationPatch struct {
	RecvMsgOpt      *int32
	IsPinned        *bool
	AttachedInfo    *string
	IsPrivateChat   *bool
	Ex              *string
	BurnDuration    *int32
	GroupAtType     *int32
	MsgDestructTime *int64
	IsMsgDestruct   *bool
}

// Empty reports whether the patch changes nothing.
func (p ConversationPatch) Empty() bool { return p == ConversationPatch{} }

// Apply returns c with the patch's settings.
func (p ConversationPatch) Apply(c Conversation) Conversation {
	set(&c.RecvMsgOpt, p.RecvMsgOpt)
	set(&c.IsPinned, p.IsPinned)
	set(&c.AttachedInfo, p.AttachedInfo)
	set(&c.IsPrivateChat, p.IsPrivateChat)
	set(&c.Ex, p.Ex)
	set(&c.BurnDuration, p.BurnDuration)
	set(&c.GroupAtType, p.GroupAtType)
	set(&c.MsgDestructTime, p.MsgDestructTime)
	set(&c.IsMsgDestruct, p.IsMsgDestruct)
	return c
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// What a conversation record says of mentions that its owner has not seen
// (Conversation.GroupAtType).
const (
	AtNobody    = 0
	AtMe        = 1
	AtEverybody = 2
	AtMeAndAll  = 3
)
