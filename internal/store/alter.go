package store

import (
	"context"

	"parley/internal/im"
)

// Alterations reads what became of messages after they were stored. A message
// that was wiped for everybody is seen by nobody, Messages included; its row
// stays while an undelivered event speaks of it.
type Alterations interface {
	// Deletions returns the numbers that a user has deleted for himself or herself,
	// by conversation; spans ascend. Conversations without any are left out.
	Deletions(ctx context.Context, userID string, conversationIDs []string) (map[string][]im.Span, error)
	// Revocations returns what is known of the revoked ones among seqs, in no particular order.
	Revocations(ctx context.Context, conversationID string, seqs []int64) ([]im.Revocation, error)
	// SeqStoredBefore returns the highest number within lo..hi whose message was
	// stored before a time; 0 if there is none.
	SeqStoredBefore(ctx context.Context, conversationID string, lo, hi, before int64) (int64, error)
	// OldMessages returns the oldest messages of the whole log with an id above
	// after, stored before a time, in the order they were stored.
	OldMessages(ctx context.Context, after, before int64, limit int) ([]OldMessage, error)
	// WipedMessages returns the ids of wiped messages that no undelivered event speaks of.
	WipedMessages(ctx context.Context, limit int) ([]int64, error)
	// SearchMessages returns a page of the chats' messages, oldest first, and how many
	// there are; the number is not counted beyond MaxFound.
	SearchMessages(ctx context.Context, f MessageFilter, offset, limit int) ([]im.Record, int, error)
}

// MaxFound is how far SearchMessages counts.
const MaxFound = 100_000

// OldMessage is a row of the log whose time has come.
type OldMessage struct {
	ID             int64
	ConversationID string
	Seq            int64
	Awaited        bool // an undelivered event speaks of it: the row stays
}

// MessageFilter narrows a search; zero fields do not.
type MessageFilter struct {
	SendID      string
	RecvID      string // of a user, or of a group
	ContentType int32
	SessionType im.SessionType
	From, To    int64 // sent at From or later and before To, if To is not 0
}

// AlterationWriter changes what became of messages.
type AlterationWriter interface {
	// DeleteForUser takes numbers away from one reader.
	DeleteForUser(ctx context.Context, userID, conversationID string, spans []im.Span) error
	// Revoke revokes a message; false if it is revoked already, or gone.
	Revoke(ctx context.Context, r im.Revocation) (bool, error)
	// WipeMessages takes messages away from everybody.
	WipeMessages(ctx context.Context, conversationID string, seqs []int64) error
	// PurgeMessages removes rows for good.
	PurgeMessages(ctx context.Context, ids []int64) error
	// RaiseMinSeq moves the first readable number of a conversation up, and forgets
	// what was known of earlier ones.
	RaiseMinSeq(ctx context.Context, conversationID string, seq int64) error
}

// RecordLists reads conversation records of many owners.
type RecordLists interface {
	// ConversationsWith returns records in which the other side is userID, of owners
	// above after, by owner.
	ConversationsWith(ctx context.Context, userID, after string, limit int) ([]im.Conversation, error)
	// DueDestructs returns records whose timed clearing is due at now, in no particular order.
	DueDestructs(ctx context.Context, now int64, limit int) ([]im.Conversation, error)
}

// RecordWriter changes conversation records.
type RecordWriter interface {
	// PatchConversation changes the given settings; im.NotFound if there is no such record.
	PatchConversation(ctx context.Context, ownerID, conversationID string, p im.ConversationPatch) error
	// RaiseUserMinSeq moves the first number that a user may read up, in the user's
	// position and, if there is one, in the record.
	RaiseUserMinSeq(ctx context.Context, userID, conversationID string, seq int64) error
	// SetDestructed notes when a record's timed clearing last ran.
	SetDestructed(ctx context.Context, ownerID, conversationID string, at int64) error
	// DropConversations removes records. The next message of such a conversation
	// calls NewMessage.Returned.
	DropConversations(ctx context.Context, ownerID string, conversationIDs []string) error
	// TakeDropped returns the dropped records of a conversation with their owner,
	// type, user and group, and forgets them.
	TakeDropped(ctx context.Context, conversationID string) ([]im.Conversation, error)
}
