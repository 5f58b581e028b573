package webhook

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"parley/internal/im"
)

// plan is what the configuration makes of one endpoint. It is never changed, but
// replaced as a whole; an attempt keeps to the plan it began with.
type plan struct {
	targets       []target // by command; at batchTarget that of batches
	authorization string
	userAgent     string
	shown         string // the URL without credentials, for the log
	signers       []signer
	schedule      []time.Duration
	hold          time.Duration
	pauseAfter    time.Duration
	concurrency   int
	batch         int // events of one call, at most; 0 or 1: each event is a call, in the form of OpenIM
	maxBody       int
	interval      time.Duration // between two attempts, 0: no limit
	resume        time.Duration // between two attempts of a backlog after a pause or a replay, 0: no limit
	keepAnswers   bool
	log           bool // failed attempts are logged

	transport http.RoundTripper
	own       bool // the transport was made for this plan
}

// signer makes signatures until a time.
type signer struct {
	secret  secret
	validTo time.Time // zero: without end
}

// target is where the callbacks of one command go.
type target struct {
	url     *url.URL
	timeout time.Duration
}

// close gives back idle connections.
func (p *plan) close() {
	if t, ok := p.transport.(*http.Transport); ok && p.own {
		t.CloseIdleConnections()
	}
}

// holdTime is how long a failing event holds its lane.
func (p *plan) holdTime() time.Duration {
	if p.hold < 0 {
		return forever
	}
	return p.hold
}

// newPlan returns the plan of the main endpoint.
func newPlan(c *Config, fixed http.RoundTripper) (*plan, error) {
	p := commonPlan(c)
	var err error
	if p.targets, p.authorization, err = newTargets(c); err != nil {
		return nil, err
	}
	p.shown, p.concurrency, p.interval = shown(c.URL), c.Concurrency, perSecond(c.Rate)
	for _, text := range c.Secrets {
		key, err := parseSecret(text)
		if err != nil {
			return nil, err
		}
		p.signers = append(p.signers, signer{secret: key})
	}
	if err := p.signWith(c.SigningKey); err != nil {
		return nil, err
	}
	return p, p.connect(c, fixed, nil)
}

// endpointPlan returns the plan of an endpoint that was made through the API.
func endpointPlan(c *Config, e *im.Endpoint, fixed http.RoundTripper) (*plan, error) {
	p := commonPlan(c)
	own := Config{URL: e.URL}
	var err error
	if p.targets, p.authorization, err = newTargets(&own); err != nil {
		return nil, err
	}
	p.shown, p.interval, p.concurrency, p.batch = shown(e.URL), perSecond(e.Rate), e.Concurrency, e.Batch
	if p.concurrency == 0 {
		p.concurrency = c.EndpointConcurrency
	}
	for _, s := range e.Secrets {
		key, err := parseSecret(s.Key)
		if err != nil {
			return nil, err
		}
		one := signer{secret: key}
		if s.ValidTo != 0 {
			one.validTo = time.UnixMilli(s.ValidTo)
		}
		p.signers = append(p.signers, one)
	}
	if err := p.signWith(e.SigningKey); err != nil {
		return nil, err
	}
	return p, p.connect(c, fixed, &c.Guard)
}

// commonPlan is what is the same for all endpoints.
func commonPlan(c *Config) *plan {
	return &plan{
		userAgent: userAgent(c), schedule: c.Schedule, hold: c.Hold, pauseAfter: c.PauseAfter, maxBody: c.MaxBody,
		resume: perSecond(c.ResumeRate), keepAnswers: c.Log.Answers, log: c.Log.Keep > 0,
	}
}

func (p *plan) signWith(signingKey string) error {
	if signingKey == "" {
		return nil
	}
	key, err := parseSigningKey(signingKey)
	if err == nil {
		p.signers = append(p.signers, signer{secret: key})
	}
	return err
}

// connect gives the plan its connections.
func (p *plan) connect(c *Config, fixed http.RoundTripper, g *Guard) error {
	if p.transport = fixed; fixed != nil {
		return nil
	}
	t, err := guardedTransport(c, g)
	if err != nil {
		return err
	}
	t.MaxConnsPerHost, t.MaxIdleConnsPerHost = p.concurrency, p.concurrency
	p.transport, p.own = t, true
	return nil
}

// perSecond returns the time between two of n things per second; 0 if n is 0.
func perSecond(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	return time.Second / time.Duration(n)
}

// newTargets lays out the URLs of all commands, and the Authorization header
// that stands for credentials in the URL.
func newTargets(c *Config) (targets []target, authorization string, err error) {
	base, err := parseHTTP(c.URL)
	if err != nil {
		return nil, "", fmt.Errorf("webhooks: url: %w", err)
	}
	if u := base.User; u != nil {
		password, _ := u.Password()
		authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password))
	}
	base.User, base.Fragment, base.RawFragment = nil, "", ""
	if base.Path == "" {
		base.Path = "/" // else the path of the request line would not begin with one
	}
	if base.RawQuery != "" {
		base.RawQuery += "&"
	}
	base.RawQuery += "contenttype=json"

	commands := im.Commands()
	targets = make([]target, commands[len(commands)-1]+1)
	for _, cmd := range commands {
		last := cmd.String()
		if p := strings.Trim(c.Rules[cmd].Path, "/"); p != "" {
			last = p
		}
		targets[cmd] = target{base.JoinPath(last), c.timeout(cmd)}
	}
	targets[batchTarget] = target{base.JoinPath("batch"), DefaultTimeout}
	return targets, authorization, nil
}

// userAgent is what the User-Agent header says.
func userAgent(c *Config) string {
	if c.Version == "" {
		return "Parley"
	}
	return "Parley/" + c.Version
}

// shown returns a URL without credentials and query, which may hold a token.
func shown(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
