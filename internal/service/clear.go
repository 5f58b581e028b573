package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
)

// ClearConversations takes all present messages of conversations away from a
// user, or from everybody (messages.md 9.4). Ids without a record of the user
// are ignored.
func (s *Service) ClearConversations(ctx context.Context, op im.Operator, userID string, ids []string, r Reach) error {
	const name = "service.ClearConversations"
	if err := self(op, name, userID); err != nil {
		return err
	}
	if err := boundedIDs(name, ids); err != nil {
		return err
	}
	if len(ids) == 0 {
		return nil
	}
	ids = distinct(ids)
	found, err := s.store.Conversations(ctx, userID, ids)
	if err != nil {
		return err
	}
	return s.clear(ctx, op, userID, byID(ids, found, func(c *im.Conversation) string { return c.ConversationID }), r)
}

// ClearAllConversations does the same with all of a user's conversations.
func (s *Service) ClearAllConversations(ctx context.Context, op im.Operator, userID string, r Reach) error {
	if err := self(op, "service.ClearAllConversations", userID); err != nil {
		return err
	}
	all, err := s.store.Conversations(ctx, userID, nil)
	if err != nil {
		return err
	}
	return s.clear(ctx, op, userID, all, r)
}

func (s *Service) clear(ctx context.Context, op im.Operator, userID string, records []im.Conversation, r Reach) error {
	if r.Everyone {
		// First all checks, so that a refusal leaves nothing half done.
		for i := range records {
			if err := s.mayClear(ctx, op, &records[i]); err != nil {
				return err
			}
		}
		for i := range records {
			if err := s.clearForAll(ctx, op, &records[i]); err != nil {
				return err
			}
		}
		return nil
	}
	var cleared []string
	for len(records) > 0 {
		batch := records[:min(len(records), batchRecords)]
		records = records[len(batch):]
		ids := make([]string, len(batch))
		for i := range batch {
			ids[i] = batch[i].ConversationID
		}
		err := s.store.Update(ctx, func(tx store.Tx) error {
			states, err := tx.SeqStates(ctx, ids)
			if err != nil {
				return err
			}
			own, err := tx.UserSeqs(ctx, userID, ids)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if err := s.moveMinSeq(ctx, tx, userID, id, states[id].MaxSeq+1); err != nil {
					return err
				}
				// Whoever has left the group has read what there was until then.
				_, last := own[id].Readable(states[id])
				if _, _, err := tx.RaiseReadSeq(ctx, userID, id, max(last, 0)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.tellConversations(ctx, op, userID, ids...)
		cleared = append(cleared, ids...)
	}
	if r.Devices && len(cleared) > 0 {
		n := notice{contentType: im.ContentCleared, from: userID, to: userID, session: im.SessionSingle}
		s.tell(ctx, op, n, clearConversationTips{UserID: userID, ConversationIDs: cleared})
	}
	return nil
}

// moveMinSeq moves the first number that a user may read up, with a step in the
// user's log.
func (s *Service) moveMinSeq(ctx context.Context, tx store.Tx, userID, conversationID string, seq int64) error {
	if err := tx.RaiseUserMinSeq(ctx, userID, conversationID, seq); err != nil {
		return err
	}
	_, err := tx.Step(ctx, im.ListConversations, userID, im.ChangeUpdate, conversationID)
	return err
}

// mayClear refuses to clear a group for everybody to those who do not run it.
func (s *Service) mayClear(ctx context.Context, op im.Operator, c *im.Conversation) error {
	const name = "service.ClearConversations"
	if op.Admin || c.ConversationType != im.SessionGroup {
		return nil
	}
	me, err := s.store.Members(ctx, c.GroupID, []string{c.OwnerUserID})
	if err != nil {
		return err
	}
	if len(me) == 0 || me[0].RoleLevel < im.RoleAdmin {
		return im.Errorf(im.Denied, name, "only owner and admins clear group %s for everybody", c.GroupID)
	}
	return nil
}

// clearForAll takes the messages of one conversation away from everybody (1703).
func (s *Service) clearForAll(ctx context.Context, op im.Operator, c *im.Conversation) error {
	id := c.ConversationID
	told := s.deliveries(op, peerNotice(im.ContentCleared, c))
	if err := setTips(told, clearConversationTips{UserID: c.OwnerUserID, ConversationIDs: []string{id}}); err != nil {
		return err
	}
	_, err := s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    told,
		With: func(ctx context.Context, tx store.Tx) error {
			states, err := tx.SeqStates(ctx, []string{id})
			if err != nil {
				return err
			}
			top := states[id].MaxSeq
			// The position before the counter, as an append takes them.
			if _, _, err := tx.RaiseReadSeq(ctx, c.OwnerUserID, id, top); err != nil {
				return err
			}
			return tx.RaiseMinSeq(ctx, id, top+1)
		},
	})
	return err
}
