package service

import (
	"context"
	"maps"
	"slices"
	"strings"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// maxStepOwners bounds the owners that one callback about a group's records names,
// so that its body stays below the limit of bodies.
const maxStepOwners = 10_000

// newRecords is what the business server said of records that are about to be made
// (webhooks.md C.1, C.3). Nil: it was not asked, and they are made as they are.
type newRecords struct {
	of map[string]*recordStep // by owner
}

// recordStep is the part of the records that one callback was about.
type recordStep struct {
	owners  []string
	patch   im.ConversationPatch
	refusal error // why they are not to be made
}

func (n *newRecords) step(owner string) *recordStep {
	if n == nil {
		return nil
	}
	return n.of[owner]
}

// beforeCreate returns the command that asks about records of a kind, and afterCreate
// the one that tells of them.
func beforeCreate(t im.SessionType) im.Command {
	if t == im.SessionGroup || t == im.SessionWriteGroup {
		return im.BeforeCreateGroupChatConversation
	}
	return im.BeforeCreateSingleChatConversation
}

func afterCreate(t im.SessionType) im.Command {
	if beforeCreate(t) == im.BeforeCreateGroupChatConversation {
		return im.AfterCreateGroupChatConversation
	}
	return im.AfterCreateSingleChatConversation
}

// askRecords asks the business server about records of one conversation that are
// about to be made, size of them in one callback. No transaction is open. An error
// means that nobody waits any more.
func (s *Service) askRecords(ctx context.Context, op im.Operator, records []im.Conversation, size int) (*newRecords, error) {
	if len(records) == 0 || !s.hooks.Asks(beforeCreate(records[0].ConversationType)) {
		return nil, nil
	}
	n := &newRecords{of: make(map[string]*recordStep, len(records))}
	for part := range slices.Chunk(records, size) {
		step := &recordStep{owners: make([]string, len(part))}
		for i := range part {
			step.owners[i] = part[i].OwnerUserID
			n.of[part[i].OwnerUserID] = step
		}
		first := &part[0]
		command := beforeCreate(first.ConversationType)
		answer, err := s.ask(ctx, op, command, func(string) []byte {
			if command == im.BeforeCreateGroupChatConversation {
				return webhook.GroupConversationBody(command, first, step.owners)
			}
			return webhook.SingleConversationBody(command, first)
		})
		if ctx.Err() != nil {
			return nil, err
		}
		step.refusal = err
		step.patch = s.recordPatch(answer, op)
	}
	return n, nil
}

// recordPatch reads the settings that an answer replaces; one that no request could
// have is left as it is.
func (s *Service) recordPatch(a *webhook.Answer, op im.Operator) im.ConversationPatch {
	p := im.ConversationPatch{
		RecvMsgOpt: a.Int("recvMsgOpt"), IsPinned: a.Flag("isPinned"), IsPrivateChat: a.Flag("isPrivateChat"),
		BurnDuration: a.Int("burnDuration"), GroupAtType: a.Int("groupAtType"),
		AttachedInfo: a.Text("attachedInfo"), Ex: a.Text("ex"),
	}
	ignored := func(key string) {
		s.logger.Warn("a field of a callback's answer is ignored", "field", key, "want", "a value that a request may have", "op", op.OperationID)
	}
	within := func(v **int32, key string, top int32) {
		if *v != nil && (**v < 0 || **v > top) {
			ignored(key)
			*v = nil
		}
	}
	within(&p.RecvMsgOpt, "recvMsgOpt", im.ReceiveSilently)
	within(&p.GroupAtType, "groupAtType", im.AtGroupNotice)
	within(&p.BurnDuration, "burnDuration", maxBurnDuration)
	text := func(v **string, key string) {
		if *v != nil && **v != "" && !storable(**v, maxSettingBytes) {
			ignored(key)
			*v = nil
		}
	}
	text(&p.AttachedInfo, "attachedInfo")
	text(&p.Ex, "ex")
	return p
}

// maxBurnDuration is thirty years in seconds.
const maxBurnDuration = 30 * 365 * 24 * 3600

// refused returns the first refusal among the answers.
func (n *newRecords) refused(records []im.Conversation) error {
	for i := range records {
		if step := n.step(records[i].OwnerUserID); step != nil && step.refusal != nil {
			return step.refusal
		}
	}
	return nil
}

// silent reports refusals that there is nobody to tell of: what brings the records
// about goes on without them.
func (s *Service) silent(n *newRecords, op im.Operator, conversationID string) {
	if n == nil {
		return
	}
	seen := make(map[*recordStep]bool)
	for _, step := range n.of {
		if step.refusal != nil && !seen[step] {
			seen[step] = true
			s.logger.Info("conversation records are not made", "conversation", conversationID, "owners", len(step.owners),
				"op", op.OperationID, "err", step.refusal)
		}
	}
}

// forget drops what the cache knows of settings that answers have replaced: before
// there was a record, it was that there is none.
func (s *Service) forget(n *newRecords, conversationID string) {
	if n == nil {
		return
	}
	for owner, step := range n.of {
		if step.patch.RecvMsgOpt != nil {
			s.caches.settings.Invalidate(settingKey{owner, conversationID})
		}
	}
}

func byOwner(a, b im.Conversation) int { return strings.Compare(a.OwnerUserID, b.OwnerUserID) }

// createConversations stores the records that do not exist and were not refused, one
// log step for each owner, and the events about them.
func (s *Service) createConversations(ctx context.Context, tx store.Tx, op im.Operator, records []im.Conversation, asked *newRecords) error {
	wanted := make([]im.Conversation, 0, len(records))
	for _, c := range records {
		step := asked.step(c.OwnerUserID)
		switch {
		case step == nil:
			wanted = append(wanted, c)
		case step.refusal == nil:
			wanted = append(wanted, step.patch.Apply(c))
		}
	}
	// One order for all writers, so that two nodes cannot block one another.
	slices.SortFunc(wanted, byOwner)
	created, err := tx.InsertConversations(ctx, wanted, s.nowMs())
	if err != nil {
		return err
	}
	owners := make(map[string][]string, 1) // by conversation
	for i := range created {
		owners[created[i].ConversationID] = append(owners[created[i].ConversationID], created[i].OwnerUserID)
	}
	for _, id := range slices.Sorted(maps.Keys(owners)) {
		if err := tx.StepEach(ctx, im.ListConversations, owners[id], im.ChangeInsert, id); err != nil {
			return err
		}
	}
	return s.emit(ctx, tx, op, creations(created, asked)...)
}

// creations returns the events about new records: one for each of a chat of two,
// one for each step of a group's (webhooks.md C.2, C.4).
func creations(created []im.Conversation, asked *newRecords) []happened {
	var out []happened
	group := make(map[*recordStep][]*im.Conversation)
	var steps []*recordStep // of group, in the order of their first record
	for i := range created {
		c := &created[i]
		command := afterCreate(c.ConversationType)
		if command == im.AfterCreateGroupChatConversation {
			step := asked.step(c.OwnerUserID)
			if group[step] == nil {
				steps = append(steps, step)
			}
			group[step] = append(group[step], c)
			continue
		}
		out = append(out, happened{
			command: command, lane: c.ConversationID, about: im.About{SendID: c.UserID, RecvID: c.OwnerUserID},
			body: func(string) []byte { return webhook.SingleConversationBody(command, c) },
		})
	}
	for _, step := range steps {
		for part := range slices.Chunk(group[step], maxStepOwners) {
			out = append(out, happened{
				command: im.AfterCreateGroupChatConversation, lane: part[0].ConversationID, about: im.About{GroupID: part[0].GroupID},
				body: func(string) []byte {
					owners := make([]string, len(part))
					for i, c := range part {
						owners[i] = c.OwnerUserID
					}
					return webhook.GroupConversationBody(im.AfterCreateGroupChatConversation, part[0], owners)
				},
			})
		}
	}
	return out
}

// firstRecords returns the records that number 1 of a chat brings about (messages.md 8.1).
func firstRecords(ctx context.Context, r store.Reader, m *im.Message) ([]im.Conversation, error) {
	id := m.ConversationID()
	switch m.SessionType {
	case im.SessionSingle:
		records := []im.Conversation{{OwnerUserID: m.SendID, ConversationID: id, ConversationType: m.SessionType, UserID: m.RecvID}}
		if m.RecvID != m.SendID {
			records = append(records, im.Conversation{OwnerUserID: m.RecvID, ConversationID: id, ConversationType: m.SessionType, UserID: m.SendID})
		}
		return records, nil
	case im.SessionNotification:
		return []im.Conversation{{OwnerUserID: m.RecvID, ConversationID: id, ConversationType: m.SessionType, UserID: m.SendID}}, nil
	case im.SessionGroup:
		members, err := r.MemberIDs(ctx, m.GroupID)
		return groupRecords(m.GroupID, members), err
	}
	return nil, nil
}

// groupRecords returns the records of members of a group's chat.
func groupRecords(groupID string, members []string) []im.Conversation {
	chat := im.GroupConversationID(groupID)
	records := make([]im.Conversation, len(members))
	for i, id := range members {
		records[i] = im.Conversation{OwnerUserID: id, ConversationID: chat, ConversationType: im.SessionGroup, GroupID: groupID}
	}
	return records
}

// firstMessage creates the records that number 1 of a chat brings about, inside the
// message's transaction, as the business server wants them if it was asked.
func (s *Service) firstMessage(ctx context.Context, tx store.Tx, d *msglog.Delivery, asked *newRecords) error {
	records, err := firstRecords(ctx, tx, d.Message)
	if err != nil {
		return err
	}
	return s.createConversations(ctx, tx, im.Operator{OperationID: d.OperationID}, records, asked)
}

// askingLog is the log as the use cases see it. A message that may be the first one
// of its chat waits for what the business server says of the records that it brings
// about: inside its transaction nobody may wait. Of two first messages at the same
// time both ask, and the answers about the one that is first count; neither waits
// for the other, because one may be sent from inside the other's callback.
type askingLog struct {
	Log
	s *Service
}

// Append implements Log.
func (l askingLog) Append(ctx context.Context, e *msglog.Entry) (msglog.Result, error) {
	if err := l.s.askFirst(ctx, e); err != nil {
		if e.Done != nil {
			e.Done(msglog.Result{}, err)
		}
		return msglog.Result{}, err
	}
	return l.Log.Append(ctx, e)
}

// Submit implements Log.
func (l askingLog) Submit(ctx context.Context, e *msglog.Entry) {
	if err := l.s.askFirst(ctx, e); err != nil {
		if e.Done != nil {
			e.Done(msglog.Result{}, err)
		}
		return
	}
	l.Log.Submit(ctx, e)
}

// askFirst asks about the records of the chat of an entry if it has no message yet.
func (s *Service) askFirst(ctx context.Context, e *msglog.Entry) error {
	if !s.hooks.Asks(im.BeforeCreateSingleChatConversation) && !s.hooks.Asks(im.BeforeCreateGroupChatConversation) {
		return nil
	}
	for _, d := range e.Messages {
		m := d.Message
		if d.First != nil || !m.Stored() || m.IsNotification() || !s.hooks.Asks(beforeCreate(m.SessionType)) {
			continue
		}
		// The messages of an entry have one root, so there is one chat.
		chat := m.ConversationID()
		begun, err := s.begun(ctx, chat)
		if err != nil || begun {
			return err
		}
		return s.askOpening(ctx, e, d, chat)
	}
	return nil
}

// askOpening asks about the records of a chat whose first message is d.
func (s *Service) askOpening(ctx context.Context, e *msglog.Entry, d *msglog.Delivery, chat string) error {
	records, err := firstRecords(ctx, s.store, d.Message)
	if err != nil {
		return err
	}
	size := maxStepOwners
	if d.Message.SessionType != im.SessionGroup {
		size = 1
		if records, err = s.withoutRecord(ctx, records); err != nil { // a setting may have made one
			return err
		}
	}
	op := im.Operator{OperationID: d.OperationID}
	asked, err := s.askRecords(ctx, op, records, size)
	if err != nil {
		return err
	}
	s.silent(asked, op, chat)
	s.makeFirst(e, d, asked)
	// What is queued next comes after this message, unless this one fails.
	s.caches.begun.Set(chat, struct{}{})
	done := e.Done
	e.Done = func(r msglog.Result, err error) {
		if err != nil {
			s.caches.begun.Invalidate(chat)
		}
		if done != nil {
			done(r, err)
		}
	}
	return nil
}

// makeFirst lets a message bring about the records of its chat as they were asked for.
func (s *Service) makeFirst(e *msglog.Entry, d *msglog.Delivery, asked *newRecords) {
	d.First = func(ctx context.Context, tx store.Tx) error { return s.firstMessage(ctx, tx, d, asked) }
	if asked == nil {
		return
	}
	chat, committed := d.Message.ConversationID(), e.Committed
	e.Committed = func() {
		if committed != nil {
			committed()
		}
		s.forget(asked, chat)
		s.tellReplaced(im.Operator{OperationID: d.OperationID}, chat, asked)
	}
}

// tellReplaced tells the owners of records that a message has brought about what
// answers have replaced in them (1300): a device makes such a record by itself when
// the message comes, and would keep its own values until its next sync.
func (s *Service) tellReplaced(op im.Operator, chat string, n *newRecords) {
	var owners []string
	for owner, step := range n.of {
		if step.refusal == nil && !step.patch.Empty() {
			owners = append(owners, owner)
		}
	}
	if len(owners) == 0 {
		return
	}
	slices.Sort(owners)
	s.later(op, chat, func(ctx context.Context, op im.Operator) error {
		s.tellChatChanged(ctx, op, chat, owners)
		return nil
	})
}

// begun reports whether a chat has a message. Once it has, that stays so.
func (s *Service) begun(ctx context.Context, chat string) (bool, error) {
	if _, known := s.caches.begun.GetIfPresent(chat); known {
		return true, nil
	}
	states, err := s.store.SeqStates(ctx, []string{chat})
	if err != nil || states[chat].MaxSeq == 0 {
		return false, err
	}
	s.caches.begun.Set(chat, struct{}{})
	return true, nil
}

// askFounding asks about the records of the members of a group that is about to be
// made, which its first message brings about.
func (s *Service) askFounding(ctx context.Context, op im.Operator, groupID string, members []string, e *msglog.Entry) error {
	asked, err := s.askRecords(ctx, op, groupRecords(groupID, members), maxStepOwners)
	if err != nil || asked == nil {
		return err
	}
	s.silent(asked, op, im.GroupConversationID(groupID))
	for _, d := range e.Messages {
		if d.Message.Stored() && !d.Message.IsNotification() {
			s.makeFirst(e, d, asked)
		}
	}
	return nil
}

// askEntering asks about the records of those who are about to enter a group and
// have none (any more).
func (s *Service) askEntering(ctx context.Context, op im.Operator, groupID string, ids []string) (*newRecords, error) {
	if !s.hooks.Asks(im.BeforeCreateGroupChatConversation) {
		return nil, nil
	}
	missing, err := s.withoutRecord(ctx, groupRecords(groupID, ids))
	if err != nil {
		return nil, err
	}
	asked, err := s.askRecords(ctx, op, missing, inviteBatch)
	s.silent(asked, op, im.GroupConversationID(groupID))
	return asked, err
}

// withoutRecord returns those of some records that do not exist.
func (s *Service) withoutRecord(ctx context.Context, records []im.Conversation) ([]im.Conversation, error) {
	var out []im.Conversation
	for _, c := range records {
		_, err := s.store.Conversation(ctx, c.OwnerUserID, c.ConversationID)
		switch {
		case im.IsKind(err, im.NotFound):
			out = append(out, c)
		case err != nil:
			return nil, err
		}
	}
	return out, nil
}
