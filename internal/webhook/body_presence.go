package webhook

import (
	"parley/internal/im"
)

// PresenceEvent is what the callbacks about connections tell (B.1 to B.3).
type PresenceEvent struct {
	OperationID string
	UserID      string
	Platform    im.Platform
	At          int64  // ms
	Background  bool   // the client said at login that its application is in the background
	ConnID      string // of the connection that came, went or was ended
}

// presenceKeys are the keys that all of them share, and the user.
type presenceKeys struct {
	CallbackCommand string      `json:"callbackCommand"`
	OperationID     string      `json:"operationID"`
	PlatformID      im.Platform `json:"platformID"`
	Platform        string      `json:"platform"`
	UserID          string      `json:"userID"`
	Seq             int64       `json:"seq"`
}

func (e *PresenceEvent) keys(cmd im.Command) presenceKeys {
	return presenceKeys{cmd.String(), e.OperationID, e.Platform, e.Platform.String(), e.UserID, e.At}
}

// UserOnlineBody returns the body of AfterUserOnline (B.1, 8 keys).
func UserOnlineBody(e PresenceEvent) []byte {
	return encode(&struct {
		presenceKeys
		IsAppBackground bool   `json:"isAppBackground"`
		ConnID          string `json:"connID"`
	}{e.keys(im.AfterUserOnline), e.Background, e.ConnID})
}

// UserOfflineBody returns the body of AfterUserOffline (B.2, 7 keys).
func UserOfflineBody(e PresenceEvent) []byte {
	return encode(&struct {
		presenceKeys
		ConnID string `json:"connID"`
	}{e.keys(im.AfterUserOffline), e.ConnID})
}

// UserKickOffBody returns the body of AfterUserKickOff (B.3, 6 keys).
func UserKickOffBody(e PresenceEvent) []byte {
	return encode(&struct{ presenceKeys }{e.keys(im.AfterUserKickOff)})
}
