package wire

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"parley/internal/im"
	"parley/internal/wire/frame"
)

// ReqIdentifier numbers the kinds of gateway frames (gateway.md 4).
type ReqIdentifier = int32

// The identifiers of requests and pushes.
const (
	ReqNewestSeq       ReqIdentifier = 1001
	ReqPullByRange     ReqIdentifier = 1002
	ReqSend            ReqIdentifier = 1003
	ReqSendSignal      ReqIdentifier = 1004
	ReqPullBySeqs      ReqIdentifier = 1005
	ReqReadAndMaxSeq   ReqIdentifier = 1006
	ReqLastMessage     ReqIdentifier = 1007
	ReqPush            ReqIdentifier = 2001
	ReqKick            ReqIdentifier = 2002
	ReqLogout          ReqIdentifier = 2003
	ReqSetBackground   ReqIdentifier = 2004
	ReqSubscribeOnline ReqIdentifier = 2005
)

// Push is a frame 2001 with messages of one conversation (sdk-facts.md 1). It
// is encoded at most once for each codec and shared by all connections.
type Push struct {
	data        []byte // sdkws.PushMessages
	operationID string
	payloads    [frame.Variants]struct {
		once sync.Once
		b    []byte
	}
}

// NewPush returns a push of messages of one conversation, ascending and contiguous in their numbers.
func NewPush(conversationID, operationID string, records ...im.Record) *Push {
	size := 0
	for i := range records {
		size += len(records[i].Body) + recordOverhead + 4
	}
	value := make([]byte, 0, size)
	for i := range records {
		value = protowire.AppendTag(value, fieldPullMsgs, protowire.BytesType)
		// The length comes before the message, whose length is known only after it was
		// appended: leave room for a three-byte varint, which reaches 2 MiB.
		at := len(value)
		value = append(value, 0, 0, 0)
		value = AppendRecord(value, &records[i])
		n := len(value) - at - 3
		value[at], value[at+1], value[at+2] = byte(n)|0x80, byte(n>>7)|0x80, byte(n>>14)&0x7f
	}
	data := make([]byte, 0, len(value)+len(conversationID)+16)
	return &Push{data: appendConversation(data, conversationID, value), operationID: operationID}
}

// OperationID returns the id of the request that caused the push, or "".
func (p *Push) OperationID() string { return p.operationID }

// Payload returns the frame for a codec. Callers must not change it.
func (p *Push) Payload(c frame.Codec) []byte {
	v := &p.payloads[c]
	v.once.Do(func() {
		v.b = c.AppendResponse(nil, &frame.Response{ReqIdentifier: ReqPush, OperationID: p.operationID, Data: p.data})
	})
	return v.b
}
