package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"parley/imtest"
	"parley/internal/config"
	"parley/internal/im"
)

// TestPauseNotice: the user that webhooks.notifyUserID names is told over the socket when
// an endpoint pauses itself, once, and finds the notice later, too (webhook-delivery.md 6.7).
func TestPauseNotice(t *testing.T) {
	t.Parallel()
	hooks := imtest.ReceiveHooks(t)
	hooks.Answer(func(k imtest.Hook) int {
		if k.Command == im.AfterSendSingleMsg.String() {
			return 410
		}
		return 200
	})
	s := imtest.Start(t, func(c *config.Config) {
		c.Webhooks.URL, c.Webhooks.NotifyUserID = strings.Replace(hooks.URL, "http://", "http://user:password@", 1)+"/in?token=secret", "boss"
		must(t, c.Webhooks.TurnOn("afterSendSingleMsg"))
	})
	register(t, s, "ann", "bob", "boss")
	boss, ann := login(t, s, "boss", imtest.DialOptions{}), login(t, s, "ann", imtest.DialOptions{})
	_, err := ann.Send(ann.Text("bob", "", "tell them"))
	must(t, err)
	m := boss.next(t, "the notice about the pause", notice(im.ContentBusiness))
	var content struct{ Detail string }
	must(t, json.Unmarshal(m.Content, &content))
	var told struct{ Key, Data string }
	must(t, json.Unmarshal([]byte(content.Detail), &told))
	var data struct {
		EndpointID, URL, Reason string
	}
	must(t, json.Unmarshal([]byte(told.Data), &data))
	if told.Key != "webhookPaused" || data.EndpointID != "main" || data.URL != hooks.URL+"/in" || data.Reason != "the receiver answered 410" {
		t.Errorf("the notice says %s", content.Detail)
	}
	if strings.Contains(content.Detail, "password") || strings.Contains(content.Detail, "secret") {
		t.Errorf("the notice shows credentials: %s", content.Detail)
	}
	if m.SendID != imtest.AdminID || m.RecvID != "boss" || m.Seq == 0 {
		t.Errorf("from %s to %s, number %d", m.SendID, m.RecvID, m.Seq)
	}

	// A pause by an administrator is no news to one. What follows it is: the next notice
	// is of the second time that the endpoint pauses itself.
	must(t, s.AsAdmin("/webhook/resume_endpoint", imtest.H{"endpointID": "main"}, nil))
	again := boss.next(t, "the notice about the second pause", notice(im.ContentBusiness))
	if again.Seq != m.Seq+1 {
		t.Errorf("numbers %d and %d: something was told in between", m.Seq, again.Seq)
	}
}
