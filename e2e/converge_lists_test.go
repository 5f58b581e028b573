package e2e

import (
	"fmt"
	"slices"

	"parley/imtest"
	"parley/internal/im"
)

// list is a local copy of a logged list, as the SDK keeps it (incremental-sync.md 8).
type list[T any] struct {
	key      func(T) string
	version  im.Version
	ids      []string
	rows     map[string]T
	keepRows bool // elements that leave the list stay as rows (conversations: sdk-sync.md 6.2)
}

func newList[T any](key func(T) string) list[T] { return list[T]{key: key, rows: map[string]T{}} }

func friendKey(f im.Friend) string             { return f.FriendUser.UserID }
func groupKey(g im.Group) string               { return g.GroupID }
func conversationKey(c im.Conversation) string { return c.ConversationID }
func memberKey(m im.Member) string             { return m.UserID }

// listChanges is the answer of an incremental route.
type listChanges[T any] struct {
	Version        uint64
	VersionID      string
	Full           bool
	Delete         []string
	Insert, Update []T
	SortVersion    uint64
	Group          *im.Group
}

func (l *list[T]) request(more imtest.H) imtest.H {
	more["versionID"], more["version"] = l.version.ID, l.version.Number
	return more
}

// remove and upsert are the two ways rows change; both keep ids in step.
func (l *list[T]) remove(id string) {
	l.ids = slices.DeleteFunc(l.ids, func(s string) bool { return s == id })
	if !l.keepRows {
		delete(l.rows, id)
	}
}

func (l *list[T]) upsert(v T) {
	id := l.key(v)
	if !slices.Contains(l.ids, id) {
		l.ids = append(l.ids, id)
	}
	l.rows[id] = v
}

// take works an answer into the copy (incremental-sync.md 8.1). Nothing is kept
// if a call fails in between.
func (l *list[T]) take(a listChanges[T], rows func() ([]T, error), ids func() ([]string, error)) error {
	if a.Version == 0 || a.VersionID == "" {
		return fmt.Errorf("version %d of %q", a.Version, a.VersionID)
	}
	if a.Full {
		if len(a.Delete)+len(a.Insert)+len(a.Update) > 0 {
			return fmt.Errorf("a full answer with elements: %+v", a)
		}
		all, err := rows()
		if err != nil {
			return err
		}
		if l.ids, err = ids(); err != nil {
			return err
		}
		if !l.keepRows {
			clear(l.rows)
		}
		for _, v := range all {
			l.rows[l.key(v)] = v
		}
	} else {
		if len(a.Delete)+len(a.Insert)+len(a.Update) == 0 && a.Group == nil {
			return nil // not even the version is stored
		}
		for _, id := range a.Delete {
			l.remove(id)
		}
		seen := slices.Clone(a.Delete)
		for _, v := range slices.Concat(a.Insert, a.Update) {
			if slices.Contains(seen, l.key(v)) {
				return fmt.Errorf("%s is in two lists of one answer", l.key(v))
			}
			seen = append(seen, l.key(v))
			l.upsert(v)
		}
		if a.SortVersion > 0 {
			sorted, err := ids()
			if err != nil {
				return err
			}
			l.ids = sorted
		}
	}
	l.version = im.Version{ID: a.VersionID, Number: a.Version}
	return nil
}

// pages reads a paged list to its end as the SDK does: until a short page.
func pages[T any](size int, page func(p imtest.H) ([]T, error)) ([]T, error) {
	var all []T
	for n := 1; ; n++ {
		got, err := page(imtest.H{"pageNumber": n, "showNumber": size})
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
		if len(got) < size {
			return all, nil
		}
		if n > 1000 {
			return nil, fmt.Errorf("the list never ends")
		}
	}
}

// caller calls a route: as the user, or as administrator for the truth.
type caller func(path string, in, out any) error

func friendsOf(call caller, id string) ([]im.Friend, error) {
	return pages(100, func(p imtest.H) ([]im.Friend, error) {
		var r struct{ FriendsInfo []im.Friend }
		err := call("/friend/get_friend_list", imtest.H{"userID": id, "pagination": p}, &r)
		return r.FriendsInfo, err
	})
}

func blacksOf(call caller, id string) (map[string]im.Black, error) {
	all, err := pages(200, func(p imtest.H) ([]im.Black, error) {
		var r struct{ Blacks []im.Black }
		err := call("/friend/get_black_list", imtest.H{"userID": id, "pagination": p}, &r)
		return r.Blacks, err
	})
	out := make(map[string]im.Black, len(all))
	for _, b := range all {
		out[b.BlackUserInfo.UserID] = b
	}
	return out, err
}

func groupsOf(call caller, id string) ([]im.Group, error) {
	return pages(100, func(p imtest.H) ([]im.Group, error) {
		var r struct{ Groups []im.Group }
		err := call("/group/get_joined_group_list", imtest.H{"fromUserID": id, "pagination": p}, &r)
		return r.Groups, err
	})
}

func membersOf(call caller, groupID string) ([]im.Member, error) {
	return pages(100, func(p imtest.H) ([]im.Member, error) {
		var r struct{ Members []im.Member }
		err := call("/group/get_group_member_list", imtest.H{"groupID": groupID, "pagination": p}, &r)
		return r.Members, err
	})
}

func conversationsOf(call caller, id string) ([]im.Conversation, error) {
	var r struct{ Conversations []im.Conversation }
	err := call("/conversation/get_all_conversations", imtest.H{"ownerUserID": id}, &r)
	return r.Conversations, err
}

func (c *sim) syncFriends() {
	var a listChanges[im.Friend]
	err := c.post("/friend/get_incremental_friends", c.friends.request(imtest.H{"userID": c.id}), &a)
	if err == nil {
		err = c.friends.take(a, func() ([]im.Friend, error) { return friendsOf(c.post, c.id) }, func() ([]string, error) {
			var r struct{ UserIDs []string }
			err := c.post("/friend/get_full_friend_user_ids", imtest.H{"userID": c.id, "idHash": 0}, &r)
			return r.UserIDs, err
		})
	}
	c.fail("friends", err)
}

func (c *sim) syncBlacks() {
	blacks, err := blacksOf(c.post, c.id)
	if err == nil {
		c.blacks = blacks
	}
	c.fail("blacks", err)
}

func (c *sim) syncConversations() {
	var a listChanges[im.Conversation]
	err := c.post("/conversation/get_incremental_conversations", c.convs.request(imtest.H{"userID": c.id}), &a)
	if err == nil {
		rows := func() ([]im.Conversation, error) { return conversationsOf(c.post, c.id) }
		if len(c.convs.rows) == 0 {
			rows = func() ([]im.Conversation, error) {
				return pages(300, func(p imtest.H) ([]im.Conversation, error) {
					var r struct{ Conversations []im.Conversation }
					err := c.post("/conversation/get_owner_conversation", imtest.H{"userID": c.id, "pagination": p}, &r)
					return r.Conversations, err
				})
			}
		}
		err = c.convs.take(a, rows, func() ([]string, error) {
			var r struct{ ConversationIDs []string }
			err := c.post("/conversation/get_full_conversation_ids", imtest.H{"userID": c.id, "idHash": 0}, &r)
			return r.ConversationIDs, err
		})
	}
	c.fail("conversations", err)
}

func (c *sim) syncJoined() {
	var a listChanges[im.Group]
	err := c.post("/group/get_incremental_join_groups", c.joined.request(imtest.H{"userID": c.id}), &a)
	if err == nil {
		err = c.joined.take(a, func() ([]im.Group, error) { return groupsOf(c.post, c.id) }, func() ([]string, error) {
			var r struct{ GroupIDs []string }
			err := c.post("/group/get_full_join_group_ids", imtest.H{"userID": c.id, "idHash": 0}, &r)
			return r.GroupIDs, err
		})
	}
	for id := range c.members { // with a group go its members and their version
		if !slices.Contains(c.joined.ids, id) {
			delete(c.members, id)
		}
	}
	c.fail("joined groups", err)
}

// syncMembers is the batch loop (incremental-sync.md 8.2): what an answer leaves
// out is asked again, until an answer is empty.
func (c *sim) syncMembers(groups ...string) {
	wanted := slices.Clone(groups)
	for round := 0; len(wanted) > 0; round++ {
		if round > len(groups) {
			c.fail("members", fmt.Errorf("an SDK would ask for %v for ever", wanted))
			return
		}
		var asked []imtest.H
		for _, g := range wanted {
			l := c.members[g]
			if l == nil {
				l = new(list[im.Member])
			}
			asked = append(asked, l.request(imtest.H{"groupID": g}))
		}
		var r struct {
			RespList map[string]*listChanges[im.Member]
		}
		err := c.post("/group/get_incremental_group_members_batch", imtest.H{"userID": c.id, "reqList": asked}, &r)
		if err != nil || len(r.RespList) == 0 {
			c.fail("members", err)
			return
		}
		for g, a := range r.RespList {
			c.fail("members of "+g, c.takeMembers(g, *a))
			wanted = slices.DeleteFunc(wanted, func(s string) bool { return s == g })
		}
	}
}

// takeMembers works an answer or a tip into the copy of a group's members. The
// group of a full answer is ignored (incremental-sync.md 8.1).
func (c *sim) takeMembers(groupID string, a listChanges[im.Member]) error {
	l := c.members[groupID]
	if l == nil {
		fresh := newList(memberKey)
		l = &fresh
	}
	err := l.take(a, func() ([]im.Member, error) { return membersOf(c.post, groupID) }, func() ([]string, error) { return c.memberIDs(groupID) })
	if err != nil {
		return err
	}
	c.members[groupID] = l
	if a.Group != nil && !a.Full {
		c.joined.rows[a.Group.GroupID] = *a.Group
	}
	return nil
}

func (c *sim) memberIDs(groupID string) ([]string, error) {
	var r struct{ UserIDs []string }
	err := c.post("/group/get_full_group_member_user_ids", imtest.H{"groupID": groupID, "idHash": 0}, &r)
	return r.UserIDs, err
}

// showMembers fetches the rows of members whose ids are known and who are not there,
// as the SDK does when an app shows them (sdk-sync.md 6.2): the pages of a long list
// miss somebody when others leave while they are read.
func (c *sim) showMembers(groupID string, l *list[im.Member]) error {
	missing := slices.DeleteFunc(slices.Clone(l.ids), func(id string) bool { _, ok := l.rows[id]; return ok })
	if len(missing) == 0 {
		return nil
	}
	var r struct{ Members []im.Member }
	err := c.post("/group/get_group_members_info", imtest.H{"groupID": groupID, "userIDs": missing}, &r)
	for _, m := range r.Members {
		l.rows[m.UserID] = m
	}
	return err
}

// groupTips is the union of the group notifications.
type groupTips struct {
	Group                                         *im.Group
	QuitUser, EntrantUser, MutedUser, ChangedUser *im.Member
	NewGroupOwner, OldGroupOwnerInfo              *im.Member
	KickedUserList, InvitedUserList               []*im.Member
	GroupMemberVersion, GroupSortVersion          uint64
	GroupMemberVersionID                          string
}

// groupChanged handles a group notification (sdk-sync.md 7.1, 7.2).
func (c *sim) groupChanged(contentType int32, t *groupTips) {
	if t.Group == nil {
		if contentType < 1503 || contentType > 1506 || contentType == 1504 {
			c.fail("tips", fmt.Errorf("%d without a group crashes the SDK", contentType))
		}
		return
	}
	self := func(list ...*im.Member) bool {
		return slices.ContainsFunc(list, func(m *im.Member) bool { return m != nil && m.UserID == c.id })
	}
	a := listChanges[im.Member]{Version: t.GroupMemberVersion, VersionID: t.GroupMemberVersionID, Group: t.Group}
	put := func(list ...*im.Member) {
		for _, m := range list {
			if m == nil {
				c.fail("tips", fmt.Errorf("%d without its member crashes the SDK", contentType))
				continue
			}
			a.Update = append(a.Update, *m)
		}
	}
	switch contentType {
	case 1501:
		c.syncJoined()
		c.syncMembers(t.Group.GroupID)
		return
	case 1511:
		c.syncJoined()
		return
	case 1503, 1505, 1506:
		return
	case 1504, 1508:
		gone := t.KickedUserList
		if contentType == 1504 {
			gone = []*im.Member{t.QuitUser}
		}
		if self(gone...) {
			c.syncJoined()
			return
		}
		for _, m := range gone {
			a.Delete = append(a.Delete, m.UserID)
		}
	case 1509, 1510:
		came := t.InvitedUserList
		if contentType == 1510 {
			came = []*im.Member{t.EntrantUser}
		}
		if self(came...) {
			c.syncJoined()
			c.syncMembers(t.Group.GroupID)
			return
		}
		put(came...)
	case 1507:
		put(t.NewGroupOwner, t.OldGroupOwnerInfo)
		a.SortVersion = t.GroupMemberVersion
	case 1512, 1513:
		put(t.MutedUser)
	case 1516, 1517, 1518:
		put(t.ChangedUser)
		a.SortVersion = t.GroupSortVersion
	}
	if contentType == 1512 || contentType == 1513 || contentType >= 1516 && contentType <= 1518 {
		a.Group = nil // these apply the member only
	}
	l := c.members[t.Group.GroupID]
	switch {
	case l == nil: // a tip about a group the client does not know is dropped
	case a.VersionID != l.version.ID || a.Version > l.version.Number+1:
		c.syncMembers(t.Group.GroupID)
	case a.Version == l.version.Number+1:
		c.fail(fmt.Sprint("tips ", contentType), c.takeMembers(t.Group.GroupID, a))
	}
}
