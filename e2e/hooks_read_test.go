package e2e

import (
	"testing"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
)

// TestReadAndRevokeCallbacks is A.7 to A.9: which request causes which callback, and which none.
func TestReadAndRevokeCallbacks(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, hooks *imtest.Hooks) {
		register(t, s, "ann", "bob", "cid")
		ann, bob := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{})
		group := makeGroup(t, s, "ann", "bob", "cid")
		chat, groupChat := "si_ann_bob", im.GroupConversationID(group)
		for range 4 {
			for _, to := range [][2]string{{"bob", ""}, {"", group}} {
				_, err := ann.Send(ann.Text(to[0], to[1], "x"))
				must(t, err)
			}
		}
		asBob := func(path string, body imtest.H) {
			t.Helper()
			body["userID"] = "bob"
			must(t, s.Post(bob.token, path, body, nil))
		}
		// None: only a position is set.
		asBob("/msg/set_conversation_has_read_seq", imtest.H{"conversationID": chat, "hasReadSeq": 1})
		asBob("/msg/set_conversation_has_read_seq", imtest.H{"conversationID": groupChat, "hasReadSeq": 1})

		asBob("/msg/mark_msgs_as_read", imtest.H{"conversationID": chat, "seqs": []int64{2, 3}})
		k := hook(t, hooks, "callbackAfterSingleMsgReadCommand", "conversationID", chat)
		goldenHook(t, k)
		asBob("/msg/mark_conversation_as_read", imtest.H{"conversationID": chat, "hasReadSeq": 4})
		asBob("/msg/mark_conversation_as_read", imtest.H{"conversationID": chat, "hasReadSeq": 4}) // nothing is raised
		asBob("/msg/mark_conversation_as_read", imtest.H{"conversationID": groupChat, "hasReadSeq": 3})
		asBob("/msg/mark_msgs_as_read", imtest.H{"conversationID": groupChat, "seqs": []int64{4}})
		if err := s.Post(bob.token, "/msg/mark_msgs_as_read", imtest.H{"userID": "bob", "conversationID": chat, "seqs": []int64{99}}, nil); err == nil {
			t.Error("a message that is not there was read")
		}

		revoke := func(user, chat string, seq int64) error {
			return s.Post(user, "/msg/revoke_msg", imtest.H{"userID": "ann", "conversationID": chat, "seq": seq}, nil)
		}
		must(t, revoke(ann.token, chat, 2))
		refused(t, "revoking twice", revoke(ann.token, chat, 2), 1404)
		must(t, revoke(ann.token, groupChat, 3))
		goldenHook(t, hook(t, hooks, "callbackBeforeAfterMsgCommand", "conversationID", chat))
		k = hook(t, hooks, "callbackBeforeAfterMsgCommand", "conversationID", groupChat)
		if k.Body["seq"] != 3.0 || k.Body["userID"] != "ann" {
			t.Errorf("revoked: %s", k.Raw)
		}

		for _, c := range withoutGolden {
			checkHeaders(t, hooks.Wait(t, c.String(), nil))
		}
		// The revocations are the last events of their lanes, so everything is there now.
		single := heard(hooks, im.AfterSingleMsgRead, "conversationID", chat)
		if len(single) != 2 || string(single[1].Raw) != `{"callbackCommand":"callbackAfterSingleMsgReadCommand","conversationID":"si_ann_bob","userID":"bob","seqs":[4],"Seqs":[4],"contentType":101,"conversationType":1}` {
			t.Errorf("%d callbacks about reading the chat: %s", len(single), single[len(single)-1].Raw)
		}
		inGroup := heard(hooks, im.AfterGroupMsgRead, "conversationID", groupChat)
		if len(inGroup) != 2 {
			t.Fatalf("%d callbacks about reading the group", len(inGroup))
		}
		if b := inGroup[0].Body; b["sendID"] != "bob" || b["receiveID"] != group || b["groupID"] != group || b["hasReadSeq"] != 3.0 || b["unreadMsgNum"] != 2.0 || b["contentType"] != 101.0 {
			t.Errorf("read up to 3: %s", inGroup[0].Raw)
		}
		if b := inGroup[1].Body; b["hasReadSeq"] != 4.0 || b["unreadMsgNum"] != 1.0 || len(b["seqs"].([]any)) != 1 {
			t.Errorf("read message 4: %s", inGroup[1].Raw)
		}
		if n := len(heard(hooks, im.AfterRevokeMsg, "conversationID", chat)); n != 1 {
			t.Errorf("%d callbacks about one revocation", n)
		}
	})
}

// TestGroupRevokeOnly: afterGroupMsgRevoke alone tells of groups.
func TestGroupRevokeOnly(t *testing.T) {
	t.Parallel()
	hooks := imtest.ReceiveHooks(t)
	s := imtest.Start(t, func(c *config.Config) {
		c.Webhooks.URL = hooks.URL
		must(t, c.Webhooks.TurnOn("afterGroupMsgRevoke", "afterMsgSaveDB"))
	})
	register(t, s, "ann", "bob")
	group := makeGroup(t, s, "ann", "bob")
	revoke := func(to, group, chat string, seq int) {
		t.Helper()
		_, err := s.SendText("ann", to, group, "x")
		must(t, err)
		must(t, s.AsAdmin("/msg/revoke_msg", imtest.H{"userID": "ann", "conversationID": chat, "seq": seq}, nil))
	}
	revoke("bob", "", "si_ann_bob", 1)
	revoke("", group, im.GroupConversationID(group), 2)
	hook(t, hooks, "callbackBeforeAfterMsgCommand", "conversationID", im.GroupConversationID(group))
	last, err := s.SendText("ann", "bob", "", "the last of its lane")
	must(t, err)
	hook(t, hooks, "callbackAfterMsgSaveDBCommand", "clientMsgID", last)
	if n := len(heard(hooks, im.AfterRevokeMsg, "conversationID", "si_ann_bob")); n != 0 {
		t.Errorf("%d callbacks about a chat of two", n)
	}
}
