package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openimsdk/protocol/sdkws"
	"github.com/openimsdk/protocol/user"

	"parley/internal/im"
)

// TestContactsHaveTheWiresJSON is TestEntitiesHaveTheWiresJSON for requests and settings.
func TestContactsHaveTheWiresJSON(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]any{
		{im.FriendRequest{}, &sdkws.FriendRequest{}},
		{im.UserCommand{}, &user.CommandInfoResp{}},
		{im.UserCommand{}, &user.AllCommandInfoResp{}},
		{im.ClientConfig{}, &user.ClientConfig{}},
	} {
		if diff := cmp.Diff(keys(t, pair[1]), keys(t, pair[0])); diff != "" {
			t.Errorf("%T: %s", pair[1], diff)
		}
	}
}
