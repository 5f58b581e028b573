package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/openimsdk/protocol/sdkws"
	"google.golang.org/protobuf/proto"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
)

// TestMessageVeto: a message that is refused is neither stored nor pushed, and its
// sender is told the application's code.
func TestMessageVeto(t *testing.T) {
	t.Parallel()
	for _, w := range sendings {
		for _, command := range w.commands {
			t.Run(w.name+" "+short(command.String()), func(t *testing.T) {
				t.Parallel()
				s, hooks := hookedServer(t)
				register(t, s, "ann", "bob")
				group := ""
				if w.group {
					group = makeGroup(t, s, "ann", "bob")
				}
				ann, bob := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{})
				hooks.Reply(func(k imtest.Hook) imtest.H {
					if k.Command == command.String() {
						return imtest.Veto(vetoCode)
					}
					return nil
				})
				err := w.send(s, ann, group)
				if w.name == "batch_send_msg" {
					if err == nil || err.Error() != "failed: [bob]" {
						t.Errorf("the sender is told %v", err)
					}
				} else {
					refused(t, "a vetoed message", err, vetoCode)
				}
				hooks.Reply(nil)
				must(t, w.send(s, ann, group))
				if n := countTexts(t, s, group); n != 1 {
					t.Errorf("%d messages are stored", n)
				}
				reader := bob
				if w.name == "send_simple_msg" {
					reader = ann
				}
				reader.next(t, "the second message", func(p pushed) bool {
					return !p.notice && (p.m.ContentType == im.ContentText || p.m.ContentType == im.ContentMarkdown)
				})
				select {
				case p := <-reader.ch:
					if p.m.ContentType == im.ContentText {
						t.Errorf("pushed besides: %v", p.m)
					}
				default:
				}
			})
		}
	}
}

// TestVetoOfLargeMessages: no message is so large that the business server is not
// asked, and none is it not told of.
func TestVetoOfLargeMessages(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	register(t, s, "ann", "bob")
	ann := login(t, s, "ann", imtest.DialOptions{})
	for name, unit := range map[string]string{"markup": "<", "backslashes": `\\`, "control characters": "\x01"} {
		hooks.Reply(func(k imtest.Hook) imtest.H {
			if short(k.Command) == "BeforeSendSingleMsg" {
				return imtest.Veto(vetoCode)
			}
			return nil
		})
		m := ann.Text("bob", "", "")
		m.Content = []byte(`{"content":"` + strings.Repeat(unit, (512<<10-16)/len(unit)) + `"}`)
		_, err := ann.Send(m)
		refused(t, "a large message of "+name, err, vetoCode)

		hooks.Reply(nil)
		m.ClientMsgID = im.NewID()
		_, err = ann.Send(m)
		must(t, err)
		if k := hook(t, hooks, im.AfterSendSingleMsg.String(), "clientMsgID", m.ClientMsgID); k.Body["content"] != string(m.Content) {
			t.Errorf("%s: the content is told as another", name)
		}
	}
}

// TestMessageWithoutAnswer: where nobody answers, failedContinue decides.
func TestMessageWithoutAnswer(t *testing.T) {
	t.Parallel()
	for _, goesOn := range []bool{true, false} {
		hooks := imtest.ReceiveHooks(t)
		s := imtest.Start(t, func(c *config.Config) {
			c.Webhooks.URL = hooks.URL
			for _, key := range []string{"beforeSendSingleMsg", "beforeSendGroupMsg", "beforeMsgModify"} {
				cb := c.Webhooks.Callbacks[key]
				cb.Enable, cb.FailedContinue = true, goesOn
				c.Webhooks.Callbacks[key] = cb
			}
		})
		register(t, s, "ann", "bob")
		group := makeGroup(t, s, "ann", "bob")
		ann := login(t, s, "ann", imtest.DialOptions{})
		// The breaker opens on the way, which changes nothing for the senders.
		hooks.Answer(func(imtest.Hook) int { return 500 })
		for _, w := range sendings {
			err := w.send(s, ann, group)
			switch {
			case goesOn:
				if err != nil {
					t.Errorf("%s: %v", w.name, err)
				}
			case w.name == "batch_send_msg":
				if err == nil {
					t.Errorf("%s goes on", w.name)
				}
			default:
				refused(t, w.name, err, 90004)
			}
		}
		want := 0
		if goesOn {
			want = 2
		}
		if n := countTexts(t, s, group); n != want {
			t.Errorf("failedContinue %t: %d messages are stored, want %d", goesOn, n, want)
		}
	}
}

// TestSlowCallback: while the business server thinks about one message, the
// connection's later messages wait in their order, and nobody else does.
func TestSlowCallback(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	register(t, s, "ann", "bob", "cid")
	ann, bob, cid := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{}), login(t, s, "cid", imtest.DialOptions{})
	release, asked := make(chan struct{}), make(chan struct{}, 100)
	let := sync.OnceFunc(func() { close(release) })
	defer let()
	hooks.Reply(func(k imtest.Hook) imtest.H {
		if k.Command == im.BeforeSendSingleMsg.String() && k.Body["sendID"] == "ann" {
			asked <- struct{}{}
			<-release
		}
		return nil
	})
	var sent []string
	var acks []<-chan error
	for i := range 5 {
		m := ann.Text("bob", "", fmt.Sprint(i))
		sent = append(sent, m.ClientMsgID)
		ack := make(chan error, 1)
		acks = append(acks, ack)
		if i == 0 {
			go func() { _, err := ann.Send(m); ack <- err }()
			<-asked
			continue
		}
		// Started one by one, so that they leave the client in this order.
		answer, err := ann.Start(1003, m)
		must(t, err)
		go func() {
			if r := <-answer; r.ErrCode != 0 {
				ack <- fmt.Errorf("code %d", r.ErrCode)
			} else {
				ack <- nil
			}
		}()
	}
	m := cid.Text("bob", "", "meanwhile")
	_, err := cid.Send(m)
	must(t, err)
	bob.next(t, "another's message", text(m.ClientMsgID))
	must(t, s.AsAdmin("/msg/send_msg", textBody("cid", "bob", "", "by REST"), nil))
	if n := len(asked); n != 0 {
		t.Errorf("%d later messages of the connection were asked about meanwhile", n)
	}
	let()
	for i, ack := range acks {
		if err := <-ack; err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	for i, id := range sent {
		if got := bob.next(t, "a message", func(p pushed) bool { return !p.notice && p.m.SendID == "ann" }); got.ClientMsgID != id {
			t.Errorf("place %d holds %s", i, got.Content)
		}
	}
}

// TestRepetitionIsNotAsked: a message that comes again is answered like the first time,
// and the business server is not asked about it again: it could think better of it.
func TestRepetitionIsNotAsked(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		register(t, s, "ann", "bob")
		ann := login(t, s, "ann", imtest.DialOptions{})
		group := makeGroup(t, s, "ann", "bob")
		for _, to := range [][2]string{{"bob", ""}, {"", group}} {
			hooks.Reply(func(imtest.Hook) imtest.H { return nil })
			m := ann.Text(to[0], to[1], "once")
			first, err := ann.Send(m)
			must(t, err)
			before := commandsAbout(hooks, m.ClientMsgID)
			hooks.Reply(func(k imtest.Hook) imtest.H {
				if k.Body["clientMsgID"] == m.ClientMsgID && strings.Contains(k.Command, "Before") {
					return imtest.Veto(20001)
				}
				return nil
			})
			if again := resend(t, ann, m); again != first.ServerMsgID {
				t.Errorf("the repetition has the id %s, the first one %s", again, first.ServerMsgID)
			}
			asked := func(commands []string) (n int) {
				for _, c := range commands {
					if strings.Contains(c, "Before") && !strings.Contains(c, "Push") {
						n++
					}
				}
				return n
			}
			if got := commandsAbout(hooks, m.ClientMsgID); asked(before) == 0 || asked(got) != asked(before) {
				t.Errorf("asked at first %q, in all %q", before, got)
			}
		}
	})
}

// resend sends a message again, as clients do that had no answer.
func resend(t *testing.T, u user, m *sdkws.MsgData) string {
	t.Helper()
	ack, err := u.Send(proto.Clone(m).(*sdkws.MsgData))
	must(t, err)
	return ack.ServerMsgID
}
