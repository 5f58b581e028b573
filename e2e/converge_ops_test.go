package e2e

import (
	"fmt"
	"math/rand/v2"

	"parley/imtest"
	"parley/internal/im"
)

// operation is one step of a history. Everything it depends on is drawn
// beforehand, so that a seed gives the same operations whatever the timing.
type operation struct {
	kind string
	a, b int // users: who acts, and on whom
	d    int // the device of a
	g    int // group
	n    int // anything else
	// with is set if the next operation runs at the same time, if it can.
	with bool
}

func (o operation) String() string {
	s := fmt.Sprintf("%s u%d.%d->u%d g%d n%d", o.kind, o.a, o.d, o.b, o.g, o.n)
	if o.with {
		s += " &"
	}
	return s
}

// kind is a kind of operation. Alone is set if none may run beside it: going on-
// and offline changes what the driver knows of a client, of what happens beside a
// clear nobody can say whether it was cleared, and an import is counted.
type kind struct {
	name   string
	weight int
	alone  bool
	run    func(h *history, o operation) error
}

// kinds are the operations with their weights. A crowd is drawn apart.
var kinds = []kind{
	{"text", 14, false, (*history).text},
	{"groupText", 12, false, (*history).groupText},
	{"mention", 3, false, (*history).mention},
	{"read", 6, false, (*history).markRead},
	{"readSome", 3, false, (*history).markSome},
	{"revoke", 6, false, (*history).revoke},
	{"delete", 6, false, (*history).delete},
	{"clear", 4, true, (*history).clear},
	{"create", 5, false, (*history).create},
	{"invite", 6, false, (*history).invite},
	{"join", 7, false, (*history).join},
	{"answer", 5, false, (*history).answer},
	{"quit", 3, false, (*history).quit},
	{"kick", 4, false, (*history).kick},
	{"groupInfo", 5, false, (*history).groupInfo},
	{"memberName", 3, false, (*history).memberName},
	{"role", 3, false, (*history).role},
	{"mute", 3, false, (*history).mute},
	{"transfer", 2, false, (*history).transfer},
	{"dismiss", 1, false, (*history).dismiss},
	{"apply", 4, false, (*history).apply},
	{"accept", 4, false, (*history).accept},
	{"unfriend", 4, false, (*history).unfriend},
	{"import", 7, true, (*history).befriend},
	{"remark", 3, false, (*history).remark},
	{"pinFriend", 4, false, (*history).pinFriend},
	{"black", 2, false, (*history).black},
	{"unblack", 2, false, (*history).unblack},
	{"settings", 6, false, (*history).settings},
	{"private", 3, false, (*history).private},
	{"drop", 3, false, (*history).drop},
	{"rename", 2, false, (*history).rename},
	{"offline", 8, true, (*history).offline},
	{"online", 8, true, (*history).comeOnline},
	{"crowd", 0, true, (*history).crowd},
}

func kindOf(name string) *kind {
	for i := range kinds {
		if kinds[i].name == name {
			return &kinds[i]
		}
	}
	panic("no kind of operation is called " + name)
}

// draw returns the operations of a history with a number of users.
func draw(r *rand.Rand, users, length int) []operation {
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	ops := make([]operation, length)
	crowded := []int{5, 5, 2}[r.IntN(3)] // how many operations there are to one that others run beside
	for i := range ops {
		at, kind := r.IntN(total), 0
		for at >= kinds[kind].weight {
			at -= kinds[kind].weight
			kind++
		}
		a := r.IntN(users)
		o := operation{
			kind: kinds[kind].name, a: a, d: r.IntN(2), b: (a + 1 + r.IntN(users-1)) % users, g: max(0, r.IntN(6)-3), n: r.IntN(1 << 20),
			with: r.IntN(crowded) == 0,
		}
		// What few may do is mostly left to one who may, with somebody likely to be there.
		switch o.kind {
		case "kick", "groupInfo", "memberName", "role", "mute", "transfer", "invite", "dismiss", "answer":
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
	if r.IntN(25) == 0 {
		// More changes than one incremental answer reports, while a client is offline.
		at := 1 + r.IntN(length-3)
		o := ops[at]
		o.with, ops[at-1].with = false, false
		for i, k := range []string{"offline", "crowd"} {
			ops[at+i] = o
			ops[at+i].kind = k
		}
	}
	return ops
}

// device returns the client that acts.
func (h *history) device(o operation) *sim {
	devices := h.users[o.a].devices
	return devices[o.d%len(devices)]
}

// as calls a route for a client's user: one that is offline acts by other means, of
// which the client hears by notifications and its next sync only. An online one
// does what the SDK does right after its own operation (sdk-sync.md 7.3).
func (h *history) as(c *sim, path string, in imtest.H, after func(c *sim)) error {
	if err := c.post(path, in, nil); err != nil {
		return err
	}
	if c.link != nil && after != nil {
		c.tasks.put(func() { after(c) })
	}
	return nil
}

// nothing is why an operation is skipped that finds nothing to act on.
func nothing(what string) error { return &imtest.Error{Code: 1004, Msg: "no " + what} }

func (h *history) group(o operation) string { return fmt.Sprintf("%sg%d", h.name, o.g) }

func (h *history) groupChat(o operation) string { return im.GroupConversationID(h.group(o)) }

func (h *history) a(o operation) string { return h.users[o.a].id }

func (h *history) b(o operation) string { return h.users[o.b].id }

// chat picks one of the chats of the operation.
func (h *history) chat(o operation) string {
	if o.n%2 == 0 {
		return h.groupChat(o)
	}
	return im.SingleConversationID(h.a(o), h.b(o))
}

func (h *history) offline(o operation) error {
	h.device(o).goOffline()
	return nil
}

func (h *history) comeOnline(o operation) error { return h.device(o).goOnline(o.n%2 == 0, h.step) }

// crowd makes the actor and more users than one incremental answer holds friends,
// or brings them into a group, which gets another name meanwhile.
func (h *history) crowd(o operation) error {
	if o.n%2 == 0 {
		return h.imported(h.a(o), h.crowdIDs)
	}
	err := h.s.AsAdmin("/group/invite_user_to_group", imtest.H{"groupID": h.group(o), "invitedUserIDs": h.crowdIDs, "reason": ""}, nil)
	if err != nil {
		return err
	}
	return h.s.AsAdmin("/group/set_group_info_ex", imtest.H{"groupID": h.group(o), "groupName": fmt.Sprint("crowded ", o.n)}, nil)
}
