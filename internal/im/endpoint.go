package im

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"
)

// Endpoint is a receiver of after events that was made through the API, beside
// the one of the configuration file (webhook-delivery.md 6.9). The JSON form is
// how it is stored; it holds secrets and is never shown.
type Endpoint struct {
	ID          string `json:"-"`
	URL         string `json:"url"`
	Description string `json:"description"`
	// Secrets sign requests, newest first.
	Secrets []EndpointSecret `json:"secrets"`
	// SigningKey is an ed25519 key ("whsk_" and base64) for v1a signatures; empty: none.
	SigningKey string `json:"signingKey"`
	EndpointFilter
	// Rate is the number of events per second, 0: no limit. Concurrency is the number
	// of attempts at a time, 0: the default.
	Rate        int `json:"rate"`
	Concurrency int `json:"concurrency"`
	// Batch is the number of events that one call may carry; 0 or 1: each is a call of its own.
	Batch int `json:"batch,omitempty"`

	PausedAt     int64  `json:"-"` // ms, 0: it is not paused
	PausedReason string `json:"-"`
	// ResumedTo is the id of the last event that was in the outbox when the last pause was
	// ended: what waits up to there is a backlog. 0: no pause was ended.
	ResumedTo int64 `json:"-"`
	CreatedAt int64 `json:"-"`
	UpdatedAt int64 `json:"-"`
	DeletedAt int64 `json:"-"` // ms, 0: it was not removed
}

// EndpointSecret is a symmetric secret ("whsec_" and base64) with the end of its time.
type EndpointSecret struct {
	Key     string `json:"key"`
	ValidTo int64  `json:"validTo"` // ms, 0: without end
}

// EndpointFilter says which events an endpoint is told of: those that every list
// lets pass. An empty list lets everything pass.
type EndpointFilter struct {
	Commands     []Command   `json:"commands"`
	ContentTypes []TypeRange `json:"contentTypes"` // concerns events about a message only
	Denied       []TypeRange `json:"denied"`
	Senders      []string    `json:"senders"`
	Receivers    []string    `json:"receivers"`
	Groups       []string    `json:"groups"`
}

// TypeRange is a range of content types; both ends belong to it.
type TypeRange struct {
	First int32 `json:"first"`
	Last  int32 `json:"last"`
}

// endpointPrefix begins the ids of endpoints, which tells their lanes from those
// of the configuration file's.
const endpointPrefix = "ep_"

// NewEndpointID returns an id for an endpoint.
func NewEndpointID() string { return endpointPrefix + NewID()[:16] }

// NewEventID returns an identifier for an event: opaque, unique, without dots.
// It begins with the time, so that an index of ids grows at its end.
func NewEventID() string {
	raw := [16]byte{}
	ms := uint64(time.Now().UnixMilli())
	for i := range 6 {
		raw[i] = byte(ms >> (8 * (5 - i)))
	}
	a, b := rand.Uint64(), rand.Uint64()
	for i := range 5 {
		raw[6+i], raw[11+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	return eventPrefix + hex.EncodeToString(raw[:])
}

const eventPrefix = "evt_"

// EventIDFrom returns the lowest id that an event made at a time (ms) can have.
func EventIDFrom(ms int64) string {
	var raw [6]byte
	for i := range raw {
		raw[i] = byte(uint64(max(ms, 0)) >> (8 * (5 - i)))
	}
	return eventPrefix + hex.EncodeToString(raw[:]) + strings.Repeat("0", 20)
}

// IsEndpointID reports whether a text begins like the id of an endpoint.
func IsEndpointID(id string) bool { return strings.HasPrefix(id, endpointPrefix) }
