// Package webhook tells a business server what happened: it builds the bodies
// of callbacks (webhooks.md) and delivers the events of the transactional
// outbox to the configured URL, at least once and in order per lane
// (webhook-delivery.md 6).
//
// # What it owns
//
// Config says which callbacks are wanted and how they are sent; Registry knows the
// endpoints, and who is told of an event. The body functions make what is kept in
// the outbox, or what is sent for a stored message. Dispatcher moves rows of the
// outbox over HTTP. Asker makes the calls that a request waits for.
//
// Delivery never touches a user's request, never gives an event up by itself, and
// writes to the store only what became of events, leases, and pauses.
//
// # Life of an event
//
// There is a row for each endpoint that is told. The reader loads fresh rows behind
// a cursor that all endpoints share; one without room falls behind, and is
// read by itself until it has caught up (read.go). Attempted events are loaded when they are
// due. Each goes to its lane; a lane has one event in flight. 2xx moves the row to the log.
// A failure is written to the row with the time of the next attempt,
// and the event holds its lane for at most Config.Hold; then it is parked: it
// leaves memory, comes back when it is due, and the lane goes on meanwhile. An
// event whose schedule is used up stays in the outbox as a dead letter. While the
// breaker is open or the endpoint is paused all lanes
// wait, nothing is attempted, and holds do not run down; when the endpoint is
// back, the events that hold a lane are tried at once, so that an outage does
// not disturb the order. A pause is kept in the store, and so is the last event of the
// backlog that was there when it ended. What is up to there, and
// what is replayed, is sent at Config.ResumeRate.
//
// An endpoint may ask for batches (batch.go): a call then carries the events of several
// lanes that were ready, one of each, and its answer holds for all of them.
//
// An attempt whose outcome could not be written (crash, Stop that ran out of
// time, a lease that was lost) is made again with the same webhook-id.
//
// # Several nodes
//
// With Options.Node set, each endpoint is delivered to by the node that holds its
// lease (lease.go). Outcomes are written in the transaction that renews it.
//
// # Goroutines
//
// A started Dispatcher owns a reader (Dispatcher.read), a marker that writes
// outcomes (Dispatcher.write), an observer that counts the outbox
// (Dispatcher.observe), one that prunes the log (Dispatcher.keepHouse), one that
// keeps leases if there are other nodes (Dispatcher.keepLeases), and for each endpoint up to
// its concurrency of workers while there is something to send (endpoint.run), and one timer
// (endpoint.tick). Stop ends all of them. A started Registry owns one that looks
// for changes (Registry.look). The body functions, Config and Asker start none.
//
// # Limits
//
// At most Config.MaxLoaded events, or about Config.MaxLoadedBytes of bodies, of the
// main endpoint are in memory, and an eighth of that of each other one; one lane
// has at most a sixteenth of them, so that a lane that does
// not move cannot keep others from being read. Request bodies are limited to
// Config.MaxBody, answers are read up to 64 KiB. Outcomes are written in
// batches: 200 rows or 100 ms. There are at most MaxEndpoints endpoints.
package webhook
