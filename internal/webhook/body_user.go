package webhook

import (
	"parley/internal/im"
)

// RegisterBody returns the body of BeforeUserRegister (F.1) or AfterUserRegister
// (F.2): 2 keys. Share the users of one request out with RegisterBatches.
func RegisterBody(cmd im.Command, users []im.User) []byte {
	return encode(&struct {
		CallbackCommand string    `json:"callbackCommand"`
		Users           []im.User `json:"users"`
	}{cmd.String(), list(users)})
}

// bodyMargin is left free in a batch for what stands around the list.
const bodyMargin = 1 << 10

// RegisterBatches shares the users of one registration out so that each part makes
// a body that receivers accept: mostly one part. A back end registers thousands at
// once, and a body that is too large would reach nobody.
func RegisterBatches(users []im.User) [][]im.User {
	var out [][]im.User
	size, from := 0, 0
	for i := range users {
		n := len(encode(&users[i])) + len(",")
		if size+n > maxBody-bodyMargin && i > from {
			out = append(out, users[from:i])
			size, from = 0, i
		}
		size += n
	}
	return append(out, users[from:])
}

// ProfileBody returns the body of a callback about a changed profile (F.3 to F.6,
// 5 keys). What the user does not change is null in the Ex forms and empty in the
// others.
func ProfileBody(cmd im.Command, userID string, p im.UserPatch) []byte {
	if cmd == im.BeforeUpdateUserInfo || cmd == im.AfterUpdateUserInfo {
		filled(&p.Nickname, &p.FaceURL, &p.Ex)
	}
	return encode(&struct {
		CallbackCommand string  `json:"callbackCommand"`
		UserID          string  `json:"userID"`
		NickName        *string `json:"nickName"`
		FaceURL         *string `json:"faceURL"`
		Ex              *string `json:"ex"`
	}{cmd.String(), userID, p.Nickname, p.FaceURL, p.Ex})
}
