package push

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"parley/internal/im"
	"parley/internal/store"
)

// waits are the times between the attempts of a notification; after the last it is dropped.
var waits = [...]time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// result is what became of an attempt: of one job, or of several of one platform.
type result struct {
	jobs   []im.PushJob
	again  int64 // ms; 0: the jobs are done with
	alone  bool  // the next time, each by itself
	forget bool  // the tokens are of no use any more,
	since  int64 // unless they were registered after this time, ms; 0: whenever they were
}

// write carries out what became of an attempt.
func (r *result) write(ctx context.Context, tx store.Tx, now int64) error {
	for i := range r.jobs {
		j := &r.jobs[i]
		var err error
		if r.again > 0 {
			err = tx.RetryPushJob(ctx, j.ID, j.Claim, r.again, r.alone)
		} else {
			err = tx.FinishPushJob(ctx, j.ID, j.Claim, now)
		}
		if err == nil && r.forget && j.Token != "" {
			err = tx.DeletePushToken(ctx, j.UserID, j.Platform, j.Token, r.since)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
