package service

import "parley/internal/im"

// memberVersion is the position of the member log that a group notification
// leads to (incremental-sync.md 6).
type memberVersion struct {
	GroupMemberVersion   uint64 `json:"groupMemberVersion"`
	GroupMemberVersionID string `json:"groupMemberVersionID"`
}

func at(v im.Version) memberVersion { return memberVersion{v.Number, v.ID} }

// The contents of group notifications (sdkws.*Tips): same keys, numbers as numbers.
type (
	// groupInfoSetTips is 1502.
	groupInfoSetTips struct {
		OpUser   *im.Member `json:"opUser"`
		MuteTime int64      `json:"muteTime"`
		Group    *im.Group  `json:"group"`
		memberVersion
	}

	// groupTips is sdkws.GroupInfoSetNameTips and GroupInfoSetAnnouncementTips, 1520 and 1519.
	groupTips struct {
		OpUser *im.Member `json:"opUser"`
		Group  *im.Group  `json:"group"`
		memberVersion
	}

	// groupMutedTips is also sdkws.GroupCancelMutedTips, 1514 and 1515.
	groupMutedTips struct {
		Group         *im.Group  `json:"group"`
		OpUser        *im.Member `json:"opUser"`
		OperationTime int64      `json:"operationTime"`
		memberVersion
	}

	// joinApplicationTips is sdkws.JoinGroupApplicationTips, 1503.
	joinApplicationTips struct {
		Group     *im.Group        `json:"group"`
		Applicant *im.PublicUser   `json:"applicant"`
		ReqMsg    string           `json:"reqMsg"`
		UUID      string           `json:"uuid"`
		Request   *im.GroupRequest `json:"request"`
	}

	// applicationAnsweredTips is sdkws.GroupApplicationAcceptedTips and
	// GroupApplicationRejectedTips, 1505 and 1506.
	applicationAnsweredTips struct {
		Group      *im.Group        `json:"group"`
		OpUser     *im.Member       `json:"opUser"`
		HandleMsg  string           `json:"handleMsg"`
		ReceiverAs int32            `json:"receiverAs"`
		UUID       string           `json:"uuid"`
		Request    *im.GroupRequest `json:"request"`
	}

	// memberQuitTips is 1504.
	memberQuitTips struct {
		Group         *im.Group  `json:"group"`
		QuitUser      *im.Member `json:"quitUser"`
		OperationTime int64      `json:"operationTime"`
		memberVersion
	}

	// memberKickedTips is 1508.
	memberKickedTips struct {
		Group          *im.Group    `json:"group"`
		OpUser         *im.Member   `json:"opUser"`
		KickedUserList []*im.Member `json:"kickedUserList"`
		OperationTime  int64        `json:"operationTime"`
		memberVersion
	}

	// memberInvitedTips is 1509.
	memberInvitedTips struct {
		Group           *im.Group    `json:"group"`
		OpUser          *im.Member   `json:"opUser"`
		InvitedUserList []*im.Member `json:"invitedUserList"`
		OperationTime   int64        `json:"operationTime"`
		memberVersion
		InviterUser *im.Member `json:"inviterUser"`
	}

	// memberEnterTips is 1510.
	memberEnterTips struct {
		Group         *im.Group  `json:"group"`
		EntrantUser   *im.Member `json:"entrantUser"`
		OperationTime int64      `json:"operationTime"`
		memberVersion
	}

	// ownerTransferredTips is sdkws.GroupOwnerTransferredTips, 1507.
	ownerTransferredTips struct {
		Group             *im.Group  `json:"group"`
		OpUser            *im.Member `json:"opUser"`
		NewGroupOwner     *im.Member `json:"newGroupOwner"`
		OldGroupOwner     string     `json:"oldGroupOwner"`
		OperationTime     int64      `json:"operationTime"`
		OldGroupOwnerInfo *im.Member `json:"oldGroupOwnerInfo"`
		memberVersion
	}

	// groupDismissedTips is 1511.
	groupDismissedTips struct {
		Group         *im.Group  `json:"group"`
		OpUser        *im.Member `json:"opUser"`
		OperationTime int64      `json:"operationTime"`
	}

	// memberMutedTips is sdkws.GroupMemberMutedTips, 1512.
	memberMutedTips struct {
		Group         *im.Group  `json:"group"`
		OpUser        *im.Member `json:"opUser"`
		OperationTime int64      `json:"operationTime"`
		MutedUser     *im.Member `json:"mutedUser"`
		MutedSeconds  uint32     `json:"mutedSeconds"`
		memberVersion
	}

	// memberMuteCancelledTips is sdkws.GroupMemberCancelMutedTips, 1513.
	memberMuteCancelledTips struct {
		Group         *im.Group  `json:"group"`
		OpUser        *im.Member `json:"opUser"`
		OperationTime int64      `json:"operationTime"`
		MutedUser     *im.Member `json:"mutedUser"`
		memberVersion
	}
)
