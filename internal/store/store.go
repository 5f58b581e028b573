// Package store declares what the server keeps and how it is asked for: one
// interface per noun, a transaction, and the append path of the message log.
//
// sqlstore implements it with one SQL text for both engines; sqlite and
// postgres open an engine; storetest is the suite both must pass. Implementations
// report im.NotFound for a record that is not there and im.Internal for a
// failing database; they never log and start no goroutine of their own.
package store

import (
	"context"

	"parley/internal/im"
)

// Store is a database. Its Reader sees what is committed.
type Store interface {
	Reader
	// Update runs fn in a write transaction; an error from fn rolls it back and is
	// returned as it is. fn may run again from the start when the transaction lost a
	// conflict with another node's. im.Busy if the context ends before its turn comes.
	Update(ctx context.Context, fn func(Tx) error) error
	// Append commits items together: numbers, rows, events. A failing Item.With
	// fails its item alone (Item.Err); an error means that nothing was committed.
	Append(ctx context.Context, items []*Item) error
	// Shards is the number of appends that may usefully run at the same time.
	// Callers keep all messages of one conversation in one of them.
	Shards() int
	// OnEvents has fn told of the events of each transaction, right after its commit and
	// on its goroutine: fn must not block, and must not change them. It is called once,
	// before the store is used.
	OnEvents(fn func(events []*im.Event))
	// Ping reports whether the database answers.
	Ping(ctx context.Context) error
	Close() error
}

// Tx is an open write transaction. It must not be used after its function has returned.
type Tx interface {
	Reader
	Writer
}

// Reader is everything that can be asked.
type Reader interface {
	Users
	Tokens
	Groups
	GroupSearch
	GroupRequests
	Friends
	Contacts
	FriendRequests
	UserLists
	UserCommands
	ClientConfigs
	ClientLogs
	Statistics
	Objects
	Push
	Conversations
	Messages
	Alterations
	RecordLists
	Versions
	Outbox
	HookLog
	Endpoints
}

// Writer is everything that can be changed inside a transaction.
type Writer interface {
	UserWriter
	ContactWriter
	FriendRequestWriter
	UserCommandWriter
	ClientConfigWriter
	ClientLogWriter
	ObjectWriter
	PushWriter
	TokenWriter
	GroupWriter
	GroupChanger
	GroupRequestWriter
	ReaderWriter
	ManyVersions
	ConversationWriter
	MessageWriter
	AlterationWriter
	RecordWriter
	VersionWriter
	OutboxWriter
	HookLogWriter
	EndpointWriter
	OnlineWriter
}

// Users reads accounts.
type Users interface {
	User(ctx context.Context, userID string) (*im.User, error)
	// Users returns the users that exist among ids, in no particular order.
	Users(ctx context.Context, ids []string) ([]im.User, error)
}

// UserWriter changes accounts.
type UserWriter interface {
	// InsertUsers stores new users; im.AlreadyRegistered if any of the ids exists.
	InsertUsers(ctx context.Context, users []im.User) error
	// PatchUser changes the given fields; im.NotFound if there is no such user.
	PatchUser(ctx context.Context, userID string, p im.UserPatch) error
	// PutAdmin creates an app administrator, or renames it.
	PutAdmin(ctx context.Context, userID, nickname string, now int64) error
}

// TokenState is the state of a stored token (gateway.md 7.2).
type TokenState int16

// The states that are ever written.
const (
	TokenNormal TokenState = 0
	TokenKicked TokenState = 2
)

// Token is a token that was given out. The token itself is not kept, only its SHA-256.
type Token struct {
	UserID    string
	Platform  im.Platform
	Hash      string
	State     TokenState
	CreatedAt int64
	ValidTo   int64 // ms; after it the token does not exist any more
}

// Tokens reads given-out tokens.
type Tokens interface {
	// Token returns one token, or im.NotFound.
	Token(ctx context.Context, userID string, p im.Platform, hash string) (*Token, error)
	// Tokens returns all tokens of a user, oldest first.
	Tokens(ctx context.Context, userID string) ([]Token, error)
}

// TokenWriter changes given-out tokens.
type TokenWriter interface {
	PutToken(ctx context.Context, t Token) error
	DeleteToken(ctx context.Context, t Token) error
}

// MemberState is what the send path needs of a member.
type MemberState struct {
	UserID      string
	RoleLevel   int32
	MuteEndTime int64
}

// MemberID names a member.
type MemberID struct{ GroupID, UserID string }

// Groups reads groups and members.
type Groups interface {
	Group(ctx context.Context, groupID string) (*im.Group, error)
	// Groups returns the groups that exist among ids, in no particular order.
	Groups(ctx context.Context, ids []string) ([]im.Group, error)
	// Members returns the members among userIDs, nickname and face filled from the user.
	Members(ctx context.Context, groupID string, userIDs []string) ([]im.Member, error)
	// MembersEach is Members of several groups; ids are distinct.
	MembersEach(ctx context.Context, ids []MemberID) ([]im.Member, error)
	// MembersPage returns members by role descending, then joining order.
	MembersPage(ctx context.Context, groupID string, offset, limit int) ([]im.Member, error)
	// MemberIDs returns all member ids in the order of MembersPage.
	MemberIDs(ctx context.Context, groupID string) ([]string, error)
	// MemberStates returns all members in no particular order.
	MemberStates(ctx context.Context, groupID string) ([]MemberState, error)
	// JoinedGroupIDs returns the groups of a user by name, then creation. A group that is
	// being dismissed is one of them until the user is removed from it.
	JoinedGroupIDs(ctx context.Context, userID string) ([]string, error)
	// JoinedGroups returns a page of the same groups, and their number. Which groups are on
	// the page goes by the time the user joined, so that no renaming moves one from page to
	// page; on it they are in the order of JoinedGroupIDs.
	JoinedGroups(ctx context.Context, userID string, offset, limit int) ([]im.Group, int, error)
	// JoinedAmong returns those among groupIDs that are live groups of a user, in no particular order.
	JoinedAmong(ctx context.Context, userID string, groupIDs []string) ([]string, error)
	// GroupsShowingProfile returns the live groups in which a user shows the name or
	// picture of the user's own profile, having set none for the group.
	GroupsShowingProfile(ctx context.Context, userID string) ([]string, error)
}

// GroupWriter changes groups and members.
type GroupWriter interface {
	// InsertGroup stores a new group; im.GroupExists if the id is taken.
	InsertGroup(ctx context.Context, g im.Group) error
	// InsertMembers adds members and raises the group's count.
	InsertMembers(ctx context.Context, groupID string, members []im.Member) error
}

// Friends reads contacts and block lists.
type Friends interface {
	// FriendIDs returns a user's friends, pinned first, then oldest first.
	FriendIDs(ctx context.Context, ownerID string) ([]string, error)
	// Friends returns the entries among friendIDs in no particular order.
	Friends(ctx context.Context, ownerID string, friendIDs []string) ([]im.Friend, error)
	// FriendsPage returns a page of the entries in the order of FriendIDs, and their number.
	FriendsPage(ctx context.Context, ownerID string, offset, limit int) ([]im.Friend, int, error)
	// Blacks returns a page of a user's block list, oldest first, and its length.
	Blacks(ctx context.Context, ownerID string, offset, limit int) ([]im.Black, int, error)
}

// ConversationSeq joins what the log and a user know of one conversation of the user.
type ConversationSeq struct {
	State  im.SeqState
	User   im.UserSeqs
	Bound  int64 // the record's MaxSeq: 0 = none
	Pinned bool
	// CreateTime is when the record was made.
	CreateTime int64
}

// Conversations reads conversation records and positions.
type Conversations interface {
	Conversation(ctx context.Context, ownerID, conversationID string) (*im.Conversation, error)
	// Conversations returns the records that exist among ids, in no particular order; all of them when ids is nil.
	Conversations(ctx context.Context, ownerID string, ids []string) ([]im.Conversation, error)
	// ConversationIDs returns the ids of a user's records, oldest record first.
	ConversationIDs(ctx context.Context, ownerID string) ([]string, error)
	// ConversationsPage returns a page of a user's records in the order of
	// ConversationIDs, and their number.
	ConversationsPage(ctx context.Context, ownerID string, offset, limit int) ([]im.Conversation, int, error)
	// ConversationSeqs returns positions for the records of a user that exist among
	// ids, in no particular order; for all of them when ids is nil.
	ConversationSeqs(ctx context.Context, ownerID string, ids []string) ([]ConversationSeq, error)
	// SeqStates returns the states of conversations; an empty conversation is left out.
	SeqStates(ctx context.Context, ids []string) (map[string]im.SeqState, error)
	// UserSeqs returns a user's positions; one that was never set is left out.
	UserSeqs(ctx context.Context, userID string, ids []string) (map[string]im.UserSeqs, error)
}

// ConversationWriter changes conversation records and positions.
type ConversationWriter interface {
	// InsertConversations stores the records that do not exist yet and returns those.
	InsertConversations(ctx context.Context, records []im.Conversation, now int64) ([]im.Conversation, error)
	// RaiseReadSeq raises a user's read position and returns it as it was and as it is.
	RaiseReadSeq(ctx context.Context, userID, conversationID string, seq int64) (before, after int64, err error)
}

// Messages reads the log.
type Messages interface {
	// Messages returns the stored messages lo..hi of a conversation, ascending.
	Messages(ctx context.Context, conversationID string, lo, hi int64) ([]im.Record, error)
	// MessagesAt returns the stored messages with these numbers, ascending.
	MessagesAt(ctx context.Context, conversationID string, seqs []int64) ([]im.Record, error)
	// LastMessage returns the newest stored message within lo..hi, or im.NotFound.
	LastMessage(ctx context.Context, conversationID string, lo, hi int64) (*im.Record, error)
	// RecentMessages returns the newest messages of the whole log that were stored
	// after a time, newest first, without bodies.
	RecentMessages(ctx context.Context, since int64, limit int) ([]im.Record, error)
}

// MessageWriter changes stored messages.
type MessageWriter interface {
	// SetRead marks as read the messages lo..hi and those in seqs that userID did not send.
	SetRead(ctx context.Context, conversationID, userID string, lo, hi int64, seqs []int64) error
}

// Versions reads version logs.
type Versions interface {
	// Head returns a log's position; the zero Version if the log does not exist.
	Head(ctx context.Context, list im.List, owner string) (im.Version, error)
	// Since says what changed in a log since a client's position; a log that does
	// not exist answers Full with a zero Version.
	Since(ctx context.Context, list im.List, owner string, from im.Version) (im.Delta, error)
	// SinceEach is Since for the logs of several owners, each since a position of its own.
	SinceEach(ctx context.Context, list im.List, from map[string]im.Version) (map[string]im.Delta, error)
	// Logged returns those among elements that a log has an entry of, in no particular order.
	Logged(ctx context.Context, list im.List, owner string, elements []string) ([]string, error)
}

// VersionWriter changes version logs.
type VersionWriter interface {
	// Step records one change of a list, of all elements at once (incremental-sync.md 3).
	Step(ctx context.Context, list im.List, owner string, change im.Change, elements ...string) (im.Version, error)
	// OpenLog returns the log's position and creates the log if need be.
	OpenLog(ctx context.Context, list im.List, owner string) (im.Version, error)
}

// Item is one unit of an append: what it holds commits together or not at all.
type Item struct {
	// With runs in the transaction before any message of the append is numbered. As the
	// other functions below it may run again, from the start of the append. Nil: nothing to do.
	With func(ctx context.Context, tx Tx) error
	// Messages are numbered and stored in order.
	Messages []*NewMessage
	// Err is set by Append when With failed, and to im.GroupIsDismissed when a message came
	// for a closed conversation: nothing of the item was stored.
	Err error
}

// NewMessage is a message to be stored. Append sets Record.Seq and the events' ids.
type NewMessage struct {
	Record im.Record
	// Closing is set if the message enters a closed conversation, too (GroupChanger.CloseChat).
	Closing bool
	// RaiseRead raises the sender's read position to the message (messages.md 3).
	RaiseRead bool
	// Events about this message; their Lane is the conversation.
	Events []*im.Event
	// First runs in the transaction if this is number 1 of its conversation.
	First func(ctx context.Context, tx Tx) error
	// Returned runs in the transaction if records of the conversation were dropped
	// since its last message (RecordWriter.DropConversations). Nil: they stay dropped.
	Returned func(ctx context.Context, tx Tx) error
	// After runs in the transaction once the message has its number.
	After func(ctx context.Context, tx Tx, seq int64) error
}
