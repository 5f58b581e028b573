package service

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/openimsdk/protocol/sdkws"
)

// TestMessageTips holds the contents of notifications about conversations and
// messages equal to the generated structs: the same keys.
func TestMessageTips(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ours, theirs any }{
		{conversationUpdateTips{}, &sdkws.ConversationUpdateTips{}},
		{conversationSetPrivateTips{}, &sdkws.ConversationSetPrivateTips{}},
		{clearConversationTips{}, &sdkws.ClearConversationTips{}},
		{deleteMsgsTips{}, &sdkws.DeleteMsgsTips{}},
		{revokeMsgTips{}, &sdkws.RevokeMsgTips{}},
		{messageRevokedContent{}, &sdkws.MessageRevokedContent{}},
	} {
		keys := func(v any) []string {
			var m map[string]json.RawMessage
			text, err := json.Marshal(v)
			if err == nil {
				err = json.Unmarshal(text, &m)
			}
			if err != nil {
				t.Fatal(err)
			}
			return slices.Sorted(maps.Keys(m))
		}
		if ours, theirs := keys(c.ours), keys(c.theirs); !slices.Equal(ours, theirs) {
			t.Errorf("%T has the keys %v, the wire wants %v", c.ours, ours, theirs)
		}
	}
}
