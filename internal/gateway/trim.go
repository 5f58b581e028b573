package gateway

import (
	"maps"
	"slices"

	"parley/internal/im"
	"parley/internal/wire"
	"parley/internal/wire/frame"
)

// A frame above the client's limit breaks its connection; it reconnects and asks
// for the same again, for ever (gateway.md 3.4). So answers made of messages are
// cut until they fit. What is lost is chosen so that a client notices least: it
// pages backwards from the newest messages of a conversation.

// perRecord is about what a message takes besides its body.
const perRecord = 40

// pulled encodes the answer to a pull, cut to what the client takes.
func (c *conn) pulled(req *frame.Request, pulled []im.Pulled) []byte {
	data := wire.AppendPulled(nil, pulled)
	payload := c.reply(req, data)
	if len(payload) <= c.g.limits.Answer {
		return payload
	}
	cut := slices.Clone(pulled) // the service may keep what it returned
	dropped := c.dropGiants(req, cut)
	for {
		data = wire.AppendPulled(data[:0], cut)
		payload = c.reply(req, data)
		if len(payload) <= c.g.limits.Answer {
			break
		}
		n := dropOldest(cut, excess(len(data), len(payload), c.g.limits.Answer))
		if n == 0 {
			break // only names are left; an error goes out instead
		}
		dropped += n
	}
	c.trimmed(req, dropped)
	return payload
}

// lastPulled is pulled for the last messages of conversations: the largest go first.
func (c *conn) lastPulled(req *frame.Request, last map[string]im.Record) []byte {
	data := wire.AppendLastMessages(nil, last)
	payload := c.reply(req, data)
	if len(payload) <= c.g.limits.Answer {
		return payload
	}
	last = maps.Clone(last)
	bySize := slices.SortedFunc(maps.Keys(last), func(a, b string) int {
		return len(last[b].Body) - len(last[a].Body)
	})
	dropped := 0
	for len(payload) > c.g.limits.Answer && dropped < len(bySize) {
		for n := excess(len(data), len(payload), c.g.limits.Answer); n > 0 && dropped < len(bySize); dropped++ {
			id := bySize[dropped]
			n -= len(last[id].Body) + len(id) + perRecord
			delete(last, id)
		}
		data = wire.AppendLastMessages(data[:0], last)
		payload = c.reply(req, data)
	}
	c.trimmed(req, dropped)
	return payload
}

func (c *conn) trimmed(req *frame.Request, dropped int) {
	c.g.metrics.trimmed.Add(float64(dropped))
	c.g.log.Warn("answer cut to what the client takes", "conn", c.ID(), "user", c.userID, "op", req.OperationID,
		"request", requestName(req.ReqIdentifier), "dropped", dropped)
}

// excess returns how many of size bytes to drop so that their encoding comes from
// encoded bytes to limit, and a little below, since not all compress alike.
func excess(size, encoded, limit int) int {
	keep := int(int64(size) * int64(limit) / int64(encoded))
	return size - keep + keep/16 + 1
}

// dropGiants drops the messages that alone are too large for the client, so that
// they do not push out all others.
func (c *conn) dropGiants(req *frame.Request, pulled []im.Pulled) (dropped int) {
	giant := func(conversationID string, r im.Record) bool {
		if len(r.Body) < c.g.limits.Answer/2 { // base64 adds a third; nothing doubles
			return false
		}
		alone := []im.Pulled{{ConversationID: conversationID, Records: []im.Record{r}}}
		return len(c.reply(req, wire.AppendPulled(nil, alone))) > c.g.limits.Answer
	}
	for i := range pulled {
		p := &pulled[i]
		rest := p.Records[:0:0]
		for _, r := range p.Records {
			if !giant(p.ConversationID, r) {
				rest = append(rest, r)
			}
		}
		dropped += len(p.Records) - len(rest)
		p.Records = rest
	}
	return dropped
}

// dropOldest drops at least so many bytes of messages, always the oldest one of a
// conversation chosen by victim, and returns how many messages that were; 0 only
// if there is none.
func dropOldest(pulled []im.Pulled, bytes int) (dropped int) {
	sizes := make([]int, len(pulled))
	for i := range pulled {
		for j := range pulled[i].Records {
			sizes[i] += len(pulled[i].Records[j].Body) + perRecord
		}
	}
	for bytes > 0 {
		i := victim(pulled, sizes)
		if i < 0 {
			break
		}
		n := len(pulled[i].Records[0].Body) + perRecord
		pulled[i].Records = pulled[i].Records[1:]
		sizes[i] -= n
		bytes -= n
		dropped++
	}
	return dropped
}

// victim returns the conversation to lose a message: the largest chat with more
// than one, else the largest chat with one, else the same among notifications,
// whose loss a client does not repair. -1 if no message is left.
func victim(pulled []im.Pulled, sizes []int) int {
	best, rank := -1, 0
	for i := range pulled {
		n := len(pulled[i].Records)
		if n == 0 {
			continue
		}
		r := 1
		if n > 1 {
			r = 2
		}
		if !im.IsNotificationID(pulled[i].ConversationID) {
			r += 2
		}
		if r > rank || r == rank && sizes[i] > sizes[best] {
			best, rank = i, r
		}
	}
	return best
}
