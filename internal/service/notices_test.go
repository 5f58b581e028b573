package service_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/service"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

// insert stores users, and groups without a word of them.
func (o *office) insert(users []string, groups map[string][]string) {
	o.t.Helper()
	ctx := context.Background()
	o.ok(o.store.Update(ctx, func(tx store.Tx) error {
		var all []im.User
		for _, id := range users {
			all = append(all, im.User{UserID: id, Nickname: id})
		}
		if err := tx.InsertUsers(ctx, all); err != nil {
			return err
		}
		for id, members := range groups {
			if err := tx.InsertGroup(ctx, im.Group{GroupID: id, GroupType: im.GroupTypeWorking}); err != nil {
				return err
			}
			var list []im.Member
			for _, m := range members {
				list = append(list, im.Member{UserID: m, RoleLevel: im.RoleMember})
			}
			if err := tx.InsertMembers(ctx, id, list); err != nil {
				return err
			}
		}
		return nil
	}))
}

// notice stores a notification and returns its id.
func (o *office) notice(from, to, group string) string {
	o.t.Helper()
	r, err := o.SendBusinessNotice(context.Background(), as("root"), service.BusinessNotice{
		SendUserID: from, RecvUserID: to, RecvGroupID: group, Stored: true,
	})
	o.ok(err)
	return r.ClientMsgID
}

// TestSharedNotices: pairs and groups whose notification conversations have one id
// read their own notices there, and nothing of the others.
func TestSharedNotices(t *testing.T) {
	t.Parallel()
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		o := newOffice(t, open(t))
		ctx := context.Background()
		o.insert([]string{"eve", "bob_cat", "ann_bob", "cat"}, map[string][]string{"ann_bob": {"eve", "ann"}, "ann_bob_cat": {"eve"}})
		for _, c := range []struct {
			id    string
			sent  map[string]string // id of a notice by what it is called
			reads map[string]string // what each user reads, in the order of the numbers
		}{
			{
				"n_ann_bob",
				map[string]string{o.notice("ann", "bob", ""): "pair", o.notice("eve", "", "ann_bob"): "group"},
				map[string]string{"ann": "pair group ", "bob": "pair - ", "eve": "- group ", "cat": ""},
			},
			{
				"n_ann_bob_cat",
				map[string]string{
					o.notice("ann", "bob_cat", ""): "one", o.notice("ann_bob", "cat", ""): "two", o.notice("eve", "", "ann_bob_cat"): "group",
				},
				map[string]string{"ann": "one - - ", "bob_cat": "one - - ", "ann_bob": "- two - ", "cat": "- two - ", "eve": "- - group ", "bob": ""},
			},
		} {
			for user, want := range c.reads {
				show := func(how string, pulled []im.Pulled, err error) {
					t.Helper()
					o.ok(err)
					got := ""
					for _, p := range pulled {
						for _, r := range p.Records {
							switch {
							case r.Deleted && r.Body == nil && r.ClientMsgID == "":
								got += "- "
							case !r.Deleted:
								got += c.sent[r.ClientMsgID] + " "
							}
						}
					}
					if got != want {
						t.Errorf("%s reads %q of %s %s, want %q", user, got, c.id, how, want)
					}
				}
				pulled, err := o.Pull(ctx, as(user), user, []im.SeqRange{{ConversationID: c.id, Begin: 1, End: 9}}, im.Ascending)
				show("by range", pulled, err)
				pulled, err = o.PullSeqs(ctx, as(user), user, []im.SeqList{{ConversationID: c.id, Seqs: []int64{1, 2, 3}}}, im.Ascending)
				show("by number", pulled, err)
				last, err := o.LastMessages(ctx, as(user), user, []string{c.id})
				o.ok(err)
				if r, ok := last[c.id]; ok && (want == "" || want[len(want)-2] == '-' || c.sent[r.ClientMsgID] == "") {
					t.Errorf("%s is told of the last message %+v of %s", user, r, c.id)
				}
			}
		}
	})
}

// broken is a store that fails to read users and groups.
type broken struct {
	store.Store
	on atomic.Bool
}

var errBroken = errors.New("out of order")

func (b *broken) User(ctx context.Context, id string) (*im.User, error) {
	if b.on.Load() {
		return nil, errBroken
	}
	return b.Store.User(ctx, id)
}

func (b *broken) Group(ctx context.Context, id string) (*im.Group, error) {
	if b.on.Load() {
		return nil, errBroken
	}
	return b.Store.Group(ctx, id)
}

// TestRightsNeedTheStore: a store that fails is no reason to say that there is nothing.
func TestRightsNeedTheStore(t *testing.T) {
	t.Parallel()
	b := &broken{Store: storetest.NewSQLite(t).Open(t)}
	o := newOffice(t, b)
	o.insert([]string{"eve"}, map[string][]string{"crew": {"ann"}})
	b.on.Store(true)
	ctx := context.Background()
	for what, try := range map[string]func() error{
		"notices of a pair": func() error {
			_, err := o.Pull(ctx, as("ann"), "ann", []im.SeqRange{{ConversationID: "n_ann_eve", Begin: 1, End: 9}}, im.Ascending)
			return err
		},
		"notices of a group": func() error {
			_, err := o.Pull(ctx, as("ann"), "ann", []im.SeqRange{{ConversationID: "n_crew", Begin: 1, End: 9}}, im.Ascending)
			return err
		},
		"a position": func() error { return o.SetReadSeq(ctx, as("ann"), "ann", "sg_crew", 0) },
		"a deletion": func() error {
			return o.DeleteMessages(ctx, as("ann"), "ann", "si_ann_eve", []int64{1}, service.Reach{})
		},
	} {
		if err := try(); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestStrangersLearnNoNumbers: what is refused to strangers does not depend on how
// much was said, and nothing is stored for them.
func TestStrangersLearnNoNumbers(t *testing.T) {
	t.Parallel()
	o := newOffice(t, storetest.NewSQLite(t).Open(t))
	o.insert([]string{"eve"}, map[string][]string{"ann_bob": {"eve"}})
	o.say(3)
	ctx := context.Background()
	for _, id := range []string{chat, "si_ann_zoe", "sg_crew"} {
		for _, seq := range []int64{1, 3, 4, 100} {
			for what, err := range map[string]error{
				"position":     o.SetReadSeq(ctx, as("eve"), "eve", id, seq),
				"messages":     o.MarkMessagesRead(ctx, as("eve"), "eve", id, []int64{seq}),
				"conversation": o.MarkConversationRead(ctx, as("eve"), "eve", id, seq, nil),
			} {
				if !im.IsKind(err, im.NotFound) {
					t.Errorf("%s of %s up to %d: %v", what, id, seq, err)
				}
			}
		}
	}
	if seqs, err := o.store.UserSeqs(ctx, "eve", []string{chat, "si_ann_zoe", "sg_crew"}); err != nil || len(seqs) > 0 {
		t.Errorf("%v, %v", seqs, err)
	}
	o.ok(o.SetReadSeq(ctx, as("bob"), "bob", chat, 3))
	if err := o.SetReadSeq(ctx, as("bob"), "bob", chat, 4); !im.IsKind(err, im.Invalid) {
		t.Errorf("beyond the end: %v", err)
	}
}

// TestAnnouncementFlags: an announcement flags the chats of all members after the
// request, and tells only those whose flag changes.
func TestAnnouncementFlags(t *testing.T) {
	t.Parallel()
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		o := newOffice(t, open(t))
		ctx := context.Background()
		fillGroup(t, o.store, 1234)
		text := "read this"
		announce := func() {
			t.Helper()
			o.ok(o.SetGroupInfo(ctx, as("root"), "g", im.GroupPatch{Notification: &text}))
			o.Settle()
		}
		announce() // the message about it has made the records
		o.await(im.ContentConversationChanged, 1234)
		if n := o.told(im.ContentConversationChanged); n != 1234 {
			t.Errorf("%d members are told, want all", n)
		}
		for _, id := range []string{"u000000", "u000500", "u001233"} {
			c, err := o.store.Conversation(ctx, id, "sg_g")
			o.ok(err)
			if c.GroupAtType != im.AtGroupNotice {
				t.Errorf("%s has flag %d", id, c.GroupAtType)
			}
		}
		before, err := o.store.Head(ctx, im.ListConversations, "u000500")
		o.ok(err)
		announce()
		after, err := o.store.Head(ctx, im.ListConversations, "u000500")
		o.ok(err)
		if before != after || before.Number != 2 {
			t.Errorf("the list of one who was flagged already goes from %v to %v", before, after)
		}
		var none int32
		o.ok(o.SetConversations(ctx, as("root"), service.ConversationChange{
			UserIDs: []string{"u000700"}, Conversation: im.Conversation{ConversationID: "sg_g", ConversationType: im.SessionGroup, GroupID: "g"},
			Settings: im.ConversationPatch{GroupAtType: &none},
		}))
		announce() // one has looked at it
		o.await(im.ContentConversationChanged, 2)
		if n := o.told(im.ContentConversationChanged); n != 2 { // the reset, and the new flag
			t.Errorf("%d notifications of two changes", n)
		}
	})
}

// await waits until a notification was pushed n times since the last call of told.
func (o *office) await(contentType int32, n int) {
	o.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		o.mu.Lock()
		got := 0
		for _, m := range o.pushed {
			if m.ContentType == contentType {
				got++
			}
		}
		o.mu.Unlock()
		if got >= n {
			return
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("%d were pushed %d times, want %d", contentType, got, n)
		}
	}
}
