package gateway

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/sdkws"
	"google.golang.org/protobuf/proto"

	"parley/internal/im"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

// sendAnswerSize is what the answer to a message counts for before it is encoded:
// about what it takes uncompressed.
const sendAnswerSize = 320

// submit hands a frame to the worker. While too many wait it blocks, and the
// client with it. It reports false once the connection leaves; then, and while it
// drains, the frame is dropped.
func (c *conn) submit(b *[]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.phase == serving && c.crowded(len(*b)) {
		c.deaf()
		c.moved.Wait()
	}
	if c.phase != serving {
		c.g.release(b)
		return c.phase < leaving
	}
	c.requests = append(c.requests, b)
	c.requestBytes += len(*b)
	if !c.working {
		c.working = true
		c.g.running.Add(1) // the reader is counted, so it is not zero
		go c.work()
	}
	return true
}

// crowded reports whether a frame of n bytes has to wait for others to be handled.
// Together they take no more than one frame may. c.mu is held.
func (c *conn) crowded(n int) bool {
	l := &c.g.limits
	return len(c.requests) >= l.Requests || len(c.requests) > 0 && c.requestBytes+n > l.Frame
}

// work is the worker: it handles requests in their order until none waits.
func (c *conn) work() {
	defer c.g.running.Done()
	var req frame.Request
	defer func() {
		if p := recover(); p != nil {
			c.panicked(p, req.OperationID)
			c.leave(causePanic, nil)
			c.mu.Lock()
			c.working = false
			c.mu.Unlock()
		}
	}()
	for b := c.next(); b != nil; b = c.next() {
		err := c.codec.DecodeRequest(*b, c.g.limits.Decoded, &req)
		c.g.release(b)
		switch {
		case err != nil:
			c.g.log.Debug("undecodable frame", "conn", c.ID(), "user", c.userID, "op", c.operationID, "err", err)
			c.leave(causeMalformed, nil)
		case req.SendID != c.userID:
			c.leave(causeSendID, nil)
		default:
			c.handle(&req)
		}
	}
}

// next returns the next request, or nil after it has ended the worker's life. A
// client that leaves many answers unread gets no more before it reads.
func (c *conn) next() *[]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.phase < leaving && len(c.requests) > 0 && c.out.answerBytes > answerRoom {
		c.moved.Wait()
	}
	if c.phase >= leaving || len(c.requests) == 0 {
		c.working = false
		c.drained()
		return nil
	}
	b := c.requests[0]
	n := copy(c.requests, c.requests[1:])
	c.requests[n] = nil
	c.requests = c.requests[:n]
	c.requestBytes -= len(*b)
	c.moved.Broadcast()
	return b
}

// await waits until at most n messages are without an answer. It reports false if
// the connection leaves.
func (c *conn) await(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.phase < leaving && len(c.sends) > n {
		c.moved.Wait()
	}
	return c.phase < leaving
}

// handle serves one request. Answers go out in the order of the requests: sends
// wait for their commit without holding up further sends, everything else waits
// for the sends before it.
func (c *conn) handle(req *frame.Request) {
	name := requestName(req.ReqIdentifier)
	switch {
	case name == "":
		c.leave(causeRequest, nil)
	case req.ReqIdentifier == wire.ReqSend:
		c.send(req)
	case c.await(0):
		began := time.Now()
		payload, err := c.serve(req)
		if err != nil {
			payload = c.refusal(req, err)
		}
		if payload != nil {
			c.answer(c.bounded(req, payload))
		}
		c.g.metrics.requests[req.ReqIdentifier].Observe(time.Since(began).Seconds())
		if req.ReqIdentifier == wire.ReqLogout {
			c.leave(causeLogout, nil)
		}
	}
}

// within returns a context for one request, which also ends with the connection.
// The caller calls done.
func (c *conn) within() (ctx context.Context, done func()) {
	ctx, cancel := context.WithTimeout(c.g.ctx, c.g.limits.RequestTimeout)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = cancel
	if c.phase >= leaving {
		cancel()
	}
	return ctx, func() {
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.cancel = nil
	}
}

func (c *conn) operator(req *frame.Request) im.Operator {
	return im.Operator{UserID: c.userID, Platform: c.cred.Platform, Admin: c.admin, OperationID: req.OperationID}
}

// reply encodes the answer to a request.
func (c *conn) reply(req *frame.Request, data []byte) []byte {
	return c.codec.AppendResponse(nil, &frame.Response{
		ReqIdentifier: req.ReqIdentifier, MsgIncr: req.MsgIncr, OperationID: req.OperationID, Data: data,
	})
}

// refusal encodes the answer to a request that failed.
func (c *conn) refusal(req *frame.Request, err error) []byte {
	st := c.failed(req.ReqIdentifier, req.OperationID, err)
	return c.codec.AppendResponse(nil, &frame.Response{
		ReqIdentifier: req.ReqIdentifier, MsgIncr: req.MsgIncr, OperationID: req.OperationID,
		ErrCode: st.Code, ErrMsg: st.Msg,
	})
}

// errRequest is wrapped by the error for a request that is not well formed. Its
// code is 500, as on the reference server (gateway.md 4), but it is not our fault.
var errRequest = errors.New("bad request")

// failed counts an error, logs it if it is ours, and returns what the client is told.
func (c *conn) failed(id wire.ReqIdentifier, operationID string, err error) wire.Status {
	st := wire.StatusOf(err)
	name := requestName(id)
	code := strconv.Itoa(st.Code)
	var refused *im.Refusal
	if errors.As(err, &refused) {
		code = "refused" // the business server's codes are without number
	}
	c.g.metrics.errors.WithLabelValues(name, code).Inc()
	level := slog.LevelDebug
	if ours(err) {
		level = slog.LevelError
	}
	if ctx := context.Background(); c.g.log.Enabled(ctx, level) { // the id is made for the log only
		c.g.log.Log(ctx, level, "request failed", "conn", c.ID(), "user", c.userID, "op", operationID, "request", name, "code", st.Code, "err", err)
	}
	return st
}

// ours reports whether an error is the server's fault rather than an answer.
func ours(err error) bool {
	var refused *im.Refusal
	return im.IsKind(err, im.Internal) && !errors.As(err, &refused) &&
		!errors.Is(err, errRequest) && !errors.Is(err, context.Canceled)
}

// bounded returns the answer, or an error in its place if the client could not
// take it: a frame above its limit makes it reconnect and ask again, for ever.
func (c *conn) bounded(req *frame.Request, payload []byte) []byte {
	if len(payload) <= c.g.limits.Answer {
		return payload
	}
	c.g.metrics.oversized.Inc()
	c.g.log.Warn("answer is too large for the client", "conn", c.ID(), "user", c.userID, "op", req.OperationID,
		"request", requestName(req.ReqIdentifier), "bytes", len(payload))
	return c.codec.AppendResponse(nil, &frame.Response{
		ReqIdentifier: req.ReqIdentifier, MsgIncr: req.MsgIncr, OperationID: req.OperationID,
		ErrCode: wire.StatusOf(errRequest).Code, ErrMsg: wire.StatusOf(errRequest).Msg,
	})
}

// send is a message on its way to its commit. Its answer is encoded by the writer:
// done runs on the committer's goroutine, which serves everybody.
type send struct {
	c           *conn
	msgIncr     string
	operationID string
	began       time.Time
	// The rest is guarded by c.mu until finished, and does not change after that.
	finished bool
	result   im.SendResult
	err      error
}

// send passes a message on and does not wait for its commit. It waits where the
// business server is asked first, and with it the later requests of the connection:
// messages keep their order, and the reader goes on answering pings.
func (c *conn) send(req *frame.Request) {
	if !c.await(c.g.limits.Sends - 1) {
		return
	}
	s := &send{c: c, msgIncr: req.MsgIncr, operationID: req.OperationID, began: time.Now()}
	c.mu.Lock()
	c.sends = append(c.sends, s)
	c.mu.Unlock()
	var d sdkws.MsgData
	if err := proto.Unmarshal(req.Data, &d); err != nil {
		s.done(im.SendResult{}, badRequest(err))
		return
	}
	c.g.service.Send(c.whileHere(), c.operator(req), wire.Message(&d), s.done)
}

// whileHere returns a context that ends with the connection. All its messages share
// it: most connections send none, and a message needs no time limit of its own.
func (c *conn) whileHere() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sending == nil {
		c.sending, c.cancelSends = context.WithCancel(c.g.ctx)
		if c.phase >= leaving {
			c.cancelSends()
		}
	}
	return c.sending
}

// done records the outcome and queues the answer, behind those of earlier sends.
func (s *send) done(r im.SendResult, err error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.finished {
		return
	}
	s.finished, s.result, s.err = true, r, err
	n := 0
	for n < len(c.sends) && c.sends[n].finished {
		if c.phase < leaving {
			c.out.put(outgoing{op: opBinary, send: c.sends[n], answer: true})
		}
		n++
	}
	if n == 0 {
		return
	}
	rest := copy(c.sends, c.sends[n:])
	clear(c.sends[rest:])
	c.sends = c.sends[:rest]
	c.startWriter()
	c.moved.Broadcast()
	c.drained()
}

// encode returns the answer. It is called by the writer, once.
func (s *send) encode() []byte {
	c := s.c
	payload, err := s.reply(s.result.Modified)
	if len(payload) > c.g.limits.Answer {
		// The message is stored; that it was changed, the client learns by its push.
		c.g.metrics.oversized.Inc()
		payload, err = s.reply(nil)
	}
	if err != nil {
		st := c.failed(wire.ReqSend, s.operationID, err)
		payload = c.codec.AppendResponse(nil, &frame.Response{
			ReqIdentifier: wire.ReqSend, MsgIncr: s.msgIncr, OperationID: s.operationID, ErrCode: st.Code, ErrMsg: st.Msg,
		})
	}
	c.g.metrics.requests[wire.ReqSend].Observe(time.Since(s.began).Seconds())
	return payload
}

// reply encodes the answer to a message that was stored, or returns why it was not.
func (s *send) reply(modified *im.Message) ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	r := msg.SendMsgResp{ServerMsgID: s.result.ServerMsgID, ClientMsgID: s.result.ClientMsgID, SendTime: s.result.SendTime}
	if modified != nil {
		r.Modify = wire.MsgData(modified)
	}
	data, err := proto.Marshal(&r)
	if err != nil {
		return nil, err
	}
	return s.c.codec.AppendResponse(nil, &frame.Response{
		ReqIdentifier: wire.ReqSend, MsgIncr: s.msgIncr, OperationID: s.operationID, Data: data,
	}), nil
}
