package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"parley/imtest"
	"parley/internal/im"
)

// operation is one step of a history. Everything it depends on is drawn
// beforehand, so that a seed gives the same operations whatever the timing.
type operation struct {
	kind string
	a, b int // users: who acts, and on whom
	g    int // group
	n    int // anything else
	// with is set if the next operation runs at the same time.
	with bool
}

func (o operation) String() string {
	s := fmt.Sprintf("%s u%d->u%d g%d n%d", o.kind, o.a, o.b, o.g, o.n)
	if o.with {
		s += " &"
	}
	return s
}

// kinds are the operations with their weights.
var kinds = []struct {
	name   string
	weight int
	run    func(h *history, o operation) error
}{
	{"text", 14, (*history).text},
	{"groupText", 12, (*history).groupText},
	{"read", 8, (*history).markRead},
	{"revoke", 5, (*history).revoke},
	{"create", 5, (*history).create},
	{"invite", 6, (*history).invite},
	{"join", 6, (*history).join},
	{"quit", 3, (*history).quit},
	{"kick", 4, (*history).kick},
	{"groupName", 3, (*history).groupName},
	{"memberName", 3, (*history).memberName},
	{"role", 3, (*history).role},
	{"mute", 3, (*history).mute},
	{"transfer", 2, (*history).transfer},
	{"dismiss", 1, (*history).dismiss},
	{"apply", 4, (*history).apply},
	{"accept", 4, (*history).accept},
	{"unfriend", 4, (*history).unfriend},
	{"import", 7, (*history).befriend},
	{"remark", 3, (*history).remark},
	{"pinFriend", 4, (*history).pinFriend},
	{"black", 2, (*history).black},
	{"unblack", 2, (*history).unblack},
	{"settings", 6, (*history).settings},
	{"rename", 2, (*history).rename},
	{"offline", 8, nil},
	{"online", 8, nil},
}

// draw returns the operations of a history.
func draw(r *rand.Rand, users int) []operation {
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	ops := make([]operation, 25+r.IntN(16))
	for i := range ops {
		at, kind := r.IntN(total), 0
		for at >= kinds[kind].weight {
			at -= kinds[kind].weight
			kind++
		}
		a := r.IntN(users)
		o := operation{
			kind: kinds[kind].name, a: a, b: (a + 1 + r.IntN(users-1)) % users, g: max(0, r.IntN(6)-3), n: r.IntN(1 << 20),
			with: r.IntN(5) == 0,
		}
		// What few may do is mostly left to one who may, with somebody likely to be there.
		switch o.kind {
		case "kick", "groupName", "memberName", "role", "mute", "transfer", "invite", "dismiss":
			if i > 0 && r.IntN(3) > 0 {
				o.a, o.g = ops[0].a, ops[0].g
				o.b = (o.a + 1 + r.IntN(users-1)) % users
			}
		case "apply", "remark", "pinFriend", "import":
			if r.IntN(2) == 0 {
				o.b = (o.a + 1) % users
			}
		}
		ops[i] = o
		if i == 0 { // without a group most other operations are refused
			ops[0].kind, ops[0].g, ops[0].with = "create", 0, false
		}
	}
	return ops
}

// as calls a route for a user: who is offline acts on another device, of which the
// simulated one hears by notifications and its next sync only. An online one does
// what the SDK does right after its own operation (sdk-sync.md 7.3).
func (h *history) as(a int, path string, in imtest.H, after func(c *sim)) error {
	c := h.sims[a]
	if err := c.post(path, in, nil); err != nil {
		return err
	}
	if c.link != nil && after != nil {
		c.tasks <- func() { after(c) }
	}
	return nil
}

func (h *history) group(o operation) string { return fmt.Sprintf("%s_g%d", h.name, o.g) }

func (h *history) text(o operation) error { return h.send(o, h.sims[o.b].id, "") }

func (h *history) groupText(o operation) error { return h.send(o, "", h.group(o)) }

func (h *history) send(o operation, recvID, groupID string) error {
	c, text := h.sims[o.a], fmt.Sprint("text ", o.n)
	if c.link == nil {
		_, err := h.s.SendText(c.id, recvID, groupID, text)
		return err
	}
	_, err := c.link.Send(c.link.Text(recvID, groupID, text))
	return err
}

// chat picks one of the chats of the operation.
func (h *history) chat(o operation) string {
	if o.n%2 == 0 {
		return im.GroupConversationID(h.group(o))
	}
	return im.SingleConversationID(h.sims[o.a].id, h.sims[o.b].id)
}

func (h *history) markRead(o operation) error {
	c, id := h.sims[o.a], h.chat(o)
	var r struct{ Seqs map[string]im.ReadState }
	if err := c.post("/msg/get_conversations_has_read_and_max_seq", imtest.H{"userID": c.id, "conversationIDs": []string{id}}, &r); err != nil {
		return err
	}
	last := r.Seqs[id].MaxSeq
	if last == 0 {
		return &imtest.Error{Code: 1004, Msg: "nothing to read"}
	}
	upTo := 1 + int64(o.n/2)%last
	return h.as(o.a, "/msg/mark_conversation_as_read", imtest.H{"userID": c.id, "conversationID": id, "hasReadSeq": upTo, "seqs": nil}, nil)
}

func (h *history) revoke(o operation) error {
	c, id := h.sims[o.a], h.chat(o)
	r, err := pullTruth(c.post, c.id, map[string]im.ReadState{id: {MaxSeq: simPull}})
	if err != nil {
		return err
	}
	var own []int64
	for seq, m := range r[id] {
		if m.SendID == c.id && m.ContentType == im.ContentText {
			own = append(own, seq)
		}
	}
	if len(own) == 0 {
		return &imtest.Error{Code: 1004, Msg: "nothing to revoke"}
	}
	slices.Sort(own)
	seq := own[o.n/2%len(own)]
	return h.as(o.a, "/msg/revoke_msg", imtest.H{"userID": c.id, "conversationID": id, "seq": seq}, func(c *sim) { c.revoked(id, seq) })
}

// others returns the ids of the users besides the actor, the operation's b first.
func (h *history) others(o operation) []string {
	ids := []string{h.sims[o.b].id}
	for i, c := range h.sims {
		if i != o.a && i != o.b {
			ids = append(ids, c.id)
		}
	}
	return ids
}

func (h *history) create(o operation) error {
	g := h.group(o)
	return h.as(o.a, "/group/create_group", imtest.H{
		"ownerUserID": h.sims[o.a].id, "memberUserIDs": h.others(o)[:1+o.n%2],
		"groupInfo": imtest.H{"groupID": g, "groupName": fmt.Sprint("name ", o.n), "groupType": im.GroupTypeWorking, "needVerification": im.VerifyNothing},
	}, func(c *sim) { c.syncJoined(); c.syncMembers(g) })
}

// members is what the SDK fetches after changing a group's members.
func (h *history) members(o operation) func(c *sim) {
	g := h.group(o)
	return func(c *sim) {
		if c.members[g] != nil { // else there is nothing of the group to keep
			c.syncMembers(g)
		}
	}
}

func (h *history) invite(o operation) error {
	return h.as(o.a, "/group/invite_user_to_group", imtest.H{"groupID": h.group(o), "invitedUserIDs": []string{h.sims[o.b].id}, "reason": ""}, h.members(o))
}

func (h *history) join(o operation) error {
	return h.as(o.a, "/group/join_group", imtest.H{"groupID": h.group(o), "joinSource": im.JoinBySearch, "inviterUserID": h.sims[o.a].id}, nil)
}

func (h *history) quit(o operation) error {
	return h.as(o.a, "/group/quit_group", imtest.H{"groupID": h.group(o)}, (*sim).syncJoined)
}

func (h *history) kick(o operation) error {
	return h.as(o.a, "/group/kick_group", imtest.H{"groupID": h.group(o), "kickedUserIDs": []string{h.sims[o.b].id}}, h.members(o))
}

func (h *history) groupName(o operation) error {
	return h.as(o.a, "/group/set_group_info_ex", imtest.H{"groupID": h.group(o), "groupName": fmt.Sprint("name ", o.n)}, (*sim).syncJoined)
}

// memberName changes one's own name or somebody else's.
func (h *history) memberName(o operation) error {
	whom := []int{o.a, o.b}[o.n%2]
	return h.setMember(o, imtest.H{"groupID": h.group(o), "userID": h.sims[whom].id, "nickname": fmt.Sprint("member ", o.n)})
}

func (h *history) role(o operation) error {
	return h.setMember(o, imtest.H{"groupID": h.group(o), "userID": h.sims[o.b].id, "roleLevel": []int{im.RoleAdmin, im.RoleMember}[o.n%2]})
}

func (h *history) setMember(o operation, m imtest.H) error {
	return h.as(o.a, "/group/set_group_member_info", imtest.H{"members": []imtest.H{m}}, h.members(o))
}

// mute silences a member or the whole group, or ends that.
func (h *history) mute(o operation) error {
	who := imtest.H{"groupID": h.group(o), "userID": h.sims[o.b].id, "mutedSeconds": 3600}
	switch o.n % 5 {
	case 0:
		return h.as(o.a, "/group/mute_group", who, h.members(o))
	case 1, 2:
		return h.as(o.a, "/group/cancel_mute_group", who, h.members(o))
	case 3:
		return h.as(o.a, "/group/cancel_mute_group_member", who, nil)
	}
	return h.as(o.a, "/group/mute_group_member", who, nil)
}

func (h *history) transfer(o operation) error {
	return h.as(o.a, "/group/transfer_group", imtest.H{"groupID": h.group(o), "oldOwnerUserID": h.sims[o.a].id, "newOwnerUserID": h.sims[o.b].id}, h.members(o))
}

func (h *history) dismiss(o operation) error {
	return h.as(o.a, "/group/dismiss_group", imtest.H{"groupID": h.group(o)}, (*sim).syncJoined)
}

func (h *history) apply(o operation) error {
	return h.as(o.a, "/friend/add_friend", imtest.H{"fromUserID": h.sims[o.a].id, "toUserID": h.sims[o.b].id, "reqMsg": "hello"}, nil)
}

// accept agrees to an application: of the first user from the actor on who has one.
func (h *history) accept(o operation) error {
	for i := range h.sims {
		a := (o.a + i) % len(h.sims)
		me := h.sims[a].id
		var r struct {
			FriendRequests []struct{ FromUserID string }
		}
		list := imtest.H{"userID": me, "handleResults": []int{0}, "pagination": imtest.H{"pageNumber": 1, "showNumber": 10}}
		if err := h.sims[a].post("/friend/get_friend_apply_list", list, &r); err != nil {
			return err
		}
		if n := len(r.FriendRequests); n > 0 {
			from := r.FriendRequests[o.n%n].FromUserID
			return h.as(a, "/friend/add_friend_response", imtest.H{"fromUserID": from, "toUserID": me, "handleResult": 1}, (*sim).syncFriends)
		}
	}
	return &imtest.Error{Code: 1004, Msg: "no applications"}
}

func (h *history) unfriend(o operation) error {
	return h.as(o.a, "/friend/delete_friend", imtest.H{"ownerUserID": h.sims[o.a].id, "friendUserID": h.sims[o.b].id}, (*sim).syncFriends)
}

func (h *history) befriend(o operation) error {
	return h.s.AsAdmin("/friend/import_friend", imtest.H{"ownerUserID": h.sims[o.a].id, "friendUserIDs": []string{h.sims[o.b].id}}, nil)
}

func (h *history) remark(o operation) error {
	return h.as(o.a, "/friend/set_friend_remark", imtest.H{"ownerUserID": h.sims[o.a].id, "friendUserID": h.sims[o.b].id, "remark": fmt.Sprint("remark ", o.n)}, (*sim).syncFriends)
}

func (h *history) pinFriend(o operation) error {
	return h.as(o.a, "/friend/update_friends", imtest.H{"ownerUserID": h.sims[o.a].id, "friendUserIDs": []string{h.sims[o.b].id}, "isPinned": o.n%3 > 0}, (*sim).syncFriends)
}

func (h *history) black(o operation) error {
	return h.as(o.a, "/friend/add_black", imtest.H{"ownerUserID": h.sims[o.a].id, "blackUserID": h.sims[o.b].id}, (*sim).syncBlacks)
}

func (h *history) unblack(o operation) error {
	return h.as(o.a, "/friend/remove_black", imtest.H{"ownerUserID": h.sims[o.a].id, "blackUserID": h.sims[o.b].id}, (*sim).syncBlacks)
}

func (h *history) settings(o operation) error {
	me := h.sims[o.a].id
	c := imtest.H{"conversationID": h.chat(o), "conversationType": im.SessionSingle, "userID": h.sims[o.b].id}
	if o.n%2 == 0 {
		c = imtest.H{"conversationID": h.chat(o), "conversationType": im.SessionGroup, "groupID": h.group(o)}
	}
	switch o.n / 2 % 3 {
	case 0:
		c["isPinned"] = o.n/6%2 == 0
	case 1:
		c["recvMsgOpt"] = []int{im.ReceiveAndNotify, im.ReceiveSilently}[o.n/6%2]
	case 2:
		c["ex"] = fmt.Sprint("ex ", o.n)
	}
	return h.as(o.a, "/conversation/set_conversations", imtest.H{"userIDs": []string{me}, "conversation": c}, (*sim).syncConversations)
}

func (h *history) rename(o operation) error {
	me := h.sims[o.a].id
	return h.as(o.a, "/user/update_user_info", imtest.H{"userInfo": imtest.H{"userID": me, "nickname": fmt.Sprint("nick ", o.n)}}, nil)
}
