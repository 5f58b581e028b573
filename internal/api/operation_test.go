package api

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"parley/internal/im"
)

// TestEveryLineNamesTheOperation lets every route succeed, refuse, fail and panic,
// and looks at every line that is logged meanwhile.
func TestEveryLineNamesTheOperation(t *testing.T) {
	t.Parallel()
	f := new(fake)
	w := newWorld(t, with(f))
	w.level.Set(-100)
	h := func(as string) http.Header {
		h := w.plain(as)
		h.Set("operationID", "the operation")
		return h
	}
	for _, e := range w.api.table {
		if e.direct != nil {
			continue
		}
		_, body := sample(e.path)
		for _, as := range []string{"erin", "bob", admin} {
			w.send("POST", e.path, body, h(as))
		}
		w.send("POST", e.path, `{`, h("alice"))
		w.send("POST", e.path, body, http.Header{"Operationid": {"the operation"}, "Token": {w.forged("foreign")}})
	}
	f.users = func(context.Context, []string) ([]im.User, error) { return nil, errors.New("disk") }
	w.send("POST", usersPath, usersBody, h("gina")) // others were logged out meanwhile
	f.users = func(context.Context, []string) ([]im.User, error) { panic("on purpose") }
	w.send("POST", usersPath, usersBody, h("gina"))
	w.effects() // what is said in the background has been said

	kinds := map[string]int{}
	message := regexp.MustCompile(`msg=("[^"]*"|\S+)`)
	for line := range strings.Lines(w.logged.String()) {
		kinds[message.FindString(line)]++
		if !strings.Contains(line, ` op="the operation"`) {
			t.Errorf("a line without the operation: %s", line)
		}
		if strings.Contains(line, w.token("alice")) {
			t.Errorf("a line with a token: %.200s", line)
		}
	}
	for _, want := range []string{"request refused", "request failed", "request panicked"} {
		if kinds[`msg="`+want+`"`] == 0 {
			t.Errorf("nothing was logged as %q: %v", want, kinds)
		}
	}
}
