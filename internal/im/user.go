package im

import "unicode"

// Levels of an account (User.AppMangerLevel).
const (
	LevelAppAdmin            = 2 // exempt from block and friend rules when sending
	LevelNotificationAccount = 3 // this and above get no user token
	LevelRobot               = 4
)

// Receive options, of a user for all chats and of a conversation record.
const (
	ReceiveAndNotify = 0
	ReceiveNothing   = 1 // refuses single chats: the sender gets an error
	ReceiveSilently  = 2 // online delivery, no offline push
)

// User is the record of an account (sdkws.UserInfo).
type User struct {
	UserID           string `json:"userID"`
	Nickname         string `json:"nickname"`
	FaceURL          string `json:"faceURL"`
	Ex               string `json:"ex"`
	CreateTime       int64  `json:"createTime"`
	AppMangerLevel   int32  `json:"appMangerLevel"`
	GlobalRecvMsgOpt int32  `json:"globalRecvMsgOpt"`
}

// PublicUser is what strangers see of a user (sdkws.PublicUserInfo).
type PublicUser struct {
	UserID   string `json:"userID"`
	Nickname string `json:"nickname"`
	FaceURL  string `json:"faceURL"`
	Ex       string `json:"ex"`
}

// Public returns what strangers see of u.
func (u *User) Public() *PublicUser {
	return &PublicUser{UserID: u.UserID, Nickname: u.Nickname, FaceURL: u.FaceURL, Ex: u.Ex}
}

// ValidUserID reports whether an id may be registered: letters and digits in
// the Unicode sense and '_' (rest-auth-user.md 4), at most 64 bytes.
func ValidUserID(id string) bool {
	if id == "" || len(id) > MaxIDBytes {
		return false
	}
	for _, r := range id {
		if r != '_' && (r == unicode.ReplacementChar || !unicode.IsLetter(r) && !unicode.IsDigit(r)) {
			return false
		}
	}
	return true
}

// MaxIDBytes bounds user and group ids. The reference has no bound; ours keeps
// conversation ids, which join two of them, within index limits.
const MaxIDBytes = 64

// UserPatch names the profile fields to change; nil leaves a field as it is.
type UserPatch struct {
	Nickname         *string
	FaceURL          *string
	Ex               *string
	GlobalRecvMsgOpt *int32
}

// Empty reports whether the patch changes nothing.
func (p UserPatch) Empty() bool {
	return p.Nickname == nil && p.FaceURL == nil && p.Ex == nil && p.GlobalRecvMsgOpt == nil
}

// Apply returns u with the patch's fields.
func (p UserPatch) Apply(u User) User {
	if p.Nickname != nil {
		u.Nickname = *p.Nickname
	}
	if p.FaceURL != nil {
		u.FaceURL = *p.FaceURL
	}
	if p.Ex != nil {
		u.Ex = *p.Ex
	}
	if p.GlobalRecvMsgOpt != nil {
		u.GlobalRecvMsgOpt = *p.GlobalRecvMsgOpt
	}
	return u
}

// Friend is one direction of a friendship (sdkws.FriendInfo). CreateTime is in
// SECONDS, as every list and incremental answer of the wire has it.
type Friend struct {
	OwnerUserID    string `json:"ownerUserID"`
	Remark         string `json:"remark"`
	CreateTime     int64  `json:"createTime"`
	FriendUser     *User  `json:"friendUser"`
	AddSource      int32  `json:"addSource"`
	OperatorUserID string `json:"operatorUserID"`
	Ex             string `json:"ex"`
	IsPinned       bool   `json:"isPinned"`
}

// Black is an entry of a user's block list (sdkws.BlackInfo). CreateTime is in SECONDS.
type Black struct {
	OwnerUserID    string      `json:"ownerUserID"`
	CreateTime     int64       `json:"createTime"`
	BlackUserInfo  *PublicUser `json:"blackUserInfo"`
	AddSource      int32       `json:"addSource"`
	OperatorUserID string      `json:"operatorUserID"`
	Ex             string      `json:"ex"`
}
