package im

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"time"
)

// List is a list that clients keep in step through a version log (incremental-sync.md 2).
type List int16

// The logged lists and whose they are.
const (
	ListFriends       List = 1 // owner: user id; elements: friends' user ids
	ListJoinedGroups  List = 2 // owner: user id; elements: group ids
	ListMembers       List = 3 // owner: group id; elements: user ids
	ListConversations List = 4 // owner: user id; elements: conversation ids
	ListBlacks        List = 5 // owner: user id; elements: blocked users' ids
)

// Change is what a log entry says of its element.
type Change int16

// The states of a log entry, as the reference numbers them.
const (
	ChangeInsert Change = 1
	ChangeDelete Change = 2
	ChangeUpdate Change = 3
)

// Pseudo elements of a log; they never appear in an answer (incremental-sync.md 2).
const (
	SortMarker  = "____S_O_R_T_I_D____" // the order of the list changed
	GroupMarker = ""                    // the group's own record changed
)

// Version is a position in a version log: the log's identity (24 lower-case hex
// digits) and a number that starts at 1.
type Version struct {
	ID     string
	Number uint64
}

// NewVersionID returns the identity of a fresh log: unique, never all zero.
func NewVersionID(now time.Time) string {
	var b [12]byte
	binary.BigEndian.PutUint32(b[:4], uint32(now.Unix()))
	binary.BigEndian.PutUint64(b[4:], rand.Uint64())
	return hex.EncodeToString(b[:])
}

// ValidVersionID reports whether a client's version id has the form of one.
func ValidVersionID(id string) bool {
	if len(id) != 24 {
		return false
	}
	zero := true
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
		zero = zero && c == '0'
	}
	return !zero
}

// Delta is the answer to "what changed since" (incremental-sync.md 4.1): ids
// only, each in at most one list; all nil when Full.
type Delta struct {
	Version
	Full        bool
	Delete      []string
	Insert      []string
	Update      []string
	SortVersion uint64 // number of the sort marker if it lies above the client's, else 0
	Touched     bool   // some entry other than the sort marker lies above the client's number
}

// MaxDelta is the number of log entries above which a client is told to reload in full.
const MaxDelta = 200

// IDHash is the hash of an ordered id list by which a client could ask whether
// its list is current (incremental-sync.md 7.1).
func IDHash(ids []string) uint64 {
	if len(ids) == 0 {
		return 0
	}
	text, err := json.Marshal(ids)
	if err != nil {
		panic("im: a list of strings always marshals: " + err.Error())
	}
	sum := md5.Sum(text)
	return binary.BigEndian.Uint64(sum[:8])
}
