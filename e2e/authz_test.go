package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/imtest"
)

// relations are the columns of the table, in its order.
var relations = []string{"self", "friend", "stranger", "blocked", "member", "exmember", "gadmin", "owner", "admin", "none"}

// authzRow is a row of testdata/authz.txt: what each relation gets.
type authzRow struct {
	name  string // route, or route:case
	line  int
	cells []string
}

func (r authzRow) route() string {
	path, _, _ := strings.Cut(r.name, ":")
	return path
}

// outcome is what a cell may hold: what is right, and, for a hole that is known,
// what the server says instead.
var outcome = regexp.MustCompile(`^(ok|blank|[1-9][0-9]{2,4})(!(ok|blank|[1-9][0-9]{2,4}))?$`)

func readAuthz(t *testing.T) (rows []authzRow) {
	t.Helper()
	data, err := os.ReadFile("testdata/authz.txt")
	if err != nil {
		t.Fatal(err)
	}
	head := false
	for i, line := range strings.Split(string(data), "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] == "#":
		case !head:
			if head = true; f[0] != "route" || !slices.Equal(f[1:], relations) {
				t.Fatalf("authz.txt:%d: columns %v, want %v", i+1, f[1:], relations)
			}
		default:
			rows = append(rows, authzRow{f[0], i + 1, f[1:]})
		}
	}
	return rows
}

// routesOf reads the table of routes from the source of another package, which
// does not give it to anybody.
func routesOf(t *testing.T) (paths []string) {
	t.Helper()
	src, err := os.ReadFile("../internal/api/routes.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\s*route\("(/[^"]+)"`).FindAllSubmatch(src, -1) {
		paths = append(paths, string(m[1]))
	}
	// A route that is written in another way must not go unseen.
	if all := strings.Count(string(src), "route("); len(paths) == 0 || len(paths) != all {
		t.Fatalf("routes.go: %d routes are read, %d are there", len(paths), all)
	}
	return paths
}

// TestAuthzTable holds the table, the routes and the bodies together: what one of
// them lacks is not tested, and fails.
func TestAuthzTable(t *testing.T) {
	t.Parallel()
	rows, routes := readAuthz(t), routesOf(t)
	plain, seen := map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		if seen[r.name] {
			t.Errorf("authz.txt:%d: %s is there twice", r.line, r.name)
		}
		seen[r.name] = true
		if r.name == r.route() {
			plain[r.name] = true
		}
		if strings.HasPrefix(r.name, onGateway) {
			if frames[r.name] == nil && r.name != textRow {
				t.Errorf("authz.txt:%d: no request is known for %s", r.line, r.name)
			}
		} else if !slices.Contains(routes, r.route()) {
			t.Errorf("authz.txt:%d: there is no route %s", r.line, r.route())
		}
		if len(r.cells) != len(relations) {
			t.Errorf("authz.txt:%d: %s has %d cells, want %d", r.line, r.name, len(r.cells), len(relations))
		}
		for _, c := range r.cells {
			if !outcome.MatchString(c) {
				t.Errorf("authz.txt:%d: %s: %q is no outcome", r.line, r.name, c)
			}
		}
		if bodies[r.name] == nil && !strings.HasPrefix(r.name, onGateway) {
			t.Errorf("authz.txt:%d: no body is known for %s", r.line, r.name)
		}
	}
	for _, path := range routes {
		if !plain[path] {
			t.Errorf("authz.txt: no row for the route %s", path)
		}
	}
	for _, id := range []int{1001, 1002, 1003, 1004, 1005, 1006, 1007, 2003, 2004, 2005} {
		if name := onGateway + strconv.Itoa(id); !plain[name] {
			t.Errorf("authz.txt: no row for the request %s", name)
		}
	}
	for name := range frames {
		if !seen[name] {
			t.Errorf("a request is made for %s, which has no row", name)
		}
	}
	for name := range bodies {
		if !seen[name] {
			t.Errorf("a body is made for %s, which has no row", name)
		}
	}
}

var bodies = authzBodies()

// spoilers are rows after which others would not hold any more: they come last,
// one after the other, in this order.
var spoilers = []string{"/msg/pull_msg_by_seq:forged", "/msg/pull_msg_by_seq:forged-private", "/msg/user_clear_all_msg", "ws/2003", "ws/text"}

// TestAuthz sends a valid request for every cell of the table, over HTTP.
func TestAuthz(t *testing.T) {
	onEngines(t, func(t *testing.T, s *imtest.Server, _ *imtest.Hooks) {
		start := time.Now()
		w := newAuthzWorld(t, s)
		var last []authzRow
		queue := make(chan authzRow)
		var wg sync.WaitGroup
		for range 8 { // a commit is waited for
			wg.Go(func() {
				for r := range queue {
					w.row(t, r)
				}
			})
		}
		for _, r := range readAuthz(t) {
			if slices.Contains(spoilers, r.name) {
				last = append(last, r)
			} else {
				queue <- r
			}
		}
		close(queue)
		wg.Wait()
		slices.SortFunc(last, func(a, b authzRow) int {
			return slices.Index(spoilers, a.name) - slices.Index(spoilers, b.name)
		})
		for _, r := range last {
			w.row(t, r)
		}
		t.Logf("%d cells, %d of them known holes, in %v", w.cells.Load(), w.holes.Load(), time.Since(start).Round(time.Millisecond))
	})
}

// row tries one row, one cell after the other.
func (w *authzWorld) row(t *testing.T, r authzRow) {
	gateway := strings.HasPrefix(r.name, onGateway)
	if len(r.cells) != len(relations) || bodies[r.name] == nil && !gateway {
		t.Errorf("authz.txt:%d: %s cannot be tried", r.line, r.name)
		return
	}
	made := map[string]string{}
	for i, relation := range relations {
		c := &cell{w: w, relation: relation, actor: w.actors[relation], made: made}
		try := w.try
		if gateway {
			try = w.tryFrame
		}
		got, err := try(c, r)
		if got == "ok" && c.secret == "" { // it may have changed something
			clear(made)
		}
		if err != nil {
			t.Errorf("authz.txt:%d: %s as %s: %v", r.line, r.name, relation, err)
		} else if want, known, hole := strings.Cut(r.cells[i], "!"); hole && got == want {
			t.Errorf("authz.txt:%d: %s as %s: the hole is closed, the cell is %s now", r.line, r.name, relation, want)
		} else if hole && got == known {
			w.holes.Add(1)
		} else if got != want {
			t.Errorf("authz.txt:%d: %s as %s: %s, want %s", r.line, r.name, relation, got, want)
		}
		w.cells.Add(1)
	}
}

// try makes a cell's request and returns its outcome.
func (w *authzWorld) try(c *cell, r authzRow) (string, error) {
	body := bodies[r.name](c)
	if c.err != nil {
		return "", fmt.Errorf("preparing: %w", c.err)
	}
	token := w.tokens[c.actor]
	if c.relation == "none" {
		token = ""
	}
	var data json.RawMessage
	err := w.s.Post(token, r.route()+c.query, body, &data)
	var refused *imtest.Error
	switch {
	case errors.As(err, &refused):
		return strconv.Itoa(refused.Code), nil
	case err != nil:
		return "", err
	case c.secret != "" && !strings.Contains(string(data), c.secret):
		return "blank", nil
	}
	return "ok", nil
}
