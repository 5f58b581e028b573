package sqlite_test

import (
	"testing"

	"parley/internal/store"
	"parley/internal/store/storetest"
)

func BenchmarkEvents(b *testing.B) {
	storetest.BenchEvents(b, func(b *testing.B) store.Store { return storetest.NewSQLite(b).Open(b) })
}
