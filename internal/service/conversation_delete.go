package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
)

const dayMs = 24 * 3600 * 1000

// DeleteConversations removes records of a user: the named ones, or all whose
// last message is older than some days; exactly one of the two is given
// (rest-conversation.md 4). Messages stay, nobody is told, and the next message
// brings a record back.
func (s *Service) DeleteConversations(ctx context.Context, op im.Operator, ownerID string, days int64, ids []string) error {
	const name = "service.DeleteConversations"
	if err := self(op, name, ownerID); err != nil {
		return err
	}
	if (days == 0) == (len(ids) == 0) || days < 0 || days > maxDestructTime/(24*3600) {
		return im.Errorf(im.Invalid, name, "either needDeleteTime or conversationIDs must be given")
	}
	if err := boundedIDs(name, ids); err != nil {
		return err
	}
	ids = distinct(ids)
	if days > 0 {
		var err error
		if ids, err = s.idleConversations(ctx, ownerID, s.nowMs()-days*dayMs); err != nil {
			return err
		}
	}
	for len(ids) > 0 {
		batch := ids[:min(len(ids), batchRecords)]
		ids = ids[len(batch):]
		err := s.store.Update(ctx, func(tx store.Tx) error {
			if err := tx.DropConversations(ctx, ownerID, batch); err != nil {
				return err
			}
			for _, id := range batch {
				if _, err := tx.Step(ctx, im.ListConversations, ownerID, im.ChangeDelete, id); err != nil {
					return err
				}
			}
			return repeatConversations(ctx, tx, ownerID, len(batch))
		})
		if err != nil {
			return err
		}
		for _, id := range batch {
			s.caches.settings.Invalidate(settingKey{ownerID, id})
		}
	}
	return nil
}

// idleConversations returns the conversations of a user whose last message was
// sent before a time.
func (s *Service) idleConversations(ctx context.Context, ownerID string, before int64) ([]string, error) {
	records, err := s.store.ConversationSeqs(ctx, ownerID, nil)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range records {
		last, err := s.store.LastMessage(ctx, r.State.ConversationID, max(r.State.MinSeq, 1), r.State.MaxSeq)
		if im.IsKind(err, im.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if last.SendTime < before {
			out = append(out, r.State.ConversationID)
		}
	}
	return out, nil
}

// boundedIDs refuses a list of conversation ids that is too long, or ids that no column takes.
func boundedIDs(name string, ids []string) error {
	if len(ids) > MaxIDs {
		return im.Errorf(im.Invalid, name, "at most %d ids", MaxIDs)
	}
	for _, id := range ids {
		if !storable(id, maxConversationID) {
			return im.Errorf(im.Invalid, name, "an id is empty, longer than %d bytes or holds a zero byte", maxConversationID)
		}
	}
	return nil
}

// ReturnedMessage brings records back that were dropped since the last message
// of a conversation, inside that message's transaction. Package msglog calls it.
func (s *Service) ReturnedMessage(ctx context.Context, tx store.Tx, d *msglog.Delivery) error {
	records, err := tx.TakeDropped(ctx, d.Record.ConversationID)
	if err != nil || len(records) == 0 {
		return err
	}
	if d.Message.SessionType == im.SessionGroup { // whoever has left stays without
		owners := make([]string, len(records))
		for i := range records {
			owners[i] = records[i].OwnerUserID
		}
		members, err := tx.Members(ctx, d.Message.GroupID, owners)
		if err != nil {
			return err
		}
		in := make(map[string]bool, len(members))
		for i := range members {
			in[members[i].UserID] = true
		}
		kept := records[:0]
		for i := range records {
			if in[records[i].OwnerUserID] {
				kept = append(kept, records[i])
			}
		}
		records = kept
	}
	// The bounds of the user's position come back with the record.
	for i := range records {
		own, err := tx.UserSeqs(ctx, records[i].OwnerUserID, []string{records[i].ConversationID})
		if err != nil {
			return err
		}
		records[i].MinSeq = own[records[i].ConversationID].MinSeq
	}
	return s.createConversations(ctx, tx, im.Operator{OperationID: d.OperationID}, records, nil)
}
