package api

import (
	"context"

	"github.com/openimsdk/protocol/conversation"
	"github.com/openimsdk/protocol/wrapperspb"

	"parley/internal/im"
	"parley/internal/service"
)

// ConversationSettings changes the users' records of conversations, and lists them.
type ConversationSettings interface {
	// SetConversations changes settings in several users' records of one conversation.
	SetConversations(ctx context.Context, op im.Operator, q service.ConversationChange) error
	// SetExByPeer sets the free text of all chats that others have with a user.
	SetExByPeer(ctx context.Context, op im.Operator, userID string, ex *string) error
	// DeleteConversations removes records, the named ones or those idle for some days.
	DeleteConversations(ctx context.Context, op im.Operator, ownerID string, days int64, ids []string) error
	// SilentConversationIDs returns the conversations that are received without a notification.
	SilentConversationIDs(ctx context.Context, op im.Operator, userID string) ([]string, error)
	// PinnedConversationIDs returns the pinned conversations.
	PinnedConversationIDs(ctx context.Context, op im.Operator, userID string) ([]string, error)
	// SortedConversations returns a page of conversations, pinned ones first, then by
	// the newest message, their number, and what is unread in all of them.
	SortedConversations(ctx context.Context, op im.Operator, userID string, ids []string, p service.Page) (page []service.SortedConversation, total int, unread int64, err error)
}

func (a *API) setConversations(ctx context.Context, op im.Operator, q *conversation.SetConversationsReq) (none, error) {
	c := q.Conversation
	return none{}, a.service.SetConversations(ctx, op, service.ConversationChange{
		UserIDs: q.UserIDs,
		Conversation: im.Conversation{
			ConversationID: c.ConversationID, ConversationType: im.SessionType(c.ConversationType), UserID: c.UserID, GroupID: c.GroupID,
		},
		Settings: im.ConversationPatch{
			RecvMsgOpt: int32Of(c.RecvMsgOpt), IsPinned: boolOf(c.IsPinned), AttachedInfo: stringOf(c.AttachedInfo), Ex: stringOf(c.Ex),
			BurnDuration: int32Of(c.BurnDuration), GroupAtType: int32Of(c.GroupAtType),
			MsgDestructTime: int64Of(c.MsgDestructTime), IsMsgDestruct: boolOf(c.IsMsgDestruct),
		},
		Private: boolOf(c.IsPrivateChat),
	})
}

// The values that a request may leave out.

func int32Of(v *wrapperspb.Int32Value) *int32 {
	if v == nil {
		return nil
	}
	return &v.Value
}

func int64Of(v *wrapperspb.Int64Value) *int64 {
	if v == nil {
		return nil
	}
	return &v.Value
}

func boolOf(v *wrapperspb.BoolValue) *bool {
	if v == nil {
		return nil
	}
	return &v.Value
}

func stringOf(v *wrapperspb.StringValue) *string {
	if v == nil {
		return nil
	}
	return &v.Value
}

func (a *API) setExByPeer(ctx context.Context, op im.Operator, q *conversation.UpdateConversationsByUserReq) (none, error) {
	return none{}, a.service.SetExByPeer(ctx, op, q.UserID, stringOf(q.Ex))
}

func (a *API) deleteConversations(ctx context.Context, op im.Operator, q *conversation.DeleteConversationsReq) (none, error) {
	return none{}, a.service.DeleteConversations(ctx, op, q.OwnerUserID, q.NeedDeleteTime, q.ConversationIDs)
}

// conversationIDs is conversation.GetNotNotifyConversationIDsResp and GetPinnedConversationIDsResp.
type conversationIDs struct {
	ConversationIDs []string `json:"conversationIDs"`
}

func (a *API) silentConversationIDs(ctx context.Context, op im.Operator, q *conversation.GetNotNotifyConversationIDsReq) (conversationIDs, error) {
	ids, err := a.service.SilentConversationIDs(ctx, op, q.UserID)
	return conversationIDs{ids}, err
}

func (a *API) pinnedConversationIDs(ctx context.Context, op im.Operator, q *conversation.GetPinnedConversationIDsReq) (conversationIDs, error) {
	ids, err := a.service.PinnedConversationIDs(ctx, op, q.UserID)
	return conversationIDs{ids}, err
}

// sortedConversations is conversation.GetSortedConversationListResp.
type sortedConversations struct {
	ConversationTotal int64                `json:"conversationTotal"`
	UnreadTotal       int64                `json:"unreadTotal"`
	ConversationElems []sortedConversation `json:"conversationElems"`
}

// sortedConversation is conversation.ConversationElem; the capital letters are the wire's.
type sortedConversation struct {
	ConversationID string       `json:"conversationID"`
	RecvMsgOpt     int32        `json:"recvMsgOpt"`
	UnreadCount    int64        `json:"unreadCount"`
	IsPinned       bool         `json:"IsPinned"`
	MsgInfo        *lastMsgInfo `json:"msgInfo"`
}

// lastMsgInfo is conversation.MsgInfo.
type lastMsgInfo struct {
	ServerMsgID       string         `json:"serverMsgID"`
	ClientMsgID       string         `json:"clientMsgID"`
	SessionType       im.SessionType `json:"sessionType"`
	SendID            string         `json:"sendID"`
	RecvID            string         `json:"recvID"`
	SenderName        string         `json:"senderName"`
	FaceURL           string         `json:"faceURL"`
	GroupID           string         `json:"groupID"`
	GroupName         string         `json:"groupName"`
	GroupFaceURL      string         `json:"groupFaceURL"`
	GroupType         int32          `json:"groupType"`
	GroupMemberCount  uint32         `json:"groupMemberCount"`
	LatestMsgRecvTime int64          `json:"LatestMsgRecvTime"`
	MsgFrom           int32          `json:"msgFrom"`
	ContentType       int32          `json:"contentType"`
	Content           string         `json:"content"`
	Ex                string         `json:"ex"`
}

func (a *API) sortedConversations(ctx context.Context, op im.Operator, q *conversation.GetSortedConversationListReq) (sortedConversations, error) {
	page, total, unread, err := a.service.SortedConversations(ctx, op, q.UserID, q.ConversationIDs, page(q.Pagination))
	out := sortedConversations{ConversationTotal: int64(total), UnreadTotal: unread}
	for i := range page {
		c := &page[i]
		e := sortedConversation{ConversationID: c.ConversationID, RecvMsgOpt: c.RecvMsgOpt, UnreadCount: c.Unread, IsPinned: c.IsPinned}
		if m := c.Last; m != nil {
			e.MsgInfo = &lastMsgInfo{
				ServerMsgID: m.ServerMsgID, ClientMsgID: m.ClientMsgID, SessionType: m.SessionType, SendID: m.SendID, RecvID: m.RecvID,
				SenderName: m.Name, FaceURL: m.FaceURL, GroupID: m.GroupID, LatestMsgRecvTime: m.SendTime, MsgFrom: m.MsgFrom,
				ContentType: m.ContentType, Content: string(m.Content), Ex: m.Ex,
			}
			if g := m.Group; g != nil { // the face beside a group is its own
				e.MsgInfo.GroupName, e.MsgInfo.GroupFaceURL = g.GroupName, g.FaceURL
				e.MsgInfo.GroupType, e.MsgInfo.GroupMemberCount = g.GroupType, g.MemberCount
			}
		}
		out.ConversationElems = append(out.ConversationElems, e)
	}
	return out, err
}
