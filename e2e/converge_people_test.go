package e2e

import (
	"fmt"
	"time"

	"parley/imtest"
	"parley/internal/im"
)

// The operations on groups and friends.

// others returns the ids of the users besides the actor, the operation's b first.
func (h *history) others(o operation) []string {
	ids := []string{h.b(o)}
	for i, u := range h.users {
		if i != o.a && i != o.b {
			ids = append(ids, u.id)
		}
	}
	return ids
}

// create makes a group, mostly one that everybody may enter.
func (h *history) create(o operation) error {
	g := h.group(o)
	verification := []int32{im.VerifyNothing, im.VerifyNothing, im.VerifyApplications, im.VerifyAll}[o.n/2%4]
	return h.as(h.device(o), "/group/create_group", imtest.H{
		"ownerUserID": h.a(o), "memberUserIDs": h.others(o)[:1+o.n%2],
		"groupInfo": imtest.H{"groupID": g, "groupName": fmt.Sprint("name ", o.n), "groupType": im.GroupTypeWorking, "needVerification": verification},
	}, func(c *sim) { c.syncJoined(); c.syncMembers(g) })
}

// ofGroup calls a route about the operation's group, and fetches what the SDK
// fetches after changing members.
func (h *history) ofGroup(o operation, path string, more imtest.H) error {
	g := h.group(o)
	more["groupID"] = g
	return h.as(h.device(o), path, more, func(c *sim) {
		if c.members[g] != nil { // else there is nothing of the group to keep
			c.syncMembers(g)
		}
	})
}

func (h *history) invite(o operation) error {
	ids := h.others(o)
	return h.ofGroup(o, "/group/invite_user_to_group", imtest.H{"invitedUserIDs": ids[:1+o.n%min(2, len(ids))], "reason": ""})
}

func (h *history) join(o operation) error {
	return h.as(h.device(o), "/group/join_group", imtest.H{"groupID": h.group(o), "joinSource": im.JoinBySearch, "inviterUserID": h.a(o)}, nil)
}

// answer agrees to an application to a group, or refuses it: of the first user from the
// actor on who has one to answer.
func (h *history) answer(o operation) error {
	for i := range h.users {
		o.a = (o.a + min(i, 1)) % len(h.users)
		c := h.device(o)
		var r struct {
			GroupRequests []struct {
				UserInfo  struct{ UserID string }
				GroupInfo struct{ GroupID string }
			}
		}
		list := imtest.H{"fromUserID": c.id, "handleResults": []int{0}, "pagination": imtest.H{"pageNumber": 1, "showNumber": 10}}
		if err := c.post("/group/get_recv_group_applicationList", list, &r); err != nil {
			return err
		}
		if n := len(r.GroupRequests); n > 0 {
			q := r.GroupRequests[o.n%n]
			return h.as(c, "/group/group_application_response", imtest.H{
				"groupID": q.GroupInfo.GroupID, "fromUserID": q.UserInfo.UserID, "handledMsg": "", "handleResult": []int{1, 1, 1, -1}[o.n/16%4],
			}, nil)
		}
	}
	return nothing("applications")
}

func (h *history) quit(o operation) error {
	return h.left(o, h.a(o), h.as(h.device(o), "/group/quit_group", imtest.H{"groupID": h.group(o)}, (*sim).syncJoined))
}

func (h *history) kick(o operation) error {
	return h.left(o, h.b(o), h.ofGroup(o, "/group/kick_group", imtest.H{"kickedUserIDs": []string{h.b(o)}}))
}

// left notes that a user is no member of the operation's group any more, unless the
// operation has failed.
func (h *history) left(o operation, id string, err error) error {
	if err == nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.unknown.left.add(id, h.groupChat(o))
	}
	return err
}

// groupInfo changes the name, the announcement, who may enter, or several at once.
func (h *history) groupInfo(o operation) error {
	in := imtest.H{"groupID": h.group(o)}
	kind := o.n % 8
	if kind < 4 || kind == 7 {
		in["groupName"] = fmt.Sprint("name ", o.n)
	}
	if kind == 4 || kind == 7 {
		in["notification"] = []string{fmt.Sprint("news ", o.n), ""}[o.n/8%2]
	}
	if kind == 5 || kind == 7 {
		in["introduction"] = fmt.Sprint("about ", o.n)
	}
	if kind == 6 {
		in["needVerification"] = []int32{im.VerifyNothing, im.VerifyApplications, im.VerifyAll}[o.n/8%3]
	}
	return h.as(h.device(o), "/group/set_group_info_ex", in, (*sim).syncJoined)
}

// memberName changes one's own name or somebody else's.
func (h *history) memberName(o operation) error {
	whom := []string{h.a(o), h.b(o)}[o.n%2]
	return h.setMember(o, imtest.H{"userID": whom, "nickname": fmt.Sprint("member ", o.n)})
}

func (h *history) role(o operation) error {
	return h.setMember(o, imtest.H{"userID": h.b(o), "roleLevel": []int{im.RoleAdmin, im.RoleMember}[o.n%2]})
}

func (h *history) setMember(o operation, m imtest.H) error {
	m["groupID"] = h.group(o)
	return h.ofGroup(o, "/group/set_group_member_info", imtest.H{"members": []imtest.H{m}})
}

// mute silences a member or the whole group, or ends that.
func (h *history) mute(o operation) error {
	who := imtest.H{"groupID": h.group(o), "userID": h.b(o), "mutedSeconds": 3600}
	switch o.n % 5 {
	case 0:
		return h.ofGroup(o, "/group/mute_group", who)
	case 1, 2:
		return h.ofGroup(o, "/group/cancel_mute_group", who)
	case 3:
		return h.as(h.device(o), "/group/cancel_mute_group_member", who, nil)
	}
	return h.as(h.device(o), "/group/mute_group_member", who, nil)
}

func (h *history) transfer(o operation) error {
	return h.ofGroup(o, "/group/transfer_group", imtest.H{"oldOwnerUserID": h.a(o), "newOwnerUserID": h.b(o)})
}

func (h *history) dismiss(o operation) error {
	return h.as(h.device(o), "/group/dismiss_group", imtest.H{"groupID": h.group(o)}, (*sim).syncJoined)
}

func (h *history) apply(o operation) error {
	return h.as(h.device(o), "/friend/add_friend", imtest.H{"fromUserID": h.a(o), "toUserID": h.b(o), "reqMsg": "hello"}, nil)
}

// accept agrees to an application for friendship: of the first user from the actor
// on who has one.
func (h *history) accept(o operation) error {
	for i := range h.users {
		o.a = (o.a + min(i, 1)) % len(h.users)
		c := h.device(o)
		var r struct {
			FriendRequests []struct{ FromUserID string }
		}
		list := imtest.H{"userID": c.id, "handleResults": []int{0}, "pagination": imtest.H{"pageNumber": 1, "showNumber": 10}}
		if err := c.post("/friend/get_friend_apply_list", list, &r); err != nil {
			return err
		}
		if n := len(r.FriendRequests); n > 0 {
			from, result := r.FriendRequests[o.n%n].FromUserID, []int{1, 1, 1, 1, -1}[o.n/16%5]
			return h.as(c, "/friend/add_friend_response", imtest.H{"fromUserID": from, "toUserID": c.id, "handleResult": result}, (*sim).syncFriends)
		}
	}
	return nothing("applications")
}

func (h *history) unfriend(o operation) error {
	return h.ofFriend(o, "/friend/delete_friend", imtest.H{"friendUserID": h.b(o)})
}

func (h *history) befriend(o operation) error { return h.imported(h.a(o), h.others(o)[:1+o.n%2]) }

// imported makes a user and others friends and waits for the messages that say so:
// they follow the answer, and what they bring about reaches clients with their next
// sync only (messages.md 8.1).
func (h *history) imported(owner string, friends []string) error {
	chats := make([]string, len(friends))
	for i, f := range friends {
		chats[i] = im.SingleConversationID(owner, f)
	}
	last := func() (sum int64, err error) {
		var r struct{ Seqs map[string]im.ReadState }
		err = h.s.AsAdmin("/msg/get_conversations_has_read_and_max_seq", imtest.H{"userID": owner, "conversationIDs": chats}, &r)
		for _, st := range r.Seqs {
			sum += st.MaxSeq
		}
		return sum, err
	}
	before, err := last()
	if err != nil {
		return err
	}
	if err := h.s.AsAdmin("/friend/import_friend", imtest.H{"ownerUserID": owner, "friendUserIDs": friends}, nil); err != nil {
		return err
	}
	for deadline, wait := time.Now().Add(*patience), time.Millisecond; ; wait = min(2*wait, time.Second) {
		switch now, err := last(); {
		case err != nil:
			return err
		case now >= before+int64(len(friends)):
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%d of %d new friends were announced", now-before, len(friends))
		}
		time.Sleep(wait)
	}
}

func (h *history) remark(o operation) error {
	return h.ofFriend(o, "/friend/set_friend_remark", imtest.H{"friendUserID": h.b(o), "remark": fmt.Sprint("remark ", o.n)})
}

func (h *history) pinFriend(o operation) error {
	return h.ofFriend(o, "/friend/update_friends", imtest.H{"friendUserIDs": []string{h.b(o)}, "isPinned": o.n%3 > 0})
}

func (h *history) ofFriend(o operation, path string, more imtest.H) error {
	more["ownerUserID"] = h.a(o)
	return h.as(h.device(o), path, more, (*sim).syncFriends)
}

func (h *history) black(o operation) error {
	return h.as(h.device(o), "/friend/add_black", imtest.H{"ownerUserID": h.a(o), "blackUserID": h.b(o)}, (*sim).syncBlacks)
}

func (h *history) unblack(o operation) error {
	return h.as(h.device(o), "/friend/remove_black", imtest.H{"ownerUserID": h.a(o), "blackUserID": h.b(o)}, (*sim).syncBlacks)
}

func (h *history) rename(o operation) error {
	return h.as(h.device(o), "/user/update_user_info", imtest.H{"userInfo": imtest.H{"userID": h.a(o), "nickname": fmt.Sprint("nick ", o.n)}}, nil)
}
