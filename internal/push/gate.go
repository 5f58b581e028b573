package push

import (
	"context"
	"slices"

	"parley/internal/deliver"
	"parley/internal/im"
	"parley/internal/msglog"
	"parley/internal/webhook"
)

var (
	_ deliver.Gate    = (*Pusher)(nil)
	_ deliver.Offline = (*Pusher)(nil)
)

// online returns the callback that comes before an online push.
func online(t im.SessionType) im.Command {
	if t == im.SessionGroup {
		return im.BeforeGroupOnlinePush
	}
	return im.BeforeOnlinePush
}

// Asks implements deliver.Gate.
func (p *Pusher) Asks(t im.SessionType) bool { return p.o.Asker.Asks(online(t)) }

// Ask implements deliver.Gate (webhooks.md B.4, B.5).
func (p *Pusher) Ask(ctx context.Context, d *msglog.Delivery, users []string) deliver.Verdict {
	m, c := d.Message, online(d.Message.SessionType)
	id := operationID(d)
	body := webhook.GroupPushBody(id, m)
	if c == im.BeforeOnlinePush {
		body = webhook.PushBody(c, id, m, m.OfflinePush, users)
	}
	a, err := p.ask(ctx, c, id, body)
	switch {
	case err != nil:
		return deliver.Verdict{Refused: true}
	case a == nil:
		return deliver.Verdict{}
	}
	return deliver.Verdict{Users: distinct(a.Texts("userIDList")), Info: a.OfflinePushInfo(m.OfflinePush)}
}

// ask asks the business server, with nobody to tell of a refusal but the log.
// When ctx ends before the answer, it is as if the call had failed.
func (p *Pusher) ask(ctx context.Context, c im.Command, operationID string, body []byte) (*webhook.Answer, error) {
	if ctx.Err() == nil {
		a, err := p.o.Asker.Ask(ctx, webhook.Question{Command: c, OperationID: operationID, Body: body})
		if err == nil {
			return a, nil
		}
		if ctx.Err() == nil {
			p.log.Info("push refused by the business server", "command", c.Key(), "op", operationID, "err", err)
			return nil, err
		}
	}
	p.metrics.unasked.WithLabelValues(c.Key()).Inc()
	if p.o.Asker.GoesOn(c) {
		return nil, nil
	}
	return nil, ctx.Err()
}

// distinct returns ids without empty and repeated ones, in their order.
func distinct(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	return slices.DeleteFunc(ids, func(id string) bool {
		if id == "" || seen[id] {
			return true
		}
		seen[id] = true
		return false
	})
}

// Wants implements deliver.Offline. It is false for everything when there is
// neither a vendor nor somebody to ask.
func (p *Pusher) Wants(m *im.Message) bool {
	return (p.keeper != nil || p.o.Asker.Asks(im.BeforeOfflinePush)) && wanted(m)
}

// Missed implements deliver.Offline.
func (p *Pusher) Missed(m deliver.Missed) {
	it := &item{m: m.Delivery.Message, op: operationID(m.Delivery), users: m.Users, info: m.Info, at: p.nowMs()}
	if it.info == nil {
		it.info = it.m.OfflinePush
	}
	it.intent = p.keeper != nil && it.m.Stored()
	if it.m.SessionType == im.SessionGroup {
		p.groups.add(it)
	} else {
		p.chats.add(it)
	}
}

// Settled implements deliver.Offline.
func (p *Pusher) Settled(d *msglog.Delivery) {
	if p.keeper != nil && d.Message.Stored() {
		p.keeper.settle(d.Message.ServerMsgID)
	}
}
