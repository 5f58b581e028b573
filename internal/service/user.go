package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/store"
	"parley/internal/webhook"
)

// MaxIDs bounds the ids of one request. Back ends register and look up in bulk;
// beyond this a request would hold the writer for too long.
const MaxIDs = 10_000

// RegisterUsers creates accounts, all or none (rest-auth-user.md 5.1).
func (s *Service) RegisterUsers(ctx context.Context, op im.Operator, users []im.User) error {
	const name = "service.RegisterUsers"
	if len(users) == 0 || len(users) > MaxIDs {
		return im.Errorf(im.Invalid, name, "between 1 and %d users", MaxIDs)
	}
	if err := admin(op, name); err != nil {
		return err
	}
	if err := checkNewUsers(name, users); err != nil {
		return err
	}
	users, err := s.askRegister(ctx, op, name, users)
	if err != nil {
		return err
	}
	now := s.nowMs()
	for i := range users {
		users[i].CreateTime = now
	}
	var events []happened
	for _, batch := range webhook.RegisterBatches(users) {
		events = append(events, userEvent(im.AfterUserRegister, batch[0].UserID, func(string) []byte {
			return webhook.RegisterBody(im.AfterUserRegister, batch)
		}))
	}
	return s.change(ctx, op.OperationID, func(ctx context.Context, tx store.Tx) error {
		if err := tx.InsertUsers(ctx, users); err != nil {
			return err
		}
		return s.emit(ctx, tx, op, events...)
	})
}

// checkNewUsers refuses a list of accounts of which one cannot be.
func checkNewUsers(name string, users []im.User) error {
	if len(users) > MaxIDs {
		return im.Errorf(im.Invalid, name, "at most %d users", MaxIDs)
	}
	seen := make(map[string]bool, len(users))
	for i := range users {
		u := &users[i]
		switch {
		case !im.ValidUserID(u.UserID):
			return im.Errorf(im.Invalid, name, "userID %q: only letters, digits and '_', at most %d bytes", u.UserID, im.MaxIDBytes)
		case u.Nickname == "":
			return im.Errorf(im.Invalid, name, "nickname is empty")
		case seen[u.UserID]:
			return im.Errorf(im.Invalid, name, "userID %s twice", u.UserID)
		}
		if err := usableTexts(name, maxTextBytes, u.Nickname, u.FaceURL, u.Ex); err != nil {
			return err
		}
		seen[u.UserID] = true
	}
	return nil
}

// askRegister asks whether accounts may be created, if somebody wants to be asked,
// and returns the accounts that are to be (webhooks.md F.1).
func (s *Service) askRegister(ctx context.Context, op im.Operator, name string, users []im.User) ([]im.User, error) {
	if !s.hooks.Asks(im.BeforeUserRegister) {
		return users, nil
	}
	ids := make([]string, len(users))
	for i := range users {
		ids[i] = users[i].UserID
	}
	taken, err := s.store.Users(ctx, ids)
	if err != nil {
		return nil, err
	}
	if len(taken) > 0 {
		return nil, im.Errorf(im.AlreadyRegistered, name, "userID %s is registered already", taken[0].UserID)
	}
	var out []im.User
	for _, batch := range webhook.RegisterBatches(users) {
		answer, err := s.ask(ctx, op, im.BeforeUserRegister, func(string) []byte {
			return webhook.RegisterBody(im.BeforeUserRegister, batch)
		})
		if err != nil {
			return nil, err
		}
		if list := answer.Objects("users"); len(list) > 0 {
			batch = make([]im.User, len(list))
			for i, a := range list {
				u := &batch[i]
				replace(&u.UserID, a.Text("userID"))
				replace(&u.Nickname, a.Text("nickname"))
				replace(&u.FaceURL, a.Text("faceURL"))
				replace(&u.Ex, a.Text("ex"))
				replace(&u.AppMangerLevel, a.Int("appMangerLevel"))
				replace(&u.GlobalRecvMsgOpt, a.Int("globalRecvMsgOpt"))
			}
		}
		out = append(out, batch...)
	}
	return out, checkNewUsers(name, out)
}

// userEvent is an event about an account.
func userEvent(c im.Command, userID string, body func(operationID string) []byte) happened {
	return happened{c, im.UserLane(userID), im.About{SendID: userID}, body}
}

// Users returns the users that exist among ids, each once.
func (s *Service) Users(ctx context.Context, ids []string) ([]im.User, error) {
	ids = distinct(ids)
	if len(ids) > MaxIDs {
		return nil, im.Errorf(im.Invalid, "service.Users", "at most %d ids", MaxIDs)
	}
	found, err := s.store.Users(ctx, ids)
	if err != nil {
		return nil, err
	}
	return byID(ids, found, func(u *im.User) string { return u.UserID }), nil
}

// distinct returns the ids without repetitions, in order.
func distinct(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// Registered tells for each id whether such a user exists. For administrators;
// a repeated id is refused first (rest-auth-user.md 5.4).
func (s *Service) Registered(ctx context.Context, op im.Operator, ids []string) ([]bool, error) {
	const name = "service.Registered"
	if len(distinct(ids)) != len(ids) || len(ids) > MaxIDs {
		return nil, im.Errorf(im.Invalid, name, "an id twice, or more than %d ids", MaxIDs)
	}
	if err := admin(op, name); err != nil {
		return nil, err
	}
	found, err := s.store.Users(ctx, ids)
	if err != nil {
		return nil, err
	}
	exists := make(map[string]bool, len(found))
	for i := range found {
		exists[found[i].UserID] = true
	}
	out := make([]bool, len(ids))
	for i, id := range ids {
		out[i] = exists[id]
	}
	return out, nil
}

// UpdateUserInfo changes those fields of a profile that the patch gives, which are
// not empty (rest-auth-user.md 5.2, webhooks.md F.3).
func (s *Service) UpdateUserInfo(ctx context.Context, op im.Operator, userID string, p im.UserPatch) error {
	const name = "service.UpdateUserInfo"
	if err := self(op, name, userID); err != nil {
		return err
	}
	answer, err := s.askProfile(ctx, op, im.BeforeUpdateUserInfo, userID, p)
	if err != nil {
		return err
	}
	replaceFilled(&p.Nickname, answer.Text("nickName"))
	replaceFilled(&p.FaceURL, answer.Text("faceURL"))
	replaceFilled(&p.Ex, answer.Text("ex"))
	return s.updateUser(ctx, op, name, userID, p, im.AfterUpdateUserInfo)
}

// UpdateUserInfoEx changes the fields of a profile that the patch gives, empty
// values included (webhooks.md F.5).
func (s *Service) UpdateUserInfoEx(ctx context.Context, op im.Operator, userID string, p im.UserPatch) error {
	const name = "service.UpdateUserInfoEx"
	if err := self(op, name, userID); err != nil {
		return err
	}
	answer, err := s.askProfile(ctx, op, im.BeforeUpdateUserInfoEx, userID, p)
	if err != nil {
		return err
	}
	replaceOptional(&p.Nickname, answer.Text("nickName"))
	replaceOptional(&p.FaceURL, answer.Text("faceURL"))
	replaceOptional(&p.Ex, answer.Text("ex"))
	return s.updateUser(ctx, op, name, userID, p, im.AfterUpdateUserInfoEx)
}

func (s *Service) askProfile(ctx context.Context, op im.Operator, c im.Command, userID string, p im.UserPatch) (*webhook.Answer, error) {
	return s.ask(ctx, op, c, func(string) []byte { return webhook.ProfileBody(c, userID, p) })
}

// SetGlobalReceive sets how a user gets messages of all chats (rest-auth-user.md 5.3).
func (s *Service) SetGlobalReceive(ctx context.Context, op im.Operator, userID string, opt int32) error {
	const name = "service.SetGlobalReceive"
	if err := self(op, name, userID); err != nil {
		return err
	}
	return s.updateUser(ctx, op, name, userID, im.UserPatch{GlobalRecvMsgOpt: &opt}, 0)
}

// updateUser changes an account and tells the user's devices, those who show the
// name or picture, and the business server if there is an event for it.
func (s *Service) updateUser(ctx context.Context, op im.Operator, name, userID string, p im.UserPatch, event im.Command) error {
	old, err := s.store.User(ctx, userID)
	if err != nil {
		return err
	}
	after := p.Apply(*old)
	if err := usableTexts(name, maxTextBytes, after.Nickname, after.FaceURL, after.Ex); err != nil {
		return err
	}
	told := s.deliveries(op, notice{contentType: im.ContentUserInfoUpdated, from: op.UserID, to: userID, session: im.SessionSingle})
	if err := setTips(told, userInfoUpdatedTips{UserID: userID}); err != nil {
		return err
	}
	shown := old.Nickname != after.Nickname || old.FaceURL != after.FaceURL
	var groups []memberChange
	var friends []string
	_, err = s.log.Append(ctx, &msglog.Entry{
		OperationID: op.OperationID,
		With: func(ctx context.Context, tx store.Tx) error {
			if p.Empty() {
				return nil
			}
			if err := tx.PatchUser(ctx, userID, p); err != nil {
				return err
			}
			if event != 0 {
				err := s.emit(ctx, tx, op, userEvent(event, userID, func(string) []byte { return webhook.ProfileBody(event, userID, p) }))
				if err != nil {
					return err
				}
			}
			if !shown {
				return nil
			}
			if groups, err = s.renamedInGroups(ctx, tx, userID); err != nil {
				return err
			}
			if friends, err = s.renamedAmongFriends(ctx, tx, userID); err != nil {
				return err
			}
			return s.renamedInBlocks(ctx, tx, userID)
		},
		Committed: func() {
			s.caches.users.Invalidate(userID)
			for _, g := range groups { // so that the next change of a member finds no gap
				s.groupFollows(g.groupID, viewStep{version: g.version})
			}
		},
		Messages: told,
	})
	if err != nil {
		return err
	}
	return s.tellRenamed(ctx, op, userID, groups, friends)
}

// memberChange is a step in a group's member log that changed one member.
type memberChange struct {
	groupID string
	version im.Version
}

// renamedInGroups writes a step into the member log of each group that shows
// the user's own name or picture.
func (s *Service) renamedInGroups(ctx context.Context, tx store.Tx, userID string) ([]memberChange, error) {
	ids, err := tx.GroupsShowingProfile(ctx, userID)
	if err != nil {
		return nil, err
	}
	var out []memberChange
	for _, id := range ids {
		v, err := tx.Step(ctx, im.ListMembers, id, im.ChangeUpdate, userID)
		if err != nil {
			return nil, err
		}
		out = append(out, memberChange{id, v})
	}
	return out, nil
}

// renamedAmongFriends writes a step into the friend log of each of the user's friends,
// and of everybody whose friend the user is: a friendship may have one side only.
func (s *Service) renamedAmongFriends(ctx context.Context, tx store.Tx, userID string) ([]string, error) {
	ids, err := tx.FriendIDs(ctx, userID)
	if err != nil {
		return nil, err
	}
	others, err := tx.FriendOf(ctx, userID)
	if err != nil {
		return nil, err
	}
	ids = distinct(append(ids, others...))
	for _, id := range ids {
		if _, err := tx.Step(ctx, im.ListFriends, id, im.ChangeUpdate, userID); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// renamedInBlocks writes a step into the log of each block list that shows the user.
// Nobody is told: it is not the blocked user's to make a device move.
func (s *Service) renamedInBlocks(ctx context.Context, tx store.Tx, userID string) error {
	owners, err := tx.BlockedBy(ctx, userID)
	if err != nil {
		return err
	}
	return tx.StepEach(ctx, im.ListBlacks, owners, im.ChangeUpdate, userID)
}

// tellRenamed sends 1516 to the groups and 1209 to the friends. The change is
// committed: a notification that fails is found by clients at their next sync.
func (s *Service) tellRenamed(ctx context.Context, op im.Operator, userID string, groups []memberChange, friends []string) error {
	for _, g := range groups {
		tips, err := s.memberTips(ctx, op, g, userID)
		if im.IsKind(err, im.NotInGroup) { // the notice about leaving is the later one
			continue
		}
		if err != nil {
			return err
		}
		n := s.deliveries(op, notice{contentType: im.ContentMemberInfoSet, from: op.UserID, to: g.groupID, session: im.SessionGroup})
		if err := setTips(n, tips); err != nil {
			return err
		}
		if _, err := s.log.Append(ctx, &msglog.Entry{OperationID: op.OperationID, Messages: n}); err != nil {
			return err
		}
	}
	for _, f := range friends {
		n := s.deliveries(op, notice{contentType: im.ContentFriendInfoUpdated, from: op.UserID, to: f, session: im.SessionSingle})
		if err := setTips(n, userInfoUpdatedTips{UserID: userID}); err != nil {
			return err
		}
		if _, err := s.log.Append(ctx, &msglog.Entry{OperationID: op.OperationID, Messages: n}); err != nil {
			return err
		}
	}
	return nil
}
