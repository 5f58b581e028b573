// Package service holds the use cases: what a user, an administrator or a back
// end may do, with which rights, and what follows from it. One file per family.
//
// It decides, reads and composes; it opens no socket and knows no wire format
// but the JSON of notification contents and callback bodies. Whatever changes a
// conversation goes through msglog, so that facts, messages and outbox events
// commit together. Its only goroutines are those of its caches, from New to Stop,
// and while there are any, one that flags mentions (mention.go) and one that writes
// events about connections (presence_hook.go); nothing waits while it holds a
// transaction.
package service

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/object"
	"parley/internal/pace"
	"parley/internal/store"
)

// Log is the message log (package msglog).
type Log interface {
	Append(ctx context.Context, e *msglog.Entry) (msglog.Result, error)
	Submit(ctx context.Context, e *msglog.Entry)
	// Repeated returns the answer that a message had before.
	Repeated(m *im.Message) (msglog.Result, bool)
}

// Presence is the live connections, of which the service ends some.
type Presence interface {
	// Kick ends a user's connections from a platform, in the name of a request.
	Kick(userID string, p im.Platform, operationID string)
	// Connections returns the live connections of users.
	Connections(userIDs []string) []im.Connection
	// Statuses returns one element for each id, in order.
	Statuses(userIDs []string) []im.OnlineStatus
}

// Options are what a Service needs.
type Options struct {
	Store  store.Store
	Hooks  Hooks
	Logger *slog.Logger

	// Node names this process among those that share the database; empty: there are no others.
	Node string

	Secret       string
	AdminIDs     []string
	TokenLife    time.Duration
	Policy       im.LoginPolicy
	MaxPerEnd    int  // tokens per platform under im.PolicyNoKick
	FriendVerify bool // single chats need friendship
	// HistoryForNewMembers lets those who enter a group read what was said before.
	HistoryForNewMembers bool
	// GroupPace is how often ordinary users may send messages into one group.
	GroupPace pace.Limit
	// Decode reads a stored message's body (package wire).
	Decode func(body []byte) (*im.Message, error)
	Now    func() time.Time

	// Objects is where files are kept; ObjectKey seals the ids of uploads, and MaxObject
	// is the size of the largest file, in bytes.
	Objects   object.Storage
	ObjectKey []byte
	MaxObject int64
}

// Service is the use cases. Connect it before use.
type Service struct {
	o        Options
	store    store.Store
	hooks    Hooks
	logger   *slog.Logger
	caches   *caches
	log      Log
	presence Presence
	mentions mentions
	scaler   *object.Scaler
	// receivers is given by ConnectWebhooks.
	receivers Receivers

	groupPaces     *pace.Buckets[string]
	presenceEvents presenceEvents
}

// New returns a service that still lacks its log and presence: they call back
// into it, so they are given by Connect.
func New(o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	c, err := newCaches()
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	return &Service{o: o, store: o.Store, hooks: o.Hooks, logger: o.Logger, caches: c, scaler: object.NewScaler(), groupPaces: newGroupPaces(o.GroupPace)}, nil
}

// Connect completes the service.
func (s *Service) Connect(l Log, p Presence) { s.log, s.presence = askingLog{l, s}, p }

// Start makes sure that the configured administrators exist.
func (s *Service) Start(ctx context.Context) error {
	err := s.store.Update(ctx, func(tx store.Tx) error {
		for _, id := range s.o.AdminIDs {
			if err := tx.PutAdmin(ctx, id, id, s.nowMs()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("service: create administrators: %w", err)
	}
	if err := s.finishDismissals(ctx); err != nil {
		return fmt.Errorf("service: finish the dismissal of groups: %w", err)
	}
	return nil
}

// Stop ends the goroutines; nothing may be asked of s any more.
func (s *Service) Stop() {
	s.mentions.stop()
	s.presenceEvents.stop()
	s.caches.stop()
}

// IsAdmin reports whether a user is one of the configured app administrators.
func (s *Service) IsAdmin(userID string) bool { return slices.Contains(s.o.AdminIDs, userID) }

func (s *Service) nowMs() int64 { return s.o.Now().UnixMilli() }

// self returns im.Denied unless the operator may act for a user.
func self(op im.Operator, name, userID string) error {
	if op.Is(userID) {
		return nil
	}
	return im.Errorf(im.Denied, name, "not the user concerned and no administrator")
}

// admin returns im.Denied unless the operator is an app administrator.
func admin(op im.Operator, name string) error {
	if op.Admin {
		return nil
	}
	return im.Errorf(im.Denied, name, "only for administrators")
}

// Page is a part of a list: items (Number-1)*Size to Number*Size-1. Bulk is for
// administrators and items that are small.
type Page struct {
	Number, Size int
	Bulk         bool
}

const (
	// maxPage bounds the items of one page. The SDK asks for at most 300; it loses
	// what a smaller bound would cut off.
	maxPage = 1000
	// maxBulkPage is the same for back ends, which ask for more and take a shorter page
	// for the last one.
	maxBulkPage = 10_000
)

// size returns the items of a page that is not empty, as many as it may have.
func (p Page) size() int {
	if p.Bulk {
		return min(p.Size, maxBulkPage)
	}
	return min(p.Size, maxPage)
}

// of returns the offset and length of the page in a list of n items; length 0 outside of it.
func (p Page) of(n int) (offset, length int) {
	if p.Number < 1 || p.Size < 1 {
		return 0, 0
	}
	size := p.size()
	if p.Number-1 > n/size {
		return 0, 0
	}
	offset = (p.Number - 1) * size
	return offset, max(0, min(size, n-offset))
}

// slice returns the page of a list.
func slice[T any](p Page, all []T) []T {
	offset, n := p.of(len(all))
	if n == 0 {
		return nil
	}
	return all[offset : offset+n]
}

// byID brings items into the order of ids; ids without an item are left out.
func byID[T any](ids []string, items []T, id func(*T) string) []T {
	at := make(map[string]int, len(items))
	for i := range items {
		at[id(&items[i])] = i
	}
	var out []T
	for _, want := range ids {
		if i, ok := at[want]; ok {
			out = append(out, items[i])
		}
	}
	return out
}
