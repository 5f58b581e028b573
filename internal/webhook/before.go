package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/im"
)

const (
	// beforeConns is the number of before callbacks in flight; more wait for their turn inside their timeout.
	beforeConns = 256
	// maxBeforeAnswer bounds the answer of a before callback; a larger one is a failure (webhooks.md 1.7).
	maxBeforeAnswer = 1 << 20
	// beforeIdle is how long an unused connection is kept. It is shorter than the time after
	// which usual servers close theirs (2 s and up): a call that meets that moment has
	// failed, because nobody knows whether it was taken up, and is not made again.
	beforeIdle = 1500 * time.Millisecond
)

// Question is one before callback: may this be done, and how?
type Question struct {
	Command     im.Command
	OperationID string // of the request that asks
	Body        []byte
}

// Asker asks the business server before something is done (webhooks.md 1.5 to
// 1.7, webhook-delivery.md 6.6). It has connections of its own, so that a slow
// receiver of after events cannot keep requests waiting. Its methods may be
// called from any goroutine, and must not be called inside a transaction.
type Asker struct {
	log     *slog.Logger
	metrics *beforeMetrics
	fixed   http.RoundTripper // of the options; nil: one for each configuration
	current atomic.Pointer[asking]
}

// asking is what one configuration makes of the Asker.
type asking struct {
	config        *Config
	targets       []target
	authorization string
	userAgent     string
	secrets       []secret // of v1, newest first, and after them that of v1a
	transport     http.RoundTripper

	mu sync.Mutex // guards breakers
	// breakers has one for each command: a receiver that has no handler for one callback
	// answers the others, and those are to be heard.
	breakers []breaker
}

// AskerOptions are what an Asker is made of. Log, Metrics and Transport may be nil.
type AskerOptions struct {
	Config    *Config
	Log       *slog.Logger
	Metrics   prometheus.Registerer
	Transport http.RoundTripper // replaces the asker's own connections
}

// NewAsker returns an asker for a valid configuration. It starts nothing.
func NewAsker(o AskerOptions) (*Asker, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m, err := newBeforeMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	a := &Asker{log: o.Log, metrics: m, fixed: o.Transport}
	if err := a.Reload(o.Config); err != nil {
		return nil, err
	}
	if o.Metrics != nil {
		err = o.Metrics.Register(&breakerStates{a})
	}
	return a, err
}

// Reload puts a valid configuration in the place of the present one. Calls in
// flight end under the old one.
func (a *Asker) Reload(c *Config) error {
	now := &asking{config: c, userAgent: userAgent(c), transport: a.fixed}
	if c.URL != "" {
		var err error
		if now.targets, now.authorization, err = newTargets(c); err != nil {
			return err
		}
		now.breakers = make([]breaker, len(now.targets))
		for _, text := range c.Secrets {
			key, err := parseSecret(text)
			if err != nil {
				return err
			}
			now.secrets = append(now.secrets, key)
		}
		if c.SigningKey != "" {
			key, err := parseSigningKey(c.SigningKey)
			if err != nil {
				return err
			}
			now.secrets = append(now.secrets, key)
		}
		if now.transport == nil {
			t, err := newTransport(c)
			if err != nil {
				return err
			}
			t.MaxConnsPerHost, t.MaxIdleConnsPerHost, t.IdleConnTimeout = beforeConns, beforeConns, beforeIdle
			now.transport = t
		}
	}
	if old := a.current.Swap(now); old != nil {
		old.close()
	}
	return nil
}

// Close gives back the idle connections.
func (a *Asker) Close() { a.current.Load().close() }

func (c *asking) close() {
	if t, ok := c.transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// Asks reports whether a before callback is on. It is for those without a filter.
func (a *Asker) Asks(cmd im.Command) bool { return a.current.Load().config.Wants(cmd) }

// AsksMessage reports whether a before callback is on and its filters let a message pass.
func (a *Asker) AsksMessage(cmd im.Command, m *im.Message) bool {
	return a.current.Load().config.WantsMessage(cmd, m)
}

// AsksOfAdmins reports whether messages of app administrators are asked about, too
// (webhooks.md A.1).
func (a *Asker) AsksOfAdmins() bool { return a.current.Load().config.AdminSenders }

// Ask makes the call. It returns an *im.Refusal if the business server stopped
// the operation; the replacements it wants otherwise; nil if there are none to
// apply because the callback is off, or failed and failedContinue lets the
// operation go on. A failure that stops the operation is of kind
// im.CallbackUnreachable or im.CallbackUnreadable. When ctx ends, nobody waits for
// the result any more: im.Busy.
func (a *Asker) Ask(ctx context.Context, q Question) (*Answer, error) {
	c := a.current.Load()
	if !c.config.Wants(q.Command) {
		return nil, nil
	}
	start := time.Now()
	answer, err := a.ask(ctx, c, q)
	var refused *im.Refusal
	var fault *askFault
	switch {
	case err == nil:
		a.metrics.asked(q.Command, "passed", time.Since(start))
		return answer, nil
	case ctx.Err() != nil:
		return nil, im.Errorf(im.Busy, "webhook.Ask", "the request was given up")
	case errors.As(err, &fault):
		a.metrics.asked(q.Command, fault.class, time.Since(start))
		goesOn := c.config.Rules[q.Command].FailedContinue
		a.log.Warn("before callback failed", "command", q.Command.Key(), "op", q.OperationID, "failure", fault.class,
			"err", fault.cause, "failedContinue", goesOn)
		if goesOn {
			a.metrics.continued.WithLabelValues(q.Command.Key()).Inc()
			return nil, nil
		}
		return nil, fault.told
	case errors.As(err, &refused):
		a.metrics.asked(q.Command, "refused", time.Since(start))
	}
	return nil, err
}

// GoesOn reports what a failure of a before callback means: true, the operation
// goes on as if it were off.
func (a *Asker) GoesOn(cmd im.Command) bool {
	return a.current.Load().config.Rules[cmd].FailedContinue
}

// askFault is a failure of a before callback: failedContinue decides what it means.
type askFault struct {
	class string // for the metric
	cause error  // for the log: it may name the receiver's address
	told  error  // for the user: it does not
}

// Error returns the cause.
func (f *askFault) Error() string { return f.class + ": " + f.cause.Error() }

func unreachable(class string, cause error) *askFault {
	return &askFault{class, cause, im.Errorf(im.CallbackUnreachable, "", "the business server did not answer")}
}

func unreadable(cause error) *askFault {
	return &askFault{"parse", cause, im.Errorf(im.CallbackUnreadable, "", "the business server's answer could not be read")}
}

// errBreakerOpen is the cause of calls that are not made.
var errBreakerOpen = errors.New("the breaker is open: no call was made")

// ask makes the call through the breaker and judges the answer.
func (a *Asker) ask(ctx context.Context, c *asking, q Question) (*Answer, error) {
	if len(q.Body) > c.config.MaxBody {
		// No word about the receiver: large messages of one user must not open the
		// breaker for all.
		return nil, unreadable(errors.New("the body is larger than the limit"))
	}
	pass, ok := c.enter(q.Command)
	if !ok {
		return nil, unreachable("breaker", errBreakerOpen)
	}
	status, raw, err := c.call(ctx, q)
	if ctx.Err() != nil {
		c.leave(q.Command, pass, nil)
		return nil, ctx.Err()
	}
	answer, err := a.judge(status, raw, err, q)
	var fault *askFault
	works := !errors.As(err, &fault)
	if c.leave(q.Command, pass, &works) {
		a.log.Warn("breaker of a before callback changed", "command", q.Command.Key(), "op", q.OperationID, "open", !works)
	}
	return answer, err
}

// judge makes of an HTTP answer what it means (webhooks.md 1.5, 1.7).
func (a *Asker) judge(status int, raw []byte, err error, q Question) (*Answer, error) {
	if err != nil {
		var fault *askFault
		if errors.As(err, &fault) {
			return nil, fault
		}
		return nil, unreachable("connect", err)
	}
	log := a.log.With("command", q.Command.Key(), "op", q.OperationID)
	answer, verdict, err := parseAnswer(raw, log)
	switch {
	case err == nil && verdict.refused(): // whatever the status: it was said plainly
		return nil, answer.refusal()
	case status/100 != 2:
		return nil, unreachable("status", errors.New("status "+strconv.Itoa(status)))
	case err != nil:
		return nil, unreadable(err)
	case verdict.actionCode != 0:
		return nil, &askFault{"action", errors.New("actionCode " + strconv.FormatInt(verdict.actionCode, 10)), answer.refusal()}
	}
	return answer, nil
}

// enter asks the breaker of a command for a pass.
func (c *asking) enter(cmd im.Command) (pass uint32, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &c.breakers[cmd]
	b.ripen(time.Now())
	return b.pass()
}

// leave tells the breaker of a command what became of a call, nil meaning nothing is known.
func (c *asking) leave(cmd im.Command, pass uint32, works *bool) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if works == nil {
		c.breakers[cmd].unused(pass)
		return false
	}
	return c.breakers[cmd].record(pass, *works, time.Now())
}

// call makes the request, a second time if the first one cannot have reached the
// receiver: no connection could be made, or the kept one was closed before. The
// transport repeats by itself only what it has written no byte of.
func (c *asking) call(ctx context.Context, q Question) (status int, body []byte, err error) {
	t := c.targets[q.Command]
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	id := im.NewEventID()
	for attempt := 1; ; attempt++ {
		var written atomic.Bool // the head of the request, so that the receiver may act on it
		traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }})
		answer, err := c.transport.RoundTrip(c.request(traced, q, t, id, attempt))
		if err == nil {
			status, body, err = readAnswer(answer)
		}
		switch {
		case err == nil:
			return status, body, nil
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return 0, nil, unreachable("timeout", err)
		case attempt == 1 && ctx.Err() == nil && !written.Load():
			continue
		}
		return 0, nil, err
	}
}

func readAnswer(answer *http.Response) (status int, body []byte, err error) {
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxBeforeAnswer+1))
	if err == nil && len(body) > maxBeforeAnswer {
		err = unreadable(errors.New("the answer is larger than the limit"))
	}
	return answer.StatusCode, body, err
}

// request returns the request of one attempt.
func (c *asking) request(ctx context.Context, q Question, t target, id string, attempt int) *http.Request {
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	header := http.Header{
		"Content-Type":    {"application/json; charset=utf-8"},
		"User-Agent":      {c.userAgent},
		headerID:          {id},
		headerTimestamp:   {timestamp},
		headerAttempt:     {strconv.Itoa(attempt)},
		headerOperationID: {headerText(q.OperationID)},
	}
	if c.authorization != "" {
		header["Authorization"] = []string{c.authorization}
	}
	var signatures []string
	for _, s := range c.secrets {
		signatures = append(signatures, string(s.mac().append(nil, id, timestamp, q.Body)))
	}
	if len(signatures) > 0 {
		header[headerSignature] = []string{strings.Join(signatures, " ")}
	}
	return newPost(ctx, t.url, header, q.Body)
}
