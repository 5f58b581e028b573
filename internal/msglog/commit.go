package msglog

import (
	"context"
	"fmt"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

func (s *shard) commitLoop() {
	defer close(s.done)
	for first := range s.queue {
		batch := []*Entry{first}
		rows, size := len(first.item.Messages), first.size
	collect:
		for rows < maxRows && size < maxBytes {
			select {
			case e, ok := <-s.queue:
				if !ok {
					break collect
				}
				batch = append(batch, e)
				rows, size = rows+len(e.item.Messages), size+e.size
			default:
				break collect
			}
		}
		s.commit(batch)
		s.done <- batch
	}
}

// commit stores a batch and leaves in each entry what became of it.
func (s *shard) commit(batch []*Entry) {
	ctx := context.Background() // a queued entry is committed, whoever has gone away
	now := time.Now()
	todo := s.withoutRepetitions(ctx, now, batch)
	s.store(ctx, todo)
	if s.log.o.Observe != nil {
		s.log.o.Observe(len(todo), time.Since(now))
	}
	for _, e := range todo {
		if e.err != nil {
			continue
		}
		stored := e.item.Messages
		for _, d := range e.Messages {
			if d.Message.Stored() {
				d.Record.Seq, stored = stored[0].Record.Seq, stored[1:]
				d.Message.Seq = d.Record.Seq
			}
		}
		if e.Once {
			sent := &e.Messages[0].Record
			s.recent.add(now, sent.SendID, sent.ClientMsgID, e.answer())
		}
	}
}

// withoutRepetitions returns the entries that are not repetitions of one another or of earlier ones.
func (s *shard) withoutRepetitions(ctx context.Context, now time.Time, batch []*Entry) []*Entry {
	todo := make([]*Entry, 0, len(batch))
	var inBatch map[key]*Entry
	for _, e := range batch {
		if e.Once && e.Messages[0].Record.ClientMsgID != "" {
			sent := &e.Messages[0].Record
			k := s.recent.key(sent.SendID, sent.ClientMsgID)
			if r, ok := s.recent.find(now, k); ok {
				e.dup = &r
				continue
			}
			if same := inBatch[k]; same != nil {
				e.same = same
				continue
			}
			r, err := s.probe(ctx, now, e)
			if err != nil {
				e.err = err
				continue
			}
			if r != nil {
				e.dup = r
				continue
			}
			if inBatch == nil {
				inBatch = make(map[key]*Entry)
			}
			inBatch[k] = e
		}
		todo = append(todo, e)
	}
	return todo
}

// probeDepth is how far back in its conversation a message is looked for that
// may be older than the window.
const probeDepth = 200

// probe looks for a message in the store if the window does not reach back to
// the time when its sender made it.
func (s *shard) probe(ctx context.Context, now time.Time, e *Entry) (*Result, error) {
	d := e.Messages[0]
	if s.recent.covers(now, d.Message.CreateTime) {
		return nil, nil
	}
	id := d.Record.ConversationID
	states, err := s.log.o.Store.SeqStates(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	top := states[id].MaxSeq
	rows, err := s.log.o.Store.Messages(ctx, id, top-probeDepth+1, top)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if rows[i].SendID == d.Record.SendID && rows[i].ClientMsgID == d.Record.ClientMsgID {
			return &Result{ServerMsgID: rows[i].ServerMsgID, SendTime: rows[i].SendTime}, nil
		}
	}
	return nil, nil
}

// store commits entries. A batch that fails is split in halves until the bad
// entry stands alone, so that only its own sender gets the error; when the store
// answers no more, all get it.
func (s *shard) store(ctx context.Context, entries []*Entry) {
	if len(entries) == 0 {
		return
	}
	items := make([]*store.Item, len(entries))
	for i, e := range entries {
		items[i] = &e.item
	}
	err := s.log.o.Store.Append(ctx, items)
	if err == nil {
		for _, e := range entries {
			e.err = e.item.Err
		}
		return
	}
	if len(entries) == 1 || s.log.o.Store.Ping(ctx) != nil {
		s.log.o.Log.Error("append failed", "entries", len(entries), "op", operations(entries), "err", err)
		for _, e := range entries {
			e.err = fmt.Errorf("msglog: %w", err)
		}
		return
	}
	half := len(entries) / 2
	s.store(ctx, entries[:half])
	s.store(ctx, entries[half:])
}

// operations names the requests behind entries.
func operations(entries []*Entry) string {
	return im.Operations(func(yield func(string) bool) {
		for _, e := range entries {
			if !yield(e.OperationID) {
				return
			}
		}
	})
}

func (s *shard) announceLoop() {
	for batch := range s.done {
		var out []*Delivery
		events := false
		for _, e := range batch {
			out = append(out, s.announce(e)...)
			events = events || e.err == nil && (e.With != nil || e.hasEvents())
		}
		if events && s.log.o.EventsAdded != nil {
			s.log.o.EventsAdded()
		}
		if len(out) > 0 {
			s.log.o.Publish(out)
		}
	}
}

func (e *Entry) hasEvents() bool {
	for _, d := range e.Messages {
		if len(d.Events) > 0 {
			return true
		}
	}
	return false
}

// announce tells an entry's outcome and returns what is to be delivered of it.
func (s *shard) announce(e *Entry) []*Delivery {
	if e.same != nil { // decided by the entry before it
		if e.err = e.same.err; e.err == nil {
			r := e.same.answer()
			e.dup = &r
		}
	}
	switch {
	case e.err != nil:
		e.finish(Result{}, e.err)
		return nil
	case e.dup != nil:
		r := *e.dup
		r.Repeated = true
		e.finish(r, nil)
		return nil
	}
	if e.Committed != nil {
		e.Committed()
	}
	e.succeed()
	return e.Messages
}
