package e2e

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/wire"
)

// pushCalls returns the push callbacks about a message so far.
func pushCalls(h *imtest.Hooks, clientMsgID string) (out []string) {
	all, _ := h.All()
	for _, k := range all {
		if k.Body["clientMsgID"] == clientMsgID && k.Body["platform"] != nil {
			out = append(out, short(k.Command))
		}
	}
	return out
}

// users returns the list of users in a callback's body.
func users(k imtest.Hook) (out []string) {
	for _, id := range k.Body["userIDList"].([]any) {
		out = append(out, id.(string))
	}
	return out
}

// TestPushCallbacks sends by each way there is, to users on phones, elsewhere and
// nowhere, and wants each callback once, with the body of the contract.
func TestPushCallbacks(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		register(t, s, "ann", "bob", "web", "away", "quiet")
		ann, bob := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{Platform: im.PlatformIOS})
		web := login(t, s, "web", imtest.DialOptions{Platform: im.PlatformWeb})
		of := func(id string) func(imtest.Hook) bool {
			return func(k imtest.Hook) bool { return k.Body["clientMsgID"] == id }
		}
		send := func(to, group string) string {
			t.Helper()
			m := ann.Text(to, group, "hi")
			_, err := ann.Send(m)
			must(t, err)
			return m.ClientMsgID
		}

		// On a phone, by socket: no offline push. The golden bodies are of the first ones.
		first := send("bob", "")
		bob.next(t, "the message", text(first))
		k := hooks.Wait(t, im.BeforeOnlinePush.String(), of(first))
		goldenMessage(t, k)
		if diff := cmp.Diff([]string{"bob", "ann"}, users(k)); diff != "" {
			t.Error(diff)
		}
		// In a browser: online, and offline too (gateway.md 5). By REST.
		var sent sentByREST
		body := textBody("ann", "web", "", "hi")
		body["offlinePushInfo"] = imtest.H{"title": "Ann", "desc": "says hi", "ex": "x", "iOSPushSound": "ding", "iOSBadgeCount": true, "signalInfo": "s"}
		must(t, s.AsAdmin("/msg/send_msg", body, &sent))
		web.next(t, "the message", text(sent.ClientMsgID))
		k = hooks.Wait(t, im.BeforeOfflinePush.String(), of(sent.ClientMsgID))
		goldenMessage(t, k)
		if diff := cmp.Diff([]string{"web"}, users(k)); diff != "" {
			t.Error(diff)
		}
		// In the background on iOS: the phone gets nothing online (gateway.md 5).
		must(t, bob.Request(wire.ReqSetBackground, background(true), nil))
		asleep := send("bob", "")
		hooks.Wait(t, im.BeforeOfflinePush.String(), of(asleep))
		must(t, bob.Request(wire.ReqSetBackground, background(false), nil))

		// A group: one question each, about who is left in the end.
		group := makeGroup(t, s, "ann", "bob", "web", "away", "quiet")
		must(t, s.AsAdmin("/conversation/set_conversations", imtest.H{
			"userIDs": []string{"quiet"}, "conversation": imtest.H{"conversationID": "sg_" + group, "conversationType": 3, "groupID": group, "recvMsgOpt": 2},
		}, nil))
		toGroup := send("", group)
		bob.next(t, "the group's message", text(toGroup))
		k = hooks.Wait(t, im.BeforeGroupOnlinePush.String(), of(toGroup))
		k.Raw = []byte(strings.ReplaceAll(string(k.Raw), group, "<group>"))
		goldenMessage(t, k)
		k = hooks.Wait(t, im.BeforeOfflinePush.String(), of(toGroup))
		if got := users(k); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"away", "web"}) || k.Body["groupID"] != group {
			t.Errorf("offline push of the group's message to %v", got)
		}

		// Without the option; typing; and a notification, whose content is the text inside.
		typing := ann.Text("away", "", "x")
		typing.ContentType = im.ContentTyping
		_, err := ann.Send(typing)
		must(t, err)
		body = textBody("ann", "away", "", "hi")
		body["notOfflinePush"] = true
		must(t, s.AsAdmin("/msg/send_msg", body, &sent))
		hooks.Wait(t, im.BeforeOnlinePush.String(), of(sent.ClientMsgID))
		must(t, s.AsAdmin("/friend/import_friend", imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{"bob"}}, nil))
		k = hooks.Wait(t, im.BeforeOnlinePush.String(), func(k imtest.Hook) bool { return k.Body["contentType"] == 1201.0 })
		if content := k.Body["content"].(string); !strings.HasPrefix(content, `{"`) || strings.HasPrefix(content, `{"detail"`) {
			t.Errorf("content of a notification: %s", content)
		}
		last := send("away", "")
		hooks.Wait(t, im.BeforeOfflinePush.String(), of(last))
		for id, want := range map[string][]string{
			first: {"BeforeOnlinePush"}, asleep: {"BeforeOnlinePush", "BeforeOfflinePush"}, toGroup: {"BeforeGroupOnlinePush", "BeforeOfflinePush"},
			typing.ClientMsgID: nil, sent.ClientMsgID: {"BeforeOnlinePush"}, last: {"BeforeOnlinePush", "BeforeOfflinePush"},
		} {
			if diff := cmp.Diff(want, pushCalls(hooks, id)); diff != "" {
				t.Errorf("callbacks about %s (-want +got):\n%s", id, diff)
			}
		}
	})
}

// TestPushVeto: a push that is refused comes neither online nor offline, and the
// message stays; users that are named get it instead of the members.
func TestPushVeto(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	register(t, s, "ann", "bob", "cid", "away")
	ann, bob, cid := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{}), login(t, s, "cid", imtest.DialOptions{})
	hooks.Reply(func(k imtest.Hook) imtest.H {
		content, _ := k.Body["content"].(string)
		switch {
		case k.Body["platform"] == nil:
		case strings.Contains(content, "secret"):
			return imtest.Veto(vetoCode)
		case strings.Contains(content, "for cid") && k.Command == im.BeforeGroupOnlinePush.String():
			return imtest.Pass(imtest.H{"userIDList": []string{"cid", "away"}, "offlinePushInfo": imtest.H{"title": "for you"}})
		}
		return nil
	})
	group := makeGroup(t, s, "ann", "bob", "cid", "away")
	for name, c := range map[string]struct{ to, group string }{"single": {to: "bob"}, "group": {group: group}} {
		secret := ann.Text(c.to, c.group, "secret")
		ack, err := ann.Send(secret)
		must(t, err) // the sender is not told
		after := ann.Text(c.to, c.group, "after")
		_, err = ann.Send(after)
		must(t, err)
		for _, u := range []user{bob, ann} {
			u.next(t, "what came after", func(p pushed) bool {
				if p.m.ClientMsgID == secret.ClientMsgID {
					t.Errorf("%s: %s was pushed what was refused", name, u.UserID)
				}
				return p.m.ClientMsgID == after.ClientMsgID
			})
		}
		stored := im.SingleConversationID("ann", "bob")
		if c.group != "" {
			stored = im.GroupConversationID(group)
		}
		if !slices.Contains(pulledIDs(t, bob, stored), ack.ServerMsgID) {
			t.Errorf("%s: the message is not stored", name)
		}
	}
	named := ann.Text("", group, "for cid")
	_, err := ann.Send(named)
	must(t, err)
	cid.next(t, "what is for cid", text(named.ClientMsgID))
	k := hooks.Wait(t, im.BeforeOfflinePush.String(), func(k imtest.Hook) bool { return k.Body["clientMsgID"] == named.ClientMsgID })
	if diff := cmp.Diff([]string{"away"}, users(k)); diff != "" || k.Body["title"] != "for you" {
		t.Errorf("title %v, users %s", k.Body["title"], diff)
	}
	after := ann.Text("", group, "after")
	_, err = ann.Send(after)
	must(t, err)
	bob.next(t, "what came after", func(p pushed) bool {
		if p.m.ClientMsgID == named.ClientMsgID {
			t.Error("bob was pushed what was for cid")
		}
		return p.m.ClientMsgID == after.ClientMsgID
	})
	all, _ := hooks.All()
	for _, k := range all {
		if content, _ := k.Body["content"].(string); strings.Contains(content, "secret") && k.Command == im.BeforeOfflinePush.String() {
			t.Error("an offline push was asked about after the online push had been refused")
		}
	}
}

// TestPushWithoutAnswer: where nobody answers, failedContinue decides.
func TestPushWithoutAnswer(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	dead := ln.Addr().String()
	must(t, ln.Close())
	for _, goesOn := range []bool{true, false} {
		s := imtest.Start(t, func(c *config.Config) {
			c.Webhooks.URL = "http://" + dead
			for _, command := range []im.Command{im.BeforeOnlinePush, im.BeforeOfflinePush} {
				cb := c.Webhooks.Callbacks[command.Key()]
				cb.Enable, cb.FailedContinue = true, goesOn
				c.Webhooks.Callbacks[command.Key()] = cb
			}
		})
		register(t, s, "ann", "bob")
		ann, bob := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{})
		group := makeGroup(t, s, "ann", "bob") // not asked about
		m := ann.Text("bob", "", "hi")
		_, err := ann.Send(m)
		must(t, err)
		if goesOn {
			bob.next(t, "the message", text(m.ClientMsgID))
			continue
		}
		// Which of two conversations comes first is open; the second text of one is behind its first.
		must(t, s.AsAdmin("/msg/send_msg", textBody("ann", "bob", "", "hi again"), nil))
		after := ann.Text("", group, "after")
		_, err = ann.Send(after)
		must(t, err)
		bob.next(t, "the group's message", func(p pushed) bool {
			if p.m.SessionType == int32(im.SessionSingle) && !p.notice {
				t.Errorf("bob was pushed %s", p.m.Content)
			}
			return p.m.ClientMsgID == after.ClientMsgID
		})
	}
}

// TestSlowPushCallback: while the business server thinks about a conversation,
// acknowledgements and other conversations do not wait, and its order holds.
func TestSlowPushCallback(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	register(t, s, "ann", "bob", "cid")
	ann, bob, cid := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{}), login(t, s, "cid", imtest.DialOptions{})
	release, asked := make(chan struct{}), make(chan struct{}, 100)
	hooks.Reply(func(k imtest.Hook) imtest.H {
		if content, _ := k.Body["content"].(string); k.Command == im.BeforeOnlinePush.String() && strings.Contains(content, "slow") {
			asked <- struct{}{}
			<-release
		}
		return nil
	})
	var sent []string
	for _, words := range []string{"slow", "two", "three"} {
		m := ann.Text("bob", "", words)
		sent = append(sent, m.ClientMsgID)
		_, err := ann.Send(m) // is acknowledged
		must(t, err)
		if words == "slow" {
			<-asked
		}
	}
	other := cid.Text("bob", "", "meanwhile")
	_, err := cid.Send(other)
	must(t, err)
	bob.next(t, "another's message", func(p pushed) bool {
		if slices.Contains(sent, p.m.ClientMsgID) {
			t.Error("pushed before the answer")
		}
		return p.m.ClientMsgID == other.ClientMsgID
	})
	close(release)
	for i, id := range sent {
		got := bob.next(t, "a message", func(p pushed) bool { return !p.notice && p.m.SendID == "ann" })
		if got.ClientMsgID != id {
			t.Errorf("place %d holds %s", i, got.Content)
		}
	}
}
