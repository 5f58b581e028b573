package im

// Content types of group notifications besides those in message.go (messages.md 5.4).
const (
	ContentGroupInfoSet        = 1502
	ContentJoinApplication     = 1503
	ContentMemberQuit          = 1504
	ContentApplicationAccepted = 1505
	ContentApplicationRejected = 1506
	ContentOwnerTransferred    = 1507
	ContentMemberKicked        = 1508
	ContentMemberInvited       = 1509
	ContentMemberEntered       = 1510
	ContentMemberMuted         = 1512
	ContentMemberMuteCancelled = 1513
	ContentGroupMuted          = 1514
	ContentGroupMuteCancelled  = 1515
	ContentMemberSetToAdmin    = 1517
	ContentMemberSetToOrdinary = 1518
	ContentGroupNameSet        = 1520
)

// What it takes to enter a group (Group.NeedVerification).
const (
	VerifyApplications = 0 // applicants wait for an answer, invited users enter
	VerifyAll          = 1 // whom an ordinary member invites waits too
	VerifyNothing      = 2 // everybody enters
)

// AtGroupNotice is the Conversation.GroupAtType that a new announcement sets.
const AtGroupNotice = 4

// GroupPatch names the fields of a group to change; nil leaves a field as it is.
type GroupPatch struct {
	GroupName              *string
	Notification           *string
	Introduction           *string
	FaceURL                *string
	Ex                     *string
	NeedVerification       *int32
	LookMemberInfo         *int32
	ApplyMemberFriend      *int32
	Status                 *int32
	NotificationUpdateTime *int64
	NotificationUserID     *string
}

// MemberPatch names the fields of a member to change; nil leaves a field as it is.
type MemberPatch struct {
	Nickname    *string
	FaceURL     *string
	Ex          *string
	RoleLevel   *int32
	MuteEndTime *int64
}

// GroupRequest is a user's application to enter a group, or another's for the
// user (sdkws.GroupRequest): one for each pair, the newest. UserInfo and GroupInfo are
// filled by whoever shows it to clients, which need both.
type GroupRequest struct {
	GroupID       string      `json:"-"`
	UserID        string      `json:"-"`
	UserInfo      *PublicUser `json:"userInfo"`
	GroupInfo     *Group      `json:"groupInfo"`
	HandleResult  int32       `json:"handleResult"`
	ReqMsg        string      `json:"reqMsg"`
	HandleMsg     string      `json:"handleMsg"`
	ReqTime       int64       `json:"reqTime"`
	HandleUserID  string      `json:"handleUserID"`
	HandleTime    int64       `json:"handleTime"`
	Ex            string      `json:"ex"`
	JoinSource    int32       `json:"joinSource"`
	InviterUserID string      `json:"inviterUserID"`
}

// FoundGroup is a group that a search found (group.CMSGroup).
type FoundGroup struct {
	Group
	OwnerNickname string // as stored with the member: mostly empty
}
