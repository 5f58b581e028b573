package parley_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parley/imtest"
)

// bearers are loggers that bear "op" themselves, by package or file.
var bearers = map[string][]string{
	"internal/webhook":           {"d.log", "ep.ownLog", "r.log"}, // background jobs: made with the id of their run
	"internal/webhook/answer.go": {"a.log"},                       // made for one question
}

// TestLinesNameTheirOperation wants every line of the log to say what it belongs to:
// the call names "op", or its logger does. The lines of the process as a whole are
// excepted (imtest.ProcessLine). The servers of the integration tests look at what is
// really logged, this at lines that no test brings about.
func TestLinesNameTheirOperation(t *testing.T) {
	t.Parallel()
	looked, excepted := 0, 0
	for _, s := range tree(t) {
		if s.test || !strings.HasPrefix(s.dir, "internal/") && !strings.HasPrefix(s.dir, "cmd/") {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			local := localBearers(f.Body, slices.Concat(bearers[s.dir], bearers[s.path]))
			ast.Inspect(f.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				logger, message, ok := logCall(call)
				if !ok {
					return true
				}
				looked++
				switch {
				case namesOperation(call), slices.Contains(local, logger):
				case imtest.ProcessLine(message):
					excepted++
				default:
					t.Errorf("%s: %s logs %q without the operation", s.path, f.Name.Name, message)
				}
				return true
			})
		}
	}
	if looked < 70 || excepted == 0 {
		t.Errorf("%d lines were looked at, %d excepted: the forms of logging have changed", looked, excepted)
	}
}

// localBearers returns the loggers that bear the operation in a function: those of
// the package, and what it made of them or with "op".
func localBearers(body *ast.BlockStmt, bearers []string) []string {
	local := slices.Clone(bearers)
	ast.Inspect(body, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Lhs) != 1 || len(a.Rhs) != 1 {
			return true
		}
		call, ok := a.Rhs[0].(*ast.CallExpr)
		if !ok {
			return true
		}
		with, ok := call.Fun.(*ast.SelectorExpr)
		if ok && with.Sel.Name == "With" && (namesOperation(call) || slices.Contains(local, name(with.X))) {
			local = append(local, name(a.Lhs[0]))
		}
		return true
	})
	return local
}

// namesOperation reports whether a call has "op" among its arguments, or the fields of a request.
func namesOperation(call *ast.CallExpr) bool {
	named := false
	for _, a := range call.Args {
		ast.Inspect(a, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				named = named || n.Kind == token.STRING && n.Value == `"op"`
			case *ast.SelectorExpr:
				named = named || n.Sel.Name == "fields"
			}
			return !named
		})
	}
	return named
}

// logCall takes apart a call that writes a line: x.logger.Warn("..."), log.Info("...").
func logCall(call *ast.CallExpr) (logger, message string, ok bool) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error", "Log", "LogAttrs"}, method.Sel.Name) {
		return "", "", false
	}
	logger = name(method.X)
	last := logger[strings.LastIndexByte(logger, '.')+1:]
	if !slices.Contains([]string{"logger", "log", "Log", "ownLog", "slog"}, last) {
		return "", "", false
	}
	for _, a := range call.Args {
		if l, ok := a.(*ast.BasicLit); ok && l.Kind == token.STRING {
			text, err := strconv.Unquote(l.Value)
			return logger, text, err == nil
		}
	}
	return logger, "", true // the text is a variable
}

// name is the text of an identifier or of a selector of them.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	}
	return ""
}
