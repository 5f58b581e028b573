package store

import "context"

// MaxActivityRows is how many messages Activity looks at.
const MaxActivityRows = 20_000_000

// Statistics counts what there is. Days are days in UTC, by their number since 1970.
type Statistics interface {
	// UserGrowth counts accounts by the time of their registration, from inclusive to exclusive.
	UserGrowth(ctx context.Context, from, to int64) (Growth, error)
	// GroupGrowth counts groups by the time of their creation; those dismissed count, too.
	GroupGrowth(ctx context.Context, from, to int64) (Growth, error)
	// Activity counts stored messages of chats by the time they were sent. im.Invalid
	// if more than MaxActivityRows were stored since the beginning of the time.
	Activity(ctx context.Context, q ActivityQuery) (Activity, error)
}

// Growth is a number and how it came about.
type Growth struct {
	Total  int64           // of all times
	Before int64           // before the range
	PerDay map[int64]int64 // in the range; days without any are left out
}

// ActivityQuery says which messages are counted, and of whom.
type ActivityQuery struct {
	From, To      int64 // sent at From or later and before To
	Single, Group bool  // chats of two, groups
	ByGroup       bool  // ranks the groups rather than the senders; Single must not be set
	Ascending     bool  // the least active first
	Offset, Limit int   // of Ranked
}

// Activity is the messages of a time.
type Activity struct {
	Messages int64
	Members  int64 // distinct senders, or groups
	PerDay   map[int64]int64
	Ranked   []Ranked // by count, then id
}

// Ranked is a sender or a group with its number of messages.
type Ranked struct {
	ID    string
	Count int64
}
