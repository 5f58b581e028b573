package imtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/sdkws"
	"google.golang.org/protobuf/proto"

	"parley/internal/im"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

// patience bounds the wait for an answer: what takes so long never comes. It is far
// above what a busy machine needs.
const patience = 2 * time.Minute

// maxFrame is what a client reads, as the SDK does.
const maxFrame = 1 << 20

// Client is one connection to the gateway.
type Client struct {
	UserID string
	// Pushed gets each pushed message, in order, from the reader's goroutine. Set it by DialOptions.
	conn  *websocket.Conn
	codec frame.Codec
	push  func(*sdkws.MsgData, bool)

	wmu sync.Mutex // one writer at a time

	mu      sync.Mutex
	next    int
	waiting map[string]chan frame.Response
	frames  []frame.Response // pushed frames other than messages
	err     error            // why the reader ended
	ended   chan struct{}
}

// DialOptions say how to connect.
type DialOptions struct {
	Platform im.Platform // default Android
	SDKType  string      // "go" (default) or "js"
	Gzip     bool
	Token    string
	// Pushed gets each pushed message, in order; notice tells in which of the two maps
	// it came. It runs on the reader's goroutine and must not block.
	Pushed func(m *sdkws.MsgData, notice bool)
	// Query adds or replaces parameters.
	Query url.Values
}

// Refused is a handshake that the gateway did not accept.
type Refused struct{ Code int }

// Error returns the refusal on one line.
func (r *Refused) Error() string { return fmt.Sprintf("handshake refused: errCode %d", r.Code) }

// Dial connects a user.
func Dial(ctx context.Context, ws, userID string, o DialOptions) (*Client, error) {
	if o.Platform == 0 {
		o.Platform = im.PlatformAndroid
	}
	q := url.Values{
		"sendID": {userID}, "token": {o.Token}, "platformID": {strconv.Itoa(int(o.Platform))},
		"operationID": {im.NewID()}, "isBackground": {"false"},
	}
	if o.SDKType != "" {
		q.Set("sdkType", o.SDKType)
	}
	if o.Gzip {
		q.Set("compression", "gzip")
	}
	for k, v := range o.Query {
		q[k] = v
	}
	codec, ok := frame.NewCodec(q.Get("sdkType"), q.Get("compression") == "gzip")
	if !ok {
		return nil, fmt.Errorf("imtest: sdkType %q", q.Get("sdkType"))
	}
	d := websocket.Dialer{HandshakeTimeout: patience}
	conn, resp, err := d.DialContext(ctx, ws+"/?"+q.Encode(), nil)
	if err != nil {
		if resp != nil {
			defer resp.Body.Close()
			var e struct{ ErrCode int }
			if body, rerr := io.ReadAll(resp.Body); rerr == nil && json.Unmarshal(body, &e) == nil && e.ErrCode != 0 {
				return nil, &Refused{e.ErrCode}
			}
		}
		return nil, err
	}
	conn.SetReadLimit(maxFrame)
	c := &Client{UserID: userID, conn: conn, codec: codec, push: o.Pushed, waiting: map[string]chan frame.Response{}, ended: make(chan struct{})}
	go c.read()
	return c, nil
}

func (c *Client) read() {
	defer close(c.ended)
	for {
		kind, data, err := c.conn.ReadMessage()
		if err != nil {
			c.end(err)
			return
		}
		if kind != websocket.BinaryMessage {
			continue
		}
		var r frame.Response
		if err := c.codec.DecodeResponse(data, 8*maxFrame, &r); err != nil {
			c.end(err)
			return
		}
		if err := c.take(r); err != nil {
			c.end(err)
			return
		}
	}
}

func (c *Client) take(r frame.Response) error {
	if r.ReqIdentifier == wire.ReqPush {
		var p sdkws.PushMessages
		if err := proto.Unmarshal(r.Data, &p); err != nil {
			return err
		}
		if c.push == nil {
			return nil
		}
		for _, list := range p.Msgs {
			for _, m := range list.Msgs {
				c.push(m, false)
			}
		}
		for _, list := range p.NotificationMsgs {
			for _, m := range list.Msgs {
				c.push(m, true)
			}
		}
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch := c.waiting[r.MsgIncr]; ch != nil {
		delete(c.waiting, r.MsgIncr)
		ch <- r
		return nil
	}
	c.frames = append(c.frames, r)
	return nil
}

func (c *Client) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	for k, ch := range c.waiting {
		close(ch)
		delete(c.waiting, k)
	}
}

// Ended is closed when the connection is gone.
func (c *Client) Ended() <-chan struct{} { return c.ended }

// Frames returns the frames so far that were neither answers nor messages.
func (c *Client) Frames() []frame.Response {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]frame.Response(nil), c.frames...)
}

// KeepAlive sends a ping every few seconds until the connection ends, as clients do: the
// server ends a connection that is silent for 30 s.
func (c *Client) KeepAlive() {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-c.ended:
			return
		case <-tick.C:
			// A failure shows in the reader.
			_ = c.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(patience))
		}
	}
}

// Close ends the connection and waits for the reader.
func (c *Client) Close() {
	c.conn.Close()
	<-c.ended
}

// ErrEnded says that the connection went away before the answer came.
var ErrEnded = errors.New("imtest: connection ended")

// Start sends a request and returns the channel of its answer, which is closed
// when the connection ends first.
func (c *Client) Start(id wire.ReqIdentifier, req proto.Message) (<-chan frame.Response, error) {
	data, err := proto.Marshal(req)
	if err != nil {
		return nil, err
	}
	ch := make(chan frame.Response, 1)
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, ErrEnded
	}
	c.next++
	incr := c.UserID + "_" + strconv.Itoa(c.next)
	c.waiting[incr] = ch
	c.mu.Unlock()
	b := c.codec.AppendRequest(nil, &frame.Request{ReqIdentifier: id, SendID: c.UserID, OperationID: im.NewID(), MsgIncr: incr, Data: data})
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if err := c.conn.WriteMessage(websocket.BinaryMessage, b); err != nil {
		return nil, ErrEnded
	}
	return ch, nil
}

// Request sends a request and decodes the answer into resp (nil: ignored).
func (c *Client) Request(id wire.ReqIdentifier, req, resp proto.Message) error {
	ch, err := c.Start(id, req)
	if err != nil {
		return err
	}
	select {
	case r, ok := <-ch:
		if !ok {
			return ErrEnded
		}
		if r.ErrCode != 0 {
			return &Error{Code: r.ErrCode, Msg: r.ErrMsg}
		}
		if resp == nil {
			return nil
		}
		return proto.Unmarshal(r.Data, resp)
	case <-time.After(patience):
		return fmt.Errorf("imtest: no answer to request %d", id)
	}
}

// Text returns a text message of this client, as the SDK makes it.
func (c *Client) Text(recvID, groupID, text string) *sdkws.MsgData {
	session := im.SessionSingle
	if groupID != "" {
		session = im.SessionGroup
	}
	content, err := json.Marshal(H{"content": text})
	if err != nil {
		panic(err)
	}
	return &sdkws.MsgData{
		SendID: c.UserID, RecvID: recvID, GroupID: groupID, ClientMsgID: im.NewID(), SenderPlatformID: int32(im.PlatformAndroid),
		SessionType: int32(session), MsgFrom: im.FromUser, ContentType: im.ContentText, Content: content,
		CreateTime: time.Now().UnixMilli(), Status: im.StatusSending,
	}
}

// Send sends a message and returns the acknowledgement.
func (c *Client) Send(m *sdkws.MsgData) (*msg.SendMsgResp, error) {
	resp := new(msg.SendMsgResp)
	return resp, c.Request(wire.ReqSend, m, resp)
}
