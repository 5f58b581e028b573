package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"parley/internal/im"
	"parley/internal/webhook"
)

// Planners at once, for chats of two, for groups, and for those with many
// members: a slow business server or a large group holds up its own kind only.
const (
	chatPlanners  = 8
	groupPlanners = 8
	largePlanners = 2
	// largeGroup is the number of receivers from which a group is planned apart.
	largeGroup = 2000
)

const (
	// maxWaitingBytes bounds the contents of the messages that wait for a planner of one kind.
	maxWaitingBytes = 32 << 20
	// askUsers is the number of users that the business server is asked about at a time:
	// with ids of up to 64 bytes the body stays below its limit of 1 MiB.
	askUsers = 10_000
	// storeUsers is the number of users whose jobs are stored together.
	storeUsers = 500
	// maxAge is how old a message may be when its notification is made or sent: later
	// it tells nobody anything.
	maxAge = time.Hour
)

// settle forgets the intent of a message that nothing more is to be done for.
func (p *Pusher) settle(it *item) {
	if it.intent {
		p.keeper.settle(it.m.ServerMsgID)
	}
}

// plan makes the jobs for a message, or hands it to the planners of large groups.
func (p *Pusher) plan(ctx context.Context, it *item, at *planners) error {
	if p.nowMs()-it.at > maxAge.Milliseconds() {
		p.metrics.dropped.WithLabelValues("age").Inc()
		p.settle(it)
		return nil
	}
	if at != &p.large && p.large.has(it.m.ConversationID()) { // behind those before it
		p.large.add(it)
		return nil
	}
	users, err := p.receivers(ctx, it)
	if err != nil {
		return err
	}
	if len(users) > largeGroup && at != &p.large {
		p.large.add(it)
		return nil
	}
	for len(users) > 0 {
		part := users[:min(len(users), askUsers)]
		users = users[len(part):]
		if err := p.planPart(ctx, it, part, len(users) == 0); err != nil {
			return err
		}
	}
	p.settle(it)
	return nil
}

// receivers returns who is to be told of a message if no phone shows it. The
// members of a group come sorted, those apart who were told already.
func (p *Pusher) receivers(ctx context.Context, it *item) ([]string, error) {
	m := it.m
	switch {
	case it.users != nil:
		return it.users, nil
	case m.SessionType != im.SessionGroup:
		return []string{m.RecvID}, nil
	}
	members, err := p.o.Members(ctx, m.GroupID)
	if im.IsKind(err, im.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var users []string
	for id := range members.All() {
		if id > it.doneTo {
			users = append(users, id)
		}
	}
	slices.Sort(users)
	return users, nil
}

// planPart makes the jobs for some of a message's receivers; last says that they are the last.
func (p *Pusher) planPart(ctx context.Context, it *item, part []string, last bool) error {
	var users []string
	named := false // by the business server
	for _, id := range part {
		if id != it.m.SendID && !p.o.Online(id) {
			users = append(users, id)
		}
	}
	silentIn := "" // the conversation whose silence the store is asked for with the tokens
	info := it.info
	asks := p.o.Asker.Asks(im.BeforeOfflinePush)
	if it.m.SessionType == im.SessionGroup && len(users) > 0 {
		silentIn = im.GroupConversationID(it.m.GroupID)
		if asks || p.o.Vendor != nil && p.o.Vendor.KnowsUsers() {
			silent, err := p.o.Store.SilentOwners(ctx, silentIn, users)
			if err != nil {
				return err
			}
			users = without(users, silent)
			silentIn = ""
		}
	}
	if asks && len(users) > 0 {
		a, err := p.ask(ctx, im.BeforeOfflinePush, it.op, webhook.PushBody(im.BeforeOfflinePush, it.op, it.m, info, users))
		if ctx.Err() != nil {
			return ctx.Err() // the intent stays
		}
		if err != nil {
			users = nil
		}
		if list := distinct(a.Texts("userIDList")); len(list) > 0 {
			users, named = list, true
		}
		info = a.OfflinePushInfo(info)
	}
	if p.keeper == nil {
		return nil
	}
	doneTo := part[len(part)-1]
	for len(users) > 0 {
		some := users[:min(len(users), storeUsers, max(1, p.o.Queue/2))] // of large groups two may be added at once
		users = users[len(some):]
		jobs, err := p.jobs(ctx, it, info, some, silentIn)
		if err != nil {
			return err
		}
		a := &addition{jobs: jobs, count: info != nil && info.IOSBadgeCount, waits: len(part) > largeGroup || !last}
		switch { // with its jobs, so that nobody is told, or counted, twice
		case !it.intent:
		case len(users) == 0 && (last || it.users == nil):
			a.intent, a.doneTo, a.done = it.m.ServerMsgID, doneTo, last
		case it.users == nil && !named:
			a.intent, a.doneTo = it.m.ServerMsgID, some[len(some)-1]
		}
		if err := p.keeper.add(ctx, a); err != nil {
			return err
		}
		if a.done {
			it.intent = false
		}
	}
	return nil
}

func without(users, silent []string) []string {
	if len(silent) == 0 {
		return users
	}
	out := make(map[string]bool, len(silent))
	for _, id := range silent {
		out[id] = true
	}
	return slices.DeleteFunc(users, func(id string) bool { return out[id] })
}

// jobs returns a notification for each device of the users.
func (p *Pusher) jobs(ctx context.Context, it *item, info *im.OfflinePush, users []string, silentIn string) ([]im.PushJob, error) {
	note := newNote(it.m, info)
	note.OperationID = it.op
	job := im.PushJob{
		ConversationID: it.m.ConversationID(), MessageID: it.m.ServerMsgID, SendTime: it.m.SendTime, Note: note, CreatedAt: it.at,
	}
	var out []im.PushJob
	if p.o.Vendor.KnowsUsers() {
		for _, id := range users {
			job.UserID = id
			out = append(out, job)
		}
		return out, nil
	}
	tokens, err := p.o.Store.PushTokens(ctx, users, silentIn, p.nowMs())
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		if p.o.Vendor.Takes(t.Platform) {
			job.UserID, job.Platform, job.Token = t.UserID, t.Platform, t.Token
			out = append(out, job)
		}
	}
	return out, nil
}

// holdLeft lets the conversations of messages that an earlier process left wait for
// planLeft: what is sent in them meanwhile comes after.
func (p *Pusher) holdLeft(left []im.PushIntent) {
	for i := range left {
		p.chats.hold(left[i].ConversationID)
		p.groups.hold(left[i].ConversationID)
	}
}

// planLeft plans what an earlier process did not come to, newest first in left, once
// its users have had the time to connect again.
func (p *Pusher) planLeft(left []im.PushIntent) {
	select {
	case <-p.ctx.Done():
		return
	case <-p.keeper.quit:
		return
	case <-time.After(p.o.Grace):
	}
	planned := 0
	for i := range left {
		if p.ctx.Err() != nil {
			return
		}
		it, err := p.leftItem(&left[i])
		switch {
		case err != nil:
			p.log.Warn("offline push not made", "msg", left[i].MessageID, "conv", left[i].ConversationID, "op", left[i].OperationID, "err", err)
			p.keeper.settle(left[i].MessageID)
		case it.m.SessionType == im.SessionGroup:
			p.groups.addBefore(it)
			planned++
		default:
			p.chats.addBefore(it)
			planned++
		}
	}
	released := map[string]bool{}
	for i := range left {
		if id := left[i].ConversationID; !released[id] {
			released[id] = true
			p.chats.release(id)
			p.groups.release(id)
		}
	}
	p.log.Info("offline pushes taken up", "messages", planned, "op", im.NewID())
}

// errGone is the cause of a message that nobody needs to be told of any more.
var errGone = errors.New("the message is gone")

func (p *Pusher) leftItem(i *im.PushIntent) (*item, error) {
	rows, err := p.o.Store.MessagesAt(p.ctx, i.ConversationID, []int64{i.Seq})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || rows[0].Revoked || rows[0].Deleted {
		return nil, errGone
	}
	m, err := p.o.Decode(rows[0].Body)
	if err != nil {
		return nil, fmt.Errorf("read the message: %w", err)
	}
	return &item{m: m, op: cmp.Or(i.OperationID, im.NewID()), info: m.OfflinePush, intent: true, doneTo: i.DoneTo, at: i.CreatedAt}, nil
}
