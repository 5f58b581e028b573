package config

import (
	"fmt"
	"net"
	"strings"
)

// Report is what is said about callbacks at start and by `config check`.
// "Configured, but nothing comes" is the complaint it exists to answer.
type Report struct {
	// URL is the base in use, credentials hidden; empty when there is none.
	URL string
	// Signatures is how many secrets sign each callback.
	Signatures int
	// On are the config keys of the callbacks that are on.
	On []string
	// Continue and Refuse are the before callbacks that are on, by what happens
	// to the operation when the receiver fails.
	Continue, Refuse []string
	// Warnings are those of Load and those about the configuration as a whole.
	Warnings []string
}

// Report sums up the callbacks and all warnings.
func (c *Config) Report() Report {
	w := &c.Webhooks
	r := Report{
		URL:        hideURL(w.URL),
		Signatures: len(w.SigningSecrets()),
		On:         w.On(),
		Warnings:   append([]string(nil), c.warnings...),
	}
	warn := func(format string, args ...any) { r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...)) }

	if len(r.On) == 0 && w.URL != "" && w.URL != defaultCallbackURL {
		warn("webhooks.url is set, but no callback is on")
	}
	for _, key := range r.On {
		cb := w.Callbacks[key]
		name := "webhooks." + key
		if isBefore(key) {
			if cb.FailedContinue {
				r.Continue = append(r.Continue, key)
			} else {
				r.Refuse = append(r.Refuse, key)
			}
			if cb.seconds() > longBeforeTimeout {
				warn("%s.timeout is %d seconds, but clients stop waiting for their request after about %d", name, cb.seconds(), longBeforeTimeout)
			}
		}
		if len(cb.DeniedTypes)+len(cb.AllowedTypes) > 0 && !filtersTypes(key) {
			warn("%s: deniedTypes and allowedTypes have no effect on this callback", name)
		}
		if len(cb.AttentionIDs) > 0 && !filtersReceivers(key) {
			warn("%s: attentionIds has no effect on this callback", name)
		}
	}
	if w.InsecureSkipVerify {
		warn("webhooks.insecureSkipVerify is on: whoever sits between this server and a receiver can read callbacks and answer them")
	}
	if single := w.Callbacks["beforeOnlinePush"].Enable; single != w.Callbacks["beforeGroupOnlinePush"].Enable {
		on, off := "beforeOnlinePush", "beforeGroupOnlinePush"
		if !single {
			on, off = off, on
		}
		warn("webhooks.%s is on and webhooks.%s is off: single and group chats have separate callbacks", on, off)
	}
	if host, _, err := net.SplitHostPort(c.Admin.Listen); err == nil && isUnspecified(host) {
		warn("admin.listen %s can be reached from other machines, and what it serves has no login", c.Admin.Listen)
	}
	return r
}

// Lines is the report for people, one sentence per line.
func (r Report) Lines() []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }

	if r.URL == "" {
		say("webhooks: no URL is set")
	} else {
		say("webhooks: sent to %s", r.URL)
	}
	switch r.Signatures {
	case 0:
		say("webhooks: not signed")
	case 1:
		say("webhooks: signed with one secret")
	default:
		say("webhooks: signed with %d secrets", r.Signatures)
	}
	if len(r.On) == 0 {
		say("webhooks: no callback is on")
	} else {
		say("webhooks: %d on: %s", len(r.On), strings.Join(r.On, ", "))
	}
	if len(r.Continue) > 0 {
		say("webhooks: when the receiver fails, the operation goes on: %s", strings.Join(r.Continue, ", "))
	}
	if len(r.Refuse) > 0 {
		say("webhooks: when the receiver fails, the operation is refused: %s", strings.Join(r.Refuse, ", "))
	}
	for _, w := range r.Warnings {
		say("warning: %s", w)
	}
	return lines
}
