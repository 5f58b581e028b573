package service

import (
	"context"
	"strings"

	"github.com/maypok86/otter/v2"

	"parley/internal/im"
	"parley/internal/store"
)

// cachedRelations is the number of pairs of users that are kept: at some 200
// bytes each 40 MiB when full.
const cachedRelations = 200_000

// pair is a user and another one, in this direction.
type pair struct{ owner, other string }

type relationCache = otter.Cache[pair, store.Relation]

func newRelationCache() (*relationCache, error) {
	return otter.New(&otter.Options[pair, store.Relation]{MaximumSize: cachedRelations})
}

// relation says how a user stands to another one, as the send path needs it.
func (s *Service) relation(ctx context.Context, ownerID, otherID string) (store.Relation, error) {
	k := pair{ownerID, otherID}
	if r, ok := s.caches.relations.GetIfPresent(k); ok {
		return r, nil
	}
	return s.caches.relations.Get(ctx, k, otter.LoaderFunc[pair, store.Relation](func(ctx context.Context, k pair) (store.Relation, error) {
		return s.store.Relation(ctx, k.owner, k.other)
	}))
}

// relationsChanged drops what is cached of a user and others, in both directions.
func (s *Service) relationsChanged(ownerID string, otherIDs ...string) {
	for _, id := range otherIDs {
		s.caches.relations.Invalidate(pair{ownerID, id})
		s.caches.relations.Invalidate(pair{id, ownerID})
	}
}

// checkRelation is steps 6 and 7 of messages.md 4.3: what the receiver thinks of the sender.
func (s *Service) checkRelation(ctx context.Context, m *im.Message) error {
	const name = "service.Send"
	r, err := s.relation(ctx, m.RecvID, m.SendID)
	switch {
	case err != nil:
		return err
	case r.Black:
		return im.Errorf(im.BlockedByPeer, name, "the receiver has blocked the sender")
	case s.o.FriendVerify && !r.Friend:
		return im.Errorf(im.NotPeersFriend, name, "the sender is not among the receiver's friends")
	}
	return nil
}

// usableIDs refuses ids that no account can have: too long, or with a zero byte.
// An empty id is the business of whoever asks.
func usableIDs(name string, ids ...string) error {
	for _, id := range ids {
		if len(id) > im.MaxIDBytes || strings.IndexByte(id, 0) >= 0 {
			return im.Errorf(im.Invalid, name, "an id is longer than %d bytes or holds a zero byte", im.MaxIDBytes)
		}
	}
	return nil
}

// usableTexts refuses texts that are too long, or hold a zero byte.
func usableTexts(name string, limit int, texts ...string) error {
	for _, t := range texts {
		if len(t) > limit || strings.IndexByte(t, 0) >= 0 {
			return im.Errorf(im.Invalid, name, "a text is longer than %d bytes or holds a zero byte", limit)
		}
	}
	return nil
}

// usableList is usableIDs for the list of a request: at most MaxIDs, and none of them twice.
func usableList(name string, ids []string) error {
	if len(ids) > MaxIDs {
		return im.Errorf(im.Invalid, name, "at most %d ids", MaxIDs)
	}
	if len(distinct(ids)) != len(ids) {
		return im.Errorf(im.Invalid, name, "an id is listed twice")
	}
	return usableIDs(name, ids...)
}

// window returns the offset and length of a page whose list's length is not known yet.
func (p Page) window() (offset, limit int) {
	if p.Number < 1 || p.Size < 1 {
		return 0, 0
	}
	size := p.size()
	return (p.Number - 1) * size, size
}
