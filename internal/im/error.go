package im

import (
	"errors"
	"fmt"
)

// Kind classifies an error for whoever decides on it. Package wire maps each
// kind to its code and name on the wire; nothing below it knows the numbers.
type Kind uint8

// The kinds of errors. Internal is the zero value: whatever is not classified.
const (
	Internal Kind = iota
	Invalid
	Denied
	Duplicate
	NotFound
	UserNotFound
	AlreadyRegistered
	GroupNotFound
	GroupExists
	NotInGroup
	GroupIsDismissed
	GroupTypeUnsupported
	GroupRequestHandled
	CannotAddSelf
	BlockedByPeer
	NotPeersFriend
	AlreadyFriends
	FriendRequestHandled
	MutedInGroup
	MutedGroup
	AlreadyRevoked
	TokenExpired
	TokenInvalid
	TokenMalformed
	TokenNotYetValid
	TokenUnknown
	TokenKicked
	TokenNotExist
	ConnectionLimit
	ConnectionArgs
	Busy
	CallbackUnreachable
	CallbackUnreadable
	UploadExpired
	// DataMismatch is data that is not what was announced, or that cannot be made as it must be.
	DataMismatch
	// Unusable is a fault of the caller's that the protocol has no code of its own for.
	Unusable
	TooMany // over a limit of requests or messages in a time
	kinds   // number of kinds
)

// Kinds returns every kind, for tests of tables.
func Kinds() []Kind {
	out := make([]Kind, kinds)
	for i := range out {
		out[i] = Kind(i)
	}
	return out
}

// Error is an error with a kind. Op names the operation that failed; Detail is
// for the caller (errDlt on the wire) and holds no secret.
type Error struct {
	Kind   Kind
	Op     string
	Detail string
	Err    error
}

// Error returns the chain of operations and causes on one line.
func (e *Error) Error() string {
	s := e.Op
	for _, part := range []string{e.Detail, errText(e.Err)} {
		if part == "" {
			continue
		}
		if s != "" {
			s += ": "
		}
		s += part
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Errorf returns an error of a kind whose detail is formatted for the caller.
func Errorf(kind Kind, op, format string, args ...any) error {
	return &Error{Kind: kind, Op: op, Detail: fmt.Sprintf(format, args...)}
}

// KindOf returns the kind of the first Error in err's chain, or Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// IsKind reports whether err is of a kind.
func IsKind(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Refusal is a business server's own answer to a request it stopped: its code
// and texts travel to the user unchanged (webhooks.md 1.6).
type Refusal struct {
	Code     int
	Msg, Dlt string
}

// Error returns the refusal on one line.
func (r *Refusal) Error() string {
	return fmt.Sprintf("refused by the business server: %d %s %s", r.Code, r.Msg, r.Dlt)
}
