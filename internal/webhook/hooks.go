package webhook

import "parley/internal/im"

// Hooks is what the use cases see of this package: who is told of an event, and
// the business server's answers to before callbacks. Without a registry only the
// endpoint of the asker's configuration is told.
type Hooks struct {
	*Asker
	Registry *Registry
	// Dispatcher refuses events of which too many wait already; nil: none is refused.
	Dispatcher *Dispatcher
}

func (h *Hooks) routes() *routes {
	if h.Registry == nil {
		return &routes{config: h.current.Load().config}
	}
	return h.Registry.routes.Load()
}

// Route returns the endpoints that are told of an event without a message; nobody
// is if there are none. It is asked once for an event: what it refuses it counts.
func (h *Hooks) Route(cmd im.Command, about im.About) []string {
	return h.admit(h.routes().route(cmd, about))
}

// Wants reports whether some endpoint is told of an event without a message.
func (h *Hooks) Wants(cmd im.Command, about im.About) bool {
	return len(h.routes().route(cmd, about)) > 0
}

// RouteMessage returns the endpoints that are told of an event about a message:
// notifications and typing are for none (webhooks.md 1.8).
func (h *Hooks) RouteMessage(cmd im.Command, m *im.Message) []string {
	return h.admit(h.routes().routeMessage(cmd, m))
}

func (h *Hooks) admit(to []string) []string {
	if h.Dispatcher == nil {
		return to
	}
	return h.Dispatcher.Admit(to)
}

// Lost counts events that could not be written.
func (h *Hooks) Lost(events int) {
	if h.Dispatcher != nil {
		h.Dispatcher.metrics.dropped.Add(float64(events))
	}
}

// None returns hooks that tell nobody and ask nobody.
func None() *Hooks {
	a := &Asker{}
	a.current.Store(&asking{config: &Config{}})
	return &Hooks{Asker: a}
}
