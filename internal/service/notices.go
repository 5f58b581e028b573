package service

import (
	"context"
	"strings"

	"parley/internal/im"
)

// mayReadNotices decides on a notification conversation without a record of its
// chat: a pair of which the user is one, or a group the user is in.
func (s *Service) mayReadNotices(ctx context.Context, userID, id string) (bool, error) {
	root := im.ConversationRoot(id)
	if ok, err := s.inPair(ctx, userID, root); ok || err != nil {
		return ok, err
	}
	return s.belongs(ctx, userID, root)
}

// inPair reports whether a user is one of the pair whose conversations have this
// root. Ids are not parsed (user ids may hold '_'), so a pair is recognised by
// rebuilding its root around the user, and the rest must be a user, too.
func (s *Service) inPair(ctx context.Context, userID, root string) (bool, error) {
	if len(root) <= len(userID) {
		return false, nil
	}
	if before := root[:len(root)-len(userID)-1]; root == before+"_"+userID && before <= userID {
		if ok, err := s.exists(ctx, before); ok || err != nil {
			return ok, err
		}
	}
	if after := root[len(userID)+1:]; root == userID+"_"+after && userID <= after {
		return s.exists(ctx, after)
	}
	return false, nil
}

// exists reports whether there is such a user.
func (s *Service) exists(ctx context.Context, userID string) (bool, error) {
	_, err := s.user(ctx, userID)
	if im.IsKind(err, im.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// belongs reports whether a user is a member of a group, which need not exist.
func (s *Service) belongs(ctx context.Context, userID, groupID string) (bool, error) {
	g, err := s.group(ctx, groupID)
	if im.IsKind(err, im.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, member := g.member(userID)
	return member, nil
}

// takesPart refuses strangers with im.NotFound: whoever has neither a record of a
// conversation nor a place in it.
func (s *Service) takesPart(ctx context.Context, userID, conversationID string) error {
	_, missing := s.store.Conversation(ctx, userID, conversationID)
	if !im.IsKind(missing, im.NotFound) {
		return missing
	}
	var ok bool
	var err error
	switch root := im.ConversationRoot(conversationID); {
	case im.IsNotificationID(conversationID):
		ok, err = s.mayReadNotices(ctx, userID, conversationID)
	case strings.HasPrefix(conversationID, "sg_"):
		ok, err = s.belongs(ctx, userID, root)
	default:
		ok, err = s.inPair(ctx, userID, root)
	}
	if err == nil && !ok {
		err = missing
	}
	return err
}

// lastReadable returns the last number that a user may read of a conversation.
// im.NotFound for strangers, whatever is in it.
func (s *Service) lastReadable(ctx context.Context, userID, conversationID string) (int64, error) {
	readable, err := s.readable(ctx, userID, []string{conversationID})
	if err != nil {
		return 0, err
	}
	if b, ok := readable[conversationID]; ok {
		return b.hi, nil
	}
	if err := s.takesPart(ctx, userID, conversationID); err != nil {
		return 0, err
	}
	st, err := s.seqState(ctx, conversationID)
	return st.MaxSeq, err
}

// concerning blanks, in place, the notices that are none of a user's: those of
// the users a and b, those of a group called a_b, and those of the users a_b and
// c next to those of a and b_c share one conversation. Only an id with '_' can be
// shared, and ordinary groups have none.
func (s *Service) concerning(ctx context.Context, userID, conversationID string, b bounds, records []im.Record) error {
	if !im.IsNotificationID(conversationID) {
		return nil
	}
	root := im.ConversationRoot(conversationID)
	if b.member && !strings.Contains(root, "_") {
		return nil
	}
	member, known := b.member, b.member
	for i := range records {
		r := &records[i]
		if r.Body == nil { // a placeholder
			continue
		}
		m, err := s.o.Decode(r.Body)
		if err != nil {
			return err
		}
		mine := m.SendID == userID || m.RecvID == userID
		if m.SessionType == im.SessionGroup {
			if !known { // a record of a pair says nothing of the group
				if member, err = s.belongs(ctx, userID, root); err != nil {
					return err
				}
				known = true
			}
			mine = member
		}
		if !mine {
			*r = im.Record{ConversationID: r.ConversationID, Seq: r.Seq, SendTime: r.SendTime, Deleted: true}
		}
	}
	return nil
}
