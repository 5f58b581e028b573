package service_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"parley/internal/im"
	"parley/internal/service"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

// readPages loads a list of ann as clients do, page by page, with something done before
// each page, and then asks for what has changed since. It returns the ids that the client
// knows and those that it has the records of.
func readPages[T any](
	t *rapid.T, size int, key func(*T) string,
	changes func(from im.Version) (service.Changes[T], error),
	page func(p service.Page) ([]T, int, error),
	full func() (service.FullIDs, error),
	meanwhile func(),
) (ids, rows []string) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var at im.Version
	have := map[string]bool{}
	for round := range 3 {
		c, err := changes(at)
		ok(err)
		if c.Full {
			clear(have)
			for n := 1; ; n++ {
				if round == 0 {
					meanwhile()
				}
				got, _, err := page(service.Page{Number: n, Size: size})
				ok(err)
				for i := range got {
					have[key(&got[i])] = true
				}
				if len(got) < size {
					break
				}
			}
			f, err := full()
			ok(err)
			ids = f.IDs
		}
		for _, id := range c.Delete {
			delete(have, id)
			ids = slices.DeleteFunc(ids, func(s string) bool { return s == id })
		}
		for _, v := range slices.Concat(c.Insert, c.Update) {
			have[key(&v)] = true
			if !slices.Contains(ids, key(&v)) {
				ids = append(ids, key(&v))
			}
		}
		at = c.Version
	}
	return ids, slices.Collect(maps.Keys(have))
}

// TestShifted changes lists at random while they are loaded: the client ends with all of
// the list, whatever went from page to page.
func TestShifted(t *testing.T) {
	if testing.Short() {
		t.Skip("lists of several pages take their time, and nothing in it happens at the same time")
	}
	t.Parallel()
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		t.Parallel()
		ctx, st := context.Background(), open(t)
		o := newOffice(t, st)
		ann, root := as("ann"), as("root")
		ids := func(prefix string, n int) []string {
			out := make([]string, n)
			for i := range out {
				out[i] = fmt.Sprintf("%s%03d", prefix, i)
			}
			return out
		}
		friends, groups, peers := ids("f", 330), ids("g", 330), ids("p", 930)
		o.ok(st.Update(ctx, func(tx store.Tx) error {
			var users []im.User
			for _, id := range slices.Concat(friends, peers) {
				users = append(users, im.User{UserID: id})
			}
			if err := tx.InsertUsers(ctx, users); err != nil {
				return err
			}
			for i, id := range groups {
				g := im.Group{GroupID: id, GroupName: id, GroupType: im.GroupTypeWorking}
				if err := tx.InsertGroup(ctx, g); err != nil {
					return err
				}
				if err := tx.InsertMembers(ctx, id, []im.Member{
					{GroupID: id, UserID: "bob", RoleLevel: im.RoleOwner}, {GroupID: id, UserID: "ann", RoleLevel: im.RoleMember, JoinTime: int64(i)},
				}); err != nil {
					return err
				}
			}
			return nil
		}))
		o.ok(o.ImportFriends(ctx, root, "ann", friends))
		show := func(peers []string) {
			for _, id := range peers {
				mode := int32(im.ReceiveSilently)
				o.ok(o.SetConversations(ctx, root, service.ConversationChange{
					UserIDs:      []string{"ann"},
					Conversation: im.Conversation{ConversationID: "si_ann_" + id, ConversationType: im.SessionSingle, UserID: id},
					Settings:     im.ConversationPatch{RecvMsgOpt: &mode},
				}))
			}
		}
		show(peers)

		rapid.Check(t, func(t *rapid.T) {
			some := func(all []string, most int) []string {
				return rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, most, rapid.ID[string]).Draw(t, "ids")
			}
			// edits draws the changes before a page, each by its name.
			edits := func(by map[string]func()) func() {
				names := slices.Sorted(maps.Keys(by))
				return func() {
					for range rapid.IntRange(0, 2).Draw(t, "edits") {
						by[rapid.SampledFrom(names).Draw(t, "edit")]()
					}
				}
			}
			check := func(list string, want, ids, rows []string) {
				t.Helper()
				for what, got := range map[string][]string{"ids": ids, "records": rows} {
					if want, got := slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got)); !slices.Equal(want, got) {
						t.Fatalf("%s of %s: lacks %v, has %v too much", what, list, without(want, got), without(got, want))
					}
				}
			}
			switch list := rapid.SampledFrom([]string{"friends", "groups", "conversations"}).Draw(t, "list"); list {
			case "friends":
				in := func() []string { return must(o.AllFriendIDs(ctx, ann, "ann")) }
				pin := func(pinned bool) func() {
					return func() { o.ok(o.UpdateFriends(ctx, ann, "ann", some(in(), 5), im.FriendPatch{IsPinned: &pinned})) }
				}
				ids, rows := readPages(t, 100, func(f *im.Friend) string { return f.FriendUser.UserID },
					func(v im.Version) (service.Changes[im.Friend], error) { return o.FriendChanges(ctx, ann, "ann", v) },
					func(p service.Page) ([]im.Friend, int, error) { return o.FriendsPage(ctx, ann, "ann", p) },
					func() (service.FullIDs, error) { return o.FriendIDs(ctx, ann, "ann", 0) },
					edits(map[string]func(){
						"pin": pin(true), "unpin": pin(false),
						"delete": func() { o.ok(o.DeleteFriend(ctx, ann, "ann", some(in(), 1)[0])) },
						"import": func() {
							if out := without(friends, in()); len(out) > 0 {
								o.ok(o.ImportFriends(ctx, root, "ann", some(out, 2)))
							}
						},
					}))
				check(list, in(), ids, rows)
			case "groups":
				in := func() []string { return must(st.JoinedGroupIDs(ctx, "ann")) }
				ids, rows := readPages(t, 100, func(g *im.Group) string { return g.GroupID },
					func(v im.Version) (service.Changes[im.Group], error) { return o.JoinedGroupChanges(ctx, ann, "ann", v) },
					func(p service.Page) ([]im.Group, int, error) { return o.JoinedGroups(ctx, ann, "ann", p) },
					func() (service.FullIDs, error) { return o.JoinedGroupIDs(ctx, ann, "ann", 0) },
					edits(map[string]func(){
						"leave": func() { o.ok(o.QuitGroup(ctx, ann, some(in(), 1)[0], "ann")) },
						"rename": func() {
							name := rapid.StringMatching(`[a-z]{3}`).Draw(t, "name")
							o.ok(o.SetGroupInfoEx(ctx, root, some(in(), 1)[0], im.GroupPatch{GroupName: &name}))
						},
						"come back": func() {
							if out := without(groups, in()); len(out) > 0 {
								o.ok(o.Invite(ctx, root, some(out, 1)[0], []string{"ann"}, "", nil))
							}
						},
					}))
				check(list, in(), ids, rows)
			case "conversations":
				in := func() []string { return must(st.ConversationIDs(ctx, "ann")) }
				const single = "si_ann_"
				ids, rows := readPages(t, 300, func(c *im.Conversation) string { return c.ConversationID },
					func(v im.Version) (service.Changes[im.Conversation], error) {
						return o.ConversationChanges(ctx, ann, "ann", v)
					},
					func(p service.Page) ([]im.Conversation, int, error) { return o.ConversationsPage(ctx, ann, "ann", p) },
					func() (service.FullIDs, error) { return o.ConversationIDs(ctx, ann, "ann", 0) },
					edits(map[string]func(){
						"delete": func() { o.ok(o.DeleteConversations(ctx, ann, "ann", 0, some(in(), 5))) },
						"show": func() {
							var out []string
							here := in()
							for _, id := range peers {
								if !slices.Contains(here, single+id) {
									out = append(out, id)
								}
							}
							if len(out) > 0 {
								show(some(out, 3))
							}
						},
					}))
				check(list, in(), ids, rows)
			}
		})
	})
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(some, id) })
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
