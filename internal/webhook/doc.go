// Package webhook tells a business server what happened: it builds the bodies
// of callbacks (webhooks.md) and delivers the events of the transactional
// outbox to the configured URL, at least once and in order per lane
// (webhook-delivery.md 6).
//
// # What it owns
//
// Config says which callbacks are wanted and how they are sent; the service
// asks it which events to write into the transaction of a change. The body
// functions make what is kept in the outbox, or what is sent for a stored
// message. Dispatcher moves rows of the outbox over HTTP.
//
// It never touches a user's request, never gives an event up by itself, and never
// writes to the store but to delete a row that is done with or to note a failed attempt.
//
// # Life of an event
//
// The reader loads fresh events behind a cursor, and attempted ones when they
// are due. Each goes to its lane; a lane has one event in flight. 2xx deletes
// the row. A failure is written to the row with the time of the next attempt,
// and the event holds its lane for at most Config.Hold; then it is parked: it
// leaves memory, comes back when it is due, and the lane goes on meanwhile. An
// event whose schedule is used up stays in the outbox as a dead letter
// (DeadLetterAt). While the breaker is open or the endpoint is paused all lanes
// wait, nothing is attempted, and holds do not run down; when the endpoint is
// back, the events that hold a lane are tried at once, so that an outage does
// not disturb the order.
//
// An attempt whose outcome could not be written (crash, Stop that ran out of
// time) is made again with the same webhook-id.
//
// # Goroutines
//
// A started Dispatcher owns Config.Concurrency workers (endpoint.run), a
// reader (Dispatcher.read), a marker that writes outcomes (Dispatcher.write), an
// observer that reads the size of the outbox (Dispatcher.observe), and one timer
// (endpoint.tick). Stop ends all of them. The body functions and Config start none.
//
// # Limits
//
// At most Config.MaxLoaded events, or about Config.MaxLoadedBytes of bodies, are
// in memory; one lane has at most a sixteenth of them, so that a lane that does
// not move cannot keep others from being read. Request bodies are limited to
// Config.MaxBody, answers are read up to 64 KiB. Outcomes are written in
// batches: 200 rows or 100 ms.
//
// One process delivers: the ownership of lanes by several nodes is not here yet.
package webhook
