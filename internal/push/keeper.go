package push

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

const (
	// lease is how long a claimed job is a sender's. It is far above what a send may take.
	lease = 2 * time.Minute
	// settleEvery and settleMany bound how long intents that came to nothing stay: their
	// rows are removed together, so that a busy server is not kept writing.
	settleEvery = 200 * time.Millisecond
	settleMany  = 500
	// maxSettled is how many of them are remembered while the store does not answer.
	maxSettled = 100_000
	pollEvery  = time.Second
	storeLimit = 10 * time.Second
	// advanceEvery is how long a job can be overlooked that another node added while the
	// one before it was removed.
	advanceEvery = time.Minute
	// maxPause is the longest that a vendor can make all notifications wait.
	maxPause = time.Minute
)

// addition is jobs to be stored, and what becomes of their message's intent.
type addition struct {
	jobs   []im.PushJob
	count  bool   // the users' badges count the message
	waits  bool   // for room in the queue
	intent string // of this message; "": none
	doneTo string // how far it got
	done   bool   // to the end

	stored chan struct{} // closed when it is
}

// keeper is the only one that writes what offline push keeps: it collects what
// there is to write while a transaction runs, so that there are few of them, and
// claims due jobs in the same transaction.
type keeper struct {
	p    *Pusher
	wake chan struct{} // one place
	quit chan struct{} // closed by stop
	idle chan struct{} // closed when the loop has ended

	sends  context.Context // of attempts under way
	cut    context.CancelFunc
	active sync.WaitGroup

	mu      sync.Mutex // guards what follows
	settled []string
	added   []*addition
	results []*result
	sending int
	queued  int           // jobs in the store after the last turn
	turned  chan struct{} // closed after the turn
	paused  time.Time     // nothing is claimed before
	// advanced is when it was last looked for jobs that nothing is before any more.
	advanced time.Time
}

func newKeeper(p *Pusher) *keeper {
	k := &keeper{p: p, wake: make(chan struct{}, 1), quit: make(chan struct{}), idle: make(chan struct{}), turned: make(chan struct{})}
	k.sends, k.cut = context.WithCancel(context.Background())
	p.metrics.queue(k.length)
	return k
}

func (k *keeper) length() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.queued
}

// takeUp makes the jobs free that this node had claimed when it ended.
func (k *keeper) takeUp(ctx context.Context) error {
	n := 0
	err := k.p.o.Store.Update(ctx, func(tx store.Tx) (err error) {
		if err = tx.ReleasePushJobs(ctx, k.p.o.Node); err != nil {
			return err
		}
		n, err = tx.CountPushJobs(ctx)
		return err
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.queued = n
	return err
}

func (k *keeper) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// settle removes an intent, soon. It never blocks.
func (k *keeper) settle(messageID string) {
	k.mu.Lock()
	if len(k.settled) < maxSettled {
		k.settled = append(k.settled, messageID)
	}
	first := len(k.settled) == 1 || len(k.settled) == settleMany
	k.mu.Unlock()
	if first {
		k.signal()
	}
}

// add stores jobs and waits for it.
func (k *keeper) add(ctx context.Context, a *addition) error {
	a.stored = make(chan struct{})
	for {
		k.mu.Lock()
		// Half of the queue is for those that do not wait.
		if !a.waits || k.queued+len(a.jobs) <= k.p.o.Queue/2 || k.queued == 0 {
			k.added = append(k.added, a)
			k.mu.Unlock()
			break
		}
		turned := k.turned
		k.mu.Unlock()
		select {
		case <-turned:
		case <-ctx.Done():
			return ctx.Err()
		case <-k.quit:
			return errStopping
		}
	}
	k.signal()
	select {
	case <-a.stored:
		return nil
	case <-k.idle:
		return errStopping
	}
}

var errStopping = errors.New("the server is stopping")

func (k *keeper) run() {
	defer close(k.idle)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-k.wake:
			if !k.urgent() {
				timer.Reset(settleEvery)
				continue
			}
		case <-timer.C:
		case <-k.quit:
			k.finish()
			return
		}
		timer.Reset(k.turn(true))
	}
}

// urgent reports whether there is something to write that somebody waits for.
func (k *keeper) urgent() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.added) > 0 || len(k.results) > 0 || len(k.settled) >= settleMany || k.queued > 0 && k.sending == 0
}

// finish writes down, after the last attempt, what is left to write.
func (k *keeper) finish() {
	k.active.Wait()
	for range 3 {
		k.turn(false)
		k.mu.Lock()
		left := len(k.added) + len(k.results) + len(k.settled)
		k.mu.Unlock()
		if left == 0 {
			return
		}
	}
}

// stop ends the loop. Attempts under way may end until ctx does.
func (k *keeper) stop(ctx context.Context) {
	select {
	case <-k.quit:
		return
	default:
	}
	close(k.quit)
	defer k.cut()
	select {
	case <-k.idle:
	case <-ctx.Done():
		k.cut()
		<-k.idle
	}
}

// turn writes what there is to write, claims what is due, and returns when to
// come back at the latest.
func (k *keeper) turn(claim bool) time.Duration {
	k.mu.Lock()
	settled, added, results := k.settled, k.added, k.results
	k.settled, k.added, k.results = nil, nil, nil
	free := k.p.o.Workers - k.sending
	now := k.p.o.Now()
	claim = claim && free > 0 && !now.Before(k.paused)
	advance := now.Sub(k.advanced) >= advanceEvery
	if advance {
		k.advanced = now
	}
	k.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	var claimed [][]im.PushJob
	var queued, dropped int
	err := k.p.o.Store.Update(ctx, func(tx store.Tx) (err error) {
		if err = k.write(ctx, tx, settled, added, results, now.UnixMilli()); err != nil {
			return err
		}
		if queued, err = tx.CountPushJobs(ctx); err != nil {
			return err
		}
		if dropped = 0; queued > k.p.o.Queue {
			if dropped, err = tx.TrimPushJobs(ctx, k.p.o.Queue, now.UnixMilli()); err != nil {
				return err
			}
			queued -= dropped
		}
		if advance && queued > 0 {
			if err = tx.AdvancePushJobs(ctx, now.UnixMilli()); err != nil {
				return err
			}
		}
		claimed = nil
		if claim && queued > 0 {
			claimed, err = k.claim(ctx, tx, now, free)
		}
		return err
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.p.log.Error("offline pushes not stored", "op", operations(added, results), "err", err)
		k.settled = append(settled, k.settled...)
		k.added = append(added, k.added...)
		k.results = append(results, k.results...)
		return pollEvery
	}
	k.p.metrics.dropped.WithLabelValues("queue").Add(float64(dropped))
	for _, a := range added {
		close(a.stored)
	}
	k.queued = queued
	close(k.turned)
	k.turned = make(chan struct{})
	k.sending += len(claimed)
	for _, jobs := range claimed {
		k.active.Go(func() { k.send(jobs) })
	}
	if len(k.added)+len(k.results) > 0 || len(k.settled) >= settleMany {
		k.signal()
	}
	switch {
	case len(k.settled) > 0:
		return settleEvery
	case queued > 0:
		return pollEvery
	}
	return time.Hour // until somebody wakes it
}

// operations names the requests behind what is written: for intents that came to
// nothing, none.
func operations(added []*addition, results []*result) string {
	return im.Operations(func(yield func(string) bool) {
		for _, a := range added {
			if len(a.jobs) > 0 && !yield(a.jobs[0].Note.OperationID) {
				return
			}
		}
		for _, r := range results {
			if !yield(r.jobs[0].Note.OperationID) {
				return
			}
		}
	})
}

// write carries out in one transaction what was collected. It may run again.
func (k *keeper) write(ctx context.Context, tx store.Tx, settled []string, added []*addition, results []*result, now int64) error {
	for _, r := range results {
		if err := r.write(ctx, tx, now); err != nil {
			return err
		}
	}
	for _, a := range added {
		if err := k.setBadges(ctx, tx, a); err != nil {
			return err
		}
		if err := tx.AddPushJobs(ctx, a.jobs, now); err != nil {
			return err
		}
		switch {
		case a.intent == "":
		case a.done:
			settled = append(settled[:len(settled):len(settled)], a.intent)
		default:
			if err := tx.AdvancePushIntent(ctx, a.intent, a.doneTo); err != nil {
				return err
			}
		}
	}
	return tx.DeletePushIntents(ctx, settled)
}

// setBadges gives the jobs the numbers for the icons: one higher if the message
// counts, else as they are. A number that nobody ever set is not shown.
func (k *keeper) setBadges(ctx context.Context, tx store.Tx, a *addition) error {
	var users []string
	seen := make(map[string]bool, len(a.jobs))
	for i := range a.jobs {
		if j := &a.jobs[i]; showsBadge(j.Platform) && !seen[j.UserID] {
			seen[j.UserID] = true
			users = append(users, j.UserID)
		}
	}
	if len(users) == 0 {
		return nil
	}
	numbers := tx.Badges
	if a.count {
		numbers = tx.RaiseBadges
	}
	badges, err := numbers(ctx, users)
	if err != nil {
		return err
	}
	for i := range a.jobs {
		j := &a.jobs[i]
		j.Note.Badge = nil
		if n := badges[j.UserID]; n != 0 && showsBadge(j.Platform) {
			j.Note.Badge = &n
		}
	}
	return nil
}

// showsBadge reports whether a device has a number on the icon: Apple's, and
// any if the vendor finds them itself.
func showsBadge(p im.Platform) bool {
	return p == 0 || p == im.PlatformIOS || p == im.PlatformIPad || p == im.PlatformOSX
}

// claim takes over jobs for up to free attempts: each is of one job, or of those that
// the vendor takes in one request.
func (k *keeper) claim(ctx context.Context, tx store.Tx, now time.Time, free int) (attempts [][]im.PushJob, err error) {
	c := store.PushClaim{Claim: im.NewID(), Node: k.p.o.Node, Now: now.UnixMilli(), Until: now.Add(lease).UnixMilli(), Limit: free}
	list, ok := k.p.o.Vendor.(ListVendor)
	if !ok {
		jobs, err := tx.ClaimPushJobs(ctx, c)
		return slices.Collect(slices.Chunk(jobs, 1)), err
	}
	c.Together, c.Limit = true, list.Most()
	for range free {
		c.Claim = im.NewID()
		jobs, err := tx.ClaimPushJobs(ctx, c)
		if err != nil {
			return nil, err
		}
		if len(jobs) == 0 {
			break
		}
		attempts = append(attempts, jobs)
	}
	return attempts, nil
}
