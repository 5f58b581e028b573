package service

import (
	"context"

	"parley/internal/im"
	"parley/internal/store"
)

// Bounds of a user's own rows. All of them together, which one request returns,
// stay below 64 MiB.
const (
	maxUserCommands    = 2000
	maxCommandBytes    = 16 << 10 // of value, and of ex
	maxCommandKeyBytes = 256
)

// AddUserCommand adds a row to a user's own key/value store (rest-auth-user.md
// 5.6). The same key may be there already.
func (s *Service) AddUserCommand(ctx context.Context, op im.Operator, userID string, c im.UserCommand) error {
	const name = "service.AddUserCommand"
	if err := s.mayCommand(op, name, userID, c.UUID, c.Value, c.Ex); err != nil {
		return err
	}
	c.CreateTime = s.nowMs()
	return s.store.Update(ctx, func(tx store.Tx) error {
		n, err := tx.CountUserCommands(ctx, userID)
		if err != nil {
			return err
		}
		if n >= maxUserCommands {
			return im.Errorf(im.Invalid, name, "a user has at most %d rows", maxUserCommands)
		}
		return tx.InsertUserCommand(ctx, userID, c)
	})
}

// mayCommand refuses rows of others, and texts that are no good.
func (s *Service) mayCommand(op im.Operator, name, userID, uuid string, texts ...string) error {
	if err := usableIDs(name, userID); err != nil {
		return err
	}
	if err := usableTexts(name, maxCommandKeyBytes, uuid); err != nil {
		return err
	}
	if err := usableTexts(name, maxCommandBytes, texts...); err != nil {
		return err
	}
	return self(op, name, userID)
}

// UpdateUserCommand changes the given texts of a row; im.NotFound if there is none.
// With nothing given it succeeds in any case.
func (s *Service) UpdateUserCommand(ctx context.Context, op im.Operator, userID string, kind int32, uuid string, value, ex *string) error {
	const name = "service.UpdateUserCommand"
	var texts []string
	for _, t := range []*string{value, ex} {
		if t != nil {
			texts = append(texts, *t)
		}
	}
	if err := s.mayCommand(op, name, userID, uuid, texts...); err != nil || len(texts) == 0 {
		return err
	}
	return s.store.Update(ctx, func(tx store.Tx) error { return tx.PatchUserCommand(ctx, userID, kind, uuid, value, ex) })
}

// DeleteUserCommand removes a row; im.NotFound if there is none.
func (s *Service) DeleteUserCommand(ctx context.Context, op im.Operator, userID string, kind int32, uuid string) error {
	if err := s.mayCommand(op, "service.DeleteUserCommand", userID, uuid); err != nil {
		return err
	}
	return s.store.Update(ctx, func(tx store.Tx) error { return tx.DeleteUserCommand(ctx, userID, kind, uuid) })
}

// UserCommands returns a user's rows, oldest first; of one type only unless it is 0.
func (s *Service) UserCommands(ctx context.Context, op im.Operator, userID string, kind int32) ([]im.UserCommand, error) {
	if err := s.mayCommand(op, "service.UserCommands", userID, ""); err != nil {
		return nil, err
	}
	return s.store.UserCommands(ctx, userID, kind)
}
