package e2e

import (
	"slices"
	"strings"

	"parley/internal/im"
)

// This file is all that a client may hold differently from the server, because no
// rule of the SDK brings it there. Each exclusion names the rule.

// unknown is what the operations of a history have brought about that some
// clients are never told.
type unknown struct {
	clears  []clearing
	deletes []deletion
	dropped chats // conversations whose record was removed
	left    chats // chats of groups that were left
}

// chats are conversations by user.
type chats map[string]map[string]bool

func (c chats) add(user, conv string) {
	if c[user] == nil {
		c[user] = map[string]bool{}
	}
	c[user][conv] = true
}

// clearing is one clear of a conversation.
type clearing struct {
	conv  string
	step  int
	actor *sim     // has cleared its own copy; nil: the request came from no client
	told  []string // users who got 1703
	users []string // users whose messages are gone
}

// deletion is one deletion that no other device is told of.
type deletion struct {
	user, conv string
	seqs       []int64
	actor      *sim
}

// wasDropped reports whether the record of a conversation was removed at some time.
//
// EXCLUSIONS: a client never deletes the row of a conversation, only its id (sdk-sync.md
// 6.2), and keeps the messages. The removal is told to nobody, nor is that the next
// message brings a fresh record (messages.md 8.1), so a live client keeps the old settings.
func (h *history) wasDropped(owner, conv string) bool { return h.unknown.dropped[owner][conv] }

// clearUnknown reports whether a client need not know of some clear of a conversation.
//
// EXCLUSION: without deleteSyncOpt nobody is told (messages.md 9.4), and the SDK ignores
// the minSeq of the record (sdk-sync.md 6.2). 1703 is not stored (messages.md 5.4): who
// was offline, or no member of the group, never hears of it.
func (h *history) clearUnknown(c *sim, conv string) bool {
	return slices.ContainsFunc(h.unknown.clears, func(e clearing) bool {
		heard := e.actor == c || slices.Contains(e.told, c.id) && c.online < e.step
		return e.conv == conv && !heard && slices.Contains(e.users, c.id)
	})
}

// forgiveMessages changes a client's copy of a conversation to the server's where
// the client cannot know better.
func (h *history) forgiveMessages(c *sim, conv string, local *copyOf, server copyOf, p phase) {
	if _, there := server.convs[conv]; !there && h.wasDropped(c.id, conv) {
		delete(local.msgs, conv)
		return
	}
	mine, theirs := local.msgs[conv], server.msgs[conv]
	if mine == nil {
		mine = map[int64]simMsg{}
		local.msgs[conv] = mine
	}
	for seq, m := range theirs {
		// EXCLUSIONS: 1703 has no bound, so a clear takes the messages after it as well if
		// they have come already (sdk-sync.md 7.2). What a pull asks for while there is no
		// record counts as synchronised (9.3); clients find it again by history paging.
		if _, ok := mine[seq]; !ok && (local.cleared[conv][seq] || h.wasDropped(c.id, conv)) {
			mine[seq] = m
		}
	}
	for seq := range mine {
		// EXCLUSION: who clears a chat takes away what the device holds when the answer comes
		// (sdk-sync.md 7.2); a message that was numbered before and is still on its way stays.
		if _, ok := theirs[seq]; !ok && (h.clearUnknown(c, conv) || slices.Contains(local.missed[conv], seq)) {
			delete(mine, seq)
		}
	}
	for _, d := range h.unknown.deletes {
		// EXCLUSION: without deleteSyncOpt, as the SDK deletes, other devices are not told
		// (messages.md 9.3).
		if d.user != c.id || d.conv != conv || d.actor == c {
			continue
		}
		for _, seq := range d.seqs {
			if m, ok := theirs[seq]; ok && m.Deleted && mine[seq] != m {
				mine[seq] = m
			}
		}
	}
	root, group := strings.CutPrefix(conv, "sg_")
	if !group {
		return
	}
	// EXCLUSION: 2101 and 2102 go to a group's members (messages.md 3), and its notices are
	// closed to those who have left (messages.md 6.1): a former member keeps the messages of
	// his time as they were when he left, and one who is back until he syncs.
	_, member := server.joined[root]
	if !member || p == live && h.unknown.left[c.id][conv] {
		for seq, m := range mine {
			if s := theirs[seq]; s.ContentType == im.ContentRevoked && s.ClientMsgID == m.ClientMsgID || s.Deleted {
				mine[seq] = s
			}
		}
	}
}

// forgivePositions leaves of a live client's positions what it can know: the last
// number it has synchronised, and what was read by messages of its own and by 2200.
//
// EXCLUSIONS: the time of the last message comes with 1006 only (sdk-sync.md 8). A clear
// that a device is not told of moves the position (messages.md 9.4); an own message that
// was deleted before the device got it has moved it, too. A record that was removed is
// no part of 1006 (messages.md 6.3). An own message that was numbered while its sender was
// removed has moved the position to the last number the sender may read, and cannot be read:
// its sender is told of no number in the answer (messages.md 4.1), and nothing of the chat is
// pushed to who is no member.
func (h *history) forgivePositions(c *sim, local, server copyOf) {
	for _, conv := range union(local.reads, server.reads) {
		l, s := local.reads[conv], server.reads[conv]
		_, there := server.reads[conv]
		switch {
		case h.wasDropped(c.id, conv):
			delete(local.reads, conv)
			delete(server.reads, conv)
			continue
		case !there:
			continue
		}
		m, shown := server.msgs[conv][s.HasReadSeq]
		if l.HasReadSeq < s.HasReadSeq && (h.clearUnknown(c, conv) || !shown || m.Deleted) {
			l.HasReadSeq = s.HasReadSeq
		}
		if l.HasReadSeq < s.HasReadSeq && s.HasReadSeq == s.MaxSeq && h.unknown.left[c.id][conv] && h.hasMissed(c.id, conv, s.MaxSeq) {
			l.HasReadSeq = s.HasReadSeq
		}
		l.MaxSeqTime = s.MaxSeqTime
		local.reads[conv] = l
	}
}

// hasMissed reports whether a chat has a message of a former member that came after the
// last number the sender may read, as those know who still may.
func (h *history) hasMissed(sender, conv string, last int64) bool {
	for _, u := range h.users {
		if u.id == sender {
			continue
		}
		all, err := truth(h.s, u.id)
		if err != nil {
			return false // the difference shows, and is looked at again
		}
		for seq, m := range all.msgs[conv] {
			if seq > last && m.SendID == sender {
				return true
			}
		}
	}
	return false
}

// withoutProfiles leaves out names and pictures of blocked users.
//
// EXCLUSION: a live client loads the list on 1207 and 1208 only; 1209, which tells of
// a new name, goes to those who have the user as friend (messages.md 5.4).
func withoutProfiles(blacks map[string]im.Black) map[string]im.Black {
	out := make(map[string]im.Black, len(blacks))
	for id, b := range blacks {
		b.BlackUserInfo = &im.PublicUser{UserID: id}
		out[id] = b
	}
	return out
}
