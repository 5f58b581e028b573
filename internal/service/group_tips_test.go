package service

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/sdkws"
)

// TestGroupTips holds the contents of group notifications equal to what clients
// decode them into: the same keys.
func TestGroupTips(t *testing.T) {
	keys := func(v any) []string {
		t.Helper()
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(maps.Keys(m))
	}
	for _, c := range []struct{ ours, theirs any }{
		{groupInfoSetTips{}, &sdkws.GroupInfoSetTips{}},
		{groupTips{}, &sdkws.GroupInfoSetNameTips{}},
		{groupTips{}, &sdkws.GroupInfoSetAnnouncementTips{}},
		{groupMutedTips{}, &sdkws.GroupMutedTips{}},
		{groupMutedTips{}, &sdkws.GroupCancelMutedTips{}},
		{joinApplicationTips{}, &sdkws.JoinGroupApplicationTips{}},
		{applicationAnsweredTips{}, &sdkws.GroupApplicationAcceptedTips{}},
		{applicationAnsweredTips{}, &sdkws.GroupApplicationRejectedTips{}},
		{memberQuitTips{}, &sdkws.MemberQuitTips{}},
		{memberKickedTips{}, &sdkws.MemberKickedTips{}},
		{memberInvitedTips{}, &sdkws.MemberInvitedTips{}},
		{memberEnterTips{}, &sdkws.MemberEnterTips{}},
		{ownerTransferredTips{}, &sdkws.GroupOwnerTransferredTips{}},
		{groupDismissedTips{}, &sdkws.GroupDismissedTips{}},
		{memberMutedTips{}, &sdkws.GroupMemberMutedTips{}},
		{memberMuteCancelledTips{}, &sdkws.GroupMemberCancelMutedTips{}},
		{memberInfoSetTips{}, &sdkws.GroupMemberInfoSetTips{}},
		{groupCreatedTips{}, &sdkws.GroupCreatedTips{}},
	} {
		if d := cmp.Diff(keys(c.theirs), keys(c.ours)); d != "" {
			t.Errorf("%T as %T (-theirs +ours):\n%s", c.ours, c.theirs, d)
		}
	}
}
