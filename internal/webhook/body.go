package webhook

import (
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

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("webhook: a struct of strings and numbers always marshals: " + err.Error())
	}
	return b
}
