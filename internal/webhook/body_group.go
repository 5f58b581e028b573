package webhook

import (
	"strconv"

	"parley/internal/im"
)

// maxBody is the size that lists which may grow without end are cut, or shared out,
// to fit: receivers bound what they read. Bodies about large messages, or texts, may be
// larger (Config.MaxBody).
const maxBody = 1 << 20

// groupMember is an element of initMemberList.
type groupMember struct {
	UserID    string `json:"userID"`
	RoleLevel int32  `json:"roleLevel"`
}

// GroupCreationBody returns the body of BeforeCreateGroup (D.1) or AfterCreateGroup
// (D.2): 20 keys, 17 of them those of the record of a group, which stand at the top
// level. members are the first members, the owner first.
func GroupCreationBody(cmd im.Command, operationID string, g *im.Group, members []im.Member) []byte {
	initial := make([]groupMember, len(members))
	for i := range members {
		initial[i] = groupMember{members[i].UserID, members[i].RoleLevel}
	}
	return encode(&struct {
		CallbackCommand string `json:"callbackCommand"`
		OperationID     string `json:"operationID"`
		*im.Group
		InitMemberList []groupMember `json:"initMemberList"`
	}{cmd.String(), operationID, g, initial})
}

// joiningMember is an element of memberList.
type joiningMember struct {
	UserID string `json:"userID"`
	Ex     string `json:"ex"`
}

// MembersJoinBody returns the body of BeforeMembersJoinGroup (D.3, 4 keys).
// groupEx is the group's ex.
func MembersJoinBody(groupID, groupEx string, members []im.Member) []byte {
	joining := make([]joiningMember, len(members))
	for i := range members {
		joining[i] = joiningMember{members[i].UserID, members[i].Ex}
	}
	return encode(&struct {
		CallbackCommand string          `json:"callbackCommand"`
		GroupID         string          `json:"groupID"`
		MemberList      []joiningMember `json:"memberList"`
		GroupEx         string          `json:"groupEx"`
	}{im.BeforeMembersJoinGroup.String(), groupID, joining, groupEx})
}

// groupType is how D.4 and D.9 write the type of a group: as a string.
func groupType(n int32) string { return strconv.Itoa(int(n)) }

// JoinGroupBody returns the body of BeforeJoinGroup (D.4, 6 keys).
func JoinGroupBody(g *im.Group, applicantID, reqMessage, ex string) []byte {
	return encode(&struct {
		CallbackCommand string `json:"callbackCommand"`
		GroupID         string `json:"groupID"`
		GroupType       string `json:"groupType"`
		ApplyID         string `json:"applyID"`
		ReqMessage      string `json:"reqMessage"`
		Ex              string `json:"ex"`
	}{im.BeforeJoinGroup.String(), g.GroupID, groupType(g.GroupType), applicantID, reqMessage, ex})
}

// MemberJoined is what AfterJoinGroup tells.
type MemberJoined struct {
	Member     *im.Member
	ReqMessage string // of the application; empty for invited users
	Ex         string // of the member, or else of the application
	GroupEx    string
}

// MemberJoinedBody returns the body of AfterJoinGroup (D.5, 9 keys).
func MemberJoinedBody(operationID string, e MemberJoined) []byte {
	m := e.Member
	return encode(&struct {
		CallbackCommand string `json:"callbackCommand"`
		OperationID     string `json:"operationID"`
		GroupID         string `json:"groupID"`
		UserID          string `json:"userID"`
		Ex              string `json:"ex"`
		GroupEx         string `json:"groupEx"`
		ReqMessage      string `json:"reqMessage"`
		JoinSource      int32  `json:"joinSource"`
		InviterUserID   string `json:"inviterUserID"`
	}{
		im.AfterJoinGroup.String(), operationID, m.GroupID, m.UserID, e.Ex, e.GroupEx, e.ReqMessage, m.JoinSource, m.InviterUserID,
	})
}

// InviteBody returns the body of BeforeInviteJoinGroup (D.6, 5 keys).
func InviteBody(operationID, groupID, reason string, userIDs []string) []byte {
	return encode(&struct {
		CallbackCommand string   `json:"callbackCommand"`
		OperationID     string   `json:"operationID"`
		GroupID         string   `json:"groupID"`
		Reason          string   `json:"reason"`
		InvitedUserIDs  []string `json:"invitedUserIDs"`
	}{im.BeforeInviteJoinGroup.String(), operationID, groupID, reason, list(userIDs)})
}

// QuitGroupBody returns the body of AfterQuitGroup (D.7, 3 keys).
func QuitGroupBody(groupID, userID string) []byte {
	return encode(&struct {
		CallbackCommand string `json:"callbackCommand"`
		GroupID         string `json:"groupID"`
		UserID          string `json:"userID"`
	}{im.AfterQuitGroup.String(), groupID, userID})
}

// KickGroupBody returns the body of AfterKickGroup (D.8, 4 keys).
func KickGroupBody(groupID string, userIDs []string, reason string) []byte {
	return encode(&struct {
		CallbackCommand string   `json:"callbackCommand"`
		GroupID         string   `json:"groupID"`
		KickedUserIDs   []string `json:"kickedUserIDs"`
		Reason          string   `json:"reason"`
	}{im.AfterKickGroup.String(), groupID, list(userIDs), reason})
}

// DismissGroupBody returns the body of AfterDismissGroup (D.9, 5 keys), and how
// many members it names: of a group so large that the body would not be accepted,
// only the first.
func DismissGroupBody(g *im.Group, memberIDs []string) (body []byte, named int) {
	body = encode(&struct {
		CallbackCommand string   `json:"callbackCommand"`
		GroupID         string   `json:"groupID"`
		OwnerID         string   `json:"ownerID"`
		GroupType       string   `json:"groupType"`
		MembersID       []string `json:"membersID"`
	}{im.AfterDismissGroup.String(), g.GroupID, g.OwnerUserID, groupType(g.GroupType), list(memberIDs)})
	if len(body) <= maxBody {
		return body, len(memberIDs)
	}
	// Each id takes its share of the list; what is left out is at least what is too much.
	excess, n := len(body)-maxBody, len(memberIDs)
	for excess > 0 && n > 0 {
		n--
		excess -= len(encode(memberIDs[n])) + len(",")
	}
	return DismissGroupBody(g, memberIDs[:n])
}

// TransferGroupBody returns the body of AfterTransferGroupOwner (D.10, 4 keys).
func TransferGroupBody(groupID, oldOwnerID, newOwnerID string) []byte {
	return encode(&struct {
		CallbackCommand string `json:"callbackCommand"`
		GroupID         string `json:"groupID"`
		OldOwnerUserID  string `json:"oldOwnerUserID"`
		NewOwnerUserID  string `json:"newOwnerUserID"`
	}{im.AfterTransferGroupOwner.String(), groupID, oldOwnerID, newOwnerID})
}

// GroupInfoBody returns the body of a callback about changed settings of a group
// (D.11 to D.14, 11 keys). What the user does not change is null in the Ex forms.
// Of the old call the texts are never null, nor is anything before the change.
func GroupInfoBody(cmd im.Command, operationID, groupID string, p im.GroupPatch) []byte {
	texts := []**string{&p.GroupName, &p.Notification, &p.Introduction, &p.FaceURL}
	switch cmd {
	case im.BeforeSetGroupInfo:
		filled(append(texts, &p.Ex)...)
		filled(&p.NeedVerification, &p.LookMemberInfo, &p.ApplyMemberFriend)
	case im.AfterSetGroupInfo:
		filled(texts...)
	}
	return encode(&struct {
		CallbackCommand   string  `json:"callbackCommand"`
		OperationID       string  `json:"operationID"`
		GroupID           string  `json:"groupID"`
		GroupName         *string `json:"groupName"`
		Notification      *string `json:"notification"`
		Introduction      *string `json:"introduction"`
		FaceURL           *string `json:"faceURL"`
		Ex                *string `json:"ex"`
		NeedVerification  *int32  `json:"needVerification"`
		LookMemberInfo    *int32  `json:"lookMemberInfo"`
		ApplyMemberFriend *int32  `json:"applyMemberFriend"`
	}{
		cmd.String(), operationID, groupID, p.GroupName, p.Notification, p.Introduction, p.FaceURL, p.Ex,
		p.NeedVerification, p.LookMemberInfo, p.ApplyMemberFriend,
	})
}

// filled lets fields that are nil point to a zero value.
func filled[T any](fields ...**T) {
	for _, f := range fields {
		if *f == nil {
			*f = new(T)
		}
	}
}

// MemberInfoBody returns the body of BeforeSetGroupMemberInfo (D.15) or
// AfterSetGroupMemberInfo (D.16): 7 keys, null for what is not changed.
func MemberInfoBody(cmd im.Command, groupID, userID string, p im.MemberPatch) []byte {
	return encode(&struct {
		CallbackCommand string  `json:"callbackCommand"`
		GroupID         string  `json:"groupID"`
		UserID          string  `json:"userID"`
		NickName        *string `json:"nickName"`
		FaceURL         *string `json:"faceURL"`
		RoleLevel       *int32  `json:"roleLevel"`
		Ex              *string `json:"ex"`
	}{cmd.String(), groupID, userID, p.Nickname, p.FaceURL, p.RoleLevel, p.Ex})
}
