package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

func TestBadges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	w.device("bob", im.PlatformIOS)
	w.device("bob", im.PlatformAndroid)
	w.start()
	say := func(counts bool) map[im.Platform]int64 {
		t.Helper()
		before := len(w.vendor.jobs())
		m := w.chat("bob", "hi")
		m.OfflinePush.IOSBadgeCount = counts
		w.missed(m)
		w.until("two notifications", func() bool { return len(w.vendor.jobs()) == before+2 })
		w.idle()
		out := map[im.Platform]int64{}
		for _, j := range w.vendor.jobs()[before:] {
			out[j.Platform] = -1
			if j.Note.Badge != nil {
				out[j.Platform] = *j.Note.Badge
			}
		}
		return out
	}
	want := func(what string, got map[im.Platform]int64, ios int64) {
		t.Helper()
		if got[im.PlatformIOS] != ios || got[im.PlatformAndroid] != -1 {
			t.Errorf("%s: %v, want %d", what, got, ios)
		}
	}
	want("never counted", say(false), -1)
	want("counted", say(true), 1)
	want("counted again", say(true), 2)
	want("as it was", say(false), 2)
	w.update(func(ctx context.Context, tx store.Tx) error { return tx.SetBadge(ctx, "bob", 7) })
	want("set by the application", say(true), 8)
}

// TestRetries lets the vendor fail until it is given up.
func TestRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	w.vendor.answer = func(*im.PushJob) error { return &Failure{Remedy: TryAgain, Status: 503, Reason: "busy"} }
	w.device("bob", im.PlatformIOS)
	w.start()
	w.missed(w.chat("bob", "hi"))
	for n := 1; n <= len(waits)+1; n++ {
		w.until(fmt.Sprint("attempt ", n), func() bool { return len(w.vendor.jobs()) == n })
		w.idle()
		if n <= len(waits) {
			w.clock.Add(int64(0.7 * float64(waits[n-1].Milliseconds())))
			w.turn()
			if got := len(w.vendor.jobs()); got != n {
				t.Fatalf("%d attempts too early", got-n)
			}
			w.clock.Add(int64(0.6 * float64(waits[n-1].Milliseconds())))
			w.p.keeper.signal()
		}
	}
	w.until("nothing left", func() bool { return w.left() == [2]int{} })
	claims := map[string]bool{}
	for _, j := range w.vendor.jobs() {
		claims[j.Claim] = true
	}
	if len(claims) != len(waits)+1 {
		t.Errorf("%d claims for %d attempts", len(claims), len(waits)+1)
	}
	if n := w.dropped("attempts"); n != 1 {
		t.Errorf("%v counted as given up", n)
	}
}

// TestRetryAfter lets one answer hold all notifications back.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	var once sync.Once
	w.vendor.answer = func(*im.PushJob) (err error) {
		once.Do(func() { err = &Failure{Remedy: TryAgain, Status: 429, After: 40 * time.Second} })
		return err
	}
	w.device("bob", im.PlatformIOS)
	w.device("cid", im.PlatformIOS)
	w.start()
	w.missed(w.chat("bob", "hi"))
	w.until("the first attempt", func() bool { return len(w.vendor.jobs()) == 1 })
	w.idle()
	w.missed(w.chat("cid", "hi"))
	w.idle()
	w.clock.Add(39_000)
	w.turn()
	if got := len(w.vendor.jobs()); got != 1 {
		t.Fatalf("%d attempts although the vendor asked for a pause", got)
	}
	w.clock.Add(1_000)
	w.until("the others", func() bool { w.p.keeper.signal(); return len(w.vendor.jobs()) == 3 })
}

// TestLogNamesTheOperation: what the vendor says is logged with the request that
// sent the message.
func TestLogNamesTheOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	var mu sync.Mutex
	var lines strings.Builder
	w.o.Log = slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return lines.Write(p)
	}), nil))
	w.vendor.answer = func(*im.PushJob) error { return &Failure{Remedy: GiveUp, Status: 413, Reason: "too large"} }
	w.device("bob", im.PlatformIOS)
	w.start()
	w.missed(w.chat("bob", "hi"))
	w.until("nothing left", func() bool { return len(w.vendor.jobs()) == 1 && w.left() == [2]int{} })
	mu.Lock()
	defer mu.Unlock()
	if got := lines.String(); !strings.Contains(got, `msg="offline push not sent" op=op1 vendor=fake`) || !strings.Contains(got, `reason="too large"`) {
		t.Errorf("logged %s", got)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestLists: users who are told the same share a request, and a list that is refused
// is taken apart.
func TestLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	w.vendor.byUser = true
	v := &fakeListVendor{fakeVendor: w.vendor}
	w.o.Vendor = v
	w.groups["g"] = members{"ann", "bob", "cid", "dan", "eve", "fay", "guy"}
	w.update(func(ctx context.Context, tx store.Tx) error { return tx.SetBadge(ctx, "cid", 3) }) // cid is told a number
	w.start()
	m := w.group("hi")
	w.missed(m)
	w.until("all are told", func() bool { return len(w.vendor.jobs()) == 6 && w.left() == [2]int{} })
	if diff := cmp.Diff([]string{"bob hi", "cid hi", "dan hi", "eve hi", "fay hi", "guy hi"}, withoutPlatform(v.sent())); diff != "" {
		t.Error(diff)
	}
	slices.SortFunc(v.lists, slices.Compare)
	if diff := cmp.Diff([][]string{{"bob", "dan"}, {"eve", "fay"}}, v.lists); diff != "" {
		t.Errorf("lists %s", diff)
	}
	v.mu.Lock()
	v.lists, v.refuse = nil, func([]im.PushJob) error { return &Failure{Remedy: Apart, Reason: "one of them"} }
	v.mu.Unlock()
	w.vendor.answer = func(j *im.PushJob) error {
		if j.UserID == "dan" {
			return &Failure{Remedy: GiveUp, Reason: "it is dan"}
		}
		return nil
	}
	w.groups["g"] = members{"ann", "bob", "dan"}
	w.missed(w.group("again"))
	w.until("both are tried alone", func() bool {
		w.clock.Add(1)
		w.p.keeper.signal()
		return len(w.vendor.jobs()) == 8 && w.left() == [2]int{}
	})
	if len(v.lists) != 1 {
		t.Errorf("lists %v", v.lists)
	}
}

func withoutPlatform(sent []string) []string {
	for i, s := range sent {
		f := strings.Fields(s)
		sent[i] = f[0] + " " + f[len(f)-1]
	}
	return sent
}

func TestDeadTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	w.vendor.answer = func(j *im.PushJob) error {
		switch j.Platform {
		case im.PlatformIOS:
			return &Failure{Remedy: Forget, Status: 410, Reason: "Unregistered"}
		case im.PlatformIPad:
			return &Failure{Remedy: GiveUp, Status: 413, Reason: "PayloadTooLarge"}
		}
		return nil
	}
	for _, p := range []im.Platform{im.PlatformIOS, im.PlatformAndroid, im.PlatformIPad} {
		w.device("bob", p)
	}
	w.start()
	w.missed(w.chat("bob", "hi"))
	w.until("nothing left", func() bool { return len(w.vendor.jobs()) == 3 && w.left() == [2]int{} })
	tokens, err := w.st.PushTokens(context.Background(), []string{"bob"}, "", 0)
	if err != nil || len(tokens) != 2 {
		t.Fatal(tokens, err)
	}
	for _, v := range tokens {
		if v.Platform == im.PlatformIOS {
			t.Error("the dead token is still there")
		}
	}
}

// TestTheDevicesOwnPause: a vendor may want one notification to rest without holding back
// the others, and may not know yet that a token was registered again.
func TestTheDevicesOwnPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	var once sync.Once
	w.vendor.answer = func(j *im.PushJob) (err error) {
		switch j.UserID {
		case "bob":
			once.Do(func() { err = &Failure{Remedy: TryAgain, Status: 500, Least: 15 * time.Minute} })
		case "dan":
			err = &Failure{Remedy: Forget, Status: 410, Since: 1000}
		}
		return err
	}
	w.device("bob", im.PlatformIOS)
	w.device("cid", im.PlatformIOS)
	w.update(func(ctx context.Context, tx store.Tx) error {
		return tx.PutPushToken(ctx, im.PushToken{UserID: "dan", Platform: im.PlatformIOS, Token: "t", RegisteredAt: 1001})
	})
	w.start()
	w.missed(w.chat("bob", "one"))
	w.until("the first attempt", func() bool { return len(w.vendor.jobs()) == 1 })
	w.missed(w.chat("cid", "at once"))
	w.until("the others are not held back", func() bool { return len(w.vendor.jobs()) == 2 })
	w.missed(w.chat("dan", "not to this token"))
	w.until("refused", func() bool { return len(w.vendor.jobs()) == 3 })
	w.idle()
	w.clock.Add((15 * time.Minute).Milliseconds() - 1)
	w.turn()
	if got := len(w.vendor.jobs()); got != 3 {
		t.Fatalf("%d attempts too early", got-3)
	}
	w.clock.Add(1000)
	w.until("nothing left", func() bool { w.p.keeper.signal(); return w.left() == [2]int{} })
	if got := len(w.vendor.jobs()); got != 4 {
		t.Errorf("%d attempts", got)
	}
	if tokens, err := w.st.PushTokens(t.Context(), []string{"dan"}, "", 0); err != nil || len(tokens) != 1 {
		t.Errorf("the token that was registered again: %v %v", tokens, err)
	}
}

// TestFullQueue drops the oldest notifications of chats; those of a large group wait for room.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	w.o.Queue, w.o.Workers = 200, 100
	open := make(chan struct{})
	w.vendor.answer = func(*im.PushJob) error { <-open; return nil }
	w.vendor.byUser = true
	w.start()
	for i := range 310 {
		w.missed(w.chat(fmt.Sprintf("user%03d", i), "hi"))
		w.until("stored", func() bool { return w.left()[0] == 0 })
	}
	if left := w.left(); left[1] != 300 {
		t.Errorf("left %v, want 300 jobs", left)
	}
	var many members
	for i := range largeGroup + 1 {
		many = append(many, fmt.Sprintf("member%05d", i))
	}
	w.groups["g"] = many
	w.missed(w.group("all of you"))
	w.until("the group is planned apart", func() bool {
		w.p.large.mu.Lock()
		defer w.p.large.mu.Unlock()
		return w.p.large.running == 1
	})
	if n := w.dropped("queue"); n != 10 {
		t.Errorf("%v counted as dropped, want 10", n)
	}
	close(open)
	w.until("everybody in the group has it", func() bool { return len(w.vendor.jobs()) >= len(many)+300 && w.left() == [2]int{} })
	byUser := map[string]int{}
	for _, j := range w.vendor.jobs() {
		byUser[j.UserID]++
	}
	for _, id := range many {
		if byUser[id] != 1 {
			t.Fatalf("%s got %d", id, byUser[id])
		}
	}
	// A hundred are under way, two hundred wait.
	if byUser["user099"] != 1 || byUser["user105"] != 0 || byUser["user110"] != 1 || byUser["user309"] != 1 {
		t.Error("not those under way and the newest were sent")
	}
}

// TestTakenUp finds what a process left that died: messages whose pushes were not
// made, jobs under way and jobs that waited.
func TestTakenUp(t *testing.T) {
	t.Parallel()
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := newWorld(t, open(t))
		w.device("bob", im.PlatformIOS)
		w.device("cid", im.PlatformIOS)
		w.device("dan", im.PlatformIOS)
		w.p = &Pusher{o: w.o, keeper: &keeper{}} // writes intents only
		lost := w.chat("bob", "lost")
		w.store(lost)
		w.store(w.chat("cid", "old"))
		w.clock.Add(maxAge.Milliseconds() + 1)
		toGroup := w.group("to the group")
		w.store(toGroup)
		again := w.chat("bob", "again")
		w.store(again)
		online := w.chat("dan", "online by now")
		w.store(online)
		w.phones = []string{"dan"}
		job := func(user, text string) im.PushJob {
			return im.PushJob{
				UserID: user, Platform: im.PlatformIOS, Token: "t", ConversationID: "si_x_" + user, MessageID: text, SendTime: 1, CreatedAt: w.clock.Load(),
				Note: im.PushNote{Title: text},
			}
		}
		w.update(func(ctx context.Context, tx store.Tx) error {
			if err := tx.AdvancePushIntent(ctx, toGroup.ServerMsgID, "bob"); err != nil {
				return err
			}
			if err := tx.AddPushJobs(ctx, []im.PushJob{job("u1", "claimed by this node"), job("u2", "claimed by another")}, w.clock.Load()); err != nil {
				return err
			}
			for _, node := range []string{"n1", "n2"} {
				c := store.PushClaim{Claim: "of " + node, Node: node, Now: w.clock.Load(), Until: w.clock.Load() + 60_000, Limit: 1}
				if _, err := tx.ClaimPushJobs(ctx, c); err != nil {
					return err
				}
			}
			return tx.AddPushJobs(ctx, []im.PushJob{job("u3", "waiting")}, w.clock.Load())
		})
		w.start()
		want := []string{"bob IOS again", "cid IOS to the group", "u1 IOS claimed by this node", "u3 IOS waiting"}
		w.until("all but the other node's", func() bool { return len(w.vendor.jobs()) >= len(want) && w.left() == [2]int{0, 1} })
		if diff := cmp.Diff(want, w.vendor.sent()); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		for _, j := range w.vendor.jobs() {
			if j.UserID == "bob" || j.UserID == "cid" { // made of what was sent before the crash
				if j.Note.OperationID != "op1" {
					t.Errorf("%s: operation %q, want the one of the send", j.Note.Title, j.Note.OperationID)
				}
			}
		}
		w.clock.Add(60_000)
		w.until("the lease ran out", func() bool { w.p.keeper.signal(); return w.left() == [2]int{} })
		seen := map[string]bool{}
		for _, j := range w.vendor.jobs() {
			if key := j.Claim + fmt.Sprint(j.ID); seen[key] {
				t.Errorf("job %d was sent twice under one claim", j.ID)
			} else {
				seen[key] = true
			}
		}
	})
}

// TestStopKeepsWhatIsLeft stops with a notification under way and a message being asked about.
func TestStopKeepsWhatIsLeft(t *testing.T) {
	t.Parallel()
	st := sqliteStore(t)
	w := newWorld(t, st)
	block := make(chan struct{})
	asking := make(chan struct{}, 1)
	b := &business{answer: func(ctx context.Context, _, body string) (string, error) {
		if strings.Contains(body, "asked about") {
			asking <- struct{}{}
			<-ctx.Done()
		}
		return `{}`, ctx.Err()
	}}
	w.o.Asker = asker(t, b, true, im.BeforeOfflinePush)
	w.vendor.byUser = true
	w.vendor.answer = func(*im.PushJob) error { <-block; return errors.New("cut off") }
	w.start()
	w.missed(w.chat("bob", "under way"))
	w.until("under way", func() bool { return len(w.vendor.jobs()) == 1 })
	w.missed(w.chat("cid", "asked about"))
	<-asking
	stopped := make(chan struct{})
	go func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		w.p.Stop(ctx)
		close(stopped)
	}()
	w.until("nothing waits any more", func() bool { return w.p.keeper.sends.Err() != nil })
	close(block)
	<-stopped
	if w.left() != [2]int{1, 1} {
		t.Fatalf("left %v, want the message and the notification", w.left())
	}
	next := newWorld(t, st)
	next.vendor.byUser = true
	next.start()
	next.until("both are sent", func() bool { return next.left() == [2]int{} })
	if diff := cmp.Diff([]string{"bob under way", "cid asked about"}, next.vendor.sent()); diff != "" {
		t.Error(diff)
	}
}
