package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"parley/imtest"
	"parley/internal/im"
)

// The operations on messages and conversations.

func (h *history) text(o operation) error { return h.send(o, h.b(o), "") }

func (h *history) groupText(o operation) error { return h.send(o, "", h.group(o)) }

func (h *history) send(o operation, recvID, groupID string) error {
	c, text := h.device(o), fmt.Sprint("text ", o.n)
	if c.link == nil {
		_, err := h.s.SendText(c.id, recvID, groupID, text)
		return err
	}
	_, err := c.link.Send(c.link.Text(recvID, groupID, text))
	return err
}

// mention names somebody, everybody, or both.
func (h *history) mention(o operation) error {
	c := h.device(o)
	if c.link == nil {
		return nothing("client to mention somebody with")
	}
	m := c.link.Text("", h.group(o), "")
	m.ContentType = im.ContentAtText
	m.AtUserIDList = [][]string{{h.b(o)}, {im.AtAll}, {im.AtAll, h.b(o)}}[o.n%3]
	content, err := json.Marshal(imtest.H{"text": "you there", "atUserList": m.AtUserIDList})
	if err != nil {
		return err
	}
	m.Content = content
	_, err = c.link.Send(m)
	return err
}

func (h *history) markRead(o operation) error {
	c, id := h.device(o), h.chat(o)
	st, err := h.position(c, id)
	if err != nil {
		return err
	}
	if st.MaxSeq == 0 {
		return nothing("messages to read")
	}
	upTo := 1 + int64(o.n/2)%st.MaxSeq
	return h.as(c, "/msg/mark_conversation_as_read", imtest.H{"userID": c.id, "conversationID": id, "hasReadSeq": upTo, "seqs": nil}, func(c *sim) { c.raise(id, upTo) })
}

// markSome marks one or two messages of others in a chat of two as read.
func (h *history) markSome(o operation) error {
	c, id := h.device(o), im.SingleConversationID(h.a(o), h.b(o))
	seqs, err := h.some(o, id, func(m simMsg) bool { return m.SendID != c.id })
	if err != nil {
		return err
	}
	last := seqs[len(seqs)-1]
	return h.as(c, "/msg/mark_msgs_as_read", imtest.H{"userID": c.id, "conversationID": id, "seqs": seqs}, func(c *sim) { c.raise(id, last) })
}

// some returns the numbers of one or two messages that the actor can read, ascending.
func (h *history) some(o operation, id string, fit func(simMsg) bool) ([]int64, error) {
	c := h.device(o)
	r, err := pullTruth(c.post, c.id, map[string]im.ReadState{id: {MaxSeq: simPull}})
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(r[id], func(_ int64, m simMsg) bool { return m.Deleted || !fit(m) })
	seqs := slices.Sorted(maps.Keys(r[id]))
	if len(seqs) == 0 {
		return nil, nothing("messages of " + id)
	}
	at := o.n / 8 % len(seqs)
	return seqs[at:min(len(seqs), at+1+o.n/4%2)], nil
}

// revoke takes back a text: mostly of one's own, else of anybody.
func (h *history) revoke(o operation) error {
	c, id := h.device(o), h.chat(o)
	seqs, err := h.some(o, id, func(m simMsg) bool {
		return (m.SendID == c.id || o.n/2%4 == 0) && m.ContentType == im.ContentText
	})
	if err != nil {
		return err
	}
	seq := seqs[0]
	return h.as(c, "/msg/revoke_msg", imtest.H{"userID": c.id, "conversationID": id, "seq": seq}, func(c *sim) { c.revoked(id, seq) })
}

// reach draws whom a deletion or a clear concerns besides the device: nobody, the
// user's other devices, or everybody.
func reach(n int) (devices, everybody bool, opt imtest.H) {
	devices, everybody = n%4 == 1, n%4 > 1
	return devices, everybody, imtest.H{"IsSyncSelf": devices, "IsSyncOther": everybody}
}

func (h *history) delete(o operation) error {
	c, id := h.device(o), h.chat(o)
	seqs, err := h.some(o, id, func(simMsg) bool { return true })
	if err != nil {
		return err
	}
	devices, everybody, opt := reach(o.n / 2)
	err = h.as(c, "/msg/delete_msgs", imtest.H{"userID": c.id, "conversationID": id, "seqs": seqs, "deleteSyncOpt": opt}, func(c *sim) { c.deleted(id, seqs) })
	if err == nil && !devices && !everybody {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.unknown.deletes = append(h.unknown.deletes, deletion{user: c.id, conv: id, seqs: seqs, actor: h.actor(c)})
	}
	return err
}

// actor is the client that does something, or nil if it is offline.
func (h *history) actor(c *sim) *sim {
	if c.link == nil {
		return nil
	}
	return c
}

func (h *history) clear(o operation) error {
	c, id := h.device(o), h.chat(o)
	devices, everybody, opt := reach(o.n / 2)
	e := clearing{conv: id, step: h.step, actor: h.actor(c), users: []string{c.id}}
	switch {
	case everybody && o.n%2 == 0:
		members, err := membersOf(h.s.AsAdmin, h.group(o))
		if err != nil {
			return err
		}
		for _, m := range members {
			e.told = append(e.told, m.UserID)
		}
		for _, u := range h.users { // former members as well
			e.users = append(e.users, u.id)
		}
	case everybody:
		e.told, e.users = []string{c.id, h.b(o)}, []string{c.id, h.b(o)}
	case devices:
		e.told = []string{c.id}
	}
	err := c.post("/msg/clear_conversation_msg", imtest.H{"userID": c.id, "conversationIDs": []string{id}, "deleteSyncOpt": opt}, nil)
	if err != nil {
		return err
	}
	h.unknown.clears = append(h.unknown.clears, e)
	st, err := h.position(c, id)
	if err != nil {
		return err
	}
	if c.link != nil {
		c.tasks.put(func() {
			for seq := c.synced[id] + 1; seq <= st.MaxSeq; seq++ {
				c.missed[id] = append(c.missed[id], seq)
			}
			c.clearLocal(id)
			c.raise(id, st.HasReadSeq)
		})
	}
	return nil
}

// position asks for a client's position in a conversation.
func (h *history) position(c *sim, id string) (im.ReadState, error) {
	var r struct{ Seqs map[string]im.ReadState }
	err := c.post("/msg/get_conversations_has_read_and_max_seq", imtest.H{"userID": c.id, "conversationIDs": []string{id}}, &r)
	return r.Seqs[id], err
}

// drop removes the record of a conversation.
func (h *history) drop(o operation) error {
	c, id := h.device(o), h.chat(o)
	err := h.as(c, "/conversation/delete_conversations", imtest.H{"ownerUserID": c.id, "conversationIDs": []string{id}}, nil)
	if err == nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.unknown.dropped.add(c.id, id)
	}
	return err
}

// conversation is the part of a change of settings that names the conversation.
func (h *history) conversation(o operation) imtest.H {
	if o.n%2 == 0 {
		return imtest.H{"conversationID": h.chat(o), "conversationType": im.SessionGroup, "groupID": h.group(o)}
	}
	return imtest.H{"conversationID": h.chat(o), "conversationType": im.SessionSingle, "userID": h.b(o)}
}

func (h *history) settings(o operation) error {
	c := h.conversation(o)
	switch v := o.n / 12; o.n / 2 % 6 {
	case 0:
		c["isPinned"] = v%2 == 0
	case 1:
		c["recvMsgOpt"] = []int{im.ReceiveAndNotify, im.ReceiveSilently}[v%2]
	case 2:
		c["ex"] = fmt.Sprint("ex ", o.n)
	case 3:
		c["burnDuration"] = v % 60
	case 4:
		c["isMsgDestruct"], c["msgDestructTime"] = true, 1_000_000+v%1000
	case 5:
		c["groupAtType"] = im.AtNobody
	}
	return h.set(o, c)
}

// private turns the private mode of a chat of two on or off for both.
func (h *history) private(o operation) error {
	o.n |= 1
	c := h.conversation(o)
	c["isPrivateChat"] = o.n/2%3 > 0
	return h.set(o, c)
}

func (h *history) set(o operation, c imtest.H) error {
	return h.as(h.device(o), "/conversation/set_conversations", imtest.H{"userIDs": []string{h.a(o)}, "conversation": c}, (*sim).syncConversations)
}
