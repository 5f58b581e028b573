package service_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"parley/internal/deliver"
	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/service"
	"parley/internal/store"
	"parley/internal/store/storetest"
	"parley/internal/webhook"
	"parley/internal/wire"
)

// nobody is connected.
type nobody struct{ service.Presence }

func (nobody) Kick(string, im.Platform, string)          {}
func (nobody) Push(string, *wire.Push, im.Platform) bool { return false }

// BenchmarkJoinAndLeave measures one member who joins and leaves again, in groups
// of two sizes: the cost is to be that of the change. With delivery, which goes
// to every member, and without.
func BenchmarkJoinAndLeave(b *testing.B) {
	for _, members := range []int{100, 100_000} {
		for _, delivered := range []bool{false, true} {
			b.Run(fmt.Sprintf("members=%d/delivered=%v", members, delivered), func(b *testing.B) {
				benchJoinAndLeave(b, members, delivered)
			})
		}
	}
}

// BenchmarkLeaveOneOfMany measures the same of a user who is in many groups: from 100 on,
// those that come to the end of a page of the user's list are reported again.
func BenchmarkLeaveOneOfMany(b *testing.B) {
	for _, groups := range []int{10, 1000} {
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			ctx := context.Background()
			o := newOffice(b, storetest.NewSQLite(b).Open(b))
			o.ok(o.store.Update(ctx, func(tx store.Tx) error {
				for i := range groups {
					id := fmt.Sprintf("g%04d", i)
					g := im.Group{GroupID: id, GroupName: id, GroupType: im.GroupTypeWorking, NeedVerification: im.VerifyNothing}
					if err := tx.InsertGroup(ctx, g); err != nil {
						return err
					}
					owner, ann := im.Member{GroupID: id, UserID: "bob", RoleLevel: im.RoleOwner}, im.Member{GroupID: id, UserID: "ann", RoleLevel: im.RoleMember}
					if err := tx.InsertMembers(ctx, id, []im.Member{owner, ann}); err != nil {
						return err
					}
				}
				return nil
			}))
			op, i := as("ann"), 0
			b.ReportAllocs()
			for b.Loop() {
				id := fmt.Sprintf("g%04d", i%groups)
				o.ok(o.QuitGroup(ctx, op, id, ""))
				o.ok(o.JoinGroup(ctx, op, service.JoinRequest{GroupID: id, UserID: "ann", Source: im.JoinBySearch}))
				i++
			}
		})
	}
}

func benchJoinAndLeave(b *testing.B, members int, delivered bool) {
	ctx := context.Background()
	st := storetest.NewSQLite(b).Open(b)
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	svc, err := service.New(service.Options{Store: st, Hooks: webhook.None(), Logger: logger, Secret: "x", TokenLife: time.Hour, HistoryForNewMembers: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(svc.Stop)
	publish := func(batch []*msglog.Delivery) {
		for _, d := range batch {
			d.Acknowledge()
		}
	}
	if delivered {
		d := deliver.New(deliver.Options{Local: nobody{}, Log: logger, Members: func(ctx context.Context, id string) (deliver.Roster, error) {
			return svc.Roster(ctx, id)
		}})
		d.Start()
		b.Cleanup(d.Stop)
		publish = d.Publish
	}
	l := msglog.New(msglog.Options{Store: st, Encode: wire.Body, First: svc.FirstMessage, Log: logger, Publish: publish})
	if err := l.Start(ctx); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(l.Stop)
	svc.Connect(l, nobody{})
	fillGroup(b, st, members)
	if _, err := svc.Roster(ctx, "g"); err != nil {
		b.Fatal(err)
	}
	op := im.Operator{UserID: "guest", Platform: im.PlatformAndroid, OperationID: "op"}
	once := func() {
		if err := svc.JoinGroup(ctx, op, service.JoinRequest{GroupID: "g", UserID: "guest", Source: im.JoinBySearch}); err != nil {
			b.Fatal(err)
		}
		if err := svc.QuitGroup(ctx, op, "g", ""); err != nil {
			b.Fatal(err)
		}
	}
	once() // the first message makes a record for every member
	b.ReportAllocs()
	for b.Loop() {
		once()
	}
}

func fillGroup(b testing.TB, st store.Store, n int) {
	ctx := context.Background()
	err := st.Update(ctx, func(tx store.Tx) error {
		if err := tx.InsertUsers(ctx, []im.User{{UserID: "guest", Nickname: "Guest"}}); err != nil {
			return err
		}
		if err := tx.InsertGroup(ctx, im.Group{GroupID: "g", GroupType: im.GroupTypeWorking, NeedVerification: im.VerifyNothing}); err != nil {
			return err
		}
		members := make([]im.Member, n)
		ids := make([]string, n)
		for i := range members {
			ids[i] = fmt.Sprintf("u%06d", i)
			members[i] = im.Member{UserID: ids[i], RoleLevel: im.RoleMember, JoinTime: int64(i)}
		}
		members[0].RoleLevel = im.RoleOwner
		if err := tx.InsertMembers(ctx, "g", members); err != nil {
			return err
		}
		_, err := tx.Step(ctx, im.ListMembers, "g", im.ChangeInsert, ids...)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}
