package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/openimsdk/protocol/msg"
	"github.com/openimsdk/protocol/push"
	"github.com/openimsdk/protocol/sdkws"
	"google.golang.org/protobuf/proto"

	"parley/imtest"
	"parley/internal/im"
	"parley/internal/wire"
)

// onGateway is how the rows of the gateway's requests begin: ws/1001, ws/1002:chat.
const onGateway = "ws/"

// textRow is the row of text frames.
const textRow = onGateway + "text"

// gatewayRequest is the request of a cell on its actor's connection.
type gatewayRequest struct {
	id            wire.ReqIdentifier
	request, into proto.Message
}

// frames makes the request of each row of the gateway. Those who are named in the
// rows of REST are the same here.
var frames = map[string]func(*cell) gatewayRequest{
	"ws/1001": func(*cell) gatewayRequest {
		return gatewayRequest{wire.ReqNewestSeq, &sdkws.GetMaxSeqReq{UserID: ann}, new(sdkws.GetMaxSeqResp)}
	},
	"ws/1002":               pullingAs("/msg/pull_msg_by_seq"),
	"ws/1002:chat":          pullingAs("/msg/pull_msg_by_seq:chat"),
	"ws/1002:notices":       pullingAs("/msg/pull_msg_by_seq:notices"),
	"ws/1002:squatted":      pullingAs("/msg/pull_msg_by_seq:squatted"),
	"ws/1002:group-before":  pullingAs("/msg/pull_msg_by_seq:group-before"),
	"ws/1002:group-after":   pullingAs("/msg/pull_msg_by_seq:group-after"),
	"ws/1002:group-notices": pullingAs("/msg/pull_msg_by_seq:group-notices"),

	"ws/1003":     func(*cell) gatewayRequest { return texting(ann, fri, "") },
	"ws/1003:own": func(c *cell) gatewayRequest { return texting(c.actor, ann, "") },
	"ws/1003:notification": func(c *cell) gatewayRequest {
		q := texting(c.actor, ann, "")
		q.request.(*sdkws.MsgData).ContentType = im.ContentMemberKicked
		return q
	},
	"ws/1003:group": func(c *cell) gatewayRequest { return texting(c.actor, "", c.freshGroup()) },
	"ws/1003:group-muted": func(c *cell) gatewayRequest {
		g := c.freshGroup()
		c.once("muted", func() string {
			c.do("/group/mute_group", imtest.H{"groupID": g})
			return g
		})
		return texting(c.actor, "", g)
	},
	"ws/1003:dismissed": func(c *cell) gatewayRequest { return texting(c.actor, "", c.dismissed()) },

	"ws/1004": func(*cell) gatewayRequest {
		return gatewayRequest{wire.ReqSendSignal, new(sdkws.GetMaxSeqReq), new(sdkws.GetMaxSeqResp)}
	},
	"ws/1005":      func(c *cell) gatewayRequest { return c.byNumber(ann, chat, c.w.said) },
	"ws/1005:chat": func(c *cell) gatewayRequest { return c.byNumber(c.actor, chat, c.w.said) },
	"ws/1005:notices": func(c *cell) gatewayRequest {
		return c.byNumber(c.actor, im.NotificationID(chat), c.w.noticed)
	},
	"ws/1006": func(*cell) gatewayRequest {
		return gatewayRequest{wire.ReqReadAndMaxSeq, &msg.GetConversationsHasReadAndMaxSeqReq{UserID: ann}, new(msg.GetConversationsHasReadAndMaxSeqResp)}
	},
	"ws/1006:chat": func(c *cell) gatewayRequest {
		c.secret = `"maxSeqTime":1` // the first digit of a time; 0 says nothing
		return gatewayRequest{
			wire.ReqReadAndMaxSeq, &msg.GetConversationsHasReadAndMaxSeqReq{UserID: c.actor, ConversationIDs: []string{chat}},
			new(msg.GetConversationsHasReadAndMaxSeqResp),
		}
	},
	"ws/1007": func(*cell) gatewayRequest {
		return gatewayRequest{wire.ReqLastMessage, &msg.GetLastMessageReq{UserID: ann, ConversationIDs: []string{chat}}, new(msg.GetLastMessageResp)}
	},
	"ws/1007:chat": func(c *cell) gatewayRequest {
		c.secret = `"clientMsgID":"` // of any message
		return gatewayRequest{wire.ReqLastMessage, &msg.GetLastMessageReq{UserID: c.actor, ConversationIDs: []string{chat}}, new(msg.GetLastMessageResp)}
	},
	"ws/2003": func(*cell) gatewayRequest {
		return gatewayRequest{wire.ReqLogout, &push.DelUserPushTokenReq{UserID: ann, PlatformID: int32(im.PlatformIOS)}, new(push.DelUserPushTokenResp)}
	},
	"ws/2004": func(*cell) gatewayRequest {
		return gatewayRequest{wire.ReqSetBackground, new(sdkws.SetAppBackgroundStatusReq), new(sdkws.SetAppBackgroundStatusResp)}
	},
	"ws/2005": func(*cell) gatewayRequest {
		return gatewayRequest{wire.ReqSubscribeOnline, &sdkws.SubUserOnlineStatus{SubscribeUserID: []string{ann}}, new(sdkws.SubUserOnlineStatusTips)}
	},
}

// pullingAs asks by range for what the body of a row of REST asks for.
func pullingAs(name string) func(*cell) gatewayRequest {
	return func(c *cell) gatewayRequest {
		q := new(sdkws.PullMessageBySeqsReq)
		body, err := json.Marshal(bodies[name](c))
		if err == nil {
			err = json.Unmarshal(body, q)
		}
		if c.err == nil {
			c.err = err
		}
		return gatewayRequest{wire.ReqPullByRange, q, new(sdkws.PullMessageBySeqsResp)}
	}
}

// byNumber asks for the first messages of a conversation, and looks for one of them.
func (c *cell) byNumber(userID, conversationID, clientMsgID string) gatewayRequest {
	c.secret = clientMsgID
	return gatewayRequest{
		wire.ReqPullBySeqs,
		&msg.GetSeqMessageReq{UserID: userID, Conversations: []*msg.ConversationSeqs{{ConversationID: conversationID, Seqs: []int64{1, 2, 3}}}},
		new(msg.GetSeqMessageResp),
	}
}

func texting(from, userID, group string) gatewayRequest {
	as := imtest.Client{UserID: from}
	return gatewayRequest{wire.ReqSend, as.Text(userID, group, "hello"), new(msg.SendMsgResp)}
}

// connection returns the actor's connection, the same for all rows.
func (w *authzWorld) connection(c *cell) (*imtest.Client, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if conn := w.clients[c.relation]; conn != nil {
		return conn, nil
	}
	o := imtest.DialOptions{Token: w.tokens[c.actor]}
	switch c.relation {
	case "none":
		o.Token = ""
	case "admin":
		o.Platform = im.PlatformAdmin
	}
	conn, err := imtest.Dial(context.Background(), w.s.WS, c.actor, o)
	if err == nil {
		w.clients[c.relation] = conn
		w.t.Cleanup(conn.Close)
	}
	return conn, err
}

// tryFrame makes a cell's request to the gateway and returns its outcome.
func (w *authzWorld) tryFrame(c *cell, r authzRow) (string, error) {
	outcome := func(err error) (string, error) {
		var refused *imtest.Error
		var shut *imtest.Refused
		switch {
		case err == nil:
			return "ok", nil
		case errors.As(err, &refused):
			return strconv.Itoa(refused.Code), nil
		case errors.As(err, &shut):
			return strconv.Itoa(shut.Code), nil
		}
		return "", err
	}
	if r.name == textRow {
		return outcome(w.tryText(c))
	}
	q := frames[r.name](c)
	if c.err != nil {
		return "", fmt.Errorf("preparing: %w", c.err)
	}
	conn, err := w.connection(c)
	if err != nil {
		return outcome(err)
	}
	if err := conn.Request(q.id, q.request, q.into); err != nil {
		return outcome(err)
	}
	answer, err := json.Marshal(q.into)
	if err == nil && c.secret != "" && !strings.Contains(string(answer), c.secret) {
		return "blank", nil
	}
	return "ok", err
}

// tryText says ping, and then a request in a text frame, which ends the connection
// (gateway.md 3.1, 3.5). It uses a connection of another platform.
func (w *authzWorld) tryText(c *cell) error {
	token := ""
	platform := im.PlatformWeb
	switch c.relation {
	case "none":
	case "admin":
		platform, token = im.PlatformAdmin, w.tokens[c.actor]
	default:
		var err error
		if token, err = w.s.UserToken(c.actor, platform); err != nil {
			return err
		}
	}
	q := url.Values{
		"sendID": {c.actor}, "token": {token}, "platformID": {strconv.Itoa(int(platform))}, "operationID": {im.NewID()},
		"isBackground": {"false"}, "isMsgResp": {"true"}, "sdkType": {"js"},
	}
	conn, _, err := websocket.DefaultDialer.Dial(w.s.WS+"/?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	text := func() (string, error) {
		for {
			kind, data, err := conn.ReadMessage()
			if err != nil || kind == websocket.TextMessage {
				return string(data), err
			}
		}
	}
	greeting, err := text()
	if err != nil {
		return err
	}
	var said struct{ ErrCode int }
	if err := json.Unmarshal([]byte(greeting), &said); err != nil {
		return err
	}
	if said.ErrCode != 0 {
		return &imtest.Refused{Code: said.ErrCode}
	}
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping","body":"b"}`)); err != nil {
		return err
	}
	if pong, err := text(); err != nil || pong != `{"type":"pong","body":"b"}` {
		return fmt.Errorf("answer to a ping: %q, %w", pong, err)
	}
	request := fmt.Sprintf(`{"reqIdentifier":%d,"sendID":%q,"operationID":"o","msgIncr":"1","data":""}`, wire.ReqNewestSeq, c.actor)
	if err := conn.WriteMessage(websocket.TextMessage, []byte(request)); err != nil {
		return err
	}
	if answer, err := text(); err == nil {
		return fmt.Errorf("a request in a text frame is answered with %q", answer)
	}
	return nil
}
