package service

import (
	"context"
	"maps"
	"slices"

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

// What clients ask for at a time, and how many full pages of it (incremental-sync.md 8.1).
const (
	friendsPage       = 100
	groupsPage        = 100
	groupsPages       = 10
	conversationsPage = 300
)

// repeatShifted has clients fetch again the last elements of each page of a list that is
// given in the order of its pages, as many as a change may have brought there. It comes
// after the step of the change, which keeps other changes of the list away.
func repeatShifted(ctx context.Context, tx store.Tx, list im.List, owner string, ids []string, size, moved int) error {
	var shifted []string
	moved = min(moved, size)
	for end := size; end-moved < len(ids); end += size { // the last page may have been full before
		shifted = append(shifted, ids[end-moved:min(end, len(ids))]...)
		if len(shifted) > im.MaxDelta { // more are answered in full anyway
			break
		}
	}
	if len(shifted) == 0 {
		return nil
	}
	_, err := tx.Step(ctx, list, owner, im.ChangeUpdate, shifted...)
	return err
}

func repeatFriends(ctx context.Context, tx store.Tx, ownerID string, moved int) error {
	ids, err := tx.FriendIDs(ctx, ownerID)
	if err != nil {
		return err
	}
	return repeatShifted(ctx, tx, im.ListFriends, ownerID, ids, friendsPage, moved)
}

func repeatConversations(ctx context.Context, tx store.Tx, ownerID string, moved int) error {
	ids, err := tx.ConversationIDs(ctx, ownerID)
	if err != nil {
		return err
	}
	return repeatShifted(ctx, tx, im.ListConversations, ownerID, ids, conversationsPage, moved)
}

// leaveList takes a group out of the lists of former members, of whom there may be many:
// the ends of all their pages are looked up together.
func leaveList(ctx context.Context, tx store.Tx, groupID string, userIDs []string) error {
	if err := tx.StepEach(ctx, im.ListJoinedGroups, userIDs, im.ChangeDelete, groupID); err != nil {
		return err
	}
	ends, err := tx.JoinedPageEnds(ctx, userIDs, groupsPage, groupsPages)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(ends)) {
		if _, err := tx.Step(ctx, im.ListJoinedGroups, id, im.ChangeUpdate, ends[id]...); err != nil {
			return err
		}
	}
	return nil
}
