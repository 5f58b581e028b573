package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"parley/internal/im"
)

// Vendor is a push service. Its methods may be called from any goroutine.
type Vendor interface {
	// Name is what logs call the vendor.
	Name() string
	// Takes reports whether a device of a platform is reached by its token.
	Takes(p im.Platform) bool
	// KnowsUsers reports whether the vendor finds a user's devices by the user's id.
	// Then jobs have neither platform nor token.
	KnowsUsers() bool
	// Send hands a notification over and returns the vendor's id of it. An error is a
	// *Failure, or a failed connection.
	Send(ctx context.Context, j *im.PushJob) (id string, err error)
	// Close gives back idle connections.
	Close()
}

// ListVendor is a Vendor that takes a notification for many users in one request.
type ListVendor interface {
	Vendor
	// Most is how many users a request takes.
	Most() int
	// SendList hands over one notification for several users: its jobs differ in nothing
	// else. It returns the vendor's id of it and the users that the vendor knows no device
	// of. An error, as of Send, is one of all users.
	SendList(ctx context.Context, jobs []im.PushJob) (id string, unknown []string, err error)
}

// Remedy says what to do after a failure.
type Remedy uint8

// The remedies.
const (
	TryAgain Remedy = iota
	GiveUp          // this notification will never be taken
	Forget          // the device is gone: its token, too
	Apart           // of a list: one of its users may be why, so each is tried alone
)

// Failure is a vendor's answer other than success.
type Failure struct {
	Remedy Remedy
	After  time.Duration // with TryAgain: not before, nor anything else; 0: nothing was said
	Least  time.Duration // with TryAgain: this notification not before
	Since  int64         // with Forget: the device is gone since then, ms; 0: nothing was said
	Status int           // of HTTP
	Reason string        // in the vendor's words
}

// Error returns the answer on one line.
func (f *Failure) Error() string { return fmt.Sprintf("status %d: %s", f.Status, f.Reason) }

// Bounds of a notification, in bytes of its texts as JSON: Apple and Google take
// 4 KiB in all, JPush 3,584 bytes for iOS, and the ids in it need up to 900.
const (
	maxTitle = 256
	maxSound = 64
	maxBody  = 1024
	maxEx    = 1280
	// life is how long a vendor keeps a notification for a device it cannot reach.
	life = 24 * time.Hour
)

const (
	// maxAnswer is how much of a vendor's answer is read.
	maxAnswer = 64 << 10
	// maxReason is how much of a vendor's words is logged.
	maxReason   = 300
	sendTimeout = 10 * time.Second
)

// cut shortens a text to n bytes, between characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// cutEncoded shortens a text so that encode makes at most n bytes of it, without quotes.
func cutEncoded(text string, n int) string {
	for i, r := range text {
		if n -= encodedLen(r); n < 0 {
			return text[:i]
		}
	}
	return text
}

func encodedLen(r rune) int {
	switch {
	case r == '"', r == '\\', r == '\b', r == '\f', r == '\n', r == '\r', r == '\t':
		return 2
	case r < ' ', r == '\u2028', r == '\u2029', r == utf8.RuneError:
		return 6
	}
	return utf8.RuneLen(r)
}

// cutRunes shortens a text to n characters.
func cutRunes(text string, n int) string {
	for i := range text {
		if n--; n < 0 {
			return text[:i]
		}
	}
	return text
}

// maxAlias is the longest alias that Getui and JPush let an application bind, in bytes.
const maxAlias = 40

// longAlias is the failure of a user who cannot have an alias.
var longAlias = Failure{Remedy: GiveUp, Reason: fmt.Sprintf("the user's id is longer than the %d bytes of an alias", maxAlias)}

// aliases returns the users of jobs who can have an alias, and the others.
func aliases(jobs []im.PushJob) (ids, others []string) {
	for i := range jobs {
		if id := jobs[i].UserID; len(id) <= maxAlias {
			ids = append(ids, id)
		} else {
			others = append(others, id)
		}
	}
	return ids, others
}

// newClient returns a client of a vendor's API. It follows no redirect.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: sendTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is what a vendor said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// failure returns the Failure for an answer, with what its status calls for.
func (a *answer) failure(reason string) *Failure {
	f := &Failure{Remedy: GiveUp, Status: a.status, Reason: cut(reason, maxReason)}
	switch {
	case a.status == http.StatusTooManyRequests, a.status >= 500, a.status == http.StatusRequestTimeout,
		a.status == http.StatusUnauthorized, a.status == http.StatusForbidden: // the operator repairs the keys
		f.Remedy = TryAgain
		if s, err := strconv.Atoi(a.header.Get("Retry-After")); err == nil && s > 0 {
			f.After = time.Duration(s) * time.Second
		} else if at, err := http.ParseTime(a.header.Get("Retry-After")); err == nil {
			f.After = max(0, time.Until(at))
		}
	}
	return f
}

// encode is JSON as vendors count it: texts are not made longer for the sake of HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// post sends a request. Any answer is no error.
func post(ctx context.Context, c *http.Client, url string, header http.Header, body []byte) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	return &answer{resp.StatusCode, resp.Header, text}, nil
}

// credential is a token that lets one send for some time. One caller fetches a
// new one while the others wait; no lock is held meanwhile.
type credential struct {
	fetch func(ctx context.Context) (token string, life time.Duration, err error)
	now   func() time.Time

	mu      sync.Mutex // guards what follows
	token   string
	until   time.Time
	pending chan struct{} // closed when the fetch under way ends; nil: there is none
}

func (c *credential) get(ctx context.Context) (string, error) {
	for {
		c.mu.Lock()
		if c.token != "" && c.now().Before(c.until) {
			defer c.mu.Unlock()
			return c.token, nil
		}
		pending := c.pending
		if pending == nil {
			c.pending = make(chan struct{})
			c.mu.Unlock()
			return c.renew(ctx)
		}
		c.mu.Unlock()
		select {
		case <-pending:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

func (c *credential) renew(ctx context.Context) (string, error) {
	token, life, err := c.fetch(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.pending)
	c.pending = nil
	if err != nil {
		return "", err
	}
	c.token, c.until = token, c.now().Add(life)
	return token, nil
}

// drop forgets a token that the vendor does not take any more.
func (c *credential) drop(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

// with sends with the credential, a second time with a new one if the vendor refuses the first.
func (c *credential) with(ctx context.Context, send func(token string) (a *answer, refused bool, err error)) (*answer, error) {
	for try := 1; ; try++ {
		token, err := c.get(ctx)
		if err != nil {
			return nil, err
		}
		a, refused, err := send(token)
		if err != nil {
			return nil, err
		}
		if refused {
			c.drop(token)
			if try == 1 {
				continue
			}
		}
		return a, nil
	}
}

// errKey is the cause of a key that cannot be used.
var errKey = errors.New("holds no usable private key")
