package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
)

var (
	eventID = regexp.MustCompile(`^evt_[0-9a-z]+$`)
	place   = regexp.MustCompile(`^(.+);[1-9][0-9]*$`)
)

// checkHeaders holds the headers of a callback against webhook-delivery.md 6.1, and the
// lane of an after callback against 6.5.
func checkHeaders(t *testing.T, k imtest.Hook) {
	t.Helper()
	h := func(name string) string { return k.Header.Get(name) }
	var seconds int64
	_, err := fmt.Sscan(h("webhook-timestamp"), &seconds)
	if off := time.Since(time.Unix(seconds, 0)); err != nil || off < -time.Minute || off > time.Hour {
		t.Errorf("%s: webhook-timestamp %q", k.Command, h("webhook-timestamp"))
	}
	if !eventID.MatchString(h("webhook-id")) || h("webhook-attempt") != "1" || h("operationID") == "" ||
		h("Content-Type") != "application/json; charset=utf-8" || !strings.HasPrefix(h("User-Agent"), "Parley") {
		t.Errorf("%s: headers %v", k.Command, k.Header)
	}
	command := im.Commands()[slices.IndexFunc(im.Commands(), func(c im.Command) bool { return c.String() == k.Command })]
	if command.IsBefore() {
		if got := k.Header.Values("webhook-sequence"); got != nil {
			t.Errorf("%s: a before callback has the place %q", k.Command, got)
		}
		return
	}
	match := place.FindStringSubmatch(h("webhook-sequence"))
	if match == nil || !laneKind(command).MatchString(match[1]) {
		t.Errorf("%s: webhook-sequence %q", k.Command, h("webhook-sequence"))
		return
	}
	// It is the conversation, group or user that the body speaks of.
	ids := strings.Split(regexp.MustCompile(`^(group:|user:|s[ign]_|n_)`).ReplaceAllString(match[1], ""), "_")
	if !slices.ContainsFunc(append(ids, match[1]), func(id string) bool { return strings.Contains(string(k.Raw), `"`+id+`"`) }) {
		t.Errorf("%s: lane %s, but the body speaks of something else: %s", k.Command, match[1], k.Raw)
	}
}

// laneKind is what the lane of an after callback looks like: a conversation for
// messages, reads, revokes and conversations, a group for groups, else a user.
func laneKind(c im.Command) *regexp.Regexp {
	switch {
	case c <= im.AfterRevokeMsg, c == im.AfterCreateSingleChatConversation, c == im.AfterCreateGroupChatConversation:
		return regexp.MustCompile(`^(s[ign]|n)_`)
	case c >= im.AfterCreateGroup && c <= im.AfterSetGroupMemberInfo:
		return regexp.MustCompile(`^group:`)
	default:
		return regexp.MustCompile(`^user:`)
	}
}

// withoutGolden are the after events of which no body is on file; TestReadAndRevokeCallbacks
// looks at their headers.
var withoutGolden = []im.Command{im.AfterSendGroupMsg, im.AfterGroupMsgRead, im.AfterCreateGroupChatConversation}

// TestEveryEventHasItsPlace: checkHeaders sees the lane of each after event: all others
// have a body on file, which is compared behind it.
func TestEveryEventHasItsPlace(t *testing.T) {
	t.Parallel()
	for _, c := range im.Commands() {
		if !c.IsBefore() && !slices.Contains(withoutGolden, c) {
			if _, err := os.Stat(filepath.Join("testdata", "hooks", c.String()+".golden")); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestBeforeHasItsOwnConnections: a receiver that does not answer after callbacks, on all
// the connections there are for them, keeps no before callback waiting (6.6).
func TestBeforeHasItsOwnConnections(t *testing.T) {
	t.Parallel()
	hooks := imtest.ReceiveHooks(t)
	s := imtest.Start(t, func(c *config.Config) {
		c.Webhooks.URL, c.Webhooks.Concurrency = hooks.URL, 1
		must(t, c.Webhooks.TurnOn("beforeSendSingleMsg", "afterSendSingleMsg"))
		ask := c.Webhooks.Callbacks["beforeSendSingleMsg"]
		ask.FailedContinue = false // else a message goes on without its answer
		c.Webhooks.Callbacks["beforeSendSingleMsg"] = ask
	})
	register(t, s, "ann", "bob", "cid")
	held, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	hooks.Reply(func(k imtest.Hook) imtest.H {
		if k.Command == im.AfterSendSingleMsg.String() && k.Body["recvID"] == "bob" {
			close(held)
			<-release
		}
		return nil
	})
	_, err := s.SendText("ann", "bob", "", "one")
	must(t, err)
	<-held
	_, err = s.SendText("ann", "cid", "", "two")
	must(t, err)
	hooks.Wait(t, im.BeforeSendSingleMsg.String(), func(k imtest.Hook) bool { return k.Body["recvID"] == "cid" })
	if n := len(heard(hooks, im.AfterSendSingleMsg, "recvID", "cid")); n != 0 {
		t.Errorf("%d after callbacks went beside the one that hangs: the test holds nothing", n)
	}
}

// TestOneQuestionAfterTheOther: what is asked second is not asked when the first answer
// is a refusal (6.6).
func TestOneQuestionAfterTheOther(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	register(t, s, "ann", "bob")
	ann := login(t, s, "ann", imtest.DialOptions{})
	hooks.Reply(func(k imtest.Hook) imtest.H {
		if k.Command == im.BeforeSendSingleMsg.String() {
			return imtest.Veto(vetoCode)
		}
		return nil
	})
	m := ann.Text("bob", "", "no")
	_, err := ann.Send(m)
	refused(t, "a vetoed message", err, vetoCode)
	hooks.Reply(nil)
	_, err = s.SendText("ann", "bob", "", "yes")
	must(t, err)
	hooks.Wait(t, im.AfterMsgSaveDB.String(), nil)
	if got := commandsAbout(hooks, m.ClientMsgID); !slices.Equal(got, []string{"BeforeSendSingleMsg"}) {
		t.Errorf("asked and told of the refused message: %v", got)
	}
}
