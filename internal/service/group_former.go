package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/store"
)

// GroupsInfo returns the groups that exist among ids, each once, and tells an
// operator who has left some of them so once more.
//
// The SDK needs a group's name for a chat it does not know yet, and puts whatever
// group it fetches for that into its list of joined ones. A device that was
// offline when its user left gets the last messages of the chat and the news of
// leaving at the same time; if the news is first, the group would stay in its
// list for good. So the news is repeated after such an answer.
func (s *Service) GroupsInfo(ctx context.Context, op im.Operator, ids []string) ([]im.Group, error) {
	groups, err := s.Groups(ctx, ids)
	if err != nil || op.Admin || len(groups) == 0 {
		return groups, err
	}
	chats := make([]string, len(groups))
	for i := range groups {
		chats[i] = im.GroupConversationID(groups[i].GroupID)
	}
	records, err := s.store.ConversationSeqs(ctx, op.UserID, chats)
	if err != nil {
		return nil, err
	}
	bounds := make(map[string]int64, len(records))
	for _, r := range records {
		bounds[r.State.ConversationID] = r.User.MaxSeq
	}
	var left []string
	for i, chat := range chats {
		bound, known := bounds[chat]
		if !known || bound == 0 && groups[i].Status != im.GroupDismissed {
			continue
		}
		if _, err := memberOf(ctx, s.store, "service.GroupsInfo", groups[i].GroupID, op.UserID); im.IsKind(err, im.NotFound) {
			left = append(left, groups[i].GroupID)
		}
	}
	if len(left) > 0 {
		s.logTold(op, s.repeatLeft(ctx, op, left))
	}
	return groups, nil
}

// repeatLeft lets a user's devices fetch once more that the user is in groups no more.
func (s *Service) repeatLeft(ctx context.Context, op im.Operator, groups []string) error {
	err := s.store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Step(ctx, im.ListJoinedGroups, op.UserID, im.ChangeDelete, groups...)
		return err
	})
	if err != nil {
		return err
	}
	for _, g := range groups {
		tips := memberQuitTips{Group: &im.Group{GroupID: g}, QuitUser: &im.Member{GroupID: g, UserID: op.UserID}}
		s.tellEach(ctx, op, []string{op.UserID}, false, func(id string) (notice, any) {
			return notice{contentType: im.ContentMemberQuit, from: id, to: g, session: im.SessionGroup}, tips
		})
	}
	return nil
}
