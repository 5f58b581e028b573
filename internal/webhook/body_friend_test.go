package webhook

import (
	"testing"

	"parley/internal/im"
)

func TestFriendBodies(t *testing.T) {
	t.Parallel()
	request := &im.FriendRequest{FromUserID: "u1", ToUserID: "u2", ReqMsg: "it is me", Ex: "x"}
	answer := &im.FriendRequest{FromUserID: "u1", ToUserID: "u2", HandleResult: im.RequestAgreed, HandleMsg: "gladly"}
	checkBodies(t, []bodyCase{
		{im.BeforeAddFriend, AddFriendBody("1718000000000", request), 6},
		{im.AfterAddFriend, FriendAppliedBody(request), 4},
		{im.BeforeAddFriendAgree, FriendAgreeBody(im.BeforeAddFriendAgree, answer), 8},
		{im.AfterAddFriendAgree, FriendAgreeBody(im.AfterAddFriendAgree, answer), 8},
		{im.AfterDeleteFriend, DeleteFriendBody("u1", "u2"), 3},
		{im.BeforeSetFriendRemark, FriendRemarkBody(im.BeforeSetFriendRemark, "u1", "u2", "Bob from work"), 4},
		{im.AfterSetFriendRemark, FriendRemarkBody(im.AfterSetFriendRemark, "u1", "u2", "Bob from work"), 4},
		{im.BeforeImportFriends, ImportFriendsBody(im.BeforeImportFriends, "u1", []string{"u2", "u3"}), 3},
		{im.AfterImportFriends, ImportFriendsBody(im.AfterImportFriends, "u1", []string{"u2"}), 3},
		{im.BeforeAddBlack, BlackBody(im.BeforeAddBlack, "u1", "u2"), 3},
		{im.AfterRemoveBlack, BlackBody(im.AfterRemoveBlack, "u1", "u2"), 3},
	})
}
