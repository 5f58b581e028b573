package im

// Status of a group.
const (
	GroupOK        = 0
	GroupBanned    = 1
	GroupDismissed = 2
	GroupMuted     = 3
)

// GroupTypeWorking is the only type of group that can be created; GroupTypeSuper skips the member checks when sending.
const (
	GroupTypeSuper   = 1
	GroupTypeWorking = 2
)

// Role levels of a member.
const (
	RoleOwner  = 100
	RoleAdmin  = 60
	RoleMember = 20
)

// How a member came in (Member.JoinSource).
const (
	JoinByAdmin      = 1
	JoinByInvitation = 2
	JoinBySearch     = 3
	JoinByQRCode     = 4
)

// Group is the record of a group (sdkws.GroupInfo). OwnerUserID and
// MemberCount are computed when it is read.
type Group struct {
	GroupID                string `json:"groupID"`
	GroupName              string `json:"groupName"`
	Notification           string `json:"notification"`
	Introduction           string `json:"introduction"`
	FaceURL                string `json:"faceURL"`
	OwnerUserID            string `json:"ownerUserID"`
	CreateTime             int64  `json:"createTime"`
	MemberCount            uint32 `json:"memberCount"`
	Ex                     string `json:"ex"`
	Status                 int32  `json:"status"`
	CreatorUserID          string `json:"creatorUserID"`
	GroupType              int32  `json:"groupType"`
	NeedVerification       int32  `json:"needVerification"`
	LookMemberInfo         int32  `json:"lookMemberInfo"`
	ApplyMemberFriend      int32  `json:"applyMemberFriend"`
	NotificationUpdateTime int64  `json:"notificationUpdateTime"`
	NotificationUserID     string `json:"notificationUserID"`
}

// Member is a user's place in a group (sdkws.GroupMemberFullInfo). Nickname and
// FaceURL are stored empty until the member sets them; readers fill them from the user.
type Member struct {
	GroupID        string `json:"groupID"`
	UserID         string `json:"userID"`
	RoleLevel      int32  `json:"roleLevel"`
	JoinTime       int64  `json:"joinTime"`
	Nickname       string `json:"nickname"`
	FaceURL        string `json:"faceURL"`
	AppMangerLevel int32  `json:"appMangerLevel"`
	JoinSource     int32  `json:"joinSource"`
	OperatorUserID string `json:"operatorUserID"`
	Ex             string `json:"ex"`
	MuteEndTime    int64  `json:"muteEndTime"`
	InviterUserID  string `json:"inviterUserID"`
}
