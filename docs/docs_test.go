// Package docs_test checks what the documents say against the tree: links,
// variables, and the form of the decision records.
package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository as seen from here.
const root = ".."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents returns the markdown files of the repository.
func documents(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md", "docs/webhooks/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			name, err := filepath.Rel(root, f)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, name)
		}
	}
	return out
}

func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)
	for _, doc := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, doc), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, m[1])
			}
		}
	}
}

// TestSettings holds the reference to the sample, which package config tests
// against the code, and every document to both.
func TestSettings(t *testing.T) {
	t.Parallel()
	variable := regexp.MustCompile(`\bPARLEY_[A-Z_]*[A-Z]\b`)
	settings := variable.FindAllString(read(t, "internal/config/sample.yaml"), -1)
	reference := read(t, "docs/configuration.md")
	for _, name := range settings {
		if !strings.Contains(reference, name) {
			t.Errorf("docs/configuration.md lacks %s, which is in the sample", name)
		}
	}
	known := append(settings, "PARLEY_TEST_POSTGRES_URL") // the tests' own
	for _, doc := range documents(t) {
		for _, name := range variable.FindAllString(read(t, doc), -1) {
			if !slices.Contains(known, name) && !strings.HasPrefix(name, "PARLEY_WEBHOOKS_") {
				t.Errorf("%s names %s, which is no setting", doc, name)
			}
		}
	}
}

func TestDecisionRecords(t *testing.T) {
	t.Parallel()
	records, err := filepath.Glob("adr/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range records {
		text := read(t, "docs/"+filepath.ToSlash(name))
		if want := fmt.Sprintf("%04d-", i+1); !strings.HasPrefix(filepath.Base(name), want) {
			t.Errorf("%s: the records are numbered without gaps, this one should begin with %s", name, want)
		}
		if n := strings.Count(text, "\n"); n > 40 {
			t.Errorf("%s has %d lines, a record has at most 40", name, n)
		}
		if !strings.HasPrefix(text, fmt.Sprintf("# %d. ", i+1)) {
			t.Errorf("%s does not begin with its number and title", name)
		}
		for _, section := range []string{"## Context", "## Choice", "## Consequences"} {
			if !strings.Contains(text, section+"\n") {
				t.Errorf("%s lacks the section %q", name, section)
			}
		}
	}
}
