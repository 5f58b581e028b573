package service

import (
	"encoding/json"

	"parley/internal/im"
	"parley/internal/msglog"
)

// notice is a notification to be made (messages.md 5.2).
type notice struct {
	contentType int32
	from, to    string // users; to is the group for a group notice
	session     im.SessionType
	stored      bool // reliability level 2: has a number in the n_ conversation
	clone       bool // also appears as a message of the chat (messages.md 5.3)
	sender      *im.User
	extra       []string // users who get it although they are no members
}

// deliveries returns the messages of a notice: the notification and then, if
// wanted, its clone in the chat. The order matters to clients: one that has
// seen the chat message first has stored the group already and stays silent
// about joining it (sdk-facts.md 4). Contents are set by setTips.
func (s *Service) deliveries(op im.Operator, n notice) []*msglog.Delivery {
	now := s.nowMs()
	m := im.Message{
		SendID: n.from, RecvID: n.to, ClientMsgID: im.NewID(), ServerMsgID: im.NewID(),
		SessionType: n.session, MsgFrom: im.FromSystem, ContentType: n.contentType,
		SendTime: now, CreateTime: now, Status: im.StatusSending,
		SenderPlatformID: int32(op.Platform),
	}
	if n.session == im.SessionGroup {
		m.GroupID = n.to
	}
	if n.sender != nil {
		m.SenderNickname, m.SenderFaceURL = n.sender.Nickname, n.sender.FaceURL
	}
	original := m
	original.Options = im.Options{
		im.OptHistory: n.stored, im.OptPersistent: n.stored, im.OptOfflinePush: false, im.OptUnreadCount: false,
		im.OptConversationUpdate: false, im.OptSenderConversationUpdate: false, im.OptSenderSync: true, im.OptNotPrivate: false,
		im.OptNotNotification: false, im.OptSendMsg: n.clone, im.OptReactionFromCache: false,
	}
	out := []*msglog.Delivery{{Message: &original, OperationID: op.OperationID, Extra: n.extra}}
	if n.clone {
		// Only these two keys: a chat message with notPrivate=false and no attachedInfo crashes the SDK.
		m.Options = im.Options{im.OptOfflinePush: false, im.OptUnreadCount: true}
		out = append(out, &msglog.Delivery{Message: &m, OperationID: op.OperationID, Extra: n.extra})
	}
	return out
}

// setTips gives a notice's messages their content: {"detail": "<JSON of the tips>"}.
func setTips(deliveries []*msglog.Delivery, tips any) error {
	detail, err := json.Marshal(tips)
	if err != nil {
		return &im.Error{Op: "service.setTips", Err: err}
	}
	content, err := json.Marshal(struct {
		Detail string `json:"detail"`
	}{string(detail)})
	if err != nil {
		return &im.Error{Op: "service.setTips", Err: err}
	}
	for _, d := range deliveries {
		d.Message.Content = content
	}
	return nil
}

// The contents of notifications (sdkws.*Tips): same keys, numbers as numbers.
type (
	userInfoUpdatedTips struct {
		UserID string `json:"userID"`
	}

	markAsReadTips struct {
		MarkAsReadUserID string  `json:"markAsReadUserID"`
		ConversationID   string  `json:"conversationID"`
		Seqs             []int64 `json:"seqs"`
		HasReadSeq       int64   `json:"hasReadSeq"`
	}

	groupCreatedTips struct {
		Group          *im.Group    `json:"group"`
		OpUser         *im.Member   `json:"opUser"`
		MemberList     []*im.Member `json:"memberList"`
		OperationTime  int64        `json:"operationTime"`
		GroupOwnerUser *im.Member   `json:"groupOwnerUser"`
		memberVersion
	}

	memberInfoSetTips struct {
		Group         *im.Group  `json:"group"`
		OpUser        *im.Member `json:"opUser"`
		OperationTime int64      `json:"operationTime"`
		ChangedUser   *im.Member `json:"changedUser"`
		memberVersion
		GroupSortVersion uint64 `json:"groupSortVersion"`
	}
)
