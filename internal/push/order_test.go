package push

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/internal/im"
	"parley/internal/store"
	"parley/internal/store/storetest"
)

// TestEveryMessageInOrder lets messages of a chat and of a group wait while the vendor
// is down: after it is back each device gets each message once, in their order, with
// the number for the icon that was right then.
func TestEveryMessageInOrder(t *testing.T) {
	t.Parallel()
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		w := newWorld(t, open(t))
		var down atomic.Bool
		down.Store(true)
		var mu sync.Mutex
		got, badges := map[string][]string{}, map[string][]int64{}
		w.vendor.answer = func(j *im.PushJob) error {
			if down.Load() {
				return &Failure{Remedy: TryAgain, Status: 503, Reason: "down"}
			}
			mu.Lock()
			defer mu.Unlock()
			device := j.UserID + " " + j.Platform.String()
			got[device] = append(got[device], j.Note.Title)
			if j.Note.Badge != nil {
				badges[device] = append(badges[device], *j.Note.Badge)
			}
			return nil
		}
		w.device("bob", im.PlatformIOS)
		w.device("bob", im.PlatformAndroid)
		w.device("cid", im.PlatformIOS)
		w.start()
		const n = 12
		var texts []string
		for i := range n {
			texts = append(texts, fmt.Sprint("t", i))
			m := w.chat("bob", texts[i])
			if i%3 == 2 { // not of the same chat: the order is that of the device
				m = w.group(texts[i])
			}
			m.OfflinePush.IOSBadgeCount = true
			jobs := w.left()[1] // so that the messages of the chat and of the group come after one another
			w.missed(m)
			w.until("stored", func() bool { left := w.left(); return left[0] == 0 && left[1] > jobs })
		}
		w.idle()
		if want := 2*n + n/3; w.left() != [2]int{0, want} {
			t.Errorf("left %v while the vendor is down, want %d jobs", w.left(), want)
		}
		attempted := map[string]bool{}
		for _, j := range w.vendor.jobs() {
			attempted[j.Note.Title] = true
		}
		if attempted["t1"] { // neither a device's second message before its first
			t.Errorf("attempted while the first ones wait: %v", attempted)
		}
		down.Store(false)
		w.clock.Add(waits[0].Milliseconds() * 2)
		w.until("nothing left", func() bool { w.p.keeper.signal(); return w.left() == [2]int{} })
		var groups []string
		var count []int64
		for i, text := range texts {
			count = append(count, int64(i+1))
			if i%3 == 2 {
				groups = append(groups, text)
			}
		}
		if diff := cmp.Diff(map[string][]string{"bob IOS": texts, "bob Android": texts, "cid IOS": groups}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if diff := cmp.Diff(map[string][]int64{"bob IOS": count, "cid IOS": count[:n/3]}, badges); diff != "" {
			t.Errorf("numbers: -want +got:\n%s", diff)
		}
	})
}

// TestOrderOfAConversation plans many messages of one conversation at once, with a
// business server that answers in any order.
func TestOrderOfAConversation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	w.vendor.byUser = true
	first := make(chan struct{})
	b := &business{answer: func(_ context.Context, _, body string) (string, error) {
		if strings.Contains(body, `"title":"slow"`) {
			<-first
		}
		return `{}`, nil
	}}
	w.o.Asker = asker(t, b, true, im.BeforeOfflinePush)
	w.start()
	texts := []string{"slow"}
	for i := range 2 * chatPlanners {
		texts = append(texts, fmt.Sprint("t", i))
	}
	for _, text := range texts {
		w.missed(w.chat("bob", text))
	}
	w.missed(w.chat("cid", "another conversation"))
	w.until("the other one is sent", func() bool { return slices.Contains(w.vendor.sent(), "cid another conversation") })
	close(first)
	w.until("nothing left", func() bool { return w.left() == [2]int{} })
	var got []string
	for _, j := range w.vendor.jobs() {
		if j.UserID == "bob" {
			got = append(got, j.Note.Title)
		}
	}
	if diff := cmp.Diff(texts, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestTwoNodes lets two pushers share a queue: each job is sent once, a device's in order.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	storetest.Engines(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st := open(t)
		nodes := []*world{newWorld(t, st), newWorld(t, st)}
		var mu sync.Mutex
		got := map[string][]string{}
		var want []string
		var both sync.WaitGroup // done when each has claimed something: there are more devices than workers
		both.Add(len(nodes))
		for i, w := range nodes {
			w.o.Node = fmt.Sprint("n", i)
			var once sync.Once
			w.vendor.answer = func(j *im.PushJob) error {
				once.Do(both.Done)
				both.Wait()
				mu.Lock()
				defer mu.Unlock()
				got[j.UserID] = append(got[j.UserID], j.MessageID)
				return nil
			}
		}
		var jobs []im.PushJob
		for i := range 10 {
			want = append(want, fmt.Sprint("m", i))
			for u := range 20 {
				jobs = append(jobs, im.PushJob{
					UserID: fmt.Sprint("u", u), Platform: im.PlatformIOS, Token: "t", ConversationID: "sg_g", MessageID: want[i], SendTime: int64(i),
					CreatedAt: nodes[0].clock.Load(), Note: im.PushNote{Title: want[i]},
				})
			}
		}
		nodes[0].update(func(ctx context.Context, tx store.Tx) error { return tx.AddPushJobs(ctx, jobs, nodes[0].clock.Load()) })
		for _, w := range nodes {
			w.start()
		}
		nodes[0].until("nothing left", func() bool {
			nodes[1].p.keeper.signal()
			return nodes[0].left() == [2]int{}
		})
		if len(got) != 20 {
			t.Errorf("%d devices were told", len(got))
		}
		for user, ids := range got {
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Errorf("%s: -want +got:\n%s", user, diff)
			}
		}
	})
}

// TestListsWait: what waits for a vendor that is down still goes out in lists.
func TestListsWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqliteStore(t))
	w.vendor.byUser = true
	var down atomic.Bool
	down.Store(true)
	v := &fakeListVendor{fakeVendor: w.vendor, refuse: func([]im.PushJob) error {
		if down.Load() {
			return &Failure{Remedy: TryAgain, Status: 503, Reason: "down"}
		}
		return nil
	}}
	w.o.Vendor = v
	w.groups["g"] = members{"ann", "bob", "cid", "dan", "eve"}
	w.start()
	for i, text := range []string{"one", "two", "three"} {
		w.missed(w.group(text))
		w.until("stored", func() bool { return w.left() == [2]int{0, 4 * (i + 1)} })
	}
	w.idle()
	v.mu.Lock()
	v.lists = nil
	v.mu.Unlock()
	down.Store(false)
	w.clock.Add(waits[0].Milliseconds() * 2)
	w.until("nothing left", func() bool { w.p.keeper.signal(); return w.left() == [2]int{} })
	if len(v.lists) != 6 {
		t.Errorf("three messages to four users went out in %v", v.lists)
	}
	got := map[string][]string{}
	for _, j := range w.vendor.jobs() {
		got[j.UserID] = append(got[j.UserID], j.Note.Title)
	}
	for _, id := range w.groups["g"][1:] {
		if diff := cmp.Diff([]string{"one", "two", "three"}, got[id]); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
}
