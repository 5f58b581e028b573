package store

import (
	"context"

	"parley/internal/im"
)

// Push reads what offline push keeps.
type Push interface {
	// PushTokens returns the tokens of users that have not expired at now, in no
	// particular order. If silentIn names a conversation, users are left out whose record
	// of it asks for silence.
	PushTokens(ctx context.Context, userIDs []string, silentIn string, now int64) ([]im.PushToken, error)
	// SilentOwners returns those among userIDs whose record of a conversation asks for
	// silence: its receive option is not im.ReceiveAndNotify.
	SilentOwners(ctx context.Context, conversationID string, userIDs []string) ([]string, error)
	// Badges returns the numbers on users' icons; one that is 0 may be left out.
	Badges(ctx context.Context, userIDs []string) (map[string]int64, error)
	// PushIntents returns the newest messages whose pushes were not made yet, newest first.
	PushIntents(ctx context.Context, limit int) ([]im.PushIntent, error)
	// CountPushJobs returns the number of notifications that are not sent.
	CountPushJobs(ctx context.Context) (int, error)
}

// PushClaim takes jobs over for one attempt.
type PushClaim struct {
	Claim string // of the attempt, unique
	Node  string // who makes it
	Now   int64
	Until int64 // when others may take the jobs
	Limit int
	// Together takes only jobs that one request can tell users of: those with the message,
	// the text and the time of the first that is due, unless that is to be sent alone.
	Together bool
}

// PushWriter changes what offline push keeps.
type PushWriter interface {
	// PutPushToken sets the token of a user and platform, also of the notifications that
	// wait for that device, and takes it away from whoever else had it, with what waits for
	// them there: a device belongs to who logged in last.
	PutPushToken(ctx context.Context, t im.PushToken) error
	// DeletePushToken forgets the token of a user and platform, and what waits for that
	// device, if it is this one ("": whatever it is) and was not registered after a time in
	// ms (0: whenever it was).
	DeletePushToken(ctx context.Context, userID string, p im.Platform, token string, registered int64) error
	// SetBadge sets the number on a user's icon.
	SetBadge(ctx context.Context, userID string, badge int64) error
	// RaiseBadges adds one to the numbers of distinct users and returns them.
	RaiseBadges(ctx context.Context, userIDs []string) (map[string]int64, error)

	AddPushIntent(ctx context.Context, i im.PushIntent) error
	// AdvancePushIntent sets DoneTo of an intent.
	AdvancePushIntent(ctx context.Context, messageID, doneTo string) error
	DeletePushIntents(ctx context.Context, messageIDs []string) error

	// AddPushJobs adds notifications that are due at now, or, if there are others for the
	// device, once these are removed. One for a message and device that is there stays as it
	// is.
	AddPushJobs(ctx context.Context, jobs []im.PushJob, now int64) error
	// TrimPushJobs drops the oldest notifications beyond a number, of those that nobody
	// has claimed, and returns how many. What was behind them is due at now.
	TrimPushJobs(ctx context.Context, keep int, now int64) (int, error)
	// AdvancePushJobs makes notifications due at now that nothing is before any more: two
	// nodes that remove one and add another at the same time may miss one another.
	AdvancePushJobs(ctx context.Context, now int64) error
	// ClaimPushJobs takes over notifications that are due and nobody's, in the order they
	// were added. Of those for one device none is taken before the ones added earlier are
	// removed, so a device is told of messages one by one.
	ClaimPushJobs(ctx context.Context, c PushClaim) ([]im.PushJob, error)
	// ReleasePushJobs gives back what a node has claimed.
	ReleasePushJobs(ctx context.Context, node string) error
	// FinishPushJob removes a notification, unless somebody else has claimed it since. The
	// next one for the device is due at now.
	FinishPushJob(ctx context.Context, id int64, claim string, now int64) error
	// RetryPushJob makes a notification due again at a time, counting the attempt, unless
	// somebody else has claimed it since. One that is to be sent alone is not claimed
	// together with others.
	RetryPushJob(ctx context.Context, id int64, claim string, at int64, alone bool) error
}
