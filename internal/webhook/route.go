package webhook

import (
	"slices"

	"parley/internal/im"
)

// routes says who is told of an event. It is never changed.
type routes struct {
	config    *Config
	byCommand [][]*subscription // endpoints of the store by command
}

// subscription is what one endpoint wants to be told of.
type subscription struct {
	id                         string
	allowed, denied            []TypeRange
	senders, receivers, groups map[string]bool // nil: all
}

// mainOnly is the answer of Route when only the configuration file's endpoint is
// told. It is shared: nobody changes it.
var mainOnly = []string{im.MainEndpoint}

func newRoutes(s *Snapshot) *routes {
	commands := im.Commands()
	r := &routes{config: s.Config, byCommand: make([][]*subscription, commands[len(commands)-1]+1)}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		if e.ID == im.MainEndpoint || e.DeletedAt != 0 {
			continue
		}
		sub := &subscription{
			id: e.ID, allowed: ranges(e.ContentTypes), denied: ranges(e.Denied), senders: set(e.Senders), receivers: set(e.Receivers), groups: set(e.Groups),
		}
		for _, cmd := range commands {
			if len(e.Commands) == 0 || slices.Contains(e.Commands, cmd) {
				r.byCommand[cmd] = append(r.byCommand[cmd], sub)
			}
		}
	}
	return r
}

func ranges(list []im.TypeRange) (out []TypeRange) {
	for _, r := range list {
		out = append(out, TypeRange(r))
	}
	return out
}

func set(list []string) map[string]bool {
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]bool, len(list))
	for _, v := range list {
		out[v] = true
	}
	return out
}

// wants reports whether the filters let an event pass. Those of content types
// concern events about a message.
func (s *subscription) wants(about im.About) bool {
	return (s.senders == nil || s.senders[about.SendID]) && (s.receivers == nil || s.receivers[about.RecvID]) &&
		(s.groups == nil || s.groups[about.GroupID]) &&
		(about.ContentType == 0 || !holds(s.denied, about.ContentType) && (len(s.allowed) == 0 || holds(s.allowed, about.ContentType)))
}

// add appends the endpoints of the store that want an event to those that are told.
func (r *routes) add(to []string, cmd im.Command, about im.About) []string {
	if int(cmd) >= len(r.byCommand) {
		return to
	}
	for _, s := range r.byCommand[cmd] {
		if s.wants(about) {
			to = append(to[:len(to):len(to)], s.id)
		}
	}
	return to
}

func (r *routes) route(cmd im.Command, about im.About) []string {
	c := r.config
	var to []string
	if c.Wants(cmd) || cmd == im.AfterRevokeMsg && about.GroupID != "" && c.URL != "" && c.GroupRevoke.Enabled {
		to = mainOnly
	}
	return r.add(to, cmd, about)
}

func (r *routes) routeMessage(cmd im.Command, m *im.Message) []string {
	if im.IsNotificationContent(m.ContentType) || m.ContentType == im.ContentTyping {
		return nil
	}
	var to []string
	if r.config.WantsMessage(cmd, m) {
		to = mainOnly
	}
	return r.add(to, cmd, im.About{SendID: m.SendID, RecvID: m.RecvID, GroupID: m.GroupID, ContentType: m.ContentType})
}
