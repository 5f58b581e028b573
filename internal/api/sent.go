package api

import (
	"sync"
	"time"
)

// Bounds of what is remembered of requests that sent a message: 100,000
// operation ids are some 20 MiB.
const (
	sentSize = 100_000
	sentLife = 24 * time.Hour
)

// sentOperations remembers by which requests a message was sent (rest-msg.md
// 5.2), in memory only. The oldest are forgotten first.
type sentOperations struct {
	mu    sync.Mutex // guards what follows
	byID  map[string]time.Time
	order []string // a ring once it is full
	next  int
}

func (o *sentOperations) add(operationID string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byID == nil {
		o.byID = make(map[string]time.Time)
	}
	if _, known := o.byID[operationID]; !known {
		if len(o.order) < sentSize {
			o.order = append(o.order, operationID)
		} else {
			delete(o.byID, o.order[o.next])
			o.order[o.next] = operationID
			o.next = (o.next + 1) % sentSize
		}
	}
	o.byID[operationID] = time.Now()
}

func (o *sentOperations) has(operationID string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, known := o.byID[operationID]
	return known && time.Since(at) < sentLife
}
