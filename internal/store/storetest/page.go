package storetest

import (
	"context"
	"fmt"
	"testing"

	"parley/internal/im"
	"parley/internal/store"
)

// pagedList is a list that clients load a page at a time.
type pagedList struct {
	name string
	ids  func(ctx context.Context, r store.Reader) ([]string, error)
	page func(ctx context.Context, r store.Reader, offset, limit int) (ids []string, total int, err error)
	add  func(ctx context.Context, tx store.Tx, id string, at int64) error
	take func(ctx context.Context, tx store.Tx, id string) error
}

func keys[T any](items []T, total int, err error, key func(*T) string) ([]string, int, error) {
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = key(&items[i])
	}
	return ids, total, err
}

func pagedLists() []pagedList {
	return []pagedList{
		{
			"friends",
			func(ctx context.Context, r store.Reader) ([]string, error) { return r.FriendIDs(ctx, "u") },
			func(ctx context.Context, r store.Reader, offset, limit int) ([]string, int, error) {
				page, total, err := r.FriendsPage(ctx, "u", offset, limit)
				return keys(page, total, err, friendID)
			},
			func(ctx context.Context, tx store.Tx, id string, at int64) error {
				_, err := tx.InsertFriend(ctx, friendRecord("u", id, at))
				return err
			},
			func(ctx context.Context, tx store.Tx, id string) error {
				_, err := tx.DeleteFriend(ctx, "u", id)
				return err
			},
		},
		{
			"conversations",
			func(ctx context.Context, r store.Reader) ([]string, error) { return r.ConversationIDs(ctx, "u") },
			func(ctx context.Context, r store.Reader, offset, limit int) ([]string, int, error) {
				page, total, err := r.ConversationsPage(ctx, "u", offset, limit)
				return keys(page, total, err, func(c *im.Conversation) string { return c.ConversationID })
			},
			func(ctx context.Context, tx store.Tx, id string, at int64) error {
				_, err := tx.InsertConversations(ctx, []im.Conversation{record("u", id, 1)}, at)
				return err
			},
			func(ctx context.Context, tx store.Tx, id string) error {
				return tx.DropConversations(ctx, "u", []string{id})
			},
		},
		{
			"groups",
			func(ctx context.Context, r store.Reader) ([]string, error) { return r.JoinedGroupIDs(ctx, "u") }, // named in the order of entry
			func(ctx context.Context, r store.Reader, offset, limit int) ([]string, int, error) {
				page, total, err := r.JoinedGroups(ctx, "u", offset, limit)
				return keys(page, total, err, func(g *im.Group) string { return g.GroupID })
			},
			func(ctx context.Context, tx store.Tx, id string, at int64) error {
				if err := tx.InsertGroup(ctx, group(id, 0)); err != nil {
					return err
				}
				return tx.InsertMembers(ctx, id, []im.Member{member(id, "u", im.RoleMember, at)})
			},
			func(ctx context.Context, tx store.Tx, id string) error {
				return tx.DeleteMembers(ctx, id, []string{"u"})
			},
		},
	}
}

// testPages reads lists in pages: alone, and while elements are taken from the front. A
// page is never shorter than asked for unless the list ends there, which is what clients
// take a short page for.
func testPages(t *testing.T, st store.Store) {
	const size, all = 20, 90
	ctx := context.Background()
	ids := numbered("e", all)
	insertUsers(t, st, ids...)
	for _, l := range pagedLists() {
		t.Run(l.name, func(t *testing.T) {
			page := func(offset, limit int) []string {
				t.Helper()
				got, total, err := l.page(ctx, st, offset, limit)
				noErr(t, err)
				same(t, "total", total, len(must(l.ids(ctx, st))(t)))
				return got
			}
			same(t, "of nothing", page(0, size), []string{})
			update(t, st, func(tx store.Tx) error {
				for i, id := range ids {
					if err := l.add(ctx, tx, id, int64(i/2*1000)); err != nil { // pairs of the same time
						return err
					}
				}
				return nil
			})
			same(t, "all ids", must(l.ids(ctx, st))(t), ids)
			for _, c := range []struct{ offset, limit int }{{0, 0}, {0, size}, {size, size}, {all - 7, size}, {all, size}, {0, all + 1}} {
				lo := min(c.offset, all)
				same(t, fmt.Sprintf("page %+v", c), page(c.offset, c.limit), ids[lo:min(lo+c.limit, all)])
			}
			// Readers while the front goes.
			done := make(chan error, 1)
			go func() {
				for _, id := range ids[:all-2*size] {
					if err := st.Update(ctx, func(tx store.Tx) error { return l.take(ctx, tx, id) }); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
			for reading := true; reading; {
				select {
				case err := <-done:
					noErr(t, err)
					reading = false
				default:
				}
				got, _, err := l.page(ctx, st, size, size)
				noErr(t, err)
				same(t, "length of a page that is not the last", len(got), size)
			}
			same(t, "what is left", must(l.ids(ctx, st))(t), ids[all-2*size:])
		})
	}
}

// testJoinedPages has groups change their names and end while they are listed.
func testJoinedPages(t *testing.T, st store.Store) {
	ctx := context.Background()
	for i, id := range []string{"g1", "g2", "g3", "g4"} {
		g := group(id, int64(i))
		g.GroupName = string('d' - rune(i)) // the other way round
		insertGroup(t, st, g, member(id, "u", im.RoleMember, int64(i+1)))
	}
	pages := func() []string {
		t.Helper()
		var out []string
		for offset := range 2 {
			page, total, err := st.JoinedGroups(ctx, "u", 2*offset, 2)
			noErr(t, err)
			same(t, "total", total, len(must(st.JoinedGroupIDs(ctx, "u"))(t)))
			for _, g := range page {
				out = append(out, g.GroupID)
			}
			out = append(out, "|")
		}
		return out
	}
	same(t, "pages by entry, sorted by name", pages(), []string{"g2", "g1", "|", "g4", "g3", "|"})
	patch := func(id string, p im.GroupPatch) {
		t.Helper()
		update(t, st, func(tx store.Tx) error { return tx.PatchGroup(ctx, id, p) })
	}
	first, dismissed := "A", int32(im.GroupDismissed)
	patch("g4", im.GroupPatch{GroupName: &first})
	patch("g1", im.GroupPatch{GroupName: &first})
	same(t, "renamed", pages(), []string{"g1", "g2", "|", "g4", "g3", "|"})
	same(t, "ids by name", must(st.JoinedGroupIDs(ctx, "u"))(t), []string{"g1", "g4", "g3", "g2"})

	update(t, st, func(tx store.Tx) error {
		if err := tx.PatchGroup(ctx, "g2", im.GroupPatch{Status: &dismissed}); err != nil {
			return err
		}
		return tx.PutDismissal(ctx, "g2")
	})
	same(t, "while members are removed", pages(), []string{"g1", "g2", "|", "g4", "g3", "|"})
	update(t, st, func(tx store.Tx) error { return tx.DeleteMembers(ctx, "g2", []string{"u"}) })
	same(t, "removed", pages(), []string{"g1", "g3", "|", "g4", "|"})
	patch("g4", im.GroupPatch{Status: &dismissed})
	same(t, "dismissed at once", pages(), []string{"g1", "g3", "|", "|"})

	update(t, st, func(tx store.Tx) error { // u is listed in g1 and g3, in this order
		for _, c := range []struct {
			size, pages int
			want        map[string][]string
		}{
			{1, 5, map[string][]string{"u": {"g1", "g3"}}},
			{1, 1, map[string][]string{"u": {"g1"}}},
			{2, 5, map[string][]string{"u": {"g3"}}},
			{3, 5, map[string][]string{}},
		} {
			same(t, fmt.Sprintf("ends of %+v", c), must(tx.JoinedPageEnds(ctx, []string{"u", "v"}, c.size, c.pages))(t), c.want)
		}
		return nil
	})
}
