package service

import (
	"context"
	"errors"
	"slices"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/webhook"
)

const (
	// dismissBatch is the number of members that are removed in one transaction, while
	// everybody else's messages wait; a group of no more is dismissed in a single one.
	dismissBatch = 250
	// dropBatch is the number of entries of its member log that go in one.
	dropBatch = 2000
)

// DismissGroup ends a group: nothing can be said in it any more, its members
// leave it, and unless they are only to be removed, are told (rest-group.md 3).
func (s *Service) DismissGroup(ctx context.Context, op im.Operator, groupID string, removeOnly bool, sendMessage *bool) error {
	const name = "service.DismissGroup"
	if err := usableIDs(name, groupID); err != nil {
		return err
	}
	told := s.groupNotice(op, im.ContentGroupDismissed, groupID, wanted(sendMessage))
	if removeOnly {
		told = nil
	}
	// The messages show the group and go to the members as they were.
	var tips groupDismissedTips
	var members []string
	var dropped bool       // the member log is gone
	var knownAt im.Version // the position of the log at which members were read
	shut := func(ctx context.Context, t *groupTx) (err error) {
		if tips.Group, tips.OpUser, err = t.scene(ctx); err != nil {
			return err
		}
		now, err := t.Head(ctx, im.ListMembers, groupID)
		if err != nil {
			return err
		}
		if now != knownAt || now.ID == "" {
			if members, err = t.MemberIDs(ctx, groupID); err != nil {
				return err
			}
		}
		if t.group.Status != im.GroupDismissed { // once: it may have been dismissed with its members left in it
			if err := t.emitDismissal(ctx, members); err != nil {
				return err
			}
		}
		// Messages that were let in before this and have no number yet would reach nobody.
		if err := t.CloseChat(ctx, im.GroupConversationID(groupID)); err != nil {
			return err
		}
		status := int32(im.GroupDismissed)
		tips.Group.Status, t.dropped = status, true
		return t.PatchGroup(ctx, groupID, im.GroupPatch{Status: &status})
	}
	end := func(ctx context.Context, t *groupTx, left []string) error {
		if err := removeFormer(ctx, t.Tx, groupID, left); err != nil {
			return err
		}
		t.dropped = true
		var err error
		if dropped, err = dropLog(ctx, t.Tx, groupID); err != nil {
			return err
		}
		for _, d := range told {
			d.Receivers = append([]string{}, members...)
		}
		return setTips(told, tips)
	}

	err := s.changeGroup(ctx, op, name, groupID, told, func(ctx context.Context, t *groupTx) error {
		if err := t.mayDismiss(removeOnly); err != nil {
			return err
		}
		if t.group.MemberCount > dismissBatch {
			return errMoved
		}
		if err := shut(ctx, t); err != nil {
			return err
		}
		return end(ctx, t, members)
	})
	if err == nil && !dropped {
		return s.dropRest(context.WithoutCancel(ctx), groupID)
	}
	if !errors.Is(err, errMoved) {
		return err
	}

	// A large group is closed first, then emptied a part at a time, the owner last.
	ctx = context.WithoutCancel(ctx)
	if knownAt, err = s.store.Head(ctx, im.ListMembers, groupID); err != nil {
		return err
	}
	if members, err = s.store.MemberIDs(ctx, groupID); err != nil { // before others have to wait
		return err
	}
	err = s.changeGroup(ctx, op, name, groupID, nil, func(ctx context.Context, t *groupTx) error {
		if err := t.mayDismiss(removeOnly); err != nil {
			return err
		}
		if err := shut(ctx, t); err != nil {
			return err
		}
		return t.PutDismissal(ctx, groupID)
	})
	if err != nil {
		return err
	}
	left, err := s.emptyGroup(ctx, groupID, members)
	if err != nil {
		return err
	}
	err = s.changeGroup(ctx, op, name, groupID, told, func(ctx context.Context, t *groupTx) error {
		return end(ctx, t, left)
	})
	if err == nil && !dropped {
		err = s.dropRest(ctx, groupID)
	}
	return err
}

// dropLog deletes a part of the member log of a dismissed group. The dismissal is
// remembered until all of it is gone.
func dropLog(ctx context.Context, tx store.Tx, groupID string) (gone bool, err error) {
	if gone, err = tx.DropLog(ctx, im.ListMembers, groupID, dropBatch); err != nil {
		return false, err
	}
	if !gone {
		return false, tx.PutDismissal(ctx, groupID)
	}
	return true, tx.DeleteDismissal(ctx, groupID)
}

// dropRest deletes what is left of the member log, a part at a time.
func (s *Service) dropRest(ctx context.Context, groupID string) error {
	for gone := false; !gone; {
		err := s.store.Update(ctx, func(tx store.Tx) (err error) {
			gone, err = dropLog(ctx, tx, groupID)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// emitDismissal writes the event with the members as they are (webhooks.md D.9).
func (t *groupTx) emitDismissal(ctx context.Context, members []string) error {
	return t.emit(ctx, im.AfterDismissGroup, "", func(string) []byte {
		body, named := webhook.DismissGroupBody(t.group, members)
		if named < len(members) {
			t.s.logger.Warn("a callback names only the first members of a dismissed group", "op", t.op.OperationID,
				"group", t.group.GroupID, "named", named, "members", len(members))
		}
		return body
	})
}

func (t *groupTx) mayDismiss(removeOnly bool) error {
	switch {
	case t.group.OwnerUserID == "":
		return im.Errorf(im.NotFound, t.name, "group %s has no owner", t.group.GroupID)
	case !t.op.Is(t.group.OwnerUserID):
		return im.Errorf(im.Denied, t.name, "only the owner may dismiss group %s", t.group.GroupID)
	case !removeOnly:
		return t.live()
	}
	return nil
}

// emptyGroup removes members from the end of the list until one batch is left, and returns it.
func (s *Service) emptyGroup(ctx context.Context, groupID string, members []string) ([]string, error) {
	for len(members) > dismissBatch {
		batch := members[len(members)-dismissBatch:]
		err := s.store.Update(ctx, func(tx store.Tx) error { return removeFormer(ctx, tx, groupID, batch) })
		if err != nil {
			return nil, err
		}
		members = members[:len(members)-dismissBatch]
	}
	return members, nil
}

// removeFormer removes members of a dismissed group who have not left it meanwhile.
func removeFormer(ctx context.Context, tx store.Tx, groupID string, ids []string) error {
	found, err := tx.Members(ctx, groupID, ids)
	if err != nil {
		return err
	}
	ids = memberIDs(found)
	slices.Sort(ids)
	if err := tx.DeleteMembers(ctx, groupID, ids); err != nil {
		return err
	}
	return leaveList(ctx, tx, groupID, ids)
}

// finishDismissals empties groups whose dismissal the last run of the server did
// not live to end. Their members find out at their next sync.
func (s *Service) finishDismissals(ctx context.Context) error {
	groups, err := s.store.Dismissals(ctx)
	if err != nil {
		return err
	}
	for _, g := range groups {
		members, err := s.store.MemberIDs(ctx, g)
		if err != nil {
			return err
		}
		left, err := s.emptyGroup(ctx, g, members)
		if err != nil {
			return err
		}
		if err := s.store.Update(ctx, func(tx store.Tx) error { return removeFormer(ctx, tx, g, left) }); err != nil {
			return err
		}
		if err := s.dropRest(ctx, g); err != nil {
			return err
		}
	}
	return nil
}
