package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	// maxFileBytes is far above any real configuration and keeps a wrong path
	// (a database, a log) from being parsed.
	maxFileBytes = 1 << 20
	// maxDepth and maxNodes bound what aliases can grow into.
	maxDepth = 16
	maxNodes = 20_000
)

// tree is a parsed YAML value reduced to what settings need: texts, lists and
// tables, each with its line. Scalars keep the text as it was written, so that
// a secret made of digits or an ID with leading zeros survives.
type tree struct {
	kind  treeKind
	text  string
	line  int
	items []*tree
	pairs []pair
}

type pair struct {
	key   string
	line  int
	value *tree
}

type treeKind int

const (
	treeNull treeKind = iota
	treeText
	treeList
	treeTable
)

// parseTree parses one YAML document. An empty file is a null tree.
func parseTree(data []byte) (*tree, error) {
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("is larger than %d bytes and cannot be a configuration", maxFileBytes)
	}
	// Some editors of Windows begin a file with a byte order mark.
	file, err := parser.ParseBytes(bytes.TrimPrefix(data, []byte("\ufeff")), 0)
	if err != nil {
		return nil, plainSyntaxError(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc == nil || doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			return nil, errors.New("holds more than one document")
		}
		body = doc.Body
	}
	if body == nil {
		return &tree{kind: treeNull, line: 1}, nil
	}
	b := treeBuilder{anchors: make(map[string]ast.Node)}
	return b.build(body, 0)
}

// plainSyntaxError drops the drawing of the source from the parser's error: it
// spans lines, and it would put a secret beside the fault on the screen.
func plainSyntaxError(err error) error {
	if yerr, ok := errors.AsType[yaml.Error](err); ok {
		line := 1
		if tk := yerr.GetToken(); tk != nil && tk.Position != nil {
			line = tk.Position.Line
		}
		return &lineError{line: line, text: "is not valid YAML: " + oneLine(yerr.GetMessage())}
	}
	return errors.New("is not valid YAML")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// lineError is a fault at a line of the file.
type lineError struct {
	line int
	text string
}

func (e *lineError) Error() string { return e.text }

type treeBuilder struct {
	anchors map[string]ast.Node
	nodes   int
}

func (b *treeBuilder) build(n ast.Node, depth int) (*tree, error) {
	line := lineOf(n)
	if b.nodes++; b.nodes > maxNodes || depth > maxDepth {
		return nil, &lineError{line: line, text: "is nested too deeply or too large for a configuration"}
	}
	switch v := n.(type) {
	case nil, *ast.NullNode:
		return &tree{kind: treeNull, line: line}, nil
	case *ast.AnchorNode:
		if v.Name != nil && v.Value != nil {
			b.anchors[v.Name.GetToken().Value] = v.Value
		}
		return b.build(v.Value, depth)
	case *ast.AliasNode:
		target, ok := b.anchors[aliasName(v)]
		if !ok {
			return nil, &lineError{line: line, text: "refers to an anchor that is not defined above it"}
		}
		return b.build(target, depth+1)
	case *ast.TagNode:
		return b.build(v.Value, depth+1)
	case *ast.StringNode:
		return &tree{kind: treeText, text: v.Value, line: line}, nil
	case *ast.LiteralNode:
		if v.Value == nil {
			return &tree{kind: treeNull, line: line}, nil
		}
		return &tree{kind: treeText, text: v.Value.Value, line: line}, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return &tree{kind: treeText, text: n.GetToken().Value, line: line}, nil
	case *ast.SequenceNode:
		out := &tree{kind: treeList, line: line}
		for _, item := range v.Values {
			t, err := b.build(item, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, t)
		}
		return out, nil
	case ast.MapNode:
		return b.buildTable(v, line, depth)
	}
	return nil, &lineError{line: line, text: "holds a kind of YAML value that a configuration cannot have"}
}

func (b *treeBuilder) buildTable(m ast.MapNode, line, depth int) (*tree, error) {
	out := &tree{kind: treeTable, line: line}
	var merged []pair
	for it := m.MapRange(); it.Next(); {
		value, err := b.build(it.Value(), depth+1)
		if err != nil {
			return nil, err
		}
		if it.Key().IsMergeKey() {
			if merged, err = appendMerged(merged, value); err != nil {
				return nil, err
			}
			continue
		}
		key, keyLine, err := keyText(it.Key())
		if err != nil {
			return nil, err
		}
		if out.find(key) != nil {
			return nil, &lineError{line: keyLine, text: fmt.Sprintf("holds the key %q a second time", key)}
		}
		out.pairs = append(out.pairs, pair{key: key, line: keyLine, value: value})
	}
	// Keys of the table itself win over merged ones, and the first merge over later ones.
	for _, p := range merged {
		if out.find(p.key) == nil {
			out.pairs = append(out.pairs, p)
		}
	}
	return out, nil
}

// appendMerged adds what `<<:` brings: a table or a list of tables.
func appendMerged(merged []pair, value *tree) ([]pair, error) {
	tables := []*tree{value}
	if value.kind == treeList {
		tables = value.items
	}
	for _, t := range tables {
		if t.kind != treeTable {
			return nil, &lineError{line: value.line, text: "can merge tables only"}
		}
		merged = append(merged, t.pairs...)
	}
	return merged, nil
}

// find returns the value of a key, or nil.
func (t *tree) find(key string) *tree {
	for _, p := range t.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

func keyText(k ast.MapKeyNode) (key string, line int, err error) {
	var n ast.Node = k
	if mk, ok := k.(*ast.MappingKeyNode); ok {
		n = mk.Value
	}
	line = lineOf(k)
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, line, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return v.GetToken().Value, line, nil
	}
	return "", line, &lineError{line: line, text: "holds a key that is not plain text"}
}

func aliasName(n *ast.AliasNode) string {
	if n.Value == nil || n.Value.GetToken() == nil {
		return ""
	}
	return n.Value.GetToken().Value
}

func lineOf(n ast.Node) int {
	if n == nil {
		return 0
	}
	if tk := n.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line
	}
	return 0
}
