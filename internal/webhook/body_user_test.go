package webhook

import (
	"testing"

	"parley/internal/im"
)

func TestUserBodies(t *testing.T) {
	t.Parallel()
	asked := []im.User{
		{UserID: "u1", Nickname: "Ann", FaceURL: "https://example.com/a.png", Ex: "x", AppMangerLevel: 1, GlobalRecvMsgOpt: 2},
		{UserID: "u2", Nickname: "Bob"},
	}
	stored := append([]im.User{}, asked...)
	for i := range stored {
		stored[i].CreateTime = 1718000000123
	}
	older := im.UserPatch{Nickname: ptr("Anna"), GlobalRecvMsgOpt: ptr(int32(1))}
	profile := im.UserPatch{Nickname: ptr("Anna"), Ex: ptr("")}
	checkBodies(t, []bodyCase{
		{im.BeforeUserRegister, RegisterBody(im.BeforeUserRegister, asked), 2},
		{im.AfterUserRegister, RegisterBody(im.AfterUserRegister, stored), 2},
		{im.BeforeUpdateUserInfo, ProfileBody(im.BeforeUpdateUserInfo, "u1", older), 5},
		{im.AfterUpdateUserInfo, ProfileBody(im.AfterUpdateUserInfo, "u1", older), 5},
		{im.BeforeUpdateUserInfoEx, ProfileBody(im.BeforeUpdateUserInfoEx, "u1", profile), 5},
		{im.AfterUpdateUserInfoEx, ProfileBody(im.AfterUpdateUserInfoEx, "u1", profile), 5},
	})
}
