package parley_test

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestDeliveryPromises: the tests that docs/webhook-delivery-tests.md names exist, and it
// has something to say of every part of the specification that it is about.
func TestDeliveryPromises(t *testing.T) {
	t.Parallel()
	declared := map[string]bool{} // "package.TestName"
	for _, s := range tree(t) {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Recv == nil && (s.test || s.dir == "internal/store/storetest") && strings.HasPrefix(strings.ToLower(f.Name.Name), "test") {
				declared[path.Base(s.dir)+"."+f.Name.Name] = true
			}
		}
	}
	const doc = "docs/webhook-delivery-tests.md"
	row := regexp.MustCompile(`^\| (.+) \| (.*) \|$`)
	name := regexp.MustCompile("`([a-z0-9]+\\.[tT]est[A-Za-z0-9]*)`")
	section, rows := "", map[string]int{}
	for line := range strings.Lines(read(t, doc)) {
		line = strings.TrimSpace(line)
		if title, is := strings.CutPrefix(line, "## "); is {
			section, _, _ = strings.Cut(title, " ")
			continue
		}
		m := row.FindStringSubmatch(line)
		if m == nil || m[1] == "promise" {
			continue
		}
		rows[section]++
		names := name.FindAllStringSubmatch(m[2], -1)
		if len(names) == 0 || len(names) != strings.Count(m[2], "`")/2 {
			t.Errorf("%s: %q names no test, or something that is none: %s", doc, m[1], m[2])
		}
		for _, n := range names {
			if !declared[n[1]] {
				t.Errorf("%s: %q names %s, which is not there", doc, m[1], n[1])
			}
		}
	}
	sections := []string{"5", "7"}
	for n := range 11 {
		sections = append(sections, fmt.Sprintf("6.%d", n+1))
	}
	for _, s := range sections {
		if rows[s] == 0 {
			t.Errorf("%s says nothing of section %s", doc, s)
		}
	}
}
