package service

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"

	"parley/internal/im"
	"parley/internal/store"
)

// Sizes of the caches: entries, and for groups the sum of their members. At
// these sizes they hold some 60 MiB when full.
const (
	cachedUsers    = 50_000
	cachedSettings = 200_000
	cachedMembers  = 400_000
	cachedTokens   = 50_000

	newcomersKept = 50_000
	newcomerLife  = 10 * time.Minute
)

// caches hold what the send path asks of every message. An entry is dropped
// after the commit that changes it; a load that was under way then is not kept.
type caches struct {
	users    *otter.Cache[string, *im.User]
	groups   *otter.Cache[string, *groupView]
	settings *otter.Cache[settingKey, int32] // receive option of a conversation record
	tokens   *otter.Cache[string, store.TokenState]

	relations *relationCache
	begun     *otter.Cache[string, struct{}] // chats that have a message

	// newcomers are the devices that were last told to load their list of groups in full.
	newcomers *otter.Cache[device, struct{}]
}

// device is one of a user's, as far as a token tells them apart.
type device struct {
	userID   string
	platform im.Platform
}

type settingKey struct{ owner, conversation string }

func newCaches() (*caches, error) {
	users, err := otter.New(&otter.Options[string, *im.User]{MaximumSize: cachedUsers})
	if err != nil {
		return nil, err
	}
	groups, err := otter.New(&otter.Options[string, *groupView]{
		MaximumWeight: cachedMembers,
		Weigher:       func(_ string, g *groupView) uint32 { return uint32(g.loaded) + 1 },
	})
	if err != nil {
		return nil, err
	}
	settings, err := otter.New(&otter.Options[settingKey, int32]{MaximumSize: cachedSettings})
	if err != nil {
		return nil, err
	}
	tokens, err := otter.New(&otter.Options[string, store.TokenState]{
		MaximumSize: cachedTokens, ExpiryCalculator: otter.ExpiryWriting[string, store.TokenState](tokenCacheLife),
	})
	if err != nil {
		return nil, err
	}
	relations, err := newRelationCache()
	if err != nil {
		return nil, err
	}
	begun, err := otter.New(&otter.Options[string, struct{}]{MaximumSize: cachedSettings})
	if err != nil {
		return nil, err
	}
	newcomers, err := otter.New(&otter.Options[device, struct{}]{
		MaximumSize: newcomersKept, ExpiryCalculator: otter.ExpiryWriting[device, struct{}](newcomerLife),
	})
	if err != nil {
		return nil, err
	}
	return &caches{
		begun: begun, users: users, groups: groups, settings: settings, tokens: tokens, relations: relations, newcomers: newcomers,
	}, nil
}

// user returns a user's record; callers must not change it. im.NotFound if there is none.
func (s *Service) user(ctx context.Context, userID string) (*im.User, error) {
	if u, ok := s.caches.users.GetIfPresent(userID); ok {
		return u, nil
	}
	return s.caches.users.Get(ctx, userID, otter.LoaderFunc[string, *im.User](s.store.User))
}

// recvMsgOpt returns the receive option of a user's conversation record; 0 without a record.
func (s *Service) recvMsgOpt(ctx context.Context, ownerID, conversationID string) (int32, error) {
	k := settingKey{ownerID, conversationID}
	if v, ok := s.caches.settings.GetIfPresent(k); ok {
		return v, nil
	}
	return s.caches.settings.Get(ctx, k, otter.LoaderFunc[settingKey, int32](func(ctx context.Context, k settingKey) (int32, error) {
		c, err := s.store.Conversation(ctx, k.owner, k.conversation)
		if im.IsKind(err, im.NotFound) {
			return im.ReceiveAndNotify, nil
		}
		if err != nil {
			return 0, err
		}
		return c.RecvMsgOpt, nil
	}))
}

// stop ends the goroutines of the caches.
func (c *caches) stop() {
	c.users.StopAllGoroutines()
	c.groups.StopAllGoroutines()
	c.settings.StopAllGoroutines()
	c.tokens.StopAllGoroutines()
	c.relations.StopAllGoroutines()
	c.begun.StopAllGoroutines()
	c.newcomers.StopAllGoroutines()
}
