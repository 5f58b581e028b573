package store

import (
	"context"

	"parley/internal/im"
)

// OutboxEvent is an event to be sent, with the stored message it speaks of, if any.
type OutboxEvent struct {
	im.Event
	Message   []byte // body of the message, for commands that carry one; nil if it is gone
	FailedAt  int64  // ms of the first failure since Base; 0: there was none
	Base      int    // attempts that do not count for the schedule: a replay begins it anew
	Dead      bool   // the schedule is used up, or the event cannot be sent
	LastError string
}

// Backlog is what waits for one endpoint.
type Backlog struct {
	// Waiting were never attempted. Above BacklogExact the number is an estimate, from
	// the share that they have of a part of the table.
	Waiting int64
	// Retrying and Dead are counted up to BacklogExact.
	Retrying, Dead int64
	Oldest         int64 // creation of the first one that was never attempted or waits for its retry, ms; 0: there is none
}

// BacklogExact is how many rows are counted one by one.
const BacklogExact = 20_000

// Outbox reads events that were not delivered yet.
type Outbox interface {
	// Events returns fresh events (never attempted) of all endpoints with an id above
	// after, in order. Ids are given in commit order, so a reader that goes on from
	// the last id it saw misses none.
	Events(ctx context.Context, after int64, limit int) ([]OutboxEvent, error)
	// EndpointEvents is Events for one endpoint.
	EndpointEvents(ctx context.Context, endpoint string, after int64, limit int) ([]OutboxEvent, error)
	// LastEvent returns the highest id in the outbox; 0 if it is empty.
	LastEvent(ctx context.Context) (int64, error)
	// DueEvents returns attempted events of an endpoint whose next attempt is due at
	// now, oldest due first. Dead ones are never due.
	DueEvents(ctx context.Context, endpoint string, now int64, limit int) ([]OutboxEvent, error)
	// Backlog counts what waits for an endpoint, at a bounded cost.
	Backlog(ctx context.Context, endpoint string) (Backlog, error)
}

// Attempt is what came of one call.
type Attempt struct {
	Number int   // from 1
	At     int64 // ms
	Status int   // HTTP status, 0: there was no answer
	Took   int64 // ms
	Error  string
	Answer []byte // the first bytes of the answer; nil if they are not kept
}

// Retry is the outcome of a failed attempt.
type Retry struct {
	ID       int64
	Attempts int
	NextAt   int64 // ms, never 0
	FailedAt int64 // ms
	Dead     bool
	Error    string
	Attempt  *Attempt // for the log; nil: none is kept
}

// Outcome says how an event ended. It is stored.
type Outcome int16

// The outcomes of events that left the outbox.
const (
	Delivered   Outcome = 1
	Aborted     Outcome = 2 // the receiver wanted no retry
	MessageGone Outcome = 3 // the message was removed before it was told of
	Discarded   Outcome = 4 // a dead letter that an administrator has given up
)

// Settled is an event that is done with.
type Settled struct {
	ID       int64
	Outcome  Outcome
	Attempts int
	At       int64 // ms
	// Last is the attempt that settled it.
	Last Attempt
}

// LogPolicy says what is kept of settled events.
type LogPolicy struct {
	Off    bool // nothing: the rows are deleted
	Bodies bool // bodies of events that speak of no message; without them those cannot be replayed
}

// OutboxWriter changes the outbox.
type OutboxWriter interface {
	// AddEvents stores events and sets their ID and LaneSeq, both at the end of the
	// transaction: a reader on it does not see them.
	AddEvents(ctx context.Context, events []*im.Event) error
	// SettleEvents takes events out of the outbox and into the log.
	SettleEvents(ctx context.Context, events []Settled, keep LogPolicy) error
	RetryEvents(ctx context.Context, retries []Retry) error
	// DeleteEvents deletes events without a trace.
	DeleteEvents(ctx context.Context, ids []int64) error
	// DeleteEndpointEvents deletes up to limit events of a removed endpoint, and
	// counters of as many lanes, and returns how many there were of both.
	DeleteEndpointEvents(ctx context.Context, endpoint string, limit int) (int, error)
}

// EventState says where an event stands; the first three are those of the outbox.
type EventState int8

// The states of events.
const (
	AnyState         EventState = 0
	StateWaiting     EventState = 1 // never attempted
	StateRetrying    EventState = 2
	StateDead        EventState = 3
	StateDelivered   EventState = 4
	StateAborted     EventState = 5
	StateMessageGone EventState = 6
	StateDiscarded   EventState = 7
)

// EventFilter restricts a list of events; zero values do not. From and To (ms,
// To not included) concern the creation.
type EventFilter struct {
	EventID     string
	Endpoint    *string
	State       EventState
	Command     im.Command
	Lane        string
	OperationID string
	From, To    int64
	// OldestFirst turns the list round.
	OldestFirst bool
}

// EventCursor is a place in a list of events. The list has two parts: the outbox
// and then the log, each newest first, or, oldest first, the log and then the
// outbox. The zero value is the start.
type EventCursor struct {
	Part int   // 0 or 1
	ID   int64 // of the last event looked at; 0: the beginning of the part
}

// EventPage is a part of a list of events.
type EventPage struct {
	Events []EventRecord
	Next   EventCursor
	More   bool // the list may go on at Next
}

// EventRecord is an event as it stands in the outbox or in the log.
type EventRecord struct {
	im.Event
	State     EventState
	InLog     bool
	SettledAt int64
	// Last is the last attempt; of events that are still in the outbox only its error.
	Last Attempt
}

// HookLog reads what became of events.
type HookLog interface {
	// HookEvents returns a page of the events that a filter lets pass, without
	// bodies. A page ends after limit events or after a bounded number of rows looked at.
	HookEvents(ctx context.Context, f EventFilter, at EventCursor, limit int) (EventPage, error)
	// HookBody returns the body of an event in the outbox or in the log; nil if it
	// has none of its own.
	HookBody(ctx context.Context, e *EventRecord) ([]byte, error)
	// HookAttempts returns the failed attempts of an event to an endpoint, in order, at most limit.
	HookAttempts(ctx context.Context, eventID, endpoint string, limit int) ([]Attempt, error)
}

// HookLogWriter changes the log.
type HookLogWriter interface {
	// ReplayEvents has events sent again at now: those of the outbox at once, those of
	// the log as new rows with the same id and place in their lane. It returns how
	// many will be sent; one of the log that stands in the outbox already is left
	// out, as is one whose body was not kept.
	ReplayEvents(ctx context.Context, events []EventRecord, now int64) (int, error)
	// DiscardEvents settles those of the events that are dead letters, at a time (ms), and
	// returns them.
	DiscardEvents(ctx context.Context, events []EventRecord, at int64, keep LogPolicy) ([]EventRecord, error)
	// PruneHookLog deletes up to limit of the oldest events and attempts, those
	// settled before a time (ms) and those beyond the newest max rows. It returns how many.
	PruneHookLog(ctx context.Context, before int64, most, limit int) (int, error)
}

// Lease says which node delivers to an endpoint, or has another task that only one
// node may have.
type Lease struct {
	Endpoint string // or the name of the task
	Node     string // empty: it was given back
	Epoch    int64  // rises with every change of hands
	Beat     int64  // rises while the node lives
}

// Endpoints reads receivers of events.
type Endpoints interface {
	// WebhookVersion returns a number that rises with every change of an endpoint.
	WebhookVersion(ctx context.Context) (int64, error)
	// Endpoints returns all endpoints in the order of their creation, those removed
	// whose events are not gone yet among them. The one with the id im.MainEndpoint
	// says only whether the configuration file's is paused, and what its last pause left.
	Endpoints(ctx context.Context) ([]im.Endpoint, error)
	// Leases returns all leases.
	Leases(ctx context.Context) ([]Lease, error)
}

// EndpointWriter changes receivers of events.
type EndpointWriter interface {
	// RaiseWebhookVersion comes first in a transaction that changes endpoints: it tells
	// all nodes, and keeps the changes of two of them apart. It returns the new version.
	RaiseWebhookVersion(ctx context.Context) (int64, error)
	// PutEndpoint stores an endpoint as it is.
	PutEndpoint(ctx context.Context, e *im.Endpoint) error
	// PauseEndpoint notes that an endpoint is paused since a time (ms), or no more (0):
	// what is in the outbox by then is the backlog of the pause (im.Endpoint.ResumedTo). It
	// makes the row of the main endpoint if need be.
	PauseEndpoint(ctx context.Context, id string, at int64, reason string) error
	// ForgetEndpoint removes the row of a removed endpoint.
	ForgetEndpoint(ctx context.Context, id string) error
	// TakeLease gives an endpoint to a node if its lease is still as was says (the zero
	// Lease: there is none), and reports whether it did.
	TakeLease(ctx context.Context, was Lease, node string) (Lease, bool, error)
	// RenewLease raises the beat, and reports whether the lease is still the caller's.
	RenewLease(ctx context.Context, l Lease) (bool, error)
	// ReleaseLease gives a lease to another node, which still has to take it, or back ("").
	ReleaseLease(ctx context.Context, l Lease, to string) error
	// ForgetLease removes a lease for good.
	ForgetLease(ctx context.Context, l Lease) error
}
