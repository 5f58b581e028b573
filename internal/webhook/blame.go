package webhook

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"parley/internal/im"
)

// blame knows which callbacks an endpoint has answered badly of late. A receiver that
// knows only some of those that are on opens its breaker by the others, which costs
// all of them time: an operator who sees their names can turn them off.
// It needs its owner's lock.
type blame map[im.Command]*fault

type fault struct {
	reason string // of the last failure
	calls  int    // failures since the last success
	at     time.Time
}

// blamedMost is how many callbacks are named.
const blamedMost = 5

// note takes the result of a call for an event.
func (b blame) note(cmd im.Command, r *result, now time.Time) {
	if r.kind != failed {
		delete(b, cmd)
		return
	}
	f := b[cmd]
	if f == nil || now.Sub(f.at) >= breakerWindow*time.Second {
		f = &fault{}
		b[cmd] = f
	}
	f.reason, f.at = r.reason, now
	f.calls++
}

// names returns the callbacks that have only failed for as long as the breaker looks
// back, each with the last reason; those with the most failures come first.
func (b blame) names(now time.Time) (out []string) {
	maps.DeleteFunc(b, func(_ im.Command, f *fault) bool { return now.Sub(f.at) >= breakerWindow*time.Second })
	commands := slices.SortedFunc(maps.Keys(b), func(x, y im.Command) int {
		return cmp.Or(cmp.Compare(b[y].calls, b[x].calls), cmp.Compare(x, y))
	})
	for _, c := range commands[:min(len(commands), blamedMost)] {
		out = append(out, c.Key()+": "+b[c].reason)
	}
	return out
}
