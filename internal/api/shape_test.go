package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/auth"
	"github.com/openimsdk/protocol/conversation"
	"github.com/openimsdk/protocol/group"
	"github.com/openimsdk/protocol/jssdk"
	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/msggateway"
	"github.com/openimsdk/protocol/relation"
	"github.com/openimsdk/protocol/sdkws"
	"github.com/openimsdk/protocol/third"
	"github.com/openimsdk/protocol/user"

	"parley/internal/im"
	"parley/internal/service"
)

// shapes pairs what is answered with what the wire calls it.
func shapes() []struct {
	ours, theirs any
	missing      string // a key that we never answer, or in another form
} {
	return []struct {
		ours, theirs any
		missing      string
	}{
		{im.User{}, sdkws.UserInfo{}, ""},
		{im.PublicUser{}, sdkws.PublicUserInfo{}, ""},
		{im.Group{}, sdkws.GroupInfo{}, ""},
		{im.Member{}, sdkws.GroupMemberFullInfo{}, ""},
		{im.Conversation{}, conversation.Conversation{}, ""},
		{im.Friend{}, sdkws.FriendInfo{}, ""},
		{im.Black{}, sdkws.BlackInfo{}, ""},
		{im.OfflinePush{}, sdkws.OfflinePushInfo{}, ""},
		{im.ReadState{}, msg.Seqs{}, ""},

		{service.NewToken{}, auth.GetAdminTokenResp{}, ""},
		{service.NewToken{}, auth.GetUserTokenResp{}, ""},
		{parsedToken{}, auth.ParseTokenResp{}, ""},
		{none{}, auth.ForceLogoutResp{}, ""},

		{none{}, user.UserRegisterResp{}, ""},
		{usersInfo{}, user.GetDesignateUsersResp{}, ""},
		{none{}, user.UpdateUserInfoResp{}, ""},
		{none{}, user.UpdateUserInfoExResp{}, ""},
		{accountStatus{}, user.AccountCheckRespSingleUserStatus{}, ""},
		{accountStatuses{}, user.AccountCheckResp{}, ""},
		{userPage{}, user.GetPaginationUsersResp{}, ""},
		{userIDPage{}, user.GetAllUserIDResp{}, ""},
		{connection{}, msggateway.GetUsersOnlineStatusResp_SuccessDetail{}, ""},
		{onlineDetail{}, msggateway.GetUsersOnlineStatusResp_SuccessResult{}, ""},
		{platformTokens{}, msggateway.SinglePlatformToken{}, ""},
		{onlineTokens{}, msggateway.SingleDetail{}, ""},
		{onlineStatus{}, user.OnlineStatus{}, ""},
		{statusList{}, user.GetUserStatusResp{}, ""},
		{statusList{}, user.SubscribeOrCancelUsersStatusResp{}, ""},
		{statusList{}, user.GetSubscribeUsersStatusResp{}, ""},
		{im.UserCommand{}, user.CommandInfoResp{}, ""},
		{im.UserCommand{}, user.AllCommandInfoResp{}, ""},
		{commandList{}, user.ProcessUserCommandGetResp{}, ""},
		{commandList{}, user.ProcessUserCommandGetAllResp{}, ""},
		{notificationAccount{}, user.NotificationAccountInfo{}, ""},
		{notificationAccount{}, user.AddNotificationAccountResp{}, ""},
		{notificationAccountPage{}, user.SearchNotificationAccountResp{}, ""},
		{clientConfigs{}, user.GetUserClientConfigResp{}, ""},
		{im.ClientConfig{}, user.ClientConfig{}, ""},
		{clientConfigPage{}, user.PageUserClientConfigResp{}, ""},

		{sentMsg{}, msg.SendMsgResp{}, "modify"},
		{maxSeqs{}, sdkws.GetMaxSeqResp{}, "minSeqs"},
		{none{}, msg.MarkMsgsAsReadResp{}, ""},
		{none{}, msg.MarkConversationAsReadResp{}, ""},
		{none{}, msg.SetConversationHasReadSeqResp{}, ""},
		{readStates{}, msg.GetConversationsHasReadAndMaxSeqResp{}, ""},
		{serverTime{}, msg.GetServerTimeResp{}, ""},

		{createdGroup{}, group.CreateGroupResp{}, ""},
		{groupInfos{}, group.GetGroupsInfoResp{}, ""},
		{memberPage{}, group.GetGroupMemberListResp{}, ""},
		{memberInfos{}, group.GetGroupMembersInfoResp{}, ""},
		{groupPage{}, group.GetJoinedGroupListResp{}, ""},
		{sortedChanges[im.Group]{}, group.GetIncrementalJoinGroupResp{}, ""},
		{memberChanges{}, group.GetIncrementalGroupMemberResp{}, ""},
		{memberChangesBatch{}, group.BatchGetIncrementalGroupMemberResp{}, ""},
		{fullUserIDs{}, group.GetFullGroupMemberUserIDsResp{}, ""},
		{fullGroupIDs{}, group.GetFullJoinGroupIDsResp{}, ""},
		{none{}, group.SetGroupInfoExResp{}, ""},
		{im.GroupRequest{}, sdkws.GroupRequest{}, ""},
		{foundGroups{}, group.GetGroupsResp{}, ""},
		{memberUserIDs{}, group.GetGroupMemberUserIDsResp{}, ""},
		{groupAbstracts{}, group.GetGroupAbstractInfoResp{}, ""},
		{applicationPage{}, group.GetGroupApplicationListResp{}, ""},
		{applicationPage{}, group.GetUserReqApplicationListResp{}, ""},
		{applicationPage{}, group.GetGroupUsersReqApplicationListResp{}, ""},
		{applicationPage{}, group.GetSpecifiedUserGroupRequestInfoResp{}, ""},
		{pendingCount{}, group.GetGroupApplicationUnhandledCountResp{}, ""},

		{friendPage{}, relation.GetPaginationFriendsResp{}, ""},
		{blackPage{}, relation.GetPaginationBlacksResp{}, ""},
		{sortedChanges[im.Friend]{}, relation.GetIncrementalFriendsResp{}, ""},
		{fullUserIDs{}, relation.GetFullFriendUserIDsResp{}, ""},
		{im.FriendRequest{}, sdkws.FriendRequest{}, ""},
		{none{}, relation.ApplyToAddFriendResp{}, ""},
		{none{}, relation.UpdateFriendsResp{}, ""},
		{someFriends{}, relation.GetDesignatedFriendsResp{}, ""},
		{friendIDs{}, relation.GetFriendIDsResp{}, ""},
		{areFriends{}, relation.IsFriendResp{}, ""},
		{contact{}, relation.GetSpecifiedFriendsInfoInfo{}, "userInfo"}, // never null: unknown users are left out
		{contacts{}, relation.GetSpecifiedFriendsInfoResp{}, ""},
		{receivedRequests{}, relation.GetPaginationFriendsApplyToResp{}, ""},
		{sentRequests{}, relation.GetPaginationFriendsApplyFromResp{}, ""},
		{requestsBetween{}, relation.GetDesignatedFriendsApplyResp{}, ""},
		{pendingFriendCount{}, relation.GetSelfUnhandledApplyCountResp{}, ""},
		{blackPage{}, relation.GetSpecifiedBlacksResp{}, ""},
		{changes[im.Black]{}, relation.GetIncrementalBlacksResp{}, ""},

		{oneConversation{}, conversation.GetConversationResp{}, ""},
		{conversationList{}, conversation.GetConversationsResp{}, ""},
		{conversationList{}, conversation.GetAllConversationsResp{}, ""},
		{conversationPage{}, conversation.GetOwnerConversationResp{}, ""},
		{changes[im.Conversation]{}, conversation.GetIncrementalConversationResp{}, ""},
		{fullConversationIDs{}, conversation.GetFullOwnerConversationIDsResp{}, ""},
		{none{}, conversation.SetConversationsResp{}, ""},
		{conversationIDs{}, conversation.GetNotNotifyConversationIDsResp{}, ""},
		{conversationIDs{}, conversation.GetPinnedConversationIDsResp{}, ""},
		{sortedConversations{}, conversation.GetSortedConversationListResp{}, ""},
		{sortedConversation{}, conversation.ConversationElem{}, ""},
		{lastMsgInfo{}, conversation.MsgInfo{}, ""},
		{partLimits{}, third.PartLimitResp{}, ""},
		{partSize{}, third.PartSizeResp{}, ""},
		{startedUpload{}, third.InitiateMultipartUploadResp{}, ""},
		{uploadInfo{}, third.UploadInfo{}, ""},
		{signedParts{}, third.AuthSignResp{}, ""},
		{signedPart{}, third.SignPart{}, ""},
		{keyValues{}, third.KeyValues{}, ""},
		{objectURL{}, third.CompleteMultipartUploadResp{}, ""},
		{objectURL{}, third.CompleteFormDataResp{}, ""},
		{accessURL{}, third.AccessURLResp{}, ""},
		{startedForm{}, third.InitiateFormDataResp{}, ""},
		{sendStatus{}, msg.GetSendMsgStatusResp{}, ""},
		{chatLog{}, msg.ChatLog{}, ""},
		{foundChatLog{}, msg.SearchChatLog{}, ""},
		{chatLogs{}, msg.SearchMessageResp{}, ""},

		{none{}, third.UploadLogsResp{}, ""},
		{clientLog{}, third.LogInfo{}, ""},
		{clientLogs{}, third.SearchLogsResp{}, ""},
		{growth{}, user.UserRegisterCountResp{}, ""},
		{growth{}, group.GroupCreateCountResp{}, ""},
		{activeUser{}, msg.ActiveUser{}, ""},
		{activeUsers{}, msg.GetActiveUserResp{}, ""},
		{activeGroup{}, msg.ActiveGroup{}, ""},
		{activeGroups{}, msg.GetActiveGroupResp{}, ""},
	}
}

// TestShapes holds every answer equal to the generated message that clients
// decode it into: the same keys, the same types, and the same form when empty.
func TestShapes(t *testing.T) {
	t.Parallel()
	for _, s := range shapes() {
		ours, theirs := reflect.TypeOf(s.ours), reflect.TypeOf(s.theirs)
		name := ours.String() + " as " + theirs.String()
		empty := func(typ reflect.Type) reflect.Value { return reflect.New(typ) }
		full := func(typ reflect.Type) reflect.Value {
			v := reflect.New(typ)
			fillValue(v.Elem(), 1)
			return v
		}
		compare := func(what string, a, b any) {
			t.Helper()
			if d := cmp.Diff(asJSON(t, b, s.missing), asJSON(t, a, s.missing)); d != "" {
				t.Errorf("%s, %s (-theirs +ours):\n%s", name, what, d)
			}
		}
		compare("empty", empty(ours).Interface(), empty(theirs).Interface())

		// Ours decodes into theirs without loss, and the other way round.
		a, b := full(ours).Interface(), empty(theirs).Interface()
		strict(t, name, asJSON(t, a, s.missing), b)
		compare("filled", a, b)
		b, a = full(theirs).Interface(), empty(ours).Interface()
		if s.missing == "" {
			strict(t, name, b, a)
			compare("filled by them", a, b)
		}
	}
}

// TestShapesAreComplete demands that the answer of every route is among the shapes.
func TestShapesAreComplete(t *testing.T) {
	t.Parallel()
	known := map[reflect.Type]bool{}
	for _, s := range shapes() {
		known[reflect.TypeOf(s.ours)] = true
	}
	known[reflect.TypeFor[batchSent]()] = true                   // nor for this
	known[reflect.TypeFor[onlineTokens]()] = true                // clients have no type for it
	known[reflect.TypeFor[sdkws.PullMessageBySeqsResp]()] = true // the generated message itself
	for _, typ := range []reflect.Type{
		// Clients have no types for what operators are told.
		reflect.TypeFor[configList](), reflect.TypeFor[string](), reflect.TypeFor[managerState](),
		reflect.TypeFor[hookEndpoints](), reflect.TypeFor[hookEndpoint](), reflect.TypeFor[newHookSecret](), reflect.TypeFor[hookEventList](),
		reflect.TypeFor[hookEventDetails](), reflect.TypeFor[replayedEvents](), reflect.TypeFor[discardedEvents](), reflect.TypeFor[testedHook](), reflect.TypeFor[hookSettings](),
		reflect.TypeFor[jssdk.GetActiveConversationsResp](), reflect.TypeFor[jssdk.GetConversationsResp](), // the generated messages
	} {
		known[typ] = true
	}
	for _, e := range New(Options{}).table {
		if e.direct != nil {
			continue
		}
		typ := reflect.TypeOf(e.gives)
		if typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice { // a slice: a bare array
			typ = typ.Elem()
		}
		if !known[typ] {
			t.Errorf("%s answers %v, which is not compared with anything", e.path, typ)
		}
	}
}

func strict(t *testing.T, name string, from, into any) {
	t.Helper()
	text, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Errorf("%s: %v in %s", name, err, text)
	}
}

// asJSON returns the JSON of v as a generic value, without one key.
func asJSON(t *testing.T, v any, without string) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	delete(out, without)
	return out
}

// fillValue gives everything that JSON sees a value that is not zero, a different one
// in each field.
func fillValue(v reflect.Value, n int64) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("s" + string(rune('a'+n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(n)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillValue(v.Index(0), n)
	case reflect.Map:
		e := reflect.New(v.Type().Elem()).Elem()
		fillValue(e, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), e)
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() || f.Anonymous {
				fillValue(v.Field(i), n+int64(i))
			}
		}
	}
}
