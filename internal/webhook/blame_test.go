package webhook

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/internal/im"
)

// TestBreakerNamesCallbacks: a receiver that knows only some of the callbacks opens its
// breaker by the others, and the log says by which.
func TestBreakerNamesCallbacks(t *testing.T) {
	t.Parallel()
	bubble(t, "those that only fail", func(t *testing.T) {
		b := setup(t, func(c *call) (*http.Response, error) {
			switch {
			case strings.Contains(c.body, "callbackAfterGroupMsgReadCommand"):
				return answer(404), nil
			case strings.Contains(c.body, "callbackAfterUserOnlineCommand"):
				return answer(501), nil
			}
			return nil, nil
		})
		b.cfg.Concurrency = 1
		for i, cmd := range []im.Command{
			im.AfterSingleMsgRead, im.AfterUserOnline, im.AfterUserOnline, im.AfterGroupMsgRead, im.AfterGroupMsgRead, im.AfterGroupMsgRead,
			im.AfterGroupMsgRead, im.AfterGroupMsgRead, im.AfterSingleMsgRead, im.AfterGroupMsgRead, im.AfterGroupMsgRead,
		} {
			b.box.add(im.Event{Lane: strings.Repeat("x", i+1), Command: cmd}, nil)
		}
		b.start()
		after(time.Second)
		b.stop()
		if log := b.log.String(); !strings.Contains(log, `failing="[afterGroupMsgRead: status 404 afterUserOnline: status 501]"`) {
			t.Errorf("the log says\n%s", log)
		}
	})
	t.Run("for as long as the breaker looks back, the worst five", func(t *testing.T) {
		t.Parallel()
		b, now := blame{}, time.Now()
		bad, good := &result{kind: failed, reason: "x"}, &result{}
		b.note(im.AfterUserOffline, bad, now.Add(-breakerWindow*time.Second))
		for i, cmd := range im.Commands()[:7] {
			for range i + 1 {
				b.note(cmd, bad, now)
			}
		}
		b.note(im.Commands()[6], good, now)
		equal(t, "names", len(b.names(now)), blamedMost)
		equal(t, "worst", b.names(now)[0], im.Commands()[5].Key()+": x")
		b.note(im.AfterUserOffline, bad, now.Add(breakerWindow*time.Second))
		equal(t, "later", b.names(now.Add(breakerWindow*time.Second)), []string{im.AfterUserOffline.Key() + ": x"})
	})
}
