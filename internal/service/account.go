package service

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"parley/internal/im"
	"parley/internal/store"
)

const (
	// accountIDTries is how often a random id is drawn before giving up.
	accountIDTries = 20
	// maxProfileText bounds names and faces of notification accounts, and what is searched for.
	maxProfileText = 4 << 10
	maxKeyword     = 256
)

// UsersPage returns a page of the ordinary users, oldest first, and their number:
// all of them, or those with a given part in their id or nickname.
func (s *Service) UsersPage(ctx context.Context, idPart, namePart string, p Page) ([]im.User, int, error) {
	if err := usableTexts("service.UsersPage", maxKeyword, idPart, namePart); err != nil {
		return nil, 0, err
	}
	offset, limit := p.window()
	return s.store.UsersPage(ctx, store.UserFilter{MinLevel: 0, MaxLevel: im.LevelAppAdmin - 1, IDPart: idPart, NamePart: namePart}, offset, limit)
}

// UserIDsPage returns a page of all ids, oldest account first, and their number.
func (s *Service) UserIDsPage(ctx context.Context, p Page) ([]string, int, error) {
	offset, limit := p.window()
	return s.store.UserIDsPage(ctx, offset, limit)
}

// AddNotificationAccount creates an account that sends notifications, with a
// random id unless the request has one (rest-auth-user.md 6). For administrators.
func (s *Service) AddNotificationAccount(ctx context.Context, op im.Operator, u im.User) (*im.User, error) {
	const name = "service.AddNotificationAccount"
	if err := admin(op, name); err != nil {
		return nil, err
	}
	if u.AppMangerLevel < im.LevelNotificationAccount {
		return nil, im.Errorf(im.Invalid, name, "appMangerLevel must be at least %d", im.LevelNotificationAccount)
	}
	if err := usableIDs(name, u.UserID); err != nil {
		return nil, err
	}
	if strings.ContainsRune(u.UserID, ':') { // it separates the parts of keys elsewhere
		return nil, im.Errorf(im.Invalid, name, "userID holds ':'")
	}
	if err := usableTexts(name, maxProfileText, u.Nickname, u.FaceURL); err != nil {
		return nil, err
	}
	u.CreateTime = s.nowMs()
	insert := func() error {
		return s.store.Update(ctx, func(tx store.Tx) error { return tx.InsertUsers(ctx, []im.User{u}) })
	}
	if u.UserID != "" {
		err := insert()
		if im.IsKind(err, im.AlreadyRegistered) {
			err = im.Errorf(im.Invalid, name, "userID is registered already")
		}
		return &u, err
	}
	for range accountIDTries {
		u.UserID = strconv.FormatInt(1e9+rand.Int64N(9e9), 10) // ten digits
		err := insert()
		if !im.IsKind(err, im.AlreadyRegistered) {
			return &u, err
		}
	}
	return nil, im.Errorf(im.Internal, name, "no free userID found")
}

// UpdateNotificationAccount renames an account or gives it a new face. Nobody is
// told. For administrators.
func (s *Service) UpdateNotificationAccount(ctx context.Context, op im.Operator, userID string, p im.UserPatch) error {
	const name = "service.UpdateNotificationAccount"
	if err := admin(op, name); err != nil {
		return err
	}
	if err := usableIDs(name, userID); err != nil {
		return err
	}
	for _, t := range []*string{p.Nickname, p.FaceURL} {
		if t != nil {
			if err := usableTexts(name, maxProfileText, *t); err != nil {
				return err
			}
		}
	}
	err := s.store.Update(ctx, func(tx store.Tx) error { return tx.PatchUser(ctx, userID, p) })
	if im.IsKind(err, im.NotFound) {
		return im.Errorf(im.Invalid, name, "no such account")
	}
	s.caches.users.Invalidate(userID)
	return err
}

// NotificationAccounts returns a page of the accounts that are neither users nor
// administrators, and their number: those with this id or, if there is none, this
// nickname; all for an empty keyword. level selects one level; nil: all. For administrators.
func (s *Service) NotificationAccounts(ctx context.Context, op im.Operator, keyword string, level *int32, p Page) ([]im.User, int, error) {
	const name = "service.NotificationAccounts"
	if err := admin(op, name); err != nil {
		return nil, 0, err
	}
	if err := usableTexts(name, maxKeyword, keyword); err != nil {
		return nil, 0, err
	}
	f := store.UserFilter{MinLevel: im.LevelNotificationAccount, MaxLevel: math.MaxInt32, Except: s.o.AdminIDs, ID: keyword}
	if level != nil {
		f.MinLevel, f.MaxLevel = max(f.MinLevel, *level), *level
	}
	offset, limit := p.window()
	found, total, err := s.store.UsersPage(ctx, f, offset, limit)
	if err != nil || total > 0 || keyword == "" {
		return found, total, err
	}
	f.ID, f.Name = "", keyword
	return s.store.UsersPage(ctx, f, offset, limit)
}
