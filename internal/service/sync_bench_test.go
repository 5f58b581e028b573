//go:build unix

package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/service"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

// counted counts what a sync asks of the store.
type counted struct {
	store.Store
	asked   atomic.Int64
	longest atomic.Int64 // time of a write, in ns, with the wait for the writer
}

func (c *counted) took(start time.Time) {
	for took := int64(time.Since(start)); ; {
		longest := c.longest.Load()
		if took <= longest || c.longest.CompareAndSwap(longest, took) {
			return
		}
	}
}

func (c *counted) Append(ctx context.Context, items []*store.Item) error {
	defer c.took(time.Now())
	return c.Store.Append(ctx, items)
}

func (c *counted) Update(ctx context.Context, fn func(store.Tx) error) error {
	defer c.took(time.Now())
	return c.Store.Update(ctx, fn)
}

func (c *counted) Head(ctx context.Context, l im.List, owner string) (im.Version, error) {
	c.asked.Add(1)
	return c.Store.Head(ctx, l, owner)
}

func (c *counted) Since(ctx context.Context, l im.List, owner string, from im.Version) (im.Delta, error) {
	c.asked.Add(1)
	return c.Store.Since(ctx, l, owner, from)
}

func (c *counted) SinceEach(ctx context.Context, l im.List, from map[string]im.Version) (map[string]im.Delta, error) {
	c.asked.Add(1)
	return c.Store.SinceEach(ctx, l, from)
}

func (c *counted) MembersEach(ctx context.Context, ids []store.MemberID) ([]im.Member, error) {
	c.asked.Add(1)
	return c.Store.MembersEach(ctx, ids)
}

func (c *counted) JoinedAmong(ctx context.Context, userID string, groupIDs []string) ([]string, error) {
	c.asked.Add(1)
	return c.Store.JoinedAmong(ctx, userID, groupIDs)
}

func (c *counted) Group(ctx context.Context, id string) (*im.Group, error) {
	c.asked.Add(1)
	return c.Store.Group(ctx, id)
}

func (c *counted) Groups(ctx context.Context, ids []string) ([]im.Group, error) {
	c.asked.Add(1)
	return c.Store.Groups(ctx, ids)
}

func (c *counted) Members(ctx context.Context, groupID string, ids []string) ([]im.Member, error) {
	c.asked.Add(1)
	return c.Store.Members(ctx, groupID, ids)
}

func (c *counted) MembersPage(ctx context.Context, groupID string, offset, limit int) ([]im.Member, error) {
	c.asked.Add(1)
	return c.Store.MembersPage(ctx, groupID, offset, limit)
}

func (c *counted) MemberIDs(ctx context.Context, groupID string) ([]string, error) {
	c.asked.Add(1)
	return c.Store.MemberIDs(ctx, groupID)
}

func (c *counted) MemberStates(ctx context.Context, groupID string) ([]store.MemberState, error) {
	c.asked.Add(1)
	return c.Store.MemberStates(ctx, groupID)
}

func (c *counted) JoinedGroups(ctx context.Context, userID string, offset, limit int) ([]im.Group, int, error) {
	c.asked.Add(2)
	return c.Store.JoinedGroups(ctx, userID, offset, limit)
}

func (c *counted) FriendsPage(ctx context.Context, owner string, offset, limit int) ([]im.Friend, int, error) {
	c.asked.Add(2)
	return c.Store.FriendsPage(ctx, owner, offset, limit)
}

func (c *counted) ConversationsPage(ctx context.Context, owner string, offset, limit int) ([]im.Conversation, int, error) {
	c.asked.Add(2)
	return c.Store.ConversationsPage(ctx, owner, offset, limit)
}

func (c *counted) JoinedGroupIDs(ctx context.Context, userID string) ([]string, error) {
	c.asked.Add(1)
	return c.Store.JoinedGroupIDs(ctx, userID)
}

func (c *counted) Conversations(ctx context.Context, owner string, ids []string) ([]im.Conversation, error) {
	c.asked.Add(1)
	return c.Store.Conversations(ctx, owner, ids)
}

func (c *counted) ConversationIDs(ctx context.Context, owner string) ([]string, error) {
	c.asked.Add(1)
	return c.Store.ConversationIDs(ctx, owner)
}

func (c *counted) ConversationSeqs(ctx context.Context, owner string, ids []string) ([]store.ConversationSeq, error) {
	c.asked.Add(1)
	return c.Store.ConversationSeqs(ctx, owner, ids)
}

func (c *counted) SeqStates(ctx context.Context, ids []string) (map[string]im.SeqState, error) {
	c.asked.Add(1)
	return c.Store.SeqStates(ctx, ids)
}

// syncBench measures answers: their number of bytes as JSON, and what they ask of
// the store.
type syncBench struct {
	*testing.B
	svc   *service.Service
	store *counted
	bytes int
}

func newSyncBench(b *testing.B) *syncBench {
	st := &counted{Store: storetest.NewSQLite(b).Open(b)}
	o := newOffice(b, st)
	return &syncBench{B: b, svc: o.Service, store: st}
}

// got counts an answer.
func (s *syncBench) got(v any, err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		s.Fatal(err)
	}
	s.bytes += len(text)
}

// measure runs a sync as often as the benchmark wants.
func (s *syncBench) measure(sync func()) {
	s.ReportAllocs()
	s.store.asked.Store(0)
	s.store.longest.Store(0)
	s.bytes = 0
	n := 0
	for s.Loop() {
		sync()
		n++
	}
	s.ReportMetric(float64(s.store.asked.Load())/float64(n), "queries/op")
	s.ReportMetric(float64(s.bytes)/float64(n), "answer-B/op")
	s.ReportMetric(float64(s.store.longest.Load())/1e6, "longest-write-ms")
}

// members pages through a group as the SDK does, which stops after 1,000 of them.
func (s *syncBench) members(op im.Operator) {
	for page := 1; page <= 10; page++ {
		list, _, err := s.svc.MembersPage(context.Background(), op, "g", service.Page{Number: page, Size: 100})
		s.got(list, err)
	}
}

// BenchmarkMemberSync is what a client asks about a group of 100,000: everything at
// first, and then one change.
func BenchmarkMemberSync(b *testing.B) {
	const members = 100_000
	ctx := context.Background()
	op := as("u000007")
	b.Run("first", func(b *testing.B) {
		s := newSyncBench(b)
		fillGroup(b, s.store.Store, members)
		s.measure(func() {
			c, err := s.svc.MemberChanges(ctx, op, "g", im.Version{})
			s.got(c, err)
			s.members(op)
			ids, err := s.svc.GroupMemberIDs(ctx, op, "g", 0)
			s.got(ids, err)
		})
	})
	b.Run("one change", func(b *testing.B) {
		s := newSyncBench(b)
		fillGroup(b, s.store.Store, members)
		from, err := s.store.Store.Head(ctx, im.ListMembers, "g")
		if err != nil {
			b.Fatal(err)
		}
		err = s.svc.JoinGroup(ctx, as("guest"), service.JoinRequest{GroupID: "g", UserID: "guest", Source: im.JoinBySearch})
		if err != nil {
			b.Fatal(err)
		}
		s.measure(func() {
			c, err := s.svc.MemberChanges(ctx, op, "g", from)
			s.got(c, err)
		})
	})
}

// BenchmarkCreateLargeGroup makes a group of the most members that one request names,
// and of 100,000 by invitations.
func BenchmarkCreateLargeGroup(b *testing.B) {
	for _, members := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			s := newSyncBench(b)
			ctx := context.Background()
			users := make([]im.User, members)
			ids := make([]string, members)
			for i := range users {
				ids[i] = fmt.Sprintf("u%06d", i)
				users[i] = im.User{UserID: ids[i], Nickname: ids[i]}
			}
			if err := s.store.Update(ctx, func(tx store.Tx) error { return tx.InsertUsers(ctx, users) }); err != nil {
				b.Fatal(err)
			}
			n := 0
			var creating, dismissing time.Duration
			s.measure(func() {
				n++
				id := fmt.Sprint("g", n)
				start := storetest.ProcessorTime(b)
				_, err := s.svc.CreateGroup(ctx, as("root"), service.NewGroup{
					Group: im.Group{GroupID: id, GroupType: im.GroupTypeWorking}, OwnerID: ids[0], MemberIDs: ids[1:1000],
				})
				if err != nil {
					b.Fatal(err)
				}
				for at := 1000; at < members; at += 1000 {
					if err := s.svc.Invite(ctx, as("root"), id, ids[at:at+1000], "", nil); err != nil {
						b.Fatal(err)
					}
				}
				creating += storetest.ProcessorTime(b) - start
			})
			s.ReportMetric(creating.Seconds()*1e6/float64(n*members), "create-cpu-us/member")
			s.store.longest.Store(0)
			for i := range n {
				start := storetest.ProcessorTime(b)
				if err := s.svc.DismissGroup(ctx, as(ids[0]), fmt.Sprint("g", i+1), false, nil); err != nil {
					b.Fatal(err)
				}
				dismissing += storetest.ProcessorTime(b) - start
			}
			s.ReportMetric(dismissing.Seconds()*1e6/float64(n*members), "dismiss-cpu-us/member")
			s.ReportMetric(float64(s.store.longest.Load())/1e6, "longest-dismiss-ms")
		})
	}
}

// BenchmarkLoginSync is what a client asks when it starts, of a user with 500
// groups and 5,000 conversations: with nothing of its own, and with all of it.
func BenchmarkLoginSync(b *testing.B) {
	ctx := context.Background()
	op := as("ann")
	prepare := func(b *testing.B) *syncBench {
		s := newSyncBench(b)
		err := s.store.Update(ctx, func(tx store.Tx) error {
			var records []im.Conversation
			var groups []string
			for i := range 500 {
				id := fmt.Sprintf("g%03d", i)
				groups = append(groups, id)
				if err := tx.InsertGroup(ctx, im.Group{GroupID: id, GroupName: id, GroupType: im.GroupTypeWorking}); err != nil {
					return err
				}
				if err := tx.InsertMembers(ctx, id, []im.Member{{UserID: "ann", RoleLevel: im.RoleOwner}, {UserID: "bob", RoleLevel: im.RoleMember}}); err != nil {
					return err
				}
				if _, err := tx.Step(ctx, im.ListMembers, id, im.ChangeInsert, "ann", "bob"); err != nil {
					return err
				}
				records = append(records, im.Conversation{OwnerUserID: "ann", ConversationID: "sg_" + id, ConversationType: im.SessionGroup, GroupID: id})
			}
			for i := range 4500 {
				peer := fmt.Sprintf("u%06d", i)
				records = append(records, im.Conversation{
					OwnerUserID: "ann", ConversationID: im.SingleConversationID("ann", peer), ConversationType: im.SessionSingle, UserID: peer,
				})
			}
			if _, err := tx.InsertConversations(ctx, records, 1); err != nil {
				return err
			}
			ids := make([]string, len(records))
			for i := range records {
				ids[i] = records[i].ConversationID
			}
			if _, err := tx.Step(ctx, im.ListJoinedGroups, "ann", im.ChangeInsert, groups...); err != nil {
				return err
			}
			_, err := tx.Step(ctx, im.ListConversations, "ann", im.ChangeInsert, ids...)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	// numbers is asked at every start.
	numbers := func(s *syncBench) {
		newest, err := s.svc.NewestSeqs(ctx, op, "ann")
		s.got(newest, err)
		states, _, err := s.svc.ReadAndMaxSeqs(ctx, op, "ann", nil, false)
		s.got(states, err)
	}
	b.Run("first", func(b *testing.B) {
		s := prepare(b)
		s.measure(func() {
			for page := 1; page <= 5; page++ {
				list, _, err := s.svc.JoinedGroups(ctx, op, "ann", service.Page{Number: page, Size: 100})
				s.got(list, err)
			}
			groups, err := s.svc.JoinedGroupIDs(ctx, op, "ann", 0)
			s.got(groups, err)
			asked := make([]service.GroupVersion, len(groups.IDs))
			for i, id := range groups.IDs {
				asked[i].GroupID = id
			}
			members, err := s.svc.MemberChangesBatch(ctx, op, asked)
			s.got(members, err)
			for page := 1; page <= 17; page++ {
				list, _, err := s.svc.ConversationsPage(ctx, op, "ann", service.Page{Number: page, Size: 300})
				s.got(list, err)
			}
			ids, err := s.svc.ConversationIDs(ctx, op, "ann", 0)
			s.got(ids, err)
			numbers(s)
		})
	})
	b.Run("again", func(b *testing.B) {
		s := prepare(b)
		var asked []service.GroupVersion
		for i := range 500 {
			id := fmt.Sprintf("g%03d", i)
			v, err := s.store.Store.Head(ctx, im.ListMembers, id)
			if err != nil {
				b.Fatal(err)
			}
			asked = append(asked, service.GroupVersion{GroupID: id, From: v})
		}
		groups, err := s.store.Store.Head(ctx, im.ListJoinedGroups, "ann")
		if err != nil {
			b.Fatal(err)
		}
		conversations, err := s.store.Store.Head(ctx, im.ListConversations, "ann")
		if err != nil {
			b.Fatal(err)
		}
		s.measure(func() {
			g, err := s.svc.JoinedGroupChanges(ctx, op, "ann", groups)
			s.got(g, err)
			m, err := s.svc.MemberChangesBatch(ctx, op, asked)
			s.got(m, err)
			c, err := s.svc.ConversationChanges(ctx, op, "ann", conversations)
			s.got(c, err)
			numbers(s)
		})
	})
}
