package sink

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
)

// batchPath is the last part of the path of a request that carries a batch.
const batchPath = "batch"

// Batch is the place of a callback among those that came in one request.
type Batch struct {
	ID     string // webhook-id of the request
	Number int    // from 1
	Of     int    // callbacks in the request
}

// String says so behind the answer; "" of a callback that came alone.
func (b Batch) String() string {
	if b.Of == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of %d in one request, %s", b.Number, b.Of, plain(b.ID))
}

// event is an element of a batch: what a request of its own would say in its headers,
// and its body.
type event struct {
	ID          string          `json:"webhook-id"`
	Attempt     int             `json:"webhook-attempt"`
	Sequence    string          `json:"webhook-sequence"`
	OperationID string          `json:"operationID"`
	Command     string          `json:"callbackCommand"`
	Body        json.RawMessage `json:"body"`
}

// unpack returns the callbacks that a request carries: those of a batch, or the request
// itself if it is none, or none that can be read.
func unpack(request Callback, urlPath string) []Callback {
	alone := []Callback{request}
	var events []event
	if path.Base(urlPath) != batchPath || json.Unmarshal(request.Body, &events) != nil || len(events) == 0 {
		return alone
	}
	all := make([]Callback, len(events))
	for i, e := range events {
		if e.ID == "" || e.Command == "" || e.Body == nil {
			return alone
		}
		one := request
		one.Command, one.ID, one.Attempt, one.Sequence, one.OperationID = e.Command, e.ID, strconv.Itoa(e.Attempt), e.Sequence, e.OperationID
		one.Body, one.Batch = e.Body, Batch{request.ID, i + 1, len(events)}
		all[i] = one
	}
	return all
}
