package wire

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"parley/internal/im"
)

// codes is the one table of wire codes: kind of error to number and fixed name (errors.md 4).
var codes = map[im.Kind]struct {
	code int
	msg  string
}{
	im.Internal:             {500, "ServerInternalError"},
	im.Invalid:              {1001, "ArgsError"},
	im.Denied:               {1002, "NoPermissionError"},
	im.Duplicate:            {1003, "DuplicateKeyError"},
	im.NotFound:             {1004, "RecordNotFoundError"},
	im.UserNotFound:         {1101, "UserIDNotFoundError"},
	im.AlreadyRegistered:    {1102, "RegisteredAlreadyError"},
	im.GroupNotFound:        {1201, "GroupIDNotFoundError"},
	im.GroupExists:          {1202, "GroupIDExisted"},
	im.NotInGroup:           {1203, "NotInGroupYetError"},
	im.GroupIsDismissed:     {1204, "DismissedAlreadyError"},
	im.GroupTypeUnsupported: {1205, ""},
	im.GroupRequestHandled:  {1206, "GroupRequestHandled"},
	im.CannotAddSelf:        {1301, "CanNotAddYourselfError"},
	im.BlockedByPeer:        {1302, "BlockedByPeer"},
	im.NotPeersFriend:       {1303, "NotPeersFriend"},
	im.AlreadyFriends:       {1304, "RelationshipAlreadyError"},
	im.FriendRequestHandled: {1305, "FriendRequestHandled"},
	im.MutedInGroup:         {1402, "MutedInGroup"},
	im.MutedGroup:           {1403, "MutedGroup"},
	im.AlreadyRevoked:       {1404, "MsgAlreadyRevoke"},
	im.TokenExpired:         {1501, "TokenExpiredError"},
	im.TokenInvalid:         {1502, "TokenInvalidError"},
	im.TokenMalformed:       {1503, "TokenMalformedError"},
	im.TokenNotYetValid:     {1504, "TokenNotValidYetError"},
	im.TokenUnknown:         {1505, "TokenUnknownError"},
	im.TokenKicked:          {1506, "TokenKickedError"},
	im.TokenNotExist:        {1507, "TokenNotExistError"},
	im.ConnectionLimit:      {1601, "ConnOverMaxNumLimit"},
	im.ConnectionArgs:       {1602, "args err, need token, sendID, platformID"},
	im.Busy:                 {http.StatusInternalServerError, "ServerInternalError"},
	im.CallbackUnreachable:  {90004, "NetworkError"},
	im.CallbackUnreadable:   {90007, "DataError"},
	im.TooMany:              {http.StatusTooManyRequests, "TooManyRequests"},
	im.UploadExpired:        {1701, "FileUploadedExpiredError"},
	im.DataMismatch:         {90007, "DataError"},
	im.Unusable:             {http.StatusInternalServerError, "ServerInternalError"},
}

// Status is an error as clients see it. The zero Status is success.
type Status struct {
	Code int    `json:"errCode"`
	Msg  string `json:"errMsg"`
	Dlt  string `json:"errDlt"`
}

// Codes returns the codes of all kinds of errors with their names, in ascending
// order, each once.
func Codes() []Status {
	seen := map[int]bool{}
	var out []Status
	for _, c := range codes {
		if !seen[c.code] {
			seen[c.code] = true
			out = append(out, Status{Code: c.code, Msg: c.msg})
		}
	}
	slices.SortFunc(out, func(a, b Status) int { return cmp.Compare(a.Code, b.Code) })
	return out
}

// StatusOf returns what a client is told of an error (errors.md 3). The cause of
// an unclassified error stays in the server's log: it may name tables and addresses.
func StatusOf(err error) Status {
	if err == nil {
		return Status{}
	}
	var r *im.Refusal
	if errors.As(err, &r) {
		return Status{Code: r.Code, Msg: r.Msg, Dlt: r.Dlt}
	}
	var e *im.Error
	if !errors.As(err, &e) {
		e = &im.Error{}
	}
	c := codes[e.Kind]
	return Status{Code: c.code, Msg: c.msg, Dlt: e.Detail}
}
