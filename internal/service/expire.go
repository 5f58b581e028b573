package service

import (
	"context"
	"slices"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// Expired is where a run of ExpireMessages has got to.
type Expired struct {
	Last int64 // append order of the last message looked at
	More bool
}

// ExpireMessages removes the oldest messages of all conversations that were
// stored before a time: one batch, beginning after the message that the last
// batch ended with. Readers stop seeing them at once; rows that an undelivered
// event speaks of stay until a later run (messages.md 12).
func (s *Service) ExpireMessages(ctx context.Context, before time.Time, after int64, limit int) (Expired, error) {
	rows, err := s.store.OldMessages(ctx, after, before.UnixMilli(), limit)
	if err != nil || len(rows) == 0 {
		return Expired{Last: after}, err
	}
	var free []int64
	top := make(map[string]int64)
	var order []string // one for all writers
	for _, r := range rows {
		if !r.Awaited {
			free = append(free, r.ID)
		}
		if top[r.ConversationID] == 0 {
			order = append(order, r.ConversationID)
		}
		top[r.ConversationID] = max(top[r.ConversationID], r.Seq)
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		for _, id := range slices.Sorted(slices.Values(order)) {
			if err := tx.RaiseMinSeq(ctx, id, top[id]+1); err != nil {
				return err
			}
		}
		return tx.PurgeMessages(ctx, free)
	})
	return Expired{Last: rows[len(rows)-1].ID, More: len(rows) == limit}, err
}

// PurgeMessages removes rows of messages that were wiped and that no event
// speaks of any more: one batch. It reports whether there are more.
func (s *Service) PurgeMessages(ctx context.Context, limit int) (more bool, err error) {
	ids, err := s.store.WipedMessages(ctx, limit)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	err = s.store.Update(ctx, func(tx store.Tx) error { return tx.PurgeMessages(ctx, ids) })
	return len(ids) == limit, err
}

// DestructMessages runs the timed clearing of one batch of conversation records
// that are due, and tells their owners. It reports whether there are more.
func (s *Service) DestructMessages(ctx context.Context, limit int) (more bool, err error) {
	now := s.nowMs()
	due, err := s.store.DueDestructs(ctx, now, limit)
	if err != nil || len(due) == 0 {
		return false, err
	}
	upTo := make([]int64, len(due)) // last number to be cleared
	for i := range due {
		c := &due[i]
		states, err := s.store.SeqStates(ctx, []string{c.ConversationID})
		if err != nil {
			return false, err
		}
		st := states[c.ConversationID]
		upTo[i], err = s.store.SeqStoredBefore(ctx, c.ConversationID, max(st.MinSeq, c.MinSeq, 1), st.MaxSeq, now-c.MsgDestructTime*1000)
		if err != nil {
			return false, err
		}
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		for i := range due {
			c := &due[i]
			if upTo[i] > 0 {
				if err := tx.RaiseUserMinSeq(ctx, c.OwnerUserID, c.ConversationID, upTo[i]+1); err != nil {
					return err
				}
			}
			if err := tx.SetDestructed(ctx, c.OwnerUserID, c.ConversationID, now); err != nil {
				return err
			}
			if _, err := tx.Step(ctx, im.ListConversations, c.OwnerUserID, im.ChangeUpdate, c.ConversationID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	for i := range due {
		s.tellConversations(ctx, im.Operator{OperationID: im.NewID()}, due[i].OwnerUserID, due[i].ConversationID)
	}
	return len(due) == limit, nil
}

// expireBatch is how many messages DeleteMessagesBefore removes in one transaction.
const expireBatch = 500

// DeleteMessagesBefore removes all messages stored before a time (seconds), of
// all conversations (rest-msg.md 7). For administrators. When the time of the
// request is over it says so, and the rest goes with the next call.
func (s *Service) DeleteMessagesBefore(ctx context.Context, op im.Operator, seconds int64) error {
	const name = "service.DeleteMessagesBefore"
	if err := admin(op, name); err != nil {
		return err
	}
	if seconds > s.nowMs()/1000 {
		return im.Errorf(im.Invalid, name, "timestamp is in seconds, and not after now")
	}
	for e := (Expired{More: seconds > 0}); e.More; {
		var err error
		if e, err = s.ExpireMessages(ctx, time.Unix(seconds, 0), e.Last, expireBatch); err != nil {
			if ctx.Err() != nil {
				return &im.Error{Kind: im.Busy, Op: name, Detail: "not all messages are deleted yet, call again", Err: err}
			}
			return err
		}
	}
	return nil
}
