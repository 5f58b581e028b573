package service

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
)

const (
	// maxSetUsers bounds the records of one change of settings: they change in one
	// transaction.
	maxSetUsers = 1000
	// maxConversationID is two user ids, their prefix and what joins them.
	maxConversationID = 2*im.MaxIDBytes + 4
	maxSettingBytes   = 16 << 10
	// maxDestructTime is a hundred years in seconds.
	maxDestructTime = 100 * 366 * 24 * 3600
)

// ConversationChange is a change of settings in several users' records of one
// conversation (rest-conversation.md 2).
type ConversationChange struct {
	UserIDs []string
	// Conversation holds id, type, peer and group of a record that does not exist yet.
	Conversation im.Conversation
	Settings     im.ConversationPatch // IsPrivateChat apart
	Private      *bool                // for both sides of a chat of two
}

// SetConversations changes settings, creating records that do not exist, and
// tells the owners of those that changed. The private mode of a chat changes on
// both sides, and both are told in the chat.
func (s *Service) SetConversations(ctx context.Context, op im.Operator, q ConversationChange) error {
	const name = "service.SetConversations"
	if len(q.UserIDs) == 0 || len(q.UserIDs) > maxSetUsers {
		return im.Errorf(im.Invalid, name, "between 1 and %d users", maxSetUsers)
	}
	for _, id := range q.UserIDs {
		if err := self(op, name, id); err != nil {
			return err
		}
	}
	if err := q.bounded(); err != nil {
		return err
	}
	c := &q.Conversation
	if c.ConversationType == im.SessionWriteGroup {
		g, err := s.group(ctx, c.GroupID)
		if err != nil {
			return err
		}
		if g.status() == im.GroupDismissed {
			return im.Errorf(im.GroupIsDismissed, name, "group %s is dismissed", c.GroupID)
		}
	}
	users := slices.Sorted(slices.Values(distinct(q.UserIDs)))
	if !q.Settings.Empty() {
		records := make([]im.Conversation, len(users))
		for i, id := range users {
			records[i] = q.Settings.Apply(*c)
			records[i].OwnerUserID = id
		}
		asked, err := s.askMissing(ctx, op, records)
		if err != nil {
			return err
		}
		var changed []string
		err = s.change(ctx, op.OperationID, func(ctx context.Context, tx store.Tx) (err error) {
			changed, err = s.applySettings(ctx, tx, op, users, q.Conversation, q.Settings, asked)
			return err
		})
		if err != nil {
			return err
		}
		s.settingsChanged(ctx, op, changed, c.ConversationID)
	}
	if q.Private == nil || c.ConversationType == im.SessionGroup || c.ConversationType == im.SessionWriteGroup {
		return nil
	}
	for _, id := range users {
		if err := s.setPrivate(ctx, op, id, *c, *q.Private); err != nil {
			return err
		}
	}
	return nil
}

// storable reports whether a text is not empty and both databases take it.
func storable(text string, limit int) bool {
	return text != "" && len(text) <= limit && strings.IndexByte(text, 0) < 0 && utf8.ValidString(text)
}

// bounded refuses what no client sends.
func (q *ConversationChange) bounded() error {
	const name = "service.SetConversations"
	c, p := &q.Conversation, &q.Settings
	for _, id := range append(q.UserIDs[:len(q.UserIDs):len(q.UserIDs)], c.ConversationID, c.UserID, c.GroupID) {
		if id != "" && !storable(id, maxConversationID) {
			return im.Errorf(im.Invalid, name, "an id is longer than %d bytes or holds a zero byte", maxConversationID)
		}
	}
	for _, text := range []*string{p.AttachedInfo, p.Ex} {
		if text != nil && *text != "" && !storable(*text, maxSettingBytes) {
			return im.Errorf(im.Invalid, name, "a text is longer than %d bytes or holds a zero byte", maxSettingBytes)
		}
	}
	if t := p.MsgDestructTime; t != nil && (*t < 0 || *t > maxDestructTime) {
		return im.Errorf(im.Invalid, name, "msgDestructTime must be between 0 and %d seconds", int64(maxDestructTime))
	}
	return nil
}

// settingsChanged drops cached copies and tells the owners.
func (s *Service) settingsChanged(ctx context.Context, op im.Operator, owners []string, conversationID string) {
	for _, id := range owners {
		s.caches.settings.Invalidate(settingKey{id, conversationID})
	}
	for _, id := range owners {
		s.tellConversations(ctx, op, id, conversationID)
	}
}

// applySettings changes the records of owners, who are sorted, and returns those
// whose record differs now. A record that is missing is made from template if
// its owner takes part in the conversation: a record is what lets one read.
func (s *Service) applySettings(ctx context.Context, tx store.Tx, op im.Operator, owners []string, template im.Conversation, p im.ConversationPatch, asked *newRecords) (changed []string, err error) {
	id := template.ConversationID
	for _, owner := range owners {
		old, err := tx.Conversation(ctx, owner, id)
		switch {
		case im.IsKind(err, im.NotFound):
			template.OwnerUserID = owner
			if err := s.mayHold(ctx, tx, &template); err != nil {
				return nil, err
			}
			if err := s.createConversations(ctx, tx, op, []im.Conversation{p.Apply(template)}, asked); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		case p.Apply(*old) == *old:
			continue
		default:
			if err := tx.PatchConversation(ctx, owner, id, p); err != nil {
				return nil, err
			}
			if _, err := tx.Step(ctx, im.ListConversations, owner, im.ChangeUpdate, id); err != nil {
				return nil, err
			}
		}
		changed = append(changed, owner)
	}
	return changed, nil
}

// askMissing asks the business server about those of some records that do not exist,
// one by one. Unlike a message, a change of settings is refused with a record that
// it would make: somebody waits for it.
func (s *Service) askMissing(ctx context.Context, op im.Operator, records []im.Conversation) (*newRecords, error) {
	if !s.hooks.Asks(beforeCreate(records[0].ConversationType)) {
		return nil, nil
	}
	missing, err := s.withoutRecord(ctx, records)
	if err != nil {
		return nil, err
	}
	for i := range missing {
		if err := s.mayHold(ctx, s.store, &missing[i]); err != nil {
			return nil, err
		}
	}
	asked, err := s.askRecords(ctx, op, missing, 1)
	if err == nil {
		err = asked.refused(missing)
	}
	return asked, err
}

// mayHold refuses a new record whose owner has no part in the conversation, or
// whose id does not go with its type and other side.
func (s *Service) mayHold(ctx context.Context, r store.Reader, c *im.Conversation) error {
	const name = "service.SetConversations"
	want := ""
	switch c.ConversationType {
	case im.SessionSingle:
		want = im.SingleConversationID(c.OwnerUserID, c.UserID)
	case im.SessionNotification:
		want = im.NotificationAccountConversationID(c.OwnerUserID, c.UserID)
	case im.SessionGroup:
		want = im.GroupConversationID(c.GroupID)
	case im.SessionWriteGroup:
		want = "g_" + c.GroupID
	}
	if c.ConversationID != want {
		return im.Errorf(im.Invalid, name, "conversationID does not go with the other side")
	}
	if c.ConversationType == im.SessionSingle || c.ConversationType == im.SessionNotification {
		return nil
	}
	found, err := r.Members(ctx, c.GroupID, []string{c.OwnerUserID})
	if err == nil && len(found) == 0 {
		err = im.Errorf(im.Denied, name, "not a member of group %s", c.GroupID)
	}
	return err
}

// setPrivate turns the private mode of a chat on or off for both sides, who see
// it in the chat (1701).
func (s *Service) setPrivate(ctx context.Context, op im.Operator, userID string, c im.Conversation, private bool) error {
	mine, theirs := c, c
	mine.OwnerUserID, theirs.OwnerUserID, theirs.UserID = userID, c.UserID, userID
	if _, err := s.user(ctx, c.UserID); err != nil {
		return err
	}
	if err := s.mayHold(ctx, s.store, &mine); err != nil {
		return err
	}
	if !op.Admin { // it is a message in the other's chat
		r, err := s.relation(ctx, c.UserID, userID)
		if err != nil {
			return err
		}
		if r.Black {
			return im.Errorf(im.BlockedByPeer, "service.SetConversations", "the other side has blocked the user")
		}
	}
	records := []im.Conversation{mine, theirs}
	if mine.OwnerUserID == theirs.OwnerUserID {
		records = records[:1]
	}
	slices.SortFunc(records, byOwner)
	patch := im.ConversationPatch{IsPrivateChat: &private}
	wanted := make([]im.Conversation, len(records))
	for i, r := range records {
		wanted[i] = patch.Apply(r)
	}
	asked, err := s.askMissing(ctx, op, wanted)
	if err != nil {
		return err
	}
	told := s.deliveries(op, notice{contentType: im.ContentPrivateChat, from: userID, to: c.UserID, session: im.SessionSingle, clone: c.ConversationType == im.SessionSingle})
	err = setTips(told, conversationSetPrivateTips{RecvID: c.UserID, SendID: userID, IsPrivate: private, ConversationID: c.ConversationID})
	if err != nil {
		return err
	}
	_, err = s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		Messages:    told,
		Committed:   func() { s.forget(asked, c.ConversationID) },
		With: func(ctx context.Context, tx store.Tx) error {
			for _, r := range records {
				err := tx.PatchConversation(ctx, r.OwnerUserID, r.ConversationID, patch)
				if im.IsKind(err, im.NotFound) {
					err = s.createConversations(ctx, tx, op, []im.Conversation{patch.Apply(r)}, asked)
				} else if err == nil {
					_, err = tx.Step(ctx, im.ListConversations, r.OwnerUserID, im.ChangeUpdate, r.ConversationID)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	})
	return err
}

// SetExByPeer sets the free text of all chats that others have with a user
// (rest-conversation.md 5). Owners see it at their next sync.
func (s *Service) SetExByPeer(ctx context.Context, op im.Operator, userID string, ex *string) error {
	const name = "service.SetExByPeer"
	if err := self(op, name, userID); err != nil {
		return err
	}
	if ex == nil || userID == "" {
		return nil
	}
	if *ex != "" && !storable(*ex, maxSettingBytes) {
		return im.Errorf(im.Invalid, name, "ex is longer than %d bytes or holds a zero byte", maxSettingBytes)
	}
	patch := im.ConversationPatch{Ex: ex}
	for after := ""; ; {
		page, err := s.store.ConversationsWith(ctx, userID, after, batchRecords)
		if err != nil || len(page) == 0 {
			return err
		}
		// An owner has up to two records with one other side; a page must not end
		// between them, since the next one begins above its last owner.
		if len(page) == batchRecords {
			last := page[len(page)-1].OwnerUserID
			if cut := slices.IndexFunc(page, func(c im.Conversation) bool { return c.OwnerUserID == last }); cut > 0 {
				page = page[:cut]
			}
		}
		after = page[len(page)-1].OwnerUserID
		err = s.store.Update(ctx, func(tx store.Tx) error {
			for i := range page {
				c := &page[i]
				err := tx.PatchConversation(ctx, c.OwnerUserID, c.ConversationID, patch)
				if im.IsKind(err, im.NotFound) {
					continue
				}
				if err != nil {
					return err
				}
				if _, err := tx.Step(ctx, im.ListConversations, c.OwnerUserID, im.ChangeUpdate, c.ConversationID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// batchRecords is how many records one transaction changes when many owners'
// change: some ten milliseconds of the writer.
const batchRecords = 200
