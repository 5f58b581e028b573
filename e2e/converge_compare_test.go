package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"parley/imtest"
	"parley/internal/im"
)

// copyOf is a user's data: a client's local copy, or what the server says.
type copyOf struct {
	friends map[string]im.Friend
	blacks  map[string]im.Black
	joined  map[string]im.Group
	members map[string]map[string]im.Member
	convs   map[string]im.Conversation
	convIDs []string // of a client: its id list
	reads   map[string]im.ReadState
	msgs    map[string]map[int64]simMsg
	cleared map[string]map[int64]bool // of a client: what clears took away
	missed  map[string][]int64        // of a client: what its own clears were too early for
	// disorder says what is wrong with the order of an id list.
	disorder []string
}

// local copies the client's copy.
func (c *sim) local() (out copyOf) {
	c.do(func() {
		out = copyOf{
			friends: maps.Clone(c.friends.rows), blacks: maps.Clone(c.blacks),
			joined: maps.Clone(c.joined.rows), members: map[string]map[string]im.Member{}, convs: maps.Clone(c.convs.rows),
			convIDs: slices.Sorted(slices.Values(c.convs.ids)), reads: maps.Clone(c.reads), msgs: clones(c.msgs), cleared: clones(c.cleared), missed: maps.Clone(c.missed),
		}
		pinned := func(id string) int {
			if c.friends.rows[id].IsPinned {
				return 0
			}
			return 1
		}
		if !slices.IsSortedFunc(c.friends.ids, func(a, b string) int { return pinned(a) - pinned(b) }) {
			out.disorder = append(out.disorder, fmt.Sprintf("friends are not ordered by pins: %v", c.friends.ids))
		}
		out.checkIDs("friends", c.friends.ids, slices.Collect(maps.Keys(c.friends.rows)))
		out.checkIDs("joined groups", c.joined.ids, slices.Collect(maps.Keys(c.joined.rows)))
		for id, l := range c.members {
			c.fail("members of "+id, c.showMembers(id, l))
			out.members[id] = maps.Clone(l.rows)
			out.checkIDs("members of "+id, l.ids, slices.Collect(maps.Keys(l.rows)))
			// The SDK pages ordinary members by skipping as many ids as there are owners and admins.
			if !slices.IsSortedFunc(l.ids, func(a, b string) int { return int(l.rows[b].RoleLevel - l.rows[a].RoleLevel) }) {
				out.disorder = append(out.disorder, fmt.Sprintf("members of %s are not ordered by role: %v", id, l.ids))
			}
		}
	})
	return out
}

func clones[K, L comparable, V any](m map[K]map[L]V) map[K]map[L]V {
	out := make(map[K]map[L]V, len(m))
	for k, v := range m {
		out[k] = maps.Clone(v)
	}
	return out
}

// checkIDs compares an id list with the rows it should name.
func (d *copyOf) checkIDs(what string, ids, rows []string) {
	ids = slices.Sorted(slices.Values(ids))
	if slices.Sort(rows); !slices.Equal(ids, rows) {
		d.disorder = append(d.disorder, fmt.Sprintf("%s: ids %v, rows %v", what, ids, rows))
	}
}

// truth asks the server as administrator.
func truth(s *imtest.Server, id string) (out copyOf, err error) {
	call := caller(s.AsAdmin)
	friends, err := friendsOf(call, id)
	if err != nil {
		return out, err
	}
	groups, err := groupsOf(call, id)
	if err != nil {
		return out, err
	}
	convs, err := conversationsOf(call, id)
	if err != nil {
		return out, err
	}
	if out.blacks, err = blacksOf(call, id); err != nil {
		return out, err
	}
	out.friends, out.joined, out.convs = byKey(friends, friendKey), byKey(groups, groupKey), byKey(convs, conversationKey)
	out.members = map[string]map[string]im.Member{}
	for _, g := range groups {
		members, err := membersOf(call, g.GroupID)
		if err != nil {
			return out, err
		}
		out.members[g.GroupID] = byKey(members, memberKey)
	}
	var r struct{ Seqs map[string]im.ReadState }
	if err := call("/msg/get_conversations_has_read_and_max_seq", imtest.H{"userID": id}, &r); err != nil {
		return out, err
	}
	out.reads = r.Seqs
	out.msgs, err = pullTruth(call, id, r.Seqs)
	return out, err
}

func byKey[T any](list []T, key func(T) string) map[string]T {
	out := make(map[string]T, len(list))
	for _, v := range list {
		out[key(v)] = v
	}
	return out
}

// pullTruth reads all messages of conversations by REST.
func pullTruth(call caller, id string, seqs map[string]im.ReadState) (map[string]map[int64]simMsg, error) {
	var ranges []imtest.H
	for conv, st := range seqs {
		ranges = append(ranges, imtest.H{"conversationID": conv, "begin": 0, "end": st.MaxSeq, "num": simPull})
	}
	var r struct {
		Msgs map[string]struct {
			Msgs []struct {
				SendID, ClientMsgID              string
				SessionType, ContentType, Status int32
				Seq                              int64
				IsRead                           bool
			}
		}
	}
	if err := call("/msg/pull_msg_by_seq", imtest.H{"userID": id, "seqRanges": ranges, "order": 0}, &r); err != nil {
		return nil, err
	}
	out := map[string]map[int64]simMsg{}
	for conv, list := range r.Msgs {
		out[conv] = map[int64]simMsg{}
		for _, m := range list.Msgs {
			out[conv][m.Seq] = simMsgOf(id, m.SessionType, m.ContentType, m.Status, m.SendID, m.ClientMsgID, m.IsRead)
		}
	}
	return out, nil
}

// phase says how a client that is compared has learnt of the end of a history.
type phase int

const (
	live        phase = iota // by notifications alone
	reconnected              // by the sync of another connect
	reinstalled              // it is a new installation
)

// differences says what of a client's copy is not as the server has it. What a
// client cannot know by the rules of the SDK stands in converge_unknown_test.go.
func (h *history) differences(c *sim, local, server copyOf, p phase) (out []string) {
	marks := im.SingleConversationID(c.id, c.id) // grows while clients are compared
	out = append(out, local.disorder...)
	out = append(out, unequal("friend", local.friends, server.friends)...)
	out = append(out, unequal("joined group", local.joined, server.joined)...)
	for _, g := range union(local.members, server.members) {
		out = append(out, unequal("member of "+g, local.members[g], server.members[g])...)
	}
	if p == live {
		local.blacks, server.blacks = withoutProfiles(local.blacks), withoutProfiles(server.blacks)
	}
	out = append(out, unequal("black", local.blacks, server.blacks)...)
	for _, id := range union(local.msgs, server.msgs) {
		if id == marks {
			continue
		}
		if p != reinstalled {
			h.forgiveMessages(c, id, &local, server, p)
		}
		out = append(out, unequal("message of "+id, local.msgs[id], server.msgs[id])...)
	}
	out = append(out, h.conversationDifferences(c, local, server, p)...)
	server.reads = maps.Clone(server.reads)
	delete(server.reads, marks)
	delete(local.reads, marks)
	if p == live {
		h.forgivePositions(c, local, server)
	}
	return append(out, unequal("position", local.reads, server.reads)...)
}

// conversationDifferences compares the records of conversations.
func (h *history) conversationDifferences(c *sim, local, server copyOf, p phase) (out []string) {
	if p != live {
		local.disorder = nil
		local.checkIDs("conversations", local.convIDs, slices.Collect(maps.Keys(server.convs)))
		out = append(out, local.disorder...)
	}
	rows := maps.Clone(server.convs)
	for _, id := range union(local.convs, rows) {
		_, there := rows[id]
		switch {
		case p != reinstalled && !there && h.wasDropped(c.id, id):
			delete(local.convs, id)
		case p == live && there && h.wasDropped(c.id, id):
			if _, ok := local.convs[id]; ok {
				rows[id] = local.convs[id]
			}
		}
	}
	return append(out, unequal("conversation", local.convs, rows)...)
}

func union[K ~string, A, B any](a map[K]A, b map[K]B) []K {
	keys := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// unequal compares two maps by what their values look like in JSON.
func unequal[K comparable, V any](what string, local, server map[K]V) (out []string) {
	show := func(m map[K]V, k K) string {
		v, ok := m[k]
		if !ok {
			return "nothing"
		}
		b, err := json.Marshal(v)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	keys := maps.Clone(server)
	if keys == nil {
		keys = map[K]V{}
	}
	maps.Copy(keys, local)
	for k := range keys {
		if l, s := show(local, k), show(server, k); l != s {
			out = append(out, fmt.Sprintf("%s %v:\n  client %s\n  server %s", what, k, l, s))
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
