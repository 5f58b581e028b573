package im

// Conversation is a user's record of a conversation: settings and bounds
// (conversation.Conversation). Key: owner and conversation id.
type Conversation struct {
	OwnerUserID           string      `json:"ownerUserID"`
	ConversationID        string      `json:"conversationID"`
	RecvMsgOpt            int32       `json:"recvMsgOpt"`
	ConversationType      SessionType `json:"conversationType"`
	UserID                string      `json:"userID"`
	GroupID               string      `json:"groupID"`
	IsPinned              bool        `json:"isPinned"`
	AttachedInfo          string      `json:"attachedInfo"`
	IsPrivateChat         bool        `json:"isPrivateChat"`
	GroupAtType           int32       `json:"groupAtType"`
	Ex                    string      `json:"ex"`
	BurnDuration          int32       `json:"burnDuration"`
	MinSeq                int64       `json:"minSeq"`
	MaxSeq                int64       `json:"maxSeq"`
	MsgDestructTime       int64       `json:"msgDestructTime"`
	LatestMsgDestructTime int64       `json:"latestMsgDestructTime"`
	IsMsgDestruct         bool        `json:"isMsgDestruct"`
}

// SeqState is what the log knows of a conversation (messages.md 6.1). Numbers
// start at 1 and have no gaps; zero values mean an empty conversation.
type SeqState struct {
	ConversationID string
	MaxSeq         int64 // last number given
	MinSeq         int64 // first readable number, 0 or 1 at first
	MaxSeqTime     int64 // time the last number was given
}

// UserSeqs is a user's position in a conversation (messages.md 6.1).
type UserSeqs struct {
	ConversationID string
	MinSeq         int64 // first number the user may read; 0 = no bound of the user's own
	MaxSeq         int64 // last number the user may read; 0 = no bound
	ReadSeq        int64 // only grows
}

// Readable returns the bounds lo..hi (inclusive) of what the user may read; hi < lo when nothing.
func (u UserSeqs) Readable(s SeqState) (lo, hi int64) {
	lo = max(s.MinSeq, u.MinSeq, 1)
	hi = s.MaxSeq
	if u.MaxSeq != 0 {
		hi = min(hi, u.MaxSeq)
	}
	return lo, hi
}
