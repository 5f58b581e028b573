package webhook

import (
	"slices"

	"parley/internal/im"
)

// TypeRange is a range of content types; both ends belong to it.
type TypeRange struct{ First, Last int32 }

// holds reports whether a content type lies in one of the ranges.
func holds(ranges []TypeRange, contentType int32) bool {
	return slices.ContainsFunc(ranges, func(r TypeRange) bool { return r.First <= contentType && contentType <= r.Last })
}

// Wants reports whether a callback is on. It is for the callbacks that have no
// filter; ask WantsMessage for those that carry a message.
func (c *Config) Wants(cmd im.Command) bool { return c.URL != "" && c.Rules[cmd].Enabled }

// WantsMessage reports whether a callback is on and its filters let a message
// pass (webhooks.md 1.8). Which command a session type belongs to is the caller's knowledge.
func (c *Config) WantsMessage(cmd im.Command, m *im.Message) bool {
	if !c.Wants(cmd) || im.IsNotificationContent(m.ContentType) || m.ContentType == im.ContentTyping {
		return false
	}
	r := c.Rules[cmd]
	if holds(r.Denied, m.ContentType) || len(r.Allowed) > 0 && !holds(r.Allowed, m.ContentType) {
		return false
	}
	if len(r.Attention) == 0 {
		return true
	}
	switch m.SessionType {
	case im.SessionSingle, im.SessionNotification:
		return slices.Contains(r.Attention, m.RecvID)
	case im.SessionGroup:
		return slices.Contains(r.Attention, m.GroupID)
	}
	return false
}
