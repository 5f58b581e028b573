package service

import (
	"context"
	"slices"
	"strings"

	"parley/internal/im"
)

// Bounds of a pull. A client treats the range it asked for as synchronised
// whatever is answered, so what is cut off is the oldest part, which for chats
// it gets later by paging (messages.md 7).
const (
	maxPullChat   = 1000
	maxPullNotice = 5000
	maxPullTotal  = 20_000
	maxRanges     = 10_000
)

// NewestSeqs returns the last number of every conversation of a user, chat and
// notification; empty ones are left out (messages.md 6.2).
func (s *Service) NewestSeqs(ctx context.Context, op im.Operator, userID string) (map[string]int64, error) {
	if err := self(op, "service.NewestSeqs", userID); err != nil {
		return nil, err
	}
	records, err := s.store.ConversationSeqs(ctx, userID, nil)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64, 2*len(records))
	notices := []string{im.NotificationID(im.SingleConversationID(userID, userID))}
	for _, r := range records {
		_, hi := r.User.Readable(r.State)
		if r.Bound != 0 {
			hi = min(hi, r.Bound)
		}
		if hi > 0 {
			out[r.State.ConversationID] = hi
		}
		// To whoever has left the group its notices are closed. With their number the client
		// would count them as synchronised, and miss them after coming back.
		if r.Bound == 0 {
			notices = append(notices, im.NotificationID(r.State.ConversationID))
		}
	}
	states, err := s.store.SeqStates(ctx, distinct(notices))
	if err != nil {
		return nil, err
	}
	for id, st := range states {
		out[id] = st.MaxSeq
	}
	return out, nil
}

// ReadAndMaxSeqs returns a user's positions in the given conversations, or in all
// that have a record when ids is empty, and the pinned ones if asked (messages.md 6.3).
func (s *Service) ReadAndMaxSeqs(ctx context.Context, op im.Operator, userID string, ids []string, pinned bool) (map[string]im.ReadState, []string, error) {
	const name = "service.ReadAndMaxSeqs"
	if err := self(op, name, userID); err != nil {
		return nil, nil, err
	}
	if len(ids) > MaxIDs {
		return nil, nil, im.Errorf(im.Invalid, name, "at most %d ids", MaxIDs)
	}
	all := ids
	if len(ids) == 0 || pinned {
		all = nil
	}
	records, err := s.store.ConversationSeqs(ctx, userID, all)
	if err != nil {
		return nil, nil, err
	}
	out := make(map[string]im.ReadState, max(len(ids), len(records)))
	var pins, missing []string
	byRecord := make(map[string]im.ReadState, len(records))
	for _, r := range records {
		st := im.ReadState{MaxSeq: r.State.MaxSeq, HasReadSeq: r.User.ReadSeq, MaxSeqTime: r.State.MaxSeqTime}
		if r.Bound != 0 {
			st.MaxSeq = max(r.Bound, 0)
			// What the user sent while being removed is behind the bound: unread must not be below 0.
			st.HasReadSeq = min(st.HasReadSeq, st.MaxSeq)
		}
		byRecord[r.State.ConversationID] = st
		if pinned && r.Pinned {
			pins = append(pins, r.State.ConversationID)
		}
	}
	if len(ids) == 0 {
		return byRecord, pins, nil
	}
	for _, id := range ids {
		if st, ok := byRecord[id]; ok {
			out[id] = st
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		states, err := s.store.SeqStates(ctx, missing)
		if err != nil {
			return nil, nil, err
		}
		seqs, err := s.store.UserSeqs(ctx, userID, missing)
		if err != nil {
			return nil, nil, err
		}
		readable, err := s.readable(ctx, userID, missing)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range missing {
			if _, ok := readable[id]; !ok { // how often strangers write is not the user's business
				out[id] = im.ReadState{HasReadSeq: seqs[id].ReadSeq}
				continue
			}
			out[id] = im.ReadState{MaxSeq: states[id].MaxSeq, HasReadSeq: seqs[id].ReadSeq, MaxSeqTime: states[id].MaxSeqTime}
		}
	}
	return out, pins, nil
}

// bounds is what a user may read of one conversation.
type bounds struct {
	lo, hi int64
	member bool // of a notification conversation: the user is in the group it goes with
}

// readable returns the bounds of conversations for a user. A chat is readable
// through the user's record of it; a notification conversation if the user
// takes part in it: it is the user's own, or the user has a record of its chat.
func (s *Service) readable(ctx context.Context, userID string, ids []string) (map[string]bounds, error) {
	ids = distinct(ids)
	var notices, chats []string
	for _, id := range ids {
		if im.IsNotificationID(id) {
			notices = append(notices, id)
			root := im.ConversationRoot(id)
			chats = append(chats, "si_"+root, "sg_"+root, "sn_"+root)
		} else {
			chats = append(chats, id)
		}
	}
	records, err := s.store.ConversationSeqs(ctx, userID, distinct(chats))
	if err != nil {
		return nil, err
	}
	out := make(map[string]bounds, len(ids))
	roots := make(map[string]bool, len(records)) // of records; true if one is of a group
	for _, r := range records {
		lo, hi := r.User.Readable(r.State)
		if r.Bound != 0 {
			hi = min(hi, r.Bound)
		}
		out[r.State.ConversationID] = bounds{lo: lo, hi: hi}
		if r.Bound == 0 { // else the user has left the group, and its notices go on without the user
			root := im.ConversationRoot(r.State.ConversationID)
			roots[root] = roots[root] || strings.HasPrefix(r.State.ConversationID, "sg_")
		}
	}
	if len(notices) == 0 {
		return out, nil
	}
	states, err := s.store.SeqStates(ctx, notices)
	if err != nil {
		return nil, err
	}
	own, err := s.store.UserSeqs(ctx, userID, notices)
	if err != nil {
		return nil, err
	}
	for _, id := range notices {
		member, ok := roots[im.ConversationRoot(id)]
		if !ok {
			if ok, err = s.mayReadNotices(ctx, userID, id); err != nil {
				return nil, err
			}
		}
		if ok {
			lo, hi := own[id].Readable(states[id])
			out[id] = bounds{lo, hi, member}
		}
	}
	return out, nil
}

// Pull returns messages by ranges (messages.md 7.1): for a chat at most Num of
// each range, the highest ones; what cannot be read is left out.
func (s *Service) Pull(ctx context.Context, op im.Operator, userID string, ranges []im.SeqRange, order im.PullOrder) ([]im.Pulled, error) {
	const name = "service.Pull"
	if err := self(op, name, userID); err != nil {
		return nil, err
	}
	if len(ranges) > maxRanges {
		return nil, im.Errorf(im.Invalid, name, "at most %d ranges", maxRanges)
	}
	ids := make([]string, len(ranges))
	for i := range ranges {
		ids[i] = ranges[i].ConversationID
	}
	readable, err := s.readable(ctx, userID, ids)
	if err != nil {
		return nil, err
	}
	deleted, err := s.store.Deletions(ctx, userID, ids)
	if err != nil {
		return nil, err
	}
	var out []im.Pulled
	left := int64(maxPullTotal)
	for _, r := range ranges {
		b, ok := readable[r.ConversationID]
		if !ok {
			continue
		}
		limit := int64(maxPullNotice)
		if !im.IsNotificationID(r.ConversationID) {
			limit = min(r.Num, maxPullChat)
		}
		limit = min(limit, left)
		begin, end := max(r.Begin, b.lo), min(r.End, b.hi)
		if end < begin || limit < 1 {
			continue
		}
		begin = max(begin, end-limit+1)
		records, err := s.whole(ctx, r.ConversationID, begin, end)
		if err != nil {
			return nil, err
		}
		if err := s.shownTo(ctx, userID, r.ConversationID, b, deleted[r.ConversationID], records); err != nil {
			return nil, err
		}
		left -= int64(len(records))
		p := im.Pulled{ConversationID: r.ConversationID, Records: records}
		if order == im.Ascending {
			p.IsEnd = b.hi <= r.End
		} else {
			p.IsEnd = r.Begin <= b.lo
		}
		out = append(out, p)
	}
	return out, nil
}

// whole returns the messages lo..hi, one for each number: those that are not
// there come as placeholders.
func (s *Service) whole(ctx context.Context, conversationID string, lo, hi int64) ([]im.Record, error) {
	stored, err := s.store.Messages(ctx, conversationID, lo, hi)
	if err != nil {
		return nil, err
	}
	if int64(len(stored)) == hi-lo+1 {
		return stored, nil
	}
	seqs := make([]int64, 0, hi-lo+1)
	for seq := lo; seq <= hi; seq++ {
		seqs = append(seqs, seq)
	}
	return s.fill(ctx, conversationID, seqs, stored)
}

// fill adds a placeholder for each of the ascending numbers that has no message.
// A placeholder carries the time of the nearest earlier message: with 0 the SDK
// would sort it to the wrong end and page forever (messages.md 7.4).
func (s *Service) fill(ctx context.Context, conversationID string, seqs []int64, stored []im.Record) ([]im.Record, error) {
	out := make([]im.Record, 0, len(seqs))
	var earlier int64
	for _, seq := range seqs {
		if len(stored) > 0 && stored[0].Seq == seq {
			out = append(out, stored[0])
			earlier, stored = stored[0].SendTime, stored[1:]
			continue
		}
		if earlier == 0 {
			last, err := s.store.LastMessage(ctx, conversationID, 1, seq)
			switch {
			case err == nil:
				earlier = last.SendTime
			case !im.IsKind(err, im.NotFound):
				return nil, err
			case len(stored) > 0: // nothing earlier: just before the next one
				earlier = max(1, stored[0].SendTime-1)
			default:
				earlier = 1
			}
		}
		out = append(out, im.Record{ConversationID: conversationID, Seq: seq, SendTime: earlier, Deleted: true})
	}
	return out, nil
}

// PullSeqs returns messages by their numbers, an entry for each conversation
// asked for (messages.md 7.2).
func (s *Service) PullSeqs(ctx context.Context, op im.Operator, userID string, lists []im.SeqList, order im.PullOrder) ([]im.Pulled, error) {
	const name = "service.PullSeqs"
	if err := self(op, name, userID); err != nil {
		return nil, err
	}
	ids := make([]string, len(lists))
	asked := 0
	for i := range lists {
		ids[i] = lists[i].ConversationID
		asked += len(lists[i].Seqs)
	}
	if len(lists) > maxRanges || asked > maxPullTotal {
		return nil, im.Errorf(im.Invalid, name, "at most %d conversations and %d numbers", maxRanges, maxPullTotal)
	}
	readable, err := s.readable(ctx, userID, ids)
	if err != nil {
		return nil, err
	}
	deleted, err := s.store.Deletions(ctx, userID, ids)
	if err != nil {
		return nil, err
	}
	out := make([]im.Pulled, len(lists))
	for i, l := range lists {
		p := &out[i]
		p.ConversationID = l.ConversationID
		b, ok := readable[l.ConversationID]
		if !ok {
			p.IsEnd, p.EndSeq = true, 1
			continue
		}
		seqs := slices.Clone(l.Seqs)
		slices.Sort(seqs)
		seqs = slices.Compact(seqs)
		if n := len(seqs); n > 0 {
			if order == im.Descending && seqs[0] < b.lo {
				p.IsEnd, p.EndSeq = true, b.lo
			}
			if order == im.Ascending && seqs[n-1] > b.hi {
				p.IsEnd, p.EndSeq = true, b.hi
			}
		}
		seqs = slices.DeleteFunc(seqs, func(seq int64) bool { return seq < b.lo || seq > b.hi })
		if len(seqs) == 0 {
			continue
		}
		stored, err := s.store.MessagesAt(ctx, l.ConversationID, seqs)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(stored, func(a, b im.Record) int { return int(a.Seq - b.Seq) })
		if p.Records, err = s.fill(ctx, l.ConversationID, seqs, stored); err != nil {
			return nil, err
		}
		if err := s.shownTo(ctx, userID, l.ConversationID, b, deleted[l.ConversationID], p.Records); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// LastMessages returns the newest message a user may read of each conversation;
// conversations without one are left out (messages.md 7.3).
func (s *Service) LastMessages(ctx context.Context, op im.Operator, userID string, ids []string) (map[string]im.Record, error) {
	const name = "service.LastMessages"
	if err := self(op, name, userID); err != nil {
		return nil, err
	}
	if len(ids) > MaxIDs {
		return nil, im.Errorf(im.Invalid, name, "at most %d ids", MaxIDs)
	}
	readable, err := s.readable(ctx, userID, ids)
	if err != nil {
		return nil, err
	}
	deleted, err := s.store.Deletions(ctx, userID, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]im.Record, len(readable))
	for _, id := range distinct(ids) {
		b, ok := readable[id]
		if !ok {
			continue
		}
		last, err := s.lastShown(ctx, userID, id, b, deleted[id])
		if im.IsKind(err, im.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if last.Body == nil { // a notice that is somebody else's
			continue
		}
		out[id] = *last
	}
	return out, nil
}
