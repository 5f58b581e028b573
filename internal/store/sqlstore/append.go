package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// Append implements store.Store. Inside one write transaction: the items' own
// changes, then counters, rows, read positions, the hooks of new messages, and
// the events. The counter is changed in the transaction of the row that uses the
// number, so a rollback gives the number back. So does one because a message came for
// a closed conversation, which shows with the counter at no cost for all others: the
// rest of the items is tried again without its item.
func (d *DB) Append(ctx context.Context, items []*store.Item) error {
	for {
		err := d.appendItems(ctx, items)
		var shut *closed
		if !errors.As(err, &shut) {
			return err
		}
		items = shut.refuse(items)
	}
}

// closed ends an append that has messages for closed conversations.
type closed struct{ conversations map[string]bool }

func (c *closed) add(conversationID string) {
	if c.conversations == nil {
		c.conversations = make(map[string]bool)
	}
	c.conversations[conversationID] = true
}

// Error says which conversations they are.
func (c *closed) Error() string { return fmt.Sprintf("closed conversations: %v", c.conversations) }

// takesNot reports whether a message is one that a closed conversation does not take.
func (c *closed) takesNot(m *store.NewMessage) bool {
	return !m.Closing && c.conversations[m.Record.ConversationID]
}

// refuse sets the error of items with messages for the conversations and returns the others.
func (c *closed) refuse(items []*store.Item) []*store.Item {
	rest := make([]*store.Item, 0, len(items))
	for _, it := range items {
		if at := slices.IndexFunc(it.Messages, c.takesNot); at >= 0 {
			it.Err = im.Errorf(im.GroupIsDismissed, "sqlstore.Append", "%s is closed", it.Messages[at].Record.ConversationID)
			continue
		}
		rest = append(rest, it)
	}
	return rest
}

func (d *DB) appendItems(ctx context.Context, items []*store.Item) error {
	return d.write(ctx, func(t *tx) error {
		var rows []*store.NewMessage
		for _, it := range items {
			it.Err = nil
			if it.With != nil {
				if err := t.savepoint(ctx, it.With); err != nil {
					if _, broken := errors.AsType[*brokenTx](err); broken || d.engine.Lost(err) {
						return err
					}
					it.Err = err
					continue
				}
			}
			rows = append(rows, it.Messages...)
		}
		events, err := t.appendRows(ctx, rows)
		if err != nil {
			return err
		}
		return t.writeEvents(ctx, events)
	})
}

// brokenTx says that the transaction itself is of no more use.
type brokenTx struct{ err error }

func (b *brokenTx) Error() string { return b.err.Error() }
func (b *brokenTx) Unwrap() error { return b.err }

// savepoint runs fn so that its failure undoes its changes alone.
func (t *tx) savepoint(ctx context.Context, fn func(context.Context, store.Tx) error) error {
	if _, err := t.h.Exec(ctx, `SAVEPOINT item`); err != nil {
		return &brokenTx{failed("savepoint", err)}
	}
	before := len(t.events)
	err := fn(ctx, t)
	if err != nil {
		t.events = t.events[:before]
		if _, rerr := t.h.Exec(ctx, `ROLLBACK TO SAVEPOINT item`); rerr != nil {
			return &brokenTx{fmt.Errorf("%w (and rollback to savepoint: %w)", err, rerr)}
		}
	}
	if _, rerr := t.h.Exec(ctx, `RELEASE SAVEPOINT item`); rerr != nil {
		return &brokenTx{failed("savepoint", rerr)}
	}
	return err
}

// appendRows numbers and stores messages, and returns their events.
func (t *tx) appendRows(ctx context.Context, rows []*store.NewMessage) ([]*im.Event, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	now := time.Now().UnixMilli()
	raises := senders(rows)
	dropped, err := t.number(ctx, rows, raises, now)
	if err != nil {
		return nil, failed("Append: counters", err)
	}
	if err := t.engine.InsertMessages(ctx, t.h, rows, now); err != nil {
		return nil, failed("Append: messages", err)
	}
	if err := t.raiseSenders(ctx, rows, raises); err != nil {
		return nil, failed("Append: read positions", err)
	}
	var events []*im.Event
	for _, m := range rows {
		if m.First != nil && m.Record.Seq == 1 {
			if err := m.First(ctx, t); err != nil {
				return nil, err
			}
		}
		if m.Returned != nil && dropped[m.Record.ConversationID] {
			delete(dropped, m.Record.ConversationID)
			if err := m.Returned(ctx, t); err != nil {
				return nil, err
			}
		}
		if m.After != nil {
			if err := m.After(ctx, t, m.Record.Seq); err != nil {
				return nil, err
			}
		}
		events = append(events, m.Events...)
	}
	return events, nil
}

// number gives the rows their numbers, and their events for the main endpoint
// their places in the lane; numberLanes does the others.
// It returns the conversations that have dropped records.
func (t *tx) number(ctx context.Context, rows []*store.NewMessage, raises []ReadRaise, now int64) (dropped map[string]bool, err error) {
	byConversation := make(map[string]*Bump, len(rows))
	bumps := make([]*Bump, 0, len(rows))
	for _, m := range rows {
		b := byConversation[m.Record.ConversationID]
		if b == nil {
			b = &Bump{ConversationID: m.Record.ConversationID}
			byConversation[b.ConversationID] = b
			bumps = append(bumps, b)
		}
		b.Messages++
		for _, e := range m.Events {
			if e.Endpoint == im.MainEndpoint {
				b.Events++
			}
		}
	}
	// One order for all writers: two nodes that bump the same rows cannot deadlock.
	slices.SortFunc(bumps, func(a, b *Bump) int { return cmp.Compare(a.ConversationID, b.ConversationID) })
	if err := t.engine.BumpCounters(ctx, t.h, bumps, raises, now); err != nil {
		return nil, err
	}
	shut := new(closed)
	for _, b := range bumps {
		if b.Closed {
			shut.add(b.ConversationID)
		}
	}
	if len(shut.conversations) > 0 && slices.ContainsFunc(rows, shut.takesNot) {
		return nil, shut
	}
	for _, b := range bumps { // from "last given" to "last used"
		if b.Dropped {
			if dropped == nil {
				dropped = make(map[string]bool)
			}
			dropped[b.ConversationID] = true
		}
		b.MaxSeq -= b.Messages
		b.HookSeq -= b.Events
	}
	for _, m := range rows {
		b := byConversation[m.Record.ConversationID]
		b.MaxSeq++
		m.Record.Seq = b.MaxSeq
		for _, e := range m.Events {
			e.Lane, e.LaneSeq, e.Seq = b.ConversationID, 0, b.MaxSeq
			if e.Endpoint == im.MainEndpoint {
				b.HookSeq++
				e.LaneSeq = b.HookSeq
			}
		}
	}
	return dropped, nil
}

// senders returns the read positions that rows raise, each once and in one
// order for all writers; the numbers are not known yet.
func senders(rows []*store.NewMessage) []ReadRaise {
	var raises []ReadRaise
	for _, m := range rows {
		if m.RaiseRead {
			raises = append(raises, ReadRaise{UserID: m.Record.SendID, ConversationID: m.Record.ConversationID})
		}
	}
	slices.SortFunc(raises, compareRaises)
	return slices.Compact(raises)
}

func compareRaises(a, b ReadRaise) int {
	return cmp.Or(cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.ConversationID, b.ConversationID))
}

// raiseSenders raises positions to the highest number of each sender.
func (t *tx) raiseSenders(ctx context.Context, rows []*store.NewMessage, raises []ReadRaise) error {
	if len(raises) == 0 {
		return nil
	}
	for _, m := range rows {
		if !m.RaiseRead {
			continue
		}
		at, _ := slices.BinarySearchFunc(raises, ReadRaise{UserID: m.Record.SendID, ConversationID: m.Record.ConversationID}, compareRaises)
		raises[at].Seq = m.Record.Seq // the rows of a conversation ascend
	}
	return t.engine.RaiseReads(ctx, t.h, raises)
}
