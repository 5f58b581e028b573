package service

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/sdkws"

	"parley/internal/im"
)

// TestFriendTipsHaveTheWiresKeys compares the contents of the notifications about
// contacts with the generated structs that clients decode them into.
func TestFriendTipsHaveTheWiresKeys(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]any{
		{fromToUserID{}, &sdkws.FromToUserID{}},
		{friendApprovedTips{}, &sdkws.FriendApplicationApprovedTips{}},
		{friendRejectedTips{}, &sdkws.FriendApplicationRejectedTips{}},
		{friendAppliedTips{}, &sdkws.FriendApplicationTips{}},
		{friendDeletedTips{}, &sdkws.FriendDeletedTips{}},
		{friendRemarkTips{}, &sdkws.FriendInfoChangedTips{}},
		{friendsUpdatedTips{}, &sdkws.FriendsInfoUpdateTips{}},
		{blackTips{}, &sdkws.BlackAddedTips{}},
		{blackTips{}, &sdkws.BlackDeletedTips{}},
		{userInfoUpdatedTips{}, &sdkws.UserInfoUpdatedTips{}},
	} {
		if diff := cmp.Diff(jsonKeys(t, pair[1]), jsonKeys(t, pair[0])); diff != "" {
			t.Errorf("%T: %s", pair[1], diff)
		}
	}
}

func jsonKeys(t *testing.T, v any) []string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	var out []string
	for k := range fields {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestFriendTipsAreDecoded decodes one with everything in it as a client does.
func TestFriendTipsAreDecoded(t *testing.T) {
	t.Parallel()
	r := &im.FriendRequest{FromUserID: "a", FromNickname: "A", ToUserID: "b", HandleResult: im.RequestRefused, ReqMsg: "hi", CreateTime: 1 << 41}
	text, err := json.Marshal(friendRejectedTips{FromToUserID: fromToUserID{"a", "b"}, HandleMsg: "no", Request: r})
	if err != nil {
		t.Fatal(err)
	}
	var tips sdkws.FriendApplicationRejectedTips
	if err := json.Unmarshal(text, &tips); err != nil {
		t.Fatal(err)
	}
	got := []any{tips.FromToUserID.FromUserID, tips.FromToUserID.ToUserID, tips.HandleMsg, tips.Request.FromNickname, tips.Request.HandleResult, tips.Request.CreateTime}
	if diff := cmp.Diff([]any{"a", "b", "no", "A", int32(-1), int64(1 << 41)}, got); diff != "" {
		t.Error(diff)
	}
}
