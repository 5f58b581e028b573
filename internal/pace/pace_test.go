package pace

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Unix(1_767_225_600, 0)

func TestTake(t *testing.T) {
	t.Parallel()
	b := New[string](0)
	l := Limit{PerSecond: 2, Burst: 3}
	for i := range 3 {
		if w := b.Take("a", l, start); w != 0 {
			t.Errorf("take %d of the burst waits %v", i, w)
		}
	}
	if w := b.Take("a", l, start); w != 500*time.Millisecond {
		t.Errorf("the fourth waits %v", w)
	}
	if w := b.Take("b", l, start); w != 0 {
		t.Errorf("another key waits %v", w)
	}
	if w := b.Take("a", l, start.Add(499*time.Millisecond)); w != time.Millisecond {
		t.Errorf("after 499 ms it waits %v", w)
	}
	if w := b.Take("a", l, start.Add(500*time.Millisecond)); w != 0 {
		t.Errorf("after 500 ms it waits %v", w)
	}
	if w := b.Take("a", l, start.Add(500*time.Millisecond)); w != 500*time.Millisecond {
		t.Errorf("the token is taken, but the next waits %v", w)
	}
	if n := b.Refused(); n != 3 {
		t.Errorf("%d refused", n)
	}
}

func TestOff(t *testing.T) {
	t.Parallel()
	var nobody *Buckets[string]
	for _, l := range []Limit{{}, {PerSecond: 1}, {Burst: 1}, {PerSecond: -1, Burst: 5}} {
		b := New[string](0)
		for range 100 {
			if w := b.Take("a", l, start); w != 0 {
				t.Fatalf("%+v waits %v", l, w)
			}
		}
		if b.Len() != 0 {
			t.Errorf("%+v keeps buckets", l)
		}
	}
	if w := nobody.Take("a", Limit{1, 1}, start); w != 0 || nobody.Refused() != 0 || nobody.Len() != 0 {
		t.Error("nil limits")
	}
}

// TestMemory comes with ever new keys.
func TestMemory(t *testing.T) {
	t.Parallel()
	const keys = 1600
	b := New[int](keys)
	l := Limit{PerSecond: 1, Burst: 2}
	for i := range 100 * keys {
		if w := b.Take(i, l, start); w != 0 {
			t.Fatalf("a new key waits %v", w)
		}
		if n := i + 1; n%keys == 0 && b.Len() > keys {
			t.Fatalf("%d buckets after %d keys", b.Len(), n)
		}
	}
	if n := b.Len(); n < keys/2 {
		t.Errorf("only %d buckets are kept", n)
	}
}

// TestFullBucketsGoFirst: a key that is over its limit stays so while others,
// whose buckets are full again, make room.
func TestFullBucketsGoFirst(t *testing.T) {
	t.Parallel()
	l := Limit{PerSecond: 1, Burst: 1}
	for range 50 { // maps are gone through from anywhere
		b := New[int](looks * shards)
		for i := range 40 * looks * shards { // every shard is full
			b.Take(i, l, start)
		}
		later := start.Add(time.Second)
		b.Take(-1, l, later)
		for i := range shards { // of each shard at most looks-1 go
			b.Take(-2-i, l, later)
		}
		if w := b.Take(-1, l, later); w != time.Second {
			t.Fatalf("the bucket of a key over its limit was dropped: it waits %v", w)
		}
	}
}

// TestNeverMoreThanAllowed compares with the definition: in no time is more taken
// than the burst and what the rate gives.
func TestNeverMoreThanAllowed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := Limit{PerSecond: rapid.IntRange(1, 1000).Draw(t, "rate"), Burst: rapid.IntRange(1, 20).Draw(t, "burst")}
		b := New[string](0)
		now := start
		var taken []time.Time
		for range rapid.IntRange(1, 200).Draw(t, "takes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2e6).Draw(t, "µs")) * time.Microsecond / 1000)
			w := b.Take("a", l, now)
			if w == 0 {
				taken = append(taken, now)
			} else if again := b.Take("a", l, now.Add(w)); again != 0 {
				t.Fatalf("after the wait of %v it waits %v", w, again)
			} else {
				now = now.Add(w)
				taken = append(taken, now)
			}
		}
		each := time.Second / time.Duration(l.PerSecond)
		for i := range taken {
			for j := i; j < len(taken); j++ {
				if allowed := l.Burst + int(taken[j].Sub(taken[i])/each); j-i+1 > allowed {
					t.Fatalf("%d taken within %v, %+v", j-i+1, taken[j].Sub(taken[i]), l)
				}
			}
		}
	})
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	b := New[int](0)
	l := Limit{PerSecond: 1, Burst: 50}
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				if b.Take(i%2, l, start) == 0 {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 100 {
		t.Errorf("%d taken, want 100", n)
	}
}

func BenchmarkTake(b *testing.B) {
	buckets := New[string](0)
	l := Limit{PerSecond: 1000, Burst: 1000}
	now := time.Now()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			buckets.Take("user", l, now)
		}
	})
}
