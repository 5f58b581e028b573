package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
)

// record is what the tests look at of a conversation record.
type record struct {
	OwnerUserID, ConversationID string
	RecvMsgOpt, GroupAtType     int
	BurnDuration                int
	IsPinned, IsPrivateChat     bool
	AttachedInfo, Ex            string
}

func records(t *testing.T, s *imtest.Server, owner string) (out []record) {
	t.Helper()
	var r struct{ Conversations []record }
	must(t, s.AsAdmin("/conversation/get_all_conversations", imtest.H{"ownerUserID": owner}, &r))
	return r.Conversations
}

// opened returns the callbacks about new records so far, one line each: the questions
// in their order, then the events in theirs.
func opened(h *imtest.Hooks, chat string) []string {
	var questions, events []string
	all, _ := h.All()
	for _, k := range all {
		if k.Body["conversationId"] != chat {
			continue
		}
		line := fmt.Sprint(short(k.Command), " ", k.Body["ownerUserId"], " ", k.Body["ownerUserIds"])
		if name := short(k.Command); name == beforeSingle || name == beforeGroup {
			questions = append(questions, line)
		} else {
			events = append(events, line)
		}
	}
	return append(questions, events...)
}

// settledChat waits until all events of a chat so far have been told: behind the one
// of a further message is nothing left. There are two, since the first message of a
// chat comes before what it brings about.
func settledChat(t *testing.T, s *imtest.Server, hooks *imtest.Hooks, from, to, group string) {
	t.Helper()
	for range 2 {
		id, err := s.SendText(from, to, group, "a further one")
		must(t, err)
		hook(t, hooks, "callbackAfterMsgSaveDBCommand", "clientMsgID", id)
	}
}

const (
	beforeSingle = "BeforeCreateSingleChatConversations"
	afterSingle  = "AfterCreateSingleChatConversations"
	beforeGroup  = "BeforeCreateGroupChatConversations"
	afterGroup   = "AfterCreateGroupChatConversations"
)

func wantOpened(t *testing.T, hooks *imtest.Hooks, what, chat string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, opened(hooks, chat)); diff != "" {
		t.Errorf("%s: callbacks (-want +got):\n%s", what, diff)
	}
}

// TestConversationCallbacks is C.1 to C.4: one question and one event for each record
// of a chat of two, and for each step of a group's.
func TestConversationCallbacks(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		register(t, s, "ann", "bob", "cid", "dan")
		ann := login(t, s, "ann", imtest.DialOptions{})
		_, err := ann.Send(ann.Text("bob", "", "the first message"))
		must(t, err)
		settledChat(t, s, hooks, "bob", "ann", "")
		wantOpened(t, hooks, "a first message", "si_ann_bob",
			beforeSingle+" ann <nil>", beforeSingle+" bob <nil>", afterSingle+" ann <nil>", afterSingle+" bob <nil>")
		goldenHook(t, hook(t, hooks, "callback"+beforeSingle+"Command", "ownerUserId", "bob"))
		goldenHook(t, hook(t, hooks, "callback"+afterSingle+"Command", "ownerUserId", "bob"))

		settledChat(t, s, hooks, "ann", "ann", "")
		wantOpened(t, hooks, "a message to oneself", "si_ann_ann", beforeSingle+" ann <nil>", afterSingle+" ann <nil>")

		// A message that is not kept makes no record, and asks for none.
		body := textBody("ann", "cid", "", "x")
		body["isOnlineOnly"] = true
		must(t, s.AsAdmin("/msg/send_msg", body, nil))
		wantOpened(t, hooks, "a message that is not kept", "si_ann_cid")

		// A friendship says so in the chat, which makes the records, too.
		must(t, s.AsAdmin("/friend/import_friend", imtest.H{"ownerUserID": "ann", "friendUserIDs": []string{"dan"}}, nil))
		settledChat(t, s, hooks, "ann", "dan", "")
		wantOpened(t, hooks, "a friendship", "si_ann_dan", // dan is the one who says so
			beforeSingle+" dan <nil>", beforeSingle+" ann <nil>", afterSingle+" ann <nil>", afterSingle+" dan <nil>")

		// A setting makes a record that does not exist, and changes one that does.
		for range 2 {
			must(t, s.AsAdmin("/conversation/set_conversations", imtest.H{"userIDs": []string{"bob"}, "conversation": imtest.H{
				"conversationID": "si_bob_cid", "conversationType": 1, "userID": "cid", "isPinned": true,
			}}, nil))
		}
		settledChat(t, s, hooks, "bob", "cid", "")
		wantOpened(t, hooks, "a setting", "si_bob_cid", beforeSingle+" bob <nil>",
			beforeSingle+" cid <nil>", afterSingle+" bob <nil>", afterSingle+" cid <nil>")
		if k := heard(hooks, im.AfterCreateSingleChatConversation, "conversationId", "si_bob_cid")[0]; k.Body["isPinned"] != true {
			t.Errorf("the record that a setting made is told as %s", k.Raw)
		}

		group := makeGroup(t, s, "ann", "bob")
		chat := im.GroupConversationID(group)
		invite := func(ids ...string) {
			t.Helper()
			must(t, s.AsAdmin("/group/invite_user_to_group", imtest.H{"groupID": group, "invitedUserIDs": ids}, nil))
		}
		invite("cid", "dan")
		settledChat(t, s, hooks, "ann", "", group)
		wantOpened(t, hooks, "a group", chat, beforeGroup+"  [ann bob]", beforeGroup+"  [cid dan]", afterGroup+"  [ann bob]", afterGroup+"  [cid dan]")
		k := hook(t, hooks, "callback"+afterGroup+"Command", "conversationId", chat)
		if k.Body["groupId"] != group {
			t.Errorf("body %s", k.Raw)
		}

		// Whoever comes back has his record still.
		must(t, s.AsAdmin("/group/kick_group", imtest.H{"groupID": group, "kickedUserIDs": []string{"dan"}}, nil))
		invite("dan")
		settledChat(t, s, hooks, "ann", "", group)
		if n := len(opened(hooks, chat)); n != 4 {
			t.Errorf("%d callbacks after a member came back", n)
		}
	})
}

// TestInvitedInSteps: members who come in are told in steps of fifty.
func TestInvitedInSteps(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	ids := []string{"ann"}
	for i := range 120 {
		ids = append(ids, fmt.Sprintf("u%03d", i))
	}
	register(t, s, ids...)
	group := makeGroup(t, s, "ann", "u000")
	must(t, s.AsAdmin("/group/invite_user_to_group", imtest.H{"groupID": group, "invitedUserIDs": ids[2:]}, nil))
	settledChat(t, s, hooks, "ann", "", group)
	for _, command := range []im.Command{im.BeforeCreateGroupChatConversation, im.AfterCreateGroupChatConversation} {
		var sizes []int
		var owners []string
		for _, k := range heard(hooks, command, "groupId", group) {
			list := k.Body["ownerUserIds"].([]any)
			sizes = append(sizes, len(list))
			for _, id := range list {
				owners = append(owners, id.(string))
			}
		}
		slices.Sort(owners)
		if !slices.Equal(sizes, []int{2, 50, 50, 19}) || !slices.Equal(owners, ids) {
			t.Errorf("%s: steps of %v, %d owners", command, sizes, len(owners))
		}
	}
}

// TestConversationReplaced: each answer changes its own record, or those of its step,
// and devices that make such a record by themselves are told.
func TestConversationReplaced(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		register(t, s, "ann", "bob", "cid")
		ann, bob, cid := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{}), login(t, s, "cid", imtest.DialOptions{})
		full := imtest.H{"recvMsgOpt": 2, "isPinned": true, "isPrivateChat": true, "burnDuration": 30, "groupAtType": 1, "attachedInfo": "a", "ex": "e"}
		hooks.Reply(func(k imtest.Hook) imtest.H {
			switch {
			case short(k.Command) == beforeSingle && k.Body["ownerUserId"] == "bob":
				return imtest.Pass(full)
			case short(k.Command) == beforeGroup:
				return imtest.Pass(imtest.H{"isPinned": true, "recvMsgOpt": 9, "ex": nil, "groupAtType": imtest.H{"value": 4}})
			}
			return nil
		})
		settledChat(t, s, hooks, "ann", "bob", "")
		bob.next(t, "the record that is not as bob's device made it", notice(im.ContentConversationChanged))
		want := record{"bob", "si_ann_bob", 2, 1, 30, true, true, "a", "e"}
		if got := records(t, s, "bob"); len(got) != 1 || got[0] != want {
			t.Errorf("bob's records %+v, want %+v", got, want)
		}
		if got := records(t, s, "ann"); len(got) != 1 || got[0] != (record{OwnerUserID: "ann", ConversationID: "si_ann_bob"}) {
			t.Errorf("ann's records %+v", got)
		}
		k := hook(t, hooks, "callback"+afterSingle+"Command", "ownerUserId", "bob")
		for key, v := range full {
			if fmt.Sprint(k.Body[key]) != fmt.Sprint(v) {
				t.Errorf("the after callback has %s %v", key, k.Body[key])
			}
		}
		// What the record says counts for the next message: no push to bob's phone, but no refusal.
		group := makeGroup(t, s, "ann", "cid")
		settledChat(t, s, hooks, "ann", "", group)
		for _, u := range []user{ann, cid} { // ann's of the other chat is as any device makes it
			m := u.next(t, "the record of "+u.UserID, notice(im.ContentConversationChanged))
			if !strings.Contains(string(m.Content), im.GroupConversationID(group)) {
				t.Errorf("%s is told of %s", u.UserID, m.Content)
			}
		}
		for _, owner := range []string{"ann", "cid"} {
			list := records(t, s, owner)
			i := slices.IndexFunc(list, func(r record) bool { return r.ConversationID == im.GroupConversationID(group) })
			if i < 0 || !list[i].IsPinned || list[i].RecvMsgOpt != 0 || list[i].GroupAtType != 4 {
				t.Errorf("%s: %+v", owner, list)
			}
		}
	})
}

// TestReceiveOptionReplaced: a record that refuses messages from the start does so
// from the second message on.
func TestReceiveOptionReplaced(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	register(t, s, "ann", "bob")
	hooks.Reply(func(k imtest.Hook) imtest.H {
		if short(k.Command) == beforeSingle && k.Body["ownerUserId"] == "bob" {
			return imtest.Pass(imtest.H{"recvMsgOpt": 1})
		}
		return nil
	})
	_, err := s.SendText("ann", "bob", "", "first")
	must(t, err)
	_, err = s.SendText("ann", "bob", "", "second")
	refused(t, "a message that bob does not want", err, 1001)
}

// TestConversationRefused: the refused record is not made and its event not told; what
// brings it about goes on, but for a setting, where somebody waits.
func TestConversationRefused(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	register(t, s, "ann", "bob", "cid", "dan")
	bob := login(t, s, "bob", imtest.DialOptions{})
	hooks.Reply(func(k imtest.Hook) imtest.H {
		if name := short(k.Command); name == beforeSingle && k.Body["ownerUserId"] == "bob" || name == beforeGroup {
			return imtest.Veto(vetoCode)
		}
		return nil
	})
	id, err := s.SendText("ann", "bob", "", "first")
	must(t, err)
	bob.next(t, "the message", text(id))
	settledChat(t, s, hooks, "ann", "bob", "")
	if len(records(t, s, "bob")) != 0 || len(records(t, s, "ann")) != 1 {
		t.Errorf("records: bob %v, ann %v", records(t, s, "bob"), records(t, s, "ann"))
	}
	wantOpened(t, hooks, "a refused record", "si_ann_bob", beforeSingle+" ann <nil>", beforeSingle+" bob <nil>", afterSingle+" ann <nil>")

	group := makeGroup(t, s, "ann", "cid")
	must(t, s.AsAdmin("/group/invite_user_to_group", imtest.H{"groupID": group, "invitedUserIDs": []string{"dan"}}, nil))
	settledChat(t, s, hooks, "dan", "", group) // he is a member
	wantOpened(t, hooks, "a refused group", im.GroupConversationID(group), beforeGroup+"  [ann cid]", beforeGroup+" dan [dan]")
	if len(records(t, s, "dan")) != 0 || len(records(t, s, "cid")) != 0 {
		t.Errorf("records: dan %v, cid %v", records(t, s, "dan"), records(t, s, "cid"))
	}

	err = s.AsAdmin("/conversation/set_conversations", imtest.H{"userIDs": []string{"cid", "bob"}, "conversation": imtest.H{
		"conversationID": "si_bob_cid", "conversationType": 1, "userID": "cid", "isPinned": true,
	}}, nil)
	if err == nil { // the id does not go with both owners
		t.Error("a record that cannot be was made")
	}
	err = s.AsAdmin("/conversation/set_conversations", imtest.H{"userIDs": []string{"bob"}, "conversation": imtest.H{
		"conversationID": "si_bob_cid", "conversationType": 1, "userID": "cid", "isPinned": true,
	}}, nil)
	refused(t, "a setting that would make the record", err, vetoCode)
	if n := len(records(t, s, "bob")); n != 0 {
		t.Errorf("bob has %d records", n)
	}
}

// TestConversationWithoutAnswer: by default a receiver that fails leaves the records
// unmade; with failedContinue they are made.
func TestConversationWithoutAnswer(t *testing.T) {
	t.Parallel()
	for _, goesOn := range []bool{false, true} {
		hooks := imtest.ReceiveHooks(t)
		hooks.Answer(func(imtest.Hook) int { return 500 })
		s := imtest.Start(t, func(c *config.Config) {
			c.Webhooks.URL = hooks.URL
			for _, key := range []string{"beforeCreateSingleChatConversations", "beforeCreateGroupChatConversations"} {
				cb := c.Webhooks.Callbacks[key]
				cb.Enable, cb.FailedContinue = true, goesOn
				c.Webhooks.Callbacks[key] = cb
			}
		})
		register(t, s, "ann", "bob")
		_, err := s.SendText("ann", "bob", "", "first")
		must(t, err)
		makeGroup(t, s, "ann", "bob")
		want := 0
		if goesOn {
			want = 2
		}
		if got := records(t, s, "bob"); len(got) != want {
			t.Errorf("failedContinue %t: %d records, want %d", goesOn, len(got), want)
		}
		if n := len(pullAll(t, s.Caller, "bob", "si_ann_bob")); n != 1 && goesOn {
			t.Errorf("%d messages", n)
		}
	}
}

// TestCallFromInside: the business server may call the server from inside a before
// callback, also about the very chat it is asked about.
func TestCallFromInside(t *testing.T) {
	t.Parallel()
	s, hooks := hookedServer(t)
	register(t, s, "ann", "bob")
	var inside atomic.Int32
	hooks.Reply(func(k imtest.Hook) imtest.H {
		if name := short(k.Command); name != beforeSingle && name != "BeforeMsgModify" || k.Body["sendID"] == "bob" {
			return nil
		}
		if n := inside.Add(1); n <= 3 {
			if _, err := s.SendText("bob", "ann", "", fmt.Sprint(n)); err != nil {
				t.Errorf("from inside %s: %v", k.Command, err)
			}
		}
		return nil
	})
	_, err := s.SendText("ann", "bob", "", "from outside")
	must(t, err)
	if n := len(pullAll(t, s.Caller, "ann", "si_ann_bob")); n != 4 {
		t.Errorf("%d messages, want 4", n)
	}
	if len(records(t, s, "ann")) != 1 || len(records(t, s, "bob")) != 1 {
		t.Error("the records are not there")
	}
}
