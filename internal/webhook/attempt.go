package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// maxAnswer is how much of an answer is read, which only serves to use the connection again.
	maxAnswer = 64 << 10
	// maxKept is how much of it is kept.
	maxKept = 4 << 10
	// maxHeaderText bounds what users can put into a header: their operation id.
	maxHeaderText = 512
)

type outcomeKind int8

const (
	delivered   outcomeKind = iota
	failed                  // to be tried again
	aborted                 // the receiver wants no retry
	unsendable              // no request can be made of the event
	messageGone             // the message was deleted
	interrupted             // the dispatcher stops: nothing is known
	postponed               // the call was full without it
)

// result is what became of one attempt.
type result struct {
	kind       outcomeKind
	gone       bool // 410: the receiver wants no more events
	reason     string
	retryAfter time.Duration
	class      string // for the metric; "" when no call was made

	status int // 0: no answer
	answer []byte
	at     time.Time
	took   time.Duration
}

// called reports whether the endpoint was asked at all.
func (r *result) called() bool { return r.class != "" }

// sender makes the requests of one worker.
type sender struct {
	ep   *endpoint
	plan *plan
	macs []mac // one for each signer, newest first
	sign []byte
}

func newSender(ep *endpoint, p *plan) *sender {
	s := &sender{ep: ep, plan: p}
	for _, one := range p.signers {
		s.macs = append(s.macs, one.secret.mac())
	}
	return s
}

// send makes one attempt.
func (s *sender) send(ctx context.Context, it *item) result {
	body, key, fault := s.body(it)
	if fault.kind != delivered {
		return fault
	}
	return s.call(ctx, it, body, key)
}

// call makes the request of an attempt.
func (s *sender) call(ctx context.Context, it *item, body []byte, key string) result {
	t := s.plan.targets[it.Command]
	start := time.Now()
	called, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	r := s.exchange(ctx, s.request(called, it, t, key, body, start), start)
	if r.called() {
		s.ep.metrics.attempted(it.Command, r.class)
		s.ep.metrics.latency.Observe(r.took.Seconds())
	}
	return r
}

// exchange sends a request that was begun at start and judges what comes of it. The
// context is that of the worker; the request's has the time limit.
func (s *sender) exchange(ctx context.Context, q *http.Request, start time.Time) result {
	answer, err := s.plan.transport.RoundTrip(q)
	var r result
	switch {
	case err == nil:
		r = judge(answer, start)
		// What cannot be read, or not in time, costs the connection, not the verdict.
		r.answer = s.read(answer.Body)
		answer.Body.Close()
	case ctx.Err() != nil:
		return result{kind: interrupted}
	default:
		r = failure(q.Context(), err)
	}
	r.at, r.took = start, time.Since(start)
	return r
}

// read reads an answer, as far as it is worth it to use the connection again, and
// returns what is kept of it.
func (s *sender) read(body io.Reader) []byte {
	var kept []byte
	if s.plan.keepAnswers {
		kept, _ = io.ReadAll(io.LimitReader(body, maxKept))
	}
	_, _ = io.CopyN(io.Discard, body, maxAnswer-int64(len(kept)))
	return kept
}

// body returns what is sent and, for a message, the key parameter. A result
// that is not delivered says why nothing can be sent.
func (s *sender) body(it *item) (body []byte, key string, fault result) {
	switch {
	case it.Command.String() == "":
		return nil, "", result{kind: unsendable, reason: fmt.Sprintf("command %d is unknown to this version", it.Command)}
	case !it.Command.CarriesMessage():
		body = it.Body
	case it.Message == nil:
		return nil, "", result{kind: messageGone}
	default:
		m, err := s.ep.decode(it.Message)
		if err != nil {
			return nil, "", result{kind: unsendable, reason: "stored message is unreadable: " + err.Error()}
		}
		m.Seq = it.Seq
		body, key = MessageBody(it.Command, operationID(it), m), MessageKey(m)
	}
	if len(body) == 0 {
		return nil, "", result{kind: unsendable, reason: "event has no body"}
	}
	if len(body) > s.plan.maxBody {
		return nil, "", result{kind: unsendable, reason: fmt.Sprintf("body of %d bytes is larger than %d", len(body), s.plan.maxBody)}
	}
	return body, key, result{}
}

// operationID returns the id of the request behind the event; the contract wants
// one even if there was none, and a retry must not tell another.
func operationID(it *item) string {
	if it.OperationID != "" {
		return it.OperationID
	}
	return it.EventID
}

// sequence is the place of an event in its lane, as receivers are told.
func sequence(it *item) string {
	return headerText(it.Lane) + ";" + strconv.FormatInt(it.LaneSeq, 10)
}

func (s *sender) request(ctx context.Context, it *item, t target, key string, body []byte, now time.Time) *http.Request {
	u := t.url
	if key != "" {
		withKey := *u
		withKey.RawQuery += "&key=" + url.QueryEscape(key)
		u = &withKey
	}
	timestamp := strconv.FormatInt(now.Unix(), 10)
	values := [...]string{
		it.EventID, timestamp, strconv.Itoa(it.Attempts + 1), sequence(it), headerText(operationID(it)),
		"application/json; charset=utf-8", s.plan.userAgent, "", s.plan.authorization,
	}
	header := http.Header{
		"Content-Type": values[5:6:6],
		"User-Agent":   values[6:7:7],
		// There but empty, this makes the transport repeat a request on a new connection
		// when the receiver closed the kept one just before. It is not sent.
		"Idempotency-Key": {},
		headerID:          values[0:1:1],
		headerTimestamp:   values[1:2:2],
		headerAttempt:     values[2:3:3],
		headerSequence:    values[3:4:4],
		headerOperationID: values[4:5:5],
	}
	if s.plan.authorization != "" {
		header["Authorization"] = values[8:9:9]
	}
	if values[7] = s.signature(it.EventID, timestamp, body, now); values[7] != "" {
		header[headerSignature] = values[7:8:8]
	}
	return newPost(ctx, u, header, body)
}

// signature returns the header that signs a body; "" without secrets.
func (s *sender) signature(id, timestamp string, body []byte, now time.Time) string {
	s.sign = s.sign[:0]
	for i, mac := range s.macs {
		if end := s.plan.signers[i].validTo; !end.IsZero() && !now.Before(end) {
			continue
		}
		if len(s.sign) > 0 {
			s.sign = append(s.sign, ' ')
		}
		s.sign = mac.append(s.sign, id, timestamp, body)
	}
	return string(s.sign)
}

// newPost returns the request of one call; its body can be read again if the
// transport has to.
func newPost(ctx context.Context, u *url.URL, header http.Header, body []byte) *http.Request {
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	first, _ := open()
	return (&http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: first, GetBody: open, ContentLength: int64(len(body)),
	}).WithContext(ctx)
}

// headerText makes text of users fit for a header: what is not printable ASCII is
// percent-encoded, because not every receiver takes more, and the length is
// bounded. Bodies have the text as it is.
func headerText(s string) string {
	if len(s) > maxHeaderText {
		s = s[:maxHeaderText]
	}
	plain := func(c byte) bool { return ' ' <= c && c <= '~' }
	clean := true
	for i := range len(s) {
		clean = clean && plain(s[i])
	}
	if clean {
		return s
	}
	out := make([]byte, 0, 3*len(s))
	for i := range len(s) {
		if c := s[i]; plain(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		}
	}
	return string(out)
}

// judge reads the verdict from the head of an answer: 2xx and nothing else is a success.
func judge(answer *http.Response, now time.Time) result {
	code := answer.StatusCode
	r := result{kind: delivered, class: strconv.Itoa(code/100) + "xx", status: code}
	if code/100 == 2 {
		return r
	}
	r.kind, r.reason = failed, "status "+strconv.Itoa(code)
	r.gone = code == http.StatusGone
	r.retryAfter = parseRetryAfter(answer.Header.Get("Retry-After"), now)
	if strings.EqualFold(strings.TrimSpace(answer.Header.Get("Webhook-Delivery")), "abort-message") {
		r.kind = aborted
	}
	return r
}

// failure judges a call that got no answer.
func failure(ctx context.Context, err error) result {
	r := result{kind: failed, class: "transport", reason: err.Error()}
	var op *net.OpError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.class, r.reason = "timeout", "no answer in time"
	case errors.Is(err, errBlocked):
		r.class = "blocked"
	case errors.As(err, &op) && op.Op == "dial":
		r.class = "connect"
	}
	return r
}
