package gateway

import (
	"fmt"

	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/push"
	"github.com/openimsdk/protocol/sdkws"
	"google.golang.org/protobuf/proto"

	"parley/internal/im"
	"parley/internal/presence"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

// serve answers one request other than a send (gateway.md 4). The result is the
// whole frame; nil if it was queued already.
func (c *conn) serve(req *frame.Request) ([]byte, error) {
	switch req.ReqIdentifier {
	case wire.ReqPullByRange, wire.ReqPullBySeqs, wire.ReqReadAndMaxSeq, wire.ReqSetBackground:
		if req.OperationID == "" || req.MsgIncr == "" {
			return nil, fmt.Errorf("%w: operationID or msgIncr is empty", errRequest)
		}
	}
	switch req.ReqIdentifier {
	case wire.ReqNewestSeq:
		return c.newestSeqs(req)
	case wire.ReqPullByRange:
		return c.pullByRange(req)
	case wire.ReqPullBySeqs:
		return c.pullBySeqs(req)
	case wire.ReqReadAndMaxSeq:
		return c.readAndMaxSeqs(req)
	case wire.ReqLastMessage:
		return c.lastMessages(req)
	case wire.ReqLogout:
		return c.logout(req)
	case wire.ReqSetBackground:
		return c.setBackground(req)
	case wire.ReqSubscribeOnline:
		return c.subscribe(req)
	case wire.ReqSendSignal:
		return nil, im.Errorf(im.Invalid, "gateway.serve", "signalling messages are not supported")
	}
	panic(fmt.Sprintf("gateway: request %d has a name and no handler", req.ReqIdentifier))
}

func badRequest(err error) error { return fmt.Errorf("%w: %w", errRequest, err) }

// decode decodes the data of a request.
func decode(req *frame.Request, into proto.Message) error {
	if err := proto.Unmarshal(req.Data, into); err != nil {
		return badRequest(err)
	}
	return nil
}

// encode encodes the answer to a request.
func (c *conn) encode(req *frame.Request, m proto.Message) ([]byte, error) {
	data, err := proto.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("gateway.encode: %w", err)
	}
	return c.reply(req, data), nil
}

func (c *conn) newestSeqs(req *frame.Request) ([]byte, error) {
	var q sdkws.GetMaxSeqReq
	if err := decode(req, &q); err != nil {
		return nil, err
	}
	ctx, done := c.within()
	defer done()
	seqs, err := c.g.service.NewestSeqs(ctx, c.operator(req), q.UserID)
	if err != nil {
		return nil, err
	}
	return c.encode(req, &sdkws.GetMaxSeqResp{MaxSeqs: seqs})
}

func (c *conn) pullByRange(req *frame.Request) ([]byte, error) {
	var q sdkws.PullMessageBySeqsReq
	if err := decode(req, &q); err != nil {
		return nil, err
	}
	ranges := make([]im.SeqRange, 0, len(q.SeqRanges))
	for _, r := range q.SeqRanges {
		ranges = append(ranges, im.SeqRange{ConversationID: r.GetConversationID(), Begin: r.GetBegin(), End: r.GetEnd(), Num: r.GetNum()})
	}
	ctx, done := c.within()
	defer done()
	pulled, err := c.g.service.Pull(ctx, c.operator(req), q.UserID, ranges, im.PullOrder(q.Order))
	if err != nil {
		return nil, err
	}
	return c.pulled(req, pulled), nil
}

func (c *conn) pullBySeqs(req *frame.Request) ([]byte, error) {
	var q msg.GetSeqMessageReq
	if err := decode(req, &q); err != nil {
		return nil, err
	}
	lists := make([]im.SeqList, 0, len(q.Conversations))
	for _, l := range q.Conversations {
		lists = append(lists, im.SeqList{ConversationID: l.GetConversationID(), Seqs: l.GetSeqs()})
	}
	ctx, done := c.within()
	defer done()
	pulled, err := c.g.service.PullSeqs(ctx, c.operator(req), q.UserID, lists, im.PullOrder(q.Order))
	if err != nil {
		return nil, err
	}
	return c.pulled(req, pulled), nil
}

func (c *conn) lastMessages(req *frame.Request) ([]byte, error) {
	var q msg.GetLastMessageReq
	if err := decode(req, &q); err != nil {
		return nil, err
	}
	ctx, done := c.within()
	defer done()
	last, err := c.g.service.LastMessages(ctx, c.operator(req), q.UserID, q.ConversationIDs)
	if err != nil {
		return nil, err
	}
	return c.lastPulled(req, last), nil
}

func (c *conn) readAndMaxSeqs(req *frame.Request) ([]byte, error) {
	var q msg.GetConversationsHasReadAndMaxSeqReq
	if err := decode(req, &q); err != nil {
		return nil, err
	}
	ctx, done := c.within()
	defer done()
	states, pinned, err := c.g.service.ReadAndMaxSeqs(ctx, c.operator(req), q.UserID, q.ConversationIDs, q.ReturnPinned)
	if err != nil {
		return nil, err
	}
	resp := &msg.GetConversationsHasReadAndMaxSeqResp{
		Seqs: make(map[string]*msg.Seqs, len(states)), PinnedConversationIDs: pinned,
	}
	for id, s := range states {
		resp.Seqs[id] = &msg.Seqs{MaxSeq: s.MaxSeq, HasReadSeq: s.HasReadSeq, MaxSeqTime: s.MaxSeqTime}
	}
	return c.encode(req, resp)
}

// logout forgets the device at the vendors' push services. The token stays valid
// (gateway.md 4); the connection is closed after the answer.
func (c *conn) logout(req *frame.Request) ([]byte, error) {
	var q push.DelUserPushTokenReq
	if err := decode(req, &q); err != nil {
		return nil, err
	}
	if c.g.pushTokens != nil {
		ctx, done := c.within()
		defer done()
		if err := c.g.pushTokens.DeletePushToken(ctx, c.operator(req), q.UserID, im.Platform(q.PlatformID)); err != nil {
			return nil, err
		}
	}
	return c.encode(req, &push.DelUserPushTokenResp{})
}

// setBackground ignores the request's userID, which clients leave empty.
func (c *conn) setBackground(req *frame.Request) ([]byte, error) {
	var q sdkws.SetAppBackgroundStatusReq
	if err := decode(req, &q); err != nil {
		return nil, err
	}
	c.background.Store(q.IsBackground)
	return c.reply(req, nil), nil
}

// subscribe answers with the state of each asked user. The answer is queued here
// rather than by the caller: changes that follow it must not overtake it.
func (c *conn) subscribe(req *frame.Request) ([]byte, error) {
	var q sdkws.SubUserOnlineStatus
	if err := decode(req, &q); err != nil {
		return nil, err
	}
	sub := c.subscription()
	if sub == nil {
		return nil, nil // the connection leaves: nobody waits
	}
	err := sub.Update(q.UnsubscribeUserID, q.SubscribeUserID, func(states []im.OnlineStatus) {
		payload, err := c.encode(req, presenceTips(states...))
		if err != nil {
			payload = c.refusal(req, err)
		}
		c.answer(c.bounded(req, payload))
	})
	return nil, err
}

// presenceChanged pushes a change of presence (gateway.md 8).
func (c *conn) presenceChanged(ch *presence.Change) {
	payload := ch.Encoded(int(c.codec), func(s im.OnlineStatus) []byte {
		data, err := proto.Marshal(presenceTips(s))
		if err != nil { // the id came in by protobuf, so it goes out by it
			c.g.log.Error("encoding a change of presence", "user", s.UserID, "op", c.operationID, "err", err)
			return nil
		}
		return c.codec.AppendResponse(nil, &frame.Response{ReqIdentifier: wire.ReqSubscribeOnline, Data: data})
	})
	if payload != nil {
		c.push(opBinary, payload)
	}
}

func presenceTips(states ...im.OnlineStatus) *sdkws.SubUserOnlineStatusTips {
	tips := &sdkws.SubUserOnlineStatusTips{Subscribers: make([]*sdkws.SubUserOnlineStatusElem, 0, len(states))}
	for _, s := range states {
		e := &sdkws.SubUserOnlineStatusElem{UserID: s.UserID}
		for _, p := range s.Platforms {
			e.OnlinePlatformIDs = append(e.OnlinePlatformIDs, int32(p))
		}
		tips.Subscribers = append(tips.Subscribers, e)
	}
	return tips
}
