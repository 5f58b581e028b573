package expiry

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"parley/internal/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk counts the batches that it is asked for.
type desk struct {
	mu       sync.Mutex
	destruct int
	expire   []int64
	before   time.Time
	purge    int
	clean    int
	fail     error
	hold     chan struct{} // a batch waits for it or for the context
}

func (d *desk) DestructMessages(ctx context.Context, _ int) (bool, error) {
	if d.hold != nil {
		select {
		case <-d.hold:
		case <-ctx.Done():
			return true, ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.destruct++
	return d.destruct%3 != 0, d.fail
}

func (d *desk) ExpireMessages(_ context.Context, before time.Time, after int64, _ int) (service.Expired, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire, d.before = append(d.expire, after), before
	return service.Expired{Last: after + 10, More: len(d.expire)%2 != 0}, nil
}

func (d *desk) PurgeMessages(context.Context, int) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.purge++
	return false, nil
}

func (d *desk) CleanObjects(context.Context, int) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clean++
	return false, nil
}

func runner(d *desk, days int) *Runner {
	return New(Options{Work: d, At: TimeOfDay{2, 0}, RetainDays: days, Log: slog.New(slog.DiscardHandler)})
}

func TestRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		r := runner(d, 7)
		at := r.o.At.next(time.Now())
		r.Start(t.Context())
		time.Sleep(time.Until(at) - time.Second)
		d.mu.Lock()
		if d.destruct != 0 || len(d.expire) != 0 || d.purge == 0 || d.clean == 0 {
			t.Errorf("before its time: %d, %v; purges %d, cleanings %d", d.destruct, d.expire, d.purge, d.clean)
		}
		d.mu.Unlock()
		time.Sleep(time.Minute)
		d.mu.Lock()
		if d.destruct != 3 || len(d.expire) != 2 || d.expire[1] != 10 {
			t.Errorf("the run: %d, %v", d.destruct, d.expire)
		}
		if age := at.Sub(d.before); age < 7*24*time.Hour-time.Minute || age > 7*24*time.Hour {
			t.Errorf("kept for %v", age)
		}
		d.mu.Unlock()
		time.Sleep(24 * time.Hour)
		d.mu.Lock()
		if d.destruct != 6 || len(d.expire) != 4 || d.expire[2] != 0 {
			t.Errorf("the second run: %d, %v", d.destruct, d.expire)
		}
		d.mu.Unlock()
		r.Stop()
	})
}

func TestRunnerWithoutRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{fail: errors.New("no database")}
		r := runner(d, 0)
		r.Start(t.Context())
		time.Sleep(25 * time.Hour)
		r.Stop()
		d.mu.Lock()
		if d.destruct == 0 || len(d.expire) != 0 {
			t.Errorf("%d, %v", d.destruct, d.expire)
		}
		d.mu.Unlock()
	})
}

func TestStopEndsARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{hold: make(chan struct{})}
		r := runner(d, 1)
		r.Start(t.Context())
		time.Sleep(25 * time.Hour)
		r.Stop()
	})
	New(Options{}).Stop() // never started
}

func TestTimeOfDay(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "2", "24:00", "02:60", "2 am", "02:00:00"} {
		if _, err := ParseTimeOfDay(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	d, err := ParseTimeOfDay("23:59")
	if err != nil || d != (TimeOfDay{23, 59}) {
		t.Errorf("%v, %v", d, err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	for _, c := range []struct{ now, want string }{
		{"2026-06-01 01:59", "2026-06-01 02:00"},
		{"2026-06-01 02:00", "2026-06-02 02:00"},
		{"2026-12-31 03:00", "2027-01-01 02:00"},
		{"2026-03-28 03:00", "2026-03-29 03:00"}, // 02:00 is skipped that night
	} {
		now, _ := time.ParseInLocation("2006-01-02 15:04", c.now, berlin)
		if got := (TimeOfDay{2, 0}).next(now).Format("2006-01-02 15:04"); got != c.want {
			t.Errorf("after %s: %s, want %s", c.now, got, c.want)
		}
	}
}
