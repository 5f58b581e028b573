package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"parley/internal/im"
)

// TestAskReload: another configuration counts for the next call, and a call in
// flight ends under the old one.
func TestAskReload(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	d := newDesk(t, func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		io.WriteString(w, `{"nextCode":1,"errCode":20042}`)
	})
	got := make(chan error, 1)
	go func() {
		_, err := d.Ask(context.Background(), Question{Command: asked})
		got <- err
	}()
	<-entered
	off := Default()
	if err := d.Reload(&off); err != nil {
		t.Fatal(err)
	}
	if answer, err := d.ask(t); answer != nil || err != nil || d.Asks(asked) {
		t.Errorf("after it was turned off: %v, %v", answer, err)
	}
	other := newDesk(t, says(200, `{"word":"other"}`))
	if err := d.Reload(other.current.Load().config); err != nil {
		t.Fatal(err)
	}
	answer, err := d.ask(t)
	if err != nil || *answer.Text("word") != "other" {
		t.Errorf("after the move: %v, %v", answer, err)
	}
	close(release)
	var refused *im.Refusal
	if err := <-got; !errors.As(err, &refused) || refused.Code != 20042 {
		t.Errorf("the call in flight: %v", err)
	}
	bad := deskConfig("http://x")
	bad.Secrets = []string{"none"}
	if err := d.Reload(&bad); err == nil {
		t.Error("a secret that is none was taken")
	}
	if answer, err := d.ask(t); err != nil || *answer.Text("word") != "other" {
		t.Errorf("after a configuration that is none: %v, %v", answer, err)
	}
}

// TestRouteGroupRevoke: afterGroupMsgRevoke turns one command on, for groups (webhooks.md A.9).
func TestRouteGroupRevoke(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		all, group    bool
		single, inOne bool
	}{{false, false, false, false}, {false, true, false, true}, {true, false, true, true}, {true, true, true, true}} {
		config := deskConfig("http://business.test")
		config.Rules[im.AfterRevokeMsg] = Rule{Enabled: c.all}
		config.GroupRevoke = Rule{Enabled: c.group}
		a, err := NewAsker(AskerOptions{Config: &config})
		if err != nil {
			t.Fatal(err)
		}
		h := &Hooks{Asker: a}
		if got := len(h.Route(im.AfterRevokeMsg, im.About{RecvID: "u"})) == 1; got != c.single {
			t.Errorf("%+v: single %t", c, got)
		}
		if got := len(h.Route(im.AfterRevokeMsg, im.About{GroupID: "g"})) == 1; got != c.inOne {
			t.Errorf("%+v: group %t", c, got)
		}
	}
}
