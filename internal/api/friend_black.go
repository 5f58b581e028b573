package api

import (
	"context"

	"github.com/openimsdk/protocol/relation"

	"parley/internal/im"
	"parley/internal/service"
)

// Blacks is block lists.
type Blacks interface {
	// Block puts a user into the owner's block list.
	Block(ctx context.Context, op im.Operator, ownerID, blackID, ex string) error
	// Unblock takes a user out of the owner's block list.
	Unblock(ctx context.Context, op im.Operator, ownerID, blackID string) error
	// Blacks returns the entries of the owner's block list among userIDs.
	Blacks(ctx context.Context, op im.Operator, ownerID string, userIDs []string) ([]im.Black, error)
	// BlackChanges is what changed in a user's block list.
	BlackChanges(ctx context.Context, op im.Operator, userID string, from im.Version) (service.Changes[im.Black], error)
}

func (a *API) addBlack(ctx context.Context, op im.Operator, q *relation.AddBlackReq) (none, error) {
	return none{}, a.service.Block(ctx, op, q.OwnerUserID, q.BlackUserID, q.Ex)
}

func (a *API) removeBlack(ctx context.Context, op im.Operator, q *relation.RemoveBlackReq) (none, error) {
	return none{}, a.service.Unblock(ctx, op, q.OwnerUserID, q.BlackUserID)
}

// specifiedBlacks answers with relation.GetSpecifiedBlacksResp.
func (a *API) specifiedBlacks(ctx context.Context, op im.Operator, q *relation.GetSpecifiedBlacksReq) (blackPage, error) {
	list, err := a.service.Blacks(ctx, op, q.OwnerUserID, q.UserIDList)
	return blackPage{list, len(list)}, err
}

func (a *API) incrementalBlacks(ctx context.Context, op im.Operator, q *relation.GetIncrementalBlacksReq) (changes[im.Black], error) {
	c, err := a.service.BlackChanges(ctx, op, q.UserID, im.Version{ID: q.VersionID, Number: q.Version})
	return changed(c), err
}
