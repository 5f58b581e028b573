package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden is a file with one section for each scenario.
type golden struct {
	path string
	want map[string]string

	mu  sync.Mutex
	got map[string]string
}

const sectionMark = "=== "

func openGolden(t *testing.T, name string) *golden {
	g := &golden{path: filepath.Join("testdata", name+".golden"), want: map[string]string{}, got: map[string]string{}}
	text, err := os.ReadFile(g.path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for _, section := range strings.Split("\n"+string(text), "\n"+sectionMark)[1:] {
		name, body, _ := strings.Cut(section, "\n")
		g.want[name] = strings.TrimRight(body, "\n")
	}
	return g
}

// check compares a section with the file.
func (g *golden) check(t *testing.T, name, got string) {
	t.Helper()
	got = strings.TrimRight(got, "\n")
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, twice := g.got[name]; twice {
		t.Errorf("two scenarios are called %q", name)
	}
	g.got[name] = got
	if *update {
		return
	}
	want, ok := g.want[name]
	if !ok {
		t.Errorf("%s has no section %q; run with -update", g.path, name)
		return
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("differs from %s (-want +got):\n%s", g.path, d)
	}
}

// finish writes the file, or reports sections that nobody checked.
func (g *golden) finish(t *testing.T, names []string, all bool) {
	if *update && all {
		var b strings.Builder
		for _, n := range names {
			fmt.Fprintf(&b, "%s%s\n%s\n\n", sectionMark, n, g.got[n])
		}
		if err := os.MkdirAll(filepath.Dir(g.path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(g.path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for n := range g.want {
		if _, ok := g.got[n]; all && !ok {
			t.Errorf("%s has a section %q and no scenario", g.path, n)
		}
	}
}

// normal returns an answer in a form that is the same in every run: indented,
// keys sorted, and random or timed values replaced by their kind.
func normal(t testing.TB, answer []byte) string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber() // exact: hashes do not fit a double
	var v any
	if !json.Valid(answer) || d.Decode(&v) != nil {
		return "not JSON: " + string(answer)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(normalValue("", v)); err != nil {
		t.Fatal(err)
	}
	return strings.TrimRight(b.String(), "\n")
}

func normalValue(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[normalText(k)] = normalValue(k, e)
		}
		return out
	case []any:
		for i, e := range v {
			v[i] = normalValue("", e)
		}
		return v
	case json.Number:
		if s := v.String(); key != "idHash" && timeMs.MatchString(s) {
			return "<ms>"
		} else if timeS.MatchString(s) {
			return "<s>"
		}
		return v
	case string:
		if key == "content" {
			if raw, err := base64.StdEncoding.DecodeString(v); err == nil && json.Valid(raw) {
				return "base64 of " + normalText(string(raw))
			}
		}
		return normalText(v)
	}
	return v
}

var (
	// Times from 2025-10 on: those that a scenario chooses itself are older, and kept.
	timeMs = regexp.MustCompile(`^1(7[6-9]|[89]\d)\d{10}$`)
	timeS  = regexp.MustCompile(`^1(7[6-9]|[89]\d)\d{7}$`)

	noise = []struct {
		find *regexp.Regexp
		with string
	}{
		{regexp.MustCompile(`\bep_[0-9a-f]{16}\b`), "<endpoint>"},
		{regexp.MustCompile(`\bevt_[0-9a-f]{32}\b`), "<event>"},
		{regexp.MustCompile(`\b(whsec|whpk)_[A-Za-z0-9+/]+=*`), "<$1>"},
		{regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`), "<token>"},
		{regexp.MustCompile(`eyJ[\w-]+\.[\w-]{43}`), "<ticket>"},
		{regexp.MustCompile(`127\.0\.0\.1:\d+`), "<host>"},
		{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "<mac>"},
		{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "<id>"},
		{regexp.MustCompile(`\b[0-9a-f]{24}\b`), "<versionID>"},
		{regexp.MustCompile(`\b1(7[6-9]|[89]\d)\d{10}\b`), "<ms>"},
		{regexp.MustCompile(`(^|sg_|n_|group:|groupID\\?":\\?")\d{5,10}\b`), "$1<groupID>"},
	}
)

func normalText(s string) string {
	for _, r := range noise {
		s = r.find.ReplaceAllString(s, r.with)
	}
	return s
}
