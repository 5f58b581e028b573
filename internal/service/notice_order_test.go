package service_test

import (
	"context"
	"encoding/json"
	"testing"

	"parley/internal/im"
	"parley/internal/service"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

// meddled is a store in which something else happens just before a step of a member log:
// as another node may do it, whose transaction ends in the middle of this one.
type meddled struct {
	store.Store
	before func() // once; nil: nothing
}

func (m *meddled) Append(ctx context.Context, items []*store.Item) error {
	for _, it := range items {
		if with := it.With; with != nil {
			it.With = func(ctx context.Context, tx store.Tx) error { return with(ctx, meddledTx{tx, m}) }
		}
	}
	return m.Store.Append(ctx, items)
}

type meddledTx struct {
	store.Tx
	m *meddled
}

func (t meddledTx) Step(ctx context.Context, list im.List, owner string, change im.Change, elements ...string) (im.Version, error) {
	if before := t.m.before; before != nil && list == im.ListMembers {
		t.m.before = nil
		before()
	}
	return t.Tx.Step(ctx, list, owner, change, elements...)
}

// TestNoticeKnowsEarlierSteps changes a member's name just before the step of another
// change is written. The step has the higher version, and clients take its notice as all
// that happened up to it: so the notice must show the new name (incremental-sync.md 6).
// Only databases that let two transactions write at a time can come to that.
func TestNoticeKnowsEarlierSteps(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	base := storetest.NewPostgres(t).Open(t)
	st := &meddled{Store: base}
	o := newOffice(t, st)
	o.ok(base.Update(ctx, func(tx store.Tx) error { return tx.InsertUsers(ctx, []im.User{{UserID: "cid", Nickname: "Cid"}}) }))
	g, err := o.CreateGroup(ctx, as("root"), service.NewGroup{
		Group: im.Group{GroupName: "g", GroupType: im.GroupTypeWorking}, OwnerID: "ann", MemberIDs: []string{"bob", "cid"},
	})
	o.ok(err)
	admin, member := int32(im.RoleAdmin), int32(im.RoleMember)
	role := func(to *int32) func() error {
		return func() error {
			return o.SetMemberInfo(ctx, as("root"), []service.MemberChange{{GroupID: g.GroupID, UserID: "bob", Patch: im.MemberPatch{RoleLevel: to}}})
		}
	}
	for _, c := range []struct {
		name   string
		notice int32
		field  string // of the notice, that shows bob
		do     func() error
	}{
		{"muted", im.ContentMemberMuted, "mutedUser", func() error { return o.MuteMember(ctx, as("root"), g.GroupID, "bob", 60) }},
		{"unmuted", im.ContentMemberMuteCancelled, "mutedUser", func() error { return o.MuteMember(ctx, as("root"), g.GroupID, "bob", 0) }},
		{"made administrator", im.ContentMemberSetToAdmin, "changedUser", role(&admin)},
		{"made ordinary", im.ContentMemberSetToOrdinary, "changedUser", role(&member)},
		{"made owner", im.ContentOwnerTransferred, "newGroupOwner", func() error { return o.TransferGroup(ctx, as("root"), g.GroupID, "ann", "bob") }},
		{"owner no more", im.ContentOwnerTransferred, "oldGroupOwnerInfo", func() error { return o.TransferGroup(ctx, as("root"), g.GroupID, "bob", "ann") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := "Bob, before he was " + c.name
			var renamed im.Version
			st.before = func() {
				o.ok(base.Update(ctx, func(tx store.Tx) (err error) {
					if err := tx.PatchUser(ctx, "bob", im.UserPatch{Nickname: &name}); err != nil {
						return err
					}
					renamed, err = tx.Step(ctx, im.ListMembers, g.GroupID, im.ChangeUpdate, "bob")
					return err
				}))
			}
			o.told(0)
			o.ok(c.do())
			if renamed.Number == 0 {
				t.Fatal("nobody was renamed meanwhile")
			}
			shown := o.tips(t, c.notice)
			if len(shown) == 0 {
				t.Fatal("no notice")
			}
			for _, n := range shown {
				var version uint64
				var who im.Member
				o.ok(json.Unmarshal(n["groupMemberVersion"], &version))
				o.ok(json.Unmarshal(n[c.field], &who))
				if version <= renamed.Number || who.Nickname != name {
					t.Errorf("a notice of version %d, after the name's %d, shows %q", version, renamed.Number, who.Nickname)
				}
			}
		})
	}
}

// tips returns the contents of the notices of a type that were pushed since told was called.
func (o *office) tips(t *testing.T, contentType int32) (out []map[string]json.RawMessage) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.pushed {
		if m.ContentType != contentType {
			continue
		}
		var content struct{ Detail string }
		var detail map[string]json.RawMessage
		o.ok(json.Unmarshal(m.Content, &content))
		o.ok(json.Unmarshal([]byte(content.Detail), &detail))
		out = append(out, detail)
	}
	return out
}
