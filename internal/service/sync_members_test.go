package service_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/im"
	"parley/internal/service"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

// TestMemberChangesBatch has many groups answered at once, at all kinds of
// positions: each answer is the one that the group gives alone, and the batch ends
// with the group that fills it.
func TestMemberChangesBatch(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *storetest.Database{"sqlite": storetest.NewSQLite, "postgres": storetest.NewPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := open(t).Open(t)
			o := newOffice(t, st)
			ctx := context.Background()
			asked := []service.GroupVersion{{GroupID: "nowhere"}}
			elements := map[string]int{}
			err := st.Update(ctx, func(tx store.Tx) error {
				for i := range 320 {
					id := fmt.Sprintf("g%03d", i)
					g := im.Group{GroupID: id, GroupName: id, GroupType: im.GroupTypeWorking}
					members := []im.Member{{GroupID: id, UserID: "ann", RoleLevel: im.RoleOwner}, {GroupID: id, UserID: "bob", RoleLevel: im.RoleMember}}
					switch i % 8 {
					case 1:
						g.Status = im.GroupDismissed
					case 2:
						members = members[1:] // ann is not in it
					}
					if err := tx.InsertGroup(ctx, g); err != nil {
						return err
					}
					if err := tx.InsertMembers(ctx, id, members); err != nil {
						return err
					}
					if i%8 == 3 { // without a log
						asked = append(asked, service.GroupVersion{GroupID: id})
						continue
					}
					v, err := tx.Step(ctx, im.ListMembers, id, im.ChangeInsert, "ann")
					if err != nil {
						return err
					}
					for range 10 * (i % 3) {
						if _, err := tx.Step(ctx, im.ListMembers, id, im.ChangeUpdate, im.GroupMarker); err != nil {
							return err
						}
					}
					switch i % 8 {
					case 4: // one is new, one has left, one is changed and left
						if _, err := tx.Step(ctx, im.ListMembers, id, im.ChangeInsert, "bob"); err != nil {
							return err
						}
						_, err = tx.Step(ctx, im.ListMembers, id, im.ChangeDelete, "carol")
						if err == nil {
							_, err = tx.Step(ctx, im.ListMembers, id, im.ChangeUpdate, "dave")
						}
						elements[id] = 3
					case 5: // nothing has changed
						v, err = tx.Head(ctx, im.ListMembers, id)
					case 6: // too much has
						many := make([]string, im.MaxDelta+1)
						for k := range many {
							many[k] = fmt.Sprint("gone", k)
						}
						_, err = tx.Step(ctx, im.ListMembers, id, im.ChangeDelete, many...)
					case 7: // the client has never asked
						v = im.Version{}
					}
					if err != nil {
						return err
					}
					asked = append(asked, service.GroupVersion{GroupID: id, From: v})
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			asked = append(asked, asked[5], service.GroupVersion{GroupID: asked[6].GroupID, From: im.Version{ID: im.NewVersionID(time.Now()), Number: 1}})
			for _, op := range []im.Operator{as("ann"), {UserID: "root", Admin: true}} {
				got, err := o.MemberChangesBatch(ctx, op, asked)
				if err != nil {
					t.Fatal(err)
				}
				want := map[string]*service.MemberChanges{}
				for _, a := range asked {
					c, err := o.MemberChanges(ctx, op, a.GroupID, a.From)
					if err == nil && want[a.GroupID] == nil {
						want[a.GroupID] = c
					} else if err != nil && !im.IsKind(err, im.Denied) && !im.IsKind(err, im.GroupIsDismissed) && !im.IsKind(err, im.NotFound) {
						t.Fatal(err)
					}
				}
				if len(want) < 200 {
					t.Fatalf("only %d groups to be answered", len(want))
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s: one by one and in a batch (-want +got):\n%s", op.UserID, d)
				}
			}

			// Some forty groups of three elements do not fill an answer; asked for from the
			// beginning of their logs, with 180 elements in some, they do.
			var many []service.GroupVersion
			err = st.Update(ctx, func(tx store.Tx) error {
				for _, a := range asked {
					if elements[a.GroupID] == 0 {
						continue
					}
					left := make([]string, 180)
					for k := range left {
						left[k] = fmt.Sprint("left", k)
					}
					if _, err := tx.Step(ctx, im.ListMembers, a.GroupID, im.ChangeDelete, left...); err != nil {
						return err
					}
					many = append(many, a)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := o.MemberChangesBatch(ctx, as("ann"), many)
			if err != nil {
				t.Fatal(err)
			}
			var answered, first []string
			for id := range got {
				answered = append(answered, id)
			}
			for _, a := range many[:3] { // 183 elements each: the third one fills it
				first = append(first, a.GroupID)
			}
			slices.Sort(answered)
			if !slices.Equal(answered, first) {
				t.Errorf("answered %q, want %q", answered, first)
			}
		})
	}
}
