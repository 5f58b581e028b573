package e2e

import (
	"fmt"
	"slices"
	"testing"

	"parley/imtest"
	"parley/internal/im"
)

// Lists change between two pages that a client reads of them: whoever comes from a page
// that is still to be read to one that has been read is reported with the next
// incremental answer, and no page is cut short, by which the client would take it for
// the last one.

// edit is a change of a list, as a request of an administrator.
type edit struct {
	name, path string
	in         imtest.H
}

// readList is how a client loads a list in full.
type readList[T any] struct {
	key           func(T) string
	incremental   string
	user          imtest.H // who asks, in the request of the incremental answer
	page          func(s *imtest.Server, p imtest.H) ([]T, error)
	fullIDs       func(s *imtest.Server) ([]string, error)
	size, changed int // of a page; the page before which the list changes
}

// misses makes an edit while a client loads a list, has it ask once more, and returns what
// the client does not have then.
func (l readList[T]) misses(t *testing.T, s *imtest.Server, e edit) []string {
	t.Helper()
	copied := newList(l.key)
	for range 2 { // in full, with the change in between, and again
		var a listChanges[T]
		in := copied.request(imtest.H{})
		for k, v := range l.user {
			in[k] = v
		}
		must(t, s.AsAdmin(l.incremental, in, &a))
		must(t, copied.take(a, func() ([]T, error) {
			return pages(l.size, func(p imtest.H) ([]T, error) {
				if p["pageNumber"] == l.changed {
					must(t, s.AsAdmin(e.path, e.in, nil))
				}
				return l.page(s, p)
			})
		}, func() ([]string, error) { return l.fullIDs(s) }))
	}
	if len(copied.ids) <= l.size {
		t.Fatalf("the list has only %d elements", len(copied.ids))
	}
	return slices.DeleteFunc(slices.Clone(copied.ids), func(id string) bool { _, ok := copied.rows[id]; return ok })
}

func (l readList[T]) check(t *testing.T, s *imtest.Server, edits ...edit) {
	t.Helper()
	for _, e := range edits {
		if missed := l.misses(t, s, e); len(missed) > 0 {
			t.Errorf("%s: the client never gets %v", e.name, missed)
		}
	}
}

func TestFriendsMoveWhileRead(t *testing.T) {
	list := readList[im.Friend]{
		key: friendKey, incremental: "/friend/get_incremental_friends", user: imtest.H{"userID": "owner"}, size: 100, changed: 2,
		page: func(s *imtest.Server, p imtest.H) ([]im.Friend, error) {
			var r struct{ FriendsInfo []im.Friend }
			err := s.AsAdmin("/friend/get_friend_list", imtest.H{"userID": "owner", "pagination": p}, &r)
			return r.FriendsInfo, err
		},
		fullIDs: func(s *imtest.Server) ([]string, error) {
			var r struct{ UserIDs []string }
			err := s.AsAdmin("/friend/get_full_friend_user_ids", imtest.H{"userID": "owner", "idHash": 0}, &r)
			return r.UserIDs, err
		},
	}
	ids := numbered("f", 3*list.size+1)
	pin := func(name string, pinned bool, ids ...string) edit {
		return edit{name, "/friend/update_friends", imtest.H{"ownerUserID": "owner", "friendUserIDs": ids, "isPinned": pinned}}
	}
	verified(t, func(t *testing.T, s *imtest.Server) {
		register(t, s, append(ids, "owner")...)
		must(t, s.AsAdmin("/friend/import_friend", imtest.H{"ownerUserID": "owner", "friendUserIDs": ids}, nil))
		first := pin("", true, ids[:5]...)
		must(t, s.AsAdmin(first.path, first.in, nil))
		list.check(t, s,
			edit{"one is deleted", "/friend/delete_friend", imtest.H{"ownerUserID": "owner", "friendUserID": ids[50]}},
			pin("two of the last are pinned", true, ids[250], ids[260]),
			pin("they are unpinned", false, ids[250], ids[260]),
		)
	})
}

func TestGroupsMoveWhileRead(t *testing.T) {
	list := readList[im.Group]{
		key: groupKey, incremental: "/group/get_incremental_join_groups", user: imtest.H{"userID": "bob"}, size: 100, changed: 2,
		page: func(s *imtest.Server, p imtest.H) ([]im.Group, error) {
			var r struct{ Groups []im.Group }
			err := s.AsAdmin("/group/get_joined_group_list", imtest.H{"fromUserID": "bob", "pagination": p}, &r)
			return r.Groups, err
		},
		fullIDs: func(s *imtest.Server) ([]string, error) {
			var r struct{ GroupIDs []string }
			err := s.AsAdmin("/group/get_full_join_group_ids", imtest.H{"userID": "bob", "idHash": 0}, &r)
			return r.GroupIDs, err
		},
	}
	verified(t, func(t *testing.T, s *imtest.Server) {
		register(t, s, "ann", "bob", "cid")
		var ids []string
		for _, name := range numbered("group", 2*list.size+20) {
			ids = append(ids, name)
			must(t, s.AsAdmin("/group/create_group", imtest.H{
				"ownerUserID": "ann", "memberUserIDs": []string{"bob", "cid"},
				"groupInfo": imtest.H{"groupID": name, "groupName": name, "groupType": 2},
			}, nil))
		}
		many := numbered("m", 300)
		register(t, s, many...)
		must(t, s.AsAdmin("/group/invite_user_to_group", imtest.H{"groupID": ids[30], "invitedUserIDs": many}, nil))
		list.check(t, s,
			edit{"one is left", "/group/quit_group", imtest.H{"groupID": ids[0], "userID": "bob"}},
			edit{"of one removed", "/group/kick_group", imtest.H{"groupID": ids[10], "kickedUserIDs": []string{"cid", "bob"}}},
			edit{"one is dismissed", "/group/dismiss_group", imtest.H{"groupID": ids[20]}},
			edit{"a large one is dismissed", "/group/dismiss_group", imtest.H{"groupID": ids[30]}},
			edit{"one is renamed, to stand last", "/group/set_group_info_ex", imtest.H{"groupID": ids[40], "groupName": "zzz"}},
			edit{"one is renamed, to stand first", "/group/set_group_info_ex", imtest.H{"groupID": ids[150], "groupName": "aaa"}},
		)
	})
}

func TestConversationsMoveWhileRead(t *testing.T) {
	list := readList[im.Conversation]{
		key: conversationKey, incremental: "/conversation/get_incremental_conversations", user: imtest.H{"userID": "ann"}, size: 300, changed: 2,
		page: func(s *imtest.Server, p imtest.H) ([]im.Conversation, error) {
			var r struct{ Conversations []im.Conversation }
			err := s.AsAdmin("/conversation/get_owner_conversation", imtest.H{"userID": "ann", "pagination": p}, &r)
			return r.Conversations, err
		},
		fullIDs: func(s *imtest.Server) ([]string, error) {
			var r struct{ ConversationIDs []string }
			err := s.AsAdmin("/conversation/get_full_conversation_ids", imtest.H{"userID": "ann", "idHash": 0}, &r)
			return r.ConversationIDs, err
		},
	}
	verified(t, func(t *testing.T, s *imtest.Server) {
		register(t, s, "ann")
		var ids []string
		for _, peer := range numbered("peer", 2*list.size+10) {
			id := "si_ann_" + peer
			ids = append(ids, id)
			must(t, s.AsAdmin("/conversation/set_conversations", imtest.H{
				"userIDs":      []string{"ann"},
				"conversation": imtest.H{"conversationID": id, "conversationType": 1, "userID": peer, "recvMsgOpt": 2},
			}, nil))
		}
		gone := func(name string, ids ...string) edit {
			return edit{name, "/conversation/delete_conversations", imtest.H{"ownerUserID": "ann", "conversationIDs": ids}}
		}
		list.check(t, s,
			gone("one is deleted", ids[7]), gone("three are deleted", ids[8], ids[100], ids[200]),
			gone("the last page begins to shrink", ids[300:304]...), // 606 to 602
		)
		list.changed = 3
		list.check(t, s, gone("there is no last page any more", ids[310:314]...)) // 602 to 598
	})
}

// numbered returns n ids that sort as they are numbered.
func numbered(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s%03d", prefix, i)
	}
	return ids
}
