package store

import (
	"context"

	"parley/internal/im"
)

// UserFilter selects accounts. Empty texts select nothing away.
type UserFilter struct {
	MinLevel, MaxLevel int32 // of AppMangerLevel, inclusive
	// IDPart and NamePart are parts of the id or the nickname, whatever the case of
	// ASCII letters; with both given either is enough.
	IDPart, NamePart string
	ID, Name         string   // whole id, whole nickname
	Except           []string // ids to leave out, a few
}

// UserLists reads accounts by the page, oldest first.
type UserLists interface {
	// UsersPage returns a page of the accounts that a filter selects, and their number.
	UsersPage(ctx context.Context, f UserFilter, offset, limit int) ([]im.User, int, error)
	// UserIDsPage returns a page of all ids, and their number.
	UserIDsPage(ctx context.Context, offset, limit int) ([]string, int, error)
}

// UserCommands reads users' own rows.
type UserCommands interface {
	// UserCommands returns a user's rows, oldest first; of one type only unless it is 0.
	UserCommands(ctx context.Context, userID string, kind int32) ([]im.UserCommand, error)
	// CountUserCommands returns the number of a user's rows.
	CountUserCommands(ctx context.Context, userID string) (int, error)
}

// UserCommandWriter changes users' own rows.
type UserCommandWriter interface {
	// InsertUserCommand adds a row, with its time in milliseconds; the same key may be there already.
	InsertUserCommand(ctx context.Context, userID string, c im.UserCommand) error
	// PatchUserCommand changes the given texts of the oldest row with this key; im.NotFound if there is none.
	PatchUserCommand(ctx context.Context, userID string, kind int32, uuid string, value, ex *string) error
	// DeleteUserCommand removes the oldest row with this key; im.NotFound if there is none.
	DeleteUserCommand(ctx context.Context, userID string, kind int32, uuid string) error
}

// ClientConfigs reads settings that clients are given. The empty user id stands for all users.
type ClientConfigs interface {
	// ClientConfigs returns the settings of these users, in no particular order.
	ClientConfigs(ctx context.Context, userIDs []string) ([]im.ClientConfig, error)
	// ClientConfigsPage returns a page of settings by user and key, and their number.
	// An empty userID or key does not filter.
	ClientConfigsPage(ctx context.Context, userID, key string, offset, limit int) ([]im.ClientConfig, int, error)
}

// ClientConfigWriter changes settings that clients are given.
type ClientConfigWriter interface {
	// PutClientConfig sets one setting.
	PutClientConfig(ctx context.Context, c im.ClientConfig) error
	// DeleteClientConfigs removes settings of one user; keys that are not there are ignored.
	DeleteClientConfigs(ctx context.Context, userID string, keys []string) error
}
