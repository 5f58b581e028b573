package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/msglog"
)

// fromToUserID names the two sides of a contact (sdkws.FromToUserID). Which is
// which depends on the notification; clients act if they are the right one.
type fromToUserID struct {
	FromUserID string `json:"fromUserID"`
	ToUserID   string `json:"toUserID"`
}

// The contents of the notifications about contacts. As on the reference server
// the versions stay zero: clients ask for what changed.
type (
	friendApprovedTips struct {
		FromToUserID    fromToUserID      `json:"fromToUserID"`
		HandleMsg       string            `json:"handleMsg"`
		FriendVersion   uint64            `json:"friendVersion"`
		FriendVersionID string            `json:"friendVersionID"`
		Request         *im.FriendRequest `json:"request"` // nil after an import
	}

	friendRejectedTips struct {
		FromToUserID fromToUserID      `json:"fromToUserID"`
		HandleMsg    string            `json:"handleMsg"`
		Request      *im.FriendRequest `json:"request"` // never nil: clients do not look
	}

	friendAppliedTips struct {
		FromToUserID fromToUserID      `json:"fromToUserID"`
		Request      *im.FriendRequest `json:"request"` // never nil: clients do not look
	}

	friendDeletedTips struct {
		FromToUserID    fromToUserID `json:"fromToUserID"`
		FriendVersion   uint64       `json:"friendVersion"`
		FriendVersionID string       `json:"friendVersionID"`
	}

	friendRemarkTips struct {
		FromToUserID      fromToUserID `json:"fromToUserID"`
		FriendVersion     uint64       `json:"friendVersion"`
		FriendVersionID   string       `json:"friendVersionID"`
		FriendSortVersion uint64       `json:"friendSortVersion"`
	}

	friendsUpdatedTips struct {
		FromToUserID    fromToUserID `json:"fromToUserID"`
		FriendIDs       []string     `json:"friendIDs"`
		FriendVersion   uint64       `json:"friendVersion"`
		FriendVersionID string       `json:"friendVersionID"`
	}

	blackTips struct {
		FromToUserID fromToUserID `json:"fromToUserID"`
	}
)

// contactNotice returns the messages of a notification from one user to another.
func (s *Service) contactNotice(op im.Operator, contentType int32, from, to string) []*msglog.Delivery {
	return s.deliveries(op, notice{
		contentType: contentType, from: from, to: to, session: im.SessionSingle, clone: contentType == im.ContentFriendApproved,
	})
}

// pushedOffline asks for an offline push of a notice: of its chat message if it has one.
func pushedOffline(told []*msglog.Delivery) []*msglog.Delivery {
	told[len(told)-1].Message.Options[im.OptOfflinePush] = true
	return told
}

// announce sends a notice about something that is committed already. It does not
// wait; a notice that fails is logged, and its change found at the next sync.
func (s *Service) announce(ctx context.Context, told []*msglog.Delivery) {
	m := told[0]
	s.log.Submit(ctx, &msglog.Entry{OperationID: m.OperationID, Messages: told, Done: func(_ msglog.Result, err error) {
		if err != nil {
			s.logger.Error("notification not sent", "op", m.OperationID, "type", m.Message.ContentType, "conv", m.Message.ConversationID(), "err", err)
		}
	}})
}
