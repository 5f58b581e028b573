package sqlite_test

import (
	"testing"

	"go.uber.org/goleak"

	"parley/internal/store"
	"parley/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return storetest.NewSQLite(t).Open(t) })
}

func TestDatabase(t *testing.T) { storetest.RunDatabase(t, storetest.NewSQLite) }

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Store { return storetest.NewSQLite(b).Open(b) })
}
