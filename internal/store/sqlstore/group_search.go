package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"parley/internal/im"
	"parley/internal/store"
)

// SearchGroups matches names here: the engines have no common notation for patterns.
func (q queries) SearchGroups(ctx context.Context, match func(string) bool, offset, limit int) ([]im.FoundGroup, int, error) {
	var page []string
	total := 0
	var err error
	if match == nil {
		err = q.h.QueryRow(ctx, `SELECT COUNT(*) FROM groups WHERE status <> 2`).Scan(&total)
		if err == nil {
			page, err = list(ctx, q.h, "SearchGroups", scanString, `SELECT group_id FROM groups WHERE status <> 2
				ORDER BY create_time DESC, group_id LIMIT $1 OFFSET $2`, limit, offset)
		}
	} else {
		page, total, err = q.matchGroups(ctx, match, offset, limit)
	}
	if err != nil || len(page) == 0 {
		return nil, total, failed("SearchGroups", err)
	}
	groups, err := q.Groups(ctx, page)
	if err != nil {
		return nil, 0, err
	}
	names, err := q.OwnerNicknames(ctx, page)
	if err != nil {
		return nil, 0, err
	}
	found := make([]im.FoundGroup, len(groups))
	for i, g := range groups {
		found[i] = im.FoundGroup{Group: g, OwnerNickname: names[g.GroupID]}
	}
	slices.SortFunc(found, func(a, b im.FoundGroup) int {
		return cmp.Or(cmp.Compare(b.CreateTime, a.CreateTime), cmp.Compare(a.GroupID, b.GroupID))
	})
	return found, total, nil
}

// matchGroups goes through the names and keeps the ids of one page only.
func (q queries) matchGroups(ctx context.Context, match func(string) bool, offset, limit int) (page []string, total int, err error) {
	return q.matching(ctx, match, offset, limit, `SELECT group_id, group_name FROM groups WHERE status <> 2 ORDER BY create_time DESC, group_id`)
}

// matching goes through the ids and names that a query selects, and keeps the ids
// of one page of those whose name matches, and their number.
func (q queries) matching(ctx context.Context, match func(string) bool, offset, limit int, query string, args ...any) (page []string, total int, err error) {
	rows, err := q.h.Query(ctx, query, args...)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, 0, err
		}
		if !match(name) {
			continue
		}
		if total >= offset && len(page) < limit {
			page = append(page, id)
		}
		total++
	}
	return page, total, rows.Err()
}

func (q queries) SearchMembers(ctx context.Context, groupID string, match func(string) bool, offset, limit int) ([]im.Member, int, error) {
	page, total, err := q.matching(ctx, match, offset, limit, `SELECT m.user_id,
		CASE WHEN m.nickname <> '' THEN m.nickname ELSE COALESCE(u.nickname, '') END`+memberTables+`WHERE m.group_id = $1`+memberOrder, groupID)
	if err != nil || len(page) == 0 {
		return nil, total, failed("SearchMembers", err)
	}
	found, err := q.Members(ctx, groupID, page)
	slices.SortFunc(found, func(a, b im.Member) int {
		return cmp.Or(cmp.Compare(b.RoleLevel, a.RoleLevel), cmp.Compare(a.JoinTime, b.JoinTime), cmp.Compare(a.UserID, b.UserID))
	})
	return found, total, err
}

func (q queries) OwnerNicknames(ctx context.Context, groupIDs []string) (map[string]string, error) {
	type owner struct{ group, nickname string }
	found, err := listIn(ctx, q.h, "OwnerNicknames", func(s scanner, o *owner) error { return s.Scan(&o.group, &o.nickname) },
		`SELECT group_id, nickname FROM group_members WHERE role_level = 100 AND group_id IN IDS`, groupIDs)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(found))
	for _, o := range found {
		out[o.group] = o.nickname
	}
	return out, nil
}

func (q queries) Managers(ctx context.Context, groupID string, limit int) ([]im.Member, error) {
	return list(ctx, q.h, "Managers", scanMember,
		`SELECT `+memberColumns+memberTables+`WHERE m.group_id = $1 AND m.role_level >= 60`+memberOrder+` LIMIT $2`, groupID, limit)
}

func (q queries) MembersByID(ctx context.Context, groupID, after string, limit int) ([]im.Member, error) {
	return list(ctx, q.h, "MembersByID", scanMember,
		`SELECT `+memberColumns+memberTables+`WHERE m.group_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3`, groupID, after, limit)
}

func (q queries) GroupRequest(ctx context.Context, groupID, userID string) (*im.GroupRequest, error) {
	r := new(im.GroupRequest)
	err := scanGroupRequest(q.h.QueryRow(ctx, `SELECT `+groupRequestColumns+` FROM group_requests r WHERE r.group_id = $1 AND r.user_id = $2`, groupID, userID), r)
	if err != nil {
		return nil, failed("GroupRequest", err)
	}
	return r, nil
}

// GroupRequests asks once for each chunk of the longer id list and merges: a page
// is the head of the merged pages.
func (q queries) GroupRequests(ctx context.Context, f store.GroupRequestFilter, offset, limit int) ([]im.GroupRequest, int, error) {
	where := ` WHERE 1 = 1` // followed by AND
	var before []any
	if f.ManagerID != "" {
		where = ` JOIN group_members m ON m.group_id = r.group_id AND m.user_id = $1 AND m.role_level >= 60` + where
		before = append(before, f.ManagerID)
	}
	if len(f.Results) > 0 {
		var known []string // numbers, and few of them: no placeholders
		for _, v := range []int32{im.RequestRefused, im.RequestPending, im.RequestAgreed} {
			if slices.Contains(f.Results, v) {
				known = append(known, strconv.Itoa(int(v)))
			}
		}
		if len(known) == 0 {
			return nil, 0, nil
		}
		where += ` AND r.handle_result IN (` + strings.Join(known, ",") + `)`
	}
	ids, column := ordered(f.GroupIDs), "group_id"
	if len(f.UserIDs) > 0 {
		if len(f.UserIDs) == 1 {
			before = append(before, f.UserIDs[0])
			where += fmt.Sprintf(` AND r.user_id = $%d`, len(before))
		} else { // never together with groups
			ids, column = ordered(f.UserIDs), "user_id"
			if len(f.GroupIDs) == 1 {
				before = append(before, f.GroupIDs[0])
				where += fmt.Sprintf(` AND r.group_id = $%d`, len(before))
			}
		}
	}
	if len(ids) == 0 {
		return q.requestPage(ctx, where, before, offset, limit)
	}
	if len(ids) <= chunk {
		var page []im.GroupRequest
		total := 0
		err := InChunks(ids, len(before)+1, func(in string, args []any) (err error) {
			page, total, err = q.requestPage(ctx, where+` AND r.`+column+` IN `+in, append(before[:len(before):len(before)], args...), offset, limit)
			return err
		})
		return page, total, err
	}
	var all []im.GroupRequest
	total := 0
	err := InChunks(ids, len(before)+1, func(in string, args []any) error {
		page, n, err := q.requestPage(ctx, where+` AND r.`+column+` IN `+in, append(before[:len(before):len(before)], args...), 0, offset+limit)
		all, total = append(all, page...), total+n
		return err
	})
	slices.SortFunc(all, func(a, b im.GroupRequest) int {
		return cmp.Or(cmp.Compare(b.ReqTime, a.ReqTime), cmp.Compare(a.GroupID, b.GroupID), cmp.Compare(a.UserID, b.UserID))
	})
	all = all[min(offset, len(all)):]
	return all[:min(limit, len(all))], total, err
}

func (q queries) requestPage(ctx context.Context, where string, args []any, offset, limit int) ([]im.GroupRequest, int, error) {
	total := 0
	if err := q.h.QueryRow(ctx, `SELECT COUNT(*) FROM group_requests r`+where, args...).Scan(&total); err != nil {
		return nil, 0, failed("GroupRequests", err)
	}
	if total == 0 || limit == 0 {
		return nil, total, nil
	}
	n := len(args)
	page, err := list(ctx, q.h, "GroupRequests", scanGroupRequest, `SELECT `+groupRequestColumns+` FROM group_requests r`+where+
		fmt.Sprintf(` ORDER BY r.req_time DESC, r.group_id, r.user_id LIMIT $%d OFFSET $%d`, n+1, n+2), append(args[:n:n], limit, offset)...)
	return page, total, err
}

func (q queries) PendingGroupRequests(ctx context.Context, managerID string, after int64) (n int64, err error) {
	err = q.h.QueryRow(ctx, `SELECT COUNT(*) FROM group_members m JOIN group_requests r ON r.group_id = m.group_id
		WHERE m.user_id = $1 AND m.role_level >= 60 AND r.handle_result = 0 AND r.req_time > $2`, managerID, after).Scan(&n)
	return n, failed("PendingGroupRequests", err)
}
