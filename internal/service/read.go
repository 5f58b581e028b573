package service

import (
	"context"
	"slices"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// Bounds of the lists of read numbers: those that are told to the peer's devices,
// and to the business server (webhooks.md A.7), when the request names none; then the
// newest are kept. And what one request may name.
const (
	maxToldSeqs = 5000
	maxHookSeqs = 1000
	maxMarked   = 10_000
)

// MarkMessagesRead marks single messages as read (messages.md 9.2, rest-msg.md 6).
func (s *Service) MarkMessagesRead(ctx context.Context, op im.Operator, userID, conversationID string, seqs []int64) error {
	const name = "service.MarkMessagesRead"
	if err := self(op, name, userID); err != nil {
		return err
	}
	if len(seqs) == 0 || len(seqs) > maxMarked {
		return im.Errorf(im.Invalid, name, "between 1 and %d seqs", maxMarked)
	}
	last := seqs[len(seqs)-1]
	c, err := s.store.Conversation(ctx, userID, conversationID) // first: strangers learn nothing of the numbers
	if err != nil {
		return err
	}
	top, err := s.lastReadable(ctx, userID, conversationID)
	if err != nil {
		return err
	}
	if slices.Max(seqs) > top || slices.Min(seqs) < 1 {
		return im.Errorf(im.Invalid, name, "a seq is above the conversation's %d, or below 1", top)
	}
	r := read{seqs: seqs, told: seqs, hasRead: last, toPeer: true, requested: seqs}
	if op.UserID == userID && c.ConversationType == im.SessionSingle {
		// With the answer the SDK takes these messages off its unread count, whether its copy
		// says that they are unread or not. A receipt that comes first takes them off too.
		r.spare = op.Platform
	}
	return s.markRead(ctx, op, c, r)
}

// MarkConversationRead marks a conversation as read up to a number (messages.md 9.2).
func (s *Service) MarkConversationRead(ctx context.Context, op im.Operator, userID, conversationID string, hasRead int64, seqs []int64) error {
	const name = "service.MarkConversationRead"
	if err := self(op, name, userID); err != nil {
		return err
	}
	if hasRead < 1 || len(seqs) > maxMarked {
		return im.Errorf(im.Invalid, name, "hasReadSeq must be at least 1, and seqs at most %d", maxMarked)
	}
	c, err := s.store.Conversation(ctx, userID, conversationID)
	if err != nil {
		return err
	}
	top, err := s.lastReadable(ctx, userID, conversationID)
	if err != nil {
		return err
	}
	hasRead = min(hasRead, top) // the reference does not bound it, and loops
	seqs = slices.DeleteFunc(slices.Clone(seqs), func(seq int64) bool { return seq < 1 || seq > top })
	if c.ConversationType != im.SessionSingle {
		return s.markRead(ctx, op, c, read{hasRead: hasRead, requested: seqs})
	}
	own, err := s.store.UserSeqs(ctx, userID, []string{conversationID})
	if err != nil {
		return err
	}
	before := own[conversationID].ReadSeq
	r := read{lo: before + 1, hi: hasRead, hasRead: hasRead, toPeer: true, seqs: seqs, requested: seqs}
	for seq := max(r.lo, r.hi-maxToldSeqs+1); seq <= r.hi; seq++ {
		r.told = append(r.told, seq)
	}
	for _, seq := range seqs {
		if seq < r.lo || seq > r.hi {
			r.told = append(r.told, seq)
		}
	}
	r.hasRead = max(before, hasRead)
	return s.markRead(ctx, op, c, r)
}

// SetReadSeq raises a user's read position and tells the user's own devices only.
func (s *Service) SetReadSeq(ctx context.Context, op im.Operator, userID, conversationID string, hasRead int64) error {
	const name = "service.SetReadSeq"
	if err := self(op, name, userID); err != nil {
		return err
	}
	top, err := s.lastReadable(ctx, userID, conversationID)
	if err != nil {
		return err
	}
	if hasRead > top {
		return im.Errorf(im.Invalid, name, "hasReadSeq %d is above the conversation's %d", hasRead, top)
	}
	told := s.deliveries(op, notice{contentType: im.ContentReadReceipt, from: userID, to: userID, session: im.SessionSingle})
	if err := setTips(told, markAsReadTips{MarkAsReadUserID: userID, ConversationID: conversationID, HasReadSeq: hasRead}); err != nil {
		return err
	}
	_, err = s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    told,
		With: func(ctx context.Context, tx store.Tx) error {
			_, _, err := tx.RaiseReadSeq(ctx, userID, conversationID, hasRead)
			return err
		},
	})
	return err
}

func (s *Service) seqState(ctx context.Context, conversationID string) (im.SeqState, error) {
	all, err := s.store.SeqStates(ctx, []string{conversationID})
	return all[conversationID], err
}

// read is what one request marks as read.
type read struct {
	lo, hi    int64   // range of messages that get the read flag, empty if hi < lo
	seqs      []int64 // more of them
	told      []int64 // what the peer is told
	requested []int64 // what the request named
	hasRead   int64
	toPeer    bool        // the peer (or group) is told, not only the reader's own devices
	spare     im.Platform // where the reader is not told
}

// markRead writes flags, position and event, and the receipt 2200, in one commit.
func (s *Service) markRead(ctx context.Context, op im.Operator, c *im.Conversation, r read) error {
	reader := c.OwnerUserID
	n := notice{contentType: im.ContentReadReceipt, from: reader, to: reader, session: im.SessionSingle}
	if r.toPeer {
		n.session, n.to = c.ConversationType, c.UserID
		if c.ConversationType == im.SessionGroup {
			n.to = c.GroupID
		}
		n.stored = n.to != reader
	}
	receipt := s.deliveries(op, n)
	for _, d := range receipt {
		d.Spare = r.spare
	}
	err := setTips(receipt, markAsReadTips{MarkAsReadUserID: reader, ConversationID: c.ConversationID, Seqs: r.told, HasReadSeq: r.hasRead})
	if err != nil {
		return err
	}
	_, err = s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    receipt,
		With: func(ctx context.Context, tx store.Tx) error {
			before, after, err := tx.RaiseReadSeq(ctx, reader, c.ConversationID, r.hasRead)
			if err != nil {
				return err
			}
			if r.toPeer {
				if err := tx.SetRead(ctx, c.ConversationID, reader, r.lo, r.hi, r.seqs); err != nil {
					return err
				}
			}
			return s.readEvent(ctx, tx, op, c, r, before, after)
		},
	})
	return err
}

// readEvent adds the callback about a read (webhooks.md A.7, A.8).
func (s *Service) readEvent(ctx context.Context, tx store.Tx, op im.Operator, c *im.Conversation, r read, before, after int64) error {
	seqs := r.requested
	if len(seqs) == 0 {
		for seq := max(before+1, after-maxHookSeqs+1); seq <= after; seq++ {
			seqs = append(seqs, seq)
		}
	}
	if len(seqs) == 0 { // nothing was read that had not been
		return nil
	}
	var command im.Command
	switch c.ConversationType {
	case im.SessionSingle:
		command = im.AfterSingleMsgRead
	case im.SessionGroup:
		command = im.AfterGroupMsgRead
	default:
		return nil
	}
	about := im.About{SendID: c.OwnerUserID, RecvID: c.UserID, GroupID: c.GroupID}
	to := s.hooks.Route(command, about)
	if len(to) == 0 { // else two reads for nothing
		return nil
	}
	top := slices.Max(seqs)
	if command == im.AfterGroupMsgRead {
		top = after
	}
	contentType := int32(0)
	rows, err := tx.MessagesAt(ctx, c.ConversationID, []int64{top})
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		contentType = rows[0].ContentType
	}
	var body []byte
	if command == im.AfterSingleMsgRead {
		body = webhook.SingleReadBody(webhook.ReadEvent{
			ConversationID: c.ConversationID, ConversationType: c.ConversationType, UserID: c.OwnerUserID,
			Seqs: seqs, ContentType: contentType,
		})
	} else {
		states, err := tx.SeqStates(ctx, []string{c.ConversationID})
		if err != nil {
			return err
		}
		body = webhook.GroupReadBody(webhook.GroupReadEvent{
			ConversationID: c.ConversationID, GroupID: c.GroupID, UserID: c.OwnerUserID, Seqs: seqs,
			UnreadMsgNum: max(0, states[c.ConversationID].MaxSeq-after), HasReadSeq: after, ContentType: contentType,
		})
	}
	e := s.event(op, command)
	e.Lane, e.Body = c.ConversationID, body
	return tx.AddEvents(ctx, fanOut(e, to))
}
