package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/service"
	"parley/internal/store"
	"parley/internal/store/storetest"
	"parley/internal/webhook"
	"parley/internal/wire"
)

// TestDismissLargeGroup dismisses a group of more members than one transaction
// removes: all are told, none is left, and each sees it in the list of groups.
func TestDismissLargeGroup(t *testing.T) {
	t.Parallel()
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st := open(t)
		const members = 2345
		ctx := context.Background()
		svc, err := service.New(service.Options{Store: st, Hooks: nothing{}, Logger: slog.New(slog.DiscardHandler), Secret: "x", TokenLife: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer svc.Stop()
		var mu sync.Mutex
		var told []*msglog.Delivery
		l := msglog.New(msglog.Options{Store: st, Encode: wire.Body, First: svc.FirstMessage, Log: slog.New(slog.DiscardHandler), Publish: func(batch []*msglog.Delivery) {
			mu.Lock()
			told = append(told, batch...)
			mu.Unlock()
			for _, d := range batch {
				d.Acknowledge()
			}
		}})
		if err := l.Start(ctx); err != nil {
			t.Fatal(err)
		}
		defer l.Stop()
		svc.Connect(l, nobody{})
		fillGroup(t, st, members)
		op := im.Operator{UserID: "u000000", Platform: im.PlatformAndroid, OperationID: "op"}
		if err := svc.DismissGroup(ctx, op, "g", false, nil); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 2 || len(told[0].Receivers) != members || told[1].Message.ContentType != im.ContentGroupDismissed {
			t.Fatalf("%d messages", len(told))
		}
		emptied(t, st, members)
		if err := svc.DismissGroup(ctx, op, "g", false, nil); !im.IsKind(err, im.NotFound) {
			t.Errorf("a second time: %v", err)
		}
		// The business server is told once, with all who were in it.
		events, err := st.Events(ctx, 0, 100)
		events = slices.DeleteFunc(events, func(e store.OutboxEvent) bool { return e.Command != im.AfterDismissGroup })
		if err != nil || len(events) != 1 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		var body struct{ MembersID []string }
		if err := json.Unmarshal(events[0].Body, &body); err != nil || len(body.MembersID) != members {
			t.Errorf("the event names %d members, %v", len(body.MembersID), err)
		}
	})
}

// TestDismissalIsFinished starts a server on a store whose last server died
// while it dismissed a group.
func TestDismissalIsFinished(t *testing.T) {
	t.Parallel()
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st := open(t)
		const members = 1234
		ctx := context.Background()
		fillGroup(t, st, members)
		status := int32(im.GroupDismissed)
		err := st.Update(ctx, func(tx store.Tx) error {
			if err := tx.PatchGroup(ctx, "g", im.GroupPatch{Status: &status}); err != nil {
				return err
			}
			return tx.PutDismissal(ctx, "g")
		})
		if err != nil {
			t.Fatal(err)
		}
		svc, err := service.New(service.Options{Store: st, Hooks: webhook.None(), Logger: slog.New(slog.DiscardHandler), Secret: "x", TokenLife: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer svc.Stop()
		if err := svc.Start(ctx); err != nil {
			t.Fatal(err)
		}
		emptied(t, st, members)
	})
}

func emptied(t *testing.T, st store.Store, members int) {
	t.Helper()
	ctx := context.Background()
	g, err := st.Group(ctx, "g")
	if err != nil || g.Status != im.GroupDismissed || g.MemberCount != 0 || g.OwnerUserID != "" {
		t.Errorf("%+v, %v", g, err)
	}
	if v, err := st.Head(ctx, im.ListMembers, "g"); err != nil || v.ID != "" {
		t.Errorf("the member log is at %v, %v", v, err)
	}
	for i := 0; i < members; i += 97 {
		v, err := st.Head(ctx, im.ListJoinedGroups, fmt.Sprintf("u%06d", i))
		if err != nil || v.Number != 1 {
			t.Errorf("list of member %d is at %v, %v", i, v, err)
		}
	}
	left, err := st.Dismissals(ctx)
	if err != nil || slices.Contains(left, "g") {
		t.Errorf("unfinished: %v, %v", left, err)
	}
}
