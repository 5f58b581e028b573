package webhook

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"parley/internal/store"
)

// level is what the observer has found about the backlog of one endpoint
// (webhook-delivery.md 6.3).
type level struct {
	rows  int64 // as store.Backlog counts them
	alarm bool  // at Config.AlarmBacklog
	full  bool  // at Config.MaxBacklog: further events are not written
}

// levels are the backlogs that were found last. They are never changed.
type levels struct {
	byEndpoint map[string]level
	full       bool // of some endpoint
}

// above reports whether a backlog is at a limit, 0 meaning that there is none. What
// was at it is so until a tenth of the limit has gone: one crossing is told once.
func above(was bool, rows, limit int64) bool {
	if was {
		limit -= limit / 10
	}
	return limit > 0 && rows >= limit
}

// judge compares a backlog with the limits, and tells of crossings.
func (d *Dispatcher) judge(ep *endpoint, was level, b store.Backlog) level {
	c := d.config()
	now := level{rows: b.Waiting + b.Retrying + b.Dead}
	now.alarm = above(was.alarm, now.rows, int64(c.AlarmBacklog))
	now.full = above(was.full, now.rows, int64(c.MaxBacklog))
	log := ep.ownLog.With("events", now.rows)
	switch {
	case now.alarm && !was.alarm:
		log.Error("webhook backlog is large: see to the receiver and to the disk", "alarmBacklog", c.AlarmBacklog)
	case was.alarm && !now.alarm:
		log.Info("webhook backlog is no longer large")
	}
	switch {
	case now.full && !was.full:
		log.Error("webhook backlog is full: further events are not written", "maxBacklog", c.MaxBacklog)
	case was.full && !now.full:
		log.Warn("webhook backlog is no longer full: events are written again")
	}
	d.metrics.alarmed(ep.id, now.alarm)
	return now
}

// Admit takes those endpoints out of a list that no further event is written for,
// and counts them. The list itself stays as it is. It never blocks.
func (d *Dispatcher) Admit(to []string) []string {
	now := d.levels.Load()
	if !now.full {
		return to
	}
	full := func(id string) bool { return now.byEndpoint[id].full }
	if !slices.ContainsFunc(to, full) {
		return to
	}
	left := slices.DeleteFunc(slices.Clone(to), full)
	d.metrics.dropped.Add(float64(len(to) - len(left)))
	return left
}

// Alarm returns an error that names the endpoints whose backlog is large; nil if
// there is none.
func (d *Dispatcher) Alarm() error {
	var large []string
	for id, l := range d.levels.Load().byEndpoint {
		if l.alarm || l.full {
			large = append(large, fmt.Sprintf("%d events for %s", l.rows, endpointLabel(id)))
		}
	}
	if len(large) == 0 {
		return nil
	}
	slices.Sort(large)
	return errors.New("backlog: " + strings.Join(large, ", "))
}
