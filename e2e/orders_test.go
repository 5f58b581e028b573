package e2e

import (
	"testing"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/store/storetest"
)

// Rare orders of requests, each made to happen. TestConvergence has found them, or would.

// TestGroupKnownBeforeItsMembers is a client that gets a group with its list of groups
// and is cut off before it asks for the members. When it does, after a change of the
// group, it must be made to fetch the group, too: a full answer about members does not
// bring it (incremental-sync.md 8.1).
func TestGroupKnownBeforeItsMembers(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, _ *imtest.Hooks) {
		register(t, s, "ann", "bob", "cid")
		g := makeGroup(t, s, "ann", "bob")
		other := makeGroup(t, s, "bob")
		must(t, s.AsAdmin("/group/invite_user_to_group", imtest.H{"groupID": g, "invitedUserIDs": []string{"cid"}}, nil))
		bob, cid := login(t, s, "bob", imtest.DialOptions{}), login(t, s, "cid", imtest.DialOptions{})
		first := func(u user, groups ...string) {
			t.Helper()
			var asked []imtest.H
			for _, id := range groups {
				asked = append(asked, imtest.H{"groupID": id, "versionID": "", "version": 0})
			}
			must(t, s.Post(u.token, "/group/get_incremental_group_members_batch", imtest.H{"userID": u.UserID, "reqList": asked}, nil))
		}
		told := func(u user) bool { // a message to oneself takes the way of notices
			t.Helper()
			m := u.Text(u.UserID, "", "marker")
			_, err := u.Send(m)
			must(t, err)
			heard := false
			u.next(t, "its own message", func(p pushed) bool {
				if notice(im.ContentGroupInfoSet)(p) && p.m.GroupID == g {
					heard = true
				}
				return text(m.ClientMsgID)(p)
			})
			return heard
		}
		first(cid, g) // the newest change of the group is that cid came
		if told(cid) {
			t.Error("a member is told of a group that has not changed since")
		}
		first(bob, g, other)
		bob.next(t, "a notice about the group", func(p pushed) bool { return notice(im.ContentGroupInfoSet)(p) && p.m.GroupID == g })
		for range 5 { // so that nobody is among the latest changes who has just come in
			must(t, s.AsAdmin("/group/mute_group", imtest.H{"groupID": g}, nil))
			must(t, s.AsAdmin("/group/cancel_mute_group", imtest.H{"groupID": g}, nil))
		}
		joined := func(v im.Version) (now struct {
			VersionID string
			Version   uint64
			Full      bool
		},
		) {
			t.Helper()
			must(t, s.Post(bob.token, "/group/get_incremental_join_groups", imtest.H{"userID": "bob", "versionID": v.ID, "version": v.Number}, &now))
			return now
		}
		at := joined(im.Version{})
		first(bob, g, other)
		if told(bob) {
			t.Error("a new installation, which has just read its list of groups, is told of them")
		}
		if again := joined(im.Version{ID: at.VersionID, Number: at.Version}); again.Full {
			t.Fatal("the list of groups has to be loaded again")
		}
		first(bob, g, other) // it was cut off before, and is back
		bob.next(t, "a notice about the group", func(p pushed) bool { return notice(im.ContentGroupInfoSet)(p) && p.m.GroupID == g })
	})
}

// TestMessageMeetsItsEnd holds a message up between its checks and its number. When
// the group is dismissed meanwhile it is refused: it would reach nobody. When its sender
// is removed, it counts as sent just before.
func TestMessageMeetsItsEnd(t *testing.T) {
	for name, storeURL := range map[string]func(testing.TB) string{
		"sqlite": func(testing.TB) string { return "" }, "postgres": storetest.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, hooks := storeURL(t), imtest.ReceiveHooks(t)
			s := imtest.Start(t, func(c *config.Config) {
				c.Store.URL, c.Webhooks.URL = url, hooks.URL
				must(t, c.Webhooks.TurnOn("beforeSendGroupMsg"))
				cb := c.Webhooks.Callbacks["beforeSendGroupMsg"]
				cb.Timeout, cb.FailedContinue = 120, false
				c.Webhooks.Callbacks["beforeSendGroupMsg"] = cb
			})
			register(t, s, "ann", "bob", "cid")
			ann, bob := login(t, s, "ann", imtest.DialOptions{}), login(t, s, "bob", imtest.DialOptions{})
			meanwhile := func(path string, in imtest.H) {
				hooks.Reply(func(imtest.Hook) imtest.H {
					if err := s.AsAdmin(path, in, nil); err != nil {
						t.Errorf("%s: %v", path, err)
					}
					return nil
				})
			}
			last := func(g string) int64 {
				t.Helper()
				var r struct{ Seqs map[string]im.ReadState }
				chat := im.GroupConversationID(g)
				must(t, s.AsAdmin("/msg/get_conversations_has_read_and_max_seq", imtest.H{"userID": "cid", "conversationIDs": []string{chat}}, &r))
				return r.Seqs[chat].MaxSeq
			}

			for _, silent := range []bool{false, true} {
				g := makeGroup(t, s, "ann", "bob", "cid")
				meanwhile("/group/dismiss_group", imtest.H{"groupID": g, "deleteMember": silent})
				before := last(g)
				_, err := bob.Send(bob.Text("", g, "too late"))
				refused(t, "a message into a group that was dismissed", err, 1204)
				want := before + 1 // the message that says so
				if silent {
					want = before
				}
				if n := last(g); n != want {
					t.Errorf("silent %v: the last number is %d, want %d", silent, n, want)
				}
			}

			g := makeGroup(t, s, "ann", "bob", "cid")
			meanwhile("/group/kick_group", imtest.H{"groupID": g, "kickedUserIDs": []string{"bob"}})
			m := bob.Text("", g, "just in time")
			_, err := bob.Send(m)
			must(t, err)
			ann.next(t, "the message", text(m.ClientMsgID))
			var r struct{ Seqs map[string]im.ReadState }
			chat := im.GroupConversationID(g)
			must(t, s.AsAdmin("/msg/get_conversations_has_read_and_max_seq", imtest.H{"userID": "bob"}, &r))
			if st := r.Seqs[chat]; st.HasReadSeq > st.MaxSeq {
				t.Errorf("the position %+v is behind what the sender can read", st)
			}
		})
	}
}
