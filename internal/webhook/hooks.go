package webhook

import (
	"parley/internal/im"
)

// Hooks is what the use cases see of this package: who is told of an event, and
// the business server's answers to before callbacks.
type Hooks struct {
	*Asker
}

// mainOnly is the answer of Route when only the configuration file's endpoint is
// told. It is shared: nobody changes it.
var mainOnly = []string{im.MainEndpoint}

// Route returns the endpoints that are told of an event without a message; nil: nobody is.
func (h *Hooks) Route(cmd im.Command, about im.About) []string {
	c := h.current.Load().config
	if c.Wants(cmd) || cmd == im.AfterRevokeMsg && about.GroupID != "" && c.URL != "" && c.GroupRevoke.Enabled {
		return mainOnly
	}
	return nil
}

// RouteMessage returns the endpoints that are told of an event about a message:
// notifications and typing are for none (webhooks.md 1.8).
func (h *Hooks) RouteMessage(cmd im.Command, m *im.Message) []string {
	if h.AsksMessage(cmd, m) {
		return mainOnly
	}
	return nil
}

// None returns hooks that tell nobody and ask nobody.
func None() *Hooks {
	a := &Asker{}
	a.current.Store(&asking{config: &Config{}})
	return &Hooks{Asker: a}
}
