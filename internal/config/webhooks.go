package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// defaultCallbackURL is the address the reference ships with.
	defaultCallbackURL = "http://127.0.0.1:10006/callbackExample"
	// defaultTimeout is the reference's time for a whole call, in seconds.
	defaultTimeout = 5
	// longBeforeTimeout is where clients stop waiting for the send that waits for the callback.
	longBeforeTimeout = 10
	// maxTimeout keeps a slip of the keyboard from holding requests for days.
	maxTimeout = 3600

	secretPrefix   = "whsec_"
	minSecretBytes = 24
	maxSecretBytes = 64
	maxSecrets     = 2
)

// Webhooks is the callback section. Text of the reference's webhooks.yml may be
// put under it as it is.
type Webhooks struct {
	// URL is the base; the command is appended to its path. It may be empty
	// while no callback is on.
	URL string `yaml:"url" env:"PARLEY_WEBHOOKS_URL" hide:"url"`
	// Secret signs callbacks: `whsec_` and base64 of 24 to 64 bytes. Empty means unsigned.
	Secret string `yaml:"secret" env:"PARLEY_WEBHOOKS_SECRET" hide:"value"`
	// Secrets are further signing secrets, newest first, for a change of secret
	// without a gap. Together with Secret there may be two.
	Secrets StringList `yaml:"secrets" env:"PARLEY_WEBHOOKS_SECRETS" hide:"value"`
	// Enable is what a source asked to turn on: "all" or config keys. Load has
	// already carried it out in Callbacks; code reads Callbacks only.
	Enable StringList `yaml:"enable" env:"PARLEY_WEBHOOKS_ENABLE"`
	// AdminSenders makes beforeSendSingleMsg ask about messages of administrators, too.
	AdminSenders bool `yaml:"adminSenders" env:"PARLEY_WEBHOOKS_ADMIN_SENDERS"`
	// SigningKey signs callbacks with ed25519 as well: `whsk_` and base64.
	SigningKey string `yaml:"signingKey" env:"PARLEY_WEBHOOKS_SIGNING_KEY" hide:"value"`
	// Concurrency is the number of after callbacks in flight, Rate how many a second; 0 is no limit.
	Concurrency int `yaml:"concurrency" env:"PARLEY_WEBHOOKS_CONCURRENCY"`
	Rate        int `yaml:"rate" env:"PARLEY_WEBHOOKS_RATE"`
	// ResumeRate is how many events a second of a backlog are sent after a pause or a replay; 0 is no limit.
	ResumeRate int `yaml:"resumeRate" env:"PARLEY_WEBHOOKS_RESUME_RATE"`
	// Hold is how long, in seconds, a failing event keeps its lane waiting: 0 not at all, -1 for ever.
	Hold int `yaml:"hold" env:"PARLEY_WEBHOOKS_HOLD"`
	// Schedule holds the wait before each attempt in seconds, the first being 0.
	Schedule StringList `yaml:"schedule" env:"PARLEY_WEBHOOKS_SCHEDULE"`
	// MaxBacklog is the number of events of an endpoint that may wait before further ones
	// are refused and counted, AlarmBacklog that from which on there is an alarm; 0 is no limit.
	MaxBacklog   int `yaml:"maxBacklog" env:"PARLEY_WEBHOOKS_MAX_BACKLOG"`
	AlarmBacklog int `yaml:"alarmBacklog" env:"PARLEY_WEBHOOKS_ALARM_BACKLOG"`
	// MaxBodyBytes is the size of the largest body that is sent, before and after.
	MaxBodyBytes int `yaml:"maxBodyBytes" env:"PARLEY_WEBHOOKS_MAX_BODY_BYTES"`
	// PauseAfter is after how many hours without a success an endpoint is paused.
	PauseAfter int `yaml:"pauseAfter" env:"PARLEY_WEBHOOKS_PAUSE_AFTER"`
	// NotifyUserID is told by a notification when an endpoint is paused; empty: nobody.
	NotifyUserID string `yaml:"notifyUserID" env:"PARLEY_WEBHOOKS_NOTIFY_USER_ID"`
	// LogHours is how long settled events and failed attempts are kept, 0: not at all; LogRows how many at most.
	LogHours int `yaml:"logHours" env:"PARLEY_WEBHOOKS_LOG_HOURS"`
	LogRows  int `yaml:"logRows" env:"PARLEY_WEBHOOKS_LOG_ROWS"`
	// LogAnswers keeps the beginning of answers, LogBodies the bodies of events that speak of no message.
	LogAnswers bool `yaml:"logAnswers" env:"PARLEY_WEBHOOKS_LOG_ANSWERS"`
	LogBodies  bool `yaml:"logBodies" env:"PARLEY_WEBHOOKS_LOG_BODIES"`
	// CA is a file of certificates that receivers are recognised by, instead of the system's.
	CA string `yaml:"ca" env:"PARLEY_WEBHOOKS_CA"`
	// ClientCert and ClientKey are files by which receivers recognise the server.
	ClientCert string `yaml:"clientCert" env:"PARLEY_WEBHOOKS_CLIENT_CERT"`
	ClientKey  string `yaml:"clientKey" env:"PARLEY_WEBHOOKS_CLIENT_KEY"`
	// InsecureSkipVerify takes any certificate.
	InsecureSkipVerify bool `yaml:"insecureSkipVerify" env:"PARLEY_WEBHOOKS_INSECURE_SKIP_VERIFY"`
	// Proxy is the URL of a forward proxy.
	Proxy string `yaml:"proxy" env:"PARLEY_WEBHOOKS_PROXY" hide:"url"`
	// AllowPrivate lets endpoints made through the API have private addresses; AllowNets are nets
	// that they may have anyway, DenyNets further ones that they may not.
	AllowPrivate bool       `yaml:"allowPrivate" env:"PARLEY_WEBHOOKS_ALLOW_PRIVATE"`
	AllowNets    StringList `yaml:"allowNets" env:"PARLEY_WEBHOOKS_ALLOW_NETS"`
	DenyNets     StringList `yaml:"denyNets" env:"PARLEY_WEBHOOKS_DENY_NETS"`
	// Callbacks holds an entry for each of CallbackKeys.
	Callbacks map[string]Callback `yaml:"-" env:"-"`
}

// Callback is how one callback behaves. The env tags are the last part of
// PARLEY_WEBHOOKS_<KEY>_<PART>.
type Callback struct {
	// Enable turns the callback on.
	Enable bool `yaml:"enable" env:"ENABLE"`
	// Timeout is for the whole call, in seconds; 0 and below mean 5. Read it through Wait.
	Timeout int `yaml:"timeout" env:"TIMEOUT"`
	// FailedContinue lets an operation go on when its before callback failed.
	// It means nothing for after callbacks.
	FailedContinue bool `yaml:"failedContinue" env:"FAILEDCONTINUE"`
	// DeniedTypes are content types that cause no callback. Denied wins over allowed.
	DeniedTypes TypeList `yaml:"deniedTypes" env:"DENIEDTYPES"`
	// AllowedTypes, when not empty, are the only content types that cause one.
	AllowedTypes TypeList `yaml:"allowedTypes" env:"ALLOWEDTYPES"`
	// AttentionIDs, when not empty, are the only receivers (or groups) that cause one.
	AttentionIDs StringList `yaml:"attentionIds" env:"ATTENTIONIDS"`
	// Path replaces the last part of the URL, which otherwise is the command.
	Path string `yaml:"path" env:"PATH"`
}

// Wait is the deadline of one call.
func (c Callback) Wait() time.Duration { return time.Duration(c.seconds()) * time.Second }

func (c Callback) seconds() int {
	if c.Timeout <= 0 {
		return defaultTimeout
	}
	return c.Timeout
}

func defaultWebhooks() Webhooks {
	w := Webhooks{
		URL: defaultCallbackURL, Callbacks: make(map[string]Callback),
		Concurrency: 16, ResumeRate: 500, Hold: 60, AlarmBacklog: 1_000_000, MaxBodyBytes: 10 << 20, PauseAfter: 120, LogHours: 72, LogRows: 1_000_000, LogAnswers: true, LogBodies: true,
		Schedule: StringList{"0", "5", "300", "1800", "7200", "18000", "36000", "50400", "72000", "86400"},
	}
	for _, key := range callbackKeys() {
		w.Callbacks[key] = defaultCallback(key)
	}
	return w
}

func defaultCallback(key string) Callback {
	return Callback{
		Timeout:        defaultTimeout,
		FailedContinue: isBefore(key) && !refusesOnFailure(key),
	}
}

// On returns the config keys of the callbacks that are on, in the order of CallbackKeys.
func (w *Webhooks) On() []string {
	var on []string
	for _, key := range callbackKeys() {
		if w.Callbacks[key].Enable {
			on = append(on, key)
		}
	}
	return on
}

// TurnOn enables the callbacks of the named config keys; "all" stands for every
// key. It turns on what it knows even when it returns an error.
func (w *Webhooks) TurnOn(names ...string) error {
	_, err := w.turnOn(names)
	return err
}

// turnOn also returns the keys it found, for their origins.
func (w *Webhooks) turnOn(names []string) (keys []string, err error) {
	if w.Callbacks == nil {
		w.Callbacks = defaultWebhooks().Callbacks
	}
	var unknown []string
	for _, name := range names {
		if strings.EqualFold(name, "all") {
			keys = append(keys, callbackKeys()...)
			continue
		}
		key, ok := findCallbackKey(name)
		if !ok {
			unknown = append(unknown, fmt.Sprintf("%q is no callback%s", name, hint(name, callbackKeys())))
			continue
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		cb := w.Callbacks[key]
		cb.Enable = true
		w.Callbacks[key] = cb
	}
	if len(unknown) > 0 {
		return keys, errors.New(strings.Join(unknown, ", "))
	}
	return keys, nil
}

// SigningSecrets returns the secrets in force, newest first; none means that
// callbacks are not signed. Secret counts as newer than Secrets, and one that
// stands in both places counts once. A valid configuration has at most two.
func (w *Webhooks) SigningSecrets() []string {
	var all []string
	for _, s := range append([]string{w.Secret}, w.Secrets...) {
		if s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// ParseWebhookSecret decodes a signing secret: `whsec_` followed by the base64
// of 24 to 64 bytes. Its errors do not repeat the secret.
func ParseWebhookSecret(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return nil, errors.New("a signing secret must begin with whsec_")
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("a signing secret must be whsec_ and standard base64 with padding")
	}
	if len(key) < minSecretBytes || len(key) > maxSecretBytes {
		return nil, fmt.Errorf("a signing secret must hold %d to %d bytes, this one holds %d", minSecretBytes, maxSecretBytes, len(key))
	}
	return key, nil
}
