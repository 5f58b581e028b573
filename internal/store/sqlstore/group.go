package sqlstore

import (
	"context"
	"database/sql"

	"parley/internal/im"
	"parley/internal/store"
)

const groupColumns = `g.group_id, g.group_name, g.notification, g.introduction, g.face_url,
	COALESCE((SELECT m.user_id FROM group_members m WHERE m.group_id = g.group_id AND m.role_level = 100 LIMIT 1), ''),
	g.create_time, g.member_count, g.ex, g.status, g.creator_user_id, g.group_type, g.need_verification,
	g.look_member_info, g.apply_member_friend, g.notification_update_time, g.notification_user_id`

func scanGroup(s scanner, g *im.Group) error {
	return s.Scan(&g.GroupID, &g.GroupName, &g.Notification, &g.Introduction, &g.FaceURL, &g.OwnerUserID,
		&g.CreateTime, &g.MemberCount, &g.Ex, &g.Status, &g.CreatorUserID, &g.GroupType, &g.NeedVerification,
		&g.LookMemberInfo, &g.ApplyMemberFriend, &g.NotificationUpdateTime, &g.NotificationUserID)
}

func (q queries) Group(ctx context.Context, groupID string) (*im.Group, error) {
	g := new(im.Group)
	err := scanGroup(q.h.QueryRow(ctx, `SELECT `+groupColumns+` FROM groups g WHERE g.group_id = $1`, groupID), g)
	if err != nil {
		return nil, failed("Group", err)
	}
	return g, nil
}

func (q queries) Groups(ctx context.Context, ids []string) ([]im.Group, error) {
	return listIn(ctx, q.h, "Groups", scanGroup, `SELECT `+groupColumns+` FROM groups g WHERE g.group_id IN IDS`, ids)
}

// A member's empty nickname and face are filled from the user when read.
const memberColumns = `m.group_id, m.user_id, m.role_level, m.join_time,
	CASE WHEN m.nickname <> '' THEN m.nickname ELSE COALESCE(u.nickname, '') END,
	CASE WHEN m.face_url <> '' THEN m.face_url ELSE COALESCE(u.face_url, '') END,
	m.join_source, m.operator_user_id, m.ex, m.mute_end_time, m.inviter_user_id`

const memberTables = ` FROM group_members m LEFT JOIN users u ON u.user_id = m.user_id `

// memberOrder is the order of every member list (incremental-sync.md 2).
const memberOrder = ` ORDER BY m.role_level DESC, m.join_time, m.user_id`

func scanMember(s scanner, m *im.Member) error {
	return s.Scan(&m.GroupID, &m.UserID, &m.RoleLevel, &m.JoinTime, &m.Nickname, &m.FaceURL,
		&m.JoinSource, &m.OperatorUserID, &m.Ex, &m.MuteEndTime, &m.InviterUserID)
}

func (q queries) Members(ctx context.Context, groupID string, userIDs []string) ([]im.Member, error) {
	return listIn(ctx, q.h, "Members", scanMember,
		`SELECT `+memberColumns+memberTables+`WHERE m.group_id = $1 AND m.user_id IN IDS`, userIDs, groupID)
}

func (q queries) MembersEach(ctx context.Context, ids []store.MemberID) (out []im.Member, err error) {
	err = inRows(ids, func(part []store.MemberID) error {
		args := make([]any, 0, 2*len(part))
		for _, id := range part {
			args = append(args, id.GroupID, id.UserID)
		}
		found, err := list(ctx, q.h, "MembersEach", scanMember, `WITH asked (group_id, user_id) AS (VALUES `+rowsText(len(part), `($%d, $%d)`)+`)
			SELECT `+memberColumns+` FROM asked JOIN group_members m ON m.group_id = asked.group_id AND m.user_id = asked.user_id
			LEFT JOIN users u ON u.user_id = m.user_id`, args...)
		out = append(out, found...)
		return err
	})
	return out, err
}

func (q queries) JoinedAmong(ctx context.Context, userID string, groupIDs []string) ([]string, error) {
	return listIn(ctx, q.h, "JoinedAmong", scanString, `SELECT m.group_id FROM group_members m JOIN groups g ON g.group_id = m.group_id
		WHERE m.user_id = $1 AND g.status <> 2 AND m.group_id IN IDS`, groupIDs, userID)
}

func (q queries) MembersPage(ctx context.Context, groupID string, offset, limit int) ([]im.Member, error) {
	return list(ctx, q.h, "MembersPage", scanMember,
		`SELECT `+memberColumns+memberTables+`WHERE m.group_id = $1`+memberOrder+` LIMIT $2 OFFSET $3`, groupID, limit, offset)
}

func (q queries) MemberIDs(ctx context.Context, groupID string) ([]string, error) {
	return list(ctx, q.h, "MemberIDs", scanString,
		`SELECT m.user_id FROM group_members m WHERE m.group_id = $1`+memberOrder, groupID)
}

func (q queries) MemberStates(ctx context.Context, groupID string) ([]store.MemberState, error) {
	return list(ctx, q.h, "MemberStates", func(s scanner, m *store.MemberState) error {
		return s.Scan(&m.UserID, &m.RoleLevel, &m.MuteEndTime)
	}, `SELECT user_id, role_level, mute_end_time FROM group_members WHERE group_id = $1`, groupID)
}

// joinedOrder is the order of a user's groups (incremental-sync.md 2).
const joinedOrder = ` ORDER BY g.group_name, g.create_time, g.group_id`

// entryOrder is the order that decides on their pages.
const entryOrder = ` ORDER BY m.join_time, m.group_id`

// A group leaves a user's list when the user is removed from it, with the step that says
// so; the members of a large one that is dismissed are removed one after the other.
const (
	listed       = `(g.status <> 2 OR EXISTS (SELECT 1 FROM dismissals d WHERE d.group_id = g.group_id))`
	joinedTables = `group_members m JOIN groups g ON g.group_id = m.group_id WHERE m.user_id = $1 AND ` + listed
)

func (q queries) JoinedGroupIDs(ctx context.Context, userID string) ([]string, error) {
	return list(ctx, q.h, "JoinedGroupIDs", scanString, `SELECT g.group_id FROM `+joinedTables+joinedOrder, userID)
}

func (q queries) JoinedGroups(ctx context.Context, userID string, offset, limit int) ([]im.Group, int, error) {
	total, err := q.count(ctx, "JoinedGroups", joinedTables, userID)
	if err != nil {
		return nil, 0, err
	}
	page, err := list(ctx, q.h, "JoinedGroups", scanGroup, `SELECT `+groupColumns+` FROM groups g WHERE g.group_id IN (
		SELECT m.group_id FROM `+joinedTables+entryOrder+` LIMIT $2 OFFSET $3)`+joinedOrder, userID, limit, offset)
	return page, total, err
}

func (t *tx) JoinedPageEnds(ctx context.Context, userIDs []string, size, pages int) (map[string][]string, error) {
	ends, err := listIn(ctx, t.h, "JoinedPageEnds", func(s scanner, id *store.MemberID) error { return s.Scan(&id.UserID, &id.GroupID) },
		`SELECT user_id, group_id FROM (
			SELECT m.user_id, m.group_id, row_number() OVER (PARTITION BY m.user_id`+entryOrder+`) AS place
			FROM group_members m JOIN groups g ON g.group_id = m.group_id WHERE m.user_id IN IDS AND `+listed+`) AS placed
		WHERE place % $1 = 0 AND place <= $2 ORDER BY user_id, place`, userIDs, size, size*pages)
	out := make(map[string][]string)
	for _, e := range ends {
		out[e.UserID] = append(out[e.UserID], e.GroupID)
	}
	return out, err
}

func (q queries) GroupsShowingProfile(ctx context.Context, userID string) ([]string, error) {
	return list(ctx, q.h, "GroupsShowingProfile", scanString, `SELECT g.group_id
		FROM group_members m JOIN groups g ON g.group_id = m.group_id
		WHERE m.user_id = $1 AND g.status <> 2 AND (m.nickname = '' OR m.face_url = '') ORDER BY g.group_id`, userID)
}

func (t *tx) InsertGroup(ctx context.Context, g im.Group) error {
	added, err := t.changed(ctx, `INSERT INTO groups (group_id, group_name, notification, introduction, face_url, create_time,
		member_count, ex, status, creator_user_id, group_type, need_verification, look_member_info, apply_member_friend,
		notification_update_time, notification_user_id)
		VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (group_id) DO NOTHING`,
		g.GroupID, g.GroupName, g.Notification, g.Introduction, g.FaceURL, g.CreateTime, g.Ex, g.Status, g.CreatorUserID,
		g.GroupType, g.NeedVerification, g.LookMemberInfo, g.ApplyMemberFriend, g.NotificationUpdateTime, g.NotificationUserID)
	if err == nil && !added {
		return im.Errorf(im.GroupExists, "InsertGroup", "group id exists: %s", g.GroupID)
	}
	return failed("InsertGroup", err)
}

// InsertMembers raises the count first: the group's row then keeps two writers of
// one group apart.
func (t *tx) InsertMembers(ctx context.Context, groupID string, members []im.Member) error {
	found, err := t.changed(ctx, `UPDATE groups SET member_count = member_count + $2 WHERE group_id = $1`, groupID, len(members))
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	if err != nil {
		return failed("InsertMembers", err)
	}
	const row = `($%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d)`
	err = inRows(members, func(part []im.Member) error {
		args := make([]any, 0, 11*len(part))
		for i := range part {
			m := &part[i]
			args = append(args, groupID, m.UserID, m.RoleLevel, m.JoinTime, m.Nickname, m.FaceURL, m.JoinSource, m.OperatorUserID, m.Ex,
				m.MuteEndTime, m.InviterUserID)
		}
		added, err := t.affected(ctx, `INSERT INTO group_members (group_id, user_id, role_level, join_time, nickname, face_url,
			join_source, operator_user_id, ex, mute_end_time, inviter_user_id) VALUES `+rowsText(len(part), row)+`
			ON CONFLICT (group_id, user_id) DO NOTHING`, args...)
		if err == nil && added != len(part) {
			return im.Errorf(im.Duplicate, "InsertMembers", "some of the users are members already")
		}
		return err
	})
	if im.IsKind(err, im.Duplicate) {
		return err
	}
	return failed("InsertMembers", err)
}
