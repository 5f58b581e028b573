package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"parley/internal/im"
	"parley/internal/service"
)

// hookStates are the names of the states of events, at the state's number.
func hookStates() []string {
	return []string{"", "waiting", "retrying", "dead", "delivered", "aborted", "messageGone", "discarded"}
}

// hookFilter restricts lists of events. Times are in ms; endTime is not included.
type hookFilter struct {
	EventID     string `json:"eventID"`
	EndpointID  string `json:"endpointID"`
	State       string `json:"state"`
	Command     string `json:"command"`
	Lane        string `json:"lane"`
	OperationID string `json:"operationID"`
	StartTime   int64  `json:"startTime"`
	EndTime     int64  `json:"endTime"`
	// Cursor is the cursor of the answer before; empty: from the start.
	Cursor string `json:"cursor"`
}

// Check implements the check of a body.
func (q *hookFilter) Check() error {
	if !slices.Contains(hookStates(), q.State) {
		return fmt.Errorf("state is one of%s", strings.Join(hookStates(), " "))
	}
	if q.StartTime < 0 || q.EndTime < 0 {
		return errors.New("startTime and endTime are 0 or more")
	}
	return nil
}

func (q *hookFilter) filter() (f service.WebhookFilter, at service.WebhookCursor, err error) {
	f = service.WebhookFilter{
		EventID: q.EventID, State: service.WebhookState(slices.Index(hookStates(), q.State)), Lane: q.Lane, OperationID: q.OperationID,
		From: q.StartTime, To: q.EndTime,
	}
	if q.EndpointID != "" {
		id := endpointID(q.EndpointID)
		f.Endpoint = &id
	}
	if q.Command != "" {
		if f.Command, err = im.ParseCommand(q.Command); err != nil {
			return f, at, err
		}
	}
	if q.Cursor != "" {
		if n, err := fmt.Sscanf(q.Cursor, "%d:%d", &at.Part, &at.ID); n != 2 || err != nil || at.Part < 0 || at.Part > 1 || at.ID < 0 {
			return f, at, im.Errorf(im.Invalid, "api.hookFilter", "the cursor is not one that was given out")
		}
	}
	return f, at, nil
}

// showCursor returns the text of a cursor, empty at the end of the list.
func showCursor(at service.WebhookCursor, more bool) string {
	if !more {
		return ""
	}
	return fmt.Sprintf("%d:%d", at.Part, at.ID)
}

// hookEvent is an event for one endpoint. Of events that are still to be sent,
// error is that of the last attempt.
type hookEvent struct {
	EventID     string `json:"eventID"`
	EndpointID  string `json:"endpointID"`
	State       string `json:"state"`
	Command     string `json:"command"`
	Lane        string `json:"lane"`
	Sequence    int64  `json:"sequence"`
	OperationID string `json:"operationID"`
	CreateTime  int64  `json:"createTime"`
	NextTime    int64  `json:"nextTime"`
	SettleTime  int64  `json:"settleTime"`
	Attempts    int    `json:"attempts"`
	Status      int    `json:"status"`
	Took        int64  `json:"took"`
	Error       string `json:"error"`
	Answer      string `json:"answer"`
}

func showEvent(e *service.WebhookRecord) hookEvent {
	return hookEvent{
		EventID: e.EventID, EndpointID: endpointName(e.Endpoint), State: hookStates()[e.State], Command: e.Command.Key(), Lane: e.Lane,
		Sequence: e.LaneSeq, OperationID: e.OperationID, CreateTime: e.CreatedAt, NextTime: e.NextAt, SettleTime: e.SettledAt,
		Attempts: e.Attempts, Status: e.Last.Status, Took: e.Last.Took, Error: e.Last.Error, Answer: printable(e.Last.Answer),
	}
}

// printable makes text of what a receiver answered, which may be anything.
func printable(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

type hookEventsReq struct {
	hookFilter
	Limit int `json:"limit"`
}

// hookEventList is a page; there may be more at cursor unless it is empty.
type hookEventList struct {
	Events []hookEvent `json:"events"`
	Cursor string      `json:"cursor"`
}

// defaultEventPage is the size of a page when nothing is said.
const defaultEventPage = 50

func (a *API) hookEvents(ctx context.Context, op im.Operator, q *hookEventsReq) (hookEventList, error) {
	f, at, err := q.filter()
	if err != nil {
		return hookEventList{}, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultEventPage
	}
	page, err := a.service.WebhookEvents(ctx, op, f, at, limit)
	if err != nil {
		return hookEventList{}, err
	}
	out := hookEventList{Events: []hookEvent{}, Cursor: showCursor(page.Next, page.More)}
	for i := range page.Events {
		out.Events = append(out.Events, showEvent(&page.Events[i]))
	}
	return out, nil
}

type hookEventReq struct {
	EventID string `json:"eventID"`
}

// Check implements the check of a body.
func (q *hookEventReq) Check() error {
	if q.EventID == "" {
		return errors.New("eventID is required")
	}
	return nil
}

// hookAttempt is an attempt that failed.
type hookAttempt struct {
	Attempt int    `json:"attempt"`
	Time    int64  `json:"time"`
	Status  int    `json:"status"`
	Took    int64  `json:"took"`
	Error   string `json:"error"`
	Answer  string `json:"answer"`
}

type hookEventDetail struct {
	hookEvent
	Failures []hookAttempt `json:"failures"`
	// Body is what was sent, empty if it was not kept.
	Body string `json:"body"`
}

type hookEventDetails struct {
	Events []hookEventDetail `json:"events"`
}

func (a *API) hookEvent(ctx context.Context, op im.Operator, q *hookEventReq) (hookEventDetails, error) {
	list, err := a.service.WebhookEvent(ctx, op, q.EventID)
	if err != nil {
		return hookEventDetails{}, err
	}
	var out hookEventDetails
	for i := range list {
		d := hookEventDetail{hookEvent: showEvent(&list[i].EventRecord), Failures: []hookAttempt{}, Body: printable(list[i].Body)}
		for _, f := range list[i].Failures {
			d.Failures = append(d.Failures, hookAttempt{f.Number, f.At, f.Status, f.Took, f.Error, printable(f.Answer)})
		}
		out.Events = append(out.Events, d)
	}
	return out, nil
}

type replayHookEventsReq struct{ hookFilter }

// Check wants it to be said what is sent again.
func (q *replayHookEventsReq) Check() error {
	if q.EventID == "" && q.State == "" {
		return errors.New("eventID or state is required")
	}
	return q.hookFilter.Check()
}

// replayedEvents says how many events will be sent again. The rest is at cursor,
// unless it is empty.
type replayedEvents struct {
	Replayed int    `json:"replayed"`
	Cursor   string `json:"cursor"`
}

func (a *API) replayHookEvents(ctx context.Context, op im.Operator, q *replayHookEventsReq) (replayedEvents, error) {
	f, at, err := q.filter()
	if err != nil {
		return replayedEvents{}, err
	}
	r, err := a.service.ReplayWebhookEvents(ctx, op, f, at)
	if err != nil {
		return replayedEvents{}, err
	}
	return replayedEvents{r.Events, showCursor(r.Next, r.More)}, nil
}

type discardHookEventsReq struct{ hookFilter }

// Check wants it to be said that dead letters are meant, or which event.
func (q *discardHookEventsReq) Check() error {
	if q.EventID == "" && q.State == "" {
		return errors.New("eventID or state is required")
	}
	if q.State != "" && q.State != "dead" {
		return errors.New("only dead events can be discarded")
	}
	return q.hookFilter.Check()
}

// discardedEvents says how many dead letters were given up. The rest is at cursor,
// unless it is empty.
type discardedEvents struct {
	Discarded int    `json:"discarded"`
	Cursor    string `json:"cursor"`
}

func (a *API) discardHookEvents(ctx context.Context, op im.Operator, q *discardHookEventsReq) (discardedEvents, error) {
	f, at, err := q.filter()
	if err != nil {
		return discardedEvents{}, err
	}
	r, err := a.service.DiscardWebhookEvents(ctx, op, f, at)
	if err != nil {
		return discardedEvents{}, err
	}
	return discardedEvents{r.Events, showCursor(r.Next, r.More)}, nil
}

type testHookReq struct {
	hookEndpointReq
	Command string `json:"command"`
}

// testedHook is what became of a test event.
type testedHook struct {
	EventID   string `json:"eventID"`
	Delivered bool   `json:"delivered"`
	Status    int    `json:"status"`
	Took      int64  `json:"took"`
	Error     string `json:"error"`
	Answer    string `json:"answer"`
	Body      string `json:"body"`
}

func (a *API) testHook(ctx context.Context, op im.Operator, q *testHookReq) (testedHook, error) {
	cmd, err := im.ParseCommand(q.Command)
	if err != nil {
		return testedHook{}, err
	}
	r, err := a.service.TestWebhook(ctx, op, endpointID(q.EndpointID), cmd)
	if err != nil {
		return testedHook{}, err
	}
	return testedHook{
		EventID: r.EventID, Delivered: r.Delivered, Status: r.Status, Took: r.Took.Milliseconds(), Error: r.Error,
		Answer: printable([]byte(r.Answer)), Body: string(r.Body),
	}, nil
}

// hookCallback is the configuration of one callback that is on.
type hookCallback struct {
	Key            string              `json:"key"`
	Command        string              `json:"command"`
	TimeoutSeconds int                 `json:"timeoutSeconds"`
	FailedContinue bool                `json:"failedContinue"`
	DeniedTypes    []service.TypeRange `json:"deniedTypes"`
	AllowedTypes   []service.TypeRange `json:"allowedTypes"`
	AttentionIDs   []string            `json:"attentionIds"`
}

// hookSettings is the configuration in force, without secrets. Times are in seconds.
type hookSettings struct {
	URL          string         `json:"url"`
	Secrets      int            `json:"secrets"`
	PublicKey    string         `json:"publicKey"`
	Callbacks    []hookCallback `json:"callbacks"`
	Concurrency  int            `json:"concurrency"`
	Rate         int            `json:"rate"`
	ResumeRate   int            `json:"resumeRate"`
	Hold         int64          `json:"hold"`
	Schedule     []int64        `json:"schedule"`
	MaxBacklog   int            `json:"maxBacklog"`
	AlarmBacklog int            `json:"alarmBacklog"`
	PauseAfter   int64          `json:"pauseAfter"`
	LogKeep      int64          `json:"logKeep"`
	LogRows      int            `json:"logRows"`
	LogAnswers   bool           `json:"logAnswers"`
	LogBodies    bool           `json:"logBodies"`
	AllowPrivate bool           `json:"allowPrivate"`
	AllowNets    []string       `json:"allowNets"`
	DenyNets     []string       `json:"denyNets"`
	Proxy        string         `json:"proxy"`
	SkipVerify   bool           `json:"insecureSkipVerify"`
}

func (a *API) hookSettings(ctx context.Context, op im.Operator, _ *noFields) (hookSettings, error) {
	c, err := a.service.WebhookSettings(ctx, op)
	if err != nil {
		return hookSettings{}, err
	}
	out := hookSettings{
		URL: service.ShownURL(c.URL), Secrets: len(c.Secrets), PublicKey: service.WebhookPublicKey(c.SigningKey), Callbacks: []hookCallback{},
		Concurrency: c.Concurrency, Rate: c.Rate, ResumeRate: c.ResumeRate, Hold: int64(c.Hold.Seconds()), Schedule: []int64{},
		MaxBacklog: c.MaxBacklog, AlarmBacklog: c.AlarmBacklog,
		PauseAfter: int64(c.PauseAfter.Seconds()), LogKeep: int64(c.Log.Keep.Seconds()), LogRows: c.Log.Rows, LogAnswers: c.Log.Answers,
		LogBodies: c.Log.Bodies, AllowPrivate: c.Guard.AllowPrivate, AllowNets: []string{}, DenyNets: []string{},
		Proxy: service.ShownURL(c.Proxy), SkipVerify: c.TLS.SkipVerify,
	}
	if c.Hold < 0 {
		out.Hold = -1
	}
	for _, d := range c.Schedule {
		out.Schedule = append(out.Schedule, int64(d.Seconds()))
	}
	for _, n := range c.Guard.Allow {
		out.AllowNets = append(out.AllowNets, n.String())
	}
	for _, n := range c.Guard.Deny {
		out.DenyNets = append(out.DenyNets, n.String())
	}
	for _, cmd := range im.Commands() {
		if r, ok := c.Rules[cmd]; ok && r.Enabled {
			out.Callbacks = append(out.Callbacks, hookCallback{
				Key: cmd.Key(), Command: cmd.String(), TimeoutSeconds: int(r.Timeout.Seconds()), FailedContinue: r.FailedContinue,
				DeniedTypes: nonNil(r.Denied), AllowedTypes: nonNil(r.Allowed), AttentionIDs: nonNil(r.Attention),
			})
		}
	}
	return out, nil
}
