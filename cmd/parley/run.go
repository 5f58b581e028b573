package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"parley/internal/config"
)

const (
	// drainTimeout is what Stop gets. The contract is to be gone 10 s after
	// SIGTERM; one second is left for what does not listen to its context.
	drainTimeout = 9 * time.Second
	leaveTimeout = 10 * time.Second
	// sameSignal is how soon after the first signal another one is the same wish, not
	// impatience: timeout(1) and terminals send it to a process and again to its group.
	sameSignal = 500 * time.Millisecond
)

// runner is the part of a server that this command drives.
type runner interface {
	// Start returns once the server serves. Stop follows, also when Start failed.
	Start(ctx context.Context) error
	// Addrs are the addresses in use, valid after Start.
	Addrs() addrs
	// Done delivers an error when the server cannot go on.
	Done() <-chan error
	// Stop drains and ends, at the latest soon after ctx does.
	Stop(ctx context.Context) error
}

// addrs are the addresses of the three listeners.
type addrs struct{ api, ws, admin string }

var (
	errSecondSignal = errors.New("left at once after a second signal")
	errNoEnd        = fmt.Errorf("did not stop within %v", leaveTimeout)
)

// drive runs a server until a signal, the end of ctx or the end of the server.
func (m *Main) drive(ctx context.Context, srv runner, log *slog.Logger) error {
	signals, release := m.signals()
	defer release()

	// The context of Start ends only when Start itself is interrupted: a server
	// may hold on to it, and must still be able to drain.
	startCtx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	started := make(chan error, 1)
	go func() { started <- srv.Start(startCtx) }()

	select {
	case err := <-started:
		if err != nil {
			return finish(ctx, srv, signals, fmt.Errorf("cannot serve: %w", err))
		}
	case s := <-signals:
		log.Info("stopping before the start was complete", "signal", s.String())
		interrupt()
		l := leave(signals)
		defer l.release()
		ended, err := l.await(started)
		if !ended {
			return err
		}
		if err != nil {
			log.Info("start interrupted", "error", err)
		}
		return l.stop(ctx, srv)
	}

	a := srv.Addrs()
	err := m.say(fmt.Sprintf("ready api=%s ws=%s admin=%s", a.api, a.ws, a.admin))
	if err == nil {
		select {
		case s := <-signals:
			log.Info("stopping", "signal", s.String())
		case <-ctx.Done():
			log.Info("stopping", "cause", context.Cause(ctx).Error())
		case err = <-srv.Done():
			if err == nil {
				err = errors.New("the server ended by itself")
			}
			err = fmt.Errorf("cannot go on: %w", err)
		}
	}
	return finish(ctx, srv, signals, err)
}

// finish stops the server and adds what went wrong doing so to the cause.
func finish(ctx context.Context, srv runner, signals <-chan os.Signal, cause error) error {
	l := leave(signals)
	defer l.release()
	return errors.Join(cause, l.stop(ctx, srv))
}

// leaving is the way out: it begins with the wish to stop and bounds everything after it.
type leaving struct {
	signals <-chan os.Signal
	began   time.Time
	late    *time.Timer
}

func leave(signals <-chan os.Signal) leaving {
	return leaving{signals: signals, began: time.Now(), late: time.NewTimer(leaveTimeout)}
}

func (l leaving) release() { l.late.Stop() }

// stop drains the server, unless a second signal comes.
func (l leaving) stop(ctx context.Context, srv runner) error {
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Stop(drain) }()
	ended, err := l.await(stopped)
	if ended && err != nil {
		return fmt.Errorf("stopped, but not cleanly: %w", err)
	}
	return err
}

// await waits for work that was told to end and returns its error. When a
// second signal or the clock comes first, ended is false and the error is that.
func (l leaving) await(work <-chan error) (ended bool, err error) {
	for {
		select {
		case err := <-work:
			return true, err
		case <-l.signals:
			if time.Since(l.began) >= sameSignal {
				return false, errSecondSignal
			}
		case <-l.late.C:
			return false, errNoEnd
		}
	}
}

// untilSignal runs work whose context ends with the first signal.
func (m *Main) untilSignal(ctx context.Context, work func(context.Context) error) error {
	signals, release := m.signals()
	defer release()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- work(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-signals:
	case <-ctx.Done():
	}
	cancel()
	l := leave(signals)
	defer l.release()
	_, err := l.await(ended)
	return err
}

func (m *Main) signals() (<-chan os.Signal, func()) {
	if m.Signals == nil {
		return nil, func() {}
	}
	return m.Signals()
}

// logReport says at start what the callbacks will do, since "configured, but
// nothing comes" is what operators ask about most.
func logReport(log *slog.Logger, r config.Report) {
	for _, w := range r.Warnings {
		log.Warn("configuration", "warning", w)
	}
	log.Info("webhooks", "url", r.URL, "signatures", r.Signatures, "on", r.On,
		"continue_on_failure", r.Continue, "refuse_on_failure", r.Refuse)
}
