package api

import (
	"context"
	"fmt"
	"mime"

	"github.com/openimsdk/protocol/conversation"
	"github.com/openimsdk/protocol/jssdk"
	"github.com/openimsdk/protocol/relation"
	"github.com/openimsdk/protocol/sdkws"
	"google.golang.org/protobuf/proto"

	"parley/internal/im"
	"parley/internal/service"
	"parley/internal/wire"
)

// ActiveConversations is the list that clients without a database of their own show.
type ActiveConversations interface {
	// ActiveConversations returns the operator's conversations that have messages, the
	// sum of what is unread in all of them, and whether there are any.
	ActiveConversations(ctx context.Context, op im.Operator, count int) ([]service.ActiveConversation, int64, bool, error)
	// ConversationsToShow returns the same of some conversations.
	ConversationsToShow(ctx context.Context, op im.Operator, ids []string) ([]service.ActiveConversation, int64, bool, error)
}

func (a *API) activeConversations(ctx context.Context, op im.Operator, q *jssdk.GetActiveConversationsReq) (*jssdk.GetActiveConversationsResp, error) {
	list, unread, some, err := a.service.ActiveConversations(ctx, op, int(q.Count))
	if err != nil {
		return nil, err
	}
	shown, err := conversationMsgs(list, some)
	return &jssdk.GetActiveConversationsResp{UnreadCount: unread, Conversations: shown}, err
}

func (a *API) conversationsToShow(ctx context.Context, op im.Operator, q *jssdk.GetConversationsReq) (*jssdk.GetConversationsResp, error) {
	list, unread, some, err := a.service.ConversationsToShow(ctx, op, q.ConversationIDs)
	if err != nil {
		return nil, err
	}
	shown, err := conversationMsgs(list, some)
	return &jssdk.GetConversationsResp{UnreadCount: unread, Conversations: shown}, err
}

// conversationMsgs is the list as it travels: null without any conversation, but
// an empty list when there are some and none has a message.
func conversationMsgs(list []service.ActiveConversation, some bool) ([]*jssdk.ConversationMsg, error) {
	if !some {
		return nil, nil
	}
	out := make([]*jssdk.ConversationMsg, len(list))
	for i := range list {
		c := &list[i]
		last, err := wire.RecordMsgData(&c.Last)
		if err != nil {
			return nil, err
		}
		out[i] = &jssdk.ConversationMsg{
			Conversation: conversationRecord(&c.Record), LastMsg: last, MaxSeq: c.MaxSeq, ReadSeq: c.ReadSeq,
			User: userInfo(c.User), Friend: friendInfo(c.Friend), Group: groupInfo(c.Group),
		}
	}
	return out, nil
}

func conversationRecord(c *im.Conversation) *conversation.Conversation {
	return &conversation.Conversation{
		OwnerUserID: c.OwnerUserID, ConversationID: c.ConversationID, RecvMsgOpt: c.RecvMsgOpt, ConversationType: int32(c.ConversationType),
		UserID: c.UserID, GroupID: c.GroupID, IsPinned: c.IsPinned, AttachedInfo: c.AttachedInfo, IsPrivateChat: c.IsPrivateChat,
		GroupAtType: c.GroupAtType, Ex: c.Ex, BurnDuration: c.BurnDuration, MinSeq: c.MinSeq, MaxSeq: c.MaxSeq,
		MsgDestructTime: c.MsgDestructTime, LatestMsgDestructTime: c.LatestMsgDestructTime, IsMsgDestruct: c.IsMsgDestruct,
	}
}

func userInfo(u *im.User) *sdkws.UserInfo {
	if u == nil {
		return nil
	}
	return &sdkws.UserInfo{
		UserID: u.UserID, Nickname: u.Nickname, FaceURL: u.FaceURL, Ex: u.Ex, CreateTime: u.CreateTime,
		AppMangerLevel: u.AppMangerLevel, GlobalRecvMsgOpt: u.GlobalRecvMsgOpt,
	}
}

func friendInfo(f *im.Friend) *relation.FriendInfoOnly {
	if f == nil {
		return nil
	}
	return &relation.FriendInfoOnly{
		OwnerUserID: f.OwnerUserID, FriendUserID: f.FriendUser.UserID, Remark: f.Remark, CreateTime: f.CreateTime,
		AddSource: f.AddSource, OperatorUserID: f.OperatorUserID, Ex: f.Ex, IsPinned: f.IsPinned,
	}
}

func groupInfo(g *im.Group) *sdkws.GroupInfo {
	if g == nil {
		return nil
	}
	return &sdkws.GroupInfo{
		GroupID: g.GroupID, GroupName: g.GroupName, Notification: g.Notification, Introduction: g.Introduction, FaceURL: g.FaceURL,
		OwnerUserID: g.OwnerUserID, CreateTime: g.CreateTime, MemberCount: g.MemberCount, Ex: g.Ex, Status: g.Status,
		CreatorUserID: g.CreatorUserID, GroupType: g.GroupType, NeedVerification: g.NeedVerification, LookMemberInfo: g.LookMemberInfo,
		ApplyMemberFriend: g.ApplyMemberFriend, NotificationUpdateTime: g.NotificationUpdateTime, NotificationUserID: g.NotificationUserID,
	}
}

// inProtobuf lets clients of a route send its request as protobuf, too; they get
// the data of the answer as the base64 of protobuf, inside the usual envelope
// (rest-third-admin.md 5). Request and answer are messages of the protocol.
func (e *endpoint) inProtobuf() *endpoint {
	form := e.takes.(proto.Message).ProtoReflect()
	e.decodeProtobuf = func(body []byte) (any, error) {
		q := form.New().Interface()
		if err := proto.Unmarshal(body, q); err != nil {
			return nil, &parseError{"the body is not the protobuf message of this route"}
		}
		return q, nil
	}
	return e
}

// decoder returns what decodes the body of a request, by its type if the route
// takes several.
func (c *call) decoder() (func([]byte) (any, error), error) {
	given := c.r.Header.Get("Content-Type")
	if c.endpoint.decodeProtobuf == nil || given == "" {
		return c.endpoint.decode, nil
	}
	kind, _, err := mime.ParseMediaType(given)
	switch {
	case err == nil && kind == "application/json":
		return c.endpoint.decode, nil
	case err == nil && (kind == "application/protobuf" || kind == "application/x-protobuf"):
		c.protobuf = true
		return c.endpoint.decodeProtobuf, nil
	}
	return nil, im.Errorf(im.Invalid, "api.decoder", "this Content-Type is not taken")
}

// inForm returns the data of an answer in the form of its request.
func (c *call) inForm(data any) (any, error) {
	m, ok := data.(proto.Message)
	if !c.protobuf || !ok {
		return data, nil
	}
	raw, err := proto.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("api.inForm: %w", err)
	}
	return raw, nil
}
