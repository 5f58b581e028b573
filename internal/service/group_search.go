package service

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/json"
	"regexp"

	"parley/internal/im"
)

// maxPattern bounds the pattern of a search: what it costs grows with its length.
const maxPattern = 256

// SearchGroups returns the group with an id, dismissed or not, or a page of the
// live groups whose name matches a regular expression, newest first (rest-group.md 5).
func (s *Service) SearchGroups(ctx context.Context, groupID, pattern string, p Page) ([]im.FoundGroup, int, error) {
	const name = "service.SearchGroups"
	if groupID != "" {
		if err := usableIDs(name, groupID); err != nil {
			return nil, 0, err
		}
		g, err := s.store.Group(ctx, groupID)
		if im.IsKind(err, im.NotFound) {
			return nil, 0, nil
		}
		if err != nil {
			return nil, 0, err
		}
		names, err := s.store.OwnerNicknames(ctx, []string{groupID})
		if err != nil {
			return nil, 0, err
		}
		return slice(p, []im.FoundGroup{{Group: *g, OwnerNickname: names[groupID]}}), 1, nil
	}
	var match func(string) bool
	if pattern != "" {
		var err error
		if match, err = matcher(name, "groupName", pattern); err != nil {
			return nil, 0, err
		}
	}
	offset, limit := p.window()
	return s.store.SearchGroups(ctx, match, offset, limit)
}

// SearchMembers returns a page of the members whose name, as the group shows it,
// matches a regular expression, by role, then joining order, and their number
// (rest-group.md 5).
func (s *Service) SearchMembers(ctx context.Context, op im.Operator, groupID, pattern string, p Page) ([]im.Member, int, error) {
	const name = "service.SearchMembers"
	if err := s.inGroup(ctx, op, name, groupID); err != nil {
		return nil, 0, err
	}
	match, err := matcher(name, "keyword", pattern)
	if err != nil {
		return nil, 0, err
	}
	offset, limit := p.window()
	return s.store.SearchMembers(ctx, groupID, match, offset, limit)
}

// matcher compiles the regular expression of a search.
func matcher(name, field, pattern string) (func(string) bool, error) {
	re, err := regexp.Compile(pattern)
	if err != nil || len(pattern) > maxPattern {
		return nil, im.Errorf(im.Invalid, name, "%s is no regular expression of at most %d bytes", field, maxPattern)
	}
	return re.MatchString, nil
}

// GroupAbstract is a digest of a group's members.
type GroupAbstract struct {
	GroupID string `json:"groupID"`
	Number  uint32 `json:"groupMemberNumber"`
	Hash    uint64 `json:"groupMemberListHash"`
}

const (
	// maxHashed bounds the members that one request has hashed.
	maxHashed = 300_000
	hashBatch = 1000
)

// GroupAbstracts returns digests of groups (rest-group.md 5.1).
func (s *Service) GroupAbstracts(ctx context.Context, op im.Operator, ids []string) ([]GroupAbstract, error) {
	const name = "service.GroupAbstracts"
	if len(ids) == 0 || len(ids) > maxGroupList || len(distinct(ids)) != len(ids) {
		return nil, im.Errorf(im.Invalid, name, "between 1 and %d groups, each once", maxGroupList)
	}
	if err := usableIDs(name, ids...); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := s.inGroup(ctx, op, name, id); err != nil {
			return nil, err
		}
	}
	found, err := s.store.Groups(ctx, ids)
	if err != nil {
		return nil, err
	}
	if len(found) != len(ids) {
		return nil, im.Errorf(im.GroupNotFound, name, "a group does not exist")
	}
	members := 0
	for i := range found {
		members += int(found[i].MemberCount)
	}
	if members > maxHashed {
		return nil, im.Errorf(im.Invalid, name, "more than %d members in all", maxHashed)
	}
	out := make([]GroupAbstract, len(ids))
	for i, id := range ids {
		if out[i], err = s.groupAbstract(ctx, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// groupAbstract hashes the JSON list of all members by id: the first 8 bytes of its MD5.
func (s *Service) groupAbstract(ctx context.Context, groupID string) (GroupAbstract, error) {
	a := GroupAbstract{GroupID: groupID}
	sum := md5.New()
	separator := "["
	for after := ""; ; {
		page, err := s.store.MembersByID(ctx, groupID, after, hashBatch)
		if err != nil {
			return a, err
		}
		for i := range page {
			text, err := json.Marshal(&page[i])
			if err != nil {
				return a, &im.Error{Op: "service.groupAbstract", Err: err}
			}
			sum.Write([]byte(separator))
			sum.Write(bytes.TrimSpace(text))
			separator = ","
			a.Number++
		}
		if len(page) < hashBatch {
			break
		}
		after = page[len(page)-1].UserID
	}
	if a.Number == 0 {
		sum.Write([]byte("["))
	}
	sum.Write([]byte("]"))
	a.Hash = binary.BigEndian.Uint64(sum.Sum(nil)[:8])
	return a, nil
}

// AllMemberIDs returns the ids of all members by role, then joining order.
func (s *Service) AllMemberIDs(ctx context.Context, op im.Operator, groupID string) ([]string, error) {
	if err := s.inGroup(ctx, op, "service.AllMemberIDs", groupID); err != nil {
		return nil, err
	}
	return s.store.MemberIDs(ctx, groupID)
}
