package service

import (
	"testing"
	"time"

	"parley/internal/im"
	"parley/internal/pace"
)

func TestInPace(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_767_225_600, 0)
	limit := pace.Limit{PerSecond: 1, Burst: 2}
	s := &Service{o: Options{GroupPace: limit, Now: func() time.Time { return now }}, groupPaces: newGroupPaces(limit)}
	try := func(name, group string, admin, want bool) {
		t.Helper()
		err := s.inPace(im.Operator{UserID: "ann", Admin: admin}, group)
		if (err == nil) != want || err != nil && !im.IsKind(err, im.TooMany) {
			t.Errorf("%s: %v", name, err)
		}
	}
	try("first", "g", false, true)
	try("second", "g", false, true)
	try("third", "g", false, false)
	try("another group", "h", false, true)
	try("an administrator", "g", true, true)
	now = now.Add(time.Second)
	try("a second later", "g", false, true)
	if n := s.GroupsLimited(); n != 1 {
		t.Errorf("%d refused", n)
	}
	s = &Service{o: Options{Now: time.Now}, groupPaces: newGroupPaces(pace.Limit{Burst: 1})}
	for range 100 {
		try("without a limit", "g", false, true)
	}
	if n := s.GroupsLimited(); n != 0 {
		t.Errorf("%d refused without a limit", n)
	}
}
