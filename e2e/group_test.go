package e2e

import (
	"slices"
	"testing"

	"github.com/openimsdk/protocol/sdkws"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/wire"
)

func groupText(contentType int32) func(pushed) bool {
	return func(p pushed) bool { return !p.notice && p.m.ContentType == contentType }
}

// pullGroup returns the content types that a user can read of a group's chat.
func pullGroup(t *testing.T, u user, groupID string) (types []int32) {
	t.Helper()
	id := im.GroupConversationID(groupID)
	var resp sdkws.PullMessageBySeqsResp
	err := u.Request(wire.ReqPullByRange, &sdkws.PullMessageBySeqsReq{
		UserID: u.UserID, SeqRanges: []*sdkws.SeqRange{{ConversationID: id, Begin: 1, End: 100, Num: 100}},
	}, &resp)
	if err != nil {
		t.Fatal(err)
	}
	if list := resp.Msgs[id]; list != nil {
		for _, m := range list.Msgs {
			types = append(types, m.ContentType)
		}
	}
	return types
}

// TestGroupLife follows who is told what, and who reads up to where, when members
// come and go.
func TestGroupLife(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, _ *imtest.Hooks) {
		register(t, s, "owner", "kim", "leo", "mia")
		owner, kim := login(t, s, "owner", imtest.DialOptions{}), login(t, s, "kim", imtest.DialOptions{})
		leo, mia := login(t, s, "leo", imtest.DialOptions{}), login(t, s, "mia", imtest.DialOptions{})
		do := func(u user, path string, body imtest.H) {
			t.Helper()
			if err := s.Post(u.token, path, body, nil); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
		do(owner, "/group/create_group", imtest.H{"ownerUserID": "owner", "memberUserIDs": []string{"kim", "leo"}, "groupInfo": imtest.H{"groupID": "g", "groupType": 2, "needVerification": im.VerifyNothing}})
		kim.next(t, "the creation", notice(im.ContentGroupCreated))

		do(mia, "/group/join_group", imtest.H{"groupID": "g", "joinSource": im.JoinBySearch, "inviterUserID": "mia"})
		for _, u := range []user{owner, kim, leo} {
			u.next(t, "mia's entrance to "+u.UserID, notice(im.ContentMemberEntered))
		}
		// Her own two are of two conversations, so they come in either order.
		entrance, record := notice(im.ContentMemberEntered), notice(im.ContentConversationChanged)
		entered, changed := false, false
		mia.next(t, "mia's entrance and her record", func(p pushed) bool {
			entered, changed = entered || entrance(p), changed || record(p)
			return entered && changed
		})

		do(owner, "/group/kick_group", imtest.H{"groupID": "g", "kickedUserIDs": []string{"kim"}})
		for _, u := range []user{owner, kim, leo, mia} {
			u.next(t, "kim's removal to "+u.UserID, groupText(im.ContentMemberKicked))
		}
		do(leo, "/group/quit_group", imtest.H{"groupID": "g"})
		for _, u := range []user{owner, leo, mia} {
			u.next(t, "leo's leaving to "+u.UserID, groupText(im.ContentMemberQuit))
		}
		if _, err := leo.Send(leo.Text("", "g", "still here?")); err == nil {
			t.Error("who has left may speak")
		}
		if _, err := mia.Send(mia.Text("", "g", "they are gone")); err != nil {
			t.Error(err)
		}
		history := []int32{im.ContentGroupCreated, im.ContentMemberEntered, im.ContentMemberKicked, im.ContentMemberQuit, im.ContentText}
		for u, n := range map[*user]int{&kim: 3, &leo: 4, &mia: 5} {
			if got := pullGroup(t, *u, "g"); !slices.Equal(got, history[:n]) {
				t.Errorf("%s reads %v, want %v", u.UserID, got, history[:n])
			}
		}

		do(owner, "/group/invite_user_to_group", imtest.H{"groupID": "g", "invitedUserIDs": []string{"kim"}})
		kim.next(t, "kim's return", notice(im.ContentMemberInvited))
		if got := pullGroup(t, kim, "g"); len(got) != 6 {
			t.Errorf("after the return kim reads %v", got)
		}
		do(owner, "/group/dismiss_group", imtest.H{"groupID": "g"})
		for _, u := range []user{owner, kim, mia} {
			u.next(t, "the end to "+u.UserID, notice(im.ContentGroupDismissed))
			var joined struct{ GroupIDs []string }
			if err := s.Post(u.token, "/group/get_full_join_group_ids", imtest.H{"userID": u.UserID}, &joined); err != nil || len(joined.GroupIDs) != 0 {
				t.Errorf("%s is in %v, %v", u.UserID, joined.GroupIDs, err)
			}
		}
	})
}

// TestHistoryForNewMembers turns the setting off: who enters reads from there on.
func TestHistoryForNewMembers(t *testing.T) {
	t.Parallel()
	s := imtest.Start(t, func(c *config.Config) { c.Group.EnableHistoryForNewMembers = false })
	register(t, s, "owner", "kim")
	owner, kim := login(t, s, "owner", imtest.DialOptions{}), login(t, s, "kim", imtest.DialOptions{})
	if err := s.Post(owner.token, "/group/create_group", imtest.H{"ownerUserID": "owner", "groupInfo": imtest.H{"groupID": "g", "groupType": 2}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Send(owner.Text("", "g", "before")); err != nil {
		t.Fatal(err)
	}
	if err := s.Post(owner.token, "/group/invite_user_to_group", imtest.H{"groupID": "g", "invitedUserIDs": []string{"kim"}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Send(owner.Text("", "g", "after")); err != nil {
		t.Fatal(err)
	}
	if got, want := pullGroup(t, kim, "g"), []int32{im.ContentMemberInvited, im.ContentText}; !slices.Equal(got, want) {
		t.Errorf("kim reads %v, want %v", got, want)
	}
}
