package api

import (
	"context"
	"time"

	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/sdkws"

	"parley/internal/im"
	"parley/internal/wire"
)

// Messages is sending, reading, and having read.
type Messages interface {
	// Send accepts a message. It calls done exactly once, before it returns or later
	// from any goroutine, and does not touch the message after that. done must not block.
	Send(ctx context.Context, op im.Operator, m *im.Message, done func(im.SendResult, error))
	// NewestSeqs returns the last number of each of a user's conversations.
	NewestSeqs(ctx context.Context, op im.Operator, userID string) (map[string]int64, error)
	// Pull returns messages by ranges of numbers.
	Pull(ctx context.Context, op im.Operator, userID string, ranges []im.SeqRange, order im.PullOrder) ([]im.Pulled, error)
	// MarkMessagesRead marks single messages as read.
	MarkMessagesRead(ctx context.Context, op im.Operator, userID, conversationID string, seqs []int64) error
	// MarkConversationRead marks a conversation as read up to a number.
	MarkConversationRead(ctx context.Context, op im.Operator, userID, conversationID string, hasRead int64, seqs []int64) error
	// SetReadSeq raises a user's read position and tells nobody else.
	SetReadSeq(ctx context.Context, op im.Operator, userID, conversationID string, hasRead int64) error
	// ReadAndMaxSeqs returns a user's positions, and the pinned conversations if asked for.
	ReadAndMaxSeqs(ctx context.Context, op im.Operator, userID string, conversationIDs []string, pinned bool) (map[string]im.ReadState, []string, error)
}

// maxSeqs is sdkws.GetMaxSeqResp, of which the server never fills minSeqs.
type maxSeqs struct {
	MaxSeqs map[string]int64 `json:"maxSeqs,omitempty"`
}

func (a *API) newestSeq(ctx context.Context, op im.Operator, q *sdkws.GetMaxSeqReq) (maxSeqs, error) {
	seqs, err := a.service.NewestSeqs(ctx, op, q.UserID)
	return maxSeqs{seqs}, err
}

func (a *API) pullBySeq(ctx context.Context, op im.Operator, q *sdkws.PullMessageBySeqsReq) (*sdkws.PullMessageBySeqsResp, error) {
	ranges := make([]im.SeqRange, len(q.SeqRanges))
	for i, r := range q.SeqRanges { // the getters take a null entry
		ranges[i] = im.SeqRange{ConversationID: r.GetConversationID(), Begin: r.GetBegin(), End: r.GetEnd(), Num: r.GetNum()}
	}
	pulled, err := a.service.Pull(ctx, op, q.UserID, ranges, im.PullOrder(q.Order))
	if err != nil {
		return nil, err
	}
	return wire.PulledMsgs(pulled)
}

func (a *API) markMsgsRead(ctx context.Context, op im.Operator, q *msg.MarkMsgsAsReadReq) (none, error) {
	return none{}, a.service.MarkMessagesRead(ctx, op, q.UserID, q.ConversationID, q.Seqs)
}

func (a *API) markConversationRead(ctx context.Context, op im.Operator, q *msg.MarkConversationAsReadReq) (none, error) {
	return none{}, a.service.MarkConversationRead(ctx, op, q.UserID, q.ConversationID, q.HasReadSeq, q.Seqs)
}

func (a *API) setHasReadSeq(ctx context.Context, op im.Operator, q *msg.SetConversationHasReadSeqReq) (none, error) {
	return none{}, a.service.SetReadSeq(ctx, op, q.UserID, q.ConversationID, q.HasReadSeq)
}

// readStates is msg.GetConversationsHasReadAndMaxSeqResp.
type readStates struct {
	Seqs                  map[string]im.ReadState `json:"seqs,omitempty"`
	PinnedConversationIDs []string                `json:"pinnedConversationIDs"`
}

func (a *API) readAndMaxSeqs(ctx context.Context, op im.Operator, q *msg.GetConversationsHasReadAndMaxSeqReq) (readStates, error) {
	states, pinned, err := a.service.ReadAndMaxSeqs(ctx, op, q.UserID, q.ConversationIDs, q.ReturnPinned)
	return readStates{states, pinned}, err
}

// serverTime is msg.GetServerTimeResp.
type serverTime struct {
	ServerTime int64 `json:"serverTime"`
}

func (a *API) serverTime(context.Context, im.Operator, *msg.GetServerTimeReq) (serverTime, error) {
	return serverTime{time.Now().UnixMilli()}, nil
}
