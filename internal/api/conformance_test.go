package api

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// conformity is a row of testdata/conformance.txt: where a route of the protocol is
// shown to work, to refuse what it has to refuse first of all, and whom it tells what.
type conformity struct {
	path, works, refuses, notifies string
	pending                        bool // the row waits for its route
}

func readConformance(t *testing.T) (rows []conformity) {
	t.Helper()
	text, err := os.ReadFile("testdata/conformance.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if path, ok := strings.CutPrefix(line, "pending "); ok {
			rows = append(rows, conformity{path: strings.TrimSpace(path), pending: true})
			continue
		}
		f := strings.Split(line, "|")
		if len(f) != 4 {
			t.Errorf("conformance.txt:%d: %d columns, want 4", i+1, len(f))
			continue
		}
		for n := range f {
			f[n] = strings.TrimSpace(f[n])
		}
		rows = append(rows, conformity{path: f[0], works: f[1], refuses: f[2], notifies: f[3]})
	}
	return rows
}

// TestConformance holds the rows of the protocol's tables, the route table and the
// golden files together. Whom a route tells what is played in e2e (TestWhoGotWhat),
// which reads the same rows.
func TestConformance(t *testing.T) {
	t.Parallel()
	answers := map[string]string{} // by route and "family: name"
	for _, f := range families() {
		sections := openGolden(t, f.name).want
		for _, s := range f.scenarios {
			for line := range strings.Lines(sections[s.title()]) {
				if code, ok := strings.CutPrefix(line, `  "errCode": `); ok {
					answers[s.route()+" "+f.name+": "+s.name] = strings.Trim(code, ",\n")
				}
			}
		}
	}
	routes := map[string]*endpoint{}
	for _, e := range New(Options{}).table {
		if e.direct != nil {
			routes[e.method+" "+e.path] = e
		} else {
			routes[e.path] = e
		}
	}
	tests := testNames(t)
	seen := map[string]bool{}
	for _, r := range readConformance(t) {
		if seen[r.path] {
			t.Errorf("%s: has two rows", r.path)
		}
		seen[r.path] = true
		switch e := routes[r.path]; {
		case r.pending && e != nil:
			t.Errorf("%s: is a route, and its row is still pending", r.path)
		case r.pending:
			t.Logf("pending: %s", r.path)
		case e == nil:
			t.Errorf("%s: has a row and is no route", r.path)
		case e.direct != nil:
			r.checkDirect(t, tests)
		default:
			r.check(t, e, answers)
		}
	}
	for path := range routes {
		if !seen[path] {
			t.Errorf("%s: has no row in conformance.txt", path)
		}
	}
}

// check compares a row with the codes of the scenarios that it names. "- " and a
// reason stand for what cannot be shown: that a route works that refuses all, or
// that one refuses what is open to all.
func (r *conformity) check(t *testing.T, e *endpoint, answers map[string]string) {
	t.Helper()
	if why, never := strings.CutPrefix(r.works, "- "); never != e.unusable || never && len(why) < 10 {
		t.Errorf("%s: %q does not say why it refuses all, or does although it does not", r.path, r.works)
	} else if code := answers[r.path+" "+r.works]; !never && code != "0" {
		t.Errorf("%s: %q is answered with %q, and is to show that the route works", r.path, r.works, code)
	}
	want, name, _ := strings.Cut(r.refuses, " ")
	switch code := answers[r.path+" "+name]; {
	case want == "-" && (e.access >= onlySelf || len(name) < 10):
		t.Errorf("%s: refuses others, or does not say why it refuses nobody", r.path)
	case want != "-" && (want == "0" || code != want):
		t.Errorf("%s: %q is answered with %q, want %q", r.path, name, code, want)
	}
	types := strings.Fields(r.notifies)
	if r.notifies != "-" && (!slices.IsSorted(types) || len(types) == 0 || !contentTypes.MatchString(r.notifies)) {
		t.Errorf("%s: %q are no content types in ascending order", r.path, r.notifies)
	}
}

var contentTypes = regexp.MustCompile(`^[1-9]\d{2,3}( [1-9]\d{2,3})*$`)

// checkDirect is check for a route without an envelope: the row names tests.
func (r *conformity) checkDirect(t *testing.T, tests []string) {
	t.Helper()
	for _, column := range []string{r.works, r.refuses} {
		name, isTest := strings.CutPrefix(column, "test: ")
		why, none := strings.CutPrefix(column, "- ")
		if isTest && !slices.Contains(tests, name) || !isTest && (!none || len(why) < 10) {
			t.Errorf("%s: %q names no test, nor a reason to have none", r.path, column)
		}
	}
	if r.notifies != "-" {
		t.Errorf("%s: no such route notifies", r.path)
	}
}

// testNames returns the tests of this package and of e2e.
func testNames(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range []string{"*_test.go", "../../e2e/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
				names = append(names, string(m[1]))
			}
		}
	}
	return names
}
