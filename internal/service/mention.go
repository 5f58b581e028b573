package service

import (
	"context"
	"slices"
	"sync"

	"parley/internal/im"
	"parley/internal/store"
)

// mentions flags the conversation records of users who were named in a group
// message, and of all members after an announcement (messages.md 8.4), and tells
// owners of new records that are not what their devices take them for, when what
// says so is committed and without anybody waiting for it. It has a goroutine while
// there is something to do. What is under way when the server stops is lost; the
// message is not, and devices learn of records at their next sync.
type mentions struct {
	mu      sync.Mutex // guards what follows
	queue   []func(ctx context.Context)
	stopped bool
	ended   chan struct{}      // closed when the goroutine ends; nil: there is none
	quit    context.CancelFunc // of the goroutine
}

// maxMentions is how many messages and announcements may wait for what they bring
// about; more than that come from a flood, and further ones stay without.
const maxMentions = 4096

// add queues a piece of work; false if there is too much already.
func (q *mentions) add(work func(ctx context.Context)) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped || len(q.queue) >= maxMentions {
		return false
	}
	q.queue = append(q.queue, work)
	if q.ended == nil {
		ctx, quit := context.WithCancel(context.Background())
		q.quit, q.ended = quit, make(chan struct{})
		go q.run(ctx)
	}
	return true
}

func (q *mentions) run(ctx context.Context) {
	for {
		q.mu.Lock()
		if len(q.queue) == 0 {
			q.quit()
			close(q.ended)
			q.queue, q.ended = nil, nil
			q.mu.Unlock()
			return
		}
		work := q.queue[0]
		q.queue[0] = nil
		q.queue = q.queue[1:]
		q.mu.Unlock()
		work(ctx)
	}
}

// stop drops what is queued and waits for what is under way.
func (q *mentions) stop() {
	q.mu.Lock()
	q.stopped, q.queue = true, nil
	if q.ended != nil {
		q.quit()
	}
	q.mu.Unlock()
	q.settle()
}

// settle waits until nothing is queued or under way.
func (q *mentions) settle() {
	q.mu.Lock()
	ended := q.ended
	q.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// Settle waits until what all messages and announcements acknowledged so far flag is flagged.
func (s *Service) Settle() { s.mentions.settle() }

// mentioned returns what is to be done when a message is acknowledged: nothing,
// or to flag those it names. It runs on a goroutine of delivery, so it only queues.
func (s *Service) mentioned(op im.Operator, m *im.Message) func() {
	if m.ContentType != im.ContentAtText || m.SessionType != im.SessionGroup || len(m.AtUserIDList) == 0 || !m.Stored() {
		return nil
	}
	groupID, sender := m.GroupID, m.SendID
	all := slices.Contains(m.AtUserIDList, im.AtAll)
	named := distinct(slices.DeleteFunc(slices.Clone(m.AtUserIDList), func(id string) bool { return id == im.AtAll }))
	return func() {
		s.later(op, im.GroupConversationID(groupID), func(ctx context.Context, op im.Operator) error {
			return s.flagMentions(ctx, op, groupID, sender, named, all)
		})
	}
}

// later queues work on the records of a conversation. It is done in nobody's name but the server's.
func (s *Service) later(op im.Operator, conversationID string, work func(context.Context, im.Operator) error) {
	op = im.Operator{UserID: op.UserID, OperationID: op.OperationID}
	queued := s.mentions.add(func(ctx context.Context) {
		if err := work(ctx, op); err != nil && ctx.Err() == nil {
			s.logger.Warn("conversation records not flagged", "conversation", conversationID, "op", op.OperationID, "err", err)
		}
	})
	if !queued {
		s.logger.Warn("conversation records not flagged, too many wait", "conversation", conversationID, "op", op.OperationID)
	}
}

// flagAnnouncement marks the chat of every member as holding a new announcement.
func (s *Service) flagAnnouncement(ctx context.Context, op im.Operator, groupID string) error {
	members, err := s.store.MemberIDs(ctx, groupID)
	if err != nil {
		return err
	}
	return s.flagMembers(ctx, op, groupID, members, im.AtGroupNotice)
}

// flagMentions sets the flag of each member that is named, or of all.
func (s *Service) flagMentions(ctx context.Context, op im.Operator, groupID, sender string, named []string, all bool) error {
	found, err := s.store.Members(ctx, groupID, named)
	if err != nil {
		return err
	}
	mine := make([]string, len(found))
	for i := range found {
		mine[i] = found[i].UserID
	}
	if !all {
		return s.flagMembers(ctx, op, groupID, mine, im.AtMe)
	}
	if err := s.flagMembers(ctx, op, groupID, mine, im.AtMeAndAll); err != nil {
		return err
	}
	members, err := s.store.MemberIDs(ctx, groupID)
	if err != nil {
		return err
	}
	skip := make(map[string]bool, len(mine)+1)
	skip[sender] = true
	for _, id := range mine {
		skip[id] = true
	}
	rest := slices.DeleteFunc(slices.Clone(members), func(id string) bool { return skip[id] })
	return s.flagMembers(ctx, op, groupID, rest, im.AtEverybody)
}

// flagBatch is the number of records that are flagged in one transaction.
const flagBatch = 500

// flagMembers sets groupAtType in members' records of a group's chat and tells
// each whose flag has changed (1300), a batch at a time so that the writer is
// never held for long.
func (s *Service) flagMembers(ctx context.Context, op im.Operator, groupID string, members []string, flag int32) error {
	chat := im.GroupConversationID(groupID)
	for batch := range slices.Chunk(slices.Sorted(slices.Values(members)), flagBatch) {
		var changed []string
		err := s.store.Update(ctx, func(tx store.Tx) (err error) {
			if changed, err = tx.SetAtType(ctx, chat, batch, flag); err != nil {
				return err
			}
			return tx.StepEach(ctx, im.ListConversations, changed, im.ChangeUpdate, chat)
		})
		if err != nil {
			return err
		}
		slices.Sort(changed)
		s.tellChatChanged(ctx, op, chat, changed)
	}
	return nil
}
