package gateway

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/openimsdk/protocol/sdkws"

	"parley/internal/im"
	"parley/internal/wire"
)

// TestSendWaits: while a message waits for what the service asks before it, pings are
// answered and other connections are served; the connection's later messages keep
// their order; and the wait ends with the connection.
func TestSendWaits(t *testing.T) {
	t.Parallel()
	f := start(t)
	asked, ended := make(chan string, 10), make(chan struct{})
	release := make(chan struct{})
	var mu sync.Mutex
	var order []string
	f.svc.send = func(ctx context.Context, _ im.Operator, m *im.Message, done func(im.SendResult, error)) {
		asked <- m.ClientMsgID
		switch m.ClientMsgID {
		case "slow":
			<-release
		case "for ever":
			<-ctx.Done()
			close(ended)
		}
		mu.Lock()
		order = append(order, m.ClientMsgID)
		mu.Unlock()
		done(im.SendResult{ClientMsgID: m.ClientMsgID}, nil)
	}
	send := func(c *client, id string) {
		c.write(wire.ReqSend, id, marshal(t, &sdkws.MsgData{SendID: "alice", ClientMsgID: id}))
	}
	a, b := f.dial(as{user: "alice"}), f.dial(as{user: "alice", platform: im.PlatformWeb})
	send(a, "slow")
	if id := <-asked; id != "slow" {
		t.Fatal(id)
	}
	send(a, "second")
	send(a, "third")
	pong := make(chan string, 1)
	a.ws.SetPongHandler(func(text string) error { pong <- text; return nil })
	if err := a.ws.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(5*time.Second)); err != nil {
		t.Fatal(err)
	}
	answers := make(chan string, 3)
	go func() {
		for range 3 {
			answers <- a.next().MsgIncr
		}
	}()
	if text := <-pong; text != "are you there" {
		t.Errorf("pong %q", text)
	}
	send(b, "meanwhile")
	if r := b.next(); r.MsgIncr != "meanwhile" || r.ErrCode != 0 {
		t.Errorf("another connection got %+v", r)
	}
	close(release)
	for _, want := range []string{"slow", "second", "third"} {
		if got := <-answers; got != want {
			t.Errorf("answer to %s, want %s", got, want)
		}
	}
	mu.Lock()
	if got := fmt.Sprint(order); got != "[meanwhile slow second third]" {
		t.Errorf("order %s", got)
	}
	mu.Unlock()
	send(b, "for ever")
	for id := range asked {
		if id == "for ever" {
			break
		}
	}
	b.ws.Close()
	<-ended
}
