package im

// PushToken is the address of a user's device at a vendor's push service.
type PushToken struct {
	UserID    string
	Platform  Platform
	Token     string
	ExpiresAt int64 // ms; 0: never
	// RegisteredAt is when the application said so last, ms.
	RegisteredAt int64
}

// PushIntent is a stored message whose offline pushes were not made yet.
type PushIntent struct {
	MessageID      string // serverMsgID
	ConversationID string
	Seq            int64
	DoneTo         string // the last member of a group, by id, whose jobs were made
	CreatedAt      int64
	OperationID    string // of the request that sent the message, for the log
}

// PushJob is the notification of one message for one device, as it waits to be sent.
type PushJob struct {
	ID             int64
	UserID         string
	Platform       Platform // 0 if the vendor knows the user by id, whatever the device
	Token          string   // "" likewise
	ConversationID string
	MessageID      string // serverMsgID
	SendTime       int64  // of the message
	Note           PushNote
	CreatedAt      int64
	Attempts       int    // made so far
	Claim          string // names the attempt under way
}

// PushNote is what a notification shows and carries.
type PushNote struct {
	Title       string      `json:"title"`
	Body        string      `json:"body"`
	Ex          string      `json:"ex,omitempty"`
	Sound       string      `json:"sound,omitempty"`
	Badge       *int64      `json:"badge,omitempty"` // nil: the icon's number stays
	ClientMsgID string      `json:"clientMsgID"`
	SendID      string      `json:"sendID"`
	GroupID     string      `json:"groupID,omitempty"`
	SessionType SessionType `json:"sessionType"`
	ContentType int32       `json:"contentType"`
	// OperationID is the request's that sent the message, for the log.
	OperationID string `json:"op,omitempty"`
}
