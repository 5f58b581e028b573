// Package sink is a small receiver of callbacks, for the quick start and for
// tests: it verifies signatures, shows each callback, and answers that all is
// well, or fails on request.
//
// It knows the wire contract of callbacks and nothing of the server, so that
// what it accepts is evidence about the sender. It keeps nothing: a callback is
// printed, handed to [Options.OnCallback] and forgotten.
//
// A [Sink] is an http.Handler that starts no goroutines. [Sink.Serve] adds a
// listener; it runs one goroutine that accepts, and net/http's one per
// connection, and has ended all of them when it returns.
package sink

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"sync"
	"time"
)

// maxBody is the most that the server sends unless it is told otherwise. Callbacks are
// a few KiB, but a batch may carry many of them.
const maxBody = 10 << 20

// Options says how a Sink behaves. The zero value accepts everything and prints nothing.
type Options struct {
	// Secret (`whsec_…`) is what callbacks must be signed with. Empty means that
	// signatures are not looked at.
	Secret string
	// Out is where callbacks are printed; nil means nowhere.
	Out io.Writer
	// Fail is how many requests are answered with Status before the rest is
	// answered well. 0 with a Status means all of them.
	Fail int
	// Status is the answer to those that fail on request; 0 means 500 with
	// Fail, and 200 without.
	Status int
	// Delay is how long each answer is held back.
	Delay time.Duration
	// OnCallback is called for each callback once it is judged and before it is
	// answered, from the goroutine of its request.
	OnCallback func(Callback)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Validate reports options that cannot work.
func (o Options) Validate() error {
	if o.Secret != "" {
		if _, err := parseSecret(o.Secret); err != nil {
			return err
		}
	}
	if o.Status != 0 && (o.Status < 200 || o.Status > 599) {
		return fmt.Errorf("status must be from 200 to 599, not %d", o.Status)
	}
	if o.Fail < 0 {
		return fmt.Errorf("fail must not be negative, but is %d", o.Fail)
	}
	if o.Delay < 0 {
		return fmt.Errorf("delay must not be negative, but is %v", o.Delay)
	}
	return nil
}

// Callback is one callback as it arrived.
type Callback struct {
	// Command is the body's callbackCommand, or the last part of the path when there is none.
	Command string
	// ID, Attempt, Sequence and OperationID are the headers webhook-id,
	// webhook-attempt, webhook-sequence and operationID.
	ID, Attempt, Sequence, OperationID string
	// Verdict is what became of the signature.
	Verdict Verdict
	// Status is the HTTP status it is answered with.
	Status int
	// URL is path and query as they were asked for.
	URL string
	// Header holds all headers of the request.
	Header http.Header
	// Body is the raw body.
	Body []byte
	// Batch is its place among those that came in one request; zero: it came alone.
	Batch Batch
}

// Sink receives callbacks. It is safe for concurrent use.
type Sink struct {
	opts Options
	key  []byte
	// badSecret makes every callback a bad one, for callers that do not Validate.
	badSecret bool

	mu     sync.Mutex
	failed int // callbacks failed on request so far; guarded by mu, which also keeps printed blocks whole
}

var _ http.Handler = (*Sink)(nil)

// New makes a Sink. Options that do not validate make one that refuses signed callbacks.
func New(opts Options) *Sink {
	if opts.Out == nil {
		opts.Out = io.Discard
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Sink{opts: opts}
	if opts.Secret != "" {
		key, err := parseSecret(opts.Secret)
		s.key, s.badSecret = key, err != nil
	}
	return s
}

// answer is the envelope that says: understood, go on.
const answer = `{"actionCode":0,"errCode":0,"errMsg":"","errDlt":"","nextCode":0}`

// ServeHTTP receives one callback.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "callbacks are sent with POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "cannot read the callback", status)
		return
	}
	now := s.opts.Now()
	cb := Callback{
		Command:     commandOf(body, r.URL.Path),
		ID:          r.Header.Get(headerID),
		Attempt:     r.Header.Get("webhook-attempt"),
		Sequence:    r.Header.Get("webhook-sequence"),
		OperationID: r.Header.Get("operationID"),
		Verdict:     s.judge(r.Header, body, now),
		URL:         r.URL.RequestURI(),
		Header:      r.Header.Clone(),
		Body:        body,
	}
	all := unpack(cb, r.URL.Path)
	cb.Status = s.settle(all, now)
	if s.opts.OnCallback != nil {
		for _, one := range all {
			s.opts.OnCallback(one)
		}
	}
	if s.opts.Delay > 0 && !sleep(r, s.opts.Delay) {
		http.Error(w, "the sink is stopping", http.StatusServiceUnavailable)
		return
	}
	reply(w, cb)
}

// judge looks at the signature.
func (s *Sink) judge(h http.Header, body []byte, now time.Time) Verdict {
	signed := h.Get(headerSignature) != ""
	switch {
	case s.opts.Secret == "" && signed:
		return Unchecked
	case !signed:
		return Unsigned
	case s.badSecret || verify(s.key, h, body, now) != nil:
		return BadSignature
	}
	return Verified
}

// settle decides the answer to the callbacks of a request, which it returns, and prints them.
func (s *Sink) settle(all []Callback, now time.Time) (status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch refused := s.opts.Secret != "" && all[0].Verdict != Verified; {
	case refused:
		status = http.StatusUnauthorized
	case s.opts.Fail > 0 && s.failed < s.opts.Fail:
		s.failed++
		status = cmp.Or(s.opts.Status, http.StatusInternalServerError)
	case s.opts.Fail == 0 && s.opts.Status != 0:
		status = s.opts.Status
	default:
		status = http.StatusOK
	}
	for i := range all {
		all[i].Status = status
		_, _ = s.opts.Out.Write(block(all[i], now)) // a closed terminal must not fail callbacks
	}
	return status
}

// sleep waits and reports whether the request is still there.
func sleep(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func reply(w http.ResponseWriter, cb Callback) {
	switch {
	case cb.Status == http.StatusUnauthorized && cb.Verdict != Verified && cb.Verdict != Unchecked:
		http.Error(w, string(cb.Verdict), cb.Status)
	case cb.Status >= 300:
		http.Error(w, "failed on request", cb.Status)
	case cb.Status == http.StatusNoContent:
		w.WriteHeader(cb.Status)
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(cb.Status)
		_, _ = io.WriteString(w, answer) // the sender may have gone
	}
}

func commandOf(body []byte, urlPath string) string {
	var head struct {
		CallbackCommand string `json:"callbackCommand"`
	}
	if err := json.Unmarshal(body, &head); err == nil && head.CallbackCommand != "" {
		return head.CallbackCommand
	}
	return path.Base(urlPath)
}

// block is a callback for people.
func block(cb Callback, now time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s, answered %d%s\n", now.Format("15:04:05.000"), plain(cb.Command), cb.Verdict, cb.Status, cb.Batch)
	fmt.Fprintf(&b, "  webhook-id %s  attempt %s  sequence %s  operationID %s\n",
		plain(cb.ID), plain(cb.Attempt), plain(cb.Sequence), plain(cb.OperationID))
	b.WriteString("  ")
	mark := b.Len()
	if err := json.Indent(&b, cb.Body, "  ", "  "); err != nil {
		b.Truncate(mark)
		b.WriteString(strconv.QuoteToGraphic(string(cb.Body)))
	}
	b.WriteString("\n\n")
	return b.Bytes()
}

// plain makes a header fit for a terminal, which obeys control characters.
func plain(text string) string {
	if text == "" {
		return "-"
	}
	for _, r := range text {
		if !strconv.IsGraphic(r) {
			return strconv.QuoteToGraphic(text)
		}
	}
	return text
}
