// Package expiry takes old messages away in the background: once a day what is
// older than the retention allows and what users let be cleared in time, and
// every few minutes the rows of messages that were wiped for everybody, and what
// interrupted uploads of files have left.
//
// It owns one goroutine, from Start to Stop, and decides only when and how much
// at a time; what expires and how is the work of package service. Work comes in
// batches with pauses between them, so that it never holds the writer for long.
package expiry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"parley/internal/im"
	"parley/internal/service"
)

// Sizes of batches, each one short transaction, and the pauses after them. With
// these a night's run takes at most some fifth of the writer's time.
const (
	destructBatch = 100
	expireBatch   = 500
	purgeBatch    = 500
	cleanBatch    = 100
	pause         = 50 * time.Millisecond
	purgeEvery    = 10 * time.Minute
	day           = 24 * time.Hour
)

// Work is what there is to do, a batch at a time.
type Work interface {
	// DestructMessages runs timed clearing for some conversation records that are due.
	DestructMessages(ctx context.Context, limit int) (more bool, err error)
	// ExpireMessages removes messages stored before a time, after the one where the
	// last batch ended.
	ExpireMessages(ctx context.Context, before time.Time, after int64, limit int) (service.Expired, error)
	// PurgeMessages removes rows of wiped messages.
	PurgeMessages(ctx context.Context, limit int) (more bool, err error)
	// CleanObjects removes what interrupted uploads have left, and contents without a name.
	CleanObjects(ctx context.Context, limit int) (more bool, err error)
}

// Options are what a Runner needs.
type Options struct {
	Work Work
	// At is the time of day, in the local zone, of the daily run.
	At TimeOfDay
	// RetainDays is how long messages are kept; below 1 for ever.
	RetainDays int
	Log        *slog.Logger
	Now        func() time.Time // nil: time.Now
}

// TimeOfDay is an hour and a minute.
type TimeOfDay struct{ Hour, Minute int }

// ParseTimeOfDay reads a time like "02:00".
func ParseTimeOfDay(text string) (TimeOfDay, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return TimeOfDay{}, fmt.Errorf("must be a time of day like 02:00, not %q", text)
	}
	return TimeOfDay{t.Hour(), t.Minute()}, nil
}

// next returns the first such time after now.
func (d TimeOfDay) next(now time.Time) time.Time {
	at := time.Date(now.Year(), now.Month(), now.Day(), d.Hour, d.Minute, 0, 0, now.Location())
	if !at.After(now) {
		at = time.Date(now.Year(), now.Month(), now.Day()+1, d.Hour, d.Minute, 0, 0, now.Location())
	}
	return at
}

// Runner runs the work. Start and Stop once each.
type Runner struct {
	o    Options
	quit context.CancelFunc
	wg   sync.WaitGroup
}

// New returns a runner that does nothing before Start.
func New(o Options) *Runner {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Runner{o: o}
}

// Start starts the goroutine.
func (r *Runner) Start(ctx context.Context) {
	ctx, r.quit = context.WithCancel(context.WithoutCancel(ctx))
	r.wg.Go(func() { r.loop(ctx) })
}

// Stop ends a run after its batch and waits for the goroutine.
func (r *Runner) Stop() {
	if r.quit != nil {
		r.quit()
	}
	r.wg.Wait()
}

func (r *Runner) loop(ctx context.Context) {
	daily := r.o.At.next(r.o.Now())
	for {
		// Short waits: a machine that slept, or whose clock was set, is noticed.
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(purgeEvery, max(time.Second, daily.Sub(r.o.Now())))):
		}
		if now := r.o.Now(); !now.Before(daily) {
			daily = r.o.At.next(now)
			r.Daily(ctx)
		}
		operationID := im.NewID()
		r.report(ctx, operationID, "purge", r.purge(ctx))
		r.report(ctx, operationID, "files", r.clean(ctx))
	}
}

// Daily is the daily run. A part that fails does not stop the others: all is
// tried again the next day.
func (r *Runner) Daily(ctx context.Context) {
	began, operationID := r.o.Now(), im.NewID()
	r.report(ctx, operationID, "timed clearing", r.destruct(ctx))
	if r.o.RetainDays >= 1 {
		r.report(ctx, operationID, "retention", r.expire(ctx, began.Add(-time.Duration(r.o.RetainDays)*day)))
	}
	r.o.Log.Info("daily clearing done", "op", operationID, "took", r.o.Now().Sub(began))
}

func (r *Runner) report(ctx context.Context, operationID, part string, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		r.o.Log.Error("clearing failed", "op", operationID, "part", part, "err", err)
	}
}

func (r *Runner) destruct(ctx context.Context) error {
	return r.batches(ctx, func() (bool, error) { return r.o.Work.DestructMessages(ctx, destructBatch) })
}

func (r *Runner) expire(ctx context.Context, before time.Time) error {
	var at service.Expired
	return r.batches(ctx, func() (more bool, err error) {
		at, err = r.o.Work.ExpireMessages(ctx, before, at.Last, expireBatch)
		return at.More, err
	})
}

func (r *Runner) purge(ctx context.Context) error {
	return r.batches(ctx, func() (bool, error) { return r.o.Work.PurgeMessages(ctx, purgeBatch) })
}

func (r *Runner) clean(ctx context.Context) error {
	return r.batches(ctx, func() (bool, error) { return r.o.Work.CleanObjects(ctx, cleanBatch) })
}

// batches calls do until there is no more, with pauses.
func (r *Runner) batches(ctx context.Context, do func() (more bool, err error)) error {
	for {
		more, err := do()
		if err != nil || !more {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
