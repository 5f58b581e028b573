// Package im is the vocabulary of an OpenIM-compatible messenger: identifiers,
// users, groups, conversations, messages, events, errors, and the rules about
// them that need no I/O. Read it first.
//
// It imports the standard library only and starts no goroutine. The JSON names
// of its entities are those of the wire (the generated structs of
// openimsdk/protocol), so that one type serves REST answers, notification
// contents and callback bodies; package wire has a test that holds them equal.
// Times are milliseconds since 1970 unless a field says otherwise.
package im

import (
	"encoding/hex"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Platform is a kind of terminal (gateway.md 7.3).
type Platform int32

// The platforms of the wire.
const (
	PlatformIOS       Platform = 1
	PlatformAndroid   Platform = 2
	PlatformWindows   Platform = 3
	PlatformOSX       Platform = 4
	PlatformWeb       Platform = 5
	PlatformMiniWeb   Platform = 6
	PlatformLinux     Platform = 7
	PlatformAPad      Platform = 8
	PlatformIPad      Platform = 9
	PlatformAdmin     Platform = 10
	PlatformHarmonyOS Platform = 11
	PlatformBot       Platform = 12
)

var platformNames = [...]string{
	PlatformIOS: "IOS", PlatformAndroid: "Android", PlatformWindows: "Windows", PlatformOSX: "OSX",
	PlatformWeb: "Web", PlatformMiniWeb: "MiniWeb", PlatformLinux: "Linux", PlatformAPad: "APad",
	PlatformIPad: "IPad", PlatformAdmin: "Admin", PlatformHarmonyOS: "HarmonyOS", PlatformBot: "Bot",
}

// Valid reports whether p is one of the platforms 1 to 12.
func (p Platform) Valid() bool { return p >= PlatformIOS && p <= PlatformBot }

// String returns the name callbacks carry, such as "Android"; "" for an unknown platform.
func (p Platform) String() string {
	if !p.Valid() {
		return ""
	}
	return platformNames[p]
}

// PlatformClass groups platforms that exclude one another under the login
// policies 4 and 5. Platforms without a class of several are each their own.
type PlatformClass int32

// The classes of several platforms; every other platform p has class PlatformClass(p).
const (
	ClassMobile PlatformClass = 101
	ClassPC     PlatformClass = 102
	ClassPad    PlatformClass = 103
)

// Class returns the class of p (gateway.md 7.3).
func (p Platform) Class() PlatformClass {
	switch p {
	case PlatformIOS, PlatformAndroid:
		return ClassMobile
	case PlatformWindows, PlatformOSX, PlatformLinux:
		return ClassPC
	case PlatformAPad, PlatformIPad:
		return ClassPad
	}
	return PlatformClass(p)
}

// SessionType is the kind of a conversation (messages.md 1.1).
type SessionType int32

// The session types of the wire. 2 is the never-used old group type.
const (
	SessionSingle       SessionType = 1
	SessionWriteGroup   SessionType = 2
	SessionGroup        SessionType = 3
	SessionNotification SessionType = 4
)

// NewID returns 32 random hex digits: the form of serverMsgID and of server-made clientMsgIDs.
// It identifies, it does not authenticate: nothing may rely on it being unguessable.
func NewID() string {
	var raw [16]byte
	for i := 0; i < len(raw); i += 8 {
		v := rand.Uint64()
		for j := range 8 {
			raw[i+j] = byte(v >> (8 * j))
		}
	}
	return hex.EncodeToString(raw[:])
}

// maxOperations is how many requests one line of the log names.
const maxOperations = 16

// Operations is what the log calls several requests: the distinct ids that are not
// empty, the first 16 of them, joined with commas, then "+" and the number of those not
// named. Without any it is a new id.
func Operations(ids iter.Seq[string]) string {
	var named []string
	more, seen := 0, map[string]bool{}
	for id := range ids {
		switch {
		case id == "" || seen[id]:
			continue
		case len(named) == maxOperations:
			more++
		default:
			named = append(named, id)
		}
		seen[id] = true
	}
	switch {
	case len(named) == 0:
		return NewID()
	case more > 0:
		named = append(named, "+"+strconv.Itoa(more))
	}
	return strings.Join(named, ",")
}

// SingleConversationID returns the id of the chat of two users; the order of the arguments does not matter.
func SingleConversationID(a, b string) string { return pairID("si_", a, b) }

// NotificationAccountConversationID returns the id of the chat between a user and a notification account.
func NotificationAccountConversationID(a, b string) string { return pairID("sn_", a, b) }

// GroupConversationID returns the id of a group's chat.
func GroupConversationID(groupID string) string { return "sg_" + groupID }

func pairID(prefix, a, b string) string {
	if b < a {
		a, b = b, a
	}
	return prefix + a + "_" + b
}

// NotificationID returns the notification conversation that goes with a chat
// conversation: what follows the first '_', with the prefix "n_".
func NotificationID(conversationID string) string { return "n_" + ConversationRoot(conversationID) }

// ConversationRoot returns what follows the first '_' of a conversation id. A
// chat and its notification conversation share their root, so whatever orders
// deliveries by root keeps the two in step.
func ConversationRoot(conversationID string) string {
	_, root, _ := strings.Cut(conversationID, "_")
	return root
}

// IsNotificationID reports whether the id names a notification conversation.
func IsNotificationID(conversationID string) bool { return strings.HasPrefix(conversationID, "n_") }

// Operator is who asks for something, and by which request.
type Operator struct {
	UserID      string
	Platform    Platform
	Admin       bool // one of the configured app administrators
	OperationID string
}

// Is reports whether the operator may act for a user: it is that user or an administrator.
func (o Operator) Is(userID string) bool { return o.Admin || o.UserID == userID }
