// Package parley_test holds the rules of the repository as tests: who may
// import whom, what a package must say about itself, which dependencies there
// are and why, and that the documents name things that exist.
//
// It reads the tree and asks the go command about modules that are already on
// the machine; it needs no network, no database and no running server.
package parley_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "parley"

// owners are the modules that one place of the tree keeps to itself. Test files
// and the kits may import them too.
var owners = []struct {
	module string
	by     []string
	why    string
}{
	{"github.com/openimsdk/protocol", []string{"internal/wire", "internal/api", "internal/gateway"}, "the domain has its own types (docs/adr/0001)"},
	{"google.golang.org/protobuf", []string{"internal/wire", "internal/api", "internal/gateway"}, "what goes over the wire is made at the border"},
	{"modernc.org/sqlite", []string{"internal/store/sqlite"}, "one package for each engine"},
	{"github.com/jackc/pgx/v5", []string{"internal/store/postgres"}, "one package for each engine"},
	{"github.com/pressly/goose/v3", []string{"internal/store/migrations"}, "the schema is changed in one place"},
	{"github.com/gorilla/websocket", []string{"internal/gateway"}, "it serves the handshake and reading only, and may be replaced"},
	{"github.com/minio/minio-go/v7", []string{"internal/object/s3"}, "files can be kept without S3"},
	{"golang.org/x/image", []string{"internal/object"}, "images are decoded in one place, which bounds them"},
	{"github.com/nats-io/nats.go", []string{"internal/cluster/natsbus"}, "one node must not need a bus"},
	{"github.com/nats-io/nats-server/v2", nil, "embedded in tests only"},
}

// layers says which packages of the tree a package may import: imports point
// one way. "*" is everything but the kits.
var layers = map[string][]string{
	"internal/im":               nil,
	"internal/config":           nil,
	"internal/obs":              nil,
	"internal/pace":             nil,
	"internal/sink":             nil,
	"internal/wire/frame":       nil,
	"internal/wire":             {"internal/im", "internal/wire/frame"},
	"internal/store":            {"internal/im"},
	"internal/store/migrations": nil,
	"internal/store/sqlstore":   {"internal/im", "internal/store"},
	"internal/store/sqlite":     {"internal/im", "internal/store", "internal/store/migrations", "internal/store/sqlstore"},
	"internal/store/postgres":   {"internal/im", "internal/store", "internal/store/migrations", "internal/store/sqlstore"},
	"internal/presence":         {"internal/im"},
	"internal/msglog":           {"internal/im", "internal/store"},
	"internal/webhook":          {"internal/im", "internal/store"},
	"internal/object":           {"internal/im"},
	"internal/object/files":     {"internal/im", "internal/object"},
	"internal/object/s3":        {"internal/im", "internal/object"},
	"internal/service":          {"internal/im", "internal/store", "internal/msglog", "internal/object", "internal/webhook", "internal/presence", "internal/pace"},
	"internal/expiry":           {"internal/im", "internal/service"},
	"internal/deliver":          {"internal/im", "internal/msglog", "internal/wire"},
	"internal/push":             {"internal/im", "internal/store", "internal/msglog", "internal/deliver", "internal/webhook"},
	"internal/gateway":          {"internal/im", "internal/presence", "internal/service", "internal/wire", "internal/wire/frame"},
	"internal/api":              {"internal/im", "internal/object", "internal/presence", "internal/service", "internal/wire", "internal/pace"},
	"internal/server":           {"*"},
	"cmd/parley":                {"*"},
}

// kits are packages for tests: they may import anything, and only tests and kits import them.
var kits = []string{"internal/store/storetest", "imtest"}

// banned are package names that say nothing about what is inside.
var banned = []string{"util", "utils", "common", "helper", "helpers", "models", "types", "manager", "base"}

// maxLines is where a file is split, by family rather than by layer.
const maxLines = 520

// licences that product code may be linked with; tests may use MPL-2.0 too.
var licences = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}

// source is one Go file of the module.
type source struct {
	path, dir string // relative, with slashes
	text      []byte
	file      *ast.File
	test      bool // a _test.go file
	generated bool
}

// sources parses the module once, without testdata and nested modules.
var sources = sync.OnceValues(func() ([]source, error) {
	var out []source
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(name, "go.mod"))
			if name != "." && (nested == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		slashed := filepath.ToSlash(name)
		out = append(out, source{
			path: slashed, dir: path.Dir(slashed), text: text, file: f,
			test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(f),
		})
		return nil
	})
	return out, err
})

func tree(t *testing.T) []source {
	t.Helper()
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func imports(s *source) []string {
	var out []string
	for _, i := range s.file.Imports {
		out = append(out, strings.Trim(i.Path.Value, `"`))
	}
	return out
}

// within reports whether an import path belongs to a module.
func within(p, mod string) bool { return p == mod || strings.HasPrefix(p, mod+"/") }

func TestImportRules(t *testing.T) {
	t.Parallel()
	missing := map[string]bool{}
	for _, s := range tree(t) {
		if s.test || slices.Contains(kits, s.dir) {
			continue
		}
		allowed, known := layers[s.dir]
		if !known && !missing[s.dir] {
			missing[s.dir] = true
			t.Errorf("%s is not in the table of layers: add it, and to docs/architecture.md", s.dir)
		}
		for _, p := range imports(&s) {
			inside, own := strings.CutPrefix(p, module+"/")
			switch {
			case own && slices.Contains(kits, inside):
				t.Errorf("%s imports %s, which is for tests", s.path, p)
			case own && known && !slices.Contains(allowed, "*") && !slices.Contains(allowed, inside):
				t.Errorf("%s imports %s, which its layer may not", s.path, p)
			case s.dir == "internal/im" && strings.Contains(strings.Split(p, "/")[0], "."):
				t.Errorf("%s imports %s: the vocabulary imports the standard library only", s.path, p)
			}
			for _, o := range owners {
				if within(p, o.module) && !slices.Contains(o.by, s.dir) {
					t.Errorf("%s imports %s, which only %v may: %s", s.path, p, o.by, o.why)
				}
			}
		}
	}
}

func TestPackages(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{} // package directories; test-only ones count by their test files
	product := map[string]bool{}
	for _, s := range tree(t) {
		product[s.dir] = product[s.dir] || !s.test
	}
	for _, s := range tree(t) {
		name := s.file.Name.Name
		if slices.Contains(banned, strings.TrimSuffix(name, "_test")) || slices.Contains(banned, path.Base(s.dir)) {
			t.Errorf("%s: the name of package %s says nothing about what is inside", s.path, name)
		}
		if s.test && product[s.dir] {
			continue
		}
		want := "Package " + name + " "
		if name == "main" {
			want = "Command "
		}
		if doc := s.file.Doc.Text(); strings.HasPrefix(doc, want) {
			documented[s.dir] = true
		} else if _, seen := documented[s.dir]; !seen {
			documented[s.dir] = false
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(documented)) {
		if !documented[dir] {
			t.Errorf("%s has no package comment: say what it owns, what it never does, and its goroutines", dir)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	marker := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)
	for _, s := range tree(t) {
		if s.generated {
			continue
		}
		if n := bytes.Count(s.text, []byte("\n")); n >= maxLines {
			t.Errorf("%s has %d lines, from %d on it is split by family", s.path, n, maxLines)
		}
		if formatted, err := format.Source(s.text); err != nil || !bytes.Equal(formatted, s.text) {
			t.Errorf("%s is not formatted (gofmt -w)", s.path)
		}
		if m := marker.Find(s.text); m != nil {
			t.Errorf("%s: %s marks unfinished work: finish it, or open an issue", s.path, m)
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function: make what it sets up a value", s.path)
			}
		}
	}
}

func TestExportedIdentifiersAreDocumented(t *testing.T) {
	t.Parallel()
	for _, s := range tree(t) {
		if s.test || s.generated || !strings.HasPrefix(s.dir, "internal/") {
			continue
		}
		for _, name := range undocumented(s.file) {
			t.Errorf("%s: %s has no comment", s.path, name)
		}
	}
}

// undocumented returns the exported declarations of a file that nothing is said about.
func undocumented(f *ast.File) []string {
	var out []string
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d))) {
				out = append(out, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch v := spec.(type) {
				case *ast.TypeSpec:
					if v.Name.IsExported() && d.Doc == nil && v.Doc == nil && v.Comment == nil {
						out = append(out, v.Name.Name)
					}
				case *ast.ValueSpec:
					if v.Names[0].IsExported() && d.Doc == nil && v.Doc == nil && v.Comment == nil {
						out = append(out, v.Names[0].Name)
					}
				}
			}
		}
	}
	return out
}

// receiver returns the name of a method's type.
func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	for {
		switch v := e.(type) {
		case *ast.StarExpr:
			e = v.X
		case *ast.IndexExpr:
			e = v.X
		case *ast.IndexListExpr:
			e = v.X
		case *ast.Ident:
			return v.Name
		default:
			return ""
		}
	}
}

// goMod is what `go mod edit -json` says of a go.mod file.
type goMod struct {
	Require []struct {
		Path, Version string
		Indirect      bool
	}
	Replace []json.RawMessage
}

func run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v: %s", strings.Join(args, " "), err, &stderr)
	}
	return out
}

func readMod(t *testing.T, file string) (m goMod) {
	t.Helper()
	if err := json.Unmarshal(run(t, "mod", "edit", "-json", file), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *goMod) version(p string) string {
	for _, r := range m.Require {
		if r.Path == p {
			return r.Version
		}
	}
	return ""
}

func TestModuleFile(t *testing.T) {
	t.Parallel()
	m := readMod(t, "go.mod")
	if len(m.Replace) > 0 {
		t.Error("go.mod has a replace directive: nobody could `go install` the program")
	}
	// The driver is C translated against one version of its C library; another one
	// may corrupt memory.
	driver := strings.TrimSpace(string(run(t, "list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite")))
	sqlite := readMod(t, driver)
	if got, want := m.version("modernc.org/libc"), sqlite.version("modernc.org/libc"); got != want {
		t.Errorf("modernc.org/libc is %s, but modernc.org/sqlite %s was made for %s", got, m.version("modernc.org/sqlite"), want)
	}
}

// dependency is a row of docs/dependencies.md.
type dependency struct{ licence, scope, reason string }

func dependencies(t *testing.T) map[string]dependency {
	t.Helper()
	out := map[string]dependency{}
	row := regexp.MustCompile("^\\| `([^`]+)` \\| ([^|]+) \\| (product|tests) \\| ([^|]+) \\|$")
	for line := range strings.Lines(read(t, "docs/dependencies.md")) {
		if m := row.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			out[m[1]] = dependency{m[2], m[3], m[4]}
		}
	}
	return out
}

func TestDependenciesAreListed(t *testing.T) {
	t.Parallel()
	listed := dependencies(t)
	m := readMod(t, "go.mod")
	direct := map[string]bool{}
	for _, r := range m.Require {
		if !r.Indirect {
			direct[r.Path] = true
		}
	}
	for _, p := range slices.Sorted(maps.Keys(direct)) {
		if _, ok := listed[p]; !ok {
			t.Errorf("docs/dependencies.md lacks %s: licence, scope and the reason why we have it", p)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(listed)) {
		d := listed[p]
		if !direct[p] {
			t.Errorf("docs/dependencies.md lists %s, which go.mod does not require directly", p)
			continue
		}
		if allowed := slices.Contains(licences, d.licence); !allowed && (d.licence != "MPL-2.0" || d.scope != "tests") {
			t.Errorf("%s: licence %s is not possible for %s", p, d.licence, d.scope)
		}
		dir := strings.TrimSpace(string(run(t, "list", "-m", "-f", "{{.Dir}}", p)))
		if got := licenceOf(dir); got != d.licence {
			t.Errorf("docs/dependencies.md says that %s is under %s, its own files say %s", p, d.licence, got)
		}
	}
	for _, s := range tree(t) {
		if s.test || slices.Contains(kits, s.dir) {
			continue
		}
		for _, p := range imports(&s) {
			for mod, d := range listed {
				if within(p, mod) && d.scope == "tests" {
					t.Errorf("%s imports %s, which docs/dependencies.md keeps for tests", s.path, p)
				}
			}
		}
	}
}

func TestLinkedLicences(t *testing.T) {
	t.Parallel()
	out := run(t, "list", "-e", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Dir}}{{end}}", "./cmd/parley")
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		p, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		if p == "" || p == module || seen[p] {
			continue
		}
		seen[p] = true
		if l := licenceOf(dir); !slices.Contains(licences, l) {
			t.Errorf("parley is linked with %s, whose licence is %q", p, l)
		}
	}
}

// licenceOf recognises the licence of a module by its text; "" if it is none of those we know.
func licenceOf(dir string) string {
	for _, name := range []string{"LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		flat := strings.Join(strings.Fields(string(text)), " ")
		for _, l := range []struct{ name, phrase string }{
			{"MPL-2.0", "Mozilla Public License Version 2.0"},
			{"GPL", "GENERAL PUBLIC LICENSE"},
			{"BSD-3-Clause", "Neither the name of"},
			{"BSD-3-Clause", "may be used to endorse or promote products"},
			{"BSD-2-Clause", "Redistribution and use in source and binary forms"},
			{"ISC", "Permission to use, copy, modify, and"},
			{"MIT", "Permission is hereby granted, free of charge"},
			{"Apache-2.0", "Apache License Version 2.0"},
		} {
			if strings.Contains(flat, l.phrase) {
				return l.name
			}
		}
	}
	return ""
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAcceptanceList(t *testing.T) {
	t.Parallel()
	last := ""
	scanner := bufio.NewScanner(strings.NewReader(read(t, ".ci/accept-passing.txt")))
	for scanner.Scan() {
		name := scanner.Text()
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		if !regexp.MustCompile(`^[a-z]+/[A-Za-z0-9_]+$`).MatchString(name) {
			t.Errorf("%q is no scenario", name)
		}
		if name <= last {
			t.Errorf("%s comes after %s: the list is sorted and names nothing twice", name, last)
		}
		last = name
	}
}
