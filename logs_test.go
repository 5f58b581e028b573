package parley_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestRequestsAreNamedInTheLog wants every line that is logged on behalf of a
// request to say which: a function that is told the operator, and logs, names "op".
func TestRequestsAreNamedInTheLog(t *testing.T) {
	t.Parallel()
	looked := 0
	for _, s := range tree(t) {
		if s.test || !strings.HasPrefix(s.dir, "internal/") {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil || !takesOperator(f.Type) {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !isLogCall(call) {
					return true
				}
				looked++
				named := slices.ContainsFunc(call.Args, func(a ast.Expr) bool {
					l, ok := a.(*ast.BasicLit)
					return ok && l.Kind == token.STRING && l.Value == `"op"`
				})
				if !named {
					t.Errorf("%s: %s logs without the operation", s.path, f.Name.Name)
				}
				return true
			})
		}
	}
	if looked == 0 {
		t.Error("no line was looked at: the forms of operators or of logging have changed")
	}
}

// takesOperator reports whether a function has a parameter of type im.Operator.
func takesOperator(f *ast.FuncType) bool {
	return slices.ContainsFunc(f.Params.List, func(p *ast.Field) bool {
		e, ok := p.Type.(*ast.SelectorExpr)
		return ok && e.Sel.Name == "Operator"
	})
}

// isLogCall reports whether a call writes a line: x.logger.Warn(...), log.Info(...).
func isLogCall(call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, method.Sel.Name) {
		return false
	}
	switch on := method.X.(type) {
	case *ast.SelectorExpr:
		return on.Sel.Name == "logger" || on.Sel.Name == "log" || on.Sel.Name == "Log"
	case *ast.Ident:
		return on.Name == "logger" || on.Name == "log"
	}
	return false
}
