package service

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"parley/internal/im"
)

// shown turns stored messages of a conversation, in place, into what a user is
// shown (messages.md 7.4): without what the user has deleted, and with revoked
// messages, quotes of them included, replaced.
func (s *Service) shown(ctx context.Context, conversationID string, deleted []im.Span, records []im.Record) error {
	if im.IsNotificationID(conversationID) {
		return nil
	}
	var seqs []int64
	var quotes []quote
	for i := range records {
		r := &records[i]
		switch {
		case r.Body == nil: // a placeholder
		case covered(deleted, r.Seq):
			r.Deleted = true
		case r.Revoked:
			seqs = append(seqs, r.Seq)
		case r.ContentType == im.ContentQuote:
			if q, ok := s.quoteIn(r); ok {
				quotes, seqs = append(quotes, q), append(seqs, q.seq)
			}
		}
	}
	if len(seqs) == 0 {
		return nil
	}
	slices.Sort(seqs)
	found, err := s.store.Revocations(ctx, conversationID, slices.Compact(seqs))
	if err != nil {
		return err
	}
	revoked := make(map[int64]*im.Revocation, len(found))
	for i := range found {
		revoked[found[i].Seq] = &found[i]
	}
	for i := range records {
		r := &records[i]
		if v := revoked[r.Seq]; v != nil && r.Revoked && !r.Deleted {
			r.ContentType, r.Content = im.ContentRevoked, revokedContent(v)
		}
	}
	for _, q := range quotes {
		if v := revoked[q.seq]; v != nil && v.ClientMsgID == q.clientMsgID {
			q.record.Content = q.revoked(v)
		}
	}
	return nil
}

// shownTo is shown for one reader: without notices that are not the reader's.
func (s *Service) shownTo(ctx context.Context, userID, conversationID string, b bounds, deleted []im.Span, records []im.Record) error {
	if err := s.concerning(ctx, userID, conversationID, b, records); err != nil {
		return err
	}
	return s.shown(ctx, conversationID, deleted, records)
}

// lastShown returns the newest message within bounds as a user is shown it: one
// that the user has not deleted, if there is one not too far back.
func (s *Service) lastShown(ctx context.Context, userID, conversationID string, b bounds, deleted []im.Span) (*im.Record, error) {
	newest, err := s.store.LastMessage(ctx, conversationID, b.lo, b.hi)
	if err != nil {
		return nil, err
	}
	last := newest
	for range maxSkips {
		at := slices.IndexFunc(deleted, func(v im.Span) bool { return v.Lo <= last.Seq && last.Seq <= v.Hi })
		if at < 0 {
			break
		}
		older, err := s.store.LastMessage(ctx, conversationID, b.lo, deleted[at].Lo-1)
		if im.IsKind(err, im.NotFound) {
			last = newest
			break
		}
		if err != nil {
			return nil, err
		}
		last = older
	}
	one := []im.Record{*last}
	err = s.shownTo(ctx, userID, conversationID, b, deleted, one)
	return &one[0], err
}

// maxSkips is how many ranges of deleted messages are passed over to find one to show.
const maxSkips = 100

// covered reports whether a number lies in one of the spans, which ascend.
func covered(spans []im.Span, seq int64) bool {
	return slices.ContainsFunc(spans, func(v im.Span) bool { return v.Lo <= seq && seq <= v.Hi })
}

// messageRevokedContent is sdkws.MessageRevokedContent.
type messageRevokedContent struct {
	RevokerID                   string         `json:"revokerID"`
	RevokerRole                 int32          `json:"revokerRole"`
	ClientMsgID                 string         `json:"clientMsgID"`
	RevokerNickname             string         `json:"revokerNickname"`
	RevokeTime                  int64          `json:"revokeTime"`
	SourceMessageSendTime       int64          `json:"sourceMessageSendTime"`
	SourceMessageSendID         string         `json:"sourceMessageSendID"`
	SourceMessageSenderNickname string         `json:"sourceMessageSenderNickname"`
	SessionType                 im.SessionType `json:"sessionType"`
	Seq                         int64          `json:"seq"`
	Ex                          string         `json:"ex"`
}

// revokedContent is the content that readers get of a revoked message.
func revokedContent(v *im.Revocation) []byte {
	detail := mustJSON(messageRevokedContent{
		RevokerID: v.RevokerID, RevokerRole: v.RevokerRole, ClientMsgID: v.ClientMsgID, RevokerNickname: v.RevokerNickname,
		RevokeTime: v.RevokeTime, SourceMessageSendTime: v.SendTime, SourceMessageSendID: v.SendID,
		SourceMessageSenderNickname: v.SenderNickname, SessionType: v.SessionType, Seq: v.Seq,
	})
	return mustJSON(struct {
		Detail string `json:"detail"`
	}{string(detail)})
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("service: texts and numbers always marshal: " + err.Error())
	}
	return b
}

// quote is a message that quotes another one of its conversation.
type quote struct {
	record      *im.Record
	content     map[string]json.RawMessage
	quoted      map[string]json.RawMessage
	seq         int64 // of the quoted message, as its sender knew it
	clientMsgID string
}

const quoteMessage = "quoteMessage"

// quoteIn reads what a message quotes; false if that is nothing with a number.
func (s *Service) quoteIn(r *im.Record) (quote, bool) {
	m, err := s.o.Decode(r.Body)
	if err != nil {
		return quote{}, false
	}
	q := quote{record: r}
	var head struct {
		Seq         int64  `json:"seq"`
		ClientMsgID string `json:"clientMsgID"`
	}
	if json.Unmarshal(m.Content, &q.content) != nil || json.Unmarshal(q.content[quoteMessage], &q.quoted) != nil ||
		json.Unmarshal(q.content[quoteMessage], &head) != nil || head.Seq < 1 {
		return quote{}, false
	}
	q.seq, q.clientMsgID = head.Seq, head.ClientMsgID
	return q, true
}

// revoked returns the quoting message's content with the quoted one replaced.
// What the SDK keeps of the quoted content outside of "content" goes too: those
// are the keys that end with Elem.
func (q quote) revoked(v *im.Revocation) []byte {
	for key := range q.quoted {
		if strings.HasSuffix(key, "Elem") {
			delete(q.quoted, key)
		}
	}
	q.quoted["contentType"] = mustJSON(im.ContentRevoked)
	q.quoted["content"] = mustJSON(string(revokedContent(v)))
	q.content[quoteMessage] = mustJSON(q.quoted)
	return mustJSON(q.content)
}
