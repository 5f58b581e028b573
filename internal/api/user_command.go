package api

import (
	"context"

	"github.com/openimsdk/protocol/user"

	"parley/internal/im"
)

// UserCommands is the users' own rows of keys and values.
type UserCommands interface {
	// AddUserCommand adds a row.
	AddUserCommand(ctx context.Context, op im.Operator, userID string, c im.UserCommand) error
	// UpdateUserCommand changes the given texts of a row.
	UpdateUserCommand(ctx context.Context, op im.Operator, userID string, kind int32, uuid string, value, ex *string) error
	// DeleteUserCommand removes a row.
	DeleteUserCommand(ctx context.Context, op im.Operator, userID string, kind int32, uuid string) error
	// UserCommands returns a user's rows, of one type only unless it is 0.
	UserCommands(ctx context.Context, op im.Operator, userID string, kind int32) ([]im.UserCommand, error)
}

func (a *API) addCommand(ctx context.Context, op im.Operator, q *user.ProcessUserCommandAddReq) (none, error) {
	c := im.UserCommand{Type: q.Type, UUID: q.Uuid, Value: q.Value.GetValue(), Ex: q.Ex.GetValue()}
	return none{}, a.service.AddUserCommand(ctx, op, q.UserID, c)
}

func (a *API) updateCommand(ctx context.Context, op im.Operator, q *user.ProcessUserCommandUpdateReq) (none, error) {
	return none{}, a.service.UpdateUserCommand(ctx, op, q.UserID, q.Type, q.Uuid, q.Value.GetValuePtr(), q.Ex.GetValuePtr())
}

func (a *API) deleteCommand(ctx context.Context, op im.Operator, q *user.ProcessUserCommandDeleteReq) (none, error) {
	return none{}, a.service.DeleteUserCommand(ctx, op, q.UserID, q.Type, q.Uuid)
}

// commandList is user.ProcessUserCommandGetResp, and user.ProcessUserCommandGetAllResp.
type commandList struct {
	CommandResp []im.UserCommand `json:"CommandResp"`
}

func (a *API) commands(ctx context.Context, op im.Operator, q *user.ProcessUserCommandGetReq) (commandList, error) {
	list, err := a.service.UserCommands(ctx, op, q.UserID, q.Type)
	return commandList{list}, err
}

func (a *API) allCommands(ctx context.Context, op im.Operator, q *user.ProcessUserCommandGetAllReq) (commandList, error) {
	list, err := a.service.UserCommands(ctx, op, q.UserID, 0)
	return commandList{list}, err
}
