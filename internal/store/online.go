package store

import (
	"context"

	"parley/internal/im"
)

// OnlineChange is a platform of a user that came or went.
type OnlineChange struct {
	UserID   string
	Platform im.Platform
	ConnID   string // of the connection that made it online
	Online   bool
}

// OnlineWriter keeps what has to be told when a node dies: whose connections it
// held. A platform of a user is held by the node that named it last.
type OnlineWriter interface {
	// SetOnline notes what came and went on a node. What went is forgotten only if the
	// node holds it. Changes have distinct users and platforms.
	SetOnline(ctx context.Context, node string, changes []OnlineChange) error
	// TakeOnline forgets at most limit of what a node holds and returns it.
	TakeOnline(ctx context.Context, node string, limit int) ([]OnlineChange, error)
}
