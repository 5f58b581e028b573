package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestFullMembersAfterEntry: a full answer about members has the log's own position while
// the notice about new ones may be on its way, because the SDK appends to its list of ids
// whom a notice right after its position names. Later the position lies behind the log's.
// Whoever may know the group as it was before is told of it.
func TestFullMembersAfterEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	full := func() (version uint64, told bool) {
		t.Helper()
		data := w.must("bob", "/group/get_incremental_group_members_batch", `{"userID":"bob","reqList":[{"groupID":"crowd"}]}`)
		text, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			RespList map[string]struct {
				Full    bool
				Version uint64
			}
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if !got.RespList["crowd"].Full {
			t.Fatalf("not full: %s", text)
		}
		told = slices.ContainsFunc(w.effects(), func(e string) bool { return strings.HasPrefix(e, "push 1502 n_crowd seq 0 from bob") })
		return got.RespList["crowd"].Version, told
	}
	want := func(when string, version uint64, tells bool) {
		t.Helper()
		w.effects()
		if v, told := full(); v != version || told != tells {
			t.Errorf("%s: version %d, told %v; want %d, %v", when, v, told, version, tells)
		}
	}
	w.must("alice", "/group/create_group", `{"memberUserIDs":["bob"],"groupInfo":{"groupID":"crowd","groupType":2,"groupName":"x"},"ownerUserID":"alice"}`)
	want("new", 1, false)
	w.must("alice", "/group/invite_user_to_group", `{"groupID":"crowd","invitedUserIDs":["carol"]}`)
	want("carol has just come", 2, true)
	w.must("alice", "/group/mute_group_member", `{"groupID":"crowd","userID":"carol","mutedSeconds":60}`)
	want("and is muted", 3, true)
	w.clock.Add(120_000)
	want("later", 1, true)
	for range 10 {
		w.must("alice", "/group/mute_group", `{"groupID":"crowd"}`)
	}
	want("after changes of the group", 13-8, true)
}
