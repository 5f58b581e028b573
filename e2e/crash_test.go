package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openimsdk/protocol/sdkws"

	"parley/imtest"
	"parley/internal/im"
)

// cycles is how often the server is killed. CI runs 50 on the embedded store and
// a fifth of it on PostgreSQL, whose own durability is not in question here.
var cycles = flag.Int("cycles", 0, "kill -9 cycles of the crash test (0: 50 with CI=true, else 5)")

func cycleCount() int {
	switch {
	case *cycles > 0:
		return *cycles
	case os.Getenv("CI") == "true":
		return 50
	}
	return 5
}

// pairs is the number of senders, each with a receiver of its own; the last two
// senders write into one group.
const (
	pairs        = 8
	groupSenders = 2
	groupID      = "crashgroup"
)

// sender sends texts one after the other, over all crashes, and again with the
// same client id until each is acknowledged.
type sender struct {
	id, recv, group string
	token           string
	acked           []acked
}

type acked struct{ clientID, serverID string }

func (s *sender) conversation() string {
	if s.group != "" {
		return im.GroupConversationID(s.group)
	}
	return im.SingleConversationID(s.id, s.recv)
}

// run sends until stop is closed; a message whose fate is unknown is sent again.
func (s *sender) run(ws string, stop <-chan struct{}) error {
	var pending *sdkws.MsgData
	for n := 0; ; {
		c, err := imtest.Dial(context.Background(), ws, s.id, imtest.DialOptions{Token: s.token, Gzip: n%2 == 0})
		if err != nil {
			var refused *imtest.Refused
			if errors.As(err, &refused) {
				return fmt.Errorf("%s: %w", s.id, err)
			}
			select {
			case <-stop:
				return nil
			case <-time.After(5 * time.Millisecond): // the server is down; try again
				continue
			}
		}
		for {
			if pending == nil {
				select {
				case <-stop:
					c.Close()
					return nil
				default:
				}
				n++
				pending = c.Text(s.recv, s.group, fmt.Sprintf("%s %d", s.id, n))
			}
			r, err := c.Send(pending)
			var refused *imtest.Error
			if errors.As(err, &refused) && !strings.Contains(refused.Msg, "ServerInternalError") {
				c.Close()
				return fmt.Errorf("%s: %w", s.id, err)
			}
			if err != nil {
				break
			}
			s.acked = append(s.acked, acked{r.ClientMsgID, r.ServerMsgID})
			pending = nil
		}
		c.Close()
	}
}

// TestCrash kills the real server at random moments under load and compares,
// in the end, what was acknowledged, what is stored and what was called back.
func TestCrash(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes minutes")
	}
	bin := build(t)
	n := cycleCount()
	t.Run("sqlite", func(t *testing.T) { crash(t, bin, n) })
	t.Run("postgres", func(t *testing.T) { crash(t, bin, max(2, n/5), postgresEnv(t)) })
}

func crash(t *testing.T, bin string, n int, env ...string) {
	hooks := imtest.ReceiveHooks(t)
	env = append(env, "PARLEY_WEBHOOKS_URL="+hooks.URL, "PARLEY_WEBHOOKS_ENABLE=afterSendSingleMsg,afterSendGroupMsg")
	p := newProcess(t, bin, env...)
	p.start()
	seed := rand.Uint64()
	t.Logf("seed %d, %d cycles", seed, n)
	random := rand.New(rand.NewPCG(seed, 1))

	senders := prepare(t, p)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	errs := make(chan error, len(senders))
	for _, s := range senders {
		wg.Go(func() { errs <- s.run("ws://"+p.ws, stop) })
	}
	for range n {
		// The moment is what the test varies: 20 to 320 ms of work, the odd one during start-up.
		time.Sleep(time.Duration(20+random.IntN(300)) * time.Millisecond)
		p.kill()
		p.start()
	}
	close(stop)
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	compare(t, p, senders, hooks)
}

// prepare registers users and the group and gets tokens.
func prepare(t *testing.T, p *process) []*sender {
	c := imtest.NewCaller("http://"+p.api, secret)
	var ids []string
	var senders []*sender
	for i := range pairs {
		s := &sender{id: fmt.Sprintf("from%d", i), recv: fmt.Sprintf("to%d", i)}
		ids = append(ids, s.id, s.recv)
		if i >= pairs-groupSenders {
			s.recv, s.group = "", groupID
		}
		senders = append(senders, s)
	}
	if err := c.Register(ids...); err != nil {
		t.Fatal(err)
	}
	err := c.AsAdmin("/group/create_group", imtest.H{
		"ownerUserID": ids[0], "memberUserIDs": ids[1:], "groupInfo": imtest.H{"groupID": groupID, "groupName": "crash", "groupType": 2},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range senders {
		if s.token, err = c.UserToken(s.id, im.PlatformAndroid); err != nil {
			t.Fatal(err)
		}
	}
	return senders
}

// stored is a message as the server returns it in the end.
type stored struct {
	SendID, ClientMsgID, ServerMsgID string
	Seq                              int64
	ContentType, Status              int32
}

func compare(t *testing.T, p *process, senders []*sender, hooks *imtest.Hooks) {
	c := imtest.NewCaller("http://"+p.api, secret)
	wanted := map[string]stored{} // by server id: what must be called back
	total := 0
	byConversation := map[string][]*sender{}
	for _, s := range senders {
		byConversation[s.conversation()] = append(byConversation[s.conversation()], s)
	}
	for id, list := range byConversation {
		log := pullAll(t, c, list[0].id, id)
		at := map[string]int{} // by client id: place in the log
		for i, m := range log {
			if m.Seq != int64(i+1) || m.Status == im.StatusDeleted {
				t.Fatalf("%s: place %d holds seq %d, status %d: the numbers have a gap", id, i+1, m.Seq, m.Status)
			}
			if m.ContentType != im.ContentText {
				continue
			}
			if first, ok := at[m.ClientMsgID]; ok {
				t.Fatalf("%s: message %s is stored twice, as %d and %d", id, m.ClientMsgID, first+1, i+1)
			}
			at[m.ClientMsgID] = i
			wanted[m.ServerMsgID] = m
		}
		for _, s := range list {
			last := -1
			for _, a := range s.acked {
				i, ok := at[a.clientID]
				if !ok {
					t.Fatalf("%s: acknowledged message %s is missing", id, a.clientID)
				}
				if log[i].ServerMsgID != a.serverID || log[i].SendID != s.id {
					t.Fatalf("%s: message %s is stored as %+v, acknowledged as %s", id, a.clientID, log[i], a.serverID)
				}
				if i <= last {
					t.Fatalf("%s: message %s of %s is stored before an earlier one", id, a.clientID, s.id)
				}
				last = i
				total++
			}
		}
	}
	if total == 0 {
		t.Fatal("nothing was acknowledged")
	}
	compareHooks(t, hooks, wanted)
	t.Logf("%d acknowledged, %d stored, all called back", total, len(wanted))
}

// pullAll reads a whole conversation by REST, ascending.
func pullAll(t *testing.T, c *imtest.Caller, userID, conversationID string) []stored {
	var all []stored
	for begin := int64(1); ; {
		var r struct {
			Msgs map[string]struct{ Msgs []stored }
		}
		err := c.AsAdmin("/msg/pull_msg_by_seq", imtest.H{"userID": userID, "seqRanges": []imtest.H{
			{"conversationID": conversationID, "begin": begin, "end": begin + 499, "num": 500},
		}}, &r)
		if err != nil {
			t.Fatal(err)
		}
		page := r.Msgs[conversationID].Msgs
		all = append(all, page...)
		if len(page) < 500 {
			return all
		}
		begin += 500
	}
}

// compareHooks waits until every stored message was called back, and checks that
// each has one webhook-id and that nothing else came.
func compareHooks(t *testing.T, hooks *imtest.Hooks, wanted map[string]stored) {
	deadline := time.After(2 * time.Minute)
	idOf := map[string]string{}
	seen := 0
	for {
		list, changed := hooks.All()
		for _, h := range list[seen:] {
			serverID, _ := h.Body["serverMsgID"].(string)
			m, ok := wanted[serverID]
			if !ok {
				t.Fatalf("callback %s for a message that is not stored: %s", h.ID, h.Raw)
			}
			if seq, _ := h.Body["seq"].(float64); int64(seq) != m.Seq {
				t.Fatalf("callback for seq %d says seq %v", m.Seq, h.Body["seq"])
			}
			if id := idOf[serverID]; id != "" && id != h.ID {
				t.Fatalf("message %s was called back as %s and as %s", serverID, id, h.ID)
			}
			idOf[serverID] = h.ID
		}
		seen = len(list)
		if len(idOf) == len(wanted) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%d of %d messages were never called back", len(wanted)-len(idOf), len(wanted))
		}
	}
}
