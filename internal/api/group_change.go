package api

import (
	"context"

	"github.com/openimsdk/protocol/group"

	"parley/internal/im"
	"parley/internal/service"
)

// GroupLife is what happens to groups and their members.
type GroupLife interface {
	// SetGroupInfo changes those of a group's settings that are not empty.
	SetGroupInfo(ctx context.Context, op im.Operator, groupID string, p im.GroupPatch) error
	// SetGroupInfoEx changes a group's settings.
	SetGroupInfoEx(ctx context.Context, op im.Operator, groupID string, p im.GroupPatch) error
	// TransferGroup gives a group to another member.
	TransferGroup(ctx context.Context, op im.Operator, groupID, oldID, newID string) error
	// DismissGroup ends a group; removeOnly says nothing to its members.
	DismissGroup(ctx context.Context, op im.Operator, groupID string, removeOnly bool, sendMessage *bool) error
	// QuitGroup takes a member ("": the operator) out of a group.
	QuitGroup(ctx context.Context, op im.Operator, groupID, userID string) error
	// KickMembers takes members out of a group.
	KickMembers(ctx context.Context, op im.Operator, groupID string, userIDs []string, reason string, sendMessage *bool) error
	// MuteGroup silences a group, or ends that.
	MuteGroup(ctx context.Context, op im.Operator, groupID string, mute bool) error
	// MuteMember silences a member for some seconds; 0 ends that.
	MuteMember(ctx context.Context, op im.Operator, groupID, userID string, seconds uint32) error
	// SetMemberInfo changes members.
	SetMemberInfo(ctx context.Context, op im.Operator, changes []service.MemberChange) error
	// JoinGroup lets a user in, or asks for it.
	JoinGroup(ctx context.Context, op im.Operator, q service.JoinRequest) error
	// Invite brings users in, or asks for it.
	Invite(ctx context.Context, op im.Operator, groupID string, userIDs []string, reason string, sendMessage *bool) error
	// AnswerApplication agrees to an application or refuses it.
	AnswerApplication(ctx context.Context, op im.Operator, groupID, userID, message string, result int32) error
}

// setGroupInfo changes the texts that are not empty and what else was supplied.
func (a *API) setGroupInfo(ctx context.Context, op im.Operator, q *group.SetGroupInfoReq) (none, error) {
	g := q.GroupInfoForSet
	return none{}, a.service.SetGroupInfo(ctx, op, g.GroupID, im.GroupPatch{
		GroupName: filled(&g.GroupName), Notification: filled(&g.Notification), Introduction: filled(&g.Introduction),
		FaceURL: filled(&g.FaceURL), Ex: g.Ex.GetValuePtr(), NeedVerification: g.NeedVerification.GetValuePtr(),
		LookMemberInfo: g.LookMemberInfo.GetValuePtr(), ApplyMemberFriend: g.ApplyMemberFriend.GetValuePtr(),
	})
}

// setGroupInfoEx changes what was supplied, empty values included.
func (a *API) setGroupInfoEx(ctx context.Context, op im.Operator, q *group.SetGroupInfoExReq) (none, error) {
	return none{}, a.service.SetGroupInfoEx(ctx, op, q.GroupID, im.GroupPatch{
		GroupName: q.GroupName.GetValuePtr(), Notification: q.Notification.GetValuePtr(), Introduction: q.Introduction.GetValuePtr(),
		FaceURL: q.FaceURL.GetValuePtr(), Ex: q.Ex.GetValuePtr(), NeedVerification: q.NeedVerification.GetValuePtr(),
		LookMemberInfo: q.LookMemberInfo.GetValuePtr(), ApplyMemberFriend: q.ApplyMemberFriend.GetValuePtr(),
	})
}

func (a *API) transferGroup(ctx context.Context, op im.Operator, q *group.TransferGroupOwnerReq) (none, error) {
	return none{}, a.service.TransferGroup(ctx, op, q.GroupID, q.OldOwnerUserID, q.NewOwnerUserID)
}

func (a *API) dismissGroup(ctx context.Context, op im.Operator, q *group.DismissGroupReq) (none, error) {
	return none{}, a.service.DismissGroup(ctx, op, q.GroupID, q.DeleteMember, q.SendMessage)
}

func (a *API) quitGroup(ctx context.Context, op im.Operator, q *group.QuitGroupReq) (none, error) {
	return none{}, a.service.QuitGroup(ctx, op, q.GroupID, q.UserID)
}

func (a *API) kickGroup(ctx context.Context, op im.Operator, q *group.KickGroupMemberReq) (none, error) {
	return none{}, a.service.KickMembers(ctx, op, q.GroupID, q.KickedUserIDs, q.Reason, q.SendMessage)
}

func (a *API) muteGroup(ctx context.Context, op im.Operator, q *group.MuteGroupReq) (none, error) {
	return none{}, a.service.MuteGroup(ctx, op, q.GroupID, true)
}

func (a *API) cancelMuteGroup(ctx context.Context, op im.Operator, q *group.CancelMuteGroupReq) (none, error) {
	return none{}, a.service.MuteGroup(ctx, op, q.GroupID, false)
}

func (a *API) muteGroupMember(ctx context.Context, op im.Operator, q *group.MuteGroupMemberReq) (none, error) {
	return none{}, a.service.MuteMember(ctx, op, q.GroupID, q.UserID, q.MutedSeconds)
}

func (a *API) cancelMuteGroupMember(ctx context.Context, op im.Operator, q *group.CancelMuteGroupMemberReq) (none, error) {
	return none{}, a.service.MuteMember(ctx, op, q.GroupID, q.UserID, 0)
}

func (a *API) setGroupMemberInfo(ctx context.Context, op im.Operator, q *group.SetGroupMemberInfoReq) (none, error) {
	changes := make([]service.MemberChange, len(q.Members))
	for i, m := range q.Members {
		if m == nil {
			return none{}, im.Errorf(im.Invalid, "api.setGroupMemberInfo", "a member is null")
		}
		changes[i] = service.MemberChange{GroupID: m.GroupID, UserID: m.UserID, Patch: im.MemberPatch{
			Nickname: m.Nickname.GetValuePtr(), FaceURL: m.FaceURL.GetValuePtr(), Ex: m.Ex.GetValuePtr(), RoleLevel: m.RoleLevel.GetValuePtr(),
		}}
	}
	return none{}, a.service.SetMemberInfo(ctx, op, changes)
}

// joinGroup takes inviterUserID for the applicant: so does every SDK (rest-group.md 4).
func (a *API) joinGroup(ctx context.Context, op im.Operator, q *group.JoinGroupReq) (none, error) {
	return none{}, a.service.JoinGroup(ctx, op, service.JoinRequest{
		GroupID: q.GroupID, UserID: q.InviterUserID, Message: q.ReqMessage, Source: q.JoinSource, Ex: q.Ex,
	})
}

func (a *API) inviteToGroup(ctx context.Context, op im.Operator, q *group.InviteUserToGroupReq) (none, error) {
	return none{}, a.service.Invite(ctx, op, q.GroupID, q.InvitedUserIDs, q.Reason, q.SendMessage)
}

func (a *API) answerGroupApplication(ctx context.Context, op im.Operator, q *group.GroupApplicationResponseReq) (none, error) {
	return none{}, a.service.AnswerApplication(ctx, op, q.GroupID, q.FromUserID, q.HandledMsg, q.HandleResult)
}
