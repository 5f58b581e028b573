package webhook

import (
	"parley/internal/im"
)

// AddFriendBody returns the body of BeforeAddFriend (E.1, 6 keys).
func AddFriendBody(operationID string, r *im.FriendRequest) []byte {
	return encode(&struct {
		CallbackCommand string `json:"callbackCommand"`
		FromUserID      string `json:"fromUserID"`
		ToUserID        string `json:"toUserID"`
		ReqMsg          string `json:"reqMsg"`
		Ex              string `json:"ex"`
		OperationID     string `json:"operationID"`
	}{im.BeforeAddFriend.String(), r.FromUserID, r.ToUserID, r.ReqMsg, r.Ex, operationID})
}

// FriendAppliedBody returns the body of AfterAddFriend (E.2, 4 keys).
func FriendAppliedBody(r *im.FriendRequest) []byte {
	return encode(&struct {
		CallbackCommand string `json:"callbackCommand"`
		FromUserID      string `json:"fromUserID"`
		ToUserID        string `json:"toUserID"`
		ReqMsg          string `json:"reqMsg"`
	}{im.AfterAddFriend.String(), r.FromUserID, r.ToUserID, r.ReqMsg})
}

// FriendAgreeBody returns the body of BeforeAddFriendAgree (E.3) or
// AfterAddFriendAgree (E.4): 8 keys, three values under two names each. FromUserID
// is who asked for the friendship, ToUserID who agrees.
func FriendAgreeBody(cmd im.Command, r *im.FriendRequest) []byte {
	return encode(&struct {
		CallbackCommand     string `json:"callbackCommand"`
		FromUserID          string `json:"fromUserID"`
		BlackUserID         string `json:"blackUserID"`
		CapitalHandleResult int32  `json:"HandleResult"`
		CapitalHandleMsg    string `json:"HandleMsg"`
		ToUserID            string `json:"toUserID"`
		HandleResult        int32  `json:"handleResult"`
		HandleMsg           string `json:"handleMsg"`
	}{cmd.String(), r.FromUserID, r.ToUserID, r.HandleResult, r.HandleMsg, r.ToUserID, r.HandleResult, r.HandleMsg})
}

// DeleteFriendBody returns the body of AfterDeleteFriend (E.5, 3 keys).
func DeleteFriendBody(ownerID, friendID string) []byte {
	return encode(&struct {
		CallbackCommand string `json:"callbackCommand"`
		OwnerUserID     string `json:"ownerUserID"`
		FriendUserID    string `json:"friendUserID"`
	}{im.AfterDeleteFriend.String(), ownerID, friendID})
}

// FriendRemarkBody returns the body of BeforeSetFriendRemark (E.6) or
// AfterSetFriendRemark (E.7): 4 keys.
func FriendRemarkBody(cmd im.Command, ownerID, friendID, remark string) []byte {
	return encode(&struct {
		CallbackCommand string `json:"callbackCommand"`
		OwnerUserID     string `json:"ownerUserID"`
		FriendUserID    string `json:"friendUserID"`
		Remark          string `json:"remark"`
	}{cmd.String(), ownerID, friendID, remark})
}

// ImportFriendsBody returns the body of BeforeImportFriends (E.8) or
// AfterImportFriends (E.9): 3 keys.
func ImportFriendsBody(cmd im.Command, ownerID string, friendIDs []string) []byte {
	return encode(&struct {
		CallbackCommand string   `json:"callbackCommand"`
		OwnerUserID     string   `json:"ownerUserID"`
		FriendUserIDs   []string `json:"friendUserIDs"`
	}{cmd.String(), ownerID, list(friendIDs)})
}

// BlackBody returns the body of BeforeAddBlack (E.10) or AfterRemoveBlack (E.11): 3 keys.
func BlackBody(cmd im.Command, ownerID, blackID string) []byte {
	return encode(&struct {
		CallbackCommand string `json:"callbackCommand"`
		OwnerUserID     string `json:"ownerUserID"`
		BlackUserID     string `json:"blackUserID"`
	}{cmd.String(), ownerID, blackID})
}
