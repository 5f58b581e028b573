package config

import (
	"slices"
	"testing"

	"parley/internal/im"
)

// TestKeysAreThoseOfTheCommands keeps this package's list and the vocabulary's together.
func TestKeysAreThoseOfTheCommands(t *testing.T) {
	t.Parallel()
	// The reference has this key and no command for it.
	want := []string{"afterGroupMsgRevoke"}
	for _, c := range im.Commands() {
		want = append(want, c.Key())
	}
	slices.Sort(want)
	got := slices.Sorted(slices.Values(CallbackKeys()))
	if !slices.Equal(got, want) {
		t.Errorf("keys = %q, want %q", got, want)
	}
}
