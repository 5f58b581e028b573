package service

import (
	"context"
	"fmt"

	"parley/internal/im"
	"parley/internal/store"
)

// Clients load a list in full a page at a time. Whoever comes, by the removal or the move
// of others, from the beginning of a page to the end of the one before is missed by a
// client that has read the one and then reads the other, and no other change would ever
// report it (incremental-sync.md 8.1). So a change that removes or moves elements is
// followed by a step that repeats those at the end of a page.
//
// Members of a group need none of this: clients fetch by id whom they have no record of
// (sdk-sync.md 6.2), and a second step would be a gap to whoever has got the notice of the
// first.

// clientPage is how many elements of a list clients ask for at a time, and how many in
// all: 0 is without limit (incremental-sync.md 8.1).
func clientPage(list im.List) (size, most int) {
	switch list {
	case im.ListFriends:
		return 100, 10_000
	case im.ListJoinedGroups:
		return 100, 1_000
	case im.ListConversations:
		return 300, 0
	default:
		panic(fmt.Sprintf("clients do not depend on the pages of list %d", list))
	}
}

// pageOrder returns the elements of a list in the order of its pages.
func pageOrder(ctx context.Context, r store.Reader, list im.List, owner string) ([]string, error) {
	switch list {
	case im.ListFriends:
		return r.FriendIDs(ctx, owner)
	case im.ListJoinedGroups:
		return r.JoinedByEntry(ctx, owner)
	case im.ListConversations:
		return r.ConversationIDs(ctx, owner)
	default:
		panic(fmt.Sprintf("list %d is not read in pages", list))
	}
}

// repeatShifted has clients fetch again the last elements of each page of a list, as many
// as a change may have brought there. It comes after the step of the change, which keeps
// other changes of the list away.
func repeatShifted(ctx context.Context, tx store.Tx, list im.List, owner string, moved int) error {
	ids, err := pageOrder(ctx, tx, list, owner)
	if err != nil {
		return err
	}
	size, most := clientPage(list)
	if most > 0 {
		ids = ids[:min(len(ids), most)]
	}
	var shifted []string
	for end := size; end <= len(ids); end += size {
		shifted = append(shifted, ids[end-min(moved, size):end]...)
		if len(shifted) > im.MaxDelta { // more are answered in full anyway
			break
		}
	}
	if len(shifted) == 0 {
		return nil
	}
	_, err = tx.Step(ctx, list, owner, im.ChangeUpdate, shifted...)
	return err
}

// leaveList takes a group out of the lists of former members.
func leaveList(ctx context.Context, tx store.Tx, groupID string, userIDs []string) error {
	if err := tx.StepEach(ctx, im.ListJoinedGroups, userIDs, im.ChangeDelete, groupID); err != nil {
		return err
	}
	size, _ := clientPage(im.ListJoinedGroups)
	long, err := tx.JoinedMany(ctx, userIDs, size)
	if err != nil {
		return err
	}
	for _, id := range long {
		if err := repeatShifted(ctx, tx, im.ListJoinedGroups, id, 1); err != nil {
			return err
		}
	}
	return nil
}
