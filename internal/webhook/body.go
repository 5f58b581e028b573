package webhook

import (
	"bytes"
	"encoding/json"
)

// The structs of the body_ files are the contract: keys, their order, their letter
// case and their JSON types are those of webhooks.md 2, and every key is always
// sent. The tests hold them against the founding documents.

// list makes an empty list of none: lists are never null on the wire.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// encode leaves <, > and & as they are: six bytes for each would let a message of
// markup grow to six times its size.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("webhook: a struct of strings and numbers always marshals: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
