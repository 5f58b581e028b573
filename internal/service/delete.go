package service

import (
	"context"
	"slices"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
)

// Reach says for whom messages are deleted or cleared besides the user's own
// view, and who is told (messages.md 9.3, 9.4).
type Reach struct {
	Devices  bool // the user's other devices are told
	Everyone bool // for everybody; it has precedence
}

// DeleteMessages deletes messages for a user, or for everybody. Unknown numbers are fine.
func (s *Service) DeleteMessages(ctx context.Context, op im.Operator, userID, conversationID string, seqs []int64, r Reach) error {
	const name = "service.DeleteMessages"
	if err := self(op, name, userID); err != nil {
		return err
	}
	if err := boundedIDs(name, []string{conversationID, userID}); err != nil {
		return err
	}
	if len(seqs) > maxMarked {
		return im.Errorf(im.Invalid, name, "at most %d seqs", maxMarked)
	}
	seqs = slices.Compact(slices.Sorted(slices.Values(seqs)))
	if r.Everyone {
		return s.wipe(ctx, op, userID, conversationID, seqs)
	}
	if err := s.takesPart(ctx, userID, conversationID); err != nil {
		return err
	}
	st, err := s.seqState(ctx, conversationID)
	if err != nil {
		return err
	}
	known := slices.DeleteFunc(slices.Clone(seqs), func(seq int64) bool { return seq < 1 || seq > st.MaxSeq })
	e := &msglog.Entry{OperationID: op.OperationID, With: func(ctx context.Context, tx store.Tx) error {
		return tx.DeleteForUser(ctx, userID, conversationID, spansOf(known))
	}}
	if r.Devices {
		n := notice{contentType: im.ContentDeleted, from: userID, to: userID, session: im.SessionSingle, stored: true}
		e.Messages = s.deliveries(op, n)
		if err := setTips(e.Messages, deleteMsgsTips{UserID: userID, ConversationID: conversationID, Seqs: seqs}); err != nil {
			return err
		}
	}
	_, err = s.log.Append(ctx, e)
	return err
}

// spansOf joins ascending numbers.
func spansOf(seqs []int64) []im.Span {
	var out []im.Span
	for _, seq := range seqs {
		if n := len(out); n > 0 && out[n-1].Hi == seq-1 {
			out[n-1].Hi = seq
		} else {
			out = append(out, im.Span{Lo: seq, Hi: seq})
		}
	}
	return out
}

// wipe takes messages away from everybody. In a chat of two both sides may, in a
// group those who may revoke the messages.
func (s *Service) wipe(ctx context.Context, op im.Operator, userID, conversationID string, seqs []int64) error {
	c, err := s.store.Conversation(ctx, userID, conversationID)
	if err != nil {
		return err
	}
	if c.ConversationType == im.SessionGroup && !op.Admin {
		found, err := s.store.MessagesAt(ctx, conversationID, seqs)
		if err != nil {
			return err
		}
		var senders []string
		for i := range found {
			senders = append(senders, found[i].SendID)
		}
		if _, err := s.overMessages(ctx, userID, c.GroupID, distinct(senders)...); err != nil {
			return err
		}
	}
	n := peerNotice(im.ContentDeleted, c)
	n.stored = true
	told := s.deliveries(op, n)
	if err := setTips(told, deleteMsgsTips{UserID: userID, ConversationID: conversationID, Seqs: seqs}); err != nil {
		return err
	}
	_, err = s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    told,
		With: func(ctx context.Context, tx store.Tx) error {
			return tx.WipeMessages(ctx, conversationID, seqs)
		},
	})
	return err
}

// WipeMessages takes messages away from everybody and tells nobody. For administrators.
func (s *Service) WipeMessages(ctx context.Context, op im.Operator, conversationID string, seqs []int64) error {
	const name = "service.WipeMessages"
	if err := admin(op, name); err != nil {
		return err
	}
	if err := boundedIDs(name, []string{conversationID}); err != nil {
		return err
	}
	if len(seqs) > maxMarked {
		return im.Errorf(im.Invalid, name, "at most %d seqs", maxMarked)
	}
	return s.store.Update(ctx, func(tx store.Tx) error { return tx.WipeMessages(ctx, conversationID, seqs) })
}
