package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/im"
	"parley/internal/service"
	"parley/internal/store"
	"parley/internal/store/storetest"
	"parley/internal/webhook"
)

type object = map[string]any

// business is a business server in the test's own process: it is told of everything,
// asked about groups, friends and users, and answers what the test says.
type business struct {
	nothing
	asker *webhook.Asker

	mu    sync.Mutex
	reply func(command string) object // nil: everything passes
	asked []string
}

func newBusiness(t *testing.T) *business {
	t.Helper()
	c := webhook.Default()
	c.URL, c.Rules = "http://business.invalid/", make(map[im.Command]webhook.Rule)
	for _, cmd := range im.Commands() {
		c.Rules[cmd] = webhook.Rule{Enabled: cmd >= im.BeforeCreateGroup}
	}
	b := new(business)
	var err error
	if b.asker, err = webhook.NewAsker(webhook.AskerOptions{Config: &c, Transport: b}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *business) Asks(c im.Command) bool { return b.asker.Asks(c) }

func (b *business) Ask(ctx context.Context, q webhook.Question) (*webhook.Answer, error) {
	return b.asker.Ask(ctx, q)
}

// RoundTrip is the business server: an http.RoundTripper.
func (b *business) RoundTrip(r *http.Request) (*http.Response, error) {
	command := strings.TrimSuffix(strings.TrimPrefix(path.Base(r.URL.Path), "callback"), "Command")
	b.mu.Lock()
	b.asked = append(b.asked, command)
	reply := b.reply
	b.mu.Unlock()
	answer := object{}
	if reply != nil {
		if special := reply(command); special != nil {
			answer = special
		}
	}
	body, err := json.Marshal(answer)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)), Header: http.Header{}}, err
}

// answers sets what the business server answers from now on, and forgets what it was asked.
func (b *business) answers(reply func(command string) object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reply, b.asked = reply, nil
}

// hookedOffice is an office with a business server; ann owns group g, in which bob
// and cid are an administrator and a member. dan is a stranger.
type hookedOffice struct {
	*office
	*business
	lastEvent int64
}

func newHookedOffice(t *testing.T, st store.Store) *hookedOffice {
	t.Helper()
	b := newBusiness(t)
	o := &hookedOffice{newOffice(t, st, func(o *service.Options) { o.Hooks = b }), b, 0}
	ctx := context.Background()
	o.ok(o.RegisterUsers(ctx, as("root"), []im.User{{UserID: "cid", Nickname: "Cid"}, {UserID: "dan", Nickname: "Dan"}, {UserID: "eve", Nickname: "Eve"}}))
	_, err := o.CreateGroup(ctx, as("ann"), service.NewGroup{
		Group:   im.Group{GroupID: "g", GroupType: im.GroupTypeWorking, NeedVerification: im.VerifyNothing},
		OwnerID: "ann", AdminIDs: []string{"bob"}, MemberIDs: []string{"cid"},
	})
	o.ok(err)
	o.events()
	return o
}

// events returns the commands of the events that were written since the last call, about groups, friends and users.
func (o *hookedOffice) events() (out []string) {
	o.t.Helper()
	found, err := o.store.Events(context.Background(), o.lastEvent, 1000)
	o.ok(err)
	for _, e := range found {
		o.lastEvent = e.ID
		if e.Command >= im.AfterCreateGroup {
			out = append(out, strings.TrimSuffix(strings.TrimPrefix(e.Command.String(), "callback"), "Command"))
		}
	}
	return out
}

func (o *hookedOffice) roles() map[string]int32 {
	o.t.Helper()
	members, err := o.store.MembersPage(context.Background(), "g", 0, 100)
	o.ok(err)
	out := make(map[string]int32)
	for _, m := range members {
		out[m.UserID] = m.RoleLevel
	}
	return out
}

func onOffices(t *testing.T, test func(t *testing.T, o *hookedOffice)) {
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		t.Parallel()
		test(t, newHookedOffice(t, open(t)))
	})
}

func ptr[T any](v T) *T { return &v }

// asking are the operations that ask the business server, each with what it asks.
var asking = []struct {
	name  string
	asks  []string
	do    func(ctx context.Context, o *hookedOffice) error
	wrote []string
}{
	{"create a group", []string{"BeforeCreateGroup", "BeforeMembersJoinGroup"}, func(ctx context.Context, o *hookedOffice) error {
		_, err := o.CreateGroup(ctx, as("ann"), service.NewGroup{Group: im.Group{GroupType: im.GroupTypeWorking}, OwnerID: "ann", MemberIDs: []string{"bob"}})
		return err
	}, []string{"AfterCreateGroup"}},
	{"enter a group", []string{"BeforeJoinGroup", "BeforeMembersJoinGroup"}, func(ctx context.Context, o *hookedOffice) error {
		return o.JoinGroup(ctx, as("dan"), service.JoinRequest{GroupID: "g", UserID: "dan", Source: im.JoinBySearch})
	}, []string{"AfterJoinGroup"}},
	{"invite", []string{"BeforeInviteJoinGroup", "BeforeMembersJoinGroup"}, func(ctx context.Context, o *hookedOffice) error {
		return o.Invite(ctx, as("cid"), "g", []string{"dan", "eve"}, "", nil)
	}, []string{"AfterJoinGroup", "AfterJoinGroup"}},
	{"agree to an application", []string{"BeforeJoinGroup", "BeforeMembersJoinGroup"}, func(ctx context.Context, o *hookedOffice) error {
		o.ok(o.store.Update(ctx, func(tx store.Tx) error {
			return tx.PatchGroup(ctx, "g", im.GroupPatch{NeedVerification: ptr(int32(im.VerifyAll))})
		}))
		o.ok(o.JoinGroup(ctx, as("dan"), service.JoinRequest{GroupID: "g", UserID: "dan", Source: im.JoinBySearch}))
		return o.AnswerApplication(ctx, as("bob"), "g", "dan", "", im.RequestAgreed)
	}, []string{"AfterJoinGroup"}},
	{"set_group_info", []string{"BeforeSetGroupInfo"}, func(ctx context.Context, o *hookedOffice) error {
		return o.SetGroupInfo(ctx, as("bob"), "g", im.GroupPatch{GroupName: ptr("G")})
	}, []string{"AfterSetGroupInfo"}},
	{"set_group_info_ex", []string{"BeforeSetGroupInfoEx"}, func(ctx context.Context, o *hookedOffice) error {
		return o.SetGroupInfoEx(ctx, as("bob"), "g", im.GroupPatch{GroupName: ptr("G")})
	}, []string{"AfterSetGroupInfoEx"}},
	{"change members", []string{"BeforeSetGroupMemberInfo", "BeforeSetGroupMemberInfo"}, func(ctx context.Context, o *hookedOffice) error {
		return o.SetMemberInfo(ctx, as("ann"), []service.MemberChange{
			{GroupID: "g", UserID: "bob", Patch: im.MemberPatch{Nickname: ptr("B")}}, {GroupID: "g", UserID: "cid", Patch: im.MemberPatch{Ex: ptr("x")}},
		})
	}, []string{"AfterSetGroupMemberInfo", "AfterSetGroupMemberInfo"}},
	{"ask for friendship", []string{"BeforeAddFriend"}, func(ctx context.Context, o *hookedOffice) error {
		return o.Apply(ctx, as("ann"), im.FriendRequest{FromUserID: "ann", ToUserID: "bob"})
	}, []string{"AfterAddFriend"}},
	{"agree to a friendship", []string{"BeforeAddFriend", "BeforeAddFriendAgree"}, func(ctx context.Context, o *hookedOffice) error {
		o.ok(o.Apply(ctx, as("ann"), im.FriendRequest{FromUserID: "ann", ToUserID: "bob"}))
		return o.Respond(ctx, as("bob"), im.FriendRequest{FromUserID: "ann", ToUserID: "bob", HandleResult: im.RequestAgreed})
	}, []string{"AfterAddFriend", "AfterAddFriendAgree"}},
	{"import friends", []string{"BeforeImportFriends"}, func(ctx context.Context, o *hookedOffice) error {
		return o.ImportFriends(ctx, as("root"), "ann", []string{"bob", "cid"})
	}, []string{"AfterImportFriends"}},
	{"set a remark", []string{"BeforeImportFriends", "BeforeSetFriendRemark"}, func(ctx context.Context, o *hookedOffice) error {
		o.ok(o.ImportFriends(ctx, as("root"), "ann", []string{"bob"}))
		return o.SetRemark(ctx, as("ann"), "ann", "bob", "Bobby")
	}, []string{"AfterImportFriends", "AfterSetFriendRemark"}},
	{"set remarks", []string{"BeforeImportFriends", "BeforeSetFriendRemark", "BeforeSetFriendRemark"}, func(ctx context.Context, o *hookedOffice) error {
		o.ok(o.ImportFriends(ctx, as("root"), "ann", []string{"bob", "cid"}))
		return o.UpdateFriends(ctx, as("ann"), "ann", []string{"bob", "dan", "cid"}, im.FriendPatch{Remark: ptr("pal")})
	}, []string{"AfterImportFriends", "AfterSetFriendRemark", "AfterSetFriendRemark"}},
	{"block", []string{"BeforeAddBlack"}, func(ctx context.Context, o *hookedOffice) error {
		return o.Block(ctx, as("ann"), "ann", "bob", "")
	}, nil},
	{"register", []string{"BeforeUserRegister"}, func(ctx context.Context, o *hookedOffice) error {
		return o.RegisterUsers(ctx, as("root"), []im.User{{UserID: "fay", Nickname: "Fay"}})
	}, []string{"AfterUserRegister"}},
	{"update_user_info", []string{"BeforeUpdateUserInfo"}, func(ctx context.Context, o *hookedOffice) error {
		return o.UpdateUserInfo(ctx, as("ann"), "ann", im.UserPatch{Nickname: ptr("Anna")})
	}, []string{"AfterUpdateUserInfo"}},
	{"update_user_info_ex", []string{"BeforeUpdateUserInfoEx"}, func(ctx context.Context, o *hookedOffice) error {
		return o.UpdateUserInfoEx(ctx, as("ann"), "ann", im.UserPatch{Ex: ptr("x")})
	}, []string{"AfterUpdateUserInfoEx"}},
}

// TestNothingIsHeldWhileAsking: a business server that changes the same group and
// the same accounts before it answers is not kept waiting by the operation it is
// asked about.
func TestNothingIsHeldWhileAsking(t *testing.T) {
	for _, a := range asking {
		t.Run(a.name, func(t *testing.T) {
			onOffices(t, func(t *testing.T, o *hookedOffice) {
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				var outside error
				o.answers(func(string) object {
					outside = errors.Join(outside, o.store.Update(ctx, func(tx store.Tx) error {
						if _, err := tx.LockGroup(ctx, "g"); err != nil {
							return err
						}
						return tx.PatchUser(ctx, "ann", im.UserPatch{GlobalRecvMsgOpt: ptr(int32(1))})
					}), o.SetGlobalReceive(ctx, as("bob"), "bob", 1)) // through the log
					return nil
				})
				o.ok(a.do(ctx, o))
				if outside != nil {
					t.Errorf("meanwhile: %v", outside)
				}
				if diff := cmp.Diff(a.asks, o.asked); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
				if got := o.events(); !slices.Equal(got, a.wrote) {
					t.Errorf("told %v, want %v", got, a.wrote)
				}
			})
		})
	}
}

// TestChangedWhileAsking: what was checked before the question is checked again
// when the answer has come.
func TestChangedWhileAsking(t *testing.T) {
	ctx := context.Background()
	verify := func(o *hookedOffice, v int32) {
		o.ok(o.store.Update(ctx, func(tx store.Tx) error { return tx.PatchGroup(ctx, "g", im.GroupPatch{NeedVerification: &v}) }))
	}
	join := func(o *hookedOffice) error {
		return o.JoinGroup(ctx, as("dan"), service.JoinRequest{GroupID: "g", UserID: "dan", Source: im.JoinBySearch})
	}
	applied := func(o *hookedOffice, userID string) bool {
		_, err := o.store.GroupRequest(ctx, "g", userID)
		return err == nil
	}
	in := func(o *hookedOffice, userID string) bool { return o.roles()[userID] != 0 }
	for _, c := range []struct {
		name      string
		prepare   func(o *hookedOffice) // nil: nothing
		asked     string                // the question during which something happens, once
		meanwhile func(o *hookedOffice)
		do        func(o *hookedOffice) error
		kind      im.Kind // of the error; 0: none
		events    []string
		right     func(o *hookedOffice) bool // what is stored in the end
	}{
		{
			"the group wants applications now", nil, "BeforeMembersJoinGroup", func(o *hookedOffice) { verify(o, im.VerifyAll) }, join,
			0, nil, func(o *hookedOffice) bool { return !in(o, "dan") && applied(o, "dan") },
		},
		{
			"the group lets everybody in now", func(o *hookedOffice) { verify(o, im.VerifyAll) }, "BeforeJoinGroup", func(o *hookedOffice) { verify(o, im.VerifyNothing) }, join,
			0,
			[]string{"AfterJoinGroup"},
			func(o *hookedOffice) bool { return in(o, "dan") && !applied(o, "dan") },
		},
		{
			"the group is dismissed", nil, "BeforeMembersJoinGroup", func(o *hookedOffice) { o.ok(o.DismissGroup(ctx, as("ann"), "g", false, nil)) }, join,
			im.GroupIsDismissed,
			[]string{"AfterDisMissGroup"},
			func(o *hookedOffice) bool { return !in(o, "dan") },
		},
		{
			"the group is dismissed before an application", func(o *hookedOffice) { verify(o, im.VerifyAll) }, "BeforeJoinGroup",
			func(o *hookedOffice) { o.ok(o.DismissGroup(ctx, as("ann"), "g", false, nil)) }, join,
			im.GroupIsDismissed,
			[]string{"AfterDisMissGroup"},
			func(o *hookedOffice) bool { return !applied(o, "dan") },
		},
		{"who enters has come in another way", nil, "BeforeMembersJoinGroup", func(o *hookedOffice) {
			o.ok(o.Invite(ctx, as("ann"), "g", []string{"dan"}, "", nil))
		}, join, im.Invalid, []string{"AfterJoinGroup"}, func(o *hookedOffice) bool { return in(o, "dan") }},
		{
			"one of the invited has come in another way", nil, "BeforeMembersJoinGroup", func(o *hookedOffice) { o.ok(join(o)) },
			func(o *hookedOffice) error { return o.Invite(ctx, as("ann"), "g", []string{"dan", "eve"}, "", nil) },
			0,
			[]string{"AfterJoinGroup", "AfterJoinGroup"},
			func(o *hookedOffice) bool { return in(o, "dan") && in(o, "eve") },
		},
		{
			"the inviter has left", nil, "BeforeInviteJoinGroup", func(o *hookedOffice) { o.ok(o.QuitGroup(ctx, as("cid"), "g", "cid")) },
			func(o *hookedOffice) error { return o.Invite(ctx, as("cid"), "g", []string{"dan"}, "", nil) },
			im.Denied,
			[]string{"AfterQuitGroup"},
			func(o *hookedOffice) bool { return !in(o, "dan") },
		},
		{
			"the inviter has left when the members are asked about", nil, "BeforeMembersJoinGroup", func(o *hookedOffice) { o.ok(o.QuitGroup(ctx, as("cid"), "g", "cid")) },
			func(o *hookedOffice) error { return o.Invite(ctx, as("cid"), "g", []string{"dan"}, "", nil) },
			im.Denied,
			[]string{"AfterQuitGroup"},
			func(o *hookedOffice) bool { return !in(o, "dan") },
		},
		{
			"invited users have to wait now", nil, "BeforeMembersJoinGroup", func(o *hookedOffice) { verify(o, im.VerifyAll) },
			func(o *hookedOffice) error { return o.Invite(ctx, as("cid"), "g", []string{"dan"}, "", nil) },
			0, nil, func(o *hookedOffice) bool { return !in(o, "dan") && applied(o, "dan") },
		},
		{
			"an applicant has come in another way", func(o *hookedOffice) { verify(o, im.VerifyAll); o.ok(join(o)) }, "BeforeMembersJoinGroup",
			func(o *hookedOffice) { o.ok(o.Invite(ctx, as("ann"), "g", []string{"dan"}, "", nil)) },
			func(o *hookedOffice) error {
				return o.AnswerApplication(ctx, as("bob"), "g", "dan", "", im.RequestAgreed)
			}, 0,
			[]string{"AfterJoinGroup"},
			func(o *hookedOffice) bool {
				r, err := o.store.GroupRequest(ctx, "g", "dan")
				return err == nil && r.HandleResult == im.RequestAgreed && in(o, "dan")
			},
		},
		{
			"an application was refused by another", func(o *hookedOffice) { verify(o, im.VerifyAll); o.ok(join(o)) }, "BeforeMembersJoinGroup",
			func(o *hookedOffice) {
				o.ok(o.AnswerApplication(ctx, as("ann"), "g", "dan", "", im.RequestRefused))
			}, func(o *hookedOffice) error {
				return o.AnswerApplication(ctx, as("bob"), "g", "dan", "", im.RequestAgreed)
			}, im.GroupRequestHandled, nil, func(o *hookedOffice) bool { return !in(o, "dan") },
		},
		{"the group's id is taken", nil, "BeforeMembersJoinGroup", func(o *hookedOffice) {
			_, err := o.CreateGroup(ctx, as("bob"), service.NewGroup{Group: im.Group{GroupID: "g2", GroupType: im.GroupTypeWorking}, OwnerID: "bob"})
			o.ok(err)
		}, func(o *hookedOffice) error {
			_, err := o.CreateGroup(ctx, as("ann"), service.NewGroup{Group: im.Group{GroupID: "g2", GroupType: im.GroupTypeWorking}, OwnerID: "ann"})
			return err
		}, im.GroupExists, []string{"AfterCreateGroup"}, func(o *hookedOffice) bool {
			g, err := o.store.Group(ctx, "g2")
			return err == nil && g.OwnerUserID == "bob"
		}},
		{
			"who changes the settings may not any more", nil, "BeforeSetGroupInfoEx", func(o *hookedOffice) {
				o.ok(o.SetMemberInfo(ctx, as("ann"), []service.MemberChange{{GroupID: "g", UserID: "bob", Patch: im.MemberPatch{RoleLevel: ptr(int32(im.RoleMember))}}}))
			}, func(o *hookedOffice) error {
				return o.SetGroupInfoEx(ctx, as("bob"), "g", im.GroupPatch{GroupName: ptr("mine")})
			},
			im.Denied,
			[]string{"AfterSetGroupMemberInfo"},
			func(o *hookedOffice) bool {
				g, err := o.store.Group(ctx, "g")
				return err == nil && g.GroupName == ""
			},
		},
		{
			"the member has left", nil, "BeforeSetGroupMemberInfo", func(o *hookedOffice) { o.ok(o.QuitGroup(ctx, as("cid"), "g", "cid")) },
			func(o *hookedOffice) error {
				return o.SetMemberInfo(ctx, as("ann"), []service.MemberChange{{GroupID: "g", UserID: "cid", Patch: im.MemberPatch{Ex: ptr("x")}}})
			}, im.Invalid,
			[]string{"AfterQuitGroup"},
			func(o *hookedOffice) bool { return !in(o, "cid") },
		},
		{"who changes a member may not any more", nil, "BeforeSetGroupMemberInfo", func(o *hookedOffice) {
			o.ok(o.TransferGroup(ctx, as("ann"), "g", "ann", "cid"))
		}, func(o *hookedOffice) error {
			return o.SetMemberInfo(ctx, as("ann"), []service.MemberChange{{GroupID: "g", UserID: "bob", Patch: im.MemberPatch{RoleLevel: ptr(int32(im.RoleMember))}}})
		}, im.Denied, []string{"AfterTransferGroupOwner"}, func(o *hookedOffice) bool { return o.roles()["bob"] == im.RoleAdmin }},
		{
			"they have become friends", nil, "BeforeAddFriend", func(o *hookedOffice) { o.ok(o.ImportFriends(ctx, as("root"), "ann", []string{"bob"})) },
			func(o *hookedOffice) error {
				return o.Apply(ctx, as("ann"), im.FriendRequest{FromUserID: "ann", ToUserID: "bob"})
			},
			im.AlreadyFriends,
			[]string{"AfterImportFriends"},
			func(o *hookedOffice) bool {
				_, err := o.store.FriendRequest(ctx, "ann", "bob")
				return im.IsKind(err, im.NotFound)
			},
		},
		{"the application for friendship was refused", func(o *hookedOffice) {
			o.ok(o.Apply(ctx, as("ann"), im.FriendRequest{FromUserID: "ann", ToUserID: "bob"}))
		}, "BeforeAddFriendAgree", func(o *hookedOffice) {
			o.ok(o.Respond(ctx, as("bob"), im.FriendRequest{FromUserID: "ann", ToUserID: "bob", HandleResult: im.RequestRefused}))
		}, func(o *hookedOffice) error {
			return o.Respond(ctx, as("bob"), im.FriendRequest{FromUserID: "ann", ToUserID: "bob", HandleResult: im.RequestAgreed})
		}, im.Invalid, nil, func(o *hookedOffice) bool {
			r, err := o.store.Relation(ctx, "ann", "bob")
			return err == nil && !r.Friend
		}},
		{
			"the friend was deleted", func(o *hookedOffice) { o.ok(o.ImportFriends(ctx, as("root"), "ann", []string{"bob"})) }, "BeforeSetFriendRemark",
			func(o *hookedOffice) { o.ok(o.DeleteFriend(ctx, as("ann"), "ann", "bob")) },
			func(o *hookedOffice) error { return o.SetRemark(ctx, as("ann"), "ann", "bob", "Bobby") },
			im.NotFound,
			[]string{"AfterDeleteFriend"},
			func(*hookedOffice) bool { return true },
		},
		{
			"one of the friends was deleted, another one came", func(o *hookedOffice) { o.ok(o.ImportFriends(ctx, as("root"), "ann", []string{"bob", "cid"})) },
			"BeforeSetFriendRemark", func(o *hookedOffice) {
				o.ok(o.DeleteFriend(ctx, as("ann"), "ann", "bob"))
				o.ok(o.ImportFriends(ctx, as("root"), "ann", []string{"dan"}))
			}, func(o *hookedOffice) error {
				return o.UpdateFriends(ctx, as("ann"), "ann", []string{"bob", "cid", "dan"}, im.FriendPatch{Remark: ptr("pal")})
			}, 0,
			[]string{"AfterDeleteFriend", "AfterImportFriends", "AfterSetFriendRemark"},
			func(o *hookedOffice) bool {
				found, err := o.store.FriendRecords(ctx, "ann", []string{"bob", "cid", "dan"})
				return err == nil && len(found) == 2 && !slices.ContainsFunc(found, func(f im.Friend) bool {
					return (f.FriendUser.UserID == "cid") != (f.Remark == "pal")
				})
			},
		},
		{"the id of a new user is taken", nil, "BeforeUserRegister", func(o *hookedOffice) {
			o.ok(o.RegisterUsers(ctx, as("root"), []im.User{{UserID: "fay", Nickname: "first"}}))
		}, func(o *hookedOffice) error {
			return o.RegisterUsers(ctx, as("root"), []im.User{{UserID: "fay", Nickname: "second"}, {UserID: "gus", Nickname: "Gus"}})
		}, im.AlreadyRegistered, []string{"AfterUserRegister"}, func(o *hookedOffice) bool {
			u, err := o.store.Users(ctx, []string{"fay", "gus"})
			return err == nil && len(u) == 1 && u[0].Nickname == "first"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newHookedOffice(t, storetest.NewSQLite(t).Open(t))
			if c.prepare != nil {
				c.prepare(o)
			}
			o.events()
			var once sync.Once
			o.answers(func(command string) object {
				if command == c.asked {
					once.Do(func() {
						o.answers(nil) // what happens now asks too
						c.meanwhile(o)
					})
				}
				return nil
			})
			err := c.do(o)
			if c.kind == 0 && err != nil || c.kind != 0 && !im.IsKind(err, c.kind) {
				t.Errorf("error %v, want kind %d", err, c.kind)
			}
			if got := o.events(); !slices.Equal(got, c.events) {
				t.Errorf("told %v, want %v", got, c.events)
			}
			if !c.right(o) {
				t.Errorf("the members are %v", o.roles())
			}
		})
	}
}
