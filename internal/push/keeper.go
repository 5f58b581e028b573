package push

import (
	"context"
	"errors"
	"math/rand/v2"
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
	// maxPause is the longest that a vendor can make all notifications wait.
	maxPause = time.Minute
)

// waits are the times between the attempts of a notification; after the last it is dropped.
var waits = [...]time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

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

// result is what became of an attempt: of one job, or of several of one platform.
type result struct {
	jobs   []im.PushJob
	again  int64 // ms; 0: the jobs are done with
	alone  bool  // the next time, each by itself
	forget bool  // the tokens are of no use any more,
	since  int64 // unless they were registered after this time, ms; 0: whenever they were
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
			if dropped, err = tx.TrimPushJobs(ctx, k.p.o.Queue); err != nil {
				return err
			}
			queued -= dropped
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
		if err := r.write(ctx, tx); err != nil {
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

// write carries out what became of an attempt.
func (r *result) write(ctx context.Context, tx store.Tx) error {
	users := make([]string, len(r.jobs))
	for i := range r.jobs {
		j := &r.jobs[i]
		users[i] = j.UserID
		var err error
		if r.again > 0 {
			err = tx.RetryPushJob(ctx, j.ID, j.Claim, r.again, r.alone)
		} else {
			err = tx.FinishPushJob(ctx, j.ID, j.Claim)
		}
		if err == nil && r.forget && j.Token != "" {
			err = tx.DeletePushToken(ctx, j.UserID, j.Platform, j.Token, r.since)
		}
		if err != nil {
			return err
		}
	}
	if r.again == 0 {
		return nil
	}
	return tx.HoldPushJobs(ctx, r.jobs[0].Platform, users, r.again)
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

// send makes one attempt.
func (k *keeper) send(jobs []im.PushJob) {
	r := k.attempt(jobs)
	k.mu.Lock()
	k.results = append(k.results, r)
	k.sending--
	k.mu.Unlock()
	k.signal()
}

// attempt hands jobs to the vendor: one, or several that say the same.
func (k *keeper) attempt(jobs []im.PushJob) *result {
	p, first := k.p, &jobs[0]
	log := p.log.With("op", first.Note.OperationID, "vendor", p.o.Vendor.Name(), "msg", first.MessageID, "attempt", first.Attempts+1)
	if len(jobs) == 1 {
		log = log.With("user", first.UserID, "platform", first.Platform.String())
	} else {
		log = log.With("users", len(jobs))
	}
	now, n := p.o.Now(), float64(len(jobs))
	if now.Sub(time.UnixMilli(first.CreatedAt)) > maxAge {
		p.metrics.dropped.WithLabelValues("age").Add(n)
		return &result{jobs: jobs}
	}
	ctx, cancel := context.WithTimeout(k.sends, sendTimeout)
	defer cancel()
	id, unknown, err := k.hand(ctx, jobs)
	p.metrics.took.Observe(p.o.Now().Sub(now).Seconds())
	if err == nil {
		p.metrics.sent.WithLabelValues("sent").Add(n - float64(len(unknown)))
		p.metrics.sent.WithLabelValues("gone").Add(float64(len(unknown)))
		log.Debug("offline push sent", "id", id)
		if len(unknown) > 0 {
			log.Info("offline push not sent to all, the vendor knows no device of the others", "others", len(unknown), "first", unknown[0])
		}
		return &result{jobs: jobs}
	}
	if k.sends.Err() != nil { // the server stops: the next one tries again
		return &result{jobs: jobs, again: p.o.Now().UnixMilli()}
	}
	var f *Failure
	if !errors.As(err, &f) {
		f = &Failure{Remedy: TryAgain, Reason: "no answer"} // the error may hold the token, as a part of the URL
	}
	switch f.Remedy {
	case Forget:
		p.metrics.sent.WithLabelValues("gone").Add(n)
		log.Info("offline push not sent, the device is gone", "status", f.Status, "reason", f.Reason)
		return &result{jobs: jobs, forget: true, since: f.Since}
	case GiveUp:
		p.metrics.sent.WithLabelValues("refused").Add(n)
		log.Warn("offline push not sent", "status", f.Status, "reason", f.Reason)
		return &result{jobs: jobs}
	case Apart:
		log.Info("offline push refused as a list, the users are tried one by one", "status", f.Status, "reason", f.Reason)
		return &result{jobs: jobs, again: p.o.Now().UnixMilli(), alone: true}
	}
	p.metrics.sent.WithLabelValues("failed").Add(n)
	if first.Attempts >= len(waits) {
		p.metrics.dropped.WithLabelValues("attempts").Add(n)
		log.Warn("offline push given up", "status", f.Status, "reason", f.Reason)
		return &result{jobs: jobs}
	}
	wait := max(f.Least, time.Duration(float64(waits[first.Attempts])*(0.8+0.4*rand.Float64())))
	if f.After > 0 {
		k.pause(min(f.After, maxPause))
		wait = max(wait, f.After)
	}
	log.Info("offline push failed, it is tried again", "status", f.Status, "reason", f.Reason, "in", wait)
	return &result{jobs: jobs, again: p.o.Now().Add(wait).UnixMilli()}
}

// hand gives jobs to the vendor in one request.
func (k *keeper) hand(ctx context.Context, jobs []im.PushJob) (id string, unknown []string, err error) {
	if len(jobs) > 1 { // only a ListVendor is given several
		return k.p.o.Vendor.(ListVendor).SendList(ctx, jobs)
	}
	id, err = k.p.o.Vendor.Send(ctx, &jobs[0])
	return id, nil, err
}

// pause keeps jobs from being claimed for a while, as the vendor wishes.
func (k *keeper) pause(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if until := k.p.o.Now().Add(d); until.After(k.paused) {
		k.paused = until
	}
}
