package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/openimsdk/protocol/sdkws"

	"parley/internal/im"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

// Stop answers what was read, writes what is queued, says goodbye, and refuses
// newcomers.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	for _, codec := range codecs() {
		t.Run(codec.String(), func(t *testing.T) {
			f := start(t)
			entered, leave := make(chan struct{}), make(chan struct{})
			f.svc.last = func([]string) (map[string]im.Record, error) {
				close(entered)
				<-leave
				return nil, nil
			}
			var commit func(im.SendResult, error)
			sent := make(chan struct{})
			f.svc.send = func(_ context.Context, _ im.Operator, _ *im.Message, done func(im.SendResult, error)) {
				commit = done
				close(sent)
			}
			busy := f.dial(as{user: "alice", codec: codec})
			busy.write(wire.ReqLastMessage, "1", nil)
			<-entered
			busy.write(wire.ReqNewestSeq, "2", nil)
			sending := f.dial(as{user: "bob", codec: codec})
			sending.write(wire.ReqSend, "3", nil)
			<-sent
			idle := f.dial(as{user: "carol", codec: codec})
			eventually(t, "both requests were read", func() bool {
				busy.conn.mu.Lock()
				defer busy.conn.mu.Unlock()
				return len(busy.conn.requests) == 1
			})
			f.g.Push("carol", wire.NewPush("si_a_b", "last words"))

			stopped := make(chan error)
			go func() { stopped <- f.g.Stop(context.Background()) }()
			if r := idle.next(); r.OperationID != "last words" {
				t.Errorf("got %+v", r)
			}
			if code := idle.closed(); code != 1001 {
				t.Errorf("close code %d", code)
			}
			idle.ws.Close()
			// Requests that come now are not taken up; pushes still go out.
			busy.write(wire.ReqNewestSeq, "late", nil)
			if d := f.g.Push("alice", wire.NewPush("si_a_b", "while draining")); d.Connections != 1 {
				t.Errorf("push while draining: %+v", d)
			}
			close(leave)
			commit(im.SendResult{}, nil)
			for _, want := range []string{"op", "1", "2"} {
				if r := busy.next(); r.MsgIncr != want && want != "op" {
					t.Errorf("got %+v, want the answer to %s", r, want)
				}
			}
			if r := sending.next(); r.MsgIncr != "3" || r.ErrCode != 0 {
				t.Errorf("got %+v", r)
			}
			for _, c := range []*client{busy, sending} {
				if code := c.closed(); code != 1001 {
					t.Errorf("close code %d", code)
				}
				c.ws.Close()
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
			if _, resp, err := websocket.DefaultDialer.Dial(f.url+"/?"+as{user: "dave", platform: 1}.query().Encode(), nil); err == nil || resp.StatusCode != 503 {
				t.Errorf("dial after Stop: %v", err)
			}
		})
	}
}

// Out of time, Stop cuts connections off and ends the requests in work.
func TestStopOutOfTime(t *testing.T) {
	t.Parallel()
	f := start(t)
	entered := make(chan struct{})
	f.svc.newest = func(ctx context.Context, _ im.Operator, _ string) (map[string]int64, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c := f.dial(as{user: "alice"})
	c.write(wire.ReqNewestSeq, "1", nil)
	<-entered
	f.dial(as{user: "bob"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.g.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop: %v", err)
	}
	c.closed()
}

// A client that answers no close frame and reads nothing does not hold Stop up for long.
func TestStopWithDeafClients(t *testing.T) {
	t.Parallel()
	f := start(t, limits(func(l *Limits) { l.CloseTimeout = time.Millisecond }))
	for i := range 10 {
		f.dial(as{user: fmt.Sprint("user", i)})
	}
	if err := f.g.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// Logins during Stop end too.
func TestStopDuringHandshakes(t *testing.T) {
	t.Parallel()
	for range 20 {
		f := start(t)
		first := make(chan struct{})
		var clients sync.WaitGroup
		clients.Go(func() {
			for i := range 20 {
				ws, _, err := websocket.DefaultDialer.Dial(f.url+"/?"+as{user: fmt.Sprint("u", i), platform: 1, hash: "h"}.query().Encode(), nil)
				if i == 0 {
					close(first)
				}
				if err != nil {
					continue
				}
				clients.Go(func() {
					for err == nil {
						_, _, err = ws.ReadMessage()
					}
					ws.Close()
				})
			}
		})
		<-first
		if err := f.g.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		clients.Wait()
		if n := len(f.g.hub.all()); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	}
}

// Logins, kicks, pushes, requests and ends in any order leave nothing behind: the
// fixture looks for connections, goleak for goroutines.
func TestAnyOrderOfEvents(t *testing.T) {
	t.Parallel()
	f := start(t, func(o *Options) {
		o.Policy = im.PolicySameTerminal
		o.Limits = Limits{QueueFrames: 20, QueueBytes: 100_000, Requests: 2, Sends: 2, CloseTimeout: time.Millisecond}
	})
	var commits sync.WaitGroup
	f.svc.send = func(_ context.Context, _ im.Operator, m *im.Message, done func(im.SendResult, error)) {
		commits.Go(func() { done(im.SendResult{}, nil) })
	}
	push := wire.NewPush("si_a_b", "op", im.Record{Seq: 1, Body: body(t, strings.Repeat("x", 5000))})
	var actors sync.WaitGroup
	for seed := range uint64(8) {
		actors.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			user := func() string { return fmt.Sprint("user", r.IntN(3)) }
			platform := func() im.Platform { return []im.Platform{im.PlatformIOS, im.PlatformWeb}[r.IntN(2)] }
			for range 60 {
				a := as{user: user(), platform: platform(), hash: fmt.Sprint(r.IntN(4)), codec: codecs()[r.IntN(4)]}
				ws, _, err := websocket.DefaultDialer.Dial(f.url+"/?"+a.query().Encode(), nil)
				if err != nil {
					t.Errorf("dial: %v", err)
					return
				}
				reads := make(chan struct{})
				deaf := r.IntN(4) == 0 // does not read
				go func() {
					defer close(reads)
					for !deaf {
						if _, _, err := ws.ReadMessage(); err != nil {
							return
						}
					}
				}()
				for range r.IntN(20) {
					switch r.IntN(8) {
					case 0:
						f.g.Kick(user(), platform(), "op")
					case 1, 2:
						f.g.Push(user(), push)
					case 3:
						_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`))
					case 4:
						_ = ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(patience))
					default:
						id := []wire.ReqIdentifier{wire.ReqSend, wire.ReqSend, wire.ReqNewestSeq, wire.ReqSubscribeOnline, wire.ReqLogout, 4711}[r.IntN(6)]
						var data []byte
						if id == wire.ReqSubscribeOnline {
							data = marshal(t, &sdkws.SubUserOnlineStatus{SubscribeUserID: []string{user(), user()}, UnsubscribeUserID: []string{user()}})
						}
						_ = ws.WriteMessage(websocket.BinaryMessage, a.codec.AppendRequest(nil, &frame.Request{
							ReqIdentifier: id, SendID: a.user, OperationID: "op", MsgIncr: "1", Data: data,
						}))
					}
				}
				ws.Close()
				<-reads
			}
		})
	}
	actors.Wait()
	if err := f.g.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	commits.Wait()
	if n := f.counter("connections"); n != 0 {
		t.Errorf("%v connections are counted", n)
	}
	if got, want := f.counter("connections_ended_total"), 8.0*60; got != want {
		t.Errorf("%v connections ended, want %v", got, want)
	}
}
