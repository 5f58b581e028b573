package service

import (
	"context"
	"maps"
	"slices"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// MemberChanges is Changes of a group's members. Group is set when the group
// or any member changed.
type MemberChanges struct {
	Changes[im.Member]
	Group *im.Group
}

// Limits of a batch of member syncs (incremental-sync.md 5.4).
const (
	maxBatchElements = 500
	maxBatchGroups   = 1000
	// batchPiece groups of a batch are looked at together: what they cost is a number of
	// queries that does not depend on theirs.
	batchPiece = 250
)

// asking is what is known of the client behind a member sync.
type asking struct {
	alone bool // asks for this group only: the answer has the group also when nothing has changed
	known bool // may have got its list of groups long before it asks for the members of one for the first time
}

// MemberChanges is /group/get_incremental_group_members (incremental-sync.md 5.3).
func (s *Service) MemberChanges(ctx context.Context, op im.Operator, groupID string, from im.Version) (*MemberChanges, error) {
	const name = "service.MemberChanges"
	if err := s.inGroup(ctx, op, name, groupID); err != nil {
		return nil, err
	}
	g, err := s.group(ctx, groupID)
	if err != nil {
		return nil, err
	}
	if g.status() == im.GroupDismissed {
		return nil, im.Errorf(im.GroupIsDismissed, name, "group %s is dismissed", groupID)
	}
	all, _, err := s.memberChanges(ctx, op, []GroupVersion{{groupID, from}}, asking{}, maxBatchElements)
	if err != nil {
		return nil, err
	}
	c := all[groupID]
	if c == nil {
		return nil, im.Errorf(im.NotFound, name, "group %s is gone", groupID)
	}
	return c, nil
}

// GroupVersion asks for one group of a batch.
type GroupVersion struct {
	GroupID string
	From    im.Version
}

// MemberChangesBatch answers many groups at once. Groups that are dismissed, gone
// or not the operator's are left out: one of them must not fail the others
// (incremental-sync.md 5.4). After maxBatchElements elements the rest is left
// out too; clients ask for it again.
func (s *Service) MemberChangesBatch(ctx context.Context, op im.Operator, asked []GroupVersion) (map[string]*MemberChanges, error) {
	const name = "service.MemberChangesBatch"
	if len(asked) > maxBatchGroups {
		return nil, im.Errorf(im.Invalid, name, "at most %d groups", maxBatchGroups)
	}
	// A new installation has just read its list of groups: it was told to, and has not asked
	// for changes of it since, as clients do first whenever they connect (sdk-sync.md 4). If
	// it was another node that told it, it hears of its groups in vain.
	_, newcomer := s.caches.newcomers.GetIfPresent(device{op.UserID, op.Platform})
	// Who asks for one group follows a notice about it (tellGroup), and may have the
	// version already from a notice that had no group to tell.
	client := asking{alone: len(asked) == 1, known: !newcomer}
	out := make(map[string]*MemberChanges, len(asked))
	for room, rest := maxBatchElements, asked; room > 0 && len(rest) > 0; {
		next := rest[:min(len(rest), batchPiece)]
		rest = rest[len(next):]
		piece, err := s.readableGroups(ctx, op, next)
		if err != nil {
			return nil, err
		}
		changes, elements, err := s.memberChanges(ctx, op, piece, client, room)
		if err != nil {
			return nil, err
		}
		for id, c := range changes {
			if out[id] == nil {
				out[id] = c
			}
		}
		room -= elements
	}
	return out, nil
}

// readableGroups returns the groups among asked that are not dismissed and whose members
// the operator may see, each once.
func (s *Service) readableGroups(ctx context.Context, op im.Operator, asked []GroupVersion) ([]GroupVersion, error) {
	ids := make([]string, len(asked))
	for i := range asked {
		ids[i] = asked[i].GroupID
	}
	may := make(map[string]bool, len(ids))
	if op.Admin {
		groups, err := s.store.Groups(ctx, ids)
		if err != nil {
			return nil, err
		}
		for i := range groups {
			may[groups[i].GroupID] = groups[i].Status != im.GroupDismissed
		}
	} else {
		joined, err := s.store.JoinedAmong(ctx, op.UserID, ids)
		if err != nil {
			return nil, err
		}
		for _, id := range joined {
			may[id] = true
		}
	}
	out := make([]GroupVersion, 0, len(asked))
	for _, a := range asked {
		if may[a.GroupID] {
			may[a.GroupID] = false // the first time counts
			out = append(out, a)
		}
	}
	return out, nil
}

// memberChanges answers for groups that the operator may see. It ends with the group
// that fills room, which is a number of elements, and returns how many there are.
func (s *Service) memberChanges(ctx context.Context, op im.Operator, asked []GroupVersion, client asking, room int) (map[string]*MemberChanges, int, error) {
	from := make(map[string]im.Version, len(asked))
	for _, a := range asked {
		from[a.GroupID] = a.From
	}
	deltas, err := s.store.SinceEach(ctx, im.ListMembers, from)
	if err != nil {
		return nil, 0, err
	}
	n := 0
	var full, shown []string
	var elements []store.MemberID
	for i, a := range asked {
		d := deltas[a.GroupID]
		n += len(d.Insert) + len(d.Update) + len(d.Delete)
		for _, list := range [][]string{d.Insert, d.Update} {
			for _, id := range list {
				elements = append(elements, store.MemberID{GroupID: a.GroupID, UserID: id})
			}
		}
		if d.Full {
			full = append(full, a.GroupID)
		}
		if d.Full || d.Touched || client.alone {
			shown = append(shown, a.GroupID)
		}
		if n >= room {
			asked = asked[:i+1]
			break
		}
	}
	changed, err := s.changedSinceEntry(ctx, op.UserID, full, deltas)
	if err != nil {
		return nil, 0, err
	}
	atHead, err := s.placeFull(ctx, full, deltas)
	if err != nil {
		return nil, 0, err
	}
	found, err := s.store.MembersEach(ctx, elements)
	if err != nil {
		return nil, 0, err
	}
	members := make(map[string][]im.Member)
	for _, m := range found {
		members[m.GroupID] = append(members[m.GroupID], m)
	}
	list, err := s.store.Groups(ctx, shown)
	if err != nil {
		return nil, 0, err
	}
	groups := make(map[string]*im.Group, len(list))
	for i := range list {
		groups[list[i].GroupID] = &list[i]
	}
	out := make(map[string]*MemberChanges, len(asked))
	for _, a := range asked {
		d := deltas[a.GroupID]
		c, err := resolve(d, func([]string) ([]im.Member, error) { return members[a.GroupID], nil }, func(m *im.Member) string { return m.UserID })
		if err != nil {
			return nil, 0, err
		}
		change := &MemberChanges{Changes: c, Group: groups[a.GroupID]}
		if change.Group == nil && (d.Full || d.Touched || client.alone) { // gone meanwhile
			continue
		}
		out[a.GroupID] = change
		old := a.From.Number > 0 || changed[a.GroupID] && (client.known || atHead[a.GroupID])
		if d.Full && old && !op.Admin {
			s.tellGroup(ctx, op, change.Group)
		}
	}
	return out, n, nil
}

// fullLag is how many versions a full answer about members lies behind the log.
const fullLag = 8

// changedSinceEntry returns the groups that have changed since a member entered: a client
// that got one with its list of groups, and was cut off before it asked for the members,
// may have it as it is no more.
func (s *Service) changedSinceEntry(ctx context.Context, userID string, groups []string, deltas map[string]im.Delta) (map[string]bool, error) {
	before := make(map[string]im.Version, len(groups)) // the last change
	for _, id := range groups {
		if head := deltas[id].Version; head.Number > 1 { // 1 made the group
			before[id] = im.Version{ID: head.ID, Number: head.Number - 1}
		}
	}
	last, err := s.store.SinceEach(ctx, im.ListMembers, before)
	changed := make(map[string]bool, len(last))
	for id, d := range last {
		changed[id] = !slices.Contains(d.Insert, userID)
	}
	return changed, err
}

// noticeTime is more than a notice takes to reach a client that is connected, and to
// be worked in there.
const noticeTime = time.Minute

// placeFull sets the positions that full answers about members carry: each a little
// before its log's. Clients ignore the group in a full answer and have it from their
// list of groups, which they read earlier: with the log's own position a change in
// between would be lost on them until the next one. As it is, the notices of the last
// changes still apply, and the next sync brings the group (incremental-sync.md 8.1).
// The position is such that the next answer is not full again; where there is no such,
// it is the log's. A log that does not exist is made, so that clients never see a zero version.
//
// It is the log's own, too, if somebody has just come in: the notice about that may be on
// its way still, and the SDK, which has the newest list of ids by then, would append the
// new members to it once more. placeFull returns the groups whose answers carry that.
func (s *Service) placeFull(ctx context.Context, groups []string, deltas map[string]im.Delta) (atHead map[string]bool, err error) {
	heads := make(map[string]im.Version, len(groups))
	for _, id := range groups {
		heads[id] = deltas[id].Version
	}
	if err := s.openLogs(ctx, heads); err != nil {
		return nil, err
	}
	atHead = make(map[string]bool)
	placed := maps.Clone(heads)
	for _, lag := range []uint64{fullLag, 1} {
		if len(heads) == 0 {
			break
		}
		from := make(map[string]im.Version, len(heads))
		for id, head := range heads {
			from[id] = im.Version{ID: head.ID, Number: max(head.Number, lag+1) - lag}
		}
		next, err := s.store.SinceEach(ctx, im.ListMembers, from)
		if err != nil {
			return nil, err
		}
		entered, err := s.justEntered(ctx, next)
		if err != nil {
			return nil, err
		}
		for id, v := range from {
			switch {
			case next[id].Full:
				continue
			case entered[id]:
				atHead[id] = true
			default:
				placed[id] = v
			}
			delete(heads, id)
		}
	}
	for id := range heads { // so many have changed at once
		atHead[id] = true
	}
	for id, v := range placed {
		d := deltas[id]
		d.Version = v
		deltas[id] = d
	}
	return atHead, nil
}

// openLogs makes the member logs that do not exist and sets their positions in heads.
func (s *Service) openLogs(ctx context.Context, heads map[string]im.Version) error {
	var missing []string
	for id, head := range heads {
		if head.ID == "" {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return s.store.Update(ctx, func(tx store.Tx) (err error) {
		for _, id := range missing {
			if heads[id], err = tx.OpenLog(ctx, im.ListMembers, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// justEntered returns the groups into which somebody has come within noticeTime, among the
// changes that are not answered in full.
func (s *Service) justEntered(ctx context.Context, changes map[string]im.Delta) (map[string]bool, error) {
	var ids []store.MemberID
	for group, d := range changes {
		// Whoever came in and was changed afterwards is among the changed ones.
		for _, list := range [][]string{d.Insert, d.Update} {
			for _, id := range list {
				ids = append(ids, store.MemberID{GroupID: group, UserID: id})
			}
		}
	}
	members, err := s.store.MembersEach(ctx, ids)
	if err != nil {
		return nil, err
	}
	entered := make(map[string]bool)
	for i := range members {
		if members[i].JoinTime > s.nowMs()-noticeTime.Milliseconds() {
			entered[members[i].GroupID] = true
		}
	}
	return entered, nil
}

// tellGroup makes a user's devices ask for what is new in a group: the list of groups,
// which is all they have of it after a full answer, reports no changes, and may be older
// than the answer's position. A notice without a version makes them ask (sdk-sync.md 7.1).
func (s *Service) tellGroup(ctx context.Context, op im.Operator, g *im.Group) {
	s.tellEach(ctx, op, []string{op.UserID}, false, func(id string) (notice, any) {
		return notice{contentType: im.ContentGroupInfoSet, from: id, to: g.GroupID, session: im.SessionGroup},
			groupInfoSetTips{OpUser: &im.Member{GroupID: g.GroupID, UserID: id}, Group: g}
	})
}
