package im

// Notifications about contacts and block lists (messages.md 5.4).
const (
	ContentFriendApproved = 1201
	ContentFriendRejected = 1202
	ContentFriendApplied  = 1203
	ContentFriendDeleted  = 1205
	ContentFriendRemark   = 1206
	ContentBlackAdded     = 1207
	ContentBlackDeleted   = 1208
	ContentFriendsUpdated = 1210
)

// What became of a friend request (FriendRequest.HandleResult).
const (
	RequestPending = 0
	RequestAgreed  = 1
	RequestRefused = -1
)

// How a friend came in (Friend.AddSource).
const (
	FriendByImport      = 1
	FriendByApplication = 2
)

// FriendRequest is an application for friendship (sdkws.FriendRequest). Key: both
// users, in this direction. Names and faces are filled from the users when it is read.
type FriendRequest struct {
	FromUserID    string `json:"fromUserID"`
	FromNickname  string `json:"fromNickname"`
	FromFaceURL   string `json:"fromFaceURL"`
	ToUserID      string `json:"toUserID"`
	ToNickname    string `json:"toNickname"`
	ToFaceURL     string `json:"toFaceURL"`
	HandleResult  int32  `json:"handleResult"`
	ReqMsg        string `json:"reqMsg"`
	CreateTime    int64  `json:"createTime"`
	HandlerUserID string `json:"handlerUserID"`
	HandleMsg     string `json:"handleMsg"`
	HandleTime    int64  `json:"handleTime"`
	Ex            string `json:"ex"`
}

// FriendPatch names the fields of a friend to change; nil leaves a field as it is.
type FriendPatch struct {
	Remark   *string
	Ex       *string
	IsPinned *bool
}

// Empty reports whether the patch changes nothing.
func (p FriendPatch) Empty() bool { return p.Remark == nil && p.Ex == nil && p.IsPinned == nil }

// UserCommand is a row of a user's own key/value store (user.AllCommandInfoResp).
// CreateTime is in SECONDS.
type UserCommand struct {
	Type       int32  `json:"type"`
	CreateTime int64  `json:"createTime"`
	UUID       string `json:"uuid"`
	Value      string `json:"value"`
	Ex         string `json:"ex"`
}

// ClientConfig is an entry of the configuration of clients: of one user, or of
// all when UserID is empty (user.ClientConfig).
type ClientConfig struct {
	Key    string `json:"key"`
	UserID string `json:"userID"`
	Value  string `json:"value"`
}
