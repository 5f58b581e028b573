package e2e

import (
	"fmt"
	"slices"
	"testing"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
	"parley/internal/store/storetest"
)

// Rare orders of requests, each made to happen. TestConvergence has found them, or would.

// TestFriendsMoveWhileRead changes the list of friends between two pages that a client
// reads of it: whoever comes from a page that is still to be read to one that has been
// read is reported with the next incremental answer.
func TestFriendsMoveWhileRead(t *testing.T) {
	const page = 100
	var ids []string
	for i := range 3*page + 1 {
		ids = append(ids, fmt.Sprintf("f%03d", i))
	}
	pin := func(pinned bool, ids ...string) (string, imtest.H) {
		return "/friend/update_friends", imtest.H{"ownerUserID": "owner", "friendUserIDs": ids, "isPinned": pinned}
	}
	verified(t, func(t *testing.T, s *imtest.Server) {
		register(t, s, append(ids, "owner")...)
		must(t, s.AsAdmin("/friend/import_friend", imtest.H{"ownerUserID": "owner", "friendUserIDs": ids}, nil))
		path, in := pin(true, ids[:5]...)
		must(t, s.AsAdmin(path, in, nil))
		for _, c := range []struct {
			name   string
			change func() (string, imtest.H)
		}{
			{"one is deleted", func() (string, imtest.H) {
				return "/friend/delete_friend", imtest.H{"ownerUserID": "owner", "friendUserID": ids[50]}
			}},
			{"two of the last are pinned", func() (string, imtest.H) { return pin(true, ids[250], ids[260]) }},
			{"they are unpinned", func() (string, imtest.H) { return pin(false, ids[250], ids[260]) }},
		} {
			path, in := c.change()
			changed := false
			copied := newList(friendKey)
			sync := func() {
				t.Helper()
				var a listChanges[im.Friend]
				must(t, s.AsAdmin("/friend/get_incremental_friends", copied.request(imtest.H{"userID": "owner"}), &a))
				must(t, copied.take(a, func() ([]im.Friend, error) {
					return pages(page, func(p imtest.H) ([]im.Friend, error) {
						if p["pageNumber"] == 2 && !changed {
							changed = true
							must(t, s.AsAdmin(path, in, nil))
						}
						var r struct{ FriendsInfo []im.Friend }
						err := s.AsAdmin("/friend/get_friend_list", imtest.H{"userID": "owner", "pagination": p}, &r)
						return r.FriendsInfo, err
					})
				}, func() ([]string, error) {
					var r struct{ UserIDs []string }
					err := s.AsAdmin("/friend/get_full_friend_user_ids", imtest.H{"userID": "owner", "idHash": 0}, &r)
					return r.UserIDs, err
				}))
			}
			sync() // in full, with the change in between
			sync()
			if missed := slices.DeleteFunc(slices.Clone(copied.ids), func(id string) bool { _, ok := copied.rows[id]; return ok }); len(missed) > 0 {
				t.Errorf("%s: the client never gets %v", c.name, missed)
			}
		}
	})
}

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
		var many []string
		for range 21 {
			many = append(many, makeGroup(t, s, "bob", "ann"))
		}
		first(bob, append(many, g)...)
		if told(bob) {
			t.Error("a new installation is told of its groups one by one")
		}
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
